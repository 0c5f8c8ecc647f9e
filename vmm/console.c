// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's three streams. Rings are written by the guest: head is checked against tail before
 * use, data is only passed on. No call blocks beyond the run's deadline or an interrupt: pipes,
 * terminals and sockets are polled first and written in pieces that fit; SIGPIPE is kept from the
 * process.
 */
#include "vmm_int.h"

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

struct console_stream {
    const char *name;
    struct hv_ring *ring;
    hv_gpa_t data;
    int fd;
    bool is_file;
};

static struct console_stream console_stream(struct vmm *vm, bool is_err)
{
    if (is_err) {
        return (struct console_stream){"stderr", &vm->shared->err, HV_STDERR_GPA, vm->io.stderr_fd,
                                       vm->stderr_is_file};
    }
    return (struct console_stream){"stdout", &vm->shared->out, HV_STDOUT_GPA, vm->io.stdout_fd,
                                   vm->stdout_is_file};
}

static void console_sigmask(int how, int sig, sigset_t *before)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    (void)pthread_sigmask(how, &set, before);
}

/* Sleeps until pfd is ready, the host instant until, or a signal; with want_events not at all when
 * an event is set. VMM_SIGNAL is blocked while the reasons to stop are checked and let through by
 * ppoll() itself, so that none is missed. */
static int console_poll(struct vmm *vm, struct pollfd *pfd, nfds_t count, uint64_t until,
                        bool want_events)
{
    sigset_t before;
    console_sigmask(SIG_BLOCK, VMM_SIGNAL, &before);
    const uint64_t now = os_clock_ns(CLOCK_MONOTONIC);
    int rc = run_due(vm, now);
    const bool event = want_events && __atomic_load_n(&vm->shared->events, __ATOMIC_SEQ_CST) != 0;
    if (rc == 0 && !event && now < until) {
        uint64_t wake = vm->timer.deadline < until ? vm->timer.deadline : until;
        wake = vm->timer.guest < wake ? vm->timer.guest : wake;
        struct timespec ts = os_timespec(wake > now ? wake - now : 0);
        int n = ppoll(pfd, count, wake == NEVER ? NULL : &ts, &before);
        if (n < 0 && errno != EINTR) {
            rc = vmm_err_set(vm->err, errno, "ppoll: %s", strerror(errno));
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

int console_wait(struct vmm *vm, uint64_t until, bool want_stdin)
{
    int rc = console_drain(vm);
    if (rc != 0 || (want_stdin && (vm->io.stdin_fd < 0 || vm->stdin_is_file))) {
        return rc;
    }
    struct pollfd pfd = {.fd = vm->io.stdin_fd, .events = POLLIN};
    for (;;) {
        rc = console_poll(vm, &pfd, want_stdin ? 1 : 0, until, true);
        if (rc != 0 || pfd.revents != 0 || os_clock_ns(CLOCK_MONOTONIC) >= until ||
            __atomic_load_n(&vm->shared->events, __ATOMIC_SEQ_CST) != 0) {
            return rc;
        }
    }
}

/* write() without a SIGPIPE. */
static ssize_t console_write_once(int fd, const void *p, size_t n)
{
    sigset_t before;
    console_sigmask(SIG_BLOCK, SIGPIPE, &before);
    ssize_t put = write(fd, p, n);
    const int code = put < 0 ? errno : 0;
    if (code == EPIPE) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGPIPE);
        const struct timespec zero = {0};
        while (sigtimedwait(&set, NULL, &zero) < 0 && errno == EINTR) {
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return put;
}

/* Waits for room. Returns 0 when a write of PIPE_BUF bytes will not block (or will fail). */
static int console_room(struct vmm *vm, const struct console_stream *s)
{
    struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
    if (s->is_file || poll(&pfd, 1, 0) > 0) {
        return 0;
    }
    for (;;) {
        int rc = console_poll(vm, &pfd, 1, NEVER, false);
        if (rc != 0 || pfd.revents != 0) {
            return rc;
        }
    }
}

/* Writes some of the n bytes at p: the number written in *put. */
static int console_write_some(struct vmm *vm, const struct console_stream *s, const uint8_t *p,
                              size_t n, size_t *put)
{
    *put = 0;
    int rc = console_room(vm, s);
    if (rc != 0) {
        return rc;
    }
    ssize_t done = console_write_once(s->fd, p, s->is_file || n < PIPE_BUF ? n : PIPE_BUF);
    if (done >= 0) {
        *put = (size_t)done;
        return 0;
    }
    switch (errno) {
    case EINTR:
    case EAGAIN:
        return 0;
    case EPIPE:
        *put = n;
        return run_stop(vm, VMM_PIPE_CLOSED, 0, "the reader of %s is gone", s->name);
    default:
        return vmm_err_set(vm->err, errno, "writing to %s: %s", s->name, strerror(errno));
    }
}

/* The bytes from tail on that lie in one piece. */
static size_t ring_piece(uint32_t head, uint32_t tail)
{
    const uint32_t n = head - tail;
    const uint32_t to_end = HV_RING_SIZE - tail % HV_RING_SIZE;
    return n < to_end ? n : to_end;
}

static void ring_tail_set(struct vmm *vm, struct hv_ring *ring, uint32_t tail)
{
    (void)mem_shared_write(vm);
    __atomic_store_n(&ring->tail, tail, __ATOMIC_RELEASE);
}

static int console_drain_stream(struct vmm *vm, const struct console_stream *s)
{
    const uint32_t head = __atomic_load_n(&s->ring->head, __ATOMIC_ACQUIRE);
    uint32_t tail = __atomic_load_n(&s->ring->tail, __ATOMIC_RELAXED);
    if (head == tail) {
        return 0;
    }
    if (head - tail > HV_RING_SIZE) {
        return run_stop(vm, VMM_BROKEN, 0, "the %s ring claims %u bytes of %u", s->name,
                        head - tail, HV_RING_SIZE);
    }
    int rc = 0;
    while (rc == 0 && tail != head) {
        size_t n = ring_piece(head, tail);
        if (s->fd >= 0) {
            const uint8_t *p = vm->ram + s->data + tail % HV_RING_SIZE;
            rc = console_write_some(vm, s, p, n, &n);
        }
        tail += (uint32_t)n;
    }
    if (rc == RUN_STOP && vm->outcome->kind == VMM_PIPE_CLOSED) {
        tail = head;
    }
    ring_tail_set(vm, s->ring, tail);
    return rc;
}

int console_drain(struct vmm *vm)
{
    const struct console_stream out = console_stream(vm, false);
    const struct console_stream err = console_stream(vm, true);
    int rc = console_drain_stream(vm, &out);
    return rc != 0 ? rc : console_drain_stream(vm, &err);
}

static void console_drain_last_stream(struct vmm *vm, const struct console_stream *s)
{
    const uint32_t head = s->ring->head;
    uint32_t tail = s->ring->tail;
    if (head - tail > HV_RING_SIZE || s->fd < 0) {
        return;
    }
    while (tail != head) {
        struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
        size_t n = ring_piece(head, tail);
        if (!s->is_file && (poll(&pfd, 1, 0) <= 0 || (pfd.revents & POLLOUT) == 0)) {
            break;
        }
        n = s->is_file || n < PIPE_BUF ? n : PIPE_BUF;
        ssize_t put = console_write_once(s->fd, vm->ram + s->data + tail % HV_RING_SIZE, n);
        if (put <= 0) {
            break;
        }
        tail += (uint32_t)put;
    }
    ring_tail_set(vm, s->ring, tail);
}

void console_drain_last(struct vmm *vm)
{
    const struct console_stream out = console_stream(vm, false);
    const struct console_stream err = console_stream(vm, true);
    console_drain_last_stream(vm, &out);
    console_drain_last_stream(vm, &err);
}

int64_t console_read(struct vmm *vm, void *buf, size_t size)
{
    const int fd = vm->io.stdin_fd;
    if (fd < 0 || size == 0) {
        return 0;
    }
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    if (!vm->stdin_is_file && poll(&pfd, 1, 0) <= 0) {
        return -EAGAIN;
    }
    ssize_t n = read(fd, buf, size);
    if (n < 0) {
        return errno == EINTR ? -EAGAIN : -errno;
    }
    return n;
}
