// SPDX-License-Identifier: Apache-2.0
/*
 * How a run ends. vm->outcome is filled exactly once. Interrupts and deadlines come from outside:
 * this file tells the guest of them by events, and ends the run itself where the guest has no say.
 */
#include "vmm_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int outcome_set(struct vmm *vm, enum vmm_outcome_kind kind, int status, const char *fmt, ...)
{
    struct vmm_outcome *o = vm->outcome;
    o->kind = kind;
    o->status = status;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(o->detail, sizeof(o->detail), fmt, ap);
    va_end(ap);
    return RUN_STOP;
}

int outcome_set_called(struct vmm *vm, uint64_t until, uint64_t now)
{
    vm->outcome->timer_ns = until == NEVER ? HV_NO_DEADLINE : until > now ? until - now : 0;
    return outcome_set(vm, VMM_CALLED, 0, "%s", "");
}

int outcome_set_at(struct vmm *vm, enum vmm_outcome_kind kind, const char *what)
{
    struct kvm_regs regs = {0};
    struct kvm_sregs sregs = {0};
    struct hv_trap trap;
    (void)ioctl(vm->vcpu_fd, KVM_GET_REGS, &regs);
    (void)ioctl(vm->vcpu_fd, KVM_GET_SREGS, &sregs);
    memcpy(&trap, vm->ram + HV_TRAP_TOP - sizeof(trap), sizeof(trap));
    return outcome_set(vm, kind, 0,
                       "%s at rip 0x%llx rsp 0x%llx cs 0x%x cr2 0x%llx rax 0x%llx; "
                       "last trap %llu error 0x%llx rip 0x%llx rsp 0x%llx",
                       what, regs.rip, regs.rsp, sregs.cs.selector, sregs.cr2, regs.rax,
                       (unsigned long long)trap.vector, (unsigned long long)trap.error,
                       (unsigned long long)trap.rip, (unsigned long long)trap.rsp);
}

/* Sets an event. If the guest does not look at it by itself within UPCALL_RETRY_NS, an upcall
 * follows. */
static void outcome_event(struct vmm *vm, uint32_t event, uint64_t now)
{
    vm->timer.retry = now + UPCALL_RETRY_NS;
    (void)__atomic_fetch_or(&mem_shared_write(vm)->events, event, __ATOMIC_SEQ_CST);
}

void outcome_interrupt(struct vmm *vm, int what)
{
    (void)atomic_fetch_or(&vm->interrupts, 1 << what);
    const int tid = atomic_load(&vm->running);
    if (tid != 0) {
        (void)tgkill(getpid(), tid, VMM_SIGNAL);
    }
}

/* A time of the run is over: tells the guest, or ends the run where that has happened before, or
 * there is no grace. */
static int outcome_over(struct vmm *vm, enum vmm_outcome_kind kind, uint64_t now)
{
    if (vm->ending || vm->grace_ns == 0) {
        kind = vm->ending ? vm->ending_as : kind;
        return outcome_set_at(vm, kind, kind == VMM_CPU ? "out of CPU time" : "out of time");
    }
    const uint64_t end = vm->grace_ns < NEVER - now ? now + vm->grace_ns : NEVER;
    vm->ending = true;
    vm->ending_as = kind;
    vm->timer.cpu = NEVER;
    /* The end of CPU time moves no deadline away. */
    vm->timer.deadline = kind == VMM_CPU && vm->timer.deadline < end ? vm->timer.deadline : end;
    outcome_event(vm, HV_EVENT_END, now);
    return 0;
}

/* Looks at the run's CPU time, which passes no faster than time does: so this is its last look, or
 * it says when the next one is due. */
static int outcome_cpu(struct vmm *vm, uint64_t now)
{
    const uint64_t used = clock_cpu_used(vm);
    if (used < vm->cpu_ns) {
        vm->timer.cpu = now + (vm->cpu_ns - used);
        return 0;
    }
    return outcome_over(vm, VMM_CPU, now);
}

int outcome_due(struct vmm *vm, uint64_t now)
{
    int rc = 0;
    const int what = atomic_exchange(&vm->interrupts, 0);
    if (what & 1 << VMM_INTERRUPT_KILL) {
        return outcome_set(vm, VMM_KILLED, 0, "interrupted");
    }
    if (what & 1 << VMM_INTERRUPT_INT) {
        outcome_event(vm, HV_EVENT_INT, now);
    }
    if (what & 1 << VMM_INTERRUPT_TERM) {
        outcome_event(vm, HV_EVENT_TERM, now);
    }
    if (what & 1 << INTERRUPT_ANSWER) {
        (void)__atomic_fetch_or(&mem_shared_write(vm)->ready, 1ull << HV_HANDLE_TOOL,
                                __ATOMIC_SEQ_CST);
        outcome_event(vm, HV_EVENT_IO, now);
    }
    if (what & 1 << INTERRUPT_WAKE) {
        vm->suspension.woken = true;
    }
    if (now >= vm->timer.deadline) {
        rc = outcome_over(vm, VMM_TIMEOUT, now);
    }
    if (rc == 0 && now >= vm->timer.cpu) {
        rc = outcome_cpu(vm, now);
    }
    if (now >= vm->timer.guest) {
        vm->timer.guest = NEVER;
        outcome_event(vm, HV_EVENT_TIMER, now);
    }
    return rc;
}
