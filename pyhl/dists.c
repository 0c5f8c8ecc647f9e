// SPDX-License-Identifier: Apache-2.0
/*
 * Each METADATA is one that packages_dists() has written: it begins with the same line, then come
 * Name and Version, and it has headers and nothing else.
 */
#include "dists.h"
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_LINE "Metadata-Version: "

static int add_metadata(FILE *out, const struct folder *folder, const char *name,
                        struct vmm_err *err)
{
    char file[NAME_MAX + sizeof("/METADATA")], *text;
    size_t len;
    int fd, rc;

    snprintf(file, sizeof(file), "%s/METADATA", name);
    fd = folder_read(folder, file, FOLDER_NO_LINK, err);
    if (fd < 0) {
        return fd;
    }
    rc = file_read(fd, file, DISTS_MAX, &text, &len, err);
    close(fd);
    if (rc == 0) {
        fprintf(out, "%s%s", text, len > 0 && text[len - 1] != '\n' ? "\n" : "");
        free(text);
    }
    return rc;
}

static int is_entry(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int dists_pack(const struct package_tree *tree, const struct folder *work, char **text, size_t *len,
               struct vmm_err *err)
{
    struct folder folder = FOLDER_NONE;
    struct dirent **entries = NULL;
    char path[PATH_MAX];
    FILE *out = NULL;
    int count = 0, rc = 0;

    *text = NULL;
    snprintf(path, sizeof(path), "%.*s/packed", PATH_MAX - 16, work->path);
    if (mkdirat(work->fd, "packed", 0700) < 0) {
        return file_fail(err, path);
    }
    rc = packages_dists(tree, path, err);
    rc = rc == 0 ? folder_open(&folder, path, err) : rc;
    if (rc == 0 && ((out = open_memstream(text, len)) == NULL ||
                    (count = scandir(path, &entries, is_entry, alphasort)) < 0)) {
        rc = file_fail(err, path);
    }
    for (int i = 0; i < count; i++) {
        rc = rc == 0 ? add_metadata(out, &folder, entries[i]->d_name, err) : rc;
        free(entries[i]);
    }
    free(entries);
    if (out != NULL && fclose(out) != 0 && rc == 0) {
        rc = vmm_err_set(err, ENOMEM, "out of memory");
    }
    folder_close(&folder);
    return rc;
}

/* The value of a header, if its line begins so. */
static bool header(const char *line, const char *name, char value[128])
{
    const size_t n = strlen(name);

    if (strncmp(line, name, n) != 0) {
        return false;
    }
    snprintf(value, 128, "%.*s", (int)strcspn(line + n, "\n"), line + n);
    return *value != 0 && strchr(value, '/') == NULL;
}

static int unpack_one(const char *text, size_t len, const struct folder *into, struct vmm_err *err)
{
    const char *name_line = strchr(text, '\n') + 1, *version_line = strchr(name_line, '\n');
    char name[128], version[128], path[300];
    int fd, rc;

    if (version_line == NULL || !header(name_line, "Name: ", name) ||
        !header(version_line + 1, "Version: ", version)) {
        return vmm_err_set(err, EBADMSG, "the metadata of a home's packages makes no sense");
    }
    snprintf(path, sizeof(path), "%s-%s.dist-info", name, version);
    if (mkdirat(into->fd, path, 0700) < 0) {
        return folder_fail(into, path, err);
    }
    strcat(path, "/METADATA");
    fd = folder_make(into, path, err);
    rc = fd < 0 ? fd : file_pwrite(fd, text, len, 0);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 && rc < 0 ? vmm_err_set(err, -rc, "%s: %s", path, strerror(-rc)) : rc;
}

int dists_unpack(const char *text, const struct folder *into, struct vmm_err *err)
{
    int rc = 0;

    while (rc == 0 && strncmp(text, FIRST_LINE, sizeof(FIRST_LINE) - 1) == 0) {
        const char *next = strstr(text, "\n" FIRST_LINE);
        const size_t len = next != NULL ? (size_t)(next - text) + 1 : strlen(text);

        rc = strchr(text, '\n') != NULL ? unpack_one(text, len, into, err) : 0;
        text += len;
    }
    return rc;
}

int dists_of_lock(const char *lock, struct packages *packages)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL) {
        return -ENOMEM;
    }
    fputs(packages->text != NULL ? packages->text : "", out);
    for (; *lock; lock += strcspn(lock, "\n"), lock += *lock == '\n') {
        const size_t name = strcspn(lock, "=\n"), version = strcspn(lock + name, " \n");

        if (lock[name] == '=' && version > 2) {
            fprintf(out, "%.*s = %.*s\n", (int)name, lock, (int)version - 2, lock + name + 2);
            packages->count++;
        }
    }
    if (fclose(out) != 0) {
        return -ENOMEM;
    }
    free(packages->text);
    packages->text = text;
    packages->len = len;
    return 0;
}
