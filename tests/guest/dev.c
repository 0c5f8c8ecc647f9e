// SPDX-License-Identifier: Apache-2.0
/*
 * The device nodes every program expects: null, zero, full, random, urandom, fd, stdin, stdout,
 * stderr, with their types and what reading, writing and seeking do.
 */
#include "t.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static char buffer[70000], other[70000];

static bool all(const char *p, size_t n, char value)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != value) {
            return false;
        }
    }
    return true;
}

static void check_nodes(void)
{
    static const struct {
        const char *name;
        unsigned minor;
    } nodes[] = {{"/dev/null", 3},
                 {"/dev/zero", 5},
                 {"/dev/full", 7},
                 {"/dev/random", 8},
                 {"/dev/urandom", 9}};
    struct stat st;

    for (size_t i = 0; i < T_COUNT(nodes); i++) {
        T_CHECK(nodes[i].name, stat(nodes[i].name, &st) == 0 && S_ISCHR(st.st_mode) &&
                                   (st.st_mode & 0666) == 0666 &&
                                   st.st_rdev == makedev(1, nodes[i].minor));
    }
    T_CHECK("/dev is a directory", stat("/dev", &st) == 0 && S_ISDIR(st.st_mode));
}

static void check_null(void)
{
    int fd = open("/dev/null", O_RDWR);

    T_MUST("open null", fd >= 0);
    T_EQ("null reads as empty", read(fd, buffer, 100), 0);
    T_EQ("null takes everything", write(fd, buffer, sizeof(buffer)), sizeof(buffer));
    T_EQ("null seeks", lseek(fd, 100, SEEK_SET) >= 0, 1);
    T_ERR("null is no terminal", ioctl(fd, TIOCGWINSZ, buffer), ENOTTY);
    close(fd);
    fd = open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
    T_CHECK("null opens as shells open it", fd >= 0 && write(fd, "x", 1) == 1);
    close(fd);
    T_ERR("null is not a directory", open("/dev/null/x", O_RDONLY), ENOTDIR);
}

static void check_zero_and_full(void)
{
    int fd = open("/dev/zero", O_RDWR);

    memset(buffer, 1, sizeof(buffer));
    T_EQ("zero reads", read(fd, buffer, sizeof(buffer)), sizeof(buffer));
    T_CHECK("zeros", all(buffer, sizeof(buffer), 0));
    T_EQ("zero takes everything", write(fd, buffer, 10), 10);
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    T_CHECK("zero maps as anonymous memory", p != MAP_FAILED && all(p, 8192, 0));
    p[5000] = 1;
    T_EQ("writable", p[5000], 1);
    close(fd);
    fd = open("/dev/full", O_RDWR);
    memset(buffer, 1, 100);
    T_CHECK("full reads zeros", read(fd, buffer, 100) == 100 && all(buffer, 100, 0));
    T_ERR("full is full", write(fd, "x", 1), ENOSPC);
    close(fd);
}

static void check_random(const char *name)
{
    int fd = open(name, O_RDONLY);

    T_MUST("open", fd >= 0);
    ssize_t n = read(fd, buffer, sizeof(buffer));
    ssize_t m = read(fd, other, sizeof(other));
    T_CHECK("much at once", n == (ssize_t)sizeof(buffer) && m == n);
    T_CHECK("never the same", memcmp(buffer, other, sizeof(buffer)) != 0);
    int counts[256] = {0};
    bool spread = true;
    for (size_t i = 0; i < sizeof(buffer); i++) {
        counts[(unsigned char)buffer[i]]++;
    }
    for (int i = 0; i < 256; i++) {
        /* 273 expected each; the standard deviation is 16. */
        spread = spread && counts[i] > 100 && counts[i] < 500;
    }
    T_CHECK("evenly spread", spread);
    close(fd);
}

static void check_descriptors(void)
{
    char name[64];
    int fd = open("own", O_CREAT | O_RDWR, 0600);
    struct stat st, own;

    T_CHECK("a file", write(fd, "hello", 5) == 5 && fstat(fd, &own) == 0);
    snprintf(name, sizeof(name), "/dev/fd/%d", fd);
    T_CHECK("/dev/fd/N is the file", stat(name, &st) == 0 && st.st_ino == own.st_ino);
    int again = open(name, O_RDONLY);
    T_CHECK("opened again, from its start", again >= 0 && read(again, buffer, 10) == 5);
    close(again);
    close(fd);
    T_ERR("a closed one", open(name, O_RDONLY), ENOENT);
    T_CHECK("/dev/stdin",
            stat("/dev/stdin", &st) == 0 && fstat(0, &own) == 0 && st.st_mode == own.st_mode);
    fd = open("/dev/stdout", O_WRONLY);
    T_CHECK("/dev/stdout", fd >= 0 && write(fd, "through /dev/stdout\n", 20) == 20);
    close(fd);
    fd = open("/dev/stderr", O_WRONLY);
    T_CHECK("/dev/stderr", fd >= 0 && write(fd, "through /dev/stderr\n", 20) == 20);
    close(fd);
    fd = open("/dev/fd/1", O_WRONLY | O_APPEND);
    T_CHECK("/dev/fd/1", fd >= 0 && write(fd, "through /dev/fd/1\n", 18) == 18);
    close(fd);
}

int main(void)
{
    t_scratch();
    check_nodes();
    check_null();
    check_zero_and_full();
    check_random("/dev/urandom");
    check_random("/dev/random");
    check_descriptors();
    return t_done();
}
