// SPDX-License-Identifier: Apache-2.0
/*
 * HV_TOOL_DEVICE: calls of functions of the host. Each file opened on it makes
 * one call at a time: a write is the request, reading gives the reply. The
 * request stays in the kernel's memory until it is answered, and the table of
 * hv_shared.requests says where, so that a copy of the machine knows its calls.
 *
 * A reply that the host gives whole by one call of it is copied here, and the
 * host is done with the request. The host keeps a larger one, and each read
 * fetches what it can give. Calls that are answered later are told of by
 * HV_HANDLE_TOOL, for which one entry waits that belongs to no thread.
 */
#include "fs/vfs.h"

#define WINDOW       ((u64)HV_CALL_BYTES) /* as much of a reply as one call gives */
#define WINDOW_PAGES (WINDOW / PAGE_SIZE)

enum tool_state { TOOL_IDLE, TOOL_OPEN, TOOL_ANSWERED };

struct tool {
    enum tool_state state;
    bool held;       /* the host has the call, and the entry `index` of the table is its own */
    u32 index;       /* in the table */
    void *request;   /* while the call is open */
    const u8 *reply; /* the whole reply, or NULL: the host has it */
    u64 size;        /* of the reply with its header; 0: not known yet */
    u64 given;       /* of it, to the program */
    struct waitq answered;
};

static KERNEL_COLD struct hv_request requests[HV_REQUESTS];
static KERNEL_COLD struct tool *owners[HV_REQUESTS];
static struct {
    paddr_t window; /* where the host puts replies, for one moment each */
    u64 last_id;
    u32 held; /* entries of the table that are in use */
    u32 open; /* calls without an answer */
} calls;

/* The reply to a call whose run has ended: the host has forgotten it. */
static const struct {
    struct hv_reply head;
    char
        text[sizeof("ConnectionAbortedError") + sizeof("the run that made the call has ended") - 1];
} lost = {.head = {.failed = 1, .size = sizeof(lost.text)},
          .text = "ConnectionAbortedError\0the run that made the call has ended"};

static void *reply_window(void)
{
    return phys_ptr(calls.window);
}

/* A free entry of the table, or HV_REQUESTS. */
static u32 entry_free(void)
{
    u32 k = 0;

    while (k < HV_REQUESTS && owners[k] != NULL) {
        k++;
    }
    return k;
}

static void entry_take(struct tool *t, u32 index, void *request, size_t n)
{
    t->state = TOOL_OPEN;
    t->held = true;
    t->index = index;
    t->request = request;
    owners[index] = t;
    requests[index] =
        (struct hv_request){.id = ++calls.last_id, .bytes = (hv_gpa_t)request, .size = n};
    hv_shared()->requests = (hv_gpa_t)requests;
    calls.held++;
    calls.open++;
}

/* The host has forgotten the call. */
static void entry_release(struct tool *t)
{
    owners[t->index] = NULL;
    requests[t->index] = (struct hv_request){.id = 0};
    t->held = false;
    calls.held--;
}

static void call_answered(struct tool *t)
{
    kfree(t->request);
    t->request = NULL;
    t->state = TOOL_ANSWERED;
    calls.open--;
}

/* The call is over, whatever has become of it. */
static void call_end(struct tool *t)
{
    if (t->state == TOOL_OPEN) {
        call_answered(t);
    }
    if (t->held) {
        hv_call(HV_CALL_FORGET, t->index);
        entry_release(t);
    }
    if (t->reply != NULL && t->reply != (const u8 *)&lost) {
        kfree((void *)(u64)t->reply);
    }
    t->state = TOOL_IDLE;
    t->reply = NULL;
    t->size = t->given = 0;
}

/* Copies a whole reply out of the window. */
static int reply_keep(struct tool *t, u64 size)
{
    u8 *copy = kmalloc(size);

    entry_release(t);
    if (copy == NULL) {
        call_end(t);
        return -ENOMEM;
    }
    t->reply = memcpy(copy, reply_window(), size);
    t->size = size;
    return 0;
}

/* The host has answered calls: finds out which. It runs where ready handles are handled. */
static void take_answers(struct wait_entry *e)
{
    s64 index;

    (void)e;
    while (calls.open > 0 && (index = hv_call(HV_CALL_ANSWERED, 0)) >= 0) {
        if (index >= HV_REQUESTS || owners[index] == NULL || owners[index]->state != TOOL_OPEN) {
            panic("the host has answered the request %ld, which is not open", (long)index);
        }
        call_answered(owners[index]);
        waitq_wake(&owners[index]->answered, 1);
    }
    if (calls.open > 0) {
        handle_watch(HV_HANDLE_TOOL);
    }
}

static void tool_watch(void)
{
    static KERNEL_COLD struct wait_entry entry;

    if (entry.q == NULL) {
        entry.fn = take_answers;
        waitq_add(handle_queue(HV_HANDLE_TOOL), &entry);
    }
    handle_watch(HV_HANDLE_TOOL);
}

/* Makes the call that stands in the table. */
static int call_make(struct tool *t)
{
    s64 n = hv_call(HV_CALL_TOOL, t->index, calls.window, WINDOW);

    if (n == -EAGAIN) {
        tool_watch();
        return 0;
    }
    if (n < (s64)sizeof(struct hv_reply)) {
        panic("the host gave a reply of %ld bytes", (long)n);
    }
    call_answered(t);
    t->size = (u64)n;
    return (u64)n <= WINDOW ? reply_keep(t, (u64)n) : 0;
}

static ssize_t tool_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct tool *t = f->priv;
    u32 index;

    (void)pos;
    if (t->state == TOOL_OPEN) {
        return -EBUSY;
    }
    if (n == 0) {
        return -EINVAL;
    }
    if (n > HV_REQUEST_MAX) {
        return -EMSGSIZE;
    }
    call_end(t); /* what was not read of the reply before is dropped */
    index = entry_free();
    if (index == HV_REQUESTS) {
        return -EAGAIN;
    }
    void *request = kmalloc(n);
    if (request == NULL) {
        return -ENOMEM;
    }
    if (copy_from_user(request, buf, n) < 0) {
        kfree(request);
        return -EFAULT;
    }
    entry_take(t, index, request, n);
    int rc = call_make(t);
    return rc < 0 ? rc : (ssize_t)n;
}

static bool tool_may_read(void *arg)
{
    return ((struct tool *)arg)->state != TOOL_OPEN;
}

/* The first bytes of a reply that the host has. It is kept whole if the window has all of it. */
static int reply_begin(struct tool *t)
{
    struct hv_reply head;
    s64 got = hv_call(HV_CALL_REPLY, t->index, 0, calls.window, WINDOW);

    if (got < (s64)sizeof(head)) {
        panic("the host gave %ld bytes of a reply", (long)got);
    }
    memcpy(&head, reply_window(), sizeof(head));
    t->size = sizeof(head) + head.size;
    return t->size <= WINDOW ? reply_keep(t, t->size) : 0;
}

/* The next n bytes of the reply, at most as many as the window has room for; *from is where they
 * are. */
static ssize_t reply_piece(struct tool *t, size_t n, const u8 **from)
{
    if (t->reply != NULL) {
        *from = t->reply + t->given;
        return (ssize_t)n;
    }
    n = MIN(n, WINDOW);
    *from = reply_window();
    s64 got = hv_call(HV_CALL_REPLY, t->index, t->given, calls.window, n);
    return got == (s64)n ? got : -EIO;
}

static ssize_t reply_give(struct tool *t, vaddr_t buf, size_t n)
{
    size_t done = 0;

    while (done < n) {
        const u8 *from;
        ssize_t piece = reply_piece(t, n - done, &from);
        if (piece >= 0 && copy_to_user(buf + done, from, (size_t)piece) < 0) {
            piece = -EFAULT;
        }
        if (piece < 0) {
            return done ? (ssize_t)done : piece;
        }
        done += (size_t)piece;
        t->given += (size_t)piece;
    }
    return (ssize_t)done;
}

static ssize_t tool_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct tool *t = f->priv;
    ssize_t rc = 0;

    (void)pos;
    if (t->state == TOOL_OPEN && (f->flags & O_NONBLOCK)) {
        return -EAGAIN;
    }
    if (waitq_wait(&t->answered, tool_may_read, t, HV_NO_DEADLINE, true) < 0) {
        return -ERESTARTSYS;
    }
    if (t->state == TOOL_IDLE || n == 0) {
        return 0;
    }
    if (t->size > 0 && t->given == t->size) {
        call_end(t);
        return 0;
    }
    if (t->size == 0) {
        rc = reply_begin(t);
    }
    if (rc == 0) {
        rc = reply_give(t, buf, MIN(n, t->size - t->given));
    }
    if (t->held && t->size > 0 && t->given == t->size) {
        hv_call(HV_CALL_FORGET, t->index);
        entry_release(t);
    }
    return rc;
}

static u32 tool_poll(struct file *f, struct poll_table *pt)
{
    const struct tool *t = f->priv;

    poll_on(pt, &((struct tool *)f->priv)->answered);
    if (t->state == TOOL_OPEN) {
        return 0;
    }
    return POLLOUT | POLLWRNORM | (t->state == TOOL_ANSWERED ? POLLIN | POLLRDNORM : 0);
}

static void tool_release(struct file *f)
{
    call_end(f->priv);
    kfree(f->priv);
}

static const struct file_ops tool_ops = {
    .name = "pyhl-tool",
    .read = tool_read,
    .write = tool_write,
    .poll = tool_poll,
    .release = tool_release,
    .stream = true,
    .whole = HV_REQUEST_MAX,
};

int tooldev_open(struct inode *i, struct file *f)
{
    struct tool *t;

    (void)i;
    if (!calls.window) {
        calls.window = pmm_alloc(WINDOW_PAGES, 0);
    }
    if (!calls.window || (t = kzalloc(sizeof(*t))) == NULL) {
        return -ENOMEM;
    }
    waitq_init(&t->answered);
    f->priv = t;
    f->ops = &tool_ops;
    return 0;
}

void tooldev_run_ends(void)
{
    for (u32 k = 0; calls.held > 0 && k < HV_REQUESTS; k++) {
        struct tool *t = owners[k];
        if (t == NULL) {
            continue;
        }
        if (t->state == TOOL_OPEN) {
            call_answered(t);
            waitq_wake(&t->answered, 1);
        }
        entry_release(t);
        if (t->given == 0) {
            t->reply = (const u8 *)&lost;
            t->size = sizeof(lost.head) + lost.head.size;
        } else { /* the rest of a large reply is gone */
            t->size = t->given;
        }
    }
}
