// SPDX-License-Identifier: Apache-2.0
/*
 * The counters of vmm.h: this file sets them to zero, and computes those that are only known at the
 * end of a run. The counting itself is done where things happen. It is an addition or a reading of
 * the clock, and but for the thread's CPU time never a system call.
 */
#include "vmm_int.h"

#include <string.h>

const char *vmm_phase_name(enum vmm_phase phase)
{
    static const char *const names[VMM_PHASES] = {
        [VMM_PHASE_OPEN] = "open",         [VMM_PHASE_VM] = "vm",
        [VMM_PHASE_VCPU] = "vcpu",         [VMM_PHASE_MAP] = "map",
        [VMM_PHASE_TRACKING] = "tracking", [VMM_PHASE_PREFAULT] = "prefault",
        [VMM_PHASE_SLOTS] = "slots",       [VMM_PHASE_CPUID] = "cpuid",
        [VMM_PHASE_SETTLE] = "settle",     [VMM_PHASE_LOG] = "log",
        [VMM_PHASE_COPY] = "copy",         [VMM_PHASE_COOL] = "cool",
        [VMM_PHASE_SHADOW] = "shadow",     [VMM_PHASE_STATE] = "state",
        [VMM_PHASE_HANDOVER] = "handover", [VMM_PHASE_ENTER] = "enter",
        [VMM_PHASE_GUEST] = "guest",       [VMM_PHASE_FINISH] = "finish",
    };
    return (unsigned)phase < VMM_PHASES ? names[phase] : NULL;
}

/* The counters of the run come first in the struct, so that one memset() clears them. */
void counters_begin_run(struct vmm *vm)
{
    memset(&vm->counters, 0, offsetof(struct vmm_counters, restore_ns));
    memset(&vm->counters.phase_ns[VMM_PHASE_HANDOVER], 0,
           (VMM_PHASES - VMM_PHASE_HANDOVER) * sizeof(uint64_t));
    vm->left_ns = 0;
}

void counters_begin_rewind(struct vmm *vm)
{
    struct vmm_counters *c = &vm->counters;
    c->prefaulted_pages = 0;
    c->rewound_pages = 0;
    c->rewound_bytes = 0;
    c->dropped_pages = 0;
    c->hot_added = 0;
    memset(c->phase_ns, 0, VMM_PHASE_HANDOVER * sizeof(c->phase_ns[0]));
}

/* How much of the time in KVM_RUN the guest has seen. The guest claims it, and the claim is cut to
 * the time that there was. Without a claim it is all of that time. */
static uint64_t counters_guest_ns(const struct vmm *vm, uint64_t run_ns)
{
    const struct hv_counts *claim = &vm->shared->counts;
    if (claim->exit_tsc <= claim->resume_tsc || claim->resume_tsc == 0 || vm->tsc_khz == 0) {
        return run_ns;
    }
    const uint64_t ticks = claim->exit_tsc - claim->resume_tsc;
    const uint64_t ns =
        ticks / vm->tsc_khz * NS_PER_MS + ticks % vm->tsc_khz * NS_PER_MS / vm->tsc_khz;
    return ns < run_ns ? ns : run_ns;
}

static void counters_guest(struct vmm *vm)
{
    struct vmm_counters *c = &vm->counters;
    const struct hv_counts *now = &vm->shared->counts;
    const struct hv_counts *before = &vm->counts_before;
    c->syscalls_rewritten = now->syscalls_rewritten - before->syscalls_rewritten;
    c->syscalls_trapped = now->syscalls_trapped - before->syscalls_trapped;
    c->guest_faults = now->faults - before->faults;
    c->memory_peak = now->memory_peak < vm->ram_size ? now->memory_peak : vm->ram_size;
}

void counters_end_run(struct vmm *vm)
{
    struct vmm_counters *c = &vm->counters;
    const uint64_t now = os_clock_ns(CLOCK_MONOTONIC);
    clock_cpu_end(vm);
    uint64_t left = vm->left_ns != 0 ? vm->left_ns : now;
    left = left > vm->entered_ns ? left : vm->entered_ns; /* never before the handover */
    c->phase_ns[VMM_PHASE_HANDOVER] = vm->entered_ns - vm->started_ns;
    c->phase_ns[VMM_PHASE_GUEST] = counters_guest_ns(vm, left - vm->entered_ns);
    c->phase_ns[VMM_PHASE_ENTER] = left - vm->entered_ns - c->phase_ns[VMM_PHASE_GUEST];
    c->phase_ns[VMM_PHASE_FINISH] = now - left;
    c->run_ns = now - vm->started_ns;
    counters_guest(vm);
}
