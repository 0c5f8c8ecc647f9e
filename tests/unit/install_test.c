// SPDX-License-Identifier: Apache-2.0
/*
 * What the parent does for %pip install when the child is not what it was: it sends requests
 * written by hand. uv gets names and versions of packages, and nothing else. Stand-ins note what it
 * would get.
 */
#include "pyhl/cache.h"
#include "pyhl/dists.h"
#include "pyhl/home.h"
#include "pyhl/install_parent.h"
#include "pyhl/message.h"
#include "pyhl/packages_tree.h"
#include "pyhl/signals.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char said[1 << 20];   /* all messages */
static char wanted[1 << 16]; /* all words that uv would get, each with a blank after it */
static char stubs[1 << 16];  /* what it would find installed, a line each */

/* ---- stand-ins ---- */

void message(const char *fmt, ...)
{
    const size_t used = strlen(said);
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(said + used, sizeof(said) - used, fmt, args);
    va_end(args);
}

void vmm_interrupt(struct vmm *vm, enum vmm_interrupt what)
{
    (void)vm;
    (void)what;
}

int dists_unpack(const char *text, const struct folder *into, struct vmm_err *err)
{
    (void)text;
    (void)into;
    return vmm_err_set(err, EIO, "no home of these tests has packages of its own");
}

int home_open(const char *dest, bool packages, struct home *home, struct vmm_err *err)
{
    (void)dest;
    (void)packages;
    (void)err;
    *home = (struct home){.dir = FOLDER_NONE};
    return 0;
}

void home_close(struct home *home)
{
    (void)home;
}

int home_file(const struct home *home, const char *name, struct vmm_err *err)
{
    (void)home;
    (void)name;
    (void)err;
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int cache_open(bool make, struct cache *cache, struct vmm_err *err)
{
    (void)make;
    (void)err;
    *cache = CACHE_NONE;
    return 0;
}

void cache_close(struct cache *cache)
{
    (void)cache;
}

int cache_begin(const struct cache *cache, const char *name, void (*waiting)(const void *arg),
                const void *arg, struct cache_work *work, struct vmm_err *err)
{
    char path[] = "/tmp/pyhl-install.XXXXXX";

    (void)cache;
    (void)name;
    (void)waiting;
    (void)arg;
    *work = CACHE_WORK_NONE;
    return mkdtemp(path) != NULL ? folder_open(&work->dir, path, err) : -errno;
}

static void shell(const char *command, const char *path)
{
    char line[2 * PATH_MAX];

    snprintf(line, sizeof(line), command, path);
    CHECK(system(line) == 0);
}

void cache_end(struct cache_work *work)
{
    if (work->dir.fd >= 0) {
        shell("cd '%s' && [ -z \"$(ls)\" ]", work->dir.path); /* nothing is left */
        shell("rm -rf '%s'", work->dir.path);
        folder_close(&work->dir);
    }
}

int packages_request(const struct package_options *options, const char *const *more,
                     struct package_request *request, struct vmm_err *err)
{
    (void)more;
    (void)request;
    (void)err;
    for (size_t i = 0; i < options->with.count; i++) {
        strcat(strcat(wanted, options->with.items[i]), " ");
    }
    return 0;
}

void package_request_free(struct package_request *request)
{
    (void)request;
}

int packages_resolve(const struct package_request *request, const struct package_dists *dists,
                     const char *work_dir, struct package_tree *tree, struct vmm_err *err)
{
    char line[PATH_MAX];
    FILE *list;

    (void)request;
    (void)err;
    snprintf(line, sizeof(line), "cd '%.1000s' && grep -h Name */METADATA; find . -type l",
             dists->more_dir);
    list = popen(line, "r");
    stubs[list != NULL ? fread(stubs, 1, sizeof(stubs) - 1, list) : 0] = 0;
    CHECK(list != NULL && pclose(list) >= 0);
    *tree =
        (struct package_tree){.entries = 1, .lock = strdup("beta==1.0 sha256:x\ntree sha512:y\n")};
    tree->lock_len = strlen(tree->lock);
    snprintf(tree->dir, sizeof(tree->dir), "%s/site", work_dir);
    shell("mkdir '%s'", tree->dir);
    shell("printf some >'%s'/beta.py", tree->dir);
    return 0;
}

void package_tree_end(struct package_tree *tree)
{
    free(tree->lock);
    *tree = (struct package_tree){0};
}

/* ---- the child's requests ---- */

static struct channel_message asked(struct channel *c, struct channel_message m)
{
    const int rc = channel_call(c, &m);

    m.result = rc < 0 ? rc : m.result;
    return m;
}

/* `have` and `words` are strings that end in further NULs where there are several. */
static struct channel_message find(struct channel *c, const char *have, size_t have_size,
                                   const char *words, size_t words_size)
{
    memcpy(c->bytes, have, have_size);
    memcpy(c->bytes + have_size, words, words_size);
    return asked(c, (struct channel_message){.kind = INSTALL_FIND,
                                             .size = have_size + words_size,
                                             .number = {have_size}});
}
#define FIND(c, have, words) find(c, have, sizeof(have) - 1, words, sizeof(words))

static int number(struct channel *c, uint32_t kind, uint64_t first, uint64_t size)
{
    return asked(c, (struct channel_message){.kind = kind, .number = {first, 0, size}}).result;
}

/* Runs work() in a child. */
static void served(int (*work)(struct channel *))
{
    const struct package_options packages = {0};
    const struct install_wish wish = {"repl", NULL, INSTALL_ADVICE, &packages};
    struct install_parent *install = NULL;
    struct channel channel;
    struct parent *parent = NULL;
    struct vmm_err err = {0};

    said[0] = wanted[0] = stubs[0] = 0;
    signal(SIGPIPE, SIG_IGN);
    const int out = dup(STDOUT_FILENO);
    fflush(stdout);
    CHECK(parent_fork(&parent, &channel, &err) == 0);
    if (parent == NULL) {
        const int status = work(&channel);

        fflush(stdout);
        _exit(unit_failures ? 99 : status);
    }
    dup2(out, STDOUT_FILENO);
    close(out);
    CHECK(install_parent_offer(&wish, "repl", parent, &install, &err) == 0);
    CHECK(parent_serve(parent, "repl") == 0);
    install_parent_end(install);
    parent_destroy(parent);
}

static int good_work(struct channel *c)
{
    struct install_entry entry;
    struct channel_message m = FIND(c, "alpha-1.0\0", "beta>=1,<2\0x[y]==1.*");

    CHECK(m.result == 0 && m.number[0] == 2 && m.number[1] == 0);
    CHECK(m.size == 10 && memcmp(c->bytes, "beta==1.0\n", 10) == 0);
    m = asked(c, (struct channel_message){.kind = INSTALL_LIST, .number = {1}});
    CHECK(m.result == 0 && m.number[0] == 1);
    memcpy(&entry, c->bytes, sizeof(entry));
    CHECK(entry.size == 4 && entry.mode == (S_IFREG | 0644));
    CHECK(strcmp((char *)c->bytes + sizeof(entry),
                 "usr/local/lib/python3.13/dist-packages/beta.py") == 0);
    m = asked(c, (struct channel_message){.kind = INSTALL_READ, .number = {1, 1, 100}});
    CHECK(m.result == 0 && m.size == 3 && memcmp(c->bytes, "ome", 3) == 0);
    CHECK(number(c, INSTALL_END, 0, 0) == 0);
    return 0;
}

static void good(void)
{
    served(good_work);
    CHECK(strcmp(wanted, "beta>=1,<2 x[y]==1.* ") == 0);
    CHECK(strcmp(stubs, "Name: alpha\n") == 0);
    CHECK(said[0] == 0);
}

static int words_work(struct channel *c)
{
    CHECK(FIND(c, "", "-r/etc/passwd").result == -EINVAL);
    CHECK(FIND(c, "", "--index-url=x").result == -EINVAL);
    CHECK(FIND(c, "", "a@file:///etc/passwd").result == -EINVAL);
    CHECK(FIND(c, "", "a @ http://x/a.whl").result == -EINVAL);
    CHECK(FIND(c, "", "/etc/passwd").result == -EINVAL);
    CHECK(FIND(c, "", "./a").result == -EINVAL);
    CHECK(FIND(c, "", "a/b").result == -EINVAL);
    CHECK(FIND(c, "", "a-1-py3-none-any.whl").result == -EINVAL);
    CHECK(FIND(c, "", "a\n-r/etc/passwd").result == -EINVAL);
    CHECK(FIND(c, "", "a #x").result == -EINVAL);
    CHECK(FIND(c, "", "good\0\x1b[2J").result == -EINVAL);
    CHECK(FIND(c, "", "").result == -EINVAL);
    CHECK(find(c, "", 0, "", 0).result == -EINVAL);
    return 0;
}

static void words(void)
{
    served(words_work);
    CHECK(wanted[0] == 0);
    CHECK(strchr(said, '\x1b') == NULL);
}

static int sizes_work(struct channel *c)
{
    memset(c->bytes, 'a', CHANNEL_BYTES);
    CHECK(
        asked(c, (struct channel_message){.kind = INSTALL_FIND, .size = 4, .number = {5}}).result ==
        -EINVAL);
    CHECK(
        asked(c, (struct channel_message){.kind = INSTALL_FIND, .size = 4, .number = {UINT64_MAX}})
            .result == -EINVAL);
    CHECK(asked(c, (struct channel_message){.kind = INSTALL_FIND, .size = INSTALL_WORDS + 1})
              .result == -EINVAL);
    CHECK(asked(c, (struct channel_message){.kind = INSTALL_FIND,
                                            .size = INSTALL_HAVE + 2,
                                            .number = {INSTALL_HAVE + 1}})
              .result == -EINVAL);
    CHECK(number(c, INSTALL_READ, 0, 10) == -EINVAL); /* nothing was found */
    CHECK(number(c, INSTALL_LIST, UINT64_MAX, 0) == 0);
    CHECK(asked(c, (struct channel_message){.kind = INSTALL_FIND, .size = 4}).result ==
          0);                                         /* without a NUL */
    CHECK(number(c, INSTALL_READ, 0, 10) == -EINVAL); /* a directory */
    CHECK(number(c, INSTALL_READ, 2, 10) == -EINVAL);
    CHECK(number(c, INSTALL_READ, 1, UINT64_MAX) == 0);
    CHECK(number(c, INSTALL_END, 0, 0) == 0);
    CHECK(number(c, INSTALL_READ, 1, 10) == -EINVAL);
    return 0;
}

static void sizes(void)
{
    served(sizes_work);
    CHECK(strcmp(wanted, "aaaa ") == 0);
}

static int have_work(struct channel *c)
{
    CHECK(FIND(c, "Beta-0.9\0", "beta").result == -EEXIST);
    CHECK(FIND(c, "beta-1.0.1\0", "beta").result == -EEXIST);
    CHECK(FIND(c, "beta-1.0\0betas-7\0", "beta").result == 0);
    return 0;
}

static int many_work(struct channel *c)
{
    for (unsigned i = 0; i < INSTALL_MOST + 3; i++) {
        CHECK(FIND(c, "", "beta").result == (i < INSTALL_MOST ? 0 : -EDQUOT));
    }
    return 0;
}

static int names_work(struct channel *c)
{
    CHECK(FIND(c,
               "../../x-1\0a/b-1\0.-1\0..-..\0x-../y\0-1\0x-\0\0x\ny-1\0x-1\nName: "
               "y\0Ga.mma-3\0ga_mma-3\0",
               "beta")
              .result == 0);
    return 0;
}

static void have(void)
{
    served(names_work);
    CHECK(strcmp(stubs, "Name: ga_mma\n") == 0);
    served(have_work);
    CHECK(strstr(said, "beta==1.0 would take the place of beta 0.9, which the session has") !=
          NULL);
}

static void many(void)
{
    served(many_work);
    CHECK(strstr(said, "that were 256 installs") != NULL);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"good", good}, {"words", words}, {"sizes", sizes}, {"have", have}, {"many", many}, {0},
    };

    return unit_run(tests);
}
