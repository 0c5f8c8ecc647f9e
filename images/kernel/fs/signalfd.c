// SPDX-License-Identifier: Apache-2.0
/*
 * signalfd(2): a file from which a thread reads those of its pending signals
 * that are in a set. Whether it is ready depends on the signals of the thread
 * that polls, as on Linux.
 */
#include <linux/signalfd.h>

#include "fs/events.h"
#include "proc/proc.h"
#include "sysproto.h"

static u64 *set_of(struct file *f)
{
    return f->priv;
}

static void describe(struct signalfd_siginfo *out, const siginfo_t *in)
{
    memset(out, 0, sizeof(*out));
    out->ssi_signo = (u32)in->si_signo;
    out->ssi_code = in->si_code;
    out->ssi_errno = in->si_errno;
    if (in->si_code <= 0) {
        out->ssi_pid = (u32)in->si_pid;
        out->ssi_uid = (u32)in->si_uid;
        out->ssi_int = in->si_value.sival_int;
        out->ssi_ptr = (u64)in->si_value.sival_ptr;
    } else {
        out->ssi_addr = (u64)in->si_addr;
    }
    if (in->si_code == SI_TIMER) {
        out->ssi_tid = (u32)in->si_tid;
        out->ssi_overrun = (u32)in->si_overrun;
    }
}

static bool ready(void *arg)
{
    return ((current->p->pending.mask | cur_proc()->signals->shared.mask) & *(u64 *)arg) != 0;
}

static int take_one(struct file *f, siginfo_t *info)
{
    int rc;

    while (signal_dequeue(current, *set_of(f), info) == 0) {
        if ((f->flags & O_NONBLOCK) != 0) {
            return -EAGAIN;
        }
        rc = waitq_wait(&cur_proc()->signals->readers, ready, set_of(f), HV_NO_DEADLINE, true);
        if (rc != 0) {
            return rc == -EINTR ? -ERESTARTSYS : rc;
        }
    }
    return 0;
}

static ssize_t signalfd_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct signalfd_siginfo out;
    siginfo_t info;
    size_t done = 0;

    (void)pos;
    if (n < sizeof(out)) {
        return -EINVAL;
    }
    while (n - done >= sizeof(out) && (done == 0 || ready(set_of(f)))) {
        int rc = take_one(f, &info);

        if (rc != 0) {
            return rc;
        }
        describe(&out, &info);
        if (copy_to_user(buf + done, &out, sizeof(out)) != 0) {
            return -EFAULT;
        }
        done += sizeof(out);
    }
    return (ssize_t)done;
}

static u32 signalfd_poll(struct file *f, struct poll_table *pt)
{
    poll_on(pt, &cur_proc()->signals->readers);
    return ready(set_of(f)) ? POLLIN : 0;
}

static void signalfd_release(struct file *f)
{
    kfree(f->priv);
}

static const struct file_ops signalfd_ops = {
    .name = "signalfd",
    .read = signalfd_read,
    .poll = signalfd_poll,
    .release = signalfd_release,
    .stream = true,
};

static long set_replace(int fd, u64 set)
{
    struct file *f = fd_get(fd);
    long rc = -EINVAL;

    if (f == NULL) {
        return -EBADF;
    }
    if (f->ops == &signalfd_ops) {
        *set_of(f) = set;
        rc = fd;
    }
    file_put(f);
    return rc;
}

static long signalfd_create(u64 set, u32 flags)
{
    u64 *priv = kmalloc(sizeof(*priv));
    struct file *f;

    if (priv == NULL) {
        return -ENOMEM;
    }
    *priv = set;
    int rc = anon_file(&signalfd_ops, priv, O_RDWR | (flags & O_NONBLOCK), &f);
    if (rc < 0) {
        kfree(priv);
        return rc;
    }
    return fd_install(f, 0, (flags & O_CLOEXEC) != 0);
}

long sys_signalfd4(const long a[6])
{
    u64 set;

    if ((size_t)a[2] != sizeof(set) || (a[3] & ~(long)(O_NONBLOCK | O_CLOEXEC)) != 0) {
        return -EINVAL;
    }
    if (copy_from_user(&set, (vaddr_t)a[1], sizeof(set)) != 0) {
        return -EFAULT;
    }
    set &= ~SIG_NOMASK;
    return (int)a[0] == -1 ? signalfd_create(set, (u32)a[3]) : set_replace((int)a[0], set);
}

long sys_signalfd(const long a[6])
{
    const long b[6] = {a[0], a[1], a[2], 0};

    return sys_signalfd4(b);
}
