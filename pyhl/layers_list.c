// SPDX-License-Identifier: Apache-2.0
/*
 * What lies in the cache folder, for those who show it and those who make room. Files there may go
 * at any time: what is gone meanwhile is left out.
 */
#include "files.h"
#include "layers.h"
#include "packages_dist.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int list_read(const struct folder *layer, const char *name, size_t max, char **text,
                     struct vmm_err *err)
{
    int fd = folder_read(layer, name, FOLDER_NO_LINK, err), rc;
    size_t len;

    if (fd < 0) {
        return fd;
    }
    rc = file_read(fd, name, max, text, &len, err);
    close(fd);
    return rc;
}

static int list_describe(const struct folder *layer, struct layer_entry *entry)
{
    struct vmm_err ignored;
    char *text;
    int rc = list_read(layer, LAYER_HOME, PATH_MAX - 1, &text, &ignored);

    if (rc == 0) {
        snprintf(entry->home, sizeof(entry->home), "%s", text);
        free(text);
        rc = list_read(layer, LAYER_INI, CONFIG_MAX, &text, &ignored);
    }
    if (rc == 0) {
        rc = config_parse_layer(text, LAYER_INI, &entry->config, &ignored);
        free(text);
    }
    return rc;
}

struct listing {
    struct layer_list *list;
    const struct folder *layers;
};

static int list_add(void *arg, const char *name, struct vmm_err *err)
{
    const struct listing *listing = arg;
    struct layer_list *list = listing->list;
    struct layer_entry *items, *entry;
    struct folder layer;
    struct vmm_err gone;
    struct stat st;
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%.*s/%.64s", PATH_MAX - 80, listing->layers->path, name);
    if (strlen(name) != DIGEST_TEXT - 1 ||
        folder_open_in(&layer, listing->layers, name, path, &gone) < 0) {
        return 0;
    }
    items = realloc(list->items, (list->count + 1) * sizeof(*items));
    if (items == NULL) {
        folder_close(&layer);
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    list->items = items;
    entry = &items[list->count++];
    *entry = (struct layer_entry){0};
    strcpy(entry->name, name);
    entry->damaged = folder_size(&layer, LAYER_STATE, NULL, &entry->disk, &gone) < 0 ||
                     list_describe(&layer, entry) < 0;
    if (fstatat(layer.fd, LAYER_INI, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        entry->used = st.st_mtime;
    }
    list->disk += entry->disk;
    folder_close(&layer);
    return 0;
}

static int compare_used(const void *a, const void *b)
{
    const struct layer_entry *x = a, *y = b;

    return x->used != y->used ? (x->used < y->used ? 1 : -1) : strcmp(x->name, y->name);
}

int layers_list(const struct cache *cache, struct layer_list *list, struct vmm_err *err)
{
    struct folder layers;
    struct listing listing = {.list = list, .layers = &layers};
    int rc = cache_part(cache, CACHE_LAYERS, false, &layers, err);

    *list = (struct layer_list){0};
    if (rc < 0) {
        return rc == -ENOENT ? 0 : rc;
    }
    rc = cache_each(cache, CACHE_LAYERS, list_add, &listing, err);
    folder_close(&layers);
    if (list->count > 0) {
        qsort(list->items, list->count, sizeof(*list->items), compare_used);
    }
    return rc;
}

void layers_list_free(struct layer_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].config.packages.text);
    }
    free(list->items);
    *list = (struct layer_list){0};
}

/* Whether lines "NAME = VERSION" have a package. */
static bool has_package(const char *lines, const char *package)
{
    const size_t name = strcspn(package, "=");
    const char *version = strncmp(package + name, "==", 2) == 0 ? package + name + 2 : NULL;
    char wanted[DIST_NAME], has[DIST_NAME];

    if (!dist_name(package, name, wanted)) {
        return false;
    }
    for (const char *line = lines; line != NULL && *line; line = strchr(line, '\n') + 1) {
        const size_t len = strcspn(line, " "), rest = strcspn(line + len + 3, "\n");

        if (dist_name(line, len, has) && strcmp(has, wanted) == 0 &&
            (version == NULL ||
             (strlen(version) == rest && strncmp(line + len + 3, version, rest) == 0))) {
            return true;
        }
    }
    return false;
}

static bool is_of(const struct layer_entry *entry, const struct vmm_snapshot *snap)
{
    struct vmm_snapshot_info info;

    vmm_snapshot_info(snap, &info);
    return memcmp(&entry->config.key, &info.key, sizeof(info.key)) == 0 &&
           memcmp(&entry->config.content, info.content, sizeof(info.content)) == 0;
}

bool layers_is_upon(const struct cache *cache, const struct layer_entry *entry,
                    const struct layer_base *base)
{
    struct vmm_snapshot *plain;
    struct vmm_err ignored;
    bool is;

    if (entry->damaged || !entry->config.plain) {
        return !entry->damaged && is_of(entry, base->snap);
    }
    if (layers_plain(cache, base->home, &plain, &ignored) < 0) {
        return false;
    }
    is = is_of(entry, plain);
    vmm_snapshot_close(plain);
    return is;
}

const struct layer_entry *layers_pick(const struct cache *cache, const struct layer_list *list,
                                      const struct layer_base *base, const char *const *packages)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct layer_entry *entry = &list->items[i];
        size_t n = 0;

        while (packages[n] != NULL && has_package(entry->config.packages.text, packages[n])) {
            n++;
        }
        if (packages[n] == NULL && layers_is_upon(cache, entry, base)) {
            return entry;
        }
    }
    return NULL;
}

int layers_remove(const struct cache *cache, const char *name, struct vmm_err *err)
{
    return cache_remove(cache, CACHE_LAYERS, name, err);
}

static int forget_one(void *arg, const char *name, struct vmm_err *err)
{
    const struct cache *cache = arg;
    char layer[DIGEST_TEXT];

    return layers_request(cache, name, layer, err) == 0 && layers_has(cache, layer)
               ? 0
               : cache_remove(cache, CACHE_REQUESTS, name, err);
}

int layers_forget(const struct cache *cache, struct vmm_err *err)
{
    return cache_each(cache, CACHE_REQUESTS, forget_one, (void *)(uintptr_t)cache, err);
}

int layers_trim(const struct cache *cache, uint64_t max, const char *keep, struct layers_gone *gone,
                struct vmm_err *err)
{
    struct layer_list list;
    int rc = layers_list(cache, &list, err);

    for (size_t i = list.count; i-- > 0 && rc == 0 && list.disk > max;) {
        if (keep == NULL || strcmp(list.items[i].name, keep) != 0) {
            rc = layers_remove(cache, list.items[i].name, err);
            list.disk -= list.items[i].disk;
            gone->disk += list.items[i].disk;
            gone->count++;
        }
    }
    layers_list_free(&list);
    return rc == 0 && gone->count > 0 ? layers_forget(cache, err) : rc;
}
