// SPDX-License-Identifier: Apache-2.0
/*
 * /proc/net/{tcp,tcp6,udp,udp6,unix,dev}: proc_pid_net(5).
 */
#include "fs/procfs.h"
#include "net/socket.h"

/* Of Linux: TCP_* of tcp_states.h, SS_* of linux/net.h. */
enum { TCP_ESTABLISHED = 1, TCP_SYN_SENT = 2, TCP_CLOSE = 7, TCP_CLOSE_WAIT = 8, TCP_LISTEN = 10 };
enum { SS_UNCONNECTED = 1, SS_CONNECTED = 3 };
#define ACCEPTS 0x10000u /* __SO_ACCEPTCON */

static unsigned tcp_state(const struct socket *s)
{
    if (s->type == SOCK_DGRAM) {
        return s->connected ? TCP_ESTABLISHED : TCP_CLOSE;
    }
    if (s->listening) {
        return TCP_LISTEN;
    }
    if (s->connected) {
        return s->finished ? TCP_CLOSE_WAIT : TCP_ESTABLISHED;
    }
    return s->connecting ? TCP_SYN_SENT : TCP_CLOSE;
}

/* Addresses are four bytes at a time, as numbers of this machine. */
static void put_inet_addr(struct text *t, const struct socket *s, const struct in6_addr *a,
                          u16 port)
{
    u32 words[4];

    memcpy(words, a, sizeof(words));
    if (s->family == AF_INET) {
        text_printf(t, "%08X:%04X", words[3], port);
    } else {
        text_printf(t, "%08X%08X%08X%08X:%04X", words[0], words[1], words[2], words[3], port);
    }
}

static void put_inet(struct text *t, const struct socket *s, unsigned number)
{
    text_printf(t, "%4u: ", number);
    put_inet_addr(t, s, &s->u.inet.addr, s->u.inet.port);
    text_put(t, " ", 1);
    put_inet_addr(t, s, &s->u.inet.peer, s->u.inet.peer_port);
    text_printf(
        t, " %02X %08lX:%08lX 00:00000000 00000000 %5u        0 %lu 1 %016lx 100 0 0 10 0\n",
        tcp_state(s), s->peer != NULL ? s->peer->queued : 0, s->queued, s->cred.uid, s->ino, 0ul);
}

static void text_inet(struct text *t, int family, int type)
{
    static const char v4[] =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
        "timeout inode\n";
    static const char v6[] =
        "  sl  local_address                         remote_address                        st "
        "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    const struct socket *s;
    unsigned number = 0;

    text_put(t, family == AF_INET ? v4 : v6, (family == AF_INET ? sizeof(v4) : sizeof(v6)) - 1);
    LIST_FOREACH (s, &all_sockets, all_link) {
        if (s->family == family && s->type == type && s->u.inet.port != 0) {
            put_inet(t, s, number++);
        }
    }
}

static void put_unix(struct text *t, const struct socket *s)
{
    size_t len = s->name.len > 2 ? s->name.len - 2 : 0;
    char path[sizeof(s->name.u.un.sun_path) + 1];

    memcpy(path, s->name.u.un.sun_path, len);
    if (len > 0 && path[0] != 0) {
        len--; /* the NUL */
    } else if (len > 0) {
        path[0] = '@';
    }
    text_printf(t, "%016lx: %08X %08X %08X %04X %02X %5lu%s", 0ul, 2u, 0u,
                s->listening ? ACCEPTS : 0, s->type, s->connected ? SS_CONNECTED : SS_UNCONNECTED,
                s->ino, len > 0 ? " " : "");
    text_put(t, path, len);
    text_put(t, "\n", 1);
}

static void text_unix(struct text *t)
{
    static const char head[] = "Num       RefCount Protocol Flags    Type St Inode Path\n";
    const struct socket *s;

    text_put(t, head, sizeof(head) - 1);
    LIST_FOREACH (s, &all_sockets, all_link) {
        if (s->family == AF_UNIX) {
            put_unix(t, s);
        }
    }
}

/* The one interface; bytes and packets are not counted, as there are none. */
static void text_dev(struct text *t)
{
    static const char text[] =
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|"
        "bytes    packets errs drop fifo colls carrier compressed\n"
        "    lo:       0       0    0    0    0     0          0         0"
        "        0       0    0    0    0     0       0          0\n";

    text_put(t, text, sizeof(text) - 1);
}

static void text_net(struct text *t, enum procfs_net which)
{
    switch (which) {
    case PROCFS_TCP:
        return text_inet(t, AF_INET, SOCK_STREAM);
    case PROCFS_TCP6:
        return text_inet(t, AF_INET6, SOCK_STREAM);
    case PROCFS_UDP:
        return text_inet(t, AF_INET, SOCK_DGRAM);
    case PROCFS_UDP6:
        return text_inet(t, AF_INET6, SOCK_DGRAM);
    case PROCFS_UNIX:
        return text_unix(t);
    case PROCFS_DEV:
        return text_dev(t);
    }
}

void net_init(void)
{
    procfs_net = text_net;
}
