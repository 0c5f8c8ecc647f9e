// SPDX-License-Identifier: Apache-2.0
/*
 * images/values.h: what is written is read back, whatever room there is, and bytes that are no
 * values are refused. Each input is in memory of its own size, so that ASan sees a byte too many.
 */
#include "unit.h"

#include "images/values.h"

#include <math.h>
#include <stdlib.h>

static const char zeroes[3] = {0};

static int read_copy(const void *bytes, size_t size, struct value *values, size_t room)
{
    void *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        return -2;
    }
    memcpy(copy, bytes, size);
    const int count = values_read(copy, size, values, room);
    free(copy); /* strings and bytes of the values are gone */
    return count;
}

static void test_round(void)
{
    const struct value values[] = {
        value_none(),           value_bool(true),
        value_bool(false),      value_int(INT64_MIN),
        value_int(INT64_MAX),   value_double(-0.5),
        value_double(INFINITY), value_double(NAN),
        value_string(""),       value_string("a string"),
        value_bytes(NULL, 0),   value_bytes(zeroes, 3),
    };
    enum { COUNT = sizeof(values) / sizeof(values[0]) };
    char bytes[200];
    struct value back[COUNT];
    const size_t size = values_write(values, COUNT, bytes, sizeof(bytes));
    CHECK(size < sizeof(bytes));
    CHECK(values_read(bytes, size, back, COUNT) == COUNT);
    for (int i = 0; i < COUNT; i++) {
        CHECK(back[i].type == values[i].type && back[i].size == values[i].size);
    }
    CHECK(back[1].boolean && !back[2].boolean);
    CHECK(back[3].integer == INT64_MIN && back[4].integer == INT64_MAX);
    CHECK(isinf(back[6].real) && isnan(back[7].real));
    CHECK(strcmp(back[8].bytes, "") == 0 && strcmp(back[9].bytes, "a string") == 0);
    CHECK(memcmp(back[11].bytes, zeroes, 3) == 0);
    CHECK(values_read(bytes, size, back, COUNT - 1) == -1); /* more than there is room for */
    CHECK(values_read(bytes, 0, back, COUNT) == 0);
    for (size_t room = 0; room < size; room++) {
        char *cut = malloc(room + 1);
        CHECK(cut != NULL && values_write(values, COUNT, cut, room) == size);
        free(cut);
    }
}

/* What is cut anywhere else than between two values is refused. */
static void test_cut(void)
{
    const struct value values[] = {value_string("ab"), value_int(1), value_bytes("x", 1)};
    char bytes[100];
    struct value back[3];
    const size_t size = values_write(values, 3, bytes, sizeof(bytes));
    CHECK(size == 8 + 9 + 7);
    for (size_t cut = 0; cut <= size; cut++) {
        const int want = cut == 0 ? 0 : cut == 8 ? 1 : cut == 17 ? 2 : cut == size ? 3 : -1;
        CHECK(read_copy(bytes, cut, back, 3) == want);
    }
}

static void test_wrong(void)
{
    static const struct {
        const char *bytes;
        size_t size;
    } wrong[] = {
        {"x", 1},
        {"\0", 1},
        {"i", 1},
        {"b", 1},
        {"s\2\0\0\0ab", 7},          /* no NUL */
        {"s\2\0\0\0abc", 8},         /* another byte instead of it */
        {"s\377\377\377\377a\0", 7}, /* longer than all there is */
        {"y\3\0\0\0a\0", 7},
        {"n\0", 2},
        {"nnnn", 4}, /* one too many */
    };
    struct value back[3];
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK(read_copy(wrong[i].bytes, wrong[i].size, back, 3) == -1);
    }
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"values there and back", test_round},
        {"values cut", test_cut},
        {"values that are none", test_wrong},
        {0},
    };

    return unit_run(tests);
}
