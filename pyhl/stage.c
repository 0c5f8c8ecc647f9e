// SPDX-License-Identifier: Apache-2.0
/*
 * Lock, staging directory, publication. Only files that a home or an image has are ever removed: a
 * directory with anything else in it is never replaced.
 */
#include "stage.h"
#include "files.h"
#include "home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_INI "image.ini" /* in a staging directory while an archive is unpacked */

static int fail(struct vmm_err *err, const char *path)
{
    return vmm_err_set(err, errno, "%s: %s", path, strerror(errno));
}

static bool is_ours(const char *name)
{
    for (size_t i = 0; i < sizeof(home_files) / sizeof(home_files[0]); i++)
        if (strcmp(name, home_files[i]) == 0)
            return true;
    return strcmp(name, IMAGE_INI) == 0;
}

/* Counts the entries of a directory that pyhl may have made, and those that it has not. */
static int survey(const char *dir, size_t *ours, size_t *others, struct vmm_err *err)
{
    DIR *stream = opendir(dir);
    struct dirent *entry;

    *ours = *others = 0;
    if (!stream)
        return fail(err, dir);
    while ((entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        ++*(is_ours(entry->d_name) ? ours : others);
    }
    closedir(stream);
    return 0;
}

/* Removes pyhl's files from a directory and, if asked, the directory. pyhl.ini goes first. */
static int clear(const char *dir, bool remove_dir, struct vmm_err *err)
{
    char path[PATH_MAX];

    for (size_t i = 0; i <= sizeof(home_files) / sizeof(home_files[0]); i++) {
        bool last = i == sizeof(home_files) / sizeof(home_files[0]);

        if (file_path(path, dir, last ? IMAGE_INI : home_files[i], err) < 0)
            return -err->code;
        if (unlink(path) < 0 && errno != ENOENT)
            return fail(err, path);
    }
    if (remove_dir && rmdir(dir) < 0)
        return fail(err, dir);
    return 0;
}

/* Splits the home's path into its parent and makes the names beside it. */
static int set_paths(struct stage *stage, const char *home, struct vmm_err *err)
{
    size_t len = strlen(home);
    const char *slash;

    while (len > 1 && home[len - 1] == '/')
        len--;
    if (len == 0 || len >= PATH_MAX - 8)
        return vmm_err_set(err, EINVAL, "'%s' cannot be the name of a home", home);
    memcpy(stage->home, home, len);
    stage->home[len] = 0;
    slash = strrchr(stage->home, '/');
    if (strcmp(slash ? slash + 1 : stage->home, "..") == 0 ||
        strcmp(slash ? slash + 1 : stage->home, ".") == 0 || strcmp(stage->home, "/") == 0)
        return vmm_err_set(err, EINVAL, "'%s' cannot be the name of a home: give a new directory",
                           home);
    snprintf(stage->parent, PATH_MAX, "%.*s", slash ? (int)(slash - stage->home + 1) : 2,
             slash ? stage->home : "./");
    snprintf(stage->dir, PATH_MAX, "%.*s.tmp", PATH_MAX - 5, stage->home);
    return 0;
}

int stage_lock(struct stage *stage, const char *home, void (*waiting)(const char *home),
               struct vmm_err *err)
{
    *stage = (struct stage){.lock_fd = -1};
    if (set_paths(stage, home, err) < 0)
        return -err->code;
    stage->lock_fd = open(stage->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (stage->lock_fd < 0)
        return vmm_err_set(err, errno, "%s: %s; the directory that is to hold '%s' must exist",
                           stage->parent, strerror(errno), stage->home);
    if (flock(stage->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK) {
        waiting(stage->home);
        if (flock(stage->lock_fd, LOCK_EX) == 0)
            return 0;
    }
    if (errno == EINTR)
        return vmm_err_set(err, EINTR, "interrupted while waiting for another setup");
    return vmm_err_set(err, errno, "%s: cannot lock: %s", stage->parent, strerror(errno));
}

int stage_look(const struct stage *stage, enum stage_place *place, struct vmm_err *err)
{
    size_t ours, others;
    struct stat st;

    *place = STAGE_FREE;
    if (lstat(stage->home, &st) < 0)
        return errno == ENOENT ? 0 : fail(err, stage->home);
    if (!S_ISDIR(st.st_mode)) {
        *place = STAGE_FOREIGN;
        return 0;
    }
    if (survey(stage->home, &ours, &others, err) < 0)
        return -err->code;
    if (others > 0)
        *place = STAGE_FOREIGN;
    else if (ours > 0)
        *place = STAGE_HOME;
    return 0;
}

int stage_begin(struct stage *stage, struct vmm_err *err)
{
    if (mkdir(stage->dir, 0755) < 0) {
        size_t ours, others;

        if (errno != EEXIST)
            return fail(err, stage->dir);
        if (survey(stage->dir, &ours, &others, err) < 0)
            return -err->code;
        if (others > 0)
            return vmm_err_set(err, EEXIST, "%s is in the way: it holds files that are not pyhl's",
                               stage->dir);
        if (clear(stage->dir, false, err) < 0)
            return -err->code;
    }
    stage->made = true;
    return 0;
}

static int sync_staged(const struct stage *stage, struct vmm_err *err)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof(home_files) / sizeof(home_files[0]); i++)
        if (file_path(path, stage->dir, home_files[i], err) < 0 || file_sync(path, err) < 0)
            return -err->code;
    return file_sync(stage->dir, err);
}

int stage_publish(struct stage *stage, struct vmm_err *err)
{
    struct vmm_err ignored = {0};

    if (sync_staged(stage, err) < 0)
        return -err->code;
    if (rename(stage->dir, stage->home) == 0) { /* nothing there, or an empty directory */
        stage->made = false;
        return file_sync(stage->parent, err);
    }
    if (errno != ENOTEMPTY && errno != EEXIST)
        return fail(err, stage->home);
    if (renameat2(AT_FDCWD, stage->dir, AT_FDCWD, stage->home, RENAME_EXCHANGE) == 0) {
        /* The staging directory now holds the old home; its removal may fail, the install has not.
         */
        if (file_sync(stage->parent, err) < 0)
            return -err->code;
        stage->made = clear(stage->dir, true, &ignored) < 0;
        return 0;
    }
    /* A file system without exchange: a moment with no home, never with half of one. */
    if (clear(stage->home, false, err) < 0)
        return -err->code;
    if (rename(stage->dir, stage->home) < 0)
        return fail(err, stage->home);
    stage->made = false;
    return file_sync(stage->parent, err);
}

void stage_end(struct stage *stage)
{
    struct vmm_err ignored = {0};

    if (stage->made && clear(stage->dir, true, &ignored) == 0)
        stage->made = false;
    if (stage->lock_fd >= 0)
        close(stage->lock_fd);
    stage->lock_fd = -1;
}
