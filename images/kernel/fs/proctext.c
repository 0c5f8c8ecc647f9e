// SPDX-License-Identifier: Apache-2.0
/*
 * The texts of /proc that tell about the process and its threads, and the
 * buffer all texts are made in.
 */
#include "fs/procfs.h"
#include "fs/vfs.h"
#include "proc/proc.h"

#define TICK_NS (NSEC_PER_SEC / 100) /* USER_HZ is 100 */

void text_put(struct text *t, const char *s, size_t n)
{
    if (t->failed)
        return;
    if (t->len + n > t->cap) {
        size_t cap = MAX(t->cap * 2, MAX(t->len + n, 512ul));
        char *data = krealloc(t->data, cap);
        if (!data) {
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

static void emit_map(void *arg, const char *line, size_t len)
{
    text_put(arg, line, len);
}

void text_maps(struct text *t, int tid)
{
    (void)tid;
    mm_maps(cur_proc()->mm, emit_map, t);
}

static struct thread *thread_or_current(int tid)
{
    struct thread *t = thread_find(tid);

    return t ? t : current;
}

static char state_letter(const struct thread *t)
{
    return t->state == THREAD_BLOCKED ? 'S' : t->state == THREAD_DEAD ? 'Z' : 'R';
}

/* Real, effective, saved, file system. */
static void put_ids(struct text *t, const char *name, const u32 ids[ID_KINDS])
{
    text_printf(t, "%s:\t%u\t%u\t%u\t%u\n", name, ids[0], ids[1], ids[2], ids[3]);
}

void text_status(struct text *t, int tid)
{
    static const char all[] = "000001ffffffffff";
    struct process *p = cur_proc();
    struct thread *th = thread_or_current(tid);
    const struct cred *c = &process_full(p)->cred;
    u64 mapped, resident;

    mm_usage(p->mm, &mapped, &resident);
    text_printf(t, "Name:\t%s\nUmask:\t%04o\nState:\t%c (%s)\n", th->name, p->fs->umask,
                state_letter(th), state_letter(th) == 'S' ? "sleeping" : "running");
    text_printf(t, "Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", p->pid, th->tid,
                p->ppid);
    put_ids(t, "Uid", c->uid);
    put_ids(t, "Gid", c->gid);
    text_printf(t, "FDSize:\t64\nGroups:\t \n");
    text_printf(t, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\n", (unsigned long)mapped * 4,
                (unsigned long)mapped * 4);
    text_printf(t, "VmLck:\t       0 kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n",
                (unsigned long)resident * 4, (unsigned long)resident * 4);
    text_printf(t, "VmData:\t%8lu kB\nVmSwap:\t       0 kB\nThreads:\t%u\n",
                (unsigned long)mapped * 4, p->thread_count);
    text_printf(t, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n",
                (unsigned long)th->p->pending.mask, (unsigned long)p->signals->shared.mask,
                (unsigned long)th->p->blocked);
    text_printf(t, "CapEff:\t%s\nNoNewPrivs:\t0\nSeccomp:\t0\nCpus_allowed:\t1\n", all);
    text_printf(t, "Cpus_allowed_list:\t0\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
}

/* proc_pid_stat(5): 52 fields; those of things that are not here are 0. */
static void stat_line(struct text *t, const struct thread *th, u64 cpu_ns)
{
    struct process *p = cur_proc();
    u64 mapped, resident;

    mm_usage(p->mm, &mapped, &resident);
    text_printf(t, "%d (%s) %c %d %d %d 0 -1 4194304 0 0 0 0 ", th->tid, th->name, state_letter(th),
                p->ppid, process_full(p)->pgid, process_full(p)->sid);
    text_printf(t, "%lu 0 0 0 20 0 %u 0 %lu %lu %lu 18446744073709551615 ",
                (unsigned long)(cpu_ns / TICK_NS), p->thread_count,
                (unsigned long)(p->start_ns / TICK_NS), (unsigned long)(mapped * PAGE_SIZE),
                (unsigned long)resident);
    text_printf(t, "0 0 %lu 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 %lu %lu 0 0 0 0\n",
                (unsigned long)p->stack_top, (unsigned long)mm_heap_start(p->mm),
                (unsigned long)p->arg_start);
}

void text_process_stat(struct text *t, int tid)
{
    stat_line(t, thread_or_current(tid), process_cpu_ns(cur_proc()));
}

void text_thread_stat(struct text *t, int tid)
{
    struct thread *th = thread_or_current(tid);

    stat_line(t, th, thread_cpu_ns(th));
}

void text_statm(struct text *t, int tid)
{
    u64 mapped, resident;

    (void)tid;
    mm_usage(cur_proc()->mm, &mapped, &resident);
    text_printf(t, "%lu %lu 0 0 0 %lu 0\n", (unsigned long)mapped, (unsigned long)resident,
                (unsigned long)mapped);
}

void text_cmdline(struct text *t, int tid)
{
    (void)tid;
    if (cur_proc()->cmdline)
        text_put(t, cur_proc()->cmdline, cur_proc()->cmdline_len);
}

void text_comm(struct text *t, int tid)
{
    text_printf(t, "%s\n", thread_or_current(tid)->name);
}

static void limit_value(char *buf, size_t size, u64 value)
{
    if (value == UINT64_MAX)
        snprintf(buf, size, "unlimited");
    else
        snprintf(buf, size, "%lu", (unsigned long)value);
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

    (void)tid;
    text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
        limit_value(soft, sizeof(soft), cur_proc()->rlimit_cur[k]);
        limit_value(hard, sizeof(hard), cur_proc()->rlimit_max[k]);
        text_printf(t, "%-25s %-20s %-20s %-10s\n", rows[k].name, soft, hard, rows[k].unit);
    }
}

void text_cgroup(struct text *t, int tid)
{
    (void)tid;
    text_printf(t, "0::/\n");
}
