// SPDX-License-Identifier: Apache-2.0
/*
 * File locks, which hang on the inode. Record locks of fcntl() belong to a descriptor table, that
 * is, to a process: they go when the process closes any descriptor of the file. Record locks of
 * open file descriptions and locks of flock() belong to the open file. Both kinds of record locks
 * exclude each other, flock() and record locks do not. fs/lockcall.c decodes the calls.
 */
#include "fs/lock.h"

#define DEADLOCK_STEPS 10 /* as on Linux, longer chains of waiters are not followed */

struct lock_list all_locks = LIST_HEAD_INITIALIZER(all_locks);
struct lock_waiters lock_waiters = TAILQ_HEAD_INITIALIZER(lock_waiters);

struct file_locks *inode_locks(struct inode *i)
{
    struct file_locks *l = i->locks;

    if (l == NULL && (l = kzalloc(sizeof(*l))) != NULL) {
        l->inode = i;
        TAILQ_INIT(&l->held);
        waitq_init(&l->q);
        LIST_INSERT_HEAD(&all_locks, l, link);
        i->locks = l;
    }
    return l;
}

static bool same_owner(const struct file_lock *a, const struct file_lock *b)
{
    return a->owner == b->owner && a->record == b->record;
}

struct file_lock *lock_conflict(const struct file_locks *l, const struct file_lock *want)
{
    struct file_lock *k;

    TAILQ_FOREACH (k, &l->held, link) {
        if (k->owner != want->owner && k->record == want->record && k->start <= want->last &&
            want->start <= k->last && (k->exclusive || want->exclusive)) {
            return k;
        }
    }
    return NULL;
}

static const struct lock_waiter *waiting(const void *owner)
{
    const struct lock_waiter *w;

    TAILQ_FOREACH (w, &lock_waiters, link) {
        if (w->want->record && w->want->owner == owner) {
            return w;
        }
    }
    return NULL;
}

/* Does the process that is in the way wait, maybe over others, for the one that asks? */
static bool deadlock(const struct file_lock *want, const struct file_lock *blocker)
{
    for (int i = 0; i < DEADLOCK_STEPS; i++) {
        const struct lock_waiter *w = waiting(blocker->owner);

        blocker = w != NULL ? lock_conflict(w->locks, w->want) : NULL;
        if (blocker == NULL) {
            return false;
        }
        if (blocker->owner == want->owner) {
            return true;
        }
    }
    return false;
}

static bool wait_is_over(void *arg)
{
    struct lock_waiter *w = arg;
    const struct file_lock *k = lock_conflict(w->locks, w->want);

    w->deadlock = k != NULL && w->want->record && !w->want->ofd && deadlock(w->want, k);
    return k == NULL || w->deadlock;
}

static int wait_for(struct file_locks *l, const struct file_lock *want)
{
    struct lock_waiter w = {.locks = l, .want = want};
    int rc;

    TAILQ_INSERT_TAIL(&lock_waiters, &w, link);
    rc = waitq_wait(&l->q, wait_is_over, &w, HV_NO_DEADLINE, true);
    TAILQ_REMOVE(&lock_waiters, &w, link);
    if (rc == -EINTR) {
        return -ERESTARTSYS;
    }
    return rc < 0 ? rc : w.deadlock ? -EDEADLK : 0;
}

/* Takes the range out of the owner's locks. When it is in the middle of one, that lock becomes two,
 * and the second is *spare. */
static void cut(struct file_locks *l, const struct file_lock *range, struct file_lock **spare)
{
    struct file_lock *k, *next;

    for (k = TAILQ_FIRST(&l->held); k != NULL; k = next) {
        next = TAILQ_NEXT(k, link);
        if (!same_owner(k, range) || k->last < range->start || range->last < k->start) {
            continue;
        }
        if (k->start < range->start && range->last < k->last) {
            **spare = *k;
            (*spare)->start = range->last + 1;
            k->last = range->start - 1;
            TAILQ_INSERT_AFTER(&l->held, k, *spare, link);
            *spare = NULL;
        } else if (k->start < range->start) {
            k->last = range->start - 1;
        } else if (range->last < k->last) {
            k->start = range->last + 1;
        } else {
            TAILQ_REMOVE(&l->held, k, link);
            kfree(k);
        }
    }
}

/* Two locks that stand together become one if they are of one owner and type, and touch. */
static void merge(struct file_locks *l, struct file_lock *a, struct file_lock *b)
{
    if (a != NULL && b != NULL && same_owner(a, b) && a->exclusive == b->exclusive &&
        a->last + 1 == b->start) {
        b->start = a->start;
        TAILQ_REMOVE(&l->held, a, link);
        kfree(a);
    }
}

/* Adds a lock whose range the owner has no other lock in. An owner's locks stand together, in the
 * order of their places: F_GETLK tells the first that is in the way. */
static void insert(struct file_locks *l, struct file_lock *fresh)
{
    struct file_lock *k, *before = NULL;

    TAILQ_FOREACH (k, &l->held, link) {
        if (same_owner(k, fresh) && k->start < fresh->start) {
            before = k;
        } else if (same_owner(k, fresh)) {
            TAILQ_INSERT_BEFORE(k, fresh, link);
            break;
        }
    }
    if (k == NULL && before != NULL) {
        TAILQ_INSERT_AFTER(&l->held, before, fresh, link);
    } else if (k == NULL) {
        TAILQ_INSERT_TAIL(&l->held, fresh, link);
    }
    merge(l, TAILQ_PREV(fresh, lock_held, link), fresh);
    merge(l, fresh, TAILQ_NEXT(fresh, link));
}

int lock_take(struct inode *i, const struct file_lock *want, bool block)
{
    struct file_locks *l = inode_locks(i);
    struct file_lock *fresh = kmalloc(sizeof(*fresh)), *spare = kmalloc(sizeof(*spare));
    int rc = l != NULL && fresh != NULL && spare != NULL ? 0 : -ENOLCK;

    if (rc == 0 && lock_conflict(l, want) != NULL) {
        rc = block ? wait_for(l, want) : -EAGAIN;
    }
    if (rc == 0) {
        *fresh = *want;
        cut(l, want, &spare);
        insert(l, fresh);
        fresh = NULL;
        waitq_wake(&l->q, 1); /* it may be a weaker lock than the one before */
    }
    kfree(fresh);
    kfree(spare);
    return rc;
}

int lock_drop(struct inode *i, const struct file_lock *range)
{
    struct file_lock *spare;

    if (i->locks == NULL) {
        return 0;
    }
    spare = kmalloc(sizeof(*spare));
    if (spare == NULL) {
        return -ENOLCK;
    }
    cut(i->locks, range, &spare);
    kfree(spare);
    waitq_wake(&i->locks->q, 1);
    return 0;
}

static void drop_all(struct inode *i, const void *owner, bool record)
{
    struct file_lock all = {.owner = owner, .record = record, .last = LOCK_LAST}, *none = NULL;

    cut(i->locks, &all, &none); /* it splits none */
    waitq_wake(&i->locks->q, 1);
}

bool lock_held(const struct inode *i, const struct file_lock *like)
{
    const struct file_lock *k;

    if (i->locks != NULL) {
        TAILQ_FOREACH (k, &i->locks->held, link) {
            if (same_owner(k, like) && k->exclusive == like->exclusive) {
                return true;
            }
        }
    }
    return false;
}

void lock_release(struct file *f)
{
    drop_all(f->inode, f, false);
    drop_all(f->inode, f, true);
}

void lock_table_closes(const struct fdtable *t, struct inode *i)
{
    drop_all(i, t, true);
}

void lock_inode_free(struct inode *i)
{
    if (i->locks != NULL) {
        KASSERT(TAILQ_EMPTY(&i->locks->held) && LIST_EMPTY(&i->locks->leases) &&
                LIST_EMPTY(&i->locks->watches));
        LIST_REMOVE(i->locks, link);
    }
    kfree(i->locks);
}
