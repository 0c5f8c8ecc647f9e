// SPDX-License-Identifier: Apache-2.0
/*
 * The vCPU: its state at entry, reading and setting all of its state. MSR and control register bits
 * as in AMD APM volume 2, chapters 3 and 6.
 */
#include "vmm_int.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define CR0_PE_MP_ET_NE_WP_AM_PG 0x80050033ull
#define CR4_PAE                  (1ull << 5)
#define CR4_OSFXSR               (1ull << 9)
#define CR4_OSXMMEXCPT           (1ull << 10)
#define CR4_FSGSBASE             (1ull << 16)
#define CR4_OSXSAVE              (1ull << 18)
#define EFER_SCE                 (1ull << 0)
#define EFER_LME                 (1ull << 8)
#define EFER_LMA                 (1ull << 10)
#define EFER_NXE                 (1ull << 11)
#define RFLAGS_TF                (1ull << 8)
#define RFLAGS_IF                (1ull << 9)
#define RFLAGS_DF                (1ull << 10)
#define RFLAGS_NT                (1ull << 14)
#define RFLAGS_AC                (1ull << 18)
_Static_assert(HV_SYSCALL_FMASK == (RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC),
               "as vmm/abi.h names them");

#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_FMASK          0xc0000084u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_SYSENTER_CS    0x174u
#define MSR_SYSENTER_ESP   0x175u
#define MSR_SYSENTER_EIP   0x176u
#define MSR_PAT            0x277u
#define PAT_DEFAULT        0x0007040600070406ull

/* Types of a task register's descriptor, APM volume 2, 4.8.3. */
#define TR_AVAILABLE 9
#define TR_BUSY      11

/* The MSRs that belong to the state of a vCPU, with their values at entry. */
static const struct kvm_msr_entry state_msrs[STATE_MSRS] = {
    {.index = MSR_STAR, .data = (uint64_t)HV_SEL_RING0_CS << 32 | 0x23ull << 48},
    {.index = MSR_LSTAR, .data = HV_VECTORS_GPA + HV_SYSCALL_OFFSET},
    {.index = MSR_CSTAR, .data = 0},
    {.index = MSR_FMASK, .data = HV_SYSCALL_FMASK},
    {.index = MSR_KERNEL_GS_BASE, .data = 0},
    {.index = MSR_SYSENTER_CS, .data = 0},
    {.index = MSR_SYSENTER_ESP, .data = 0},
    {.index = MSR_SYSENTER_EIP, .data = 0},
    {.index = MSR_PAT, .data = PAT_DEFAULT},
};

static struct kvm_segment x86_segment(uint16_t selector, uint8_t type, bool code)
{
    return (struct kvm_segment){.limit = 0xffffffff,
                                .selector = selector,
                                .type = type,
                                .present = 1,
                                .dpl = selector & 3,
                                .db = !code,
                                .s = 1,
                                .l = code,
                                .g = 1};
}

static void x86_sregs_boot(struct kvm_sregs *s, hv_gpa_t pt_root)
{
    *s = (struct kvm_sregs){
        .cs = x86_segment(HV_SEL_USER_CS, 11, true),
        .ds = x86_segment(HV_SEL_USER_SS, 3, false),
        .tr = {.base = TABLES_TSS_GPA,
               .limit = TABLES_TSS_LIMIT,
               .selector = HV_SEL_TSS,
               .type = TR_BUSY,
               .present = 1},
        .ldt = {.unusable = 1, .type = 2},
        .gdt = {.base = HV_TABLES_GPA, .limit = TABLES_GDT_LIMIT},
        .idt = {.base = TABLES_IDT_GPA, .limit = TABLES_IDT_LIMIT},
        .cr0 = CR0_PE_MP_ET_NE_WP_AM_PG,
        .cr3 = pt_root,
        .cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_OSXSAVE,
        .efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE,
    };
    s->es = s->fs = s->gs = s->ss = s->ds;
}

/* Gives the TSS the type that the policy wants. KVM always reports a busy one. */
static void x86_tss_fit(struct x86_state *state, const struct policy *policy)
{
    if (policy->tss_available && state->sregs.tr.type == TR_BUSY) {
        state->sregs.tr.type = TR_AVAILABLE;
    }
}

void x86_state_boot(struct x86_state *state, const struct policy *policy, hv_gpa_t entry,
                    hv_gpa_t pt_root, uint64_t xcr0)
{
    *state = (struct x86_state){
        .regs = {.rip = entry, .rsp = HV_TRAP_TOP, .rflags = HV_RFLAGS_FIXED},
        .xcrs = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = xcr0}}},
        .debugregs = {.dr6 = 0xffff0ff0, .dr7 = 0x400},
        .msrs = {.nmsrs = STATE_MSRS},
    };
    x86_sregs_boot(&state->sregs, pt_root);
    x86_tss_fit(state, policy);
    memcpy(state->msrs.entries, state_msrs, sizeof(state_msrs));
    const uint16_t fcw = 0x37f; /* the state of an FNINIT and a reset MXCSR */
    const uint32_t mxcsr = 0x1f80;
    uint8_t *legacy = (uint8_t *)state->xsave;
    memcpy(legacy, &fcw, sizeof(fcw));
    memcpy(legacy + 24, &mxcsr, sizeof(mxcsr));
}

/* How a part of the state can change and be put back. */
enum x86_part_kind {
    PART_SYNCED, /* also travels in struct kvm_run (KVM_CAP_SYNC_REGS), which saves an ioctl */
    PART_USER,   /* any code can change it: vector state */
    PART_RING0,  /* only code in ring 0 can change it, and a debug exception (DR6) */
};

/* The parts in the order in which they have to be set: KVM checks some against others, which must
 * be there first. */
static const struct x86_part {
    unsigned long get;
    unsigned long set;
    size_t offset;
    const char *name;
    enum x86_part_kind kind;
} state_parts[] = {
    {KVM_GET_XCRS, KVM_SET_XCRS, offsetof(struct x86_state, xcrs), "XCRS", PART_RING0},
    {KVM_GET_SREGS, KVM_SET_SREGS, offsetof(struct x86_state, sregs), "SREGS", PART_SYNCED},
    {KVM_GET_REGS, KVM_SET_REGS, offsetof(struct x86_state, regs), "REGS", PART_SYNCED},
    {KVM_GET_XSAVE, KVM_SET_XSAVE, offsetof(struct x86_state, xsave), "XSAVE", PART_USER},
    {KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, offsetof(struct x86_state, debugregs), "DEBUGREGS",
     PART_RING0},
    {KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, offsetof(struct x86_state, events), "VCPU_EVENTS",
     PART_SYNCED},
};
#define STATE_PARTS (sizeof(state_parts) / sizeof(state_parts[0]))

int x86_state_get(struct vmm *vm, struct x86_state *state, struct vmm_err *err)
{
    memset(state, 0, sizeof(*state));
    int rc = vcpu_settle(vm, err);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < STATE_PARTS; i++) {
        if (ioctl(vm->vcpu_fd, state_parts[i].get, (char *)state + state_parts[i].offset) < 0) {
            return vmm_err_set(err, errno, "KVM_GET_%s: %s", state_parts[i].name, strerror(errno));
        }
    }
    x86_tss_fit(state, vm->policy);
    state->msrs.nmsrs = STATE_MSRS;
    memcpy(state->msrs.entries, state_msrs, sizeof(state_msrs));
    if (ioctl(vm->vcpu_fd, KVM_GET_MSRS, &state->msrs) != (int)STATE_MSRS) {
        return vmm_err_set(err, EIO, "KVM_GET_MSRS did not give all of them");
    }
    return 0;
}

/* Which registers the entries are for: those that a state has, and no others. */
bool x86_state_sane(const struct x86_state *state)
{
    bool sane =
        state->msrs.nmsrs == STATE_MSRS && state->xcrs.nr_xcrs == 1 && state->xcrs.xcrs[0].xcr == 0;
    for (size_t i = 0; sane && i < STATE_MSRS; i++) {
        sane = state->msrs.entries[i].index == state_msrs[i].index;
    }
    return sane;
}

static int x86_msrs_set(struct vmm *vm, const struct x86_msrs *msrs, struct vmm_err *err)
{
    int n = ioctl(vm->vcpu_fd, KVM_SET_MSRS, msrs);
    if (n != (int)STATE_MSRS) {
        return vmm_err_set(err, EIO, "KVM_SET_MSRS: MSR 0x%x was refused",
                           n >= 0 && n < (int)STATE_MSRS ? msrs->entries[n].index : 0);
    }
    return 0;
}

static int x86_part_set(struct vmm *vm, const struct x86_state *state, const struct x86_part *part,
                        struct vmm_err *err)
{
    if (ioctl(vm->vcpu_fd, part->set, (const char *)state + part->offset) < 0) {
        return vmm_err_set(err, errno, "KVM_SET_%s: %s", part->name, strerror(errno));
    }
    return 0;
}

int x86_state_set(struct vmm *vm, const struct x86_state *state, bool vectors, bool ring0,
                  struct vmm_err *err)
{
    vm->run->s.regs.regs = state->regs;
    vm->run->s.regs.sregs = state->sregs;
    vm->run->s.regs.events = state->events;
    vm->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS;
    vm->run->cr8 = state->sregs.cr8; /* this one counts where KVM has no APIC */
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < STATE_PARTS; i++) {
        const struct x86_part *part = &state_parts[i];
        if ((part->kind == PART_USER && vectors) || (part->kind == PART_RING0 && ring0)) {
            rc = x86_part_set(vm, state, part, err);
        }
    }
    return rc == 0 && ring0 ? x86_msrs_set(vm, &state->msrs, err) : rc;
}

/* The first state of a new vCPU: CPUID must come before everything that is checked against it. */
int x86_vcpu_init(struct vmm *vm, const struct x86_state *state, struct vmm_err *err)
{
    uint64_t at = os_clock_ns(CLOCK_MONOTONIC);
    if (ioctl(vm->vcpu_fd, KVM_SET_CPUID2, &vm->cpuid) < 0) {
        return vmm_err_set(err, errno, "KVM_SET_CPUID2: %s", strerror(errno));
    }
    vm->counters.phase_ns[VMM_PHASE_CPUID] = os_lap_ns(&at);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < STATE_PARTS; i++) {
        rc = x86_part_set(vm, state, &state_parts[i], err);
    }
    rc = rc == 0 ? x86_msrs_set(vm, &state->msrs, err) : rc;
    vm->counters.phase_ns[VMM_PHASE_STATE] = os_lap_ns(&at);
    return rc;
}

/* A null selector also clears the base of FS, by which the thread finds its own data. So no signal
 * may come in between. This is only needed where a guest has loaded FS natively, and there the CPU
 * has FSGSBASE. */
static void x86_thread_clean_fs(void)
{
    sigset_t all;
    sigset_t before;
    uint64_t base;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    __asm__ volatile("rdfsbase %0\n mov %1, %%fs\n wrfsbase %0" : "=&r"(base) : "r"(0) : "memory");
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Clears the selectors of the data segments. On kvm-pvm code at CPL 3 runs on the CPU's own segment
 * registers, and nothing else puts them back. A selector that a guest loads stays with the thread,
 * for whatever runs on it next. */
void x86_thread_clean(void)
{
    uint16_t ds;
    uint16_t es;
    uint16_t fs;
    uint16_t gs;
    __asm__ volatile("mov %%ds, %0\n mov %%es, %1" : "=r"(ds), "=r"(es));
    __asm__ volatile("mov %%fs, %0\n mov %%gs, %1" : "=r"(fs), "=r"(gs));
    if ((ds | es) != 0) {
        __asm__ volatile("mov %0, %%ds\n mov %0, %%es" : : "r"(0) : "memory");
    }
    if (gs != 0) {
        __asm__ volatile("mov %0, %%gs" : : "r"(0) : "memory");
    }
    if (fs != 0) {
        x86_thread_clean_fs();
    }
}
