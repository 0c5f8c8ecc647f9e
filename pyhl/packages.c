// SPDX-License-Identifier: Apache-2.0
/*
 * The work folder gets a file for each list of requirements, an empty uv.toml, so that uv looks for
 * no other one above it, and the folder that uv installs to.
 *
 * uv replaces packages of the image more often than it has to: the newest version of what is asked
 * for may want newer ones, or none of them is wanted at all. Where it has replaced any, it installs
 * once more with the image's versions fixed. That is taken when what was asked for comes out the
 * same.
 */
#include "packages.h"
#include "files.h"
#include "message.h"
#include "packages_dist.h"
#include "packages_install.h"
#include "packages_lock.h"
#include "packages_stubs.h"
#include "packages_tree.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PACKAGES_FREE       "site"
#define PACKAGES_FIXED      "fixed"
#define PACKAGES_RECORD_MAX (64u << 20) /* bytes: 100,000 files with long names */

/* What is known while the packages are resolved. */
struct resolver {
    const struct package_request *request;
    const struct package_dists *dists;
    struct package_tree *tree;
    struct folder work; /* the work folder */
    struct install install;
};

/* One installation. */
struct attempt {
    char path[PATH_MAX]; /* empty: the folder was not made */
    struct folder folder;
    struct stubs stubs;
};
#define ATTEMPT_NONE ((struct attempt){.folder = FOLDER_NONE})

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
static int packages_prepare(struct resolver *r, const char *work_dir, struct vmm_err *err)
{
    int rc = folder_open(&r->work, work_dir, err), fd;
    bool any;

    if (rc < 0) {
        return rc;
    }
    r->install.work = r->work.path;
    fd = folder_make(&r->work, "uv.toml", err);
    if (fd < 0) {
        return fd;
    }
    close(fd);
    rc = packages_write(r, "requirements.txt", "", &any, err);
    return rc == 0 ? packages_write(r, "constraints.txt", "#c ", &r->install.constraints, err) : rc;
}

/* Writes the versions of the stubs as constraints. */
static int packages_pin(const struct resolver *r, const struct stubs *stubs, const char *name,
                        struct vmm_err *err)
{
    const int fd = folder_make(&r->work, name, err);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;

    if (out == NULL) {
        return fd < 0 ? fd : vmm_err_set(err, ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < stubs->count; i++) {
        const char *stub = stubs->names[i];
        const size_t package = strcspn(stub, "-"), whole = strlen(stub) - strlen(".dist-info");

        fprintf(out, "%.*s==%.*s\n", (int)package, stub, (int)(whole - package - 1),
                stub + package + 1);
    }
    return fclose(out) != 0 ? folder_fail(&r->work, name, err) : 0;
}

/* Installs into a folder of that name in the work folder; with `fixed` the versions of what is
 * there already are fixed. */
static int attempt_run(struct resolver *r, const char *name, bool fixed, struct attempt *attempt,
                       struct vmm_err *err)
{
    static const char pins[] = "fixed.txt";

    *attempt = ATTEMPT_NONE;
    if (snprintf(attempt->path, PATH_MAX, "%s/%s", r->work.path, name) >= PATH_MAX) {
        attempt->path[0] = 0;
        return vmm_err_set(err, ENAMETOOLONG, "%.300s: path too long", r->work.path);
    }
    if (mkdirat(r->work.fd, name, 0755) < 0) {
        attempt->path[0] = 0;
        return folder_fail(&r->work, name, err);
    }
    if (folder_open_in(&attempt->folder, &r->work, name, attempt->path, err) < 0 ||
        stubs_put(&attempt->stubs, &attempt->folder, r->dists, err) < 0 ||
        (fixed && packages_pin(r, &attempt->stubs, pins, err) < 0)) {
        return -err->code;
    }
    return install_run(&r->install, name, fixed ? pins : NULL, err);
}

/* Removes its folder as well. */
static void attempt_end(struct attempt *attempt)
{
    struct vmm_err err;

    stubs_free(&attempt->stubs);
    folder_close(&attempt->folder);
    if (attempt->path[0] && file_remove_tree(attempt->path, &err) < 0) {
        message("pyhl: %s\n", err.msg);
    }
    *attempt = ATTEMPT_NONE;
}

/* What two attempts are compared by. */
struct comparison {
    const struct resolver *r;
    const struct attempt *free, *fixed;
    bool same;
};

/* Whether a package that was asked for has the same version in both. One that the image has, too,
 * counts only when it was to be upgraded. */
static int packages_compare(void *arg, const struct folder *dist, struct vmm_err *err)
{
    struct comparison *c = arg;
    const size_t named = strcspn(dist->path, "-");
    char name[DIST_NAME], path[NAME_MAX * 2];

    (void)err;
    if (!dist_name(dist->path, named, name) || !lock_wants(c->r->request, name) ||
        (stubs_have(&c->free->stubs, name) && !c->r->request->upgrade)) {
        return 0;
    }
    (void)snprintf(path, sizeof(path), "%.*s/METADATA", NAME_MAX, dist->path);
    if (faccessat(c->fixed->folder.fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        c->same = false;
    }
    return 0;
}

/* Installs, and decides between what comes out freely and with the image's versions fixed. */
static int packages_choose(struct resolver *r, struct attempt *chosen, struct vmm_err *err)
{
    struct comparison comparison = {.r = r, .free = chosen, .same = true};
    struct attempt fixed = ATTEMPT_NONE, other;
    struct vmm_err why;
    int rc = attempt_run(r, PACKAGES_FREE, false, chosen, err);

    if (rc < 0 || !stubs_replaced(&chosen->stubs, &chosen->folder)) {
        return rc;
    }
    rc = attempt_run(r, PACKAGES_FIXED, true, &fixed, &why);
    comparison.fixed = &fixed;
    if (rc == 0 && stubs_each(&chosen->folder, packages_compare, &comparison, &why) == 0 &&
        (comparison.same || (r->dists->keep && !r->request->upgrade))) {
        other = *chosen;
        *chosen = fixed;
        fixed = other;
    }
    attempt_end(&fixed);
    return rc == -EINTR || rc == -ENOMEM ? vmm_err_set(err, -rc, "%s", why.msg) : 0;
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
static int packages_tidy(const struct attempt *a, struct vmm_err *err)
{
    char bin[PATH_MAX + sizeof("/bin/__init__.py")];

    if (folder_remove(&a->folder, ".lock", err) < 0 ||
        stubs_each(&a->folder, packages_forget, NULL, err) < 0) {
        return -err->code;
    }
    snprintf(bin, sizeof(bin), "%s/bin/__init__.py", a->path);
    if (access(bin, F_OK) == 0) {
        return 0;
    }
    *strrchr(bin, '/') = 0;
    return file_remove_tree(bin, err);
}

static int packages_steps(struct resolver *r, const char *work_dir, struct attempt *chosen,
                          struct vmm_err *err)
{
    struct package_tree *tree = r->tree;
    struct tree_sum sum;

    if (install_find(&r->install, r->dists->versions, err) < 0 ||
        packages_prepare(r, work_dir, err) < 0 || packages_choose(r, chosen, err) < 0 ||
        stubs_take(&chosen->stubs, &chosen->folder, &tree->replaces, err) < 0 ||
        packages_tidy(chosen, err) < 0 ||
        tree_check(&chosen->folder, PACKAGES_ENTRIES, r->dists->max_bytes, &sum, err) < 0) {
        return -err->code;
    }
    tree->bytes = sum.bytes;
    tree->entries = sum.entries;
    return lock_read(&chosen->folder, r->request, &sum, tree, err);
}

int packages_resolve(const struct package_request *request, const struct package_dists *dists,
                     const char *work_dir, struct package_tree *tree, struct vmm_err *err)
{
    struct resolver r = {
        .request = request,
        .dists = dists,
        .tree = tree,
        .work = FOLDER_NONE,
        .install = {.request = request, .max_bytes = dists->max_bytes},
    };
    struct attempt chosen = ATTEMPT_NONE;
    int rc;

    *tree = (struct package_tree){0};
    rc = packages_steps(&r, work_dir, &chosen, err);
    if (rc == 0) {
        strcpy(tree->dir, chosen.path);
        chosen.path[0] = 0;
    }
    attempt_end(&chosen);
    tree->said = r.install.said;
    folder_close(&r.work);
    return rc;
}

int packages_too_large(struct package_tree *tree, uint64_t memory, const char *option,
                       struct vmm_err *err)
{
    free(tree->said);
    tree->said = NULL;
    return vmm_err_set(err, E2BIG,
                       "the packages are larger than the memory of a VM, %s: more is given by %s",
                       report_size(memory).s, option);
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

    if (tree->dir[0] && file_remove_tree(tree->dir, &err) < 0) {
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
