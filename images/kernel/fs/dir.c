// SPDX-License-Identifier: Apache-2.0
/*
 * Directories of the ramfs: a hash from name to entry, and an array of the
 * entries in the order they were made. Each entry has a cookie, greater than
 * all before it, which is its getdents position. So a listing never repeats or
 * misses an entry because others come and go. A removed entry leaves a gap in
 * the array. Gaps are squeezed out later, which keeps the order.
 */
#include "fs/access.h"

static u32 name_hash(const char *name, size_t len)
{
    u32 h = 2166136261u; /* FNV-1a */

    for (size_t k = 0; k < len; k++) {
        h = (h ^ (u8)name[k]) * 16777619u;
    }
    return h;
}

struct dentry *dentry_new(struct inode *dir, const char *name, size_t len)
{
    struct dentry *d = kzalloc(sizeof(*d) + len + 1);

    if (d == NULL) {
        return NULL;
    }
    d->dir = dir;
    d->len = (u32)len;
    d->hash = name_hash(name, len);
    memcpy(d->name, name, len);
    return d;
}

struct dentry *dir_find(struct inode *dir, const char *name, size_t len)
{
    struct dirdata *dd = &dir->u.dir;
    u32 h = name_hash(name, len);

    if (dd->bucket_count == 0) {
        return NULL;
    }
    for (struct dentry *d = dd->buckets[h & (dd->bucket_count - 1)]; d != NULL; d = d->hash_next) {
        if (d->hash == h && d->len == len && memcmp(d->name, name, len) == 0) {
            return d;
        }
    }
    return NULL;
}

static int grow_buckets(struct dirdata *dd)
{
    u32 count = dd->bucket_count ? dd->bucket_count * 4 : 4;
    struct dentry **buckets = kzalloc(count * sizeof(*buckets));

    if (buckets == NULL) {
        return -ENOSPC;
    }
    for (u32 b = 0; b < dd->bucket_count; b++) {
        for (struct dentry *d = dd->buckets[b], *next; d != NULL; d = next) {
            next = d->hash_next;
            d->hash_next = buckets[d->hash & (count - 1)];
            buckets[d->hash & (count - 1)] = d;
        }
    }
    kfree(dd->buckets);
    dd->buckets = buckets;
    dd->bucket_count = count;
    return 0;
}

static void squeeze(struct dirdata *dd)
{
    u32 to = 0;

    for (u32 from = 0; from < dd->slot_count; from++) {
        if (dd->slots[from].d != NULL) {
            dd->slots[to++] = dd->slots[from];
        }
    }
    dd->slot_count = to;
}

static int need_slot(struct dirdata *dd)
{
    if (dd->slot_count < dd->slot_cap) {
        return 0;
    }
    if (dd->live < dd->slot_count / 2) {
        squeeze(dd);
        return 0;
    }
    u32 cap = dd->slot_cap ? dd->slot_cap * 2 : 4;
    struct dir_slot *slots = krealloc(dd->slots, cap * sizeof(*slots));
    if (slots == NULL) {
        return -ENOSPC;
    }
    dd->slots = slots;
    dd->slot_cap = cap;
    return 0;
}

/* The first slot with a cookie of at least this. */
static u32 slot_at(const struct dirdata *dd, u64 cookie)
{
    u32 lo = 0, hi = dd->slot_count;

    while (lo < hi) {
        u32 mid = lo + (hi - lo) / 2;
        if (dd->slots[mid].cookie < cookie) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static u32 subdirs(const struct inode *dir)
{
    u32 n = 0;

    if (dir->ops != &ramfs_dir_ops) {
        return 0;
    }
    for (u32 k = 0; k < dir->u.dir.slot_count; k++) {
        const struct dentry *d = dir->u.dir.slots[k].d;
        n += d != NULL && d->inode->type == INODE_DIR;
    }
    return n;
}

void dir_adopt(struct inode *dir, struct inode *child)
{
    struct inode *old = child->parent;

    inode_ref(dir);
    child->parent = dir;
    inode_put(old);
}

/* Adds an entry, which takes a reference of its own to the inode. Link counts are kept here,
 * also what a subdirectory's ".." adds to its parent's. */
int dir_add(struct inode *dir, const char *name, size_t len, struct inode *i)
{
    struct dirdata *dd = &dir->u.dir;

    if (dd->live >= dd->bucket_count && grow_buckets(dd) < 0) {
        return -ENOSPC;
    }
    if (need_slot(dd) < 0) {
        return -ENOSPC;
    }
    struct dentry *d = dentry_new(dir, name, len);
    if (d == NULL) {
        return -ENOSPC;
    }
    struct dentry **bucket = &dd->buckets[d->hash & (dd->bucket_count - 1)];
    d->hash_next = *bucket;
    *bucket = d;
    d->cookie = 2 + dd->next_cookie++; /* 0 and 1 are "." and ".." */
    dd->slots[dd->slot_count++] = (struct dir_slot){d->cookie, d};
    dd->live++;
    d->inode = i;
    inode_ref(i);
    i->dentry = d;
    i->nlink++;
    if (i->type == INODE_DIR) {
        i->nlink = 2 + subdirs(i);
        dir->nlink++;
        dir_adopt(dir, i);
    }
    dir->size = dd->live * 20ul;
    return 0;
}

void dir_remove(struct inode *dir, struct dentry *d)
{
    struct dirdata *dd = &dir->u.dir;
    struct dentry **link = &dd->buckets[d->hash & (dd->bucket_count - 1)];
    struct inode *i = d->inode;
    u32 slot = slot_at(dd, d->cookie);

    while (*link != d) {
        link = &(*link)->hash_next;
    }
    *link = d->hash_next;
    KASSERT(slot < dd->slot_count && dd->slots[slot].d == d);
    KASSERT(dd->live > 0 && dir->nlink > 0 && i->nlink > 0);
    dd->slots[slot].d = NULL;
    if (--dd->live == 0) {
        dd->slot_count = 0;
    }
    if (i->dentry == d) {
        i->dentry = NULL;
    }
    if (i->type == INODE_DIR) {
        i->nlink = 0;
        dir->nlink--;
    } else {
        i->nlink--;
    }
    dir->size = dd->live * 20ul;
    kfree(d);
    inode_put(i);
}

bool dir_empty(const struct inode *dir)
{
    return dir->u.dir.live == 0;
}

struct dentry *dir_next(const struct inode *dir, u64 cookie)
{
    const struct dirdata *dd = &dir->u.dir;

    for (u32 k = slot_at(dd, cookie); k < dd->slot_count; k++) {
        if (dd->slots[k].d != NULL) {
            return dd->slots[k].d;
        }
    }
    return NULL;
}

bool dir_writable(const struct inode *dir, int *err)
{
    if (dir->ops != &ramfs_dir_ops) {
        *err = -EPERM;
    } else if (dir->nlink == 0) {
        *err = -ENOENT; /* it was removed, but is still in use */
    } else {
        return true;
    }
    return false;
}

/* The mode of a new file in a set-group-ID directory: whoever does not belong to the group makes no
 * program that has its rights. */
static u32 kept_gid(const struct inode *i)
{
    const u32 both = S_ISGID | S_IXGRP;
    bool may = (i->mode & both) != both || cred_in_group(cur_cred(), i->gid) ||
               cred_has(cur_cred(), CAP_FSETID);

    return may ? i->mode : i->mode & ~(u32)S_ISGID;
}

/* Gives a new inode the name at which the walk ended. Consumes the caller's reference to the
 * inode. */
int vfs_make(struct walk *w, u32 mode, struct inode *ready)
{
    int rc = 0;

    if (ready == NULL) {
        return -ENOSPC;
    }
    if (dir_writable(w->dir, &rc)) {
        ready->mode = (ready->mode & S_IFMT) | (mode & 07777);
        if (w->dir->mode & S_ISGID) {
            ready->gid = w->dir->gid;
            ready->mode = S_ISDIR(ready->mode) ? ready->mode | S_ISGID : kept_gid(ready);
        }
        rc = dir_add(w->dir, w->name, w->len, ready);
        if (rc == 0) {
            inode_touch(w->dir);
            dnotify_dir(w->dir, DN_CREATE);
        }
    }
    inode_put(ready);
    return rc;
}

static int ram_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    struct dentry *d = dir_find(dir, name, len);

    if (d == NULL) {
        return -ENOENT;
    }
    if (d->inode->dentry == NULL) {
        d->inode->dentry = d; /* the name that it pointed to was removed */
    }
    inode_ref(d->inode);
    *out = d->inode;
    return 0;
}

static int ram_readdir(struct inode *dir, u64 *pos, struct dir_sink *s)
{
    struct dirdata *dd = &dir->u.dir;

    if (*pos == 0) {
        if (!s->emit(s, ".", 1, dir->ino, S_IFDIR, 1)) {
            return 0;
        }
        *pos = 1;
    }
    if (*pos == 1) {
        if (!s->emit(s, "..", 2, dir->parent->ino, S_IFDIR, 2)) {
            return 0;
        }
        *pos = 2;
    }
    for (u32 k = slot_at(dd, *pos); k < dd->slot_count; k++) {
        struct dir_slot slot = dd->slots[k];

        if (slot.d == NULL) {
            continue;
        }
        if (!s->emit(s, slot.d->name, slot.d->len, slot.d->inode->ino, slot.d->inode->mode,
                     slot.cookie + 1)) {
            return 0;
        }
        *pos = slot.cookie + 1;
    }
    return 0;
}

static void ram_dir_free(struct inode *i)
{
    KASSERT(i->u.dir.live == 0);
    kfree(i->u.dir.buckets);
    kfree(i->u.dir.slots);
}

const struct inode_ops ramfs_dir_ops = {
    .lookup = ram_lookup,
    .readdir = ram_readdir,
    .free = ram_dir_free,
};
