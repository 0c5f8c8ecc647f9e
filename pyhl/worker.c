// SPDX-License-Identifier: Apache-2.0
/*
 * One thread runs the VM. Another one takes the replies to its calls, and reads the socket only
 * while a run with tools goes on. Both sleep in read() and write() and on flags alone, because
 * the process is in jail.
 */
#include "worker.h"
#include "passing.h"
#include "pyhl.h"
#include "replies.h"
#include "vmm/abi.h"
#include "work.h"
#include "worker_install.h"
#include "worker_state.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORKER_STATUS 1 /* of a process whose server is gone */

struct worker {
    int fd;
    struct vmm *vm;
    struct vmm_snapshot *snap; /* that nothing has run in */
    pthread_mutex_t sending;
    atomic_int began, listen, over; /* the other thread is there; it is to read; it has read all */
    struct states states;
};

/* Tells the other thread. */
static void flag_raise(atomic_int *flag)
{
    atomic_store(flag, 1);
    (void)syscall(SYS_futex, flag, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, 0);
}

/* Waits to be told, and forgets it. A semaphore would sleep in a call that the jail does not have
 * (futex(2), FUTEX_WAIT_BITSET). */
static void flag_wait(atomic_int *flag)
{
    while (atomic_exchange(flag, 0) == 0) {
        (void)syscall(SYS_futex, flag, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0);
    }
}

/* For the signal handler. A signal names its run, because it may come before the run has begun, or
 * when it is over. */
static struct vmm *_Atomic running;
static atomic_int serial;      /* of the run that goes on, or went on last */
static atomic_int early;       /* of a run that is to be interrupted when it begins; 0: none */
static atomic_int early_signo; /* how */
static atomic_bool killed;     /* the run that goes on is to end */

static void interrupt(struct vmm *vm, int signo)
{
    if (signo == WORKER_KILL) {
        atomic_store(&killed, true);
    }
    vmm_interrupt(vm, signo == WORKER_KILL ? VMM_INTERRUPT_KILL : VMM_INTERRUPT_INT);
}

static void worker_on_signal(int signo, siginfo_t *info, void *context)
{
    struct vmm *vm = atomic_load(&running);
    const int run = info->si_value.sival_int, saved = errno;

    (void)context;
    if (vm != NULL && atomic_load(&serial) == run) {
        interrupt(vm, signo);
    } else {
        atomic_store(&early_signo, signo);
        atomic_store(&early, run);
    }
    errno = saved;
}

/* From now on signals reach the VM. */
static void signals_reach(struct vmm *vm)
{
    atomic_store(&running, vm);
    if (atomic_exchange(&early, 0) == atomic_load(&serial)) {
        interrupt(vm, atomic_load(&early_signo));
    }
}

/* Signals do not reach the VM any more. One that came after the guest's last look would act on the
 * next run, which may be another's. */
static void signals_stop(struct vmm *vm)
{
    atomic_store(&running, NULL);
    vmm_interrupt_forget(vm);
}

/* Reads all of it. The server alone closes the socket, and without it there is nothing to do. */
static void worker_read(const struct worker *w, void *to, size_t size)
{
    for (size_t at = 0; at < size;) {
        const ssize_t n = read(w->fd, (uint8_t *)to + at, size - at);

        if (n == 0 || (n < 0 && errno != EINTR)) {
            _exit(WORKER_STATUS);
        }
        at += n > 0 ? (size_t)n : 0;
    }
}

/* Reads the head of a message, and the descriptor that came with it, or -1. */
static void worker_head(const struct worker *w, struct worker_message *message, int *fd)
{
    ssize_t n;

    do {
        n = passing_receive(w->fd, message, sizeof(*message), fd);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        _exit(WORKER_STATUS);
    }
    worker_read(w, (uint8_t *)message + n, sizeof(*message) - (size_t)n);
}

/* Writes all of it. Where the server does not read because its client does not, a run that is to
 * end takes the process with it. */
static void worker_write(const struct worker *w, const void *from, size_t size)
{
    for (size_t at = 0; at < size;) {
        const ssize_t n = write(w->fd, (const uint8_t *)from + at, size - at);

        if (n < 0 && (errno != EINTR || atomic_load(&killed))) {
            _exit(WORKER_STATUS);
        }
        at += n > 0 ? (size_t)n : 0;
    }
}

static void worker_send(struct worker *w, const struct worker_message *message, const void *first,
                        size_t first_size, const void *second, size_t second_size)
{
    uint8_t small[4096];

    (void)pthread_mutex_lock(&w->sending);
    if (sizeof(*message) + first_size + second_size <= sizeof(small)) {
        memcpy(small, message, sizeof(*message));
        if (first_size > 0) {
            memcpy(small + sizeof(*message), first, first_size);
        }
        if (second_size > 0) {
            memcpy(small + sizeof(*message) + first_size, second, second_size);
        }
        worker_write(w, small, sizeof(*message) + first_size + second_size);
    } else {
        worker_write(w, message, sizeof(*message));
        worker_write(w, first, first_size);
        worker_write(w, second, second_size);
    }
    (void)pthread_mutex_unlock(&w->sending);
}

static void worker_tell(struct worker *w, uint32_t kind, const void *bytes, size_t size)
{
    const struct worker_message message = {.kind = kind, .size = size};

    worker_send(w, &message, bytes, size, NULL, 0);
}

/* For struct states. */
static void worker_on_state(void *arg, uint32_t kind, const void *bytes, size_t size)
{
    worker_tell(arg, kind, bytes, size);
}

static int worker_fail(struct worker *w, const struct vmm_err *err)
{
    worker_tell(w, WORKER_FAILED, err->msg, strlen(err->msg));
    return WORKER_STATUS;
}

static int worker_on_write(void *arg, int stream, const void *bytes, size_t size)
{
    worker_tell(arg, stream == 1 ? WORKER_STDOUT : WORKER_STDERR, bytes, size);
    return 0;
}

static int worker_on_record(void *arg, const char *kind, const void *bytes, size_t size)
{
    const size_t name = strlen(kind) + 1;
    const struct worker_message message = {.kind = WORKER_RECORD, .size = name + size};

    worker_send(arg, &message, kind, name, bytes, size);
    return 0;
}

static int worker_on_call(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    const size_t name = strlen(call->name) + 1;
    const struct worker_message message = {
        .kind = WORKER_CALL, .number = call->id, .size = name + call->size};

    (void)arg;
    worker_send(tools_arg, &message, call->name, name, call->bytes, call->size);
    /* What an agent tells is on its way, so its call is over. */
    return strcmp(call->name, WORKER_OUT) == 0 ? vmm_reply(vm, call->id, "", 0, NULL) : 0;
}

/* Gives a reply to the VM. One for which it has no open call is dropped: the guest has given the
 * call up, or the run is over. */
static void worker_reply(struct worker *w, const struct worker_message *message)
{
    char *bytes = message->size < WORKER_BYTES ? malloc(message->size + 1) : NULL;
    size_t type;

    if (bytes == NULL) {
        _exit(WORKER_STATUS);
    }
    worker_read(w, bytes, message->size);
    bytes[message->size] = 0;
    type = strlen(bytes);
    if (message->kind == WORKER_REPLY) {
        (void)vmm_reply(w->vm, message->number, bytes, message->size, NULL);
    } else if (type < message->size) {
        (void)vmm_reply_error(w->vm, message->number, bytes, bytes + type + 1, NULL);
    }
    free(bytes);
}

/* The other thread. */
static void *worker_listen(void *arg)
{
    struct worker *w = arg;
    struct worker_message message;
    int fd;

    flag_raise(&w->began);
    for (;;) {
        flag_wait(&w->listen);
        for (;;) {
            worker_head(w, &message, &fd);
            if (message.kind == WORKER_OVER) {
                break;
            }
            if (message.kind == WORKER_SAVE) {
                states_ask(&w->states, fd);
            } else {
                worker_reply(w, &message);
            }
        }
        flag_raise(&w->over);
    }
    return NULL;
}

/* For vmm_jail.threads. */
static int worker_thread(void *arg, struct vmm_err *err)
{
    struct worker *w = arg;
    const int rc = replies_thread(worker_listen, w, err);

    if (rc == 0) {
        flag_wait(&w->began);
    }
    return rc;
}

/* For worker_install(). */
static void packages_read(void *arg, void *to, size_t size)
{
    worker_read(arg, to, size);
}

static void packages_tell(void *arg, uint32_t kind, const void *bytes, size_t size)
{
    worker_tell(arg, kind, bytes, size);
}

static int packages_go(void *arg, const struct vmm_run *run, struct vmm_outcome *outcome,
                       struct vmm_err *err)
{
    struct worker *w = arg;
    int rc;

    signals_reach(w->vm);
    rc = vmm_run(w->vm, run, outcome, err);
    signals_stop(w->vm);
    return rc;
}

static int worker_take_packages(struct worker *w, const struct work *work,
                                struct vmm_outcome *outcome, struct vmm_err *err)
{
    struct vmm_run run;
    const struct worker_install install = {.vm = w->vm,
                                           .run = &run,
                                           .arg = w,
                                           .read = packages_read,
                                           .tell = packages_tell,
                                           .go = packages_go};
    const struct bundle_info info = {work->head.entries, work->head.index};
    const struct pyhl_run empty = {.cell = "",
                                   .timeout_ns = work->run.timeout_ns,
                                   .cpu_ns = work->run.cpu_ns,
                                   .memory = work->run.memory};
    int rc = pyhl_run_make(&empty, &run, err);

    if (rc == 0) {
        rc = info.entries > 0 ? worker_put_packages(&install, &info, outcome, err)
                              : worker_install(&install, outcome, err);
        pyhl_run_free(&run);
    }
    return rc;
}

/* Makes the run, and begins it. libpyhl does not know runs about contexts and services: it makes a
 * cell. */
static int worker_begin(struct worker *w, const struct work *work, struct vmm_outcome *outcome,
                        struct vmm_err *err)
{
    struct vmm_run made, run;
    int rc = pyhl_run_make(&work->run, &made, err);

    run = made;
    if (work->head.sort == WORKER_CONTEXT) {
        run.mode = HV_RUN_CONTEXT;
        run.argv = work->args;
        run.source = NULL;
        run.source_len = 0;
    } else if (work->head.sort == WORKER_SERVICE) {
        run.mode = HV_RUN_SERVICE;
        run.argv = work->args;
        run.source = work->run.cell;
        run.source_len = work->head.source;
    }
    if (rc == 0 && work->head.sort == WORKER_RESUME) {
        w->states.suspended = false;
        outcome->kind = VMM_CALLED;
        rc = vmm_take_over(w->vm, &run, err);
    } else if (rc == 0) {
        rc = vmm_run(w->vm, &run, outcome, err);
    }
    pyhl_run_free(&made);
    return rc;
}

static int worker_run_vm(struct worker *w, struct work *work, struct vmm_outcome *outcome,
                         struct vmm_err *err)
{
    int rc;

    if (work->head.sort == WORKER_INSTALL) {
        return worker_take_packages(w, work, outcome, err);
    }
    work->run.tools = work->set;
    work->run.tools_arg = w;
    signals_reach(w->vm);
    rc = worker_begin(w, work, outcome, err);
    if (rc == 0) {
        rc = replies_wait(w->vm, work->run.timeout_ns, states_on_suspended, &w->states, outcome,
                          err);
    }
    signals_stop(w->vm);
    return rc;
}

static void worker_done(struct worker *w, const struct vmm_outcome *outcome)
{
    struct worker_done done = {
        .kind = (int32_t)outcome->kind, .status = outcome->status, .counters = outcome->counters};

    memcpy(done.detail, outcome->detail, sizeof(done.detail));
    worker_tell(w, WORKER_DONE, &done, sizeof(done));
}

/* Puts the machine back, after the answer was sent. Not one whose state another process has
 * written: there may have been more in it than a rewind puts back. */
static int worker_reset(struct worker *w, struct vmm_err *err)
{
    int rc;

    if (w->states.loaded) {
        _exit(0);
    }
    rc = vmm_rewind_to(w->vm, w->snap, err); /* vmm_rewind() may go to a checkpoint of a session */
    if (rc == 0) {
        worker_tell(w, WORKER_READY, NULL, 0);
    }
    return rc;
}

static int worker_work(struct worker *w, struct work *work, const char *bytes, size_t size,
                       struct vmm_err *err)
{
    struct vmm_outcome outcome = {.kind = VMM_BROKEN};
    bool run = true;
    int rc = work_make(work, worker_on_call, bytes, size, err);

    if (rc == 0 && work->head.entries > 0) {
        rc = worker_take_packages(w, work, &outcome, err);
        run = rc == 0 && outcome.kind == VMM_READY && outcome.status == 0;
    }
    if (rc < 0) {
        return rc;
    }
    if (work->set != NULL) {
        flag_raise(&w->listen);
    }
    rc = run ? worker_run_vm(w, work, &outcome, err) : 0;
    if (rc < 0) {
        return rc;
    }
    worker_done(w, &outcome);
    if (work->set != NULL) {
        flag_wait(&w->over);
        states_on_over(&w->states, work->head.keeps && outcome.kind == VMM_READY);
    }
    return work->head.keeps && outcome.kind == VMM_READY ? 0 : worker_reset(w, err);
}

static int worker_take_run(struct worker *w, const struct worker_message *message,
                           struct vmm_err *err)
{
    size_t size = message->size;
    struct work work = {0};
    char *bytes = NULL;
    int rc = 0;

    if (size < sizeof(work.head) || size > 2 * WORKER_BYTES) {
        return vmm_err_set(err, EPROTO, "a run that is none");
    }
    atomic_store(&killed, false);
    atomic_store(&serial, (int)message->number);
    worker_read(w, &work.head, sizeof(work.head));
    size -= sizeof(work.head);
    bytes = malloc(size + 1);
    if (bytes == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    worker_read(w, bytes, size);
    bytes[size] = 0;
    rc = worker_work(w, &work, bytes, size + 1, err);
    work_free(&work);
    free(bytes);
    return rc;
}

static int worker_loop(struct worker *w)
{
    struct worker_message message;
    struct vmm_err err = {0};
    int rc = 0, fd;

    worker_tell(w, WORKER_READY, NULL, 0);
    while (rc == 0) {
        worker_head(w, &message, &fd);
        if (message.kind == WORKER_RUN) {
            rc = worker_take_run(w, &message, &err);
        } else if (message.kind == WORKER_RESET) {
            rc = worker_reset(w, &err);
        } else if (message.kind == WORKER_SAVE) {
            states_save(&w->states, fd);
        } else if (message.kind == WORKER_LOAD) {
            rc = states_load(&w->states, fd, message.number, &err);
        } else {
            rc = vmm_err_set(&err, EPROTO, "a message that is none");
        }
    }
    return worker_fail(w, &err);
}

static int worker_jail(struct worker *w, struct vmm_err *err)
{
    const struct vmm_jail jail = {
        .extras = VMM_JAIL_CHANNEL | VMM_JAIL_INSPECT | VMM_JAIL_RENEW | VMM_JAIL_HANDOVER,
        .vm = w->vm,
        .snapshot_fd = -1,
        .input_fd = -1,
        .channel_fd = w->fd,
        .threads = worker_thread,
        .threads_arg = w,
    };

    return vmm_jail(&jail, err);
}

int worker_main(const struct worker_start *start)
{
    static struct worker w; /* the other thread uses it until the process ends */
    const struct sigaction action = {.sa_sigaction = worker_on_signal, .sa_flags = SA_SIGINFO};
    const struct vmm_io io = {.stdin_fd = -1,
                              .stdout_fd = -1,
                              .stderr_fd = -1,
                              .write = worker_on_write,
                              .write_arg = &w,
                              .record = worker_on_record,
                              .record_arg = &w};
    struct vmm_err err = {0};

    w.fd = start->fd;
    w.snap = start->snap;
    atomic_init(&w.states.save_fd, -1);
    (void)pthread_mutex_init(&w.sending, NULL);
    (void)sigaction(WORKER_INTERRUPT, &action, NULL);
    (void)sigaction(WORKER_KILL, &action, NULL);
    (void)signal(SIGXFSZ, SIG_IGN); /* the server limits how much of a state is written */
    if (vmm_restore(start->snap, &io, true, &w.vm, &err) < 0 || worker_jail(&w, &err) < 0) {
        return worker_fail(&w, &err);
    }
    w.states.vm = w.vm;
    w.states.tell = worker_on_state;
    w.states.arg = &w;
    return worker_loop(&w);
}
