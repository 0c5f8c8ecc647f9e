// SPDX-License-Identifier: Apache-2.0
/*
 * The lists of files: paths in the guest from those that a user types, and all that lies below a
 * directory of the host. Links that a user names are followed; those in a directory are copied as
 * they are.
 */
#include "copies.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_PER_S 1000000000ll

static int no_memory(struct vmm_err *err)
{
    (void)vmm_err_set(err, ENOMEM, "out of memory");
    return -ENOMEM;
}

/* Appends the names of a path to `to`, which has room for them: "." goes, ".." takes one back. */
static void append_names(char *to, const char *path)
{
    while (*path) {
        const size_t n = strcspn(path, "/");
        char *end = to + strlen(to);

        if (n == 2 && path[0] == '.' && path[1] == '.') {
            char *slash = strrchr(to, '/');

            *(slash != NULL ? slash : to) = 0;
        } else if (n > 0 && !(n == 1 && path[0] == '.')) {
            if (end > to) {
                *end++ = '/';
            }
            memcpy(end, path, n);
            end[n] = 0;
        }
        path += n + (path[n] == '/');
    }
}

/* The guest's path for `path`, which is relative to cwd unless it is absolute, and then for a name
 * in it unless that is NULL. Relative to the guest's root, with no "." and "..". To be freed. */
static char *guest_path(const char *cwd, const char *path, const char *name)
{
    char *to = calloc(1, strlen(cwd) + strlen(path) + (name != NULL ? strlen(name) : 0) + 4);

    if (to != NULL) {
        append_names(to, path[0] == '/' ? "" : cwd);
        append_names(to, path);
        append_names(to, name != NULL ? name : "");
    }
    return to;
}

/* The last name of a path, without slashes after it. "": the path ends in none. To be freed. */
static char *last_name(const char *path)
{
    size_t end = strlen(path), start;

    while (end > 0 && path[end - 1] == '/') {
        end--;
    }
    for (start = end; start > 0 && path[start - 1] != '/'; start--) {
    }
    if ((end - start == 1 && path[start] == '.') ||
        (end - start == 2 && path[start] == '.' && path[start + 1] == '.')) {
        end = start;
    }
    return strndup(path + start, end - start);
}

/* Splits WORD at its last colon into *first, to be freed, and *second, a part of the word; NULL:
 * there is none. */
static int split(const char *option, const char *word, char **first, const char **second,
                 struct vmm_err *err)
{
    const char *colon = strrchr(word, ':');

    *second = colon != NULL ? colon + 1 : NULL;
    *first = strndup(word, colon != NULL ? (size_t)(colon - word) : strlen(word));
    if (*first == NULL) {
        return no_memory(err);
    }
    if (**first == 0 || (colon != NULL && colon[1] == 0)) {
        return vmm_err_set(err, EINVAL, "%s '%s': a path is empty", option, word);
    }
    return 0;
}

/* ---- in ---- */

static int grow(struct copies *c, struct vmm_err *err)
{
    const size_t room = c->room ? 2 * c->room : 16;
    struct vmm_file *files = realloc(c->files, room * sizeof(*files));
    char **names = NULL;
    bool *sparse = NULL;

    if (files != NULL) {
        c->files = files;
        names = realloc(c->names, room * sizeof(*names));
    }
    if (names != NULL) {
        c->names = names;
        sparse = realloc(c->sparse, room * sizeof(*sparse));
    }
    if (sparse == NULL) {
        return no_memory(err);
    }
    c->sparse = sparse;
    c->room = room;
    return 0;
}

static const char *kind_of(mode_t mode)
{
    return S_ISFIFO(mode)                   ? "a FIFO"
           : S_ISSOCK(mode)                 ? "a socket"
           : S_ISCHR(mode) || S_ISBLK(mode) ? "a device"
                                            : "of no known kind";
}

/* The text of a link, to be freed. */
static char *link_text(const char *path)
{
    char text[PATH_MAX];
    const ssize_t n = readlink(path, text, sizeof(text));

    if (n > 0 && (size_t)n < sizeof(text)) {
        return strndup(text, (size_t)n);
    }
    errno = n < 0 ? errno : ENAMETOOLONG;
    return NULL;
}

static int too_much(const struct copies *c, const char *what, struct vmm_err *err)
{
    if (c->in.count == c->max_entries) {
        return vmm_err_set(err, EFBIG,
                           "cannot copy in %s: that is more than %llu files; --copy-entries "
                           "allows more",
                           what, (unsigned long long)c->max_entries);
    }
    return vmm_err_set(err, EFBIG,
                       "cannot copy in %s: that is more than %llu MiB; --copy-limit allows more",
                       what, (unsigned long long)(c->max_bytes >> 20));
}

/* Adds an entry. Takes `path`, its path in the guest, whatever it returns. */
static int add_entry(struct copies *c, char *path, const char *host, const struct stat *st,
                     struct vmm_err *err)
{
    const bool regular = S_ISREG(st->st_mode), link = S_ISLNK(st->st_mode);
    const uint64_t size = regular ? (uint64_t)st->st_size : 0;
    struct vmm_file *file;

    if (path == NULL || (c->in.count == c->room && grow(c, err) < 0)) {
        free(path);
        return no_memory(err);
    }
    if (c->in.count == c->max_entries || size > c->max_bytes - c->bytes) {
        free(path);
        return too_much(c, host, err);
    }
    c->bytes += size;
    file = &c->files[c->in.count];
    *file = (struct vmm_file){
        .path = path,
        .size = size,
        .mtime_ns = (int64_t)st->st_mtim.tv_sec * NS_PER_S + st->st_mtim.tv_nsec,
        .mode = st->st_mode & (S_IFMT | 0777),
        .target = link ? link_text(host) : NULL,
    };
    c->names[c->in.count] = regular ? strdup(host) : NULL;
    c->sparse[c->in.count] = regular && st->st_blocks * 512 < st->st_size;
    c->in.count++;
    if (link && file->target == NULL) {
        return vmm_err_set(err, errno, "cannot copy in %s: %s", host, strerror(errno));
    }
    return regular && c->names[c->in.count - 1] == NULL ? no_memory(err) : 0;
}

/* One thing that fts(3) has found below `top`, whose guest path is base. */
static int add_found(struct copies *c, FTSENT *found, size_t top, const char *base,
                     struct vmm_err *err)
{
    const char *host = found->fts_path;
    const mode_t mode = found->fts_statp->st_mode;
    char *path;

    switch (found->fts_info) {
    case FTS_DP:
        return 0;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return vmm_err_set(err, found->fts_errno, "cannot copy in %s: %s", host,
                           strerror(found->fts_errno));
    case FTS_DC:
        return vmm_err_set(err, ELOOP, "cannot copy in %s: it is below itself", host);
    default:
        break;
    }
    if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode)) {
        return vmm_err_set(err, ENOTSUP, "cannot copy in %s: it is %s", host, kind_of(mode));
    }
    path = guest_path(base, strlen(host) > top ? host + top + (host[top] == '/') : "", NULL);
    if (path != NULL && *path == 0) {
        free(path);
        return 0; /* the guest's root is there */
    }
    return add_entry(c, path, host, found->fts_statp, err);
}

static int compare_names(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Adds what `host` is, and all below it, as base in the guest. */
static int add_tree(struct copies *c, const char *host, const char *base, struct vmm_err *err)
{
    char *top = strdup(host);
    size_t length = strlen(host);
    FTS *fts = NULL;
    FTSENT *found;
    int rc = 0;

    while (top != NULL && length > 1 && top[length - 1] == '/') {
        top[--length] = 0; /* fts(3) would keep it in some paths and not in others */
    }
    if (top != NULL) {
        fts = fts_open((char *const[]){top, NULL}, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR,
                       compare_names);
    }
    if (fts == NULL) {
        free(top);
        return no_memory(err);
    }
    length = strcmp(top, "/") == 0 ? 0 : length;
    while (rc == 0 && (errno = 0, found = fts_read(fts)) != NULL) {
        rc = add_found(c, found, length, base, err);
    }
    if (rc == 0 && errno != 0) {
        rc = vmm_err_set(err, errno, "cannot copy in %s: %s", host, strerror(errno));
    }
    (void)fts_close(fts);
    free(top);
    return rc;
}

/* HOST[:GUEST] */
static int add_in(struct copies *c, const char *word, const char *cwd, struct vmm_err *err)
{
    char *host = NULL, *name = NULL, *base = NULL;
    const char *guest;
    int rc = split("--copy-in", word, &host, &guest, err);

    if (rc == 0) {
        const bool into = guest == NULL || guest[strlen(guest) - 1] == '/';

        name = last_name(host);
        if (name != NULL && guest == NULL && *name == 0 && strcmp(host, ".") != 0) {
            rc = vmm_err_set(err, EINVAL, "--copy-in '%s': say where, as in %s:GUEST", word, host);
        }
        base = name != NULL && rc == 0
                   ? guest_path(cwd, guest != NULL ? guest : "", into ? name : NULL)
                   : NULL;
    }
    if (rc == 0) {
        rc = base != NULL ? add_tree(c, host, base, err) : no_memory(err);
    }
    free(host);
    free(name);
    free(base);
    return rc;
}

/* The directory that the script is, or that it is in; the working directory when there is none. */
static char *script_dir(const char *script)
{
    const bool file = script != NULL && strcmp(script, "-") != 0;
    const char *slash = file ? strrchr(script, '/') : NULL;
    struct stat st;

    if (file && stat(script, &st) == 0 && S_ISDIR(st.st_mode)) {
        return strdup(script);
    }
    return slash == NULL ? strdup(".") : strndup(script, (size_t)(slash - script) + 1);
}

static int add_dir(struct copies *c, const char *cwd, const char *script, struct vmm_err *err)
{
    char *dir = script_dir(script);
    char *base = dir != NULL ? guest_path(cwd, dir, NULL) : NULL;
    int rc = base != NULL ? add_tree(c, dir, base, err) : no_memory(err);

    free(dir);
    free(base);
    return rc;
}

static void free_entry(struct copies *c, size_t i)
{
    free((char *)(uintptr_t)c->files[i].path);
    free((char *)(uintptr_t)c->files[i].target);
    free(c->names[i]);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What is named by itself comes in place of what the script's directory, the first `first`
 * entries, has at the same path. */
static int drop_replaced(struct copies *c, size_t first, struct vmm_err *err)
{
    const size_t named = c->in.count - first;
    const char **paths = calloc(named + 1, sizeof(*paths));
    size_t kept = 0;

    if (paths == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < named; i++) {
        paths[i] = c->files[first + i].path;
    }
    qsort(paths, named, sizeof(*paths), compare_paths);
    for (size_t i = 0; i < c->in.count; i++) {
        if (i < first && !S_ISDIR(c->files[i].mode) &&
            bsearch(&c->files[i].path, paths, named, sizeof(*paths), compare_paths) != NULL) {
            free_entry(c, i);
            continue;
        }
        c->files[kept] = c->files[i];
        c->names[kept] = c->names[i];
        c->sparse[kept++] = c->sparse[i];
    }
    c->in.count = kept;
    free(paths);
    return 0;
}

/* ---- out ---- */

/* Opens the directory that a target is to lie in. When the host's path ends in a slash it is that
 * directory, and the target keeps its name. A directory that is there is the target itself. */
static int open_target(struct copy_target *t, const char *last, struct vmm_err *err)
{
    const char *host = t->host;
    const bool into = host[strlen(host) - 1] == '/';
    struct stat st;
    char *dir;

    t->name = into                                          ? strdup(last)
              : stat(host, &st) == 0 && S_ISDIR(st.st_mode) ? strdup("")
                                                            : last_name(host);
    if (t->name == NULL) {
        return no_memory(err);
    }
    dir = into || *t->name == 0       ? strdup(host)
          : strchr(host, '/') == NULL ? strdup(".")
                                      : strndup(host, strlen(host) - strlen(t->name));
    if (dir == NULL) {
        return no_memory(err);
    }
    t->folder_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (t->folder_fd < 0) {
        (void)vmm_err_set(err, errno, "cannot copy out to %s: %s", host, strerror(errno));
    }
    free(dir);
    if (*t->name == 0) {
        free(t->name);
        t->name = NULL;
    }
    return t->folder_fd < 0 ? -err->code : 0;
}

/* GUEST[:HOST] */
static int add_out(struct copies *c, const char *word, const char *cwd, struct vmm_err *err)
{
    struct copy_target *t = &c->targets[c->target_count++];
    char *guest = NULL, *last = NULL;
    const char *host;
    int rc = split("--copy-out", word, &guest, &host, err);

    t->folder_fd = -1;
    if (rc == 0) {
        last = last_name(guest);
        t->guest = guest_path(cwd, guest, NULL);
        t->host = strdup(host != NULL ? host : last != NULL && *last ? last : ".");
        rc = last == NULL || t->guest == NULL || t->host == NULL ? no_memory(err) : 0;
    }
    if (rc == 0 && host == NULL && *last == 0) {
        rc = vmm_err_set(err, EINVAL, "--copy-out '%s': say where to, as in %s:HOST", word, guest);
    }
    if (rc == 0) {
        rc = open_target(t, last, err);
    }
    free(guest);
    free(last);
    return rc;
}

/* ---- both ---- */

int copies_list(const struct copy_options *options, const char *cwd, const char *script,
                struct copies *copies, struct vmm_err *err)
{
    size_t from_dir;
    int rc = 0;

    *copies = (struct copies){
        .max_bytes = options->max_bytes ? options->max_bytes : COPY_MAX_BYTES,
        .max_entries = options->max_entries ? options->max_entries : COPY_MAX_ENTRIES,
    };
    copies->targets = calloc(options->out.count + 1, sizeof(*copies->targets));
    if (copies->targets == NULL) {
        return no_memory(err);
    }
    if (options->with_dir) {
        rc = add_dir(copies, cwd, script, err);
    }
    from_dir = copies->in.count;
    for (size_t i = 0; rc == 0 && i < options->in.count; i++) {
        rc = add_in(copies, options->in.items[i], cwd, err);
    }
    if (rc == 0) {
        rc = drop_replaced(copies, from_dir, err);
    }
    for (size_t i = 0; rc == 0 && i < options->out.count; i++) {
        rc = add_out(copies, options->out.items[i], cwd, err);
    }
    copies->in.files = copies->files;
    return rc;
}

void copies_free(struct copies *copies)
{
    for (size_t i = 0; i < copies->in.count; i++) {
        free_entry(copies, i);
    }
    for (size_t i = 0; i < copies->target_count; i++) {
        struct copy_target *t = &copies->targets[i];

        if (t->folder_fd >= 0) {
            close(t->folder_fd);
        }
        free(t->guest);
        free(t->host);
        free(t->name);
    }
    free(copies->files);
    free(copies->names);
    free(copies->sparse);
    free(copies->targets);
    *copies = (struct copies){0};
}
