// SPDX-License-Identifier: Apache-2.0
/*
 * The call ring: each call is copied out of shared memory once, then checked and answered. Whatever
 * a guest writes there ends as an answer or as VMM_BROKEN with words, never as an error of the
 * host.
 */
#include "vmm_int.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef int call_fn(struct vmm *vm, const struct hv_call *call, int64_t *ret);

static int call_bad_range(struct vmm *vm, const char *name, uint64_t gpa, uint64_t size)
{
    return outcome_set(vm, VMM_BROKEN, 0, "call %s: 0x%llx+0x%llx is not in memory", name,
                       (unsigned long long)gpa, (unsigned long long)size);
}

/* The open run: the ring stands still at this slot until calls_answer_run(). */
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
    return outcome_set(vm, VMM_READY, 0, "%s", "");
}

static uint64_t call_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Copies [offset, offset + size) of the frame, as far as there is one and a call goes; the bytes
 * copied, or RUN_STOP. */
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

/* A line from the guest for a user: other than printable ASCII becomes '?'. Its length. */
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

static int call_wait(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    *ret = 0;
    return console_wait(vm, clock_from_now(call->arg[0]), (call->arg[1] & HV_WAIT_STDIN) != 0);
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

static call_fn *const call_table[] = {
    [HV_CALL_RUN] = call_run,         [HV_CALL_FRAME] = call_frame,
    [HV_CALL_EXIT] = call_exit,       [HV_CALL_WAIT] = call_wait,
    [HV_CALL_TIMER] = call_timer,     [HV_CALL_DRAIN] = call_drain,
    [HV_CALL_STDIN] = call_stdin,     [HV_CALL_TRACE] = call_trace,
    [HV_CALL_DISCARD] = call_discard, [HV_CALL_TERMINAL] = call_terminal,
};

static int call_dispatch(struct vmm *vm, const struct hv_call *call, int64_t *ret)
{
    if (call->nr >= sizeof(call_table) / sizeof(call_table[0]) || call_table[call->nr] == NULL) {
        return outcome_set(vm, VMM_BROKEN, 0, "unknown call %u", call->nr);
    }
    return call_table[call->nr](vm, call, ret);
}

static void call_answer(struct vmm *vm, uint32_t tail, int64_t ret)
{
    struct hv_shared *s = mem_shared_write(vm);
    s->calls[tail % HV_CALL_SLOTS].ret = ret;
    __atomic_store_n(&s->call_tail, tail + 1, __ATOMIC_RELEASE);
    vm->counters.calls++;
}

int calls_answer(struct vmm *vm)
{
    struct hv_shared *s = vm->shared;
    const uint32_t head = __atomic_load_n(&s->call_head, __ATOMIC_ACQUIRE);
    uint32_t tail = __atomic_load_n(&s->call_tail, __ATOMIC_RELAXED);
    if (head - tail > HV_CALL_SLOTS) {
        return outcome_set(vm, VMM_BROKEN, 0, "the call ring claims %u calls of %u", head - tail,
                           HV_CALL_SLOTS);
    }
    for (; tail != head; tail++) {
        struct hv_call call;
        memcpy(&call, &s->calls[tail % HV_CALL_SLOTS], sizeof(call));
        __asm__ volatile("" ::: "memory"); /* one fetch: what is checked is what is used */
        int64_t ret = 0;
        int rc = call_dispatch(vm, &call, &ret);
        if (rc != 0) {
            return rc;
        }
        call_answer(vm, tail, ret);
        /* One call takes a bounded time, a ring full of them as often as much. */
        rc = tail + 1 != head ? outcome_due(vm, os_clock_ns(CLOCK_MONOTONIC)) : 0;
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
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
    struct hv_shared *s = mem_shared_write(vm);
    vm->generation++;
    terminal_describe(vm, &s->streams);
    int rc = clock_resume(vm, &s->resume, vm->err);
    if (rc < 0) {
        return rc;
    }
    vm->counts_before = s->counts;
    call_answer(vm, s->call_tail, (int64_t)whole);
    return calls_answer(vm);
}
