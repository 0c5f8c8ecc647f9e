// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's three streams. The guest writes the output rings. head is checked against tail before
 * use, and the data is only passed on: to a descriptor, or in place to a function of the caller's.
 *
 * No call blocks beyond the run's deadline or an interrupt, whatever other readers and writers of
 * the same pipe, socket or terminal do. A stream is written and read without waiting (RWF_NOWAIT),
 * and only wait_poll() waits for it. For streams that do not support that, the thread's timer cuts
 * the call short. SIGPIPE and SIGXFSZ are kept from the process.
 */
#include "vmm_int.h"

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define CUT_NS      (20 * NS_PER_MS) /* how long a call may block that only the timer ends */
#define LAST_NS     (10 * NS_PER_MS) /* the same for all calls after the end of a run */
#define REFUSED_MAX 2u /* refused writes in a row, though poll() says that there is room */

struct console_stream {
    const char *name;
    int number;
    struct hv_ring *ring;
    hv_gpa_t data;
    int fd;
    enum io_way *way;
};

static struct console_stream console_stream(struct vmm *vm, bool is_err)
{
    if (is_err) {
        return (struct console_stream){
            "stderr", 2, &vm->shared->err, HV_STDERR_GPA, vm->io.stderr_fd, &vm->io_ways[2]};
    }
    return (struct console_stream){
        "stdout", 1, &vm->shared->out, HV_STDOUT_GPA, vm->io.stdout_fd, &vm->io_ways[1]};
}

/* Whether a stream goes anywhere. If not, its data is dropped. */
static bool console_is_open(const struct console_stream *s)
{
    return s->fd >= 0 || *s->way == IO_CALL;
}

/* Whether RWF_NOWAIT does not work with this stream, or this kernel. */
static bool console_is_unfit(int code)
{
    return code == EOPNOTSUPP || code == ENOSYS;
}

/* A write() that may block, for cut_ns at most. *put as in console_put(). */
static int console_put_cut(struct vmm *vm, const struct console_stream *s, const struct iovec *iov,
                           uint64_t cut_ns, ssize_t *put)
{
    struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
    if (poll(&pfd, 1, 0) == 0) {
        *put = -EAGAIN;
        return 0;
    }
    int rc = clock_timer_cut(vm, os_clock_ns(CLOCK_MONOTONIC) + cut_ns);
    if (rc < 0) {
        return rc;
    }
    *put = write(s->fd, iov->iov_base, iov->iov_len < PIPE_BUF ? iov->iov_len : PIPE_BUF);
    *put = *put < 0 ? -errno : *put;
    return 0;
}

static int console_put_once(struct vmm *vm, const struct console_stream *s, const struct iovec *iov,
                            uint64_t cut_ns, ssize_t *put)
{
    if (*s->way == IO_CUT) {
        return console_put_cut(vm, s, iov, cut_ns, put);
    }
    *put = *s->way == IO_FILE ? writev(s->fd, iov, 1) : pwritev2(s->fd, iov, 1, -1, RWF_NOWAIT);
    *put = *put < 0 ? -errno : *put;
    if (*s->way == IO_NOWAIT && console_is_unfit((int)-*put)) {
        *s->way = IO_CUT;
        return console_put_cut(vm, s, iov, cut_ns, put);
    }
    return 0;
}

/* Hands all n bytes to the caller's function. *put as in console_put(). */
static void console_hand(struct vmm *vm, const struct console_stream *s, const void *p, size_t n,
                         ssize_t *put)
{
    sigset_t before;
    wait_block_kick(&before);
    const int rc = vm->io.write(vm->io.write_arg, s->number, p, n);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    *put = rc == 0 ? (ssize_t)n : rc < 0 ? rc : -EINVAL;
}

/* Writes some of the n bytes at p, without a signal for this process. *put is how many, -EAGAIN
 * when there is no room, -EINTR when the write was cut short before the first byte, or another
 * -errno. */
static int console_put(struct vmm *vm, const struct console_stream *s, void *p, size_t n,
                       uint64_t cut_ns, ssize_t *put)
{
    const struct iovec iov = {.iov_base = p, .iov_len = n};
    sigset_t set, before;
    if (*s->way == IO_CALL) {
        console_hand(vm, s, p, n, put);
        return 0;
    }
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigaddset(&set, SIGXFSZ);
    (void)pthread_sigmask(SIG_BLOCK, &set, &before);
    int rc = console_put_once(vm, s, &iov, cut_ns, put);
    if (rc == 0 && (*put == -EPIPE || *put == -EFBIG)) {
        const struct timespec zero = {0};
        while (sigtimedwait(&set, NULL, &zero) < 0 && errno == EINTR) {
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

/* Waits until there is room. When there was room the last times, too, yet the write was refused,
 * waits for a moment. */
static int console_room(struct vmm *vm, const struct console_stream *s, unsigned *refused)
{
    if (++*refused > REFUSED_MAX) {
        *s->way = IO_CUT;
        return wait_poll(vm, NULL, 0, clock_from_now(NS_PER_MS), false);
    }
    struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
    for (;;) {
        int rc = wait_poll(vm, &pfd, 1, NEVER, false);
        if (rc != 0 || pfd.revents != 0) {
            return rc;
        }
    }
}

static int console_failed(struct vmm *vm, const struct console_stream *s, int code)
{
    if (code == EPIPE) {
        return outcome_set(vm, VMM_PIPE_CLOSED, 0, "the reader of %s is gone", s->name);
    }
    return vmm_err_set(vm->err, code, "writing to %s: %s%s", s->name, strerror(code),
                       code == EFBIG ? " (RLIMIT_FSIZE, `ulimit -f`, or the file system's limit)"
                                     : "");
}

/* Deals with a refused console_put(), whose code is an errno or 0: waits for another try, or ends
 * the run. */
static int console_refused(struct vmm *vm, const struct console_stream *s, int code,
                           unsigned *refused)
{
    if (*s->way != IO_CALL && (code == 0 || code == EAGAIN)) {
        return console_room(vm, s, refused);
    }
    if (*s->way != IO_CALL && code == EINTR) {
        return outcome_due(vm, os_clock_ns(CLOCK_MONOTONIC));
    }
    return console_failed(vm, s, code);
}

static size_t console_allowed(const struct vmm *vm, size_t n)
{
    return n < vm->output_left ? n : (size_t)vm->output_left;
}

static void console_count(struct vmm *vm, size_t written)
{
    vm->output_left -= written;
    vm->counters.output_bytes += written;
}

/* Writes the n bytes at p. This takes as long as the readers want, unless the run is over before.
 * *put is the number written. */
static int console_write(struct vmm *vm, const struct console_stream *s, uint8_t *p, size_t n,
                         size_t *put)
{
    const size_t most = console_allowed(vm, n);
    unsigned refused = 0;
    int rc = 0;
    for (*put = 0; rc == 0 && *put < most;) {
        ssize_t done;
        rc = console_put(vm, s, p + *put, most - *put, CUT_NS, &done);
        if (rc != 0) {
            return rc;
        }
        if (done > 0) {
            *put += (size_t)done;
            console_count(vm, (size_t)done);
            refused = 0;
        } else {
            rc = console_refused(vm, s, (int)-done, &refused);
        }
    }
    return rc == 0 && most < n ? outcome_set(vm, VMM_OUTPUT, 0, "more output than allowed") : rc;
}

/* How many bytes from tail on lie in one piece. */
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
        return outcome_set(vm, VMM_BROKEN, 0, "the %s ring claims %u bytes of %u", s->name,
                           head - tail, HV_RING_SIZE);
    }
    int rc = 0;
    while (rc == 0 && tail != head) {
        size_t n = ring_piece(head, tail);
        if (console_is_open(s)) {
            rc = console_write(vm, s, vm->ram + s->data + tail % HV_RING_SIZE, n, &n);
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

static void console_drain_last_stream(struct vmm *vm, const struct console_stream *s,
                                      uint64_t until)
{
    const uint32_t head = s->ring->head;
    uint32_t tail = s->ring->tail;
    if (head - tail > HV_RING_SIZE || !console_is_open(s)) {
        return;
    }
    while (tail != head && os_clock_ns(CLOCK_MONOTONIC) < until) {
        ssize_t put;
        uint8_t *p = vm->ram + s->data + tail % HV_RING_SIZE;
        const size_t n = console_allowed(vm, ring_piece(head, tail));
        if (n == 0 || console_put(vm, s, p, n, LAST_NS, &put) < 0 || put <= 0) {
            break;
        }
        tail += (uint32_t)put;
        console_count(vm, (size_t)put);
    }
    ring_tail_set(vm, s->ring, tail);
}

void console_drain_last(struct vmm *vm)
{
    const struct console_stream out = console_stream(vm, false);
    const struct console_stream err = console_stream(vm, true);
    const uint64_t until = clock_from_now(LAST_NS);
    console_drain_last_stream(vm, &out, until);
    console_drain_last_stream(vm, &err, until);
}

int console_trace(struct vmm *vm, char *line, size_t size)
{
    if (vm->io.trace != NULL) {
        sigset_t before;
        wait_block_kick(&before);
        vm->io.trace(vm->io.trace_arg, line, size);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        return 0;
    }
    const struct console_stream err = console_stream(vm, true);
    if (!console_is_open(&err)) {
        return 0;
    }
    line[size] = '\n';
    return console_write(vm, &err, (uint8_t *)line, size + 1, &size);
}

int console_record(struct vmm *vm, const char *kind, const void *bytes, size_t size, int64_t *ret)
{
    const uint64_t told = strlen(kind) + size, weight = told + VMM_RECORD_WEIGHT;
    sigset_t before;
    *ret = -ENODEV;
    if (vm->io.record == NULL) {
        return 0;
    }
    int rc = console_drain(vm);
    if (rc != 0) {
        return rc;
    }
    if (weight > vm->output_left) {
        return outcome_set(vm, VMM_OUTPUT, 0, "more output than allowed");
    }
    wait_block_kick(&before);
    rc = vm->io.record(vm->io.record_arg, kind, bytes, size);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == -EPIPE) {
        return outcome_set(vm, VMM_PIPE_CLOSED, 0, "the reader of records is gone");
    }
    if (rc != 0) {
        const int code = rc < 0 ? -rc : EINVAL;
        return vmm_err_set(vm->err, code, "a record: %s", strerror(code));
    }
    vm->output_left -= weight;
    vm->counters.records++;
    vm->counters.record_bytes += told;
    *ret = 0;
    return 0;
}

static ssize_t console_get_nowait(struct vmm *vm, const struct iovec *iov)
{
    struct pollfd pfd = {.fd = vm->io.stdin_fd, .events = POLLIN};
    if (vm->io_ways[0] == IO_FILE) {
        ssize_t n = readv(pfd.fd, iov, 1);
        return n < 0 ? -errno : n;
    }
    ssize_t n = preadv2(pfd.fd, iov, 1, -1, RWF_NOWAIT);
    const int code = n < 0 ? errno : 0;
    /* A stream that is ready for poll() may never be ready for RWF_NOWAIT: a guest would wait in
     * vain. */
    if (console_is_unfit(code) || (code == EAGAIN && poll(&pfd, 1, 0) > 0)) {
        vm->io_ways[0] = IO_CUT;
    }
    return n < 0 ? -code : n;
}

int console_read(struct vmm *vm, void *buf, size_t size, int64_t *ret)
{
    const struct iovec iov = {.iov_base = buf, .iov_len = size};
    struct pollfd pfd = {.fd = vm->io.stdin_fd, .events = POLLIN};
    *ret = 0;
    if (pfd.fd < 0 || size == 0) {
        return 0;
    }
    if (vm->io_ways[0] != IO_CUT) {
        *ret = console_get_nowait(vm, &iov);
    }
    if (vm->io_ways[0] == IO_CUT) {
        if (poll(&pfd, 1, 0) == 0) {
            *ret = -EAGAIN;
            return 0;
        }
        int rc = clock_timer_cut(vm, clock_from_now(CUT_NS));
        if (rc < 0) {
            return rc;
        }
        ssize_t n = read(pfd.fd, buf, size);
        *ret = n < 0 ? -errno : n;
    }
    *ret = *ret == -EINTR ? -EAGAIN : *ret;
    return 0;
}
