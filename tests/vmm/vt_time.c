// SPDX-License-Identifier: Apache-2.0
/*
 * Time and interrupts: upcalls, the guest's timer, waits, deadlines, interrupts from other threads,
 * two machines at once. Bounds are loose: machines are shared.
 */
#include "vt.h"

#include <pthread.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void t_upcall(void)
{
    struct vmm *vm = vt_boot(&vt_no_io);
    struct vmm_outcome o = vt_run(vm, "upcall", "20");
    IS(o, VMM_EXITED, 0, "");
    CHECK_INT(o.counters.upcalls, 20);
    vmm_destroy(vm);
}

/* An upcall takes one exit, which is that of its timer: nothing is tried again once the guest has
 * it. The rings are looked at few times. */
static void t_upcall_exits(void)
{
    struct vmm *vm = vt_boot(&vt_no_io);
    struct vmm_outcome o = vt_run(vm, "upcall", "100");
    IS(o, VMM_EXITED, 0, "");
    CHECK_INT(o.counters.upcalls, 100);
    CHECK(o.counters.exits_signal < 160);
    vmm_destroy(vm);
}

static void t_timer_flag(void)
{
    IS(vt_once("timer-flag", ""), VMM_EXITED, 0, "");
}

/* The number of the library's next clock reads that are followed by a pause, as if the host had run
 * something else. */
static unsigned clock_pauses;
uint64_t __real_os_clock_ns(clockid_t id);
uint64_t __wrap_os_clock_ns(clockid_t id);
uint64_t __wrap_os_clock_ns(clockid_t id)
{
    const uint64_t now = __real_os_clock_ns(id);
    if (clock_pauses > 0) {
        clock_pauses--;
        usleep(60000);
    }
    return now;
}

/* A guest's clock lags when the host was busy between reading the time and entering the guest. Its
 * timers must not come early because of that. Timers of a few milliseconds once came at once, again
 * and again, and two threads that waited for each other with a timeout never got to run. */
static void t_timer_lag(void)
{
    struct vmm *vm = vt_boot(&vt_no_io);
    clock_pauses = 5; /* that of hv_shared.resume among them */
    IS(vt_run(vm, "timer-early", "50"), VMM_EXITED, 0, "");
    CHECK_INT(clock_pauses, 0);
    vmm_destroy(vm);
}

static uint64_t cpu_ns(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000u +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000u;
}

static void t_wait(void)
{
    struct vmm *vm = vt_boot(&vt_no_io);
    const uint64_t start = vt_now();
    const uint64_t cpu = cpu_ns();
    IS(vt_run(vm, "wait", "300"), VMM_EXITED, 0, "");
    CHECK(vt_now() - start >= 300000000);
    CHECK(cpu_ns() - cpu < 100000000);
    vmm_destroy(vm);
}

static void t_wait_timer(void)
{
    IS(vt_once("wait-timer", "30"), VMM_EXITED, 0, "");
}

static void t_wait_deadline(void)
{
    struct vmm *vm = vt_boot(&vt_no_io);
    const uint64_t start = vt_now();
    IS(vt_run_for(vm, "wait-forever", "", 100000000), VMM_TIMEOUT, 0, "out of time");
    CHECK(vt_now() - start >= 100000000);
    vmm_destroy(vm);
}

static void t_spin_deadline(void)
{
    struct vmm *vm = vt_boot(&vt_no_io);
    IS(vt_run_for(vm, "spin", "", 100000000), VMM_TIMEOUT, 0, "rip 0x4");
    vmm_destroy(vm);
}

struct interrupter {
    struct vmm *vm;
    enum vmm_interrupt what;
    unsigned after_us;
};

static void *interrupter_main(void *arg)
{
    const struct interrupter *i = arg;
    usleep(i->after_us);
    vmm_interrupt(i->vm, i->what);
    return NULL;
}

static struct vmm_outcome interrupted(const char *name, enum vmm_interrupt what, unsigned after_us)
{
    struct vmm *vm = vt_boot(&vt_no_io);
    struct interrupter i = {.vm = vm, .what = what, .after_us = after_us};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, interrupter_main, &i) == 0);
    struct vmm_outcome o = vt_run(vm, name, "");
    pthread_join(thread, NULL);
    vmm_destroy(vm);
    return o;
}

static void t_interrupt(void)
{
    for (unsigned us = 0; us < 20000; us += 4000) {
        IS(interrupted("spin", VMM_INTERRUPT_KILL, us), VMM_KILLED, 0, "");
        IS(interrupted("wait-forever", VMM_INTERRUPT_KILL, us), VMM_KILLED, 0, "");
        IS(interrupted("event", VMM_INTERRUPT_INT, us), VMM_EXITED, HV_EVENT_INT, "");
        IS(interrupted("event", VMM_INTERRUPT_TERM, us), VMM_EXITED, HV_EVENT_TERM, "");
    }
}

/* When no run is going on, an interrupt is for the next run. */
static void t_interrupt_early(void)
{
    struct vmm *vm = vt_boot(&vt_no_io);
    vmm_interrupt(vm, VMM_INTERRUPT_KILL);
    IS(vt_run(vm, "spin", ""), VMM_KILLED, 0, "");
    vmm_destroy(vm);
}

static void *many_runs(void *arg)
{
    for (int i = 0; i < 10; i++) {
        IS(vt_once("upcall", "3"), VMM_EXITED, 0, "");
        IS(vt_once("wait", "5"), VMM_EXITED, 0, "");
    }
    return arg;
}

static void t_threads(void)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        CHECK(pthread_create(&threads[i], NULL, many_runs, NULL) == 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void *run_elsewhere(void *vm)
{
    IS(vt_run(vm, "upcall", "3"), VMM_EXITED, 0, "");
    return NULL;
}

/* A machine may change threads between its runs. */
static void t_thread_change(void)
{
    pthread_t thread;
    struct vmm *vm = vt_boot(&vt_no_io);
    CHECK(pthread_create(&thread, NULL, run_elsewhere, vm) == 0);
    pthread_join(thread, NULL);
    vmm_destroy(vm);
}

const struct vt_test vt_time_tests[] = {
    {"upcall", t_upcall},
    {"upcall: an exit each", t_upcall_exits},
    {"timer-flag", t_timer_flag},
    {"timer-lag", t_timer_lag},
    {"wait", t_wait},
    {"wait-timer", t_wait_timer},
    {"wait-deadline", t_wait_deadline},
    {"spin-deadline", t_spin_deadline},
    {"interrupt", t_interrupt},
    {"interrupt-early", t_interrupt_early},
    {"threads-three-machines", t_threads},
    {"thread-change", t_thread_change},
    {NULL, NULL},
};
