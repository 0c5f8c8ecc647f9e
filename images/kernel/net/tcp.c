// SPDX-License-Identifier: Apache-2.0
/*
 * TCP over the loopback. Two ends of a connection are in one kernel, so there
 * are no segments: connect(2) finds the listener, and stream.c does the rest.
 * tcp(7).
 */
#include "net/inet.h"

/* The connection is made, or in line, or refused. */
static int begin_connection(struct socket *s, const struct in6_addr *to, u16 port)
{
    struct socket *listener, *server;
    u16 own;
    int rc;

    rc = port_bind_any(s);
    if (rc < 0) {
        return rc;
    }
    own = s->u.inet.port;
    port_bind_source(s, to);
    listener = port_find(IPPROTO_TCP, to, port, &s->u.inet.addr, own);
    if (listener == NULL) {
        return -ECONNREFUSED;
    }
    rc = stream_connect(s, listener, &server);
    if (rc < 0) {
        return rc;
    }
    s->u.inet.peer = *to;
    s->u.inet.peer_port = port;
    server->only_v6 = listener->only_v6;
    server->reuse_address = listener->reuse_address;
    server->reuse_port = listener->reuse_port;
    server->u.inet.peer = s->u.inet.addr;
    server->u.inet.peer_port = own;
    port_share(server, to, port);
    return 0;
}

static bool is_decided(void *arg)
{
    const struct socket *s = arg;

    return s->connected || s->error != 0 || s->aborted;
}

/* Waits for the end of a connect(2) that has begun, or tells it. */
static int finish(struct socket *s, bool wait, int pending)
{
    if (!is_decided(s)) {
        if (!wait) {
            return pending;
        }
        int rc = socket_wait(&s->write_q, is_decided, s, s->send_timeout, true);
        if (rc < 0) {
            return rc == -EAGAIN ? -EINPROGRESS : rc;
        }
    }
    s->connecting = false;
    if (s->aborted) { /* the call after this one begins again */
        s->aborted = false;
        return -ECONNABORTED;
    }
    return s->error != 0 ? socket_take_error(s) : 0;
}

/* connect(2) with AF_UNSPEC ends the connection, and the socket may be used again. */
static int disconnect(struct socket *s)
{
    if (s->listening) {
        s->listening = false;
    }
    stream_release(s);
    s->connected = s->connecting = s->finished = s->reset = false;
    s->aborted = false;
    s->no_receive = s->no_send = false;
    s->u.inet.peer_port = 0;
    s->error = 0;
    return 0;
}

static int tcp_connect(struct socket *s, const struct address *a, bool wait)
{
    struct in6_addr to;
    u16 port;
    int rc;

    if (a->u.family == AF_UNSPEC) {
        return disconnect(s);
    }
    if (s->connecting) {
        return finish(s, wait, -EALREADY);
    }
    if (s->connected || s->listening || (s->finished && !s->reset)) {
        return -EISCONN;
    }
    rc = addr_read(s, a, &to, &port);
    if (rc == 0 && s->family == AF_INET6 && s->only_v6 && addr_is_v4(&to)) {
        rc = -ENETUNREACH;
    }
    if (rc == 0) {
        rc = addr_route(&to);
    }
    if (rc < 0) {
        return rc;
    }
    s->finished = s->reset = false;
    s->error = 0;
    rc = port == 0 ? -ECONNREFUSED : begin_connection(s, &to, port);
    if (rc < 0 && (wait || rc != -ECONNREFUSED)) {
        return rc;
    }
    s->connecting = true;
    if (rc < 0) { /* as if the refusal came in a packet */
        s->error = ECONNREFUSED;
        socket_wake(s);
    }
    /* As on Linux a nonblocking socket is never told at once. */
    return wait ? finish(s, true, 0) : -EINPROGRESS;
}

static int tcp_listen(struct socket *s)
{
    int rc;

    if (s->connected || s->connecting || s->finished) {
        return -EINVAL;
    }
    rc = port_bind_any(s);
    if (rc == 0) {
        s->listening = true;
        s->no_receive = false;
    }
    return rc;
}

static void tcp_release(struct socket *s)
{
    stream_release(s);
    port_leave(s);
}

static const struct socket_ops tcp_ops = {
    .bind = inet_bind,
    .connect = tcp_connect,
    .listen = tcp_listen,
    .send = stream_send,
    .poll = stream_poll,
    .shutdown = stream_shutdown,
    .get_name = inet_name,
    .get_peer = inet_peer_name,
    .release = tcp_release,
};

/* Linux starts with less and goes up to some MiB. What fits at once needs no change of processes,
 * which is expensive here. */
#define TCP_SEND_ROOM (1u << 20)

/* socket(2) of AF_INET and AF_INET6. */
int inet_new(int family, int type, int protocol, struct socket **out)
{
    const struct socket_ops *ops = type == SOCK_STREAM ? &tcp_ops : &udp_ops;
    int own = type == SOCK_STREAM           ? IPPROTO_TCP
              : protocol == IPPROTO_UDPLITE ? IPPROTO_UDPLITE
                                            : IPPROTO_UDP;
    int rc;

    if (type == SOCK_RAW) {
        return -EPROTONOSUPPORT;
    }
    if (type == SOCK_SEQPACKET) {
        return protocol == 0 ? -ESOCKTNOSUPPORT : -EPROTONOSUPPORT;
    }
    if (protocol != 0 && protocol != own) {
        return -EPROTONOSUPPORT;
    }
    rc = socket_new(ops, family, type, own, out);
    if (rc == 0 && type == SOCK_STREAM) {
        (*out)->send_room = TCP_SEND_ROOM;
    }
    if (rc == 0 && family == AF_INET) {
        (*out)->u.inet.addr.s6_addr[10] = (*out)->u.inet.addr.s6_addr[11] = 0xff;
    }
    return rc;
}
