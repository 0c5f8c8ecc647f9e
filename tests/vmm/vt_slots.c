// SPDX-License-Identifier: Apache-2.0
/*
 * Memory that has no slot before it is touched. The first access of any kind finds it as the
 * snapshot has it, and a rewind takes everything back. The tests look inside of libvmm for where it
 * begins. Where policy gives all memory its slot at once, the machines here are made the other way.
 */
#include "vt.h"

#include "vmm/snapshot_int.h"

#include <unistd.h>

#define MEMORY    (256ull << 20)
#define MEMORY_4G (4ull << 30)
#define APIC_GPA  0xfee00000ull

/* A snapshot with much more memory than data. */
static struct vmm_snapshot *large_snapshot(uint64_t memory)
{
    struct vmm_snapshot *snap = vt_snapshot_sized(memory, PAGE_2M);
    static struct policy policy;
    policy = *snap->policy;
    policy.lazy_slots = true;
    snap->policy = &policy;
    return snap;
}

static struct vmm *large_restore(struct vmm_snapshot *snap, bool rewindable)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_io io = vt_no_io;
    io.stdin_fd = vt_memfd("12345678", 8);
    OK(vmm_restore(snap, &io, rewindable, &vm, &err));
    CHECK(vm->ram_low < vm->ram_size);
    CHECK_INT(vm->slots & 1 << MEM_SLOT_HIGH, 0);
    return vm;
}

static void touch(struct vmm *vm, uint64_t at, const char *how)
{
    char arg[64];
    (void)snprintf(arg, sizeof(arg), "%llu %s", (unsigned long long)at, how);
    struct vmm_outcome o = vt_run(vm, "touch", arg);
    /* The instruction that is fetched adds to memory that is not mapped. A CPU reports a write
     * there, a CPU that QEMU emulates a read, which comes first. */
    const bool fetch = strcmp(how, "fetch") == 0;
    const char *words =
        policy_host_kind() == POLICY_EMULATED ? "trap 14 error 0004" : "trap 14 error 0006";
    if (fetch ? o.kind != VMM_SIGNALED || strcmp(o.detail, words) != 0
              : o.kind != VMM_EXITED || o.status != 0) {
        vt_fail(__FILE__, __LINE__, "%s: outcome %d status %d (%s)", arg, (int)o.kind, o.status,
                o.detail);
    }
    const struct vmm_counters *c = &o.counters;
    CHECK_INT(c->exits_other, 0);
    CHECK_INT(c->exits_memory, c->exits - c->exits_doorbell - c->exits_signal);
}

static const char *const touches[] = {
    "load",          "load-byte", "store",    "store-byte",  "store-nt", "add",
    "xadd",          "xchg",      "cmpxchg",  "cmpxchg16b",  "rep-stos", "rep-movs-to",
    "rep-movs-from", "rep-scas",  "push",     "call",        "fetch",    "movups-store",
    "movups-load",   "avx-store", "avx-load", "avx-compute", "fxsave",   "xsave",
    "fld",           "host",
};
#define TOUCHES (sizeof(touches) / sizeof(touches[0]))

static void t_first_touch(void)
{
    struct vmm_snapshot *snap = large_snapshot(MEMORY);
    for (size_t i = 0; i < TOUCHES; i++) {
        struct vmm *vm = large_restore(snap, false);
        touch(vm, vm->ram_low + 0x305000, touches[i]);
        CHECK(vm->slots & 1 << MEM_SLOT_HIGH);
        vmm_destroy(vm);
    }
}

static void t_rewound(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap = large_snapshot(MEMORY);
    for (size_t i = 0; i < TOUCHES; i++) {
        struct vmm *vm = large_restore(snap, true);
        for (int round = 0; round < 3; round++) {
            touch(vm, vm->ram_low + 0x305000 + 0x200000 * (unsigned)round, touches[i]);
            OK(vmm_rewind(vm, &err));
            OK(vmm_check(vm, &err));
            IS(vt_run(vm, "look", "100"), VMM_EXITED, 0, "");
            OK(vmm_rewind(vm, &err));
            OK(lseek(vm->io.stdin_fd, 0, SEEK_SET) != 0);
        }
        close(vm->io.stdin_fd);
        vmm_destroy(vm);
    }
}

/* An access of 8 bytes, half of it after the border. */
static void t_border(void)
{
    static const char *const across[] = {"load",     "store",        "store-nt",    "add",
                                         "rep-stos", "movups-store", "movups-load", "avx-store",
                                         "push",     "host"};
    struct vmm_err err;
    struct vmm_snapshot *snap = large_snapshot(MEMORY);
    for (size_t i = 0; i < sizeof(across) / sizeof(across[0]); i++) {
        struct vmm *vm = large_restore(snap, true);
        touch(vm, vm->ram_low - 4, across[i]);
        OK(vmm_rewind(vm, &err));
        OK(vmm_check(vm, &err));
        vmm_destroy(vm);
    }
}

/* The end of memory is where it was, before and after. */
static void t_end(void)
{
    struct vmm_snapshot *snap = large_snapshot(MEMORY);
    struct vmm *vm = large_restore(snap, false);
    touch(vm, MEMORY - 8, "store");
    vmm_destroy(vm);
    vm = large_restore(snap, false);
    IS(vt_run(vm, "map", "268435456"), VMM_BROKEN, 0, "0x10000000, which is not memory");
    vmm_destroy(vm);
}

/* Memory is memory where a machine whose local APIC is on has its registers. */
static void t_apic_address(void)
{
    struct vmm_snapshot *snap = large_snapshot(MEMORY_4G);
    for (size_t i = 0; i < TOUCHES; i++) {
        struct vmm *vm = large_restore(snap, false);
        touch(vm, APIC_GPA + 0x300, touches[i]);
        vmm_destroy(vm);
    }
    vmm_snapshot_close(snap);
}

const struct vt_test vt_slots_tests[] = {
    {"slots: first touch of every kind", t_first_touch},
    {"slots: and rewound", t_rewound},
    {"slots: across the border", t_border},
    {"slots: nothing after the end", t_end},
    {"slots: at the address of an APIC", t_apic_address},
    {NULL, NULL},
};
