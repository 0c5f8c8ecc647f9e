// SPDX-License-Identifier: Apache-2.0
/*
 * The panic of a module under test, and random numbers that a seed repeats.
 */
#include "host.h"

#include <sanitizer/common_interface_defs.h>
#include <setjmp.h>
#include <stdlib.h>

static jmp_buf on_panic;
static bool panic_expected;
static unsigned current_seed;

static void name_seed(void)
{
    if (current_seed > 0) {
        fprintf(stderr, "with UNIT_SEED=%u\n", current_seed);
    }
}

void panic(const char *fmt, ...)
{
    va_list ap;

    if (panic_expected) {
        longjmp(on_panic, 1);
    }
    va_start(ap, fmt);
    fputs("panic: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    name_seed();
    abort();
}

bool panics(void (*call)(void *), void *arg)
{
    bool did = true;

    panic_expected = true;
    if (setjmp(on_panic) == 0) {
        call(arg);
        did = false;
    }
    panic_expected = false;
    return did;
}

u64 any(void)
{
    u64 x = 0;

    for (unsigned n = 0; n < 3; n++) {
        x = x << 22 ^ (u64)rand(); /* 31 bits each */
    }
    return x;
}

u64 below(u64 n)
{
    return any() % n;
}

unsigned seed_first(void)
{
    const char *given = getenv("UNIT_SEED");

    return given != NULL ? (unsigned)strtoul(given, NULL, 0) : 1;
}

void seed_begin(unsigned seed)
{
    current_seed = seed;
    srand(seed);
    __sanitizer_set_death_callback(name_seed);
}
