// SPDX-License-Identifier: Apache-2.0
/*
 * pidfd_open(2): a descriptor that names a process. It holds the number and the time of the start,
 * which no two processes share, and so needs no reference to the process.
 */
#include "fs/events.h"
#include "proc/proc.h"

struct pidfd {
    int pid;
    u64 start_ns;
};

static struct process *pidfd_find(const struct pidfd *d)
{
    struct process *p = process_find(d->pid);

    return p != NULL && p->start_ns == d->start_ns ? p : NULL;
}

static u32 pidfd_poll(struct file *f, struct poll_table *pt)
{
    struct process *p = pidfd_find(f->priv);

    poll_on(pt, &process_ends);
    if (p == NULL) {
        return POLLIN | POLLRDNORM | POLLHUP;
    }
    return process_full(p)->zombie ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_release(struct file *f)
{
    kfree(f->priv);
}

static const struct file_ops pidfd_ops = {
    .name = "pidfd", .poll = pidfd_poll, .release = pidfd_release, .stream = true};

int pidfd_create(const struct process *p, u32 flags, struct file **out)
{
    struct pidfd *d = kmalloc(sizeof(*d));
    int rc;

    if (d == NULL) {
        return -ENOMEM;
    }
    *d = (struct pidfd){.pid = p->pid, .start_ns = p->start_ns};
    rc = anon_file(&pidfd_ops, d, O_RDWR | flags, out);
    if (rc < 0) {
        kfree(d);
    }
    return rc;
}

int pidfd_number(const struct file *f)
{
    if (f->ops != &pidfd_ops) {
        return 0;
    }
    return pidfd_find(f->priv) != NULL ? ((const struct pidfd *)f->priv)->pid : -1;
}

int pidfd_process(int fd, struct process **out, bool *nonblock)
{
    struct file *f = fd_get(fd);
    int rc = 0;

    if (f == NULL) {
        return -EBADF;
    }
    if (f->ops != &pidfd_ops) {
        rc = -EBADF;
    } else {
        *out = pidfd_find(f->priv);
        *nonblock = (f->flags & O_NONBLOCK) != 0;
    }
    file_put(f);
    return rc < 0 ? rc : *out == NULL ? -ESRCH : 0;
}

/* The process of a directory /proc/PID. Of what is in /proc it alone has the number of a process
 * and lies in a directory that has none (procfs.c). */
static struct process *directory_process(const struct inode *i)
{
    bool names = i->dev == DEV_PROC && S_ISDIR(i->mode) && i->u.id.b != 0 && i->parent != NULL &&
                 i->parent->u.id.b == 0;

    return names ? process_find((int)i->u.id.b) : NULL;
}

int pidfd_target(int fd, struct process **out)
{
    struct file *f = fd_get(fd);
    bool nonblock;

    *out = f != NULL ? directory_process(f->inode) : NULL;
    if (f != NULL) {
        file_put(f);
    }
    return *out != NULL ? 0 : pidfd_process(fd, out, &nonblock);
}
