// SPDX-License-Identifier: Apache-2.0
/*
 * Between procfs.c, which has the names of /proc, and the files that make the
 * texts: proctext.c, systext.c, cpuinfo.c and lockcall.c.
 */
#ifndef FS_PROCFS_H
#define FS_PROCFS_H

#include "kernel.h"

/* A text, which grows while it is made. */
struct text {
    char *data;
    size_t len, cap;
    bool failed; /* out of memory */
};

void text_put(struct text *t, const char *s, size_t n);
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Makes a text about the whole system (tid is 0), about a thread, or about the process (tid is
 * its pid). */
typedef void (*text_fn)(struct text *t, int tid);

void text_cpuinfo(struct text *t, int tid);
void text_meminfo(struct text *t, int tid);
void text_syscalls(struct text *t, int tid);
void text_uptime(struct text *t, int tid);
void text_system_stat(struct text *t, int tid);
void text_loadavg(struct text *t, int tid);
void text_version(struct text *t, int tid);
void text_filesystems(struct text *t, int tid);
void text_mounts(struct text *t, int tid);
void text_mountinfo(struct text *t, int tid);
void text_osrelease(struct text *t, int tid);
void text_ostype(struct text *t, int tid);
void text_hostname(struct text *t, int tid);
void text_kernel_version(struct text *t, int tid);
void text_domainname(struct text *t, int tid);
void text_vmstat(struct text *t, int tid);
void text_boot_id(struct text *t, int tid);
void text_uuid(struct text *t, int tid);
void text_maps(struct text *t, int tid);
void text_smaps(struct text *t, int tid);
void text_status(struct text *t, int tid);
void text_process_stat(struct text *t, int tid);
void text_thread_stat(struct text *t, int tid);
void text_statm(struct text *t, int tid);
void text_cmdline(struct text *t, int tid);
void text_environ(struct text *t, int tid);
void text_auxv(struct text *t, int tid);
void text_io(struct text *t, int tid);
void text_personality(struct text *t, int tid);
void text_comm(struct text *t, int tid);
void text_limits(struct text *t, int tid);
void text_cgroup(struct text *t, int tid);
void text_locks(struct text *t, int tid);

/* /proc/net. Sockets are above fs/, which finds them by a pointer: net_init() sets it. */
enum procfs_net { PROCFS_TCP, PROCFS_TCP6, PROCFS_UDP, PROCFS_UDP6, PROCFS_UNIX, PROCFS_DEV };
extern void (*procfs_net)(struct text *t, enum procfs_net which);
void text_net_tcp(struct text *t, int tid);
void text_net_tcp6(struct text *t, int tid);
void text_net_udp(struct text *t, int tid);
void text_net_udp6(struct text *t, int tid);
void text_net_unix(struct text *t, int tid);
void text_net_dev(struct text *t, int tid);

#endif
