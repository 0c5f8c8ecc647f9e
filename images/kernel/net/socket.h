// SPDX-License-Identifier: Apache-2.0
/*
 * Sockets inside the machine: what the families share. A family and type is a
 * struct socket_ops; sys/sys_socket.c knows no other difference. Two ends of a
 * connection are two sockets that point at each other, and what is sent is put
 * into the other's queue: there are no packets and no states of a protocol.
 *
 * A socket belongs to its open file, or, before accept(2), to the listener in
 * whose backlog it waits. Who may have blocked must look again at a peer that
 * it knew before: it may be gone.
 */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "fs/vfs.h"

#include <asm/socket.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <linux/un.h>

/* socket(2), send(2), recv(2); the headers of Linux's interface lack them. */
enum { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_SEQPACKET = 5, SOCK_LAST = 10 };
enum { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16 };
enum { SHUT_RD = 0, SHUT_WR = 1, SHUT_RDWR = 2 };
#define SOL_TCP          6
#define SOL_NETLINK      270
#define MSG_OOB          1
#define MSG_PEEK         2
#define MSG_CTRUNC       8
#define MSG_TRUNC        0x20
#define MSG_DONTWAIT     0x40
#define MSG_EOR          0x80
#define MSG_WAITALL      0x100
#define MSG_ERRQUEUE     0x2000
#define MSG_NOSIGNAL     0x4000
#define MSG_WAITFORONE   0x10000
#define MSG_CMSG_CLOEXEC 0x40000000

#define SOCKET_ROOM     212992u /* Linux's default for SO_SNDBUF and SO_RCVBUF, bytes */
#define SOCKET_ROOM_MIN 2304u
#define SOCKET_PIECE    32768u /* the longest message of a stream */
#define SOCKET_BACKLOG  4096   /* net.core.somaxconn */

/* An address as a program gives and gets it. len 0: none. */
struct address {
    u32 len;
    union {
        u16 family;
        struct sockaddr_un un;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_nl nl;
        u8 bytes[112];
    } u;
};
#define ADDRESS_MAX 128u /* struct sockaddr_storage: longer is EINVAL */
_Static_assert(sizeof(struct sockaddr_un) <= 112, "it fits");

/* struct ucred: unix(7) */
struct socket_cred {
    int pid;
    u32 uid, gid;
};

/* Files that are on their way, SCM_RIGHTS. */
#define SCM_FILES_MAX 253u
struct passed_files {
    u32 count;
    struct file *file[];
};

/* What is sent, until it is read. A stream's may be read in pieces. */
struct message {
    TAILQ_ENTRY(message) link;
    size_t len, off, room;      /* of data; data before off was read */
    struct passed_files *files; /* NULL: none */
    struct address *from;       /* of a datagram; NULL: a sender without a name */
    struct socket_cred cred;
    int hops, class; /* IPv6: of the packet, as the sender has set them */
    u8 data[];
};

/* One who sends to a socket that is not its peer, as long as it waits or is connected. */
struct sender {
    LIST_ENTRY(sender) link;
    struct socket *from, *to; /* to is NULL when it is gone */
};

struct socket_option;

struct socket {
    const struct socket_ops *ops;
    struct file *file; /* NULL in a backlog */
    u16 family;
    u16 protocol;
    int type;
    u64 ino;
    /* State. */
    bool connected, listening, no_receive, no_send;
    bool connecting; /* connect(2) has not told how it went */
    bool aborted;    /* meanwhile SO_ERROR has told of a failure */
    bool finished;   /* the peer has closed */
    bool reset;      /* TCP: the peer has closed, and was sent to since */
    int error;       /* SO_ERROR: a positive errno */
    struct socket *peer;
    TAILQ_HEAD(message_list, message) queue;
    size_t queued;               /* bytes in the queue */
    size_t send_room, recv_room; /* bytes */
    bool marked, urgent;         /* TCP: there is a mark; its byte was not fetched yet */
    u8 urgent_byte;
    size_t before_mark;           /* bytes in the queue before the mark */
    struct waitq read_q, write_q; /* who waits for input, a peer; for room, to be connected */
    /* A listener's backlog: those that are connected first, then those that are connecting. */
    TAILQ_HEAD(socket_list, socket) backlog;
    TAILQ_ENTRY(socket) backlog_link;
    struct socket *listener; /* in whose backlog it is */
    unsigned backlog_len, backlog_max;
    struct sender sender;        /* a datagram socket's, when it is connected */
    LIST_HEAD(, sender) senders; /* to this one */
    struct address name, peer_name;
    struct socket_cred cred, peer_cred;
    u64 recv_timeout, send_timeout; /* ns; 0: none */
    bool reuse_address, reuse_port, pass_cred, broadcast, only_v6;
    bool linger;
    u32 linger_seconds;
    struct socket_option *options; /* what sockopt.c keeps */
    LIST_ENTRY(socket) all_link;   /* for /proc/net */
    union {
        struct {
            struct inode *inode; /* of a name in the file system, referenced */
            LIST_ENTRY(socket) link;
            bool bound;
        } unix;
        struct {
            struct in6_addr addr, peer; /* IPv4 as ::ffff:a.b.c.d */
            u16 port, peer_port;        /* 0: not bound */
            LIST_ENTRY(socket) link;
        } inet;
        struct {
            u32 port; /* nl_pid */
            u32 groups;
        } netlink;
    } u;
};

/* A position in the program's buffers. */
struct socket_io {
    vaddr_t buf;
    size_t n;
};
struct cursor {
    const struct socket_io *io;
    size_t count, index, off;
};

/* What a call of send(2) or recv(2) gives or gets beside the data. */
struct transfer {
    struct cursor data;
    size_t size; /* of all buffers, bytes */
    int flags;   /* MSG_* of the call */
    struct address address;
    struct passed_files *files; /* sent: the callee takes them; received: the caller's */
    struct socket_cred cred;
    bool has_cred;
    int hops, class; /* IPv6; -1: not said */
    u32 result;      /* MSG_* that recvmsg(2) tells */
};

struct socket_ops {
    const char *name; /* of the protocol, in /proc/net/protocols' words */
    int (*bind)(struct socket *s, const struct address *a);
    /* Where it would have to wait and may not: -EINPROGRESS or -EAGAIN. */
    int (*connect)(struct socket *s, const struct address *a, bool wait);
    int (*listen)(struct socket *s);
    ssize_t (*send)(struct socket *s, struct transfer *t, bool wait);
    u32 (*poll)(struct socket *s);
    int (*shutdown)(struct socket *s, int how);
    /* The address for getsockname(2), and getpeername(2), which is -ENOTCONN without a peer. */
    void (*get_name)(const struct socket *s, struct address *out);
    int (*get_peer)(const struct socket *s, struct address *out);
    void (*release)(struct socket *s); /* before the socket is freed */
};

/* socket.c */
LIST_HEAD(all_sockets, socket);
extern struct all_sockets all_sockets;
int socket_new(const struct socket_ops *ops, int family, int type, int protocol,
               struct socket **out);
void socket_free(struct socket *s);
static inline struct socket *socket_of(const struct file *f)
{
    return f->priv;
}
void socket_cred_now(struct socket_cred *cred);
/* Takes SO_ERROR: 0 or -errno. */
int socket_take_error(struct socket *s);
void socket_wake(struct socket *s);
/* Waits on one of a socket's queues until cond(arg). 0, -EAGAIN when the timeout (ns, 0: none) is
 * over or `wait` is false, -ERESTARTSYS or -EINTR. */
int socket_wait(struct waitq *q, bool (*cond)(void *), void *arg, u64 timeout, bool wait);
bool socket_at_end(const struct socket *s); /* nothing more will come */

/* sockfile.c */
extern const struct file_ops socket_file_ops;
static inline bool socket_is(const struct file *f)
{
    return f->ops == &socket_file_ops;
}
/* Gives the socket an open file, which owns it from then on, and which the caller has a reference
 * to. */
int socket_file(struct socket *s, u32 flags, struct file **out);
ssize_t socket_receive(struct socket *s, struct transfer *t, bool wait);

/* message.c */
struct message *message_new(size_t len);
void message_free(struct message *m);
int cursor_move(struct cursor *c, u8 *mem, size_t n, bool to_user);
bool socket_has_room(const struct socket *s); /* for a message to it */
/* Puts a message at the end of the queue, and wakes who waits for it. */
void message_put(struct socket *to, struct message *m);
/* Adds to the last message of a stream what fits there, when it carries nothing else. Returns the
 * bytes, or -EFAULT. */
ssize_t message_extend(struct socket *to, struct cursor *c, size_t n);
/* Takes out the first message, or its first n bytes. */
void message_take(struct socket *s, struct message *m, size_t n);
void socket_flush(struct socket *s);      /* drops the whole queue */
void message_tell_room(struct socket *s); /* wakes who waits to send to s, or to connect to it */
void files_free(struct passed_files *files);
/* Who sends to a socket that is not its peer. */
void sender_join(struct sender *sender, struct socket *from, struct socket *to);
void sender_leave(struct sender *sender);

/* stream.c: connections, of AF_UNIX and TCP alike. */
void stream_pair(struct socket *a, struct socket *b);
/* Connects s, or, when the listener's backlog is full, puts it in line. *server is the other end.
 */
int stream_connect(struct socket *s, struct socket *listener, struct socket **server);
bool stream_backlog_full(const struct socket *listener);
ssize_t stream_send(struct socket *s, struct transfer *t, bool wait);
int stream_shutdown(struct socket *s, int how);
u32 stream_poll(struct socket *s);
void stream_release(struct socket *s);
int stream_accept(struct socket *listener, bool wait, struct socket **out);

/* urgent.c. urgent_stops: limits a read of n bytes to those before the mark; true when it reaches
 * it. urgent_receive: for MSG_OOB. */
int urgent_put(struct socket *to, u8 byte);
bool urgent_stops(struct socket *s, size_t *n, bool peek);
bool urgent_at_mark(const struct socket *s);
ssize_t urgent_receive(struct socket *s, struct transfer *t);

/* unix.c */
int unix_new(int type, int protocol, struct socket **out);
int unix_pair(int type, int protocol, struct socket *out[2]);
/* tcp.c: sockets of AF_INET and AF_INET6. */
int inet_new(int family, int type, int protocol, struct socket **out);
/* udp.c */
extern const struct socket_ops udp_ops;
/* netlink.c */
int netlink_new(int type, int protocol, struct socket **out);

/* options.c */
int option_value(const struct socket *s, int level, int name); /* of an option that is kept */
void options_free(struct socket *s);
void options_copy(struct socket *to, const struct socket *from);
/* sockopt.c */
long option_set(struct socket *s, int level, int name, vaddr_t value, u32 len);
long option_get(struct socket *s, int level, int name, vaddr_t value, vaddr_t ulen);

/* control.c: the control messages of sendmsg(2) and recvmsg(2). */
int control_get(struct socket *s, vaddr_t control, size_t len, struct transfer *t);
int control_put(struct socket *s, struct transfer *t, vaddr_t control, u64 *len);

/* netdev.c: the one interface, lo: ioctls of it. -ENOTTY: it is none of these. */
long netdev_ioctl(u32 cmd, vaddr_t arg);

/* procnet.c */
void net_init(void);

#endif
