// SPDX-License-Identifier: Apache-2.0
/*
 * The strict parsers of values that users type, at their edges.
 */
#include "pyhl/value.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

#define NONE UINT64_MAX /* what a refused text is listed with */

struct value {
    const char *text;
    uint64_t wanted;
};

static void check_all(int (*parse)(const char *, const char *, uint64_t *, struct vmm_err *),
                      const struct value *values)
{
    for (; values->text; values++) {
        struct vmm_err err = {0};
        uint64_t got = 0;
        int r = parse("--x", values->text, &got, &err);

        if (values->wanted == NONE) {
            CHECK(r == -EINVAL && err.code == EINVAL);
            CHECK(strstr(err.msg, values->text) && strstr(err.msg, "--x"));
        } else {
            CHECK(r == 0 && got == values->wanted);
        }
        if (unit_failures) {
            printf("     at '%s'\n", values->text);
            return;
        }
    }
}

static void counts(void)
{
    static const struct value values[] = {
        {"0", 0},
        {"1", 1},
        {"007", 7},
        {"18446744073709551614", UINT64_MAX - 1},
        {"18446744073709551616", NONE},
        {"99999999999999999999999", NONE},
        {"", NONE},
        {" 1", NONE},
        {"1 ", NONE},
        {"+1", NONE},
        {"-1", NONE},
        {"1.0", NONE},
        {"0x1", NONE},
        {"1e3", NONE},
        {"one", NONE},
        {0},
    };

    check_all(value_count, values);
}

static void sizes(void)
{
    static const struct value values[] = {
        {"1", 1},
        {"4096", 4096},
        {"1K", 1024},
        {"512M", 512ull << 20},
        {"512m", 512ull << 20},
        {"2G", 2ull << 30},
        {"1T", 1ull << 40},
        {"16777215T", 16777215ull << 40},
        {"16777216T", NONE},
        {"0", NONE},
        {"0G", NONE},
        {"G", NONE},
        {"1GB", NONE},
        {"1P", NONE},
        {"1 G", NONE},
        {"1.5G", NONE},
        {"-1G", NONE},
        {"1\x0b", NONE},
        {"", NONE},
        {0},
    };

    check_all(value_size, values);
}

static void mib(void)
{
    static const struct value values[] = {
        {"1", 1ull << 20},
        {"256", 256ull << 20},
        {"256M", 256ull << 20},
        {"4096K", 4ull << 20},
        {"2G", 2ull << 30},
        {"17592186044415", 17592186044415ull << 20},
        {"17592186044416", NONE},
        {"0", NONE},
        {"0M", NONE},
        {"M", NONE},
        {"256MiB", NONE},
        {"1.5", NONE},
        {"-1", NONE},
        {"", NONE},
        {0},
    };

    check_all(value_mib, values);
}

static void seconds(void)
{
    static const struct value values[] = {
        {"1", 1000000000},
        {"0.5", 500000000},
        {"2.25", 2250000000},
        {"0.000000001", 1},
        {"1.0000000009", 1000000000},
        {"18446744072", 18446744072000000000ull},
        {"18446744074", NONE},
        {"0", NONE},
        {"0.0", NONE},
        {"0.0000000001", NONE},
        {".5", NONE},
        {"1.", NONE},
        {"1.5.5", NONE},
        {"1s", NONE},
        {"1e3", NONE},
        {"-1", NONE},
        {"inf", NONE},
        {"nan", NONE},
        {"", NONE},
        {0},
    };

    check_all(value_seconds, values);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"value counts", counts},
        {"value sizes", sizes},
        {"value MiB", mib},
        {"value seconds", seconds},
        {0},
    };

    return unit_run(tests);
}
