// SPDX-License-Identifier: Apache-2.0
/*
 * What a machine has to equal. At rest its memory must equal the image in the snapshot's file, read
 * with pread, and its vCPU that of machines restored freshly. At the first doorbell of an honest
 * run both must be as in fresh machines there. Words that differ between fresh machines are times:
 * they are left out, and counted.
 */
#include "chaos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK     0x10000u
#define WORD_TIME 1u /* it changes by itself */
#define WORD_OWN  2u /* each machine has a value of its own */

typedef unsigned long long ull;

static const uint8_t zeroes[CHUNK];

int expect_open(struct expect *e, int fd, uint64_t ram_size)
{
    *e = (struct expect){.ram_size = ram_size};
    e->image = os_zeroes(ram_size);
    if (e->image == NULL) {
        return -1;
    }
    uint8_t chunk[CHUNK];
    for (uint64_t at = 0; at < ram_size; at += CHUNK) {
        if (pread(fd, chunk, CHUNK, (off_t)(SNAP_IMAGE_OFFSET + at)) != (ssize_t)CHUNK) {
            return -1;
        }
        if (memcmp(chunk, zeroes, CHUNK) != 0) {
            memcpy(e->image + at, chunk, CHUNK);
            e->image_size = at + CHUNK;
        }
    }
    return 0;
}

void expect_close(struct expect *e)
{
    os_unmap(e->image, e->ram_size);
    free(e->pages);
    vcpu_free(&e->rest);
    vcpu_free(&e->bell);
    free(e->rest_free);
    free(e->bell_free);
    *e = (struct expect){0};
}

static const uint8_t *image_page(const struct expect *e, uint64_t gpa)
{
    return gpa < e->image_size ? e->image + gpa : zeroes;
}

/* Reports the words of [gpa, end) that differ from the image. */
static void differences(const struct expect *e, const struct vmm *vm, uint64_t gpa, uint64_t end,
                        const char *when, struct why *why)
{
    for (; gpa < end; gpa += HV_PAGE_SIZE) {
        const uint64_t *have = (const uint64_t *)(const void *)(vm->ram + gpa);
        const uint64_t *want = (const uint64_t *)(const void *)image_page(e, gpa);
        for (unsigned i = 0; i < PAGE_WORDS; i++) {
            if (have[i] != want[i]) {
                why_add(why, "memory at 0x%llx%s: 0x%llx, a fresh machine has 0x%llx",
                        (ull)gpa + 8ull * i, when, (ull)have[i], (ull)want[i]);
            }
        }
    }
}

static bool same(const struct expect *e, const struct vmm *vm, uint64_t gpa, uint64_t size)
{
    const uint8_t *want = gpa < e->image_size ? e->image + gpa : zeroes;
    return memcmp(vm->ram + gpa, want, size) == 0;
}

/* Compares all of [gpa, end) with the image. */
static void compare(const struct expect *e, const struct vmm *vm, uint64_t gpa, uint64_t end,
                    const char *when, struct why *why)
{
    while (gpa < end) {
        uint64_t next = (gpa | (CHUNK - 1)) + 1;
        next = next < end ? next : end;
        if (!same(e, vm, gpa, next - gpa)) {
            differences(e, vm, gpa, next, when, why);
        }
        gpa = next;
    }
}

void expect_memory(const struct expect *e, const struct vmm *vm, struct why *why)
{
    compare(e, vm, 0, e->ram_size, "", why);
}

static void compare_words(const uint64_t *have, const uint64_t *want, size_t i, const char *when,
                          struct why *why)
{
    char name[64];
    if (have[i] != want[i]) {
        vcpu_name(i, name, sizeof(name));
        why_add(why, "%s%s: 0x%llx, a fresh machine has 0x%llx", name, when, (ull)have[i],
                (ull)want[i]);
    }
}

/* Learns which words of the vCPU differ from those known. Returns 0, or -1 when the vCPU cannot be
 * read. */
static int learn_words(struct vcpu_words *known, uint8_t **flags, struct vmm *vm, uint8_t flag)
{
    struct vcpu_words now = {0};
    if (vcpu_read(vm, &now) < 0) {
        vcpu_free(&now);
        return -1;
    }
    if (known->w == NULL) {
        *known = now;
        *flags = calloc(now.count, 1);
        return *flags != NULL ? 0 : -1;
    }
    for (size_t i = 0; i < now.count; i++) {
        if (now.w[i] != known->w[i] && (*flags)[i] == 0) {
            (*flags)[i] = flag;
        }
    }
    vcpu_free(&now);
    return 0;
}

int expect_learn_rest(struct expect *e, struct vmm *vm, struct why *why)
{
    const bool first = e->rest.w == NULL;
    int rc = learn_words(&e->rest, &e->rest_free, vm, WORD_OWN);
    for (int i = 0; rc == 0 && first && i < 3; i++) {
        (void)usleep(1000);
        rc = learn_words(&e->rest, &e->rest_free, vm, WORD_TIME);
    }
    if (rc < 0) {
        why_add(why, "the vCPU cannot be read: %s", strerror(errno));
    }
    return rc;
}

void expect_rest(const struct expect *e, struct vmm *vm, const struct vcpu_words *own,
                 struct why *why)
{
    struct vcpu_words now = {0};
    if (vcpu_read(vm, &now) < 0) {
        why_add(why, "the vCPU cannot be read: %s", strerror(errno));
    }
    for (size_t i = 0; now.w != NULL && i < now.count; i++) {
        if (e->rest_free[i] == WORD_TIME || (vm->vectors_left && vcpu_is_vector(i))) {
            continue; /* the guest loads this state itself: it is looked at when the guest has run
                       */
        }
        compare_words(now.w, e->rest_free[i] == WORD_OWN ? own->w : e->rest.w, i, "", why);
    }
    vcpu_free(&now);
}

/* The page of the list at gpa. If the list has none, one is added, with the content of the
 * image. */
static struct expect_page *bell_page(struct expect *e, uint64_t gpa)
{
    size_t at = 0;
    while (at < e->page_count && e->pages[at].gpa < gpa) {
        at++;
    }
    if (at < e->page_count && e->pages[at].gpa == gpa) {
        return &e->pages[at];
    }
    struct expect_page *pages = realloc(e->pages, (e->page_count + 1) * sizeof(*pages));
    if (pages == NULL) {
        return NULL;
    }
    e->pages = pages;
    memmove(pages + at + 1, pages + at, (e->page_count - at) * sizeof(*pages));
    e->page_count++;
    pages[at] = (struct expect_page){.gpa = gpa};
    memcpy(pages[at].words, image_page(e, gpa), HV_PAGE_SIZE);
    return &pages[at];
}

static int learn_page(struct expect *e, const struct vmm *vm, uint64_t gpa)
{
    struct expect_page *page = bell_page(e, gpa);
    if (page == NULL) {
        return -1;
    }
    const uint64_t *have = (const uint64_t *)(const void *)(vm->ram + gpa);
    for (unsigned i = 0; i < PAGE_WORDS; i++) {
        if (have[i] != page->words[i] && e->samples > 0) {
            page->free[i / 64] |= 1ull << i % 64;
        }
        page->words[i] = e->samples > 0 ? page->words[i] : have[i];
    }
    return 0;
}

/* When a run lasts, the host takes its output meanwhile. How much it has taken depends on time, so
 * the rings' positions are not compared. The output itself is. */
static void free_rings(struct expect *e)
{
    const unsigned first = offsetof(struct hv_shared, out) / 8;
    _Static_assert(sizeof(struct hv_ring) == 8, "a word each");
    for (size_t i = 0; i < e->page_count; i++) {
        if (e->pages[i].gpa == HV_SHARED_GPA) {
            e->pages[i].free[first / 64] |= 1ull << first % 64;
            e->pages[i].free[(first + 1) / 64] |= 1ull << (first + 1) % 64;
        }
    }
}

/* A page of the list may be as in the image this time. Then its words may have either value. */
int expect_learn_bell(struct expect *e, struct vmm *vm, struct why *why)
{
    int rc = learn_words(&e->bell, &e->bell_free, vm, WORD_TIME);
    for (size_t i = 0; i < e->page_count; i++) {
        if (same(e, vm, e->pages[i].gpa, HV_PAGE_SIZE)) {
            rc = rc == 0 ? learn_page(e, vm, e->pages[i].gpa) : rc;
        }
    }
    for (uint64_t at = 0; rc == 0 && at < e->ram_size; at += CHUNK) {
        for (uint64_t gpa = at; !same(e, vm, at, CHUNK) && rc == 0 && gpa < at + CHUNK;
             gpa += HV_PAGE_SIZE) {
            rc = same(e, vm, gpa, HV_PAGE_SIZE) ? 0 : learn_page(e, vm, gpa);
        }
    }
    free_rings(e);
    e->samples++;
    if (rc < 0) {
        why_add(why, "a fresh machine's first doorbell cannot be read: %s", strerror(errno));
    }
    return rc;
}

static void compare_page(const struct expect_page *page, const struct vmm *vm, struct why *why)
{
    const uint64_t *have = (const uint64_t *)(const void *)(vm->ram + page->gpa);
    for (unsigned i = 0; i < PAGE_WORDS; i++) {
        if (have[i] != page->words[i] && (page->free[i / 64] >> i % 64 & 1) == 0) {
            why_add(why,
                    "memory at 0x%llx at the first doorbell: 0x%llx, a fresh machine has 0x%llx",
                    (ull)page->gpa + 8ull * i, (ull)have[i], (ull)page->words[i]);
        }
    }
}

void expect_bell(const struct expect *e, struct vmm *vm, struct why *why)
{
    static const char *const when = " at the first doorbell";
    uint64_t at = 0;
    for (size_t i = 0; i < e->page_count; i++) {
        compare(e, vm, at, e->pages[i].gpa, when, why);
        compare_page(&e->pages[i], vm, why);
        at = e->pages[i].gpa + HV_PAGE_SIZE;
    }
    compare(e, vm, at, e->ram_size, when, why);
    struct vcpu_words now = {0};
    if (vcpu_read(vm, &now) < 0) {
        why_add(why, "the vCPU cannot be read%s: %s", when, strerror(errno));
    }
    for (size_t i = 0; now.w != NULL && i < now.count; i++) {
        if (e->bell_free[i] == 0 && e->rest_free[i] == 0) {
            compare_words(now.w, e->bell.w, i, when, why);
        }
    }
    vcpu_free(&now);
}

void expect_free_words(const struct expect *e, void (*each)(const char *name, void *arg), void *arg)
{
    char name[64];
    for (size_t i = 0; i < e->page_count; i++) {
        for (unsigned w = 0; w < PAGE_WORDS; w++) {
            if (e->pages[i].free[w / 64] >> w % 64 & 1) {
                (void)snprintf(name, sizeof(name), "memory at 0x%llx",
                               (ull)e->pages[i].gpa + 8ull * w);
                each(name, arg);
            }
        }
    }
    for (size_t i = 0; i < e->bell.count; i++) {
        if ((e->bell_free[i] | e->rest_free[i]) != 0) {
            vcpu_name(i, name, sizeof(name));
            each(name, arg);
        }
    }
}
