// SPDX-License-Identifier: Apache-2.0
/*
 * Control messages: files and credentials that are passed over AF_UNIX, and of
 * IPv6 the hop limit and traffic class. cmsg(3), unix(7), ipv6(7).
 */
#include "net/options.h"
#include "proc/proc.h"

#define SCM_RIGHTS      1
#define SCM_CREDENTIALS 2

struct control_header {
    u64 len; /* with the header */
    int level, type;
};
#define CONTROL_ALIGN(n) (((n) + 7) & ~7ul)

/* The files of one message may come in several parts. */
static int get_files(vaddr_t data, size_t len, struct transfer *t)
{
    int fds[SCM_FILES_MAX];
    u32 had = t->files != NULL ? t->files->count : 0, count = (u32)(len / sizeof(fds[0]));

    if (len / sizeof(fds[0]) > SCM_FILES_MAX - had) {
        return -EINVAL;
    }
    if (count == 0) {
        return 0;
    }
    if (copy_from_user(fds, data, count * sizeof(fds[0])) < 0) {
        return -EFAULT;
    }
    struct passed_files *files =
        krealloc(t->files, sizeof(*files) + (had + count) * sizeof(files->file[0]));
    if (files == NULL) {
        return -ENOMEM;
    }
    t->files = files;
    files->count = had;
    for (u32 k = 0; k < count; k++) {
        struct file *f = fd_get(fds[k]);
        if (f == NULL) {
            return -EBADF;
        }
        files->file[files->count++] = f;
    }
    return 0;
}

/* Is it one of the process's own numbers, or may the process set any? */
static bool number_is_own(const u32 id[ID_KINDS], u32 said, int cap)
{
    return said == id[ID_REAL] || said == id[ID_EFFECTIVE] || said == id[ID_SAVED] ||
           cred_has(cur_cred(), cap);
}

/* Who the sender says that it is. */
static int get_cred(vaddr_t data, size_t len, struct transfer *t)
{
    const struct cred *c = cur_cred();

    if (len != sizeof(t->cred)) {
        return -EINVAL;
    }
    if (copy_from_user(&t->cred, data, sizeof(t->cred)) < 0) {
        return -EFAULT;
    }
    if ((t->cred.pid != cur_proc()->pid && !cred_has(c, CAP_SYS_ADMIN)) ||
        !number_is_own(c->uid, t->cred.uid, CAP_SETUID) ||
        !number_is_own(c->gid, t->cred.gid, CAP_SETGID)) {
        return -EPERM;
    }
    t->has_cred = true;
    return 0;
}

static int read_number(vaddr_t data, size_t len, int *out)
{
    int value;

    if (len != sizeof(value)) {
        return -EINVAL;
    }
    if (copy_from_user(&value, data, sizeof(value)) < 0) {
        return -EFAULT;
    }
    if (value < -1 || value > 255) {
        return -EINVAL;
    }
    *out = value;
    return 0;
}

static int get_one(const struct socket *s, const struct control_header *h, vaddr_t data,
                   struct transfer *t)
{
    size_t len = h->len - sizeof(*h);

    if (s->family == AF_UNIX && h->level == SOL_SOCKET) {
        return h->type == SCM_RIGHTS        ? get_files(data, len, t)
               : h->type == SCM_CREDENTIALS ? get_cred(data, len, t)
                                            : -EINVAL;
    }
    if (s->family == AF_INET6 && h->level == SOL_IPV6 && h->type == IPV6_HOPLIMIT) {
        return read_number(data, len, &t->hops);
    }
    if (s->family == AF_INET6 && h->level == SOL_IPV6 && h->type == IPV6_TCLASS) {
        return read_number(data, len, &t->class);
    }
    return s->family == AF_UNIX ? 0 : -EINVAL;
}

/* Reads what comes with a message. After an error t->files is to be freed, too. */
int control_get(struct socket *s, vaddr_t control, size_t len, struct transfer *t)
{
    struct control_header h;
    size_t at = 0;

    while (len - at >= sizeof(h) && at < len) {
        if (copy_from_user(&h, control + at, sizeof(h)) < 0) {
            return -EFAULT;
        }
        if (h.len < sizeof(h) || h.len > len - at) {
            return -EINVAL;
        }
        int rc = get_one(s, &h, control + at + sizeof(h), t);
        if (rc < 0) {
            return rc;
        }
        at += MIN(CONTROL_ALIGN(h.len), len - at);
    }
    return 0;
}

/* ---- to the program ---- */

struct out {
    vaddr_t at;
    size_t left, done;
    struct transfer *t;
};

/* Writes a message, cut where there is no more room. */
static int put_one(struct out *o, int level, int type, const void *data, size_t len)
{
    struct control_header h = {sizeof(h) + len, level, type};

    if (o->left < sizeof(h)) {
        o->t->result |= MSG_CTRUNC;
        return 0;
    }
    if (h.len > o->left) {
        o->t->result |= MSG_CTRUNC;
        h.len = o->left;
    }
    if (copy_to_user(o->at + o->done, &h, sizeof(h)) < 0 ||
        copy_to_user(o->at + o->done + sizeof(h), data, h.len - sizeof(h)) < 0) {
        return -EFAULT;
    }
    size_t step = MIN(CONTROL_ALIGN(h.len), o->left);
    o->done += step;
    o->left -= step;
    return 0;
}

/* Makes descriptors of the files, as many as there is room for. */
static int put_files(struct out *o)
{
    struct passed_files *files = o->t->files;
    int fds[SCM_FILES_MAX];
    u32 count = 0, room = 0;

    if (o->left >= sizeof(struct control_header)) {
        room = (u32)MIN((o->left - sizeof(struct control_header)) / sizeof(fds[0]),
                        (size_t)files->count);
    }
    while (count < room) {
        file_ref(files->file[count]);
        int fd = fd_install(files->file[count], 0, o->t->flags & MSG_CMSG_CLOEXEC);
        if (fd < 0) {
            break;
        }
        fds[count++] = fd;
    }
    if (count < files->count) {
        o->t->result |= MSG_CTRUNC;
    }
    files_free(files);
    o->t->files = NULL;
    return count > 0 ? put_one(o, SOL_SOCKET, SCM_RIGHTS, fds, count * sizeof(fds[0])) : 0;
}

/* Writes what came with a message, and takes its files. *len is the room, then what was used. */
int control_put(struct socket *s, struct transfer *t, vaddr_t control, u64 *len)
{
    struct out o = {control, *len, 0, t};
    int rc = 0;

    if (s->pass_cred && t->has_cred && s->family == AF_UNIX) {
        rc = put_one(&o, SOL_SOCKET, SCM_CREDENTIALS, &t->cred, sizeof(t->cred));
    }
    if (rc == 0 && s->family == AF_INET6 && s->type == SOCK_DGRAM && t->has_cred) {
        if (option_value(s, SOL_IPV6, IPV6_RECVHOPLIMIT)) {
            rc = put_one(&o, SOL_IPV6, IPV6_HOPLIMIT, &t->hops, sizeof(t->hops));
        }
        if (rc == 0 && option_value(s, SOL_IPV6, IPV6_RECVTCLASS)) {
            rc = put_one(&o, SOL_IPV6, IPV6_TCLASS, &t->class, sizeof(t->class));
        }
    }
    if (rc == 0 && t->files != NULL) {
        rc = put_files(&o);
    }
    *len = o.done;
    return rc;
}
