// SPDX-License-Identifier: Apache-2.0
/*
 * Cases of a session that is branched: each changes memory or page tables, or tells what is there,
 * and asks for the next run.
 */
#include "guest.h"

#define TABLE  (9 * MIB) /* a page of data, which becomes a page directory */
#define TARGET (10 * MIB)
#define WINDOW (1024 * MIB)

static const char *next(const char *arg)
{
    while (*arg != ' ' && *arg != '\0') {
        arg++;
    }
    return *arg == ' ' ? arg + 1 : arg;
}

/* Writes a value to each page of a range: AT PAGES VALUE. */
static void do_fill(const char *arg)
{
    const uint64_t at = text_number(arg), pages = text_number(next(arg));
    const uint64_t value = text_number(next(next(arg)));
    for (uint64_t i = 0; i < pages; i++) {
        volatile uint64_t *words = (volatile uint64_t *)(uintptr_t)(at + i * 4096);
        words[0] = value;
        words[511] = value;
    }
}

/* Prints the sum of all pages of a range, each times its number from 1: AT PAGES. */
static void do_sum(const char *arg)
{
    const uint64_t at = text_number(arg), pages = text_number(next(arg));
    uint64_t sum = 0;
    for (uint64_t i = 0; i < pages; i++) {
        const volatile uint64_t *words = (const volatile uint64_t *)(uintptr_t)(at + i * 4096);
        sum += (i + 1) * (words[0] + words[1] + words[511]);
    }
    say_number(sum);
}

/* Maps the window to the target of this number, by a table of its own. */
static void do_remap(const char *arg)
{
    volatile uint64_t *const own = (volatile uint64_t *)(uintptr_t)TABLE;
    volatile uint64_t *const top = (volatile uint64_t *)(uintptr_t)SHARED->pt_root;
    volatile uint64_t *const third = (volatile uint64_t *)(uintptr_t)(top[0] & ~0xfffull);
    *(volatile uint64_t *)(uintptr_t)TARGET = 1000;
    *(volatile uint64_t *)(uintptr_t)(TARGET + 2 * MIB) = 1001;
    own[0] = (TARGET + text_number(arg) * 2 * MIB) | 0xe7;
    third[1] = TABLE | 0x27;
}

/* The same when the table is in use already: writes nothing but its own table. */
static void do_retarget(const char *arg)
{
    *(volatile uint64_t *)(uintptr_t)TABLE = (TARGET + text_number(arg) * 2 * MIB) | 0xe7;
}

static void do_through(const char *arg)
{
    (void)arg;
    say_number(*(volatile uint64_t *)(uintptr_t)WINDOW);
}

/* A map of the frames that are used: all but those of a range, AT PAGES. */
static void do_unused(const char *arg)
{
    static uint64_t map[256 * MIB / 4096 / 64];
    const uint64_t at = text_number(arg) / 4096, pages = text_number(next(arg));
    for (uint64_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
        map[i] = UINT64_MAX;
    }
    for (uint64_t i = at; i < at + pages; i++) {
        map[i / 64] &= ~(1ull << i % 64);
    }
    SHARED->frames = (uintptr_t)map;
    say_number(0);
}

/* Says that the map of frames is at any address. */
static void do_map_at(const char *arg)
{
    SHARED->frames = text_number(arg);
    say_number(0);
}

const struct guest_case branch_cases[] = {
    {"fill", do_fill},       {"sum", do_sum},
    {"remap", do_remap},     {"retarget", do_retarget},
    {"through", do_through}, {"unused", do_unused},
    {"map-at", do_map_at},   {0, 0},
};
