// SPDX-License-Identifier: Apache-2.0
/*
 * Functions of the interpreter can be replaced, whoever calls them, by a jump over their first
 * bytes. Before the snapshot only, so that no run writes to text.
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

#define PROT_TEXT (PROT_READ | PROT_EXEC)

/* The page is writable only meanwhile: otherwise its large page of text would not come to be. */
static void write_text(uint8_t *at, const uint8_t *bytes)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t start = (uintptr_t)at & -page;
    const uintptr_t end = ((uintptr_t)at + HOOK_BYTES + page - 1) & -page;
    void *pages = (void *)start; // NOLINT(performance-no-int-to-ptr)
    if (mprotect(pages, end - start, PROT_TEXT | PROT_WRITE) != 0) {
        drv_fail("cannot make python3's text writable: %s", strerror(errno));
    }
    memcpy(at, bytes, HOOK_BYTES);
    if (mprotect(pages, end - start, PROT_TEXT) != 0) {
        drv_fail("cannot make python3's text read-only: %s", strerror(errno));
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
    write_text(at, jump);
}

/* The length of an instruction that means the same elsewhere, of those that functions begin with:
 * endbr64, push of a register, sub of a constant from rsp. 0 for any other. */
static size_t movable(const uint8_t *at)
{
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    if (memcmp(at, endbr64, sizeof(endbr64)) == 0) {
        return sizeof(endbr64);
    }
    if (at[0] == 0x48 && (at[1] == 0x83 || at[1] == 0x81) && at[2] == 0xec) {
        return at[1] == 0x83 ? 4 : 7;
    }
    if (at[0] == 0x41) {
        return (at[1] & 0xf8) == 0x50 ? 2 : 0;
    }
    return (at[0] & 0xf8) == 0x50 ? 1 : 0;
}

void *hook_original(const struct hook *hook, const char *name)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *copy = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const uint8_t *rest = hook->at + HOOK_BYTES;
    size_t len = 0, next = 1;
    while (len < HOOK_BYTES && (next = movable(hook->bytes + len)) != 0) {
        len += next;
    }
    if (len != HOOK_BYTES || copy == MAP_FAILED) {
        drv_fail("python3's %s does not begin as it is known to", name);
    }
    memcpy(copy, hook->bytes, len);
    memcpy(copy + len, (const uint8_t[]){0xff, 0x25, 0, 0, 0, 0}, 6);
    memcpy(copy + len + 6, &rest, sizeof(rest));
    if (mprotect(copy, page, PROT_TEXT) != 0) {
        drv_fail("cannot make a copy of %s executable: %s", name, strerror(errno));
    }
    return copy;
}
