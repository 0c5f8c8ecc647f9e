// SPDX-License-Identifier: Apache-2.0
/*
 * Making and ending threads and processes (clone(2)).
 */
#include <linux/sched.h>

#include "cpu/cpu.h"
#include "fs/events.h"
#include "proc/proc.h"
#include "sysproto.h"

/* What a new thread must share with its process; glibc and musl always ask for all of it. */
#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define KNOWN_FLAGS                                                                                \
    (THREAD_FLAGS | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |    \
     CLONE_CHILD_SETTID | CLONE_DETACHED | CLONE_PTRACE | CLONE_UNTRACED | CLONE_VFORK |           \
     CLONE_PARENT | CLONE_CLEAR_SIGHAND | CLONE_PIDFD)
#define SET_TID_MAX 32u /* MAX_PID_NS_LEVEL; there is one name space */

struct clone_request {
    u64 flags;
    int exit_signal;
    u64 stack, tls;
    vaddr_t parent_tid, child_tid;
    vaddr_t pidfd; /* where to put the descriptor of CLONE_PIDFD */
    int wanted;    /* the number that it must have, or 0 */
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
    if ((flags & CLONE_PIDFD) != 0 && (flags & (CLONE_THREAD | CLONE_DETACHED)) != 0) {
        return -EINVAL; /* a descriptor names a process */
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

/* Gives the caller a descriptor of the child, which does not have it. The number, or an error. */
static int give_pidfd(const struct process *child, vaddr_t to)
{
    struct file *f;
    int rc = pidfd_create(child, 0, &f);
    int fd = rc < 0 ? rc : fd_install(f, 0, true);

    if (fd >= 0 && copy_to_user(to, &fd, sizeof(fd)) != 0) {
        (void)fd_close(fd);
        return -EFAULT;
    }
    return fd;
}

static struct thread *clone_process(const struct clone_request *r, int *error)
{
    struct process *child;
    struct thread *t = NULL;
    int fd = -1;
    bool siblings = (r->flags & CLONE_PARENT) != 0;

    children_sweep();
    *error = process_copy(r->exit_signal, siblings, r->wanted, &child);
    if (*error != 0) {
        return NULL;
    }
    *error = process_fill(child, r);
    if (*error == 0 && (r->flags & CLONE_PIDFD) != 0) {
        fd = give_pidfd(child, r->pidfd);
        *error = MIN(fd, 0);
    }
    if (*error == 0) {
        t = thread_clone(child, r->flags, r->stack, r->tls, error);
    }
    if (t == NULL && fd >= 0) {
        (void)fd_close(fd);
    }
    if (t == NULL) {
        process_undo(child);
    }
    return t;
}

/* The child may use the caller's stack, so the caller goes on only when it does no more, unless it
 * is killed. */
static void vfork_wait(struct process *child, struct vfork_wait *w)
{
    process_full(child)->vfork = w;
    while (!w->done) {
        if (thread_block_killable() != 0 && !w->done) {
            process_full(child)->vfork = NULL;
            return;
        }
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
    if (child != cur_proc()) {
        limit_cpu(child);
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
    if (rc == 0) {
        rc = limit_threads();
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
                                    .child_tid = (vaddr_t)a[3],
                                    .pidfd = (vaddr_t)a[2]};

    if ((r.flags & CLONE_PIDFD) != 0 && (r.flags & CLONE_PARENT_SETTID) != 0) {
        return -EINVAL; /* one place cannot have both numbers */
    }
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

/* Copies what the program has given; fields of a newer version than ours must be 0. */
static int args_copy(vaddr_t from, size_t size, struct clone_args *args)
{
    u8 more[PAGE_SIZE / 8];

    if (size < CLONE_ARGS_SIZE_VER0) {
        return -EINVAL;
    }
    if (size > PAGE_SIZE) {
        return -E2BIG;
    }
    if (copy_from_user(args, from, MIN(size, sizeof(*args))) != 0) {
        return -EFAULT;
    }
    for (size_t at = sizeof(*args); at < size; at += sizeof(more)) {
        size_t n = MIN(size - at, sizeof(more));

        if (copy_from_user(more, from + at, n) != 0) {
            return -EFAULT;
        }
        for (size_t k = 0; k < n; k++) {
            if (more[k] != 0) {
                return -E2BIG;
            }
        }
    }
    return 0;
}

/* Which number the child must have: the first of a list with one for each name space. */
static int wanted_tid(const struct clone_args *args, int *wanted)
{
    if (args->set_tid_size > SET_TID_MAX || (args->set_tid == 0) != (args->set_tid_size == 0)) {
        return -EINVAL;
    }
    if (args->set_tid_size == 0) {
        return 0;
    }
    if (copy_from_user(wanted, args->set_tid, sizeof(*wanted)) != 0) {
        return -EFAULT;
    }
    if (args->set_tid_size > 1 || *wanted < 1) {
        return -EINVAL;
    }
    return process_full(cur_proc())->cred.uid[ID_EFFECTIVE] == 0 ? 0 : -EPERM;
}

long sys_clone3(const long a[6])
{
    struct clone_args args = {0};
    int wanted = 0, rc = args_copy((vaddr_t)a[0], (size_t)a[1], &args);

    if (rc == 0) {
        rc = wanted_tid(&args, &wanted);
    }
    if (rc != 0) {
        return rc;
    }
    if ((args.stack == 0) != (args.stack_size == 0) || args.exit_signal > SIG_COUNT ||
        (args.flags & (CSIGNAL | CLONE_DETACHED)) != 0 ||
        ((args.flags & (CLONE_THREAD | CLONE_PARENT)) != 0 && args.exit_signal != 0)) {
        return -EINVAL;
    }
    return do_clone(&(struct clone_request){.flags = args.flags,
                                            .exit_signal = (int)args.exit_signal,
                                            .stack = args.stack + args.stack_size,
                                            .tls = args.tls,
                                            .parent_tid = args.parent_tid,
                                            .child_tid = args.child_tid,
                                            .pidfd = args.pidfd,
                                            .wanted = wanted});
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
