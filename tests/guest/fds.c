// SPDX-License-Identifier: Apache-2.0
/*
 * Descriptors: dup, dup2, dup3, fcntl, close-on-exec, close_range, the lowest free number, limits,
 * shared offsets, and locks (flock, fcntl) as one process sees them.
 */
#include "t.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void check_dup(int fd)
{
    int copy = dup(fd);

    T_EQ("dup takes the lowest", copy, fd + 1);
    T_CHECK("one offset", write(fd, "abc", 3) == 3 && lseek(copy, 0, SEEK_CUR) == 3);
    T_EQ("dup2", dup2(fd, 50), 50);
    T_CHECK("the same file", lseek(50, 1, SEEK_SET) == 1 && lseek(fd, 0, SEEK_CUR) == 1);
    T_EQ("dup2 onto itself", dup2(fd, fd), fd);
    T_ERR("dup3 onto itself", dup3(fd, fd, 0), EINVAL);
    T_EQ("dup3 with CLOEXEC", dup3(fd, 51, O_CLOEXEC), 51);
    T_EQ("is close-on-exec", fcntl(51, F_GETFD), FD_CLOEXEC);
    T_EQ("the copy is not", fcntl(50, F_GETFD), 0);
    T_ERR("dup3 with unknown flags", dup3(fd, 52, 0x1), EINVAL);
    T_ERR("dup of nothing", dup(99), EBADF);
    T_ERR("dup2 of nothing", dup2(99, 53), EBADF);
    T_ERR("dup2 to a negative number", dup2(fd, -1), EBADF);
    T_EQ("close", close(copy), 0);
    T_ERR("close again", close(copy), EBADF);
    T_CHECK("the others stay", is_open(fd) && is_open(50) && is_open(51));
    T_EQ("close_range", close_range(50, 51, 0), 0);
    T_CHECK("closed", !is_open(50) && !is_open(51));
    T_ERR("close_range backwards", close_range(51, 50, 0), EINVAL);
}

static void check_fcntl(int fd)
{
    T_EQ("F_DUPFD from 20", fcntl(fd, F_DUPFD, 20), 20);
    T_EQ("F_DUPFD_CLOEXEC", fcntl(fd, F_DUPFD_CLOEXEC, 20), 21);
    T_EQ("its flag", fcntl(21, F_GETFD), FD_CLOEXEC);
    T_EQ("F_SETFD", fcntl(20, F_SETFD, FD_CLOEXEC), 0);
    T_EQ("F_GETFD", fcntl(20, F_GETFD), FD_CLOEXEC);
    T_EQ("only there", fcntl(fd, F_GETFD), 0);
    T_EQ("F_GETFL", fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR);
    T_EQ("F_SETFL", fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK), 0);
    T_EQ("seen through the copy", fcntl(20, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK),
         O_RDWR | O_APPEND | O_NONBLOCK);
    T_EQ("back", fcntl(fd, F_SETFL, 0), 0);
    T_ERR("an unknown command", fcntl(fd, 9999), EINVAL);
    T_ERR("F_DUPFD beyond the limit", fcntl(fd, F_DUPFD, 1 << 30), EINVAL);
    int one = 1;
    T_EQ("FIONBIO", ioctl(fd, FIONBIO, &one), 0);
    T_EQ("is O_NONBLOCK", fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    T_EQ("FIOCLEX", ioctl(fd, FIOCLEX), 0);
    T_EQ("is close-on-exec", fcntl(fd, F_GETFD), FD_CLOEXEC);
    T_EQ("FIONCLEX", ioctl(fd, FIONCLEX), 0);
    T_ERR("no terminal", ioctl(fd, TIOCGWINSZ, &one), ENOTTY);
    T_EQ("isatty", isatty(fd), 0);
    close(20);
    close(21);
}

static void check_lowest(void)
{
    int fds[10];

    for (int i = 0; i < 10; i++) {
        fds[i] = open("file", O_RDONLY);
    }
    close(fds[2]);
    close(fds[7]);
    T_EQ("the lowest free number first", open("file", O_RDONLY), fds[2]);
    T_EQ("then the next", open("file", O_RDONLY), fds[7]);
    close_range((unsigned)fds[0], (unsigned)fds[9], 0);
}

static void check_limit(void)
{
    struct rlimit old, low;
    int last = -1, fd;

    T_EQ("RLIMIT_NOFILE", getrlimit(RLIMIT_NOFILE, &old), 0);
    T_CHECK("at least 256 files", old.rlim_cur >= 256);
    low = old;
    low.rlim_cur = 100;
    T_EQ("lowered", setrlimit(RLIMIT_NOFILE, &low), 0);
    while ((fd = open("file", O_RDONLY)) >= 0) {
        last = fd;
    }
    T_EQ("at the limit", errno, EMFILE);
    T_EQ("the last descriptor", last, 99);
    T_ERR("dup2 beyond the limit", dup2(last, 100), EBADF);
    close_range(4, 99, 0);
    T_EQ("restored", setrlimit(RLIMIT_NOFILE, &old), 0);
    bool good = true;
    for (int i = 0; i < 250; i++) {
        good = good && dup(0) >= 0;
    }
    T_CHECK("250 files", good);
    close_range(4, ~0U, 0);
}

static void check_locks(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
    int other = open("file", O_RDWR);

    T_EQ("flock", flock(fd, LOCK_EX), 0);
    T_ERR("another open file is refused", flock(other, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    T_EQ("unlock", flock(fd, LOCK_UN), 0);
    T_EQ("shared by both", flock(fd, LOCK_SH) | flock(other, LOCK_SH | LOCK_NB), 0);
    T_EQ("unlock both", flock(fd, LOCK_UN) | flock(other, LOCK_UN), 0);
    T_ERR("no operation", flock(fd, 0), EINVAL);
    T_EQ("fcntl lock", fcntl(fd, F_SETLK, &lock), 0);
    T_EQ("the same process again", fcntl(other, F_SETLK, &lock), 0);
    T_EQ("F_GETLK", fcntl(fd, F_GETLK, &lock), 0);
    T_EQ("sees no one else", lock.l_type, F_UNLCK);
    T_EQ("unlock by fcntl", fcntl(fd, F_SETLK, &lock), 0);
    T_EQ("lockf", lockf(fd, F_TLOCK, 0) | lockf(fd, F_ULOCK, 0), 0);
    close(other);
}

int main(void)
{
    t_scratch();
    int fd = open("file", O_CREAT | O_RDWR, 0600);

    T_MUST("file", fd == 3);
    check_dup(fd);
    check_fcntl(fd);
    check_locks(fd);
    check_lowest();
    check_limit();
    return t_done();
}
