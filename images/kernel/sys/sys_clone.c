// SPDX-License-Identifier: Apache-2.0
/*
 * Making and ending threads and processes (clone(2)).
 */
#include <linux/sched.h>

#include "cpu/cpu.h"
#include "proc/proc.h"
#include "sysproto.h"

/* What a new thread must share with its process; glibc and musl always ask for all of it. */
#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define KNOWN_FLAGS                                                                                \
    (THREAD_FLAGS | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |    \
     CLONE_CHILD_SETTID | CLONE_DETACHED | CLONE_PTRACE | CLONE_UNTRACED | CLONE_VFORK |           \
     CLONE_PARENT | CLONE_CLEAR_SIGHAND)

struct clone_request {
    u64 flags;
    int exit_signal;
    u64 stack, tls;
    vaddr_t parent_tid, child_tid;
};

static int flags_check(u64 flags)
{
    if ((flags & CLONE_THREAD) != 0 && (flags & CLONE_SIGHAND) == 0) {
        return -EINVAL;
    }
    if ((flags & CLONE_SIGHAND) != 0 && (flags & (CLONE_VM | CLONE_CLEAR_SIGHAND)) != CLONE_VM) {
        return -EINVAL;
    }
    if ((flags & CLONE_THREAD) != 0 && (flags & THREAD_FLAGS) != THREAD_FLAGS) {
        return -ENOSYS;
    }
    if ((flags & CLONE_THREAD) == 0 && (flags & CLONE_SIGHAND) != 0) {
        return -ENOSYS; /* processes that share signal handlers */
    }
    return (flags & ~KNOWN_FLAGS) != 0 ? -EINVAL : 0;
}

/* Gives the new process what it shares with this one or has a copy of. */
static int process_fill(struct process *child, const struct clone_request *r)
{
    int rc = inherit_files(child, cur_proc(), r->flags);

    if (rc < 0) {
        return rc;
    }
    if ((r->flags & CLONE_VM) != 0) {
        child->mm = cur_proc()->mm;
        mm_ref(child->mm);
    } else {
        rc = mm_fork(cur_proc()->mm, &child->mm);
    }
    for (int sig = 1; (r->flags & CLONE_CLEAR_SIGHAND) != 0 && sig <= SIG_COUNT; sig++) {
        struct sigaction *act = &child->signals->act[sig];

        act->sa_handler = act->sa_handler == SIG_IGN ? SIG_IGN : SIG_DFL;
    }
    return rc;
}

/* Takes back a process that has no thread. */
static void process_undo(struct process *child)
{
    struct process_full *pf = process_full(child);

    inherit_drop(child);
    proc_timers_free(child);
    if (child->mm != NULL) {
        mm_put(child->mm);
        mm_activate(cur_proc()->mm);
        child->mm = NULL;
    }
    if (pf->parent != NULL) {
        LIST_REMOVE(pf, sibling);
    }
    pf->parent = NULL; /* nobody learns of it */
    child_exited(pf, 0);
}

static struct thread *clone_process(const struct clone_request *r, int *error)
{
    struct process *child;
    struct thread *t;
    bool siblings = (r->flags & CLONE_PARENT) != 0;

    children_sweep();
    *error = process_copy(r->exit_signal, siblings, &child);
    if (*error != 0) {
        return NULL;
    }
    *error = process_fill(child, r);
    t = *error == 0 ? thread_clone(child, r->flags, r->stack, r->tls, error) : NULL;
    if (t == NULL) {
        process_undo(child);
    }
    return t;
}

/* The child may use the caller's stack, so the caller goes on only when it does no more. No signal
 * ends the wait. */
static void vfork_wait(struct process *child, struct vfork_wait *w)
{
    process_full(child)->vfork = w;
    while (!w->done) {
        (void)thread_block(HV_NO_DEADLINE, false);
    }
}

/* The first thing that a thread with CLONE_CHILD_SETTID does, in its own memory. As on Linux, a bad
 * address does not matter. */
static void set_tid(void)
{
    int tid = current->tid;

    (void)copy_to_user(current->p->set_tid, &tid, sizeof(tid));
}

static long clone_start(struct thread *t, const struct clone_request *r)
{
    struct vfork_wait wait = {.thread = current};
    struct process *child = t->proc;
    int tid = t->tid;

    /* As on Linux, a bad address here does not fail the call. */
    if ((r->flags & CLONE_PARENT_SETTID) != 0) {
        (void)copy_to_user(r->parent_tid, &tid, sizeof(tid));
    }
    if ((r->flags & CLONE_CHILD_SETTID) != 0) {
        t->p->set_tid = r->child_tid;
        cpu_thread_call(t, set_tid);
    }
    if ((r->flags & CLONE_CHILD_CLEARTID) != 0) {
        t->p->clear_tid = r->child_tid;
    }
    thread_start(t);
    if ((r->flags & CLONE_VFORK) != 0 && child != cur_proc()) {
        vfork_wait(child, &wait);
    }
    return tid;
}

static long do_clone(const struct clone_request *r)
{
    struct thread *t;
    int rc = flags_check(r->flags);

    if (rc == 0 && (r->flags & CLONE_SETTLS) != 0 && r->tls >= USER_TOP) {
        rc = -EPERM;
    }
    if (rc != 0) {
        return rc;
    }
    t = (r->flags & CLONE_THREAD) != 0 ? thread_clone(cur_proc(), r->flags, r->stack, r->tls, &rc)
                                       : clone_process(r, &rc);
    return t != NULL ? clone_start(t, r) : rc;
}

long sys_clone(const long a[6])
{
    const struct clone_request r = {.flags = (u64)a[0] & 0xffffffff & ~(u64)CSIGNAL,
                                    .exit_signal = (int)(a[0] & CSIGNAL),
                                    .stack = (u64)a[1],
                                    .tls = (u64)a[4],
                                    .parent_tid = (vaddr_t)a[2],
                                    .child_tid = (vaddr_t)a[3]};

    return r.exit_signal > SIG_COUNT ? -EINVAL : do_clone(&r);
}

long sys_fork(const long a[6])
{
    const struct clone_request r = {.exit_signal = SIGCHLD};

    (void)a;
    return do_clone(&r);
}

long sys_vfork(const long a[6])
{
    const struct clone_request r = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD};

    (void)a;
    return do_clone(&r);
}

long sys_clone3(const long a[6])
{
    struct clone_args args = {0};
    size_t size = (size_t)a[1];

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
    if (args.exit_signal > SIG_COUNT || args.set_tid_size != 0 ||
        ((args.flags & (CLONE_THREAD | CLONE_PARENT)) != 0 && args.exit_signal != 0)) {
        return -EINVAL;
    }
    return do_clone(&(struct clone_request){.flags = args.flags,
                                            .exit_signal = (int)args.exit_signal,
                                            .stack = args.stack + args.stack_size,
                                            .tls = args.tls,
                                            .parent_tid = args.parent_tid,
                                            .child_tid = args.child_tid});
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
