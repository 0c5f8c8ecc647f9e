// SPDX-License-Identifier: Apache-2.0
/*
 * What uv takes as installed are stubs: a folder with a METADATA for each package that the VM says
 * it has, of which only name and version are taken. They and what uv unpacks lie in the cache
 * folder's work/, where what a killed process leaves is found and removed.
 */
#include "install_parent.h"
#include "cache.h"
#include "copies_read.h"
#include "files.h"
#include "home.h"
#include "message.h"
#include "packages_dist.h"
#include "signals.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSTALL_TREE  "tree"
#define INSTALL_STUBS "stubs"

struct install_parent {
    const struct install_wish *wish;
    const char *name;
    bool ready; /* home and work are open */
    struct home home;
    struct cache cache;
    struct cache_work work;
    unsigned installs;
    struct package_tree tree; /* what is given to the child */
    struct copies files;
    struct copies_reader reader;
};

/* What the child asks for. The strings lie in `text`, a copy of the request's bytes. */
struct asked {
    char text[INSTALL_HAVE + INSTALL_WORDS + 2];
    struct opt_list have, words;
};

/* A path in the folder of the work. */
static int install_path(const struct install_parent *p, char path[PATH_MAX], const char *name,
                        struct vmm_err *err)
{
    return snprintf(path, PATH_MAX, "%s/%s", p->work.dir.path, name) < PATH_MAX
               ? 0
               : vmm_err_set(err, ENAMETOOLONG, "%.300s: path too long", p->work.dir.path);
}

/* Makes a folder there. */
static int install_folder(const struct install_parent *p, char path[PATH_MAX], const char *name,
                          struct vmm_err *err)
{
    const int rc = install_path(p, path, name, err);

    return rc == 0 && mkdir(path, 0700) < 0
               ? vmm_err_set(err, errno, "%.300s: %s", path, strerror(errno))
               : rc;
}

/* What is needed for any install is opened at the first. */
static int install_ready(struct install_parent *p, struct vmm_err *err)
{
    char name[32];
    int rc;

    if (p->ready) {
        return 0;
    }
    home_close(&p->home);
    cache_end(&p->work);
    cache_close(&p->cache);
    (void)snprintf(name, sizeof(name), "session-%d", (int)getpid());
    rc = home_open(p->wish->home, true, &p->home, err);
    rc = rc == 0 ? cache_open(true, &p->cache, err) : rc;
    rc = rc == 0 ? cache_begin(&p->cache, name, NULL, NULL, &p->work, err) : rc;
    p->ready = rc == 0;
    return rc;
}

/* Whether a word names a package and says which versions of it. */
static bool install_is_word(const char *word)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "._-[],<>=!~*+";
    const size_t n = strlen(word);

    return isalnum((unsigned char)*word) && strspn(word, good) == n &&
           (n < 4 || strcmp(word + n - 4, ".whl") != 0);
}

static int install_check_words(const struct opt_list *list, struct vmm_err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        char shown[64];

        if (install_is_word(list->items[i])) {
            continue;
        }
        (void)snprintf(shown, sizeof(shown), "%s", list->items[i]);
        for (char *c = shown; *c; c++) {
            *c = *c < ' ' || *c > '~' ? '?' : *c;
        }
        return vmm_err_set(err, EINVAL,
                           "'%s' is no NAME and no NAME==VERSION; a folder of wheels is given to "
                           "pyhl repl, by --find-links",
                           shown);
    }
    return list->count > 0 ? 0 : vmm_err_set(err, EINVAL, "which packages?");
}

/* Makes a list of strings, of which the last ends at text[size - 1]. */
static bool install_strings(const char *text, size_t size, struct opt_list *list)
{
    for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
        const char **items = realloc(list->items, (list->count + 2) * sizeof(*items));

        if (items == NULL) {
            return false;
        }
        list->items = items;
        items[list->count++] = text + at;
        items[list->count] = NULL;
    }
    return true;
}

/* Takes the request apart. -EINVAL for one that no honest child makes. */
static int install_asked(struct parent *parent, const struct channel_message *m,
                         struct asked *asked)
{
    const size_t size = m->size, have = m->number[0] <= size ? (size_t)m->number[0] : size;

    if (m->number[0] > size || have > INSTALL_HAVE || size - have > INSTALL_WORDS) {
        return -EINVAL;
    }
    memcpy(asked->text, parent_bytes(parent), have);
    asked->text[have] = 0;
    memcpy(asked->text + have + 1, parent_bytes(parent) + have, size - have);
    asked->text[size + 1] = 0;
    return install_strings(asked->text, have, &asked->have) &&
                   install_strings(asked->text + have + 1, size - have, &asked->words)
               ? 0
               : -ENOMEM;
}

static void install_forget(struct asked *asked)
{
    free(asked->have.items);
    free(asked->words.items);
}

/* Takes NAME-VERSION apart; *name is in its normal form, *version a part of the text. */
static bool install_split(const char *text, char name[DIST_NAME], const char **version)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "._+!";
    const char *dash = strrchr(text, '-');

    *version = dash != NULL ? dash + 1 : "";
    return **version != 0 && (*version)[strspn(*version, good)] == 0 &&
           strlen(*version) < DIST_VERSION && dist_name(text, (size_t)(dash - text), name);
}

/* Makes the stub of a package. What has no name and version is left out, and what is there twice.
 */
static int install_stub(const struct folder *stubs, const char *text, struct vmm_err *err)
{
    char name[DIST_NAME], folder[DIST_NAME + DIST_VERSION + 16], metadata[2 * sizeof(folder)];
    struct folder dist;
    const char *version;
    int fd, rc;

    if (!install_split(text, name, &version)) {
        return 0;
    }
    (void)snprintf(folder, sizeof(folder), "%s-%s.dist-info", name, version);
    (void)snprintf(metadata, sizeof(metadata), "Metadata-Version: 2.1\nName: %s\nVersion: %s\n",
                   name, version);
    if (mkdirat(stubs->fd, folder, 0700) < 0) {
        return errno == EEXIST ? 0 : folder_fail(stubs, folder, err);
    }
    rc = folder_open_in(&dist, stubs, folder, folder, err);
    if (rc < 0) {
        return rc;
    }
    rc = fd = folder_make(&dist, "METADATA", err);
    if (fd >= 0) {
        rc = file_pwrite(fd, metadata, strlen(metadata), 0);
        rc = rc < 0 ? vmm_err_set(err, -rc, "%s: %s", folder, strerror(-rc)) : 0;
        close(fd);
    }
    folder_close(&dist);
    return rc;
}

static int install_stubs(const struct install_parent *p, const struct opt_list *have,
                         char path[PATH_MAX], struct vmm_err *err)
{
    struct folder stubs = FOLDER_NONE;
    int rc = install_folder(p, path, INSTALL_STUBS, err);

    rc = rc == 0 ? folder_open(&stubs, path, err) : rc;
    for (size_t i = 0; rc == 0 && i < have->count; i++) {
        rc = install_stub(&stubs, have->items[i], err);
    }
    folder_close(&stubs);
    return rc;
}

/* Has uv resolve the words for the VM. */
static int install_resolve(struct install_parent *p, const struct asked *asked, struct vmm_err *err)
{
    const struct package_options options = {.with = asked->words,
                                            .find_links = p->wish->packages->find_links,
                                            .offline = p->wish->packages->offline};
    struct package_request request = {0};
    struct package_dists dists = {.versions = &p->home.config.packages,
                                  .max_bytes = p->home.config.memory};
    char stubs[PATH_MAX], work[PATH_MAX];
    int rc;

    dists.initrd_fd = home_file(&p->home, HOME_INITRD, err);
    rc = dists.initrd_fd < 0 ? dists.initrd_fd : install_stubs(p, &asked->have, stubs, err);
    dists.more_dir = stubs;
    rc = rc == 0 ? install_folder(p, work, INSTALL_TREE, err) : rc;
    rc = rc == 0 ? packages_request(&options, NULL, &request, err) : rc;
    rc = rc == 0 ? packages_resolve(&request, &dists, work, &p->tree, err) : rc;
    package_request_free(&request);
    if (dists.initrd_fd >= 0) {
        close(dists.initrd_fd);
    }
    return rc;
}

/* The packages of the tree, as lines "NAME==VERSION". To be freed. */
static char *install_names(const struct package_tree *tree)
{
    const char *line = tree->lock;
    char *names = calloc(1, tree->lock_len + 1), *to = names;

    for (; names != NULL && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const size_t n = strcspn(line, " \n");

        if (memmem(line, n, "==", 2) != NULL) {
            memcpy(to, line, n);
            to += n;
            *to++ = '\n';
        }
    }
    return names;
}

/* Files that were copied in cannot be taken back, so of a package that the VM has there can be no
 * other version. names are lines. */
static int install_check_have(const struct opt_list *have, const char *names, struct vmm_err *err)
{
    for (const char *line = names; *line; line += strcspn(line, "\n") + 1) {
        const size_t len = strcspn(line, "\n"), end = strcspn(line, "=");
        char name[DIST_NAME], old[DIST_NAME];
        const char *version;

        for (size_t i = 0; i < have->count && dist_name(line, end, name); i++) {
            if (install_split(have->items[i], old, &version) && strcmp(old, name) == 0 &&
                (strlen(version) != len - end - 2 ||
                 strncmp(version, line + end + 2, len - end - 2) != 0)) {
                return vmm_err_set(err, EEXIST,
                                   "%.*s would take the place of %s %s, which the session has: "
                                   "%%rewind to a checkpoint without it, or begin a session by "
                                   "--with",
                                   (int)len, line, old, version);
            }
        }
    }
    return 0;
}

static int install_list_files(struct install_parent *p, struct vmm_err *err)
{
    char *word = NULL;
    struct copy_options options = {.max_entries = PACKAGES_ENTRIES + 1};
    int rc;

    if (asprintf(&word, "%s:" PACKAGES_SITE, p->tree.dir) < 0) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    options.in = (struct opt_list){.items = (const char *[]){word, NULL}, .count = 1};
    rc = copies_list(&options, "/", NULL, &p->files, err);
    free(word);
    return rc;
}

static int install_remove(const struct install_parent *p, const char *name, struct vmm_err *err)
{
    char path[PATH_MAX];
    const int rc = install_path(p, path, name, err);

    return rc == 0 && access(path, F_OK) == 0 ? file_remove_tree(path, err) : rc;
}

/* Forgets what was found last. */
static void install_drop(struct install_parent *p)
{
    struct vmm_err err;

    copies_reader_close(&p->reader);
    copies_free(&p->files);
    package_tree_end(&p->tree);
    if (p->ready &&
        (install_remove(p, INSTALL_TREE, &err) < 0 || install_remove(p, INSTALL_STUBS, &err) < 0)) {
        message("pyhl %s: %s\n", p->name, err.msg);
    }
}

/* Finds what is asked for. Puts the answer's numbers and bytes in place. */
static int install_find(struct install_parent *p, const struct asked *asked,
                        struct channel_message *answer, uint8_t *bytes, struct vmm_err *err)
{
    char *names = NULL;
    int rc = install_check_words(&asked->words, err);

    if (rc == 0 && p->installs == INSTALL_MOST) {
        rc = vmm_err_set(err, EDQUOT, "that were %u installs, which is the most of a session",
                         INSTALL_MOST);
    }
    p->installs += rc == 0;
    rc = rc == 0 ? install_ready(p, err) : rc;
    rc = rc == 0 ? install_resolve(p, asked, err) : rc;
    if (rc < 0 || p->tree.entries == 0) {
        return rc;
    }
    names = install_names(&p->tree);
    if (names == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    rc = install_check_have(&asked->have, names, err);
    rc = rc == 0 ? install_list_files(p, err) : rc;
    if (rc == 0) {
        answer->number[0] = p->files.in.count;
        answer->number[1] = p->tree.replaces;
        answer->size = strlen(names) < INSTALL_NAMES ? strlen(names) : INSTALL_NAMES - 1;
        memcpy(bytes, names, answer->size);
    }
    free(names);
    return rc;
}

static void install_serve_find(void *arg, struct parent *parent, const struct channel_message *m)
{
    struct install_parent *p = arg;
    struct channel_message answer = {0};
    struct asked asked = {0};
    struct vmm_err err = {0};
    int rc = install_asked(parent, m, &asked);

    signals_forget(); /* those of earlier cells */
    install_drop(p);
    rc = rc == 0 ? install_find(p, &asked, &answer, parent_bytes(parent), &err) : rc;
    if (rc < 0) {
        message("pyhl %s: %%pip install: %s\n%s", p->name, err.code != 0 ? err.msg : strerror(-rc),
                p->tree.said != NULL ? p->tree.said : "");
        install_drop(p);
        answer.result = rc;
    }
    install_forget(&asked);
    parent_answer_with(parent, &answer);
}

static void install_serve_list(void *arg, struct parent *parent, const struct channel_message *m)
{
    struct install_parent *p = arg;
    struct channel_message answer = {0};
    uint8_t *to = parent_bytes(parent);

    for (uint64_t i = m->number[0]; i < p->files.in.count; i++) {
        const struct vmm_file *file = &p->files.files[i];
        const struct install_entry entry = {.size = file->size,
                                            .mtime_ns = file->mtime_ns,
                                            .mode = file->mode,
                                            .path_size = (uint32_t)strlen(file->path) + 1};

        if (CHANNEL_BYTES - answer.size < sizeof(entry) + entry.path_size) {
            break;
        }
        memcpy(to + answer.size, &entry, sizeof(entry));
        memcpy(to + answer.size + sizeof(entry), file->path, entry.path_size);
        answer.size += sizeof(entry) + entry.path_size;
        answer.number[0]++;
    }
    parent_answer_with(parent, &answer);
}

static void install_serve_read(void *arg, struct parent *parent, const struct channel_message *m)
{
    struct install_parent *p = arg;
    const size_t size = m->number[2] < CHANNEL_BYTES ? (size_t)m->number[2] : (size_t)CHANNEL_BYTES;
    const ssize_t n =
        copies_reader_read(&p->reader, m->number[0], m->number[1], parent_bytes(parent), size);

    parent_answer(parent, n < 0 ? (int32_t)n : 0, n < 0 ? 0 : (uint64_t)n);
}

static void install_serve_end(void *arg, struct parent *parent, const struct channel_message *m)
{
    (void)m;
    install_drop(arg);
    parent_answer(parent, 0, 0);
}

int install_parent_offer(const struct install_wish *wish, const char *name, struct parent *parent,
                         struct install_parent **out, struct vmm_err *err)
{
    struct install_parent *p = calloc(1, sizeof(*p));
    int rc;

    *out = p;
    if (p == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    p->wish = wish;
    p->name = name;
    p->home.dir = FOLDER_NONE;
    p->cache = CACHE_NONE;
    p->work = CACHE_WORK_NONE;
    p->reader = (struct copies_reader){.list = &p->files, .fd = -1};
    rc = parent_offer(parent, INSTALL_FIND, install_serve_find, p);
    rc = rc == 0 ? parent_offer(parent, INSTALL_LIST, install_serve_list, p) : rc;
    rc = rc == 0 ? parent_offer(parent, INSTALL_READ, install_serve_read, p) : rc;
    rc = rc == 0 ? parent_offer(parent, INSTALL_END, install_serve_end, p) : rc;
    return rc < 0 ? vmm_err_set(err, -rc, "too many services of the parent") : 0;
}

void install_parent_end(struct install_parent *install)
{
    if (install == NULL) {
        return;
    }
    install_drop(install);
    cache_end(&install->work);
    cache_close(&install->cache);
    home_close(&install->home);
    free(install);
}
