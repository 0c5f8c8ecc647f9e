// SPDX-License-Identifier: Apache-2.0
/*
 * Pipes and FIFOs: a ring of bytes in frames. A write of up to PIPE_BUF bytes
 * is all or nothing. A page of the ring is allocated when data first reaches
 * it, so an idle pipe costs no more than its structure.
 */
#include "fs/vfs.h"

#include <asm/ioctls.h>

#define PIPE_BUF_SIZE 4096u /* PIPE_BUF, pipe(7) */
#define PIPE_DEFAULT  65536u
#define PIPE_MAX      (1u << 20)

/* The bytes of a write with O_DIRECT (pipe(2)), up to PIPE_BUF of them: a read takes no more, and
 * what it has no room for is lost. */
struct packet {
    STAILQ_ENTRY(packet) link;
    u32 start, end; /* as head and tail of the pipe */
};

struct pipe {
    u8 **pages;
    u32 capacity;                   /* a power of two, a multiple of the page size */
    u32 head, tail;                 /* bytes written and read, mod 2^32 */
    u32 readers, writers;           /* open files */
    u32 reader_opens, writer_opens; /* how many opens ever, for FIFOs */
    u32 files;
    u32 packet_count;
    STAILQ_HEAD(, packet) packets;
    struct waitq read_q, write_q;
};

static u32 used(const struct pipe *p)
{
    return p->head - p->tail;
}

static struct pipe *pipe_new(void)
{
    struct pipe *p = kzalloc(sizeof(*p));

    if (p == NULL) {
        return NULL;
    }
    p->capacity = PIPE_DEFAULT;
    p->pages = kzalloc(PIPE_DEFAULT / PAGE_SIZE * sizeof(*p->pages));
    if (p->pages == NULL) {
        kfree(p);
        return NULL;
    }
    STAILQ_INIT(&p->packets);
    waitq_init(&p->read_q);
    waitq_init(&p->write_q);
    return p;
}

static void free_pages(u8 **pages, u32 capacity)
{
    for (u32 k = 0; k < capacity / PAGE_SIZE; k++) {
        if (pages[k] != NULL) {
            pmm_free((paddr_t)pages[k], 1);
        }
    }
    kfree(pages);
}

/* The place of the stream's byte `at`, and in *run how many bytes lie together from there. NULL:
 * out of memory. */
static u8 *ring_at(struct pipe *p, u32 at, u32 *run)
{
    u32 off = at & (p->capacity - 1);
    u8 **page = &p->pages[off / PAGE_SIZE];

    *run = (u32)(PAGE_SIZE - (off & PAGE_MASK));
    if (*page == NULL) {
        paddr_t frame = pmm_alloc(1, 0);
        if (!frame) {
            return NULL;
        }
        *page = phys_ptr(frame);
    }
    return *page + (off & PAGE_MASK);
}

/* Copies the next bytes, which stay in the pipe. */
static ssize_t look(struct pipe *p, vaddr_t buf, size_t n)
{
    size_t done = 0;

    n = MIN(n, used(p));
    while (done < n) {
        u32 run;
        const u8 *from = ring_at(p, p->tail + (u32)done, &run);
        size_t piece = MIN(n - done, run);
        if (copy_to_user(buf + done, from, piece) < 0) {
            return done ? (ssize_t)done : -EFAULT;
        }
        done += piece;
    }
    return (ssize_t)done;
}

static ssize_t pipe_put(struct pipe *p, vaddr_t buf, size_t n)
{
    size_t done = 0, full = used(p);

    KASSERT(full <= p->capacity);
    n = MIN(n, p->capacity - full);
    while (done < n) {
        u32 run;
        u8 *to = ring_at(p, p->head, &run);
        size_t piece = MIN(n - done, run);
        if (to == NULL) {
            return done ? (ssize_t)done : -ENOMEM;
        }
        if (copy_from_user(to, buf + done, piece) < 0) {
            return done ? (ssize_t)done : -EFAULT;
        }
        p->head += (u32)piece;
        done += piece;
    }
    return (ssize_t)done;
}

/* How many bytes one read may take: to the end of a packet, or to its start. */
static u32 reach(const struct pipe *p, bool *packet)
{
    const struct packet *k = STAILQ_FIRST(&p->packets);

    *packet = k != NULL && (int)(p->tail - k->start) >= 0;
    return k == NULL ? used(p) : (*packet ? k->end : k->start) - p->tail;
}

static void packet_free(struct pipe *p)
{
    struct packet *k = STAILQ_FIRST(&p->packets);

    STAILQ_REMOVE_HEAD(&p->packets, link);
    p->packet_count--;
    kfree(k);
}

static bool pipe_may_read(void *arg)
{
    struct pipe *p = arg;

    return used(p) > 0 || p->writers == 0;
}

ssize_t pipe_peek(struct file *f, vaddr_t buf, size_t n, bool wait)
{
    struct pipe *p = f->priv;

    if (n == 0) {
        return 0;
    }
    while (used(p) == 0) {
        if (p->writers == 0) {
            return 0;
        }
        if (!wait) {
            return -EAGAIN;
        }
        if (waitq_wait(&p->read_q, pipe_may_read, p, HV_NO_DEADLINE, true) < 0) {
            return -ERESTARTSYS;
        }
    }
    return look(p, buf, MIN(n, reach(p, &(bool){false})));
}

void pipe_skip(struct file *f, size_t n)
{
    struct pipe *p = f->priv;

    const struct packet *k;

    p->tail += (u32)MIN(n, used(p));
    while ((k = STAILQ_FIRST(&p->packets)) != NULL && (int)(p->tail - k->end) >= 0) {
        packet_free(p);
    }
    waitq_wake(&p->write_q, 1);
}

static ssize_t pipe_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    ssize_t rc = pipe_peek(f, buf, n, !(f->flags & O_NONBLOCK));

    (void)pos;
    if (rc > 0) {
        bool packet;
        u32 all = reach(f->priv, &packet);
        pipe_skip(f, packet ? all : (size_t)rc);
    }
    return rc;
}

struct room {
    struct pipe *p;
    u32 need;
    bool packet; /* which takes a page, however small it is */
};

static bool may_write(void *arg)
{
    struct room *r = arg;

    bool place = !r->packet || r->p->packet_count < r->p->capacity / PAGE_SIZE;

    return (place && r->p->capacity - used(r->p) >= r->need) || r->p->readers == 0;
}

static ssize_t broken_pipe(void)
{
    signal_send(cur_proc(), current, SIGPIPE, 0, 0);
    return -EPIPE;
}

long pipe_room(struct file *f, bool wait)
{
    struct pipe *p = f->priv;
    struct room room = {p, 1, false};

    while (p->readers > 0 && !may_write(&room)) {
        if (!wait) {
            return -EAGAIN;
        }
        if (waitq_wait(&p->write_q, may_write, &room, HV_NO_DEADLINE, true) < 0) {
            return -ERESTARTSYS;
        }
    }
    return p->readers > 0 ? (long)(p->capacity - used(p)) : broken_pipe();
}

static ssize_t put_packet(struct pipe *p, vaddr_t buf, size_t n)
{
    struct packet *k = kmalloc(sizeof(*k));
    ssize_t rc;

    if (k == NULL) {
        return -ENOMEM;
    }
    k->start = p->head;
    rc = pipe_put(p, buf, n);
    if (rc <= 0) {
        kfree(k);
        return rc;
    }
    k->end = p->head;
    STAILQ_INSERT_TAIL(&p->packets, k, link);
    p->packet_count++;
    return rc;
}

static ssize_t pipe_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct pipe *p = f->priv;
    bool packet = (f->flags & O_DIRECT) != 0;
    size_t done = 0;

    (void)pos;
    while (done < n) {
        size_t piece = packet ? MIN(n - done, PIPE_BUF_SIZE) : n - done;
        struct room room = {p, packet || n <= PIPE_BUF_SIZE ? (u32)piece : 1, packet};
        if (p->readers == 0) {
            return done ? (ssize_t)done : broken_pipe();
        }
        if (!may_write(&room)) {
            if (f->flags & O_NONBLOCK) {
                return done ? (ssize_t)done : -EAGAIN;
            }
            if (waitq_wait(&p->write_q, may_write, &room, HV_NO_DEADLINE, true) < 0) {
                return done ? (ssize_t)done : -ERESTARTSYS;
            }
            continue;
        }
        ssize_t rc = packet ? put_packet(p, buf + done, piece) : pipe_put(p, buf + done, piece);
        if (rc < 0) {
            return done ? (ssize_t)done : rc;
        }
        done += (size_t)rc;
        waitq_wake(&p->read_q, 1);
    }
    return (ssize_t)done;
}

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
    struct pipe *p = f->priv;
    u32 mask = 0;

    if (file_readable(f)) {
        poll_on(pt, &p->read_q);
        if (used(p)) {
            mask |= POLLIN | POLLRDNORM;
        }
        if (p->writers == 0 && p->writer_opens) {
            mask |= POLLHUP;
        }
    }
    if (file_writable(f)) {
        poll_on(pt, &p->write_q);
        if (p->capacity - used(p) >= PIPE_BUF_SIZE) {
            mask |= POLLOUT | POLLWRNORM;
        }
        if (p->readers == 0) {
            mask |= POLLERR;
        }
    }
    return mask;
}

static long pipe_ioctl(struct file *f, u32 cmd, vaddr_t arg)
{
    int n = (int)used(f->priv);

    return cmd == FIONREAD ? copy_to_user(arg, &n, sizeof(n)) : -ENOTTY;
}

static void pipe_release(struct file *f)
{
    struct pipe *p = f->priv;
    bool reads = file_readable(f), writes = file_writable(f);

    KASSERT(p->files > 0 && (!reads || p->readers > 0) && (!writes || p->writers > 0));
    if (reads && --p->readers == 0) {
        waitq_wake(&p->write_q, 1 << 30);
    }
    if (writes && --p->writers == 0) {
        waitq_wake(&p->read_q, 1 << 30);
    }
    if (--p->files == 0) {
        f->inode->u.priv = NULL;
        while (!STAILQ_EMPTY(&p->packets)) {
            packet_free(p);
        }
        free_pages(p->pages, p->capacity);
        kfree(p);
    }
}

static const struct file_ops pipe_ops = {
    .name = "pipe",
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .ioctl = pipe_ioctl,
    .release = pipe_release,
    .stream = true,
};

bool pipe_is(const struct file *f)
{
    return f->ops == &pipe_ops;
}

/* Joins a file to the inode's pipe, which lives as long as a file has it open. */
static int attach(struct inode *i, struct file *f)
{
    struct pipe *p = i->u.priv;

    if (p == NULL) {
        p = pipe_new();
        if (p == NULL) {
            return -ENOMEM;
        }
        i->u.priv = p;
    }
    f->ops = &pipe_ops;
    f->priv = p;
    p->files++;
    if (file_readable(f)) {
        p->readers++;
        p->reader_opens++;
        waitq_wake(&p->write_q, 1 << 30);
    }
    if (file_writable(f)) {
        p->writers++;
        p->writer_opens++;
        waitq_wake(&p->read_q, 1 << 30);
    }
    return 0;
}

struct partner {
    u32 *opens, before;
};

static bool partner_came(void *arg)
{
    struct partner *w = arg;

    return *w->opens != w->before;
}

/* fifo(7): opening waits for the other side, except with O_NONBLOCK or O_RDWR. */
static int fifo_open(struct inode *i, struct file *f)
{
    int rc = attach(i, f);
    struct pipe *p = f->priv;
    bool reads = file_readable(f), writes = file_writable(f);

    if (rc < 0 || (reads && writes)) {
        return rc;
    }
    struct partner w = {reads ? &p->writer_opens : &p->reader_opens, 0};
    w.before = *w.opens;
    if ((reads ? p->writers : p->readers) > 0) {
        return 0;
    }
    if (f->flags & O_NONBLOCK) {
        rc = reads ? 0 : -ENXIO;
    } else if (waitq_wait(reads ? &p->read_q : &p->write_q, partner_came, &w, HV_NO_DEADLINE,
                          true) < 0) {
        rc = -ERESTARTSYS;
    }
    if (rc < 0) {
        pipe_release(f); /* inode_open() will not call it */
    }
    return rc;
}

const struct inode_ops fifo_inode_ops = {.open = fifo_open};

/* A pipe without a name that is opened by /proc/PID/fd waits for nobody: its other side may have
 * been closed for good. */
static const struct inode_ops pipe_inode_ops = {.open = attach};

int pipe_create(u32 flags, struct file *out[2])
{
    static const u32 access[2] = {O_RDONLY, O_WRONLY};
    struct inode *i = anon_inode(S_IFIFO | 0600);
    int rc = 0;

    if (i == NULL) {
        return -ENFILE;
    }
    i->ops = &pipe_inode_ops;
    out[1] = NULL;
    for (int k = 0; rc == 0 && k < 2; k++) {
        out[k] = file_new(i, access[k] | (flags & (O_NONBLOCK | O_DIRECT)), NULL);
        rc = out[k] != NULL ? attach(i, out[k]) : -ENFILE;
        if (rc < 0 && out[k] != NULL) {
            file_put(out[k]);
        }
        if (rc < 0 && k == 1) {
            file_put(out[0]);
        }
    }
    inode_put(i);
    return rc;
}

static int resize(struct pipe *p, u32 capacity)
{
    u8 **pages = kzalloc(capacity / PAGE_SIZE * sizeof(*pages));
    struct pipe next = *p;

    if (pages == NULL) {
        return -ENOMEM;
    }
    next.pages = pages;
    next.capacity = capacity;
    for (u32 at = p->tail; at != p->head;) {
        u32 from_run, to_run;
        u8 *from = ring_at(p, at, &from_run), *to = ring_at(&next, at, &to_run);
        if (to == NULL) {
            free_pages(pages, capacity);
            return -ENOMEM;
        }
        u32 n = MIN(MIN(from_run, to_run), p->head - at);
        memcpy(to, from, n);
        at += n;
    }
    free_pages(p->pages, p->capacity);
    p->pages = pages;
    p->capacity = capacity;
    waitq_wake(&p->write_q, 1);
    return 0;
}

long pipe_size(struct file *f, long set)
{
    struct pipe *p = f->priv;
    u32 capacity = PAGE_SIZE;

    if (set < 0) {
        return p->capacity;
    }
    if (set > PIPE_MAX) {
        return -EPERM;
    }
    while (capacity < set) {
        capacity *= 2;
    }
    if (capacity < used(p)) {
        return -EBUSY;
    }
    int rc = resize(p, capacity);
    return rc < 0 ? rc : (long)capacity;
}
