// SPDX-License-Identifier: Apache-2.0
/*
 * eventfd(2): a 64-bit counter, read and written through a descriptor.
 */
#include "fs/events.h"
#include "fs/vfs.h"

/* eventfd(2). */
#define EFD_SEMAPHORE 1u
#define EFD_FLAGS     (EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK)

#define COUNT_MAX (UINT64_MAX - 1)

struct eventfd {
    u64 count;
    bool semaphore;
    struct waitq read_q, write_q;
};

static bool event_may_read(void *arg)
{
    return ((struct eventfd *)arg)->count > 0;
}

static ssize_t event_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct eventfd *e = f->priv;
    u64 value;

    (void)pos;
    if (n < sizeof(value)) {
        return -EINVAL;
    }
    while (e->count == 0) {
        if (f->flags & O_NONBLOCK) {
            return -EAGAIN;
        }
        if (waitq_wait(&e->read_q, event_may_read, e, HV_NO_DEADLINE, true) < 0) {
            return -ERESTARTSYS;
        }
    }
    value = e->semaphore ? 1 : e->count;
    e->count -= value;
    waitq_wake(&e->write_q, 1);
    return copy_to_user(buf, &value, sizeof(value)) < 0 ? -EFAULT : (ssize_t)sizeof(value);
}

struct addition {
    struct eventfd *e;
    u64 value;
};

static bool fits(void *arg)
{
    struct addition *a = arg;

    return a->value <= COUNT_MAX - a->e->count;
}

static ssize_t event_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct eventfd *e = f->priv;
    struct addition a = {.e = e};

    (void)pos;
    if (n < sizeof(a.value)) {
        return -EINVAL;
    }
    if (copy_from_user(&a.value, buf, sizeof(a.value)) < 0) {
        return -EFAULT;
    }
    if (a.value > COUNT_MAX) {
        return -EINVAL;
    }
    while (!fits(&a)) {
        if (f->flags & O_NONBLOCK) {
            return -EAGAIN;
        }
        if (waitq_wait(&e->write_q, fits, &a, HV_NO_DEADLINE, true) < 0) {
            return -ERESTARTSYS;
        }
    }
    e->count += a.value;
    if (a.value) {
        waitq_wake(&e->read_q, 1);
    }
    return sizeof(a.value);
}

static u32 event_poll(struct file *f, struct poll_table *pt)
{
    struct eventfd *e = f->priv;

    poll_on(pt, &e->read_q);
    poll_on(pt, &e->write_q);
    return (e->count ? POLLIN | POLLRDNORM : 0) | (e->count < COUNT_MAX ? POLLOUT | POLLWRNORM : 0);
}

static void event_release(struct file *f)
{
    kfree(f->priv);
}

static const struct file_ops event_ops = {
    .name = "eventfd",
    .read = event_read,
    .write = event_write,
    .poll = event_poll,
    .release = event_release,
    .stream = true,
};

int eventfd_create(u64 initial, u32 flags, struct file **out)
{
    struct eventfd *e;

    if (flags & ~(u32)EFD_FLAGS) {
        return -EINVAL;
    }
    e = kzalloc(sizeof(*e));
    if (e == NULL) {
        return -ENOMEM;
    }
    e->count = initial;
    e->semaphore = flags & EFD_SEMAPHORE;
    waitq_init(&e->read_q);
    waitq_init(&e->write_q);
    int rc = anon_file(&event_ops, e, O_RDWR | (flags & O_NONBLOCK), out);
    if (rc < 0) {
        kfree(e);
    }
    return rc;
}

/* Makes an open file on an inode of its own, which has no name. */
int anon_file(const struct file_ops *ops, void *priv, u32 flags, struct file **out)
{
    struct inode *i = anon_inode(0600);

    if (i == NULL) {
        return -ENOMEM;
    }
    i->u.label = ops->name;
    *out = file_new(i, flags, ops);
    inode_put(i);
    if (*out == NULL) {
        return -ENFILE;
    }
    (*out)->priv = priv;
    return 0;
}
