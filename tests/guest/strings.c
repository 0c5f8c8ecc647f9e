// SPDX-License-Identifier: Apache-2.0
/*
 * The string functions that the C library chooses for the processor (IFUNC), at every alignment
 * and right up to a page that may not be touched: results correct, no access beyond the end.
 */
#include "t.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <wchar.h>

enum { PAGE = 4096, MOST = 300 };

static char *end_a, *end_b;

/* Returns the end of two accessible pages: the page from there on is PROT_NONE, as is the one
 * before them. */
static char *edge(void)
{
    char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    T_MUST("map", p != MAP_FAILED);
    T_MUST("guards",
           mprotect(p, PAGE, PROT_NONE) == 0 && mprotect(p + 3 * PAGE, PAGE, PROT_NONE) == 0);
    return p + 3 * PAGE;
}

/* Volatile pointers, so that the compiler calls the library and inserts no code of its own. */
static size_t (*volatile v_strlen)(const char *) = strlen;
static size_t (*volatile v_strnlen)(const char *, size_t) = strnlen;
static void *(*volatile v_memcpy)(void *, const void *, size_t) = memcpy;
static void *(*volatile v_memmove)(void *, const void *, size_t) = memmove;
static void *(*volatile v_memset)(void *, int, size_t) = memset;
static int (*volatile v_memcmp)(const void *, const void *, size_t) = memcmp;
static int (*volatile v_strcmp)(const char *, const char *) = strcmp;
static int (*volatile v_strncmp)(const char *, const char *, size_t) = strncmp;
static void *(*volatile v_memchr)(const void *, int, size_t) = memchr;
static void *(*volatile v_memrchr)(const void *, int, size_t) = memrchr;
static char *(*volatile v_strchr)(const char *, int) = strchr;
static char *(*volatile v_strrchr)(const char *, int) = strrchr;
static char *(*volatile v_strcpy)(char *, const char *) = strcpy;
static char *(*volatile v_strstr)(const char *, const char *) = strstr;
static size_t (*volatile v_strspn)(const char *, const char *) = strspn;
static size_t (*volatile v_wcslen)(const wchar_t *) = wcslen;

static void check_lengths(void)
{
    bool len = true, nlen = true, chr = true, rchr = true;

    for (size_t n = 0; n < MOST; n++) {
        char *s = end_a - n - 1;
        memset(s, 'a', n);
        s[n] = 0;
        len = len && v_strlen(s) == n;
        nlen = nlen && v_strnlen(s, n + 1000) == n && v_strnlen(s + 1, n) == (n ? n - 1 : 0);
        chr = chr && v_strchr(s, 0) == s + n && v_strchr(s, 'b') == NULL;
        rchr = rchr && v_strrchr(s, 'a') == (n ? s + n - 1 : NULL);
        if (n == 0) {
            /* strnlen(s + 1, 0) above did not read: s + 1 is the guard page. */
            continue;
        }
        s[n - 1] = 'z';
        chr = chr && v_strchr(s, 'z') == s + n - 1;
        rchr = rchr && v_strrchr(s, 'z') == s + n - 1;
    }
    T_CHECK("strlen", len);
    T_CHECK("strnlen", nlen);
    T_CHECK("strchr", chr);
    T_CHECK("strrchr", rchr);
}

static void check_memory_search(void)
{
    bool chr = true, rchr = true;

    for (size_t n = 1; n < MOST; n++) {
        char *s = end_a - n;
        v_memset(s, 'a', n);
        chr = chr && v_memchr(s, 'b', n) == NULL;
        rchr = rchr && v_memrchr(s, 'b', n) == NULL && v_memrchr(s, 'a', n) == end_a - 1;
        s[n / 2] = 'b';
        chr = chr && v_memchr(s, 'b', n) == s + n / 2;
        rchr = rchr && v_memrchr(s, 'b', n) == s + n / 2;
    }
    T_CHECK("memchr", chr);
    T_CHECK("memrchr", rchr);
}

static void check_copies(void)
{
    static const size_t sizes[] = {0,  1,  2,   3,   7,   8,   15,  16,  17,   31,   32,   33,  63,
                                   64, 65, 127, 128, 129, 255, 256, 257, 1000, 2047, 2048, 4000};
    bool copy = true, move = true, set = true;

    for (size_t i = 0; i < T_COUNT(sizes); i++) {
        size_t n = sizes[i];
        for (size_t shift = 0; shift < 70; shift++) {
            char *from = end_a - n - shift, *to = end_b - n;
            for (size_t k = 0; k < n; k++) {
                from[k] = (char)(k * 7 + shift);
            }
            to[-1] = '|';
            copy =
                copy && v_memcpy(to, from, n) == to && v_memcmp(to, from, n) == 0 && to[-1] == '|';
            v_memmove(to - 3, to, n);
            move = move && v_memcmp(to - 3, from, n) == 0;
            v_memmove(to, to - 3, n);
            move = move && v_memcmp(to, from, n) == 0;
            to[-1] = '|';
            v_memset(to, 0x5a, n);
            for (size_t k = 0; k < n; k++) {
                set = set && to[k] == 0x5a;
            }
            set = set && to[-1] == '|';
        }
    }
    T_CHECK("memcpy", copy);
    T_CHECK("memmove", move);
    T_CHECK("memset", set);
}

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void check_comparisons(void)
{
    bool mem = true, str = true, strn = true;

    for (size_t n = 1; n < MOST; n++) {
        for (size_t at = 0; at < n; at += n / 5 + 1) {
            char *a = end_a - n - 1, *b = end_b - n - 1;
            memset(a, 'm', n);
            memset(b, 'm', n);
            a[n] = b[n] = 0;
            mem = mem && v_memcmp(a, b, n + 1) == 0;
            str = str && v_strcmp(a, b) == 0;
            a[at] = 'n';
            b[at] = (char)(at % 2 ? 'a' : 0xe0);
            int want = at % 2 ? 1 : -1;
            mem = mem && sign(v_memcmp(a, b, n + 1)) == want;
            str = str && sign(v_strcmp(a, b)) == want;
            strn = strn && sign(v_strncmp(a, b, n + 100)) == want && v_strncmp(a, b, at) == 0;
        }
    }
    T_CHECK("memcmp", mem);
    T_CHECK("strcmp", str);
    T_CHECK("strncmp", strn);
}

static void check_strings(void)
{
    bool cpy = true, str = true, spn = true, wide = true;

    for (size_t n = 4; n < MOST; n++) {
        char *a = end_a - n - 1, *b = end_b - n - 1;
        memset(a, 'x', n);
        a[n] = 0;
        memcpy(a + n - 3, "abc", 3);
        cpy = cpy && v_strcpy(b, a) == b && memcmp(a, b, n + 1) == 0;
        str = str && v_strstr(a, "abc") == a + n - 3 && v_strstr(a, "abd") == NULL;
        spn = spn && v_strspn(a, "x") == n - 3 && v_strspn(a, "abcx") == n;
        wchar_t *w = (wchar_t *)(void *)end_a - n - 1;
        for (size_t i = 0; i < n; i++) {
            w[i] = L'\x20ac';
        }
        w[n] = 0;
        wide = wide && v_wcslen(w) == n;
    }
    T_CHECK("strcpy", cpy);
    T_CHECK("strstr", str);
    T_CHECK("strspn", spn);
    T_CHECK("wcslen", wide);
}

/* Sizes beyond the thresholds where the library changes to other instructions (rep movsb,
 * streaming). */
static void check_large(void)
{
    enum { LARGE = 24 << 20 };
    char *a = malloc(LARGE + 64), *b = malloc(LARGE + 64);
    bool good = a != NULL && b != NULL;

    for (size_t i = 0; good && i < LARGE; i++) {
        a[i] = (char)(i * 2654435761u >> 11);
    }
    for (size_t size = 1 << 16; good && size <= LARGE; size = size * 2 + 17) {
        v_memcpy(b + 5, a, size);
        good = v_memcmp(b + 5, a, size) == 0;
        v_memmove(b + 1, b + 5, size);
        good = good && v_memcmp(b + 1, a, size) == 0;
    }
    T_CHECK("large copies", good);
    free(a);
    free(b);
}

int main(void)
{
    end_a = edge();
    end_b = edge();
    check_lengths();
    check_memory_search();
    check_copies();
    check_comparisons();
    check_strings();
    check_large();
    return t_done();
}
