// SPDX-License-Identifier: Apache-2.0
/*
 * Messages between sockets: making, queueing and taking them. A sender waits
 * while the queue of the other side is full. As on Linux the message that fills
 * it may be longer than the room that is left, so a socket that polls writable
 * takes a message of any size.
 */
#include "net/socket.h"

#define ROOM_STEP 512u /* what a short message of a stream has for more */

struct message *message_new(size_t len)
{
    size_t room = len < ROOM_STEP ? ROOM_STEP : len;
    struct message *m = kmalloc(sizeof(*m) + room);

    if (m != NULL) {
        memset(m, 0, sizeof(*m));
        m->len = len;
        m->room = room;
    }
    return m;
}

void files_free(struct passed_files *files)
{
    if (files == NULL) {
        return;
    }
    for (u32 k = 0; k < files->count; k++) {
        file_put(files->file[k]);
    }
    kfree(files);
}

void message_free(struct message *m)
{
    files_free(m->files);
    kfree(m->from);
    kfree(m);
}

/* Moves n bytes between kernel memory and the buffers at the cursor. */
int cursor_move(struct cursor *c, u8 *mem, size_t n, bool to_user)
{
    while (n > 0 && c->index < c->count) {
        const struct socket_io *io = &c->io[c->index];
        size_t piece = MIN(n, io->n - c->off);
        vaddr_t at = io->buf + c->off;
        if (piece &&
            (to_user ? copy_to_user(at, mem, piece) : copy_from_user(mem, at, piece)) < 0) {
            return -EFAULT;
        }
        mem += piece;
        n -= piece;
        c->off += piece;
        if (c->off == io->n) {
            c->index++;
            c->off = 0;
        }
    }
    return 0;
}

bool socket_has_room(const struct socket *s)
{
    return s->queued < s->recv_room;
}

void message_put(struct socket *to, struct message *m)
{
    TAILQ_INSERT_TAIL(&to->queue, m, link);
    to->queued += m->len - m->off;
    waitq_wake(&to->read_q, 1);
}

ssize_t message_extend(struct socket *to, struct cursor *c, size_t n)
{
    struct message *m = TAILQ_LAST(&to->queue, message_list);

    if (m == NULL || m->files != NULL || m->room == m->len) {
        return 0;
    }
    n = MIN(n, m->room - m->len);
    if (cursor_move(c, m->data + m->len, n, false) < 0) {
        return -EFAULT;
    }
    m->len += n;
    to->queued += n;
    waitq_wake(&to->read_q, 1);
    return (ssize_t)n;
}

void message_tell_room(struct socket *s)
{
    struct sender *sender;

    if (s->peer != NULL) {
        waitq_wake(&s->peer->write_q, 1);
    }
    LIST_FOREACH (sender, &s->senders, link) {
        waitq_wake(&sender->from->write_q, 1);
    }
}

/* Is it time to wake who waits to send to s? Of a stream, when half of the room is free, as on
 * Linux about. Woken for each piece, sender and receiver would take turns, which is expensive
 * between processes. */
static bool is_roomy(const struct socket *s)
{
    if (s->peer == NULL || s->type != SOCK_STREAM) {
        return true;
    }
    size_t room = s->peer->send_room + (s->family != AF_UNIX ? s->recv_room : 0);
    return s->queued <= room / 2;
}

void message_take(struct socket *s, struct message *m, size_t n)
{
    KASSERT(n <= m->len - m->off && n <= s->queued);
    m->off += n;
    s->queued -= n;
    s->before_mark -= MIN(s->before_mark, n);
    if (m->off == m->len) {
        TAILQ_REMOVE(&s->queue, m, link);
        message_free(m);
    }
    if (is_roomy(s)) {
        message_tell_room(s);
    }
}

void socket_flush(struct socket *s)
{
    struct message *m;

    while ((m = TAILQ_FIRST(&s->queue)) != NULL) {
        TAILQ_REMOVE(&s->queue, m, link);
        message_free(m);
    }
    s->queued = 0;
}

void sender_join(struct sender *sender, struct socket *from, struct socket *to)
{
    sender->from = from;
    sender->to = to;
    LIST_INSERT_HEAD(&to->senders, sender, link);
}

void sender_leave(struct sender *sender)
{
    if (sender->to != NULL) {
        LIST_REMOVE(sender, link);
        sender->to = NULL;
    }
}
