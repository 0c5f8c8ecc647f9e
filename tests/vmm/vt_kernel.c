// SPDX-License-Identifier: Apache-2.0
/*
 * Hostile kernel files: each must be refused by name, and none may be loaded in part.
 */
#include "vt.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

static int try_kernel(const char *path, struct vmm_err *err)
{
    struct vmm *vm;
    const struct vmm_config config = {
        .kernel_path = path, .initrd_path = vt_initrd, .memory = VMM_MEMORY_MIN, .io = vt_no_io};
    int rc = vmm_create(&config, &vm, err);
    if (rc == 0) {
        vmm_destroy(vm);
    } else {
        CHECK(vm == NULL);
    }
    return rc;
}

static int try_bytes(const char *bytes, size_t size, struct vmm_err *err)
{
    char path[64];
    int fd = vt_memfd(bytes, size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int rc = try_kernel(path, err);
    close(fd);
    return rc;
}

static char *kernel_bytes(size_t *size)
{
    int fd = open(vt_kernel, O_RDONLY);
    CHECK(fd >= 0);
    char *bytes = vt_content(fd, size);
    close(fd);
    return bytes;
}

static void t_version(void)
{
    struct vmm_err err;
    FAILS(try_kernel(vt_kernel_other, &err), ENOEXEC,
          "ABI version 99, wanted " VT_TEXT(HV_ABI_VERSION));
}

static void t_not_elf(void)
{
    struct vmm_err err;
    FAILS(try_kernel("/nowhere/kernel", &err), ENOENT, "/nowhere/kernel");
    FAILS(try_kernel("/", &err), EINVAL, "not a regular file");
    FAILS(try_bytes("", 0, &err), ENOEXEC, "not an ELF");
    FAILS(try_bytes("#!/bin/sh\nexit 0\n", 17, &err), ENOEXEC, "not an ELF");
    FAILS(try_kernel("/proc/self/exe", &err), ENOEXEC, "ELF type 3, wanted 2");
}

/* A file truncated anywhere is refused, or loaded whole when only section headers are gone. */
static void t_truncated(void)
{
    struct vmm_err err;
    size_t size;
    char *bytes = kernel_bytes(&size);
    size_t refused = 0;
    for (size_t n = 0; n < size; n += n < 512 ? 7 : 211) {
        int rc = try_bytes(bytes, n, &err);
        CHECK(rc == 0 || rc == -ENOEXEC);
        refused += rc != 0;
    }
    CHECK(refused > 100);
    FAILS(try_bytes(bytes, 0x2000 + 64, &err), ENOEXEC, "truncated");
}

static void t_header(void)
{
    struct vmm_err err;
    size_t size;
    char *bytes = kernel_bytes(&size);
    Elf64_Ehdr *eh = (Elf64_Ehdr *)(void *)bytes;
    eh->e_machine = EM_AARCH64;
    FAILS(try_bytes(bytes, size, &err), ENOEXEC, "not for x86-64");
    eh->e_machine = EM_X86_64;
    eh->e_ident[EI_CLASS] = ELFCLASS32;
    CHECK_INT(try_bytes(bytes, size, &err), -ENOEXEC);
    eh->e_ident[EI_CLASS] = ELFCLASS64;
    eh->e_entry = 0x1000;
    FAILS(try_bytes(bytes, size, &err), ENOEXEC, "entry 0x1000");
    eh->e_entry = 0x40000;
    eh->e_phnum = 0;
    FAILS(try_bytes(bytes, size, &err), ENOEXEC, "program headers");
    eh->e_phnum = 5;
    eh->e_phoff = UINT64_MAX - 8;
    CHECK_INT(try_bytes(bytes, size, &err), -ENOEXEC);
}

/* One change of the text segment's header (the second), and the words of the refusal. */
static void t_segments(void)
{
    static const struct {
        uint64_t addr, filesz, memsz, offset;
        const char *words;
    } rows[] = {
        {0x0, 0x1000, 0x1000, 0x2000, "neither the vector page"},
        {0x2000, 0x100, 0x1000, 0x2000, "neither the vector page"},
        {0x3f000, 0x100, 0x2000, 0x2000, "neither the vector page"},
        {0x1ff000, 0x100, 0x2000, 0x2000, "neither the vector page"},
        {0x200000, 0x100, 0x100, 0x2000, "neither the vector page"},
        {UINT64_MAX - 0xfff, 0x100, 0x2000, 0x2000, "neither the vector page"},
        {0x40000, 0x100, UINT64_MAX, 0x2000, "neither the vector page"},
        {0x40000, 0x1000, 0x800, 0x2000, "larger in the file"},
        {0x40000, 0x100000, 0x100000, 0x2000, "truncated"},
        {0x40000, 0x100, 0x100, UINT64_MAX - 16, "truncated"},
    };
    struct vmm_err err;
    size_t size;
    char *bytes = kernel_bytes(&size);
    Elf64_Phdr *ph = (Elf64_Phdr *)(void *)(bytes + sizeof(Elf64_Ehdr)) + 1;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ph->p_vaddr = ph->p_paddr = rows[i].addr;
        ph->p_filesz = rows[i].filesz;
        ph->p_memsz = rows[i].memsz;
        ph->p_offset = rows[i].offset;
        FAILS(try_bytes(bytes, size, &err), ENOEXEC, rows[i].words);
    }
    ph->p_vaddr = 0x41000;
    ph->p_paddr = 0x40000;
    FAILS(try_bytes(bytes, size, &err), ENOEXEC, "differs");
}

/* A kernel that leaves no room for its page tables. */
static void t_full(void)
{
    struct vmm_err err;
    size_t size;
    char *bytes = kernel_bytes(&size);
    Elf64_Phdr *ph = (Elf64_Phdr *)(void *)(bytes + sizeof(Elf64_Ehdr)) + 3;
    ph->p_memsz = HV_KERNEL_LIMIT - ph->p_vaddr;
    FAILS(try_bytes(bytes, size, &err), E2BIG, "page tables");
}

/* With any single byte changed a file is refused or loaded, and nothing else happens. */
static void t_flips(void)
{
    struct vmm_err err;
    size_t size;
    char *bytes = kernel_bytes(&size);
    const size_t note = 0x4000; /* rodata with the note begins here */
    for (size_t i = 0; i < 64 + 5 * 56 + 64; i++) {
        const size_t at = i < 64 + 5 * 56 ? i : note + (i - 64 - 5 * 56) * 8;
        bytes[at] ^= 0x55;
        int rc = try_bytes(bytes, size, &err);
        CHECK(rc == 0 || rc == -ENOEXEC || rc == -E2BIG);
        bytes[at] ^= 0x55;
    }
}

const struct vt_test vt_kernel_tests[] = {
    {"kernel-abi-version", t_version}, {"kernel-not-elf", t_not_elf},
    {"kernel-truncated", t_truncated}, {"kernel-header", t_header},
    {"kernel-segments", t_segments},   {"kernel-too-large", t_full},
    {"kernel-byte-flips", t_flips},    {NULL, NULL},
};
