// SPDX-License-Identifier: Apache-2.0
/*
 * The texts of /proc that tell about the whole system.
 */
#include "fs/procfs.h"
#include "fs/vfs.h"
#include "proc/proc.h"
#include "sysproto.h"

#include <linux/utsname.h>

void text_meminfo(struct text *t, int tid)
{
    unsigned long total = pmm_total_pages() * 4, left = pmm_free_pages() * 4;

    (void)tid;
    text_printf(t, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\n", total, left);
    text_printf(t, "MemAvailable:   %8lu kB\nBuffers:               0 kB\n", left);
    text_printf(t, "Cached:                0 kB\nSwapCached:            0 kB\n");
    /* The kernel never finds memory idle that is in use. */
    text_printf(t, "Active:         %8lu kB\nInactive:              0 kB\n", total - left);
    text_printf(t, "SwapTotal:             0 kB\nSwapFree:              0 kB\n");
    text_printf(
        t, "Shmem:                 0 kB\nHugePages_Total:       0\nHugepagesize:       2048 kB\n");
}

void text_vmstat(struct text *t, int tid)
{
    (void)tid;
    text_printf(t, "nr_free_pages %lu\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n",
                (unsigned long)pmm_free_pages());
}

void text_uptime(struct text *t, int tid)
{
    u64 up = time_mono() / 10000000;
    u64 busy = process_cpu_ns(cur_proc()) / 10000000;
    u64 idle = up > busy ? up - busy : 0;

    (void)tid;
    text_printf(t, "%lu.%02lu %lu.%02lu\n", (unsigned long)(up / 100), (unsigned long)(up % 100),
                (unsigned long)(idle / 100), (unsigned long)(idle % 100));
}

void text_system_stat(struct text *t, int tid)
{
    unsigned long up = time_mono() / 10000000, busy = process_cpu_ns(cur_proc()) / 10000000;
    unsigned long idle = up > busy ? up - busy : 0;

    (void)tid;
    text_printf(t, "cpu  %lu 0 0 %lu 0 0 0 0 0 0\ncpu0 %lu 0 0 %lu 0 0 0 0 0 0\n", busy, idle, busy,
                idle);
    text_printf(
        t, "intr 0\nctxt %lu\nbtime %lu\n",
        (unsigned long)(process_full(cur_proc())->switches + process_full(cur_proc())->preemptions),
        (unsigned long)((time_wall() - time_mono()) / NSEC_PER_SEC));
    text_printf(t, "processes 1\nprocs_running 1\nprocs_blocked 0\n");
}

void text_loadavg(struct text *t, int tid)
{
    (void)tid;
    text_printf(t, "0.00 0.00 0.00 1/%u %d\n", cur_proc()->thread_count, cur_proc()->pid);
}

static void filesystem(struct text *t, const char *name)
{
    text_printf(t, "nodev\t%s\n", name);
}

void text_filesystems(struct text *t, int tid)
{
    (void)tid;
    filesystem(t, "tmpfs");
    filesystem(t, "proc");
}

void text_mounts(struct text *t, int tid)
{
    (void)tid;
    text_printf(t, "rootfs / tmpfs rw 0 0\nproc /proc proc rw 0 0\n");
}

void text_mountinfo(struct text *t, int tid)
{
    (void)tid;
    text_printf(t, "1 1 0:%u / / rw - tmpfs rootfs rw\n2 1 0:%u / /proc rw - proc proc rw\n",
                DEV_RAMFS, DEV_PROC);
}

void text_version(struct text *t, int tid)
{
    const struct new_utsname *u = &system_name;

    (void)tid;
    text_printf(t, "%s version %s (pyhl) %s\n", u->sysname, u->release, u->version);
}

enum { OSTYPE, OSRELEASE, VERSION, HOSTNAME, DOMAINNAME };

static void put_uname(struct text *t, int which)
{
    const struct new_utsname *u = &system_name;
    const char *const names[] = {[OSTYPE] = u->sysname,
                                 [OSRELEASE] = u->release,
                                 [VERSION] = u->version,
                                 [HOSTNAME] = u->nodename,
                                 [DOMAINNAME] = u->domainname};
    text_printf(t, "%s\n", names[which]);
}

void text_osrelease(struct text *t, int tid)
{
    (void)tid;
    put_uname(t, OSRELEASE);
}

void text_ostype(struct text *t, int tid)
{
    (void)tid;
    put_uname(t, OSTYPE);
}

void text_kernel_version(struct text *t, int tid)
{
    (void)tid;
    put_uname(t, VERSION);
}

void text_hostname(struct text *t, int tid)
{
    (void)tid;
    put_uname(t, HOSTNAME);
}

void text_domainname(struct text *t, int tid)
{
    (void)tid;
    put_uname(t, DOMAINNAME);
}

/* /proc/pyhl/syscalls, which Linux does not have: how the system calls since boot have entered
 * the kernel (mm/sites.c). */
void text_syscalls(struct text *t, int tid)
{
    (void)tid;
    const struct hv_counts *c = &hv_shared()->counts;
    text_printf(t, "rewritten %lu\ntrapped %lu\n", c->syscalls_rewritten, c->syscalls_trapped);
}

/* /proc/pyhl/counts, which Linux does not have: what is in use. The frames are those of neither the
 * heap nor tables of pages. Tables that are kept for later programs are left out. */
void text_counts(struct text *t, int tid)
{
    const struct kernel_counts *c = &kernel_counts;
    u64 frames = pmm_total_pages() - pmm_free_pages() - c->heap_frames - c->tables;

    (void)tid;
    text_printf(t, "frames %lu\nshares %lu\nheap %lu\nheap_frames %lu\n", frames, pmm_shares(),
                c->heap, c->heap_frames);
    text_printf(t, "inodes %lu\nfiles %lu\nthreads %lu\nprocesses %lu\n", c->inodes, c->files,
                c->threads, c->processes);
    text_printf(t, "mappings %lu\ntables %lu\n", c->mappings, c->tables - c->kept_tables);
}

static void put_uuid(struct text *t, const u8 b[16])
{
    for (int k = 0; k < 16; k++) {
        text_printf(t, "%s%02x", k == 4 || k == 6 || k == 8 || k == 10 ? "-" : "", (u32)b[k]);
    }
    text_printf(t, "\n");
}

void text_uuid(struct text *t, int tid)
{
    u8 id[16];

    (void)tid;
    random_uuid(id);
    put_uuid(t, id);
}

void text_boot_id(struct text *t, int tid)
{
    u8 id[16];

    (void)tid;
    random_boot_id(id);
    put_uuid(t, id);
}

void (*procfs_net)(struct text *t, enum procfs_net which);

#define NET_TEXT(name, which)                                                                      \
    void name(struct text *t, int tid)                                                             \
    {                                                                                              \
        (void)tid;                                                                                 \
        procfs_net(t, which);                                                                      \
    }

NET_TEXT(text_net_tcp, PROCFS_TCP)
NET_TEXT(text_net_tcp6, PROCFS_TCP6)
NET_TEXT(text_net_udp, PROCFS_UDP)
NET_TEXT(text_net_udp6, PROCFS_UDP6)
NET_TEXT(text_net_unix, PROCFS_UNIX)
NET_TEXT(text_net_dev, PROCFS_DEV)
