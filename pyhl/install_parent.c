// SPDX-License-Identifier: Apache-2.0
/*
 * Each set of packages has a folder of their metadata, which uv takes as installed, and a list of
 * their versions. They lie in the cache folder's work/, where what a killed process leaves is found
 * and removed. The files of the packages are there until the VM has taken them.
 */
#include "install_parent.h"
#include "cache.h"
#include "copies_read.h"
#include "home.h"
#include "message.h"
#include "packages_tree.h"
#include "signals.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSTALL_TREE "tree"

struct install_parent {
    const struct install_wish *wish;
    const char *name;
    bool ready; /* home and work are open */
    struct home home;
    struct cache cache;
    struct cache_work work;
    char *sets[INSTALL_SETS + 1]; /* lines "NAME==VERSION" of each; [0] is "" */
    size_t set_count;             /* sets[1] to sets[set_count] were made */
    struct package_tree tree;     /* what is given to the child */
    struct copies files;
    struct copies_reader reader;
};

/* A path in the folder of the work. */
static int install_path(const struct install_parent *p, char path[PATH_MAX], const char *what,
                        size_t number, struct vmm_err *err)
{
    return snprintf(path, PATH_MAX, "%s/%s-%zu", p->work.dir.path, what, number) < PATH_MAX
               ? 0
               : vmm_err_set(err, ENAMETOOLONG, "%.300s: path too long", p->work.dir.path);
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

/* Appends the strings of a list. */
static bool install_append(struct opt_list *to, const struct opt_list *from)
{
    const char **items = realloc(to->items, (to->count + from->count + 1) * sizeof(*items));

    if (items == NULL) {
        return false;
    }
    to->items = items;
    for (size_t i = 0; i < from->count; i++) {
        items[to->count++] = from->items[i];
    }
    items[to->count] = NULL;
    return true;
}

/* Makes a list of words. They lie in a copy of the request's bytes, of which the last is a NUL. */
static bool install_words(const char *text, size_t size, struct opt_list *words)
{
    for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
        const char *item = text + at;
        const struct opt_list one = {.items = &item, .count = 1};

        if (!install_append(words, &one)) {
            return false;
        }
    }
    return true;
}

/* Has uv resolve the words, with what the session began with, for a VM that has the set. */
static int install_resolve(struct install_parent *p, size_t set, const struct opt_list *words,
                           struct vmm_err *err)
{
    struct package_options options = *p->wish->packages;
    struct package_request request = {0};
    struct package_dists dists = {.versions = &p->home.config.packages,
                                  .max_bytes = p->home.config.memory};
    char more[PATH_MAX], work[PATH_MAX];
    int rc;

    options.with = (struct opt_list){0};
    options.upgrade = false;
    if (!install_append(&options.with, &p->wish->packages->with) ||
        !install_append(&options.with, words)) {
        free(options.with.items);
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    dists.initrd_fd = home_file(&p->home, HOME_INITRD, err);
    rc = dists.initrd_fd < 0 ? dists.initrd_fd : install_path(p, more, "set", set, err);
    dists.more_dir = set > 0 ? more : NULL;
    rc = rc == 0 ? install_path(p, work, INSTALL_TREE, 0, err) : rc;
    if (rc == 0 && mkdir(work, 0700) < 0) {
        rc = vmm_err_set(err, errno, "%.300s: %s", work, strerror(errno));
    }
    rc = rc == 0 ? packages_request(&options, NULL, &request, err) : rc;
    rc = rc == 0 ? packages_resolve(&request, &dists, work, &p->tree, err) : rc;
    package_request_free(&request);
    free(options.with.items);
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

/* Files that were copied in cannot be taken back, so of a package of the set there can be no other
 * version. */
static int install_check_set(const char *set, const char *names, struct vmm_err *err)
{
    for (const char *line = names; *line; line = strchr(line, '\n') + 1) {
        const size_t len = strcspn(line, "\n"), name = strcspn(line, "=");

        for (const char *old = set; *old; old = strchr(old, '\n') + 1) {
            if (strncmp(old, line, name + 1) == 0 && strncmp(old, line, len + 1) != 0) {
                return vmm_err_set(err, EEXIST,
                                   "%.*s would take the place of %.*s, which was installed before: "
                                   "%%rewind to a checkpoint from before that, or begin a new "
                                   "session",
                                   (int)len, line, (int)strcspn(old, "\n"), old);
            }
        }
    }
    return 0;
}

/* Makes the set of what the VM has and what it gets. */
static int install_make_set(struct install_parent *p, size_t set, const char *names,
                            struct vmm_err *err)
{
    struct package_tree before = {0};
    char path[PATH_MAX], *both = NULL;
    int rc = 0;

    if (p->set_count == INSTALL_SETS) {
        return vmm_err_set(err, EDQUOT, "that were %u installs, which is the most of a session",
                           INSTALL_SETS);
    }
    rc = install_path(p, path, "set", p->set_count + 1, err);
    if (rc == 0 && mkdir(path, 0700) < 0) {
        rc = vmm_err_set(err, errno, "%.300s: %s", path, strerror(errno));
    }
    if (rc == 0 && set > 0) {
        rc = install_path(p, before.dir, "set", set, err);
        rc = rc == 0 ? packages_dists(&before, path, err) : rc;
    }
    rc = rc == 0 ? packages_dists(&p->tree, path, err) : rc;
    if (rc == 0 && asprintf(&both, "%s%s", p->sets[set], names) < 0) {
        rc = vmm_err_set(err, ENOMEM, "out of memory");
    }
    if (rc == 0) {
        p->sets[++p->set_count] = both;
    }
    return rc;
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

/* Forgets the files that were found last. */
static void install_drop(struct install_parent *p)
{
    char work[PATH_MAX];
    struct vmm_err err;

    copies_reader_close(&p->reader);
    copies_free(&p->files);
    p->files = (struct copies){0};
    package_tree_end(&p->tree);
    if (p->ready && (install_path(p, work, INSTALL_TREE, 0, &err) < 0 ||
                     (access(work, F_OK) == 0 && tree_remove(work, &err) < 0))) {
        message("pyhl %s: %s\n", p->name, err.msg);
    }
}

/* Finds what the words name. Puts the answer's numbers and bytes in place. */
static int install_find(struct install_parent *p, size_t set, const struct opt_list *words,
                        struct channel_message *answer, uint8_t *bytes, struct vmm_err *err)
{
    char *names = NULL;
    int rc = install_check_words(words, err);

    rc = rc == 0 ? install_ready(p, err) : rc;
    rc = rc == 0 ? install_resolve(p, set, words, err) : rc;
    if (rc < 0 || p->tree.entries == 0) {
        return rc;
    }
    names = install_names(&p->tree);
    rc = names == NULL ? vmm_err_set(err, ENOMEM, "out of memory")
                       : install_check_set(p->sets[set], names, err);
    rc = rc == 0 ? install_make_set(p, set, names, err) : rc;
    rc = rc == 0 ? install_list_files(p, err) : rc;
    if (rc == 0) {
        answer->number[0] = p->files.in.count;
        answer->number[1] = p->set_count;
        answer->number[2] = p->tree.replaces;
        answer->size = strlen(names) < INSTALL_NAMES ? strlen(names) : INSTALL_NAMES - 1;
        memcpy(bytes, names, answer->size);
    }
    free(names);
    return rc;
}

static void install_serve_find(void *arg, struct parent *parent, const struct channel_message *m)
{
    struct install_parent *p = arg;
    struct channel_message answer = {.number = {0, m->number[0], 0}};
    struct opt_list words = {0};
    struct vmm_err err = {0};
    char *text = m->size > 0 && m->size <= INSTALL_WORDS && m->number[0] <= p->set_count
                     ? calloc(1, m->size + 1)
                     : NULL;
    int rc = text == NULL ? -EINVAL : 0;

    signals_forget(); /* those of earlier cells */
    install_drop(p);
    if (rc == 0) {
        memcpy(text, parent_bytes(parent), m->size);
        rc =
            install_words(text, m->size, &words)
                ? install_find(p, (size_t)m->number[0], &words, &answer, parent_bytes(parent), &err)
                : -ENOMEM;
    }
    if (rc < 0) {
        message("pyhl %s: %%pip install: %s\n%s", p->name, err.code != 0 ? err.msg : strerror(-rc),
                p->tree.said != NULL ? p->tree.said : "");
        install_drop(p);
        answer.result = rc;
    }
    free(words.items);
    free(text);
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
    p->sets[0] = strdup("");
    if (p->sets[0] == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
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
    for (size_t i = 0; i <= install->set_count; i++) {
        free(install->sets[i]);
    }
    cache_end(&install->work);
    cache_close(&install->cache);
    home_close(&install->home);
    free(install);
}
