// SPDX-License-Identifier: Apache-2.0
/*
 * Opening a snapshot: every field of the header is checked before it is used, and each refusal
 * names what was found and what was wanted. Memory is not read here: that is vmm_snapshot_verify().
 */
#include "snapshot_int.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

typedef unsigned long long ull;

static int snap_header_read(int fd, struct snap_header *h, uint64_t size, struct vmm_err *err)
{
    if (size < sizeof(*h)) {
        return vmm_err_set(err, EBADMSG,
                           "the snapshot is truncated: %llu bytes, wanted at least %zu", (ull)size,
                           sizeof(*h));
    }
    int rc = os_pread_full(fd, h, sizeof(*h), 0);
    if (rc < 0) {
        return vmm_err_set(err, -rc, "reading the snapshot: %s", strerror(-rc));
    }
    if (memcmp(h->magic, SNAP_MAGIC, sizeof(h->magic)) != 0) {
        return vmm_err_set(err, EBADMSG,
                           "not a snapshot: it begins with %02x%02x%02x%02x, not '%s'",
                           (uint8_t)h->magic[0], (uint8_t)h->magic[1], (uint8_t)h->magic[2],
                           (uint8_t)h->magic[3], SNAP_MAGIC);
    }
    if (h->version != SNAP_VERSION) {
        return vmm_err_set(err, EPROTO, "snapshot version %u, wanted %u", h->version, SNAP_VERSION);
    }
    const uint64_t hash = snap_header_hash(h);
    if (hash != h->header_hash) {
        return vmm_err_set(err, EBADMSG,
                           "the snapshot's header is damaged: checksum %016llx, recorded %016llx",
                           (ull)hash, (ull)h->header_hash);
    }
    if (h->abi_version != HV_ABI_VERSION) {
        return vmm_err_set(err, EPROTO, "snapshot of kernel ABI version %u, wanted %d",
                           h->abi_version, HV_ABI_VERSION);
    }
    return 0;
}

int snap_moment_check(const struct snap_header *h, struct vmm_err *err)
{
    const uint64_t gpa = h->run_call.arg[0];
    const uint64_t len = h->run_call.arg[1];
    if (h->cpuid.nent > CPUID_ENTRIES || !x86_state_sane(&h->state) || gpa > h->memory ||
        len > h->memory - gpa) {
        return vmm_err_set(err, EBADMSG, "the snapshot's header makes no sense");
    }
    return 0;
}

/* Checks what a right checksum does not promise: that the numbers make sense together. */
static int snap_header_check(const struct snap_header *h, uint64_t size, struct vmm_err *err)
{
    if (h->memory < VMM_MEMORY_MIN || h->memory > VMM_MEMORY_MAX || h->memory % PAGE_2M != 0 ||
        h->data_end > h->memory || h->workset_pages > SNAP_WORKSET_MAX ||
        h->text_start > h->text_end || h->text_end > h->data_end ||
        (h->text_start | h->text_end) % PAGE_2M != 0) {
        return vmm_err_set(err, EBADMSG, "the snapshot has impossible sizes: memory %llu",
                           (ull)h->memory);
    }
    if (size != snap_file_size(h)) {
        return vmm_err_set(err, EBADMSG, "the snapshot has %llu bytes, wanted %llu", (ull)size,
                           (ull)snap_file_size(h));
    }
    return snap_moment_check(h, err);
}

static int snap_key_check(const struct snap_header *h, const struct vmm_key *key,
                          struct vmm_err *err)
{
    if (key == NULL || memcmp(key, &h->key, sizeof(*key)) == 0) {
        return 0;
    }
    char found[33];
    char wanted[33];
    vmm_key_text(&h->key, found);
    vmm_key_text(key, wanted);
    return vmm_err_set(err, EKEYREJECTED, "the snapshot belongs to key %s, wanted %s", found,
                       wanted);
}

/* Counts the entries of pages that longer runs write; -1 when the list makes no sense. */
static int64_t snap_workset_check(const struct vmm_snapshot *snap, const uint32_t *entries,
                                  uint64_t pages)
{
    int64_t longer = 0;
    for (uint64_t i = 0, next = 0; i < pages; i++) {
        const uint64_t page = entries[i] & SNAP_PAGE_NUMBER;
        const uint32_t flags = entries[i] & ~SNAP_PAGE_NUMBER;
        if (page < next || page >= snap->header.memory / HV_PAGE_SIZE ||
            (flags & ~(SNAP_PAGE_READ | SNAP_PAGE_LONGER)) != 0) {
            return -1;
        }
        next = page + 1;
        longer += (flags & SNAP_PAGE_LONGER) != 0;
    }
    return longer;
}

static int snap_workset_fill(struct vmm_snapshot *snap, int fd, uint64_t at, uint64_t pages,
                             uint64_t wanted, const char *name, struct vmm_err *err)
{
    const size_t size = pages * sizeof(uint32_t);
    int rc = os_pread_full(fd, snap->workset, size, at);
    if (rc < 0) {
        return vmm_err_set(err, -rc, "reading %s: %s", name, strerror(-rc));
    }
    const uint64_t hash = XXH3_64bits(snap->workset, size);
    if (pages != 0 && hash != wanted) {
        return vmm_err_set(err, EBADMSG,
                           "%s's working set is damaged: checksum %016llx, recorded %016llx", name,
                           (ull)hash, (ull)wanted);
    }
    const int64_t longer = snap_workset_check(snap, snap->workset, pages);
    if (longer < 0) {
        return vmm_err_set(err, EBADMSG, "%s's working set makes no sense", name);
    }
    snap->header.workset_pages = pages;
    snap->header.workset_hash = wanted;
    snap->workset_longer = (uint64_t)longer;
    return 0;
}

int snap_workset_read(struct vmm_snapshot *snap, int fd, uint64_t at, uint64_t pages, uint64_t hash,
                      const char *name, struct vmm_err *err)
{
    snap->workset = malloc(pages * sizeof(uint32_t) + 1);
    return snap->workset == NULL ? vmm_err_set(err, ENOMEM, "out of memory")
                                 : snap_workset_fill(snap, fd, at, pages, hash, name, err);
}

static int snap_map(struct vmm_snapshot *snap, const char *initrd_name, struct vmm_err *err)
{
    const struct snap_header *h = &snap->header;
    int rc = mem_initrd_map(&snap->initrd, snap->initrd_fd, initrd_name, err);
    if (rc < 0) {
        return rc;
    }
    if (snap->initrd.size != h->initrd_size) {
        return vmm_err_set(err, EBADMSG, "%s has %llu bytes, the snapshot was made with %llu",
                           initrd_name, (ull)snap->initrd.size, (ull)h->initrd_size);
    }
    void *map = mmap(NULL, h->memory, PROT_READ, MAP_SHARED, snap->fd, SNAP_IMAGE_OFFSET);
    if (map == MAP_FAILED) {
        return vmm_err_set(err, errno, "cannot map the snapshot: %s", strerror(errno));
    }
    snap->pristine = map;
    return 0;
}

/* The marks are taken before anything is read. If a file is changed after that, its mark tells. */
static int snap_open(struct vmm_snapshot *snap, const char *initrd_name, const struct vmm_key *key,
                     struct vmm_err *err)
{
    int rc = infile_mark(snap->fd, "the snapshot", &snap->mark, err);
    if (rc == 0) {
        rc = infile_mark(snap->initrd_fd, initrd_name, &snap->initrd_mark, err);
    }
    if (rc == 0) {
        rc = snap_header_read(snap->fd, &snap->header, snap->mark.size, err);
    }
    if (rc == 0) {
        rc = snap_header_check(&snap->header, snap->mark.size, err);
    }
    if (rc == 0) {
        snap->policy = policy_host();
        rc = x86_cpuid_check(&snap->header.cpuid, snap->policy, err);
    }
    if (rc == 0) {
        rc = snap_key_check(&snap->header, key, err);
    }
    if (rc == 0) {
        const struct snap_header *h = &snap->header;
        rc = snap_workset_read(snap, snap->fd, SNAP_IMAGE_OFFSET + h->memory, h->workset_pages,
                               h->workset_hash, "the snapshot", err);
    }
    return rc == 0 ? snap_map(snap, initrd_name, err) : rc;
}

/* Takes over both descriptors, also when it fails. */
static int snap_take(int fd, int initrd_fd, const char *initrd_name, const struct vmm_key *key,
                     struct vmm_snapshot **out, struct vmm_err *err)
{
    uint64_t at = os_clock_ns(CLOCK_MONOTONIC);
    struct vmm_snapshot *snap = calloc(1, sizeof(*snap));
    if (snap == NULL) {
        os_close(fd);
        os_close(initrd_fd);
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    atomic_init(&snap->refs, 1);
    atomic_init(&snap->pagemap, -1);
    pthread_mutex_init(&snap->fresh_lock, NULL);
    snap->fd = fd;
    snap->initrd_fd = initrd_fd;
    int rc = snap_open(snap, initrd_name, key, err);
    if (rc < 0) {
        vmm_snapshot_close(snap);
        return rc;
    }
    snap->open_ns = os_lap_ns(&at);
    *out = snap;
    return 0;
}

/* A descriptor of the library's own for a file that the caller has opened. */
static int snap_dup(int fd, const char *name, struct vmm_err *err)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return own < 0 ? vmm_err_set(err, errno, "%s: %s%s", name, strerror(errno), os_limit(errno))
                   : own;
}

/* Opens a file that only this user and root can change. */
static int snap_open_trusted(const char *path, struct vmm_err *err)
{
    int fd = infile_open(path, err);
    int rc = fd < 0 ? fd : vmm_file_trusted(fd, path, err);
    if (rc < 0) {
        os_close(fd);
        return rc;
    }
    return fd;
}

int vmm_snapshot_open_fds(int fd, int initrd_fd, const struct vmm_key *key,
                          struct vmm_snapshot **out, struct vmm_err *err)
{
    *out = NULL;
    int own = snap_dup(fd, "the snapshot", err);
    if (own < 0) {
        return own;
    }
    int own_initrd = snap_dup(initrd_fd, "the initrd", err);
    if (own_initrd < 0) {
        os_close(own);
        return own_initrd;
    }
    return snap_take(own, own_initrd, "the initrd", key, out, err);
}

int vmm_snapshot_open_fd(int fd, const char *initrd_path, const struct vmm_key *key,
                         struct vmm_snapshot **out, struct vmm_err *err)
{
    *out = NULL;
    int own = snap_dup(fd, "the snapshot", err);
    if (own < 0) {
        return own;
    }
    int initrd_fd = snap_open_trusted(initrd_path, err);
    if (initrd_fd < 0) {
        os_close(own);
        return initrd_fd;
    }
    return snap_take(own, initrd_fd, initrd_path, key, out, err);
}

int vmm_snapshot_open(const char *path, const char *initrd_path, const struct vmm_key *key,
                      struct vmm_snapshot **out, struct vmm_err *err)
{
    *out = NULL;
    int fd = snap_open_trusted(path, err);
    if (fd < 0) {
        return fd;
    }
    int initrd_fd = snap_open_trusted(initrd_path, err);
    if (initrd_fd < 0) {
        os_close(fd);
        return vmm_err_context(err, "%s", path);
    }
    int rc = snap_take(fd, initrd_fd, initrd_path, key, out, err);
    return rc < 0 ? vmm_err_context(err, "%s", path) : 0;
}

struct vmm_snapshot *snap_hold(struct vmm_snapshot *snap)
{
    atomic_fetch_add(&snap->refs, 1);
    return snap;
}

struct vmm_snapshot *snap_new_over(struct vmm_snapshot *base)
{
    struct vmm_snapshot *snap = calloc(1, sizeof(*snap));
    if (snap == NULL) {
        return NULL;
    }
    atomic_init(&snap->refs, 1);
    atomic_init(&snap->pagemap, -1);
    pthread_mutex_init(&snap->fresh_lock, NULL);
    snap->base = snap_hold(base);
    snap->fd = base->fd;
    snap->policy = base->policy;
    snap->header = base->header;
    snap->pristine = base->pristine;
    snap->workset = base->workset;
    snap->workset_longer = base->workset_longer;
    snap->initrd = base->initrd;
    snap->initrd_fd = base->initrd_fd;
    snap->mark = base->mark;
    snap->initrd_mark = base->initrd_mark;
    return snap;
}

void snap_exchange(struct vmm_snapshot **at, struct vmm_snapshot *snap)
{
    struct vmm_snapshot *old = *at;
    *at = snap_hold(snap);
    vmm_snapshot_close(old);
}

/* A checkpoint's mappings and descriptors are its base's. */
static void snap_free_files(struct vmm_snapshot *snap)
{
    os_unmap(snap->pristine, snap->header.memory);
    mem_initrd_unmap(&snap->initrd);
    os_close(snap->initrd_fd);
    os_close(snap->fd);
    os_close(atomic_load(&snap->pagemap));
}

void vmm_snapshot_close(struct vmm_snapshot *snap)
{
    if (snap == NULL || atomic_fetch_sub(&snap->refs, 1) > 1) {
        return;
    }
    if (snap->base != NULL) {
        delta_free(&snap->delta);
    } else {
        snap_free_files(snap);
    }
    if (snap->base == NULL || snap->workset != snap->base->workset) {
        free(snap->workset);
    }
    vmm_snapshot_close(snap->base);
    free(snap->fresh[0]);
    free(snap->fresh[1]);
    pthread_mutex_destroy(&snap->fresh_lock);
    free(snap);
}

uint64_t snap_image_size(const struct vmm_snapshot *snap)
{
    const struct snap_header *h = &snap->header;
    const uint64_t size = (h->data_end + PAGE_2M - 1) & ~(PAGE_2M - 1);
    return size < h->memory ? size : h->memory;
}

uint64_t snap_memory_least(const struct vmm_snapshot *snap)
{
    uint64_t room[HV_PAGE_SIZE / sizeof(uint64_t)];
    const struct hv_shared *shared =
        (const void *)snap_page(snap, HV_SHARED_GPA / HV_PAGE_SIZE, (uint8_t *)room);
    const uint64_t logged = snap_image_size(snap) + RESTORE_LOW_LOGGED;
    const uint64_t held = shared != NULL ? shared->memory_held : 0; /* a forged image may be zero */
    const uint64_t up = (held < snap->header.memory ? held : snap->header.memory) + PAGE_2M - 1;
    const uint64_t least = (up & ~(PAGE_2M - 1)) > logged ? up & ~(PAGE_2M - 1) : logged;
    return least < snap->header.memory ? least : snap->header.memory;
}

void vmm_snapshot_info(const struct vmm_snapshot *snap, struct vmm_snapshot_info *info)
{
    const struct snap_header *h = &snap->header;
    const uint64_t *content = snap->base == NULL ? h->image_hash : snap->delta.content;
    struct stat st;
    *info = (struct vmm_snapshot_info){
        .version = h->version,
        .abi_version = h->abi_version,
        .key = h->key,
        .memory = h->memory,
        .memory_least = snap_memory_least(snap),
        .data_pages = h->data_pages,
        .text_bytes = h->text_end - h->text_start,
        .initrd_size = h->initrd_size,
        .workset_pages = h->workset_pages - snap->workset_longer,
        .workset_longer = snap->workset_longer,
        .created_ns = h->wall_ns,
        .delta_pages = snap->delta.count,
        .delta_memory = delta_memory(&snap->delta),
        .suspended = snap->suspended.is,
    };
    memcpy(info->content, content, sizeof(info->content));
    if (os_fstat(snap->fd, &st) == 0) {
        info->disk_bytes = (uint64_t)st.st_blocks * 512;
    }
}

int snap_unchanged(const struct vmm_snapshot *snap, struct vmm_err *err)
{
    int rc = infile_unchanged(snap->fd, "the snapshot", &snap->mark, err);
    rc = rc == 0 ? infile_unchanged(snap->initrd_fd, "the initrd", &snap->initrd_mark, err) : rc;
    return rc == 0 ? delta_unchanged(&snap->delta, err) : rc;
}

int snap_unchanged_of(const struct vmm *vm, struct vmm_err *err)
{
    const int rc = snap_unchanged(vm->snap, err);
    return rc < 0 || vm->origin == vm->snap ? rc : delta_unchanged(&vm->origin->delta, err);
}

/* Checks the bytes between header and image, which are not used and must be zero. */
static int snap_verify_gap(const struct vmm_snapshot *snap, struct vmm_err *err)
{
    uint64_t page[HV_PAGE_SIZE / sizeof(uint64_t)];
    for (uint64_t at = sizeof(snap->header); at < SNAP_IMAGE_OFFSET;) {
        const uint64_t end = (at / HV_PAGE_SIZE + 1) * HV_PAGE_SIZE;
        memset(page, 0, sizeof(page));
        int rc = os_pread_full(snap->fd, page, end - at, at);
        if (rc < 0) {
            return vmm_err_set(err, -rc, "reading the snapshot: %s", strerror(-rc));
        }
        if (!page_is_zero((const uint8_t *)page)) {
            return vmm_err_set(err, EBADMSG,
                               "the snapshot is damaged: there is data at 0x%llx to 0x%llx, where "
                               "nothing is recorded",
                               (ull)at, (ull)end);
        }
        at = end;
    }
    return 0;
}

int vmm_snapshot_verify(const struct vmm_snapshot *snap, struct vmm_err *err)
{
    const struct snap_header *h = &snap->header;
    int rc = snap_unchanged(snap, err);
    if (rc == 0) {
        rc = snap_verify_gap(snap, err);
    }
    if (rc < 0) {
        return rc;
    }
    uint64_t hash[2];
    uint64_t pages;
    rc = snap_image_hash(snap->fd, snap->pristine, h->memory, hash, &pages);
    if (rc < 0) {
        return vmm_err_set(err, -rc, "out of memory");
    }
    if (hash[0] != h->image_hash[0] || hash[1] != h->image_hash[1] || pages != h->data_pages) {
        return vmm_err_set(err, EBADMSG,
                           "the snapshot's memory is damaged: checksum %016llx%016llx over %llu "
                           "pages, recorded %016llx%016llx over %llu",
                           (ull)hash[1], (ull)hash[0], (ull)pages, (ull)h->image_hash[1],
                           (ull)h->image_hash[0], (ull)h->data_pages);
    }
    /* After data_end a rewind clears memory without a look into the file. */
    const uint64_t end = (h->data_end + HV_PAGE_SIZE - 1) & ~(uint64_t)(HV_PAGE_SIZE - 1);
    if (snap_image_has_data(snap->fd, snap->pristine, end, h->memory)) {
        return vmm_err_set(err, EBADMSG,
                           "the snapshot's memory is damaged: there is data after 0x%llx, which "
                           "is recorded as its end",
                           (ull)h->data_end);
    }
    return delta_verify(&snap->delta, err);
}
