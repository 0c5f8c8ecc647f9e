// SPDX-License-Identifier: Apache-2.0
/*
 * Descriptors that are not files: eventfd, timerfd, epoll; and the waiting on
 * many descriptors at once.
 */
#ifndef FS_EVENTS_H
#define FS_EVENTS_H

#include "fs/vfs.h"

#include <linux/eventpoll.h>

/* eventfd.c */
int anon_file(const struct file_ops *ops, void *priv, u32 flags, struct file **out);
int eventfd_create(u64 initial, u32 flags, struct file **out);

/* timerfd.c; times are ns, 0 is disarmed. */
struct timer_setting {
    u64 value, interval;
};
int timerfd_create(int clock, u32 flags, struct file **out);
bool timerfd_is(const struct file *f);
int timerfd_set(struct file *f, u32 flags, const struct timer_setting *new,
                struct timer_setting *old);
void timerfd_get(struct file *f, struct timer_setting *out);

/* pidfd.c. pidfd_process: the process that a descriptor names: -EBADF when it names none, -ESRCH
 * when it is gone. pidfd_target: the same for sending signals, where a directory /proc/PID will do.
 */
int pidfd_create(const struct process *p, u32 flags, struct file **out);
int pidfd_number(const struct file *f); /* 0: it names none; -1: that process is gone */
int pidfd_process(int fd, struct process **out, bool *nonblock);
int pidfd_target(int fd, struct process **out);

/* poll.c */
struct poller; /* a thread's place in the wait queues of the files it polls */
struct poller *poller_new(void);
struct poll_table *poller_table(struct poller *p);
bool poller_failed(const struct poller *p); /* out of memory while queueing */
void poller_leave(struct poller *p);        /* leaves all queues; may be used again */
void poller_free(struct poller *p);
long poll_files(struct pollfd *fds, size_t n, u64 deadline);

/* epoll.c */
int epoll_create_file(struct file **out);
bool epoll_is(const struct file *f);
int epoll_control(struct file *ep, int op, struct file *target, int fd,
                  const struct epoll_event *event);
long epoll_wait_events(struct file *ep, vaddr_t events, int max, u64 deadline);

#endif
