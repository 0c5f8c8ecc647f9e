// SPDX-License-Identifier: Apache-2.0
/*
 * HV_RUN_DEVICE: a program takes its run by reading it. The first read makes
 * the HV_CALL_RUN, which is the snapshot point: everything a run needs is
 * allocated at open, and a small frame writes one page of the buffer.
 */
#include "fs/vfs.h"

#define WINDOW       65536ul
#define WINDOW_PAGES (WINDOW / PAGE_SIZE)

struct rundev {
    paddr_t window; /* bytes [start, start + WINDOW) of the frame */
    u64 start;
    u64 size; /* of the whole frame */
    bool taken;
};

static ssize_t run_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct rundev *d = f->priv;
    size_t done = 0;

    (void)pos;
    if (!d->taken) {
        d->size = hv_next_run(phys_ptr(d->window), WINDOW);
        d->taken = true;
        f->pos = 0;
    }
    if (f->pos >= d->size)
        return 0;
    n = MIN(n, d->size - f->pos);
    while (done < n) {
        if (f->pos < d->start || f->pos >= d->start + WINDOW) {
            u64 start = f->pos / WINDOW * WINDOW;
            s64 got = hv_call(HV_CALL_FRAME, start, d->window, WINDOW, 0);
            if (got < 0 || (u64)got < MIN(WINDOW, d->size - start))
                return -EIO;
            d->start = start;
        }
        size_t piece = MIN(n - done, d->start + WINDOW - f->pos);
        const u8 *from = (const u8 *)phys_ptr(d->window) + (f->pos - d->start);
        if (copy_to_user(buf + done, from, piece) < 0)
            return done ? (ssize_t)done : -EFAULT;
        f->pos += piece;
        done += piece;
    }
    return (ssize_t)done;
}

static void run_release(struct file *f)
{
    struct rundev *d = f->priv;

    pmm_free(d->window, WINDOW_PAGES);
    kfree(d);
}

static const struct file_ops run_ops = {
    .name = "pyhl", .read = run_read, .release = run_release, .stream = true};

int rundev_open(struct inode *i, struct file *f)
{
    struct rundev *d = kzalloc(sizeof(*d));

    (void)i;
    if (!d)
        return -ENOMEM;
    d->window = pmm_alloc(WINDOW_PAGES, PMM_ZERO);
    if (!d->window) {
        kfree(d);
        return -ENOMEM;
    }
    f->priv = d;
    f->ops = &run_ops;
    return 0;
}
