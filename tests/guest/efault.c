// SPDX-License-Identifier: Apache-2.0
/*
 * Pointers that lead nowhere: every system call that takes one must answer EFAULT, and go on
 * working afterwards. One table; each row names the arguments that are pointers, and each of those
 * is replaced in turn by addresses of several kinds.
 */
#include "t.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>

enum { P1 = 1, P2 = 2, P3 = 4, P4 = 8, P5 = 16 };

struct row {
    const char *name;
    long number;
    long a[6];
    unsigned pointers; /* which arguments are replaced, a bit each */
};

static char good_buffer[4096];
static char path[] = ".";
static long fd_zero, fd_file, fd_pipe, fd_write, fd_event, fd_epoll, fd_timer, fd_dir;

static void prepare(void)
{
    int ends[2];

    fd_zero = open("/dev/zero", O_RDWR);
    fd_file = open("file", O_CREAT | O_RDWR, 0600);
    T_MUST("file", write((int)fd_file, good_buffer, sizeof(good_buffer)) == sizeof(good_buffer));
    lseek((int)fd_file, 0, SEEK_SET);
    T_MUST("pipe", pipe2(ends, O_NONBLOCK) == 0);
    fd_pipe = ends[0];
    fd_write = ends[1];
    T_MUST("fill", write(ends[1], good_buffer, 100) == 100);
    fd_event = eventfd(1, EFD_NONBLOCK);
    fd_epoll = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN};
    epoll_ctl((int)fd_epoll, EPOLL_CTL_ADD, (int)fd_event, &e);
    fd_timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    fd_dir = open("/", O_RDONLY | O_DIRECTORY);
}

/* Tries one row with one bad pointer; false when the answer is not EFAULT. */
static bool faults(const struct row *r, int which, uintptr_t address)
{
    long a[6];

    memcpy(a, r->a, sizeof(a));
    a[which] = (long)address;
    errno = 0;
    long result = syscall(r->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (result == -1 && errno == EFAULT) {
        return true;
    }
    t_line(2, "%s, argument %d = %#lx: got %ld, errno %d\n", r->name, which + 1, address, result,
           errno);
    return false;
}

static void check_rows(const struct row *rows, size_t count)
{
    char *mapped = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    mprotect(mapped, 4096, PROT_NONE);
    munmap(mapped + 4096, 4096);
    const uintptr_t bad[] = {
        8,                        /* the first page */
        (uintptr_t)mapped,        /* no access */
        (uintptr_t)mapped + 4096, /* unmapped */
        0x7ffffffff000 + 8,       /* just beyond user space */
        0xffff888000000008,       /* where Linux keeps its memory */
        0x8000000000000000,       /* non-canonical */
        UINTPTR_MAX - 15,         /* the very end */
    };
    for (size_t i = 0; i < count; i++) {
        bool good = true;
        for (int which = 0; which < 6; which++) {
            for (size_t k = 0; (rows[i].pointers >> which & 1) && k < T_COUNT(bad); k++) {
                good = faults(&rows[i], which, bad[k]) && good;
            }
        }
        T_CHECK(rows[i].name, good);
    }
}

#define ROW(call, mask, ...)                                                                       \
    {                                                                                              \
#call, SYS_##call, {__VA_ARGS__ }, (mask)                                                  \
    }
#define BUF  ((long)good_buffer)
#define PATH ((long)path)

static void check_files(void)
{
    const struct row rows[] = {
        ROW(read, P2, fd_zero, BUF, 16),
        ROW(write, P2, fd_file, BUF, 16),
        ROW(pread64, P2, fd_file, BUF, 16, 0),
        ROW(pwrite64, P2, fd_file, BUF, 16, 0),
        ROW(readv, P2, fd_zero, BUF, 1),
        ROW(writev, P2, fd_file, BUF, 1),
        ROW(open, P1, PATH, O_RDONLY),
        ROW(openat, P2, AT_FDCWD, PATH, O_RDONLY),
        ROW(stat, P1 | P2, PATH, BUF),
        ROW(lstat, P1 | P2, PATH, BUF),
        ROW(fstat, P2, fd_file, BUF),
        ROW(newfstatat, P2 | P3, AT_FDCWD, PATH, BUF, 0),
        ROW(statx, P2 | P5, AT_FDCWD, PATH, 0, STATX_BASIC_STATS, BUF),
        ROW(statfs, P1 | P2, PATH, BUF),
        ROW(fstatfs, P2, fd_file, BUF),
        ROW(access, P1, PATH, F_OK),
        ROW(faccessat, P2, AT_FDCWD, PATH, F_OK),
        ROW(truncate, P1, PATH, 0),
        ROW(mkdir, P1, PATH, 0755),
        ROW(mkdirat, P2, AT_FDCWD, PATH, 0755),
        ROW(rmdir, P1, PATH),
        ROW(unlink, P1, PATH),
        ROW(unlinkat, P2, AT_FDCWD, PATH, 0),
        ROW(rename, P1 | P2, PATH, PATH),
        ROW(renameat2, P2 | P4, AT_FDCWD, PATH, AT_FDCWD, PATH, 0),
        ROW(link, P1 | P2, (long)"file", PATH),
        ROW(symlink, P1 | P2, PATH, PATH),
        ROW(readlink, P1, PATH, BUF, 10),
        ROW(readlink, P2, (long)"/proc/self/exe", BUF, 10),
        ROW(chmod, P1, PATH, 0755),
        ROW(chown, P1, PATH, 0, 0),
        ROW(chdir, P1, PATH),
        ROW(getcwd, P1, BUF, 4096),
        ROW(utimensat, P2 | P3, AT_FDCWD, PATH, BUF, 0),
        ROW(getdents64, P2, fd_dir, BUF, 4096),
        ROW(mknod, P1, PATH, S_IFIFO, 0),
        ROW(execve, P1, (long)"/no-such-program", 0, 0),
        ROW(sendfile, P3, fd_write, fd_file, BUF, 1),
        ROW(copy_file_range, P2 | P4, fd_file, BUF, fd_file, BUF, 1, 0),
        ROW(memfd_create, P1, PATH, 0),
    };

    check_rows(rows, T_COUNT(rows));
}

static void check_events(void)
{
    const struct row rows[] = {
        ROW(pipe, P1, BUF),
        ROW(pipe2, P1, BUF, 0),
        ROW(poll, P1, BUF, 1, 0),
        ROW(ppoll, P1 | P3 | P4, BUF, 1, BUF, BUF, 8),
        ROW(select, P2 | P3 | P4 | P5, 1, BUF, BUF, BUF, BUF),
        ROW(epoll_ctl, P4, fd_epoll, EPOLL_CTL_MOD, fd_event, BUF),
        ROW(epoll_wait, P2, fd_epoll, BUF, 1, 0),
        ROW(timerfd_settime, P3, fd_timer, 0, BUF, 0),
        ROW(timerfd_gettime, P2, fd_timer, BUF),
    };

    check_rows(rows, T_COUNT(rows));
}

static void check_times_and_signals(void)
{
    const struct row rows[] = {
        ROW(clock_gettime, P2, CLOCK_PROCESS_CPUTIME_ID, BUF),
        ROW(clock_getres, P2, CLOCK_MONOTONIC, BUF),
        ROW(gettimeofday, P1, BUF, 0),
        ROW(time, P1, BUF),
        ROW(times, P1, BUF),
        ROW(nanosleep, P1, BUF, 0),
        ROW(clock_nanosleep, P3, CLOCK_MONOTONIC, 0, BUF, 0),
        ROW(setitimer, P2 | P3, ITIMER_REAL, BUF, BUF),
        ROW(getitimer, P2, ITIMER_REAL, BUF),
        ROW(rt_sigaction, P2 | P3, SIGUSR1, 0, 0, 8),
        ROW(rt_sigprocmask, P2 | P3, SIG_UNBLOCK, BUF, BUF, 8),
        ROW(rt_sigpending, P1, BUF, 8),
        ROW(rt_sigtimedwait, P1 | P3, BUF, 0, BUF, 8),
        ROW(rt_sigsuspend, P1, BUF, 8),
        ROW(sigaltstack, P1 | P2, 0, BUF),
        ROW(signalfd4, P2, -1, BUF, 8, 0),
        ROW(futex, P1, BUF, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0),
        ROW(futex, P4, BUF, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0),
    };

    check_rows(rows, T_COUNT(rows));
}

static void check_system(void)
{
    const struct row rows[] = {
        ROW(uname, P1, BUF),
        ROW(sysinfo, P1, BUF),
        ROW(getrusage, P2, 0, BUF),
        ROW(getrlimit, P2, 7, BUF),
        ROW(prlimit64, P3 | P4, 0, 7, 0, 0),
        ROW(getrandom, P1, BUF, 16, 0),
        ROW(getcpu, P1 | P2, 0, 0, 0),
        ROW(sched_getaffinity, P3, 0, 128, BUF),
        ROW(sched_setaffinity, P3, 0, 128, BUF),
        ROW(getresuid, P1 | P2 | P3, BUF, BUF, BUF),
        ROW(getresgid, P1 | P2 | P3, BUF, BUF, BUF),
        ROW(prctl, P2, 16, BUF),
        ROW(arch_prctl, P2, 0x1003, BUF),
        ROW(mincore, P3, 0, 4096, 0),
        ROW(get_robust_list, P2 | P3, 0, BUF, BUF),
    };
    struct row fixed[T_COUNT(rows)];

    memcpy(fixed, rows, sizeof(rows));
    for (size_t i = 0; i < T_COUNT(fixed); i++) {
        if (fixed[i].number == SYS_mincore) {
            fixed[i].a[0] = BUF & ~4095L;
        }
    }
    check_rows(fixed, T_COUNT(fixed));
}

/* A buffer whose first page is good and whose second is not: the call moves what fits into the
 * first, or nothing. */
static void check_partly_bad(void)
{
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    mprotect(p + 4096, 4096, PROT_NONE);
    ssize_t n = read((int)fd_zero, p + 4000, 200);
    T_CHECK("a read across the edge", n == 96 || (n == -1 && errno == EFAULT));
    n = pwrite((int)fd_file, p + 4000, 200, 0);
    T_CHECK("a write across the edge", n == 96 || (n == -1 && errno == EFAULT));
    memset(p, 'x', 4096);
    T_ERR("a path without an end", open(p + 4000, O_RDONLY), EFAULT);
    memcpy(p + 4096 - 5, "file", 5);
    int fd = open(p + 4096 - 5, O_RDONLY);
    T_CHECK("a path that ends at the edge", fd >= 0);
    close(fd);
}

int main(void)
{
    t_scratch();
    prepare();
    check_files();
    check_events();
    check_times_and_signals();
    check_system();
    check_partly_bad();
    T_EQ("the program goes on", write(1, "still here\n", 11), 11);
    return t_done();
}
