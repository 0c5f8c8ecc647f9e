// SPDX-License-Identifier: Apache-2.0
/*
 * Rewinding: whatever a run did, afterwards the machine is the snapshot, byte for byte; only time
 * and entropy are fresh.
 */
#include "vt.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

static struct vmm *restored(void)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = vt_snapshot_open();
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    return vm;
}

static void rewound(struct vmm *vm)
{
    struct vmm_err err;
    OK(vmm_rewind(vm, &err));
    OK(vmm_check(vm, &err));
}

static void t_loop(void)
{
    struct vmm *vm = restored();
    uint64_t pages = 0;
    for (int i = 0; i < 1000; i++) {
        struct vmm_outcome o = vt_run(vm, "dirty", "50");
        IS(o, VMM_EXITED, 0, "");
        rewound(vm);
        o = vt_run(vm, "look", "50");
        IS(o, VMM_EXITED, 0, "");
        CHECK_INT(o.counters.exits_doorbell, 1);
        CHECK(i < 2 || o.counters.hot_pages == pages);
        pages = o.counters.hot_pages;
        rewound(vm);
    }
    CHECK(pages > 50 && pages < 80);
}

/* Every way a run can end leaves something half-way; the next run must not see it. */
static void t_endings(void)
{
    static const char *const cases[][2] = {
        {"status", "1"},         {"panic", "x"},      {"bad-number", ""},
        {"call", "77"},          {"bad-ring", ""},    {"bad-gpa", "0"},
        {"triple", ""},          {"privileged", "0"}, {"privileged", "6"},
        {"in-doorbell", ""},     {"rep-outs", ""},    {"map", "268435456"},
        {"map", "274877906944"}, {"read", "0"},       {"write", "262144"},
        {"execute", "0"},        {"spin", ""},        {"doorbells", ""},
        {"wait-forever", ""},    {"garbage", "3"},    {"syscall", ""},
        {"upcall", "2"},         {"timer-flag", ""},  {"flood", "5000"},
        {"dirty", "100"},        {"again", ""},
    };
    struct vmm *vm = restored();
    for (size_t i = 0; i < 3 * sizeof(cases) / sizeof(cases[0]); i++) {
        const char *const *c = cases[i % (sizeof(cases) / sizeof(cases[0]))];
        (void)vt_run_for(vm, c[0], c[1], 50000000);
        struct vmm_err err;
        if (vmm_rewind(vm, &err) != 0 || vmm_check(vm, &err) != 0) {
            vt_fail(__FILE__, __LINE__, "after %s %s: %s", c[0], c[1], err.msg);
        }
        IS(vt_run(vm, "look", "100"), VMM_EXITED, 0, "");
        rewound(vm);
    }
    IS(vt_run(vm, "upcall", "3"), VMM_EXITED, 0, "");
}

/* A rewindable machine of 128 MiB, whose image has data up to the address. */
static struct vmm *roomy(hv_gpa_t data)
{
    struct vmm_err err;
    struct vmm *vm;
    OK(vmm_restore(vt_snapshot_sized(128 << 20, data), &vt_no_io, true, &vm, &err));
    return vm;
}

static struct vmm_counters dirtied(struct vmm *vm, const char *pages)
{
    struct vmm_outcome o = vt_run_for(vm, "dirty", pages, 4 * VT_TIMEOUT);
    IS(o, VMM_EXITED, 0, "");
    CHECK_INT(o.counters.exits_doorbell, 1);
    rewound(vm);
    return o.counters;
}

/* A hot set above its bound: pages that a run leaves alone leave at once, and nothing is lost on
 * the way. */
static void t_hot_set(void)
{
    struct vmm *vm = roomy(64 << 20);
    static const struct {
        const char *pages;
        uint64_t least; /* copied back before this run */
        uint64_t most;
    } steps[] = {
        {"9000", 0, 0},   {"9000", 9000, 9100}, {"10", 9000, 9100},
        {"10", 10, 100},  {"9000", 10, 100},    {"100", 9000, 9100},
        {"10", 100, 200}, {"10", 100, 200},     {"10", 100, 200},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        const struct vmm_counters c = dirtied(vm, steps[i].pages);
        if (c.rewound_pages < steps[i].least || c.rewound_pages > steps[i].most) {
            vt_fail(__FILE__, __LINE__, "step %zu: %llu pages", i,
                    (unsigned long long)c.rewound_pages);
        }
    }
    vmm_destroy(vm);
}

/* The anonymous memory of this process, kB. */
static long anonymous_kb(void)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL && sscanf(line, "Anonymous: %ld", &kb) != 1) {
    }
    (void)fclose(f);
    CHECK(kb >= 0);
    return kb;
}

/* Whether two numbers of pages are the same, but for page tables. */
static bool nearly(uint64_t a, uint64_t b)
{
    return (a > b ? a - b : b - a) <= vt_walked_tables();
}

/* One larger run: its pages and their memory go after a while, though their number is moderate. */
static void t_hot_fades(void)
{
    struct vmm *vm = roomy(VT_FIRST);
    for (int i = 0; i < 3; i++) {
        (void)dirtied(vm, "10");
    }
    const struct vmm_counters small = dirtied(vm, "10");
    const long kb = anonymous_kb();
    CHECK(small.hot_pages > 10 && small.hot_pages < 40);
    (void)dirtied(vm, "900");
    struct vmm_counters c = dirtied(vm, "10");
    CHECK(c.hot_added >= 890 && c.hot_pages >= 900 && c.rewound_pages >= 900);
    CHECK(anonymous_kb() > kb + 1500); /* in large pages of the host, one of which was there */
    int runs = 0;
    for (; c.hot_pages > small.hot_pages + vt_walked_tables(); runs++) {
        CHECK(runs < 45);
        c = dirtied(vm, "10");
    }
    CHECK(runs > 5);
    CHECK(anonymous_kb() < kb + 200);
    c = dirtied(vm, "10");
    CHECK(nearly(c.rewound_pages, small.rewound_pages));
    CHECK(c.hot_added <= vt_walked_tables());
    c = dirtied(vm, "900");
    CHECK(nearly(c.hot_pages, small.hot_pages));
    c = dirtied(vm, "900");
    CHECK(c.hot_added >= 890 && c.rewound_pages >= 900);
    vmm_destroy(vm);
}

/* Pages that were written but not changed are taken for unused, but only some at a time. When those
 * come back, the others are left alone, so no run has to fetch them all. After the image's data all
 * leave once. */
static void t_hot_returns(void)
{
    for (int image = 0; image < 2; image++) {
        struct vmm *vm = roomy(image ? 64 << 20 : VT_FIRST);
        struct vmm_outcome o;
        struct vmm_err err;
        uint64_t added = 0;
        for (int i = 0; i < 1000; i++) {
            o = vt_run(vm, "rewrite", "300");
            IS(o, VMM_EXITED, 0, "");
            CHECK_INT(o.counters.exits_doorbell, 1);
            CHECK(i < 200 || o.counters.hot_added == 0);
            CHECK(!image || i < 2 || o.counters.hot_added < 64);
            added += o.counters.hot_added;
            OK(vmm_rewind(vm, &err));
            OK(i % 50 == 0 ? vmm_check(vm, &err) : 0);
        }
        CHECK(o.counters.hot_pages >= 300 && o.counters.hot_pages < 330);
        if (image ? added <= 330 || added >= 370 : added < 600 || added >= 660) {
            vt_fail(__FILE__, __LINE__, "%llu pages joined", (unsigned long long)added);
        }
        vmm_destroy(vm);
    }
}

/* Pages of the image that are not written again leave after their trial. */
static void t_hot_leaves(void)
{
    struct vmm *vm = roomy(64 << 20);
    (void)dirtied(vm, "10");
    const uint64_t few = dirtied(vm, "10").hot_pages;
    (void)dirtied(vm, "2000");
    struct vmm_counters c = dirtied(vm, "10");
    CHECK(c.hot_pages >= 2000);
    int runs = 0;
    for (; c.hot_pages > few; runs++) {
        CHECK(runs < 20);
        c = dirtied(vm, "10");
    }
    CHECK(runs > 5);
    vmm_destroy(vm);
}

static void t_dirty_pages(void)
{
    struct vmm_err err;
    uint64_t gpas[200];
    size_t count;
    struct vmm *vm = restored();
    IS(vt_run(vm, "dirty", "60"), VMM_EXITED, 0, "");
    OK(vmm_dirty_pages(vm, gpas, 200, &count, &err));
    CHECK(count > 60 && count < 80);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        CHECK(i == 0 || gpas[i] > gpas[i - 1]);
        found += gpas[i] >= 0x800000 && gpas[i] < 0x800000 + 60 * 4096;
    }
    CHECK_INT(found, 60);
    OK(vmm_dirty_pages(vm, gpas, 2, &count, &err));
    CHECK(count > 60);
}

/* KVM must forget what it derived from page tables that a run has changed. */
static void t_page_tables(void)
{
    struct vmm *vm = restored();
    for (int i = 0; i < 5; i++) {
        IS(vt_run(vm, "read", "8388608"), VMM_EXITED, 1, "read it");
        rewound(vm);
        IS(vt_run(vm, "map", "8388608"), VMM_EXITED, 1, "wrote it");
        rewound(vm);
        IS(vt_run(vm, "read", "536870912"), VMM_SIGNALED, 14, "error 0004");
        rewound(vm);
        IS(vt_run(vm, "unmap", "8388608"), VMM_EXITED, 0, "");
        rewound(vm);
        IS(vt_run(vm, "read", "8388608"), VMM_EXITED, 1, "read it");
        rewound(vm);
        IS(vt_run(vm, "execute", "4194304"), VMM_SIGNALED, 14, "error 0015");
        rewound(vm);
        IS(vt_run(vm, "upcall", "1"), VMM_EXITED, 0, "");
        rewound(vm);
    }
}

/* A run that got ring 0 leaves nothing in the registers that only ring 0 can change. */
static void t_ring0(void)
{
    struct vmm *vm = restored();
    for (int i = 0; i < 5; i++) {
        IS(vt_run(vm, "ring0", "all"), VMM_BROKEN, 0, "hlt");
        rewound(vm);
        IS(vt_run(vm, "privileged", "8"), VMM_SIGNALED, 6, "trap 06");
        rewound(vm);
        IS(vt_run(vm, "dirty", "3"), VMM_EXITED, 0, "");
        rewound(vm);
    }
}

/* On kvm-pvm DS, ES, FS and GS are those of the thread that runs the guest, and stay in it. */
static void t_selectors(void)
{
    struct vmm *vm = restored();
    struct vmm *other = restored();
    const struct vmm_outcome first = vt_run(vm, "selectors", "");
    CHECK(first.kind == VMM_EXITED);
    rewound(vm);
    IS(vt_run(vm, "selectors", ""), VMM_EXITED, first.status, "");
    IS(vt_run(other, "selectors", ""), VMM_EXITED, first.status, "");
}

struct resume {
    unsigned long long generation;
    unsigned long long wall;
    unsigned long long mono;
    char entropy[64];
};

static struct resume resume_of(struct vmm *vm, bool deterministic)
{
    struct vmm_err err;
    struct vmm_outcome o;
    struct resume r;
    struct vmm_io io = vt_no_io;
    io.stdout_fd = vt_memfd("", 0);
    vmm_io_set(vm, &io);
    const char *const argv[] = {"resume", NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/", .deterministic = deterministic};
    OK(vmm_run(vm, &run, &o, &err));
    IS(o, VMM_EXITED, 0, "");
    char *text = vt_content(io.stdout_fd, NULL);
    CHECK_INT(sscanf(text, "%llu %llu %llu %63s", &r.generation, &r.wall, &r.mono, r.entropy), 4);
    free(text);
    close(io.stdout_fd);
    return r;
}

static void t_fresh(void)
{
    struct vmm_err err;
    struct vmm *vm[2];
    struct vmm_snapshot *snap = vt_snapshot_open();
    OK(vmm_restore(snap, &vt_no_io, true, &vm[0], &err));
    OK(vmm_restore(snap, &vt_no_io, true, &vm[1], &err));
    struct resume last = {0};
    for (int i = 0; i < 10; i++) {
        usleep(10000);
        struct resume r = resume_of(vm[i % 2], false);
        if (r.wall <= last.wall + 9000000) {
            vt_fail(__FILE__, __LINE__, "run %d: wall %llu after %llu", i, r.wall, last.wall);
        }
        if (r.mono <= last.mono + 9000000) {
            vt_fail(__FILE__, __LINE__, "mono %llu after %llu", r.mono, last.mono);
        }
        CHECK(strcmp(r.entropy, last.entropy) != 0);
        CHECK_INT(r.generation, i / 2 + 1);
        CHECK(llabs((long long)(r.wall / 1000000000) - (long long)time(NULL)) < 3);
        last = r;
        OK(vmm_rewind(vm[i % 2], &err));
    }
    struct resume a = resume_of(vm[0], true);
    struct resume b = resume_of(vm[1], true);
    CHECK(strcmp(a.entropy, b.entropy) == 0);
}

/* A timer that was set before the snapshot is not lost, and a timer of a run does not outlast
 * it. */
static void t_timer(void)
{
    struct vmm *vm = restored();
    for (int i = 0; i < 5; i++) {
        IS(vt_run(vm, "wait-timer", "5"), VMM_EXITED, 0, "");
        rewound(vm);
        IS(vt_run_for(vm, "event", "", 30000000), VMM_TIMEOUT, 0, "");
        rewound(vm);
    }
}

static void *clone_main(void *arg)
{
    struct vmm_err err;
    struct vmm *vm;
    OK(vmm_restore(arg, &vt_no_io, true, &vm, &err));
    for (int i = 0; i < 200; i++) {
        IS(vt_run(vm, "dirty", "30"), VMM_EXITED, 0, "");
        rewound(vm);
        IS(vt_run(vm, "look", "30"), VMM_EXITED, 0, "");
        rewound(vm);
    }
    vmm_destroy(vm);
    return NULL;
}

static void t_clones(void)
{
    pthread_t threads[3];
    struct vmm_snapshot *snap = vt_snapshot_open();
    for (int i = 0; i < 3; i++) {
        CHECK(pthread_create(&threads[i], NULL, clone_main, snap) == 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    vmm_snapshot_close(snap);
}

static void t_not_rewindable(void)
{
    struct vmm_err err;
    struct vmm *vm;
    size_t count;
    struct vmm_snapshot *snap = vt_snapshot_open();
    OK(vmm_restore(snap, &vt_no_io, false, &vm, &err));
    FAILS(vmm_rewind(vm, &err), EINVAL, "not restored to be rewound");
    FAILS(vmm_dirty_pages(vm, NULL, 0, &count, &err), EINVAL, "not restored to be rewound");
    IS(vt_run(vm, "status", "2"), VMM_EXITED, 2, "");
}

/* The check itself: a machine that has run is not its snapshot. */
static void t_check_finds(void)
{
    struct vmm_err err;
    struct vmm *vm = restored();
    IS(vt_run(vm, "again", ""), VMM_READY, 0, "");
    FAILS(vmm_check(vm, &err), EUCLEAN, "the snapshot has");
}

const struct vt_test vt_rewind_tests[] = {
    {"rewind-loop", t_loop},
    {"rewind-all-endings", t_endings},
    {"rewind-hot-set", t_hot_set},
    {"rewind-hot-fades", t_hot_fades},
    {"rewind-hot-returns", t_hot_returns},
    {"rewind-hot-leaves", t_hot_leaves},
    {"rewind-dirty-pages", t_dirty_pages},
    {"rewind-page-tables", t_page_tables},
    {"rewind-ring0", t_ring0},
    {"rewind-selectors", t_selectors},
    {"rewind-fresh-time", t_fresh},
    {"rewind-timer", t_timer},
    {"rewind-clones", t_clones},
    {"rewind-refused", t_not_rewindable},
    {"rewind-check-finds", t_check_finds},
    {NULL, NULL},
};
