// SPDX-License-Identifier: Apache-2.0
/*
 * The counters: exact where that is possible, otherwise within bounds. The guest's claims about
 * itself harm nobody.
 */
#include "vt.h"

#include "vmm/vmm_int.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct vmm *restored(bool rewindable)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = vt_snapshot_open();
    OK(vmm_restore(snap, &vt_no_io, rewindable, &vm, &err));
    return vm;
}

static void rewound(struct vmm *vm)
{
    struct vmm_err err;
    OK(vmm_rewind(vm, &err));
}

static uint64_t sum(const uint64_t *ns, int from, int to)
{
    uint64_t total = 0;
    for (int i = from; i < to; i++) {
        total += ns[i];
    }
    return total;
}

static void t_exits(void)
{
    static const struct {
        const char *name;
        const char *arg;
        uint64_t timeout_ns;
        uint64_t doorbell; /* exactly */
        uint64_t signal;   /* at least */
        uint64_t other;    /* exactly */
    } cases[] = {
        {"status", "0", VT_TIMEOUT, 1, 0, 0}, {"triple", "", VT_TIMEOUT, 0, 0, 1},
        {"trace", "x", VT_TIMEOUT, 2, 0, 0},  {"map", "268435456", VT_TIMEOUT, 0, 0, 1},
        {"spin", "", 30000000, 0, 1, 0},
    };
    struct vmm *vm = restored(true);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct vmm_outcome o =
            vt_run_for(vm, cases[i].name, cases[i].arg, cases[i].timeout_ns);
        const struct vmm_counters *c = &o.counters;
        CHECK_INT(c->exits_doorbell, cases[i].doorbell);
        CHECK_INT(c->exits_other, cases[i].other);
        CHECK(c->exits_signal >= cases[i].signal);
        CHECK_INT(c->exits, c->exits_doorbell + c->exits_signal + c->exits_memory + c->exits_other);
        rewound(vm);
    }
}

static void claims(const struct vmm_outcome *o, uint64_t n)
{
    CHECK_INT(o->counters.syscalls_rewritten, n);
    CHECK_INT(o->counters.syscalls_trapped, 2 * n);
    CHECK_INT(o->counters.guest_faults, 3 * n);
}

/* Counters are of one run, whether it began at a restore, a rewind or where the last one ended. */
static void t_guest(void)
{
    struct vmm *vm = vt_boot(&vt_no_io);
    struct vmm_outcome o = vt_run(vm, "count-on", "1000");
    claims(&o, 1000);
    o = vt_run(vm, "count", "7");
    claims(&o, 7);
    vmm_destroy(vm);
    vm = restored(true);
    for (int i = 0; i < 3; i++) {
        o = vt_run(vm, "count", "5000000000");
        claims(&o, 5000000000);
        rewound(vm);
        o = vt_run(vm, "status", "0");
        claims(&o, 0);
        rewound(vm);
    }
}

/* Numbers without sense are shown as they are and change nothing. */
static void t_guest_lies(void)
{
    struct vmm_err err;
    struct vmm *vm = restored(true);
    for (int i = 0; i < 3; i++) {
        for (const char *const *arg = (const char *const[]){"0", "1", "2", NULL}; *arg != NULL;
             arg++) {
            const struct vmm_outcome o = vt_run(vm, "count-lie", *arg);
            IS(o, VMM_EXITED, 0, "");
            const uint64_t *ns = o.counters.phase_ns;
            CHECK_INT(sum(ns, VMM_PHASE_HANDOVER, VMM_PHASES), o.counters.run_ns);
            CHECK(ns[VMM_PHASE_GUEST] <= o.counters.run_ns);
            rewound(vm);
            OK(vmm_check(vm, &err));
        }
    }
}

static void t_rewind(void)
{
    static const struct {
        const char *pages;
        uint64_t added; /* by this run, at least; and less than 64 more */
    } steps[] = {{"50", 50}, {"50", 0}, {"150", 100}, {"10", 0}, {"150", 0}};
    struct vmm *vm = restored(true);
    uint64_t hot = 0;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct vmm_outcome o = vt_run(vm, "dirty", steps[i].pages);
        IS(o, VMM_EXITED, 0, "");
        rewound(vm);
        o = vt_run(vm, "status", "0");
        const struct vmm_counters *c = &o.counters;
        CHECK_INT(c->rewound_bytes, c->rewound_pages * 4096);
        CHECK_INT(c->hot_pages, hot + c->hot_added);
        CHECK_INT(c->rewound_pages, c->hot_pages);
        CHECK(c->hot_added >= steps[i].added && c->hot_added < steps[i].added + 64);
        CHECK_INT(c->prefaulted_pages, 0);
        hot = c->hot_pages;
        rewound(vm);
    }
}

/* After a run that wrote page tables KVM's own are made again, if it has some. */
static void t_shadow(void)
{
    const bool nested = policy_host()->nested_paging;
    struct vmm *vm = restored(true);
    for (uint64_t i = 1; i <= 3; i++) {
        IS(vt_run(vm, "upcall", "1"), VMM_EXITED, 0, "");
        rewound(vm);
        const struct vmm_outcome o = vt_run(vm, "status", "0");
        CHECK_INT(o.counters.shadow_resets, nested ? 0 : i);
        CHECK(o.counters.hot_pages > 0 && o.counters.hot_pages < 64);
        CHECK(o.counters.phase_ns[VMM_PHASE_SHADOW] > 0);
        rewound(vm);
    }
}

/* KVM's count of the faults that it handled for this vCPU, from KVM_GET_STATS_FD. */
static uint64_t kvm_faults(struct vmm *vm)
{
    struct kvm_stats_header h;
    uint64_t value = UINT64_MAX;
    int fd = ioctl(vm->vcpu_fd, KVM_GET_STATS_FD, NULL);
    CHECK(fd >= 0 && pread(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h));
    const size_t size = sizeof(struct kvm_stats_desc) + h.name_size;
    struct kvm_stats_desc *desc = calloc(1, size + 1);
    CHECK(desc != NULL);
    for (uint32_t i = 0; i < h.num_desc && value == UINT64_MAX; i++) {
        CHECK(pread(fd, desc, size, (off_t)(h.desc_offset + i * size)) == (ssize_t)size);
        if (strcmp(desc->name, "pf_taken") == 0) {
            CHECK(pread(fd, &value, sizeof(value), (off_t)(h.data_offset + desc->offset)) == 8);
        }
    }
    free(desc);
    close(fd);
    CHECK(value != UINT64_MAX);
    return value;
}

/* A run that does the same as the last one costs KVM no fault. Where a rewind makes KVM forget all
 * translations, it costs the one fault for that. */
static void t_kvm_faults(void)
{
    const uint64_t most = policy_host()->nested_paging ? 1 : 0;
    struct vmm *vm = restored(true);
    for (int i = 0; i < 20; i++) {
        const uint64_t before = kvm_faults(vm);
        IS(vt_run(vm, "dirty", "50"), VMM_EXITED, 0, "");
        const uint64_t faults = kvm_faults(vm) - before;
        if (i == 0 ? faults < 50 : i > 1 && faults > most) {
            vt_fail(__FILE__, __LINE__, "run %d: %llu faults", i, (unsigned long long)faults);
        }
        rewound(vm);
    }
}

static void t_restore(void)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap;
    struct vmm_snapshot_info info;
    int fd = vt_snapshot(&(struct vmm_key){{0}});
    OK(vmm_snapshot_open_fd(fd, vt_initrd, NULL, &snap, &err));
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    struct vmm_outcome o = vt_run(vm, "dirty", "60");
    CHECK_INT(o.counters.workset_pages, 0);
    CHECK_INT(o.counters.prefaulted_pages, 0);
    CHECK_INT(o.counters.rewound_pages, 0);
    OK(vmm_snapshot_set_workset(vm, fd, &err));
    vmm_destroy(vm);
    vmm_snapshot_close(snap);

    OK(vmm_snapshot_open_fd(fd, vt_initrd, NULL, &snap, &err));
    vmm_snapshot_info(snap, &info);
    OK(vmm_restore(snap, &vt_no_io, false, &vm, &err));
    o = vt_run(vm, "dirty", "60");
    CHECK_INT(o.counters.workset_pages, info.workset_pages);
    CHECK(o.counters.workset_pages > 60);
    CHECK(o.counters.prefaulted_pages >= o.counters.workset_pages);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    close(fd);
}

/* The phases are the known ones, and those that follow each other add up. */
static void t_phases(void)
{
    struct vmm *vm = restored(true);
    struct vmm_outcome o = vt_run(vm, "dirty", "50");
    const uint64_t *ns = o.counters.phase_ns;
    static const enum vmm_phase cold[] = {
        VMM_PHASE_OPEN,  VMM_PHASE_VM,    VMM_PHASE_VCPU,     VMM_PHASE_MAP,   VMM_PHASE_TRACKING,
        VMM_PHASE_SLOTS, VMM_PHASE_STATE, VMM_PHASE_HANDOVER, VMM_PHASE_GUEST, VMM_PHASE_FINISH};
    for (size_t i = 0; i < sizeof(cold) / sizeof(cold[0]); i++) {
        if (ns[cold[i]] == 0) {
            vt_fail(__FILE__, __LINE__, "no time for %s", vmm_phase_name(cold[i]));
        }
    }
    CHECK_INT(sum(ns, VMM_PHASE_SETTLE, VMM_PHASE_STATE), 0);
    CHECK_INT(sum(ns, VMM_PHASE_HANDOVER, VMM_PHASES), o.counters.run_ns);
    for (int i = 0; i < 3; i++) {
        rewound(vm);
        o = vt_run(vm, i == 1 ? "triple" : "dirty", "50");
        CHECK_INT(sum(ns, 0, VMM_PHASE_SETTLE), 0);
        CHECK_INT(sum(ns, VMM_PHASE_SETTLE, VMM_PHASE_HANDOVER), o.counters.restore_ns);
        CHECK_INT(sum(ns, VMM_PHASE_HANDOVER, VMM_PHASES), o.counters.run_ns);
        CHECK(ns[VMM_PHASE_COPY] > 0 && ns[VMM_PHASE_STATE] > 0);
    }
}

static void t_names(void)
{
    for (int i = 0; i < VMM_PHASES; i++) {
        const char *name = vmm_phase_name((enum vmm_phase)i);
        CHECK(name != NULL);
        CHECK(strspn(name, "abcdefghijklmnopqrstuvwxyz") == strlen(name));
        for (int j = 0; j < i; j++) {
            CHECK(strcmp(name, vmm_phase_name((enum vmm_phase)j)) != 0);
        }
    }
    CHECK(vmm_phase_name(VMM_PHASES) == NULL);
    CHECK(vmm_phase_name((enum vmm_phase) - 1) == NULL);
}

static void t_footprint(void)
{
    struct vmm_err err;
    struct vmm_footprint f;
    for (int rewindable = 0; rewindable < 2; rewindable++) {
        struct vmm *vm = restored(rewindable);
        OK(vmm_footprint(vm, &f, &err));
        CHECK_INT(f.changed_pages, 0);
        IS(vt_run(vm, "dirty", "70"), VMM_EXITED, 0, "");
        OK(vmm_footprint(vm, &f, &err));
        CHECK(f.changed_pages >= 70 && f.changed_pages < 100);
        CHECK(f.private_pages >= f.changed_pages);
        if (rewindable) {
            rewound(vm);
            OK(vmm_footprint(vm, &f, &err));
            CHECK_INT(f.changed_pages, 0);
            CHECK(f.private_pages >= 70);
        }
        vmm_destroy(vm);
    }
    struct vmm *vm = vt_boot(&vt_no_io);
    OK(vmm_footprint(vm, &f, &err));
    CHECK(f.changed_pages > 0 && f.private_pages >= f.changed_pages);
}

const struct vt_test vt_counters_tests[] = {
    {"counters-exits", t_exits},
    {"counters-guest", t_guest},
    {"counters-guest-lies", t_guest_lies},
    {"counters-rewind", t_rewind},
    {"counters-shadow", t_shadow},
    {"counters-restore", t_restore},
    {"counters-kvm-faults", t_kvm_faults},
    {"counters-phases", t_phases},
    {"counters-names", t_names},
    {"counters-footprint", t_footprint},
    {NULL, NULL},
};
