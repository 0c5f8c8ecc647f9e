// SPDX-License-Identifier: Apache-2.0
/*
 * The texts of /proc that tell about a process and its threads, and the
 * buffer in which every text is made.
 */
#include "fs/procfs.h"
#include "fs/tty.h"
#include "proc/proc.h"

#include <linux/resource.h>

#define TICK_NS (NSEC_PER_SEC / 100) /* USER_HZ is 100 */

void text_put(struct text *t, const char *s, size_t n)
{
    if (t->failed) {
        return;
    }
    if (t->len + n > t->cap) {
        size_t cap = MAX(t->cap * 2, MAX(t->len + n, 512ul));
        char *data = krealloc(t->data, cap);
        if (data == NULL) {
            t->failed = true;
            return;
        }
        t->data = data;
        t->cap = cap;
    }
    memcpy(t->data + t->len, s, n);
    t->len += n;
}

void text_printf(struct text *t, const char *fmt, ...)
{
    char line[256];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    text_put(t, line, MIN((size_t)n, sizeof(line) - 1));
}

static void emit_map(void *arg, const char *part, size_t len)
{
    text_put(arg, part, len);
}

/* The process that has this thread or number: procfs.c has looked that there is one. A zombie has
 * no threads, no memory and no files. */
static struct process *process_of(int tid)
{
    struct thread *t = thread_find_any(tid);
    struct process *p = t != NULL ? t->proc : process_find(tid);

    return p != NULL ? p : cur_proc();
}

void text_maps(struct text *t, int tid)
{
    struct process *p = process_of(tid);

    if (p->mm != NULL) {
        mm_maps(p->mm, emit_map, t);
    }
}

void text_smaps(struct text *t, int tid)
{
    struct process *p = process_of(tid);

    if (p->mm != NULL) {
        mm_smaps(p->mm, emit_map, t);
    }
}

/* The thread, or the first of the process when its own first thread has ended; NULL for a zombie.
 */
static const struct thread *thread_of(int tid)
{
    struct thread *t = thread_find_any(tid);

    return t != NULL ? t : LIST_FIRST(&process_of(tid)->threads);
}

static char state_letter(const struct thread *t)
{
    return t == NULL ? 'Z' : t->p->parked ? 'T' : t->state == THREAD_BLOCKED ? 'S' : 'R';
}

static const char *state_word(const struct thread *t)
{
    return t == NULL                    ? "zombie"
           : t->p->parked               ? "stopped"
           : t->state == THREAD_BLOCKED ? "sleeping"
                                        : "running";
}

static const char *name_of(const struct thread *t)
{
    return t != NULL ? t->name : "";
}

static void usage_of_process(const struct process *p, u64 *mapped, u64 *resident)
{
    *mapped = *resident = 0;
    if (p->mm != NULL) {
        mm_usage(p->mm, mapped, resident);
    }
}

/* Real, effective, saved, file system. */
static void put_ids(struct text *t, const char *name, const u32 ids[ID_KINDS])
{
    text_printf(t, "%s:\t%u\t%u\t%u\t%u\n", name, ids[0], ids[1], ids[2], ids[3]);
}

static void put_memory(struct text *t, const struct process *p)
{
    u64 mapped, resident;

    if (p->mm == NULL) {
        return;
    }
    mm_usage(p->mm, &mapped, &resident);
    text_printf(t, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\n", (unsigned long)mapped * 4,
                (unsigned long)mapped * 4);
    text_printf(t, "VmLck:\t       0 kB\nVmPin:\t       0 kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n",
                (unsigned long)resident * 4, (unsigned long)resident * 4);
    text_printf(t, "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmSwap:\t       0 kB\n",
                (unsigned long)mapped * 4,
                (unsigned long)mm_mapping_pages(p->mm, p->stack_top - 1) * 4);
}

static void put_signals(struct text *t, const struct process *p, const struct thread *th)
{
    u64 ignored = 0, caught = 0;

    for (int sig = 1; sig <= SIG_COUNT; sig++) {
        const struct sigaction *act = &p->signals->act[sig];
        ignored |= act->sa_handler == SIG_IGN ? SIGBIT(sig) : 0;
        caught |= act->sa_handler != SIG_IGN && act->sa_handler != SIG_DFL ? SIGBIT(sig) : 0;
    }
    text_printf(t, "SigQ:\t%u/%lu\n", p->signals->queued,
                (unsigned long)p->rlimit_cur[RLIMIT_SIGPENDING]);
    text_printf(t, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n",
                th != NULL ? (unsigned long)th->p->pending.mask : 0,
                (unsigned long)p->signals->shared.mask,
                th != NULL ? (unsigned long)th->p->blocked : 0);
    text_printf(t, "SigIgn:\t%016lx\nSigCgt:\t%016lx\n", (unsigned long)ignored,
                (unsigned long)caught);
}

/* proc_pid_status(5), without the fields that this kernel knows nothing of. */
void text_status(struct text *t, int tid)
{
    struct process *p = process_of(tid);
    const struct process_full *pf = process_full(p);
    const struct thread *th = thread_of(tid);
    const struct cred *c = &pf->cred;

    text_printf(t, "Name:\t%s\n", name_of(th));
    if (p->fs != NULL) {
        text_printf(t, "Umask:\t%04o\n", p->fs->umask);
    }
    text_printf(t, "State:\t%c (%s)\n", state_letter(th), state_word(th));
    text_printf(t, "Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", p->pid, tid,
                p->ppid);
    put_ids(t, "Uid", c->uid);
    put_ids(t, "Gid", c->gid);
    text_printf(t, "FDSize:\t%u\nGroups:\t", p->fds != NULL ? fd_room(p->fds) : 0);
    for (u32 k = 0; k < c->ngroups; k++) {
        text_printf(t, "%u ", c->groups[k]);
    }
    text_printf(t, "%s\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", c->ngroups ? "" : " ",
                p->pid, tid, pf->pgid, pf->sid);
    put_memory(t, p);
    text_printf(t, "Threads:\t%u\n", p->thread_count);
    put_signals(t, p, th);
    text_printf(t, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\n",
                (unsigned long)c->cap_inheritable, (unsigned long)c->cap_permitted,
                (unsigned long)c->cap_effective);
    text_printf(t, "CapBnd:\t%016lx\nCapAmb:\t%016lx\nNoNewPrivs:\t%d\nSeccomp:\t0\n",
                (unsigned long)c->cap_bounding, (unsigned long)c->cap_ambient, pf->no_new_privs);
    text_printf(
        t, "Cpus_allowed:\t1\nCpus_allowed_list:\t0\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
    text_printf(t, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
                (unsigned long)pf->switches, (unsigned long)pf->preemptions);
}

/* The device of a terminal. Its minor number has bits on both sides of the major one. */
static u32 tty_number(const struct tty *tty)
{
    return (tty->index & 0xff) | PTS_MAJOR << 8 | (tty->index & ~0xffu) << 12;
}

/* proc_pid_stat(5): 52 fields; those about things that this kernel does not have are 0. */
static void stat_line(struct text *t, int tid, const struct thread *th, u64 cpu_ns)
{
    struct process *p = process_of(tid);
    const struct tty *tty = tty_of(p);
    int nice = th != NULL ? th->p->nice : 0;
    u64 mapped, resident;

    usage_of_process(p, &mapped, &resident);
    text_printf(t, "%d (%s) %c %d %d %d ", tid, name_of(th), state_letter(th), p->ppid,
                process_full(p)->pgid, process_full(p)->sid);
    text_printf(t, "%u %d 4194304 0 0 0 0 ", tty != NULL ? tty_number(tty) : 0,
                tty != NULL ? tty->pgid : -1);
    text_printf(t, "%lu 0 0 0 %d %d %u 0 %lu %lu %lu 18446744073709551615 ",
                (unsigned long)(cpu_ns / TICK_NS), nice + 20, nice, p->thread_count,
                (unsigned long)(p->start_ns / TICK_NS), (unsigned long)(mapped * PAGE_SIZE),
                (unsigned long)resident);
    text_printf(t, "0 0 %lu 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 %lu ", (unsigned long)p->stack_top,
                p->mm != NULL ? (unsigned long)mm_heap_start(p->mm) : 0);
    text_printf(t, "%lu %lu %lu %lu 0\n", (unsigned long)p->arg_start, (unsigned long)p->arg_end,
                (unsigned long)p->env_start, (unsigned long)p->env_end);
}

void text_process_stat(struct text *t, int tid)
{
    stat_line(t, tid, thread_of(tid), process_cpu_ns(process_of(tid)));
}

void text_thread_stat(struct text *t, int tid)
{
    const struct thread *th = thread_of(tid);

    stat_line(t, tid, th, th != NULL ? thread_cpu_ns(th) : 0);
}

void text_statm(struct text *t, int tid)
{
    u64 mapped, resident;

    usage_of_process(process_of(tid), &mapped, &resident);
    text_printf(t, "%lu %lu 0 0 0 %lu 0\n", (unsigned long)mapped, (unsigned long)resident,
                (unsigned long)mapped);
}

/* Puts what a program's memory holds now, up to the first page that is no longer mapped. */
static void put_user(struct text *t, struct mm *mm, vaddr_t at, vaddr_t end)
{
    char part[256];

    for (size_t n; mm != NULL && at < end; at += n) {
        n = MIN(end - at, sizeof(part));
        if (copy_from_mm(mm, part, at, n) != 0) {
            return;
        }
        text_put(t, part, n);
    }
}

void text_cmdline(struct text *t, int tid)
{
    const struct process *p = process_of(tid);

    put_user(t, p->mm, p->arg_start, p->arg_end);
}

void text_environ(struct text *t, int tid)
{
    const struct process *p = process_of(tid);

    put_user(t, p->mm, p->env_start, p->env_end);
}

void text_auxv(struct text *t, int tid)
{
    const u64 *aux = process_of(tid)->auxv;
    size_t n = 0;

    while (aux[n]) {
        n += 2;
    }
    text_put(t, (const char *)aux, (n + 2) * sizeof(*aux));
}

void text_io(struct text *t, int tid)
{
    const struct io_counts *io = &process_of(tid)->io;

    text_printf(t, "rchar: %lu\nwchar: %lu\nsyscr: %lu\nsyscw: %lu\n", (unsigned long)io->rchar,
                (unsigned long)io->wchar, (unsigned long)io->syscr, (unsigned long)io->syscw);
    text_printf(t, "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n"); /* no disk */
}

void text_personality(struct text *t, int tid)
{
    text_printf(t, "%08x\n", process_full(process_of(tid))->personality);
}

void text_comm(struct text *t, int tid)
{
    text_printf(t, "%s\n", name_of(thread_of(tid)));
}

static void limit_value(char *buf, size_t size, u64 value)
{
    if (value == UINT64_MAX) {
        snprintf(buf, size, "unlimited");
    } else {
        snprintf(buf, size, "%lu", (unsigned long)value);
    }
}

void text_limits(struct text *t, int tid)
{
    /* In the order of RLIMIT_*. */
    static const struct {
        const char *name, *unit;
    } rows[16] = {
        {"Max cpu time", "seconds"},     {"Max file size", "bytes"},
        {"Max data size", "bytes"},      {"Max stack size", "bytes"},
        {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
        {"Max processes", "processes"},  {"Max open files", "files"},
        {"Max locked memory", "bytes"},  {"Max address space", "bytes"},
        {"Max file locks", "locks"},     {"Max pending signals", "signals"},
        {"Max msgqueue size", "bytes"},  {"Max nice priority", ""},
        {"Max realtime priority", ""},   {"Max realtime timeout", "us"},
    };
    char soft[24], hard[24];
    const struct process *p = process_of(tid);

    text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
        limit_value(soft, sizeof(soft), p->rlimit_cur[k]);
        limit_value(hard, sizeof(hard), p->rlimit_max[k]);
        text_printf(t, "%-25s %-20s %-20s %-10s\n", rows[k].name, soft, hard, rows[k].unit);
    }
}

void text_cgroup(struct text *t, int tid)
{
    (void)tid;
    text_printf(t, "0::/\n");
}

/* proc_pid_oom_score(5): 2000 for a process that has all memory, 0 for one that has none or is
 * spared. */
void text_oom_score(struct text *t, int tid)
{
    struct process *p = process_of(tid);
    const struct process_full *pf = process_full(p);
    long total = (long)pmm_total_pages(), points;
    u64 mapped, resident;

    usage_of_process(p, &mapped, &resident);
    points = (long)resident + pf->oom_score_adj * total / OOM_ADJ_MAX;
    points = (OOM_ADJ_MAX + points * OOM_ADJ_MAX / total) * 2 / 3;
    text_printf(t, "%ld\n", p->mm == NULL || pf->oom_score_adj == -OOM_ADJ_MAX ? 0 : points);
}

void text_oom_score_adj(struct text *t, int tid)
{
    text_printf(t, "%d\n", process_full(process_of(tid))->oom_score_adj);
}

void text_oom_adj(struct text *t, int tid)
{
    int adj = process_full(process_of(tid))->oom_score_adj;

    text_printf(t, "%d\n", adj == OOM_ADJ_MAX ? 15 : adj * 17 / OOM_ADJ_MAX);
}
