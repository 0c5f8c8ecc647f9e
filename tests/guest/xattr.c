// SPDX-License-Identifier: Apache-2.0
/*
 * Extended attributes of files, directories, links and descriptors: set, get, list, remove, their
 * limits and errors.
 */
#include "t.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

static char big[XATTR_SIZE_MAX + 1];

static void check_values(void)
{
    char buf[64];

    T_ERR("none yet", getxattr("file", "user.a", buf, sizeof(buf)), ENODATA);
    T_EQ("an empty list", listxattr("file", buf, sizeof(buf)), 0);
    T_EQ("set", setxattr("file", "user.a", "value", 5, 0), 0);
    T_EQ("its size", getxattr("file", "user.a", NULL, 0), 5);
    T_EQ("get", getxattr("file", "user.a", buf, sizeof(buf)), 5);
    T_CHECK("the value", memcmp(buf, "value", 5) == 0);
    T_ERR("a buffer that is too small", getxattr("file", "user.a", buf, 4), ERANGE);
    T_EQ("an empty value", setxattr("file", "user.b", "", 0, 0), 0);
    T_EQ("get", getxattr("file", "user.b", buf, sizeof(buf)), 0);
    T_EQ("the list's size", listxattr("file", NULL, 0), 14);
    T_ERR("a buffer that is too small", listxattr("file", buf, 13), ERANGE);
    T_EQ("the list", listxattr("file", buf, sizeof(buf)), 14);
    T_CHECK("has both",
            memcmp(buf, "user.a\0user.b\0", 14) == 0 || memcmp(buf, "user.b\0user.a\0", 14) == 0);
    T_ERR("XATTR_CREATE of one that is there", setxattr("file", "user.a", "x", 1, XATTR_CREATE),
          EEXIST);
    T_ERR("XATTR_REPLACE of none", setxattr("file", "user.c", "x", 1, XATTR_REPLACE), ENODATA);
    T_EQ("XATTR_REPLACE", setxattr("file", "user.a", "longer value", 12, XATTR_REPLACE), 0);
    T_EQ("get", getxattr("file", "user.a", buf, sizeof(buf)), 12);
    T_EQ("XATTR_CREATE", setxattr("file", "user.c", "x", 1, XATTR_CREATE), 0);
    T_EQ("remove", removexattr("file", "user.b"), 0);
    T_ERR("remove it again", removexattr("file", "user.b"), ENODATA);
    T_EQ("two are left", listxattr("file", NULL, 0), 14);
}

static void check_targets(void)
{
    char buf[64];
    int fd = open("file", O_RDONLY), path = open("file", O_PATH);

    T_EQ("fgetxattr", fgetxattr(fd, "user.c", buf, sizeof(buf)), 1);
    T_EQ("fsetxattr of a file open for reading", fsetxattr(fd, "user.d", "y", 1, 0), 0);
    T_EQ("flistxattr", flistxattr(fd, NULL, 0), 21);
    T_EQ("fremovexattr", fremovexattr(fd, "user.d"), 0);
    T_ERR("a path's descriptor", fgetxattr(path, "user.c", buf, sizeof(buf)), EBADF);
    T_ERR("no descriptor", fgetxattr(-1, "user.c", buf, sizeof(buf)), EBADF);
    T_EQ("a directory", setxattr("dir", "user.dir", "z", 1, 0), 0);
    T_EQ("has one", getxattr("dir", "user.dir", buf, sizeof(buf)), 1);
    T_EQ("through a link", getxattr("link", "user.c", buf, sizeof(buf)), 1);
    T_ERR("a link has none", lgetxattr("link", "user.c", buf, sizeof(buf)), ENODATA);
    T_ERR("and cannot have one", lsetxattr("link", "user.c", "x", 1, 0), EPERM);
    T_ERR("or lose one", lremovexattr("link", "user.c"), EPERM);
    T_EQ("its list", llistxattr("link", buf, sizeof(buf)), 0);
    T_ERR("nor can a FIFO", setxattr("fifo", "user.c", "x", 1, 0), EPERM);
    T_ERR("no such file", getxattr("none", "user.c", buf, sizeof(buf)), ENOENT);
    T_ERR("in /proc", setxattr("/proc/self/status", "user.c", "x", 1, 0), EOPNOTSUPP);
    T_EQ("a hard link is the same file", getxattr("hard", "user.c", buf, sizeof(buf)), 1);
    T_EQ("rename", rename("hard", "other"), 0);
    T_EQ("keeps them", getxattr("other", "user.c", buf, sizeof(buf)), 1);
    close(fd);
    close(path);
}

static void check_names(void)
{
    static char name[300];
    char buf[64];

    T_ERR("an unknown space", setxattr("file", "mine.a", "x", 1, 0), EOPNOTSUPP);
    T_ERR("no space", setxattr("file", "a", "x", 1, 0), EOPNOTSUPP);
    T_ERR("no name in it", setxattr("file", "user.", "x", 1, 0), EINVAL);
    T_ERR("an unknown space, read", getxattr("file", "mine.a", buf, sizeof(buf)), EOPNOTSUPP);
    T_ERR("an empty name", setxattr("file", "", "x", 1, 0), ERANGE);
    T_EQ("root's", setxattr("file", "trusted.a", "x", 1, 0), 0);
    T_EQ("get", getxattr("file", "trusted.a", buf, sizeof(buf)), 1);
    T_EQ("remove", removexattr("file", "trusted.a"), 0);
    memset(name, 'n', sizeof(name) - 1);
    memcpy(name, "user.", 5);
    T_ERR("a name that is too long", setxattr("file", name, "x", 1, 0), ERANGE);
    name[255] = '\0';
    T_EQ("the longest name", setxattr("file", name, "x", 1, 0), 0);
    T_EQ("get", getxattr("file", name, buf, sizeof(buf)), 1);
    T_EQ("remove", removexattr("file", name), 0);
    T_ERR("unknown flags", setxattr("file", "user.x", "x", 1, 4), EINVAL);
    T_ERR("a value that is too large", setxattr("file", "user.x", big, sizeof(big), 0), E2BIG);
    T_ERR("no value", syscall(SYS_setxattr, "file", "user.x", 8, 1, 0), EFAULT);
    T_ERR("no name", syscall(SYS_setxattr, "file", 8, "x", 1, 0), EFAULT);
    T_EQ("a larger value", setxattr("file", "user.x", big, 1500, 0), 0);
    T_EQ("a large buffer", getxattr("file", "user.x", big, sizeof(big)), 1500);
}

static void check_many(void)
{
    static char list[8192];
    char name[32];
    int set = 0;
    ssize_t n;

    for (int k = 0; k < 60; k++) {
        snprintf(name, sizeof(name), "user.many%02d", k);
        set += setxattr("many", name, name, strlen(name), 0) == 0;
    }
    T_EQ("many", set, 60);
    n = listxattr("many", list, sizeof(list));
    T_EQ("their list", n, 60 * 12);
    for (ssize_t at = 0; at < n; at += (ssize_t)strlen(list + at) + 1) {
        char value[32];
        if (getxattr("many", list + at, value, sizeof(value)) == 11 &&
            memcmp(value, list + at, 11) == 0) {
            set -= removexattr("many", list + at) == 0;
        }
    }
    T_EQ("each had its value", set, 0);
}

int main(void)
{
    t_scratch();
    close(open("file", O_CREAT | O_WRONLY, 0644));
    close(open("many", O_CREAT | O_WRONLY, 0644));
    T_MUST("directory", mkdir("dir", 0755) == 0);
    T_MUST("links", symlink("file", "link") == 0 && link("file", "hard") == 0);
    T_MUST("FIFO", mkfifo("fifo", 0644) == 0);
    check_values();
    check_targets();
    check_names();
    check_many();
    return t_done();
}
