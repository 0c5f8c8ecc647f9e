// SPDX-License-Identifier: Apache-2.0
/*
 * Both sides of hostfs.h, with the host's headers only.
 */
#define _GNU_SOURCE
#include "hostfs.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct request {
    enum hostfs_op op;
    unsigned flags;
    char path[2][HOSTFS_PATH_ROOM];
};

static int server = -1;
static pid_t server_pid;

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    return at->level > 0 ? remove(path) : 0;
}

static int empty(void)
{
    return chdir("/") == 0 ? nftw("/", remove_one, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

static void describe(int rc, const struct stat *st, struct hostfs_answer *answer)
{
    if (rc == 0) {
        answer->ino = st->st_ino;
        answer->size = (unsigned long)st->st_size;
        answer->mode = st->st_mode;
        answer->nlink = (unsigned)st->st_nlink;
    }
}

static int open_and_close(const struct request *q, struct hostfs_answer *answer)
{
    struct stat st;
    int fd = open(q->path[0], (int)q->flags, 0666);

    if (fd < 0) {
        return -1;
    }
    describe(fstat(fd, &st), &st, answer);
    return close(fd);
}

/* Some file systems call a directory that is not empty EEXIST, as rename(2) allows. */
static int do_rename(const struct request *q)
{
    int rc = renameat2(AT_FDCWD, q->path[0], AT_FDCWD, q->path[1], q->flags);

    if (rc < 0 && errno == EEXIST && q->flags == 0) {
        errno = ENOTEMPTY;
    }
    return rc;
}

static int perform(const struct request *q, struct hostfs_answer *answer)
{
    const char *a = q->path[0], *b = q->path[1];

    switch (q->op) {
    case HOSTFS_EMPTY:
        return empty();
    case HOSTFS_STAT:
    case HOSTFS_LSTAT:
        return 0;
    case HOSTFS_OPEN:
        return open_and_close(q, answer);
    case HOSTFS_MKDIR:
        return mkdir(a, 0777);
    case HOSTFS_MKNOD:
        return mknod(a, S_IFREG | 0666, 0);
    case HOSTFS_SYMLINK:
        return symlink(a, b);
    case HOSTFS_LINK:
        return link(a, b);
    case HOSTFS_RENAME:
        return do_rename(q);
    case HOSTFS_UNLINK:
        return unlink(a);
    case HOSTFS_RMDIR:
        return rmdir(a);
    case HOSTFS_CHDIR:
        return chdir(a);
    case HOSTFS_GETCWD:
        return getcwd(answer->name, sizeof(answer->name)) != NULL ? 0 : -1;
    default:
        errno = ENOSYS;
        return -1;
    }
}

/* What the call has left. */
static int look(const struct request *q, struct hostfs_answer *answer)
{
    struct stat st;
    int rc = 0;

    switch (q->op) {
    case HOSTFS_STAT:
        rc = stat(q->path[0], &st);
        break;
    case HOSTFS_LSTAT:
    case HOSTFS_MKDIR:
    case HOSTFS_MKNOD:
        rc = lstat(q->path[0], &st);
        break;
    case HOSTFS_SYMLINK:
    case HOSTFS_LINK:
    case HOSTFS_RENAME:
        rc = lstat(q->path[1], &st);
        break;
    default:
        return 0;
    }
    describe(rc, &st, answer);
    return rc;
}

static void serve(int fd)
{
    static struct request q;
    struct hostfs_answer answer;

    while (recv(fd, &q, sizeof(q), 0) == (ssize_t)sizeof(q)) {
        memset(&answer, 0, sizeof(answer));
        int rc = perform(&q, &answer);
        if (rc == 0) {
            rc = look(&q, &answer);
        }
        answer.rc = rc == 0 ? 0 : -errno;
        if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) != (ssize_t)sizeof(answer)) {
            break;
        }
    }
}

/* In the new process. The root's parent stays open, to remove the root in the end. */
static void run_server(int fd, const char *parent, const char *root)
{
    struct hostfs_answer ready = {0};
    int outside = open(parent, O_PATH | O_DIRECTORY);

    if (chdir(root) < 0 || (chroot(".") < 0 && (unshare(CLONE_NEWUSER) < 0 || chroot(".") < 0))) {
        ready.rc = -errno;
    }
    umask(022);
    if (send(fd, &ready, sizeof(ready), MSG_NOSIGNAL) == (ssize_t)sizeof(ready) && ready.rc == 0) {
        serve(fd);
        empty();
    }
    unlinkat(outside, strrchr(root, '/') + 1, AT_REMOVEDIR);
}

bool hostfs_start(void)
{
    const char *parent = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    struct hostfs_answer ready = {.rc = -EIO};
    char root[512];
    int pair[2];

    snprintf(root, sizeof(root), "%s/pyhl-unit.XXXXXX", parent);
    if (mkdtemp(root) == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        printf("     %s: %s\n", root, strerror(errno));
        return false;
    }
    fflush(stdout);
    server_pid = fork();
    if (server_pid == 0) {
        close(pair[0]);
        run_server(pair[1], parent, root);
        _exit(0);
    }
    close(pair[1]);
    server = pair[0];
    recv(server, &ready, sizeof(ready), 0);
    if (ready.rc < 0) {
        printf("     chroot: %s (root may, others where user namespaces are allowed)\n",
               strerror(-ready.rc));
    }
    return ready.rc == 0;
}

void hostfs_call(enum hostfs_op op, unsigned flags, const char *a, const char *b,
                 struct hostfs_answer *answer)
{
    static struct request q;

    q.op = op;
    q.flags = flags;
    snprintf(q.path[0], HOSTFS_PATH_ROOM, "%s", a != NULL ? a : "");
    snprintf(q.path[1], HOSTFS_PATH_ROOM, "%s", b != NULL ? b : "");
    if (send(server, &q, sizeof(q), MSG_NOSIGNAL) != (ssize_t)sizeof(q) ||
        recv(server, answer, sizeof(*answer), 0) != (ssize_t)sizeof(*answer)) {
        printf("     the host's side of the test has died\n");
        abort();
    }
}

void hostfs_stop(void)
{
    close(server);
    waitpid(server_pid, NULL, 0);
}
