// SPDX-License-Identifier: Apache-2.0
/*
 * How the driver, a library preloaded into python3, gets a word in: it runs instead of python3's
 * main, and functions of the interpreter can be replaced, whoever calls them, by a jump over their
 * first bytes. Before the snapshot only, so that no run writes to text.
 */
#include "driver.h"
#include "hook.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef int main_function(int, char **, char **);
typedef int start_function(main_function *, int, char **, void (*)(void), void (*)(void),
                           void (*)(void), void *);

start_function __libc_start_main __attribute__((visibility("default")));

static int take_over(int argc, char **argv, char **env)
{
    (void)env;
    return driver_main(argc, argv);
}

int __libc_start_main(main_function *main_of_python, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    start_function *next;
    (void)main_of_python;
    *(void **)&next = dlsym(RTLD_NEXT, "__libc_start_main");
    return next(take_over, argc, argv, init, fini, rtld_fini, stack_end);
}

/* Writable for good: making it so takes longer than ending a run does. */
static void open_text(uint8_t *at)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t start = (uintptr_t)at & -page;
    const uintptr_t end = ((uintptr_t)at + HOOK_BYTES + page - 1) & -page;
    void *pages = (void *)start; // NOLINT(performance-no-int-to-ptr)
    if (mprotect(pages, end - start, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
        drv_fail("cannot make python3's text writable: %s", strerror(errno));
    }
}

void hook_set(struct hook *hook, const char *name, void (*instead)(void))
{
    /* jmp *0(%rip), and the address behind it */
    uint8_t jump[HOOK_BYTES] = {0xff, 0x25};
    Dl_info info;
    void *found = NULL;
    void *at = dlsym(RTLD_DEFAULT, name);
    if (at == NULL || dladdr1(at, &info, &found, RTLD_DL_SYMENT) == 0 || found == NULL ||
        info.dli_saddr != at || ((const ElfW(Sym) *)found)->st_size < HOOK_BYTES) {
        drv_fail("python3 has no %s that can be replaced", name);
    }
    memcpy(jump + HOOK_BYTES - sizeof(instead), &instead, sizeof(instead));
    hook->at = at;
    memcpy(hook->bytes, at, HOOK_BYTES);
    open_text(at);
    memcpy(at, jump, HOOK_BYTES);
}

void hook_unset(const struct hook *hook)
{
    memcpy(hook->at, hook->bytes, HOOK_BYTES);
}
