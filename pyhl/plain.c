// SPDX-License-Identifier: Apache-2.0
/*
 * Boots as setup does. That the list of modules shall be short is told to the program that the
 * image boots by a variable of its environment.
 */
#include "plain.h"
#include "child.h"
#include "env.h"
#include "files.h"
#include "image.h"
#include "outcome.h"
#include "signals.h"
#include "vmm/abi.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BOOT_TIMEOUT (240 * 1000000000ull)

struct plain {
    const struct home *home;
    struct image_config image;
    int kernel_fd, initrd_fd, fd;
    bool loud;
};

static int plain_failed(const struct plain *plain, const struct vmm_outcome *outcome,
                        struct vmm_err *err)
{
    const struct outcome_limits limits = {
        .memory = plain->home->config.memory,
        .timeout = "the time limit",
        .timeout_ns = BOOT_TIMEOUT,
    };
    char text[OUTCOME_TEXT];

    outcome_text(outcome, &limits, text);
    return vmm_err_set(err, EIO, "the image without its packages: %s", text);
}

/* Boots the kernel, then the program, which waits when it has imported its list. */
static int plain_boot(const struct plain *plain, struct vmm *vm, struct vmm_err *err)
{
    static const char *const own[] = {PLAIN_ENV, NULL};
    const char *const argv[] = {plain->image.init, NULL};
    const char **env = env_make(own);
    const struct vmm_run run = {
        .mode = HV_RUN_EXEC,
        .argv = argv,
        .env = env,
        .cwd = "/",
        .timeout_ns = BOOT_TIMEOUT,
    };
    struct vmm_outcome outcome = {.kind = VMM_BROKEN};
    int rc = env == NULL ? vmm_err_set(err, ENOMEM, "out of memory")
                         : vmm_start(vm, BOOT_TIMEOUT, &outcome, err);

    if (rc == 0 && outcome.kind == VMM_READY) {
        rc = vmm_run(vm, &run, &outcome, err);
    }
    free(env);
    return rc == 0 && outcome.kind != VMM_READY ? plain_failed(plain, &outcome, err) : rc;
}

static int plain_create(const struct plain *plain, int report, struct vmm **vm, struct vmm_err *err)
{
    const int outputs[] = {STDERR_FILENO, report};
    char kernel[FILE_FD_PATH], initrd[FILE_FD_PATH];
    const struct vmm_config config = {
        .kernel_path = kernel,
        .initrd_path = initrd,
        .memory = plain->home->config.memory,
        .io = {.stdin_fd = -1,
               .stdout_fd = plain->loud ? STDERR_FILENO : -1,
               .stderr_fd = plain->loud ? STDERR_FILENO : -1,
               .plain = true},
    };
    int rc;

    file_fd_path(plain->kernel_fd, kernel);
    file_fd_path(plain->initrd_fd, initrd);
    rc = vmm_create(&config, vm, err);
    return rc == 0 ? child_jail(*vm, outputs, 2, plain->fd, err) : rc;
}

static void plain_work(void *arg, int report)
{
    const struct plain *plain = arg;
    struct vmm_err err = {0};
    struct vmm *vm = NULL;
    int rc = plain_create(plain, report, &vm, &err);

    rc = rc == 0 ? plain_boot(plain, vm, &err) : rc;
    rc = rc == 0 ? vmm_snapshot_write(vm, plain->fd, &plain->home->config.key, &err) : rc;
    child_tell(report, rc, &err, NULL);
    vmm_destroy(vm);
}

static int plain_run(struct plain *plain, struct vmm_err *err)
{
    const int keep[] = {plain->kernel_fd, plain->initrd_fd, plain->fd};
    struct child child = {0};
    int rc = child_start(&child, plain_work, plain, keep, 3, err);

    if (rc == 0) {
        signals_to_process(child.pid);
        rc = child_step(&child, NULL, err);
    }
    signals_to_process(0);
    child_end(&child);
    return signals_last() ? vmm_err_set(err, EINTR, "stopped by a signal") : rc;
}

int plain_make(const struct home *home, bool loud, int fd, struct vmm_err *err)
{
    struct plain plain = {.home = home, .kernel_fd = -1, .initrd_fd = -1, .fd = fd, .loud = loud};
    int rc = image_ini(&home->dir, &plain.image, err);

    if (rc < 0) {
        return rc;
    }
    rc = plain.kernel_fd = home_file(home, HOME_KERNEL, err);
    if (rc >= 0) {
        rc = plain.initrd_fd = home_file(home, HOME_INITRD, err);
    }
    if (rc >= 0) {
        rc = plain_run(&plain, err);
    }
    if (plain.kernel_fd >= 0) {
        close(plain.kernel_fd);
    }
    if (plain.initrd_fd >= 0) {
        close(plain.initrd_fd);
    }
    free(plain.image.packages.text);
    return rc;
}
