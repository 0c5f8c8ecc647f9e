// SPDX-License-Identifier: Apache-2.0
/*
 * Extended attributes: no file has any, and none can be set. These calls answer
 * as Linux does for a file system without them.
 */
#include "fs/vfs.h"
#include "sysproto.h"

static long by_path(vaddr_t upath, bool follow, long answer)
{
    struct inode *i;
    int rc = lookup_at(AT_FDCWD, upath, 0, follow, &i);

    if (rc < 0) {
        return rc;
    }
    inode_put(i);
    return answer;
}

static long by_fd(long fd, long answer)
{
    return fd_flags((int)fd) < 0 ? -EBADF : answer;
}

#define XATTR(call, answer)                                                                        \
    long sys_##call(const long a[6])                                                               \
    {                                                                                              \
        return by_path((vaddr_t)a[0], true, answer);                                               \
    }                                                                                              \
    long sys_l##call(const long a[6])                                                              \
    {                                                                                              \
        return by_path((vaddr_t)a[0], false, answer);                                              \
    }                                                                                              \
    long sys_f##call(const long a[6])                                                              \
    {                                                                                              \
        return by_fd(a[0], answer);                                                                \
    }

XATTR(getxattr, -ENODATA)
XATTR(listxattr, 0)
XATTR(setxattr, -EOPNOTSUPP)
XATTR(removexattr, -ENODATA)
