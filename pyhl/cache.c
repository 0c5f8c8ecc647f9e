// SPDX-License-Identifier: Apache-2.0
/*
 * Folders are opened one in the other and without links, and checked when they are open, as home.c
 * does with homes.
 */
#include "cache.h"
#include "files.h"
#include "lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_SUFFIX ".lock"
#define GONE_SUFFIX ".gone"

static const char *const part_names[] = {
    [CACHE_REQUESTS] = "requests", [CACHE_LAYERS] = "layers", [CACHE_SCRIPTS] = "scripts",
    [CACHE_PLAIN] = "plain",       [CACHE_WORK] = "work",
};

static int cache_place(char path[PATH_MAX], struct vmm_err *err)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int len = PATH_MAX;

    /* A relative path is to be ignored, as the XDG specification has it. */
    if (cache != NULL && cache[0] == '/') {
        len = snprintf(path, PATH_MAX, "%s/pyhl", cache);
    } else if (home != NULL && home[0] == '/') {
        len = snprintf(path, PATH_MAX, "%s/.cache/pyhl", home);
    }
    return len < PATH_MAX ? 0
                          : vmm_err_set(err, EINVAL,
                                        "there is no place for the cache: set XDG_CACHE_HOME to an "
                                        "absolute path");
}

/* Makes the directories above, and the folder, for their user alone. */
static int make_place(const char *path, struct vmm_err *err)
{
    char part[PATH_MAX];

    for (const char *end = path; *end;) {
        end += 1 + strcspn(end + 1, "/");
        snprintf(part, sizeof(part), "%.*s", (int)(end - path), path);
        if (mkdir(part, 0700) < 0 && errno != EEXIST) {
            return vmm_err_set(err, errno,
                               "%s: %s; it is to hold the cache (XDG_CACHE_HOME names "
                               "another place)",
                               part, strerror(errno));
        }
    }
    return 0;
}

static int check_trusted(const struct folder *folder, struct vmm_err *err)
{
    char why[sizeof(err->msg)];

    if (vmm_file_trusted(folder->fd, folder->path, err) == 0) {
        return 0;
    }
    snprintf(why, sizeof(why), "%s", err->msg);
    return vmm_err_set(err, err->code, "%.380s; remove it, or name another place by XDG_CACHE_HOME",
                       why);
}

int cache_open(bool make, struct cache *cache, struct vmm_err *err)
{
    char path[PATH_MAX] = "";

    *cache = CACHE_NONE;
    if (cache_place(path, err) < 0 || (make && make_place(path, err) < 0) ||
        folder_open(&cache->dir, path, err) < 0 || check_trusted(&cache->dir, err) < 0) {
        return -err->code;
    }
    return 0;
}

void cache_close(struct cache *cache)
{
    folder_close(&cache->dir);
}

int cache_part(const struct cache *cache, enum cache_part part, bool make, struct folder *out,
               struct vmm_err *err)
{
    const char *name = part_names[part];
    char path[PATH_MAX];

    *out = FOLDER_NONE;
    if (snprintf(path, sizeof(path), "%s/%s", cache->dir.path, name) >= (int)sizeof(path)) {
        return vmm_err_set(err, ENAMETOOLONG, "%s: path too long", cache->dir.path);
    }
    if (make && mkdirat(cache->dir.fd, name, 0700) < 0 && errno != EEXIST) {
        return file_fail(err, path);
    }
    if (folder_open_in(out, &cache->dir, name, path, err) < 0 || check_trusted(out, err) < 0) {
        folder_close(out);
        return -err->code;
    }
    return 0;
}

int cache_read(const struct cache *cache, enum cache_part part, const char *name, size_t max,
               char **text, size_t *len, struct vmm_err *err)
{
    struct folder folder;
    int rc = cache_part(cache, part, false, &folder, err), fd = -1;

    if (rc == 0) {
        rc = fd = folder_read(&folder, name, FOLDER_NO_LINK, err);
    }
    if (fd >= 0) {
        rc = vmm_file_trusted(fd, name, err);
        rc = rc == 0 ? file_read(fd, name, max, text, len, err)
                     : vmm_err_context(err, "%s", folder.path);
        close(fd);
    }
    folder_close(&folder);
    return rc < 0 ? rc : 0;
}

/* For the short time in which another process removes what was left under the same name. */
static void wait_silently(const void *arg)
{
    (void)arg;
}

static int write_new(const struct folder *folder, const char *name, const void *bytes, size_t len,
                     struct vmm_err *err)
{
    int fd = folder_make(folder, name, err), rc;

    if (fd < 0) {
        return fd;
    }
    rc = file_pwrite(fd, bytes, len, 0);
    rc = rc == 0 && (fchmod(fd, 0600) < 0 || fsync(fd) < 0) ? -errno : rc;
    close(fd);
    if (rc < 0) {
        (void)unlinkat(folder->fd, name, 0);
        return vmm_err_set(err, -rc, "%s/%s: %s", folder->path, name, strerror(-rc));
    }
    return 0;
}

int cache_write(const struct cache *cache, enum cache_part part, const char *name,
                const void *bytes, size_t len, struct vmm_err *err)
{
    struct folder folder = FOLDER_NONE, work = FOLDER_NONE;
    char made[64], lock[80];
    int rc = cache_part(cache, part, true, &folder, err), lock_fd = -1;

    snprintf(made, sizeof(made), "file-%d", (int)getpid());
    snprintf(lock, sizeof(lock), "%s" LOCK_SUFFIX, made);
    rc = rc == 0 ? cache_part(cache, CACHE_WORK, true, &work, err) : rc;
    if (rc == 0) {
        rc = lock_fd = lock_take(&work, lock, wait_silently, NULL, err);
    }
    if (rc >= 0) {
        (void)unlinkat(work.fd, made, 0); /* of a killed process that had the same number */
        rc = write_new(&work, made, bytes, len, err);
    }
    if (rc == 0 && renameat(work.fd, made, folder.fd, name) < 0) {
        rc = folder_fail(&folder, name, err);
        (void)unlinkat(work.fd, made, 0);
    }
    lock_release(&work, lock, lock_fd);
    folder_close(&work);
    folder_close(&folder);
    return rc;
}

int cache_remove(const struct cache *cache, enum cache_part part, const char *name,
                 struct vmm_err *err)
{
    struct folder folder = FOLDER_NONE, work = FOLDER_NONE;
    char gone[NAME_MAX], path[PATH_MAX + NAME_MAX];
    int rc = cache_part(cache, part, false, &folder, err);

    if (rc < 0) {
        return rc == -ENOENT ? 0 : rc;
    }
    rc = cache_part(cache, CACHE_WORK, true, &work, err);
    snprintf(gone, sizeof(gone), "%.100s-%d" GONE_SUFFIX, name, (int)getpid());
    snprintf(path, sizeof(path), "%s/%s", work.path, gone);
    if (rc == 0 && renameat(folder.fd, name, work.fd, gone) == 0) {
        rc = file_remove_tree(path, err);
    } else if (rc == 0 && errno != ENOENT) {
        rc = folder_fail(&folder, name, err);
    }
    folder_close(&work);
    folder_close(&folder);
    return rc;
}

int cache_each(const struct cache *cache, enum cache_part part,
               int (*each)(void *arg, const char *name, struct vmm_err *err), void *arg,
               struct vmm_err *err)
{
    struct folder folder;
    struct dirent *entry;
    DIR *stream;
    int rc = cache_part(cache, part, false, &folder, err);

    if (rc < 0) {
        return rc == -ENOENT ? 0 : rc;
    }
    stream = fdopendir(folder.fd);
    if (stream == NULL) {
        rc = file_fail(err, folder.path);
        folder_close(&folder);
        return rc;
    }
    while (rc == 0 && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            rc = each(arg, entry->d_name, err);
        }
    }
    closedir(stream);
    return rc;
}

/* Removes an entry of work/ unless a process that lives works on it: its lock is then taken. */
static int remove_left(void *arg, const char *name, struct vmm_err *err)
{
    const struct folder *work = arg;
    const size_t lock_len = sizeof(LOCK_SUFFIX) - 1, len = strlen(name);
    const bool is_lock = len > lock_len && strcmp(name + len - lock_len, LOCK_SUFFIX) == 0;
    char own[NAME_MAX + 1], lock[NAME_MAX + sizeof(LOCK_SUFFIX)], path[PATH_MAX + NAME_MAX + 1];
    struct vmm_err ignored;
    int fd;

    (void)err;
    snprintf(own, sizeof(own), "%.*s", (int)(is_lock ? len - lock_len : len), name);
    snprintf(lock, sizeof(lock), "%s" LOCK_SUFFIX, own);
    fd = lock_take(work, lock, NULL, NULL, &ignored);
    if (fd >= 0) {
        snprintf(path, sizeof(path), "%s/%s", work->path, own);
        (void)file_remove_tree(path, &ignored); /* what stays takes room, and nothing else */
        lock_release(work, lock, fd);
    }
    return 0;
}

int cache_sweep(const struct cache *cache, struct vmm_err *err)
{
    struct folder work;
    int rc = cache_part(cache, CACHE_WORK, false, &work, err);

    if (rc < 0) {
        return rc == -ENOENT ? 0 : rc;
    }
    rc = cache_each(cache, CACHE_WORK, remove_left, &work, err);
    folder_close(&work);
    return rc;
}

int cache_begin(const struct cache *cache, const char *name, void (*waiting)(const void *arg),
                const void *arg, struct cache_work *work, struct vmm_err *err)
{
    char path[PATH_MAX + NAME_MAX];
    int rc;

    *work = CACHE_WORK_NONE;
    snprintf(work->name, sizeof(work->name), "%s", name);
    snprintf(work->lock, sizeof(work->lock), "%s" LOCK_SUFFIX, work->name);
    rc = cache_part(cache, CACHE_WORK, true, &work->parent, err);
    rc = rc == 0 ? cache_sweep(cache, err) : rc;
    if (rc == 0) {
        rc = work->lock_fd = lock_take(&work->parent, work->lock, waiting, arg, err);
    }
    if (rc < 0) {
        return rc;
    }
    snprintf(path, sizeof(path), "%s/%s", work->parent.path, work->name);
    if (mkdirat(work->parent.fd, work->name, 0700) < 0 &&
        (errno != EEXIST || file_remove_tree(path, err) < 0 ||
         mkdirat(work->parent.fd, work->name, 0700) < 0)) {
        return file_fail(err, path);
    }
    return folder_open_in(&work->dir, &work->parent, work->name, path, err);
}

/* Syncs what a folder has, and the folder, or a file. */
static int sync_entry(const struct folder *in, const char *entry, struct vmm_err *err)
{
    int fd = openat(in->fd, entry, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), rc = 0;
    struct dirent *found;
    DIR *stream;

    if (fd < 0) {
        return folder_fail(in, entry, err);
    }
    stream = fdopendir(fd); /* NULL: a file */
    while (stream != NULL && rc == 0 && (found = readdir(stream)) != NULL) {
        int file = found->d_type == DT_REG ? openat(fd, found->d_name, O_RDONLY | O_CLOEXEC) : -1;

        if (file >= 0) {
            rc = file_sync(file, found->d_name, err);
            close(file);
        }
    }
    rc = rc == 0 ? file_sync(fd, entry, err) : rc;
    if (stream != NULL) {
        closedir(stream);
    } else {
        close(fd);
    }
    return rc;
}

int cache_publish(const struct cache *cache, const struct cache_work *work, const char *entry,
                  enum cache_part part, const char *name, struct vmm_err *err)
{
    struct folder folder = FOLDER_NONE;
    int rc = sync_entry(&work->dir, entry, err);

    rc = rc == 0 ? cache_part(cache, part, true, &folder, err) : rc;
    if (rc < 0) {
        return rc;
    }
    if (renameat(work->dir.fd, entry, folder.fd, name) < 0 && errno != ENOTEMPTY &&
        errno != EEXIST) {
        rc = folder_fail(&folder, name, err);
    }
    rc = rc == 0 ? file_sync(folder.fd, folder.path, err) : rc;
    folder_close(&folder);
    return rc;
}

void cache_end(struct cache_work *work)
{
    char path[PATH_MAX + NAME_MAX];
    struct vmm_err ignored;

    if (work->lock_fd >= 0) {
        snprintf(path, sizeof(path), "%s/%s", work->parent.path, work->name);
        (void)file_remove_tree(path, &ignored);
        lock_release(&work->parent, work->lock, work->lock_fd);
    }
    folder_close(&work->dir);
    folder_close(&work->parent);
    *work = CACHE_WORK_NONE;
}
