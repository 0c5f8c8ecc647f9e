// SPDX-License-Identifier: Apache-2.0
/*
 * The steps of making a layer. All of it happens in a folder of the cache that has the request's
 * name, under a lock. Two processes that want the same packages at the same time make them once:
 * the second one waits, and finds the layer.
 */
#include "layer.h"
#include "dists.h"
#include "files.h"
#include "home.h"
#include "layer_guest.h"
#include "message.h"
#include "plain.h"
#include "pyhl.h"
#include "report.h"
#include "signals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAGED "layer" /* in the folder of the work */

struct making {
    const struct layer_wish *wish;
    const struct cache *cache;
    const char *key; /* of the request */
    struct cache_work work;
    struct home home; /* the wish's, to read files of it */
    struct layer_base *base;
    struct package_tree tree;
    struct vmm_snapshot *plain; /* NULL: the layer is made upon the home's snapshot */
    char name[DIGEST_TEXT];     /* of the layer */
    char note[64];
};

/* ---- steps ---- */

static void layer_waiting(const void *arg)
{
    const struct layer_wish *wish = arg;

    message("pyhl %s: waiting for another pyhl that makes the same packages\n", wish->cmd);
}

static int open_home(struct making *making, struct vmm_err *err)
{
    const char *path = making->base->home;
    struct vmm_snapshot_info info;
    int rc = home_open_at(path, true, &making->home, err);

    vmm_snapshot_info(making->base->snap, &info);
    if (rc == 0 && memcmp(&making->home.config.key, &info.key, sizeof(info.key)) != 0) {
        rc = vmm_err_set(err, EAGAIN, "%s was replaced meanwhile: try again", path);
    }
    return rc;
}

/* Puts the metadata of a home's own packages into a folder of the work, for uv. */
static int unpack_dists(const struct making *making, char path[PATH_MAX], struct vmm_err *err)
{
    struct folder into;
    char *text = NULL;
    size_t len;
    int fd = home_file(&making->home, HOME_DISTS, err);
    int rc = fd < 0 ? fd : file_read(fd, HOME_DISTS, DISTS_MAX, &text, &len, err);

    if (fd >= 0) {
        close(fd);
    }
    snprintf(path, PATH_MAX, "%.*s/dists", PATH_MAX - 16, making->work.dir.path);
    if (rc == 0 && mkdirat(making->work.dir.fd, "dists", 0700) < 0) {
        rc = folder_fail(&making->work.dir, "dists", err);
    }
    rc = rc == 0 ? folder_open(&into, path, err) : rc;
    if (rc == 0) {
        rc = dists_unpack(text, &into, err);
        folder_close(&into);
    }
    free(text);
    return rc;
}

static int resolve(struct making *making, struct vmm_err *err)
{
    const bool layered = making->home.config.layer_size > 0;
    int fd = home_file(&making->home, HOME_INITRD, err), rc = fd;
    char more[PATH_MAX];
    const struct package_dists dists = {
        .initrd_fd = fd,
        .versions = &making->home.config.packages,
        .more_dir = layered ? more : NULL,
        .max_bytes = making->home.config.memory,
        .keep = layered, /* where what replaces a package is refused below */
    };

    if (rc >= 0 && layered) {
        rc = unpack_dists(making, more, err);
    }
    if (rc < 0) {
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    rc = packages_resolve(making->wish->request, &dists, making->work.dir.path, &making->tree, err);
    close(fd);
    if (rc == -E2BIG) {
        rc = packages_too_large(&making->tree, making->home.config.memory,
                                "--memory of pyhl setup --force", err);
    }
    if (rc == 0 && making->tree.replaces && layered) {
        rc = vmm_err_set(err, ENOTSUP,
                         "another version of a package is wanted, and this home has packages of "
                         "its own (pyhl setup --with); use another home");
    }
    if (rc == 0) {
        snprintf(making->note, sizeof(making->note), "%s",
                 making->tree.entries > 0 ? report_size(making->tree.bytes).s : "nothing new");
    }
    return rc;
}

/* Makes the plain snapshot of the home's image, unless another process has made it meanwhile. */
static int make_plain_locked(struct making *making, const struct cache_work *work, const char *key,
                             struct vmm_err *err)
{
    struct vmm_err missing;
    int fd, rc;

    if (layers_plain(making->cache, making->base->home, &making->plain, &missing) == 0) {
        return 0;
    }
    rc = fd = folder_make(&work->dir, "snapshot", err);
    if (fd >= 0) {
        rc = plain_make(&making->home, making->wish->verbose > 0, fd, err);
        rc = rc == 0 && fchmod(fd, 0400) < 0 ? folder_fail(&work->dir, "snapshot", err) : rc;
        close(fd);
    }
    rc = rc == 0 ? cache_publish(making->cache, work, "snapshot", CACHE_PLAIN, key, err) : rc;
    return rc == 0 ? layers_plain(making->cache, making->base->home, &making->plain, err) : rc;
}

static int make_plain(struct making *making, struct vmm_err *err)
{
    struct cache_work work;
    char key[33], name[48];
    int rc;

    vmm_key_text(&making->home.config.key, key);
    snprintf(name, sizeof(name), "plain-%s", key);
    rc = cache_begin(making->cache, name, layer_waiting, making->wish, &work, err);
    rc = rc == 0 ? make_plain_locked(making, &work, key, err) : rc;
    cache_end(&work);
    return rc;
}

/* What the layer is made upon. */
static const struct vmm_snapshot *made_upon(const struct making *making)
{
    return making->plain != NULL ? making->plain : making->base->snap;
}

/* A layer's name stands for what it is made upon and of. */
static int name_layer(struct making *making, struct vmm_err *err)
{
    const struct package_tree *tree = &making->tree;
    struct digest_part *parts = calloc(tree->module_count + 3, sizeof(*parts));
    struct vmm_snapshot_info info;
    size_t n = 0;

    vmm_snapshot_info(made_upon(making), &info);
    if (parts == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    parts[n++] = (struct digest_part){&info.key, sizeof(info.key)};
    parts[n++] = (struct digest_part){info.content, sizeof(info.content)};
    parts[n++] = (struct digest_part){tree->lock, tree->lock_len};
    for (size_t i = 0; i < tree->module_count; i++) {
        parts[n++] = (struct digest_part){tree->modules[i], strlen(tree->modules[i])};
    }
    digest_parts(parts, n, making->name);
    free(parts);
    return 0;
}

static int open_base(void *arg, struct vmm_snapshot **snap, struct vmm_err *err)
{
    const struct making *making = arg;

    return making->plain != NULL ? layers_plain(making->cache, making->base->home, snap, err)
                                 : home_snapshot(&making->home, snap, err);
}

/* Opens the folder that becomes the layer. */
static int stage_open(const struct making *making, struct folder *staged, struct vmm_err *err)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%.*s/" STAGED, PATH_MAX - 16, making->work.dir.path);
    return folder_open_in(staged, &making->work.dir, STAGED, path, err);
}

static int import(struct making *making, struct vmm_err *err)
{
    const struct layer_guest guest = {
        .cmd = making->wish->cmd,
        .tree = making->tree.dir,
        .modules = making->tree.modules,
        .module_count = making->tree.module_count,
        .open = open_base,
        .arg = making,
        .keep = making->plain != NULL ? making->cache->dir.fd : making->home.dir.fd,
        .memory = making->home.config.memory,
        .loud = making->wish->verbose > 0,
    };
    struct folder staged = FOLDER_NONE;
    uint64_t disk = 0;
    int fd = -1, rc = 0;

    if (mkdirat(making->work.dir.fd, STAGED, 0700) < 0) {
        rc = folder_fail(&making->work.dir, STAGED, err);
    }
    rc = rc == 0 ? stage_open(making, &staged, err) : rc;
    if (rc == 0) {
        rc = fd = folder_make(&staged, LAYER_STATE, err);
    }
    if (fd >= 0) {
        rc = layer_guest_make(&guest, fd, err);
        rc = rc == -ENOSPC ? vmm_err_context(err, "%s", making->cache->dir.path) : rc;
        rc = rc == 0 ? file_size(fd, LAYER_STATE, NULL, &disk, err) : rc;
        rc = rc == 0 && fchmod(fd, 0400) < 0 ? folder_fail(&staged, LAYER_STATE, err) : rc;
        close(fd);
    }
    folder_close(&staged);
    snprintf(making->note, sizeof(making->note), "%s", report_size(disk).s);
    return rc;
}

static int put_file(const struct folder *folder, const char *name, const char *text, size_t len,
                    struct vmm_err *err)
{
    int fd = folder_make(folder, name, err), rc;

    if (fd < 0) {
        return fd;
    }
    rc = file_pwrite(fd, text, len, 0);
    rc = rc == 0 && fchmod(fd, 0600) < 0 ? -errno : rc;
    close(fd);
    return rc < 0 ? vmm_err_set(err, -rc, "%s/%s: %s", folder->path, name, strerror(-rc)) : 0;
}

static int layer_describe(const struct making *making, const struct folder *staged,
                          struct vmm_err *err)
{
    struct layer_config config = {.key = making->home.config.key};
    struct vmm_snapshot_info info;
    char *path = realpath(making->home.dir.path, NULL), *text = NULL;
    size_t len;
    int rc;

    vmm_snapshot_info(made_upon(making), &info);
    memcpy(config.content.bytes, info.content, sizeof(config.content.bytes));
    snprintf(config.version, sizeof(config.version), "%s", PYHL_VERSION);
    config.files_size = making->tree.bytes;
    config.plain = making->plain != NULL;
    rc = path == NULL ? file_fail(err, making->home.dir.path) : 0;
    if (rc == 0 && dists_of_lock(making->tree.lock, &config.packages) < 0) {
        rc = vmm_err_set(err, ENOMEM, "out of memory");
    }
    rc = rc == 0 ? config_format_layer(&config, &text, &len, err) : rc;
    rc = rc == 0 ? put_file(staged, LAYER_INI, text, len, err) : rc;
    rc = rc == 0 && path != NULL ? put_file(staged, LAYER_HOME, path, strlen(path), err) : rc;
    free(config.packages.text);
    free(text);
    free(path);
    return rc;
}

static int publish(struct making *making, struct vmm_err *err)
{
    struct folder staged;
    int rc = stage_open(making, &staged, err);

    rc = rc == 0 ? layer_describe(making, &staged, err) : rc;
    folder_close(&staged);
    return rc == 0 ? cache_publish(making->cache, &making->work, STAGED, CACHE_LAYERS, making->name,
                                   err)
                   : rc;
}

static int run_step(struct making *making, const char *name,
                    int (*step)(struct making *making, struct vmm_err *err), struct vmm_err *err)
{
    const uint64_t began = report_now();
    int rc;

    making->note[0] = 0;
    report_begin(name);
    rc = step(making, err);
    if (rc < 0) {
        report_abandon();
    } else {
        report_end(name, making->note, report_now() - began);
    }
    return rc;
}

/* Makes the layer unless there is one of the name, by another request. */
static int make_layer(struct making *making, struct vmm_err *err)
{
    struct vmm_snapshot *snap = NULL;
    struct vmm_err missing;
    int rc = 0;

    if (making->tree.replaces) {
        rc = run_step(making, "start without packages", make_plain, err);
    }
    rc = rc == 0 ? name_layer(making, err) : rc;
    if (rc < 0) {
        return rc;
    }
    if (layers_open(making->cache, making->name, making->base, &snap, &missing) == 0) {
        vmm_snapshot_close(snap);
        return 0;
    }
    rc = cache_remove(making->cache, CACHE_LAYERS, making->name, err); /* a damaged one */
    rc = rc == 0 ? run_step(making, "import packages", import, err) : rc;
    return rc == 0 ? publish(making, err) : rc;
}

static int make(struct making *making, struct vmm_err *err)
{
    struct layers_gone gone = {0};
    int rc = open_home(making, err);

    rc = rc == 0 ? run_step(making, "get packages", resolve, err) : rc;
    if (rc == 0 && making->tree.entries == 0) {
        strcpy(making->name, LAYER_NONE);
    } else if (rc == 0) {
        rc = make_layer(making, err);
    }
    if (rc == 0) {
        rc = layers_note(making->cache, making->key, making->name, making->wish->request, err);
    }
    return rc == 0 ? layers_trim(making->cache, LAYERS_DISK, making->name, &gone, err) : rc;
}

/* ---- the whole ---- */

static int make_locked(struct making *making, struct vmm_snapshot **snap, struct vmm_err *err)
{
    struct vmm_err missing;
    int rc =
        cache_begin(making->cache, making->key, layer_waiting, making->wish, &making->work, err);

    if (rc < 0) {
        return rc;
    }
    if (!making->wish->request->upgrade &&
        layers_find(making->cache, making->key, making->base, snap, &missing) == 0) {
        return 0; /* made while this process waited */
    }
    rc = make(making, err);
    if (rc < 0) {
        return rc;
    }
    rc = layers_find(making->cache, making->key, making->base, snap, err);
    return rc == -ENOENT ? vmm_err_set(err, EAGAIN,
                                       "the packages were removed right after they came (pyhl "
                                       "prune?): try again")
                         : rc;
}

static int layer_make(const struct layer_wish *wish, const struct cache *cache, const char *key,
                      struct vmm_snapshot **snap, struct vmm_err *err)
{
    struct making making = {
        .wish = wish,
        .cache = cache,
        .key = key,
        .work = CACHE_WORK_NONE,
        .home = {.dir = FOLDER_NONE},
        .base = wish->base,
    };
    int rc;

    signals_catch(false);
    report_to(wish->verbose > 0 || isatty(STDERR_FILENO) ? stderr : NULL);
    rc = make_locked(&making, snap, err);
    *wish->said = making.tree.said;
    making.tree.said = NULL;
    package_tree_end(&making.tree);
    vmm_snapshot_close(making.plain);
    home_close(&making.home);
    cache_end(&making.work);
    if (signals_last()) {
        vmm_snapshot_close(*snap);
        *snap = NULL;
        rc = vmm_err_set(err, EINTR, "stopped by a signal before the packages were there");
    }
    report_to(stdout);
    signals_default();
    return rc;
}

int layer_open(const struct layer_wish *wish, struct vmm_snapshot **snap, struct vmm_err *err)
{
    struct vmm_err missing = {0};
    struct cache cache;
    char key[DIGEST_TEXT];
    int rc = cache_open(false, &cache, err);

    *snap = NULL;
    if (rc == -ENOENT) {
        rc = cache_open(true, &cache, err);
    }
    rc = rc == 0 ? layers_key(wish->request, wish->base->snap, key, err) : rc;
    if (rc < 0) {
        cache_close(&cache);
        return rc;
    }
    rc = wish->request->upgrade ? -ENOENT : layers_find(&cache, key, wish->base, snap, &missing);
    if (rc == -EPERM) {
        rc = vmm_err_set(err, EPERM, "%s", missing.msg);
    } else if (rc < 0) {
        if (rc != -ENOENT) {
            message("pyhl %s: the packages are made again: %s\n", wish->cmd, missing.msg);
        }
        rc = layer_make(wish, &cache, key, snap, err);
    }
    cache_close(&cache);
    return rc;
}
