// SPDX-License-Identifier: Apache-2.0
/*
 * What uv takes as installed are stubs: a folder with a METADATA for each package that the VM says
 * it has, of which only name and version are taken. They and what uv unpacks lie in the cache
 * folder's work/, where what a killed process leaves is found and removed.
 */
#include "packages_more.h"
#include "dists.h"
#include "files.h"
#include "packages_dist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MORE_TREE  "tree"
#define MORE_STUBS "stubs"

/* A path in the folder of the work. */
static int more_path(const struct more *p, char path[PATH_MAX], const char *name,
                     struct vmm_err *err)
{
    return snprintf(path, PATH_MAX, "%s/%s", p->work.dir.path, name) < PATH_MAX
               ? 0
               : vmm_err_set(err, ENAMETOOLONG, "%.300s: path too long", p->work.dir.path);
}

/* Makes a folder there. */
static int more_folder(const struct more *p, char path[PATH_MAX], const char *name,
                       struct vmm_err *err)
{
    const int rc = more_path(p, path, name, err);

    return rc == 0 && mkdir(path, 0700) < 0
               ? vmm_err_set(err, errno, "%.300s: %s", path, strerror(errno))
               : rc;
}

/* Another process looks at the moment whether the lock is that of a process which was killed. */
static void more_waiting(const void *arg)
{
    (void)arg;
}

/* What is needed for any install is opened at the first. */
static int more_ready(struct more *p, struct vmm_err *err)
{
    char name[32];
    int rc;

    if (p->ready) {
        return 0;
    }
    home_close(&p->home);
    cache_end(&p->work);
    cache_close(&p->cache);
    (void)snprintf(name, sizeof(name), "session-%d", (int)getpid());
    rc = home_open(p->wish->home, true, &p->home, err);
    rc = rc == 0 ? cache_open(true, &p->cache, err) : rc;
    rc = rc == 0 ? cache_begin(&p->cache, name, more_waiting, NULL, &p->work, err) : rc;
    p->ready = rc == 0;
    return rc;
}

/* Takes NAME-VERSION apart; *name is in its normal form, *version a part of the text. */
static bool more_split(const char *text, char name[DIST_NAME], const char **version)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "._+!";
    const char *dash = strrchr(text, '-');

    *version = dash != NULL ? dash + 1 : "";
    return **version != 0 && (*version)[strspn(*version, good)] == 0 &&
           strlen(*version) < DIST_VERSION && dist_name(text, (size_t)(dash - text), name);
}

/* Makes the stub of a package. What has no name and version is left out, and what is there twice.
 */
static int more_stub(const struct folder *stubs, const char *text, struct vmm_err *err)
{
    char name[DIST_NAME], folder[DIST_NAME + DIST_VERSION + 16], metadata[2 * sizeof(folder)];
    struct folder dist;
    const char *version;
    int fd, rc;

    if (!more_split(text, name, &version)) {
        return 0;
    }
    (void)snprintf(folder, sizeof(folder), "%s-%s.dist-info", name, version);
    (void)snprintf(metadata, sizeof(metadata), "Metadata-Version: 2.1\nName: %s\nVersion: %s\n",
                   name, version);
    if (mkdirat(stubs->fd, folder, 0700) < 0) {
        return errno == EEXIST ? 0 : folder_fail(stubs, folder, err);
    }
    rc = folder_open_in(&dist, stubs, folder, folder, err);
    if (rc < 0) {
        return rc;
    }
    rc = fd = folder_make(&dist, "METADATA", err);
    if (fd >= 0) {
        rc = file_pwrite(fd, metadata, strlen(metadata), 0);
        rc = rc < 0 ? vmm_err_set(err, -rc, "%s: %s", folder, strerror(-rc)) : 0;
        close(fd);
    }
    folder_close(&dist);
    return rc;
}

/* Makes those of the packages that the home has of its own. */
static int more_stubs_of_home(const struct more *p, const struct folder *stubs, struct vmm_err *err)
{
    char *text = NULL;
    size_t len;
    int fd = home_file(&p->home, HOME_DISTS, err);
    int rc = fd < 0 ? fd : file_read(fd, HOME_DISTS, DISTS_MAX, &text, &len, err);

    if (fd >= 0) {
        close(fd);
    }
    rc = rc == 0 ? dists_unpack(text, stubs, err) : rc;
    free(text);
    return rc;
}

static int more_stubs(const struct more *p, const struct opt_list *have, char path[PATH_MAX],
                      struct vmm_err *err)
{
    struct folder stubs = FOLDER_NONE;
    int rc = more_folder(p, path, MORE_STUBS, err);

    rc = rc == 0 ? folder_open(&stubs, path, err) : rc;
    if (rc == 0 && have == NULL && p->home.config.layer_size > 0) {
        rc = more_stubs_of_home(p, &stubs, err);
    }
    for (size_t i = 0; rc == 0 && have != NULL && i < have->count; i++) {
        rc = more_stub(&stubs, have->items[i], err);
    }
    folder_close(&stubs);
    return rc;
}

/* Has uv resolve the words for the VM. */
static int more_resolve(struct more *p, const struct opt_list *have, const struct opt_list *words,
                        struct vmm_err *err)
{
    const struct package_options options = {.with = *words,
                                            .find_links = p->wish->packages->find_links,
                                            .offline = p->wish->packages->offline};
    struct package_request request = {0};
    struct package_dists dists = {.versions = &p->home.config.packages,
                                  .max_bytes = p->home.config.memory};
    char stubs[PATH_MAX], work[PATH_MAX];
    int rc;

    dists.initrd_fd = home_file(&p->home, HOME_INITRD, err);
    rc = dists.initrd_fd < 0 ? dists.initrd_fd : more_stubs(p, have, stubs, err);
    dists.more_dir = stubs;
    rc = rc == 0 ? more_folder(p, work, MORE_TREE, err) : rc;
    rc = rc == 0 ? packages_request(&options, NULL, &request, err) : rc;
    rc = rc == 0 ? packages_resolve(&request, &dists, work, &p->tree, err) : rc;
    package_request_free(&request);
    if (dists.initrd_fd >= 0) {
        close(dists.initrd_fd);
    }
    return rc;
}

/* The packages of the tree, as lines "NAME==VERSION". To be freed. */
static char *more_names(const struct package_tree *tree)
{
    const char *line = tree->lock;
    char *names = calloc(1, tree->lock_len + 1), *to = names;

    for (; names != NULL && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const size_t n = strcspn(line, " \n");

        if (memmem(line, n, "==", 2) != NULL) {
            memcpy(to, line, n);
            to += n;
            *to++ = '\n';
        }
    }
    return names;
}

/* Files that were copied in cannot be taken back, so of a package that the VM has there can be no
 * other version. */
static int more_check_have(const struct more *p, const struct opt_list *have, struct vmm_err *err)
{
    const char *names = p->names;

    for (const char *line = names; *line; line += strcspn(line, "\n") + 1) {
        const size_t len = strcspn(line, "\n"), end = strcspn(line, "=");
        char name[DIST_NAME], old[DIST_NAME];
        const char *version;

        for (size_t i = 0; i < have->count && dist_name(line, end, name); i++) {
            if (more_split(have->items[i], old, &version) && strcmp(old, name) == 0 &&
                (strlen(version) != len - end - 2 ||
                 strncmp(version, line + end + 2, len - end - 2) != 0)) {
                return vmm_err_set(err, EEXIST,
                                   "%.*s would take the place of %s %s, which the session has: %s",
                                   (int)len, line, old, version, p->wish->advice);
            }
        }
    }
    return 0;
}

static int more_remove(const struct more *p, const char *name, struct vmm_err *err)
{
    char path[PATH_MAX];
    const int rc = more_path(p, path, name, err);

    return rc == 0 && access(path, F_OK) == 0 ? file_remove_tree(path, err) : rc;
}

/* Lists the tree's files. */
static int more_list(struct more *p, struct vmm_err *err)
{
    char *word = NULL;
    struct copy_options options = {.max_entries = PACKAGES_ENTRIES + 1};
    int rc;

    if (asprintf(&word, "%s:" PACKAGES_SITE, p->tree.dir) < 0) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    options.in = (struct opt_list){.items = (const char *[]){word, NULL}, .count = 1};
    rc = copies_list(&options, "/", NULL, &p->files, err);
    free(word);
    return rc;
}

void more_begin(struct more *more, const struct install_wish *wish)
{
    *more = (struct more){.wish = wish,
                          .home = {.dir = FOLDER_NONE},
                          .cache = CACHE_NONE,
                          .work = CACHE_WORK_NONE,
                          .reader = {.fd = -1}};
    more->reader.list = &more->files;
}

int more_find(struct more *more, const struct opt_list *have, const struct opt_list *words,
              struct vmm_err *err)
{
    int rc = more_ready(more, err);

    rc = rc == 0 ? more_resolve(more, have, words, err) : rc;
    if (rc < 0 || more->tree.entries == 0) {
        return rc;
    }
    more->names = more_names(&more->tree);
    if (more->names == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    if (have != NULL) {
        rc = more_check_have(more, have, err);
    } else if (more->tree.replaces && more->home.config.layer_size > 0) {
        rc = vmm_err_set(err, ENOTSUP,
                         "another version of a package is wanted, and the server's home has "
                         "packages of its own (pyhl setup --with)");
    }
    return rc == 0 ? more_list(more, err) : rc;
}

int more_drop(struct more *more, struct vmm_err *err)
{
    int rc = 0;

    copies_reader_close(&more->reader);
    copies_free(&more->files);
    package_tree_end(&more->tree);
    free(more->names);
    more->names = NULL;
    if (more->ready) {
        rc = more_remove(more, MORE_TREE, err);
        rc = rc == 0 ? more_remove(more, MORE_STUBS, err) : rc;
    }
    return rc;
}

void more_end(struct more *more)
{
    cache_end(&more->work);
    cache_close(&more->cache);
    home_close(&more->home);
}
