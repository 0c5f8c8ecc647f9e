// SPDX-License-Identifier: Apache-2.0
/*
 * The functions of vmm_files_in and vmm_files_out. Each sends one request to the parent.
 */
#include "copies_child.h"
#include "message.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAILED_MAX 8 /* lines about entries; the rest is counted */

struct copies_child {
    struct copies *list;
    struct channel *channel;
    const char *name;
    const char **paths; /* of the targets, in the guest; NULL-terminated */
    struct vmm_files_out out;
    bool whole;      /* the file made last is, and the parent does not know yet */
    uint64_t failed; /* entries that the guest could not give */
    uint64_t missed; /* paths that the run's end came before */
};

/* Sends a request, with the channel locked. Returns the result. */
static int ask(struct copies_child *c, struct channel_message *m)
{
    const int rc = channel_call(c->channel, m);

    return rc < 0 ? rc : m->result;
}

static ssize_t child_read(void *arg, size_t file, uint64_t offset, void *to, size_t size)
{
    struct copies_child *c = arg;
    struct channel_message m = {.kind = COPIES_READ, .number = {file, offset, size}};
    ssize_t rc;

    (void)pthread_mutex_lock(&c->channel->lock);
    rc = ask(c, &m);
    if (rc == 0) {
        rc = m.size < size ? (ssize_t)m.size : (ssize_t)size;
        memcpy(to, c->channel->bytes, (size_t)rc);
    }
    (void)pthread_mutex_unlock(&c->channel->lock);
    return rc;
}

static uint64_t child_data(void *arg, size_t file, uint64_t offset)
{
    struct copies_child *c = arg;
    struct channel_message m = {.kind = COPIES_DATA, .number = {file, offset}};
    int rc;

    if (!c->list->sparse[file]) {
        return offset;
    }
    (void)pthread_mutex_lock(&c->channel->lock);
    rc = ask(c, &m);
    (void)pthread_mutex_unlock(&c->channel->lock);
    return rc == 0 ? m.number[0] : offset;
}

/* The flag for the parent, once. */
static uint64_t take_whole(struct copies_child *c)
{
    const bool whole = c->whole;

    c->whole = false;
    return whole ? COPIES_WHOLE : 0;
}

static int child_make(void *arg, size_t path, const struct vmm_file *file)
{
    struct copies_child *c = arg;
    const size_t n = strlen(file->path) + 1;
    const size_t link = file->target != NULL ? strlen(file->target) + 1 : 1;
    struct channel_message m = {.kind = COPIES_MAKE, .size = n + link};
    int rc;

    m.number[0] = path | take_whole(c);
    m.number[1] = file->size;
    m.number[2] = (uint64_t)file->mtime_ns;
    m.number[3] = file->mode;
    (void)pthread_mutex_lock(&c->channel->lock);
    memcpy(c->channel->bytes, file->path, n);
    memcpy(c->channel->bytes + n, file->target != NULL ? file->target : "", link);
    rc = ask(c, &m);
    (void)pthread_mutex_unlock(&c->channel->lock);
    return rc;
}

static int child_write(void *arg, uint64_t offset, const void *bytes, size_t size)
{
    struct copies_child *c = arg;
    struct channel_message m = {.kind = COPIES_WRITE, .size = size, .number = {offset}};
    int rc;

    (void)pthread_mutex_lock(&c->channel->lock);
    memcpy(c->channel->bytes, bytes, size); /* at most HV_FILE_BYTES, which is CHANNEL_BYTES */
    rc = ask(c, &m);
    (void)pthread_mutex_unlock(&c->channel->lock);
    return rc;
}

static void child_done(void *arg)
{
    struct copies_child *c = arg;

    c->whole = true;
}

/* Control characters of a name are the guest's, and not for a terminal. */
static void child_failed(void *arg, const char *path, int code)
{
    struct copies_child *c = arg;
    char text[512];
    size_t i;

    if (code == ECANCELED) {
        c->missed++;
        return;
    }
    if (++c->failed > FAILED_MAX) {
        return;
    }
    for (i = 0; i < sizeof(text) - 1 && path[i]; i++) {
        text[i] = (unsigned char)path[i] < ' ' || path[i] == 127 ? '?' : path[i];
    }
    text[i] = 0;
    message("pyhl %s: cannot copy out /%s: %s\n", c->name, text,
            code == EOPNOTSUPP ? "neither a file, a directory nor a symbolic link"
            : code == EDQUOT   ? "too much (--copy-limit and --copy-entries allow more)"
                               : strerror(code));
}

int copies_child_make(struct copies *copies, struct channel *channel, const char *name,
                      struct copies_child **out, struct vmm_err *err)
{
    struct copies_child *c = calloc(1, sizeof(*c));
    const char **paths = calloc(copies->target_count + 1, sizeof(*paths));

    *out = c;
    if (c == NULL || paths == NULL) {
        free(c);
        free(paths);
        *out = NULL;
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < copies->target_count; i++) {
        paths[i] = copies->targets[i].guest;
        close(copies->targets[i].folder_fd); /* the parent's business */
        copies->targets[i].folder_fd = -1;
    }
    *c = (struct copies_child){.list = copies, .channel = channel, .name = name, .paths = paths};
    copies->in.read = child_read;
    copies->in.data = child_data;
    copies->in.arg = c;
    c->out = (struct vmm_files_out){
        .paths = paths,
        .make = child_make,
        .write = child_write,
        .done = child_done,
        .failed = child_failed,
        .arg = c,
        .max_bytes = copies->max_bytes,
        .max_entries = copies->max_entries,
    };
    return 0;
}

void copies_child_begin(struct copies_child *copies, struct vmm_run *run)
{
    if (copies == NULL) {
        return;
    }
    copies->failed = copies->missed = 0;
    copies->whole = false;
    run->files_in = copies->list->in.count > 0 ? &copies->list->in : NULL;
    run->files_out = copies->list->target_count > 0 ? &copies->out : NULL;
}

bool copies_child_end(struct copies_child *copies, const struct vmm_outcome *outcome)
{
    /* VMM_READY: of a session, which gives its files by a run of their own. */
    const bool own =
        outcome->kind == VMM_EXITED || outcome->kind == VMM_SIGNALED || outcome->kind == VMM_READY;
    struct channel_message m = {.kind = COPIES_END};
    int rc;

    if (copies == NULL || copies->list->target_count == 0) {
        return true;
    }
    m.number[0] = take_whole(copies);
    (void)pthread_mutex_lock(&copies->channel->lock);
    rc = ask(copies, &m);
    (void)pthread_mutex_unlock(&copies->channel->lock);
    if (copies->failed > FAILED_MAX) {
        message("pyhl %s: %llu more could not be copied out\n", copies->name,
                (unsigned long long)(copies->failed - FAILED_MAX));
    }
    if (copies->missed > 0) {
        message("pyhl %s: the run ended before all was copied out\n", copies->name);
    }
    return (rc == 0 && copies->failed + copies->missed == 0) || !own;
}
