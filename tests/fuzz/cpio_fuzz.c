// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target for the kernel's CPIO parser: whatever the bytes, every entry
 * that it reports lies inside the buffer and has a normalised name, and a
 * refusal comes with a message.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Iimages/kernel \
 *       tests/fuzz/cpio_fuzz.c images/kernel/fs/cpio.c -o build/tests/cpio_fuzz
 */
#include "fs/cpio.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bounds {
    const uint8_t *data;
    size_t size;
    unsigned entries;
};

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void check_component(const char *name, size_t len)
{
    must(len > 0);
    must(!(len == 1 && name[0] == '.'));
    must(!(len == 2 && name[0] == '.' && name[1] == '.'));
    must(memchr(name, 0, len) == NULL);
}

static int entry(void *arg, const struct cpio_entry *e)
{
    struct bounds *b = arg;
    size_t start = 0;
    unsigned sum = 0;

    must(e->name_len < CPIO_NAME_MAX);
    for (size_t i = 0; e->name_len > 0 && i <= e->name_len; i++) {
        if (i == e->name_len || e->name[i] == '/') {
            check_component(e->name + start, i - start);
            start = i + 1;
        }
    }
    must(e->data >= b->data && e->size <= b->size &&
         (size_t)(e->data - b->data) <= b->size - e->size);
    for (size_t i = 0; i < e->size; i++) {
        sum += e->data[i];
    }
    b->entries++;
    /* A callback may end the walk: this one does so after some contents. */
    return sum % 61 == 60 ? -7 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bounds b = {data, size, 0};
    struct cpio_error err;
    int r = cpio_walk(data, size, entry, &b, &err);

    must(r == 0 || r == -1 || r == -7);
    if (r == -1) {
        must(err.what[0] != 0 && err.offset <= size);
        must(memchr(err.name, 0, sizeof(err.name)) != NULL);
    }
    return 0;
}
