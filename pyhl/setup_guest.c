// SPDX-License-Identifier: Apache-2.0
/*
 * The steps of setup that run guest code, in three VMs. The first boots, preloads and is saved. The
 * second is restored from that, and runs the code by which the working set is recorded: the pages
 * that a restore copies ahead. The third makes a first run as `pyhl run` will. Guest code runs in
 * each. So each VM lives in a jailed child, which can only write to files that were opened before,
 * and report how far it came. The results of a child are checked here, in the process that writes
 * the home.
 */
#include "files.h"
#include "home.h"
#include "outcome.h"
#include "plain.h"
#include "report.h"
#include "session.h"
#include "setup.h"
#include "signals.h"
#include "vmm/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NS_PER_S        1000000000ull
#define BOOT_TIMEOUT    (60 * NS_PER_S)
#define PRELOAD_TIMEOUT (180 * NS_PER_S)
#define TRY_TIMEOUT     (60 * NS_PER_S)

/* Advice for a run that did not end as it should. */
static const char *advice(enum vmm_outcome_kind kind)
{
    switch (kind) {
    case VMM_EXITED:
        return "; its messages are above";
    case VMM_OOM:
        return "; give --memory";
    case VMM_TIMEOUT:
        return "; is the guest memory enough? See --memory";
    default:
        return "";
    }
}

/* Makes the error for a run that should have ended as VMM_READY, or with status 0, and did not. */
static int setup_describe(const struct setup *setup, const char *what,
                          const struct vmm_outcome *outcome, uint64_t timeout_ns,
                          struct vmm_err *err)
{
    const struct outcome_limits limits = {
        .memory = setup->config.memory,
        .timeout = "the time limit",
        .timeout_ns = timeout_ns,
    };
    char text[OUTCOME_TEXT];

    if (outcome->kind == VMM_EXITED && outcome->status == 0) {
        return vmm_err_set(err, EINVAL,
                           "%s ended instead of waiting for scripts; such an image is run with "
                           "pyhl boot",
                           what);
    }
    outcome_text(outcome, &limits, text);
    return vmm_err_set(err, EIO, "%s: %s%s", what, text, advice(outcome->kind));
}

/* While the guest boots and preloads, all its output goes to the user. A program sees the same
 * streams wherever that output goes. */
static struct vmm_io loud_io(void)
{
    return (struct vmm_io){
        .stdin_fd = -1,
        .stdout_fd = STDERR_FILENO,
        .stderr_fd = STDERR_FILENO,
        .plain = true,
    };
}

/* In the child: closes the files that the VM was made from, and goes to jail. */
static int enter_jail(const struct setup *setup, struct vmm *vm, int report, struct vmm_err *err)
{
    const int all[] = {STDERR_FILENO, report, setup->output, setup->nowhere};
    int outputs[sizeof(all) / sizeof(all[0])];
    size_t count = 0;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i] >= 0) {
            outputs[count++] = all[i];
        }
    }
    close(setup->stage.dir.fd);
    if (setup->image.initrd_fd >= 0) {
        close(setup->image.initrd_fd);
    }
    return child_jail(vm, outputs, count, setup->file, err);
}

static int boot(const struct setup *setup, int report, struct vmm **vm, struct vmm_err *err)
{
    struct boot_files files;
    struct vmm_config config = {
        .kernel_path = files.kernel,
        .initrd_path = files.initrd,
        .memory = setup->config.memory,
        .trace = true, /* for the kernel's messages about the image's index of system call sites */
        .io = loud_io(),
    };
    struct vmm_outcome outcome;
    int rc = setup_boot_files(setup, &files, err);

    if (rc < 0) {
        return rc;
    }
    rc = vmm_create(&config, vm, err);
    close(files.kernel_fd);
    if (rc == 0) {
        rc = enter_jail(setup, *vm, report, err);
    }
    if (rc == 0) {
        rc = vmm_start(*vm, BOOT_TIMEOUT, &outcome, err);
    }
    if (rc == 0 && outcome.kind != VMM_READY) {
        rc = setup_describe(setup, "the guest kernel", &outcome, BOOT_TIMEOUT, err);
    }
    return rc;
}

static int preload(const struct setup *setup, struct vmm *vm, struct vmm_err *err)
{
    const char *const argv[] = {setup->image.config.init, NULL};
    const char *plain[] = {PLAIN_ENV, NULL};
    const char **env = session_env(
        &(struct opt_list){.items = plain, .count = setup->tree.replaces ? 1 : 0}, true);
    struct vmm_run run = {
        .mode = HV_RUN_EXEC,
        .argv = argv,
        .env = env,
        .cwd = "/",
        .timeout_ns = PRELOAD_TIMEOUT,
    };
    struct vmm_outcome outcome;
    int rc;

    if (env == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    rc = vmm_run(vm, &run, &outcome, err);
    free(env);
    if (rc == 0 && outcome.kind != VMM_READY) {
        rc = setup_describe(setup, setup->image.config.init, &outcome, PRELOAD_TIMEOUT, err);
    }
    return rc;
}

/* The first child: reports a step after each of boot, preload and snapshot. */
static void make_machine(void *arg, int report)
{
    const struct setup *setup = arg;
    struct vmm *vm = NULL;
    struct vmm_err err;
    int rc = boot(setup, report, &vm, &err);

    child_tell(report, rc, &err, NULL);
    if (rc == 0) {
        rc = preload(setup, vm, &err);
        child_tell(report, rc, &err, NULL);
    }
    if (rc == 0) {
        rc = vmm_snapshot_write(vm, setup->file, &setup->config.key, &err);
        child_tell(report, rc, &err, NULL);
    }
    vmm_destroy(vm);
}

/* Runs code from image.ini, as -c or as a script, and wants status 0. key is its key there. */
static int run_code(const struct setup *setup, struct vmm *vm, enum hv_run_mode mode,
                    const char *key, const char *code, int output, struct vmm_outcome *outcome,
                    struct vmm_err *err)
{
    const char *const argv[] = {mode == HV_RUN_CODE ? "-c" : "script", NULL};
    const char **env = session_env(&(struct opt_list){0}, true);
    struct vmm_io io = loud_io();
    struct vmm_run run = {
        .mode = mode,
        .argv = argv,
        .env = env,
        .cwd = "/",
        .source = code,
        .source_len = strlen(code),
        .timeout_ns = TRY_TIMEOUT,
    };
    int rc;

    *outcome = (struct vmm_outcome){.kind = VMM_BROKEN};
    if (env == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    io.stdout_fd = output;
    vmm_io_set(vm, &io);
    rc = vmm_run(vm, &run, outcome, err);
    free(env);
    if (rc == 0 && (outcome->kind != VMM_EXITED || outcome->status != 0)) {
        char what[CONFIG_LINE + 32];

        snprintf(what, sizeof(what), "%s '%s'", key, code);
        rc = setup_describe(setup, what, outcome, TRY_TIMEOUT, err);
    }
    return rc;
}

static int check_run(const struct setup *setup, struct vmm *vm, enum hv_run_mode mode,
                     struct vmm_outcome *outcome, struct vmm_err *err)
{
    return run_code(setup, vm, mode, "check", setup->image.config.check, setup->output, outcome,
                    err);
}

/* Nobody wants the output of the rehearsal. */
static int rehearse(const struct setup *setup, struct vmm *vm, struct vmm_err *err)
{
    struct vmm_outcome outcome;

    return run_code(setup, vm, HV_RUN_CODE, "rehearsal", setup->image.config.rehearsal,
                    setup->nowhere, &outcome, err);
}

static int restore(const struct setup *setup, bool rewindable, struct vmm_snapshot **snap,
                   struct vmm **vm, struct vmm_err *err)
{
    struct vmm_io io = loud_io();
    int rc = setup_open_snapshot(setup, snap, err);

    return rc == 0 ? vmm_restore(*snap, &io, rewindable, vm, err) : rc;
}

/* Runs what the working set is recorded from: first small runs, started in both of the usual ways,
 * then a longer one. */
static int record_runs(const struct setup *setup, struct vmm *vm, struct vmm_err *err)
{
    struct vmm_outcome outcome;
    int rc = check_run(setup, vm, HV_RUN_CODE, &outcome, err);

    if (rc == 0) {
        rc = vmm_rewind(vm, err);
    }
    if (rc == 0) {
        rc = check_run(setup, vm, HV_RUN_FILE, &outcome, err);
    }
    if (rc == 0) {
        rc = vmm_workset_small(vm, err);
    }
    if (rc < 0 || setup->image.config.rehearsal[0] == 0) {
        return rc;
    }
    rc = vmm_rewind(vm, err);
    return rc == 0 ? rehearse(setup, vm, err) : rc;
}
#define RECORDED_CHECKS 2

static void make_workset(void *arg, int report)
{
    const struct setup *setup = arg;
    struct vmm_snapshot *snap = NULL;
    struct vmm *vm = NULL;
    struct vmm_err err;
    int rc = restore(setup, true, &snap, &vm, &err);

    if (rc == 0) {
        vmm_workset_watch(vm);
        rc = enter_jail(setup, vm, report, &err);
    }
    if (rc == 0) {
        rc = record_runs(setup, vm, &err);
    }
    if (rc == 0) {
        rc = vmm_snapshot_set_workset(vm, setup->file, &err);
    }
    child_tell(report, rc, &err, NULL);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

static void make_first_run(void *arg, int report)
{
    const struct setup *setup = arg;
    struct vmm_outcome outcome = {.kind = VMM_BROKEN};
    struct vmm_snapshot *snap = NULL;
    struct vmm *vm = NULL;
    char note[64] = "";
    struct vmm_err err;
    int rc = restore(setup, false, &snap, &vm, &err);

    if (rc == 0) {
        rc = enter_jail(setup, vm, report, &err);
    }
    if (rc == 0) {
        rc = check_run(setup, vm, HV_RUN_CODE, &outcome, &err);
    }
    if (rc == 0) {
        snprintf(note, sizeof(note), "restore %s", report_time(outcome.counters.restore_ns).s);
    }
    child_tell(report, rc, &err, note);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

/* From here on: the process that writes the home, not its children. */

static int setup_start(struct setup *setup, void (*work)(void *arg, int report),
                       struct vmm_err *err)
{
    const int keep[] = {setup->file, setup->output, setup->nowhere, setup->image.initrd_fd,
                        setup->stage.dir.fd};
    int rc = child_start(&setup->child, work, setup, keep, sizeof(keep) / sizeof(keep[0]), err);

    if (rc == 0) {
        signals_to_process(setup->child.pid);
    }
    return rc;
}

void setup_guest_end(struct setup *setup)
{
    int *const files[] = {&setup->file, &setup->output, &setup->nowhere};

    signals_to_process(0);
    child_end(&setup->child);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (*files[i] >= 0) {
            close(*files[i]);
        }
        *files[i] = -1;
    }
}

/* Opens the files for what the runs print. */
static int open_outputs(struct setup *setup, struct vmm_err *err)
{
    setup->output = memfd_create("pyhl-setup", MFD_CLOEXEC);
    if (setup->output < 0) {
        return vmm_err_set(err, errno, "memfd_create: %s", strerror(errno));
    }
    setup->nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return setup->nowhere < 0 ? vmm_err_set(err, errno, "/dev/null: %s", strerror(errno)) : 0;
}

/* Writes bytes as image.ini writes them, for a message of one line. */
static void show_output(const char *bytes, size_t len, char *text, size_t size)
{
    size_t at = 0;

    for (size_t i = 0; i < len && at + sizeof("\\x00") <= size; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        const char *escape = c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\\' ? "\\\\" : NULL;

        if (escape != NULL) {
            at += (size_t)snprintf(text + at, size - at, "%s", escape);
        } else {
            at += (size_t)snprintf(text + at, size - at, c < ' ' || c > 126 ? "\\x%02x" : "%c", c);
        }
    }
    text[at] = 0;
}

/* Checks that so many runs of the check have printed what they should. */
static int check_output(const struct setup *setup, size_t runs, struct vmm_err *err)
{
    const struct image_config *config = &setup->image.config;
    const size_t len = strlen(config->check_output);
    char got[RECORDED_CHECKS * CONFIG_LINE], shown[128], wanted[128];
    ssize_t n = pread(setup->output, got, sizeof(got), 0);
    bool good;

    if (n < 0) {
        return vmm_err_set(err, errno, "cannot read the output of a run: %s", strerror(errno));
    }
    good = (size_t)n == runs * len;
    for (size_t i = 0; i < runs && good; i++) {
        good = memcmp(got + i * len, config->check_output, len) == 0;
    }
    if (good) {
        return 0;
    }
    show_output(got, (size_t)n, shown, sizeof(shown));
    show_output(config->check_output, len, wanted, sizeof(wanted));
    return vmm_err_set(err, EIO, "check '%s' printed '%s'%s; check_output is '%s'", config->check,
                       shown, runs > 1 ? " in two runs" : "", wanted);
}

int setup_boot(struct setup *setup, struct vmm_err *err)
{
    int rc = setup->file = folder_make(&setup->stage.dir, HOME_SNAPSHOT, err);

    if (rc >= 0) {
        rc = setup_start(setup, make_machine, err);
    }
    return rc == 0 ? child_step(&setup->child, NULL, err) : rc;
}

int setup_preload(struct setup *setup, struct vmm_err *err)
{
    int rc = child_step(&setup->child, NULL, err);

    if (rc == 0) {
        snprintf(setup->note, sizeof(setup->note), "%zu packages",
                 setup->image.config.packages.count);
    }
    return rc;
}

int setup_snapshot(struct setup *setup, struct vmm_err *err)
{
    const struct folder *dir = &setup->stage.dir;
    int rc = child_step(&setup->child, NULL, err);

    setup_guest_end(setup);
    if (rc < 0) {
        return vmm_err_context(err, "%s/%s", dir->path, HOME_SNAPSHOT);
    }
    rc = folder_size(dir, HOME_SNAPSHOT, NULL, &setup->snapshot_disk, err);
    if (rc == 0) {
        snprintf(setup->note, sizeof(setup->note), "%s", report_size(setup->snapshot_disk).s);
    }
    return rc;
}

int setup_workset(struct setup *setup, struct vmm_err *err)
{
    int rc = setup->file = folder_rewrite(&setup->stage.dir, HOME_SNAPSHOT, err);

    if (rc >= 0) {
        rc = open_outputs(setup, err);
    }
    if (rc == 0) {
        rc = setup_start(setup, make_workset, err);
    }
    if (rc == 0) {
        rc = child_step(&setup->child, NULL, err);
    }
    if (rc == 0) {
        rc = check_output(setup, RECORDED_CHECKS, err);
    }
    setup_guest_end(setup);
    return rc;
}

int setup_first_run(struct setup *setup, struct vmm_err *err)
{
    int rc = open_outputs(setup, err);

    if (rc == 0) {
        rc = setup_start(setup, make_first_run, err);
    }
    if (rc == 0) {
        rc = child_step(&setup->child, setup->note, err);
    }
    if (rc == 0) {
        rc = check_output(setup, 1, err);
    }
    setup_guest_end(setup);
    return rc;
}
