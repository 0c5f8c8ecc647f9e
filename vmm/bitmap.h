// SPDX-License-Identifier: Apache-2.0
/*
 * Bitmaps: bit n is bit n % 64 of word n / 64, as in KVM's dirty log. For the host and for the
 * guest kernel, so this needs no C library. Nothing here checks a number.
 */
#ifndef BITMAP_H
#define BITMAP_H

#include <stdbool.h>
#include <stdint.h>

#define BITMAP_WORD 64u /* bits in a word */

/* How many words so many bits take. */
static inline uint64_t bitmap_words(uint64_t bits)
{
    return (bits + BITMAP_WORD - 1) / BITMAP_WORD;
}

/* The bit within its word. */
static inline uint64_t bitmap_mask(uint64_t n)
{
    return 1ull << n % BITMAP_WORD;
}

static inline bool bitmap_test(const uint64_t *map, uint64_t n)
{
    return map[n / BITMAP_WORD] & bitmap_mask(n);
}

static inline void bitmap_set(uint64_t *map, uint64_t n)
{
    map[n / BITMAP_WORD] |= bitmap_mask(n);
}

static inline void bitmap_clear(uint64_t *map, uint64_t n)
{
    map[n / BITMAP_WORD] &= ~bitmap_mask(n);
}

/* Whether the bits from n on, of which `left` are wanted, begin with a whole word. */
static inline bool bitmap_whole(uint64_t n, uint64_t left)
{
    return n % BITMAP_WORD == 0 && left >= BITMAP_WORD;
}

static inline void bitmap_set_range(uint64_t *map, uint64_t first, uint64_t count)
{
    for (const uint64_t end = first + count; first < end;) {
        if (bitmap_whole(first, end - first)) {
            map[first / BITMAP_WORD] = UINT64_MAX;
            first += BITMAP_WORD;
        } else {
            bitmap_set(map, first++);
        }
    }
}

static inline void bitmap_clear_range(uint64_t *map, uint64_t first, uint64_t count)
{
    for (const uint64_t end = first + count; first < end;) {
        if (bitmap_whole(first, end - first)) {
            map[first / BITMAP_WORD] = 0;
            first += BITMAP_WORD;
        } else {
            bitmap_clear(map, first++);
        }
    }
}

static inline uint64_t bitmap_count_range(const uint64_t *map, uint64_t first, uint64_t count)
{
    uint64_t found = 0;
    for (const uint64_t end = first + count; first < end;) {
        if (bitmap_whole(first, end - first)) {
            found += (uint64_t)__builtin_popcountll(map[first / BITMAP_WORD]);
            first += BITMAP_WORD;
        } else {
            found += bitmap_test(map, first++);
        }
    }
    return found;
}

/* The first set bit in [first, end); end when there is none. */
static inline uint64_t bitmap_next(const uint64_t *map, uint64_t first, uint64_t end)
{
    while (first < end) {
        const uint64_t bits = map[first / BITMAP_WORD] >> first % BITMAP_WORD;
        if (bits != 0) {
            first += (uint64_t)__builtin_ctzll(bits);
            return first < end ? first : end;
        }
        first = (first | (BITMAP_WORD - 1)) + 1;
    }
    return end;
}

#endif
