// SPDX-License-Identifier: Apache-2.0
/*
 * The strict parsers of values. A number is digits to its end, and in range. Else the error names
 * what was given and what is wanted. No sign, no blanks, no hexadecimal, no locale.
 */
#include "value.h"

#include <errno.h>
#include <string.h>

#define NS_PER_S 1000000000ull

/* Reads digits into *value and leaves *text after them. False without a digit or on overflow. */
static bool digits(const char **text, uint64_t *value)
{
    const char *p = *text;
    uint64_t n = 0;

    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(n, 10u, &n) ||
            __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n)) {
            return false;
        }
    }
    if (p == *text) {
        return false;
    }
    *text = p;
    *value = n;
    return true;
}

int value_count(const char *what, const char *text, uint64_t *value, struct vmm_err *err)
{
    const char *p = text;

    if (!digits(&p, value) || *p) {
        return vmm_err_set(err, EINVAL, "%s '%s': give a whole number, 0 or more", what, text);
    }
    return 0;
}

/* Reads a size, in bytes or with a unit. False when it is none, or 0. */
static bool size(const char *text, uint64_t *value)
{
    static const char units[] = "KMGT";
    const char *p = text;
    bool good = digits(&p, value);

    if (good && *p) {
        const char *unit = strchr(units, *p & ~0x20);

        good = unit != NULL && p[1] == 0;
        for (ptrdiff_t i = 0; good && i <= unit - units; i++) {
            good = !__builtin_mul_overflow(*value, 1024u, value);
        }
    }
    return good && *value != 0;
}

int value_size(const char *what, const char *text, uint64_t *value, struct vmm_err *err)
{
    if (!size(text, value)) {
        return vmm_err_set(err, EINVAL, "%s '%s': give a size such as 512M or 2G (K, M, G, T)",
                           what, text);
    }
    return 0;
}

int value_mib(const char *what, const char *text, uint64_t *value, struct vmm_err *err)
{
    const bool plain = text[strspn(text, "0123456789")] == 0;

    if (!size(text, value) || (plain && __builtin_mul_overflow(*value, 1ull << 20, value))) {
        return vmm_err_set(err, EINVAL,
                           "%s '%s': give MiB, or a size such as 512M or 2G (K, M, G, T)", what,
                           text);
    }
    return 0;
}

int value_seconds(const char *what, const char *text, uint64_t *ns, struct vmm_err *err)
{
    const char *p = text;
    uint64_t whole = 0, fraction = 0, unit = NS_PER_S / 10;
    bool good = digits(&p, &whole) && !__builtin_mul_overflow(whole, NS_PER_S, ns);

    if (good && *p == '.') {
        good = p[1] != 0;
        for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10) {
            fraction += (uint64_t)(*p - '0') * unit;
        }
    }
    if (!good || *p || __builtin_add_overflow(*ns, fraction, ns) || *ns == 0) {
        return vmm_err_set(err, EINVAL, "%s '%s': give seconds above 0, such as 10 or 0.5", what,
                           text);
    }
    return 0;
}
