// SPDX-License-Identifier: Apache-2.0
/*
 * Guest memory: RAM from address 0, the initrd's file, and the one translation from guest addresses
 * to pointers. Every write of the host to guest memory goes through mem_write_ptr(): KVM's dirty
 * log does not see such a write, but a rewind has to. KVM's memory slots are in slots.c.
 */
#include "vmm_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Maps memory that is aligned to 2 MiB. Kernels since 6.7 align a mapping of this size by
 * themselves. The other way needs munmap(), which has to tell the KVM of every VM of the
 * process. */
static uint8_t *mem_map_aligned(uint64_t size)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    uint8_t *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (at == MAP_FAILED || ((uintptr_t)at & (PAGE_2M - 1)) == 0) {
        return at;
    }
    os_unmap(at, size);
    uint8_t *room = mmap(NULL, size + PAGE_2M, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (room == MAP_FAILED) {
        return room;
    }
    const uint64_t skip = -(uintptr_t)room & (PAGE_2M - 1);
    os_unmap(room, skip);
    os_unmap(room + skip + size, PAGE_2M - skip);
    return room + skip;
}

static int mem_map_failed(uint64_t size, struct vmm_err *err)
{
    return vmm_err_set(err, errno, "cannot map %llu MiB of guest memory: %s%s",
                       (unsigned long long)(size >> 20), strerror(errno), os_limit(errno));
}

static void mem_ram_set(struct vmm *vm, uint8_t *ram, uint64_t size)
{
    vm->ram = ram;
    vm->ram_size = vm->ram_low = vm->ram_bound = size;
    vm->shared = (struct hv_shared *)(void *)(vm->ram + HV_SHARED_GPA);
}

int mem_ram_hide(struct vmm *vm, struct vmm_err *err)
{
    if (madvise(vm->ram, vm->ram_size, MADV_DONTDUMP) < 0) {
        return vmm_err_set(err, errno, "guest memory: MADV_DONTDUMP: %s", strerror(errno));
    }
    return 0;
}

/* RAM is aligned as the guest's addresses are, so that 2 MiB of it can be one page of the host. A
 * first touch costs an exit on kvm-pvm, and so one exit does for 512 pages. */
int mem_ram_map(struct vmm *vm, uint64_t size, struct vmm_err *err)
{
    uint8_t *ram = mem_map_aligned(size);
    if (ram == MAP_FAILED) {
        return mem_map_failed(size, err);
    }
    mem_ram_set(vm, ram, size);
    (void)madvise(vm->ram, size, MADV_HUGEPAGE); /* only a hint */
    return mem_ram_hide(vm, err);
}

static int mem_ram_map_over(struct vmm *vm, uint64_t size, int fd, uint64_t offset, uint64_t low,
                            struct vmm_err *err)
{
    int rc = mem_ram_map(vm, size, err);
    if (rc == 0 && mmap(vm->ram, low, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED, fd, (off_t)offset) == MAP_FAILED) {
        rc = mem_map_failed(low, err);
    }
    return rc == 0 ? mem_ram_hide(vm, err) : rc;
}

/* Maps the part after the file first, then the file right below it. That place is nearly always
 * free. */
int mem_ram_map_file(struct vmm *vm, uint64_t size, int fd, uint64_t offset, uint64_t low,
                     struct vmm_err *err)
{
    if (low == size) {
        return mem_ram_map_over(vm, size, fd, offset, low, err);
    }
    uint8_t *high = mem_map_aligned(size - low);
    if (high == MAP_FAILED) {
        return mem_map_failed(size, err);
    }
    (void)madvise(high, size - low, MADV_HUGEPAGE); /* only a hint */
    uint8_t *ram = mmap(high - low, low, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED_NOREPLACE, fd, (off_t)offset);
    if (ram == high - low) {
        mem_ram_set(vm, ram, size);
        return mem_ram_hide(vm, err);
    }
    const int code =
        ram == MAP_FAILED ? errno : EEXIST; /* a kernel before 4.17 knows no such flag */
    if (ram != MAP_FAILED) {
        os_unmap(ram, low);
    }
    os_unmap(high, size - low);
    errno = code;
    return code == EEXIST ? mem_ram_map_over(vm, size, fd, offset, low, err)
                          : mem_map_failed(size, err);
}

/* Maps RAM again over itself. Unlike MADV_DONTNEED this also frees the host's page tables. */
int mem_ram_renew(struct vmm *vm, int fd, uint64_t offset, struct vmm_err *err)
{
    const uint64_t low = vm->ram_image;
    const uint64_t high = vm->ram_size - low;
    const int flags = MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED;
    if (mmap(vm->ram, low, PROT_READ | PROT_WRITE, flags, fd, (off_t)offset) == MAP_FAILED ||
        (high > 0 && mmap(vm->ram + low, high, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1,
                          0) == MAP_FAILED)) {
        return mem_map_failed(vm->ram_size, err);
    }
    if (high > 0) {
        (void)madvise(vm->ram + low, high, MADV_HUGEPAGE); /* only a hint */
    }
    return mem_ram_hide(vm, err);
}

/* Maps zero pages over the padded size, then the file over its part. */
int mem_initrd_map(struct mem_initrd *initrd, int fd, const char *name, struct vmm_err *err)
{
    struct stat st;
    int rc = os_fstat(fd, &st);
    if (rc < 0) {
        return vmm_err_set(err, -rc, "%s: %s", name, strerror(-rc));
    }
    if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        return vmm_err_set(err, EINVAL, "%s: %s", name,
                           S_ISREG(st.st_mode) ? "the file is empty" : "not a regular file");
    }
    initrd->size = (uint64_t)st.st_size;
    const uint64_t padded = (initrd->size + PAGE_2M - 1) & ~(PAGE_2M - 1);
    if (padded > VMM_MEMORY_MAX) {
        return vmm_err_set(err, EFBIG, "%s: larger than 64 GiB", name);
    }
    void *map = mmap(NULL, padded, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        return vmm_err_set(err, errno, "%s: cannot map it: %s", name, strerror(errno));
    }
    initrd->map = map;
    initrd->map_size = padded;
    if (mmap(map, initrd->size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
        return vmm_err_set(err, errno, "%s: cannot map it: %s", name, strerror(errno));
    }
    return 0;
}

void mem_initrd_unmap(struct mem_initrd *initrd)
{
    os_unmap(initrd->map, initrd->map_size);
    *initrd = (struct mem_initrd){0};
}

static bool mem_in_ram(const struct vmm *vm, hv_gpa_t gpa, uint64_t size)
{
    return gpa <= vm->ram_bound && size <= vm->ram_bound - gpa;
}

const void *mem_read_ptr(const struct vmm *vm, hv_gpa_t gpa, uint64_t size)
{
    return mem_in_ram(vm, gpa, size) ? vm->ram + gpa : NULL;
}

static void mem_mark_hot(struct hot_set *hot, uint64_t first, uint64_t last)
{
    for (uint64_t page = first; hot->map != NULL && page <= last; page++) {
        hot->grown = hot->grown || !bitmap_test(hot->map, page);
        bitmap_set(hot->map, page);
    }
}

static void mem_mark(struct vmm *vm, hv_gpa_t gpa, uint64_t size)
{
    if (size == 0) {
        return;
    }
    const uint64_t end = gpa + size < vm->ram_low ? gpa + size : vm->ram_low;
    vm->high_used = vm->high_used || gpa + size > vm->ram_low;
    if (gpa < end) {
        mem_mark_hot(&vm->hot, gpa / HV_PAGE_SIZE, (end - 1) / HV_PAGE_SIZE);
    }
}

void *mem_write_ptr(struct vmm *vm, hv_gpa_t gpa, uint64_t size)
{
    if (!mem_in_ram(vm, gpa, size)) {
        return NULL;
    }
    mem_mark(vm, gpa, size);
    return vm->ram + gpa;
}

struct hv_shared *mem_shared_write(struct vmm *vm)
{
    mem_mark(vm, HV_SHARED_GPA, sizeof(struct hv_shared));
    return vm->shared;
}
