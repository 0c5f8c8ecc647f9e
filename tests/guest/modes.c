// SPDX-License-Identifier: Apache-2.0
/*
 * Permissions of files (path_resolution(7)): some users try all that can be done with a file and
 * with what is in a directory, of many modes and owners. What each attempt returned is printed, and
 * what it has left.
 */
#include "t.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define OWNER 1000
#define GROUP 50

static const struct user {
    const char *name;
    uid_t real, effective;
    gid_t gid, group; /* group: a supplementary one */
    bool no_caps;
} users[] = {
    {"root", 0, 0, 0, 0, false},
    {"owner", OWNER, OWNER, 100, 60, false},
    {"of the group", 1001, 1001, GROUP, 60, false},
    {"also of the group", 1001, 1001, 100, GROUP, false},
    {"other", 1002, 1002, 100, 60, false},
    {"owner, really other", 1002, OWNER, 100, 60, false},
    {"other, really root", 0, 1002, 0, 0, false},
    {"root without capabilities", 0, 0, 0, 0, true},
};

static void become(const struct user *u)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    gid_t groups[1] = {u->group};

    T_MUST("groups",
           setgroups(u->group != 0, groups) == 0 && setresgid(u->gid, u->gid, u->gid) == 0);
    T_MUST("users", setresuid(u->real, u->effective, u->effective) == 0);
    T_MUST("capabilities", !u->no_caps || syscall(SYS_capset, &h, none) == 0);
}

static char said[4096];
static size_t said_len;

static void say(const char *what, long rc)
{
    said_len += (size_t)snprintf(said + said_len, sizeof(said) - said_len, " %s:%s", what,
                                 rc >= 0 ? "ok" : strerrorname_np(errno));
}

static void opened(const char *what, int fd)
{
    say(what, fd);
    if (fd >= 0) {
        close(fd);
    }
}

static void tell(const char *path)
{
    struct stat st;

    if (lstat(path, &st) == 0) {
        said_len += (size_t)snprintf(said + said_len, sizeof(said) - said_len, " [%s %o %u %u]",
                                     path, st.st_mode, st.st_uid, st.st_gid);
    }
}

static long executed(const char *path)
{
    char *const argv[] = {NULL};

    return execve(path, argv,
                  argv); /* the file is no program: that it may be executed is ENOEXEC */
}

static void use_file(void)
{
    struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    struct timespec one[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
    struct timespec then[2] = {{.tv_sec = 5}, {.tv_sec = 6}};
    struct timespec no[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
    char value[8];

    opened("r", open("f", O_RDONLY));
    opened("w", open("f", O_WRONLY));
    opened("rw", open("f", O_RDWR));
    opened("path", open("f", O_PATH));
    opened("noatime", open("f", O_RDONLY | O_NOATIME));
    opened("creat", open("f", O_RDONLY | O_CREAT, 0600));
    say("R_OK", access("f", R_OK));
    say("W_OK", access("f", W_OK));
    say("X_OK", access("f", X_OK));
    say("all", access("f", R_OK | W_OK | X_OK));
    say("R_OK eff", syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS));
    say("W_OK eff", syscall(SYS_faccessat2, AT_FDCWD, "f", W_OK, AT_EACCESS));
    say("X_OK eff", syscall(SYS_faccessat2, AT_FDCWD, "f", X_OK, AT_EACCESS));
    say("exec", executed("f"));
    say("getxattr", getxattr("f", "user.a", value, sizeof(value)));
    say("setxattr", setxattr("f", "user.a", "v", 1, 0));
    say("removexattr", removexattr("f", "user.a"));
    say("trusted", setxattr("f", "trusted.a", "v", 1, 0));
    say("now", utimensat(AT_FDCWD, "f", NULL, 0));
    say("now 2", utimensat(AT_FDCWD, "f", now, 0));
    say("one", utimensat(AT_FDCWD, "f", one, 0));
    say("then", utimensat(AT_FDCWD, "f", then, 0));
    say("none", utimensat(AT_FDCWD, "f", no, 0));
    say("utimes", utimes("f", NULL));
    say("link", link("f", "l"));
}

static void change_owner_none(void)
{
    say("chown none", chown("f", (uid_t)-1, (gid_t)-1));
}

static void change_owner(void)
{
    say("chown 1000", chown("f", OWNER, (gid_t)-1));
}

static void change_owner_away(void)
{
    say("chown 1002", chown("f", 1002, (gid_t)-1));
}

static void change_group(void)
{
    say("chgrp 50", chown("f", (uid_t)-1, GROUP));
}

static void change_group_mine(void)
{
    say("chgrp 60", chown("f", (uid_t)-1, 60));
}

static void change_group_away(void)
{
    say("chgrp 70", chown("f", (uid_t)-1, 70));
}

static void change_mode(void)
{
    say("chmod", chmod("f", 06751));
}

static void write_to(void)
{
    int fd = open("f", O_WRONLY);

    say("write", fd < 0 ? -1 : write(fd, "x", 1));
}

static void truncate_open(void)
{
    opened("O_TRUNC", open("f", O_RDONLY | O_TRUNC));
}

static void truncate_path(void)
{
    say("truncate", truncate("f", 3));
}

static void (*const file_parts[])(void) = {
    use_file,     change_owner_none, change_owner,      change_owner_away,
    change_group, change_group_mine, change_group_away, change_mode,
    write_to,     truncate_open,     truncate_path,
};

/* Nobody has the sockets that are bound here any more, so whoever may connect is refused. */
static long make_socket(const char *path, bool connects)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0), rc;

    strcpy(a.sun_path, path);
    rc = connects ? connect(fd, (struct sockaddr *)&a, sizeof(a))
                  : bind(fd, (struct sockaddr *)&a, sizeof(a));
    int error = errno;
    close(fd);
    errno = error;
    return rc;
}

static void look(void)
{
    DIR *dir = opendir("d");
    int there = open("d", O_PATH | O_DIRECTORY), at = open("d/s", O_PATH | O_DIRECTORY);
    struct stat st;
    char text[8];

    say("opendir", dir != NULL ? 0 : -1);
    say("stat", stat("d/x", &st));
    say("fstatat", fstatat(there, "x", &st, 0));
    say("fstatat .", fstatat(there, ".", &st, 0));
    say("dots", stat("d/../d", &st));
    say("dots 2", stat("d/s/../x", &st));
    say("missing", stat("d/none", &st));
    say("below a file", stat("d/x/y", &st));
    say("a long name",
        stat("d/"
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             "aaaaaaaaaaa"
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             "aaaaaaaaaaa"
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
             &st));
    say("readlink", readlink("d/k", text, sizeof(text)));
    say("through a link", stat("d/k/x", &st));
    say("access", access("d/x", F_OK));
    say("access eff", syscall(SYS_faccessat2, AT_FDCWD, "d/x", F_OK, AT_EACCESS));
    say("d R_OK", access("d", R_OK));
    say("d W_OK", access("d", W_OK));
    say("d X_OK", access("d", X_OK));
    say("connect", make_socket("d/socket", true));
    say("fchdir", fchdir(there));
    if (at >= 0) {
        say("fchdir s", fchdir(at));
        say("chdir ..", chdir(".."));
    }
    say("chdir", chdir("/"));
}

static void chdir_in(void)
{
    say("chdir", chdir("d"));
}

static void make(void)
{
    umask(027);
    opened("creat", open("d/new", O_WRONLY | O_CREAT, 06777));
    opened("excl", open("d/new", O_WRONLY | O_CREAT | O_EXCL, 0666));
    opened("tmpfile", open("d", O_RDWR | O_TMPFILE, 0666));
    say("mkdir", mkdir("d/dir", 0777));
    say("mkdir x", mkdir("d/x", 0777));
    say("symlink", symlink("x", "d/sym"));
    say("fifo", mknod("d/fifo", S_IFIFO | 0666, 0));
    say("chr", mknod("d/chr", S_IFCHR | 0666, 0x103));
    say("bind", make_socket("d/bound", false));
    say("link", link("own", "d/link"));
}

static void remove_file(void)
{
    say("unlink x", unlink("d/x"));
    say("unlink mine", unlink("d/mine"));
    say("unlink s", unlink("d/s"));
    say("rmdir x", rmdir("d/x"));
    say("rmdir s", rmdir("d/s"));
    say("rmdir none", rmdir("d/none"));
}

static void rename_in(void)
{
    say("rename", rename("d/x", "d/y"));
    say("rename same", rename("d/k", "d/k"));
    say("replace", rename("d/mine", "d/socket"));
    say("dir", rename("d/s", "d/t"));
    say("file over dir", rename("d/k", "d/t"));
}

static void rename_out(void)
{
    say("out", rename("d/x", "o/x"));
    say("dir out", rename("d/s", "o/s"));
    say("dir mine out", rename("d/m", "o/m"));
    say("in", rename("o/in", "d/in"));
    say("dir in", rename("o/dir", "d/dir"));
    say("exchange", syscall(SYS_renameat2, AT_FDCWD, "d/mine", AT_FDCWD, "o/other", 2));
    say("exchange 2", syscall(SYS_renameat2, AT_FDCWD, "d/e", AT_FDCWD, "o/e", 2));
}

static void attributes(void)
{
    say("setxattr", setxattr("d", "user.a", "v", 1, 0));
    say("chmod", chmod("d", 02777));
    say("chown", chown("d", (uid_t)-1, 60));
}

static void (*const dir_parts[])(void) = {look,      chdir_in,   make,      remove_file,
                                          rename_in, rename_out, attributes};

static void give(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
    T_MUST("given",
           lchown(path, uid, gid) == 0 && (S_ISLNK(mode) || chmod(path, mode & 07777) == 0));
}

static void file(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    T_MUST("a file", fd >= 0 && write(fd, "text", 4) == 4 && close(fd) == 0);
    give(path, uid, gid, mode);
}

static void dir(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
    T_MUST("a directory", mkdir(path, 0700) == 0);
    give(path, uid, gid, mode);
}

/* Everything below a directory, the depth first. */
static void empty(const char *path)
{
    DIR *at = opendir(path);
    struct dirent *e;
    char name[600];

    T_MUST("opendir", at != NULL);
    while ((e = readdir(at)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
        if (unlink(name) != 0) {
            empty(name);
            T_MUST("rmdir", rmdir(name) == 0);
        }
    }
    closedir(at);
}

static void apart(const struct user *u, void (*part)(void))
{
    int back[2], status = -1;
    ssize_t n;
    pid_t pid;

    T_MUST("pipe", pipe(back) == 0);
    pid = fork();
    T_MUST("fork", pid >= 0);
    if (pid == 0) {
        become(u);
        part();
        T_MUST("said", write(back[1], said, said_len) == (ssize_t)said_len);
        _exit(0);
    }
    T_MUST("the part ended well", waitpid(pid, &status, 0) == pid && status == 0);
    close(back[1]);
    n = read(back[0], said, sizeof(said));
    close(back[0]);
    said_len = n > 0 ? (size_t)n : 0;
}

static void print_said(const struct user *u)
{
    t_line(1, "  %s:%.*s\n", u->name, (int)said_len, said);
    said_len = 0;
}

static void check_file(const struct user *u, mode_t mode, uid_t uid, gid_t gid)
{
    for (size_t k = 0; k < T_COUNT(file_parts); k++) {
        empty(".");
        file("f", uid, gid, mode);
        T_MUST("attribute", setxattr("f", "user.a", "v", 1, 0) == 0);
        give("f", uid, gid, mode);
        apart(u, file_parts[k]);
        tell("f");
        print_said(u);
    }
}

static void check_dir(const struct user *u, mode_t mode, uid_t uid, gid_t gid)
{
    static const char *const names[] = {"d/x",    "d/y",     "d/mine",  "d/new", "d/dir", "d/sym",
                                        "d/fifo", "d/bound", "d/link",  "d/s",   "d/t",   "o/s",
                                        "o/x",    "d/in",    "o/other", "d"};

    for (size_t k = 0; k < T_COUNT(dir_parts); k++) {
        empty(".");
        dir("d", 0, 0, 0755);
        dir("o", OWNER, GROUP, 0777);
        file("d/x", OWNER, GROUP, 0644);
        file("d/mine", u->effective, u->gid, 0644);
        file("own", u->effective, u->gid, 0644);
        dir("d/s", OWNER, GROUP, 0755);
        dir("d/m", u->effective, GROUP, 0755);
        dir("d/e", u->effective, GROUP, 0555);
        dir("o/e", u->effective, GROUP, 0755);
        file("o/in", 1002, GROUP, 0644);
        file("o/other", 1002, GROUP, 0644);
        dir("o/dir", 1002, GROUP, 0755);
        T_MUST("link", symlink(".", "d/k") == 0);
        T_MUST("socket", make_socket("d/socket", false) == 0);
        give("d/socket", OWNER, GROUP, 0640);
        give("d", uid, gid, mode);
        apart(u, dir_parts[k]);
        for (size_t n = 0; n < T_COUNT(names); n++) {
            tell(names[n]);
        }
        print_said(u);
    }
}

static const mode_t file_modes[] = {0,    0400, 0200,  0100,  0070,  0020,  0010, 0007,
                                    0755, 0604, 04755, 02745, 06777, 04444, 0660};
static const mode_t dir_modes[] = {0,     0700,  0500,  0300,  0600, 0070, 0030, 0050,
                                   01777, 01770, 03775, 02775, 0755, 0003, 0711};

int main(void)
{
    umask(022);
    t_scratch();
    T_MUST("others may come in", chmod(".", 0777) == 0);
    for (size_t m = 0; m < T_COUNT(file_modes); m++) {
        t_line(1, "file %04o\n", file_modes[m]);
        for (size_t k = 0; k < T_COUNT(users); k++) {
            check_file(&users[k], file_modes[m], OWNER, GROUP);
        }
    }
    for (size_t m = 0; m < T_COUNT(dir_modes); m++) {
        t_line(1, "directory %04o\n", dir_modes[m]);
        for (size_t k = 0; k < T_COUNT(users); k++) {
            check_dir(&users[k], dir_modes[m], OWNER, GROUP);
        }
    }
    return t_done();
}
