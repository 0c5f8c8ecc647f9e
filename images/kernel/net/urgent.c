// SPDX-License-Identifier: Apache-2.0
/*
 * Urgent data of TCP, tcp(7): the last byte of a send with MSG_OOB. It sets a mark in the other
 * end's stream. Reads stop there, and poll(2) says POLLPRI. The byte itself is fetched by MSG_OOB,
 * or lies in the stream with SO_OOBINLINE. A later one takes its place.
 */
#include "net/socket.h"

static bool is_inline(const struct socket *s)
{
    return option_value(s, SOL_SOCKET, SO_OOBINLINE) != 0;
}

int urgent_put(struct socket *to, u8 byte)
{
    struct message *m = is_inline(to) ? message_new(1) : NULL;

    if (m == NULL && is_inline(to)) {
        return -ENOBUFS;
    }
    to->marked = to->urgent = true;
    to->before_mark = to->queued;
    to->urgent_byte = byte;
    if (m != NULL) {
        m->data[0] = byte;
        message_put(to, m);
    } else {
        waitq_wake(&to->read_q, 1 << 30);
    }
    return 0;
}

bool urgent_stops(struct socket *s, size_t *n, bool peek)
{
    if (!s->marked) {
        return false;
    }
    if (s->before_mark > 0) {
        bool reaches = *n >= s->before_mark;
        *n = MIN(*n, s->before_mark);
        return reaches;
    }
    if (!peek) {
        s->marked = s->urgent = false; /* who reads on from the mark loses the byte */
    }
    return false;
}

bool urgent_at_mark(const struct socket *s)
{
    return s->marked && s->before_mark == 0;
}

ssize_t urgent_receive(struct socket *s, struct transfer *t)
{
    if (is_inline(s) || !s->urgent) {
        return -EINVAL;
    }
    t->result |= MSG_OOB | (t->size == 0 ? MSG_TRUNC : 0);
    if (t->size > 0 && cursor_move(&t->data, &s->urgent_byte, 1, true) < 0) {
        return -EFAULT;
    }
    if (!(t->flags & MSG_PEEK)) {
        s->urgent = false;
    }
    return t->size > 0;
}
