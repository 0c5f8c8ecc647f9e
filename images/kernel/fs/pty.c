// SPDX-License-Identifier: Apache-2.0
/*
 * Pseudo-terminals (pty(7)): /dev/ptmx makes one, whose slave is a node of /dev/pts (pts.c) until
 * the master is closed. Here are the open files of the master's side.
 */
#include "fs/tty.h"
#include "proc/proc.h"

#include <asm/ioctls.h>

#define PTS_MAX 4096u

static bool master_may_read(void *arg)
{
    const struct tty *t = arg;

    return bytes_used(&t->output) > 0 || t->slave_gone || (t->packet && t->status != 0);
}

static bool master_may_write(void *arg)
{
    return bytes_room(&((struct tty *)arg)->typed) > 0;
}

static int master_wait(struct file *f, bool (*cond)(void *))
{
    struct tty *t = f->priv;

    if (f->flags & O_NONBLOCK) {
        return -EAGAIN;
    }
    return waitq_wait(&t->master_q, cond, t, HV_NO_DEADLINE, true) < 0 ? -ERESTARTSYS : 0;
}

static ssize_t master_take(struct tty *t, vaddr_t buf, size_t n)
{
    u8 chunk[TTY_CHUNK];
    size_t done = 0;

    while (done < n && bytes_used(&t->output) > 0) {
        size_t piece = 0, limit = MIN(n - done, sizeof(chunk));
        while (piece < limit && bytes_used(&t->output) > 0) {
            chunk[piece++] = bytes_take(&t->output);
        }
        if (copy_to_user(buf + done, chunk, piece) < 0) {
            return done ? (ssize_t)done : -EFAULT;
        }
        done += piece;
    }
    waitq_wake(&t->slave_q, WAKE_ALL);
    return (ssize_t)done;
}

/* In packet mode (TIOCPKT) a read gives one byte of status, or a zero and data. */
static ssize_t master_read_packet(struct tty *t, vaddr_t buf, size_t n)
{
    u8 status = t->status;
    ssize_t rc;

    if (copy_to_user(buf, &status, 1) < 0) {
        return -EFAULT;
    }
    if (status != 0) {
        t->status = 0;
        return 1;
    }
    rc = master_take(t, buf + 1, n - 1);
    return rc < 0 ? rc : rc + 1;
}

static ssize_t master_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct tty *t = f->priv;

    (void)pos;
    while (n > 0) {
        if (t->packet && (t->status != 0 || bytes_used(&t->output) > 0)) {
            return master_read_packet(t, buf, n);
        }
        if (bytes_used(&t->output) > 0) {
            return master_take(t, buf, n);
        }
        if (t->slave_gone) {
            return -EIO;
        }
        int rc = master_wait(f, master_may_read);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static ssize_t master_put(struct tty *t, vaddr_t buf, size_t n)
{
    u8 chunk[TTY_CHUNK];
    size_t done = 0;

    while (done < n && bytes_room(&t->typed) > 0) {
        size_t piece = MIN(n - done, MIN(sizeof(chunk), (size_t)bytes_room(&t->typed)));
        if (copy_from_user(chunk, buf + done, piece) < 0) {
            return done ? (ssize_t)done : -EFAULT;
        }
        for (size_t k = 0; k < piece; k++) {
            bytes_put(&t->typed, chunk[k]);
        }
        done += piece;
        disc_pump(t);
    }
    return (ssize_t)done;
}

static ssize_t master_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    size_t done = 0;

    (void)pos;
    while (done < n) {
        ssize_t put = master_put(f->priv, buf + done, n - done);
        if (put < 0) {
            return done ? (ssize_t)done : put;
        }
        done += (size_t)put;
        if (done == n) {
            break;
        }
        int rc = master_wait(f, master_may_write);
        if (rc < 0) {
            return done ? (ssize_t)done : rc;
        }
    }
    return (ssize_t)done;
}

static u32 master_poll(struct file *f, struct poll_table *pt)
{
    struct tty *t = f->priv;
    u32 mask = t->slave_gone ? POLLHUP : 0;

    poll_on(pt, &t->master_q);
    if (bytes_used(&t->output) > 0) {
        mask |= POLLIN | POLLRDNORM;
    }
    if (t->packet && t->status != 0) {
        mask |= POLLPRI | POLLIN | POLLRDNORM;
    }
    if (bytes_room(&t->typed) > FREE_MIN) {
        mask |= POLLOUT | POLLWRNORM;
    }
    return mask;
}

/* TIOCGPTPEER: opens the slave, whatever /dev/pts is in the caller's view. */
static long open_peer(struct tty *t, u32 flags)
{
    struct file *f;
    int rc;

    if (flags & ~(u32)(O_ACCMODE | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)) {
        return -EINVAL;
    }
    rc = inode_open(t->node, flags, &f);
    return rc < 0 ? rc : fd_install(f, 0, (flags & O_CLOEXEC) != 0);
}

static long set_packet(struct tty *t, bool on)
{
    if (on && !t->packet) {
        t->status = 0;
    }
    t->packet = on;
    return 0;
}

static long master_signal(struct tty *t, vaddr_t sig)
{
    if (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP) {
        return -EINVAL;
    }
    if (t->pgid != 0) {
        (void)signal_group(t->pgid, (int)sig);
    }
    return 0;
}

static long set_flag(struct tty *t, u32 cmd, vaddr_t arg)
{
    int on;

    if (copy_from_user(&on, arg, sizeof(on)) < 0) {
        return -EFAULT;
    }
    if (cmd == TIOCPKT) {
        return set_packet(t, on != 0);
    }
    t->locked = on != 0;
    return 0;
}

static int put_flag(vaddr_t arg, int value)
{
    return copy_to_user(arg, &value, sizeof(value));
}

static long master_ioctl(struct file *f, u32 cmd, vaddr_t arg)
{
    struct tty *t = f->priv;

    switch (cmd) {
    case TIOCGPTN:
        return copy_to_user(arg, &t->index, sizeof(t->index));
    case TIOCSPTLCK:
    case TIOCPKT:
        return set_flag(t, cmd, arg);
    case TIOCGPTLCK:
        return put_flag(arg, t->locked);
    case TIOCGPKT:
        return put_flag(arg, t->packet);
    case TIOCGPTPEER:
        return open_peer(t, (u32)arg);
    case TIOCSIG:
        return master_signal(t, arg);
    default:
        return tty_ioctl(t, true, cmd, arg);
    }
}

static void master_release(struct file *f)
{
    struct tty *t = f->priv;

    pts_remove(t);
    tty_hang_up(t);
    tty_free(t);
}

static const struct file_ops master_ops = {
    .name = "ptmx",
    .read = master_read,
    .write = master_write,
    .poll = master_poll,
    .ioctl = master_ioctl,
    .release = master_release,
    .stream = true,
};

/* ---- making one ---- */

static int free_index(void)
{
    const struct tty *t;
    u32 n = 0;

    for (t = LIST_FIRST(&ttys); t != NULL && n < PTS_MAX;) {
        if (t->index == n) {
            n++;
            t = LIST_FIRST(&ttys);
        } else {
            t = LIST_NEXT(t, link);
        }
    }
    return n < PTS_MAX ? (int)n : -ENOSPC;
}

static struct tty *pty_new(u32 index)
{
    struct tty *t = kzalloc(sizeof(*t));

    if (t == NULL) {
        return NULL;
    }
    t->index = index;
    t->locked = true;
    t->typed = (struct bytes){.data = kmalloc(TYPED_SIZE), .size = TYPED_SIZE};
    t->output = (struct bytes){.data = kmalloc(OUTPUT_SIZE), .size = OUTPUT_SIZE};
    LIST_INIT(&t->slaves);
    waitq_init(&t->master_q);
    waitq_init(&t->slave_q);
    disc_reset(t);
    if (t->typed.data == NULL || t->output.data == NULL || pts_add(t) < 0) {
        kfree(t->typed.data);
        kfree(t->output.data);
        kfree(t);
        return NULL;
    }
    return t;
}

int pty_open_master(struct file *f)
{
    int index = free_index();
    struct tty *t;

    if (index < 0) {
        return index;
    }
    t = pty_new((u32)index);
    if (t == NULL) {
        return -ENOMEM;
    }
    LIST_INSERT_HEAD(&ttys, t, link);
    f->ops = &master_ops;
    f->priv = t;
    return 0;
}
