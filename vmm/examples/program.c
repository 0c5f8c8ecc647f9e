// SPDX-License-Identifier: Apache-2.0
/*
 * libvmm alone: boots a kernel with an initrd, runs one program of it, and passes on what the
 * program writes.
 *
 * usage: program KERNEL INITRD PROGRAM [ARGS...]
 */
#include <vmm/abi.h>
#include <vmm/vmm.h>

#include <errno.h>
#include <stdio.h>

static int on_output(void *arg, int stream, const void *bytes, size_t size)
{
    (void)arg;
    return fwrite(bytes, 1, size, stream == 1 ? stdout : stderr) == size ? 0 : -EIO;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: %s KERNEL INITRD PROGRAM [ARGS...]\n", argv[0]);
        return 2;
    }
    const struct vmm_config config = {
        .kernel_path = argv[1],
        .initrd_path = argv[2],
        .memory = VMM_MEMORY_DEFAULT,
        .io = {.stdin_fd = -1, .write = on_output},
    };
    const struct vmm_run run = {
        .mode = HV_RUN_EXEC,
        .argv = (const char *const *)argv + 3,
        .cwd = "/",
        .timeout_ns = 10000000000,
    };
    struct vmm_outcome end = {0};
    struct vmm *vm = NULL;
    struct vmm_err err;
    int rc = vmm_create(&config, &vm, &err);
    if (rc == 0) {
        rc = vmm_start(vm, run.timeout_ns, &end, &err);
    }
    if (rc == 0 && end.kind == VMM_READY) {
        rc = vmm_run(vm, &run, &end, &err);
    }
    vmm_destroy(vm);
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], err.msg);
    } else if (end.kind != VMM_EXITED) {
        fprintf(stderr, "%s: the run ended in the way %d: %s\n", argv[0], end.kind, end.detail);
    }
    return rc == 0 && end.kind == VMM_EXITED ? end.status : 1;
}
