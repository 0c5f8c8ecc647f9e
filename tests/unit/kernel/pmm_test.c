// SPDX-License-Identifier: Apache-2.0
/*
 * mm/pmm.c, the frames, against one byte a frame. RAM is mapped where the guest has it, which lies
 * below everything that the host's loader places; each test has a process of its own, as the
 * module knows one RAM only.
 */
#include "host.h"
#include "mm/mm.h"
#include "process.h"

#define MIB        (1ul << 20)
#define FREE_START 0x150000ul /* where the kernel ends, say */
#define SMALL_RAM  (64 * MIB) /* no more than the low region */
#define MIDDLE_RAM (128 * MIB)
#define LARGE_RAM  (144 * MIB) /* enough for the maps to lie above the low region */
#define RUNS_MAX   600u
#define LARGE      (LARGE_PAGE / PAGE_SIZE)

enum frame { GONE, FREE, USED }; /* GONE: nobody's, or the module's own */

static struct hv_shared shared;
static u64 frame_count, low_end;
static u64 limit;         /* of the run: frames from here on are not given out */
static unsigned discards; /* calls of the host */
static u8 model[LARGE_RAM / PAGE_SIZE];

/* Runs that were given out. */
static struct run {
    u64 from, n;
} runs[RUNS_MAX];
static unsigned run_count;

/* The host does so, too: what is discarded reads as zeroes. */
s64 hv_call_args(u32 nr, const u64 arg[6])
{
    CHECK(nr == HV_CALL_DISCARD && arg[0] % LARGE_PAGE == 0 && arg[1] % LARGE_PAGE == 0);
    CHECK(arg[1] > 0 && arg[2] == 0 && arg[3] == 0 && arg[4] == 0 && arg[5] == 0);
    memset(phys_ptr(arg[0]), 0, arg[1]);
    discards++;
    return 0;
}

static u64 model_count(enum frame what, u64 from, u64 to)
{
    u64 count = 0;

    for (u64 i = from; i < to; i++) {
        count += model[i] == what;
    }
    return count;
}

/* The longest run of free frames that lies in [from, to). */
static u64 model_longest(u64 from, u64 to)
{
    u64 longest = 0, run = 0;

    for (u64 i = from; i < to; i++) {
        run = model[i] == FREE ? run + 1 : 0;
        longest = MAX(longest, run);
    }
    return longest;
}

static void start(u64 ram)
{
    u64 map_frames = PAGE_UP(ram / PAGE_SIZE / 8) / PAGE_SIZE;
    u64 maps = (ram > 2 * PMM_LOW_END ? PMM_LOW_END : LARGE_PAGE) / PAGE_SIZE;

    if (!map_at(FREE_START, ram)) {
        panic("memory below %#lx is not free on this host", ram);
    }
    shared = (struct hv_shared){.ram_size = ram, .free_start = FREE_START};
    pmm_init(&shared);
    pmm_resume(0);
    frame_count = limit = ram / PAGE_SIZE;
    low_end = MIN(frame_count, PMM_LOW_END / PAGE_SIZE);
    memset(model, GONE, sizeof(model));
    memset(model + FREE_START / PAGE_SIZE, FREE, frame_count - FREE_START / PAGE_SIZE);
    memset(model + maps, GONE, 2 * map_frames);
    CHECK(pmm_total_pages() == model_count(FREE, 0, frame_count));
}

static bool is_zero(u64 from, u64 n)
{
    const u8 *at = phys_ptr(from * PAGE_SIZE);

    return at[0] == 0 && memcmp(at, at + 1, n * PAGE_SIZE - 1) == 0;
}

/* Takes what was given out into the model, and writes somewhere into some of its pages. */
static void enter(u64 from, u64 n)
{
    CHECK(from > 0 && from + n <= limit && from + n <= pmm_held(false) / PAGE_SIZE);
    CHECK(model_count(FREE, from, from + n) == n);
    memset(model + from, USED, n);
    for (u64 i = from; i < from + n; i += 1 + below(n)) {
        ((u8 *)phys_ptr(i * PAGE_SIZE))[below(PAGE_SIZE)] = 0xee;
    }
    runs[run_count++] = (struct run){from, n};
}

static void check_alloc(u64 n, unsigned flags)
{
    u64 above = model_longest(low_end, limit), under = model_longest(0, low_end);
    u64 from = pmm_alloc(n, flags) / PAGE_SIZE;

    CHECK(from > 0 || n > MAX(above, under));
    if (from == 0) {
        return;
    }
    CHECK(from >= low_end || n > above);
    CHECK(n > 1 || from < low_end || model_count(FREE, low_end, from) == 0); /* the first */
    CHECK(from % LARGE == 0 || n < 8 * LARGE || n + LARGE - 1 > above);
    CHECK(!(flags & PMM_ZERO) || is_zero(from, n));
    enter(from, n);
}

static void check_alloc_large(void)
{
    u64 at = pmm_alloc_large(), there = 0;

    for (u64 i = PMM_LOW_END / PAGE_SIZE; i + LARGE <= limit; i += LARGE) {
        there += model_count(FREE, i, i + LARGE) == LARGE;
    }
    CHECK((at != 0) == (there > 0));
    if (at != 0) {
        CHECK(at % LARGE_PAGE == 0 && at >= PMM_LOW_END && is_zero(at / PAGE_SIZE, LARGE));
        enter(at / PAGE_SIZE, LARGE);
    }
}

/* Somewhere, and often where the low region ends or RAM does. */
static void check_claim(u64 n)
{
    u64 places[] = {below(frame_count), low_end, PMM_LOW_START / PAGE_SIZE, frame_count, limit};
    u64 from = places[below(ARRAY_SIZE(places))], before = below(n + 1);

    from -= MIN(from, before);
    bool can = from + n <= limit && model_count(FREE, from, from + n) == n;
    CHECK(pmm_claim(from * PAGE_SIZE, n) == can);
    if (can) {
        pmm_zero_range(from * PAGE_SIZE, n);
        CHECK(is_zero(from, n));
        enter(from, n);
    }
}

/* All of a run, or its beginning. */
static void check_free(unsigned k)
{
    u64 from = runs[k].from, n = below(3) == 0 ? below(runs[k].n + 1) : runs[k].n;

    pmm_free(from * PAGE_SIZE, n);
    memset(model + from, FREE, n);
    runs[k].from += n;
    runs[k].n -= n;
    if (runs[k].n == 0) {
        runs[k] = runs[--run_count];
    }
}

/* A run with another limit, or none. No limit is below what the module has for itself. */
static void check_resume(void)
{
    u64 least = frame_count;

    while (model[least - 1] != GONE) {
        least--;
    }
    least = (least + LARGE - 1) / LARGE * LARGE;
    u64 to = below(3) == 0 ? 0 : least + below(frame_count - least) / LARGE * LARGE;

    pmm_resume(to * PAGE_SIZE);
    limit = to != 0 ? to : frame_count;
    low_end = MIN(limit, PMM_LOW_END / PAGE_SIZE);
    CHECK(shared.counts.memory_peak ==
          (frame_count - model_count(FREE, 0, frame_count)) * PAGE_SIZE);
    CHECK(pmm_total_pages() == model_count(FREE, 0, limit) + model_count(USED, 0, limit));
}

/* The most that was in use since, and the end of all that is. */
static void check_peak(void)
{
    u64 in_use = frame_count - model_count(FREE, 0, frame_count), end = frame_count;

    CHECK(shared.counts.memory_peak >= in_use * PAGE_SIZE);
    CHECK(shared.counts.memory_peak <= frame_count * PAGE_SIZE);
    while (model[end - 1] == FREE) {
        end--;
    }
    CHECK(pmm_held(false) >= end * PAGE_SIZE);
    CHECK(below(8) > 0 || pmm_held(true) == end * PAGE_SIZE);
}

static u64 any_length(void)
{
    switch (below(16)) {
    case 0:
        return 1 + below(frame_count / 2);
    case 1:
        return 1 + below(3000);
    case 2:
    case 3:
        return 1 + below(200);
    case 4:
    case 5:
        return 1 + below(8);
    default:
        return 1;
    }
}

static void step(void)
{
    u64 kind = below(32);

    if (run_count == RUNS_MAX || (run_count > 0 && kind < 14)) {
        check_free((unsigned)below(run_count));
    } else if (kind < 18) {
        check_claim(any_length());
    } else if (kind == 18) {
        check_alloc_large();
    } else if (kind == 19) {
        pmm_scrub();
    } else if (kind == 20) {
        check_resume();
    } else {
        check_alloc(any_length(), below(2) == 0 ? PMM_ZERO : 0);
    }
    CHECK(pmm_free_pages() == model_count(FREE, 0, limit));
    check_peak();
}

/* Every frame can be had, one by one: the low region's last. */
static void take_all(void)
{
    u64 count = pmm_free_pages(), above = model_count(FREE, low_end, frame_count);

    for (u64 n = 0; n < count && unit_failures == 0; n++) {
        u64 from = pmm_alloc(1, 0) / PAGE_SIZE;
        CHECK(from > 0 && model[from] == FREE);
        CHECK((from >= low_end) == (n < above));
        model[from] = USED;
    }
    CHECK(pmm_free_pages() == 0 && pmm_alloc(1, 0) == 0 && pmm_alloc_large() == 0);
}

static unsigned random_start(void)
{
    static const u64 sizes[] = {SMALL_RAM, MIDDLE_RAM, MIDDLE_RAM, LARGE_RAM};

    start(sizes[below(ARRAY_SIZE(sizes))]);
    for (unsigned n = 0; n < 300 && unit_failures == 0; n++) {
        step();
    }
    pmm_scrub();
    for (u64 i = 0; i < frame_count; i++) {
        CHECK(model[i] != FREE || is_zero(i, 1));
    }
    pmm_resume(0);
    limit = frame_count;
    low_end = MIN(frame_count, PMM_LOW_END / PAGE_SIZE);
    take_all();
    return unit_failures;
}

/* A run gets nothing after its limit; what it had there before stays, and its frames come back when
 * there is no limit any more. */
static unsigned limited_once(void)
{
    start(MIDDLE_RAM);
    u64 all = pmm_free_pages();
    u64 high = pmm_alloc_large();
    CHECK(high == MIDDLE_RAM - LARGE_PAGE && pmm_held(false) == MIDDLE_RAM);
    pmm_resume(100 * MIB);
    CHECK(shared.counts.memory_peak == (MIDDLE_RAM / PAGE_SIZE - all + LARGE) * PAGE_SIZE);
    CHECK(pmm_total_pages() == all - 28 * MIB / PAGE_SIZE);
    CHECK(pmm_free_pages() == pmm_total_pages());
    pmm_free(high, LARGE);
    CHECK(pmm_free_pages() == pmm_total_pages());
    CHECK(pmm_alloc_large() == 98 * MIB && !pmm_claim(100 * MIB, 1));
    u64 got = pmm_alloc(pmm_free_pages() / 4, 0);
    CHECK(got > 0 && got + pmm_free_pages() / 4 * PAGE_SIZE < 100 * MIB);
    pmm_resume(0);
    CHECK(pmm_total_pages() == all && pmm_alloc_large() == high);
    return unit_failures;
}

static void limited(void)
{
    CHECK(in_process(limited_once));
}

static void sequence(void)
{
    CHECK(in_process(random_start));
}

static void random_steps(void)
{
    each_seed(12, sequence);
}

/* The program's usual place is free, whatever else is in RAM. */
static unsigned low_region_once(void)
{
    start(MIDDLE_RAM);
    CHECK(pmm_claim(PMM_LOW_START, (PMM_LOW_END - PMM_LOW_START) / PAGE_SIZE));
    CHECK(!pmm_claim(PMM_LOW_START, 1));
    pmm_free(PMM_LOW_START, (PMM_LOW_END - PMM_LOW_START) / PAGE_SIZE);
    CHECK(pmm_free_pages() == pmm_total_pages());
    return unit_failures;
}

static void low_region(void)
{
    CHECK(in_process(low_region_once));
}

/* What is freed across the end of the low region can be had again. */
static unsigned across_once(void)
{
    start(MIDDLE_RAM);
    u64 count = pmm_free_pages();
    for (u64 n = 0; n < count; n++) {
        CHECK(pmm_alloc(1, 0) != 0);
    }
    pmm_free(PMM_LOW_END - 2 * PAGE_SIZE, 4);
    for (u64 n = 0; n < 4; n++) {
        CHECK(pmm_alloc(1, 0) != 0);
    }
    return unit_failures;
}

static void across(void)
{
    CHECK(in_process(across_once));
}

/* Much memory starts with a large page if it can, and where it just fits or just does not. */
static unsigned aligned_once(void)
{
    const u64 n = 8 * LARGE, start_at = PMM_LOW_END / PAGE_SIZE + 1;

    start(MIDDLE_RAM);
    CHECK(pmm_claim(PMM_LOW_END, frame_count - low_end));
    for (u64 more = 0; more < 2 * LARGE; more++) {
        pmm_free(start_at * PAGE_SIZE, n + more);
        u64 got = pmm_alloc(n, 0) / PAGE_SIZE;
        CHECK(got >= start_at && got + n <= start_at + n + more);
        CHECK(got % LARGE == 0 || more < LARGE - 1);
        pmm_free(got * PAGE_SIZE, n);
        CHECK(pmm_claim(start_at * PAGE_SIZE, n + more));
    }
    return unit_failures;
}

static void aligned(void)
{
    CHECK(in_process(aligned_once));
}

/* Many frames to be cleared are the host's work, few are not. */
static unsigned discarded_once(void)
{
    start(MIDDLE_RAM);
    for (u64 n = LARGE; n <= 8 * LARGE; n += 7 * LARGE) {
        u64 at = pmm_alloc(n, 0);
        memset(phys_ptr(at), 1, n * PAGE_SIZE);
        pmm_free(at, n);
        discards = 0;
        CHECK(pmm_alloc(n, PMM_ZERO) == at && is_zero(at / PAGE_SIZE, n));
        CHECK(discards == (n > LARGE));
        pmm_free(at, n);
    }
    return unit_failures;
}

static void discarded(void)
{
    CHECK(in_process(discarded_once));
}

static void free_it(void *frame)
{
    pmm_free(*(paddr_t *)frame, 1);
}

static unsigned wrong_once(void)
{
    start(SMALL_RAM);
    paddr_t frame = pmm_alloc(1, 0), beyond = SMALL_RAM;

    pmm_free(frame, 1);
    CHECK(panics(free_it, &frame));
    CHECK(panics(free_it, &beyond));
    CHECK(pmm_alloc(0, 0) == 0 && pmm_alloc(UINT64_MAX, 0) == 0);
    CHECK(!pmm_claim(SMALL_RAM - PAGE_SIZE, 2) && !pmm_claim(PAGE_DOWN(UINT64_MAX), 1));
    CHECK(!pmm_claim(0, 1) && !pmm_claim(PAGE_SIZE, UINT64_MAX));
    CHECK(pmm_is_ram(0, SMALL_RAM) && pmm_is_ram(SMALL_RAM - 1, 1));
    CHECK(!pmm_is_ram(SMALL_RAM, 1) && !pmm_is_ram(SMALL_RAM - 1, 2) &&
          !pmm_is_ram(PAGE_SIZE, UINT64_MAX));
    CHECK(pmm_free_pages() == pmm_total_pages());
    return unit_failures;
}

static void wrong(void)
{
    CHECK(in_process(wrong_once));
}

/* What a program may have written since it was given is cleared when it is wanted as zeroes. */
static unsigned marked_once(void)
{
    start(MIDDLE_RAM);
    u64 at = pmm_alloc(3, PMM_ZERO);

    memset(phys_ptr(at), 1, 3 * PAGE_SIZE);
    pmm_mark_dirty(at + PAGE_SIZE, 1);
    pmm_zero_range(at, 3);
    CHECK(!is_zero(at / PAGE_SIZE, 1) && is_zero(at / PAGE_SIZE + 1, 1));
    pmm_mark_dirty(at, 3);
    pmm_scrub(); /* leaves what is in use */
    CHECK(!is_zero(at / PAGE_SIZE, 1));
    pmm_zero_range(at, 3);
    CHECK(is_zero(at / PAGE_SIZE, 3));
    return unit_failures;
}

static void marked(void)
{
    CHECK(in_process(marked_once));
}

/* What is large comes from beyond the image of the snapshot once there is one, as long as there is
 * room; what is small still fills its holes. */
static unsigned beyond_once(void)
{
    start(MIDDLE_RAM);
    u64 hole = pmm_alloc(64, 0), last = pmm_alloc(700, 0);
    u64 end = (last + 700 * PAGE_SIZE + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
    pmm_free(hole, 64);
    CHECK(pmm_alloc(64, 0) == hole);
    pmm_free(hole, 64);
    pmm_scrub();
    CHECK(pmm_alloc(64, 0) == end && pmm_alloc(63, 0) == hole);
    pmm_free(hole, 63);
    pmm_resume(end);
    CHECK(pmm_alloc(64, 0) == hole);
    return unit_failures;
}

static void beyond(void)
{
    CHECK(in_process(beyond_once));
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"pmm beyond the image", beyond},
        {"pmm the low region", low_region},
        {"pmm across the low region's end", across},
        {"pmm large pages", aligned},
        {"pmm what is discarded", discarded},
        {"pmm wrong arguments", wrong},
        {"pmm marked frames", marked},
        {"pmm a run's limit", limited},
        {"pmm random steps", random_steps},
        {0},
    };

    return unit_run(tests);
}
