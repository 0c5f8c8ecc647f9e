// SPDX-License-Identifier: Apache-2.0
/*
 * Processes and memory of the host for the tests of kernel modules. The kernel's headers and the
 * host's define some types both, so what needs the host's has a file of its own.
 */
#define _DEFAULT_SOURCE
#include "process.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

bool in_process(unsigned (*test)(void))
{
    int status = -1;

    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        unsigned failures = test();
        fflush(stdout);
        _exit(failures > 0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

bool map_at(unsigned long start, unsigned long end)
{
    void *at = (void *)start;

    return mmap(at, end - start, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) == at;
}
