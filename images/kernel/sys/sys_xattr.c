// SPDX-License-Identifier: Apache-2.0
/*
 * Extended attributes, of a path, of a link, or of an open file.
 */
#include "fs/vfs.h"
#include "sysproto.h"

#include <linux/limits.h>
#include <linux/xattr.h>

enum target { BY_PATH, BY_LINK, BY_FD };

static int target_inode(enum target kind, long where, struct inode **out)
{
    struct file *f;

    if (kind != BY_FD) {
        return lookup_at(AT_FDCWD, (vaddr_t)where, 0, kind == BY_PATH, out);
    }
    f = fd_get((int)where);
    if (f == NULL) {
        return -EBADF;
    }
    if (f->flags & O_PATH) {
        file_put(f);
        return -EBADF;
    }
    *out = f->inode;
    inode_ref(*out);
    file_put(f);
    return 0;
}

static int name_from_user(char name[XATTR_NAME_MAX + 1], vaddr_t uname)
{
    long n = strncpy_from_user(name, uname, XATTR_NAME_MAX + 1);

    return n == 0 || n == -ENAMETOOLONG ? -ERANGE : n < 0 ? (int)n : 0;
}

/* Reads a value, or with name NULL the list of names, into a buffer of the program's. */
static long fetch(const struct inode *i, const char *name, vaddr_t ubuf, size_t size)
{
    size_t room = MIN(size, (size_t)XATTR_SIZE_MAX);
    void *buf = room != 0 ? kmalloc(room) : NULL;
    long rc;

    if (room != 0 && buf == NULL) {
        return -ENOMEM;
    }
    rc = name != NULL ? xattr_get(i, name, buf, room) : xattr_list(i, buf, room);
    if (rc == -ERANGE && size >= XATTR_SIZE_MAX) {
        rc = -E2BIG;
    }
    if (rc > 0 && room != 0 && copy_to_user(ubuf, buf, (size_t)rc) < 0) {
        rc = -EFAULT;
    }
    kfree(buf);
    return rc;
}

/* Reads the name of an attribute, and finds whose it is; *i has a reference. */
static long named_target(enum target kind, const long a[6], char name[XATTR_NAME_MAX + 1],
                         struct inode **i)
{
    long rc = name_from_user(name, (vaddr_t)a[1]);

    return rc == 0 ? target_inode(kind, a[0], i) : rc;
}

static long do_get(enum target kind, const long a[6])
{
    char name[XATTR_NAME_MAX + 1];
    struct inode *i;
    long rc = named_target(kind, a, name, &i);

    if (rc == 0) {
        rc = fetch(i, name, (vaddr_t)a[2], (size_t)a[3]);
        inode_put(i);
    }
    return rc;
}

static long do_list(enum target kind, const long a[6])
{
    struct inode *i;
    long rc = target_inode(kind, a[0], &i);

    if (rc == 0) {
        rc = fetch(i, NULL, (vaddr_t)a[1], (size_t)a[2]);
        inode_put(i);
    }
    return rc;
}

static long set_value(enum target kind, long where, const char *name, const void *value,
                      size_t size, u32 flags)
{
    struct inode *i;
    long rc = target_inode(kind, where, &i);

    if (rc == 0) {
        rc = xattr_set(i, name, value, size, flags);
        inode_put(i);
    }
    return rc;
}

static long do_set(enum target kind, const long a[6])
{
    char name[XATTR_NAME_MAX + 1];
    size_t size = (size_t)a[3];
    void *value;
    long rc;

    if ((u32)a[4] & ~(u32)(XATTR_CREATE | XATTR_REPLACE)) {
        return -EINVAL;
    }
    rc = name_from_user(name, (vaddr_t)a[1]);
    if (rc < 0) {
        return rc;
    }
    if (size > XATTR_SIZE_MAX) {
        return -E2BIG;
    }
    value = kmalloc(MAX(size, (size_t)1));
    if (value == NULL) {
        return -ENOMEM;
    }
    rc = copy_from_user(value, (vaddr_t)a[2], size);
    if (rc == 0) {
        rc = set_value(kind, a[0], name, value, size, (u32)a[4]);
    }
    kfree(value);
    return rc;
}

static long do_remove(enum target kind, const long a[6])
{
    char name[XATTR_NAME_MAX + 1];
    struct inode *i;
    long rc = named_target(kind, a, name, &i);

    if (rc == 0) {
        rc = xattr_remove(i, name);
        inode_put(i);
    }
    return rc;
}

#define XATTR(call)                                                                                \
    long sys_##call##xattr(const long a[6])                                                        \
    {                                                                                              \
        return do_##call(BY_PATH, a);                                                              \
    }                                                                                              \
    long sys_l##call##xattr(const long a[6])                                                       \
    {                                                                                              \
        return do_##call(BY_LINK, a);                                                              \
    }                                                                                              \
    long sys_f##call##xattr(const long a[6])                                                       \
    {                                                                                              \
        return do_##call(BY_FD, a);                                                                \
    }

XATTR(get)
XATTR(list)
XATTR(set)
XATTR(remove)
