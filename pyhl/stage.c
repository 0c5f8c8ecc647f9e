// SPDX-License-Identifier: Apache-2.0
/*
 * Lock, staging directory, publication: see stage.h. Only files that a home or an image has are
 * ever removed. A directory with anything else in it is never replaced.
 */
#include "stage.h"
#include "files.h"
#include "home.h"
#include "lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TMP_SUFFIX  ".tmp"
#define LOCK_SUFFIX ".lock"

static bool is_ours(const char *name)
{
    for (size_t i = 0; i < HOME_FILES; i++) {
        if (strcmp(name, home_files[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Counts the entries of a directory that pyhl may have made, and the others. */
static int survey(const struct folder *dir, size_t *ours, size_t *others, struct vmm_err *err)
{
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    *ours = *others = 0;
    if (stream == NULL) {
        file_fail(err, dir->path);
        if (fd >= 0) {
            close(fd);
        }
        return -err->code;
    }
    while ((entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        ++*(is_ours(entry->d_name) ? ours : others);
    }
    closedir(stream);
    return 0;
}

/* Removes pyhl's files from a directory. pyhl.ini goes first. */
static int clear(const struct folder *dir, struct vmm_err *err)
{
    for (size_t i = 0; i < HOME_FILES; i++) {
        if (folder_remove(dir, home_files[i], err) < 0) {
            return -err->code;
        }
    }
    return 0;
}

/* Refuses a directory that does not belong to the user, even for root: setup clears or replaces no
 * other. */
static int check_owner(const struct folder *dir, struct vmm_err *err)
{
    struct stat st;

    if (fstat(dir->fd, &st) < 0) {
        return file_fail(err, dir->path);
    }
    if (st.st_uid != geteuid()) {
        return vmm_err_set(err, EPERM,
                           "'%s' belongs to user %u, not to you (user %u); it is left alone, "
                           "choose another --dest",
                           dir->path, (unsigned)st.st_uid, (unsigned)geteuid());
    }
    return 0;
}

/* Whether a name in the parent directory is still that of the open file. */
static bool is_still(const struct stage *stage, const char *name, int fd)
{
    struct stat is, was;

    return fstatat(stage->parent.fd, name, &is, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &was) == 0 &&
           is.st_dev == was.st_dev && is.st_ino == was.st_ino;
}

static void tmp_name(const struct stage *stage, char name[PATH_MAX])
{
    snprintf(name, PATH_MAX, "%.*s" TMP_SUFFIX, PATH_MAX - 8, stage->name);
}

/* Makes the directories of a path that ends in a slash, for their user alone. */
static int make_parents(const char *path, struct vmm_err *err)
{
    char part[PATH_MAX];

    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        if (mkdir(part, 0700) < 0 && errno != EEXIST) {
            return vmm_err_set(err, errno, "%s: %s; it is to hold the home", part, strerror(errno));
        }
    }
    return 0;
}

/* Splits the home's path into its parent and its name, and opens the parent. */
static int set_paths(struct stage *stage, const char *home, struct vmm_err *err)
{
    size_t len = strlen(home);
    char parent[PATH_MAX];
    const char *slash;

    while (len > 1 && home[len - 1] == '/') {
        len--;
    }
    if (len == 0 || len >= PATH_MAX - 8) {
        return vmm_err_set(err, EINVAL, "'%s' cannot be the name of a home", home);
    }
    memcpy(stage->home, home, len);
    stage->home[len] = 0;
    slash = strrchr(stage->home, '/');
    stage->name = slash != NULL ? slash + 1 : stage->home;
    if (strcmp(stage->name, "..") == 0 || strcmp(stage->name, ".") == 0 ||
        strcmp(stage->home, "/") == 0) {
        return vmm_err_set(err, EINVAL, "'%s' cannot be the name of a home: give a new directory",
                           home);
    }
    snprintf(parent, PATH_MAX, "%.*s", slash ? (int)(slash - stage->home + 1) : 2,
             slash ? stage->home : "./");
    if (make_parents(parent, err) < 0) {
        return -err->code;
    }
    if (folder_open(&stage->parent, parent, err) < 0) {
        return vmm_err_set(err, err->code, "%s: %s; it is to hold '%s'", parent,
                           strerror(err->code), stage->home);
    }
    return 0;
}

static void stage_waiting(const void *arg)
{
    const struct stage *stage = arg;

    stage->waiting(stage->home);
}

int stage_lock(struct stage *stage, const char *home, void (*waiting)(const char *home),
               struct vmm_err *err)
{
    *stage = STAGE_NONE;
    if (set_paths(stage, home, err) < 0) {
        return -err->code;
    }
    stage->waiting = waiting;
    snprintf(stage->lock, PATH_MAX, "%.*s" LOCK_SUFFIX, PATH_MAX - 8, stage->name);
    stage->lock_fd = lock_take(&stage->parent, stage->lock, stage_waiting, stage, err);
    return stage->lock_fd < 0 ? -err->code : 0;
}

int stage_look(struct stage *stage, enum stage_place *place, struct vmm_err *err)
{
    struct vmm_err why = {0};
    size_t ours, others;

    *place = STAGE_FREE;
    if (folder_open_in(&stage->old, &stage->parent, stage->name, stage->home, &why) < 0) {
        if (why.code == ENOENT) {
            return 0;
        }
        *place = STAGE_FOREIGN;
        return why.code == ENOTDIR || why.code == ELOOP ? 0
                                                        : vmm_err_set(err, why.code, "%s", why.msg);
    }
    if (check_owner(&stage->old, err) < 0 || survey(&stage->old, &ours, &others, err) < 0) {
        return -err->code;
    }
    if (others > 0) {
        *place = STAGE_FOREIGN;
    } else if (ours > 0) {
        *place = STAGE_HOME;
    }
    return 0;
}

/* Empties the staging directory that a killed setup left. */
static int clear_left(struct stage *stage, struct vmm_err *err)
{
    size_t ours, others;

    if (survey(&stage->dir, &ours, &others, err) < 0) {
        return -err->code;
    }
    if (others > 0) {
        return vmm_err_set(err, EEXIST, "%s is in the way: it holds files that are not pyhl's",
                           stage->dir.path);
    }
    return clear(&stage->dir, err);
}

int stage_begin(struct stage *stage, struct vmm_err *err)
{
    char name[PATH_MAX], path[PATH_MAX];
    bool left;

    tmp_name(stage, name);
    snprintf(path, PATH_MAX, "%.*s" TMP_SUFFIX, PATH_MAX - 8, stage->home);
    left = mkdirat(stage->parent.fd, name, 0755) < 0;
    if (left && errno != EEXIST) {
        return file_fail(err, path);
    }
    if (folder_open_in(&stage->dir, &stage->parent, name, path, err) < 0) {
        if (err->code == ENOTDIR || err->code == ELOOP) {
            return vmm_err_set(err, EEXIST, "%s is in the way: it is no directory", path);
        }
        return -err->code;
    }
    if (check_owner(&stage->dir, err) < 0 || (left && clear_left(stage, err) < 0)) {
        folder_close(&stage->dir); /* so that stage_end() does not remove it */
        return -err->code;
    }
    return 0;
}

/* Makes a file read-only, against slips of its owner: a snapshot must not change while VMs run from
 * it. */
static int finish_file(const struct stage *stage, const char *name, struct vmm_err *err)
{
    const bool optional = strcmp(name, HOME_LAYER) == 0 || strcmp(name, HOME_DISTS) == 0;
    int fd = folder_read(&stage->dir, name, FOLDER_NO_LINK, err);
    struct stat st;
    int rc = 0;

    if (fd < 0) {
        return fd == -ENOENT && optional ? 0 : fd;
    }
    if (fstat(fd, &st) < 0 || fchmod(fd, st.st_mode & 0444) < 0 || fsync(fd) < 0) {
        rc = folder_fail(&stage->dir, name, err);
    }
    close(fd);
    return rc;
}

static int finish_files(const struct stage *stage, struct vmm_err *err)
{
    for (size_t i = 0; i < HOME_FILES; i++) {
        if (finish_file(stage, home_files[i], err) < 0) {
            return -err->code;
        }
    }
    return file_sync(stage->dir.fd, stage->dir.path, err);
}

/* Removes a directory if it is empty. */
static bool remove_dir(const struct stage *stage, const char *name)
{
    return unlinkat(stage->parent.fd, name, AT_REMOVEDIR) == 0;
}

/* Puts the staging directory in the place of an existing home. */
static int replace(struct stage *stage, const char *name, struct vmm_err *err)
{
    struct vmm_err ignored = {0};
    int parent = stage->parent.fd;

    if (renameat2(parent, name, parent, stage->name, RENAME_EXCHANGE) == 0) {
        /* The removal of the old home may fail: the install is good all the same. */
        if (clear(&stage->old, &ignored) == 0) {
            remove_dir(stage, name);
        }
        return 0;
    }
    /* A file system that cannot exchange names: for a moment there is no home, but never half a
     * home. */
    if (clear(&stage->old, err) < 0) {
        return -err->code;
    }
    return renameat(parent, name, parent, stage->name) < 0 ? file_fail(err, stage->home) : 0;
}

int stage_publish(struct stage *stage, struct vmm_err *err)
{
    char name[PATH_MAX];
    int rc = 0;

    tmp_name(stage, name);
    if (finish_files(stage, err) < 0) {
        return -err->code;
    }
    if (!is_still(stage, name, stage->dir.fd)) {
        return vmm_err_set(err, EAGAIN, "%s was moved away while it was filled", stage->dir.path);
    }
    if (renameat(stage->parent.fd, name, stage->parent.fd, stage->name) < 0) {
        if ((errno != ENOTEMPTY && errno != EEXIST) || stage->old.fd < 0) {
            return file_fail(err, stage->home);
        }
        rc = replace(stage, name, err);
    }
    if (rc < 0) {
        return rc;
    }
    folder_close(&stage->dir);
    return file_sync(stage->parent.fd, stage->parent.path, err);
}

void stage_end(struct stage *stage)
{
    struct vmm_err ignored = {0};
    char name[PATH_MAX];

    if (stage->dir.fd >= 0 && clear(&stage->dir, &ignored) == 0) {
        tmp_name(stage, name);
        remove_dir(stage, name);
    }
    lock_release(&stage->parent, stage->lock, stage->lock_fd);
    folder_close(&stage->dir);
    folder_close(&stage->old);
    folder_close(&stage->parent);
    *stage = STAGE_NONE;
}
