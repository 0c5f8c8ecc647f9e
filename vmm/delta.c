// SPDX-License-Identifier: Apache-2.0
/*
 * The delta of a checkpoint: the pages in which it differs from its base, which is a snapshot.
 * Their bytes lie packed in sealed memfds. A page that is as in the checkpoint before is not stored
 * again: the new delta refers to the same pack. So a delta never needs another delta, and to look
 * up a page is one search, however long the chain of checkpoints is. When a delta would refer to
 * too many packs, it stores all of its pages in one of its own.
 *
 * A machine that is made from a checkpoint maps long runs of pages from their pack, and all such
 * machines share what they do not write. Short runs are copied, because a mapping costs more.
 * So are those of a checkpoint that was made in jail, where there are no memfds.
 */
#include "snapshot_int.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xxhash.h>

#define DELTA_RUN    16u /* pages: a run of so many is mapped */
#define DELTA_PIECES 256u

struct vmm_snapshot *snap_base(struct vmm_snapshot *snap)
{
    return snap->base != NULL ? snap->base : snap;
}

const struct snap_page *delta_find(const struct snap_delta *delta, uint64_t number)
{
    size_t low = 0;
    for (size_t high = delta->count; low < high;) {
        const size_t middle = (low + high) / 2;
        if (delta->pages[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < delta->count && delta->pages[low].number == number ? &delta->pages[low] : NULL;
}

const uint8_t *delta_bytes(const struct snap_delta *delta, const struct snap_page *page)
{
    return page->pack == DELTA_ZERO
               ? NULL
               : delta->packs[page->pack]->map + (uint64_t)page->slot * HV_PAGE_SIZE;
}

/* After its data a snapshot's file is a hole: there is nothing to read. */
static const uint8_t *delta_base_page(const struct vmm_snapshot *snap, uint64_t number)
{
    const uint64_t at = number * HV_PAGE_SIZE;
    return at < snap->header.data_end ? snap->pristine + at : NULL;
}

const uint8_t *snap_page(const struct vmm_snapshot *snap, uint64_t number)
{
    const struct snap_page *page = snap->delta.count > 0 ? delta_find(&snap->delta, number) : NULL;
    return page != NULL ? delta_bytes(&snap->delta, page) : delta_base_page(snap, number);
}

/* Whether a machine that is made from a checkpoint maps the page. High memory maps nothing: when a
 * rewind drops it, it has to be zero (high.c). */
static bool delta_is_mapped(const struct vmm *vm, const struct snap_page *page)
{
    return page->mapped && page->number < vm->ram_low / HV_PAGE_SIZE;
}

/* Without its copy the page shows what is mapped there: the origin's pack, or the base's file. */
bool snap_page_stays(const struct vmm *vm, uint64_t number)
{
    const struct snap_page *page = delta_find(&vm->origin->delta, number);
    if (page != NULL && delta_is_mapped(vm, page)) {
        return vm->snap != vm->origin;
    }
    return delta_find(&vm->snap->delta, number) != NULL;
}

uint64_t delta_end(const struct snap_delta *delta)
{
    return delta->count > 0 ? (delta->pages[delta->count - 1].number + 1ull) * HV_PAGE_SIZE : 0;
}

static bool delta_same(const uint8_t *have, const uint8_t *want)
{
    return want == NULL ? page_is_zero(have) : memcmp(have, want, HV_PAGE_SIZE) == 0;
}

static void pack_release(struct snap_pack *pack)
{
    if (pack == NULL || atomic_fetch_sub(&pack->refs, 1) > 1) {
        return;
    }
    os_unmap(pack->map, pack->size); /* of a machine's memory the size is 0 */
    os_close(pack->fd);
    free(pack);
}

void delta_free(struct snap_delta *delta)
{
    for (unsigned i = 0; i < delta->pack_count; i++) {
        pack_release(delta->packs[i]);
    }
    free(delta->pages);
    *delta = (struct snap_delta){0};
}

uint64_t delta_memory(const struct snap_delta *delta)
{
    uint64_t size = delta->count * sizeof(*delta->pages);
    for (unsigned i = 0; i < delta->pack_count; i++) {
        struct snap_pack *pack = delta->packs[i];
        size += pack->is_file ? 0 : pack->size / atomic_load(&pack->refs);
    }
    return size;
}

/* Lists the pages that differ from the base. A page that is as in the delta before (old) refers to
 * its pack by the same number; one that is to be stored has the number `stored`. Returns how many
 * are to be stored. */
static uint32_t delta_list(struct snap_delta *delta, const struct vmm *vm, const uint64_t *pages,
                           const struct snap_delta *old, uint8_t stored)
{
    const uint64_t end = vm->ram_size / HV_PAGE_SIZE;
    uint32_t store = 0;
    for (uint64_t n = bitmap_next(pages, 0, end); n < end; n = bitmap_next(pages, n + 1, end)) {
        const uint8_t *have = vm->ram + n * HV_PAGE_SIZE;
        if (delta_same(have, delta_base_page(vm->snap, n))) {
            continue;
        }
        struct snap_page *page = &delta->pages[delta->count++];
        const struct snap_page *before = old != NULL ? delta_find(old, n) : NULL;
        *page = (struct snap_page){.number = (uint32_t)n, .pack = DELTA_ZERO};
        if (before != NULL && before->pack != DELTA_ZERO &&
            delta_same(have, delta_bytes(old, before))) {
            page->pack = before->pack;
            page->slot = before->slot;
        } else if (!page_is_zero(have)) {
            page->pack = stored;
            page->slot = store++;
        }
    }
    return store;
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

static int pack_map(struct snap_pack *pack)
{
    if (pack->size == 0) {
        return 0;
    }
    void *map = mmap(NULL, pack->size, PROT_READ, MAP_SHARED, pack->fd, (off_t)pack->offset);
    if (map == MAP_FAILED) {
        return -errno;
    }
    pack->map = map;
    return madvise(map, pack->size, MADV_DONTDUMP) < 0 ? -errno : 0;
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

struct snap_pack *pack_of_file(int fd, uint64_t offset, uint64_t size,
                               const struct infile_mark *mark, struct vmm_err *err)
{
    struct snap_pack *pack = calloc(1, sizeof(*pack));
    if (pack == NULL) {
        os_close(fd);
        (void)vmm_err_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    atomic_init(&pack->refs, 1);
    pack->fd = fd;
    pack->offset = offset;
    pack->size = size;
    pack->is_file = true;
    pack->mark = *mark;
    const int rc = pack_map(pack);
    if (rc < 0) {
        (void)vmm_err_set(err, -rc, "cannot map the checkpoint: %s", strerror(-rc));
        pack_release(pack);
        return NULL;
    }
    return pack;
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

/* Whether the n-th page after p is p's n-th neighbour, in memory and in the pack. */
static bool delta_follows(const struct snap_page *p, size_t n)
{
    return p[n].pack == p->pack && p[n].number == p->number + n && p[n].slot == p->slot + n;
}

void delta_mark_runs(struct snap_delta *delta)
{
    for (size_t i = 0, end; i < delta->count; i = end) {
        const struct snap_page *p = &delta->pages[i];
        size_t n = 1;
        while (i + n < delta->count && p->pack != DELTA_ZERO && delta_follows(p, n)) {
            n++;
        }
        end = i + n;
        for (; i < end && n >= DELTA_RUN && delta->packs[p->pack]->fd >= 0; i++) {
            delta->pages[i].mapped = true;
        }
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

static int delta_fill(struct snap_delta *delta, const struct vmm *vm, const uint64_t *pages,
                      const struct snap_delta *old, struct vmm_err *err)
{
    const uint8_t stored = DELTA_PACKS; /* a number that no pack has */
    const uint32_t count = delta_list(delta, vm, pages, old, stored);
    if (old != NULL) {
        delta_take_packs(delta, old);
    }
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

/* Makes room for entries of all those pages. */
static int delta_reserve(struct snap_delta *delta, const struct vmm *vm, const uint64_t *pages,
                         struct vmm_err *err)
{
    const uint64_t most = bitmap_count_range(pages, 0, vm->ram_size / HV_PAGE_SIZE);
    delta->pages = calloc(most + 1, sizeof(*delta->pages));
    return delta->pages != NULL ? 0 : vmm_err_set(err, ENOMEM, "out of memory");
}

int delta_make_in_place(struct snap_delta *delta, const struct vmm *vm, const uint64_t *pages,
                        struct vmm_err *err)
{
    int rc = delta_reserve(delta, vm, pages, err);
    if (rc < 0) {
        return rc;
    }
    struct snap_pack *pack = calloc(1, sizeof(*pack));
    if (pack == NULL) {
        delta_free(delta);
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    atomic_init(&pack->refs, 1);
    pack->fd = -1;
    pack->map = vm->ram;
    (void)delta_list(delta, vm, pages, NULL, DELTA_PACKS);
    for (size_t i = 0; i < delta->count; i++) {
        delta->pages[i].slot = delta->pages[i].number;
    }
    delta_add_pack(delta, pack, DELTA_PACKS);
    return 0;
}

int delta_make(struct snap_delta *delta, const struct vmm *vm, const uint64_t *pages,
               struct vmm_err *err)
{
    struct vmm_err local = {0};
    err = err != NULL ? err : &local;
    const struct snap_delta *old = &vm->snap->delta;
    int rc = delta_reserve(delta, vm, pages, err);
    if (rc < 0) {
        return rc;
    }
    rc = delta_fill(delta, vm, pages, old->pack_count < DELTA_PACKS ? old : NULL, err);
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

int delta_map(const struct snap_delta *delta, struct vmm *vm, struct vmm_err *err)
{
    for (size_t i = 0; i < delta->count;) {
        const struct snap_page *p = &delta->pages[i];
        size_t n = 1;
        if (!delta_is_mapped(vm, p)) {
            i++;
            continue;
        }
        while (i + n < delta->count && delta_is_mapped(vm, &p[n]) && delta_follows(p, n)) {
            n++;
        }
        uint8_t *const at = vm->ram + (uint64_t)p->number * HV_PAGE_SIZE;
        if (mmap(at, n * HV_PAGE_SIZE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED, delta->packs[p->pack]->fd,
                 (off_t)(delta->packs[p->pack]->offset + (uint64_t)p->slot * HV_PAGE_SIZE)) ==
                MAP_FAILED ||
            madvise(at, n * HV_PAGE_SIZE, MADV_DONTDUMP) < 0) {
            return vmm_err_set(err, errno, "cannot map a checkpoint: %s%s", strerror(errno),
                               os_limit(errno));
        }
        i += n;
    }
    return 0;
}

void delta_copy(const struct snap_delta *delta, struct vmm *vm, uint64_t from, bool all)
{
    for (size_t i = 0; i < delta->count; i++) {
        const struct snap_page *p = &delta->pages[i];
        const uint64_t at = (uint64_t)p->number * HV_PAGE_SIZE;
        const uint8_t *bytes = delta_bytes(delta, p);
        if (at < from || (delta_is_mapped(vm, p) && !all)) {
            continue;
        }
        if (bytes != NULL) {
            memcpy(vm->ram + at, bytes, HV_PAGE_SIZE);
        } else {
            memset(vm->ram + at, 0, HV_PAGE_SIZE);
        }
        vm->high_used = vm->high_used || at >= vm->ram_low;
    }
}

void delta_zero(const struct snap_delta *delta, struct vmm *vm, uint64_t from, uint64_t end)
{
    for (size_t i = 0; i < delta->count; i++) {
        const uint64_t at = (uint64_t)delta->pages[i].number * HV_PAGE_SIZE;
        if (at >= from && at < end) {
            memset(mem_write_ptr(vm, at, HV_PAGE_SIZE), 0, HV_PAGE_SIZE);
        }
    }
}

int delta_unchanged(const struct snap_delta *delta, struct vmm_err *err)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < delta->pack_count; i++) {
        const struct snap_pack *pack = delta->packs[i];
        if (pack->is_file) {
            rc = infile_unchanged(pack->fd, "the checkpoint", &pack->mark, err);
        }
    }
    return rc;
}

static int pack_verify(const struct snap_pack *pack, struct vmm_err *err)
{
    const XXH128_hash_t hash = XXH3_128bits(pack->map, pack->size);
    if (hash.low64 == pack->hash[0] && hash.high64 == pack->hash[1]) {
        return 0;
    }
    return vmm_err_set(err, EBADMSG,
                       "the checkpoint's memory is damaged: checksum %016llx%016llx, recorded "
                       "%016llx%016llx",
                       (unsigned long long)hash.high64, (unsigned long long)hash.low64,
                       (unsigned long long)pack->hash[1], (unsigned long long)pack->hash[0]);
}

/* What was made in this process is sealed, and has nothing to be compared with. */
int delta_verify(const struct snap_delta *delta, struct vmm_err *err)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < delta->pack_count; i++) {
        rc = delta->packs[i]->is_file ? pack_verify(delta->packs[i], err) : 0;
    }
    return rc;
}
