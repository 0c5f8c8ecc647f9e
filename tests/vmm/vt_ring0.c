// SPDX-License-Identifier: Apache-2.0
/*
 * Guests that have taken ring 0: the MSRs that they reach, and that after a rewind no register of
 * the vCPU shows what they did. This file reads the registers from KVM, with KVM's own list of
 * MSRs, and compares them with the machine as it was right after its restore.
 */
#include "vt.h"
#include "vmm/snapshot_int.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MSRS_MAX 4096u

/* MSRs that can be read, laid out as struct kvm_msr_list, with their values. */
struct msrs {
    uint32_t count;
    uint32_t index[MSRS_MAX];
    uint64_t value[MSRS_MAX];
};

static bool msr_get(const struct vmm *vm, uint32_t index, uint64_t *value)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } one = {.head = {.nmsrs = 1}, .entry = {.index = index}};
    const bool read = ioctl(vm->vcpu_fd, KVM_GET_MSRS, &one) == 1;
    *value = one.entry.data;
    return read;
}

static bool msr_set(const struct vmm *vm, uint32_t index, uint64_t value)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } one = {.head = {.nmsrs = 1}, .entry = {.index = index, .data = value}};
    return ioctl(vm->vcpu_fd, KVM_SET_MSRS, &one) == 1;
}

/* Time goes on in the time stamp counter, and in Hyper-V's two. */
static bool msr_moves(uint32_t index)
{
    return index == 0x10 || index == 0x40000010 || index == 0x40000020;
}

static void msrs_add(const struct vmm *vm, struct msrs *msrs, uint32_t index)
{
    for (uint32_t i = 0; i < msrs->count; i++) {
        if (msrs->index[i] == index) {
            return;
        }
    }
    if (msr_get(vm, index, &msrs->value[msrs->count])) {
        CHECK(msrs->count < MSRS_MAX - 1);
        msrs->index[msrs->count++] = index;
    }
}

/* The MSRs that KVM lists, and those that it does not list: wherever KVM or a CPU has MSRs, each is
 * tried. */
static void msrs_find(const struct vmm *vm, struct msrs *msrs)
{
    static const uint32_t ranges[][2] = {
        {0, 0x2000},
        {0x40000000, 0x40000200},
        {0x4b564d00, 0x4b564e00},
        {0xc0000000, 0xc0000400},
        {0xc0010000, 0xc0011400},
    };
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    msrs->count = MSRS_MAX;
    CHECK(fd >= 0 && ioctl(fd, KVM_GET_MSR_INDEX_LIST, msrs) == 0);
    CHECK(msrs->count > 30);
    close(fd);
    for (uint32_t i = 0; i < msrs->count; i++) {
        if (!msr_get(vm, msrs->index[i], &msrs->value[i])) {
            msrs->index[i] = msrs->index[--msrs->count];
            i--;
        }
    }
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        for (uint32_t index = ranges[i][0]; index < ranges[i][1]; index++) {
            msrs_add(vm, msrs, index);
        }
    }
}

/* Reads and writes all of them in ring 0, and returns how many of these accesses were not refused.
 */
static unsigned long msrs_reached(struct vmm *vm, const struct msrs *msrs)
{
    struct vmm_err err;
    struct vmm_outcome o;
    struct vmm_io io = vt_no_io;
    const char *const argv[] = {"ring0-msrs", NULL};
    const struct vmm_run run = {.argv = argv,
                                .cwd = "/",
                                .source = msrs->index,
                                .source_len = msrs->count * sizeof(msrs->index[0])};
    io.stdout_fd = vt_memfd("", 0);
    vmm_io_set(vm, &io);
    OK(vmm_run(vm, &run, &o, &err));
    vmm_io_set(vm, &vt_no_io);
    char *text = vt_content(io.stdout_fd, NULL);
    if (o.kind != VMM_EXITED || o.status > 1) {
        vt_fail(__FILE__, __LINE__, "outcome %d (%s) after %s accesses", (int)o.kind, o.detail,
                text);
    }
    const unsigned long reached = strtoul(text, NULL, 10);
    CHECK_INT(o.status, reached != 0);
    free(text);
    close(io.stdout_fd);
    return reached;
}

/* No MSR can be reached, in any machine. */
static void t_msrs_denied(void)
{
    static struct msrs msrs;
    struct vmm_err err;
    struct vmm *vm = vt_boot(&vt_no_io);
    struct vmm_snapshot *snap = vt_snapshot_open();
    msrs_find(vm, &msrs);
    CHECK_INT(msrs_reached(vm, &msrs), 0);
    vmm_destroy(vm);
    for (int rewindable = 0; rewindable < 2; rewindable++) {
        OK(vmm_restore(snap, &vt_no_io, rewindable, &vm, &err));
        CHECK_INT(msrs_reached(vm, &msrs), 0);
        vmm_destroy(vm);
    }
    vmm_snapshot_close(snap);
}

/* All that KVM tells of the state of a vCPU. */
struct seen {
    struct kvm_regs regs;
    struct kvm_sregs2 sregs;
    struct kvm_fpu fpu;
    struct kvm_xcrs xcrs;
    struct kvm_debugregs debugregs;
    struct kvm_vcpu_events events;
    struct kvm_mp_state mp_state;
    uint8_t xsave[4096];
    uint64_t tsc_offset;
    uint64_t cr8;
    uint64_t cpuid[512];
    uint64_t nested[16]; /* without the part that exists only when a guest has guests */
    struct msrs msrs;
};

static void seen_get(struct vmm *vm, struct seen *s)
{
    static const struct {
        unsigned long request;
        size_t offset;
        const char *name;
    } calls[] = {
        {KVM_GET_REGS, offsetof(struct seen, regs), "REGS"},
        {KVM_GET_SREGS2, offsetof(struct seen, sregs), "SREGS2"},
        {KVM_GET_FPU, offsetof(struct seen, fpu), "FPU"},
        {KVM_GET_XCRS, offsetof(struct seen, xcrs), "XCRS"},
        {KVM_GET_DEBUGREGS, offsetof(struct seen, debugregs), "DEBUGREGS"},
        {KVM_GET_VCPU_EVENTS, offsetof(struct seen, events), "VCPU_EVENTS"},
        {KVM_GET_MP_STATE, offsetof(struct seen, mp_state), "MP_STATE"},
        {KVM_GET_XSAVE, offsetof(struct seen, xsave), "XSAVE"},
        {KVM_GET_CPUID2, offsetof(struct seen, cpuid), "CPUID2"},
    };
    struct vmm_err err;
    OK(vcpu_settle(vm, &err)); /* registers that wait in struct kvm_run are applied */
    s->cpuid[0] = (sizeof(s->cpuid) - 8) / sizeof(struct kvm_cpuid_entry2);
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (ioctl(vm->vcpu_fd, calls[i].request, (char *)s + calls[i].offset) < 0) {
            vt_fail(__FILE__, __LINE__, "KVM_GET_%s: %s", calls[i].name, strerror(errno));
        }
    }
    struct kvm_device_attr attr = {.group = KVM_VCPU_TSC_CTRL,
                                   .attr = KVM_VCPU_TSC_OFFSET,
                                   .addr = (uint64_t)(uintptr_t)&s->tsc_offset};
    CHECK(ioctl(vm->vcpu_fd, KVM_GET_DEVICE_ATTR, &attr) == 0);
    s->cr8 = vm->run->cr8;
    s->nested[0] = sizeof(s->nested) << 32; /* its size; two 16-bit fields before it */
    if (ioctl(vm->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_NESTED_STATE) > 0) {
        CHECK(ioctl(vm->vcpu_fd, KVM_GET_NESTED_STATE, s->nested) == 0);
    }
    for (uint32_t i = 0; i < s->msrs.count; i++) {
        CHECK(msr_get(vm, s->msrs.index[i], &s->msrs.value[i]));
    }
}

static void seen_differs(const char *after, const char *what, size_t at)
{
    vt_fail(__FILE__, __LINE__, "after %s: %s differs at 0x%zx", after, what, at);
}

#define SEEN_SAME(a, b, member)                                                                    \
    for (size_t i_ = 0; i_ < sizeof((a)->member); i_++) {                                          \
        if (((const uint8_t *)&(a)->member)[i_] != ((const uint8_t *)&(b)->member)[i_]) {          \
            seen_differs(after, #member, i_);                                                      \
        }                                                                                          \
    }

static void seen_compare(const struct seen *a, const struct seen *b, const char *after)
{
    SEEN_SAME(a, b, regs);
    SEEN_SAME(a, b, sregs);
    SEEN_SAME(a, b, fpu);
    SEEN_SAME(a, b, xcrs);
    SEEN_SAME(a, b, debugregs);
    SEEN_SAME(a, b, events);
    SEEN_SAME(a, b, mp_state);
    SEEN_SAME(a, b, tsc_offset);
    SEEN_SAME(a, b, cr8);
    SEEN_SAME(a, b, cpuid);
    SEEN_SAME(a, b, nested);
    for (size_t i = 0; i < sizeof(a->xsave); i++) {
        if (a->xsave[i] != b->xsave[i] && i / 8 != 512 / 8) { /* XSTATE_BV: what CPUs may forget */
            seen_differs(after, "xsave", i);
        }
    }
    for (uint32_t i = 0; i < a->msrs.count; i++) {
        if (a->msrs.value[i] != b->msrs.value[i] && !msr_moves(a->msrs.index[i])) {
            seen_differs(after, "an MSR", a->msrs.index[i]);
        }
    }
}

static const char *const acts[][2] = {
    {"ring0", "cr8"},         {"ring0", "cr2"},      {"ring0", "cr4"},    {"ring0", "cr0"},
    {"ring0", "dr"},          {"ring0", "dr7"},      {"ring0", "xcr0"},   {"ring0", "swapgs"},
    {"ring0", "ldt"},         {"ring0", "segments"}, {"ring0", "hlt"},    {"ring0", "bell"},
    {"ring0", "none"},        {"ring0", "all"},      {"step", ""},        {"step-bell", ""},
    {"ring0-hypercalls", ""}, {"triple", ""},        {"privileged", "6"}, {"spin", ""},
    {"garbage", "5"},
};

/* After a rewind nothing of a run is left, whatever it did: in what KVM tells of the vCPU, in
 * memory, and for the next run. */
static void t_nothing_left(void)
{
    static struct seen before;
    static struct seen after;
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = vt_snapshot_open();
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    msrs_find(vm, &before.msrs);
    seen_get(vm, &before);
    memcpy(&after.msrs, &before.msrs, sizeof(after.msrs));
    for (size_t i = 0; i <= sizeof(acts) / sizeof(acts[0]); i++) {
        const bool msrs = i == sizeof(acts) / sizeof(acts[0]);
        const char *name = msrs ? "ring0-msrs" : acts[i][0];
        char what[64];
        (void)snprintf(what, sizeof(what), "%s %s", name, msrs ? "" : acts[i][1]);
        if (msrs) {
            CHECK_INT(msrs_reached(vm, &before.msrs), 0);
        } else {
            (void)vt_run_for(vm, name, acts[i][1], strcmp(name, "spin") ? VT_TIMEOUT : 20000000);
        }
        OK(vmm_rewind(vm, &err));
        seen_get(vm, &after);
        seen_compare(&before, &after, what);
        OK(vmm_check(vm, &err));
        IS(vt_run(vm, "look", "100"), VMM_EXITED, 0, "");
        OK(vmm_rewind(vm, &err));
    }
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

/* A signal ends a run at the moment of a triple fault. */
static void t_triple_due(void)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = vt_snapshot_open();
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    IS(vt_run_for(vm, "spin", "", 20000000), VMM_TIMEOUT, 0, "");
    struct kvm_vcpu_events events;
    CHECK(ioctl(vm->vcpu_fd, KVM_GET_VCPU_EVENTS, &events) == 0);
    events.triple_fault.pending = 1;
    CHECK(ioctl(vm->vcpu_fd, KVM_SET_VCPU_EVENTS, &events) == 0);
    OK(vmm_rewind(vm, &err));
    OK(vmm_check(vm, &err));
    IS(vt_run(vm, "look", "100"), VMM_EXITED, 0, "");
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

static void check_names(struct vmm *vm, const char *words)
{
    struct vmm_err err;
    FAILS(vmm_check(vm, &err), EUCLEAN, words);
}

/* The debug check sees changes of registers that are no MSRs. */
static void t_check_registers(void)
{
    struct vmm_err err;
    struct vmm *vm;
    struct kvm_debugregs debugregs;
    struct kvm_vcpu_events events;
    struct kvm_xcrs xcrs;
    struct kvm_mp_state halted = {.mp_state = KVM_MP_STATE_HALTED};
    struct kvm_mp_state runs = {.mp_state = KVM_MP_STATE_RUNNABLE};
    struct vmm_snapshot *snap = vt_snapshot_open();
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    OK(vmm_check(vm, &err));
    CHECK(ioctl(vm->vcpu_fd, KVM_GET_DEBUGREGS, &debugregs) == 0);
    debugregs.dr6 ^= 1 << 14;
    CHECK(ioctl(vm->vcpu_fd, KVM_SET_DEBUGREGS, &debugregs) == 0);
    check_names(vm, "debugregs");
    debugregs.dr6 ^= 1 << 14;
    CHECK(ioctl(vm->vcpu_fd, KVM_SET_DEBUGREGS, &debugregs) == 0);
    CHECK(ioctl(vm->vcpu_fd, KVM_GET_VCPU_EVENTS, &events) == 0);
    events.nmi.masked = 1;
    CHECK(ioctl(vm->vcpu_fd, KVM_SET_VCPU_EVENTS, &events) == 0);
    check_names(vm, "events");
    events.nmi.masked = 0;
    CHECK(ioctl(vm->vcpu_fd, KVM_SET_VCPU_EVENTS, &events) == 0);
    CHECK(ioctl(vm->vcpu_fd, KVM_GET_XCRS, &xcrs) == 0);
    xcrs.xcrs[0].value = 3;
    CHECK(ioctl(vm->vcpu_fd, KVM_SET_XCRS, &xcrs) == 0);
    check_names(vm, "xcrs");
    OK(vmm_rewind(vm, &err));
    OK(vmm_check(vm, &err));
    vm->run->cr8 = 9;
    check_names(vm, "cr8");
    vm->run->cr8 = 0;
    if (ioctl(vm->vcpu_fd, KVM_SET_MP_STATE, &halted) ==
        0) { /* KVM may have none without an APIC */
        check_names(vm, "mp_state");
        CHECK(ioctl(vm->vcpu_fd, KVM_SET_MP_STATE, &runs) == 0);
    }
    OK(vmm_check(vm, &err));
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

/* Sets another value that this MSR takes, if there is one. */
static bool msr_change(const struct vmm *vm, uint32_t index, uint64_t value)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t now;
        if (msr_set(vm, index, value ^ 1ull << bit) && msr_get(vm, index, &now) && now != value) {
            return true;
        }
        (void)msr_set(vm, index, value);
    }
    return false;
}

/* MSRs that KVM sets itself, and does not set back. */
static struct vmm *msr_restored(struct vmm *vm, uint32_t index, uint64_t value)
{
    struct vmm_err err;
    uint64_t now;
    if (!msr_set(vm, index, value) || !msr_get(vm, index, &now) || now != value) {
        struct vmm_snapshot *snap = vm->snap;
        vmm_destroy(vm);
        OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    }
    OK(vmm_check(vm, &err));
    return vm;
}

/* The debug check sees each MSR that this host's KVM lets anybody change. */
static void t_check_msrs(void)
{
    static struct msrs msrs;
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = vt_snapshot_open();
    unsigned changed = 0;
    unsigned missed = 0;
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    OK(vmm_check(vm, &err));
    msrs_find(vm, &msrs);
    for (uint32_t i = 0; i < msrs.count; i++) {
        if (!msr_moves(msrs.index[i]) && msr_change(vm, msrs.index[i], msrs.value[i])) {
            changed++;
            if (vmm_check(vm, &err) != -EUCLEAN) {
                printf("  MSR 0x%x was changed, and the check is content\n", msrs.index[i]);
                missed++;
            }
            vm = msr_restored(vm, msrs.index[i], msrs.value[i]);
        }
    }
    CHECK(changed > 20);
    CHECK_INT(missed, 0);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

const struct vt_test vt_ring0_tests[] = {
    {"ring0-msrs-denied", t_msrs_denied},     {"ring0-nothing-left", t_nothing_left},
    {"ring0-triple-fault-due", t_triple_due}, {"ring0-check-registers", t_check_registers},
    {"ring0-check-msrs", t_check_msrs},       {NULL, NULL},
};
