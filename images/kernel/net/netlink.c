// SPDX-License-Identifier: Apache-2.0
/*
 * AF_NETLINK, as far as a program asks which interfaces and addresses there
 * are: dumps of RTM_GETLINK and RTM_GETADDR, and of RTM_GETROUTE, which is
 * empty. Everything else is answered with EOPNOTSUPP. netlink(7), rtnetlink(7).
 */
#include "net/netdev.h"
#include "proc/proc.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#define REQUEST_MAX 512u
#define REPLY_MAX   1024u

struct reply {
    u8 data[REPLY_MAX];
    size_t len;
};

static int netlink_bind(struct socket *s, const struct address *a)
{
    static u32 next = 0;

    if (a->len < sizeof(a->u.nl) || a->u.family != AF_NETLINK) {
        return -EINVAL;
    }
    if (s->u.netlink.port != 0) {
        return a->u.nl.nl_pid == s->u.netlink.port ? 0 : -EINVAL;
    }
    s->u.netlink.port =
        a->u.nl.nl_pid != 0 ? a->u.nl.nl_pid : (u32)cur_proc()->pid + (next++ << 22);
    s->u.netlink.groups = a->u.nl.nl_groups;
    return 0;
}

static int netlink_connect(struct socket *s, const struct address *a, bool wait)
{
    (void)wait;
    if (a->len < sizeof(a->u.nl) || a->u.family != AF_NETLINK) {
        return -EINVAL;
    }
    s->connected = true;
    return a->u.nl.nl_pid == 0 ? 0 : -ECONNREFUSED;
}

static int netlink_listen(struct socket *s)
{
    (void)s;
    return -EOPNOTSUPP;
}

static int netlink_shutdown(struct socket *s, int how)
{
    (void)s, (void)how;
    return -EOPNOTSUPP;
}

static void kernel_name(struct address *out)
{
    memset(out, 0, sizeof(*out));
    out->len = sizeof(out->u.nl);
    out->u.nl.nl_family = AF_NETLINK;
}

static void netlink_name(const struct socket *s, struct address *out)
{
    kernel_name(out);
    out->u.nl.nl_pid = s->u.netlink.port;
    out->u.nl.nl_groups = s->u.netlink.groups;
}

static int netlink_peer_name(const struct socket *s, struct address *out)
{
    (void)s;
    kernel_name(out);
    return 0;
}

static u32 netlink_poll(struct socket *s)
{
    return POLLOUT | POLLWRNORM | (TAILQ_EMPTY(&s->queue) ? 0 : POLLIN | POLLRDNORM);
}

static void netlink_release(struct socket *s)
{
    (void)s;
}

/* ---- answers ---- */

static struct nlmsghdr *begin_reply(struct reply *r, const struct nlmsghdr *to, int type, u32 flags,
                                    u32 port)
{
    struct nlmsghdr *h = (struct nlmsghdr *)(void *)(r->data + r->len);

    memset(h, 0, sizeof(*h));
    h->nlmsg_type = (u16)type;
    h->nlmsg_flags = (u16)flags;
    h->nlmsg_seq = to->nlmsg_seq;
    h->nlmsg_pid = port;
    r->len += sizeof(*h);
    return h;
}

static void put(struct reply *r, const void *data, size_t len)
{
    KASSERT(r->len + NLMSG_ALIGN(len) <= REPLY_MAX);
    memset(r->data + r->len, 0, NLMSG_ALIGN(len));
    memcpy(r->data + r->len, data, len);
    r->len += NLMSG_ALIGN(len);
}

static void put_attribute(struct reply *r, int type, const void *data, size_t len)
{
    struct rtattr a = {(u16)RTA_LENGTH(len), (u16)type};

    put(r, &a, sizeof(a));
    put(r, data, len);
}

static void end(struct reply *r, struct nlmsghdr *h)
{
    h->nlmsg_len = (u32)(r->data + r->len - (u8 *)h);
}

static void put_link(struct reply *r, const struct nlmsghdr *to, u32 port)
{
    const struct ifinfomsg info = {
        .ifi_type = NETDEV_TYPE, .ifi_index = NETDEV_INDEX, .ifi_flags = NETDEV_FLAGS | 0x10000};
    const u32 mtu = NETDEV_MTU, queue = 1000;
    const u8 none[6] = {0};
    struct nlmsghdr *h = begin_reply(r, to, RTM_NEWLINK, NLM_F_MULTI, port);

    put(r, &info, sizeof(info));
    put_attribute(r, IFLA_IFNAME, "lo", 3);
    put_attribute(r, IFLA_TXQLEN, &queue, sizeof(queue));
    put_attribute(r, IFLA_MTU, &mtu, sizeof(mtu));
    put_attribute(r, IFLA_ADDRESS, none, sizeof(none));
    put_attribute(r, IFLA_BROADCAST, none, sizeof(none));
    end(r, h);
}

static void put_ifaddr(struct reply *r, const struct nlmsghdr *to, u32 port, int family)
{
    const u8 v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
    const void *bytes = family == AF_INET ? (const void *)v4 : v6;
    const size_t len = family == AF_INET ? sizeof(v4) : sizeof(v6);
    const struct ifaddrmsg info = {.ifa_family = (u8)family,
                                   .ifa_prefixlen = family == AF_INET ? 8 : 128,
                                   .ifa_flags = IFA_F_PERMANENT,
                                   .ifa_scope = RT_SCOPE_HOST,
                                   .ifa_index = NETDEV_INDEX};
    struct nlmsghdr *h = begin_reply(r, to, RTM_NEWADDR, NLM_F_MULTI, port);

    put(r, &info, sizeof(info));
    put_attribute(r, IFA_ADDRESS, bytes, len);
    if (family == AF_INET) {
        put_attribute(r, IFA_LOCAL, bytes, len);
        put_attribute(r, IFA_LABEL, "lo", 3);
    }
    end(r, h);
}

static void put_done(struct reply *r, const struct nlmsghdr *to, u32 port)
{
    const int zero = 0;
    struct nlmsghdr *h = begin_reply(r, to, NLMSG_DONE, NLM_F_MULTI, port);

    put(r, &zero, sizeof(zero));
    end(r, h);
}

static void put_error(struct reply *r, const struct nlmsghdr *to, u32 port, int error)
{
    const struct nlmsgerr e = {.error = error, .msg = *to};
    struct nlmsghdr *h = begin_reply(r, to, NLMSG_ERROR, 0, port);

    put(r, &e, sizeof(e));
    end(r, h);
}

static int deliver(struct socket *s, struct reply *r)
{
    struct message *m = message_new(r->len);

    if (m == NULL) {
        return -ENOBUFS;
    }
    memcpy(m->data, r->data, r->len);
    m->from = kmalloc(sizeof(*m->from));
    if (m->from == NULL) {
        message_free(m);
        return -ENOBUFS;
    }
    kernel_name(m->from);
    message_put(s, m);
    r->len = 0;
    return 0;
}

static int answer(struct socket *s, const struct nlmsghdr *h, int family, struct reply *r)
{
    u32 port = s->u.netlink.port;
    int rc;

    if ((h->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP && h->nlmsg_type != RTM_GETLINK) {
        put_error(r, h, port, -EOPNOTSUPP);
        return deliver(s, r);
    }
    switch (h->nlmsg_type) {
    case RTM_GETLINK:
        put_link(r, h, port);
        break;
    case RTM_GETADDR:
        if (family == AF_UNSPEC || family == AF_INET) {
            put_ifaddr(r, h, port, AF_INET);
        }
        if (family == AF_UNSPEC || family == AF_INET6) {
            put_ifaddr(r, h, port, AF_INET6);
        }
        break;
    case RTM_GETROUTE:
        break;
    default:
        put_error(r, h, port, -EOPNOTSUPP);
        return deliver(s, r);
    }
    rc = r->len > 0 ? deliver(s, r) : 0;
    if (rc == 0 && (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP) {
        put_done(r, h, port);
        rc = deliver(s, r);
    }
    return rc;
}

static ssize_t netlink_send(struct socket *s, struct transfer *t, bool wait)
{
    u8 request[REQUEST_MAX];
    const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)request;
    struct reply *r;
    int rc = 0;

    (void)wait;
    if (t->size > sizeof(request)) {
        return -EMSGSIZE;
    }
    if (cursor_move(&t->data, request, t->size, false) < 0) {
        return -EFAULT;
    }
    if (s->u.netlink.port == 0) {
        struct address any;
        kernel_name(&any);
        (void)netlink_bind(s, &any);
    }
    r = kzalloc(sizeof(*r));
    if (r == NULL) {
        return -ENOBUFS;
    }
    if (t->size > sizeof(*h) && h->nlmsg_len <= t->size && h->nlmsg_len > sizeof(*h)) {
        rc = answer(s, h, request[sizeof(*h)], r); /* each request begins with its family */
    }
    kfree(r);
    return rc < 0 ? rc : (ssize_t)t->size;
}

static const struct socket_ops netlink_ops = {
    .bind = netlink_bind,
    .connect = netlink_connect,
    .listen = netlink_listen,
    .send = netlink_send,
    .poll = netlink_poll,
    .shutdown = netlink_shutdown,
    .get_name = netlink_name,
    .get_peer = netlink_peer_name,
    .release = netlink_release,
};

int netlink_new(int type, int protocol, struct socket **out)
{
    if (type != SOCK_RAW && type != SOCK_DGRAM) {
        return -ESOCKTNOSUPPORT;
    }
    return protocol == NETLINK_ROUTE ? socket_new(&netlink_ops, AF_NETLINK, type, protocol, out)
                                     : -EPROTONOSUPPORT;
}
