// SPDX-License-Identifier: Apache-2.0
/*
 * Makes the delta of a checkpoint (delta.c): compares the pages that may differ with the base's,
 * and keeps those that do, as patches (patch.c) or packed into a memfd.
 */
#include "snapshot_int.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define DELTA_PIECES 256u
#define DELTA_GAP    16u /* pages: the most between two that a file bridges */
#define DELTA_BRIDGE 8u  /* pages that differ: so many are worth a bridged run */

/* In the place of a pack: the page is to be stored; it is, again. */
#define TO_STORE  DELTA_PACKS
#define TO_SETTLE (DELTA_PACKS + 1)

/* What listing the pages has found so far. */
struct listing {
    const struct snap_delta *old; /* the delta before, or NULL */
    bool bridges;                 /* long runs have pages that are as in the base */
    uint64_t used[DELTA_PACKS];   /* of each pack of the delta before, in pages */
    uint64_t *lines;              /* of each patch, by its entry */
    uint64_t patches;             /* bytes of all patches */
};

/* Marks a page as stored, unless it is zero, or as in the delta before: then it refers to the same
 * pack. */
static void list_page(struct listing *list, struct snap_page *page, const uint8_t *have)
{
    const struct snap_delta *old = list->old;
    const struct snap_page *before = old != NULL ? delta_find(old, page->number) : NULL;
    if (before != NULL && before->pack < DELTA_PACKS &&
        memcmp(have, delta_bytes(old, before), HV_PAGE_SIZE) == 0) {
        page->pack = before->pack;
        page->slot = before->slot;
        list->used[page->pack]++;
    } else {
        page->pack = page_is_zero(have) ? DELTA_ZERO : TO_STORE;
    }
}

/* Makes the page of an entry a patch, if it differs from the base in few lines. */
static bool list_patch(struct listing *list, struct snap_delta *delta, size_t entry,
                       const uint8_t *have, const uint8_t *base)
{
    const uint64_t lines = patch_lines(have, base);
    if (lines == PATCH_NONE) {
        return false;
    }
    delta->pages[entry].pack = DELTA_PATCH;
    delta->pages[entry].slot = (uint32_t)(list->patches / sizeof(uint64_t));
    list->patches += patch_size(lines);
    list->lines[entry] = lines;
    return true;
}

/* Decides for the entries [first, end), which are neighbours. A long run is mapped by a restore, so
 * that machines share it. So it has no patches, which machines do not share. */
static void list_run(struct listing *list, struct snap_delta *delta, const struct vmm *vm,
                     size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        const uint64_t number = delta->pages[i].number;
        const uint8_t *have = vm->ram + number * HV_PAGE_SIZE;
        if (list->bridges && end - first >= DELTA_RUN) {
            delta->pages[i].pack = TO_STORE;
        } else if (end - first >= DELTA_RUN ||
                   !list_patch(list, delta, i, have, snap_base_page(vm->snap, number))) {
            list_page(list, &delta->pages[i], have);
        }
    }
}

static bool list_same(const uint8_t *have, const uint8_t *base)
{
    return base == NULL ? page_is_zero(have) : memcmp(have, base, HV_PAGE_SIZE) == 0;
}

/* Lists the pages that differ from the base. */
static void delta_list(struct snap_delta *delta, const struct vmm *vm, const uint64_t *pages)
{
    const uint64_t end = vm->ram_size / HV_PAGE_SIZE;
    for (uint64_t n = bitmap_next(pages, 0, end); n < end; n = bitmap_next(pages, n + 1, end)) {
        if (list_same(vm->ram + n * HV_PAGE_SIZE, snap_base_page(vm->snap, n))) {
            continue;
        }
        delta->pages[delta->count++] = (struct snap_page){.number = (uint32_t)n};
    }
}

/* Where the entries end that follow each other with no more than `gap` pages in between. */
static size_t delta_cluster(const struct snap_delta *delta, size_t first, uint64_t gap)
{
    size_t end = first + 1;
    while (end < delta->count &&
           delta->pages[end].number - delta->pages[end - 1].number <= gap + 1) {
        end++;
    }
    return end;
}

/* How many entries the cluster has when it is bridged; no more than before: it is not. */
static uint64_t delta_bridged(const struct snap_delta *delta, size_t first, size_t end)
{
    const uint64_t span = delta->pages[end - 1].number - delta->pages[first].number + 1ull;
    return span >= DELTA_RUN && end - first >= DELTA_BRIDGE ? span : end - first;
}

/* Makes one long run of entries that lie near each other, by pages between them that are as in the
 * base. A restore from a file is often the only one of its process. Then it is dear that it copies
 * pages which no run will need, 2 us each, and cheap that it maps the run that has them. A file has
 * room for some more pages. */
static int delta_bridge(struct snap_delta *delta)
{
    uint64_t most = 0;
    for (size_t i = 0, end; i < delta->count; i = end) {
        end = delta_cluster(delta, i, DELTA_GAP);
        most += delta_bridged(delta, i, end);
    }
    struct snap_page *pages = calloc(most + 1, sizeof(*pages));
    if (pages == NULL) {
        return -ENOMEM;
    }
    size_t count = 0;
    for (size_t i = 0, end; i < delta->count; i = end) {
        end = delta_cluster(delta, i, DELTA_GAP);
        const uint64_t number = delta->pages[i].number;
        const uint64_t bridged = delta_bridged(delta, i, end);
        for (uint64_t n = 0; n < bridged; n++) {
            const uint64_t at = bridged > end - i ? number + n : delta->pages[i + n].number;
            pages[count++].number = (uint32_t)at;
        }
    }
    free(delta->pages);
    delta->pages = pages;
    delta->count = count;
    return 0;
}

static int delta_put_patches(struct snap_delta *delta, const struct vmm *vm,
                             const struct listing *list)
{
    const int rc = patches_reserve(&delta->patches, list->patches);
    uint8_t *at = delta->patches.bytes;
    for (size_t i = 0; rc == 0 && i < delta->count; i++) {
        if (delta->pages[i].pack == DELTA_PATCH) {
            const uint64_t from = (uint64_t)delta->pages[i].number * HV_PAGE_SIZE;
            at = patch_put(at, list->lines[i], vm->ram + from);
        }
    }
    return rc;
}

/* Writes the pieces one after the other. A write to a memfd may be short when memory is out. */
static int pack_put(int fd, struct iovec *pieces, size_t count)
{
    for (size_t i = 0; i < count;) {
        ssize_t n = writev(fd, pieces + i, (int)(count - i));
        if (n <= 0) {
            return n < 0 ? -errno : -ENOSPC;
        }
        for (; i < count && (size_t)n >= pieces[i].iov_len; i++) {
            n -= (ssize_t)pieces[i].iov_len;
        }
        if (i < count) {
            pieces[i].iov_base = (uint8_t *)pieces[i].iov_base + n;
            pieces[i].iov_len -= (size_t)n;
        }
    }
    return 0;
}

/* Writes the pages that are to be stored, in the order of their slots. */
static int pack_write(int fd, const struct snap_delta *delta, const struct vmm *vm, uint8_t stored)
{
    struct iovec pieces[DELTA_PIECES];
    size_t count = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < delta->count; i++) {
        uint8_t *const bytes = vm->ram + (uint64_t)delta->pages[i].number * HV_PAGE_SIZE;
        struct iovec *const last = count > 0 ? &pieces[count - 1] : NULL;
        if (delta->pages[i].pack != stored) {
            continue;
        }
        if (last != NULL && (uint8_t *)last->iov_base + last->iov_len == bytes) {
            last->iov_len += HV_PAGE_SIZE;
            continue;
        }
        if (count == DELTA_PIECES) {
            rc = pack_put(fd, pieces, count);
            count = 0;
        }
        pieces[count++] = (struct iovec){bytes, HV_PAGE_SIZE};
    }
    return rc == 0 ? pack_put(fd, pieces, count) : rc;
}

/* In jail no memfd can be made. Then the pages are in memory of this process alone. */
static int pack_fill_jailed(struct snap_pack *pack, const struct snap_delta *delta,
                            const struct vmm *vm, uint8_t stored)
{
    uint8_t *map =
        mmap(NULL, pack->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pack->fd = -1;
    if (map == MAP_FAILED) {
        return -errno;
    }
    pack->map = map;
    for (size_t i = 0; i < delta->count; i++) {
        if (delta->pages[i].pack == stored) {
            memcpy(map, vm->ram + (uint64_t)delta->pages[i].number * HV_PAGE_SIZE, HV_PAGE_SIZE);
            map += HV_PAGE_SIZE;
        }
    }
    return madvise(pack->map, pack->size, MADV_DONTDUMP) < 0 ? -errno : 0;
}

static int pack_fill(struct snap_pack *pack, const struct snap_delta *delta, const struct vmm *vm,
                     uint8_t stored)
{
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    pack->fd = memfd_create("pyhl-checkpoint", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (pack->fd < 0) {
        return -errno;
    }
    int rc = pack_write(pack->fd, delta, vm, stored);
    if (rc < 0) {
        return rc;
    }
    if (fcntl(pack->fd, F_ADD_SEALS, seals) < 0) {
        return -errno;
    }
    return pack_map(pack);
}

static struct snap_pack *pack_make(const struct snap_delta *delta, const struct vmm *vm,
                                   uint8_t stored, uint32_t count, struct vmm_err *err)
{
    struct snap_pack *pack = calloc(1, sizeof(*pack));
    if (pack == NULL) {
        (void)vmm_err_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    atomic_init(&pack->refs, 1);
    pack->size = (uint64_t)count * HV_PAGE_SIZE;
    const int rc = (jail_holds() ? pack_fill_jailed : pack_fill)(pack, delta, vm, stored);
    if (rc < 0) {
        (void)vmm_err_set(err, -rc, "a checkpoint of %u pages: %s%s", count, strerror(-rc),
                          os_limit(-rc));
        pack_release(pack);
        return NULL;
    }
    return pack;
}

/* Whether so much of a pack of the delta before is used that it is worth being kept. Otherwise some
 * pages that never change would keep the packs of checkpoints that were given back. */
static bool list_keeps(const struct listing *list, const struct snap_page *page)
{
    const struct snap_pack *pack = list->old->packs[page->pack];
    return pack->is_file || 2 * list->used[page->pack] * HV_PAGE_SIZE >= pack->size;
}

/* Has the pages of packs that are not worth it stored again, in a pack of their own: they have not
 * changed for a while, and will be in later deltas, too, which the other pages will not. */
static void delta_settle(struct snap_delta *delta, const struct listing *list)
{
    for (size_t i = 0; i < delta->count; i++) {
        struct snap_page *page = &delta->pages[i];
        if (page->pack < DELTA_PACKS && !list_keeps(list, page)) {
            page->pack = TO_SETTLE;
        }
    }
}

/* Numbers the pages that are to be stored in one pack, and returns how many those are. */
static uint32_t delta_number(struct snap_delta *delta, uint8_t stored)
{
    uint32_t count = 0;
    for (size_t i = 0; i < delta->count; i++) {
        if (delta->pages[i].pack == stored) {
            delta->pages[i].slot = count++;
        }
    }
    return count;
}

/* Takes over from the delta before the packs that this one refers to, and gives them new
 * numbers. */
static void delta_take_packs(struct snap_delta *delta, const struct snap_delta *old)
{
    uint8_t numbers[DELTA_PACKS];
    memset(numbers, DELTA_ZERO, sizeof(numbers));
    for (size_t i = 0; i < delta->count; i++) {
        uint8_t *pack = &delta->pages[i].pack;
        if (*pack >= DELTA_PACKS) {
            continue;
        }
        if (numbers[*pack] == DELTA_ZERO) {
            numbers[*pack] = (uint8_t)delta->pack_count;
            delta->packs[delta->pack_count] = old->packs[*pack];
            atomic_fetch_add(&delta->packs[delta->pack_count++]->refs, 1);
        }
        *pack = numbers[*pack];
    }
}

/* Takes the pack for the pages that are to be stored. */
static void delta_add_pack(struct snap_delta *delta, struct snap_pack *pack, uint8_t stored)
{
    for (size_t i = 0; i < delta->count; i++) {
        if (delta->pages[i].pack == stored) {
            delta->pages[i].pack = (uint8_t)delta->pack_count;
        }
    }
    delta->packs[delta->pack_count++] = pack;
}

/* Lists the pages and puts the patches. */
static int delta_list_all(struct snap_delta *delta, const struct vmm *vm, const uint64_t *pages,
                          struct listing *list, struct vmm_err *err)
{
    const uint64_t most = bitmap_count_range(pages, 0, vm->ram_size / HV_PAGE_SIZE);
    int rc = -ENOMEM;
    delta->pages = calloc(most + 1, sizeof(*delta->pages));
    if (delta->pages != NULL) {
        delta_list(delta, vm, pages);
        rc = list->bridges ? delta_bridge(delta) : 0;
    }
    if (rc == 0) {
        list->lines = calloc(delta->count + 1, sizeof(*list->lines));
        rc = list->lines == NULL ? -ENOMEM : 0;
    }
    for (size_t i = 0, end; rc == 0 && i < delta->count; i = end) {
        end = delta_cluster(delta, i, 0);
        list_run(list, delta, vm, i, end);
    }
    rc = rc == 0 ? delta_put_patches(delta, vm, list) : rc;
    free(list->lines);
    return rc < 0 ? vmm_err_set(err, -rc, "out of memory%s", os_limit(-rc)) : 0;
}

static int delta_store(struct snap_delta *delta, const struct vmm *vm, uint8_t stored,
                       struct vmm_err *err)
{
    const uint32_t count = delta_number(delta, stored);
    if (count == 0) {
        return 0;
    }
    struct snap_pack *pack = pack_make(delta, vm, stored, count, err);
    if (pack == NULL) {
        return -err->code;
    }
    delta_add_pack(delta, pack, stored);
    return 0;
}

static int delta_fill(struct snap_delta *delta, const struct vmm *vm, const uint64_t *pages,
                      const struct snap_delta *old, struct vmm_err *err)
{
    struct listing list = {.old = old};
    int rc = delta_list_all(delta, vm, pages, &list, err);
    if (rc < 0) {
        return rc;
    }
    if (old != NULL) {
        delta_settle(delta, &list);
        delta_take_packs(delta, old);
    }
    rc = delta_store(delta, vm, TO_STORE, err);
    return rc == 0 ? delta_store(delta, vm, TO_SETTLE, err) : rc;
}

int delta_make_in_place(struct snap_delta *delta, const struct vmm *vm, const uint64_t *pages,
                        struct vmm_err *err)
{
    struct listing list = {.bridges = true};
    struct snap_pack *pack = calloc(1, sizeof(*pack));
    if (pack == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    atomic_init(&pack->refs, 1);
    pack->fd = -1;
    pack->map = vm->ram;
    int rc = delta_list_all(delta, vm, pages, &list, err);
    for (size_t i = 0; rc == 0 && i < delta->count; i++) {
        if (delta->pages[i].pack == TO_STORE) {
            delta->pages[i].slot = delta->pages[i].number;
        }
    }
    delta_add_pack(delta, pack, TO_STORE);
    if (rc < 0) {
        delta_free(delta);
    }
    return rc;
}

int delta_make(struct snap_delta *delta, const struct vmm *vm, const uint64_t *pages,
               struct vmm_err *err)
{
    struct vmm_err local = {0};
    err = err != NULL ? err : &local;
    const struct snap_delta *old = &vm->snap->delta;
    const bool room = old->pack_count + 2 <= DELTA_PACKS; /* for two more */
    int rc = delta_fill(delta, vm, pages, room ? old : NULL, err);
    if (rc < 0) {
        delta_free(delta);
        return rc;
    }
    delta_mark_runs(delta);
    void *fit = realloc(delta->pages, (delta->count + 1) * sizeof(*delta->pages));
    if (fit != NULL) {
        delta->pages = fit;
    }
    return 0;
}
