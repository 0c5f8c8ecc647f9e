// SPDX-License-Identifier: Apache-2.0
/*
 * Pseudo-terminals (pty(7)): /dev/ptmx makes one, whose slave is a node of /dev/pts until the
 * master is closed. Here are the open files of both sides.
 */
#include "fs/tty.h"
#include "proc/proc.h"

#include <asm/ioctls.h>

#define PTS_MAX  4096u
#define PTS_GID  5u /* "tty" */
#define CHUNK    256u
#define DECISEC  (NSEC_PER_SEC / 10)
#define HUNG_UP  (POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM)
#define FREE_MIN 256u /* poll: so much must be free before a side is told that it can write */

static KERNEL_COLD struct inode *pts_dir;

/* ---- the slave ---- */

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
    u8 chunk[CHUNK];
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
    u8 chunk[CHUNK];
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

static void pty_free(struct tty *t)
{
    if (tty_master_open(t) || !LIST_EMPTY(&t->slaves)) {
        return;
    }
    LIST_REMOVE(t, link);
    kfree(t->typed.data);
    kfree(t->output.data);
    kfree(t);
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
    pty_free(t);
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

int pty_open_controlling(struct file *f)
{
    struct tty *t = tty_of_process();

    return t != NULL ? slave_open(t, f) : -ENXIO;
}

/* ---- the master ---- */

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
    u8 chunk[CHUNK];
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
    u8 chunk[CHUNK];
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
        return copy_to_user(arg, &(int){t->locked}, sizeof(int));
    case TIOCGPKT:
        return copy_to_user(arg, &(int){t->packet}, sizeof(int));
    case TIOCGPTPEER:
        return open_peer(t, (u32)arg);
    case TIOCSIG:
        return master_signal(t, arg);
    default:
        return tty_ioctl(t, true, cmd, arg);
    }
}

static void node_remove(struct tty *t)
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

static void master_release(struct file *f)
{
    struct tty *t = f->priv;

    node_remove(t);
    tty_hang_up(t);
    pty_free(t);
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

static int node_add(struct tty *t)
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
    if (t->typed.data == NULL || t->output.data == NULL || node_add(t) < 0) {
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

void pty_init(struct inode *dir)
{
    pts_dir = dir;
}
