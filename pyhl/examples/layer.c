// SPDX-License-Identifier: Apache-2.0
/*
 * Packages that the image lacks: runs Python code in a VM that begins from a layer, which
 * `pyhl run --with PACKAGE` has made.
 *
 * usage: layer HOME CODE PACKAGE...
 */
#include <pyhl/pyhl.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = 1, .stderr_fd = 2};
    struct vmm_outcome end = {.kind = VMM_BROKEN};
    struct vmm_snapshot *layer = NULL;
    struct pyhl_home *home = NULL;
    struct vmm *vm = NULL;
    struct vmm_err err;
    int rc;
    if (argc < 3) {
        fprintf(stderr, "usage: layer HOME CODE PACKAGE...\n");
        return 2;
    }
    rc = pyhl_home_open(argv[1], &home, &err);
    if (rc == 0) {
        rc = pyhl_layer_open(home, (const char *const *)argv + 3, &layer, &err);
    }
    if (rc == 0) {
        rc = vmm_restore(layer, &io, false, &vm, &err);
    }
    if (rc == 0) {
        const struct pyhl_run run = {.code = argv[2], .timeout_ns = 2000000000};
        rc = pyhl_run(vm, &run, &end, &err);
    }
    vmm_destroy(vm);
    vmm_snapshot_close(layer);
    pyhl_home_close(home);
    if (rc < 0) {
        fprintf(stderr, "error: %s\n", err.msg);
        return 1;
    }
    return end.kind == VMM_EXITED ? end.status : 1;
}
