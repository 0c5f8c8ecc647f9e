// SPDX-License-Identifier: Apache-2.0
/*
 * Waiting on many files at once. A poller stands in the wait queues of all of
 * them while its thread is blocked. A wake-up says nothing about a file: all
 * files are asked again, so a wake-up for nothing costs one scan and no more.
 */
#include "fs/events.h"

#define CHUNK 31u /* entries of one allocation */

struct chunk {
    struct chunk *next;
    struct wait_entry entries[CHUNK];
};

struct poller {
    struct poll_table table;
    struct chunk *chunks;
    u32 used; /* in the first chunk */
    bool failed;
};

static void join(struct poll_table *pt, struct waitq *q)
{
    struct poller *p = CONTAINER_OF(pt, struct poller, table);

    if (p->chunks == NULL || p->used == CHUNK) {
        struct chunk *c = kmalloc(sizeof(*c));
        if (c == NULL) {
            p->failed = true;
            return;
        }
        c->next = p->chunks;
        p->chunks = c;
        p->used = 0;
    }
    struct wait_entry *e = &p->chunks->entries[p->used++];
    *e = (struct wait_entry){.thread = current};
    waitq_add(q, e);
}

struct poller *poller_new(void)
{
    struct poller *p = kzalloc(sizeof(*p));

    if (p != NULL) {
        p->table.add = join;
    }
    return p;
}

struct poll_table *poller_table(struct poller *p)
{
    return &p->table;
}

bool poller_failed(const struct poller *p)
{
    return p->failed;
}

void poller_leave(struct poller *p)
{
    for (struct chunk *c = p->chunks, *next; c != NULL; c = next) {
        u32 used = c == p->chunks ? p->used : CHUNK;
        for (u32 k = 0; k < used; k++) {
            waitq_remove(&c->entries[k]);
        }
        next = c->next;
        if (c != p->chunks) {
            kfree(c);
        }
    }
    if (p->chunks != NULL) {
        p->chunks->next = NULL;
    }
    p->used = 0;
}

void poller_free(struct poller *p)
{
    if (p == NULL) {
        return;
    }
    poller_leave(p);
    kfree(p->chunks);
    kfree(p);
}

/* Fills in revents and returns how many files are ready. With a poller, the thread enters the
 * wait queues of the files up to the first that is ready. refs keeps the files open meanwhile. */
static long scan(struct pollfd *fds, struct file **refs, size_t n, struct poller *p)
{
    long ready = 0;

    for (size_t k = 0; k < n; k++) {
        fds[k].revents = 0;
        if (fds[k].fd < 0) {
            continue;
        }
        u32 mask = POLLNVAL;
        if (refs[k] != NULL) {
            u32 wanted = (u16)fds[k].events | POLLERR | POLLHUP;
            mask = file_poll(refs[k], p != NULL && !ready ? poller_table(p) : NULL);
            if (mask != POLLNVAL) {
                mask &= wanted;
            }
        }
        fds[k].revents = (short)mask;
        ready += mask != 0;
    }
    return ready;
}

static long poll_loop(struct pollfd *fds, struct file **refs, size_t n, u64 deadline)
{
    long ready = scan(fds, refs, n, NULL);
    struct poller *p;
    int rc = 0;

    if (ready || deadline == 0) {
        return ready;
    }
    p = poller_new();
    if (p == NULL) {
        return -ENOMEM;
    }
    for (;;) {
        ready = scan(fds, refs, n, p);
        if (poller_failed(p)) {
            ready = -ENOMEM;
        }
        if (ready || rc == -ETIMEDOUT) {
            break;
        }
        if (rc < 0) {
            ready = -EINTR;
            break;
        }
        rc = thread_block(deadline, true);
        poller_leave(p);
    }
    poller_free(p);
    return ready;
}

/* As poll(2). With deadline 0 it does not wait. -EINTR when a signal ended the wait. */
long poll_files(struct pollfd *fds, size_t n, u64 deadline)
{
    struct file **refs = kzalloc(MAX(n, 1ul) * sizeof(*refs));
    long rc;

    if (refs == NULL) {
        return -ENOMEM;
    }
    for (size_t k = 0; k < n; k++) {
        refs[k] = fds[k].fd >= 0 ? fd_get(fds[k].fd) : NULL;
    }
    rc = poll_loop(fds, refs, n, deadline);
    for (size_t k = 0; k < n; k++) {
        if (refs[k] != NULL) {
            file_put(refs[k]);
        }
    }
    kfree(refs);
    return rc;
}
