// SPDX-License-Identifier: Apache-2.0
/*
 * Each directory is opened by its name alone in the directory that it is in, so no path leads out
 * of the tree. Names come in the order of their bytes: the same tree has the same hash.
 */
#include "packages_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_DEPTH 64u
#define TREE_PATH  1024u
#define TREE_CHUNK (256u << 10)

struct walk {
    uint64_t max_entries, max_bytes;
    struct tree_sum *sum;
    SHA2_CTX hash;
    unsigned depth;
    char path[TREE_PATH]; /* where the walk is */
    uint8_t chunk[TREE_CHUNK];
};

static int tree_fail(const struct walk *walk, struct vmm_err *err)
{
    return vmm_err_set(err, errno, "%.300s: %s", walk->path, strerror(errno));
}

/* Appends a name to the path, for messages and the hash. */
static int tree_enter(struct walk *walk, const char *name, struct vmm_err *err)
{
    const size_t len = strlen(walk->path);
    const int n = snprintf(walk->path + len, TREE_PATH - len, "%s%s", len > 0 ? "/" : "", name);

    if (n >= (int)(TREE_PATH - len)) {
        walk->path[len] = 0;
        return vmm_err_set(err, ENAMETOOLONG,
                           "a package has a path of more than %u bytes, in %.200s", TREE_PATH - 1,
                           walk->path);
    }
    return 0;
}

/* Adds a file's name, length and content to the hash. */
static int tree_hash_file(struct walk *walk, int fd, uint64_t size, struct vmm_err *err)
{
    uint64_t left = size;

    SHA512Update(&walk->hash, (const uint8_t *)walk->path, strlen(walk->path) + 1);
    SHA512Update(&walk->hash, (const uint8_t *)&size, sizeof(size));
    while (left > 0) {
        const ssize_t n = read(fd, walk->chunk, left < TREE_CHUNK ? left : TREE_CHUNK);

        if (n < 0) {
            return tree_fail(walk, err);
        }
        if (n == 0) {
            return vmm_err_set(err, EIO, "%.300s became shorter while it was read", walk->path);
        }
        SHA512Update(&walk->hash, walk->chunk, (size_t)n);
        left -= (uint64_t)n;
    }
    return 0;
}

static int tree_file(struct walk *walk, int fd, const struct stat *st, struct vmm_err *err)
{
    const uint64_t size = (uint64_t)st->st_size;

    if (st->st_mode & (S_ISUID | S_ISGID)) {
        return vmm_err_set(err, EINVAL,
                           "a package has a file that changes its user, which is not taken: %.300s",
                           walk->path);
    }
    walk->sum->bytes += size;
    if (walk->max_bytes > 0 && walk->sum->bytes > walk->max_bytes) {
        return vmm_err_set(err, E2BIG,
                           "the packages are too large for the VM's memory: more than %llu MiB",
                           (unsigned long long)(walk->max_bytes >> 20));
    }
    return tree_hash_file(walk, fd, size, err);
}

static int tree_folder(struct walk *walk, int fd, struct vmm_err *err);

/* What is neither a file nor a directory. */
static int tree_refuse(const struct walk *walk, const struct stat *st, struct vmm_err *err)
{
    const char *what = S_ISLNK(st->st_mode)    ? "symbolic link"
                       : S_ISFIFO(st->st_mode) ? "pipe"
                       : S_ISSOCK(st->st_mode) ? "socket"
                                               : "device";

    return vmm_err_set(err, EINVAL, "a package has a %s in it, which is not taken: %.300s", what,
                       walk->path);
}

/* One name of a directory. What it is decides on the open file, which cannot change. */
static int tree_entry(struct walk *walk, int parent, const char *name, struct vmm_err *err)
{
    struct stat st;
    int fd, rc;

    if (tree_enter(walk, name, err) < 0) {
        return -err->code;
    }
    if (++walk->sum->entries > walk->max_entries) {
        return vmm_err_set(err, E2BIG,
                           "the packages have more than %llu files, which is more than is taken",
                           (unsigned long long)walk->max_entries);
    }
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return tree_fail(walk, err);
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        return tree_refuse(walk, &st, err);
    }
    fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        rc = tree_fail(walk, err);
    } else if (S_ISDIR(st.st_mode)) {
        rc = tree_folder(walk, fd, err);
    } else {
        rc = S_ISREG(st.st_mode) ? tree_file(walk, fd, &st, err) : tree_refuse(walk, &st, err);
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

static int tree_names(const char *const *names, size_t count, struct walk *walk, int fd,
                      struct vmm_err *err)
{
    const size_t len = strlen(walk->path);
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = tree_entry(walk, fd, names[i], err);
        walk->path[len] = 0;
    }
    return rc;
}

static int tree_by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, without more than may be taken; *count of them, also after an error. */
static int tree_list(const struct walk *walk, int fd, char ***names, size_t *count,
                     struct vmm_err *err)
{
    const int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = again >= 0 ? fdopendir(again) : NULL;
    struct dirent *entry;
    int rc = 0;

    if (dir == NULL) {
        rc = tree_fail(walk, err);
        if (again >= 0) {
            close(again);
        }
        return rc;
    }
    while (rc == 0 && *count <= walk->max_entries && (entry = readdir(dir)) != NULL) {
        char **more;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        more = *count & (*count - 1) ? *names : realloc(*names, (*count * 2 + 1) * sizeof(*more));
        *names = more != NULL ? more : *names;
        if (more == NULL || (more[*count] = strdup(entry->d_name)) == NULL) {
            rc = vmm_err_set(err, ENOMEM, "out of memory");
        } else {
            ++*count;
        }
    }
    closedir(dir);
    return rc;
}

/* A directory, which is open. */
static int tree_folder(struct walk *walk, int fd, struct vmm_err *err)
{
    char **names = NULL;
    size_t count = 0;
    int rc;

    if (walk->depth >= TREE_DEPTH) {
        return vmm_err_set(err, E2BIG,
                           "a package has more than %u directories in each other: %.200s",
                           TREE_DEPTH, walk->path);
    }
    walk->depth++;
    rc = tree_list(walk, fd, &names, &count, err);
    if (rc == 0) {
        SHA512Update(&walk->hash, (const uint8_t *)walk->path, strlen(walk->path) + 1);
        if (count > 0) {
            qsort(names, count, sizeof(*names), tree_by_bytes);
        }
        rc = tree_names((const char *const *)names, count, walk, fd, err);
    }
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
    walk->depth--;
    return rc;
}

int tree_check(const struct folder *folder, uint64_t max_entries, uint64_t max_bytes,
               struct tree_sum *sum, struct vmm_err *err)
{
    struct walk *walk = malloc(sizeof(*walk));
    uint8_t digest[SHA512_DIGEST_LENGTH];
    int rc;

    *sum = (struct tree_sum){0};
    if (walk == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    *walk = (struct walk){.max_entries = max_entries, .max_bytes = max_bytes, .sum = sum};
    SHA512Init(&walk->hash);
    rc = tree_folder(walk, folder->fd, err);
    if (rc == 0) {
        SHA512Final(digest, &walk->hash);
        for (size_t i = 0; i < sizeof(digest); i++) {
            snprintf(sum->hash + i * 2, 3, "%02x", digest[i]);
        }
    }
    free(walk);
    return rc;
}
