// SPDX-License-Identifier: Apache-2.0
/*
 * The cache folder of a user: $XDG_CACHE_HOME/pyhl, else ~/.cache/pyhl. What lies there decides
 * what scripts run, so a folder of it is used only when it belongs to the user or root and nobody
 * else can write it. All of it may be removed at any time: whoever misses something makes it again.
 *
 * Nothing is ever there in part. What is made is made in work/ and gets its name by a rename, when
 * it is on disk. What a killed process leaves in work/ goes when somebody makes something the next
 * time.
 */
#ifndef PYHL_CACHE_H
#define PYHL_CACHE_H

#include "folder.h"

enum cache_part {
    CACHE_REQUESTS, /* requests/KEY: which layer it is */
    CACHE_LAYERS,   /* layers/NAME/ */
    CACHE_SCRIPTS,  /* scripts/HASH: what a script's metadata says */
    CACHE_PLAIN,    /* plain/KEY: a snapshot without preloaded modules */
    CACHE_WORK,     /* work/KEY/ and work/KEY.lock, while KEY is made */
};

struct cache {
    struct folder dir;
};
#define CACHE_NONE ((struct cache){.dir = FOLDER_NONE})

/* Opens the folder; make: after making it if need be. ENOENT when it is not there, EPERM when it is
 * not trusted. Close it after an error, too. */
int cache_open(bool make, struct cache *cache, struct vmm_err *err);
void cache_close(struct cache *cache);

/* The same for a folder in it. */
int cache_part(const struct cache *cache, enum cache_part part, bool make, struct folder *out,
               struct vmm_err *err);

/* Reads a file of text of at most max bytes, NUL-terminated; free(*text). ENOENT when it is not
 * there, EPERM when it is not trusted. */
int cache_read(const struct cache *cache, enum cache_part part, const char *name, size_t max,
               char **text, size_t *len, struct vmm_err *err);

/* Makes or replaces a file, which only its user can read. */
int cache_write(const struct cache *cache, enum cache_part part, const char *name,
                const void *bytes, size_t len, struct vmm_err *err);

/* Removes a file or a directory with all that is in it, which need not be there. It first loses its
 * name, so nobody finds a part of it. */
int cache_remove(const struct cache *cache, enum cache_part part, const char *name,
                 struct vmm_err *err);

/* Calls each(arg, name) for each entry of a part, which may be removed meanwhile. The first result
 * that is not 0 ends it and is returned. */
int cache_each(const struct cache *cache, enum cache_part part,
               int (*each)(void *arg, const char *name, struct vmm_err *err), void *arg,
               struct vmm_err *err);

/* Removes what killed processes have left in work/. */
int cache_sweep(const struct cache *cache, struct vmm_err *err);

/* Work on something of that name, which no other process does meanwhile. cache_begin() sweeps, and
 * waits for another process that does it, after telling that by waiting(arg). Then work->dir is a
 * new, empty folder. */
struct cache_work {
    struct folder parent, dir;
    char name[96], lock[128];
    int lock_fd;
};
#define CACHE_WORK_NONE                                                                            \
    ((struct cache_work){.parent = FOLDER_NONE, .dir = FOLDER_NONE, .lock_fd = -1})
int cache_begin(const struct cache *cache, const char *name, void (*waiting)(const void *arg),
                const void *arg, struct cache_work *work, struct vmm_err *err);

/* Syncs an entry of work->dir, a file or a folder of files, and gives it its name in a part. A file
 * there is replaced; a folder that is there stays, because it has the same content. */
int cache_publish(const struct cache *cache, const struct cache_work *work, const char *entry,
                  enum cache_part part, const char *name, struct vmm_err *err);

/* Removes the folder, and lets others work on the name. */
void cache_end(struct cache_work *work);

#endif
