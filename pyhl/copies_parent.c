// SPDX-License-Identifier: Apache-2.0
/*
 * The requests of copies.h. Bytes of the shared memory are copied before they are checked: the
 * child could change them in between. Data of files need not be.
 */
#include "copies_parent.h"
#include "copies_read.h"
#include "copyout.h"
#include "message.h"
#include "vmm/relpath.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES_MAX 8 /* lines about entries; the rest is counted */

struct copies_parent {
    const struct copies *list;
    const char *name;
    struct copies_reader in;
    struct copyout out;
    char text[2 * RELPATH_MAX + 2]; /* of a request: a path, a NUL, a link's text, a NUL */
    char making[RELPATH_MAX + 1];   /* the path of the entry made last, for messages */
    size_t target;                  /* of that entry */
    uint64_t failed;                /* entries of this run that could not be written */
    bool stopped;                   /* nothing more is written: there is no room, or a limit */
};

/* ---- in ---- */

static void serve_read(void *arg, struct parent *parent, const struct channel_message *m)
{
    struct copies_parent *p = arg;
    const size_t size = m->number[2] < CHANNEL_BYTES ? (size_t)m->number[2] : (size_t)CHANNEL_BYTES;
    const ssize_t n =
        copies_reader_read(&p->in, m->number[0], m->number[1], parent_bytes(parent), size);

    parent_answer(parent, n < 0 ? (int32_t)n : 0, n < 0 ? 0 : (uint64_t)n);
}

static void serve_data(void *arg, struct parent *parent, const struct channel_message *m)
{
    struct copies_parent *p = arg;
    struct channel_message answer = {.number = {m->number[1]}};
    const int fd = copies_reader_open(&p->in, m->number[0]);
    const off_t data = fd >= 0 ? lseek(fd, (off_t)(m->number[1] & INT64_MAX), SEEK_DATA) : 0;

    if (data > 0 || (data < 0 && errno == ENXIO)) {
        answer.number[0] = data < 0 ? UINT64_MAX : (uint64_t)data;
    }
    parent_answer_with(parent, &answer);
}

/* ---- out ---- */

/* Notes that the entry made last could not be written. No room on the host, or a limit, ends it
 * all: one message says so. Returns what the child is told. */
static int out_failed(struct copies_parent *p, int rc)
{
    const struct copy_target *t = &p->list->targets[p->target];
    const int code = -rc;

    p->failed++;
    if (!p->stopped && p->failed <= MESSAGES_MAX) {
        message("pyhl %s: cannot copy out to %s%s%s: %s%s\n", p->name, t->host,
                p->making[0] ? "/" : "", p->making, strerror(code),
                code == EDQUOT ? " (--copy-limit and --copy-entries allow more)"
                : code == EISDIR || code == ENOTDIR ? " (what has the name here stays)"
                                                    : "");
    }
    p->stopped = p->stopped || code == ENOSPC || code == EDQUOT || code == EFBIG || code == EROFS ||
                 code == EIO;
    return p->stopped ? -EDQUOT : rc;
}

/* The file before this request is whole or not. */
static void settle_last(struct copies_parent *p, bool whole)
{
    int rc = 0;

    if (whole) {
        rc = copyout_finish(&p->out);
    } else {
        copyout_drop(&p->out);
    }
    if (rc < 0) {
        (void)out_failed(p, rc); /* told, and counted for the end */
    }
}

/* Takes path and link's text out of the request: *path bytes, and *link bytes after a NUL. */
static bool take_entry_text(struct copies_parent *p, const uint8_t *bytes, size_t size,
                            size_t *path, size_t *link)
{
    if (size > sizeof(p->text) || size < 2) {
        return false;
    }
    memcpy(p->text, bytes, size);
    *path = strnlen(p->text, size);
    if (*path > RELPATH_MAX || *path + 2 > size) {
        return false;
    }
    *link = size - *path - 2;
    return *link <= RELPATH_MAX && p->text[size - 1] == 0;
}

static void serve_make(void *arg, struct parent *parent, const struct channel_message *m)
{
    struct copies_parent *p = arg;
    const uint64_t target = m->number[0] & (COPIES_WHOLE - 1);
    size_t path = 0, link = 0;
    int rc;

    settle_last(p, m->number[0] & COPIES_WHOLE);
    if (p->stopped || target >= p->list->target_count ||
        !take_entry_text(p, parent_bytes(parent), m->size, &path, &link)) {
        parent_answer(parent, p->stopped ? -EDQUOT : -EINVAL, 0);
        return;
    }
    const struct vmm_file entry = {
        .path = p->text,
        .target = p->text + path + 1,
        .size = m->number[1],
        .mtime_ns = (int64_t)m->number[2],
        .mode = (uint32_t)m->number[3],
    };
    p->target = (size_t)target;
    memcpy(p->making, p->text, path);
    p->making[path] = 0;
    rc = copyout_make(&p->out, &p->list->targets[target], &entry, path, link);
    parent_answer(parent, rc < 0 ? out_failed(p, rc) : 0, 0);
}

static void serve_write(void *arg, struct parent *parent, const struct channel_message *m)
{
    struct copies_parent *p = arg;
    int rc = -EDQUOT;

    if (!p->stopped) {
        rc = copyout_write(&p->out, m->number[0], parent_bytes(parent), (size_t)m->size);
        rc = rc < 0 ? out_failed(p, rc) : 0;
    }
    parent_answer(parent, rc, 0);
}

/* Ready for the next run. */
static void out_reset(struct copies_parent *p)
{
    p->failed = 0;
    p->stopped = false;
    p->out.sizes = p->out.written = p->out.entries = 0;
}

static void serve_end_of_run(void *arg, struct parent *parent, const struct channel_message *m)
{
    struct copies_parent *p = arg;
    int rc;

    settle_last(p, m->number[0] & COPIES_WHOLE);
    p->making[0] = 0;
    rc = copyout_end(&p->out);
    if (rc < 0) {
        (void)out_failed(p, rc);
    }
    if (p->failed > MESSAGES_MAX) {
        message("pyhl %s: %llu more could not be copied out\n", p->name,
                (unsigned long long)(p->failed - MESSAGES_MAX));
    }
    parent_answer(parent, p->failed < INT32_MAX ? (int32_t)p->failed : INT32_MAX, 0);
    out_reset(p);
}

int copies_parent_offer(const struct copies *copies, const char *name, struct parent *parent,
                        struct copies_parent **out, struct vmm_err *err)
{
    struct copies_parent *p = calloc(1, sizeof(*p));
    int rc;

    *out = p;
    if (p == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    p->list = copies;
    p->name = name;
    p->in = (struct copies_reader){.list = copies, .fd = -1};
    p->out.file = -1;
    p->out.max_bytes = copies->max_bytes;
    p->out.max_entries = copies->max_entries;
    rc = parent_offer(parent, COPIES_READ, serve_read, p);
    rc = rc == 0 ? parent_offer(parent, COPIES_DATA, serve_data, p) : rc;
    rc = rc == 0 ? parent_offer(parent, COPIES_MAKE, serve_make, p) : rc;
    rc = rc == 0 ? parent_offer(parent, COPIES_WRITE, serve_write, p) : rc;
    rc = rc == 0 ? parent_offer(parent, COPIES_END, serve_end_of_run, p) : rc;
    return rc < 0 ? vmm_err_set(err, -rc, "too many services of the parent") : 0;
}

void copies_parent_end(struct copies_parent *copies)
{
    if (copies == NULL) {
        return;
    }
    copyout_drop(&copies->out);
    (void)copyout_end(&copies->out);
    copies_reader_close(&copies->in);
    free(copies->out.dirs);
    free(copies);
}
