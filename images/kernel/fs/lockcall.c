// SPDX-License-Identifier: Apache-2.0
/*
 * The calls for file locks, flock(2) and fcntl(2), and /proc/locks. fs/lock.c has the locks.
 */
#include "fs/lock.h"
#include "fs/procfs.h"

#define OP_SH 1
#define OP_EX 2
#define OP_NB 4
#define OP_UN 8 /* flock(2) */

/* A lock of the other type goes before the new one is there, as on Linux: so who may not wait can
 * lose both. */
long lock_flock(struct file *f, int op)
{
    struct file_lock want = {
        .owner = f, .pid = cur_proc()->pid, .last = LOCK_LAST, .exclusive = (op & OP_EX) != 0};
    int rc;

    switch (op & ~OP_NB) {
    case OP_UN:
        return lock_drop(f->inode, &want);
    case OP_SH:
    case OP_EX:
        if (lock_held(f->inode, &want)) {
            return 0;
        }
        rc = lock_drop(f->inode, &want);
        return rc < 0 ? rc : lock_take(f->inode, &want, !(op & OP_NB));
    default:
        return -EINVAL;
    }
}

static int range_from(const struct file *f, const struct flock *fl, struct file_lock *out)
{
    s64 base = fl->l_whence == 0 ? 0 : fl->l_whence == 1 ? (s64)f->pos : (s64)f->inode->size;
    s64 start, last;

    if (fl->l_whence < 0 || fl->l_whence > 2) {
        return -EINVAL;
    }
    if (__builtin_add_overflow(base, fl->l_start, &start)) {
        return -EOVERFLOW;
    }
    if (start < 0) {
        return -EINVAL;
    }
    if (fl->l_len == 0) {
        last = INT64_MAX;
    } else if (fl->l_len < 0) {
        last = start - 1;
        start += fl->l_len;
    } else if (__builtin_add_overflow(start, fl->l_len - 1, &last)) {
        return -EOVERFLOW;
    }
    out->start = (u64)start;
    out->last = (u64)last;
    return start < 0 ? -EINVAL : 0;
}

static void tell(struct file *f, struct flock *fl, const struct file_lock *want)
{
    const struct file_lock *k =
        f->inode->locks != NULL ? lock_conflict(f->inode->locks, want) : NULL;

    if (k == NULL) {
        fl->l_type = F_UNLCK;
        return;
    }
    fl->l_type = k->exclusive ? F_WRLCK : F_RDLCK;
    fl->l_whence = 0;
    fl->l_start = (long)k->start;
    fl->l_len = k->last == LOCK_LAST ? 0 : (long)(k->last - k->start + 1);
    fl->l_pid = k->ofd ? -1 : k->pid;
}

static long change(struct file *f, const struct flock *fl, const struct file_lock *want, bool block)
{
    if (fl->l_type == F_UNLCK) {
        return lock_drop(f->inode, want);
    }
    if (want->exclusive ? !file_writable(f) : !file_readable(f)) {
        return -EBADF;
    }
    return lock_take(f->inode, want, block);
}

long lock_fcntl(struct file *f, int cmd, vaddr_t arg)
{
    bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
    bool get = cmd == F_GETLK || cmd == F_OFD_GETLK;
    struct file_lock want = {.owner = ofd ? (const void *)f : cur_proc()->fds,
                             .pid = cur_proc()->pid,
                             .record = true,
                             .ofd = ofd};
    struct flock fl;
    long rc;

    if (copy_from_user(&fl, arg, sizeof(fl)) < 0) {
        return -EFAULT;
    }
    if (get && fl.l_type != F_RDLCK && fl.l_type != F_WRLCK) {
        return -EINVAL;
    }
    rc = range_from(f, &fl, &want);
    if (rc < 0) {
        return rc;
    }
    if ((fl.l_type != F_RDLCK && fl.l_type != F_WRLCK && fl.l_type != F_UNLCK) ||
        (ofd && fl.l_pid != 0)) {
        return -EINVAL;
    }
    want.exclusive = fl.l_type == F_WRLCK;
    if (!get) {
        return change(f, &fl, &want, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
    }
    tell(f, &fl, &want);
    return copy_to_user(arg, &fl, sizeof(fl));
}

static void put_lock(struct text *t, const struct inode *i, const struct file_lock *k)
{
    text_printf(t, "%s  ADVISORY  %s %d %02x:%02x:%lu ",
                !k->record ? "FLOCK"
                : k->ofd   ? "OFDLCK"
                           : "POSIX",
                k->exclusive ? "WRITE" : "READ", k->ofd ? -1 : k->pid, i->dev >> 8, i->dev & 0xff,
                i->ino);
    if (k->last == LOCK_LAST) {
        text_printf(t, "%lu EOF\n", k->start);
    } else {
        text_printf(t, "%lu %lu\n", k->start, k->last);
    }
}

static void put_leases(struct text *t, const struct file_locks *l, unsigned *number)
{
    const struct inode *i = l->inode;
    const struct file_lease *k;

    LIST_FOREACH (k, &l->leases, link) {
        text_printf(t, "%u: LEASE  %s  %s %d %02x:%02x:%lu 0 EOF\n", ++*number,
                    k->breaking ? "BREAKING" : "ACTIVE  ", k->type == F_WRLCK ? "WRITE" : "READ",
                    k->pid, i->dev >> 8, i->dev & 0xff, i->ino);
    }
}

void text_locks(struct text *t, int tid)
{
    const struct file_locks *l;
    const struct file_lock *k;
    const struct lock_waiter *w;
    unsigned number = 0;

    (void)tid;
    LIST_FOREACH (l, &all_locks, link) {
        put_leases(t, l, &number);
        TAILQ_FOREACH (k, &l->held, link) {
            text_printf(t, "%u: ", ++number);
            put_lock(t, l->inode, k);
            TAILQ_FOREACH (w, &lock_waiters, link) {
                if (w->locks == l && lock_conflict(l, w->want) == k) {
                    text_printf(t, "%u: -> ", number);
                    put_lock(t, l->inode, w->want);
                }
            }
        }
    }
}
