// SPDX-License-Identifier: Apache-2.0
/*
 * Bitmaps against an array of bools, at the edges of words.
 */
#include "unit.h"
#include "vmm/bitmap.h"

#include <string.h>

#define BITS 200u

static uint64_t map[BITS / BITMAP_WORD + 1];
static bool model[BITS];

/* Every third bit, and all of the second word. */
static void fill(void)
{
    memset(map, 0, sizeof(map));
    for (unsigned n = 0; n < BITS; n++) {
        model[n] = n % 3 == 0 || n / BITMAP_WORD == 1;
        if (model[n]) {
            bitmap_set(map, n);
        }
    }
}

static bool alike(void)
{
    for (unsigned n = 0; n < BITS; n++) {
        if (bitmap_test(map, n) != model[n]) {
            return false;
        }
    }
    return true;
}

static void words(void)
{
    CHECK(bitmap_words(0) == 0 && bitmap_words(1) == 1);
    CHECK(bitmap_words(64) == 1 && bitmap_words(65) == 2);
}

static void single(void)
{
    fill();
    CHECK(alike());
    for (unsigned n = 0; n < BITS; n += 7) {
        model[n] = false;
        bitmap_clear(map, n);
    }
    CHECK(alike());
}

/* Ranges that begin and end before, at and after the edge of a word. */
static const unsigned edges[] = {0, 1, 63, 64, 65, 127, 128, 129, 199, 200};
#define EDGES (sizeof(edges) / sizeof(edges[0]))

static unsigned model_count(unsigned from, unsigned end)
{
    unsigned found = 0;
    for (unsigned n = from; n < end; n++) {
        found += model[n];
    }
    return found;
}

static void one_range(unsigned from, unsigned end)
{
    fill();
    CHECK(bitmap_count_range(map, from, end - from) == model_count(from, end));
    memset(model + from, false, end - from);
    bitmap_clear_range(map, from, end - from);
    CHECK(alike());
    fill();
    memset(model + from, true, end - from);
    bitmap_set_range(map, from, end - from);
    CHECK(alike());
}

static void ranges(void)
{
    for (unsigned i = 0; i < EDGES; i++) {
        for (unsigned j = i; j < EDGES; j++) {
            one_range(edges[i], edges[j]);
        }
    }
}

static void next(void)
{
    fill();
    for (unsigned i = 0; i < EDGES; i++) {
        for (unsigned j = i; j < EDGES; j++) {
            unsigned want = edges[i];
            while (want < edges[j] && !model[want]) {
                want++;
            }
            CHECK(bitmap_next(map, edges[i], edges[j]) == want);
        }
    }
    memset(map, 0, sizeof(map));
    CHECK(bitmap_next(map, 0, BITS) == BITS);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"bitmap: words", words},
        {"bitmap: single bits", single},
        {"bitmap: ranges", ranges},
        {"bitmap: next", next},
        {NULL, NULL},
    };
    return unit_run(tests);
}
