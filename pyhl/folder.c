// SPDX-License-Identifier: Apache-2.0
#include "folder.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static int set(struct folder *folder, int fd, const char *path, struct vmm_err *err)
{
    folder->fd = fd;
    if (fd < 0) {
        return vmm_err_set(err, errno, "%s: %s", path, strerror(errno));
    }
    if (strlen(path) < PATH_MAX) {
        strcpy(folder->path, path);
        return 0;
    }
    folder_close(folder);
    return vmm_err_set(err, ENAMETOOLONG, "%s: path too long", path);
}

int folder_open(struct folder *folder, const char *path, struct vmm_err *err)
{
    return set(folder, open(path, DIRECTORY), path, err);
}

int folder_open_in(struct folder *folder, const struct folder *parent, const char *name,
                   const char *path, struct vmm_err *err)
{
    return set(folder, openat(parent->fd, name, DIRECTORY | O_NOFOLLOW), path, err);
}

void folder_close(struct folder *folder)
{
    if (folder->fd >= 0) {
        close(folder->fd);
    }
    folder->fd = -1;
}

int folder_fail(const struct folder *folder, const char *name, struct vmm_err *err)
{
    const char *why = errno == ELOOP ? "it is a link, and must be a file" : strerror(errno);

    return vmm_err_set(err, errno, "%s/%s: %s", folder->path, name, why);
}

static int open_regular(const struct folder *folder, const char *name, int flags,
                        struct vmm_err *err)
{
    int fd = openat(folder->fd, name, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    int rc = 0;

    if (fd < 0 || fstat(fd, &st) < 0) {
        rc = folder_fail(folder, name, err);
    } else if (!S_ISREG(st.st_mode)) {
        rc = vmm_err_set(err, EINVAL, "%s/%s: not a regular file", folder->path, name);
    }
    if (rc == 0) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

int folder_read(const struct folder *folder, const char *name, enum folder_links links,
                struct vmm_err *err)
{
    return open_regular(folder, name, O_RDONLY | (links == FOLDER_LINK ? 0 : O_NOFOLLOW), err);
}

int folder_rewrite(const struct folder *folder, const char *name, struct vmm_err *err)
{
    return open_regular(folder, name, O_RDWR | O_NOFOLLOW, err);
}

int folder_make(const struct folder *folder, const char *name, struct vmm_err *err)
{
    int fd = openat(folder->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    return fd < 0 ? folder_fail(folder, name, err) : fd;
}

int folder_size(const struct folder *folder, const char *name, uint64_t *size, uint64_t *disk,
                struct vmm_err *err)
{
    int fd = folder_read(folder, name, FOLDER_NO_LINK, err);
    int rc;

    if (fd < 0) {
        return fd;
    }
    rc = file_size(fd, name, size, disk, err);
    close(fd);
    return rc;
}

int folder_remove(const struct folder *folder, const char *name, struct vmm_err *err)
{
    if (unlinkat(folder->fd, name, 0) < 0 && errno != ENOENT) {
        return folder_fail(folder, name, err);
    }
    return 0;
}
