// SPDX-License-Identifier: Apache-2.0
/*
 * A checkpoint in a file (checkpoint_int.h): writing it, and opening it beside its base.
 */
#include "checkpoint_int.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

typedef unsigned long long ull;

static uint64_t file_header_hash(const struct file_header *h)
{
    return XXH3_64bits(h, offsetof(struct file_header, header_hash));
}

static uint64_t file_patches(const struct file_header *h)
{
    return FILE_LIST + h->pages * sizeof(uint32_t);
}

static uint64_t file_data(const struct file_header *h)
{
    const uint64_t end = file_patches(h) + h->patch_size;
    return (end + HV_PAGE_SIZE - 1) & ~(uint64_t)(HV_PAGE_SIZE - 1);
}

static uint64_t file_workset(const struct file_header *h)
{
    return file_data(h) + h->stored * HV_PAGE_SIZE;
}

static void file_fill(struct file_header *h, const struct vmm_snapshot *snap)
{
    const struct snap_header *from = &snap->header;
    memcpy(h->magic, FILE_MAGIC, sizeof(h->magic));
    h->version = FILE_VERSION;
    h->abi_version = HV_ABI_VERSION;
    h->base_key = from->key;
    memcpy(h->base_hash, from->image_hash, sizeof(h->base_hash));
    h->pages = snap->delta.count;
    h->patch_size = snap->delta.patches.size;
    h->patch_hash = XXH3_64bits(snap->delta.patches.bytes, h->patch_size);
    h->wall_ns = from->wall_ns;
    h->mono_ns = from->mono_ns;
    h->timer_ns = from->timer_ns;
    h->generation = from->generation;
    h->is_suspended = snap->suspended.is;
    h->until_ns = snap->suspended.until_ns;
    memcpy(h->open, snap->suspended.open, sizeof(h->open));
    h->run_call = from->run_call;
    h->state = from->state;
}

/* Makes the list, and counts the pages whose bytes are stored. */
static void file_make_list(struct file_header *h, const struct snap_delta *delta, uint32_t *list)
{
    h->stored = 0;
    for (size_t i = 0; i < delta->count; i++) {
        const struct snap_page *page = &delta->pages[i];
        list[i] = page->number | (page->pack == DELTA_ZERO    ? FILE_ZERO
                                  : page->pack == DELTA_PATCH ? FILE_PATCH
                                                              : 0);
        h->stored += page->pack < DELTA_PACKS;
    }
    h->list_hash = XXH3_64bits(list, delta->count * sizeof(*list));
}

/* The bytes of an entry that are to be stored, or NULL. */
static const uint8_t *file_bytes(const struct snap_delta *delta, size_t i)
{
    const struct snap_page *page = &delta->pages[i];
    return i < delta->count && page->pack < DELTA_PACKS ? delta_bytes(delta, page) : NULL;
}

/* Writes and hashes the bytes, neighbours in a pack together. */
static int file_write_pages(int fd, const struct snap_delta *delta, struct file_header *h,
                            XXH3_state_t *xxh)
{
    uint64_t at = file_data(h);
    int rc = 0;
    (void)XXH3_128bits_reset(xxh);
    for (size_t i = 0, n; rc == 0 && i < delta->count; i += n) {
        const uint8_t *bytes = file_bytes(delta, i);
        const uint64_t size = HV_PAGE_SIZE;
        for (n = 1; bytes != NULL && file_bytes(delta, i + n) == bytes + n * size;) {
            n++;
        }
        if (bytes != NULL) {
            (void)XXH3_128bits_update(xxh, bytes, n * size);
            rc = os_pwrite_full(fd, bytes, n * size, at);
            at += n * size;
        }
    }
    const XXH128_hash_t hash = XXH3_128bits_digest(xxh);
    h->data_hash[0] = hash.low64;
    h->data_hash[1] = hash.high64;
    return rc;
}

static int file_write(const struct vmm_snapshot *snap, int fd, struct file_header *h,
                      uint32_t *list, XXH3_state_t *xxh)
{
    const struct snap_delta *delta = &snap->delta;
    file_make_list(h, delta, list);
    int rc = file_write_pages(fd, delta, h, xxh);
    h->header_hash = file_header_hash(h);
    if (rc == 0 && ftruncate(fd, (off_t)file_workset(h)) < 0) {
        rc = -errno;
    }
    rc = rc == 0 ? os_pwrite_full(fd, list, delta->count * sizeof(*list), FILE_LIST) : rc;
    rc = rc == 0 ? os_pwrite_full(fd, delta->patches.bytes, h->patch_size, file_patches(h)) : rc;
    rc = rc == 0 ? os_pwrite_full(fd, h, sizeof(*h), 0) : rc;
    return rc == 0 && fsync(fd) < 0 ? -errno : rc;
}

int vmm_checkpoint_write(const struct vmm_snapshot *snap, int fd, struct vmm_err *err)
{
    if (snap->base == NULL) {
        return vmm_err_set(err, EINVAL, "a snapshot that has a file is no checkpoint");
    }
    int rc = snap_unchanged(snap, err);
    if (rc < 0) {
        return rc;
    }
    struct file_header *h = calloc(1, sizeof(*h));
    uint32_t *list = malloc((snap->delta.count + 1) * sizeof(*list));
    XXH3_state_t *xxh = XXH3_createState();
    rc = -ENOMEM;
    if (h != NULL && list != NULL && xxh != NULL) {
        file_fill(h, snap);
        rc = file_write(snap, fd, h, list, xxh);
    }
    free(h);
    free(list);
    (void)XXH3_freeState(xxh);
    return rc < 0 ? vmm_err_set(err, -rc, "writing the checkpoint: %s", strerror(-rc)) : 0;
}

/* Makes the header of the file that the checkpoint was read from. */
static int file_refill(struct file_header *h, const struct vmm_snapshot *snap)
{
    const struct snap_delta *delta = &snap->delta;
    uint32_t *list = malloc((delta->count + 1) * sizeof(*list));
    if (list == NULL) {
        return -ENOMEM;
    }
    file_fill(h, snap);
    file_make_list(h, delta, list);
    memcpy(h->data_hash, delta->packs[0]->hash, sizeof(h->data_hash));
    free(list);
    return 0;
}

static int file_put_workset(struct file_header *h, int fd, const uint32_t *entries, size_t count)
{
    const size_t size = count * sizeof(*entries);
    h->workset_pages = count;
    h->workset_hash = XXH3_64bits(entries, size);
    h->header_hash = file_header_hash(h);
    int rc = os_pwrite_full(fd, entries, size, file_workset(h));
    if (rc == 0 && ftruncate(fd, (off_t)(file_workset(h) + size)) < 0) {
        rc = -errno;
    }
    rc = rc == 0 ? os_pwrite_full(fd, h, sizeof(*h), 0) : rc;
    return rc == 0 && fsync(fd) < 0 ? -errno : rc;
}

int checkpoint_file_workset(struct vmm_snapshot *snap, int fd, const uint32_t *entries,
                            size_t count, struct vmm_err *err)
{
    struct snap_pack *pack = snap->delta.packs[0];
    struct file_header *h = calloc(1, sizeof(*h));
    int rc = h == NULL ? -ENOMEM : file_refill(h, snap);
    rc = rc == 0 ? file_put_workset(h, fd, entries, count) : rc;
    free(h);
    return rc < 0 ? vmm_err_set(err, -rc, "writing the working set: %s", strerror(-rc))
                  : infile_mark(pack->fd, "the checkpoint", &pack->mark, err);
}

static int file_header_read(int fd, struct file_header *h, uint64_t size, struct vmm_err *err)
{
    if (size < sizeof(*h)) {
        return vmm_err_set(err, EBADMSG,
                           "the checkpoint is truncated: %llu bytes, wanted at least %zu",
                           (ull)size, sizeof(*h));
    }
    int rc = os_pread_full(fd, h, sizeof(*h), 0);
    if (rc < 0) {
        return vmm_err_set(err, -rc, "reading the checkpoint: %s", strerror(-rc));
    }
    if (memcmp(h->magic, FILE_MAGIC, sizeof(h->magic)) != 0) {
        return vmm_err_set(err, EBADMSG, "not a checkpoint: it does not begin with '%s'",
                           FILE_MAGIC);
    }
    if (h->version != FILE_VERSION) {
        return vmm_err_set(err, EPROTO, "checkpoint version %u, wanted %u", h->version,
                           FILE_VERSION);
    }
    const uint64_t hash = file_header_hash(h);
    if (hash != h->header_hash) {
        return vmm_err_set(err, EBADMSG,
                           "the checkpoint's header is damaged: checksum %016llx, recorded %016llx",
                           (ull)hash, (ull)h->header_hash);
    }
    return 0;
}

static int file_base_check(const struct file_header *h, const struct vmm_snapshot *base,
                           struct vmm_err *err)
{
    const uint64_t *have = base->header.image_hash;
    if (memcmp(&h->base_key, &base->header.key, sizeof(h->base_key)) == 0 &&
        memcmp(h->base_hash, have, sizeof(h->base_hash)) == 0) {
        return 0;
    }
    char wanted[33];
    char found[33];
    vmm_key_text(&h->base_key, wanted);
    vmm_key_text(&base->header.key, found);
    return vmm_err_set(err, EKEYREJECTED,
                       "the checkpoint is of the snapshot with key %s and memory %016llx%016llx, "
                       "not of that with key %s and memory %016llx%016llx",
                       wanted, (ull)h->base_hash[1], (ull)h->base_hash[0], found, (ull)have[1],
                       (ull)have[0]);
}

static int file_size_check(const struct file_header *h, uint64_t size, uint64_t memory,
                           struct vmm_err *err)
{
    if (h->pages > memory / HV_PAGE_SIZE || h->stored > h->pages ||
        h->patch_size / patch_size(PATCH_NONE) > h->pages || h->workset_pages > SNAP_WORKSET_MAX) {
        return vmm_err_set(err, EBADMSG,
                           "the checkpoint has %llu pages, %llu of them stored, of %llu, %llu "
                           "bytes of patches, and %llu pages in its working set",
                           (ull)h->pages, (ull)h->stored, (ull)(memory / HV_PAGE_SIZE),
                           (ull)h->patch_size, (ull)h->workset_pages);
    }
    const uint64_t wanted = file_workset(h) + h->workset_pages * sizeof(uint32_t);
    return size == wanted ? 0
                          : vmm_err_set(err, EBADMSG, "the checkpoint has %llu bytes, wanted %llu",
                                        (ull)size, (ull)wanted);
}

/* Finds the patch at `at`, and returns where it ends; 0 when it lies beyond the end. */
static uint64_t file_patch_end(const struct snap_patches *patches, uint64_t at)
{
    uint64_t lines;
    if (at + sizeof(lines) > patches->size) {
        return 0;
    }
    memcpy(&lines, patches->bytes + at, sizeof(lines));
    at += patch_size(lines);
    return at <= patches->size ? at : 0;
}

/* Makes the delta's entries from the list. */
static int file_list(struct vmm_snapshot *snap, const struct file_header *h, const uint32_t *list,
                     struct vmm_err *err)
{
    struct snap_delta *delta = &snap->delta;
    uint64_t next = 0;
    uint64_t patch = 0;
    uint32_t slot = 0;
    for (; delta->count < h->pages; delta->count++) {
        const uint32_t number = list[delta->count] & FILE_NUMBER;
        const uint32_t flags = list[delta->count] & ~FILE_NUMBER;
        struct snap_page *page = &delta->pages[delta->count];
        *page = (struct snap_page){.number = number, .slot = slot};
        if (number < next || number >= snap->header.memory / HV_PAGE_SIZE) {
            break;
        }
        next = number + 1ull;
        if (flags == FILE_PATCH) {
            page->pack = DELTA_PATCH;
            page->slot = (uint32_t)(patch / sizeof(uint64_t));
            patch = file_patch_end(&delta->patches, patch);
        } else if (flags == FILE_ZERO) {
            page->pack = DELTA_ZERO;
        }
        if ((flags == FILE_PATCH && patch == 0) || (flags & ~(FILE_PATCH | FILE_ZERO)) != 0 ||
            flags == (FILE_PATCH | FILE_ZERO)) {
            break;
        }
        slot += flags == 0;
    }
    return delta->count == h->pages && slot == h->stored && patch == h->patch_size
               ? 0
               : vmm_err_set(err, EBADMSG, "the checkpoint's list makes no sense");
}

static int file_patches_read(struct snap_patches *patches, int fd, const struct file_header *h,
                             struct vmm_err *err)
{
    int rc = patches_reserve(patches, h->patch_size);
    rc = rc == 0 ? os_pread_full(fd, patches->bytes, h->patch_size, file_patches(h)) : rc;
    if (rc < 0) {
        return vmm_err_set(err, -rc, "reading the checkpoint: %s", strerror(-rc));
    }
    const uint64_t hash = XXH3_64bits(patches->bytes, h->patch_size);
    return hash == h->patch_hash
               ? 0
               : vmm_err_set(err, EBADMSG,
                             "the checkpoint's patches are damaged: checksum %016llx, recorded "
                             "%016llx",
                             (ull)hash, (ull)h->patch_hash);
}

static int file_list_read(struct vmm_snapshot *snap, int fd, const struct file_header *h,
                          struct vmm_err *err)
{
    const size_t size = h->pages * sizeof(uint32_t);
    uint32_t *list = malloc(size + 1);
    snap->delta.pages = malloc((h->pages + 1) * sizeof(*snap->delta.pages));
    int rc = list == NULL || snap->delta.pages == NULL ? -ENOMEM
                                                       : os_pread_full(fd, list, size, FILE_LIST);
    if (rc < 0) {
        (void)vmm_err_set(err, -rc, "reading the checkpoint: %s", strerror(-rc));
    } else if (XXH3_64bits(list, size) != h->list_hash) {
        rc = vmm_err_set(err, EBADMSG,
                         "the checkpoint's list is damaged: checksum %016llx, recorded %016llx",
                         (ull)XXH3_64bits(list, size), (ull)h->list_hash);
    } else {
        rc = file_list(snap, h, list, err);
    }
    free(list);
    return rc;
}

static void file_moment(struct snap_header *to, const struct file_header *h)
{
    to->wall_ns = h->wall_ns;
    to->mono_ns = h->mono_ns;
    to->timer_ns = h->timer_ns;
    to->generation = h->generation;
    to->run_call = h->run_call;
    to->state = h->state;
}

/* What the file says of memory, in one checksum: list, patches and bytes. */
static void file_content(const struct file_header *h, uint64_t content[2])
{
    const uint64_t parts[] = {h->list_hash, h->patch_hash, h->data_hash[0], h->data_hash[1]};
    const XXH128_hash_t hash = XXH3_128bits(parts, sizeof(parts));
    content[0] = hash.low64;
    content[1] = hash.high64;
}

/* Makes the delta's only pack. Takes over the descriptor. */
static int file_pack(struct vmm_snapshot *snap, int *fd, const struct file_header *h,
                     const struct infile_mark *mark, struct vmm_err *err)
{
    struct snap_delta *delta = &snap->delta;
    struct snap_pack *pack = pack_of_file(*fd, file_data(h), h->stored * HV_PAGE_SIZE, mark, err);
    *fd = -1;
    if (pack == NULL) {
        return -ENOMEM;
    }
    delta->packs[delta->pack_count++] = pack;
    delta->is_file = true;
    memcpy(pack->hash, h->data_hash, sizeof(pack->hash));
    file_content(h, delta->content);
    delta_mark_runs(delta);
    return 0;
}

/* Takes over the descriptor when there is a pack for it. */
static int file_read(struct vmm_snapshot *snap, int *fd, struct file_header *h, struct vmm_err *err)
{
    struct infile_mark mark;
    int rc = infile_mark(*fd, "the checkpoint", &mark, err);
    rc = rc == 0 ? file_header_read(*fd, h, mark.size, err) : rc;
    rc = rc == 0 ? file_base_check(h, snap->base, err) : rc;
    rc = rc == 0 ? file_size_check(h, mark.size, snap->header.memory, err) : rc;
    if (rc == 0) {
        file_moment(&snap->header, h);
        snap->suspended.is = h->is_suspended != 0;
        snap->suspended.until_ns = h->until_ns;
        memcpy(snap->suspended.open, h->open, sizeof(h->open));
        rc = snap_moment_check(&snap->header, err);
    }
    rc = rc == 0 ? file_patches_read(&snap->delta.patches, *fd, h, err) : rc;
    rc = rc == 0 ? file_list_read(snap, *fd, h, err) : rc;
    if (rc == 0 && h->workset_pages > 0) {
        rc = snap_workset_read(snap, *fd, file_workset(h), h->workset_pages, h->workset_hash,
                               "the checkpoint", err);
    }
    return rc == 0 ? file_pack(snap, fd, h, &mark, err) : rc;
}

int vmm_checkpoint_open_fd(int fd, struct vmm_snapshot *base, struct vmm_snapshot **out,
                           struct vmm_err *err)
{
    struct vmm_err local = {0};
    err = err != NULL ? err : &local;
    *out = NULL;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) {
        return vmm_err_set(err, errno, "the checkpoint: %s%s", strerror(errno), os_limit(errno));
    }
    struct vmm_snapshot *snap = snap_new_over(snap_base(base));
    struct file_header *h = calloc(1, sizeof(*h));
    int rc = snap == NULL || h == NULL ? vmm_err_set(err, ENOMEM, "out of memory")
                                       : file_read(snap, &own, h, err);
    free(h);
    os_close(own);
    if (rc < 0) {
        vmm_snapshot_close(snap);
        return -err->code;
    }
    *out = snap;
    return 0;
}

/* A memfd can lose no seal. A file that is no memfd has none. */
static int file_sealed(int fd, struct vmm_err *err)
{
    const int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    const int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & wanted) == wanted
               ? 0
               : vmm_err_set(err, EPERM,
                             "the checkpoint is not sealed: its seals are 0x%x, wanted 0x%x",
                             seals >= 0 ? (unsigned)seals : 0, (unsigned)wanted);
}

int vmm_checkpoint_take(struct vmm *vm, int fd, bool sealed, struct vmm_snapshot **out,
                        struct vmm_err *err)
{
    *out = NULL;
    if (vm->snap == NULL) {
        return vmm_err_set(err, EINVAL, "the machine was not restored: it has no checkpoints");
    }
    const int rc = sealed ? file_sealed(fd, err) : 0;
    return rc < 0 ? rc : vmm_checkpoint_open_fd(fd, vm->snap, out, err);
}

int vmm_checkpoint_open(const char *path, struct vmm_snapshot *base, struct vmm_snapshot **out,
                        struct vmm_err *err)
{
    *out = NULL;
    int fd = infile_open(path, err);
    if (fd < 0) {
        return fd;
    }
    int rc = vmm_file_trusted(fd, path, err);
    if (rc == 0) {
        rc = vmm_checkpoint_open_fd(fd, base, out, err);
        rc = rc < 0 ? vmm_err_context(err, "%s", path) : 0;
    }
    os_close(fd);
    return rc;
}
