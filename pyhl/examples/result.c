// SPDX-License-Identifier: Apache-2.0
/*
 * From a home to a result: runs Python code in a VM of its own, and keeps what it prints as text.
 *
 * usage: result HOME CODE
 */
#include <pyhl/pyhl.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct text {
    size_t size;
    char bytes[65536];
};

/* Keeps the bytes of stdout and stderr in the order in which they come, as far as there is room. */
static int text_add(void *arg, int stream, const void *bytes, size_t size)
{
    struct text *text = arg;
    (void)stream;
    if (size > sizeof(text->bytes) - text->size) {
        return -ENOSPC;
    }
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    return 0;
}

int main(int argc, char **argv)
{
    struct text text = {0};
    const struct vmm_io io = {.stdin_fd = -1, .write = text_add, .write_arg = &text};
    const struct pyhl_run run = {.code = argc == 3 ? argv[2] : "", .timeout_ns = 2000000000};
    struct vmm_outcome end = {0};
    struct pyhl_home *home = NULL;
    struct vmm *vm = NULL;
    struct vmm_err err;
    int rc = pyhl_home_open(argc == 3 ? argv[1] : NULL, &home, &err);
    if (rc == 0) {
        rc = vmm_restore(pyhl_home_snapshot(home), &io, false, &vm, &err);
    }
    if (rc == 0) {
        rc = pyhl_run(vm, &run, &end, &err);
    }
    vmm_destroy(vm);
    pyhl_home_close(home);
    if (rc < 0) {
        fprintf(stderr, "error: %s\n", err.msg);
        return 1;
    }
    printf("%s, status %d, %zu bytes:\n%.*s", end.kind == VMM_EXITED ? "ended" : "was ended",
           end.status, text.size, (int)text.size, text.bytes);
    return 0;
}
