// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses and ports of TCP and UDP: who has which, and whom a packet reaches.
 * ip(7), ipv6(7), socket(7) on SO_REUSEADDR and SO_REUSEPORT.
 */
#include "net/inet.h"
#include "proc/proc.h"

#define BUCKETS 64u
#define IN6_MIN 24u /* struct sockaddr_in6 without its last field: RFC 2133 */

LIST_HEAD(ports, socket);
static KERNEL_COLD struct ports port_buckets[BUCKETS];

static struct ports *port_bucket(u16 port)
{
    return &port_buckets[port % BUCKETS];
}

static u16 swap16(u16 n)
{
    return __builtin_bswap16(n);
}

bool addr_is_v4(const struct in6_addr *a)
{
    static const u8 prefix[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(a, prefix, sizeof(prefix)) == 0;
}

static void set_v4(struct in6_addr *a, const void *bytes)
{
    memset(a, 0, sizeof(*a));
    a->s6_addr[10] = a->s6_addr[11] = 0xff;
    memcpy(a->s6_addr + 12, bytes, 4);
}

bool addr_equal(const struct in6_addr *a, const struct in6_addr *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

bool addr_is_any(const struct in6_addr *a)
{
    static const struct in6_addr any;

    return addr_equal(a, &any) || (addr_is_v4(a) && memcmp(a->s6_addr + 12, &any, 4) == 0);
}

static bool is_v6_loopback(const struct in6_addr *a)
{
    static const struct in6_addr loopback = {.in6_u.u6_addr8 = {[15] = 1}};

    return addr_equal(a, &loopback);
}

static bool is_own(const struct in6_addr *a)
{
    return is_v6_loopback(a) || (addr_is_v4(a) && a->s6_addr[12] == 127);
}

int addr_read(const struct socket *s, const struct address *a, struct in6_addr *addr, u16 *port)
{
    if (s->family == AF_INET) {
        if (a->len < sizeof(a->u.in)) {
            return -EINVAL;
        }
        /* As Linux does: a socket of IPv4 takes AF_UNSPEC for its own family. */
        if (a->u.family != AF_INET && (a->u.family != AF_UNSPEC || a->u.in.sin_addr.s_addr != 0)) {
            return -EAFNOSUPPORT;
        }
        set_v4(addr, &a->u.in.sin_addr);
        *port = swap16(a->u.in.sin_port);
        return 0;
    }
    if (a->len < IN6_MIN) {
        return -EINVAL;
    }
    if (a->u.family != AF_INET6) {
        return -EAFNOSUPPORT;
    }
    *addr = a->u.in6.sin6_addr;
    *port = swap16(a->u.in6.sin6_port);
    return 0;
}

void addr_write(const struct socket *s, const struct in6_addr *addr, u16 port, struct address *out)
{
    memset(out, 0, sizeof(*out));
    if (s->family == AF_INET) {
        out->len = sizeof(out->u.in);
        out->u.in.sin_family = AF_INET;
        out->u.in.sin_port = swap16(port);
        memcpy(&out->u.in.sin_addr, addr->s6_addr + 12, 4);
        return;
    }
    out->len = sizeof(out->u.in6);
    out->u.in6.sin6_family = AF_INET6;
    out->u.in6.sin6_port = swap16(port);
    out->u.in6.sin6_addr = *addr;
}

void addr_source(bool v4, struct in6_addr *from)
{
    static const u8 localhost[4] = {127, 0, 0, 1};

    memset(from, 0, sizeof(*from));
    if (v4) {
        set_v4(from, localhost);
    } else {
        from->s6_addr[15] = 1;
    }
}

int addr_route(struct in6_addr *addr)
{
    if (addr_is_any(addr)) {
        addr_source(addr_is_v4(addr), addr);
        return 0;
    }
    return is_own(addr) ? 0 : -ENETUNREACH;
}

/* ---- ports ---- */

/* Whether packets to an address of its family reach a socket that is bound to `at`. */
static bool reaches(const struct socket *s, const struct in6_addr *at, bool v4)
{
    if (addr_is_v4(at)) {
        return v4;
    }
    return !v4 || (addr_is_any(at) && !s->only_v6);
}

static bool addresses_meet(const struct socket *a, const struct socket *b,
                           const struct in6_addr *at)
{
    const struct in6_addr *other = &a->u.inet.addr;
    bool meet = (reaches(a, other, true) && reaches(b, at, true)) ||
                (reaches(a, other, false) && reaches(b, at, false));

    return meet && (addr_is_any(other) || addr_is_any(at) || addr_equal(other, at));
}

static bool may_share(const struct socket *has, const struct socket *wants)
{
    if (has->reuse_port && wants->reuse_port && has->cred.uid == wants->cred.uid) {
        return true;
    }
    return has->reuse_address && wants->reuse_address &&
           (wants->type == SOCK_DGRAM || !has->listening);
}

static bool is_free(const struct socket *s, const struct in6_addr *addr, u16 port)
{
    const struct socket *has;

    LIST_FOREACH (has, port_bucket(port), u.inet.link) {
        if (has->u.inet.port == port && has->protocol == s->protocol && has != s &&
            addresses_meet(has, s, addr) && !may_share(has, s)) {
            return false;
        }
    }
    return true;
}

void port_share(struct socket *s, const struct in6_addr *addr, u16 port)
{
    s->u.inet.addr = *addr;
    s->u.inet.port = port;
    LIST_INSERT_HEAD(port_bucket(port), s, u.inet.link);
}

void port_leave(struct socket *s)
{
    if (s->u.inet.port != 0) {
        LIST_REMOVE(s, u.inet.link);
        s->u.inet.port = 0;
    }
}

void port_bind_source(struct socket *s, const struct in6_addr *peer)
{
    struct in6_addr from;
    u16 port = s->u.inet.port;

    if (addr_is_any(&s->u.inet.addr)) {
        addr_source(addr_is_v4(peer), &from);
        port_leave(s);
        port_share(s, &from, port);
    }
}

/* One that nobody shares. */
static u16 find_free_port(struct socket *s, const struct in6_addr *addr)
{
    static KERNEL_COLD u16 next;
    bool reuse_address = s->reuse_address, reuse_port = s->reuse_port;
    u16 found = 0;

    if (next < PORT_FIRST || next > PORT_LAST) {
        random_bytes(&next, sizeof(next));
        next = (u16)(PORT_FIRST + next % (PORT_LAST - PORT_FIRST + 1));
    }
    s->reuse_address = s->reuse_port = false;
    for (unsigned k = PORT_FIRST; k <= PORT_LAST && found == 0; k++) {
        if (is_free(s, addr, next)) {
            found = next;
        }
        next = next == PORT_LAST ? PORT_FIRST : (u16)(next + 1);
    }
    s->reuse_address = reuse_address;
    s->reuse_port = reuse_port;
    return found;
}

int port_bind(struct socket *s, const struct in6_addr *addr, u16 port)
{
    if (port == 0) {
        port = find_free_port(s, addr);
        if (port == 0) {
            return -EADDRINUSE;
        }
    } else if (!is_free(s, addr, port)) {
        return -EADDRINUSE;
    }
    port_share(s, addr, port);
    return 0;
}

int port_bind_any(struct socket *s)
{
    struct in6_addr addr = s->u.inet.addr;

    if (s->u.inet.port != 0) {
        return 0;
    }
    int rc = port_bind(s, &addr, 0);
    return rc == -EADDRINUSE ? -EADDRNOTAVAIL : rc;
}

/* How well a packet fits a socket: 0 not at all, more for one that is more specific. */
static unsigned fit(const struct socket *s, int protocol, const struct in6_addr *to, u16 port,
                    const struct in6_addr *from, u16 from_port)
{
    const struct in6_addr *at = &s->u.inet.addr;

    if (s->protocol != protocol || s->u.inet.port != port || !reaches(s, at, addr_is_v4(to))) {
        return 0;
    }
    if (!addr_is_any(at) && !addr_equal(at, to)) {
        return 0;
    }
    if (protocol == IPPROTO_TCP) {
        return s->listening && !s->no_receive ? 1 + !addr_is_any(at) : 0;
    }
    if (s->u.inet.peer_port == 0) {
        return 1 + !addr_is_any(at);
    }
    return s->u.inet.peer_port == from_port && addr_equal(&s->u.inet.peer, from) ? 3 : 0;
}

struct socket *port_find(int protocol, const struct in6_addr *to, u16 port,
                         const struct in6_addr *from, u16 from_port)
{
    struct socket *best = NULL, *s;
    unsigned best_fit = 0;

    LIST_FOREACH (s, port_bucket(port), u.inet.link) {
        unsigned this = fit(s, protocol, to, port, from, from_port);
        if (this > best_fit) {
            best = s;
            best_fit = this;
        }
    }
    /* Those that share a port by SO_REUSEPORT take turns. */
    if (best != NULL && best->reuse_port && best_fit < 3) {
        LIST_REMOVE(best, u.inet.link);
        struct socket *last = LIST_FIRST(port_bucket(port));
        while (last != NULL && LIST_NEXT(last, u.inet.link) != NULL) {
            last = LIST_NEXT(last, u.inet.link);
        }
        if (last == NULL) {
            LIST_INSERT_HEAD(port_bucket(port), best, u.inet.link);
        } else {
            LIST_INSERT_AFTER(last, best, u.inet.link);
        }
    }
    return best;
}

/* ---- for both protocols ---- */

int inet_bind(struct socket *s, const struct address *a)
{
    struct in6_addr addr;
    u16 port;
    int rc = addr_read(s, a, &addr, &port);

    if (rc < 0) {
        return rc;
    }
    if (s->u.inet.port != 0 || s->listening) {
        return -EINVAL;
    }
    if (s->family == AF_INET6 && s->only_v6 && addr_is_v4(&addr)) {
        return -EINVAL;
    }
    if (!addr_is_any(&addr) && !is_own(&addr)) {
        return -EADDRNOTAVAIL;
    }
    if (port != 0 && port < PORT_USERS && !cred_has(cur_cred(), CAP_NET_BIND_SERVICE)) {
        return -EACCES;
    }
    return port_bind(s, &addr, port);
}

void inet_name(const struct socket *s, struct address *out)
{
    addr_write(s, &s->u.inet.addr, s->u.inet.port, out);
}

int inet_peer_name(const struct socket *s, struct address *out)
{
    if (!s->connected || s->u.inet.peer_port == 0) {
        return -ENOTCONN;
    }
    addr_write(s, &s->u.inet.peer, s->u.inet.peer_port, out);
    return 0;
}
