// SPDX-License-Identifier: Apache-2.0
/*
 * Options that concern packets, which there are none of: their values are kept
 * and given back. socket(7), ip(7), ipv6(7), tcp(7).
 */
#include "net/options.h"

#include <linux/tcp.h>

/* An option whose value is kept. */
struct kept {
    int level, name;
    int value, least, most; /* the default, and the range */
};
static const struct kept kept_options[] = {
    {SOL_SOCKET, SO_KEEPALIVE, 0, 0, 1},
    {SOL_SOCKET, SO_OOBINLINE, 0, 0, 1},
    {SOL_SOCKET, SO_DONTROUTE, 0, 0, 1},
    {SOL_SOCKET, SO_PRIORITY, 0, 0, 6},
    {SOL_SOCKET, SO_RCVLOWAT, 1, 1, 1},
    {SOL_SOCKET, SO_BUSY_POLL, 0, 0, 0x7fffffff},
    {SOL_IP, IP_TOS, 0, 0, 255},
    {SOL_IP, IP_TTL, 64, 1, 255},
    {SOL_IP, IP_RECVERR, 0, 0, 1},
    {SOL_IP, IP_MTU_DISCOVER, 1, 0, 5},
    {SOL_IP, IP_FREEBIND, 0, 0, 0},
    {SOL_IP, IP_BIND_ADDRESS_NO_PORT, 0, 0, 1},
    {SOL_IP, IP_MULTICAST_TTL, 1, 0, 255},
    {SOL_IP, IP_MULTICAST_LOOP, 1, 0, 1},
    {SOL_IPV6, IPV6_UNICAST_HOPS, 64, -1, 255},
    {SOL_IPV6, IPV6_MULTICAST_HOPS, 1, -1, 255},
    {SOL_IPV6, IPV6_MULTICAST_LOOP, 1, 0, 1},
    {SOL_IPV6, IPV6_RECVERR, 0, 0, 1},
    {SOL_IPV6, IPV6_RECVHOPLIMIT, 0, 0, 1},
    {SOL_IPV6, IPV6_RECVTCLASS, 0, 0, 1},
    {SOL_IPV6, IPV6_TCLASS, 0, 0, 255},
    {SOL_UDPLITE, UDPLITE_SEND_CSCOV, 0, 0, 65535},
    {SOL_UDPLITE, UDPLITE_RECV_CSCOV, 0, 0, 65535},
    {SOL_TCP, TCP_NODELAY, 0, 0, 1},
    {SOL_TCP, TCP_MAXSEG, 536, 0, 32767},
    {SOL_TCP, TCP_CORK, 0, 0, 1},
    {SOL_TCP, TCP_KEEPIDLE, 7200, 1, 32767},
    {SOL_TCP, TCP_KEEPINTVL, 75, 1, 32767},
    {SOL_TCP, TCP_KEEPCNT, 9, 1, 127},
    {SOL_TCP, TCP_SYNCNT, 6, 1, 127},
    {SOL_TCP, TCP_LINGER2, 60, -1, 0x7fffffff},
    {SOL_TCP, TCP_DEFER_ACCEPT, 0, 0, 0x7fffffff},
    {SOL_TCP, TCP_WINDOW_CLAMP, 0, 0, 0x7fffffff},
    {SOL_TCP, TCP_QUICKACK, 1, 0, 1},
    {SOL_TCP, TCP_USER_TIMEOUT, 0, 0, 0x7fffffff},
    {SOL_TCP, TCP_NOTSENT_LOWAT, 0, 0, 0x7fffffff},
};

struct socket_option {
    struct socket_option *next;
    const struct kept *kind;
    int value;
};

static const struct kept *find_kept(int level, int name)
{
    for (size_t k = 0; k < ARRAY_SIZE(kept_options); k++) {
        if (kept_options[k].level == level && kept_options[k].name == name) {
            return &kept_options[k];
        }
    }
    return NULL;
}

static int keep(struct socket *s, const struct kept *kind, int value)
{
    struct socket_option *o;

    for (o = s->options; o != NULL; o = o->next) {
        if (o->kind == kind) {
            o->value = value;
            return 0;
        }
    }
    o = kmalloc(sizeof(*o));
    if (o == NULL) {
        return -ENOMEM;
    }
    *o = (struct socket_option){s->options, kind, value};
    s->options = o;
    return 0;
}

static int kept_value(const struct socket *s, const struct kept *kind)
{
    for (const struct socket_option *o = s->options; o != NULL; o = o->next) {
        if (o->kind == kind) {
            return o->value;
        }
    }
    return kind->value;
}

int option_keep(struct socket *s, int level, int name, int value)
{
    const struct kept *kind = find_kept(level, name);

    if (kind == NULL) {
        return -ENOPROTOOPT;
    }
    if (kind->least == 0 && kind->most == 1) {
        value = value != 0;
    }
    if (value < kind->least || value > kind->most) {
        return -EINVAL;
    }
    return keep(s, kind, value);
}

int option_kept(const struct socket *s, int level, int name, int *value)
{
    const struct kept *kind = find_kept(level, name);

    if (kind == NULL) {
        return -ENOPROTOOPT;
    }
    *value = kept_value(s, kind);
    return 0;
}

int option_value(const struct socket *s, int level, int name)
{
    int value = 0;

    (void)option_kept(s, level, name, &value);
    return value;
}

void options_free(struct socket *s)
{
    struct socket_option *o;

    while ((o = s->options) != NULL) {
        s->options = o->next;
        kfree(o);
    }
}

/* What the accepted end of a connection has of its listener; without memory, not all of it. */
void options_copy(struct socket *to, const struct socket *from)
{
    for (const struct socket_option *o = from->options; o != NULL; o = o->next) {
        (void)keep(to, o->kind, o->value);
    }
    to->linger = from->linger;
    to->linger_seconds = from->linger_seconds;
}
