// SPDX-License-Identifier: Apache-2.0
/*
 * Time: what the guest is told at a resume, and the timer that stops its vCPU. The guest's
 * monotonic clock is the host's plus a constant. In a restored machine it goes on from where it
 * stood at the snapshot, plus the wall time since.
 *
 * There is a timer for each thread, not for each VM, of which there may be many more. The kernel is
 * only asked to change it when something earlier is wanted. The timer stays armed when a run ends.
 * Its signal is blocked until the next run on this thread, which discards it. A VM that was
 * interrupted by another VM's timer finds nothing due and goes on.
 */
#include "vmm_int.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define BOOT_MONO_NS NS_PER_MS        /* the time at the first boot: small, not zero */
#define CUT_AGAIN_NS (10 * NS_PER_MS) /* a signal just before the call does not end it */

void clock_start(struct vmm *vm)
{
    vm->clock.guest_ns = BOOT_MONO_NS;
    vm->clock.host_ns = os_clock_ns(CLOCK_MONOTONIC);
}

uint64_t clock_guest_now(const struct vmm *vm)
{
    return vm->clock.guest_ns + (os_clock_ns(CLOCK_MONOTONIC) - vm->clock.host_ns);
}

/* Sets the clock of a machine whose monotonic time was guest_ns at the wall time wall_ns, perhaps
 * long ago. */
void clock_continue(struct vmm *vm, uint64_t guest_ns, uint64_t wall_ns)
{
    const uint64_t now = os_clock_ns(CLOCK_REALTIME);
    vm->clock.guest_ns = guest_ns + (now > wall_ns ? now - wall_ns : 0);
    vm->clock.host_ns = os_clock_ns(CLOCK_MONOTONIC);
}

uint64_t clock_from_now(uint64_t ns)
{
    const uint64_t now = os_clock_ns(CLOCK_MONOTONIC);
    return ns < NEVER - now ? now + ns : NEVER;
}

uint64_t clock_guest_to_host(const struct vmm *vm, uint64_t guest_ns)
{
    if (guest_ns == HV_NO_DEADLINE) {
        return NEVER;
    }
    if (guest_ns <= vm->clock.guest_ns) {
        return vm->clock.host_ns;
    }
    const uint64_t delta = guest_ns - vm->clock.guest_ns;
    return delta < NEVER - vm->clock.host_ns ? vm->clock.host_ns + delta : NEVER;
}

uint64_t clock_host_to_guest(const struct vmm *vm, uint64_t host_ns)
{
    if (host_ns == NEVER) {
        return HV_NO_DEADLINE;
    }
    return host_ns > vm->clock.host_ns ? vm->clock.guest_ns + (host_ns - vm->clock.host_ns) : 0;
}

int clock_resume(struct vmm *vm, struct hv_resume *resume, struct vmm_err *err)
{
    resume->generation = vm->generation;
    resume->tsc_khz = vm->tsc_khz;
    resume->flags = (vm->deterministic ? HV_RESUME_DETERMINISTIC : 0) |
                    (vm->trace ? HV_RESUME_TRACE : 0) | vm->files.flags;
    if (vm->deterministic) {
        for (size_t i = 0; i < sizeof(resume->entropy); i++) {
            resume->entropy[i] = (uint8_t)(i + 1);
        }
    } else {
        int rc = os_random(resume->entropy, sizeof(resume->entropy));
        if (rc < 0) {
            return vmm_err_set(err, -rc, "getrandom: %s", strerror(-rc));
        }
    }
    resume->wall_ns = os_clock_ns(CLOCK_REALTIME);
    resume->mono_ns = clock_guest_now(vm);
    return 0;
}

/* The timer of this thread. */
static _Thread_local struct {
    timer_t id;
    bool created;
    pid_t tid;
    uint64_t armed; /* the instant that the kernel was told; NEVER when not armed */
    bool lent;      /* to a wait or a call that may block: not set for a running guest */
} clock_thread;

static pthread_key_t clock_thread_key;

static void clock_thread_end(void *arg)
{
    (void)arg;
    (void)timer_delete(clock_thread.id);
    clock_thread.created = false;
}

/* A forked child has no timers. */
static void clock_forked(void)
{
    clock_thread.created = false;
}

static void clock_thread_setup(void)
{
    (void)pthread_key_create(&clock_thread_key, clock_thread_end);
    (void)pthread_atfork(NULL, NULL, clock_forked);
}

static int clock_thread_begin(struct vmm_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, clock_thread_setup);
    struct sigevent event;
    memset(&event, 0, sizeof(event));
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = VMM_SIGNAL;
    event._sigev_un._tid = gettid();
    if (timer_create(CLOCK_MONOTONIC, &event, &clock_thread.id) < 0) {
        return vmm_err_set(err, errno, "timer_create: %s%s", strerror(errno),
                           errno == EAGAIN ? " (each thread that runs VMs takes one: raise "
                                             "RLIMIT_SIGPENDING, `ulimit -i`)"
                                           : "");
    }
    clock_thread.created = true;
    clock_thread.tid = event._sigev_un._tid;
    clock_thread.armed = NEVER;
    clock_thread.lent = false;
    (void)pthread_setspecific(clock_thread_key, &clock_thread);
    return 0;
}

int clock_timer_attach(struct vmm *vm, struct vmm_err *err)
{
    int rc = clock_thread.created ? 0 : clock_thread_begin(err);
    vm->timer.tid = clock_thread.tid;
    return rc;
}

static uint64_t clock_earliest(const struct clock_timer *t)
{
    uint64_t next = t->deadline;
    next = t->guest < next ? t->guest : next;
    next = t->tick < next ? t->tick : next;
    next = t->cpu < next ? t->cpu : next;
    next = t->longer < next ? t->longer : next;
    return t->retry < next ? t->retry : next;
}

uint64_t clock_cpu_used(const struct vmm *vm)
{
    return vm->counters.cpu_ns + (os_clock_ns(CLOCK_THREAD_CPUTIME_ID) - vm->cpu_start);
}

void clock_cpu_begin(struct vmm *vm, uint64_t now)
{
    vm->cpu_start = os_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    vm->timer.cpu = NEVER;
    if (vm->cpu_ns != 0 && !vm->ending) {
        const uint64_t used = vm->counters.cpu_ns;
        const uint64_t left = used < vm->cpu_ns ? vm->cpu_ns - used : 0;
        vm->timer.cpu = left < NEVER - now ? now + left : NEVER;
    }
}

void clock_cpu_end(struct vmm *vm)
{
    vm->counters.cpu_ns = clock_cpu_used(vm);
}

/* Makes the timer fire at an instant, then every again_ns until it is set again. NEVER: not at
 * all. */
static int clock_timer_set(struct vmm *vm, uint64_t at, uint64_t again_ns, bool lent)
{
    struct itimerspec spec = {.it_interval = os_timespec(again_ns)};
    if (at != NEVER) {
        spec.it_value = os_timespec(at > 0 ? at : 1);
    }
    if (timer_settime(clock_thread.id, TIMER_ABSTIME, &spec, NULL) < 0) {
        return vmm_err_set(vm->err, errno, "timer_settime: %s", strerror(errno));
    }
    clock_thread.armed = at;
    clock_thread.lent = lent;
    return 0;
}

int clock_timer_arm(struct vmm *vm, uint64_t now)
{
    if (clock_thread.armed <= now) {
        clock_thread.armed = NEVER; /* it has fired */
    }
    const uint64_t next = clock_earliest(&vm->timer);
    if (next >= clock_thread.armed && !clock_thread.lent) {
        return 0;
    }
    return clock_timer_set(vm, next, 0, false);
}

int clock_timer_wait(struct vmm *vm, uint64_t until)
{
    return clock_timer_set(vm, until, 0, true);
}

int clock_timer_cut(struct vmm *vm, uint64_t until)
{
    return clock_timer_set(vm, until, CUT_AGAIN_NS, true);
}
