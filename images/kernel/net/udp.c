// SPDX-License-Identifier: Apache-2.0
/*
 * UDP over the loopback: a datagram goes into the queue of the socket that its
 * address means, or is dropped where that is full. udp(7).
 */
#include "net/inet.h"
#include "proc/proc.h"

#define DATAGRAM_MAX 65507u /* what fits into a packet of IPv4 */

static int udp_connect(struct socket *s, const struct address *a, bool wait)
{
    struct in6_addr to;
    u16 port;
    int rc;

    (void)wait;
    if (a->u.family == AF_UNSPEC) {
        s->connected = false;
        s->u.inet.peer_port = 0;
        return 0;
    }
    rc = addr_read(s, a, &to, &port);
    if (rc == 0) {
        rc = addr_route(&to);
    }
    if (rc == 0) {
        rc = port_bind_any(s);
    }
    if (rc < 0) {
        return rc;
    }
    port_bind_source(s, &to);
    s->u.inet.peer = to;
    s->u.inet.peer_port = port;
    s->connected = true;
    return 0;
}

/* To whom a datagram goes, and the address that the receiver sees. */
static int udp_receiver(struct socket *s, const struct transfer *t, struct in6_addr *from,
                        struct socket **out)
{
    struct in6_addr to = s->u.inet.peer;
    u16 port = s->u.inet.peer_port;
    int rc = 0;

    if (t->address.len > 0) {
        rc = addr_read(s, &t->address, &to, &port);
        if (rc == 0) {
            rc = port == 0 ? -EINVAL : addr_route(&to);
        }
    } else if (!s->connected) {
        rc = -EDESTADDRREQ;
    }
    if (rc == 0) {
        rc = port_bind_any(s);
    }
    if (rc < 0) {
        return rc;
    }
    *from = s->u.inet.addr;
    if (addr_is_any(from)) {
        addr_source(addr_is_v4(&to), from);
    }
    *out = port_find(s->protocol, &to, port, from, s->u.inet.port);
    return 0;
}

static int make_datagram(const struct socket *s, const struct socket *to,
                         const struct in6_addr *from, struct transfer *t, struct message **out)
{
    struct message *m = message_new(t->size);

    if (m == NULL) {
        return -ENOBUFS;
    }
    m->from = kmalloc(sizeof(*m->from));
    if (m->from == NULL || cursor_move(&t->data, m->data, t->size, false) < 0) {
        int rc = m->from == NULL ? -ENOBUFS : -EFAULT;
        message_free(m);
        return rc;
    }
    addr_write(to, from, s->u.inet.port, m->from);
    int hops = (int)option_value(s, IPPROTO_IPV6, IPV6_UNICAST_HOPS);
    m->hops = t->hops >= 0 ? t->hops : hops > 0 ? hops : 64;
    m->class = t->class >= 0 ? t->class : (int)option_value(s, IPPROTO_IPV6, IPV6_TCLASS);
    *out = m;
    return 0;
}

static ssize_t udp_send(struct socket *s, struct transfer *t, bool wait)
{
    struct in6_addr from;
    struct socket *to;
    struct message *m;

    (void)wait; /* nobody waits: what does not fit is dropped */
    if (t->flags & MSG_OOB) {
        return -EOPNOTSUPP;
    }
    if (t->size > DATAGRAM_MAX) {
        return -EMSGSIZE;
    }
    if (s->no_send) {
        if (!(t->flags & MSG_NOSIGNAL)) {
            signal_send(cur_proc(), current, SIGPIPE, 0, 0);
        }
        return -EPIPE;
    }
    if (s->error != 0) {
        return socket_take_error(s);
    }
    int rc = udp_receiver(s, t, &from, &to);
    if (rc < 0) {
        return rc;
    }
    if (to == NULL) {
        if (s->connected) { /* what a host answers by ICMP */
            s->error = ECONNREFUSED;
            socket_wake(s);
        }
        return (ssize_t)t->size;
    }
    if (!socket_has_room(to) || to->no_receive) {
        return (ssize_t)t->size;
    }
    rc = make_datagram(s, to, &from, t, &m);
    if (rc < 0) {
        return rc;
    }
    message_put(to, m);
    return (ssize_t)t->size;
}

static u32 udp_poll(struct socket *s)
{
    u32 mask = POLLOUT | POLLWRNORM;

    if (!TAILQ_EMPTY(&s->queue) || s->no_receive || s->error != 0) {
        mask |= POLLIN | POLLRDNORM;
    }
    if (s->no_receive) {
        mask |= POLLRDHUP | (s->no_send ? POLLHUP : 0);
    }
    return mask;
}

static int udp_shutdown(struct socket *s, int how)
{
    if (!s->connected) {
        return -ENOTCONN;
    }
    s->no_receive |= how != SHUT_WR;
    s->no_send |= how != SHUT_RD;
    socket_wake(s);
    return 0;
}

static int udp_listen(struct socket *s)
{
    (void)s;
    return -EOPNOTSUPP;
}

const struct socket_ops udp_ops = {
    .bind = inet_bind,
    .connect = udp_connect,
    .listen = udp_listen,
    .send = udp_send,
    .poll = udp_poll,
    .shutdown = udp_shutdown,
    .get_name = inet_name,
    .get_peer = inet_peer_name,
    .release = port_leave,
};
