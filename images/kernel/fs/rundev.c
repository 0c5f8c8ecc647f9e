// SPDX-License-Identifier: Apache-2.0
/*
 * HV_RUN_DEVICE: a program takes its run by reading this device. The first read
 * of a file opened on it makes the HV_CALL_RUN, which is the snapshot point, so
 * all memory that a run needs is allocated at open. A program that goes on
 * after a run writes the run's status, and reads the next run. The bytes of the
 * run frame come through one buffer, the window, which is kept for ever: so a
 * small frame writes one page of it, and closing frees nothing.
 */
#include "cpu/cpu.h"
#include "fs/vfs.h"
#include "mm/mm.h"
#include "proc/proc.h"

#define WINDOW       ((u64)HV_CALL_BYTES) /* as much as one call gives */
#define WINDOW_PAGES (WINDOW / PAGE_SIZE)

static struct {
    paddr_t frames; /* has bytes [start, start + WINDOW) of the run frame */
    u64 start;
    u64 size;   /* of the whole frame */
    int status; /* of the last run that a program has ended by writing it */
    bool begun; /* a run was taken that is no HV_RUN_PRELOAD: the snapshot point has passed */
} window;

static void resume(bool restored)
{
    const struct hv_resume *r = &hv_shared()->resume;

    time_resume(r);
    random_resume(r->entropy);
    if (restored) {
        random_forget_boot_id();
    }
    sched_resume();
    console_resume();
    hv_trace_enabled = r->flags & HV_RESUME_TRACE;
}

void run_resumed(void)
{
    resume(true);
}

/* Waits for a run. Everything that must be fresh in a restored machine is made fresh right after
 * the call. */
static u64 run_wait(void *buf, size_t size)
{
    if (!window.begun) { /* before the snapshot: many runs will gain by it */
        text_settle(cur_proc()->mm);
        pmm_scrub();
    }
    tooldev_run_ends();
    hv_shared()->memory_held = pmm_held(!window.begun);
    xstate_save(current->xstate);
    s64 n = hv_call(HV_CALL_RUN, (u64)buf, size, HV_RUN_VECTORS, (u64)window.status);
    xstate_reload(current->xstate);
    hv_shared()->counts.resume_tsc = hv_rdtsc();
    if (n < (s64)sizeof(struct hv_run)) {
        panic("the host gave a run frame of %ld bytes", (long)n);
    }
    resume(((const struct hv_run *)buf)->flags & HV_RUN_RESTORED);
    pmm_resume(hv_shared()->memory);
    files_take();
    return (u64)n;
}

/* A run of files alone is over when they are there and back: no program hears of it. */
u64 run_next(void *buf, size_t size)
{
    for (;;) {
        u64 n = run_wait(buf, size);
        if (((const struct hv_run *)buf)->mode != HV_RUN_FILES) {
            return n;
        }
        files_give();
        window.status = 0;
    }
}

/* Of the run that the window has. */
static u32 run_mode(void)
{
    return ((const struct hv_run *)phys_ptr(window.frames))->mode;
}

static bool taken(const struct file *f)
{
    return f->priv != NULL;
}

static ssize_t run_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    size_t done = 0;

    (void)pos;
    if (!taken(f)) {
        window.size = run_next(phys_ptr(window.frames), WINDOW);
        window.begun |= run_mode() != HV_RUN_PRELOAD;
        window.start = 0;
        f->priv = &window;
        f->pos = 0;
    }
    if (f->pos >= window.size) {
        return 0;
    }
    n = MIN(n, window.size - f->pos);
    while (done < n) {
        if (f->pos < window.start || f->pos >= window.start + WINDOW) {
            u64 start = f->pos / WINDOW * WINDOW;
            s64 got = hv_call(HV_CALL_FRAME, start, window.frames, WINDOW);
            if (got < 0 || (u64)got < MIN(WINDOW, window.size - start)) {
                return -EIO;
            }
            window.start = start;
        }
        size_t piece = MIN(n - done, window.start + WINDOW - f->pos);
        const u8 *from = (const u8 *)phys_ptr(window.frames) + (f->pos - window.start);
        if (copy_to_user(buf + done, from, piece) < 0) {
            return done ? (ssize_t)done : -EFAULT;
        }
        f->pos += piece;
        done += piece;
    }
    return (ssize_t)done;
}

/* Takes the run's status, an int: the run is over, and this file's next read waits for another. */
static ssize_t run_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    int status;

    (void)pos;
    if (!taken(f) || n != sizeof(status)) {
        return -EINVAL;
    }
    if (copy_from_user(&status, buf, sizeof(status)) < 0) {
        return -EFAULT;
    }
    if (status < 0 || status > 255) {
        return -EINVAL;
    }
    files_give();
    window.status = status;
    f->priv = NULL;
    return (ssize_t)n;
}

static const struct file_ops run_ops = {
    .name = "pyhl", .read = run_read, .write = run_write, .stream = true};

int rundev_open(struct inode *i, struct file *f)
{
    (void)i;
    if (!window.frames) {
        window.frames = pmm_alloc(WINDOW_PAGES, PMM_ZERO);
    }
    if (!window.frames) {
        return -ENOMEM;
    }
    f->ops = &run_ops;
    return 0;
}
