// SPDX-License-Identifier: Apache-2.0
/*
 * The auxiliary vector (getauxval(3)): program headers, page size, random bytes, ids, platform and
 * file name, each checked against what it must agree with inside the process.
 */
#include "t.h"

#include <cpuid.h>
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

extern const char __ehdr_start[] __attribute__((weak, visibility("hidden")));

static void check_phdr(void)
{
    const ElfW(Phdr) *phdr = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    size_t count = getauxval(AT_PHNUM);
    const ElfW(Phdr) *load = NULL;
    bool has_stack = false;

    T_MUST("AT_PHDR is set", phdr != NULL);
    T_CHECK("AT_PHNUM is sane", count > 2 && count < 64);
    T_EQ("AT_PHENT", getauxval(AT_PHENT), sizeof(ElfW(Phdr)));
    for (size_t i = 0; i < count; i++) {
        if (phdr[i].p_type == PT_LOAD && (phdr[i].p_flags & PF_X) != 0) {
            load = &phdr[i];
        }
        has_stack = has_stack || phdr[i].p_type == PT_GNU_STACK;
    }
    T_CHECK("program headers name executable text", load != NULL && load->p_filesz > 0);
    T_CHECK("program headers name the stack", has_stack);
    T_CHECK("AT_PHDR lies in the program", (const char *)phdr - __ehdr_start == sizeof(ElfW(Ehdr)));
    uintptr_t bias = (uintptr_t)phdr - sizeof(ElfW(Ehdr));
    if (bias == 0x400000) {
        bias = 0;
    }
    uintptr_t entry = getauxval(AT_ENTRY) - bias;
    T_CHECK("AT_ENTRY lies in the text",
            load && entry >= load->p_vaddr && entry < load->p_vaddr + load->p_memsz);
}

static int count_objects(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    if (info->dlpi_phdr == (const ElfW(Phdr) *)getauxval(AT_PHDR)) {
        *(int *)data += 1;
    }
    return 0;
}

static void check_random(void)
{
    const unsigned char *bytes = (const unsigned char *)getauxval(AT_RANDOM);
    unsigned all = 0;

    T_MUST("AT_RANDOM is set", bytes != NULL);
    for (int i = 0; i < 16; i++) {
        all |= bytes[i];
    }
    T_CHECK("AT_RANDOM bytes are not all zero", all != 0);
}

static void check_ids(void)
{
    T_EQ("AT_UID", getauxval(AT_UID), getuid());
    T_EQ("AT_EUID", getauxval(AT_EUID), geteuid());
    T_EQ("AT_GID", getauxval(AT_GID), getgid());
    T_EQ("AT_EGID", getauxval(AT_EGID), getegid());
    T_EQ("AT_SECURE", getauxval(AT_SECURE), 0);
}

/* The vector as the kernel left it: glibc's getauxval shows its own AT_HWCAP instead. */
static unsigned long on_stack(unsigned long type)
{
    char **word = environ;

    while (*word != NULL) {
        word++;
    }
    const ElfW(auxv_t) *aux = (const ElfW(auxv_t) *)(const void *)(word + 1);
    while (aux->a_type != type && aux->a_type != AT_NULL) {
        aux++;
    }
    return aux->a_type == type ? aux->a_un.a_val : 0;
}

static void check_hardware(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;

    T_EQ("AT_PAGESZ", getauxval(AT_PAGESZ), 4096);
    T_EQ("sysconf page size", sysconf(_SC_PAGESIZE), 4096);
    T_EQ("AT_CLKTCK", getauxval(AT_CLKTCK), 100);
    T_STR("AT_PLATFORM", (const char *)getauxval(AT_PLATFORM), "x86_64");
    T_MUST("cpuid leaf 1", __get_cpuid(1, &a, &b, &c, &d));
    T_EQ("AT_HWCAP is CPUID 1 EDX", on_stack(AT_HWCAP), d);
    /* Bit 1 of AT_HWCAP2: the FSGSBASE instructions may be used; then they must work. */
    if (getauxval(AT_HWCAP2) & 2) {
        unsigned long base = 0;
        unsigned long asked = 0;
        __asm__ volatile("rdfsbase %0" : "=r"(base));
        syscall(SYS_arch_prctl, 0x1003, &asked);
        T_CHECK("FSGSBASE agrees with arch_prctl", base != 0 && base == asked);
    } else {
        T_CHECK("FSGSBASE agrees with arch_prctl", true);
    }
}

static void check_names(void)
{
    const char *execfn = (const char *)getauxval(AT_EXECFN);
    int found = 0;

    T_MUST("AT_EXECFN is set", execfn != NULL);
    const char *slash = strrchr(execfn, '/');
    T_STR("AT_EXECFN names the program", slash ? slash + 1 : execfn, "auxv");
    dl_iterate_phdr(count_objects, &found);
    T_EQ("dl_iterate_phdr shows the program once", found, 1);
    errno = 0;
    T_CHECK("an unknown entry is ENOENT", getauxval(999999) == 0 && errno == ENOENT);
}

int main(void)
{
    check_phdr();
    check_random();
    check_ids();
    check_hardware();
    check_names();
    return t_done();
}
