// SPDX-License-Identifier: Apache-2.0
/*
 * Runs the vCPU until the run ends: exits, interrupts, deadlines, upcalls (exceptions that the VMM
 * makes, see abi.h). KVM_RUN returns at a doorbell, which is the guest's `out` for a call, and when
 * VMM_SIGNAL arrives. The host looks at nothing in between.
 */
#include "snapshot_int.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TICK_FIRST_NS   (20 * NS_PER_MS)
#define TICK_NS         (50 * NS_PER_MS)
#define TICK_WATCHED_NS (10 * NS_PER_MS) /* while a thread waits for a handle and another runs */

/* Whether an upcall may be pushed now. KVM must have nothing half-way: it would deliver a queued
 * exception at the new RIP. */
static bool run_upcall_allowed(const struct vmm *vm, const struct kvm_regs *regs)
{
    struct kvm_sregs sregs;
    struct kvm_vcpu_events events;
    if (regs->rip >= vm->kernel_start && regs->rip < vm->kernel_text_end) {
        return false;
    }
    if (regs->rip >= HV_VECTORS_GPA && regs->rip < HV_VECTORS_GPA + HV_PAGE_SIZE) {
        return false;
    }
    if (ioctl(vm->vcpu_fd, KVM_GET_SREGS, &sregs) < 0 || (sregs.cs.selector & 3) != 3) {
        return false;
    }
    return ioctl(vm->vcpu_fd, KVM_GET_VCPU_EVENTS, &events) == 0 && !events.exception.injected &&
           !events.exception.pending && !events.interrupt.injected && !events.nmi.injected;
}

/* Pushes an upcall if that is allowed now. Then the guest takes the events before anything else, so
 * no other try is needed. */
static int run_upcall(struct vmm *vm)
{
    struct kvm_regs regs;
    if (ioctl(vm->vcpu_fd, KVM_GET_REGS, &regs) < 0) {
        return vmm_err_set(vm->err, errno, "KVM_GET_REGS: %s", strerror(errno));
    }
    if (!run_upcall_allowed(vm, &regs)) {
        return 0;
    }
    const struct hv_trap trap = {.vector = HV_VECTOR_UPCALL,
                                 .rip = regs.rip,
                                 .cs = HV_SEL_USER_CS,
                                 .rflags = regs.rflags,
                                 .rsp = regs.rsp,
                                 .ss = HV_SEL_USER_SS};
    const hv_gpa_t at = HV_TRAP_TOP - sizeof(trap);
    memcpy(mem_write_ptr(vm, at, sizeof(trap)), &trap, sizeof(trap));
    regs.rsp = at;
    regs.rip = vm->shared->upcall_entry;
    regs.rflags = HV_RFLAGS_FIXED; /* the program's flags, TF among them, are in the trap */
    if (ioctl(vm->vcpu_fd, KVM_SET_REGS, &regs) < 0) {
        return vmm_err_set(vm->err, errno, "KVM_SET_REGS: %s", strerror(errno));
    }
    vm->counters.upcalls++;
    vm->timer.retry = NEVER;
    return 0;
}

/* Looks whether a run is a longer one, by its faults. A run that waits, computes, or has to wait
 * for a busy machine takes no more memory than a small one. Such a run is looked at again together
 * with the rings, which takes no exit of its own. */
static void run_longer(struct vmm *vm)
{
    vm->timer.longer = vm->timer.tick;
    if (os_thread_faults() - vm->faults_before >= vm->policy->longer_faults) {
        vm->timer.longer = NEVER;
        workset_prefault_longer(vm);
    }
}

/* KVM_RUN was interrupted: the vCPU stands between two instructions. */
static int run_interrupted(struct vmm *vm)
{
    vm->counters.exits_signal++;
    atomic_store(&vm->kicked, 0);
    const uint64_t now = os_clock_ns(CLOCK_MONOTONIC);
    int rc = outcome_due(vm, now);
    if (rc == 0 && now >= vm->timer.tick) {
        vm->timer.tick = now + (handles_look(vm) ? TICK_WATCHED_NS : TICK_NS);
        rc = console_drain(vm);
    }
    if (now >= vm->timer.longer) {
        run_longer(vm);
    }
    vm->timer.retry = NEVER;
    if (rc == 0 && __atomic_load_n(&vm->shared->events, __ATOMIC_SEQ_CST) != 0) {
        vm->timer.retry = now + UPCALL_RETRY_NS;
        rc = run_upcall(vm);
    }
    return rc == 0 ? clock_timer_arm(vm, now) : rc;
}

static int run_doorbell(struct vmm *vm)
{
    vm->counters.exits_doorbell++;
    int rc = calls_answer(vm);
    return rc == 0 ? clock_timer_arm(vm, 0) : rc;
}

static bool run_is_doorbell(const struct kvm_run *run)
{
    return run->exit_reason == KVM_EXIT_IO && run->io.port == HV_PORT_DOORBELL &&
           run->io.direction == KVM_EXIT_IO_OUT && run->io.size == 1 && run->io.count == 1;
}

/* An exit that ends the run. */
static int run_broken(struct vmm *vm)
{
    const struct kvm_run *run = vm->run;
    char what[96];
    vm->counters.exits_other++;
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        (void)snprintf(what, sizeof(what), "I/O at port 0x%x", run->io.port);
        return outcome_set_at(vm, VMM_BROKEN, what);
    case KVM_EXIT_MMIO:
        (void)snprintf(what, sizeof(what), "%s of 0x%llx, which is not memory,",
                       run->mmio.is_write ? "a write" : "a read", run->mmio.phys_addr);
        return outcome_set_at(vm, VMM_BROKEN, what);
    case KVM_EXIT_INTERNAL_ERROR:
        (void)snprintf(what, sizeof(what), "KVM internal error %u", run->internal.suberror);
        return outcome_set_at(vm, VMM_BROKEN, what);
    default:
        return outcome_set_at(vm, VMM_BROKEN, kvm_exit_name(run->exit_reason));
    }
}

static int run_exit(struct vmm *vm)
{
    const struct kvm_run *run = vm->run;
    if (run_is_doorbell(run)) {
        return run_doorbell(vm);
    }
    if (run->exit_reason == KVM_EXIT_MMIO || run->exit_reason == KVM_EXIT_INTERNAL_ERROR) {
        int rc = mem_slots_fault(vm, vm->err);
        if (rc > 0) {
            vm->counters.exits_memory++;
            return 0;
        }
        if (rc < 0) {
            vm->counters.exits_other++;
            return rc;
        }
    }
    return run_broken(vm);
}

static int run_loop(struct vmm *vm)
{
    int rc = 0;
    while (rc == 0) {
        vm->run->immediate_exit = 0;
        atomic_thread_fence(memory_order_seq_cst);
        if (atomic_load(&vm->kicked) || atomic_load(&vm->interrupts)) {
            vm->run->immediate_exit = 1;
        }
        int n = ioctl(vm->vcpu_fd, KVM_RUN, 0);
        vm->at_doorbell = n == 0 && run_is_doorbell(vm->run);
        vm->counters.exits++;
        if (n == 0) {
            vm->io_pending = true;
            rc = run_exit(vm);
        } else if (errno == EINTR) {
            vm->io_pending = false;
            rc = run_interrupted(vm);
        } else {
            vm->counters.exits_other++;
            rc = vcpu_failed(vm->err, errno);
        }
    }
    return rc;
}

/* From here on VMM_SIGNAL stops no VM on this thread. */
static void run_leave(struct vmm *vm)
{
    atomic_store(&vm->running, 0);
    vmm_kick_target(NULL);
}

/* The VM runs on this thread. */
static int run_attach(struct vmm *vm, struct vmm_outcome *outcome, struct vmm_err *err)
{
    int rc = clock_timer_attach(vm, err);
    if (rc < 0) {
        return rc;
    }
    x86_thread_clean();
    atomic_store(&vm->kicked, 0);
    vmm_kick_target(vm);
    *outcome = (struct vmm_outcome){.kind = VMM_BROKEN};
    vm->outcome = outcome;
    vm->err = err;
    return 0;
}

static int run_begin(struct vmm *vm, uint64_t timeout_ns, struct vmm_outcome *outcome,
                     struct vmm_err *err)
{
    int rc = run_attach(vm, outcome, err);
    if (rc < 0) {
        return rc;
    }
    /* The time is read only now. So the instant of a signal that was dropped before is not later,
     * and clock_timer_arm() knows that the timer has fired. */
    const uint64_t now = os_clock_ns(CLOCK_MONOTONIC);
    const uint64_t start = vm->started_ns;
    counters_begin_run(vm);
    vm->timer.deadline = timeout_ns != 0 && timeout_ns < NEVER - start ? start + timeout_ns : NEVER;
    vm->timer.tick = now + TICK_FIRST_NS;
    vm->timer.retry = NEVER;
    vm->timer.longer = vm->snap != NULL && !vm->rewindable && vm->snap->workset_longer > 0 &&
                               vm->policy->longer_ns > 0
                           ? now + vm->policy->longer_ns
                           : NEVER;
    clock_cpu_begin(vm, now);
    vm->faults_before = vm->timer.longer != NEVER ? os_thread_faults() : 0;
    atomic_store(&vm->running, (int)vm->timer.tid);
    rc = clock_timer_arm(vm, now);
    if (rc < 0) {
        run_leave(vm);
    }
    return rc;
}

/* A run whose time was over ends as such, whatever the guest has done in its grace, even if it
 * broke down. */
static void run_ended_late(struct vmm_outcome *o, enum vmm_outcome_kind kind)
{
    if (o->kind == VMM_EXITED || o->kind == VMM_SIGNALED || o->kind == VMM_OOM ||
        o->kind == VMM_PANIC || o->kind == VMM_BROKEN) {
        o->kind = kind;
        o->status = 0;
    }
}

static enum vmm_state run_state_after(enum vmm_outcome_kind kind)
{
    return kind == VMM_READY    ? VMM_STATE_READY
           : kind == VMM_CALLED ? VMM_STATE_CALLED
                                : VMM_STATE_SPENT;
}

/* The run has ended, or is suspended. */
static int run_end(struct vmm *vm, int rc)
{
    vm->state = rc == RUN_STOP ? run_state_after(vm->outcome->kind) : VMM_STATE_BAD;
    if (rc == RUN_STOP && vm->ending) {
        run_ended_late(vm->outcome, vm->ending_as);
    }
    if (vm->state == VMM_STATE_SPENT) {
        console_drain_last(vm);
    }
    if (vm->state != VMM_STATE_CALLED) {
        calls_end_run(vm);
    }
    run_leave(vm);
    counters_end_run(vm);
    vm->outcome->counters = vm->counters;
    vm->outcome = NULL;
    vm->err = NULL;
    return rc == RUN_STOP ? 0 : rc;
}

int vmm_start(struct vmm *vm, uint64_t timeout_ns, struct vmm_outcome *outcome, struct vmm_err *err)
{
    if (vm->state != VMM_STATE_NEW) {
        return vmm_err_set(err, EINVAL, "the machine was started before");
    }
    vm->started_ns = vm->entered_ns = os_clock_ns(CLOCK_MONOTONIC);
    vm->timer.guest = NEVER;
    vm->output_left = UINT64_MAX;
    int rc = run_begin(vm, timeout_ns, outcome, err);
    return rc < 0 ? rc : run_end(vm, run_loop(vm));
}

static void run_limits(struct vmm *vm, const struct vmm_run *run)
{
    vm->deterministic = run->deterministic;
    vm->trace = run->trace;
    vm->output_left = run->max_output != 0 ? run->max_output : UINT64_MAX;
    vm->cpu_ns = run->cpu_ns;
    vm->grace_ns = run->grace_ns;
    vm->ending = false;
}

int vmm_run(struct vmm *vm, const struct vmm_run *run, struct vmm_outcome *outcome,
            struct vmm_err *err)
{
    if (vm->state != VMM_STATE_READY) {
        return vmm_err_set(err, EINVAL,
                           vm->state == VMM_STATE_LEFT
                               ? "the machine is in the middle of a run: vmm_take_over() it"
                               : "the machine is not ready for a run");
    }
    vm->started_ns = os_clock_ns(CLOCK_MONOTONIC);
    int rc = limit_memory(vm, run->memory, err);
    rc = rc == 0 ? frame_build(vm, run, err) : rc;
    rc = rc == 0 ? toolcalls_prepare(vm, run, err) : rc;
    rc = rc == 0 ? files_build(vm, run, err) : rc;
    if (rc < 0) {
        return rc;
    }
    run_limits(vm, run);
    rc = run_begin(vm, run->timeout_ns, outcome, err);
    if (rc < 0) {
        return rc;
    }
    vm->restored = false;
    toolcalls_set(vm, run);
    rc = calls_answer_run(vm);
    rc = rc == 0 ? clock_timer_arm(vm, 0) : rc;
    vm->entered_ns = os_clock_ns(CLOCK_MONOTONIC);
    return run_end(vm, rc != 0 ? rc : run_loop(vm));
}

int vmm_resume(struct vmm *vm, uint64_t wait_ns, struct vmm_outcome *outcome, struct vmm_err *err)
{
    if (vm->state != VMM_STATE_CALLED) {
        return vmm_err_set(err, EINVAL, "no run of the machine is suspended");
    }
    int rc = run_attach(vm, outcome, err);
    if (rc < 0) {
        return rc;
    }
    clock_cpu_begin(vm, os_clock_ns(CLOCK_MONOTONIC));
    atomic_store(&vm->running, (int)vm->timer.tid);
    rc = calls_resume(vm, wait_ns);
    return run_end(vm, rc != 0 ? rc : run_loop(vm));
}

/* A checkpoint's calls are the guest's, who may claim anything. */
static int run_take_calls(struct vmm *vm, struct vmm_err *err)
{
    struct vmm_err local = {0};
    struct vmm_outcome outcome;
    vm->outcome = &outcome;
    vm->err = err != NULL ? err : &local;
    int rc = calls_take_over(vm, vm->snap->suspended.open);
    if (rc == RUN_STOP) {
        rc = vmm_err_set(vm->err, EBADMSG, "the suspended run: %s", outcome.detail);
    }
    vm->outcome = NULL;
    vm->err = NULL;
    return rc;
}

int vmm_take_over(struct vmm *vm, const struct vmm_run *run, struct vmm_err *err)
{
    if (vm->state != VMM_STATE_LEFT) {
        return vmm_err_set(err, EINVAL, "the machine is not in the middle of a run");
    }
    int rc = toolcalls_prepare(vm, run, err);
    if (rc < 0) {
        return rc;
    }
    const uint64_t now = os_clock_ns(CLOCK_MONOTONIC);
    run_limits(vm, run);
    vm->started_ns = vm->entered_ns = vm->suspension.since = now;
    vm->suspension.left_ns = run->timeout_ns != 0 ? run->timeout_ns : NEVER;
    vm->suspension.restored = true;
    vm->timer.tick = now + TICK_FIRST_NS;
    vm->timer.retry = vm->timer.longer = NEVER;
    vm->frame.head_size = 0; /* of an earlier run */
    vm->restored = false;
    counters_begin_run(vm);
    toolcalls_set(vm, run);
    rc = run_take_calls(vm, err);
    vm->state = rc < 0 ? VMM_STATE_BAD : VMM_STATE_CALLED;
    if (rc < 0) {
        calls_end_run(vm);
    }
    return rc;
}
