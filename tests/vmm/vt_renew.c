// SPDX-License-Identifier: Apache-2.0
/*
 * Renewing: after it nothing tells which pages earlier runs have touched. The tests do not look at
 * times, but at their causes: which pages the host has mapped for the guest, which pages KVM has
 * mapped, and how many faults the same run takes.
 */
#include "vt.h"
#include "vmm/snapshot_int.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define WORDS(pages) (((pages) + 63) / 64)

/* One of KVM's counts, of the VM or of the vCPU. */
static uint64_t kvm_count(int of, const char *name)
{
    struct kvm_stats_header head;
    uint64_t value = UINT64_MAX;
    int fd = ioctl(of, KVM_GET_STATS_FD, 0);
    CHECK(fd >= 0 && pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head));
    const size_t size = sizeof(struct kvm_stats_desc) + head.name_size;
    struct kvm_stats_desc *desc = malloc(size);
    CHECK(desc != NULL);
    for (uint32_t i = 0; i < head.num_desc; i++) {
        CHECK(pread(fd, desc, size, head.desc_offset + i * (off_t)size) == (ssize_t)size);
        if (strcmp(desc->name, name) == 0) {
            CHECK(pread(fd, &value, 8, (off_t)head.data_offset + desc->offset) == 8);
        }
    }
    free(desc);
    close(fd);
    CHECK(value != UINT64_MAX);
    return value;
}

/* Guest pages for which KVM has a translation. */
static uint64_t kvm_pages(const struct vmm *vm)
{
    return kvm_count(vm->vm_fd, "pages_4k") + kvm_count(vm->vm_fd, "pages_2m") +
           kvm_count(vm->vm_fd, "pages_1g");
}

/* What the host has mapped of the machine's memory, a bit a page, and of its initrd. */
struct mapped {
    uint64_t ram[WORDS((64 << 20) / 4096)];
    uint64_t initrd[WORDS((2 << 20) / 4096)];
};

static void mapped_get(const struct vmm *vm, struct mapped *m)
{
    struct vmm_err err;
    memset(m, 0, sizeof(*m));
    CHECK(vm->ram_size / 4096 / 64 <= sizeof(m->ram) / 8);
    OK(pagemap_present(vm, vm->ram, vm->ram_size / 4096, m->ram, &err));
    OK(pagemap_present(vm, vm->initrd.map, vm->initrd.map_size / 4096, m->initrd, &err));
}

/* A snapshot of a machine of 64 MiB, most of which lies after the image. */
static struct vmm_snapshot *roomy(void)
{
    return vt_snapshot_sized(64 << 20, 0);
}

static const char *const before[][2] = {
    {"dirty", "1"},       {"dirty", "3000"},        {"rewrite", "300"},    {"read", "8388608"},
    {"read", "33554432"}, {"read", "274877906944"}, {"write", "50331648"}, {"map", "8388608"},
    {"unmap", "8388608"}, {"ring0", "all"},         {"triple", ""},        {"step", ""},
    {"garbage", "3"},     {"status", "0"},
};

/* The faults that KVM handles in a run that is always the same. */
static uint64_t probe(struct vmm *vm)
{
    const uint64_t faults = kvm_count(vm->vcpu_fd, "pf_taken");
    IS(vt_run(vm, "touch", "4194304 rep-stos"), VMM_EXITED, 0, "");
    return kvm_count(vm->vcpu_fd, "pf_taken") - faults;
}

/* The page cache of the snapshot, which all machines share, stays as it is. */
static struct vmm_snapshot *roomy_cached(void)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = roomy();
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    (void)probe(vm);
    vmm_destroy(vm);
    return snap;
}

static void t_nothing_told(void)
{
    static struct mapped fresh;
    static struct mapped now;
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = roomy_cached();
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    mapped_get(vm, &fresh);
    const unsigned slots = vm->slots;
    const uint64_t faults = probe(vm);
    CHECK(faults > 5 && kvm_pages(vm) > 5);
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        OK(vmm_renew(vm, &err));
        (void)vt_run(vm, before[i][0], before[i][1]);
        OK(vmm_renew(vm, &err));
        mapped_get(vm, &now);
        if (memcmp(&now, &fresh, sizeof(now)) != 0 || kvm_pages(vm) != 0 || vm->slots != slots) {
            vt_fail(__FILE__, __LINE__, "after %s %s: KVM has %llu pages, slots %u; host's %s",
                    before[i][0], before[i][1], (unsigned long long)kvm_pages(vm), vm->slots,
                    memcmp(&now, &fresh, sizeof(now)) ? "differ" : "are the same");
        }
        const uint64_t took = probe(vm);
        if (took != faults) {
            vt_fail(__FILE__, __LINE__, "after %s %s: %llu faults, not %llu", before[i][0],
                    before[i][1], (unsigned long long)took, (unsigned long long)faults);
        }
    }
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

/* Shows that the tests can see such traces: a rewind leaves all of them. */
static void t_rewind_tells(void)
{
    static struct mapped fresh;
    static struct mapped now;
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = roomy_cached();
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    mapped_get(vm, &fresh);
    const uint64_t faults = probe(vm);
    OK(vmm_rewind(vm, &err));
    mapped_get(vm, &now);
    CHECK(memcmp(&now, &fresh, sizeof(now)) != 0);
    /* Nested paging may mark page tables as written when they are read: then KVM forgets each time.
     */
    CHECK(kvm_pages(vm) > 5 || vm->counters.shadow_resets > 0);
    CHECK(probe(vm) < faults);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

/* A renewed machine is its snapshot; renewals and rewinds mix. */
static void t_equal(void)
{
    struct vmm_err err;
    struct vmm *vm[2];
    struct vmm_snapshot *snap = roomy();
    OK(vmm_restore(snap, &vt_no_io, true, &vm[0], &err));
    OK(vmm_restore(snap, &vt_no_io, true, &vm[1], &err));
    for (size_t i = 0; i < 2 * sizeof(before) / sizeof(before[0]); i++) {
        const char *const *c = before[i % (sizeof(before) / sizeof(before[0]))];
        struct vmm *one = vm[i / 3 % 2];
        (void)vt_run(one, c[0], c[1]);
        OK(i % 4 == 3 ? vmm_rewind(one, &err) : vmm_renew(one, &err));
        OK(vmm_check(one, &err));
        IS(vt_run(one, "look", "500"), VMM_EXITED, 0, "");
        OK(i % 5 == 4 ? vmm_renew(one, &err) : vmm_rewind(one, &err));
        OK(vmm_check(one, &err));
    }
    vmm_destroy(vm[0]);
    OK(vmm_check(vm[1], &err)); /* the other's mappings of the same files are there */
    IS(vt_run(vm[1], "read", "274877906944"), VMM_EXITED, 1, "read it");
    vmm_destroy(vm[1]);
    vmm_snapshot_close(snap);
}

static void t_refused(void)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = vt_snapshot_open();
    OK(vmm_restore(snap, &vt_no_io, false, &vm, &err));
    FAILS(vmm_renew(vm, &err), EINVAL, "not restored to be rewound");
    IS(vt_run(vm, "status", "2"), VMM_EXITED, 2, "");
    vmm_destroy(vm);
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    OK(vmm_workset_small(vm, &err));
    FAILS(vmm_renew(vm, &err), EINVAL, "records a working set");
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

const struct vt_test vt_renew_tests[] = {
    {"renew-nothing-told", t_nothing_told},
    {"renew-rewind-tells", t_rewind_tells},
    {"renew-equal", t_equal},
    {"renew-refused", t_refused},
    {NULL, NULL},
};
