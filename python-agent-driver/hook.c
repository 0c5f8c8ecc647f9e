// SPDX-License-Identifier: Apache-2.0
/*
 * Replaces functions of the interpreter for all callers: a jump is written over their first bytes.
 * This is done before the snapshot only, so that no run writes to text.
 */
#include "driver.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HOOK_BYTES 14
#define PROT_TEXT  (PROT_READ | PROT_EXEC)

/* Writes over a function's first bytes. The page is writable only meanwhile: a writable page could
 * not become part of a large page of text. */
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

/* A function that only goes on elsewhere: endbr64 and jmp rel32, as the compiler makes it of a call
 * with the same arguments. Where it goes on, else NULL. */
static uint8_t *jumps_to(uint8_t *at, size_t size)
{
    int32_t offset;
    if (size != 9 || memcmp(at, (const uint8_t[]){0xf3, 0x0f, 0x1e, 0xfa, 0xe9}, 5) != 0) {
        return NULL;
    }
    memcpy(&offset, at + 5, sizeof(offset));
    return at + size + offset;
}

/* The function that has this name, or what does its work, and its size. */
static uint8_t *find_sized(const char *name, size_t *size)
{
    Dl_info info;
    void *found = NULL;
    void *at = dlsym(RTLD_DEFAULT, name);
    if (at == NULL || dladdr1(at, &info, &found, RTLD_DL_SYMENT) == 0 || found == NULL ||
        info.dli_saddr != at) {
        drv_fail("this python3 does not export %s, which the driver needs", name);
    }
    *size = ((const ElfW(Sym) *)found)->st_size;
    return at;
}

/* The address of the function that has this name, or of what does its work. */
static uint8_t *find(const char *name)
{
    size_t size;
    uint8_t *at = find_sized(name, &size);
    if (jumps_to(at, size) != NULL) {
        return jumps_to(at, size);
    }
    if (size < HOOK_BYTES) {
        drv_fail("%s of this python3 has %zu bytes, too few for the %d of a jump to the driver's",
                 name, size, HOOK_BYTES);
    }
    return at;
}

/* Writes jmp *0(%rip), and the address to which that jumps. */
static void put_jump(uint8_t *at, const void *to)
{
    memcpy(at, (const uint8_t[]){0xff, 0x25, 0, 0, 0, 0}, HOOK_BYTES - sizeof(to));
    memcpy(at + HOOK_BYTES - sizeof(to), &to, sizeof(to));
}

void hook_set(const char *name, const void *instead)
{
    uint8_t jump[HOOK_BYTES];
    put_jump(jump, instead);
    write_text(find(name), jump);
}

/* The length of an instruction that means the same at another address, or 0. It knows those that
 * functions begin with: endbr64, push of a register, sub of a constant from rsp, a load of a field
 * of the first argument, test of two registers. */
static size_t movable(const uint8_t *at)
{
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    if (memcmp(at, endbr64, sizeof(endbr64)) == 0) {
        return sizeof(endbr64);
    }
    if (at[0] == 0x48 && (at[1] == 0x83 || at[1] == 0x81) && at[2] == 0xec) {
        return at[1] == 0x83 ? 4 : 7;
    }
    if (at[0] == 0x48 && at[1] == 0x8b && (at[2] & 0xc7) == 0x87) {
        return 7;
    }
    if (at[0] == 0x48 && at[1] == 0x85 && (at[2] & 0xc0) == 0xc0) {
        return 3;
    }
    if (at[0] == 0x41) {
        return (at[1] & 0xf8) == 0x50 ? 2 : 0;
    }
    return (at[0] & 0xf8) == 0x50 ? 1 : 0;
}

void *hook_copy(const char *name)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *copy = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const uint8_t *at = find(name);
    size_t len = 0, next = 1;
    while (len < HOOK_BYTES && (next = movable(at + len)) != 0) {
        len += next;
    }
    if (len < HOOK_BYTES) {
        drv_fail("%s of this python3 does not begin with instructions that the driver can copy",
                 name);
    }
    if (copy == MAP_FAILED) {
        drv_fail("no memory for a copy of %s", name);
    }
    memcpy(copy, at, len);
    put_jump(copy + len, at + len);
    if (mprotect(copy, page, PROT_TEXT) != 0) {
        drv_fail("cannot make a copy of %s executable: %s", name, strerror(errno));
    }
    return copy;
}

/* Where a call instruction at this place leads, or NULL. */
static uint8_t *called_at(uint8_t *at)
{
    int32_t offset;
    if (at[0] != 0xe8) {
        return NULL;
    }
    memcpy(&offset, at + 1, sizeof(offset));
    return at + 5 + offset;
}

static bool is_in(const void *at, const void *base)
{
    Dl_info info;
    return at != NULL && dladdr(at, &info) != 0 && info.dli_fbase == base;
}

void *hook_call_after(const char *name, const char *first)
{
    Dl_info info;
    size_t size, first_size;
    const uint8_t *target = find_sized(first, &first_size);
    uint8_t *at = find_sized(name, &size), *end = at + size - 4;
    const void *base = dladdr(at, &info) != 0 ? info.dli_fbase : NULL;
    while (at < end && called_at(at) != target) {
        at++;
    }
    for (at += 5; at < end; at++) {
        if (is_in(called_at(at), base)) {
            return called_at(at);
        }
    }
    drv_fail("%s of this python3 does not call a function after %s", name, first);
}
