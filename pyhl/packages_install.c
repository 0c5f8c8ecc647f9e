// SPDX-License-Identifier: Apache-2.0
/*
 * uv is given the image's Python and the newest platform that it knows and the image can run. Only
 * wheels are taken.
 */
#include "packages_install.h"
#include "packages_dist.h"
#include "packages_uv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Finds the version of the image's package whose name begins so and goes on with digits and dots.
 */
static bool install_version(const struct packages *packages, const char *name, char *out,
                            size_t room)
{
    const char *line = packages->text;

    while (line != NULL && *line) {
        const char *rest = line + strlen(name), *value = strstr(line, " = ");

        if (strncmp(line, name, strlen(name)) == 0 && value != NULL &&
            rest + strspn(rest, "0123456789.") == value) {
            value += 3;
            snprintf(out, room, "%.*s", (int)strspn(value, "0123456789."), value);
            return *out != 0;
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return false;
}

int install_find(struct install *install, const struct packages *versions, struct vmm_err *err)
{
    char glibc[16];

    if (uv_find(install->uv, err) < 0) {
        return -err->code;
    }
    if (!install_version(versions, "python3", install->python, sizeof(install->python)) ||
        !install_version(versions, "libc6", glibc, sizeof(glibc)) || strncmp(glibc, "2.", 2) != 0) {
        return vmm_err_set(err, EINVAL,
                           "packages need an image with Python: this one lists no python3 and "
                           "libc6");
    }
    install->glibc = (unsigned)strtoul(glibc + 2, NULL, 10);
    return 0;
}

/* A list of arguments that grows; they are copies. */
struct arguments {
    char **items;
    size_t count;
    bool failed; /* no memory */
};

static void install_arg(struct arguments *args, const char *arg)
{
    char **items = realloc(args->items, (args->count + 2) * sizeof(*items));

    if (items == NULL) {
        args->failed = true;
        return;
    }
    args->items = items;
    items[args->count] = strdup(arg);
    args->failed = args->failed || items[args->count] == NULL;
    items[++args->count] = NULL;
}

static void install_args_free(struct arguments *args)
{
    for (size_t i = 0; i < args->count; i++) {
        free(args->items[i]);
    }
    free(args->items);
}

/* The packages that are named are upgraded, and others only as these need it: what the image has
 * is kept where it fits. */
static void install_upgrades(const struct install *install, struct arguments *args)
{
    const char *text = install->request->text;
    char name[DIST_NAME];

    while (dist_requirement(&text, name)) {
        if (*name) {
            install_arg(args, "--upgrade-package");
            install_arg(args, name);
        }
    }
}

/* Nothing is taken that was published after the request's time. */
static void install_newer(const struct install *install, struct arguments *args)
{
    const char *line = install->request->text;
    char text[64];

    if (strncmp(line, "#n ", 3) == 0) {
        snprintf(text, sizeof(text), "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
        install_arg(args, "--exclude-newer");
        install_arg(args, text);
    }
}

/* uv's arguments. */
static void install_args(const struct install *install, const char *platform, const char *target,
                         const char *pins, bool offline, struct arguments *args)
{
    /* --system: a virtual environment in a directory above the work folder is not looked for. */
    const char *const fixed[] = {
        "uv",
        "pip",
        "install",
        "--system",
        "--no-progress",
        "--color",
        "never",
        "--link-mode",
        "hardlink",
        "--no-compile-bytecode",
        "--only-binary",
        ":all:",
        "--target",
        target,
        "--python-version",
        install->python,
        "--python-platform",
        platform,
        "-r",
        "requirements.txt",
    };

    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
        install_arg(args, fixed[i]);
    }
    for (size_t i = 0; i < install->request->find_links_count; i++) {
        install_arg(args, "--find-links");
        install_arg(args, install->request->find_links[i]);
    }
    if (install->constraints) {
        install_arg(args, "-c");
        install_arg(args, "constraints.txt");
    }
    if (pins != NULL) {
        install_arg(args, "-c");
        install_arg(args, pins);
    }
    if (offline) {
        install_arg(args, "--offline");
    }
}

/* Runs uv once. What it says is kept. */
static int install_uv(struct install *install, const char *target, const char *pins, bool offline,
                      int *status, struct vmm_err *err)
{
    char platform[64];
    struct uv_run run = {.path = install->uv,
                         .dir = install->work,
                         .max_bytes = install->max_bytes,
                         .verbose = install->request->verbose};
    struct arguments args = {0};
    int rc;

    snprintf(platform, sizeof(platform), "x86_64-manylinux_2_%u",
             install->platform ? install->platform : install->glibc);
    install_args(install, platform, target, pins, offline, &args);
    install_newer(install, &args);
    if (install->request->upgrade) {
        install_upgrades(install, &args);
    }
    run.args = (const char *const *)args.items;
    rc = args.failed ? vmm_err_set(err, ENOMEM, "out of memory") : uv_run(&run, err);
    install_args_free(&args);
    free(install->said);
    install->said = run.said;
    *status = run.status;
    return rc;
}

/* Runs uv without network. Restores what it said before when that fails, too. */
static bool install_offline(struct install *install, const char *target, const char *pins)
{
    char *said = install->said;
    struct vmm_err ignored;
    int status;

    install->said = NULL;
    if (install_uv(install, target, pins, true, &status, &ignored) == 0 && status == 0) {
        free(said);
        return true;
    }
    free(install->said);
    install->said = said;
    return false;
}

int install_run(struct install *install, const char *target, const char *pins, struct vmm_err *err)
{
    const struct said_image image = {.python = install->python, .glibc = install->glibc};
    const bool offline = install->request->offline;
    int status, rc = install_uv(install, target, pins, offline, &status, err);

    if (rc == 0 && status != 0 && install->platform == 0) {
        install->platform = said_platform(install->said, install->glibc);
        if (install->platform > 0) {
            rc = install_uv(install, target, pins, offline, &status, err);
        }
    }
    if (rc == 0 && status != 0) {
        rc = said_why(install->said, status, &image, err);
    }
    /* Folders of wheels are enough by themselves where the index cannot be reached. */
    if (rc == -EHOSTUNREACH && !offline && install->request->find_links_count > 0 &&
        install_offline(install, target, pins)) {
        rc = 0;
    }
    if (rc == 0) {
        free(install->said);
        install->said = NULL;
    } else if (install->said != NULL) {
        said_shorten(install->said);
    }
    return rc;
}
