// SPDX-License-Identifier: Apache-2.0
/*
 * Between lock.c, which has the locks of files, and lockcall.c, which decodes the calls and shows
 * the locks in /proc/locks.
 */
#ifndef FS_LOCK_H
#define FS_LOCK_H

#include "fs/vfs.h"

#define LOCK_LAST ((u64)INT64_MAX) /* the last byte of a range that goes to the end of the file */

struct file_lock {
    TAILQ_ENTRY(file_lock) link;
    const void *owner; /* a struct fdtable, or a struct file */
    u64 start, last;
    int pid; /* of the process that took it */
    bool exclusive;
    bool record; /* of fcntl(), not of flock() */
    bool ofd;    /* of fcntl(), for an open file description */
};

struct file_lease {
    LIST_ENTRY(file_lease) link;
    struct file *f; /* the holder; no reference */
    int fd, pid;
    int type;   /* F_RDLCK or F_WRLCK */
    int target; /* of one that is breaking: what it becomes, by `until` */
    bool breaking;
    u64 until;
};

/* What processes have of an inode. */
struct file_locks {
    LIST_ENTRY(file_locks) link; /* all_locks */
    struct inode *inode;
    TAILQ_HEAD(lock_held, file_lock) held;
    LIST_HEAD(, file_lease) leases;
    LIST_HEAD(, dir_watch) watches; /* dnotify.c */
    struct waitq q;
};

/* A thread that waits for a lock. It stays in the order of coming. */
struct lock_waiter {
    TAILQ_ENTRY(lock_waiter) link;
    struct file_locks *locks;
    const struct file_lock *want;
    bool deadlock;
};

/* lock.c */
LIST_HEAD(lock_list, file_locks);
extern struct lock_list all_locks;
TAILQ_HEAD(lock_waiters, lock_waiter);
extern struct lock_waiters lock_waiters;
struct file_locks *inode_locks(struct inode *i); /* made when there are none; NULL: no memory */
/* The lock of another owner that is in the way; NULL for none. */
struct file_lock *lock_conflict(const struct file_locks *l, const struct file_lock *want);
/* Takes the place of the locks that the owner has in that range. -EAGAIN, or when it is to block
 * -EDEADLK or -ERESTARTSYS; -ENOLCK without memory. */
int lock_take(struct inode *i, const struct file_lock *want, bool block);
int lock_drop(struct inode *i, const struct file_lock *range);
/* Has the owner a lock of this kind and type? */
bool lock_held(const struct inode *i, const struct file_lock *like);

/* owner.c. owner_default: the current process, when the file has no owner. owner_clear: nobody, and
 * no signal is chosen. owner_tell: sends the signal, for a file that owner_default() was called
 * for. */
int owner_default(struct file *f);
void owner_clear(struct file *f);
void owner_tell(struct file *f, int fd);

#endif
