// SPDX-License-Identifier: Apache-2.0
/*
 * lib/string.c against the host's functions of the same names.
 */
#include "host.h"

#include <stdlib.h>
#include <string.h>

/* The kernel's functions are compiled here, under names of their own beside the host's. */
#define memcpy  kernel_memcpy
#define memmove kernel_memmove
#define memset  kernel_memset
#define memcmp  kernel_memcmp
#define strlen  kernel_strlen
#define strnlen kernel_strnlen
#define strcmp  kernel_strcmp
#define strncmp kernel_strncmp
#define strchr  kernel_strchr
#define strrchr kernel_strrchr
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr

#define ROOM 300u

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

/* Few different bytes, so that texts are often alike; 0x80 and 0xff show a signed comparison. */
static void fill(char *at, size_t n)
{
    static const char bytes[] = {'a', 'a', 'a', 'b', '/', (char)0x80, (char)0xff, 0};

    for (size_t k = 0; k < n; k++) {
        at[k] = bytes[below(sizeof(bytes))];
    }
}

/* A text that ends with its block, so that ASan sees a byte read too much. */
static char *text(size_t n)
{
    char *at = malloc(n + 1);

    CHECK(at != NULL);
    do {
        fill(at, n);
    } while (memchr(at, 0, n) != NULL && n < 20);
    at[n] = 0;
    return at;
}

static void memory_once(void)
{
    char kernel[ROOM], host[ROOM], other[ROOM];
    size_t n = below(ROOM), from = below(ROOM - n + 1), to = below(ROOM - n + 1);
    int c = (int)below(700) - 300;

    fill(kernel, ROOM);
    memcpy(host, kernel, ROOM);
    fill(other, ROOM);
    CHECK(kernel_memmove(kernel + to, kernel + from, n) == kernel + to);
    memmove(host + to, host + from, n);
    CHECK(memcmp(kernel, host, ROOM) == 0);
    CHECK(kernel_memcpy(kernel + to, other + from, n) == kernel + to);
    memcpy(host + to, other + from, n);
    CHECK(memcmp(kernel, host, ROOM) == 0);
    CHECK(kernel_memset(kernel + from, c, n / 2) == kernel + from);
    memset(host + from, c, n / 2);
    CHECK(memcmp(kernel, host, ROOM) == 0);
    kernel[ROOM - 1 - below(ROOM)] ^= (char)below(256);
    CHECK(sign(kernel_memcmp(kernel, host, n)) == sign(memcmp(kernel, host, n)));
    CHECK(sign(kernel_memcmp(kernel, host, ROOM)) == sign(memcmp(kernel, host, ROOM)));
}

static void texts_once(void)
{
    char *a = text(below(12)), *b = text(below(12));
    size_t max = below(16);
    const char *bytes = "ab/\x80\xff";
    int c = (int)bytes[below(6)] + (below(2) == 0 ? 256 : 0);

    CHECK(kernel_strlen(a) == strlen(a));
    CHECK(kernel_strnlen(a, max) == (strlen(a) < max ? strlen(a) : max));
    CHECK(sign(kernel_strcmp(a, b)) == sign(strcmp(a, b)));
    CHECK(sign(kernel_strncmp(a, b, max)) == sign(strncmp(a, b, max)));
    CHECK(kernel_strcmp(a, a) == 0);
    CHECK(kernel_strchr(a, c) == strchr(a, c));
    CHECK(kernel_strrchr(a, c) == strrchr(a, c));
    free(a);
    free(b);
}

static void memory(void)
{
    for (unsigned n = 0; n < 400 && unit_failures == 0; n++) {
        memory_once();
    }
}

static void texts(void)
{
    for (unsigned n = 0; n < 2000 && unit_failures == 0; n++) {
        texts_once();
    }
}

static void random_memory(void)
{
    each_seed(20, memory);
}

static void random_texts(void)
{
    each_seed(20, texts);
}

/* What is not random enough above: a bound that ends the reading, not the text. */
static void bounds(void)
{
    char *a = malloc(3), *b = malloc(3);

    memcpy(a, "abc", 3);
    memcpy(b, "abc", 3);
    CHECK(kernel_strnlen(a, 3) == 3 && kernel_strnlen(a, 0) == 0);
    CHECK(kernel_strncmp(a, b, 3) == 0 && kernel_strncmp(a, b, 0) == 0);
    CHECK(kernel_memcmp(a, b, 3) == 0 && kernel_memcmp(a, "x", 0) == 0);
    free(a);
    free(b);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"string bounds", bounds},
        {"string random memory", random_memory},
        {"string random texts", random_texts},
        {0},
    };

    return unit_run(tests);
}
