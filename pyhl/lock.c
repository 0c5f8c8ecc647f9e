// SPDX-License-Identifier: Apache-2.0
/*
 * flock(2) on a file that its holder removes. Whoever waited for a file that is gone by then takes
 * the lock of the next one.
 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens the lock file, which nobody else may be able to open. Whoever can open a file can hold a
 * lock on it. */
static int lock_open(const struct folder *folder, const char *name, struct vmm_err *err)
{
    struct stat st;
    int fd = openat(folder->fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

    if (fd < 0) {
        return folder_fail(folder, name, err);
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        (st.st_mode & 077) == 0) {
        return fd;
    }
    close(fd);
    return vmm_err_set(err, EPERM,
                       "%s/%s is in the way: it is not a lock file of yours that only you can "
                       "open; remove it",
                       folder->path, name);
}

static int lock_wait(const struct folder *folder, const char *name, int fd,
                     void (*waiting)(const void *arg), const void *arg, bool *waited,
                     struct vmm_err *err)
{
    int rc = flock(fd, LOCK_EX | LOCK_NB);

    if (rc < 0 && errno == EWOULDBLOCK && waiting != NULL) {
        if (!*waited) {
            waiting(arg);
        }
        *waited = true;
        rc = flock(fd, LOCK_EX);
    }
    if (rc == 0) {
        return 0;
    }
    if (errno == EINTR) {
        return vmm_err_set(err, EINTR, "interrupted while waiting for the lock %s/%s", folder->path,
                           name);
    }
    return vmm_err_set(err, errno, "%s/%s: cannot lock: %s", folder->path, name, strerror(errno));
}

/* Whether a name is still that of the open file. */
static bool lock_is_still(const struct folder *folder, const char *name, int fd)
{
    struct stat is, was;

    return fstatat(folder->fd, name, &is, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &was) == 0 &&
           is.st_dev == was.st_dev && is.st_ino == was.st_ino;
}

int lock_take(const struct folder *folder, const char *name, void (*waiting)(const void *arg),
              const void *arg, struct vmm_err *err)
{
    bool waited = false;

    for (;;) {
        int fd = lock_open(folder, name, err), rc;

        if (fd < 0) {
            return fd;
        }
        rc = lock_wait(folder, name, fd, waiting, arg, &waited, err);
        if (rc == 0 && lock_is_still(folder, name, fd)) {
            return fd;
        }
        close(fd); /* its last holder has removed this file; there may be another one by now */
        if (rc < 0) {
            return rc;
        }
    }
}

void lock_release(const struct folder *folder, const char *name, int fd)
{
    if (fd >= 0) {
        (void)unlinkat(folder->fd, name, 0);
        close(fd);
    }
}
