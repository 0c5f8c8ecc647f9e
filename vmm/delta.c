// SPDX-License-Identifier: Apache-2.0
/*
 * The delta of a checkpoint: the pages in which it differs from its base, which is a snapshot.
 * Of a page that differs in few places the delta has these places (patch.c). The bytes of other
 * pages lie packed in sealed memfds. A page that is as in the checkpoint before is not stored
 * again: the new delta refers to the same pack. So a delta never needs another delta, and to look
 * up a page is one search, however long the chain of checkpoints is. When a delta would refer to
 * too many packs, it stores all of its pages in one of its own. delta_make.c makes deltas.
 *
 * A machine that is made from a checkpoint maps long runs of pages from their pack, and all such
 * machines share what they do not write. Short runs are copied, because a mapping costs more, and
 * patches are put on copies of the base's pages.
 * So are those of a checkpoint that was made in jail, where there are no memfds.
 */
#include "snapshot_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

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

const uint8_t *delta_patch(const struct snap_delta *delta, const struct snap_page *page)
{
    return delta->patches.bytes + (uint64_t)page->slot * sizeof(uint64_t);
}

/* After its data a snapshot's file is a hole: there is nothing to read. */
const uint8_t *snap_base_page(const struct vmm_snapshot *snap, uint64_t number)
{
    const uint64_t at = number * HV_PAGE_SIZE;
    return at < snap->header.data_end ? snap->pristine + at : NULL;
}

static const uint8_t *snap_patched_page(const struct vmm_snapshot *snap,
                                        const struct snap_page *page, uint8_t *room)
{
    const uint8_t *base = snap_base_page(snap, page->number);
    if (base != NULL) {
        memcpy(room, base, HV_PAGE_SIZE);
    } else {
        memset(room, 0, HV_PAGE_SIZE);
    }
    patch_apply(delta_patch(&snap->delta, page), room);
    return room;
}

const uint8_t *snap_page(const struct vmm_snapshot *snap, uint64_t number, uint8_t *room)
{
    const struct snap_page *page = snap->delta.count > 0 ? delta_find(&snap->delta, number) : NULL;
    return page == NULL                ? snap_base_page(snap, number)
           : page->pack == DELTA_PATCH ? snap_patched_page(snap, page, room)
                                       : delta_bytes(&snap->delta, page);
}

/* Whether a machine that is made from a checkpoint maps the page. High memory maps nothing: when a
 * rewind drops it, it has to be zero (high.c). */
static bool delta_is_high(const struct vmm *vm, const struct snap_page *page)
{
    return page->number >= vm->ram_low / HV_PAGE_SIZE;
}

static bool delta_is_mapped(const struct vmm *vm, const struct snap_page *page)
{
    return page->mapped && !delta_is_high(vm, page);
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

void pack_release(struct snap_pack *pack)
{
    if (pack == NULL || atomic_fetch_sub(&pack->refs, 1) > 1) {
        return;
    }
    os_unmap(pack->map, pack->size); /* of a machine's memory the size is 0 */
    os_close(pack->fd);
    free(pack);
}

int pack_map(struct snap_pack *pack)
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

void delta_free(struct snap_delta *delta)
{
    for (unsigned i = 0; i < delta->pack_count; i++) {
        pack_release(delta->packs[i]);
    }
    patches_free(&delta->patches);
    free(delta->pages);
    *delta = (struct snap_delta){0};
}

uint64_t delta_memory(const struct snap_delta *delta)
{
    uint64_t size = delta->count * sizeof(*delta->pages) + delta->patches.size;
    for (unsigned i = 0; i < delta->pack_count; i++) {
        struct snap_pack *pack = delta->packs[i];
        size += pack->is_file ? 0 : pack->size / atomic_load(&pack->refs);
    }
    return size;
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
        while (i + n < delta->count && p->pack < DELTA_PACKS && delta_follows(p, n)) {
            n++;
        }
        end = i + n;
        for (; i < end && n >= DELTA_RUN && delta->packs[p->pack]->fd >= 0; i++) {
            delta->pages[i].mapped = true;
        }
    }
}

int delta_map(const struct snap_delta *delta, struct vmm *vm, struct vmm_err *err)
{
    bool mapped = false;
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
            MAP_FAILED) {
            return vmm_err_set(err, errno, "cannot map a checkpoint: %s%s", strerror(errno),
                               os_limit(errno));
        }
        i += n;
        mapped = true;
    }
    return mapped ? mem_ram_hide(vm, err) : 0;
}

/* For memory that is as in the base, and has only to be made to differ. */
static void delta_copy_page(const struct snap_delta *delta, const struct snap_page *page,
                            uint8_t *to)
{
    const uint8_t *bytes = page->pack == DELTA_PATCH ? NULL : delta_bytes(delta, page);
    if (page->pack == DELTA_PATCH) {
        patch_apply(delta_patch(delta, page), to);
    } else if (bytes != NULL) {
        memcpy(to, bytes, HV_PAGE_SIZE);
    } else {
        memset(to, 0, HV_PAGE_SIZE);
    }
}

void delta_copy(const struct snap_delta *delta, struct vmm *vm)
{
    for (size_t i = 0; i < delta->count; i++) {
        const struct snap_page *p = &delta->pages[i];
        const uint64_t at = (uint64_t)p->number * HV_PAGE_SIZE;
        if (!delta_is_mapped(vm, p)) {
            delta_copy_page(delta, p, vm->ram + at);
            vm->high_used = vm->high_used || at >= vm->ram_low;
        }
    }
}

void delta_copy_high(const struct vmm_snapshot *snap, struct vmm *vm)
{
    const struct snap_delta *delta = &snap->delta;
    for (size_t i = delta->count; i > 0 && delta_is_high(vm, &delta->pages[i - 1]); i--) {
        const uint64_t number = delta->pages[i - 1].number;
        uint8_t *const to = vm->ram + number * HV_PAGE_SIZE;
        const uint8_t *want = snap_page(snap, number, to);
        if (want == NULL) {
            memset(to, 0, HV_PAGE_SIZE);
        } else if (want != to) {
            memcpy(to, want, HV_PAGE_SIZE);
        }
        vm->high_used = true;
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
