// SPDX-License-Identifier: Apache-2.0
/*
 * What traps cost, measured in the guest with rdtsc (which does not trap at CPL 3). A case prints
 * one line, the nanoseconds of one event, and then asks for the next run. A case that only prepares
 * memory for another prints nothing. AREA is memory that the kernel itself does not use.
 */
#include "guest.h"

#define AREA        (16 * MIB)
#define AREA_PAGES  1024u
#define SMALL       0x100000u /* mapped with 4 KiB pages, free */
#define SMALL_PAGES 128u

volatile uint64_t *fault_entry;
uint64_t fault_value;

static uint64_t tsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}

/* Prints the nanoseconds of one event, with one decimal. */
static void tell(uint64_t cycles, uint64_t events)
{
    const uint64_t tenths = cycles * 10000 / (SHARED->resume.tsc_khz / 1000) / events;
    say_number(tenths / 10);
    say(".");
    say_number(tenths % 10);
    say("\n");
}

/* Prints the median of several rounds, so that a round that was interrupted does not count. */
static void tell_median(void (*round)(uint64_t), uint64_t events)
{
    uint64_t times[9];
    for (int i = 0; i < 9; i++) {
        const uint64_t began = tsc();
        round(events);
        uint64_t took = tsc() - began;
        for (int k = 0; k < i; k++) {
            if (times[k] > took) {
                const uint64_t other = times[k];
                times[k] = took;
                took = other;
            }
        }
        times[i] = took;
    }
    tell(times[4], events);
}

static void round_doorbell(uint64_t n)
{
    while (n-- > 0) {
        doorbell();
    }
}

static void round_syscall(uint64_t n)
{
    while (n-- > 0) {
        __asm__ volatile("syscall" : : : "rcx", "r11", "rax", "memory");
    }
}

static void round_exception(uint64_t n)
{
    while (n-- > 0) {
        __asm__ volatile("ud2" : : : "memory");
    }
}

static void round_cpuid(uint64_t n)
{
    while (n-- > 0) {
        uint32_t a = 0, b, c = 0, d;
        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    }
}

static void do_doorbell(const char *arg)
{
    (void)arg;
    tell_median(round_doorbell, 200);
}

static void do_syscall(const char *arg)
{
    (void)arg;
    tell_median(round_syscall, 500);
}

static void do_exception(const char *arg)
{
    (void)arg;
    tell_median(round_exception, 500);
}

static void do_cpuid(const char *arg)
{
    (void)arg;
    tell_median(round_cpuid, 100);
}

static volatile uint64_t *page(uint64_t n)
{
    return (volatile uint64_t *)(uintptr_t)(AREA + n * HV_PAGE_SIZE);
}

/* Clears the table entries of pages that were never touched, of which no TLB knows. The faults put
 * them back one by one. */
static void do_fault(const char *arg)
{
    (void)arg;
    volatile uint64_t *table = (volatile uint64_t *)(uintptr_t)(page_directory()[0] & ~0xfffull);
    fault_entry = table + SMALL / HV_PAGE_SIZE;
    fault_value = *fault_entry;
    for (uint64_t n = 0; n < SMALL_PAGES; n++) {
        fault_entry[n] = 0;
    }
    const uint64_t began = tsc();
    for (uint64_t n = 0; n < SMALL_PAGES; n++) {
        sink += *(volatile uint64_t *)(uintptr_t)(SMALL + n * HV_PAGE_SIZE);
    }
    tell(tsc() - began, SMALL_PAGES);
}

/* Makes the host write the area. Then its pages are present in the host, and new to the guest. */
static void do_fill(const char *arg)
{
    for (uint64_t at = 0; at < AREA_PAGES * HV_PAGE_SIZE;) {
        const int64_t n = call(HV_CALL_FRAME, text_number(arg), AREA + at, HV_CALL_BYTES, 0);
        if (n != (int64_t)HV_CALL_BYTES) {
            quit(HV_EXIT_PANIC, 0, "the frame is too short");
        }
        at += (uint64_t)n;
    }
}

static void do_read(const char *arg)
{
    (void)arg;
    const uint64_t began = tsc();
    for (uint64_t n = 0; n < AREA_PAGES; n++) {
        sink += *page(n);
    }
    tell(tsc() - began, AREA_PAGES);
}

static void do_write(const char *arg)
{
    (void)arg;
    const uint64_t began = tsc();
    for (uint64_t n = 0; n < AREA_PAGES; n++) {
        *page(n) = n + 1;
    }
    tell(tsc() - began, AREA_PAGES);
}

/* Writes every 17th page, round and round, so that no page is followed by its neighbour. */
static void do_scatter(const char *arg)
{
    (void)arg;
    const uint64_t began = tsc();
    for (uint64_t n = 0; n < AREA_PAGES; n++) {
        *page(n * 17 % AREA_PAGES) = n + 1;
    }
    tell(tsc() - began, AREA_PAGES);
}

static void do_exit(const char *arg)
{
    (void)arg;
    quit(HV_EXIT_STATUS, 0, "");
}

static const struct guest_case guest_cases[] = {
    {"doorbell", do_doorbell},
    {"syscall", do_syscall},
    {"exception", do_exception},
    {"cpuid", do_cpuid},
    {"fault", do_fault},
    {"fill", do_fill},
    {"read", do_read},
    {"write", do_write},
    {"scatter", do_scatter},
    {"exit", do_exit},
    {0, 0},
};
const struct guest_case *const guest_tables[] = {guest_cases, 0};
