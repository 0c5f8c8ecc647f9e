// SPDX-License-Identifier: Apache-2.0
/*
 * What the machine and the process report about themselves: names, memory,
 * usage and limits; and random numbers.
 */
#include <linux/random.h>
#include <linux/resource.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>

#include "proc/proc.h"
#include "sysproto.h"

long sys_uname(const long a[6])
{
    return copy_to_user((vaddr_t)a[0], &system_name, sizeof(system_name));
}

/* The names that a program may change belong to the machine, and a rewind puts them back. */
static long set_uts_name(char name[65], vaddr_t from, long len)
{
    char text[65] = {0};

    if (!cred_has(cur_cred(), CAP_SYS_ADMIN)) {
        return -EPERM;
    }
    if (len < 0 || len > 64) {
        return -EINVAL;
    }
    if (copy_from_user(text, from, (size_t)len) < 0) {
        return -EFAULT;
    }
    memcpy(name, text, sizeof(text));
    return 0;
}

long sys_sethostname(const long a[6])
{
    return set_uts_name(system_name.nodename, (vaddr_t)a[0], a[1]);
}

long sys_setdomainname(const long a[6])
{
    return set_uts_name(system_name.domainname, (vaddr_t)a[0], a[1]);
}

long sys_sysinfo(const long a[6])
{
    struct sysinfo s = {
        .uptime = (long)(time_mono() / NSEC_PER_SEC),
        .totalram = pmm_total_pages() * PAGE_SIZE,
        .freeram = pmm_free_pages() * PAGE_SIZE,
        .procs = (u16)cur_proc()->thread_count,
        .mem_unit = 1,
    };

    return copy_to_user((vaddr_t)a[0], &s, sizeof(s));
}

static struct __kernel_old_timeval timeval_of(u64 ns)
{
    return (struct __kernel_old_timeval){(s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC / 1000)};
}

/* All CPU time counts as the program's own: system calls are not timed apart. */
long sys_getrusage(const long a[6])
{
    struct rusage r = {0};
    u64 mapped, resident;

    switch ((int)a[0]) {
    case RUSAGE_SELF:
        r.ru_utime = timeval_of(process_cpu_ns(cur_proc()));
        break;
    case RUSAGE_THREAD:
        r.ru_utime = timeval_of(thread_cpu_ns(current));
        break;
    case RUSAGE_CHILDREN:
        r.ru_utime = timeval_of(process_full(cur_proc())->child_cpu_ns);
        r.ru_maxrss = (long)(process_full(cur_proc())->child_memory * PAGE_SIZE / 1024);
        return copy_to_user((vaddr_t)a[1], &r, sizeof(r));
    default:
        return -EINVAL;
    }
    mm_usage(cur_proc()->mm, &mapped, &resident);
    r.ru_maxrss = (long)(resident * PAGE_SIZE / 1024);
    r.ru_nvcsw = (long)process_full(cur_proc())->switches;
    r.ru_nivcsw = (long)process_full(cur_proc())->preemptions;
    return copy_to_user((vaddr_t)a[1], &r, sizeof(r));
}

static long do_rlimit(struct process *p, unsigned which, vaddr_t in, vaddr_t out)
{
    struct rlimit64 new, old;

    if (which >= RLIM_NLIMITS) {
        return -EINVAL;
    }
    old = (struct rlimit64){p->rlimit_cur[which], p->rlimit_max[which]};
    if (in != 0) {
        if (copy_from_user(&new, in, sizeof(new)) != 0) {
            return -EFAULT;
        }
        if (new.rlim_cur > new.rlim_max) {
            return -EINVAL;
        }
        if (new.rlim_max > old.rlim_max && !cred_has(cur_cred(), CAP_SYS_RESOURCE)) {
            return -EPERM;
        }
        p->rlimit_cur[which] = new.rlim_cur;
        p->rlimit_max[which] = new.rlim_max;
        if (which == RLIMIT_CPU) {
            limit_cpu(p);
        }
    }
    return out != 0 ? copy_to_user(out, &old, sizeof(old)) : 0;
}

/* struct rlimit and struct rlimit64 are the same on x86-64. */
long sys_getrlimit(const long a[6])
{
    return do_rlimit(cur_proc(), (unsigned)a[0], 0, (vaddr_t)a[1]);
}

long sys_setrlimit(const long a[6])
{
    return a[1] != 0 ? do_rlimit(cur_proc(), (unsigned)a[0], (vaddr_t)a[1], 0) : -EFAULT;
}

static bool all_are(const u32 id[ID_KINDS], u32 real)
{
    return id[ID_REAL] == real && id[ID_EFFECTIVE] == real && id[ID_SAVED] == real;
}

/* Of another process's, the limits may be asked for and changed by whoever has its numbers. */
long sys_prlimit64(const long a[6])
{
    const struct thread *t = a[0] == 0 ? current : thread_find_any((int)a[0]);
    const struct cred *c = cur_cred(), *to;

    if (t == NULL) {
        return -ESRCH;
    }
    to = &process_full(t->proc)->cred;
    if (to != c && !cred_has(c, CAP_SYS_RESOURCE) &&
        !(all_are(to->uid, c->uid[ID_REAL]) && all_are(to->gid, c->gid[ID_REAL]))) {
        return -EPERM;
    }
    return do_rlimit(t->proc, (unsigned)a[1], (vaddr_t)a[2], (vaddr_t)a[3]);
}

long sys_getrandom(const long a[6])
{
    u8 chunk[256];
    size_t len = MIN((size_t)a[1], (size_t)0x7ffff000); /* MAX_RW_COUNT */
    u32 flags = (u32)a[2];

    if ((flags & ~(u32)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) != 0 ||
        (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE)) {
        return -EINVAL;
    }
    for (size_t done = 0; done < len; done += sizeof(chunk)) {
        size_t n = MIN(len - done, sizeof(chunk));

        random_bytes(chunk, n);
        if (copy_to_user((vaddr_t)a[0] + done, chunk, n) != 0) {
            return done != 0 ? (long)done : -EFAULT;
        }
    }
    return (long)len;
}
