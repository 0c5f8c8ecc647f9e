// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers that are no system call, whatever the registers hold: ENOSYS, and nothing changes.
 */
#include "t.h"

#include <sys/syscall.h>

static void check_number(long number)
{
    char name[64];

    snprintf(name, sizeof(name), "number %ld", number);
    T_ERR(name, syscall(number, 1, 2, 3, 4, 5, 6), ENOSYS);
}

int main(void)
{
    /* Holes in the x86-64 table (335 is one that newer kernels use), numbers beyond it, and numbers
     * that only look small. */
    static const long numbers[] = {174, 177, 178,   180,   181,        182, 183, 184,
                                   185, 214, 215,   236,   400,        423, 511, 512,
                                   600, 999, 65535, 65536, 0x7fffffff, -1,  -39};

    for (size_t i = 0; i < T_COUNT(numbers); i++) {
        check_number(numbers[i]);
    }
    /* Only the lower half of the register counts. */
    T_EQ("a known number with a high half", syscall(SYS_getpid + (1L << 40)), getpid());
    T_EQ("a known number still works", syscall(SYS_getpid), getpid());
    return t_done();
}
