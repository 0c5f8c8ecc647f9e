// SPDX-License-Identifier: Apache-2.0
/*
 * Receiving, which is the same for all families, and sockets as open files.
 */
#include "net/socket.h"

#include <asm/ioctls.h>
#include <linux/sockios.h>

/* ---- receiving ---- */

static bool has_input(void *arg)
{
    const struct socket *s = arg;

    return !TAILQ_EMPTY(&s->queue) || s->error != 0 || socket_at_end(s);
}

static void take_cred(const struct message *m, struct transfer *t)
{
    t->cred = m->cred;
    t->has_cred = true;
    t->hops = m->hops;
    t->class = m->class;
}

/* The files that came with a message. A program gets them once, but for one that only peeks. */
static void take_files(struct message *m, struct transfer *t)
{
    if (m->files == NULL || !(t->flags & MSG_PEEK)) {
        t->files = m->files;
        m->files = NULL;
        return;
    }
    size_t size = sizeof(*m->files) + m->files->count * sizeof(m->files->file[0]);
    t->files = kmalloc(size);
    if (t->files == NULL) {
        t->result |= MSG_CTRUNC;
        return;
    }
    memcpy(t->files, m->files, size);
    for (u32 k = 0; k < t->files->count; k++) {
        file_ref(t->files->file[k]);
    }
}

/* Whether a stream's reader gets the bytes of two messages together. */
static bool joins(const struct socket *s, const struct socket_cred *cred,
                  const struct message *next)
{
    return !s->pass_cred || memcmp(cred, &next->cred, sizeof(*cred)) == 0;
}

/* Takes what is there, up to n bytes, and no further than a message with files. *stop: the next
 * bytes belong to another call. */
static ssize_t take_stream(struct socket *s, struct transfer *t, size_t n, bool *stop)
{
    struct message *m = TAILQ_FIRST(&s->queue), *next;
    size_t done = 0;
    bool at_mark = urgent_stops(s, &n, t->flags & MSG_PEEK);

    if (!t->has_cred) {
        take_cred(m, t);
    }
    for (; m != NULL && done < n && !*stop; m = next) {
        size_t piece = MIN(n - done, m->len - m->off);
        next = TAILQ_NEXT(m, link);
        if (!joins(s, &t->cred, m)) {
            *stop = true;
            break;
        }
        if (cursor_move(&t->data, m->data + m->off, piece, true) < 0) {
            return done ? (ssize_t)done : -EFAULT;
        }
        done += piece;
        if (m->files != NULL) {
            take_files(m, t);
            *stop = true;
        }
        if (!(t->flags & MSG_PEEK)) {
            message_take(s, m, piece);
        }
    }
    *stop |= at_mark;
    return (ssize_t)done;
}

static ssize_t take_message(struct socket *s, struct transfer *t)
{
    struct message *m = TAILQ_FIRST(&s->queue);
    size_t len = m->len, piece = MIN(t->size, len);

    if (cursor_move(&t->data, m->data, piece, true) < 0) {
        return -EFAULT;
    }
    take_cred(m, t);
    take_files(m, t);
    if (m->from != NULL) {
        t->address = *m->from;
    }
    if (len > t->size) {
        t->result |= MSG_TRUNC;
    }
    if (!(t->flags & MSG_PEEK)) {
        m->off = 0;
        message_take(s, m, len);
    }
    return (ssize_t)(t->flags & MSG_TRUNC ? len : piece);
}

static ssize_t receive_stream(struct socket *s, struct transfer *t, bool wait)
{
    size_t done = 0;
    bool stop = false;
    int rc;

    while (done < t->size) {
        if (!TAILQ_EMPTY(&s->queue)) {
            ssize_t got = take_stream(s, t, t->size - done, &stop);
            if (got < 0) {
                return done ? (ssize_t)done : got;
            }
            done += (size_t)got;
            if (stop || !(t->flags & MSG_WAITALL) || (t->flags & MSG_PEEK)) {
                break;
            }
            continue;
        }
        if (s->error != 0) {
            return done ? (ssize_t)done : socket_take_error(s);
        }
        if (socket_at_end(s)) {
            break;
        }
        rc = socket_wait(&s->read_q, has_input, s, s->recv_timeout, wait);
        if (rc < 0) {
            return done ? (ssize_t)done : rc;
        }
    }
    return (ssize_t)done;
}

ssize_t socket_receive(struct socket *s, struct transfer *t, bool wait)
{
    int rc;

    if (t->flags & MSG_ERRQUEUE) {
        return -EAGAIN; /* nothing is ever put there */
    }
    if (t->flags & MSG_OOB) {
        return s->type == SOCK_STREAM && s->family != AF_UNIX ? urgent_receive(s, t) : -EOPNOTSUPP;
    }
    if (s->type == SOCK_STREAM) {
        if (!s->connected && s->error == 0 && !s->finished) {
            return s->family == AF_UNIX ? -EINVAL : -ENOTCONN;
        }
        return receive_stream(s, t, wait);
    }
    if (s->type == SOCK_SEQPACKET && !s->connected) {
        return -ENOTCONN;
    }
    while (TAILQ_EMPTY(&s->queue)) {
        if (s->error != 0) {
            return socket_take_error(s);
        }
        if (socket_at_end(s)) {
            return 0;
        }
        rc = socket_wait(&s->read_q, has_input, s, s->recv_timeout, wait);
        if (rc < 0) {
            return rc;
        }
    }
    return take_message(s, t);
}

/* ---- the open file ---- */

static ssize_t socket_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct socket_io io = {buf, n};
    struct transfer t = {.data = {&io, 1, 0, 0}, .size = n};
    ssize_t rc = socket_receive(socket_of(f), &t, !(f->flags & O_NONBLOCK));

    (void)pos;
    files_free(t.files);
    return rc;
}

static ssize_t socket_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct socket *s = socket_of(f);
    struct socket_io io = {buf, n};
    struct transfer t = {.data = {&io, 1, 0, 0}, .size = n, .hops = -1, .class = -1};

    (void)pos;
    return s->ops->send(s, &t, !(f->flags & O_NONBLOCK));
}

static u32 socket_poll(struct file *f, struct poll_table *pt)
{
    struct socket *s = socket_of(f);
    u32 mask = s->error != 0 ? POLLERR : 0;

    poll_on(pt, &s->read_q);
    poll_on(pt, &s->write_q);
    return mask | s->ops->poll(s);
}

static long socket_ioctl(struct file *f, u32 cmd, vaddr_t arg)
{
    const struct socket *s = socket_of(f);
    const struct message *m = TAILQ_FIRST(&s->queue);
    int n = 0;

    switch (cmd) {
    case FIONREAD:
        if (s->listening) {
            return -EINVAL;
        }
        n = m == NULL ? 0 : s->type == SOCK_STREAM ? (int)s->queued : (int)m->len;
        break;
    case TIOCOUTQ:
        n = s->peer != NULL ? (int)s->peer->queued : 0;
        break;
    case SIOCATMARK:
        n = urgent_at_mark(s);
        break;
    default:
        return netdev_ioctl(cmd, arg);
    }
    return copy_to_user(arg, &n, sizeof(n));
}

static void socket_release(struct file *f)
{
    socket_free(socket_of(f));
}

const struct file_ops socket_file_ops = {
    .name = "socket",
    .read = socket_read,
    .write = socket_write,
    .poll = socket_poll,
    .ioctl = socket_ioctl,
    .release = socket_release,
    .stream = true,
};

int socket_file(struct socket *s, u32 flags, struct file **out)
{
    struct inode *i = anon_inode(S_IFSOCK | 0777);
    struct file *f =
        i != NULL ? file_new(i, O_RDWR | (flags & O_NONBLOCK), &socket_file_ops) : NULL;

    if (i != NULL) {
        s->ino = i->ino;
        inode_put(i);
    }
    if (f == NULL) {
        return -ENOMEM;
    }
    f->priv = s;
    s->file = f;
    *out = f;
    return 0;
}
