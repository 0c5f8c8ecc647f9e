// SPDX-License-Identifier: Apache-2.0
/*
 * Makes a fresh machine: kernel and initrd in memory, page tables after the kernel, shared page
 * filled, vCPU ready to execute its first instruction at CPL 3. The memory map is the one of abi.h.
 */
#include "paging.h"
#include "vmm_int.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define PTE_TABLE   (PTE_P | PTE_W | PTE_U | PTE_A)
#define PTE_RW_DATA (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_NX)
#define PTE_RO_DATA (PTE_P | PTE_U | PTE_A | PTE_NX)

/* Hands out table pages from next up to HV_KERNEL_LIMIT. */
struct boot_tables {
    uint8_t *ram;
    hv_gpa_t next;
    bool full;
};

static uint64_t *boot_table_new(struct boot_tables *t, hv_gpa_t *gpa)
{
    if (t->next + HV_PAGE_SIZE > HV_KERNEL_LIMIT) {
        t->full = true;
        *gpa = 0;
        return NULL;
    }
    *gpa = t->next;
    t->next += HV_PAGE_SIZE;
    return (uint64_t *)(void *)(t->ram + *gpa);
}

/* The page table entry of a page of the first 2 MiB that is not part of the kernel image. 0:
 * unmapped. */
static uint64_t boot_pte_fixed(hv_gpa_t a)
{
    if (a == HV_SHARED_GPA || a == HV_TABLES_GPA || a == HV_TRAP_GPA) {
        return a | PTE_RW_DATA;
    }
    if (a == HV_VECTORS_GPA) {
        return a | (PTE_RO_DATA & ~PTE_NX);
    }
    if ((a >= HV_STDOUT_GPA && a < HV_STDERR_GPA + HV_RING_SIZE) || a >= HV_KERNEL_GPA) {
        return a | PTE_RW_DATA;
    }
    return 0;
}

static uint64_t boot_pte(hv_gpa_t a, uint8_t flags)
{
    if (flags == 0 || a < HV_KERNEL_GPA) {
        return boot_pte_fixed(a);
    }
    uint64_t pte = a | PTE_P | PTE_U | PTE_A;
    pte |= (flags & PF_W) ? PTE_W | PTE_D : 0;
    pte |= (flags & PF_X) ? 0 : PTE_NX;
    return pte;
}

/* Maps [gpa, gpa + size) with 2 MiB pages through page directories put into pdpt. */
static void boot_map_2m(struct boot_tables *t, uint64_t *pdpt, hv_gpa_t gpa, uint64_t size,
                        uint64_t flags)
{
    uint64_t *pd = NULL;
    for (hv_gpa_t a = gpa; a < gpa + size && !t->full; a += PAGE_2M) {
        if (pd == NULL || a % (1ull << 30) == 0) {
            hv_gpa_t pd_gpa;
            pd = boot_table_new(t, &pd_gpa);
            pdpt[paging_index(a, 3)] = pd_gpa | PTE_TABLE;
        }
        if (pd != NULL) {
            pd[paging_index(a, 2)] = a | flags | PTE_LARGE;
        }
    }
}

static hv_gpa_t boot_page_tables(struct boot_tables *t, const struct kernel_image *image,
                                 uint64_t ram_size, uint64_t initrd_size)
{
    hv_gpa_t root;
    hv_gpa_t pdpt_gpa;
    hv_gpa_t pt_gpa;
    uint64_t *pml4 = boot_table_new(t, &root);
    uint64_t *pdpt = boot_table_new(t, &pdpt_gpa);
    uint64_t *pt = boot_table_new(t, &pt_gpa);
    if (t->full) {
        return 0;
    }
    pml4[0] = pdpt_gpa | PTE_TABLE;
    boot_map_2m(t, pdpt, 0, ram_size, PTE_RW_DATA);
    boot_map_2m(t, pdpt, HV_INITRD_GPA, initrd_size, PTE_RO_DATA);
    if (t->full) {
        return 0;
    }
    for (hv_gpa_t i = 0; i < PAGING_ENTRIES; i++) {
        pt[i] = boot_pte(i * HV_PAGE_SIZE, image->page_flags[i]);
    }
    uint64_t *pd = (uint64_t *)(void *)(t->ram + (pdpt[0] & PTE_ADDR));
    pd[0] = pt_gpa | PTE_TABLE;
    return root;
}

static int boot_shared(struct vmm *vm, const struct kernel_image *image, hv_gpa_t root,
                       hv_gpa_t free_start, struct vmm_err *err)
{
    struct hv_shared *s = vm->shared;
    s->magic = HV_SHARED_MAGIC;
    s->version = HV_ABI_VERSION;
    s->ram_size = vm->ram_size;
    s->kernel_start = image->start;
    s->kernel_text_end = image->text_end;
    s->kernel_end = image->end;
    s->free_start = free_start;
    s->pt_root = root;
    s->initrd_gpa = HV_INITRD_GPA;
    s->initrd_size = vm->initrd.size;
    s->boot_flags = vm->trace ? HV_RESUME_TRACE : 0;
    return clock_resume(vm, &s->resume, err);
}

static int boot_machine(struct vmm *vm, const char *kernel_path, struct vmm_err *err)
{
    struct kernel_image image;
    int rc = kernel_load(kernel_path, vm->ram, &image, err);
    if (rc < 0) {
        return rc;
    }
    struct boot_tables tables = {.ram = vm->ram, .next = image.end};
    hv_gpa_t root = boot_page_tables(&tables, &image, vm->ram_size, vm->initrd.map_size);
    if (root == 0) {
        return vmm_err_set(err, E2BIG, "%s: no room after the kernel for its page tables",
                           kernel_path);
    }
    vm->kernel_start = image.start;
    vm->kernel_text_end = image.text_end;
    tables_write(vm->ram + HV_TABLES_GPA);
    clock_start(vm);
    rc = boot_shared(vm, &image, root, tables.next, err);
    if (rc < 0) {
        return rc;
    }
    int kvm_fd = kvm_open(err);
    if (kvm_fd < 0) {
        return kvm_fd;
    }
    rc = x86_cpuid_policy(kvm_fd, vm->policy, &vm->cpuid, err);
    os_close(kvm_fd);
    if (rc < 0) {
        return rc;
    }
    struct x86_state state;
    x86_state_boot(&state, vm->policy, image.entry, root, x86_cpuid_xcr0(&vm->cpuid));
    rc = mem_slots_set(vm, err);
    return rc < 0 ? rc : x86_vcpu_init(vm, &state, err);
}

static int boot_initrd(struct vmm *vm, const char *path, struct vmm_err *err)
{
    int fd = infile_open(path, err);
    if (fd < 0) {
        return fd;
    }
    int rc = mem_initrd_map(&vm->initrd, fd, path, err);
    os_close(fd);
    return rc;
}

int vmm_create(const struct vmm_config *config, struct vmm **out, struct vmm_err *err)
{
    *out = NULL;
    if (config->kernel_path == NULL || config->initrd_path == NULL) {
        return vmm_err_set(err, EINVAL, "a kernel and an initrd are needed");
    }
    if (config->memory < VMM_MEMORY_MIN || config->memory > VMM_MEMORY_MAX) {
        return vmm_err_set(err, EINVAL, "memory of %llu MiB: wanted %llu to %llu MiB",
                           (unsigned long long)(config->memory >> 20), VMM_MEMORY_MIN >> 20,
                           VMM_MEMORY_MAX >> 20);
    }
    struct vmm *vm;
    int rc = vmm_alloc(&vm, policy_host(), &config->io, err);
    if (rc < 0) {
        return rc;
    }
    vm->trace = config->trace;
    rc = kvm_vm_create(vm, false, err);
    if (rc == 0) {
        rc = kvm_shadow_allow(vm, config->memory, err);
    }
    if (rc == 0) {
        rc = mem_ram_map(vm, (config->memory + PAGE_2M - 1) & ~(PAGE_2M - 1), err);
    }
    if (rc == 0) {
        rc = boot_initrd(vm, config->initrd_path, err);
    }
    if (rc == 0) {
        rc = boot_machine(vm, config->kernel_path, err);
    }
    if (rc < 0) {
        vmm_destroy(vm);
        return rc;
    }
    *out = vm;
    return 0;
}
