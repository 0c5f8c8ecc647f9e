// SPDX-License-Identifier: Apache-2.0
/*
 * The host's streams: descriptors 0, 1 and 2 of the program. Each run says what they are (struct
 * hv_streams): pipes, a terminal (terminal.c), for stdin also a file. One that is closed on the
 * host is closed here, too. Input comes from the host a buffer at a time. Only poll() and FIONREAD,
 * which must know of input without taking it, leave bytes in the peek buffer.
 */
#include "fs/vfs.h"

#include <asm/ioctls.h>

#define BOUNCE    HV_CALL_BYTES
#define PEEK_SIZE 4096u

static u8 *peek_buf;
static u32 peek_off, peek_len;
static bool peek_eof;
static struct file *stream_files[3]; /* as made at boot; the program may have closed them */

static s64 host_read(void *buf, size_t n)
{
    return hv_call(HV_CALL_STDIN, (u64)buf, n);
}

/* Would a read return at once? */
static bool stdin_ready(void)
{
    if (peek_len || peek_eof) {
        return true;
    }
    if (peek_buf == NULL && (peek_buf = kmalloc(PEEK_SIZE)) == NULL) {
        return false;
    }
    s64 n = host_read(peek_buf, PEEK_SIZE);
    if (n == -EAGAIN) {
        return false;
    }
    peek_off = 0;
    peek_len = n > 0 ? (u32)n : 0;
    peek_eof = n <= 0;
    return true;
}

static ssize_t read_peeked(vaddr_t buf, size_t n)
{
    n = MIN(n, peek_len);
    if (copy_to_user(buf, peek_buf + peek_off, n) < 0) {
        return -EFAULT;
    }
    peek_off += (u32)n;
    peek_len -= (u32)n;
    return (ssize_t)n;
}

static ssize_t read_host(vaddr_t buf, size_t n, void *bounce, size_t bounce_size)
{
    s64 got = host_read(bounce, MIN(n, bounce_size));

    if (got > 0 && copy_to_user(buf, bounce, (size_t)got) < 0) {
        return -EFAULT;
    }
    return got;
}

static ssize_t wait_for_host(struct file *f, vaddr_t buf, size_t n, void *bounce,
                             size_t bounce_size)
{
    struct waitq *q = handle_queue(HV_HANDLE_STDIN);
    struct wait_entry e = {.thread = current};
    ssize_t rc;

    for (;;) {
        rc = peek_len ? read_peeked(buf, n) : read_host(buf, n, bounce, bounce_size);
        if (rc != -EAGAIN) {
            return rc;
        }
        if (f->flags & O_NONBLOCK) {
            /* An epoll item in the queue, if edge-triggered, is not polled again until it is
             * woken: go on watching the host for it. */
            if (!TAILQ_EMPTY(&q->list)) {
                handle_watch(HV_HANDLE_STDIN);
            }
            return rc;
        }
        waitq_add(q, &e);
        handle_watch(HV_HANDLE_STDIN);
        int interrupted = thread_block(HV_NO_DEADLINE, true);
        waitq_remove(&e);
        if (interrupted < 0) {
            return -ERESTARTSYS;
        }
    }
}

static ssize_t stdin_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    size_t bounce_size = MIN(n, BOUNCE);

    (void)pos;
    if (n == 0) {
        return 0;
    }
    if (peek_len) {
        return read_peeked(buf, n);
    }
    if (peek_eof) {
        peek_eof = false;
        return 0;
    }
    void *bounce = kmalloc(bounce_size);
    if (bounce == NULL) {
        return -ENOMEM;
    }
    ssize_t rc = wait_for_host(f, buf, n, bounce, bounce_size);
    kfree(bounce);
    return rc;
}

static u32 stdin_poll(struct file *f, struct poll_table *pt)
{
    (void)f;
    poll_on(pt, handle_queue(HV_HANDLE_STDIN));
    if (stdin_ready()) {
        return peek_eof ? POLLIN | POLLRDNORM | POLLHUP : POLLIN | POLLRDNORM;
    }
    if (pt != NULL) {
        handle_watch(HV_HANDLE_STDIN);
    }
    return 0;
}

static long stream_ioctl(struct file *f, u32 cmd, vaddr_t arg)
{
    u32 fd = f->inode->u.id.a;

    if (hv_shared()->streams.kind[fd] == HV_STREAM_TERMINAL && (cmd != FIONREAD || fd != 0)) {
        long rc = terminal_ioctl(fd, cmd, arg);
        if (rc >= 0 && fd == 0 && terminal_drops_input(cmd, arg)) {
            peek_len = 0;
        }
        return rc;
    }
    if (cmd != FIONREAD || fd != 0) {
        return -ENOTTY;
    }
    stdin_ready();
    return copy_to_user(arg, &peek_len, sizeof(peek_len));
}

static ssize_t out_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    char small[256];
    size_t size = sizeof(small), done = 0;
    char *chunk = n > size ? kmalloc(MIN(n, BOUNCE)) : NULL;
    int which = f->priv != NULL ? 2 : 1;

    (void)pos;
    if (chunk != NULL) {
        size = MIN(n, BOUNCE);
    }
    while (done < n) {
        size_t piece = MIN(n - done, size);
        if (copy_from_user(chunk != NULL ? chunk : small, buf + done, piece) < 0) {
            break;
        }
        hv_console_write(which, chunk != NULL ? chunk : small, piece);
        done += piece;
    }
    kfree(chunk);
    return done || n == 0 ? (ssize_t)done : -EFAULT;
}

static u32 out_poll(struct file *f, struct poll_table *pt)
{
    (void)f, (void)pt;
    return POLLOUT | POLLWRNORM;
}

/* Moves the host's descriptor to this file's position, because other programs on the host share
 * it. */
static void stdin_file_place(const struct file *f)
{
    u8 nothing;

    hv_call(HV_CALL_STDIN, (u64)&nothing, 0, f->pos);
}

/* Reads stdin when it is a file of the host. It never waits, and returns what the host has
 * given, which may be less than n. */
static ssize_t stdin_file_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    size_t size = MIN(n, BOUNCE);
    void *bounce = n ? kmalloc(size) : NULL;
    s64 got;

    if (bounce == NULL) {
        return n ? -ENOMEM : 0;
    }
    got = hv_call(HV_CALL_STDIN, (u64)bounce, size, *pos);
    if (got > 0 && copy_to_user(buf, bounce, (size_t)got) < 0) {
        got = -EFAULT;
    }
    kfree(bounce);
    if (got > 0) {
        *pos += (u64)got;
    }
    if (pos != &f->pos) { /* pread() */
        stdin_file_place(f);
    }
    return got;
}

static s64 stdin_file_lseek(struct file *f, s64 off, int whence)
{
    u64 before = f->pos;
    s64 rc = file_seek(f, off, whence, f->inode->size);

    if (f->pos != before) {
        stdin_file_place(f);
    }
    return rc;
}

static long stdin_file_ioctl(struct file *f, u32 cmd, vaddr_t arg)
{
    int left = (int)(f->inode->size - MIN(f->inode->size, f->pos));

    return cmd == FIONREAD ? copy_to_user(arg, &left, sizeof(left)) : -ENOTTY;
}

static const struct file_ops stdin_ops = {
    .name = "stdin", .read = stdin_read, .poll = stdin_poll, .ioctl = stream_ioctl, .stream = true};
static const struct file_ops stdin_file_ops = {
    .name = "stdin", .read = stdin_file_read, .lseek = stdin_file_lseek, .ioctl = stdin_file_ioctl};
static const struct file_ops out_ops = {
    .name = "output", .write = out_write, .poll = out_poll, .ioctl = stream_ioctl, .stream = true};

static const struct file_ops *stream_ops(u32 fd)
{
    if (fd != 0) {
        return &out_ops;
    }
    return hv_shared()->streams.kind[0] == HV_STREAM_FILE ? &stdin_file_ops : &stdin_ops;
}

/* Opens a stream, also when the program opens it again, as /dev/stdin or /proc/self/fd/0. */
static int stream_open(struct inode *i, struct file *f)
{
    u32 fd = i->u.id.a;
    bool reads = (f->flags & O_ACCMODE) == O_RDONLY;

    if (reads != (fd == 0)) {
        return -EACCES;
    }
    f->ops = stream_ops(fd);
    f->priv = fd == 2 ? i : NULL;
    return 0;
}

static const struct inode_ops stream_inode_ops = {.open = stream_open};

bool stream_is_pipe(const struct file *f)
{
    if (f->ops != &stdin_ops && f->ops != &out_ops) {
        return false;
    }
    return hv_shared()->streams.kind[f->inode->u.id.a] != HV_STREAM_TERMINAL;
}

static int stream_files_new(struct file *out[3])
{
    int rc = 0;

    handle_queue(HV_HANDLE_STDIN); /* made now: no page that a run would write for it */
    for (u32 fd = 0; fd < 3; fd++) {
        struct inode *i = anon_inode(S_IFIFO | 0600);
        if (i == NULL) {
            return -ENOMEM;
        }
        i->ops = &stream_inode_ops;
        i->u.id.a = fd;
        out[fd] = file_new(i, fd == 0 ? O_RDONLY : O_WRONLY, NULL);
        inode_put(i);
        rc = out[fd] != NULL ? stream_open(i, out[fd]) : -ENOMEM;
        if (rc < 0) {
            return rc;
        }
        stream_files[fd] = out[fd];
    }
    return 0;
}

int console_fdtable(struct fdtable **out)
{
    struct file *files[3];
    int rc = stream_files_new(files);

    return rc < 0 ? rc : fdtable_create(files, out);
}

/* Makes a stream's file what the run's stream is. inode->type does not change: INODE_REG would
 * be a file with pages of its own. */
static void become(struct file *f, u32 fd, const struct hv_streams *s)
{
    static const u32 modes[] = {
        [HV_STREAM_PIPE] = S_IFIFO | 0600,
        [HV_STREAM_TERMINAL] = S_IFCHR | 0620,
        [HV_STREAM_FILE] = S_IFREG | 0600,
        [HV_STREAM_CLOSED] = S_IFIFO | 0600,
    };
    struct inode *i = f->inode;
    u32 kind = MIN(s->kind[fd], (u32)HV_STREAM_CLOSED);

    if (i->mode != modes[kind]) { /* only then: for a pipe, no page is written */
        i->mode = modes[kind];
        i->rdev = kind == HV_STREAM_TERMINAL ? RDEV(136, 0) : 0;
    }
    if (kind == HV_STREAM_FILE) {
        i->size = s->stdin_size;
        f->pos = s->stdin_offset;
    }
    if (f->ops != stream_ops(fd)) {
        f->ops = stream_ops(fd);
    }
}

void console_resume(void)
{
    const struct hv_streams *s = &hv_shared()->streams;

    for (u32 fd = 0; fd < 3; fd++) {
        struct file *f = fd_get((int)fd);
        bool ours = f != NULL && f == stream_files[fd];

        if (ours) {
            become(f, fd, s);
        }
        if (f != NULL) {
            file_put(f);
        }
        if (ours && s->kind[fd] == HV_STREAM_CLOSED) {
            fd_close((int)fd);
        }
    }
}
