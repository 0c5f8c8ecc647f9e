// SPDX-License-Identifier: Apache-2.0
/*
 * What files say about themselves: stat in all its forms, statx, statfs, times and how they are
 * set, modes, owners, access.
 */
#include "t.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

static struct stat st;

static void check_forms(void)
{
    int fd = open("file", O_CREAT | O_RDWR, 0640);
    struct stat other;

    T_CHECK("write", write(fd, "12345", 5) == 5);
    T_EQ("stat", stat("file", &st), 0);
    T_EQ("type and mode", st.st_mode, S_IFREG | 0640);
    T_EQ("size", st.st_size, 5);
    T_EQ("links", st.st_nlink, 1);
    T_CHECK("owner", st.st_uid == getuid() && st.st_gid == getgid());
    T_CHECK("inode and block size", st.st_ino != 0 && st.st_blksize >= 512);
    T_EQ("blocks", st.st_blocks >= 0 && st.st_blocks <= 64, 1);
    T_CHECK("fstat agrees", fstat(fd, &other) == 0 && other.st_ino == st.st_ino &&
                                other.st_dev == st.st_dev && other.st_size == 5);
    T_CHECK("lstat agrees", lstat("file", &other) == 0 && other.st_ino == st.st_ino);
    T_CHECK("fstatat of the descriptor",
            fstatat(fd, "", &other, AT_EMPTY_PATH) == 0 && other.st_ino == st.st_ino);
    T_EQ("symlink", symlink("file", "link"), 0);
    T_CHECK("fstatat without following",
            fstatat(AT_FDCWD, "link", &other, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(other.st_mode) &&
                other.st_size == 4 && (other.st_mode & 0777) == 0777);
    T_ERR("stat of nothing", stat("absent", &st), ENOENT);
    T_ERR("fstat of nothing", fstat(99, &st), EBADF);
    T_ERR("unknown flags", fstatat(AT_FDCWD, "file", &other, 0x10000000), EINVAL);
    close(fd);
    T_CHECK("inodes differ",
            stat("/", &st) == 0 && S_ISDIR(st.st_mode) && st.st_ino != other.st_ino);
    T_CHECK("two files, two inodes", close(open("file2", O_CREAT, 0600)) == 0 &&
                                         stat("file", &st) == 0 && stat("file2", &other) == 0 &&
                                         st.st_ino != other.st_ino);
}

static void check_statx(void)
{
    struct statx x;

    T_EQ("statx", statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS | STATX_BTIME, &x), 0);
    T_CHECK("basic fields", (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    stat("file", &st);
    T_CHECK("as stat has them", x.stx_ino == st.st_ino && x.stx_size == (uint64_t)st.st_size &&
                                    x.stx_mode == st.st_mode && x.stx_nlink == st.st_nlink &&
                                    x.stx_mtime.tv_sec == st.st_mtim.tv_sec &&
                                    makedev(x.stx_dev_major, x.stx_dev_minor) == st.st_dev);
    T_EQ("of a descriptor", statx(0, "", AT_EMPTY_PATH, STATX_TYPE, &x), 0);
    T_ERR("unknown flags", statx(AT_FDCWD, "file", 0x40000000, STATX_TYPE, &x), EINVAL);
    T_ERR("a reserved mask", statx(AT_FDCWD, "file", 0, 0x80000000, &x), EINVAL);
    struct statfs fs;
    T_CHECK("statfs", statfs("/", &fs) == 0 && fs.f_bsize > 0 && fs.f_namelen >= 255);
}

static bool times_are(const char *name, time_t a, long an, time_t m, long mn)
{
    return stat(name, &st) == 0 && st.st_atim.tv_sec == a && st.st_atim.tv_nsec == an &&
           st.st_mtim.tv_sec == m && st.st_mtim.tv_nsec == mn;
}

static void check_times(void)
{
    struct timespec set[2] = {{1000000000, 123456789}, {1100000000, 987654321}};
    struct timespec half[2] = {{5, UTIME_OMIT}, {1200000000, 0}};
    struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    int64_t before = time(NULL);

    T_EQ("utimensat", utimensat(AT_FDCWD, "file", set, 0), 0);
    T_CHECK("both set, to the nanosecond",
            times_are("file", 1000000000, 123456789, 1100000000, 987654321));
    T_CHECK("the change time is now", st.st_ctim.tv_sec >= before - 1);
    T_EQ("one omitted", utimensat(AT_FDCWD, "file", half, 0), 0);
    T_CHECK("one kept", times_are("file", 1000000000, 123456789, 1200000000, 0));
    T_EQ("now", utimensat(AT_FDCWD, "file", now, 0), 0);
    T_CHECK("both are now", stat("file", &st) == 0 && st.st_mtim.tv_sec >= before - 1 &&
                                st.st_atim.tv_sec >= before - 1);
    T_EQ("a link's own time", utimensat(AT_FDCWD, "link", set, AT_SYMLINK_NOFOLLOW), 0);
    T_CHECK("not the file's", lstat("link", &st) == 0 && st.st_mtim.tv_sec == 1100000000 &&
                                  stat("file", &st) == 0 && st.st_mtim.tv_sec != 1100000000);
    int fd = open("file", O_RDWR);
    T_EQ("futimens", futimens(fd, set), 0);
    T_CHECK("set", times_are("file", 1000000000, 123456789, 1100000000, 987654321));
    T_CHECK("a write sets the modification time",
            write(fd, "x", 1) == 1 && fstat(fd, &st) == 0 && st.st_mtim.tv_sec >= before - 1);
    close(fd);
    set[0].tv_nsec = 1000000000;
    T_ERR("nanoseconds out of range", utimensat(AT_FDCWD, "file", set, 0), EINVAL);
    set[0] = (struct timespec){1, 0};
    utimensat(AT_FDCWD, ".", set, 0);
    close(open("fresh", O_CREAT | O_RDWR, 0600));
    T_CHECK("a new name sets the directory's time",
            stat(".", &st) == 0 && st.st_mtim.tv_sec >= before - 1);
}

static void check_modes(void)
{
    int fd = open("file", O_RDWR);

    T_EQ("chmod", chmod("file", 0751), 0);
    T_CHECK("set", stat("file", &st) == 0 && st.st_mode == (S_IFREG | 0751));
    T_EQ("chmod of all bits", chmod("file", 07777), 0);
    T_CHECK("with sticky and set-id", stat("file", &st) == 0 && st.st_mode == (S_IFREG | 07777));
    T_EQ("fchmod", fchmod(fd, 0600), 0);
    T_CHECK("fchmod set", stat("file", &st) == 0 && st.st_mode == (S_IFREG | 0600));
    T_EQ("fchmodat through a link", fchmodat(AT_FDCWD, "link", 0644, 0), 0);
    T_CHECK("fchmodat set", stat("file", &st) == 0 && st.st_mode == (S_IFREG | 0644));
    T_ERR("chmod of nothing", chmod("absent", 0644), ENOENT);
    mode_t old = umask(027);
    T_CHECK("umask returns the last", umask(old) == 027);
    close(fd);
}

/* As root: the owner may be anyone, and access is nearly always granted. */
static void check_owners(void)
{
    T_EQ("chown", chown("file", 1234, 5678), 0);
    T_CHECK("both", stat("file", &st) == 0 && st.st_uid == 1234 && st.st_gid == 5678);
    T_EQ("only the group", chown("file", (uid_t)-1, 99), 0);
    T_CHECK("the owner stays", stat("file", &st) == 0 && st.st_uid == 1234 && st.st_gid == 99);
    T_EQ("lchown", lchown("link", 42, 42), 0);
    T_CHECK("of the link", lstat("link", &st) == 0 && st.st_uid == 42);
    T_CHECK("not of the file", stat("file", &st) == 0 && st.st_uid == 1234);
    chmod("file", 0);
    T_EQ("root reads anything", access("file", R_OK | W_OK), 0);
    T_ERR("but runs only what is executable", access("file", X_OK), EACCES);
    chmod("file", 0100);
    T_EQ("executable by one", access("file", X_OK), 0);
    T_EQ("exists", access("file", F_OK) | faccessat(AT_FDCWD, "link", F_OK, AT_EACCESS), 0);
    T_ERR("does not", access("absent", F_OK), ENOENT);
    T_ERR("a bad mode", access("file", 99), EINVAL);
    chmod("file", 0);
    int fd = open("file", O_RDWR);
    T_CHECK("root opens mode 0", fd >= 0);
    close(fd);
}

int main(void)
{
    t_scratch();
    umask(022);
    check_forms();
    check_statx();
    check_times();
    check_modes();
    check_owners();
    return t_done();
}
