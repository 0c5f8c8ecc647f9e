// SPDX-License-Identifier: Apache-2.0
/*
 * Properties of descriptors and files between processes: limits, epoll and its like over a fork,
 * files without a name, directories that change while they are read. Linux says what each line must
 * be.
 */
#include "tell.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

static int file_limit(void)
{
    struct rlimit r = {5000, 5000};
    static char block[4000];
    int fd = open("limited", O_RDWR | O_CREAT | O_TRUNC, 0600);

    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &r);
    TELL("below RLIMIT_FSIZE", write(fd, block, sizeof(block)));
    TELL("over it", write(fd, block, sizeof(block)));
    TELL("at it", write(fd, block, sizeof(block)));
    TELL("nothing at it", write(fd, block, 0));
    TELL("pwrite beyond", pwrite(fd, block, 1, 6000));
    TELL("pwrite before", pwrite(fd, block, 1, 4999));
    TELL("ftruncate beyond", ftruncate(fd, 5001));
    TELL("to it", ftruncate(fd, 5000));
    TELL("truncate beyond", truncate("limited", 5001));
    TELL("fallocate beyond", fallocate(fd, 0, 0, 5001));
    TELL("writev over it", pwritev(fd, (struct iovec[]){{block, 600}, {block, 600}}, 2, 4000));
    TELL("a pipe has no limit", pipe((int[2]){0, 0}));
    return 0;
}

static int file_limit_signal(void)
{
    int fd = open("limited", O_RDWR | O_CREAT | O_TRUNC, 0600);

    setrlimit(RLIMIT_FSIZE, &(struct rlimit){10, RLIM_INFINITY});
    return (int)pwrite(fd, "x", 1, 10);
}

static int cpu_limit(void)
{
    setrlimit(RLIMIT_CPU, &(struct rlimit){1, 2});
    for (;;) {
        __asm__ volatile("" ::: "memory");
    }
    return 0;
}

static int descriptor_limit(void)
{
    struct rlimit r = {20, 30};
    int ends[2], last = -1, fd;

    TELL("soft over hard", setrlimit(RLIMIT_NOFILE, &(struct rlimit){40, 30}));
    TELL("set", setrlimit(RLIMIT_NOFILE, &r));
    while ((fd = dup(0)) >= 0) {
        last = fd;
    }
    TELL("the last", last);
    TELL("one more", open("/dev/null", O_RDONLY));
    TELL("pipe", pipe(ends));
    close(19);
    TELL("pipe with room for one", pipe(ends));
    TELL("which it gives back", dup(0));
    TELL("epoll_create1", epoll_create1(0));
    TELL("dup2 to the limit", dup2(0, 20));
    TELL("F_DUPFD to the limit", fcntl(0, F_DUPFD, 20));
    TELL("F_DUPFD below", fcntl(0, F_DUPFD, 19));
    TELL("lower, below what is open", setrlimit(RLIMIT_NOFILE, &(struct rlimit){5, 30}));
    TELL("what is open stays", fcntl(19, F_GETFD));
    TELL("poll of more", poll(calloc(6, sizeof(struct pollfd)), 6, 0));
    TELL("a wrong limit", getrlimit((enum __rlimit_resource)99, &r));
    setuid(54321);
    TELL("raise the soft one", setrlimit(RLIMIT_NOFILE, &(struct rlimit){30, 30}));
    TELL("the hard one", setrlimit(RLIMIT_NOFILE, &(struct rlimit){30, 31}));
    TELL("lower the hard one", setrlimit(RLIMIT_NOFILE, &(struct rlimit){10, 10}));
    TELL("and up", setrlimit(RLIMIT_NOFILE, &(struct rlimit){10, 11}));
    return 0;
}

static int process_limit(void)
{
    pid_t pid;

    setuid(54322);
    setrlimit(RLIMIT_NPROC, &(struct rlimit){1, 1});
    pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    return pid == -1 && errno == EAGAIN ? 40 : 41;
}

static bool all_open(int from, int to)
{
    for (int fd = from; fd <= to; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            return false;
        }
    }
    return true;
}

static int close_ranges(void)
{
    for (int fd = 10; fd < 20; fd++) {
        dup2(0, fd);
    }
    TELL("close_range, wrong flags", close_range(10, 12, 8));
    TELL("backwards", close_range(12, 10, 0));
    TELL("CLOEXEC", close_range(10, 12, CLOSE_RANGE_CLOEXEC));
    TELL("are open", all_open(10, 19));
    TELL("flags", fcntl(11, F_GETFD) * 10 + fcntl(13, F_GETFD));
    TELL("UNSHARE", close_range(13, 14, CLOSE_RANGE_UNSHARE));
    TELL("13", fcntl(13, F_GETFD));
    TELL("all above", close_range(15, ~0u, 0));
    TELL("15", fcntl(15, F_GETFD));
    TELL("12", fcntl(12, F_GETFD));
    TELL("nothing there", close_range(500, 600, 0));
    return 0;
}

/* With CLONE_FILES the child's close_range(UNSHARE) leaves the parent's descriptors alone. */
static void unshared(void)
{
    int fd = open("/dev/null", O_RDONLY), status;
    long pid = syscall(SYS_clone, 0x400 | SIGCHLD, NULL, NULL, NULL, 0);

    if (pid == 0) {
        _exit(close_range(3, ~0u, CLOSE_RANGE_UNSHARE));
    }
    waitpid((pid_t)pid, &status, 0);
    TELL("UNSHARE in a child", status);
    TELL("ours is open", fcntl(fd, F_GETFD));
    close(fd);
}

static int epoll_in_child(int ep, int end)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = 5};

    if (epoll_wait(ep, &e, 1, -1) != 1 || e.data.u32 != 3) {
        return 1;
    }
    return epoll_ctl(ep, EPOLL_CTL_DEL, end, NULL) == 0 ? 30 : 2;
}

static void epolls(void)
{
    int ep = epoll_create1(0), ends[2], other[2], status;
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = 3};
    pid_t pid;

    T_MUST("pipe", pipe(ends) == 0 && pipe(other) == 0);
    TELL("add", epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &e));
    pid = fork();
    if (pid == 0) {
        _exit(epoll_in_child(ep, ends[0]));
    }
    TELL("write", write(ends[1], "x", 1));
    waitpid(pid, &status, 0);
    TELL("a child waits and removes", WEXITSTATUS(status));
    TELL("for all", epoll_wait(ep, &e, 1, 0));
    e.data.u32 = 4;
    TELL("add again", epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &e));
    pid = fork();
    if (pid == 0) {
        char c;
        _exit(read(other[0], &c, 1) == 1 ? 0 : 1);
    }
    close(ends[0]);
    TELL("closed here, open in a child", epoll_wait(ep, &e, 1, 0));
    TELL("which one", e.data.u32);
    TELL("but it cannot be removed", epoll_ctl(ep, EPOLL_CTL_DEL, ends[0], NULL));
    TELL("let it go", write(other[1], "x", 1));
    waitpid(pid, &status, 0);
    TELL("gone with the last", epoll_wait(ep, &e, 1, 0));
    close(ends[1]);
    close(other[0]);
    close(other[1]);
    close(ep);
}

static void epoll_kinds(void)
{
    int ep = epoll_create1(0), inner = epoll_create1(0), event = eventfd(0, 0);
    struct epoll_event e = {.events = EPOLLIN | EPOLLEXCLUSIVE}, got;
    int file = open("plain", O_RDWR | O_CREAT, 0600);

    TELL("a file", epoll_ctl(ep, EPOLL_CTL_ADD, file, &e));
    TELL("EXCLUSIVE", epoll_ctl(ep, EPOLL_CTL_ADD, event, &e));
    TELL("cannot be changed", epoll_ctl(ep, EPOLL_CTL_MOD, event, &e));
    epoll_ctl(ep, EPOLL_CTL_DEL, event, NULL);
    e.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
    TELL("EXCLUSIVE and ONESHOT", epoll_ctl(ep, EPOLL_CTL_ADD, event, &e));
    e.events = EPOLLIN;
    TELL("an epoll in an epoll", epoll_ctl(ep, EPOLL_CTL_ADD, inner, &e));
    TELL("and round", epoll_ctl(inner, EPOLL_CTL_ADD, ep, &e));
    TELL("itself", epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e));
    e.events = EPOLLIN | EPOLLEXCLUSIVE;
    TELL("EXCLUSIVE of an epoll", epoll_ctl(ep, EPOLL_CTL_ADD, epoll_create1(0), &e));
    TELL("no room", epoll_wait(ep, &got, 0, 0));
    TELL("epoll_pwait, another size", syscall(SYS_epoll_pwait, ep, &got, 1, 0, &got, 4));
    TELL("an unknown operation", epoll_ctl(ep, 9, event, &e));
    TELL("no epoll", epoll_ctl(event, EPOLL_CTL_ADD, ep, &e));
    TELL("a closed one", epoll_ctl(ep, EPOLL_CTL_ADD, 999, &e));
    close(file);
}

static int eventfd_child(int fd)
{
    uint64_t value = 0;

    if (read(fd, &value, 8) != 8) {
        return 1;
    }
    return (int)value;
}

static void eventfds(void)
{
    int fd = eventfd(0, 0), semaphore = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK), status;
    uint64_t value = 21;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(eventfd_child(fd));
    }
    TELL("write", write(fd, &value, 8));
    waitpid(pid, &status, 0);
    TELL("a child reads it", WEXITSTATUS(status));
    TELL("too small", read(fd, &value, 7));
    value = ~0ull;
    TELL("the largest", write(fd, &value, 8));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    value = ~0ull - 2;
    TELL("would be too large", write(fd, &value, 8));
    TELL("semaphore", read(semaphore, &value, 8) * 10 + (long)value);
    TELL("again", read(semaphore, &value, 8) * 10 + (long)value);
    TELL("and again", read(semaphore, &value, 8) * 10 + (long)value);
    TELL("empty", read(semaphore, &value, 8));
    TELL("pread", pread(fd, &value, 8, 0));
    TELL("wrong flags", eventfd(0, 1 << 20));
    close(fd);
    close(semaphore);
}

static void timerfds(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), status;
    struct itimerspec t = {.it_value = {0, 1}};
    uint64_t value = 0;
    pid_t pid;

    TELL("not set", read(fd, &value, 8));
    TELL("settime", timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
    pid = fork();
    if (pid == 0) {
        _exit(read(fd, &value, 8) == 8 ? (int)value : 99);
    }
    waitpid(pid, &status, 0);
    TELL("a child reads it", WEXITSTATUS(status));
    TELL("for all", read(fd, &value, 8));
    t.it_value.tv_nsec = 1000000000;
    TELL("too many ns", timerfd_settime(fd, 0, &t, NULL));
    TELL("wrong flags", timerfd_settime(fd, 8, &(struct itimerspec){0}, NULL));
    TELL("write", write(fd, &value, 8));
    TELL("no timer", timerfd_settime(0, 0, &(struct itimerspec){0}, NULL));
    TELL("a wrong clock", timerfd_create(99, 0));
    TELL("too small", read(fd, &value, 4));
    close(fd);
}

static void nameless(void)
{
    int fd = open(".", O_TMPFILE | O_RDWR, 0600), hidden;
    char path[40];
    struct stat st;

    TELL("O_TMPFILE", fd >= 0);
    fstat(fd, &st);
    TELL("links", st.st_nlink);
    TELL("write", write(fd, "text", 4));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    TELL("a name", linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    TELL("is there", stat("named", &st));
    TELL("links", st.st_nlink);
    TELL("size", st.st_size);
    TELL("by the descriptor", linkat(fd, "", AT_FDCWD, "again", AT_EMPTY_PATH));
    TELL("wrong flags", linkat(fd, "", AT_FDCWD, "third", 1));
    hidden = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", hidden);
    TELL("never a name", linkat(AT_FDCWD, path, AT_FDCWD, "hidden", AT_SYMLINK_FOLLOW));
    TELL("to read only", open(".", O_TMPFILE | O_RDONLY, 0600));
    TELL("in a file", open("named", O_TMPFILE | O_RDWR, 0600));
    TELL("in nothing", open("nothing", O_TMPFILE | O_RDWR, 0600));
    unlink("named");
    unlink("again");
    close(fd);
    fd = open("gone", O_RDWR | O_CREAT, 0600);
    unlink("gone");
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    TELL("a file that was removed", linkat(AT_FDCWD, path, AT_FDCWD, "back", AT_SYMLINK_FOLLOW));
    TELL("opened by its link", open(path, O_RDWR) > 0);
    close(fd);
    close(hidden);
}

static void directories(void)
{
    char name[20];
    int seen = 0, fd;
    DIR *d;
    struct dirent *e;

    mkdir("many", 0700);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "many/%d", i);
        close(open(name, O_CREAT | O_WRONLY, 0600));
    }
    d = opendir("many");
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.') {
            seen += unlinkat(dirfd(d), e->d_name, 0) == 0;
        }
    }
    closedir(d);
    TELL("removed while it is read", seen);
    TELL("empty", rmdir("many"));
    mkdir("removed", 0700);
    fd = open("removed", O_RDONLY | O_DIRECTORY);
    rmdir("removed");
    TELL("of a removed directory", syscall(SYS_getdents64, fd, name, sizeof(name)));
    TELL("open in it", openat(fd, "x", O_CREAT | O_WRONLY, 0600));
    TELL("mkdir in it", mkdirat(fd, "x", 0700));
    TELL("its parent", openat(fd, "..", O_RDONLY) >= 0 ? 0 : -1);
    close(fd);
    fd = open(".", O_RDONLY);
    TELL("too small a buffer", syscall(SYS_getdents64, fd, name, 8));
    TELL("of a file", syscall(SYS_getdents64, open("plain", O_RDONLY), name, sizeof(name)));
    TELL("read of a directory", read(fd, name, 1));
    close(fd);
}

static int copies(void)
{
    TELL("dup3 onto itself", dup3(0, 0, 0));
    TELL("dup3, wrong flags", dup3(0, 9, 1));
    TELL("dup3 of nothing", dup3(999, 9, 0));
    TELL("dup2 of nothing onto itself", dup2(999, 999));
    TELL("dup2 to -1", dup2(0, -1));
    TELL("F_DUPFD of -1", fcntl(0, F_DUPFD, -1));
    TELL("dup3", dup3(0, 9, O_CLOEXEC));
    TELL("its flag", fcntl(9, F_GETFD));
    TELL("dup2 over it", dup2(0, 9));
    TELL("no flag", fcntl(9, F_GETFD));
    TELL("an unknown command", fcntl(0, 9999, 0));
    TELL("F_GETFD of O_PATH", fcntl(open(".", O_PATH), F_GETFD));
    TELL("F_SETFL of O_PATH", fcntl(open(".", O_PATH), F_SETFL, 0));
    return 0;
}

int main(void)
{
    t_scratch();
    tell_child("RLIMIT_FSIZE", file_limit);
    tell_child("without a handler", file_limit_signal);
    tell_child("RLIMIT_CPU", cpu_limit);
    tell_child("RLIMIT_NOFILE", descriptor_limit);
    tell_child("RLIMIT_NPROC", process_limit);
    tell_child("close_range", close_ranges);
    unshared();
    epolls();
    epoll_kinds();
    eventfds();
    timerfds();
    nameless();
    directories();
    tell_child("copies", copies);
    return t_done();
}
