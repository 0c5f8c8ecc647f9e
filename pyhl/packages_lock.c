// SPDX-License-Identifier: Apache-2.0
/*
 * A package's RECORD has the hash of each of its files, so its own hash stands for the package. But
 * nobody has compared the two. So the lock also has a hash of what is really there: a wheel with
 * another one's RECORD is not taken for it.
 */
#include "packages_lock.h"
#include "files.h"
#include "packages_dist.h"
#include "packages_stubs.h"

#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define LOCK_FILE_MAX (64u << 20) /* bytes of a RECORD: 100,000 files with long names */
#define LOCK_MODULES  1000u

/* A list of strings; free() each. */
struct texts {
    char **items;
    size_t count;
};

static int lock_add(struct texts *list, const char *text, struct vmm_err *err)
{
    char **items = realloc(list->items, (list->count + 1) * sizeof(*items));

    if (items == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    list->items = items;
    items[list->count] = strdup(text);
    if (items[list->count] == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    list->count++;
    return 0;
}

static int lock_by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts the list and leaves one of what is there twice. */
static void lock_sort(struct texts *list)
{
    size_t kept = 0;

    if (list->count > 0) {
        qsort(list->items, list->count, sizeof(*list->items), lock_by_bytes);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (kept > 0 && strcmp(list->items[kept - 1], list->items[i]) == 0) {
            free(list->items[i]);
        } else {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

static void lock_free(struct texts *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    free(list->items);
}

bool lock_wants(const struct package_request *request, const char *name)
{
    const char *text = request->text;
    char own[DIST_NAME];

    while (dist_requirement(&text, own)) {
        if (strcmp(own, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Reads a file of a package. ENOENT without a message when there is none. */
static int lock_file(const struct folder *dist, const char *name, char **text, size_t *len,
                     struct vmm_err *err)
{
    int fd, rc;

    if (faccessat(dist->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
        return -ENOENT;
    }
    fd = folder_read(dist, name, FOLDER_NO_LINK, err);
    if (fd < 0) {
        return fd;
    }
    rc = file_read(fd, name, LOCK_FILE_MAX, text, len, err);
    close(fd);
    return rc < 0 ? vmm_err_context(err, "%.200s", dist->path) : 0;
}

/* The modules that the package says it has, or else those that its files make. */
static int lock_list(const struct folder *dist, const char *record, struct texts *modules,
                     struct vmm_err *err)
{
    char module[DIST_MODULE], *top = NULL;
    const char *at;
    size_t len;
    int rc = lock_file(dist, "top_level.txt", &top, &len, err);

    if (rc < 0 && rc != -ENOENT) {
        return rc;
    }
    rc = 0;
    at = top;
    while (at != NULL && rc == 0 && modules->count < LOCK_MODULES && dist_top_level(&at, module)) {
        rc = lock_add(modules, module, err);
    }
    free(top);
    at = modules->count == 0 ? record : "";
    while (rc == 0 && modules->count < LOCK_MODULES && dist_record(&at, module)) {
        rc = lock_add(modules, module, err);
    }
    return rc;
}

/* Adds the modules to import: the one that is called as the package is, or all when none is. Others
 * beside it are often extensions of further packages, or parts of it. */
static int lock_modules(const struct folder *dist, const char *record, const char *name,
                        struct texts *modules, struct vmm_err *err)
{
    struct texts all = {0};
    const char *same = NULL;
    int rc = lock_list(dist, record, &all, err);

    for (size_t i = 0; i < all.count; i++) {
        same = strcasecmp(all.items[i], name) == 0 ? all.items[i] : same;
    }
    for (size_t i = 0; i < all.count && rc == 0; i++) {
        if (same == NULL || strcmp(all.items[i], same) == 0) {
            rc = lock_add(modules, all.items[i], err);
        }
    }
    lock_free(&all);
    return rc;
}

static int lock_line(const struct dist *metadata, const char *record, struct texts *lines,
                     struct vmm_err *err)
{
    char line[DIST_NAME + DIST_VERSION + SHA256_DIGEST_LENGTH * 2 + 16];
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX hash;
    int n;

    SHA256Init(&hash);
    SHA256Update(&hash, (const uint8_t *)record, strlen(record));
    SHA256Final(digest, &hash);
    n = snprintf(line, sizeof(line), "%s==%s sha256:", metadata->name, metadata->version);
    for (char *p = line; *p; p++) {
        *p = *p == '_' && p < strchr(line, '=') ? '-' : *p;
    }
    for (size_t i = 0; i < sizeof(digest); i++) {
        n += snprintf(line + n, sizeof(line) - (size_t)n, "%02x", digest[i]);
    }
    return lock_add(lines, line, err);
}

struct lock {
    const struct package_request *request;
    struct texts lines, modules;
};

/* One package of the tree. */
static int lock_package(void *arg, const struct folder *dist, struct vmm_err *err)
{
    struct lock *lock = arg;
    char *text = NULL, *record = NULL;
    struct dist metadata;
    size_t len;
    int rc = lock_file(dist, "METADATA", &text, &len, err);

    if (rc == 0) {
        rc = lock_file(dist, "RECORD", &record, &len, err);
    }
    if (rc == -ENOENT || (rc == 0 && !dist_read(text, &metadata))) {
        rc = vmm_err_set(err, EINVAL, "the package %.200s is damaged: it lacks a %s", dist->path,
                         text == NULL     ? "METADATA"
                         : record == NULL ? "RECORD"
                                          : "name and a version");
    }
    if (rc == 0 && record != NULL) {
        rc = lock_line(&metadata, record, &lock->lines, err);
    }
    if (rc == 0 && lock_wants(lock->request, metadata.name)) {
        rc = lock_modules(dist, record, metadata.name, &lock->modules, err);
    }
    free(text);
    free(record);
    return rc;
}

/* The lock's text. */
static int lock_text(const struct texts *lines, const struct tree_sum *sum,
                     struct package_tree *tree, struct vmm_err *err)
{
    FILE *out = open_memstream(&tree->lock, &tree->lock_len);

    if (out == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < lines->count; i++) {
        fprintf(out, "%s\n", lines->items[i]);
    }
    fprintf(out, "tree sha512:%s\n", sum->hash);
    return fclose(out) != 0 ? vmm_err_set(err, ENOMEM, "out of memory") : 0;
}

int lock_read(const struct folder *folder, const struct package_request *request,
              const struct tree_sum *sum, struct package_tree *tree, struct vmm_err *err)
{
    struct lock lock = {.request = request};
    int rc = stubs_each(folder, lock_package, &lock, err);

    lock_sort(&lock.lines);
    lock_sort(&lock.modules);
    tree->modules = lock.modules.items;
    tree->module_count = lock.modules.count;
    if (rc == 0) {
        rc = lock_text(&lock.lines, sum, tree, err);
    }
    lock_free(&lock.lines);
    return rc;
}
