// SPDX-License-Identifier: Apache-2.0
/*
 * The history of typed lines: a text file, a line each, which only its user can read.
 */
#include "history.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HISTORY_BYTES (4u << 20)

/* Makes the directories above a file, for this user alone. */
static void history_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        (void)mkdir(path, 0700); /* what is wrong with it shows when the file is opened */
        *slash = '/';
    }
}

/* Where the file is; empty when nothing says where. */
static void history_path(char path[PATH_MAX])
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int len = 0;

    path[0] = 0;
    if (state != NULL && state[0] == '/') {
        len = snprintf(path, PATH_MAX, "%s/pyhl/history", state);
    } else if (home != NULL && home[0] == '/') {
        len = snprintf(path, PATH_MAX, "%s/.local/state/pyhl/history", home);
    }
    if (len >= PATH_MAX) {
        path[0] = 0;
    }
}

/* Leaves in file->line the last lines of file->text. Returns how many lines it has. */
static size_t history_split(struct history_file *file)
{
    size_t all = 0, at = 0;

    for (const char *c = file->text; *c; c++) {
        all += *c == '\n';
    }
    file->line = calloc(HISTORY_LINES + 1, sizeof(*file->line));
    if (file->line == NULL) {
        return all;
    }
    for (char *line = file->text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = 0;
        if (at++ + HISTORY_LINES >= all) {
            file->line[file->count++] = line;
        }
    }
    return all;
}

/* Writes only the last lines. Another session may add lines at the same time; they go to the end,
 * as these do. */
static void history_shorten(const struct history_file *file)
{
    if (file->line == NULL || ftruncate(file->fd, 0) < 0) {
        return;
    }
    for (size_t i = 0; i < file->count; i++) {
        history_add(file, file->line[i]);
    }
}

static int history_read(struct history_file *file, const char *path, struct vmm_err *err)
{
    struct stat st;
    size_t len;
    int rc;

    if (fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
        return vmm_err_set(err, EINVAL, "%s is no file of this user's: no history is kept", path);
    }
    if (fchmod(file->fd, 0600) < 0 || flock(file->fd, LOCK_EX) < 0) {
        return vmm_err_set(err, errno, "%s: %s: no history is kept", path, strerror(errno));
    }
    rc = file_read(file->fd, path, HISTORY_BYTES, &file->text, &len, err);
    if (rc == 0 && history_split(file) > 2 * HISTORY_LINES) {
        history_shorten(file);
    }
    (void)flock(file->fd, LOCK_UN);
    return rc;
}

int history_open(struct history_file *file, struct vmm_err *err)
{
    char path[PATH_MAX];
    int rc = 0;

    *file = (struct history_file){.fd = -1};
    history_path(path);
    if (path[0] == 0) {
        return 0;
    }
    history_directories(path);
    file->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (file->fd < 0) {
        return vmm_err_set(err, errno, "%s: %s: no history is kept", path, strerror(errno));
    }
    rc = history_read(file, path, err);
    if (rc < 0) {
        close(file->fd);
        file->fd = -1;
    }
    return rc;
}

void history_add(const struct history_file *file, const char *line)
{
    char text[4096];
    const int len = snprintf(text, sizeof(text), "%s\n", line);

    /* A line that is too long to be typed was pasted. It is not kept. */
    if (file->fd >= 0 && len < (int)sizeof(text)) {
        (void)!write(file->fd, text, (size_t)len);
    }
}

void history_close(struct history_file *file)
{
    if (file->fd >= 0) {
        close(file->fd);
    }
    free(file->line);
    free(file->text);
    *file = (struct history_file){.fd = -1};
}
