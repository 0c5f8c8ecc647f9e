// SPDX-License-Identifier: Apache-2.0
/*
 * Leases (fcntl(2): F_SETLEASE): the holder gets a signal when another opens or truncates the file,
 * and has some time to give the lease up or make it weaker, for which the other waits.
 */
#include "fs/lock.h"

#include <linux/capability.h>

#include "proc/cred.h"
#include "proc/proc.h"

#define BREAK_NS (45 * NSEC_PER_SEC) /* /proc/sys/fs/lease-break-time of Linux */

static void lease_change(struct file_locks *l, struct file_lease *k, int type)
{
    k->breaking = false;
    k->type = type;
    if (type == F_UNLCK) {
        owner_clear(k->f);
        LIST_REMOVE(k, link);
        kfree(k);
    }
    waitq_wake(&l->q, 1);
}

/* Holders that have not answered in time lose what was asked for. */
static void lease_expire(struct file_locks *l)
{
    struct file_lease *k, *next;

    for (k = LIST_FIRST(&l->leases); k != NULL; k = next) {
        next = LIST_NEXT(k, link);
        if (k->breaking && time_mono() >= k->until) {
            lease_change(l, k, k->target);
        }
    }
}

static struct file_lease *lease_of(const struct file *f)
{
    struct file_lease *k = NULL;

    if (f->inode->locks != NULL) {
        lease_expire(f->inode->locks);
        LIST_FOREACH (k, &f->inode->locks->leases, link) {
            if (k->f == f) {
                break;
            }
        }
    }
    return k;
}

long lease_get(const struct file *f)
{
    const struct file_lease *k = lease_of(f);

    return k == NULL ? F_UNLCK : k->breaking ? k->target : k->type;
}

/* May the file have this lease beside the others'? */
static bool lease_fits(const struct file *f, int type)
{
    const struct file_lease *k;

    LIST_FOREACH (k, &f->inode->locks->leases, link) {
        if (k->f != f && (type == F_WRLCK || (k->breaking && k->target == F_UNLCK))) {
            return false;
        }
    }
    return true;
}

long lease_set(struct file *f, int fd, long type, bool open)
{
    struct file_lease *k;
    struct file_locks *l;

    if (type != F_RDLCK && type != F_WRLCK && type != F_UNLCK) {
        return -EINVAL;
    }
    k = lease_of(f);
    if (type == F_UNLCK && k == NULL) {
        return -EAGAIN;
    }
    if (f->inode->uid != cur_cred()->uid[ID_FS] && !cred_has(cur_cred(), CAP_LEASE)) {
        return -EACCES;
    }
    if (f->inode->type != INODE_REG) {
        return -EINVAL;
    }
    l = inode_locks(f->inode);
    if (l == NULL || owner_default(f) < 0) {
        return -ENOMEM;
    }
    if (type != F_UNLCK && (open || !lease_fits(f, (int)type))) {
        return -EAGAIN;
    }
    if (k == NULL) {
        k = kzalloc(sizeof(*k));
        if (k == NULL) {
            return -ENOMEM;
        }
        k->f = f;
        k->pid = cur_proc()->pid;
        LIST_INSERT_HEAD(&l->leases, k, link);
    }
    k->fd = fd;
    lease_change(l, k, (int)type);
    return 0;
}

struct breaker {
    struct file_locks *l;
    bool write;
};

static struct file_lease *in_the_way(const struct breaker *b)
{
    struct file_lease *k;

    LIST_FOREACH (k, &b->l->leases, link) {
        if (b->write || k->type == F_WRLCK) {
            return k;
        }
    }
    return NULL;
}

static bool lease_gone(void *arg)
{
    return in_the_way(arg) == NULL;
}

/* Tells the holders, and when the last of them must have answered. */
static u64 break_all(const struct breaker *b)
{
    int target = b->write ? F_UNLCK : F_RDLCK;
    struct file_lease *k;
    u64 until = 0;

    LIST_FOREACH (k, &b->l->leases, link) {
        if (!b->write && k->type != F_WRLCK) {
            continue;
        }
        if (!k->breaking || (b->write && k->target != F_UNLCK)) {
            k->until = k->breaking ? k->until : time_mono() + BREAK_NS;
            k->breaking = true;
            k->target = target;
            owner_tell(k->f, k->fd);
        }
        until = MAX(until, k->until);
    }
    return until;
}

int lease_break(struct inode *i, bool write, bool wait)
{
    struct breaker b = {i->locks, write};
    int rc;

    if (b.l == NULL) {
        return 0;
    }
    lease_expire(b.l);
    while (in_the_way(&b) != NULL) {
        u64 until = break_all(&b);
        if (!wait) {
            return -EWOULDBLOCK;
        }
        rc = waitq_wait(&b.l->q, lease_gone, &b, until, true);
        if (rc == -EINTR) {
            return -ERESTARTSYS;
        }
        lease_expire(b.l);
    }
    return 0;
}

void lease_release(const struct file *f)
{
    struct file_lease *k = lease_of(f);

    if (k != NULL) {
        lease_change(f->inode->locks, k, F_UNLCK);
    }
}
