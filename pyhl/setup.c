// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl setup: fetch an image, boot it once, preload, snapshot, try it out, install. The steps are
 * one table; each leaves a note (what it made) in struct setup and fails with a message. Nothing is
 * visible at the home's place before the last step.
 */
#include "cmd.h"
#include "setup.h"
#include "home.h"
#include "image.h"
#include "message.h"
#include "report.h"
#include "signals.h"
#include "stage.h"
#include "vmm/abi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct setup_options {
    const char *from, *dest;
    uint64_t memory, max_initrd;
    struct package_options packages;
    bool force;
};

static const struct opt setup_opts[] = {
    {.name = "from",
     .kind = OPT_TEXT,
     .offset = offsetof(struct setup_options, from),
     .arg = "DIR",
     .help = "the image: a directory, or a tar archive of one; required"},
    {.name = "dest",
     .kind = OPT_TEXT,
     .offset = offsetof(struct setup_options, dest),
     .arg = "DIR",
     .help = "the home to make (else $PYHL_HOME, ./.pyhl)"},
    {.name = "memory",
     .kind = OPT_SIZE,
     .offset = offsetof(struct setup_options, memory),
     .arg = "SIZE",
     .help = "guest memory (else the image's, 1G)"},
    {.name = "max-initrd",
     .kind = OPT_SIZE,
     .offset = offsetof(struct setup_options, max_initrd),
     .arg = "SIZE",
     .help = "the largest initrd to take (4G)"},
    {.name = "force",
     .kind = OPT_FLAG,
     .offset = offsetof(struct setup_options, force),
     .help = "replace the home that is there"},
    PACKAGE_OPTIONS(struct setup_options, packages),
    OPT_END,
};

static const struct {
    const char *name;
    int (*run)(struct setup *setup, struct vmm_err *err);
    bool packages; /* only for a home with packages of its own */
} steps[] = {
    {.name = "fetch image", .run = setup_fetch},
    {.name = "identify", .run = setup_identify},
    {.name = "get packages", .run = setup_get_packages, .packages = true},
    {.name = "boot", .run = setup_boot},
    {.name = "preload", .run = setup_preload},
    {.name = "write snapshot", .run = setup_snapshot},
    {.name = "finish the copy", .run = setup_copied},
    {.name = "record working set", .run = setup_workset},
    {.name = "check every page", .run = setup_check},
    {.name = "first run", .run = setup_first_run},
    {.name = "import packages", .run = setup_import_packages, .packages = true},
    {.name = "install", .run = setup_install},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static int run_steps(struct setup *setup, struct vmm_err *err)
{
    for (size_t i = 0; i < STEPS; i++) {
        uint64_t began = report_now();
        int rc;

        if (steps[i].packages && setup->request.len == 0) {
            continue;
        }
        setup->note[0] = 0;
        report_begin(steps[i].name);
        rc = steps[i].run(setup, err);
        if (signals_last() && i + 1 < STEPS) {
            rc = vmm_err_set(err, EINTR, "stopped by a signal; nothing was installed");
        }
        if (rc < 0) {
            report_abandon();
            return rc;
        }
        report_end(steps[i].name, setup->note, report_now() - began);
    }
    return 0;
}

static void tell_waiting(const char *home)
{
    message("pyhl setup: waiting for another setup of '%s'\n", home);
}

/* Prints a text quoted for a shell. */
static void print_quoted(const char *text)
{
    putchar('\'');
    for (; *text != 0; text++) {
        if (*text == '\'') {
            printf("'\\''");
        } else {
            putchar(*text);
        }
    }
    putchar('\'');
}

static void summarise(const struct setup *setup, const char *dest, uint64_t began)
{
    const struct home_config *config = &setup->config;

    printf("installed %s in %s\n", config->image, report_time(report_now() - began).s);
    printf("  %s/%-12s %12s\n", setup->stage.home, HOME_KERNEL, report_size(config->kernel_size).s);
    printf("  %s/%-12s %12s\n", setup->stage.home, HOME_INITRD, report_size(config->initrd_size).s);
    printf("  %s/%-12s %12s on disk, guest memory %s\n", setup->stage.home, HOME_SNAPSHOT,
           report_size(setup->snapshot_disk).s, report_size(config->memory).s);
    if (config->layer_size > 0) {
        printf("  %s/%-12s %12s\n", setup->stage.home, HOME_LAYER,
               report_size(config->layer_size).s);
    }
    printf("try: %s run ", program_invocation_name);
    if (dest != NULL && strcmp(dest, HOME_LOCAL) != 0) {
        printf("--dest %s ", dest);
    }
    printf("-c ");
    print_quoted(setup->image.config.check);
    putchar('\n');
}

/* Tells the user when --from does not name the image that the home was made from. An archive is not
 * unpacked for that. */
static int compare_image(const char *from, const struct home_config *config, struct vmm_err *err)
{
    char kernel[PATH_MAX], initrd[PATH_MAX];
    struct vmm_key key;
    struct stat st;

    if (stat(from, &st) < 0) {
        return vmm_err_set(err, errno, "--from %s: %s", from, strerror(errno));
    }
    if (!S_ISDIR(st.st_mode)) {
        printf("%s is not looked at; to install it in its place: add --force\n", from);
        return 0;
    }
    if (snprintf(kernel, sizeof(kernel), "%s/" HOME_KERNEL, from) >= PATH_MAX ||
        snprintf(initrd, sizeof(initrd), "%s/" HOME_INITRD, from) >= PATH_MAX) {
        return vmm_err_set(err, ENAMETOOLONG, "--from %s: path too long", from);
    }
    if (vmm_key_compute(kernel, initrd, config->memory, &key, err) < 0) {
        return vmm_err_context(err, "--from %s", from);
    }
    if (memcmp(&key, &config->key, sizeof(key)) != 0) {
        printf("it was not made from %s as that is now; to install that: add --force\n", from);
    }
    return 0;
}

/* On a second setup tells the user what is there. False when that is not a working home. */
static bool is_installed(struct setup *setup, const struct setup_options *options,
                         struct vmm_err *err)
{
    struct vmm_snapshot *snap = NULL;
    struct home home;

    if (home_open_at(setup->stage.home, true, &home, err) < 0 ||
        home_snapshot(&home, &snap, err) < 0) {
        home_close(&home);
        return false;
    }
    vmm_snapshot_close(snap);
    printf("already installed: %s in %s, guest memory %s, %zu packages, made by pyhl %s\n",
           home.config.image, setup->stage.home, report_size(home.config.memory).s,
           home.config.packages.count, home.config.version);
    if (options->memory && options->memory != home.config.memory) {
        printf("--memory is not applied to it; to make it again: add --force\n");
    }
    if (setup->request.len > 0) {
        printf("its packages stay as they are; to make it with those asked for: add --force\n");
    }
    setup->bad_usage = compare_image(options->from, &home.config, err) < 0;
    home_close(&home);
    return true;
}

/* Decides what to do by what is at the home's place. Returns 0 to go on, 1 when there is nothing to
 * do. */
static int look(struct setup *setup, const struct setup_options *options, struct vmm_err *err)
{
    struct vmm_err why = {0};
    enum stage_place place;

    if (stage_look(&setup->stage, &place, err) < 0) {
        return -err->code;
    }
    if (place == STAGE_FOREIGN) {
        return vmm_err_set(err, EEXIST,
                           "'%s' holds something that pyhl did not make; it is left alone, choose "
                           "another --dest",
                           setup->stage.home);
    }
    if (place == STAGE_FREE || options->force) {
        return 0;
    }
    if (is_installed(setup, options, &why)) {
        return setup->bad_usage ? vmm_err_set(err, why.code, "%s", why.msg) : 1;
    }
    printf("replacing the home in %s, which cannot be used: %s\n", setup->stage.home, why.msg);
    return 0;
}

static int install(const struct cmd *cmd, struct setup *setup, const struct setup_options *options)
{
    uint64_t began = report_now();
    struct vmm_err err = {0};
    struct vmm_host host;
    int rc = vmm_host_probe(&host, &err);

    if (rc == 0) {
        rc = stage_lock(&setup->stage, home_default(options->dest), tell_waiting, &err);
    }
    if (rc == 0) {
        rc = look(setup, options, &err);
    }
    if (rc > 0) {
        return CMD_OK;
    }
    if (rc == 0) {
        rc = stage_begin(&setup->stage, &err);
    }
    if (rc == 0) {
        rc = run_steps(setup, &err);
    }
    if (rc == 0) {
        summarise(setup, options->dest, began);
        return CMD_OK;
    }
    cmd_fail(cmd, &err);
    message("%s", setup->tree.said != NULL ? setup->tree.said : "");
    if (signals_last()) {
        return CMD_SIGNALED + signals_last();
    }
    return setup->bad_usage ? CMD_USAGE : CMD_FAILED;
}

/* Ends the child and the copy, if they are left, and frees files and memory, but not the stage. */
static void release(struct setup *setup)
{
    struct vmm_err ignored;

    setup_guest_end(setup);
    setup_packages_end(setup);
    (void)copy_end(&setup->copy, &ignored);
    if (setup->image.initrd_fd >= 0) {
        close(setup->image.initrd_fd);
    }
    setup->image.initrd_fd = -1;
    free(setup->image.config.packages.text);
}

static int setup_main(const struct cmd *cmd, int argc, char **argv)
{
    struct setup_options options = {.max_initrd = IMAGE_INITRD_MAX};
    struct setup setup = {
        .stage = STAGE_NONE,
        .image = {.initrd_fd = -1},
        .file = -1,
        .output = -1,
        .nowhere = -1,
        .cache = CACHE_NONE,
        .work = CACHE_WORK_NONE,
    };
    struct vmm_err err;
    int status;

    if (!cmd_parse_options(cmd, argc, argv, &options, "the image is given with --from", &status)) {
        return status;
    }
    if (options.from == NULL) {
        return cmd_usage(cmd, "give the image with --from DIR (make image builds "
                              "build/images/python)");
    }
    if (options.memory && (options.memory < VMM_MEMORY_MIN || options.memory > VMM_MEMORY_MAX)) {
        return cmd_usage(cmd, "--memory %s: give %llu MiB to %llu GiB",
                         report_size(options.memory).s, VMM_MEMORY_MIN >> 20, VMM_MEMORY_MAX >> 30);
    }
    setup.from = options.from;
    setup.initrd_max = options.max_initrd;
    setup.memory = options.memory;
    if (packages_request(&options.packages, NULL, &setup.request, &err) < 0) {
        package_request_free(&setup.request);
        return cmd_usage(cmd, "%s", err.msg);
    }
    setup.request.verbose = 1;
    signals_catch(false);
    status = install(cmd, &setup, &options);
    release(&setup);
    stage_end(&setup.stage);
    package_options_free(&options.packages);
    return status;
}

const struct cmd cmd_setup = {
    .name = "setup",
    .summary = "Installs an image and makes the snapshot that scripts run from",
    .synopsis = "setup --from DIR [--dest DIR] [--force] [--memory SIZE] [--max-initrd SIZE]\n"
                "      [--with REQUIREMENT] [-r FILE] [--find-links DIR] [--offline]",
    .notes =
        "A second setup says what is there and changes nothing, unless --force is given. A setup "
        "that fails\nor is killed leaves the old home, or none.",
    .opts = setup_opts,
    .run = setup_main,
};
