// SPDX-License-Identifier: Apache-2.0
/*
 * What proc/ and its system calls share and the rest of the kernel need not
 * see: the private parts of threads and processes, signal queues, CPU clocks.
 * Everything here is touched only by code that holds the CPU, so nothing needs
 * a lock.
 */
#ifndef PROC_H
#define PROC_H

#include <asm/siginfo.h>
#include <linux/signal.h>
#include <linux/time.h>

#include "kernel.h"
#include "proc/cred.h"

#define SCHED_SLICE_NS   10000000ull
#define SCHED_CREDIT_NS  3000000ull /* what a thread that slept may run ahead of busy ones */
#define SCHED_PREEMPT_NS 1000000ull /* a thread is preempted by one that has run so much less */
/* An upcall costs about 100 us on kvm-pvm, so a timer interrupts a running thread no sooner than
 * this long after it was set. A timer that is due when a thread blocks or yields is seen at
 * once. */
#define SCHED_SLACK_NS 200000ull
/* Idling costs a VM exit, so the kernel waits for a deadline closer than this by reading the
 * clock. */
#define SCHED_SPIN_NS 50000ull
#define PROC_PID      2 /* of the first process */
#define PROC_PPID     1 /* init: the kernel itself, which adopts orphans and forgets them at once */
#define PID_MAX       32768
#define OOM_ADJ_MAX   1000 /* of oom_score_adj */
/* A program has no addresses from here on: loading one into RIP, FS or GS faults. */
#define USER_TOP (1ull << 47)

/* ---- signals ------------------------------------------------------------------------------ */

#define SIG_COUNT  64
#define SIGBIT(s)  (1ull << ((s)-1))
#define SIG_NOMASK (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
/* What signals do by default, unless they kill, and kill by way of a core dump. */
#define SIG_IGNORED (SIGBIT(SIGCHLD) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH) | SIGBIT(SIGCONT))
#define SIG_DUMPS   (SIG_SYNC | SIGBIT(SIGQUIT) | SIGBIT(SIGABRT) | SIGBIT(SIGXCPU) | SIGBIT(SIGXFSZ))
#define SIG_STOPS   (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
#define SIG_SYNC                                                                                   \
    (SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) |        \
     SIGBIT(SIGSYS))
#define SIGQUEUE_MAX 4096u /* RLIMIT_SIGPENDING */

struct sigq {
    TAILQ_ENTRY(sigq) link;
    siginfo_t info;
    struct sigpending *on;
    /* Set when the entry is part of a timer (ptimer.c): then the queue does not free it, and
     * calls this when the signal is taken. It may complete info. */
    void (*taken)(struct sigq *q, siginfo_t *info);
    bool queued;
};

struct sigpending {
    u64 mask;
    TAILQ_HEAD(, sigq) queue;
};

struct proc_signals {
    struct sigpending shared;
    u32 queued;
    struct waitq readers; /* signalfd(2): woken by every signal that becomes pending */
    struct sigaction act[SIG_COUNT + 1];
};

/* proc/sigpending.c */
void sigpending_init(struct sigpending *p);
void sigpending_flush(struct proc_signals *s, struct sigpending *p, u64 mask);
void sigq_unlink(struct proc_signals *s, struct sigpending *p, struct sigq *q);
void siginfo_fill(siginfo_t *info, int sig, int si_code, u64 value);
bool signal_wanted(const struct thread *t, int sig); /* not blocked, or waited for */
/* The thread that takes a process-directed signal: the oldest that wants it; NULL for none. */
struct thread *signal_target(struct process *p, int sig);
/* Takes the next pending signal that is in `wanted`; 0 when there is none. */
int signal_dequeue(struct thread *t, u64 wanted, siginfo_t *info);
/* The signals that t would get now: its own, and those of the process that it is to take, as far
 * as t does not block them (or waits for them in rt_sigtimedwait). */
u64 signal_deliverable(struct thread *t);
/* Is t to end, by a pending signal without a core dump, or with its process? */
bool signal_killed(const struct thread *t);
void signals_discard(struct process *p, u64 mask); /* drops pending signals, of all threads */

/* proc/signal.c */
/* Queues info for thread t, or for the process when t is NULL. 0 or -EAGAIN. */
int signal_queue(struct process *p, struct thread *t, const siginfo_t *info);
void signal_queue_timer(struct process *p, struct thread *t, struct sigq *q);
void signal_unqueue_timer(struct process *p, struct sigq *q); /* timer_delete */
int signal_group(int pgid, int sig); /* from the kernel; -ESRCH when nobody is in the group */
void signal_host_events(u32 events); /* sends those HV_EVENT_* that are signals */
extern int signal_host_pgid;         /* set by a shell on the host's terminal, or 0 */
int signal_host_group(void);         /* the group that the host's SIGINT is for */
void signal_continue_first(void);    /* SIGCONT for the first process, if it is stopped */
void signal_set_blocked(struct thread *t, u64 mask);
/* For ppoll, pselect6, epoll_pwait and rt_sigsuspend: push sets a mask for the time of one call,
 * and pop puts the old one back. When a signal interrupted the call, that happens only after its
 * handler. */
void signal_mask_push(u64 mask);
void signal_mask_pop(bool interrupted);
bool signal_default_ignored(int sig);
void signals_exec(struct process *p); /* execve: handlers back to default */

/* proc/stop.c: stopping and continuing processes. */
void stop_signal_sent(struct process *p, int sig); /* what a signal does before it is delivered */
void stop_begin(struct process *p, int sig);       /* each thread is to stop */
bool stop_complete(struct process *p);             /* has the last thread stopped just now? */

/* proc/sigframe.c: 0 or -EFAULT when the frame does not fit. */
int sigframe_push(struct trapframe *tf, int sig, const struct sigaction *act, const siginfo_t *info,
                  u64 mask);
int sigframe_pop(struct trapframe *tf);
/* proc/altstack.c */
bool altstack_active(const struct thread *t, u64 sp);
void altstack_get(const struct thread *t, u64 sp, stack_t *out);
int altstack_set(struct thread *t, u64 sp, const stack_t *in);

/* ---- threads ------------------------------------------------------------------------------ */

/* Reasons, besides a deliverable signal, to call signal_deliver() on the way back to the
 * program. INTERRUPTED: a wait was ended for a signal, which another thread may have taken
 * since. */
#define SIGWORK_INTERRUPTED 1u
#define SIGWORK_RESTORE     2u /* put saved_mask back */
#define SIGWORK_KILLED      4u /* execve by another thread: exit */
#define SIGWORK_STOP        8u /* the process stops: stay until it goes on */

struct restart_block {
    long (*fn)(struct thread *t);
    u64 deadline;
    u64 arg[5];
};

struct proc_thread {
    /* Written at every switch. */
    u64 cpu_ns;    /* run time, without the current turn */
    u64 vruntime;  /* see sched.c; without the current turn, too */
    u64 cpu_start; /* when the current turn began */
    /* Blocking. */
    int wake_cause; /* 0, -ETIMEDOUT, -EINTR: first cause wins */
    bool interruptible;
    bool oom;      /* a system call of this thread found no memory, and a process ends for it */
    bool killable; /* its wait ends when the thread is to end */
    bool on_runq;
    bool parked; /* it has stopped with its process */
    u32 sigwork; /* SIGWORK_* */
    struct ktimer block_timer;
    struct thread *thread;
    /* Signals. */
    u64 blocked;
    u64 sigwait; /* what rt_sigtimedwait waits for */
    u64 saved_mask;
    struct sigpending pending;
    u64 trapno, trap_error, trap_addr; /* of the last fault, for the sigcontext */
    u64 alt_sp, alt_size;
    u32 alt_flags;
    int nice;
    int policy; /* of scheduling: a fair one */
    struct restart_block restart;
    vaddr_t set_tid; /* where to put its number when it starts */
    /* Leaving. */
    vaddr_t clear_tid;
    vaddr_t robust_head;
    TAILQ_ENTRY(thread) dead_link;
};

/* A thread that waits until the process that it has made with CLONE_VFORK executes a program or
 * ends. */
struct vfork_wait {
    struct thread *thread;
    bool done;
};

/* What proc/ keeps beside a struct process; they are allocated together. */
struct process_full {
    struct process p;
    LIST_ENTRY(process_full) link; /* of all processes */
    /* The family. parent is NULL for a child of init, which is in no list of children. */
    struct process_full *parent;
    LIST_HEAD(, process_full) children;
    LIST_ENTRY(process_full) sibling;
    struct waitq child_waiters; /* woken when a child ends */
    struct vfork_wait *vfork;
    int exit_signal;  /* what the parent gets when this process ends; 0: nothing */
    int wait_status;  /* as in wait(2), of a zombie */
    bool dying;       /* a thread ends the process */
    bool zombie;      /* it has ended, and its parent has not waited for it */
    bool executed;    /* execve(2) since it was made */
    bool subreaper;   /* PR_SET_CHILD_SUBREAPER */
    u64 child_cpu_ns; /* of children that were waited for */
    u64 child_memory; /* the largest of them, in pages */
    u64 last_memory;  /* its own pages when it ended */
    struct cred cred;
    u64 dead_cpu_ns;   /* run time of threads that are gone */
    int leader_status; /* of the first thread's exit(2): the process ends with it */
    int pgid, sid;
    bool no_terminal; /* it has given up its session's controlling terminal (TIOCNOTTY) */
    int hung_pgid;    /* of a leader: the group in the foreground of a terminal that was hung up */
    u32 personality;
    u32 pdeathsig;
    bool no_new_privs;
    u8 dumpable;
    /* Who goes first when memory runs out (proc_pid_oom_score_adj(5)), and what root set last. */
    s16 oom_score_adj, oom_score_adj_min;
    u64 oom_pages; /* of its own, when it was chosen to end for want of memory; else 0 */
    u64 switches, preemptions; /* away from a thread that waits; from one that could go on */
    /* Job control (proc/stop.c). *_news: what the parent has not waited for yet. */
    int stop_sig;  /* what stops it; 0: it is not to stop */
    int stop_news; /* what has stopped it */
    bool stopped;  /* all of its threads have stopped */
    bool continue_news;
    bool tell_continued; /* the first thread that goes on sends the parent SIGCHLD */
};

static inline struct process_full *process_full(struct process *p)
{
    return CONTAINER_OF(p, struct process_full, p);
}

static inline const struct cred *cur_cred(void)
{
    return &process_full(cur_proc())->cred;
}

/* proc/pid.c */
LIST_HEAD(process_list, process_full);
extern struct process_list processes; /* all of them, zombies, too */
extern struct process *process_first; /* the run ends with it */
int pid_alloc(void);      /* a number that no process, thread, group or session has; -EAGAIN */
int pid_take(int wanted); /* this one: -EINVAL, or -EEXIST when somebody has it */
/* proc/process.c */
/* Makes a child of the current process, without threads, files and memory. Its number is `wanted`
 * unless that is 0. */
int process_copy(int exit_signal, bool siblings, int wanted, struct process **out);
void process_free(struct process_full *pf); /* without threads, files and memory */
/* proc/children.c */
/* The process becomes a zombie: its children get another parent, and its own parent learns of
 * it. */
void child_exited(struct process_full *pf, int wait_status);
/* A thread of the process has stopped, or has ended; the last one tells the parent. */
void child_stops(struct process_full *pf);
void child_continues(struct process_full *pf); /* tells the parent, once */
/* Has no process of the group a parent elsewhere in the session, which could continue it? */
bool group_orphaned(int pgid);
/* The si_code and si_status that go with a status of wait(2). */
int child_code(int wait_status, int *value);
/* What to wait for, and what was found. */
struct child_wait {
    int type, id; /* as in waitid(2) */
    int options;
    int pid, status; /* pid 0: there was none yet (WNOHANG); status as in wait(2) */
    u32 uid;
    u64 cpu_ns;
    u64 memory; /* pages; of children of the child, too */
};
extern struct waitq process_ends;     /* woken when any process becomes a zombie or is gone */
int child_wait(struct child_wait *w); /* 0, -ECHILD or -ERESTARTSYS */
void children_sweep(void);            /* frees those that nobody waits for */
/* proc/oom.c: there is no memory left. oom_kill: makes a process end. True: it is another one than
 * the current, which calls oom_wait() and tries again; it sets thread->p->oom where it cannot wait.
 * False: the current one must end. oom_tell: of a process that ends, with the name of its program.
 */
bool oom_kill(void);
int oom_wait(void); /* as thread_block(), until that one has ended, or a signal comes */
void oom_tell(const struct process_full *pf, const char *name);
/* proc/exit.c */
void thread_kill_others(void);
void process_vfork_done(struct process_full *pf);
/* proc/thread.c: for p, which is the current process or a new one. */
struct thread *thread_clone(struct process *p, u64 flags, u64 stack, u64 tls, int *error);
void thread_unlink(struct thread *t); /* it is dead */
/* proc/kstack.c */
void thread_free(struct thread *t);
void thread_bury(struct thread *t); /* to be freed when another thread runs */
void thread_reap(void); /* frees what was buried, except the thread whose stack we stand on */

/* proc/wait.c: a signal came for t; ends its wait when that may be interrupted. */
void thread_interrupt(struct thread *t);
int thread_block_killable(void); /* 0, or -EINTR when the thread is to end */
/* proc/timer.c: as ktimer_arm(), without asking the host for an upcall: for a thread about to
 * block. True when it is the first to expire. */
bool ktimer_insert(struct ktimer *t, u64 deadline, void (*fn)(struct ktimer *t));
void ktimer_expire(u64 now);

/* proc/sched.c: CPU time, ns, up to now. */
u64 thread_cpu_ns(const struct thread *t);
u64 process_cpu_ns(struct process *p);
/* Asks for the upcall that ends the slice or expires the next timer, when there is a reason. */
void sched_arm(void);
/* Handles events of the host that are not the scheduler's (signals, ready handles);
 * process_create() sets it. */
extern void (*sched_other_events)(u32 events);
extern void (*sched_restored)(void); /* HV_EVENT_RESTORED; boot/main.c sets it */
/* Nothing can run, and nobody waits for a time or for the host; process_create() sets it. */
extern void (*sched_nothing_left)(void);
extern bool sched_slice_over; /* the slice is over: another thread waited for its turn */
/* Called after HV_CALL_RUN: the clocks have jumped, and the host has forgotten which upcall it
 * was asked for. */
void sched_resume(void);

/* ---- futexes ------------------------------------------------------------------------------ */

/* proc/futex.c */
long futex_wait(vaddr_t addr, u32 val, u32 bitset, u64 deadline);
long futex_wake(vaddr_t addr, u32 count, u32 bitset);
long futex_requeue(vaddr_t from, u32 wake, u32 move, vaddr_t to, const u32 *expect);
long futex_wake_op(vaddr_t a, u32 na, vaddr_t b, u32 nb, u32 op);
void futex_thread_exit(struct thread *t); /* robust list, clear_child_tid */

/* ---- time --------------------------------------------------------------------------------- */

/* proc/itimer.c */
struct proc_timers; /* with the timers of timer_create */
int proc_timers_create(struct proc_timers **out);
void proc_timers_exec(struct process *p);
void proc_timers_free(struct process *p);
int itimer_get(struct process *p, int which, struct __kernel_old_itimerval *out);
int itimer_set(struct process *p, int which, const struct __kernel_old_itimerval *in,
               struct __kernel_old_itimerval *old);
/* proc/limits.c. limit_cpu: the process's RLIMIT_CPU has changed, or it is new. limit_threads:
 * -EAGAIN when the current user may have no more threads (RLIMIT_NPROC). */
void limit_cpu(struct process *p);
int limit_threads(void);
/* proc/ptimer.c */
int ptimer_create(struct process *p, int clock, const struct sigevent *ev, int *id);
int ptimer_delete(struct process *p, int id);
int ptimer_get(struct process *p, int id, u64 *left, u64 *interval);
int ptimer_set(struct process *p, int id, bool absolute, u64 first, u64 interval);
int ptimer_overrun(struct process *p, int id);

/* proc/clock.c */
int clock_read(int clock, u64 *ns);
/* The monotonic time at which the clock will show ns; for a CPU clock the earliest one possible. */
int clock_to_mono(int clock, u64 ns, u64 *mono);
bool clock_is_cpu(int clock);

/* Adds without wrapping: a deadline too far away to be represented is HV_NO_DEADLINE. */
static inline u64 time_add(u64 a, u64 b)
{
    return a + b < a ? HV_NO_DEADLINE : a + b;
}

/* struct timespec to ns, saturating; -EINVAL when it is not normalised. */
static inline int timespec_ns(s64 sec, s64 nsec, u64 *ns)
{
    if (sec < 0 || nsec < 0 || nsec >= (s64)NSEC_PER_SEC) {
        return -EINVAL;
    }
    if ((u64)sec > HV_NO_DEADLINE / NSEC_PER_SEC - 1) {
        *ns = HV_NO_DEADLINE - 1;
    } else {
        *ns = (u64)sec * NSEC_PER_SEC + (u64)nsec;
    }
    return 0;
}

/* sys/sys_time.c: from and to program memory. */
int timespec_get(vaddr_t addr, u64 *ns);
int timespec_put(vaddr_t addr, u64 ns);

#endif
