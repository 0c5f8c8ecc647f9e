// SPDX-License-Identifier: Apache-2.0
/*
 * An image goes through the channel in pieces. The child decodes it, because it came from the
 * guest; the parent only writes bytes, to files that it has made itself.
 */
#include "images.h"
#include "base64.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A piece of an image: number[0] its type, number[1] 1: it is the first piece, number[2] 1: it is
 * the last. The answer's result is the number of the file. */
#define IMAGES_PIECE 0x400u
#define IMAGES_CHUNK                                                                               \
    (CHANNEL_BYTES / 3 * 3) /* so that base64 is cut between two digits' groups                    \
                             */

const char *images_ending(enum images_type type)
{
    static const char *const endings[IMAGES_TYPES] = {"png", "jpeg", "pdf"};

    return endings[type];
}

int images_begin(const char *path, struct images *images, struct vmm_err *err)
{
    images->fd = -1;
    if (*path == 0 || strlen(path) >= sizeof(images->path)) {
        return vmm_err_set(err, EINVAL, "--images '%.200s': give a directory", path);
    }
    strcpy(images->path, path);
    if (mkdir(path, 0777) < 0 && errno != EEXIST) {
        return vmm_err_set(err, errno, "--images %s: %s", path, strerror(errno));
    }
    images->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return images->dir < 0 ? vmm_err_set(err, errno, "--images %s: %s", path, strerror(errno)) : 0;
}

int images_put(struct channel *channel, enum images_type type, const char *base64)
{
    struct channel_message m = {.number = {type, 1}};
    int rc = 0;

    (void)pthread_mutex_lock(&channel->lock);
    do {
        m.kind = IMAGES_PIECE;
        m.size = base64_decode(&base64, channel->bytes, IMAGES_CHUNK);
        m.number[0] = type;
        m.number[2] = m.size < IMAGES_CHUNK;
        const bool last = m.number[2];
        rc = channel_call(channel, &m);
        rc = rc == 0 ? m.result : rc;
        m.number[1] = 0;
        if (last) {
            break;
        }
    } while (rc >= 0);
    (void)pthread_mutex_unlock(&channel->lock);
    return rc;
}

/* Drops the file that is written. */
static void images_drop(struct images *images)
{
    if (images->fd >= 0) {
        (void)unlinkat(images->dir, images->name, 0);
        close(images->fd);
        images->fd = -1;
    }
}

/* Makes the next file. None that is there is written over. */
static int images_make(struct images *images, enum images_type type)
{
    images_drop(images);
    if (images->files == IMAGES_FILES) {
        return -EDQUOT;
    }
    do {
        images->number++;
        (void)snprintf(images->name, sizeof(images->name), "image-%u.%s", images->number,
                       images_ending(type));
        images->fd = openat(images->dir, images->name,
                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    } while (images->fd < 0 && errno == EEXIST && images->number < INT_MAX);
    if (images->fd < 0) {
        return -errno;
    }
    images->files++;
    return 0;
}

static int images_write(struct images *images, const uint8_t *bytes, size_t size)
{
    ssize_t n = 0;

    if (images->fd < 0) {
        return -EINVAL;
    }
    if (size > IMAGES_BYTES - images->bytes) {
        return -EDQUOT;
    }
    images->bytes += size;
    for (size_t done = 0; done < size; done += (size_t)n) {
        n = write(images->fd, bytes + done, size - done);
        if (n < 0) {
            return -errno;
        }
    }
    return 0;
}

static void images_serve(void *arg, struct parent *parent, const struct channel_message *request)
{
    struct images *images = arg;
    int rc = request->number[0] < IMAGES_TYPES ? 0 : -EINVAL;

    if (rc == 0 && request->number[1] != 0) {
        rc = images_make(images, (enum images_type)request->number[0]);
    }
    if (rc == 0) {
        rc = images_write(images, parent_bytes(parent), request->size);
    }
    if (rc == 0 && request->number[2] != 0) {
        rc = close(images->fd) < 0 ? -errno : 0;
        images->fd = -1;
    }
    if (rc < 0) {
        images_drop(images);
    }
    parent_answer(parent, rc < 0 ? rc : (int)images->number, 0);
}

int images_offer(struct images *images, struct parent *parent)
{
    return parent_offer(parent, IMAGES_PIECE, images_serve, images);
}

void images_end(struct images *images)
{
    images_drop(images);
    close(images->dir);
}
