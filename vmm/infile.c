// SPDX-License-Identifier: Apache-2.0
/*
 * Opens and checks the files that the library reads. A file is opened without waiting, so that a
 * pipe in its place is an error message and not a hang. It is checked through its descriptor, so
 * that the file that was checked is the one that is used.
 */
#include "vmm_int.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int infile_stat(int fd, const char *name, struct stat *st, struct vmm_err *err)
{
    int rc = os_fstat(fd, st);
    return rc < 0 ? vmm_err_set(err, -rc, "%s: %s", name, strerror(-rc)) : 0;
}

static int infile_regular(int fd, const char *name, struct vmm_err *err)
{
    struct stat st;
    int rc = infile_stat(fd, name, &st, err);
    if (rc == 0 && !S_ISREG(st.st_mode)) {
        rc = vmm_err_set(err, EINVAL, "%s: not a regular file", name);
    }
    return rc;
}

int infile_open(const char *path, struct vmm_err *err)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return vmm_err_set(err, errno, "%s: %s", path, strerror(errno));
    }
    int rc = infile_regular(fd, path, err);
    if (rc < 0) {
        os_close(fd);
        return rc;
    }
    return fd;
}

int vmm_file_trusted(int fd, const char *name, struct vmm_err *err)
{
    struct stat st;
    int rc = infile_stat(fd, name, &st, err);
    if (rc < 0 || st.st_nlink == 0) {
        return rc;
    }
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        return vmm_err_set(err, EPERM,
                           "%s belongs to user %u, who is neither you (user %u) nor root: it is "
                           "not trusted",
                           name, (unsigned)st.st_uid, (unsigned)geteuid());
    }
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return vmm_err_set(err, EPERM, "%s can be changed by others (mode %04o): it is not trusted",
                           name, (unsigned)st.st_mode & 07777);
    }
    return 0;
}

static bool infile_same(const struct infile_mark *a, const struct infile_mark *b)
{
    return a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

int infile_mark(int fd, const char *name, struct infile_mark *mark, struct vmm_err *err)
{
    struct stat st;
    int rc = infile_stat(fd, name, &st, err);
    if (rc == 0 && !S_ISREG(st.st_mode)) {
        rc = vmm_err_set(err, EBADMSG, "%s is not a regular file", name);
    }
    if (rc == 0) {
        *mark = (struct infile_mark){.size = (uint64_t)st.st_size, .changed = st.st_mtim};
    }
    return rc;
}

int infile_unchanged(int fd, const char *name, const struct infile_mark *mark, struct vmm_err *err)
{
    struct infile_mark now = {0};
    int rc = infile_mark(fd, name, &now, err);
    if (rc < 0 || infile_same(&now, mark)) {
        return rc;
    }
    if (now.size < mark->size) {
        return vmm_err_set(err, EBADMSG, "%s was truncated to %llu bytes, wanted %llu", name,
                           (unsigned long long)now.size, (unsigned long long)mark->size);
    }
    return vmm_err_set(err, EBADMSG, "%s was written to while it was in use", name);
}
