// SPDX-License-Identifier: Apache-2.0
/*
 * What depends on the kind of host: the choices are complete, and those of this host are used. Each
 * choice, set by hand, gives machines that behave the same.
 */
#include "vt.h"
#include "vmm/snapshot_int.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void t_choices(void)
{
    struct vmm_err err;
    struct vmm_host host;
    OK(vmm_host_probe(&host, &err));
    const enum policy_kind here = policy_host_kind();
    const struct vmm_choice *mine;
    size_t count = 0;
    for (; (mine = vmm_choice(count)) != NULL; count++) {
        for (int kind = 0; kind < POLICY_KINDS; kind++) {
            const struct vmm_choice *c = policy_choice((enum policy_kind)kind, count);
            CHECK(c->what[0] != '\0' && c->choice[0] != '\0' && c->why[0] != '\0');
            CHECK(strcmp(c->what, mine->what) == 0);
            CHECK(kind != (int)here || c == mine);
        }
    }
    CHECK_INT(count, 11);
    CHECK(host.kvm_pvm == (here == POLICY_PVM) && host.emulated == (here == POLICY_EMULATED));
    CHECK(policy_host() == policy_of(here));
    struct vmm_snapshot *snap = vt_snapshot_open();
    CHECK(snap->policy == policy_host());
    vmm_snapshot_close(snap);
}

/* Runs a machine cold, then many times warm, with memory touched after the first slot, with ring 0,
 * and with page tables changed. */
static void behaves(const struct policy *policy)
{
    static const char *const runs[][2] = {
        {"dirty", "100"}, {"look", "100"}, {"ring0", "all"},    {"map", "8388608"},
        {"dirty", "3"},   {"again", ""},   {"read", "8388608"}, {"look", "100"},
    };
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = vt_snapshot_open();
    snap->policy = policy;
    OK(vmm_restore(snap, &vt_no_io, false, &vm, &err));
    OK(vmm_check(vm, &err));
    IS(vt_run(vm, "dirty", "100"), VMM_EXITED, 0, "");
    vmm_destroy(vm);
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    for (int i = 0; i < 40; i++) {
        (void)vt_run(vm, runs[i % 8][0], runs[i % 8][1]);
        OK(vmm_rewind(vm, &err));
        OK(vmm_check(vm, &err));
        IS(vt_run(vm, "look", "100"), VMM_EXITED, 0, "");
        OK(vmm_rewind(vm, &err));
    }
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

/* The policy of the other kind, as far as this host can do it: CPU features stay as they are. */
static void t_other_kind(void)
{
    struct policy policy =
        *policy_of(policy_host_kind() == POLICY_PVM ? POLICY_HARDWARE : POLICY_PVM);
    vt_policy_fit(&policy);
    behaves(&policy);
}

static void t_each(void)
{
    struct policy p[6];
    for (int i = 0; i < 6; i++) {
        p[i] = *policy_host();
    }
    p[0].lazy_slots = !p[0].lazy_slots;
    p[1].ring0_always = true; /* false is right on kvm-pvm only */
    p[2].prefault_group = 0;
    p[3].settle_always = true; /* the same */
    p[4].longer_ns = p[4].longer_faults = 1;
    p[5].kernel_apic = !p[5].kernel_apic;
    for (int i = 0; i < 6; i++) {
        behaves(&p[i]);
    }
}

static bool has_apic(struct vmm_snapshot *snap, bool rewindable)
{
    struct vmm_err err;
    struct vmm *vm;
    struct kvm_lapic_state state;
    OK(vmm_restore(snap, &vt_no_io, rewindable, &vm, &err));
    const bool has = ioctl(vm->vcpu_fd, KVM_GET_LAPIC, &state) == 0;
    CHECK(has || errno == EINVAL);
    vmm_destroy(vm);
    return has;
}

/* The local APIC's state is not put back by a rewind. */
static void t_apic(void)
{
    struct vmm_snapshot *snap = vt_snapshot_open();
    struct policy policy = *policy_host();
    snap->policy = &policy;
    policy.kernel_apic = true;
    CHECK(has_apic(snap, false));
    CHECK(!has_apic(snap, true));
    policy.kernel_apic = false;
    CHECK(!has_apic(snap, false));
    vmm_snapshot_close(snap);
}

/* Prefaults these pages in groups, and lets a run write them. A rewindable machine has no
 * groups. */
static void prefaults(uint32_t group, const uint32_t *pages, size_t count, uint64_t copied,
                      uint64_t written)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = vt_snapshot_open();
    struct policy policy = *policy_host();
    policy.prefault_group = group;
    snap->policy = &policy;
    snap->workset = realloc(snap->workset, count * sizeof(*pages));
    CHECK(snap->workset != NULL);
    memcpy(snap->workset, pages, count * sizeof(*pages));
    snap->header.workset_pages = count;
    for (int rewindable = 0; rewindable < 2; rewindable++) {
        OK(vmm_restore(snap, &vt_no_io, rewindable, &vm, &err));
        CHECK_INT(vm->counters.prefaulted_pages, rewindable ? written : copied);
        OK(vmm_check(vm, &err));
        IS(vt_run(vm, "dirty", "1000"), VMM_EXITED, 0, "");
        vmm_destroy(vm);
    }
    vmm_snapshot_close(snap);
}

/* The working set is copied as the policy says, page by page or with what makes groups whole. */
static void check_prefaults(void)
{
    /* A group made whole from its start; a page alone; a page too far from the start; a group that
     * is whole already. */
    static const uint32_t few[] = {2050, 2051, 2053, 2061, 2070, 2071, 2072, 2073, 2074};
    static const struct {
        uint32_t group;
        uint64_t copied;
        uint64_t written;
    } rows[] = {{0, 0, 0}, {1, 9, 9}, {8, 12, 9}, {16, 18, 9}};
    /* Read pages beside a written one, up to where they are too few; read pages alone; pages for
     * longer runs. */
    static const uint32_t mixed[] = {2048 | SNAP_PAGE_READ,
                                     2049,
                                     2050 | SNAP_PAGE_READ | SNAP_PAGE_LONGER,
                                     2055 | SNAP_PAGE_READ,
                                     2060 | SNAP_PAGE_READ,
                                     2065,
                                     2066 | SNAP_PAGE_LONGER,
                                     2067 | SNAP_PAGE_LONGER};
    uint32_t many[700]; /* more ranges than go into one call */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        prefaults(rows[i].group, few, sizeof(few) / sizeof(few[0]), rows[i].copied,
                  rows[i].written);
    }
    prefaults(1, mixed, sizeof(mixed) / sizeof(mixed[0]), 2, 2);
    prefaults(8, mixed, sizeof(mixed) / sizeof(mixed[0]), 4, 2);
    for (uint32_t i = 0; i < 700; i++) {
        many[i] = 2048 + 2 * i;
    }
    prefaults(1, many, 700, 700, 700);
}

static void t_prefault(void)
{
    check_prefaults();
}

/* Before Linux 6.14: no call for many ranges. */
static void t_prefault_old(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_madvise, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EBADF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    CHECK(syscall(SYS_process_madvise, -1, NULL, 0, 0, 0) == -1 && errno == EBADF);
    check_prefaults();
}

const struct vt_test vt_policy_tests[] = {
    {"policy-choices", t_choices},
    {"policy-other-kind", t_other_kind},
    {"policy-each", t_each},
    {"policy-apic", t_apic},
    {"policy-prefault", t_prefault},
    {"policy-prefault-old", t_prefault_old},
    {NULL, NULL},
};
