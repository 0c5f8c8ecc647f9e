// SPDX-License-Identifier: Apache-2.0
/*
 * Layers: states with packages in them, made upon a home's snapshot and kept in the cache folder
 * (cache.h). Of a layer, layers/NAME/ has LAYER_STATE, a checkpoint; LAYER_INI, which says what it
 * belongs to and what is in it, and whose time of change is when the layer was last used; and
 * LAYER_HOME, the path of the home. A file requests/KEY says which layer a request has led to, so
 * that the next one with the same KEY needs nothing else.
 */
#ifndef PYHL_LAYERS_H
#define PYHL_LAYERS_H

#include "cache.h"
#include "config.h"
#include "digest.h"
#include "packages.h"

#define LAYER_STATE "state"
#define LAYER_INI   "layer.ini"
#define LAYER_HOME  "home"
#define LAYER_NONE  "-" /* the name of no layer: the home has all that is wanted */

/* What layers are made upon: the snapshot of a home, and for packages that replace some of the
 * image's the plain snapshot (plain.h), of which the cache folder has one for each image. */
struct layer_base {
    struct vmm_snapshot *snap;
    const char *home; /* its path */
    bool plain;       /* set by layers_open(): the layer is upon the plain snapshot */
};

/* layers_key.c: What a request is called that is made upon a snapshot. What lies in the folders of
 * --find-links counts by name, size and time of change. */
int layers_key(const struct package_request *request, const struct vmm_snapshot *base,
               char key[DIGEST_TEXT], struct vmm_err *err);

/* layers.c: Which layer a request has led to. ENOENT: none yet. EBADMSG for a file that is damaged,
 * EPERM for one that is not trusted. */
int layers_request(const struct cache *cache, const char *key, char name[DIGEST_TEXT],
                   struct vmm_err *err);

/* Whether a layer is there; LAYER_NONE always is. */
bool layers_has(const struct cache *cache, const char *name);

/* Opens the layer that a request has led to, as one of base, and notes that it is used. *snap is
 * NULL when it is LAYER_NONE. ENOENT: there is none yet. EBADMSG and the like for one that is
 * damaged, EPERM for one that is not trusted. */
int layers_find(const struct cache *cache, const char *key, struct layer_base *base,
                struct vmm_snapshot **snap, struct vmm_err *err);

/* Opens a layer by its name. */
int layers_open(const struct cache *cache, const char *name, struct layer_base *base,
                struct vmm_snapshot **snap, struct vmm_err *err);

/* Opens the plain snapshot of a home's image. ENOENT: there is none yet. */
int layers_plain(const struct cache *cache, const char *home, struct vmm_snapshot **snap,
                 struct vmm_err *err);

/* Notes which layer a request leads to. */
int layers_note(const struct cache *cache, const char *key, const char *name,
                const struct package_request *request, struct vmm_err *err);

/* layers_list.c */
struct layer_entry {
    char name[DIGEST_TEXT];
    struct layer_config config;
    char home[PATH_MAX]; /* of the home */
    uint64_t disk;       /* bytes */
    int64_t used;        /* when it was last used, within an hour; seconds since the epoch */
    bool damaged;        /* nothing but name, disk and used is known */
};
struct layer_list {
    struct layer_entry *items; /* the last one used comes first */
    size_t count;
    uint64_t disk;
};

/* Lists all layers, none where there is no cache folder. Free it after an error, too. */
int layers_list(const struct cache *cache, struct layer_list *list, struct vmm_err *err);
void layers_list_free(struct layer_list *list);

/* The layer of the list that was made upon this base and has all these packages, "NAME" or
 * "NAME==VERSION", NULL-terminated. Of several it is the one that was used last. NULL: none. */
const struct layer_entry *layers_pick(const struct cache *cache, const struct layer_list *list,
                                      const struct layer_base *base, const char *const *packages);

/* Whether the layer was made upon the home's snapshot, or upon the plain one of its image. */
bool layers_is_upon(const struct cache *cache, const struct layer_entry *entry,
                    const struct layer_base *base);

/* Removes a layer. Processes that have it open are not disturbed: what they have mapped stays. */
int layers_remove(const struct cache *cache, const char *name, struct vmm_err *err);

/* Removes the requests that lead to layers which are gone. */
int layers_forget(const struct cache *cache, struct vmm_err *err);

/* Makes room: as long as all layers take more than so many bytes, the one goes that was not used
 * for the longest time. `keep` stays; NULL: none. Adds to *gone what was removed. */
#define LAYERS_DISK (16ull << 30) /* when a layer is made */
struct layers_gone {
    size_t count;
    uint64_t disk;
};
int layers_trim(const struct cache *cache, uint64_t max, const char *keep, struct layers_gone *gone,
                struct vmm_err *err);

#endif
