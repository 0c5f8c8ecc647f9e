// SPDX-License-Identifier: Apache-2.0
/*
 * The list of files comes in pieces of as many entries as fit into the shared memory. The parent is
 * trusted here.
 */
#include "install_child.h"
#include "packages_have.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct install_child {
    struct channel *channel;
    struct packages_have have;
    struct vmm_files_in in;
    struct vmm_file *files; /* in.files; paths are to be freed */
    size_t room;
};

/* Sends a request, with the channel locked. Returns the result. */
static int install_ask(struct install_child *c, struct channel_message *m)
{
    const int rc = channel_call(c->channel, m);

    return rc < 0 ? rc : m->result;
}

static ssize_t install_read(void *arg, size_t file, uint64_t offset, void *to, size_t size)
{
    struct install_child *c = arg;
    struct channel_message m = {.kind = INSTALL_READ, .number = {file, offset, size}};
    ssize_t rc;

    (void)pthread_mutex_lock(&c->channel->lock);
    rc = install_ask(c, &m);
    if (rc == 0) {
        rc = m.size < size ? (ssize_t)m.size : (ssize_t)size;
        memcpy(to, c->channel->bytes, (size_t)rc);
    }
    (void)pthread_mutex_unlock(&c->channel->lock);
    return rc;
}

const struct vmm_files_out *install_child_look(struct install_child *install)
{
    return packages_have_look(&install->have);
}

int install_child_make(struct channel *channel, struct install_child **out, struct vmm_err *err)
{
    struct install_child *c = calloc(1, sizeof(*c));

    *out = c;
    if (c == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    c->channel = channel;
    c->in.read = install_read;
    c->in.arg = c;
    return 0;
}

static void install_release(struct install_child *c)
{
    for (size_t i = 0; i < c->in.count; i++) {
        free((char *)(uintptr_t)c->files[i].path);
    }
    free(c->files);
    c->files = NULL;
    c->in.files = NULL;
    c->in.count = c->room = 0;
}

/* Takes the entries of a piece. -EPROTO when they are not as they should be. */
static int install_take(struct install_child *c, const struct channel_message *m)
{
    const uint8_t *at = c->channel->bytes, *const end = at + m->size;

    for (uint64_t i = 0; i < m->number[0]; i++) {
        struct install_entry entry;
        char *path;

        if ((size_t)(end - at) < sizeof(entry) || c->in.count == c->room) {
            return -EPROTO;
        }
        memcpy(&entry, at, sizeof(entry));
        at += sizeof(entry);
        if (entry.path_size == 0 || entry.path_size > (size_t)(end - at) ||
            at[entry.path_size - 1] != 0) {
            return -EPROTO;
        }
        path = strdup((const char *)at);
        if (path == NULL) {
            return -ENOMEM;
        }
        at += entry.path_size;
        c->files[c->in.count++] = (struct vmm_file){
            .path = path, .size = entry.size, .mtime_ns = entry.mtime_ns, .mode = entry.mode};
    }
    return m->number[0] > 0 ? 0 : -EPROTO;
}

/* Fetches the list of so many entries, with the channel locked. */
static int install_list(struct install_child *c, size_t entries)
{
    int rc = 0;

    c->files = calloc(entries, sizeof(*c->files));
    if (c->files == NULL) {
        return -ENOMEM;
    }
    c->in.files = c->files;
    c->room = entries;
    while (rc == 0 && c->in.count < entries) {
        struct channel_message m = {.kind = INSTALL_LIST, .number = {c->in.count}};

        rc = install_ask(c, &m);
        rc = rc == 0 ? install_take(c, &m) : rc;
    }
    return rc;
}

/* Asks, with the channel locked. */
static int install_request(struct install_child *c, const char *words, size_t size,
                           struct install_found *found, bool *told)
{
    struct channel *channel = c->channel;
    struct channel_message m = {
        .kind = INSTALL_FIND, .size = c->have.size + size, .number = {c->have.size}};
    size_t n;
    int rc;

    channel->until_ns = 0; /* uv takes the time that it takes: a signal to the parent ends it */
    memcpy(channel->bytes, c->have.text, c->have.size);
    memcpy(channel->bytes + c->have.size, words, size); /* at most INSTALL_WORDS */
    rc = channel_call(channel, &m);
    *told = rc == 0 && m.result < 0;
    if (rc < 0 || m.result < 0) {
        return rc < 0 ? rc : m.result;
    }
    n = m.size < sizeof(found->names) ? m.size : sizeof(found->names) - 1;
    memcpy(found->names, channel->bytes, n);
    found->names[n] = 0;
    found->entries = m.number[0];
    found->replaces = m.number[1] != 0;
    return found->entries > 0 ? install_list(c, found->entries) : 0;
}

int install_child_find(struct install_child *install, const char *words, size_t size,
                       struct install_found *found, bool *told, struct vmm_err *err)
{
    int rc;

    *told = false;
    rc = packages_have_check(&install->have, err);
    if (rc < 0) {
        return rc;
    }
    (void)pthread_mutex_lock(&install->channel->lock);
    rc = install_request(install, words, size, found, told);
    (void)pthread_mutex_unlock(&install->channel->lock);
    if (rc < 0) {
        install_child_end(install);
        return vmm_err_set(err, -rc, "%s", strerror(-rc));
    }
    return 0;
}

const struct vmm_files_in *install_child_files(struct install_child *install)
{
    return &install->in;
}

void install_child_end(struct install_child *install)
{
    struct channel_message m = {.kind = INSTALL_END};

    install_release(install);
    (void)pthread_mutex_lock(&install->channel->lock);
    (void)install_ask(install, &m);
    (void)pthread_mutex_unlock(&install->channel->lock);
}
