// SPDX-License-Identifier: Apache-2.0
/*
 * High memory (vmm/high.c), far after the image's data: it has no dirty log, and a rewind drops it.
 * All that lay there is gone, and a run that uses none of it pays nothing. The tests look inside of
 * libvmm for where it begins.
 */
#include "vt.h"

#include "vmm/snapshot_int.h"

#include <fcntl.h>
#include <unistd.h>

#define MEMORY (256ull << 20)

/* A machine whose image has data up to the address. */
static struct vmm *with_data(hv_gpa_t data)
{
    struct vmm_err err;
    struct vmm *vm;
    OK(vmm_restore(vt_snapshot_sized(MEMORY, data), &vt_no_io, true, &vm, &err));
    CHECK(vm->ram_low < vm->ram_size);
    return vm;
}

static struct vmm *high_restored(void)
{
    return with_data(VT_FIRST);
}

/* The private pages that a machine has from ram_low on, as the kernel tells. */
static uint64_t high_pages(const struct vmm *vm)
{
    static uint64_t entries[MEMORY / HV_PAGE_SIZE];
    const uint64_t pages = (vm->ram_size - vm->ram_low) / HV_PAGE_SIZE;
    const uint64_t first = (uint64_t)(uintptr_t)(vm->ram + vm->ram_low) / HV_PAGE_SIZE;
    const size_t size = pages * sizeof(entries[0]);
    uint64_t found = 0;
    int fd = open("/proc/self/pagemap", O_RDONLY);
    CHECK_INT(pread(fd, entries, size, (off_t)(first * sizeof(entries[0]))), size);
    close(fd);
    for (uint64_t i = 0; i < pages; i++) {
        found += entries[i] >> 62 != 0;
    }
    return found;
}

static void rewound(struct vmm *vm)
{
    struct vmm_err err;
    OK(vmm_rewind(vm, &err));
    OK(vmm_check(vm, &err));
    CHECK_INT(high_pages(vm), 0);
}

static struct vmm_outcome run_at(struct vmm *vm, const char *name, uint64_t at, const char *how)
{
    char arg[64];
    (void)snprintf(arg, sizeof(arg), "%llu %s", (unsigned long long)at, how);
    return vt_run(vm, name, arg);
}

/* Before Linux 6.7 it cannot be told how many pages there are to drop. */
static bool is_counted(const struct vmm *vm)
{
    uint64_t first = 0, end = 1, count = 0;
    return pagemap_scan(atomic_load(&vm->snap->pagemap), vm->ram + vm->ram_low, 1, &first, &end,
                        &count) == 0;
}

/* Makes runs that write 200 MiB, with small runs between them. Of a large run only the pages that
 * have a log are copied; the small ones drop nothing. */
static void large_runs(struct vmm *vm)
{
    struct vmm_err err;
    struct vmm_footprint f;
    const uint64_t logged = (vm->ram_low - VT_FIRST) / HV_PAGE_SIZE;
    /* Under emulation each takes seconds. */
    const int rounds = vm->policy == policy_of(POLICY_EMULATED) ? 1 : 5;
    for (int i = 0; i < rounds; i++) {
        IS(vt_run(vm, "dirty", "51200"), VMM_EXITED, 0, "");
        CHECK(high_pages(vm) >= 51200 - logged);
        rewound(vm);
        CHECK(vm->counters.rewound_pages >= logged && vm->counters.rewound_pages < logged + 64);
        CHECK(vm->counters.hot_pages < logged + 64);
        CHECK(!is_counted(vm) || vm->counters.dropped_pages >= 51200 - logged);
        OK(vmm_footprint(vm, &f, &err));
        CHECK_INT(f.changed_pages, 0);
        CHECK(f.private_pages < logged + 2 * PAGE_2M / HV_PAGE_SIZE);
        struct vmm_outcome o = vt_run(vm, "look", "51200");
        IS(o, VMM_EXITED, 0, "");
        rewound(vm);
        o = vt_run(vm, "dirty", "10");
        IS(o, VMM_EXITED, 0, "");
        CHECK_INT(o.counters.exits, o.counters.exits_doorbell + o.counters.exits_signal);
        rewound(vm);
        CHECK_INT(vm->counters.dropped_pages, 0);
        /* The pages with a log that the large run used are gone, too; with nested paging that takes
         * more runs. */
        CHECK(vm->counters.hot_pages < (vm->policy->nested_paging ? logged + 64 : 64));
    }
    CHECK(vm->policy->nested_paging || vm->counters.shadow_resets == 0);
    vmm_destroy(vm);
}

/* The image's data ends where a page of 2 MiB ends, and one page later. The file's mapping then
 * goes on for 511 pages that have no data. */
static void t_large(void)
{
    large_runs(with_data(VT_FIRST));
    large_runs(with_data(VT_FIRST + HV_PAGE_SIZE));
}

/* A host that cannot tell what is there drops all of it. */
static void t_untold(void)
{
    struct vmm *vm = high_restored();
    CHECK(dup2(vt_memfd("", 0), vm->snap->pagemap) >= 0);
    for (int i = 0; i < 3; i++) {
        IS(run_at(vm, "touch", MEMORY - 8, "store"), VMM_EXITED, 0, "");
        rewound(vm);
        IS(run_at(vm, "touch", vm->ram_low, "store"), VMM_EXITED, 0, "");
        rewound(vm);
    }
    vmm_destroy(vm);
}

/* Memory that only the host has written is dropped as well, though it has no slot. */
static void t_host(void)
{
    struct vmm_err err;
    struct vmm *vm = high_restored();
    memset(mem_write_ptr(vm, vm->ram_low - 8, 16), 0x5a, 16);
    CHECK(!vm->policy->lazy_slots || (vm->slots & 1 << MEM_SLOT_HIGH) == 0);
    IS(vt_run(vm, "look", "1"), VMM_EXITED, 0, "");
    rewound(vm);
    memset(mem_write_ptr(vm, MEMORY - 8, 8), 0x5a, 8);
    OK(vmm_rewind(vm, &err));
    CHECK(!is_counted(vm) || vm->counters.dropped_pages > 0);
    OK(vmm_check(vm, &err));
    vmm_destroy(vm);
}

static void t_listed(void)
{
    struct vmm_err err;
    uint64_t gpas[100];
    size_t count;
    struct vmm *vm = high_restored();
    const uint64_t at = vm->ram_low + 0x305000;
    IS(run_at(vm, "touch", at, "store"), VMM_EXITED, 0, "");
    OK(vmm_dirty_pages(vm, gpas, 100, &count, &err));
    CHECK(count > 3 && count < 60);
    CHECK_INT(gpas[count - 1], at);
    CHECK(gpas[count - 2] < vm->ram_low);
    size_t again;
    OK(vmm_dirty_pages(vm, gpas, 1, &again, &err));
    CHECK_INT(again, count);
    vmm_destroy(vm);
}

/* Page tables there, and what was mapped through them, are forgotten with the rest. */
static void t_tables(void)
{
    struct vmm *vm = high_restored();
    const uint64_t at = vm->ram_low + 0x403000;
    for (int i = 0; i < 5; i++) {
        IS(run_at(vm, "map-by", at, ""), VMM_EXITED, 1, "wrote it");
        rewound(vm);
        IS(vt_run(vm, "read", "1073741824"), VMM_SIGNALED, 14, "error 0004");
        rewound(vm);
        IS(run_at(vm, "touch", at, "store"), VMM_EXITED, 0, "");
        rewound(vm);
        IS(run_at(vm, "touch", vm->ram_low + 0x400010, "load"), VMM_EXITED, 0, "");
        rewound(vm);
        IS(vt_run(vm, "look", "50"), VMM_EXITED, 0, "");
        rewound(vm);
    }
    CHECK(vm->policy->nested_paging || vm->counters.shadow_resets == 5);
    vmm_destroy(vm);
}

const struct vt_test vt_high_tests[] = {
    {"high-large-runs", t_large}, {"high-untold", t_untold}, {"high-host-writes", t_host},
    {"high-listed", t_listed},    {"high-tables", t_tables}, {NULL, NULL},
};
