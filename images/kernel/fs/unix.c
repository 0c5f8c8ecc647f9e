// SPDX-License-Identifier: Apache-2.0
/*
 * Connected pairs of AF_UNIX sockets. What is sent becomes a message in the
 * peer's queue. A reader of a stream gets messages joined, a reader of the
 * other types gets one at a time. A sender waits while the peer's queue is
 * full. As on Linux the message that fills the queue may be longer than the
 * room that is left, so a socket that polls writable takes a message of any
 * size; and a socket polls writable again only when its peer has read three
 * quarters.
 */
#include "fs/events.h"

#include <asm/ioctls.h>

#define QUEUE_MAX 212992u /* Linux's default SO_SNDBUF */
#define PIECE_MAX 32768u  /* the longest message of a stream */

#define MSG_PEEK     2
#define MSG_TRUNC    0x20
#define MSG_DONTWAIT 0x40
#define MSG_WAITALL  0x100
#define MSG_NOSIGNAL 0x4000 /* send(2), recv(2) */

struct message {
    TAILQ_ENTRY(message) link;
    size_t len, off;
    u8 data[];
};

struct sock {
    int type;
    struct sock *peer; /* NULL: closed, or never connected */
    bool connected, no_receive, no_send;
    size_t queued;
    TAILQ_HEAD(, message) queue;
    struct waitq read_q, write_q;
};

static const struct file_ops sock_ops;

bool unix_is(const struct file *f)
{
    return f->ops == &sock_ops;
}

int unix_type(const struct file *f)
{
    return ((struct sock *)f->priv)->type;
}

static bool at_end(const struct sock *s)
{
    if (s->no_receive) {
        return true;
    }
    return s->type != SOCK_DGRAM && s->connected && (s->peer == NULL || s->peer->no_send);
}

static bool cannot_send(const struct sock *s)
{
    return s->peer == NULL || s->no_send || s->peer->no_receive;
}

/* Also true when waiting has become pointless. */
static bool has_room(void *arg)
{
    struct sock *s = arg;

    return cannot_send(s) || s->peer->queued < QUEUE_MAX;
}

static bool is_writable(const struct sock *s)
{
    return cannot_send(s) || s->peer->queued <= QUEUE_MAX / 4;
}

static bool has_input(void *arg)
{
    struct sock *s = arg;

    return !TAILQ_EMPTY(&s->queue) || at_end(s);
}

/* A position in the program's buffers. */
struct cursor {
    const struct socket_io *io;
    size_t count, index, off;
};

/* Moves n bytes between kernel memory and the buffers at the cursor. */
static int cursor_move(struct cursor *c, u8 *mem, size_t n, bool to_user)
{
    while (n > 0 && c->index < c->count) {
        const struct socket_io *io = &c->io[c->index];
        size_t piece = MIN(n, io->n - c->off);
        vaddr_t at = io->buf + c->off;
        if (piece &&
            (to_user ? copy_to_user(at, mem, piece) : copy_from_user(mem, at, piece)) < 0) {
            return -EFAULT;
        }
        mem += piece;
        n -= piece;
        c->off += piece;
        if (c->off == io->n) {
            c->index++;
            c->off = 0;
        }
    }
    return 0;
}

static size_t total(const struct socket_io *io, size_t count)
{
    size_t n = 0;

    for (size_t k = 0; k < count; k++) {
        n += io[k].n;
    }
    return n;
}

static int send_error(const struct sock *s, int flags)
{
    if (!s->connected) {
        return -ENOTCONN;
    }
    if (s->type == SOCK_DGRAM && !s->no_send) {
        return -ECONNREFUSED;
    }
    if (!(flags & MSG_NOSIGNAL)) {
        signal_send(cur_proc(), current, SIGPIPE, 0, 0);
    }
    return -EPIPE;
}

static int wait_room(struct file *f, int flags)
{
    struct sock *s = f->priv;

    if (has_room(s)) {
        return 0;
    }
    if ((f->flags & O_NONBLOCK) || (flags & MSG_DONTWAIT)) {
        return -EAGAIN;
    }
    return waitq_wait(&s->write_q, has_room, s, HV_NO_DEADLINE, true) < 0 ? -ERESTARTSYS : 0;
}

/* Waits for room, then puts one message into the peer's queue. */
static int send_one(struct file *f, struct cursor *c, size_t n, int flags)
{
    struct sock *s = f->priv;
    struct message *m;
    int rc = wait_room(f, flags);

    if (rc == 0 && cannot_send(s)) {
        rc = send_error(s, flags);
    }
    if (rc < 0) {
        return rc;
    }
    m = kmalloc(sizeof(*m) + n);
    if (m == NULL) {
        return -ENOBUFS;
    }
    m->len = n;
    m->off = 0;
    rc = cursor_move(c, m->data, n, false);
    if (rc < 0) {
        kfree(m);
        return rc;
    }
    TAILQ_INSERT_TAIL(&s->peer->queue, m, link);
    s->peer->queued += n;
    waitq_wake(&s->peer->read_q, 1);
    return 0;
}

ssize_t unix_send(struct file *f, const struct socket_io *io, size_t count, int flags)
{
    struct sock *s = f->priv;
    struct cursor c = {io, count, 0, 0};
    size_t n = total(io, count), done = 0;
    int rc;

    if (cannot_send(s)) {
        return send_error(s, flags);
    }
    if (s->type != SOCK_STREAM) {
        if (n > QUEUE_MAX) {
            return -EMSGSIZE;
        }
        rc = send_one(f, &c, n, flags);
        return rc < 0 ? rc : (ssize_t)n;
    }
    while (done < n) {
        size_t piece = MIN(n - done, (size_t)PIECE_MAX);
        rc = send_one(f, &c, piece, flags);
        if (rc < 0) {
            return done ? (ssize_t)done : rc;
        }
        done += piece;
    }
    return (ssize_t)done;
}

static void message_done(struct sock *s, struct message *m)
{
    TAILQ_REMOVE(&s->queue, m, link);
    kfree(m);
}

static void took(struct sock *s, size_t n)
{
    KASSERT(n <= s->queued);
    s->queued -= n;
    if (s->peer != NULL) {
        waitq_wake(&s->peer->write_q, 1);
    }
}

static ssize_t take_stream(struct sock *s, struct cursor *c, size_t n, bool peek)
{
    size_t done = 0;

    for (struct message *m = TAILQ_FIRST(&s->queue), *next; m != NULL && done < n; m = next) {
        size_t piece = MIN(n - done, m->len - m->off);
        next = TAILQ_NEXT(m, link);
        if (cursor_move(c, m->data + m->off, piece, true) < 0) {
            return done ? (ssize_t)done : -EFAULT;
        }
        done += piece;
        if (peek) {
            continue;
        }
        m->off += piece;
        took(s, piece);
        if (m->off == m->len) {
            message_done(s, m);
        }
    }
    return (ssize_t)done;
}

static ssize_t take_message(struct sock *s, struct cursor *c, size_t n, int flags, bool *truncated)
{
    struct message *m = TAILQ_FIRST(&s->queue);
    size_t len = m->len, piece = MIN(n, len);

    if (cursor_move(c, m->data, piece, true) < 0) {
        return -EFAULT;
    }
    *truncated = len > n;
    if (!(flags & MSG_PEEK)) {
        message_done(s, m);
        took(s, len);
    }
    return (ssize_t)(flags & MSG_TRUNC ? len : piece);
}

ssize_t unix_receive(struct file *f, const struct socket_io *io, size_t count, int flags,
                     bool *truncated)
{
    struct sock *s = f->priv;
    struct cursor c = {io, count, 0, 0};
    size_t n = total(io, count), done = 0;

    *truncated = false;
    if (!s->connected && s->type != SOCK_DGRAM) {
        return s->type == SOCK_STREAM ? -EINVAL : -ENOTCONN;
    }
    if (n == 0 && s->type == SOCK_STREAM) {
        return 0;
    }
    for (;;) {
        if (!TAILQ_EMPTY(&s->queue)) {
            if (s->type != SOCK_STREAM) {
                return take_message(s, &c, n, flags, truncated);
            }
            ssize_t rc = take_stream(s, &c, n - done, flags & MSG_PEEK);
            if (rc < 0) {
                return done ? (ssize_t)done : rc;
            }
            done += (size_t)rc;
            if (done == n || !(flags & MSG_WAITALL) || (flags & MSG_PEEK)) {
                return (ssize_t)done;
            }
            continue;
        }
        if (at_end(s)) {
            return (ssize_t)done;
        }
        if ((f->flags & O_NONBLOCK) || (flags & MSG_DONTWAIT)) {
            return done ? (ssize_t)done : -EAGAIN;
        }
        if (waitq_wait(&s->read_q, has_input, s, HV_NO_DEADLINE, true) < 0) {
            return done ? (ssize_t)done : -ERESTARTSYS;
        }
    }
}

static void wake_all(struct sock *s)
{
    waitq_wake(&s->read_q, 1 << 30);
    waitq_wake(&s->write_q, 1 << 30);
}

/* how: 0 receiving, 1 sending, 2 both; shutdown(2). */
int unix_shutdown(struct file *f, int how)
{
    struct sock *s = f->priv;

    if (how < 0 || how > 2) {
        return -EINVAL;
    }
    if (!s->connected) {
        return -ENOTCONN;
    }
    s->no_receive |= how != 1;
    s->no_send |= how != 0;
    wake_all(s);
    if (s->peer != NULL) {
        wake_all(s->peer);
    }
    return 0;
}

static ssize_t sock_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct socket_io io = {buf, n};
    bool truncated;

    (void)pos;
    return unix_receive(f, &io, 1, 0, &truncated);
}

static ssize_t sock_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct socket_io io = {buf, n};

    (void)pos;
    return unix_send(f, &io, 1, 0);
}

static u32 sock_poll(struct file *f, struct poll_table *pt)
{
    struct sock *s = f->priv;
    u32 mask = 0;

    poll_on(pt, &s->read_q);
    poll_on(pt, &s->write_q);
    if (!s->connected) {
        return s->type == SOCK_DGRAM ? POLLOUT | POLLWRNORM : POLLOUT | POLLWRNORM | POLLHUP;
    }
    if (has_input(s)) {
        mask |= POLLIN | POLLRDNORM;
    }
    if (at_end(s)) {
        mask |= POLLRDHUP;
    }
    if (s->type != SOCK_DGRAM && (s->peer == NULL || (s->no_receive && s->no_send))) {
        mask |= POLLHUP;
    }
    if (is_writable(s)) {
        mask |= POLLOUT | POLLWRNORM;
    }
    return mask;
}

static long sock_ioctl(struct file *f, u32 cmd, vaddr_t arg)
{
    struct sock *s = f->priv;
    struct message *m = TAILQ_FIRST(&s->queue);
    int n = m == NULL ? 0 : s->type == SOCK_STREAM ? (int)s->queued : (int)m->len;

    return cmd == FIONREAD ? copy_to_user(arg, &n, sizeof(n)) : -ENOTTY;
}

static void sock_release(struct file *f)
{
    struct sock *s = f->priv;

    for (struct message *m = TAILQ_FIRST(&s->queue), *next; m != NULL; m = next) {
        next = TAILQ_NEXT(m, link);
        message_done(s, m);
    }
    if (s->peer != NULL) {
        s->peer->peer = NULL;
        wake_all(s->peer);
    }
    kfree(s);
}

static const struct file_ops sock_ops = {
    .name = "socket",
    .read = sock_read,
    .write = sock_write,
    .poll = sock_poll,
    .ioctl = sock_ioctl,
    .release = sock_release,
    .stream = true,
};

int unix_create(int type, u32 flags, struct file **out)
{
    struct inode *i = anon_inode(S_IFSOCK | 0777);
    struct sock *s = kzalloc(sizeof(*s));
    struct file *f =
        i != NULL && s != NULL ? file_new(i, O_RDWR | (flags & O_NONBLOCK), &sock_ops) : NULL;

    if (i != NULL) {
        inode_put(i);
    }
    if (f == NULL) {
        kfree(s);
        return -ENOMEM;
    }
    s->type = type;
    TAILQ_INIT(&s->queue);
    waitq_init(&s->read_q);
    waitq_init(&s->write_q);
    f->priv = s;
    *out = f;
    return 0;
}

int unix_pair(int type, u32 flags, struct file *out[2])
{
    int rc = unix_create(type, flags, &out[0]);

    if (rc < 0) {
        return rc;
    }
    rc = unix_create(type, flags, &out[1]);
    if (rc < 0) {
        file_put(out[0]);
        return rc;
    }
    struct sock *a = out[0]->priv, *b = out[1]->priv;
    a->peer = b;
    b->peer = a;
    a->connected = b->connected = true;
    return 0;
}
