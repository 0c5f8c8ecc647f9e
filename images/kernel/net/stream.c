// SPDX-License-Identifier: Apache-2.0
/*
 * Connections: two sockets that point at each other, of AF_UNIX (streams and
 * SOCK_SEQPACKET) and TCP alike. connect(2) makes the other end at once and
 * puts it into the listener's backlog, where accept(2) finds it. Those that are
 * there beyond the backlog's length are not connected yet: TCP puts them there,
 * and AF_UNIX waits before.
 *
 * Of AF_UNIX a send after the peer has closed is EPIPE; of TCP the first one
 * succeeds, and is answered by a reset.
 */
#include "net/socket.h"
#include "proc/proc.h"

static bool is_tcp(const struct socket *s)
{
    return s->family != AF_UNIX;
}

void stream_pair(struct socket *a, struct socket *b)
{
    a->peer = b;
    b->peer = a;
    a->connected = b->connected = true;
    a->peer_cred = b->cred;
    b->peer_cred = a->cred;
}

/* ---- connecting ---- */

static unsigned places(const struct socket *listener)
{
    return listener->backlog_max + 1;
}

bool stream_backlog_full(const struct socket *listener)
{
    return listener->backlog_len >= places(listener);
}

/* The client is connected to the socket that waits for accept(2). */
static void establish(struct socket *server)
{
    struct socket *client = server->peer;

    server->connected = client->connected = true;
    socket_wake(client);
    waitq_wake(&server->listener->read_q, 1);
}

/* Takes a socket out of the backlog. The first one that has waited for a place gets it. */
static void backlog_leave(struct socket *server)
{
    struct socket *listener = server->listener, *next;
    unsigned at = 0;

    TAILQ_REMOVE(&listener->backlog, server, backlog_link);
    listener->backlog_len--;
    server->listener = NULL;
    TAILQ_FOREACH (next, &listener->backlog, backlog_link) {
        if (at++ == listener->backlog_max) {
            if (!next->connected) {
                establish(next);
            }
            break;
        }
    }
    message_tell_room(listener);
}

int stream_connect(struct socket *s, struct socket *listener, struct socket **out)
{
    struct socket *server;
    int rc =
        socket_new(listener->ops, listener->family, listener->type, listener->protocol, &server);

    if (rc < 0) {
        return rc;
    }
    socket_cred_now(&s->cred);
    server->cred = listener->cred;
    server->peer_cred = s->cred;
    s->peer_cred = server->cred;
    server->send_room = listener->send_room;
    server->recv_room = listener->recv_room;
    server->pass_cred = listener->pass_cred;
    options_copy(server, listener);
    server->peer = s;
    s->peer = server;
    server->listener = listener;
    TAILQ_INSERT_TAIL(&listener->backlog, server, backlog_link);
    if (++listener->backlog_len <= places(listener)) {
        establish(server);
    }
    *out = server;
    return 0;
}

static struct socket *first_connected(const struct socket *listener)
{
    struct socket *s = TAILQ_FIRST(&listener->backlog);

    return s != NULL && s->connected ? s : NULL;
}

static bool may_accept(void *arg)
{
    const struct socket *s = arg;

    return first_connected(s) != NULL || !s->listening || s->no_receive;
}

int stream_accept(struct socket *listener, bool wait, struct socket **out)
{
    for (;;) {
        if (!listener->listening || listener->no_receive) {
            return -EINVAL;
        }
        *out = first_connected(listener);
        if (*out != NULL) {
            backlog_leave(*out);
            return 0;
        }
        int rc = socket_wait(&listener->read_q, may_accept, listener, listener->recv_timeout, wait);
        if (rc < 0) {
            return rc;
        }
    }
}

/* ---- sending ---- */

static bool is_broken(const struct socket *s)
{
    return s->peer == NULL || s->no_send || (s->peer->no_receive && !is_tcp(s));
}

/* How many bytes may be on their way. */
static size_t room_of(const struct socket *s)
{
    return is_tcp(s) ? s->send_room + s->peer->recv_room : s->send_room;
}

/* Also true when waiting has become pointless. */
static bool may_send(void *arg)
{
    const struct socket *s = arg;

    return is_broken(s) || s->error != 0 || s->peer->queued < room_of(s);
}

static int send_broken(const struct transfer *t)
{
    if (!(t->flags & MSG_NOSIGNAL)) {
        signal_send(cur_proc(), current, SIGPIPE, 0, 0);
    }
    return -EPIPE;
}

/* Why nothing can be sent. 1: it is lost, and nobody knows yet. */
static int send_error(struct socket *s, const struct transfer *t)
{
    if (s->error != 0) {
        int rc = socket_take_error(s);
        return rc == -EPIPE ? send_broken(t) : rc;
    }
    if (!s->connected && !s->finished) {
        return is_tcp(s) ? send_broken(t) : -ENOTCONN;
    }
    if (is_tcp(s) && s->finished && !s->no_send && !s->reset) {
        s->reset = true;
        s->error = EPIPE;
        s->connected = false;
        return 1;
    }
    return send_broken(t);
}

/* A message for the peer, with what comes with it, of the next n bytes. */
static int make_message(const struct socket *s, struct transfer *t, size_t n, struct message **out)
{
    struct message *m = message_new(n);

    if (m == NULL) {
        return -ENOBUFS;
    }
    if (cursor_move(&t->data, m->data, n, false) < 0) {
        message_free(m);
        return -EFAULT;
    }
    if (!is_tcp(s)) {
        m->cred = t->cred;
        if (!t->has_cred) {
            socket_cred_now(&m->cred);
        }
    }
    m->files = t->files;
    t->files = NULL;
    *out = m;
    return 0;
}

/* Puts the next bytes, n at most, into the peer's queue. Returns how many. */
static ssize_t put_some(struct socket *s, struct transfer *t, size_t n)
{
    struct socket *peer = s->peer;
    struct message *m;
    ssize_t added = 0;

    if (s->type == SOCK_STREAM && t->files == NULL && !(peer->pass_cred && !is_tcp(s))) {
        added = message_extend(peer, &t->data, n);
        if (added != 0) {
            return added;
        }
    }
    int rc = make_message(s, t, n, &m);
    if (rc < 0) {
        return rc;
    }
    message_put(peer, m);
    return (ssize_t)n;
}

/* Waits for room, and then sends a piece. */
static ssize_t send_piece(struct socket *s, struct transfer *t, size_t n, bool wait)
{
    if (!may_send(s)) {
        int rc = socket_wait(&s->write_q, may_send, s, s->send_timeout, wait);
        if (rc < 0) {
            return rc;
        }
    }
    if (s->error != 0 || is_broken(s)) {
        int rc = send_error(s, t);
        return rc == 1 ? (ssize_t)n : rc;
    }
    return put_some(s, t, n);
}

/* Sends bytes of a stream until `size` are sent. A stream sends a part when there is no room for
 * all of it. */
static ssize_t send_bytes(struct socket *s, struct transfer *t, size_t size, bool wait)
{
    size_t done = 0;

    while (done < size) {
        size_t room = s->peer == NULL ? 0 : room_of(s), used = room ? s->peer->queued : 0;
        size_t piece = MIN(size - done, (size_t)SOCKET_PIECE);
        if (used < room) {
            piece = MIN(piece, MAX(room - used, (size_t)PAGE_SIZE));
        }
        ssize_t rc = send_piece(s, t, piece, wait);
        if (rc < 0) {
            return done ? (ssize_t)done : rc;
        }
        done += (size_t)rc;
    }
    return (ssize_t)done;
}

/* The last byte of a send with MSG_OOB, which waits for no room. */
static ssize_t send_urgent(struct socket *s, struct transfer *t)
{
    u8 byte;
    int rc;

    if (s->error != 0 || is_broken(s)) {
        rc = send_error(s, t);
        return rc == 1 ? 1 : rc;
    }
    if (cursor_move(&t->data, &byte, 1, false) < 0) {
        return -EFAULT;
    }
    rc = urgent_put(s->peer, byte);
    return rc < 0 ? rc : 1;
}

ssize_t stream_send(struct socket *s, struct transfer *t, bool wait)
{
    size_t urgent = t->flags & MSG_OOB && t->size > 0 ? 1 : 0;
    ssize_t done, more;

    if (t->flags & MSG_OOB && !is_tcp(s)) {
        return -EOPNOTSUPP;
    }
    if (s->type != SOCK_STREAM && t->size > s->send_room) {
        return -EMSGSIZE;
    }
    if (t->address.len > 0 && s->family == AF_UNIX) {
        return s->connected ? -EISCONN : -EOPNOTSUPP;
    }
    if (!s->connected || is_broken(s) || s->error != 0) {
        int rc = send_error(s, t);
        return rc == 1 ? (ssize_t)t->size : rc;
    }
    if (s->type != SOCK_STREAM) {
        ssize_t rc = send_piece(s, t, t->size, wait);
        return rc < 0 ? rc : (ssize_t)t->size;
    }
    done = send_bytes(s, t, t->size - urgent, wait);
    if (urgent && done == (ssize_t)t->size - 1) {
        more = send_urgent(s, t);
        done = more > 0 ? done + more : done > 0 ? done : more;
    }
    return done;
}

/* ---- ending ---- */

int stream_shutdown(struct socket *s, int how)
{
    if (!s->connected && !s->listening) {
        return -ENOTCONN;
    }
    if (s->listening && how != SHUT_WR) {
        s->no_receive = true;
        s->listening = !is_tcp(s);
        socket_wake(s);
        return 0;
    }
    s->no_receive |= how != SHUT_WR;
    s->no_send |= how != SHUT_RD;
    socket_wake(s);
    if (s->peer != NULL) {
        socket_wake(s->peer);
    }
    return 0;
}

static u32 poll_connected(const struct socket *s)
{
    const struct socket *peer = s->peer;
    bool ended = socket_at_end(s);
    bool no_send = s->no_send || (!is_tcp(s) && (peer == NULL || peer->no_receive));
    u32 mask = 0;

    if (!TAILQ_EMPTY(&s->queue) || ended) {
        mask |= POLLIN | POLLRDNORM;
    }
    if (ended) {
        mask |= POLLRDHUP;
    }
    if (s->urgent) {
        mask |= POLLPRI;
    }
    if ((ended && no_send) || s->reset || (!is_tcp(s) && peer == NULL)) {
        mask |= POLLHUP;
    }
    if (no_send || peer == NULL || peer->queued <= room_of(s) / 4) {
        mask |= POLLOUT | POLLWRNORM;
    }
    return mask;
}

u32 stream_poll(struct socket *s)
{
    if (s->listening) {
        return first_connected(s) != NULL ? POLLIN | POLLRDNORM : 0;
    }
    if (s->connected || s->finished) {
        return poll_connected(s);
    }
    if (s->connecting && s->error == 0 && !s->aborted) {
        return 0;
    }
    return POLLOUT | POLLWRNORM | POLLHUP | (s->error != 0 ? POLLIN | POLLRDNORM | POLLRDHUP : 0);
}

/* The other end is gone. error: a positive errno that it is told, or 0. */
static void lose_peer(struct socket *s, int error)
{
    s->peer = NULL;
    s->finished = true;
    if (error != 0) {
        s->error = error;
        s->reset = true;
        s->connected = false;
    }
    socket_wake(s);
}

static void refuse_backlog(struct socket *listener)
{
    struct socket *server;

    listener->backlog_max = SOCKET_BACKLOG; /* nobody is established by the others' leaving */
    while ((server = TAILQ_FIRST(&listener->backlog)) != NULL) {
        struct socket *client = server->peer;
        TAILQ_REMOVE(&listener->backlog, server, backlog_link);
        server->listener = NULL;
        if (client != NULL) {
            server->peer = NULL;
            lose_peer(client, server->connected ? ECONNRESET : ECONNREFUSED);
            client->finished = server->connected;
        }
        socket_free(server);
    }
    listener->backlog_len = 0;
}

void stream_release(struct socket *s)
{
    struct socket *peer = s->peer;
    bool unread = !TAILQ_EMPTY(&s->queue) || (is_tcp(s) && s->linger && s->linger_seconds == 0);

    if (s->listening || s->backlog_len > 0) {
        refuse_backlog(s);
    }
    if (peer == NULL) {
        return;
    }
    s->peer = NULL;
    if (!s->connected && peer->listener != NULL) { /* it was never established */
        peer->peer = NULL;
        backlog_leave(peer);
        socket_free(peer);
        return;
    }
    lose_peer(peer, unread ? ECONNRESET : 0);
}
