// SPDX-License-Identifier: Apache-2.0
/*
 * Making and ending threads. A call that would make a process answers ENOSYS:
 * a second process needs an address space of its own, which this kernel does
 * not have, and a program must see that plainly (os.fork() raises OSError).
 */
#include <linux/sched.h>

#include "proc/proc.h"
#include "sysproto.h"

/* What a new thread must share with the process; glibc and musl always ask for all of it. */
#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define KNOWN_FLAGS                                                                                \
    (THREAD_FLAGS | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |    \
     CLONE_CHILD_SETTID | CLONE_DETACHED | CLONE_PTRACE | CLONE_UNTRACED)

static int flags_check(u64 flags)
{
    if ((flags & CLONE_THREAD) != 0 && (flags & CLONE_SIGHAND) == 0) {
        return -EINVAL;
    }
    if ((flags & CLONE_SIGHAND) != 0 && (flags & CLONE_VM) == 0) {
        return -EINVAL;
    }
    if ((flags & THREAD_FLAGS) != THREAD_FLAGS) {
        return -ENOSYS;
    }
    return (flags & ~KNOWN_FLAGS) != 0 ? -EINVAL : 0;
}

static long clone_thread(u64 flags, u64 stack, u64 tls, vaddr_t parent_tid, vaddr_t child_tid)
{
    struct thread *t;
    int rc = flags_check(flags);

    if (rc == 0 && (flags & CLONE_SETTLS) != 0 && tls >= USER_TOP) {
        rc = -EPERM;
    }
    if (rc != 0) {
        return rc;
    }
    t = thread_clone(flags, stack, tls, &rc);
    if (t == NULL) {
        return rc;
    }
    /* As on Linux, a bad address here does not fail the call. */
    if ((flags & CLONE_PARENT_SETTID) != 0) {
        (void)copy_to_user(parent_tid, &t->tid, sizeof(t->tid));
    }
    if ((flags & CLONE_CHILD_SETTID) != 0) {
        (void)copy_to_user(child_tid, &t->tid, sizeof(t->tid));
    }
    if ((flags & CLONE_CHILD_CLEARTID) != 0) {
        t->p->clear_tid = child_tid;
    }
    rc = t->tid;
    thread_start(t);
    return rc;
}

long sys_clone(const long a[6])
{
    u64 flags = (u64)a[0] & ~(u64)CSIGNAL;

    return clone_thread(flags, (u64)a[1], (u64)a[4], (vaddr_t)a[2], (vaddr_t)a[3]);
}

long sys_clone3(const long a[6])
{
    struct clone_args args = {0};
    size_t size = (size_t)a[1];
    int rc;

    if (size < CLONE_ARGS_SIZE_VER0) {
        return -EINVAL;
    }
    if (size > PAGE_SIZE) {
        return -E2BIG;
    }
    if (copy_from_user(&args, (vaddr_t)a[0], MIN(size, sizeof(args))) != 0) {
        return -EFAULT;
    }
    if ((args.stack == 0) != (args.stack_size == 0)) {
        return -EINVAL;
    }
    rc = flags_check(args.flags);
    if (rc != 0) {
        return rc;
    }
    if (args.exit_signal != 0 || args.set_tid_size != 0) {
        return -EINVAL;
    }
    return clone_thread(args.flags, args.stack + args.stack_size, args.tls, args.parent_tid,
                        args.child_tid);
}

long sys_exit(const long a[6])
{
    thread_exit((int)a[0]);
}

long sys_exit_group(const long a[6])
{
    process_exit((int)a[0]);
}

long sys_set_tid_address(const long a[6])
{
    current->p->clear_tid = (vaddr_t)a[0];
    return current->tid;
}
