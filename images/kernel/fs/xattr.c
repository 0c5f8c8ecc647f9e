// SPDX-License-Identifier: Apache-2.0
/*
 * Extended attributes (xattr(7)): a list of names and values for each inode that has any. Of the
 * name spaces there are user, trusted and security; what the kernel would have to act upon, access
 * lists and capabilities of files, is refused.
 */
#include "fs/access.h"

#include <linux/xattr.h>

#define XATTR_TOTAL_MAX (128u << 10) /* bytes of one inode's attributes; then ENOSPC */

struct xattr {
    struct xattr *next;
    u32 size;     /* of the value */
    u32 name_len; /* with the NUL */
    char bytes[]; /* the name and the value */
};

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool is_admin(void)
{
    return cred_has(cur_cred(), CAP_SYS_ADMIN);
}

/* Attributes of the user are read and written as the file is; in a directory for all, such as /tmp,
 * only the owner writes them. */
static int xattr_user(const struct inode *i, bool write)
{
    if (write && i->type == INODE_DIR && (i->mode & S_ISVTX) != 0 && inode_owned(i) < 0) {
        return -EPERM;
    }
    return inode_permission(i, write ? MAY_WRITE : MAY_READ);
}

/* May this inode have an attribute of this name? Only files and directories have user's. */
static int xattr_allowed(const struct inode *i, const char *name, bool write)
{
    bool user = begins(name, XATTR_USER_PREFIX), trusted = begins(name, XATTR_TRUSTED_PREFIX);
    const char *rest = strchr(name, '.');

    if ((trusted && !is_admin()) || (user && i->type != INODE_REG && i->type != INODE_DIR)) {
        return write ? -EPERM : -ENODATA;
    }
    if (i->dev != DEV_RAMFS || (!user && !trusted && !begins(name, XATTR_SECURITY_PREFIX)) ||
        strcmp(name, XATTR_NAME_CAPS) == 0) {
        return -EOPNOTSUPP;
    }
    if (rest[1] == '\0') {
        return -EINVAL;
    }
    if (user) {
        return xattr_user(i, write);
    }
    return write && !is_admin() ? -EPERM : 0;
}

/* The place that points to the attribute, or to NULL at the end of the list. */
static struct xattr **xattr_place(struct inode *i, const char *name)
{
    struct xattr **at = &i->attrs;

    while (*at != NULL && strcmp((*at)->bytes, name) != 0) {
        at = &(*at)->next;
    }
    return at;
}

ssize_t xattr_get(const struct inode *i, const char *name, void *value, size_t size)
{
    int rc = xattr_allowed(i, name, false);
    const struct xattr *x = i->attrs;

    if (rc < 0) {
        return rc;
    }
    while (x != NULL && strcmp(x->bytes, name) != 0) {
        x = x->next;
    }
    if (x == NULL) {
        return -ENODATA;
    }
    if (size != 0 && size < x->size) {
        return -ERANGE;
    }
    if (size != 0) {
        memcpy(value, x->bytes + x->name_len, x->size);
    }
    return x->size;
}

ssize_t xattr_list(const struct inode *i, char *names, size_t size)
{
    size_t done = 0;

    for (const struct xattr *x = i->attrs; x != NULL; x = x->next) {
        if (begins(x->bytes, XATTR_TRUSTED_PREFIX) && !is_admin()) {
            continue;
        }
        if (size != 0 && done + x->name_len > size) {
            return -ERANGE;
        }
        if (size != 0) {
            memcpy(names + done, x->bytes, x->name_len);
        }
        done += x->name_len;
    }
    return (ssize_t)done;
}

static size_t xattr_total(const struct inode *i)
{
    size_t total = 0;

    for (const struct xattr *x = i->attrs; x != NULL; x = x->next) {
        total += sizeof(*x) + x->name_len + x->size;
    }
    return total;
}

int xattr_set(struct inode *i, const char *name, const void *value, size_t size, u32 flags)
{
    size_t name_len = strlen(name) + 1;
    int rc = xattr_allowed(i, name, true);
    struct xattr **at, *old, *x;

    if (rc < 0) {
        return rc;
    }
    at = xattr_place(i, name);
    old = *at;
    if (old != NULL && (flags & XATTR_CREATE) != 0) {
        return -EEXIST;
    }
    if (old == NULL && (flags & XATTR_REPLACE) != 0) {
        return -ENODATA;
    }
    if (xattr_total(i) + sizeof(*x) + name_len + size > XATTR_TOTAL_MAX) {
        return -ENOSPC;
    }
    x = kmalloc(sizeof(*x) + name_len + size);
    if (x == NULL) {
        return -ENOSPC;
    }
    x->size = (u32)size;
    x->name_len = (u32)name_len;
    memcpy(x->bytes, name, name_len);
    memcpy(x->bytes + name_len, value, size);
    x->next = old != NULL ? old->next : NULL;
    *at = x;
    kfree(old);
    i->ctime = time_wall();
    return 0;
}

int xattr_remove(struct inode *i, const char *name)
{
    int rc = xattr_allowed(i, name, true);
    struct xattr **at, *x;

    if (rc < 0) {
        return rc;
    }
    at = xattr_place(i, name);
    x = *at;
    if (x == NULL) {
        return -ENODATA;
    }
    *at = x->next;
    kfree(x);
    i->ctime = time_wall();
    return 0;
}

void xattr_inode_free(struct inode *i)
{
    struct xattr *x = i->attrs;

    while (x != NULL) {
        struct xattr *next = x->next;

        kfree(x);
        x = next;
    }
}
