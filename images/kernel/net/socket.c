// SPDX-License-Identifier: Apache-2.0
/*
 * A socket by itself: making and freeing it, and waiting for what it needs.
 */
#include "net/socket.h"
#include "proc/proc.h"

struct all_sockets all_sockets = LIST_HEAD_INITIALIZER(all_sockets);

void socket_cred_now(struct socket_cred *cred)
{
    const struct process_full *p = process_full(cur_proc());

    cred->pid = p->p.pid;
    cred->uid = p->cred.uid[ID_EFFECTIVE];
    cred->gid = p->cred.gid[ID_EFFECTIVE];
}

int socket_new(const struct socket_ops *ops, int family, int type, int protocol,
               struct socket **out)
{
    struct socket *s = kzalloc(sizeof(*s));

    if (s == NULL) {
        return -ENOMEM;
    }
    s->ops = ops;
    s->family = (u16)family;
    s->type = type;
    s->protocol = (u16)protocol;
    s->send_room = s->recv_room = SOCKET_ROOM;
    TAILQ_INIT(&s->queue);
    TAILQ_INIT(&s->backlog);
    LIST_INIT(&s->senders);
    waitq_init(&s->read_q);
    waitq_init(&s->write_q);
    LIST_INSERT_HEAD(&all_sockets, s, all_link);
    socket_cred_now(&s->cred);
    *out = s;
    return 0;
}

void socket_free(struct socket *s)
{
    struct sender *sender;

    s->ops->release(s);
    while ((sender = LIST_FIRST(&s->senders)) != NULL) {
        struct socket *from = sender->from;
        sender_leave(sender);
        socket_wake(from);
    }
    sender_leave(&s->sender);
    socket_flush(s);
    options_free(s);
    LIST_REMOVE(s, all_link);
    kfree(s);
}

int socket_take_error(struct socket *s)
{
    int error = s->error;

    s->error = 0;
    if (error != 0) {
        s->aborted = s->connecting && !s->connected;
    }
    return -error;
}

void socket_wake(struct socket *s)
{
    waitq_wake(&s->read_q, 1 << 30);
    waitq_wake(&s->write_q, 1 << 30);
}

/* A call with a timeout is not begun again after a signal: signal(7). */
int socket_wait(struct waitq *q, bool (*cond)(void *), void *arg, u64 timeout, bool wait)
{
    if (cond(arg)) {
        return 0;
    }
    if (!wait) {
        return -EAGAIN;
    }
    u64 deadline = timeout ? time_add(time_mono(), timeout) : HV_NO_DEADLINE;
    int rc = waitq_wait(q, cond, arg, deadline, true);
    if (rc == -ETIMEDOUT) {
        return -EAGAIN;
    }
    return rc < 0 ? (timeout ? -EINTR : -ERESTARTSYS) : 0;
}

bool socket_at_end(const struct socket *s)
{
    if (s->no_receive) {
        return true;
    }
    if (s->type == SOCK_DGRAM || s->type == SOCK_RAW) {
        return false;
    }
    return s->finished || (s->connected && (s->peer == NULL || s->peer->no_send));
}
