// SPDX-License-Identifier: Apache-2.0
/*
 * The steps of setup that run guest code. A machine lives across boot, preload and snapshot; the
 * later steps restore one from the snapshot's file as `pyhl run` will.
 */
#include "files.h"
#include "home.h"
#include "report.h"
#include "session.h"
#include "setup.h"
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

/* What every image that takes scripts must be able to run, and what it prints. */
static const char try_code[] = "print(1)";
static const char try_output[] = "1\n";

/* What a run that should have ended as VMM_READY, or with status 0, did instead. */
static int describe(const struct setup *setup, const char *what, const struct vmm_outcome *outcome,
                    struct vmm_err *err)
{
    const char *detail = outcome->detail[0] ? outcome->detail : "no message";

    switch (outcome->kind) {
    case VMM_EXITED:
        if (outcome->status == 0)
            return vmm_err_set(err, EINVAL,
                               "%s ended instead of waiting for scripts; such an image is run with "
                               "pyhl boot",
                               what);
        return vmm_err_set(err, EIO, "%s ended with status %d; its messages are above", what,
                           outcome->status);
    case VMM_SIGNALED:
        return vmm_err_set(err, EIO, "%s was killed by signal %d (%s)", what, outcome->status,
                           strsignal(outcome->status));
    case VMM_OOM:
        return vmm_err_set(err, ENOMEM, "%s needs more guest memory than %s; give --memory", what,
                           report_size(setup->config.memory).s);
    case VMM_TIMEOUT:
        return vmm_err_set(err, ETIMEDOUT,
                           "%s did not get ready in time; is %s of guest memory enough?", what,
                           report_size(setup->config.memory).s);
    case VMM_KILLED:
        return vmm_err_set(err, EINTR, "%s was stopped by a signal", what);
    case VMM_READY:
        return vmm_err_set(err, EIO, "%s asked for another run instead of ending this one", what);
    case VMM_PIPE_CLOSED:
        return vmm_err_set(err, EPIPE, "%s has no reader for its messages", what);
    case VMM_OUTPUT:
    case VMM_PANIC:
    case VMM_BROKEN:
        break;
    }
    return vmm_err_set(err, EIO, "%s failed: %s", what, detail);
}

/* While it boots and preloads, all that the guest says goes to the user. */
static struct vmm_io loud_io(void)
{
    struct vmm_io io = session_io();

    io.stdin_fd = -1;
    io.stdout_fd = STDERR_FILENO;
    return io;
}

int setup_boot(struct setup *setup, struct vmm_err *err)
{
    struct boot_files files;
    struct vmm_config config = {
        .kernel_path = files.kernel,
        .initrd_path = files.initrd,
        .memory = setup->config.memory,
        .trace = true, /* what the kernel has to say about the image's index of sites */
        .io = loud_io(),
    };
    struct vmm_outcome outcome;
    int r;

    r = setup_boot_files(setup, &files, err);
    if (r < 0)
        return r;
    r = vmm_create(&config, &setup->vm, err);
    close(files.kernel_fd);
    if (r < 0)
        return r;
    setup_watch(setup->vm);
    r = vmm_start(setup->vm, BOOT_TIMEOUT, &outcome, err);
    setup_watch(NULL);
    if (r == 0 && outcome.kind != VMM_READY)
        r = describe(setup, "the guest kernel", &outcome, err);
    return r;
}

int setup_preload(struct setup *setup, struct vmm_err *err)
{
    const char *const argv[] = {setup->image.config.init, NULL};
    const char **env = session_env(&(struct opt_list){0});
    struct vmm_run run = {
        .mode = HV_RUN_EXEC,
        .argv = argv,
        .env = env,
        .cwd = "/",
        .timeout_ns = PRELOAD_TIMEOUT,
    };
    struct vmm_outcome outcome;
    int r;

    if (!env)
        return vmm_err_set(err, ENOMEM, "out of memory");
    setup_watch(setup->vm);
    r = vmm_run(setup->vm, &run, &outcome, err);
    setup_watch(NULL);
    free(env);
    if (r == 0 && outcome.kind != VMM_READY)
        r = describe(setup, setup->image.config.init, &outcome, err);
    if (r == 0)
        snprintf(setup->note, sizeof(setup->note), "%zu packages",
                 setup->image.config.packages.count);
    return r;
}

int setup_snapshot(struct setup *setup, struct vmm_err *err)
{
    const struct folder *dir = &setup->stage.dir;
    int fd = folder_make(dir, HOME_SNAPSHOT, err), r;

    if (fd < 0)
        return fd;
    r = vmm_snapshot_write(setup->vm, fd, &setup->config.key, err);
    if (r < 0)
        vmm_err_context(err, "%s/%s", dir->path, HOME_SNAPSHOT);
    close(fd);
    vmm_destroy(setup->vm);
    setup->vm = NULL;
    if (r == 0)
        r = folder_size(dir, HOME_SNAPSHOT, NULL, &setup->snapshot_disk, err);
    if (r == 0)
        snprintf(setup->note, sizeof(setup->note), "%s", report_size(setup->snapshot_disk).s);
    return r;
}

static int check_output(int fd, struct vmm_err *err)
{
    char got[64] = "";
    ssize_t n = pread(fd, got, sizeof(got) - 1, 0);

    if (n < 0)
        return vmm_err_set(err, errno, "cannot read the output of a run: %s", strerror(errno));
    if (strcmp(got, try_output) != 0)
        return vmm_err_set(err, EIO, "%s printed '%s' in the VM", try_code, got);
    return 0;
}

/* Runs the code in setup->vm, as -c or as a script, to a good end; what names it in messages. */
static int run_code(struct setup *setup, enum hv_run_mode mode, const char *what, const char *code,
                    int output, struct vmm_outcome *outcome, struct vmm_err *err)
{
    const char *const argv[] = {mode == HV_RUN_CODE ? "-c" : "script.py", NULL};
    const char **env = session_env(&(struct opt_list){0});
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
    int r;

    *outcome = (struct vmm_outcome){.kind = VMM_BROKEN};
    if (!env)
        return vmm_err_set(err, ENOMEM, "out of memory");
    io.stdout_fd = output;
    vmm_io_set(setup->vm, &io);
    setup_watch(setup->vm);
    r = vmm_run(setup->vm, &run, outcome, err);
    setup_watch(NULL);
    free(env);
    if (r == 0 && (outcome->kind != VMM_EXITED || outcome->status != 0))
        r = describe(setup, what, outcome, err);
    return r;
}

static int try_run(struct setup *setup, enum hv_run_mode mode, struct vmm_outcome *outcome,
                   struct vmm_err *err)
{
    int fd = memfd_create("pyhl-setup", MFD_CLOEXEC), r;

    if (fd < 0)
        return vmm_err_set(err, errno, "memfd_create: %s", strerror(errno));
    r = run_code(setup, mode, "a first script", try_code, fd, outcome, err);
    if (r == 0)
        r = check_output(fd, err);
    close(fd);
    return r < 0 ? -err->code : 0;
}

/* The image's own script; its output is not for anybody. */
static int rehearse(struct setup *setup, struct vmm_err *err)
{
    const char *path = setup->image.config.rehearsal;
    char code[sizeof(setup->image.config.rehearsal) + 64];
    struct vmm_outcome outcome;
    int fd, r;

    snprintf(code, sizeof(code), "import runpy; runpy.run_path('%s')", path);
    fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return vmm_err_set(err, errno, "/dev/null: %s", strerror(errno));
    r = run_code(setup, HV_RUN_CODE, path, code, fd, &outcome, err);
    close(fd);
    return r;
}

static void drop(struct setup *setup, struct vmm_snapshot *snap)
{
    vmm_destroy(setup->vm);
    setup->vm = NULL;
    vmm_snapshot_close(snap);
}

static int restore(struct setup *setup, struct vmm_snapshot **snap, bool rewindable,
                   struct vmm_err *err)
{
    struct vmm_io io = loud_io();
    int r = setup_open_snapshot(setup, snap, err);

    return r == 0 ? vmm_restore(*snap, &io, rewindable, &setup->vm, err) : r;
}

/* What small runs write, in either of the ways that most are started, and then what longer ones
 * do. */
static int record_runs(struct setup *setup, struct vmm_err *err)
{
    struct vmm_outcome outcome;
    int r;

    vmm_workset_watch(setup->vm);
    r = try_run(setup, HV_RUN_CODE, &outcome, err);
    if (r == 0)
        r = vmm_rewind(setup->vm, err);
    if (r == 0)
        r = try_run(setup, HV_RUN_FILE, &outcome, err);
    if (r == 0)
        r = vmm_workset_small(setup->vm, err);
    if (r < 0 || setup->image.config.rehearsal[0] == 0)
        return r;
    r = vmm_rewind(setup->vm, err);
    return r == 0 ? rehearse(setup, err) : r;
}

int setup_workset(struct setup *setup, struct vmm_err *err)
{
    struct vmm_snapshot *snap = NULL;
    int fd = -1, r;

    r = restore(setup, &snap, true, err);
    if (r == 0)
        r = record_runs(setup, err);
    if (r == 0)
        r = fd = folder_rewrite(&setup->stage.dir, HOME_SNAPSHOT, err);
    if (r >= 0)
        r = vmm_snapshot_set_workset(setup->vm, fd, err);
    if (fd >= 0)
        close(fd);
    drop(setup, snap);
    return r;
}

int setup_first_run(struct setup *setup, struct vmm_err *err)
{
    struct vmm_snapshot *snap = NULL;
    struct vmm_outcome outcome = {.kind = VMM_BROKEN};
    int r = restore(setup, &snap, false, err);

    if (r == 0)
        r = try_run(setup, HV_RUN_CODE, &outcome, err);
    if (r == 0)
        snprintf(setup->note, sizeof(setup->note), "restore %s",
                 report_time(outcome.counters.restore_ns).s);
    drop(setup, snap);
    return r;
}
