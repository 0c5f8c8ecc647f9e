// SPDX-License-Identifier: Apache-2.0
/*
 * Options of sockets. Some decide what a socket does, and have a place in
 * struct socket. Others concern packets, which there are none of: their values
 * are kept and given back. What would promise something that does not happen is
 * refused with ENOPROTOOPT. socket(7), ip(7), ipv6(7), tcp(7).
 */
#include "net/options.h"

#include <linux/tcp.h>
#include <linux/time.h>

/* ---- SOL_SOCKET ---- */

/* Times are struct timeval. 0: wait without end. */
static long set_timeout(u64 *timeout, vaddr_t value, u32 len)
{
    struct __kernel_old_timeval tv;

    if (len < sizeof(tv)) {
        return -EINVAL;
    }
    if (copy_from_user(&tv, value, sizeof(tv)) < 0) {
        return -EFAULT;
    }
    if (tv.tv_usec < 0 || tv.tv_usec >= 1000000) {
        return -EDOM;
    }
    if (tv.tv_sec < 0) {
        *timeout = 1; /* as Linux: it is over at once */
        return 0;
    }
    *timeout = (u64)tv.tv_sec > HV_NO_DEADLINE / NSEC_PER_SEC - 1
                   ? 0
                   : (u64)tv.tv_sec * NSEC_PER_SEC + (u64)tv.tv_usec * 1000;
    return 0;
}

static long set_linger(struct socket *s, vaddr_t value, u32 len)
{
    struct {
        int on, seconds;
    } linger;

    if (len < sizeof(linger)) {
        return -EINVAL;
    }
    if (copy_from_user(&linger, value, sizeof(linger)) < 0) {
        return -EFAULT;
    }
    s->linger = linger.on != 0;
    s->linger_seconds = s->linger ? (u32)linger.seconds : 0;
    return 0;
}

/* Linux doubles what a program asks for. */
static size_t room_for(int value)
{
    size_t asked = (size_t)MIN(MAX(value, 0), (int)SOCKET_ROOM);

    return MAX(2 * asked, (size_t)SOCKET_ROOM_MIN);
}

/* Those that have a place of their own; 1: it is none of them. */
static long set_own(struct socket *s, int name, int value)
{
    switch (name) {
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
        s->send_room = room_for(value);
        return 0;
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
        s->recv_room = room_for(value);
        return 0;
    case SO_REUSEADDR:
        s->reuse_address = value != 0;
        return 0;
    case SO_REUSEPORT:
        if (s->family == AF_UNIX) {
            return -EOPNOTSUPP;
        }
        s->reuse_port = value != 0;
        return 0;
    case SO_BROADCAST:
        s->broadcast = value != 0;
        return 0;
    case SO_PASSCRED:
        s->pass_cred = value != 0;
        return 0;
    default:
        return 1;
    }
}

/* Whether a socket can have options of a level. */
static int check_level(const struct socket *s, int level)
{
    if (level == SOL_SOCKET) {
        return 0;
    }
    if (s->family == AF_UNIX) {
        return -EOPNOTSUPP;
    }
    if (level == SOL_NETLINK) {
        return s->family == AF_NETLINK ? 0 : -ENOPROTOOPT;
    }
    if (s->family == AF_NETLINK) {
        return -ENOPROTOOPT;
    }
    if (level == SOL_TCP) {
        return s->type == SOCK_STREAM ? 0 : -ENOPROTOOPT;
    }
    if (level == SOL_UDPLITE) {
        return s->protocol == IPPROTO_UDPLITE ? 0 : -ENOPROTOOPT;
    }
    if (level == SOL_IPV6) {
        return s->family == AF_INET6 ? 0 : -ENOPROTOOPT;
    }
    return level == SOL_IP ? 0 : -ENOPROTOOPT;
}

static int read_value(int level, vaddr_t at, u32 len, int *value)
{
    u8 byte;

    if (len >= sizeof(*value)) {
        return copy_from_user(value, at, sizeof(*value));
    }
    if (len == 0 || level != SOL_IP) {
        return -EINVAL;
    }
    int rc = copy_from_user(&byte, at, 1);
    *value = byte;
    return rc;
}

static long set_congestion(vaddr_t value, u32 len)
{
    char name[16] = {0};

    if (copy_from_user(name, value, MIN((size_t)len, sizeof(name) - 1)) < 0) {
        return -EFAULT;
    }
    return strcmp(name, "cubic") == 0 || strcmp(name, "reno") == 0 ? 0 : -ENOENT;
}

/* The one interface is lo, and all packets use it. */
static long set_device(vaddr_t value, u32 len)
{
    char name[16] = {0};

    if (copy_from_user(name, value, MIN((size_t)len, sizeof(name) - 1)) < 0) {
        return -EFAULT;
    }
    return name[0] == 0 || strcmp(name, "lo") == 0 ? 0 : -ENODEV;
}

long option_set(struct socket *s, int level, int name, vaddr_t at, u32 len)
{
    int value, rc = check_level(s, level);

    if (rc < 0 || (int)len < 0) {
        return rc < 0 ? rc : -EINVAL;
    }
    if (level == SOL_NETLINK) {
        return 0; /* what it would add to answers is not in any */
    }
    if (level == SOL_SOCKET) {
        switch (name) {
        case SO_RCVTIMEO_OLD:
        case SO_RCVTIMEO_NEW:
            return set_timeout(&s->recv_timeout, at, len);
        case SO_SNDTIMEO_OLD:
        case SO_SNDTIMEO_NEW:
            return set_timeout(&s->send_timeout, at, len);
        case SO_LINGER:
            return set_linger(s, at, len);
        case SO_BINDTODEVICE:
            return set_device(at, len);
        }
    }
    if (level == SOL_TCP && name == TCP_CONGESTION) {
        return set_congestion(at, len);
    }
    rc = read_value(level, at, len, &value);
    if (rc < 0) {
        return rc;
    }
    if (level == SOL_SOCKET) {
        long own = set_own(s, name, value);
        if (own <= 0) {
            return own;
        }
    }
    if (level == SOL_IPV6 && name == IPV6_V6ONLY) {
        if (s->u.inet.port != 0) {
            return -EINVAL;
        }
        s->only_v6 = value != 0;
        return 0;
    }
    return option_keep(s, level, name, value);
}

/* ---- getsockopt(2) ---- */

struct answer {
    u32 len;
    union {
        int number;
        struct socket_cred cred;
        struct __kernel_old_timeval tv;
        int linger[2];
        char name[16];
        struct tcp_info info;
    } u;
};

static void answer_time(struct answer *out, u64 timeout)
{
    out->len = sizeof(out->u.tv);
    out->u.tv.tv_sec = (long)(timeout / NSEC_PER_SEC);
    out->u.tv.tv_usec = (long)(timeout % NSEC_PER_SEC / 1000);
}

static bool is_listener(const struct socket *s)
{
    return s->listening;
}

/* A number; -ENOPROTOOPT when the option is none. */
static int number_answer(struct socket *s, int name, int *out)
{
    switch (name) {
    case SO_TYPE:
        *out = s->type;
        return 0;
    case SO_DOMAIN:
        *out = s->family;
        return 0;
    case SO_PROTOCOL:
        *out = s->protocol;
        return 0;
    case SO_ERROR:
        *out = -socket_take_error(s);
        return 0;
    case SO_ACCEPTCONN:
        *out = is_listener(s);
        return 0;
    case SO_SNDBUF:
        *out = (int)s->send_room;
        return 0;
    case SO_RCVBUF:
        *out = (int)s->recv_room;
        return 0;
    case SO_REUSEADDR:
        *out = s->reuse_address;
        return 0;
    case SO_REUSEPORT:
        *out = s->reuse_port;
        return 0;
    case SO_BROADCAST:
        *out = s->broadcast;
        return 0;
    case SO_PASSCRED:
        *out = s->pass_cred;
        return 0;
    case SO_SNDLOWAT:
        *out = 1;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int socket_answer(struct socket *s, int name, struct answer *out)
{
    switch (name) {
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
        answer_time(out, s->recv_timeout);
        return 0;
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
        answer_time(out, s->send_timeout);
        return 0;
    case SO_LINGER:
        out->len = sizeof(out->u.linger);
        out->u.linger[0] = s->linger;
        out->u.linger[1] = (int)s->linger_seconds;
        return 0;
    case SO_PEERCRED:
        out->len = sizeof(out->u.cred);
        out->u.cred = s->family == AF_UNIX && (s->connected || s->finished)
                          ? s->peer_cred
                          : (struct socket_cred){0, (u32)-1, (u32)-1};
        return 0;
    case SO_BINDTODEVICE:
        out->len = 0;
        return 0;
    default:
        return number_answer(s, name, &out->u.number);
    }
}

static int tcp_answer(const struct socket *s, int name, struct answer *out)
{
    enum { ESTABLISHED = 1, CLOSED = 7, CLOSE_WAIT = 8, LISTEN = 10 }; /* TCP_* of Linux */

    if (name == TCP_CONGESTION) {
        out->len = sizeof(out->u.name);
        memcpy(out->u.name, "cubic", 6);
        return 0;
    }
    if (name != TCP_INFO) {
        return -ENOPROTOOPT;
    }
    out->len = sizeof(out->u.info);
    out->u.info.tcpi_state = s->listening                  ? LISTEN
                             : s->finished && s->connected ? CLOSE_WAIT
                             : s->connected                ? ESTABLISHED
                                                           : CLOSED;
    return 0;
}

static int find_answer(struct socket *s, int level, int name, struct answer *out)
{
    int rc = check_level(s, level);

    out->len = sizeof(out->u.number);
    if (rc < 0) {
        return rc;
    }
    if (option_kept(s, level, name, &out->u.number) == 0) {
        return 0;
    }
    if (level == SOL_SOCKET) {
        return socket_answer(s, name, out);
    }
    if (level == SOL_TCP) {
        return tcp_answer(s, name, out);
    }
    if (level == SOL_IPV6 && name == IPV6_V6ONLY) {
        out->u.number = s->only_v6;
        return 0;
    }
    return -ENOPROTOOPT;
}

long option_get(struct socket *s, int level, int name, vaddr_t value, vaddr_t ulen)
{
    struct answer answer = {0};
    u32 len;

    if (copy_from_user(&len, ulen, sizeof(len)) < 0) {
        return -EFAULT;
    }
    if ((int)len < 0) {
        return -EINVAL;
    }
    int rc = find_answer(s, level, name, &answer);
    if (rc < 0) {
        return rc;
    }
    len = MIN(len, answer.len);
    if (copy_to_user(value, &answer.u, len) < 0) {
        return -EFAULT;
    }
    return copy_to_user(ulen, &len, sizeof(len));
}
