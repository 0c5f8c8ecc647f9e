// SPDX-License-Identifier: Apache-2.0
/*
 * timerfd: the clock is read and expirations are counted whenever the file is
 * read or polled, and a kernel timer wakes threads that wait. Settings are
 * times of the timer's own clock, so they stay right when that clock jumps at a
 * restore.
 */
#include "fs/events.h"
#include "proc/proc.h"

#include <linux/timerfd.h>

struct timerfd {
    struct ktimer timer;
    struct waitq q;
    int clock;
    u64 next;     /* a time of that clock; 0: disarmed */
    u64 interval; /* 0: once */
    u64 expired;  /* since the last read */
};

static u64 now(const struct timerfd *t)
{
    u64 ns = 0;

    clock_read(t->clock, &ns);
    return ns;
}

static void on_timer(struct ktimer *k);

static void timerfd_arm(struct timerfd *t)
{
    u64 mono;

    if (t->next && clock_to_mono(t->clock, t->next, &mono) == 0) {
        ktimer_arm(&t->timer, mono, on_timer);
    }
}

/* Counts the expirations up to now. */
static void update(struct timerfd *t)
{
    u64 at = now(t), n = 1;

    if (!t->next || at < t->next) {
        return;
    }
    if (t->interval) {
        n += (at - t->next) / t->interval;
        t->next += n * t->interval;
    } else {
        t->next = 0;
    }
    t->expired += n;
}

static void on_timer(struct ktimer *k)
{
    struct timerfd *t = CONTAINER_OF(k, struct timerfd, timer);

    update(t);
    if (t->expired) {
        waitq_wake(&t->q, 1);
    }
    timerfd_arm(t);
}

static bool has_expired(void *arg)
{
    struct timerfd *t = arg;

    update(t);
    return t->expired > 0;
}

static ssize_t timer_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct timerfd *t = f->priv;

    (void)pos;
    if (n < sizeof(t->expired)) {
        return -EINVAL;
    }
    while (!has_expired(t)) {
        if (f->flags & O_NONBLOCK) {
            return -EAGAIN;
        }
        if (waitq_wait(&t->q, has_expired, t, HV_NO_DEADLINE, true) < 0) {
            return -ERESTARTSYS;
        }
    }
    u64 value = t->expired;
    t->expired = 0;
    return copy_to_user(buf, &value, sizeof(value)) < 0 ? -EFAULT : (ssize_t)sizeof(value);
}

static u32 timer_poll(struct file *f, struct poll_table *pt)
{
    struct timerfd *t = f->priv;

    poll_on(pt, &t->q);
    return has_expired(t) ? POLLIN | POLLRDNORM : 0;
}

static void timer_release(struct file *f)
{
    struct timerfd *t = f->priv;

    ktimer_cancel(&t->timer);
    kfree(t);
}

static const struct file_ops timer_ops = {
    .name = "timerfd",
    .read = timer_read,
    .poll = timer_poll,
    .release = timer_release,
    .stream = true,
};

int timerfd_create(int clock, u32 flags, struct file **out)
{
    struct timerfd *t;

    if ((flags & ~(u32)(TFD_CLOEXEC | TFD_NONBLOCK)) ||
        (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)) {
        return -EINVAL;
    }
    t = kzalloc(sizeof(*t));
    if (t == NULL) {
        return -ENOMEM;
    }
    t->clock = clock;
    waitq_init(&t->q);
    int rc = anon_file(&timer_ops, t, O_RDWR | (flags & TFD_NONBLOCK), out);
    if (rc < 0) {
        kfree(t);
    }
    return rc;
}

bool timerfd_is(const struct file *f)
{
    return f->ops == &timer_ops;
}

void timerfd_get(struct file *f, struct timer_setting *out)
{
    struct timerfd *t = f->priv;

    update(t);
    out->interval = t->interval;
    out->value = t->next ? t->next - now(t) : 0;
}

int timerfd_set(struct file *f, u32 flags, const struct timer_setting *new,
                struct timer_setting *old)
{
    struct timerfd *t = f->priv;

    if (flags & ~(u32)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) {
        return -EINVAL;
    }
    timerfd_get(f, old);
    ktimer_cancel(&t->timer);
    t->interval = new->interval;
    t->expired = 0;
    t->next =
        new->value && !(flags & TFD_TIMER_ABSTIME) ? time_add(now(t), new->value) : new->value;
    timerfd_arm(t);
    return 0;
}
