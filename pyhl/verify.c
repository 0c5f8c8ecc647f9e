// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl verify: the full check of a home's content, which a run does not make. One line per check.
 * All checks are made, and if any fails the exit status is 125.
 */
#include "cmd.h"
#include "files.h"
#include "home.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct verify_options {
    const char *dest;
};

static const struct opt verify_opts[] = {
    {.name = "dest",
     .kind = OPT_TEXT,
     .offset = offsetof(struct verify_options, dest),
     .arg = "DIR",
     .help = "the home to check (else $PYHL_HOME, ./.pyhl, ~/.local/share/pyhl)"},
    OPT_END,
};

static int check_size(const struct home *home, const char *name, uint64_t wanted,
                      struct vmm_err *err)
{
    uint64_t size;

    if (folder_size(&home->dir, name, &size, NULL, err) < 0) {
        return -err->code;
    }
    if (size != wanted) {
        return vmm_err_set(err, EBADMSG, "%s/%s has %llu bytes, %s says %llu", home->dir.path, name,
                           (unsigned long long)size, HOME_INI, (unsigned long long)wanted);
    }
    return 0;
}

static int check_sizes(const struct home *home, struct vmm_err *err)
{
    if (check_size(home, HOME_KERNEL, home->config.kernel_size, err) < 0 ||
        check_size(home, HOME_INITRD, home->config.initrd_size, err) < 0 ||
        check_size(home, HOME_SNAPSHOT, home->config.snapshot_size, err) < 0 ||
        (home->config.layer_size > 0 &&
         check_size(home, HOME_LAYER, home->config.layer_size, err) < 0)) {
        return -err->code;
    }
    return 0;
}

static int compute_key(const struct home *home, struct vmm_key *key, struct vmm_err *err)
{
    char kernel_path[FILE_FD_PATH], initrd_path[FILE_FD_PATH];
    int kernel = home_file(home, HOME_KERNEL, err), initrd = -1, rc = kernel;

    if (rc >= 0) {
        rc = initrd = home_file(home, HOME_INITRD, err);
    }
    if (rc >= 0) {
        file_fd_path(kernel, kernel_path);
        file_fd_path(initrd, initrd_path);
        rc = vmm_key_compute(kernel_path, initrd_path, home->config.memory, key, err);
    }
    if (initrd >= 0) {
        close(initrd);
    }
    if (kernel >= 0) {
        close(kernel);
    }
    return rc;
}

static int check_key(const struct home *home, struct vmm_err *err)
{
    char found[33], wanted[33];
    struct vmm_key key;

    if (compute_key(home, &key, err) < 0) {
        return -err->code;
    }
    if (memcmp(&key, &home->config.key, sizeof(key)) == 0) {
        return 0;
    }
    vmm_key_text(&key, found);
    vmm_key_text(&home->config.key, wanted);
    return vmm_err_set(
        err, EKEYREJECTED,
        "kernel, initrd.cpio or this CPU is not what the snapshot was made with: key "
        "%s, %s says %s",
        found, HOME_INI, wanted);
}

static int check_snapshot(const struct home *home, struct vmm_err *err)
{
    struct vmm_snapshot *snap = NULL;
    int rc = home_snapshot(home, &snap, err);

    if (rc < 0) {
        return rc;
    }
    rc = vmm_snapshot_verify(snap, err);
    vmm_snapshot_close(snap);
    return rc;
}

static const struct {
    const char *name;
    int (*check)(const struct home *home, struct vmm_err *err);
} checks[] = {
    {"sizes", check_sizes},
    {"kernel and image", check_key},
    {"snapshot", check_snapshot},
};

static int run_checks(const struct cmd *cmd, const struct home *home)
{
    struct vmm_err err = {0};
    int status = CMD_OK;

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        uint64_t began = report_now();

        if (checks[i].check(home, &err) < 0) {
            status = cmd_fail(cmd, &err);
        } else {
            report_end(checks[i].name, "good", report_now() - began);
        }
    }
    return status;
}

static int verify_main(const struct cmd *cmd, int argc, char **argv)
{
    struct verify_options options = {0};
    struct vmm_err err = {0};
    struct home home;
    int status;

    if (!cmd_parse_options(cmd, argc, argv, &options, "the home is given with --dest", &status)) {
        return status;
    }
    if (home_open(options.dest, false, &home, &err) < 0) {
        status = cmd_fail(cmd, &err);
    } else {
        status = run_checks(cmd, &home);
    }
    home_close(&home);
    return status;
}

const struct cmd cmd_verify = {
    .name = "verify",
    .summary = "Checks every byte of the install",
    .synopsis = "verify [--dest DIR]",
    .notes = "Exit status: 0 when all is as setup left it, else 125.",
    .opts = verify_opts,
    .run = verify_main,
};
