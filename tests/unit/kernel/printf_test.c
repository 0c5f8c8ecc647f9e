// SPDX-License-Identifier: Apache-2.0
/*
 * lib/printf.c against the host's snprintf: what kernel.h promises, and what the host does with it.
 */
#include "host.h"

#include <string.h>

/* The kernel's functions are compiled here, under names of their own beside the host's. */
#define vsnprintf kernel_vsnprintf
#define snprintf  kernel_snprintf
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...);
#include "lib/printf.c"
#undef vsnprintf
#undef snprintf

#define TEXT_MAX 300
#define FILL     0x7e /* what no format prints */

/* Through a pointer: the compiler warns of texts that are cut, which is what is wanted here. */
static int (*volatile host_snprintf)(char *buf, size_t size, const char *fmt, ...) = snprintf;
static char kernel_text[TEXT_MAX], host_text[TEXT_MAX];

/* Formats at a size, by both; bytes after the size must not be touched. */
#define AT_SIZE(size, ...)                                                                         \
    do {                                                                                           \
        memset(kernel_text, FILL, sizeof(kernel_text));                                            \
        memset(host_text, FILL, sizeof(host_text));                                                \
        int kernel_len = kernel_snprintf(kernel_text, size, __VA_ARGS__);                          \
        int host_len = host_snprintf(host_text, size, __VA_ARGS__);                                \
        compare(kernel_len, host_len, size, #__VA_ARGS__);                                         \
    } while (0)

/* The same with room, with none, and with as much as cuts the text at its end. */
#define SAME(...)                                                                                  \
    do {                                                                                           \
        size_t all = (size_t)host_snprintf(NULL, 0, __VA_ARGS__);                                  \
        AT_SIZE(sizeof(host_text), __VA_ARGS__);                                                   \
        for (size_t size = all > 2 ? all - 2 : 0; size <= all + 1; size++) {                       \
            AT_SIZE(size, __VA_ARGS__);                                                            \
        }                                                                                          \
        AT_SIZE(0, __VA_ARGS__);                                                                   \
        AT_SIZE(1, __VA_ARGS__);                                                                   \
    } while (0)

static void compare(int kernel_len, int host_len, size_t size, const char *what)
{
    bool same = kernel_len == host_len && memcmp(kernel_text, host_text, TEXT_MAX) == 0;

    CHECK(same);
    if (!same && size > 0 && unit_failures < 4) {
        printf("     %s, size %lu: '%.*s' (%d), the host '%.*s' (%d)\n", what, size, (int)size,
               kernel_text, kernel_len, (int)size, host_text, host_len);
    }
}

/* What the kernel prints today, or nearly. */
static void used(void)
{
    const u64 values[] = {0,         1, 9, 10, 0xabcdef, 0x7fffffffffffffff, 0x8000000000000000,
                          UINT64_MAX};

    for (unsigned n = 0; n < ARRAY_SIZE(values); n++) {
        u64 v = values[n];
        SAME("%lu %ld %#lx", v, (s64)v, v);
        SAME("%8lu %016lx %08lx %lo", v, v, v, v);
        SAME("%09ld %02lu", (s64)v, v);
        SAME("%u %d %x %08x %o", (u32)v, (int)v, (u32)v, (u32)v, (u32)v);
        SAME("%08lX %04X", v, (u32)v);
        SAME("%03u %02x %02d %04o %#x", (u32)v, (u32)v, (int)v, (u32)v, (u32)v);
        SAME(" = %#lx", v);
    }
    SAME("%s", "");
    SAME("%-20s|%-10s|%s", "abc", "longer than ten", "x");
    SAME("%c%c %%", 'a', '/');
    SAME("no conversion");
    SAME("%d%%", 50);
}

static void promised(void)
{
    static const char text[] = {'n', 'o', ' ', 'e', 'n', 'd'};
    const char *missing = NULL;

    SAME("%i %lld %llu %zu %zd %zx", -1, -2ll, 3ull, (size_t)4, (ssize_t)-5, (size_t)0xa);
    SAME("%.3s|%.0s|%.9s|%5.2s|%-5.2s|", "abcdef", "abc", "abc", "abc", "abc");
    SAME("%.6s", text); /* reads no further */
    SAME("%.s|", "abc");
    SAME("%s", missing);
    SAME("%5c|%-5c|", 'x', 'y');
    SAME("%*d|%-*d|%*d|%.*s|%.*s", 6, 1, 6, 2, -6, 3, 2, "abc", -1, "abc");
    SAME("%p %20p|%-20p|", (void *)kernel_text, (void *)1, (void *)0xabcdef);
    SAME("%#018lx|%#18lx|%-#18lx|", 0xabcul, 0xabcul, 0xabcul);
    SAME("%08d|%8d|%-8d|", -5, -5, -5);
    SAME("%40d|%-40d|%040d|%050o|%#060lx", -5, -5, -5, 5, 5ul);
}

/* One conversion at random, its argument too. */
static void one_conversion(void)
{
    static const char conversions[] = "diuxXoscd";
    static const char *const lengths[] = {"", "l", "ll", "z"};
    static const char *const words[] = {"", "a", "seven..",
                                        "some more than thirty characters long"};
    char format[32];
    char c = conversions[below(sizeof(conversions) - 1)];
    bool number = c != 's' && c != 'c';
    const char *length = number ? lengths[below(ARRAY_SIZE(lengths))] : "";
    u64 value = any() >> below(64);
    const char *left = below(3) == 0 ? "-" : "", *zero = number && below(3) == 0 ? "0" : "";
    const char *alt = c == 'x' && below(2) == 0 ? "#" : "";
    char width[8] = "", precision[8] = "";

    if (below(2) == 0) {
        snprintf(width, sizeof(width), "%lu", 1 + below(60));
    }
    if (c == 's' && below(2) == 0) {
        snprintf(precision, sizeof(precision), ".%lu", below(50));
    }
    snprintf(format, sizeof(format), "<%s%s%s%s%s%s%c>", left, alt, zero, width, precision, length,
             c);
    if (c == 's') {
        SAME(format, words[below(ARRAY_SIZE(words))]);
    } else if (c == 'c') {
        SAME(format, (int)(' ' + below(90)));
    } else if (length[0] != 0) {
        SAME(format, value);
    } else {
        SAME(format, (u32)value);
    }
    if (unit_failures > 0) {
        printf("     with format %s and value %lu\n", format, value);
    }
}

static void sequence(void)
{
    for (unsigned n = 0; n < 300 && unit_failures == 0; n++) {
        one_conversion();
    }
}

static void random_formats(void)
{
    each_seed(30, sequence);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"printf what the kernel uses", used},
        {"printf what kernel.h promises", promised},
        {"printf random formats", random_formats},
        {0},
    };

    return unit_run(tests);
}
