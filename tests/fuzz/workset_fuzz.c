// SPDX-License-Identifier: Apache-2.0
/*
 * Which pages a restore copies ahead (workset.c), for any list of pages. That is compared with the
 * choice that workset.c's comments promise, found by brute force. The linker's --wrap replaces
 * madvise() and process_madvise() by functions that note the pages.
 *
 * Input: group size (1 byte), flags (1: rewindable, 2: there is no process_madvise, 4: it does only
 * a part), then the list, a byte an entry: the low 5 bits say how many pages after the entry before
 * it, the next is the read mark, the next the mark of longer runs; with the highest bit the
 * distance is 64 times as large.
 */
#include "fuzz.h"
#include "vmm/snapshot_int.h"

#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define PAGES       8192u
#define ENTRIES_MAX 8192u
#define GROUP_MAX   64u
#define POPULATE    23 /* MADV_POPULATE_WRITE */

/* The pages of a group are copied in this way: all up to some page, and after it those that are
 * written. */
#define FAULT_WORTH 2 /* pages that may be copied to save a fault */

static uint8_t *const ram = (uint8_t *)(uintptr_t)0x100000000000ull; /* never touched */
static uint32_t entries[ENTRIES_MAX];
static size_t count;
static uint8_t copied[PAGES]; /* how often */
static uint64_t copied_pages;
static unsigned flags;
static size_t ranges_max; /* in one call */

int __wrap_madvise(void *at, size_t size, int advice);
long __wrap_syscall(long number, ...);

static void note(const void *at, size_t size)
{
    const uint64_t offset = (uint64_t)((const uint8_t *)at - ram);
    MUST(offset % HV_PAGE_SIZE == 0 && size % HV_PAGE_SIZE == 0 && size > 0);
    MUST(offset / HV_PAGE_SIZE + size / HV_PAGE_SIZE <= PAGES);
    for (size_t i = 0; i < size / HV_PAGE_SIZE; i++) {
        copied[offset / HV_PAGE_SIZE + i]++;
    }
}

int __wrap_madvise(void *at, size_t size, int advice)
{
    MUST(advice == POPULATE);
    note(at, size);
    copied_pages += size / HV_PAGE_SIZE;
    return 0;
}

long __wrap_syscall(long number, ...)
{
    va_list ap;
    va_start(ap, number);
    (void)va_arg(ap, int);
    const struct iovec *ranges = va_arg(ap, const struct iovec *);
    const size_t n = va_arg(ap, size_t);
    MUST(number == SYS_process_madvise && va_arg(ap, int) == POPULATE && n <= 1024);
    va_end(ap);
    ranges_max = n > ranges_max ? n : ranges_max;
    if (flags & 2) {
        errno = ENOSYS;
        return -1;
    }
    const size_t part = flags & 4 ? n / 2 : n;
    size_t bytes = 0;
    for (size_t i = 0; i < part; i++) {
        bytes += ranges[i].iov_len;
        if (part == n) {
            note(ranges[i].iov_base, ranges[i].iov_len);
        }
    }
    copied_pages += part == n ? bytes / HV_PAGE_SIZE : 0;
    return (long)bytes;
}

static void list_make(struct fuzz_input *in)
{
    uint32_t page = 0;
    for (count = 0; count < ENTRIES_MAX && in->size > 0; count++) {
        const uint8_t byte = fuzz_byte(in);
        page += (byte & 31) * (byte & 0x80 ? 64u : 1u) + (count > 0);
        if (page >= PAGES) {
            break;
        }
        entries[count] =
            page | (byte & 0x20 ? SNAP_PAGE_READ : 0) | (byte & 0x40 ? SNAP_PAGE_LONGER : 0);
    }
}

/* Do small runs touch this page? With SNAP_PAGE_LONGER alone, only longer runs write it. */
static bool is_small(uint32_t entry)
{
    return (entry & (SNAP_PAGE_READ | SNAP_PAGE_LONGER)) != SNAP_PAGE_LONGER;
}

static bool is_read(uint32_t entry)
{
    return (entry & SNAP_PAGE_READ) != 0;
}

/* The gain of copying all of [start, end): one fault less for each touched page but the first,
 * minus the pages that would not have been copied otherwise. */
static int64_t gain_of(const uint32_t *group, size_t n, uint32_t start, uint32_t end)
{
    int64_t touched = 0;
    int64_t written = 0;
    for (size_t i = 0; i < n && (group[i] & SNAP_PAGE_NUMBER) < end; i++) {
        touched += is_small(group[i]);
        written += is_small(group[i]) && !is_read(group[i]);
    }
    return (touched - 1) * FAULT_WORTH - ((int64_t)(end - start) - written);
}

/* Checks that the expected pages of one group were copied, and removes them from the note. */
static void check_group(const uint32_t *group, size_t n, uint32_t start, uint32_t size)
{
    uint32_t best = start;
    for (uint32_t end = start + 1; end <= start + size; end++) {
        const int64_t least = best > start ? gain_of(group, n, start, best) : 0;
        if (gain_of(group, n, start, end) > least) {
            best = end;
        }
    }
    for (uint32_t page = start; page < best; page++) {
        MUST(copied[page] == 1);
        copied[page] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        const uint32_t page = group[i] & SNAP_PAGE_NUMBER;
        if (page >= best && is_small(group[i]) && !is_read(group[i])) {
            MUST(copied[page] == 1);
            copied[page] = 0;
        }
    }
}

static void check_nothing_else(void)
{
    static const uint8_t zeros[PAGES];
    MUST(memcmp(copied, zeros, sizeof(copied)) == 0);
}

static void check_prefault(uint32_t group)
{
    uint64_t sum = 0;
    for (size_t page = 0; page < PAGES; page++) {
        sum += copied[page];
    }
    MUST(sum == copied_pages);
    for (size_t i = 0, n; i < count; i += n) {
        const uint32_t start = (entries[i] & SNAP_PAGE_NUMBER) / group * group;
        for (n = 1; i + n < count && (entries[i + n] & SNAP_PAGE_NUMBER) < start + group; n++) {
        }
        check_group(entries + i, n, start, group);
    }
    check_nothing_else();
}

static void check_longer(void)
{
    for (size_t i = 0; i < count; i++) {
        if (entries[i] & SNAP_PAGE_LONGER) {
            MUST(copied[entries[i] & SNAP_PAGE_NUMBER] == 1);
            copied[entries[i] & SNAP_PAGE_NUMBER] = 0;
        }
    }
    check_nothing_else();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct policy policy = {.prefault_group = fuzz_byte(&in) % (GROUP_MAX + 1)};
    static struct vmm_snapshot snap;
    struct vmm vm = {.policy = &policy, .ram = ram, .snap = &snap};
    flags = fuzz_byte(&in);
    vm.rewindable = flags & 1;
    list_make(&in);
    snap.header.workset_pages = count;
    snap.workset = entries;
    copied_pages = 0;
    workset_prefault(&vm);
    MUST(vm.counters.prefaulted_pages == copied_pages);
    if (policy.prefault_group == 0) {
        check_nothing_else();
    } else {
        check_prefault(vm.rewindable ? 1 : policy.prefault_group);
    }
    workset_prefault_longer(&vm);
    check_longer();
    return 0;
}
