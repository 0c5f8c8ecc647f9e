// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's calls. A call is copied out of shared memory once, then checked and answered by the
 * service that it names. Whatever a guest writes there ends as an answer, or as VMM_BROKEN with a
 * message, never as an error of the host.
 */
#include "vmm_int.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array)         (sizeof(array) / sizeof((array)[0]))
#define CALL_OPERATION(call) ((call)&0xffu)

typedef int call_fn(struct vmm *vm, const struct hv_call *call, int64_t *ret);

static int call_bad_range(struct vmm *vm, const char *name, uint64_t gpa, uint64_t size)
{
    return outcome_set(vm, VMM_BROKEN, 0, "call %s: 0x%llx+0x%llx is not in memory", name,
                       (unsigned long long)gpa, (unsigned long long)size);
}

/* HV_CALL_RUN: the call stays open, in its slot, until calls_answer_run(). The outcome's status is
 * what the guest says of the run before. */
static int call_run(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    (void)ret;
    if (call->arg[1] < sizeof(struct hv_run)) {
        return outcome_set(vm, VMM_BROKEN, 0, "call run: a buffer of %llu bytes is too small",
                           (unsigned long long)call->arg[1]);
    }
    if (mem_read_ptr(vm, call->arg[0], call->arg[1]) == NULL) {
        return call_bad_range(vm, "run", call->arg[0], call->arg[1]);
    }
    vm->left_ns = os_clock_ns(CLOCK_MONOTONIC);
    int rc = console_drain(vm);
    if (rc != 0) {
        return rc;
    }
    vm->run_call = *call;
    return outcome_set(vm, VMM_READY, (int)(call->arg[3] & 0xff), "%s", "");
}

static uint64_t call_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Copies [offset, offset + size) of the frame, up to its end, and HV_CALL_BYTES at most. Stores the
 * number of bytes in *ret. */
static int call_frame(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    const uint64_t offset = call->arg[0];
    if (mem_read_ptr(vm, call->arg[1], call->arg[2]) == NULL) {
        return call_bad_range(vm, "frame", call->arg[1], call->arg[2]);
    }
    const uint64_t whole = frame_size(&vm->frame);
    const uint64_t left = offset < whole ? whole - offset : 0;
    const uint64_t n = call_least(call_least(call->arg[2], left), HV_CALL_BYTES);
    *ret = (int64_t)n;
    if (n > 0) {
        frame_copy(&vm->frame, offset, mem_write_ptr(vm, call->arg[1], n), n);
    }
    return 0;
}

/* Copies a line from the guest for a user. What is not printable ASCII becomes '?'. Returns its
 * length. */
static size_t call_text(const struct vmm *vm, hv_gpa_t gpa, uint64_t size, char *out, size_t room)
{
    size_t n = size < room - 1 ? (size_t)size : room - 1;
    const char *text = mem_read_ptr(vm, gpa, n);
    n = text != NULL ? n : 0;
    for (size_t i = 0; i < n; i++) {
        const char c = text[i];
        out[i] = c >= ' ' && c <= '~' ? c : '?';
    }
    out[n] = '\0';
    return n;
}

static int call_exit(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    (void)ret;
    static const enum vmm_outcome_kind kinds[] = {
        [HV_EXIT_STATUS] = VMM_EXITED,
        [HV_EXIT_SIGNAL] = VMM_SIGNALED,
        [HV_EXIT_OOM] = VMM_OOM,
        [HV_EXIT_PANIC] = VMM_PANIC,
    };
    if (call->arg[0] >= sizeof(kinds) / sizeof(kinds[0])) {
        return outcome_set(vm, VMM_BROKEN, 0, "call exit: unknown kind %llu",
                           (unsigned long long)call->arg[0]);
    }
    if (call->arg[0] == HV_EXIT_SIGNAL && (call->arg[1] == 0 || call->arg[1] > HV_SIGNAL_MAX)) {
        return outcome_set(vm, VMM_BROKEN, 0, "call exit: no signal has the number %llu",
                           (unsigned long long)call->arg[1]);
    }
    vm->left_ns = os_clock_ns(CLOCK_MONOTONIC);
    int rc = console_drain(vm);
    if (rc != 0) {
        return rc;
    }
    char text[sizeof(vm->outcome->detail)];
    (void)call_text(vm, call->arg[2], call->arg[3], text, sizeof(text));
    return outcome_set(vm, kinds[call->arg[0]], (int)(call->arg[1] & 0xff), "%s", text);
}

static void call_answer(struct vmm *vm, int64_t ret)
{
    struct hv_shared *s = mem_shared_write(vm);
    s->call.ret = ret;
    s->call.nr = HV_CALL_NONE;
    vm->counters.calls++;
}

static bool call_event_set(const struct vmm *vm)
{
    return __atomic_load_n(&vm->shared->events, __ATOMIC_SEQ_CST) != 0;
}

/* The guest sleeps while calls are open: gives the caller of vmm_run() the run, as it is. */
static int call_suspend(struct vmm *vm, uint64_t until)
{
    struct suspension *s = &vm->suspension;
    const uint64_t now = os_clock_ns(CLOCK_MONOTONIC);
    const uint64_t deadline = vm->timer.deadline;
    s->until = until < vm->timer.guest ? until : vm->timer.guest;
    s->since = now;
    s->left_ns = deadline == NEVER ? NEVER : deadline > now ? deadline - now : 0;
    return outcome_set_called(vm, s->until, now);
}

static int call_wait(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    const uint64_t until = clock_from_now(call->arg[0]);
    *ret = 0;
    vm->suspension.woken = false;
    int rc = console_drain(vm);
    if (rc != 0 || !toolcalls_open(vm)) {
        return rc != 0 ? rc : handles_wait(vm, until);
    }
    const uint64_t now = os_clock_ns(CLOCK_MONOTONIC);
    (void)handles_look(vm);
    rc = outcome_due(vm, now);
    if (rc != 0 || now >= until || call_event_set(vm)) {
        return rc;
    }
    return vm->ending ? handles_wait(vm, until) : call_suspend(vm, until);
}

/* Moves the instants of the run by the time for which it was suspended. */
static void call_shift(struct vmm *vm, uint64_t now)
{
    const uint64_t paused = now - vm->suspension.since;
    vm->timer.tick += paused;
    vm->started_ns += paused;
    vm->entered_ns += paused;
    vm->suspension.since = now;
}

/* Tells a guest that was restored in the middle of a run of its new time and entropy. */
static int call_restored(struct vmm *vm)
{
    struct hv_shared *s = mem_shared_write(vm);
    vm->generation++;
    vm->suspension.restored = false;
    int rc = clock_resume(vm, &s->resume, vm->err);
    (void)__atomic_fetch_or(&s->events, HV_EVENT_RESTORED, __ATOMIC_SEQ_CST);
    return rc;
}

int calls_resume(struct vmm *vm, uint64_t wait_ns)
{
    const struct suspension *s = &vm->suspension;
    const uint64_t limit = clock_from_now(wait_ns);
    vm->timer.deadline = NEVER;
    (void)handles_look(vm);
    int rc = handles_wait(vm, limit < s->until ? limit : s->until);
    vm->suspension.woken = false;
    const uint64_t now = os_clock_ns(CLOCK_MONOTONIC);
    call_shift(vm, now);
    if (rc != 0) {
        return rc;
    }
    if (now < s->until && !call_event_set(vm)) {
        return outcome_set_called(vm, s->until, now);
    }
    vm->timer.deadline = clock_from_now(s->left_ns);
    rc = s->restored ? call_restored(vm) : 0;
    if (rc < 0) {
        return rc;
    }
    call_answer(vm, 0);
    return clock_timer_arm(vm, now); /* what was armed before may have fired since */
}

static int call_timer(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    *ret = 0;
    vm->timer.guest = clock_from_now(call->arg[0]);
    return 0;
}

static int call_drain(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    (void)call;
    *ret = 0;
    return console_drain(vm);
}

static int call_stdin(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    if (mem_read_ptr(vm, call->arg[0], call->arg[1]) == NULL) {
        return call_bad_range(vm, "stdin", call->arg[0], call->arg[1]);
    }
    const uint64_t n = call_least(call->arg[1], HV_CALL_BYTES);
    if (vm->streams.kind[0] == HV_STREAM_FILE &&
        lseek(vm->io.stdin_fd, (off_t)call->arg[2], SEEK_SET) < 0) {
        *ret = -errno;
        return 0;
    }
    return console_read(vm, mem_write_ptr(vm, call->arg[0], n), n, ret);
}

static int call_trace(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    if (mem_read_ptr(vm, call->arg[0], call->arg[1]) == NULL) {
        return call_bad_range(vm, "trace", call->arg[0], call->arg[1]);
    }
    if (!vm->trace) {
        *ret = -EPERM;
        return 0;
    }
    char line[HV_TRACE_MAX + 1];
    *ret = 0;
    return console_trace(vm, line, call_text(vm, call->arg[0], call->arg[1], line, sizeof(line)));
}

static int call_discard(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    const uint64_t mask = HV_PAGE_SIZE - 1;
    *ret = 0;
    if (((call->arg[0] | call->arg[1]) & mask) != 0) {
        return outcome_set(vm, VMM_BROKEN, 0, "call discard: 0x%llx+0x%llx are no whole pages",
                           (unsigned long long)call->arg[0], (unsigned long long)call->arg[1]);
    }
    if (mem_read_ptr(vm, call->arg[0], call->arg[1]) == NULL) {
        return call_bad_range(vm, "discard", call->arg[0], call->arg[1]);
    }
    return mem_discard(vm, call->arg[0], call->arg[1], vm->err);
}

static int call_terminal(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    *ret = terminal_call(vm, call->arg[0], call->arg[1], call->arg[2], call->arg[3] != 0);
    return 0;
}

/* Copies a record's kind. False: it is not printable ASCII. */
static bool call_kind(const char *from, size_t length, char *kind)
{
    bool printable = true;
    memcpy(kind, from, length);
    kind[length] = '\0';
    for (size_t i = 0; i < length; i++) {
        printable = printable && kind[i] >= ' ' && kind[i] <= '~';
    }
    return printable;
}

static int call_record(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    const uint64_t length = call->arg[1], size = call->arg[3];
    char kind[HV_KIND_MAX + 1];
    if (length == 0 || length > HV_KIND_MAX || size > HV_RECORD_BYTES) {
        return outcome_set(vm, VMM_BROKEN, 0, "call record: a kind of %llu bytes, a record of %llu",
                           (unsigned long long)length, (unsigned long long)size);
    }
    const void *from = mem_read_ptr(vm, call->arg[0], length);
    const void *bytes = mem_read_ptr(vm, call->arg[2], size);
    if (from == NULL || bytes == NULL) {
        return from == NULL ? call_bad_range(vm, "record", call->arg[0], length)
                            : call_bad_range(vm, "record", call->arg[2], size);
    }
    if (!call_kind(from, (size_t)length, kind)) {
        return outcome_set(vm, VMM_BROKEN, 0, "call record: the kind is not printable ASCII");
    }
    return console_record(vm, kind, bytes, (size_t)size, ret);
}

static call_fn *const run_calls[] = {
    [CALL_OPERATION(HV_CALL_RUN)] = call_run,
    [CALL_OPERATION(HV_CALL_FRAME)] = call_frame,
    [CALL_OPERATION(HV_CALL_EXIT)] = call_exit,
};
static call_fn *const memory_calls[] = {
    [CALL_OPERATION(HV_CALL_DISCARD)] = call_discard,
};
static call_fn *const console_calls[] = {
    [CALL_OPERATION(HV_CALL_DRAIN)] = call_drain,
    [CALL_OPERATION(HV_CALL_STDIN)] = call_stdin,
    [CALL_OPERATION(HV_CALL_TRACE)] = call_trace,
    [CALL_OPERATION(HV_CALL_TERMINAL)] = call_terminal,
};
static call_fn *const clock_calls[] = {
    [CALL_OPERATION(HV_CALL_WAIT)] = call_wait,
    [CALL_OPERATION(HV_CALL_TIMER)] = call_timer,
};
static call_fn *const record_calls[] = {
    [CALL_OPERATION(HV_CALL_RECORD)] = call_record,
};
static call_fn *const file_calls[] = {
    [CALL_OPERATION(HV_CALL_FILES_NEXT)] = files_answer,
    [CALL_OPERATION(HV_CALL_FILE_READ)] = files_answer,
    [CALL_OPERATION(HV_CALL_FILES_WANTED)] = files_answer,
    [CALL_OPERATION(HV_CALL_FILE_MAKE)] = files_answer,
    [CALL_OPERATION(HV_CALL_FILE_WRITE)] = files_answer,
    [CALL_OPERATION(HV_CALL_FILE_FAILED)] = files_answer,
};

static call_fn *const tool_calls[] = {
    [CALL_OPERATION(HV_CALL_TOOL)] = toolcalls_make,
    [CALL_OPERATION(HV_CALL_ANSWERED)] = toolcalls_answered,
    [CALL_OPERATION(HV_CALL_REPLY)] = toolcalls_reply,
    [CALL_OPERATION(HV_CALL_FORGET)] = toolcalls_done,
};
static int memory_begin(struct vmm *vm)
{
    mem_shared_write(vm)->memory = vm->memory;
    return 0;
}

static int console_begin(struct vmm *vm)
{
    terminal_describe(vm, &mem_shared_write(vm)->streams);
    handle_set(vm, HV_HANDLE_STDIN, vm->io_ways[0] == IO_FILE ? -1 : vm->io.stdin_fd);
    return 0;
}

static int clock_begin(struct vmm *vm)
{
    return clock_resume(vm, &mem_shared_write(vm)->resume, vm->err);
}

/* What the host does for a guest. The clock's begin() comes last, because the guest's time goes on
 * from what that says. */
static const struct service {
    const char *name;
    /* Of a run, right before the guest goes on. Sets the handles that the service has to be waited
     * for by. As outcome.c. */
    int (*begin)(struct vmm *vm);
    void (*end)(struct vmm *vm); /* of a run, in whatever way: gives up what it held */
    call_fn *const *calls;
    unsigned count;
} services[] = {
    [HV_SERVICE_RUN] = {"run", NULL, frame_end, run_calls, COUNT(run_calls)},
    [HV_SERVICE_MEMORY] = {"memory", memory_begin, NULL, memory_calls, COUNT(memory_calls)},
    [HV_SERVICE_CONSOLE] = {"console", console_begin, terminal_restore, console_calls,
                            COUNT(console_calls)},
    [HV_SERVICE_CLOCK] = {"clock", clock_begin, NULL, clock_calls, COUNT(clock_calls)},
    [HV_SERVICE_RECORD] = {"record", NULL, NULL, record_calls, COUNT(record_calls)},
    [HV_SERVICE_TOOL] = {"tool", toolcalls_begin, toolcalls_end, tool_calls, COUNT(tool_calls)},
    [HV_SERVICE_FILES] = {"files", NULL, files_end, file_calls, COUNT(file_calls)},
};

int calls_take_over(struct vmm *vm, const uint64_t open[HV_REQUESTS / 64])
{
    int rc = console_begin(vm);
    rc = rc == 0 ? toolcalls_begin(vm) : rc;
    return rc == 0 ? toolcalls_again(vm, open) : rc;
}

static int call_dispatch(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    const uint32_t number = call->nr >> 8, operation = CALL_OPERATION(call->nr);
    const struct service *service = number < COUNT(services) ? &services[number] : &services[0];
    if (operation >= service->count) {
        return outcome_set(vm, VMM_BROKEN, 0, "unknown call 0x%x (%s)", call->nr,
                           service->name != NULL ? service->name : "of no service");
    }
    return service->calls[operation](vm, call, ret);
}

int calls_answer(struct vmm *vm)
{
    struct hv_call call;
    memcpy(&call, &vm->shared->call, sizeof(call));
    __asm__ volatile("" ::: "memory"); /* one fetch: the checked call is the used one */
    if (call.nr == HV_CALL_NONE) {
        return 0;
    }
    int64_t ret = 0;
    int rc = call_dispatch(vm, &call, &ret);
    if (rc == 0) {
        call_answer(vm, ret);
    }
    return rc;
}

int calls_answer_run(struct vmm *vm)
{
    const struct hv_call *call = &vm->run_call;
    const uint64_t whole = frame_size(&vm->frame);
    const uint64_t n = call_least(call_least(call->arg[1], whole), HV_CALL_BYTES);
    void *to = mem_write_ptr(vm, call->arg[0], n);
    if (to == NULL) {
        return call_bad_range(vm, "run", call->arg[0], n);
    }
    frame_copy(&vm->frame, 0, to, n);
    vm->generation++;
    for (unsigned i = 0; i < COUNT(services); i++) {
        int rc = services[i].begin != NULL ? services[i].begin(vm) : 0;
        if (rc != 0) {
            return rc;
        }
    }
    vm->counts_before = vm->shared->counts;
    call_answer(vm, (int64_t)whole);
    return 0;
}

void calls_end_run(struct vmm *vm)
{
    for (unsigned i = 0; i < COUNT(services); i++) {
        if (services[i].end != NULL) {
            services[i].end(vm);
        }
    }
}
