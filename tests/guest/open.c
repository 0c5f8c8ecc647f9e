// SPDX-License-Identifier: Apache-2.0
/*
 * open and openat: every flag that changes what is opened or refused, modes under the umask,
 * names that are too long or wrong, paths relative to a directory descriptor, unlinked files.
 */
#include "t.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

static mode_t mode_of(const char *name)
{
    struct stat st;

    return stat(name, &st) == 0 ? st.st_mode : 0;
}

static void put(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    T_MUST(name, fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void check_create(void)
{
    umask(022);
    int fd = open("made", O_CREAT | O_EXCL | O_RDWR, 0666);

    T_MUST("create", fd >= 0);
    T_EQ("mode under the umask", mode_of("made"), S_IFREG | 0644);
    T_EQ("the lowest free descriptor", fd, 3);
    close(fd);
    T_ERR("EXCL refuses what exists", open("made", O_CREAT | O_EXCL | O_RDWR, 0666), EEXIST);
    T_ERR("no file without CREAT", open("absent", O_RDWR), ENOENT);
    T_ERR("no directory", open("absent/file", O_CREAT | O_RDWR, 0666), ENOENT);
    T_ERR("a file as a directory", open("made/file", O_CREAT | O_RDWR, 0666), ENOTDIR);
    T_ERR("a trailing slash", open("made/", O_RDONLY), ENOTDIR);
    T_ERR("create with a trailing slash", open("new/", O_CREAT | O_WRONLY, 0666), EISDIR);
    T_ERR("the empty name", open("", O_RDONLY), ENOENT);
    umask(0);
    close(open("wide", O_CREAT | O_WRONLY, 0777));
    T_EQ("all bits without umask", mode_of("wide"), S_IFREG | 0777);
    umask(022);
}

static void check_access_modes(void)
{
    char c;
    int fd = open("made", O_WRONLY);

    T_ERR("read of write-only", read(fd, &c, 1), EBADF);
    T_EQ("flags of write-only", fcntl(fd, F_GETFL) & O_ACCMODE, O_WRONLY);
    close(fd);
    fd = open("made", O_RDONLY);
    T_ERR("write of read-only", write(fd, "x", 1), EBADF);
    T_ERR("ftruncate of read-only", ftruncate(fd, 0), EINVAL);
    close(fd);
    T_ERR("writing a directory", open(".", O_WRONLY), EISDIR);
    T_ERR("creating a directory", open(".", O_CREAT | O_RDWR, 0666), EISDIR);
    fd = open(".", O_RDONLY);
    T_ERR("read of a directory", read(fd, &c, 1), EISDIR);
    close(fd);
    T_ERR("DIRECTORY on a file", open("made", O_DIRECTORY), ENOTDIR);
    fd = open(".", O_DIRECTORY | O_CLOEXEC);
    T_CHECK("DIRECTORY on a directory", fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    close(fd);
    fd = open("made", O_PATH);
    T_CHECK("PATH opens", fd >= 0);
    T_ERR("but does not read", read(fd, &c, 1), EBADF);
    close(fd);
}

static void check_truncate_and_append(void)
{
    char text[16] = "";

    put("log", "first");
    T_EQ("TRUNC empties", open("log", O_RDONLY | O_TRUNC) >= 0 ? 0 : errno, 0);
    struct stat st;
    T_CHECK("it is empty", stat("log", &st) == 0 && st.st_size == 0);
    put("log", "abc");
    int fd = open("log", O_RDWR | O_APPEND);
    T_EQ("append starts reading at 0", lseek(fd, 0, SEEK_CUR), 0);
    T_CHECK("append writes at the end", write(fd, "def", 3) == 3);
    T_EQ("and leaves the offset there", lseek(fd, 0, SEEK_CUR), 6);
    lseek(fd, 1, SEEK_SET);
    T_CHECK("also after a seek", write(fd, "gh", 2) == 2);
    T_CHECK("in order", pread(fd, text, 15, 0) == 8 && strcmp(text, "abcdefgh") == 0);
    T_EQ("two descriptors append in turn", fcntl(fd, F_GETFL) & O_APPEND, O_APPEND);
    close(fd);
}

static void check_symlinks(void)
{
    T_EQ("symlink", symlink("made", "link"), 0);
    T_EQ("dangling", symlink("nowhere", "dangling"), 0);
    T_EQ("loop", symlink("loop2", "loop1") | symlink("loop1", "loop2"), 0);
    int fd = open("link", O_RDONLY);
    T_CHECK("follows", fd >= 0);
    close(fd);
    T_ERR("NOFOLLOW", open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
    T_ERR("dangling", open("dangling", O_RDONLY), ENOENT);
    T_ERR("EXCL does not follow", open("dangling", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
    fd = open("dangling", O_CREAT | O_RDWR, 0600);
    T_CHECK("CREAT follows", fd >= 0 && mode_of("nowhere") == (S_IFREG | 0600));
    close(fd);
    T_ERR("a loop", open("loop1", O_RDONLY), ELOOP);
}

static void check_names(void)
{
    char name[NAME_MAX + 2];
    static char path[PATH_MAX + 2];

    memset(name, 'n', sizeof(name));
    name[NAME_MAX] = 0;
    int fd = open(name, O_CREAT | O_RDWR, 0600);
    T_CHECK("255 bytes", fd >= 0);
    close(fd);
    T_EQ("unlink it", unlink(name), 0);
    name[NAME_MAX] = 'n';
    name[NAME_MAX + 1] = 0;
    T_ERR("256 bytes", open(name, O_CREAT | O_RDWR, 0600), ENAMETOOLONG);
    for (size_t i = 0; i + 2 < sizeof(path); i += 2) {
        memcpy(path + i, "./", 2);
    }
    memcpy(path + PATH_MAX - 1 - 4, "made", 5);
    path[PATH_MAX - 6] = '/';
    fd = open(path, O_RDONLY);
    T_CHECK("4095 bytes", fd >= 0);
    close(fd);
    memset(path, '/', PATH_MAX);
    T_ERR("4096 bytes", open(path, O_RDONLY), ENAMETOOLONG);
    fd = open(".//././/made", O_RDONLY);
    T_CHECK("dots and double slashes", fd >= 0);
    close(fd);
    put("w\xc3\xb6rt \x01 \"quoted\"", "any byte but / and NUL is a name\n");
}

static void check_openat(void)
{
    T_EQ("mkdir", mkdir("sub", 0755), 0);
    int dir = open("sub", O_RDONLY | O_DIRECTORY);
    int fd = openat(dir, "inside", O_CREAT | O_RDWR, 0644);

    T_CHECK("relative to a descriptor", fd >= 0 && mode_of("sub/inside") == (S_IFREG | 0644));
    close(fd);
    fd = openat(dir, "../made", O_RDONLY);
    T_CHECK("upwards", fd >= 0);
    T_ERR("relative to a file", openat(fd, "x", O_RDONLY), ENOTDIR);
    close(fd);
    fd = openat(AT_FDCWD, "sub/inside", O_RDONLY);
    T_CHECK("AT_FDCWD", fd >= 0);
    close(fd);
    fd = openat(-1, "/", O_RDONLY);
    T_CHECK("an absolute path ignores the descriptor", fd >= 0);
    close(fd);
    T_ERR("a bad descriptor", openat(99, "x", O_RDONLY), EBADF);
    close(dir);
}

static void check_unlinked(void)
{
    char text[8] = "";
    int fd = open("ghost", O_CREAT | O_RDWR, 0600);
    struct stat st;

    T_EQ("unlink while open", unlink("ghost"), 0);
    T_ERR("the name is gone", open("ghost", O_RDONLY), ENOENT);
    T_CHECK("the file lives", write(fd, "alive", 5) == 5 && pread(fd, text, 7, 0) == 5);
    T_STR("with its contents", text, "alive");
    T_CHECK("with no link", fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 5);
    close(fd);
    fd = open(".", O_TMPFILE | O_RDWR, 0600);
    T_CHECK("TMPFILE works or is refused",
            fd >= 0 || errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL);
    close(fd);
}

int main(void)
{
    t_scratch();
    check_create();
    check_access_modes();
    check_truncate_and_append();
    check_symlinks();
    check_names();
    check_openat();
    check_unlinked();
    return t_done();
}
