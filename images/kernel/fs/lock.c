// SPDX-License-Identifier: Apache-2.0
/*
 * File locks. There is one process, and its record locks cannot conflict with
 * each other: they are checked and granted. Only flock() locks and open file
 * description locks, of different opens of one file, can conflict.
 */
#include "fs/vfs.h"

#define OP_SH 1
#define OP_EX 2
#define OP_NB 4
#define OP_UN 8 /* flock(2) */

struct file_lock {
    struct file_lock *next;
    struct file *owner;
    u64 start, end; /* bytes [start, end) */
    bool exclusive;
    bool record; /* of fcntl(); never conflicts with one of flock() */
};

struct file_locks {
    struct file_lock *list;
    struct waitq q;
};

static struct file_locks *locks_of(struct inode *i)
{
    if (i->locks == NULL) {
        i->locks = kzalloc(sizeof(*i->locks));
        if (i->locks != NULL) {
            waitq_init(&i->locks->q);
        }
    }
    return i->locks;
}

static struct file_lock *conflict(struct file_locks *l, const struct file_lock *want)
{
    for (struct file_lock *k = l->list; k != NULL; k = k->next) {
        if (k->owner != want->owner && k->record == want->record && k->start < want->end &&
            want->start < k->end && (k->exclusive || want->exclusive)) {
            return k;
        }
    }
    return NULL;
}

static struct file_lock *piece(const struct file_lock *of, u64 start, u64 end)
{
    struct file_lock *p = kmalloc(sizeof(*p));

    if (p != NULL) {
        *p = *of;
        p->start = start;
        p->end = end;
    }
    return p;
}

/* Removes the range from the owner's locks. A range in the middle of a lock splits it into two. */
static int cut(struct file_locks *l, const struct file_lock *range)
{
    struct file_lock **at = &l->list, *k;

    while ((k = *at) != NULL) {
        if (k->owner != range->owner || k->record != range->record || k->end <= range->start ||
            range->end <= k->start) {
            at = &k->next;
        } else if (k->start < range->start && range->end < k->end) {
            struct file_lock *tail = piece(k, range->end, k->end);
            if (tail == NULL) {
                return -ENOLCK;
            }
            k->end = range->start;
            k->next = tail;
            at = &tail->next;
        } else if (k->start < range->start) {
            k->end = range->start;
            at = &k->next;
        } else if (range->end < k->end) {
            k->start = range->end;
            at = &k->next;
        } else {
            *at = k->next;
            kfree(k);
        }
    }
    waitq_wake(&l->q, 1);
    return 0;
}

struct lock_wait {
    struct file_locks *l;
    const struct file_lock *want;
};

static bool free_now(void *arg)
{
    struct lock_wait *w = arg;

    return conflict(w->l, w->want) == NULL;
}

static long lock_take(struct file *f, const struct file_lock *want, bool block)
{
    struct file_locks *l = locks_of(f->inode);
    struct lock_wait w = {l, want};
    struct file_lock *fresh;
    int rc;

    if (l == NULL || (fresh = piece(want, want->start, want->end)) == NULL) {
        return -ENOLCK;
    }
    if (conflict(l, want) != NULL) {
        rc = block ? waitq_wait(&l->q, free_now, &w, HV_NO_DEADLINE, true) : -EWOULDBLOCK;
        if (rc < 0) {
            kfree(fresh);
            return rc == -EINTR ? -ERESTARTSYS : rc;
        }
    }
    rc = cut(l, want);
    if (rc < 0) {
        kfree(fresh);
        return rc;
    }
    fresh->next = l->list;
    l->list = fresh;
    return 0;
}

static long lock_drop(struct file *f, const struct file_lock *range)
{
    return f->inode->locks != NULL ? cut(f->inode->locks, range) : 0;
}

long lock_flock(struct file *f, int op)
{
    struct file_lock want = {.owner = f, .end = UINT64_MAX, .exclusive = (op & ~OP_NB) == OP_EX};

    switch (op & ~OP_NB) {
    case OP_UN:
        return lock_drop(f, &want);
    case OP_SH:
    case OP_EX:
        return lock_take(f, &want, !(op & OP_NB));
    default:
        return -EINVAL;
    }
}

static int range_from(struct file *f, const struct flock *fl, struct file_lock *out)
{
    s64 base = fl->l_whence == 0 ? 0 : fl->l_whence == 1 ? (s64)f->pos : (s64)f->inode->size;
    s64 start, end;

    if (fl->l_whence < 0 || fl->l_whence > 2 || __builtin_add_overflow(base, fl->l_start, &start) ||
        __builtin_add_overflow(start, fl->l_len, &end)) {
        return -EINVAL;
    }
    if (fl->l_len < 0) {
        s64 swap = start;
        start = end;
        end = swap;
    }
    if (start < 0) {
        return -EINVAL;
    }
    out->start = (u64)start;
    out->end = fl->l_len == 0 ? UINT64_MAX : (u64)end;
    return 0;
}

static long get_lock(struct file *f, bool ofd, struct flock *fl, const struct file_lock *want)
{
    struct file_lock *k = ofd && f->inode->locks != NULL ? conflict(f->inode->locks, want) : NULL;

    if (k == NULL) {
        fl->l_type = F_UNLCK; /* the process's own locks never stand in its way */
        return 0;
    }
    fl->l_type = k->exclusive ? F_WRLCK : F_RDLCK;
    fl->l_whence = 0;
    fl->l_start = (long)k->start;
    fl->l_len = k->end == UINT64_MAX ? 0 : (long)(k->end - k->start);
    fl->l_pid = -1;
    return 0;
}

long lock_fcntl(struct file *f, int cmd, vaddr_t arg)
{
    struct file_lock want = {.owner = f, .record = true};
    bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
    struct flock fl;
    long rc;

    if (copy_from_user(&fl, arg, sizeof(fl)) < 0) {
        return -EFAULT;
    }
    if (fl.l_type != F_RDLCK && fl.l_type != F_WRLCK && fl.l_type != F_UNLCK) {
        return -EINVAL;
    }
    if (ofd && fl.l_pid != 0) {
        return -EINVAL;
    }
    rc = range_from(f, &fl, &want);
    if (rc < 0) {
        return rc;
    }
    want.exclusive = fl.l_type == F_WRLCK;
    if (cmd == F_GETLK || cmd == F_OFD_GETLK) {
        rc = get_lock(f, ofd, &fl, &want);
        return rc < 0 ? rc : copy_to_user(arg, &fl, sizeof(fl));
    }
    if ((fl.l_type == F_RDLCK && !file_readable(f)) ||
        (fl.l_type == F_WRLCK && !file_writable(f))) {
        return -EBADF;
    }
    if (!ofd) {
        return 0; /* nobody to conflict with */
    }
    return fl.l_type == F_UNLCK ? lock_drop(f, &want) : lock_take(f, &want, cmd == F_OFD_SETLKW);
}

void lock_release(struct file *f)
{
    struct file_lock range = {.owner = f, .end = UINT64_MAX};

    for (int record = 0; record < 2; record++) {
        range.record = record;
        cut(f->inode->locks, &range);
    }
}

void lock_inode_free(struct inode *i)
{
    if (i->locks != NULL) {
        KASSERT(i->locks->list == NULL);
    }
    kfree(i->locks);
}
