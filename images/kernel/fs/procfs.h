// SPDX-License-Identifier: Apache-2.0
/*
 * Between procfs.c, which has the names of /proc, and the files that have what the names stand for:
 * links, open files, and the texts of proctext.c, systext.c, cpuinfo.c and lockcall.c.
 */
#ifndef FS_PROCFS_H
#define FS_PROCFS_H

#include "fs/vfs.h"

/* Directories. */
enum procfs_level {
    ROOT,
    SYS,
    FS,
    KERNEL,
    RANDOM,
    VM,
    NET,
    PYHL,
    PROCESS,
    TASKS,
    TASK,
    FDS,
    FDINFO,
    NS,
    BOTH
};
/* Links; LINK_NS + n is the name space of kind n. */
enum procfs_link {
    LINK_NONE,
    LINK_SELF,
    LINK_THREAD,
    LINK_EXE,
    LINK_CWD,
    LINK_ROOT,
    LINK_FD,
    LINK_NS,
};

/* Takes what was written to a file of a thread: n bytes, of which the text has those that count. 0
 * or an error. */
typedef int (*write_fn)(int tid, const char *said, size_t n);

/* A text, which grows while it is made. */
struct text {
    char *data;
    size_t len, cap;
    bool failed;    /* out of memory */
    write_fn write; /* NULL: the file cannot be written to */
};

/* proclink.c. procfs_tid: the thread that an inode of /proc is about, or a process's number; 0 for
 * none. The others are about that thread's process, and NULL when it has none. */
u32 procfs_tid(const struct inode *i);
struct process *procfs_process(u32 tid);
struct fdtable *procfs_fds(u32 tid);
struct file *procfs_fd(u32 tid, int fd);
void procfs_own(struct inode *i); /* sets the owner */
void procfs_free(struct inode *i);
extern const struct inode_ops procfs_link_ops, procfs_jump_ops;

/* procfile.c. text_done: the file shows the text, or there was no memory for it (NULL). */
int text_done(struct file *f, struct text *t);
extern const struct inode_ops procfs_fdinfo_ops;
int write_comm(int tid, const char *said, size_t n);
int write_oom_adj(int tid, const char *said, size_t n);
int write_oom_score_adj(int tid, const char *said, size_t n);

/* proctext.c */

void text_put(struct text *t, const char *s, size_t n);
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Makes a text about the whole system (tid is 0), about a thread, or about the process (tid is
 * its pid). */
typedef void (*text_fn)(struct text *t, int tid);

/* cpuinfo.c */
void text_cpuinfo(struct text *t, int tid);
/* systext.c, proctext.c */
void text_meminfo(struct text *t, int tid);
void text_counts(struct text *t, int tid);
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
void text_oom_score(struct text *t, int tid);
void text_oom_adj(struct text *t, int tid);
void text_oom_score_adj(struct text *t, int tid);
void text_cgroup(struct text *t, int tid);
/* lockcall.c */
void text_locks(struct text *t, int tid);

/* systext.c: /proc/net. Sockets are above fs/, which finds them by a pointer: net_init() sets it.
 */
enum procfs_net { PROCFS_TCP, PROCFS_TCP6, PROCFS_UDP, PROCFS_UDP6, PROCFS_UNIX, PROCFS_DEV };
extern void (*procfs_net)(struct text *t, enum procfs_net which);
void text_net_tcp(struct text *t, int tid);
void text_net_tcp6(struct text *t, int tid);
void text_net_udp(struct text *t, int tid);
void text_net_udp6(struct text *t, int tid);
void text_net_unix(struct text *t, int tid);
void text_net_dev(struct text *t, int tid);

#endif
