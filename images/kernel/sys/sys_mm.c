// SPDX-License-Identifier: Apache-2.0
/*
 * Memory system calls: mmap(2), munmap(2), mprotect(2), mremap(2), madvise(2),
 * brk(2), msync(2), mincore(2), mlock(2). Decoding only; the work is in mm/.
 */
#include "kernel.h"
#include "mm/mm.h"
#include "sysproto.h"

#define PROT_KNOWN (PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP)

long sys_brk(const long a[6])
{
    return mm_brk(cur_proc()->mm, (vaddr_t)a[0]);
}

long sys_mmap(const long a[6])
{
    u64 len = (u64)a[1], off = (u64)a[5];
    int prot = (int)a[2], flags = (int)a[3], type = flags & MAP_TYPE;
    if (!len || off & PAGE_MASK || off + PAGE_UP(len) < off ||
        (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)) {
        return -EINVAL;
    }
    struct file *f = NULL;
    if (!(flags & MAP_ANONYMOUS) && (f = fd_get((int)a[4])) == NULL) {
        return -EBADF;
    }
    if (type == MAP_SHARED_VALIDATE) {
        flags = (flags & ~MAP_TYPE) | MAP_SHARED;
    }
    struct mm *mm = cur_proc()->mm;
    prot &= PROT_KNOWN;
    if (f == NULL) {
        return mm_map(mm, (vaddr_t)a[0], len, prot, flags, NULL);
    }
    long rc = file_map(f, mm, (vaddr_t)a[0], len, prot, flags, off);
    file_put(f);
    return rc;
}

long sys_munmap(const long a[6])
{
    if ((u64)a[0] > WINDOW_END || (u64)a[1] > WINDOW_END - (u64)a[0]) {
        return -EINVAL;
    }
    return mm_munmap(cur_proc()->mm, (vaddr_t)a[0], (u64)a[1]);
}

long sys_mprotect(const long a[6])
{
    if (a[2] & ~PROT_KNOWN || (u64)a[0] & PAGE_MASK) {
        return -EINVAL;
    }
    if ((u64)a[0] > WINDOW_END || (u64)a[1] > WINDOW_END - (u64)a[0]) {
        return -ENOMEM;
    }
    return a[1] ? mm_mprotect(cur_proc()->mm, (vaddr_t)a[0], (u64)a[1], (int)a[2]) : 0;
}

long sys_mremap(const long a[6])
{
    if ((u64)a[1] > WINDOW_END || (u64)a[2] > WINDOW_END) {
        return -ENOMEM;
    }
    return mm_mremap(cur_proc()->mm, (vaddr_t)a[0], (u64)a[1], (u64)a[2], (int)a[3], (vaddr_t)a[4]);
}

long sys_madvise(const long a[6])
{
    if ((u64)a[0] > WINDOW_END || (u64)a[1] > WINDOW_END - (u64)a[0]) {
        return -EINVAL;
    }
    return mm_madvise(cur_proc()->mm, (vaddr_t)a[0], (u64)a[1], (int)a[2]);
}

/* Shared file pages are the file's own frames: there is nothing to write back. */
long sys_msync(const long a[6])
{
    if ((u64)a[0] & PAGE_MASK || a[2] & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
        (a[2] & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC)) {
        return -EINVAL;
    }
    return user_range_ok((vaddr_t)a[0], PAGE_UP(a[1]), 0) ? 0 : -ENOMEM;
}

long sys_mincore(const long a[6])
{
    u64 pages = PAGE_UP(a[1]) / PAGE_SIZE;
    if ((u64)a[0] & PAGE_MASK) {
        return -EINVAL;
    }
    if (!user_range_ok((vaddr_t)a[0], pages * PAGE_SIZE, 0)) {
        return -ENOMEM;
    }
    for (u64 i = 0; i < pages; i++) {
        vaddr_t va = (vaddr_t)a[0] + i * PAGE_SIZE;
        bool large = pt_is_large(va);
        const u64 *e = large ? NULL : pt_entry(va, false);
        u8 resident = large || (e != NULL && *e & PTE_P);
        if (copy_to_user((vaddr_t)a[2] + i, &resident, 1)) {
            return -EFAULT;
        }
    }
    return 0;
}

/* Guest memory is never swapped by the guest, so locking it is true already. */
static long lock_range(const long a[6])
{
    return user_range_ok(PAGE_DOWN(a[0]), PAGE_UP((u64)a[1] + ((u64)a[0] & PAGE_MASK)), 0)
               ? 0
               : -ENOMEM;
}

long sys_mlock(const long a[6])
{
    return lock_range(a);
}

long sys_munlock(const long a[6])
{
    return lock_range(a);
}

long sys_mlockall(const long a[6])
{
    return a[0] & ~7L || !a[0] ? -EINVAL : 0;
}

long sys_munlockall(const long a[6])
{
    (void)a;
    return 0;
}
