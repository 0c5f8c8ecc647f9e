// SPDX-License-Identifier: Apache-2.0
/*
 * epoll: an interest list of items, each of which stands in the wait queues of
 * its file. A wake-up puts the item on the ready list. Collecting asks the file
 * again, so the list may hold items that are not ready, but it never misses one
 * that is. An item is freed with its file's last reference or with the epoll.
 */
#include "fs/events.h"

#define ITEM_QUEUES 2 /* the most a file has: one to read, one to write */
#define NESTING_MAX 5 /* EP_MAX_NESTS is 4, epoll_ctl(2) ELOOP */

struct epitem;

struct item_wait {
    struct wait_entry entry;
    struct epitem *item;
};

struct epitem {
    TAILQ_ENTRY(epitem) all_link, ready_link;
    struct file_watch watch;
    struct epoll *ep;
    struct file *file; /* no reference: item_closed() tells when it goes */
    int fd;
    bool ready, disabled; /* disabled: EPOLLONESHOT has fired */
    struct epoll_event event;
    struct poll_table table;
    u32 queues;
    struct item_wait waits[ITEM_QUEUES];
};

TAILQ_HEAD(item_list, epitem);

struct epoll {
    struct item_list all, ready;
    struct waitq q;
    u32 ready_count;
};

static void set_ready(struct epitem *it)
{
    if (!it->ready) {
        it->ready = true;
        it->ep->ready_count++;
        TAILQ_INSERT_TAIL(&it->ep->ready, it, ready_link);
    }
}

static void clear_ready(struct epitem *it)
{
    if (it->ready) {
        KASSERT(it->ep->ready_count > 0);
        it->ready = false;
        it->ep->ready_count--;
        TAILQ_REMOVE(&it->ep->ready, it, ready_link);
    }
}

/* Called by the queue's waker. */
static void on_wake(struct wait_entry *e)
{
    struct epitem *it = CONTAINER_OF(e, struct item_wait, entry)->item;

    if (it->disabled) {
        return;
    }
    set_ready(it);
    waitq_wake(&it->ep->q, 1);
}

static void item_join(struct poll_table *pt, struct waitq *q)
{
    struct epitem *it = CONTAINER_OF(pt, struct epitem, table);

    KASSERT(it->queues < ITEM_QUEUES);
    struct item_wait *w = &it->waits[it->queues++];
    *w = (struct item_wait){.entry = {.fn = on_wake}, .item = it};
    waitq_add(q, &w->entry);
}

static void item_leave(struct epitem *it)
{
    for (u32 k = 0; k < it->queues; k++) {
        waitq_remove(&it->waits[k].entry);
    }
    it->queues = 0;
}

/* Puts the item into the file's wait queues (again) and checks whether the file is ready now. */
static void item_watch(struct epitem *it)
{
    item_leave(it);
    if (file_poll(it->file, &it->table) & (it->event.events | POLLERR | POLLHUP)) {
        set_ready(it);
    }
}

static void item_free(struct epitem *it)
{
    struct file_watch **at = &it->file->watches;

    item_leave(it);
    clear_ready(it);
    while (*at != &it->watch) {
        at = &(*at)->next;
    }
    *at = it->watch.next;
    TAILQ_REMOVE(&it->ep->all, it, all_link);
    kfree(it);
}

static void item_closed(struct file_watch *w)
{
    item_free(CONTAINER_OF(w, struct epitem, watch));
}

static void epoll_release(struct file *f)
{
    struct epoll *ep = f->priv;

    while (!TAILQ_EMPTY(&ep->all)) {
        item_free(TAILQ_FIRST(&ep->all));
    }
    kfree(ep);
}

/* The epoll itself can be polled: it is readable when some item on the ready list is really
 * ready. */
static u32 epoll_poll(struct file *f, struct poll_table *pt)
{
    struct epoll *ep = f->priv;
    struct epitem *it;

    poll_on(pt, &ep->q);
    TAILQ_FOREACH (it, &ep->ready, ready_link) {
        if (file_poll(it->file, NULL) & (it->event.events | POLLERR | POLLHUP)) {
            return POLLIN | POLLRDNORM;
        }
    }
    return 0;
}

static const struct file_ops epoll_ops = {
    .name = "eventpoll", .poll = epoll_poll, .release = epoll_release, .stream = true};

bool epoll_is(const struct file *f)
{
    return f->ops == &epoll_ops;
}

int epoll_create_file(struct file **out)
{
    struct epoll *ep = kzalloc(sizeof(*ep));

    if (ep == NULL) {
        return -ENOMEM;
    }
    TAILQ_INIT(&ep->all);
    TAILQ_INIT(&ep->ready);
    waitq_init(&ep->q);
    int rc = anon_file(&epoll_ops, ep, O_RDWR, out);
    if (rc < 0) {
        kfree(ep);
    }
    return rc;
}

/* Looks through the file's watches, which are few; an epoll may have many items. */
static struct epitem *epoll_find(const struct epoll *ep, const struct file *f, int fd)
{
    for (struct file_watch *w = f->watches; w != NULL; w = w->next) {
        struct epitem *it = CONTAINER_OF(w, struct epitem, watch);
        if (w->closed == item_closed && it->ep == ep && it->fd == fd) {
            return it;
        }
    }
    return NULL;
}

/* Does watching `f` from `ep` close a circle or nest too deep? */
static bool too_deep(const struct epoll *ep, struct file *f, int depth)
{
    struct epitem *it;

    if (!epoll_is(f)) {
        return false;
    }
    if (f->priv == ep || depth >= NESTING_MAX) {
        return true;
    }
    TAILQ_FOREACH (it, &((struct epoll *)f->priv)->all, all_link) {
        if (too_deep(ep, it->file, depth + 1)) {
            return true;
        }
    }
    return false;
}

static int epoll_add(struct epoll *ep, struct file *f, int fd, const struct epoll_event *event)
{
    struct epitem *it;

    if (f->ops->poll == NULL) {
        return -EPERM; /* regular files and directories */
    }
    if (too_deep(ep, f, 1)) {
        return -ELOOP;
    }
    it = kzalloc(sizeof(*it));
    if (it == NULL) {
        return -ENOMEM;
    }
    it->ep = ep;
    it->file = f;
    it->fd = fd;
    it->event = *event;
    it->table.add = item_join;
    it->watch = (struct file_watch){.next = f->watches, .closed = item_closed};
    f->watches = &it->watch;
    TAILQ_INSERT_TAIL(&ep->all, it, all_link);
    item_watch(it);
    if (it->ready) {
        waitq_wake(&ep->q, 1);
    }
    return 0;
}

/* EPOLLEXCLUSIVE (epoll_ctl(2)) goes with few flags, and is said once. Here each waiter is woken.
 */
static bool exclusive_refused(const struct epitem *there, const struct file *f, u32 events)
{
    const u32 allowed =
        POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;

    if (there != NULL && ((there->event.events | events) & EPOLLEXCLUSIVE) != 0) {
        return true;
    }
    return (events & EPOLLEXCLUSIVE) != 0 && (f->ops == &epoll_ops || (events & ~allowed) != 0);
}

int epoll_control(struct file *epf, int op, struct file *f, int fd, const struct epoll_event *event)
{
    struct epoll *ep = epf->priv;
    struct epitem *it;

    if (f == epf) {
        return -EINVAL;
    }
    it = epoll_find(ep, f, fd);
    switch (op) {
    case EPOLL_CTL_ADD:
        if (it != NULL) {
            return -EEXIST;
        }
        return exclusive_refused(NULL, f, event->events) ? -EINVAL : epoll_add(ep, f, fd, event);
    case EPOLL_CTL_DEL:
        if (it != NULL) {
            item_free(it);
        }
        return it != NULL ? 0 : -ENOENT;
    case EPOLL_CTL_MOD:
        if (it == NULL) {
            return -ENOENT;
        }
        if (exclusive_refused(it, f, event->events)) {
            return -EINVAL;
        }
        it->event = *event;
        it->disabled = false;
        clear_ready(it);
        item_watch(it);
        if (it->ready) {
            waitq_wake(&ep->q, 1);
        }
        return 0;
    default:
        return -EINVAL;
    }
}

/* Reports one item of the ready list. Returns 1, or 0 when its file is not ready after all. */
static int report(struct epitem *it, vaddr_t to)
{
    u32 mask = file_poll(it->file, NULL) & (it->event.events | POLLERR | POLLHUP);
    struct epoll_event out = {.events = mask, .data = it->event.data};

    clear_ready(it);
    if (!mask) {
        /* The host's stdin is watched only after a poll has found it empty. So poll it again:
         * item_watch() does that. */
        item_watch(it);
        return 0;
    }
    if (copy_to_user(to, &out, sizeof(out)) < 0) {
        set_ready(it);
        return -EFAULT;
    }
    if (it->event.events & EPOLLONESHOT) {
        it->disabled = true;
    } else if (!(it->event.events & EPOLLET)) {
        set_ready(it); /* level-triggered: it stays until it is found not ready */
    }
    return 1;
}

static long collect(struct epoll *ep, vaddr_t events, int max)
{
    u32 looks = ep->ready_count;
    long n = 0;

    for (; looks > 0 && n < max && !TAILQ_EMPTY(&ep->ready); looks--) {
        int rc = report(TAILQ_FIRST(&ep->ready), events + (u64)n * sizeof(struct epoll_event));
        if (rc < 0) {
            return n ? n : rc;
        }
        n += rc;
    }
    return n;
}

/* Waits for ready items and reports up to max of them. With deadline 0 it does not wait. */
long epoll_wait_events(struct file *epf, vaddr_t events, int max, u64 deadline)
{
    struct epoll *ep = epf->priv;
    struct wait_entry e = {.thread = current};
    int rc = 0;

    for (;;) {
        long n = collect(ep, events, max);
        if (n || deadline == 0 || rc == -ETIMEDOUT) {
            return n;
        }
        if (rc < 0) {
            return -EINTR;
        }
        waitq_add(&ep->q, &e);
        rc = thread_block(deadline, true);
        waitq_remove(&e);
    }
}
