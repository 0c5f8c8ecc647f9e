// SPDX-License-Identifier: Apache-2.0
/*
 * The end of threads and processes. The end of the first process is the end of the run, when
 * nothing is torn down: the host throws the machine away or rewinds it. Any other process gives
 * back what it has and becomes a zombie.
 */
#include "proc/proc.h"

KERNEL_COLD void (*process_ending)(void);
KERNEL_COLD void (*process_drop_files)(struct process *p);

void thread_exit(int status)
{
    struct thread *t = current;
    struct process_full *pf = process_full(t->proc);

    if (t->tid == t->proc->pid) {
        pf->leader_status = status;
    }
    if (t->proc->thread_count == 1) {
        process_exit(pf->leader_status);
    }
    futex_thread_exit(t);
    thread_unlink(t);
    child_stops(pf); /* if it was the last that had not stopped */
    thread_bury(t);
    schedule();
    panic("a dead thread was scheduled");
}

/* Every other thread leaves the kernel by its normal way out and ends there, because until then
 * others have pointers to wait entries and locals on its kernel stack. */
void thread_kill_others(void)
{
    struct thread *t;

    LIST_FOREACH (t, &current->proc->threads, proc_link) {
        if (t != current) {
            t->p->sigwork |= SIGWORK_KILLED;
        }
    }
    while (current->proc->thread_count > 1) {
        LIST_FOREACH (t, &current->proc->threads, proc_link) {
            if (t != current && t->p->parked) {
                thread_wake(t);
            } else if (t != current) {
                thread_interrupt(t);
            }
        }
        schedule();
    }
    thread_reap();
}

void process_vfork_done(struct process_full *pf)
{
    if (pf->vfork != NULL) {
        pf->vfork->done = true;
        thread_wake(pf->vfork->thread);
        pf->vfork = NULL;
    }
}

/* Ends the current process, which is not the first, in its last thread. */
static void process_die(int wait_status) __attribute__((noreturn));
static void process_die(int wait_status)
{
    struct thread *t = current;
    struct process_full *pf = process_full(t->proc);
    u64 mapped;

    if (pf->dying) { /* another thread was first, and waits for this one to end */
        thread_exit(0);
    }
    pf->dying = true;
    thread_kill_others();
    oom_tell(pf, t->name);
    futex_thread_exit(t);
    process_drop_files(&pf->p);
    proc_timers_free(&pf->p);
    mm_usage(pf->p.mm, &mapped, &pf->last_memory);
    mm_put(pf->p.mm);
    pf->p.mm = NULL;
    process_vfork_done(pf);
    thread_unlink(t);
    child_exited(pf, wait_status);
    thread_bury(t);
    schedule();
    panic("a dead process was scheduled");
}

static void run_end(enum hv_exit kind, int status, const char *text) __attribute__((noreturn));
static void run_end(enum hv_exit kind, int status, const char *text)
{
    if (process_ending != NULL) {
        process_ending();
    }
    hv_exit(kind, status, text);
}

void process_exit(int status)
{
    if (cur_proc() != process_first) {
        process_die((status & 0xff) << 8);
    }
    run_end(HV_EXIT_STATUS, status & 0xff, NULL);
}

void process_kill(int sig)
{
    if (cur_proc() != process_first) {
        process_die(sig);
    }
    run_end(HV_EXIT_SIGNAL, sig, NULL);
}

void process_out_of_memory(const char *text)
{
    if (cur_proc() != process_first) {
        process_die(SIGKILL);
    }
    run_end(HV_EXIT_OOM, SIGKILL, text);
}
