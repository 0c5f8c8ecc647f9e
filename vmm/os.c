// SPDX-License-Identifier: Apache-2.0
/*
 * What the library needs of the operating system besides KVM: whole reads and writes, clocks,
 * random bytes. Functions that can fail return 0 or a negative errno. None of them knows of VMs.
 */
#include "vmm_int.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t os_clock_ns(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts); /* cannot fail for the ids used here */
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t os_lap_ns(uint64_t *at)
{
    const uint64_t now = os_clock_ns(CLOCK_MONOTONIC);
    const uint64_t lap = now - *at;
    *at = now;
    return lap;
}

uint64_t os_thread_faults(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_THREAD, &usage); /* cannot fail */
    return (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
}

struct timespec os_timespec(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                             .tv_nsec = (long)(ns % 1000000000u)};
}

int os_pread_full(int fd, void *buf, size_t size, uint64_t offset)
{
    char *p = buf;
    while (size > 0) {
        ssize_t n = pread(fd, p, size, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : -ENODATA;
        }
        p += n;
        size -= (size_t)n;
        offset += (size_t)n;
    }
    return 0;
}

int os_pwrite_full(int fd, const void *buf, size_t size, uint64_t offset)
{
    const char *p = buf;
    while (size > 0) {
        ssize_t n = pwrite(fd, p, size, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        p += n;
        size -= (size_t)n;
        offset += (size_t)n;
    }
    return 0;
}

/* fstat() by a system call of its own. The C library's fstat() makes one that takes a path, if an
 * empty one. The jail of a process allows no call that takes a path. */
int os_fstat(int fd, struct stat *st)
{
    return syscall(SYS_fstat, fd, st) < 0 ? -errno : 0;
}

/* By a system call of its own, too. The C library's getrandom(), since glibc 2.41, may map memory
 * for a generator in the vDSO, which a jail does not allow. */
int os_random(void *buf, size_t size)
{
    char *p = buf;
    while (size > 0) {
        ssize_t n = syscall(SYS_getrandom, p, size, 0);
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

void *os_zeroes(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    return at != MAP_FAILED ? at : NULL;
}

void os_unmap(void *addr, size_t size)
{
    if (addr != NULL && size != 0) {
        (void)munmap(addr, size);
    }
}

const char *os_limit(int code)
{
    switch (code) {
    case EMFILE:
        return " (each VM takes two: raise RLIMIT_NOFILE, `ulimit -n`)";
    case ENFILE:
        return " (raise fs.file-max)";
    case ENOMEM:
        return " (no more memory, or look at vm.max_map_count, vm.overcommit_memory and RLIMIT_AS)";
    default:
        return "";
    }
}

void os_close(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}
