// SPDX-License-Identifier: Apache-2.0
#include "install_parent.h"
#include "message.h"
#include "packages_more.h"
#include "packages_words.h"
#include "signals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct install_parent {
    const char *name;
    unsigned installs;
    struct more more; /* what is given to the child */
};

/* What the child asks for. The strings lie in `text`, a copy of the request's bytes. */
struct asked {
    char text[INSTALL_HAVE + INSTALL_WORDS + 2];
    struct opt_list have, words;
};

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
    return words_split(asked->text, have, &asked->have) &&
                   words_split(asked->text + have + 1, size - have, &asked->words)
               ? 0
               : -ENOMEM;
}

static void install_forget(struct asked *asked)
{
    free(asked->have.items);
    free(asked->words.items);
}

/* Forgets what was found last. */
static void install_drop(struct install_parent *p)
{
    struct vmm_err err;

    if (more_drop(&p->more, &err) < 0) {
        message("pyhl %s: %s\n", p->name, err.msg);
    }
}

/* Finds what is asked for. Puts the answer's numbers and bytes in place. */
static int install_find(struct install_parent *p, const struct asked *asked,
                        struct channel_message *answer, uint8_t *bytes, struct vmm_err *err)
{
    const struct package_tree *tree = &p->more.tree;
    int rc = words_check(p->more.wish, &asked->words, err);

    if (rc == 0 && p->installs == INSTALL_MOST) {
        rc = vmm_err_set(err, EDQUOT, "that were %u installs, which is the most of a session",
                         INSTALL_MOST);
    }
    p->installs += rc == 0;
    rc = rc == 0 ? more_find(&p->more, &asked->have, &asked->words, err) : rc;
    if (rc == 0 && tree->entries > 0) {
        const size_t len = strlen(p->more.names);

        answer->number[0] = p->more.files.in.count;
        answer->number[1] = tree->replaces;
        answer->size = len < INSTALL_NAMES ? len : INSTALL_NAMES - 1;
        memcpy(bytes, p->more.names, answer->size);
    }
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
                p->more.tree.said != NULL ? p->more.tree.said : "");
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

    for (uint64_t i = m->number[0]; i < p->more.files.in.count; i++) {
        const struct vmm_file *file = &p->more.files.files[i];
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
        copies_reader_read(&p->more.reader, m->number[0], m->number[1], parent_bytes(parent), size);

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
    p->name = name;
    more_begin(&p->more, wish);
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
    more_end(&install->more);
    free(install);
}
