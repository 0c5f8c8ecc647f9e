// SPDX-License-Identifier: Apache-2.0
/*
 * The debug check, second half: in all that KVM can be asked for, does the vCPU look like that of a
 * machine just made from the snapshot? This file does not know what a rewind sets, nor how. It
 * reads the state with the calls of the KVM API, and the MSRs by KVM's own list. The first check
 * reads the wanted values from a machine that has never run, and keeps them with the snapshot.
 */
#include "snapshot_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define CHECK_MSRS  1024u
#define CHECK_BATCH 128u  /* MSRs that KVM reads at a time; it takes fewer than 256 */
#define CHECK_XSAVE 4096u /* bytes; only a vCPU with features that are off by default has more */

struct check_vcpu {
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_xcrs xcrs;
    struct kvm_debugregs debugregs;
    struct kvm_vcpu_events events;
    struct kvm_mp_state mp_state;
    struct x86_cpuid cpuid;
    uint8_t xsave[CHECK_XSAVE];
    uint64_t tsc_khz;
    uint64_t run_cr8; /* of struct kvm_run, as run_flags is */
    uint64_t run_flags;
    uint32_t msr_count;
    struct kvm_msr_entry msrs[CHECK_MSRS];
};

#define CHECK_PART(member, request)                                                                \
    {                                                                                              \
        request, offsetof(struct check_vcpu, member), sizeof(((struct check_vcpu *)0)->member),    \
            #member                                                                                \
    }

/* A request of 0: check_vcpu_get() reads this part in another way. */
static const struct {
    unsigned long get;
    size_t offset;
    size_t size;
    const char *name;
} check_parts[] = {
    CHECK_PART(regs, KVM_GET_REGS),
    CHECK_PART(sregs, KVM_GET_SREGS),
    CHECK_PART(xcrs, KVM_GET_XCRS),
    CHECK_PART(debugregs, KVM_GET_DEBUGREGS),
    CHECK_PART(events, KVM_GET_VCPU_EVENTS),
    CHECK_PART(mp_state, KVM_GET_MP_STATE),
    CHECK_PART(cpuid, KVM_GET_CPUID2),
    CHECK_PART(xsave, KVM_GET_XSAVE),
    CHECK_PART(tsc_khz, 0),
    CHECK_PART(run_cr8, 0),
    CHECK_PART(run_flags, 0),
};
#define CHECK_PARTS (sizeof(check_parts) / sizeof(check_parts[0]))

/* MSRs that KVM's list leaves out: their number depends on the vCPU, or an older kernel does not
 * list them, or nobody has put them on the list. */
static const struct {
    uint32_t first;
    uint32_t end;
} check_unlisted[] = {
    {0xfe, 0xff}, /* memory types */
    {0x200, 0x210},
    {0x250, 0x251},
    {0x258, 0x25a},
    {0x268, 0x270},
    {0x2ff, 0x300},
    {0x179, 0x17c}, /* machine check */
    {0x280, 0x2a0},
    {0x400, 0x480},
    {0x40000080, 0x400000a0}, /* of Hyper-V */
    {0xc0000080, 0xc0000088}, /* system calls, segment bases, TSC_AUX */
    {0xc0000100, 0xc0000105},
    {0xc0010114, 0xc0010118}, /* of AMD's virtual machines, and its DE_CFG */
    {0xc0011029, 0xc001102a},
    {0x4b564d00, 0x4b564d20}, /* of KVM and of kvm-pvm */
    {0x4b564df0, 0x4b564e00},
};

/* MSRs that are not the same in two machines of one snapshot. */
static const struct {
    uint32_t index;
    const char *why;
} check_moving[] = {
    {0x10, "the time stamp counter: time goes on"},
    {0x40000010, "Hyper-V's run time of the vCPU: time goes on"},
    {0x40000020, "Hyper-V's reference time: time goes on"},
};

static bool check_msr_moves(uint32_t index)
{
    for (size_t i = 0; i < sizeof(check_moving) / sizeof(check_moving[0]); i++) {
        if (check_moving[i].index == index) {
            return true;
        }
    }
    return false;
}

static void check_msr_add(struct check_vcpu *out, uint32_t index)
{
    if (out->msr_count < CHECK_MSRS && !check_msr_moves(index)) {
        out->msrs[out->msr_count++] = (struct kvm_msr_entry){.index = index};
    }
}

/* Lists the MSRs to look at, without their values. */
static int check_msr_list(struct check_vcpu *out, struct vmm_err *err)
{
    struct {
        uint32_t count;
        uint32_t index[CHECK_MSRS];
    } list = {.count = CHECK_MSRS};
    int fd = kvm_open(err);
    if (fd < 0) {
        return fd;
    }
    int rc = ioctl(fd, KVM_GET_MSR_INDEX_LIST, &list);
    if (rc < 0) {
        rc = vmm_err_set(err, errno, "KVM_GET_MSR_INDEX_LIST: %s", strerror(errno));
    }
    os_close(fd);
    for (uint32_t i = 0; rc == 0 && i < list.count; i++) {
        check_msr_add(out, list.index[i]);
    }
    for (size_t i = 0; rc == 0 && i < sizeof(check_unlisted) / sizeof(check_unlisted[0]); i++) {
        for (uint32_t index = check_unlisted[i].first; index < check_unlisted[i].end; index++) {
            check_msr_add(out, index);
        }
    }
    return rc;
}

/* Laid out as struct kvm_msrs, with room for CHECK_BATCH entries. */
struct check_msrs {
    uint32_t nmsrs;
    uint32_t padding;
    struct kvm_msr_entry entries[CHECK_BATCH];
};

/* Reads up to CHECK_BATCH of count MSRs. Returns how many were read before one that cannot be
 * read. */
static int check_msrs_batch(const struct vmm *vm, struct kvm_msr_entry *msrs, uint32_t count,
                            struct vmm_err *err)
{
    struct check_msrs batch = {.nmsrs = count < CHECK_BATCH ? count : CHECK_BATCH};
    memcpy(batch.entries, msrs, batch.nmsrs * sizeof(*msrs));
    int n = ioctl(vm->vcpu_fd, KVM_GET_MSRS, &batch);
    if (n < 0) {
        return vmm_err_set(err, errno, "KVM_GET_MSRS: %s", strerror(errno));
    }
    memcpy(msrs, batch.entries, (size_t)n * sizeof(*msrs));
    return n;
}

/* Reads the MSRs of the list. Those that this vCPU does not have are taken off it. */
static int check_msrs_get(const struct vmm *vm, struct check_vcpu *out, struct vmm_err *err)
{
    for (uint32_t i = 0; i < out->msr_count;) {
        int n = check_msrs_batch(vm, out->msrs + i, out->msr_count - i, err);
        if (n < 0) {
            return n;
        }
        i += (uint32_t)n;
        if ((uint32_t)n < CHECK_BATCH && i < out->msr_count) {
            memmove(out->msrs + i, out->msrs + i + 1,
                    (out->msr_count - i - 1) * sizeof(out->msrs[0]));
            out->msr_count--;
        }
    }
    return 0;
}

static int check_vcpu_get(struct vmm *vm, struct check_vcpu *out, struct vmm_err *err)
{
    int rc = vcpu_settle(vm, err);
    out->cpuid.nent = CPUID_ENTRIES;
    for (size_t i = 0; rc == 0 && i < CHECK_PARTS; i++) {
        if (check_parts[i].get != 0 &&
            ioctl(vm->vcpu_fd, check_parts[i].get, (char *)out + check_parts[i].offset) < 0) {
            return vmm_err_set(err, errno, "reading the vCPU's %s: %s", check_parts[i].name,
                               strerror(errno));
        }
    }
    if (rc < 0) {
        return rc;
    }
    const int khz = ioctl(vm->vcpu_fd, KVM_GET_TSC_KHZ, 0);
    if (khz < 0) {
        return vmm_err_set(err, errno, "KVM_GET_TSC_KHZ: %s", strerror(errno));
    }
    out->tsc_khz = (uint64_t)khz;
    out->run_cr8 = vm->run->cr8;
    out->run_flags = vm->run->flags;
    return check_msrs_get(vm, out, err);
}

/* XSTATE_BV only says which components the CPU knows to be in their initial state, and the CPU may
 * lose track of that. So XSTATE_BV is not compared. The components themselves are, because KVM
 * writes out all of them. */
static void check_normalise(struct check_vcpu *vcpu)
{
    memset(vcpu->xsave + 512, 0, 8);
}

static int check_compare(const struct vmm *vm, const struct check_vcpu *have,
                         const struct check_vcpu *want, struct vmm_err *err)
{
    for (size_t i = 0; i < CHECK_PARTS; i++) {
        const uint8_t *a = (const uint8_t *)have + check_parts[i].offset;
        const uint8_t *b = (const uint8_t *)want + check_parts[i].offset;
        const bool left =
            vm->vectors_left && check_parts[i].offset == offsetof(struct check_vcpu, xsave);
        for (size_t j = 0; !left && j < check_parts[i].size; j++) {
            if (a[j] != b[j]) {
                return vmm_err_set(err, EUCLEAN,
                                   "byte %zu of %s is 0x%02x, a fresh machine has 0x%02x", j,
                                   check_parts[i].name, a[j], b[j]);
            }
        }
    }
    for (uint32_t i = 0; i < want->msr_count; i++) {
        if (i >= have->msr_count || have->msrs[i].index != want->msrs[i].index) {
            return vmm_err_set(err, EUCLEAN, "MSR 0x%x cannot be read, a fresh machine has it",
                               want->msrs[i].index);
        }
        if (have->msrs[i].data != want->msrs[i].data) {
            return vmm_err_set(err, EUCLEAN, "MSR 0x%x is 0x%llx, a fresh machine has 0x%llx",
                               want->msrs[i].index, have->msrs[i].data, want->msrs[i].data);
        }
    }
    return 0;
}

/* Reads the vCPU of a machine that has never run. */
static int check_fresh_read(struct vmm *vm, struct check_vcpu *fresh, struct vmm_err *err)
{
    static const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    struct vmm *other = NULL;
    int rc = check_msr_list(fresh, err);
    if (rc == 0) {
        rc = vmm_restore(vm->snap, &io, vm->rewindable, &other, err);
    }
    if (rc == 0) {
        rc = check_vcpu_get(other, fresh, err);
    }
    vmm_destroy(other);
    check_normalise(fresh);
    return rc;
}

/* The same, read once and kept with the snapshot. Returns NULL with *err set on failure. The lock
 * is for other machines of the snapshot, which may be checked on other threads. */
static const struct check_vcpu *check_fresh(struct vmm *vm, struct vmm_err *err)
{
    struct vmm_snapshot *snap = vm->snap;
    struct check_vcpu **slot = &snap->fresh[vm->rewindable];
    pthread_mutex_lock(&snap->fresh_lock);
    if (*slot == NULL) {
        *slot = calloc(1, sizeof(**slot));
        if (*slot == NULL) {
            (void)vmm_err_set(err, ENOMEM, "out of memory");
        } else if (check_fresh_read(vm, *slot, err) < 0) {
            free(*slot);
            *slot = NULL;
        }
    }
    const struct check_vcpu *fresh = *slot;
    pthread_mutex_unlock(&snap->fresh_lock);
    return fresh;
}

int check_vcpu(struct vmm *vm, struct vmm_err *err)
{
    struct vmm_err local = {0};
    err = err != NULL ? err : &local;
    const struct check_vcpu *fresh = check_fresh(vm, err);
    if (fresh == NULL) {
        return -err->code;
    }
    struct check_vcpu *have = calloc(1, sizeof(*have));
    if (have == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    have->msr_count = fresh->msr_count;
    memcpy(have->msrs, fresh->msrs, sizeof(have->msrs));
    int rc = check_vcpu_get(vm, have, err);
    check_normalise(have);
    rc = rc == 0 ? check_compare(vm, have, fresh, err) : rc;
    free(have);
    return rc;
}
