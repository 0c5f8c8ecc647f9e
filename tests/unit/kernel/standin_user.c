// SPDX-License-Identifier: Apache-2.0
/*
 * Stand-in for mm/uaccess.c and for what the process is: program memory is the test's own.
 */
#include "host.h"
#include "proc/proc.h"

static struct process_full process = {.cred.cap_effective = CAPS_ALL};
static struct thread thread = {.proc = &process.p};
struct thread *current = &thread;

int copy_from_user(void *dst, vaddr_t src, size_t n)
{
    memcpy(dst, (const void *)src, n);
    return 0;
}

int copy_to_user(vaddr_t dst, const void *src, size_t n)
{
    memcpy((void *)dst, src, n);
    return 0;
}

int clear_user(vaddr_t dst, size_t n)
{
    memset((void *)dst, 0, n);
    return 0;
}

long strncpy_from_user(char *dst, vaddr_t src, size_t size)
{
    size_t len = strnlen((const char *)src, size);

    memcpy(dst, (const void *)src, MIN(len + 1, size));
    return len < size ? (long)len : -ENAMETOOLONG;
}
