// SPDX-License-Identifier: Apache-2.0
/*
 * The image's packages are in the initrd, a cpio archive of some hundred MiB. Its reader seeks over
 * what is not asked for, so that a few MiB are read.
 */
#include "packages_stubs.h"
#include "files.h"
#include "packages_dist.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STUB_SUFFIX   ".dist-info"
#define STUB_TEXT_MAX (256u << 10) /* bytes of a METADATA; its head is at the beginning */
#define STUB_MAX      10000u
#define STUB_BLOCK    4096u

bool stubs_have(const struct stubs *stubs, const char *name)
{
    const size_t len = strlen(name);

    for (size_t i = 0; i < stubs->count; i++) {
        if (strncmp(stubs->names[i], name, len) == 0 && stubs->names[i][len] == '-') {
            return true;
        }
    }
    return false;
}

static int stubs_append(struct stubs *stubs, const char *name, struct vmm_err *err)
{
    char **names = realloc(stubs->names, (stubs->count + 1) * sizeof(*names));

    if (names == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    stubs->names = names;
    names[stubs->count] = strdup(name);
    if (names[stubs->count] == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    stubs->count++;
    return 0;
}

/* Writes a file of a stub; what(out, arg) writes its content. */
static int stub_file(const struct folder *folder, const char *stub, const char *name,
                     void (*what)(FILE *out, const void *arg), const void *arg, struct vmm_err *err)
{
    char path[NAME_MAX * 2];
    FILE *out;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", stub, name);
    fd = folder_make(folder, path, err);
    if (fd < 0) {
        return fd;
    }
    out = fdopen(fd, "w");
    if (out == NULL) {
        close(fd);
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    what(out, arg);
    return fclose(out) != 0 ? folder_fail(folder, path, err) : 0;
}

struct stub_text {
    struct dist metadata;
    const char *text;
};

static void stub_metadata(FILE *out, const void *arg)
{
    const struct stub_text *stub = arg;
    const char *text = stub->text, *line;
    size_t len;

    fprintf(out, "Metadata-Version: 2.1\nName: %s\nVersion: %s\n", stub->metadata.name,
            stub->metadata.version);
    while ((line = dist_need(&text, &len)) != NULL) {
        fprintf(out, "%.*s\n", (int)len, line);
    }
}

/* What uv removes when it replaces the package. */
static void stub_record(FILE *out, const void *arg)
{
    fprintf(out, "%s/METADATA,,\n%s/RECORD,,\n", (const char *)arg, (const char *)arg);
}

int stubs_add(struct stubs *stubs, const struct folder *folder, const char *metadata,
              struct vmm_err *err)
{
    struct stub_text text = {.text = metadata};
    char stub[DIST_NAME + DIST_VERSION + sizeof(STUB_SUFFIX) + 1];

    if (!dist_read(metadata, &text.metadata) || stubs_have(stubs, text.metadata.name)) {
        return 0;
    }
    if (stubs->count >= STUB_MAX) {
        return vmm_err_set(err, E2BIG, "more than %u packages are in the image", STUB_MAX);
    }
    snprintf(stub, sizeof(stub), "%s-%s" STUB_SUFFIX, text.metadata.name, text.metadata.version);
    if (mkdirat(folder->fd, stub, 0755) < 0) {
        return folder_fail(folder, stub, err);
    }
    if (stubs_append(stubs, stub, err) < 0 ||
        stub_file(folder, stub, "METADATA", stub_metadata, &text, err) < 0 ||
        stub_file(folder, stub, "RECORD", stub_record, stub, err) < 0) {
        return -err->code;
    }
    return 0;
}

/* Whether the path of a file of the image is that of a package's metadata. */
static bool stub_is_metadata(const char *path)
{
    static const char *const ends[] = {".dist-info/METADATA", ".egg-info/PKG-INFO", ".egg-info"};
    const char *site = strstr(path, "/dist-packages/");
    const size_t len = strlen(path);

    site = site != NULL ? site : strstr(path, "/site-packages/");
    for (size_t i = 0; site != NULL && i < sizeof(ends) / sizeof(*ends); i++) {
        const size_t n = strlen(ends[i]);

        if (len > n && strcmp(path + len - n, ends[i]) == 0) {
            return strchr(site + sizeof("/dist-packages/") - 1, '/') ==
                   (i < 2 ? strrchr(path, '/') : NULL);
        }
    }
    return false;
}

static int stubs_read_initrd(struct stubs *stubs, const struct folder *folder,
                             struct archive *archive, char *text, struct vmm_err *err)
{
    struct archive_entry *entry;
    int got, rc = 0;

    while (rc == 0 && (got = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        const char *path = archive_entry_pathname(entry);
        la_ssize_t n;

        if (path == NULL || archive_entry_filetype(entry) != AE_IFREG || !stub_is_metadata(path)) {
            continue;
        }
        n = archive_read_data(archive, text, STUB_TEXT_MAX);
        if (n < 0) {
            break;
        }
        text[n] = 0;
        rc = stubs_add(stubs, folder, text, err);
    }
    if (rc == 0 && got != ARCHIVE_EOF) {
        const char *why = archive_error_string(archive);

        rc = vmm_err_set(err, EBADMSG, "the image's files cannot be read (%s)",
                         why != NULL ? why : "damaged");
    }
    return rc;
}

/* The initrd is opened once more, because reading moves the offset. */
static int stubs_from_initrd(struct stubs *stubs, const struct folder *folder, int initrd_fd,
                             struct vmm_err *err)
{
    struct archive *archive = archive_read_new();
    char *text = malloc(STUB_TEXT_MAX + 1), path[FILE_FD_PATH];
    int rc = 0;

    file_fd_path(initrd_fd, path);
    if (archive == NULL || text == NULL) {
        rc = vmm_err_set(err, ENOMEM, "out of memory");
    } else {
        archive_read_support_format_cpio(archive);
        if (archive_read_open_filename(archive, path, STUB_BLOCK) != ARCHIVE_OK) {
            rc = vmm_err_set(err, EBADMSG, "the image's files cannot be read (%s)",
                             archive_error_string(archive));
        } else {
            rc = stubs_read_initrd(stubs, folder, archive, text, err);
        }
    }
    free(text);
    archive_read_free(archive);
    return rc;
}

int stubs_each(const struct folder *folder, stub_visitor *visit, void *arg, struct vmm_err *err)
{
    const int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    int rc = dir != NULL ? 0 : folder_fail(folder, ".", err);

    if (dir == NULL && fd >= 0) {
        close(fd);
    }
    while (rc == 0 && dir != NULL && (entry = readdir(dir)) != NULL) {
        const size_t len = strlen(entry->d_name), suffix = sizeof(STUB_SUFFIX) - 1;
        struct folder dist;

        if (len > suffix && strcmp(entry->d_name + len - suffix, STUB_SUFFIX) == 0) {
            rc = folder_open_in(&dist, folder, entry->d_name, entry->d_name, err);
            if (rc == 0) {
                rc = visit(arg, &dist, err);
                folder_close(&dist);
            }
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return rc;
}

struct stub_source {
    struct stubs *stubs;
    const struct folder *folder;
};

/* Makes a stub of a package. The beginning of its METADATA is enough. */
static int stub_of(void *arg, const struct folder *dist, struct vmm_err *err)
{
    const struct stub_source *to = arg;
    const int fd = folder_read(dist, "METADATA", FOLDER_NO_LINK, err);
    char *text = malloc(STUB_TEXT_MAX + 1);
    ssize_t n;
    int rc;

    n = fd >= 0 && text != NULL ? read(fd, text, STUB_TEXT_MAX) : -1;
    if (n >= 0) {
        text[n] = 0;
        rc = stubs_add(to->stubs, to->folder, text, err);
    } else {
        rc = fd < 0 ? fd : folder_fail(dist, "METADATA", err);
    }
    if (fd >= 0) {
        close(fd);
    }
    free(text);
    return rc;
}

int stubs_from_folder(struct stubs *stubs, const struct folder *folder, const struct folder *from,
                      struct vmm_err *err)
{
    struct stub_source source = {stubs, folder};

    return stubs_each(from, stub_of, &source, err);
}

int stubs_put(struct stubs *stubs, const struct folder *folder, const struct package_dists *dists,
              struct vmm_err *err)
{
    struct folder more;
    int rc = 0;

    *stubs = (struct stubs){0};
    if (dists->more_dir != NULL) {
        rc = folder_open(&more, dists->more_dir, err);
        if (rc == 0) {
            rc = stubs_from_folder(stubs, folder, &more, err);
            folder_close(&more);
        }
    }
    return rc == 0 ? stubs_from_initrd(stubs, folder, dists->initrd_fd, err) : rc;
}

/* Whether a file of a stub is there. */
static bool stub_has(const struct folder *folder, const char *stub, const char *name)
{
    char path[NAME_MAX * 2];

    snprintf(path, sizeof(path), "%s/%s", stub, name);
    return faccessat(folder->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether uv has put a package in its place, which may have the same name and version. Unlike a
 * stub it has a WHEEL. */
static bool stub_is_gone(const struct folder *folder, const char *stub)
{
    return stub_has(folder, stub, "WHEEL") || !stub_has(folder, stub, "METADATA");
}

bool stubs_replaced(const struct stubs *stubs, const struct folder *folder)
{
    for (size_t i = 0; i < stubs->count; i++) {
        if (stub_is_gone(folder, stubs->names[i])) {
            return true;
        }
    }
    return false;
}

static int stub_take(const struct folder *folder, const char *stub, struct vmm_err *err)
{
    static const char *const files[] = {"METADATA", "RECORD"};
    char path[NAME_MAX * 2];

    if (stub_has(folder, stub, "WHEEL")) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        snprintf(path, sizeof(path), "%s/%s", stub, files[i]);
        if (unlinkat(folder->fd, path, 0) < 0 && errno != ENOENT) {
            return folder_fail(folder, path, err);
        }
    }
    if (unlinkat(folder->fd, stub, AT_REMOVEDIR) < 0 && errno != ENOENT) {
        return folder_fail(folder, stub, err);
    }
    return 0;
}

int stubs_take(const struct stubs *stubs, const struct folder *folder, bool *replaced,
               struct vmm_err *err)
{
    int rc = 0;

    *replaced = stubs_replaced(stubs, folder);
    for (size_t i = 0; i < stubs->count && rc == 0; i++) {
        rc = stub_take(folder, stubs->names[i], err);
    }
    return rc;
}

void stubs_free(struct stubs *stubs)
{
    for (size_t i = 0; i < stubs->count; i++) {
        free(stubs->names[i]);
    }
    free(stubs->names);
    *stubs = (struct stubs){0};
}
