// SPDX-License-Identifier: Apache-2.0
/*
 * The slave's side of pseudo-terminals (pty(7)): nodes of /dev/pts, and open files of them.
 */
#include "fs/tty.h"
#include "proc/proc.h"

#define PTS_GID 5u /* "tty" */
#define DECISEC (NSEC_PER_SEC / 10)
#define HUNG_UP (POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM)

static KERNEL_COLD struct inode *pts_dir;

void tty_free(struct tty *t)
{
    if (tty_master_open(t) || !LIST_EMPTY(&t->slaves)) {
        return;
    }
    LIST_REMOVE(t, link);
    kfree(t->typed.data);
    kfree(t->output.data);
    kfree(t);
}

static ssize_t hung_or(const struct slave *s, ssize_t rc)
{
    return s->hung ? 0 : rc;
}

/* What a waiting reader or writer looks at. */
static bool slave_may_read(void *arg)
{
    const struct slave *s = arg;

    return disc_ready(s->tty) || s->hung;
}

static bool slave_may_write(void *arg)
{
    const struct slave *s = arg;

    return (!s->tty->stopped && bytes_room(&s->tty->output) >= FREE_MIN) || s->hung;
}

/* How long a read without ICANON waits (termios(3)): for `least` bytes; `gap` is the time after
 * which it gives up, since the last byte, or since the beginning if it needs none. */
struct patience {
    u32 least;
    u64 gap, deadline;
};

static struct patience patience_of(const struct tty *t)
{
    struct patience p = {.least = 1, .deadline = HV_NO_DEADLINE};

    if ((t->modes.c_lflag & ICANON) == 0) {
        p.least = t->modes.c_cc[VMIN];
        p.gap = t->modes.c_cc[VTIME] * DECISEC;
        if (p.least == 0) {
            p.deadline = time_add(time_mono(), p.gap);
        }
    }
    return p;
}

/* Waits for input. 0; 1: the read ends with what it has; or an error. */
static int slave_wait(struct file *f, const struct patience *p, bool begun)
{
    struct slave *s = f->priv;
    u64 deadline = p->deadline;
    int rc;

    if (s->hung) {
        return 1;
    }
    if (p->least == 0 && p->gap == 0) {
        return 1;
    }
    if (f->flags & O_NONBLOCK) {
        return -EAGAIN;
    }
    if (p->least > 0 && p->gap > 0 && begun) {
        deadline = time_add(time_mono(), p->gap);
    }
    rc = waitq_wait(&s->tty->slave_q, slave_may_read, s, deadline, true);
    if (rc == 0 && s->hung) {
        return -EIO;
    }
    return rc == -ETIMEDOUT ? 1 : rc < 0 ? -ERESTARTSYS : 0;
}

/* Moves what there is. *over: the read ends here. */
static ssize_t slave_take(struct tty *t, vaddr_t buf, size_t n, bool *over)
{
    bool canonical = (t->modes.c_lflag & ICANON) != 0;
    u8 chunk[TTY_CHUNK];
    size_t done = 0;

    *over = false;
    while (done < n && disc_ready(t) && !*over) {
        bool ended;
        u32 got = disc_read(t, chunk, (u32)MIN(n - done, sizeof(chunk)), &ended);
        if (copy_to_user(buf + done, chunk, got) < 0) {
            return done ? (ssize_t)done : -EFAULT;
        }
        done += got;
        *over = canonical && ended;
    }
    disc_pump(t);
    return (ssize_t)done;
}

static ssize_t slave_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct slave *s = f->priv;
    struct patience p = patience_of(s->tty);
    int rc = s->hung ? 0 : tty_background(s->tty, SIGTTIN);
    bool over = s->hung;
    size_t done = 0;

    (void)pos;
    if (rc < 0) {
        return rc;
    }
    while (done < n && !over) {
        if (!disc_ready(s->tty)) {
            rc = slave_wait(f, &p, done > 0);
            if (rc != 0) {
                return done || rc > 0 ? (ssize_t)done : rc;
            }
            continue;
        }
        ssize_t got = slave_take(s->tty, buf + done, n - done, &over);
        if (got < 0) {
            return done ? (ssize_t)done : got;
        }
        done += (size_t)got;
        over = over || done >= p.least;
    }
    return hung_or(s, (ssize_t)done);
}

/* Writes what there is room for. */
static ssize_t slave_put(struct tty *t, vaddr_t buf, size_t n)
{
    u8 chunk[TTY_CHUNK];
    size_t done = 0;

    while (done < n) {
        size_t piece = MIN(n - done, sizeof(chunk)), k = 0;
        if (copy_from_user(chunk, buf + done, piece) < 0) {
            return done ? (ssize_t)done : -EFAULT;
        }
        while (k < piece && disc_output(t, chunk[k])) {
            k++;
        }
        done += k;
        if (k < piece) {
            break;
        }
    }
    if (done > 0) {
        waitq_wake(&t->master_q, WAKE_ALL);
    }
    return (ssize_t)done;
}

static ssize_t slave_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct slave *s = f->priv;
    size_t done = 0;

    (void)pos;
    if ((s->tty->modes.c_lflag & TOSTOP) != 0 && !s->hung) {
        int rc = tty_background(s->tty, SIGTTOU);
        if (rc < 0) {
            return rc;
        }
    }
    while (done < n) {
        ssize_t put = s->hung ? -EIO : slave_put(s->tty, buf + done, n - done);
        if (put < 0) {
            return done ? (ssize_t)done : put;
        }
        done += (size_t)put;
        if (done == n) {
            break;
        }
        if (f->flags & O_NONBLOCK) {
            return done ? (ssize_t)done : -EAGAIN;
        }
        if (waitq_wait(&s->tty->slave_q, slave_may_write, s, HV_NO_DEADLINE, true) < 0) {
            return done ? (ssize_t)done : -ERESTARTSYS;
        }
    }
    return (ssize_t)done;
}

/* A poll waits for VMIN bytes where VTIME does not end the wait. */
static bool slave_readable(const struct tty *t)
{
    const u8 *cc = t->modes.c_cc;

    if ((t->modes.c_lflag & ICANON) == 0 && cc[VTIME] == 0 && cc[VMIN] > 0) {
        return disc_count(t) >= cc[VMIN];
    }
    return disc_ready(t);
}

static u32 slave_poll(struct file *f, struct poll_table *pt)
{
    struct slave *s = f->priv;

    poll_on(pt, &s->tty->slave_q);
    if (s->hung) {
        return HUNG_UP;
    }
    return (slave_readable(s->tty) ? POLLIN | POLLRDNORM : 0u) |
           (slave_may_write(s) ? POLLOUT | POLLWRNORM : 0u);
}

static long slave_ioctl(struct file *f, u32 cmd, vaddr_t arg)
{
    struct slave *s = f->priv;

    return s->hung ? -EIO : tty_ioctl(s->tty, false, cmd, arg);
}

static void slave_release(struct file *f)
{
    struct slave *s = f->priv;
    struct tty *t = s->tty;

    LIST_REMOVE(s, link);
    kfree(s);
    if (LIST_EMPTY(&t->slaves)) {
        t->slave_gone = true;
        t->status = 0;
        waitq_wake(&t->master_q, WAKE_ALL);
    }
    tty_free(t);
}

static const struct file_ops slave_ops = {
    .name = "tty",
    .read = slave_read,
    .write = slave_write,
    .poll = slave_poll,
    .ioctl = slave_ioctl,
    .release = slave_release,
    .stream = true,
};

static int slave_open(struct tty *t, struct file *f)
{
    struct slave *s;

    if (t == NULL || !tty_master_open(t) || t->locked) {
        return -EIO;
    }
    s = kzalloc(sizeof(*s));
    if (s == NULL) {
        return -ENOMEM;
    }
    s->tty = t;
    LIST_INSERT_HEAD(&t->slaves, s, link);
    t->slave_gone = false;
    f->ops = &slave_ops;
    f->priv = s;
    if ((f->flags & O_NOCTTY) == 0 && file_readable(f)) {
        tty_opened(t);
    }
    return 0;
}

static int node_open(struct inode *i, struct file *f)
{
    return slave_open(i->u.priv, f);
}

static const struct inode_ops node_ops = {.open = node_open};

int pts_open_controlling(struct file *f)
{
    struct tty *t = tty_of_process();

    return t != NULL ? slave_open(t, f) : -ENXIO;
}

int pts_add(struct tty *t)
{
    char name[12];
    int len = snprintf(name, sizeof(name), "%u", t->index), rc;

    t->node = inode_new(S_IFCHR | 0620, &node_ops);
    if (t->node == NULL) {
        return -ENOMEM;
    }
    t->node->rdev = RDEV(PTS_MAJOR, t->index);
    t->node->gid = PTS_GID;
    t->node->u.priv = t;
    rc = dir_add(pts_dir, name, (size_t)len, t->node);
    if (rc < 0) {
        inode_put(t->node);
    }
    return rc;
}

void pts_remove(struct tty *t)
{
    char name[12];
    struct dentry *d;
    int len = snprintf(name, sizeof(name), "%u", t->index);

    d = dir_find(pts_dir, name, (size_t)len);
    if (d != NULL && d->inode == t->node) {
        dir_remove(pts_dir, d);
    }
    t->node->u.priv = NULL;
    inode_put(t->node);
    t->node = NULL;
}

void pts_set_dir(struct inode *dir)
{
    pts_dir = dir;
}
