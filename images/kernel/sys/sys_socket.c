// SPDX-License-Identifier: Apache-2.0
/*
 * The system calls of sockets: arguments and descriptors. What they do is the
 * family's (net/). The machine has the loopback alone; other families than
 * AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK are EAFNOSUPPORT.
 */
#include "net/socket.h"
#include "proc/proc.h"
#include "sysproto.h"

#define TYPE_FLAGS (O_CLOEXEC | O_NONBLOCK) /* SOCK_CLOEXEC, SOCK_NONBLOCK */
#define IOV_MAX    1024u

/* struct msghdr: sendmsg(2). */
struct message_header {
    vaddr_t name;
    u32 name_len, pad;
    vaddr_t iov;
    u64 iov_count;
    vaddr_t control;
    u64 control_len;
    u32 flags, pad2;
};
/* struct mmsghdr: sendmmsg(2). */
struct many_header {
    struct message_header h;
    u32 len, pad;
};

/* ---- making ---- */

static int check_type(long type)
{
    if (type & ~(long)(TYPE_FLAGS | 0xf)) {
        return -EINVAL;
    }
    switch (type & 0xf) {
    case SOCK_STREAM:
    case SOCK_DGRAM:
    case SOCK_RAW:
    case SOCK_SEQPACKET:
        return (int)(type & 0xf);
    default:
        return (type & 0xf) > SOCK_LAST ? -EINVAL : -ESOCKTNOSUPPORT;
    }
}

static int make_socket(long family, long type, long protocol, struct socket **out)
{
    int kind = check_type(type);

    if (kind < 0) {
        return kind;
    }
    switch (family) {
    case AF_UNIX:
        return unix_new(kind, (int)protocol, out);
    case AF_INET:
    case AF_INET6:
        return inet_new((int)family, kind, (int)protocol, out);
    case AF_NETLINK:
        return netlink_new(kind, (int)protocol, out);
    default:
        return -EAFNOSUPPORT;
    }
}

/* Gives a socket that has no file yet a file, or frees it. */
static int give_file(struct socket *s, u32 flags, struct file **out)
{
    int rc = socket_file(s, flags, out);

    if (rc < 0) {
        socket_free(s);
    }
    return rc;
}

long sys_socket(const long a[6])
{
    struct socket *s;
    struct file *f;
    int rc = make_socket(a[0], a[1], a[2], &s);

    if (rc < 0) {
        return rc;
    }
    rc = give_file(s, (u32)a[1], &f);
    return rc < 0 ? rc : fd_install(f, 0, a[1] & O_CLOEXEC);
}

long sys_socketpair(const long a[6])
{
    struct socket *ends[2];
    struct file *files[2];
    int type = check_type(a[1]);

    if (type < 0 || a[0] != AF_UNIX) {
        return type < 0 ? type : a[0] == AF_INET || a[0] == AF_INET6 ? -EOPNOTSUPP : -EAFNOSUPPORT;
    }
    int rc = unix_pair(type, (int)a[2], ends);
    if (rc < 0) {
        return rc;
    }
    rc = give_file(ends[0], (u32)a[1], &files[0]);
    if (rc < 0) {
        socket_free(ends[1]);
        return rc;
    }
    rc = give_file(ends[1], (u32)a[1], &files[1]);
    if (rc < 0) {
        file_put(files[0]);
        return rc;
    }
    return fd_install_pair(files[0], files[1], a[1] & O_CLOEXEC, (vaddr_t)a[3]);
}

/* The socket of a descriptor, with a reference. */
static int get_socket(long fd, struct file **out)
{
    struct file *f = fd_get((int)fd);

    if (f == NULL) {
        return -EBADF;
    }
    if ((f->flags & O_PATH) || !socket_is(f)) {
        int rc = f->flags & O_PATH ? -EBADF : -ENOTSOCK;
        file_put(f);
        return rc;
    }
    *out = f;
    return 0;
}

typedef long (*socket_fn)(struct file *f, const long a[6]);

/* Calls fn with the socket of the descriptor a[0]. */
static long with_socket(const long a[6], socket_fn fn)
{
    struct file *f;
    long rc = get_socket(a[0], &f);

    if (rc < 0) {
        return rc;
    }
    rc = fn(f, a);
    file_put(f);
    return rc;
}

static bool may_wait(const struct file *f)
{
    return !(f->flags & O_NONBLOCK);
}

/* ---- addresses ---- */

static int get_address(vaddr_t uaddr, long len, struct address *out)
{
    memset(out, 0, sizeof(*out));
    if (len < 0 || (u64)len > ADDRESS_MAX) {
        return -EINVAL;
    }
    out->len = (u32)MIN((size_t)len, sizeof(out->u.bytes));
    return copy_from_user(out->u.bytes, uaddr, out->len);
}

/* Writes as much of an address as there is room for, and how long it is. */
static int put_address(const struct address *a, vaddr_t uaddr, vaddr_t ulen)
{
    u32 room;

    if (copy_from_user(&room, ulen, sizeof(room)) < 0) {
        return -EFAULT;
    }
    if ((int)room < 0) {
        return -EINVAL;
    }
    if (copy_to_user(uaddr, a->u.bytes, MIN(room, a->len)) < 0) {
        return -EFAULT;
    }
    return copy_to_user(ulen, &a->len, sizeof(a->len));
}

/* An address that at least says its family. */
static int get_family_address(const long a[6], struct address *out)
{
    int rc = get_address((vaddr_t)a[1], a[2], out);

    return rc == 0 && out->len < sizeof(out->u.family) ? -EINVAL : rc;
}

static long do_bind(struct file *f, const long a[6])
{
    struct address address;
    int rc = get_family_address(a, &address);

    return rc == 0 ? socket_of(f)->ops->bind(socket_of(f), &address) : rc;
}

long sys_bind(const long a[6])
{
    return with_socket(a, do_bind);
}

static long do_connect(struct file *f, const long a[6])
{
    struct address address;
    int rc = get_family_address(a, &address);

    return rc == 0 ? socket_of(f)->ops->connect(socket_of(f), &address, may_wait(f)) : rc;
}

long sys_connect(const long a[6])
{
    return with_socket(a, do_connect);
}

static long do_listen(struct file *f, const long a[6])
{
    struct socket *s = socket_of(f);
    int rc = s->type == SOCK_STREAM || s->type == SOCK_SEQPACKET ? s->ops->listen(s) : -EOPNOTSUPP;
    if (rc == 0) {
        s->backlog_max = MIN((unsigned)(int)a[1], (unsigned)SOCKET_BACKLOG);
    }
    return rc;
}

long sys_listen(const long a[6])
{
    return with_socket(a, do_listen);
}

static long accept_socket(const long a[6], u32 flags)
{
    struct address peer = {0};
    struct socket *s = NULL;
    struct file *f, *made = NULL;
    long rc = get_socket(a[0], &f);

    if (rc < 0) {
        return rc;
    }
    struct socket *listener = socket_of(f);
    if (flags & ~(u32)TYPE_FLAGS) {
        rc = -EINVAL;
    } else if (listener->type != SOCK_STREAM && listener->type != SOCK_SEQPACKET) {
        rc = -EOPNOTSUPP;
    } else {
        rc = stream_accept(listener, may_wait(f), &s);
    }
    file_put(f);
    if (rc == 0) {
        rc = give_file(s, flags, &made);
    }
    if (rc < 0) {
        return rc;
    }
    if (a[1]) {
        (void)s->ops->get_peer(s, &peer); /* one that is gone already has no name */
        rc = put_address(&peer, (vaddr_t)a[1], (vaddr_t)a[2]);
        if (rc < 0) {
            file_put(made);
            return rc;
        }
    }
    return fd_install(made, 0, flags & O_CLOEXEC);
}

long sys_accept(const long a[6])
{
    return accept_socket(a, 0);
}

long sys_accept4(const long a[6])
{
    return accept_socket(a, (u32)a[3]);
}

static long do_getsockname(struct file *f, const long a[6])
{
    struct address address;

    socket_of(f)->ops->get_name(socket_of(f), &address);
    return put_address(&address, (vaddr_t)a[1], (vaddr_t)a[2]);
}

long sys_getsockname(const long a[6])
{
    return with_socket(a, do_getsockname);
}

static long do_getpeername(struct file *f, const long a[6])
{
    struct address address;
    int rc = socket_of(f)->ops->get_peer(socket_of(f), &address);

    return rc == 0 ? put_address(&address, (vaddr_t)a[1], (vaddr_t)a[2]) : rc;
}

long sys_getpeername(const long a[6])
{
    return with_socket(a, do_getpeername);
}

static long do_shutdown(struct file *f, const long a[6])
{
    struct socket *s = socket_of(f);

    return a[1] < SHUT_RD || a[1] > SHUT_RDWR ? -EINVAL : s->ops->shutdown(s, (int)a[1]);
}

long sys_shutdown(const long a[6])
{
    return with_socket(a, do_shutdown);
}

/* ---- sending and receiving ---- */

static void begin_transfer(struct transfer *t, const struct socket_io *io, size_t count, int flags)
{
    memset(t, 0, sizeof(*t));
    t->data = (struct cursor){io, count, 0, 0};
    for (size_t k = 0; k < count; k++) {
        t->size += io[k].n;
    }
    t->flags = flags;
    t->hops = t->class = -1;
}

static ssize_t send_now(struct file *f, struct transfer *t)
{
    struct socket *s = socket_of(f);
    ssize_t rc = s->ops->send(s, t, may_wait(f) && !(t->flags & MSG_DONTWAIT));

    files_free(t->files);
    return rc;
}

static ssize_t receive_now(struct file *f, struct transfer *t)
{
    return socket_receive(socket_of(f), t, may_wait(f) && !(t->flags & MSG_DONTWAIT));
}

static long do_sendto(struct file *f, const long a[6])
{
    struct socket_io io = {(vaddr_t)a[1], MIN((size_t)a[2], 0x7ffff000ul)};
    struct transfer t;
    int rc;

    begin_transfer(&t, &io, 1, (int)a[3]);
    rc = a[4] ? get_address((vaddr_t)a[4], a[5], &t.address) : 0;
    return rc == 0 ? send_now(f, &t) : rc;
}

long sys_sendto(const long a[6])
{
    return with_socket(a, do_sendto);
}

static long do_recvfrom(struct file *f, const long a[6])
{
    struct socket_io io = {(vaddr_t)a[1], MIN((size_t)a[2], 0x7ffff000ul)};
    struct transfer t;
    long rc;

    begin_transfer(&t, &io, 1, (int)a[3]);
    rc = receive_now(f, &t);
    files_free(t.files);
    if (rc >= 0 && a[4] && put_address(&t.address, (vaddr_t)a[4], (vaddr_t)a[5]) < 0) {
        return -EFAULT;
    }
    return rc;
}

long sys_recvfrom(const long a[6])
{
    return with_socket(a, do_recvfrom);
}

/* Reads the header and its buffers; *io is to be freed. */
static int get_message(vaddr_t umsg, struct message_header *h, struct socket_io **io)
{
    u64 sum = 0;

    _Static_assert(sizeof(struct socket_io) == 16, "struct iovec");
    if (copy_from_user(h, umsg, sizeof(*h)) < 0) {
        return -EFAULT;
    }
    if (h->iov_count > IOV_MAX) {
        return -EMSGSIZE;
    }
    *io = kmalloc(h->iov_count * sizeof(**io) + 1);
    if (*io == NULL) {
        return -ENOMEM;
    }
    int rc = copy_from_user(*io, h->iov, h->iov_count * sizeof(**io));
    for (size_t k = 0; rc == 0 && k < h->iov_count; k++) {
        if (__builtin_add_overflow(sum, (*io)[k].n, &sum) || (s64)sum < 0) {
            rc = -EINVAL;
        }
    }
    if (rc < 0) {
        kfree(*io);
    }
    return rc;
}

static long send_message(struct file *f, vaddr_t umsg, int flags)
{
    struct message_header h;
    struct socket_io *io;
    struct transfer t;
    long rc = get_message(umsg, &h, &io);

    if (rc < 0) {
        return rc;
    }
    begin_transfer(&t, io, h.iov_count, flags);
    if (h.name && h.name_len) {
        rc = get_address(h.name, (int)h.name_len, &t.address);
    }
    if (rc == 0 && h.control && h.control_len) {
        rc = control_get(socket_of(f), h.control, h.control_len, &t);
    }
    if (rc == 0) {
        rc = send_now(f, &t);
    } else {
        files_free(t.files);
    }
    kfree(io);
    return rc;
}

/* The address, the control messages and the flags of a message that has come. */
static int put_header(struct file *f, vaddr_t umsg, struct message_header *h, struct transfer *t)
{
    u32 flags;
    int rc = 0;

    if (h->name) {
        u32 room = h->name_len;
        if ((int)room < 0) {
            return -EINVAL;
        }
        rc = copy_to_user(h->name, t->address.u.bytes, MIN(room, t->address.len));
        h->name_len = t->address.len;
    }
    if (rc == 0) {
        if (h->control == 0) {
            h->control_len = 0;
        }
        rc = control_put(socket_of(f), t, h->control, &h->control_len);
    }
    flags = t->result | ((u32)t->flags & MSG_CMSG_CLOEXEC);
    h->flags = flags;
    if (rc < 0) {
        return rc;
    }
    return copy_to_user(umsg, h, sizeof(*h));
}

static long receive_message(struct file *f, vaddr_t umsg, int flags)
{
    struct message_header h;
    struct socket_io *io;
    struct transfer t;
    long rc = get_message(umsg, &h, &io);

    if (rc < 0) {
        return rc;
    }
    begin_transfer(&t, io, h.iov_count, flags);
    rc = receive_now(f, &t);
    kfree(io);
    if (rc >= 0) {
        int put = put_header(f, umsg, &h, &t);
        rc = put < 0 ? put : rc;
    }
    files_free(t.files);
    return rc;
}

static long do_sendmsg(struct file *f, const long a[6])
{
    return send_message(f, (vaddr_t)a[1], (int)a[2]);
}

long sys_sendmsg(const long a[6])
{
    return with_socket(a, do_sendmsg);
}

static long do_recvmsg(struct file *f, const long a[6])
{
    return receive_message(f, (vaddr_t)a[1], (int)a[2]);
}

long sys_recvmsg(const long a[6])
{
    return with_socket(a, do_recvmsg);
}

typedef long (*one_fn)(struct file *f, vaddr_t umsg, int flags);

/* Moves messages until one fails; the error counts only when it is the first. */
static long move_many(struct file *f, vaddr_t vec, u32 count, int flags, u64 deadline, one_fn one)
{
    u32 done = 0;
    long rc = 0;

    count = MIN(count, IOV_MAX);
    while (done < count) {
        vaddr_t at = vec + done * sizeof(struct many_header);
        rc = one(f, at, flags & ~MSG_WAITFORONE);
        if (rc < 0) {
            break;
        }
        u32 len = (u32)rc;
        if (copy_to_user(at + offsetof(struct many_header, len), &len, sizeof(len)) < 0) {
            rc = -EFAULT;
            break;
        }
        done++;
        if (flags & MSG_WAITFORONE) {
            flags |= MSG_DONTWAIT;
        }
        if (deadline != HV_NO_DEADLINE && time_mono() >= deadline) {
            break;
        }
    }
    return done ? (long)done : rc;
}

static long do_sendmmsg(struct file *f, const long a[6])
{
    return move_many(f, (vaddr_t)a[1], (u32)a[2], (int)a[3], HV_NO_DEADLINE, send_message);
}

long sys_sendmmsg(const long a[6])
{
    return with_socket(a, do_sendmmsg);
}

/* As on Linux the time is looked at after each message only. */
long sys_recvmmsg(const long a[6])
{
    u64 deadline = HV_NO_DEADLINE, ns;
    struct file *f;

    if (a[4]) {
        int bad = timespec_get((vaddr_t)a[4], &ns);
        if (bad < 0) {
            return bad;
        }
        deadline = time_add(time_mono(), ns);
    }
    long rc = get_socket(a[0], &f);
    if (rc < 0) {
        return rc;
    }
    rc = move_many(f, (vaddr_t)a[1], (u32)a[2], (int)a[3], deadline, receive_message);
    file_put(f);
    return rc;
}

/* ---- options ---- */

static long do_getsockopt(struct file *f, const long a[6])
{
    return option_get(socket_of(f), (int)a[1], (int)a[2], (vaddr_t)a[3], (vaddr_t)a[4]);
}

long sys_getsockopt(const long a[6])
{
    return with_socket(a, do_getsockopt);
}

static long do_setsockopt(struct file *f, const long a[6])
{
    return option_set(socket_of(f), (int)a[1], (int)a[2], (vaddr_t)a[3], (u32)a[4]);
}

long sys_setsockopt(const long a[6])
{
    return with_socket(a, do_setsockopt);
}
