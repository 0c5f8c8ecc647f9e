// SPDX-License-Identifier: Apache-2.0
/*
 * The work folder gets a file for each list of requirements, an empty uv.toml, so that uv looks for
 * no other one above it, and the folder that uv installs to.
 */
#include "packages.h"
#include "files.h"
#include "message.h"
#include "packages_lock.h"
#include "packages_dist.h"
#include "packages_said.h"
#include "packages_stubs.h"
#include "packages_tree.h"
#include "packages_uv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PACKAGES_ARGS       32u
#define PACKAGES_FOLDER     "site"
#define PACKAGES_RECORD_MAX (64u << 20) /* bytes: 100,000 files with long names */

/* What is known while the packages are resolved. */
struct resolver {
    const struct package_request *request;
    const struct package_dists *dists;
    struct package_tree *tree;
    struct folder work;   /* the work folder */
    struct folder folder; /* in it: the tree */
    struct stubs stubs;
    char uv[PATH_MAX];
    char python[16]; /* the image's version, "3.13.5" */
    struct said_image image;
};

/* Finds the version of the image's package whose name begins so and goes on with digits and dots.
 */
static bool packages_version(const struct packages *packages, const char *name, char *out,
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

/* Which Python the image has, and which glibc. */
static int packages_image(struct resolver *r, struct vmm_err *err)
{
    char glibc[16];

    if (!packages_version(r->dists->versions, "python3", r->python, sizeof(r->python)) ||
        !packages_version(r->dists->versions, "libc6", glibc, sizeof(glibc)) ||
        strncmp(glibc, "2.", 2) != 0) {
        return vmm_err_set(err, EINVAL,
                           "packages need an image with Python: this one lists no python3 and "
                           "libc6");
    }
    r->image =
        (struct said_image){.python = r->python, .glibc = (unsigned)strtoul(glibc + 2, NULL, 10)};
    return 0;
}

/* Writes the lines of the request that begin with `mark`, without it, to a file; without a mark
 * those that begin with no "#". *any tells whether there are any. */
static int packages_write(const struct resolver *r, const char *name, const char *mark, bool *any,
                          struct vmm_err *err)
{
    const int fd = folder_make(&r->work, name, err);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;

    *any = false;
    if (out == NULL) {
        return fd < 0 ? fd : vmm_err_set(err, ENOMEM, "out of memory");
    }
    for (const char *line = r->request->text; *line;) {
        const size_t len = strcspn(line, "\n");

        if (*mark ? strncmp(line, mark, strlen(mark)) == 0 : *line != '#') {
            fprintf(out, "%.*s\n", (int)(len - strlen(mark)), line + strlen(mark));
            *any = true;
        }
        line += len + (line[len] == '\n');
    }
    return fclose(out) != 0 ? folder_fail(&r->work, name, err) : 0;
}

/* Makes the work folder's files. */
static int packages_prepare(struct resolver *r, const char *work_dir, bool *constraints,
                            struct vmm_err *err)
{
    bool any;
    int rc = folder_open(&r->work, work_dir, err), fd;

    if (rc < 0) {
        return rc;
    }
    if (snprintf(r->tree->dir, PATH_MAX, "%s/" PACKAGES_FOLDER, work_dir) >= PATH_MAX) {
        r->tree->dir[0] = 0;
        return vmm_err_set(err, ENAMETOOLONG, "%.300s: path too long", work_dir);
    }
    if (mkdirat(r->work.fd, PACKAGES_FOLDER, 0755) < 0) {
        r->tree->dir[0] = 0;
        return folder_fail(&r->work, PACKAGES_FOLDER, err);
    }
    rc = folder_open_in(&r->folder, &r->work, PACKAGES_FOLDER, r->tree->dir, err);
    if (rc == 0) {
        rc = fd = folder_make(&r->work, "uv.toml", err);
        if (fd >= 0) {
            rc = close(fd) < 0 ? folder_fail(&r->work, "uv.toml", err) : 0;
        }
    }
    rc = rc == 0 ? packages_write(r, "requirements.txt", "", &any, err) : rc;
    return rc == 0 ? packages_write(r, "constraints.txt", "#c ", constraints, err) : rc;
}

/* A list of arguments that grows. */
struct arguments {
    const char **items;
    size_t count;
    bool failed; /* no memory */
};

static void packages_arg(struct arguments *args, const char *arg)
{
    const char **items = realloc(args->items, (args->count + 2) * sizeof(*items));

    args->items = items != NULL ? items : args->items;
    if (items == NULL || arg == NULL) {
        args->failed = true;
        return;
    }
    items[args->count++] = arg;
    items[args->count] = NULL;
}

/* The packages that are named are upgraded, and others only as these need it: what the image has
 * is kept where it fits. The names are a copy, which is added to `names`. */
static void packages_upgrades(const struct resolver *r, struct arguments *args,
                              struct arguments *names)
{
    const char *text = r->request->text;
    char name[DIST_NAME];

    while (dist_requirement(&text, name)) {
        char *copy = *name ? strdup(name) : NULL;

        if (*name) {
            packages_arg(args, "--upgrade-package");
            packages_arg(args, copy);
            packages_arg(names, copy);
        }
    }
}

/* uv's arguments. */
static void packages_args(const struct resolver *r, const char *platform, bool constraints,
                          bool offline, struct arguments *args)
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
        PACKAGES_FOLDER,
        "--python-version",
        r->python,
        "--python-platform",
        platform,
        "-r",
        "requirements.txt",
    };

    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
        packages_arg(args, fixed[i]);
    }
    for (size_t i = 0; i < r->request->find_links_count; i++) {
        packages_arg(args, "--find-links");
        packages_arg(args, r->request->find_links[i]);
    }
    if (constraints) {
        packages_arg(args, "-c");
        packages_arg(args, "constraints.txt");
    }
    if (offline) {
        packages_arg(args, "--offline");
    }
}

/* Runs uv once. What it says is kept in the tree. */
static int packages_uv(struct resolver *r, unsigned glibc, bool constraints, bool offline,
                       int *status, struct vmm_err *err)
{
    char platform[64];
    struct uv_run run = {.path = r->uv,
                         .dir = r->work.path,
                         .max_bytes = r->dists->max_bytes,
                         .verbose = r->request->verbose};
    struct arguments args = {0}, names = {0};
    int rc;

    snprintf(platform, sizeof(platform), "x86_64-manylinux_2_%u", glibc);
    packages_args(r, platform, constraints, offline, &args);
    if (r->request->upgrade) {
        packages_upgrades(r, &args, &names);
    }
    run.args = args.items;
    rc =
        args.failed || names.failed ? vmm_err_set(err, ENOMEM, "out of memory") : uv_run(&run, err);
    for (size_t i = 0; i < names.count; i++) {
        free((char *)(uintptr_t)names.items[i]);
    }
    free(names.items);
    free(args.items);
    free(r->tree->said);
    r->tree->said = run.said;
    *status = run.status;
    return rc;
}

/* Runs uv for the newest platform that it knows and the image can run. Folders of wheels are enough
 * by themselves where the index cannot be reached, so then it is run once more without network. */
static int packages_install(struct resolver *r, bool constraints, struct vmm_err *err)
{
    unsigned glibc = r->image.glibc, other;
    bool offline = r->request->offline;
    int status, rc = packages_uv(r, glibc, constraints, offline, &status, err);

    if (rc == 0 && status != 0 && (other = said_platform(r->tree->said, glibc)) > 0) {
        glibc = other;
        rc = packages_uv(r, glibc, constraints, offline, &status, err);
    }
    if (rc < 0 || status == 0) {
        return rc;
    }
    rc = said_why(r->tree->said, status, &r->image, err);
    if (rc == -EHOSTUNREACH && !offline && r->request->find_links_count > 0) {
        char *said = r->tree->said;
        struct vmm_err ignored;

        r->tree->said = NULL;
        if (packages_uv(r, glibc, constraints, true, &status, &ignored) == 0 && status == 0) {
            free(said);
            return 0;
        }
        free(r->tree->said);
        r->tree->said = said;
    }
    said_shorten(r->tree->said);
    return rc;
}

/* Writes the package's own lines of a RECORD in its place. The file is a new one: the old one may
 * be uv's, by another name. */
static int packages_record(const struct folder *dist, const char *text, struct vmm_err *err)
{
    int fd = folder_remove(dist, "RECORD", err);
    const char *line;
    FILE *out;
    size_t len;

    fd = fd == 0 ? folder_make(dist, "RECORD", err) : fd;
    out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (out == NULL) {
        return fd < 0 ? fd : vmm_err_set(err, ENOMEM, "out of memory");
    }
    while ((line = dist_record_own(&text, &len)) != NULL) {
        fprintf(out, "%.*s\n", (int)len, line);
    }
    return fclose(out) != 0 ? folder_fail(dist, "RECORD", err) : 0;
}

/* Removes what tells of this host, such as where a package came from: the same package is the same
 * wherever it was. */
static int packages_forget(void *arg, const struct folder *dist, struct vmm_err *err)
{
    static const char *const files[] = {"direct_url.json", "uv_cache.json", "uv_build.json"};
    int fd = folder_read(dist, "RECORD", FOLDER_NO_LINK, err), rc = fd;
    char *text = NULL;
    size_t len;

    (void)arg;
    if (fd >= 0) {
        rc = file_read(fd, dist->path, PACKAGES_RECORD_MAX, &text, &len, err);
        close(fd);
    }
    rc = rc == 0 ? packages_record(dist, text, err) : rc;
    free(text);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files) && rc == 0; i++) {
        rc = folder_remove(dist, files[i], err);
    }
    return rc;
}

/* Removes what is no part of a package: uv's lock, and commands, which begin with the path of a
 * Python of this host. */
static int packages_tidy(const struct resolver *r, struct vmm_err *err)
{
    char bin[PATH_MAX + sizeof("/bin/__init__.py")];

    if (folder_remove(&r->folder, ".lock", err) < 0 ||
        stubs_each(&r->folder, packages_forget, NULL, err) < 0) {
        return -err->code;
    }
    snprintf(bin, sizeof(bin), "%s/bin/__init__.py", r->tree->dir);
    if (access(bin, F_OK) == 0) {
        return 0;
    }
    *strrchr(bin, '/') = 0;
    return tree_remove(bin, err);
}

static int packages_steps(struct resolver *r, const char *work_dir, struct vmm_err *err)
{
    struct package_tree *tree = r->tree;
    struct tree_sum sum;
    bool constraints;

    if (uv_find(r->uv, err) < 0 || packages_image(r, err) < 0 ||
        packages_prepare(r, work_dir, &constraints, err) < 0 ||
        stubs_put(&r->stubs, &r->folder, r->dists, err) < 0 ||
        packages_install(r, constraints, err) < 0 ||
        stubs_take(&r->stubs, &r->folder, &tree->replaces, err) < 0 || packages_tidy(r, err) < 0 ||
        tree_check(&r->folder, PACKAGES_ENTRIES, r->dists->max_bytes, &sum, err) < 0) {
        return -err->code;
    }
    free(tree->said);
    tree->said = NULL;
    tree->bytes = sum.bytes;
    tree->entries = sum.entries;
    return lock_read(&r->folder, r->request, &sum, tree, err);
}

int packages_resolve(const struct package_request *request, const struct package_dists *dists,
                     const char *work_dir, struct package_tree *tree, struct vmm_err *err)
{
    struct resolver r = {.request = request,
                         .dists = dists,
                         .tree = tree,
                         .work = FOLDER_NONE,
                         .folder = FOLDER_NONE};
    int rc;

    *tree = (struct package_tree){0};
    rc = packages_steps(&r, work_dir, err);
    stubs_free(&r.stubs);
    folder_close(&r.folder);
    folder_close(&r.work);
    return rc;
}

int packages_dists(const struct package_tree *tree, const char *into, struct vmm_err *err)
{
    struct folder from, to = FOLDER_NONE;
    struct stubs stubs = {0};
    int rc = folder_open(&from, tree->dir, err);

    rc = rc == 0 ? folder_open(&to, into, err) : rc;
    rc = rc == 0 ? stubs_from_folder(&stubs, &to, &from, err) : rc;
    stubs_free(&stubs);
    folder_close(&from);
    folder_close(&to);
    return rc;
}

void package_tree_end(struct package_tree *tree)
{
    struct vmm_err err;

    if (tree->dir[0] && tree_remove(tree->dir, &err) < 0) {
        message("pyhl: %s\n", err.msg);
    }
    for (size_t i = 0; i < tree->module_count; i++) {
        free(tree->modules[i]);
    }
    free(tree->modules);
    free(tree->lock);
    free(tree->said);
    *tree = (struct package_tree){0};
}
