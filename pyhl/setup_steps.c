// SPDX-License-Identifier: Apache-2.0
/*
 * What setup does, step by step, in the staging directory. A machine lives across boot, preload and
 * snapshot; the later steps open the snapshot from its file as `pyhl run` will. The machine boots
 * from the image's own initrd, which is copied meanwhile: most of that time is the host's, finding
 * memory for a large file.
 */
#include "files.h"
#include "home.h"
#include "image.h"
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

/* Opens one of the files made so far to read it. */
static int staged(const struct setup *setup, const char *name, struct vmm_err *err)
{
    return folder_read(&setup->stage.dir, name, FOLDER_NO_LINK, err);
}

static int begin_copy(struct setup *setup, struct vmm_err *err)
{
    int to = folder_make(&setup->stage.dir, HOME_INITRD, err);

    return to < 0 ? to
                  : copy_begin(&setup->copy, setup->image.initrd_fd, setup->image.initrd, to, err);
}

int setup_fetch(struct setup *setup, struct vmm_err *err)
{
    struct home_config *config = &setup->config;
    struct image *image = &setup->image;
    int r = image_fetch(setup->from, setup->initrd_max, &setup->stage.dir, image, err);

    if (r < 0) {
        setup->bad_usage = r == -EINVAL || r == -E2BIG;
        return r;
    }
    if (folder_size(&setup->stage.dir, HOME_KERNEL, &config->kernel_size, NULL, err) < 0 ||
        file_size(image->initrd_fd, image->initrd, &config->initrd_size, NULL, err) < 0 ||
        (!image->unpacked && begin_copy(setup, err) < 0))
        return -err->code;
    snprintf(setup->note, sizeof(setup->note), "%s",
             report_size(config->kernel_size + config->initrd_size).s);
    return 0;
}

/* What boots, for the library: names of open files, so that it is the same at every step. */
struct boot_files {
    int kernel_fd; /* close it */
    char kernel[FILE_FD_PATH], initrd[FILE_FD_PATH];
};

static int open_boot_files(const struct setup *setup, struct boot_files *files, struct vmm_err *err)
{
    files->kernel_fd = staged(setup, HOME_KERNEL, err);
    if (files->kernel_fd < 0)
        return files->kernel_fd;
    file_fd_path(files->kernel_fd, files->kernel);
    file_fd_path(setup->image.initrd_fd, files->initrd);
    return 0;
}

int setup_identify(struct setup *setup, struct vmm_err *err)
{
    struct home_config *config = &setup->config;
    const struct image_config *image = &setup->image.config;
    struct boot_files files;
    char key[33];
    int r;

    snprintf(config->version, sizeof(config->version), "%s", PYHL_VERSION);
    snprintf(config->image, sizeof(config->image), "%s", image->name);
    config->packages = image->packages;
    config->memory = setup->memory   ? setup->memory
                     : image->memory ? image->memory
                                     : VMM_MEMORY_DEFAULT;
    if (config->memory < image->memory_min) {
        setup->bad_usage = true;
        return vmm_err_set(err, EINVAL, "--memory %s: the image needs %s at least",
                           report_size(config->memory).s, report_size(image->memory_min).s);
    }
    r = open_boot_files(setup, &files, err);
    if (r < 0)
        return r;
    r = vmm_key_compute(files.kernel, files.initrd, config->memory, &config->key, err);
    close(files.kernel_fd);
    if (r < 0)
        return r;
    vmm_key_text(&config->key, key);
    snprintf(setup->note, sizeof(setup->note), "key %.12s...", key);
    return 0;
}

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

    r = open_boot_files(setup, &files, err);
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

int setup_copied(struct setup *setup, struct vmm_err *err)
{
    return copy_end(&setup->copy, err);
}

static int open_snapshot(const struct setup *setup, struct vmm_snapshot **snap, struct vmm_err *err)
{
    int fd = staged(setup, HOME_SNAPSHOT, err), initrd_fd = -1, r = fd;

    if (r >= 0)
        r = initrd_fd = staged(setup, HOME_INITRD, err);
    if (r >= 0)
        r = vmm_snapshot_open_fds(fd, initrd_fd, &setup->config.key, snap, err);
    if (initrd_fd >= 0)
        close(initrd_fd);
    if (fd >= 0)
        close(fd);
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
    int r = open_snapshot(setup, snap, err);

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

int setup_check(struct setup *setup, struct vmm_err *err)
{
    struct vmm_snapshot_info info;
    struct vmm_snapshot *snap = NULL;
    int r = open_snapshot(setup, &snap, err);

    if (r < 0)
        return r;
    r = vmm_snapshot_verify(snap, err);
    vmm_snapshot_info(snap, &info);
    snprintf(setup->note, sizeof(setup->note), "%llu pages, %llu + %llu in set",
             (unsigned long long)info.data_pages, (unsigned long long)info.workset_pages,
             (unsigned long long)info.workset_longer);
    vmm_snapshot_close(snap);
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

static int write_ini(const struct setup *setup, struct vmm_err *err)
{
    const struct folder *dir = &setup->stage.dir;
    char *text;
    size_t len;
    int fd, r;

    if (config_format_home(&setup->config, &text, &len, err) < 0)
        return -err->code;
    fd = folder_make(dir, HOME_INI, err);
    r = fd < 0 ? fd : file_pwrite(fd, text, len, 0);
    if (fd >= 0 && r < 0)
        vmm_err_set(err, -r, "%s/%s: %s", dir->path, HOME_INI, strerror(-r));
    if (fd >= 0 && close(fd) < 0 && r == 0)
        r = folder_fail(dir, HOME_INI, err);
    free(text);
    return r;
}

int setup_install(struct setup *setup, struct vmm_err *err)
{
    struct home_config *config = &setup->config;
    int fd = staged(setup, HOME_SNAPSHOT, err), r;

    if (fd < 0)
        return fd;
    r = file_size(fd, HOME_SNAPSHOT, &config->snapshot_size, &setup->snapshot_disk, err);
    if (r == 0)
        r = file_inode(fd, HOME_SNAPSHOT, &config->snapshot_inode, err);
    close(fd);
    if (r == 0)
        r = write_ini(setup, err);
    return r == 0 ? stage_publish(&setup->stage, err) : r;
}

void setup_free(struct setup *setup)
{
    struct vmm_err ignored;

    vmm_destroy(setup->vm);
    setup->vm = NULL;
    (void)copy_end(&setup->copy, &ignored);
    if (setup->image.initrd_fd >= 0)
        close(setup->image.initrd_fd);
    setup->image.initrd_fd = -1;
    free(setup->image.config.packages.text);
}
