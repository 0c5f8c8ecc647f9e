// SPDX-License-Identifier: Apache-2.0
/*
 * Sockets. There is no network in the VM: AF_UNIX pairs work, other families
 * are EAFNOSUPPORT, and nothing ever listens, so connecting is refused.
 */
#include "fs/events.h"
#include "proc/proc.h"
#include "sysproto.h"

#include <asm/socket.h>
#include <linux/un.h>

#define AF_UNIX          1
#define TYPE_FLAGS       (O_CLOEXEC | O_NONBLOCK) /* SOCK_CLOEXEC, SOCK_NONBLOCK */
#define SNDBUF           212992
#define IOV_MAX          1024u
#define MSG_TRUNC        0x20
#define MSG_CMSG_CLOEXEC 0x40000000

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

static int check_type(long family, long type)
{
    if (family != AF_UNIX) {
        return -EAFNOSUPPORT;
    }
    switch (type & ~(long)TYPE_FLAGS) {
    case SOCK_STREAM:
    case SOCK_DGRAM:
    case SOCK_SEQPACKET:
        return (int)(type & ~(long)TYPE_FLAGS);
    default:
        return -ESOCKTNOSUPPORT;
    }
}

long sys_socket(const long a[6])
{
    int type = check_type(a[0], a[1]);
    struct file *f;

    if (type < 0) {
        return type;
    }
    if (a[2] != 0 && a[2] != AF_UNIX) {
        return -EPROTONOSUPPORT;
    }
    int rc = unix_create(type, (u32)a[1], &f);
    return rc < 0 ? rc : fd_install(f, 0, a[1] & O_CLOEXEC);
}

long sys_socketpair(const long a[6])
{
    int type = check_type(a[0], a[1]);
    struct file *ends[2];

    if (type < 0) {
        return type;
    }
    if (a[2] != 0 && a[2] != AF_UNIX) {
        return -EPROTONOSUPPORT;
    }
    int rc = unix_pair(type, (u32)a[1], ends);
    return rc < 0 ? rc : fd_install_pair(ends[0], ends[1], a[1] & O_CLOEXEC, (vaddr_t)a[3]);
}

/* The socket of a descriptor, with a reference. */
static int get_socket(long fd, struct file **out)
{
    struct file *f = fd_get((int)fd);

    if (f == NULL) {
        return -EBADF;
    }
    if (!unix_is(f)) {
        file_put(f);
        return -ENOTSOCK;
    }
    *out = f;
    return 0;
}

/* For calls whose answer depends on nothing but the descriptor. */
static long answer(long fd, long value)
{
    struct file *f;
    int rc = get_socket(fd, &f);

    if (rc < 0) {
        return rc;
    }
    file_put(f);
    return value;
}

/* ENOENT where there is no such name, ECONNREFUSED where there is. */
long sys_connect(const long a[6])
{
    struct sockaddr_un addr = {0};
    long rc = answer(a[0], 0);
    struct inode *i;

    if (rc < 0) {
        return rc;
    }
    if (a[2] < 2 || (u64)a[2] > sizeof(addr)) {
        return -EINVAL;
    }
    if (copy_from_user(&addr, (vaddr_t)a[1], (size_t)a[2]) < 0) {
        return -EFAULT;
    }
    if (addr.sun_family != AF_UNIX) {
        return -EINVAL;
    }
    if (addr.sun_path[0] == 0) {
        return -ECONNREFUSED; /* an abstract name */
    }
    char path[sizeof(addr.sun_path) + 1];
    memcpy(path, addr.sun_path, sizeof(addr.sun_path));
    path[sizeof(addr.sun_path)] = 0;
    rc = path_lookup(path, true, &i);
    if (rc < 0) {
        return rc;
    }
    inode_put(i);
    return -ECONNREFUSED;
}

long sys_bind(const long a[6])
{
    return answer(a[0], -EOPNOTSUPP);
}

long sys_listen(const long a[6])
{
    return answer(a[0], -EOPNOTSUPP);
}

long sys_accept(const long a[6])
{
    return answer(a[0], -EINVAL); /* nothing here ever listens */
}

long sys_accept4(const long a[6])
{
    return answer(a[0], -EINVAL);
}

long sys_shutdown(const long a[6])
{
    struct file *f;
    long rc = get_socket(a[0], &f);

    if (rc < 0) {
        return rc;
    }
    rc = unix_shutdown(f, (int)a[1]);
    file_put(f);
    return rc;
}

long sys_sendto(const long a[6])
{
    struct socket_io io = {(vaddr_t)a[1], (size_t)a[2]};
    struct file *f;
    long rc = get_socket(a[0], &f);

    if (rc < 0) {
        return rc;
    }
    rc = a[4] && a[5] ? -EISCONN : unix_send(f, &io, 1, (int)a[3]);
    file_put(f);
    return rc;
}

long sys_recvfrom(const long a[6])
{
    struct socket_io io = {(vaddr_t)a[1], (size_t)a[2]};
    bool truncated;
    u32 no_name = 0;
    struct file *f;
    long rc = get_socket(a[0], &f);

    if (rc < 0) {
        return rc;
    }
    rc = unix_receive(f, &io, 1, (int)a[3], &truncated);
    file_put(f);
    if (rc >= 0 && a[5] && copy_to_user((vaddr_t)a[5], &no_name, sizeof(no_name)) < 0) {
        return -EFAULT;
    }
    return rc;
}

/* Reads the header and its buffers; *io is to be freed. */
static int get_message(vaddr_t umsg, struct message_header *h, struct socket_io **io)
{
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
    if (copy_from_user(*io, h->iov, h->iov_count * sizeof(**io)) < 0) {
        kfree(*io);
        return -EFAULT;
    }
    return 0;
}

long sys_sendmsg(const long a[6])
{
    struct message_header h;
    struct socket_io *io;
    struct file *f;
    long rc = get_socket(a[0], &f);

    if (rc < 0) {
        return rc;
    }
    rc = get_message((vaddr_t)a[1], &h, &io);
    if (rc == 0) {
        if (h.control_len) {
            rc = -EOPNOTSUPP; /* descriptors are not passed: there is nobody to pass them to */
        } else {
            rc = h.name_len ? -EISCONN : unix_send(f, io, h.iov_count, (int)a[2]);
        }
        kfree(io);
    }
    file_put(f);
    return rc;
}

long sys_recvmsg(const long a[6])
{
    struct message_header h;
    struct socket_io *io;
    struct file *f;
    bool truncated;
    long rc = get_socket(a[0], &f);

    if (rc < 0) {
        return rc;
    }
    rc = get_message((vaddr_t)a[1], &h, &io);
    if (rc == 0) {
        rc = unix_receive(f, io, h.iov_count, (int)a[2], &truncated);
        kfree(io);
    }
    file_put(f);
    if (rc < 0) {
        return rc;
    }
    h.name_len = 0;
    h.control_len = 0;
    h.flags = (truncated ? MSG_TRUNC : 0) | ((u32)a[2] & MSG_CMSG_CLOEXEC);
    return copy_to_user((vaddr_t)a[1], &h, sizeof(h)) < 0 ? -EFAULT : rc;
}

/* Sockets of a pair have no name but their family. */
static long put_name(const long a[6])
{
    u16 family = AF_UNIX;
    u32 len;
    long rc = answer(a[0], 0);

    if (rc < 0) {
        return rc;
    }
    if (copy_from_user(&len, (vaddr_t)a[2], sizeof(len)) < 0) {
        return -EFAULT;
    }
    if ((int)len < 0) {
        return -EINVAL;
    }
    if (copy_to_user((vaddr_t)a[1], &family, MIN((size_t)len, sizeof(family))) < 0) {
        return -EFAULT;
    }
    len = sizeof(family);
    return copy_to_user((vaddr_t)a[2], &len, sizeof(len));
}

long sys_getsockname(const long a[6])
{
    return put_name(a);
}

long sys_getpeername(const long a[6])
{
    return put_name(a);
}

static long option_value(const struct file *f, long option, u32 value[3], u32 *len)
{
    *len = sizeof(u32);
    value[0] = 0;
    switch (option) {
    case SO_TYPE:
        value[0] = (u32)unix_type(f);
        return 0;
    case SO_DOMAIN:
        value[0] = AF_UNIX;
        return 0;
    case SO_SNDBUF:
    case SO_RCVBUF:
        value[0] = SNDBUF;
        return 0;
    case SO_ERROR:
    case SO_PROTOCOL:
    case SO_ACCEPTCONN:
    case SO_REUSEADDR:
    case SO_KEEPALIVE:
    case SO_PASSCRED:
        return 0;
    case SO_PEERCRED:
        value[0] = (u32)cur_proc()->pid;
        value[1] = value[2] = 0;
        *len = 3 * sizeof(u32);
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

long sys_getsockopt(const long a[6])
{
    u32 value[3], len, have;
    struct file *f;
    long rc = get_socket(a[0], &f);

    if (rc < 0) {
        return rc;
    }
    rc = a[1] == SOL_SOCKET ? option_value(f, a[2], value, &have) : -EOPNOTSUPP;
    file_put(f);
    if (rc < 0) {
        return rc;
    }
    if (copy_from_user(&len, (vaddr_t)a[4], sizeof(len)) < 0) {
        return -EFAULT;
    }
    if ((int)len < 0) {
        return -EINVAL;
    }
    len = MIN(len, have);
    if (copy_to_user((vaddr_t)a[3], value, len) < 0) {
        return -EFAULT;
    }
    return copy_to_user((vaddr_t)a[4], &len, sizeof(len));
}

/* Buffer sizes are hints, and address reuse concerns names, which a pair does not have: these
 * can be accepted and ignored. Accepting any other option would be a lie. */
long sys_setsockopt(const long a[6])
{
    if (a[1] != SOL_SOCKET) {
        return answer(a[0], -EOPNOTSUPP);
    }
    switch (a[2]) {
    case SO_SNDBUF:
    case SO_RCVBUF:
    case SO_REUSEADDR:
    case SO_KEEPALIVE:
        return answer(a[0], 0);
    default:
        return answer(a[0], -ENOPROTOOPT);
    }
}
