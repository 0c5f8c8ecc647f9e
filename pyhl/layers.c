// SPDX-License-Identifier: Apache-2.0
/*
 * Finding a layer is on the way to every run with packages. It opens the cache folder, the request
 * and the state, each by a name of its own, and looks at nothing else.
 */
#include "layers.h"
#include "files.h"
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_HEAD "pyhl request 1\nlayer "
#define REQUEST_MAX  (4u << 20)
#define USED_SECONDS 3600 /* how exactly it is noted when a layer was used */

static bool is_name(const char *name)
{
    return strcmp(name, LAYER_NONE) == 0 ||
           (strlen(name) == DIGEST_TEXT - 1 && strspn(name, "0123456789abcdef") == DIGEST_TEXT - 1);
}

/* Notes the use of a layer. That it cannot be noted, on a file system that is read-only, is no
 * error: the layer then counts as one that is not used. */
static void note_use(const struct folder *layer)
{
    const struct timespec now[] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
    struct stat st;

    if (fstatat(layer->fd, LAYER_INI, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        st.st_mtime + USED_SECONDS < time(NULL)) {
        (void)utimensat(layer->fd, LAYER_INI, now, AT_SYMLINK_NOFOLLOW);
    }
}

static int open_plain(const struct cache *cache, const struct home *home,
                      struct vmm_snapshot **snap, struct vmm_err *err)
{
    struct folder plain;
    int initrd_fd = home_file(home, HOME_INITRD, err), fd = -1, rc = initrd_fd;
    char name[33];

    vmm_key_text(&home->config.key, name);
    if (rc >= 0) {
        rc = cache_part(cache, CACHE_PLAIN, false, &plain, err);
    }
    if (rc == 0) {
        rc = fd = folder_read(&plain, name, FOLDER_NO_LINK, err);
        folder_close(&plain);
    }
    if (fd >= 0) {
        rc = vmm_file_trusted(fd, name, err);
        rc = rc == 0 ? vmm_snapshot_open_fds(fd, initrd_fd, &home->config.key, snap, err) : rc;
        close(fd);
    }
    if (initrd_fd >= 0) {
        close(initrd_fd);
    }
    return rc;
}

int layers_plain(const struct cache *cache, const char *path, struct vmm_snapshot **snap,
                 struct vmm_err *err)
{
    struct home home;
    int rc = home_open_at(path, false, &home, err);

    *snap = NULL;
    rc = rc == 0 ? open_plain(cache, &home, snap, err) : rc;
    home_close(&home);
    return rc;
}

/* Opens a layer beside what it was made upon, which is the home's snapshot, or else the plain
 * one. */
static int open_upon(const struct cache *cache, int fd, struct layer_base *base,
                     struct vmm_snapshot **snap, struct vmm_err *err)
{
    struct vmm_snapshot *plain;
    struct vmm_err ignored;
    int rc = vmm_checkpoint_open_fd(fd, base->snap, snap, err);

    base->plain = rc == -EKEYREJECTED && layers_plain(cache, base->home, &plain, &ignored) == 0;
    if (base->plain) {
        rc = vmm_checkpoint_open_fd(fd, plain, snap, err);
        vmm_snapshot_close(plain);
    }
    return rc;
}

int layers_open(const struct cache *cache, const char *name, struct layer_base *base,
                struct vmm_snapshot **snap, struct vmm_err *err)
{
    struct folder layers, layer = FOLDER_NONE;
    char path[PATH_MAX];
    int rc = cache_part(cache, CACHE_LAYERS, false, &layers, err), fd = -1;

    *snap = NULL;
    if (rc == 0) {
        snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - DIGEST_TEXT - 1, layers.path, name);
        rc = folder_open_in(&layer, &layers, name, path, err);
    }
    if (rc == 0) {
        rc = fd = folder_read(&layer, LAYER_STATE, FOLDER_NO_LINK, err);
    }
    if (fd >= 0) {
        rc = vmm_file_trusted(fd, LAYER_STATE, err);
        rc = rc == 0 ? open_upon(cache, fd, base, snap, err) : rc;
        rc = rc < 0 ? vmm_err_context(err, "%s", layer.path) : 0;
        close(fd);
    }
    if (rc == 0) {
        note_use(&layer);
    }
    folder_close(&layer);
    folder_close(&layers);
    return rc;
}

int layers_request(const struct cache *cache, const char *key, char name[DIGEST_TEXT],
                   struct vmm_err *err)
{
    const size_t head = sizeof(REQUEST_HEAD) - 1;
    char *text;
    size_t len;
    int rc = cache_read(cache, CACHE_REQUESTS, key, REQUEST_MAX, &text, &len, err);

    if (rc < 0) {
        return rc;
    }
    name[0] = 0;
    if (strncmp(text, REQUEST_HEAD, head) == 0) {
        snprintf(name, DIGEST_TEXT, "%.*s", (int)strcspn(text + head, "\n"), text + head);
    }
    free(text);
    return is_name(name)
               ? 0
               : vmm_err_set(err, EBADMSG, "%s/requests/%s names no layer", cache->dir.path, key);
}

bool layers_has(const struct cache *cache, const char *name)
{
    struct folder layers;
    struct vmm_err ignored;
    bool has = strcmp(name, LAYER_NONE) == 0;

    if (!has && cache_part(cache, CACHE_LAYERS, false, &layers, &ignored) == 0) {
        has = faccessat(layers.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
        folder_close(&layers);
    }
    return has;
}

int layers_find(const struct cache *cache, const char *key, struct layer_base *base,
                struct vmm_snapshot **snap, struct vmm_err *err)
{
    char name[DIGEST_TEXT];
    int rc = layers_request(cache, key, name, err);

    *snap = NULL;
    return rc == 0 && strcmp(name, LAYER_NONE) != 0 ? layers_open(cache, name, base, snap, err)
                                                    : rc;
}

int layers_note(const struct cache *cache, const char *key, const char *name,
                const struct package_request *request, struct vmm_err *err)
{
    char *text;
    const int len = asprintf(&text, REQUEST_HEAD "%s\n\n%s", name, request->text);
    int rc;

    if (len < 0) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    rc = cache_write(cache, CACHE_REQUESTS, key, text, (size_t)len, err);
    free(text);
    return rc;
}
