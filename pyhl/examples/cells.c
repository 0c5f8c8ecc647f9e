// SPDX-License-Identifier: Apache-2.0
/*
 * A session: cells that share their names, one after the other in one VM, and what each has given.
 *
 * usage: cells HOME CELL...
 */
#include <pyhl/pyhl.h>

#include <stdio.h>

static int print_output(void *arg, int stream, const void *bytes, size_t size)
{
    (void)arg;
    fwrite(bytes, 1, size, stream == 1 ? stdout : stderr);
    return 0;
}

/* A result, a picture, an error: kind says what the bytes are, which are JSON. */
static int print_record(void *arg, const char *kind, const void *bytes, size_t size)
{
    (void)arg;
    printf("%s: %.*s\n", kind, (int)size, (const char *)bytes);
    return 0;
}

int main(int argc, char **argv)
{
    const struct vmm_io io = {.stdin_fd = -1, .write = print_output, .record = print_record};
    struct vmm_outcome end = {.kind = VMM_READY};
    struct pyhl_home *home = NULL;
    struct vmm *vm = NULL;
    struct vmm_err err;
    int rc = pyhl_home_open(argc > 1 ? argv[1] : NULL, &home, &err);
    if (rc == 0) {
        rc = vmm_restore(pyhl_home_snapshot(home), &io, false, &vm, &err);
    }
    for (int i = 2; i < argc && rc == 0 && end.kind == VMM_READY; i++) {
        const struct pyhl_run run = {.cell = argv[i], .timeout_ns = 2000000000};
        rc = pyhl_run(vm, &run, &end, &err);
        if (rc == 0) {
            printf("cell %d %s with status %d\n", i - 1,
                   end.kind == VMM_READY ? "ended" : "ended the session", end.status);
        }
    }
    vmm_destroy(vm);
    pyhl_home_close(home);
    if (rc < 0) {
        fprintf(stderr, "error: %s\n", err.msg);
        return 1;
    }
    return 0;
}
