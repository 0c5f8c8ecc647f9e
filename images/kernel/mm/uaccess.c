// SPDX-License-Identifier: Apache-2.0
/*
 * Access to program memory. The mappings decide whether an address is valid; the page tables may
 * allow more. A page that is not entered yet is faulted in during the copy itself.
 */
#include "cpu/cpu.h"
#include "mm/mm.h"

int usercopy(void *dst, const void *src, size_t n);
int userclear(void *dst, size_t n);
int usercmpxchg(u32 *p, u32 expect, u32 desired, u32 *old);

bool user_range_ok(vaddr_t addr, size_t len, int prot)
{
    struct mm *mm = cur_proc()->mm;
    vaddr_t end = addr + len;
    if (end < addr) {
        return false;
    }
    while (addr < end) {
        struct vma *v = vma_find(mm, addr);
        if (v == NULL || (v->prot & prot) != prot ||
            !(v->prot & (PROT_READ | PROT_WRITE | PROT_EXEC))) {
            return false;
        }
        addr = v->end;
    }
    return true;
}

/* A file's pages, though they were copied into RAM, may be mapped from the file by now (text.c). */
bool user_range_in_ram(vaddr_t addr, size_t len)
{
    vaddr_t end = addr + len;
    if (!pmm_is_ram(addr, len) || current->kernel_buffers) {
        return pmm_is_ram(addr, len);
    }
    while (addr < end) {
        struct vma *v = vma_find(cur_proc()->mm, addr);
        if (v == NULL || v->kind != VMA_IDENT || vma_has_file(v) || !(v->prot & PROT_ALL)) {
            return false;
        }
        addr = v->end;
    }
    return true;
}

paddr_t user_shared_word(vaddr_t addr)
{
    const struct vma *v = vma_find(cur_proc()->mm, addr);
    if (v == NULL || !(v->flags & MAP_SHARED) || (v->flags & MAP_PRIVATE)) {
        return 0;
    }
    return v->kind == VMA_IDENT ? addr : pt_frame(addr);
}

int copy_from_user(void *dst, vaddr_t src, size_t n)
{
    if (!n) {
        return 0;
    }
    if (current->kernel_buffers) {
        memcpy(dst, (const void *)src, n);
        return 0;
    }
    return user_range_ok(src, n, 0) && !usercopy(dst, (const void *)src, n) ? 0 : -EFAULT;
}

int copy_to_user(vaddr_t dst, const void *src, size_t n)
{
    if (!n) {
        return 0;
    }
    if (current->kernel_buffers) {
        memcpy((void *)dst, src, n);
        return 0;
    }
    return user_range_ok(dst, n, PROT_WRITE) && !usercopy((void *)dst, src, n) ? 0 : -EFAULT;
}

int clear_user(vaddr_t dst, size_t n)
{
    if (!n) {
        return 0;
    }
    if (current->kernel_buffers) {
        memset((void *)dst, 0, n);
        return 0;
    }
    return user_range_ok(dst, n, PROT_WRITE) && !userclear((void *)dst, n) ? 0 : -EFAULT;
}

/* Faults are answered for the current process, so it has mm meanwhile. */
static void enter_mm(struct process *p, struct mm *mm)
{
    p->mm = mm;
    mm_activate(mm);
}

int copy_from_mm(struct mm *mm, void *dst, vaddr_t src, size_t n)
{
    struct process *p = cur_proc();
    struct mm *own = p->mm;
    enter_mm(p, mm);
    int rc = copy_from_user(dst, src, n);
    enter_mm(p, own);
    return rc;
}

int copy_to_mm(struct mm *mm, vaddr_t dst, const void *src, size_t n)
{
    struct process *p = cur_proc();
    struct mm *own = p->mm;
    enter_mm(p, mm);
    int rc = copy_to_user(dst, src, n);
    enter_mm(p, own);
    return rc;
}

long strncpy_from_user(char *dst, vaddr_t src, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t n = MIN(size - done, PAGE_SIZE - ((src + done) & PAGE_MASK));
        n = MIN(n, 256);
        if (copy_from_user(dst + done, src + done, n)) {
            return -EFAULT;
        }
        size_t len = strnlen(dst + done, n);
        if (len < n) {
            return (long)(done + len);
        }
        done += n;
    }
    return -ENAMETOOLONG;
}

int user_get_u32(vaddr_t addr, u32 *value)
{
    return copy_from_user(value, addr, sizeof(*value));
}

int user_cmpxchg_u32(vaddr_t addr, u32 expect, u32 desired, u32 *old)
{
    if (!user_range_ok(addr, sizeof(u32), PROT_WRITE)) {
        return -EFAULT;
    }
    return usercmpxchg((u32 *)addr, expect, desired, old) ? -EFAULT : 0;
}
