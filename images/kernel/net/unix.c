// SPDX-License-Identifier: Apache-2.0
/*
 * AF_UNIX: names in the file system and abstract ones, datagrams, and what
 * connections (stream.c) need of names. unix(7).
 */
#include "fs/access.h"
#include "net/socket.h"

#define PATH_AT   offsetof(struct sockaddr_un, sun_path)
#define AUTO_BIND 0x100000u /* how many names of five hexadecimal digits there are */

static LIST_HEAD(, socket) bound = LIST_HEAD_INITIALIZER(bound);

static const struct socket_ops unix_stream_ops, unix_datagram_ops;

/* ---- names ---- */

static bool is_abstract(const struct address *a)
{
    return a->u.un.sun_path[0] == 0;
}

/* The path of a name, with a NUL. */
static void path_of(const struct address *a, char path[sizeof(a->u.un.sun_path) + 1])
{
    size_t n = MIN((size_t)a->len - PATH_AT, sizeof(a->u.un.sun_path));

    memcpy(path, a->u.un.sun_path, n);
    path[n] = 0;
}

static struct socket *find_abstract(const struct address *a, int type)
{
    struct socket *s;

    LIST_FOREACH (s, &bound, u.unix.link) {
        if (s->u.unix.inode == NULL && s->type == type && s->name.len == a->len &&
            memcmp(s->name.u.bytes, a->u.bytes, a->len) == 0) {
            return s;
        }
    }
    return NULL;
}

/* The socket that a name means. -ECONNREFUSED: nobody has it any more. */
static int find_named(const struct address *a, int type, struct socket **out)
{
    char path[sizeof(a->u.un.sun_path) + 1];
    struct inode *i;
    struct socket *s;

    if (a->len <= PATH_AT || a->u.family != AF_UNIX) {
        return -EINVAL;
    }
    if (is_abstract(a)) {
        *out = find_abstract(a, type);
        return *out != NULL ? 0 : -ECONNREFUSED;
    }
    path_of(a, path);
    int rc = path_lookup(path, true, &i);
    if (rc < 0) {
        return rc;
    }
    rc = inode_permission(i, MAY_WRITE);
    if (rc < 0) {
        inode_put(i);
        return rc;
    }
    LIST_FOREACH (s, &bound, u.unix.link) {
        if (s->u.unix.inode == i) {
            break;
        }
    }
    inode_put(i);
    if (s == NULL) {
        return -ECONNREFUSED;
    }
    *out = s;
    return s->type == type ? 0 : -EPROTOTYPE;
}

static void give_name(struct socket *s, const struct address *a, struct inode *i)
{
    s->name = *a;
    s->u.unix.inode = i;
    s->u.unix.bound = true;
    LIST_INSERT_HEAD(&bound, s, u.unix.link);
}

static int bind_path(struct socket *s, const struct address *a)
{
    char path[sizeof(a->u.un.sun_path) + 1];
    struct inode *start, *i;
    struct address name = *a;
    struct walk w;

    path_of(a, path);
    int rc = walk_start(AT_FDCWD, path, &start);
    if (rc < 0) {
        return rc;
    }
    rc = walk_path(start, path, WALK_NAME, &w);
    inode_put(start);
    if (rc < 0) {
        return rc;
    }
    if (w.inode != NULL || w.end != END_NAME) {
        rc = -EADDRINUSE;
    } else if (s->u.unix.bound) {
        rc = -EINVAL;
    } else if ((rc = dir_may_add(w.dir)) == 0) {
        i = inode_new(S_IFSOCK, &devfs_ops);
        if (i != NULL) {
            inode_ref(i);
        }
        rc = vfs_make(&w, 0777 & ~cur_proc()->fs->umask, i);
        if (rc == 0) {
            name.len = (u32)(PATH_AT + strlen(path) + 1);
            give_name(s, &name, i);
        } else if (i != NULL) {
            inode_put(i);
        }
    }
    walk_done(&w);
    return rc;
}

/* A free abstract name: bind(2) without one, and senders that pass their credentials. */
static int bind_any(struct socket *s)
{
    static u32 next;
    struct address a = {.len = PATH_AT + 6, .u.un.sun_family = AF_UNIX};
    char digits[6];

    for (u32 k = 0; k < AUTO_BIND; k++) {
        snprintf(digits, sizeof(digits), "%05x", ++next % AUTO_BIND);
        memcpy(a.u.un.sun_path + 1, digits, 5);
        if (find_abstract(&a, s->type) == NULL) {
            give_name(s, &a, NULL);
            return 0;
        }
    }
    return -ENOSPC;
}

static int unix_bind(struct socket *s, const struct address *a)
{
    if (a->u.family != AF_UNIX || a->len > sizeof(a->u.un)) {
        return -EINVAL;
    }
    if (a->len == PATH_AT) {
        return s->u.unix.bound ? 0 : bind_any(s);
    }
    if (!is_abstract(a)) {
        return bind_path(s, a);
    }
    if (s->u.unix.bound) {
        return -EINVAL;
    }
    if (find_abstract(a, s->type) != NULL) {
        return -EADDRINUSE;
    }
    give_name(s, a, NULL);
    return 0;
}

static void unnamed(struct address *out)
{
    out->len = PATH_AT;
    out->u.family = AF_UNIX;
}

static void unix_name(const struct socket *s, struct address *out)
{
    if (s->name.len > 0) {
        *out = s->name;
    } else {
        unnamed(out);
    }
}

static int unix_peer_name(const struct socket *s, struct address *out)
{
    const struct socket *peer = s->type == SOCK_DGRAM ? s->sender.to : s->peer;

    if (!s->connected) {
        return -ENOTCONN;
    }
    if (peer != NULL) {
        unix_name(peer, out);
    } else if (s->peer_name.len > 0) {
        *out = s->peer_name;
    } else {
        unnamed(out);
    }
    return 0;
}

/* ---- connections ---- */

static bool may_connect(void *arg)
{
    const struct sender *waiting = arg;

    return waiting->to == NULL || !stream_backlog_full(waiting->to) || !waiting->to->listening;
}

static int unix_connect(struct socket *s, const struct address *a, bool wait)
{
    struct socket *listener, *server;

    if (s->connected || s->finished) {
        return -EISCONN;
    }
    if (s->listening) {
        return -EINVAL;
    }
    for (;;) {
        int rc = find_named(a, s->type, &listener);
        if (rc < 0) {
            return rc;
        }
        if (!listener->listening || listener->no_receive) {
            return -ECONNREFUSED;
        }
        if (!stream_backlog_full(listener)) {
            break;
        }
        struct sender waiting = {0};
        sender_join(&waiting, s, listener);
        rc = socket_wait(&s->write_q, may_connect, &waiting, s->send_timeout, wait);
        sender_leave(&waiting);
        if (rc < 0) {
            return rc;
        }
    }
    int rc = stream_connect(s, listener, &server);
    if (rc == 0) {
        s->peer_name = server->name = listener->name;
        server->peer_name = s->name;
    }
    return rc;
}

static int unix_listen(struct socket *s)
{
    if (!s->u.unix.bound || s->connected) {
        return -EINVAL;
    }
    socket_cred_now(&s->cred);
    s->listening = true;
    return 0;
}

static int unix_shutdown(struct socket *s, int how)
{
    if (s->connected || s->listening) {
        return stream_shutdown(s, how);
    }
    return -ENOTCONN;
}

static void leave_name(struct socket *s)
{
    if (s->u.unix.bound) {
        LIST_REMOVE(s, u.unix.link);
    }
    if (s->u.unix.inode != NULL) {
        inode_put(s->u.unix.inode);
    }
}

static void unix_release(struct socket *s)
{
    stream_release(s);
    leave_name(s);
}

static ssize_t unix_send(struct socket *s, struct transfer *t, bool wait)
{
    if (s->pass_cred && !s->u.unix.bound && s->name.len == 0) {
        int rc = bind_any(s);
        if (rc < 0) {
            return rc;
        }
    }
    return stream_send(s, t, wait);
}

/* ---- datagrams ---- */

static bool takes_from(const struct socket *to, const struct socket *from)
{
    return to->sender.to == NULL || to->sender.to == from;
}

static int datagram_connect(struct socket *s, const struct address *a, bool wait)
{
    struct socket *to = NULL;

    (void)wait;
    if (a->u.family != AF_UNSPEC) {
        int rc = find_named(a, s->type, &to);
        if (rc < 0) {
            return rc;
        }
        if (!takes_from(to, s)) {
            return -EPERM;
        }
    }
    sender_leave(&s->sender);
    s->connected = to != NULL;
    if (to != NULL) {
        sender_join(&s->sender, s, to);
    }
    socket_wake(s);
    return 0;
}

static bool has_room(void *arg)
{
    const struct sender *waiting = arg;

    return waiting->to == NULL || socket_has_room(waiting->to) || waiting->to->no_receive;
}

/* Finds to whom a datagram goes, and waits until there is room. */
static int unix_receiver(struct socket *s, const struct transfer *t, bool wait, struct socket **out)
{
    struct sender waiting = {0};
    int rc = 0;

    if (t->address.len > 0) {
        rc = find_named(&t->address, s->type, out);
    } else if (s->sender.to != NULL) {
        *out = s->sender.to;
    } else {
        rc = s->connected ? -ECONNREFUSED : -ENOTCONN;
        s->connected = false;
    }
    if (rc < 0) {
        return rc;
    }
    if (!takes_from(*out, s)) {
        return -EPERM;
    }
    sender_join(&waiting, s, *out);
    rc = socket_wait(&s->write_q, has_room, &waiting, s->send_timeout, wait);
    *out = waiting.to;
    sender_leave(&waiting);
    return rc < 0 ? rc : *out == NULL ? -ECONNREFUSED : 0;
}

static int fill_datagram(struct socket *s, struct transfer *t, struct message *m)
{
    if (cursor_move(&t->data, m->data, t->size, false) < 0) {
        return -EFAULT;
    }
    if (s->name.len > 0) {
        m->from = kmalloc(sizeof(*m->from));
        if (m->from == NULL) {
            return -ENOBUFS;
        }
        *m->from = s->name;
    }
    m->cred = t->cred;
    if (!t->has_cred) {
        socket_cred_now(&m->cred);
    }
    return 0;
}

static ssize_t datagram_send(struct socket *s, struct transfer *t, bool wait)
{
    struct socket *to;

    if (t->flags & MSG_OOB) {
        return -EOPNOTSUPP;
    }
    if (t->size > s->send_room) {
        return -EMSGSIZE;
    }
    if (s->pass_cred && !s->u.unix.bound) {
        int rc = bind_any(s);
        if (rc < 0) {
            return rc;
        }
    }
    int rc = s->no_send ? -EPIPE : unix_receiver(s, t, wait, &to);
    if (rc == 0 && to->no_receive) {
        rc = -EPIPE;
    }
    if (rc < 0) {
        if (rc == -EPIPE && !(t->flags & MSG_NOSIGNAL)) {
            signal_send(cur_proc(), current, SIGPIPE, 0, 0);
        }
        return rc;
    }
    struct message *m = message_new(t->size);
    if (m == NULL) {
        return -ENOBUFS;
    }
    rc = fill_datagram(s, t, m);
    if (rc < 0) {
        message_free(m);
        return rc;
    }
    m->files = t->files;
    t->files = NULL;
    message_put(to, m);
    return (ssize_t)t->size;
}

static u32 datagram_poll(struct socket *s)
{
    const struct socket *to = s->sender.to;
    u32 mask = 0;

    if (!TAILQ_EMPTY(&s->queue) || s->no_receive) {
        mask |= POLLIN | POLLRDNORM;
    }
    if (s->no_receive) {
        mask |= POLLRDHUP | (s->no_send ? POLLHUP : 0);
    }
    if (to == NULL || to->queued <= to->recv_room / 4) {
        mask |= POLLOUT | POLLWRNORM;
    }
    return mask;
}

static int datagram_shutdown(struct socket *s, int how)
{
    if (!s->connected) {
        return -ENOTCONN;
    }
    s->no_receive |= how != SHUT_WR;
    s->no_send |= how != SHUT_RD;
    socket_wake(s);
    message_tell_room(s);
    return 0;
}

static int no_listen(struct socket *s)
{
    (void)s;
    return -EOPNOTSUPP;
}

static const struct socket_ops unix_stream_ops = {
    .bind = unix_bind,
    .connect = unix_connect,
    .listen = unix_listen,
    .send = unix_send,
    .poll = stream_poll,
    .shutdown = unix_shutdown,
    .get_name = unix_name,
    .get_peer = unix_peer_name,
    .release = unix_release,
};

static const struct socket_ops unix_datagram_ops = {
    .bind = unix_bind,
    .connect = datagram_connect,
    .listen = no_listen,
    .send = datagram_send,
    .poll = datagram_poll,
    .shutdown = datagram_shutdown,
    .get_name = unix_name,
    .get_peer = unix_peer_name,
    .release = leave_name,
};

int unix_new(int type, int protocol, struct socket **out)
{
    if (protocol != 0 && protocol != AF_UNIX) {
        return -EPROTONOSUPPORT;
    }
    if (type == SOCK_RAW) {
        type = SOCK_DGRAM;
    }
    return socket_new(type == SOCK_DGRAM ? &unix_datagram_ops : &unix_stream_ops, AF_UNIX, type,
                      protocol, out);
}

int unix_pair(int type, int protocol, struct socket *out[2])
{
    int rc = unix_new(type, protocol, &out[0]);

    if (rc < 0) {
        return rc;
    }
    rc = unix_new(type, protocol, &out[1]);
    if (rc < 0) {
        socket_free(out[0]);
        return rc;
    }
    stream_pair(out[0], out[1]);
    if (out[0]->type == SOCK_DGRAM) {
        out[0]->peer = out[1]->peer = NULL;
        sender_join(&out[0]->sender, out[0], out[1]);
        sender_join(&out[1]->sender, out[1], out[0]);
    }
    return 0;
}
