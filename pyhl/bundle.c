// SPDX-License-Identifier: Apache-2.0
/*
 * Packages have many small files, whose data lies here one after the other. So a window of the data
 * is kept, and most files come without a question.
 */
#include "bundle.h"
#include "files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BUNDLE_ENTRIES (1u << 20)
#define BUNDLE_INDEX   (256u << 20) /* bytes */

/* A file of the index. Its path follows, with a NUL, and then the next file. */
struct bundle_entry {
    uint64_t data, size;
    int64_t mtime_ns;
    uint32_t mode, path_size; /* with the NUL */
};

static uint64_t bundle_data_size(const struct vmm_file *file)
{
    return S_ISREG(file->mode) ? file->size : 0;
}

/* The index as it is in the file; free() it. */
static uint8_t *bundle_index(const struct copies *list, struct bundle_info *info)
{
    uint64_t data;
    uint8_t *index, *to;

    *info = (struct bundle_info){.entries = list->in.count};
    for (size_t i = 0; i < list->in.count; i++) {
        info->index += sizeof(struct bundle_entry) + strlen(list->files[i].path) + 1;
    }
    index = to = malloc(info->index + 1);
    data = info->index;
    for (size_t i = 0; index != NULL && i < list->in.count; i++) {
        const struct vmm_file *file = &list->files[i];
        const struct bundle_entry entry = {.data = data,
                                           .size = bundle_data_size(file),
                                           .mtime_ns = file->mtime_ns,
                                           .mode = file->mode,
                                           .path_size = (uint32_t)strlen(file->path) + 1};

        memcpy(to, &entry, sizeof(entry));
        memcpy(to + sizeof(entry), file->path, entry.path_size);
        to += sizeof(entry) + entry.path_size;
        data += entry.size;
    }
    return index;
}

/* Appends the data of a file. */
static int bundle_append(struct copies_reader *reader, size_t file, int fd, uint64_t *at,
                         uint8_t *buffer)
{
    const uint64_t size = bundle_data_size(&reader->list->files[file]);
    int rc = 0;

    for (uint64_t done = 0; rc == 0 && done < size;) {
        const ssize_t n = copies_reader_read(reader, file, done, buffer, BUNDLE_PIECE);

        if (n <= 0 || (uint64_t)n > size - done) {
            return n < 0 ? (int)n : -ESTALE;
        }
        rc = file_pwrite(fd, buffer, (size_t)n, (off_t)*at);
        done += (uint64_t)n;
        *at += (uint64_t)n;
    }
    return rc;
}

int bundle_write(struct copies_reader *reader, int fd, struct bundle_info *info,
                 struct vmm_err *err)
{
    uint8_t *index = bundle_index(reader->list, info), *buffer = malloc(BUNDLE_PIECE);
    uint64_t at = info->index;
    int rc = index == NULL || buffer == NULL ? -ENOMEM : file_pwrite(fd, index, info->index, 0);

    for (size_t i = 0; rc == 0 && i < info->entries; i++) {
        rc = bundle_append(reader, i, fd, &at, buffer);
    }
    free(index);
    free(buffer);
    return rc < 0 ? vmm_err_set(err, -rc, "the packages' files: %s", strerror(-rc)) : 0;
}

/* Has the window begin at this place of the data. */
static int bundle_move(struct bundle *b, uint64_t offset)
{
    const uint64_t left = b->size - offset;
    const size_t size = left < BUNDLE_PIECE ? (size_t)left : BUNDLE_PIECE;
    const int rc = b->get(b->arg, offset, b->window, size);

    b->begin = b->end = offset;
    b->end += rc == 0 ? size : 0;
    return rc;
}

static ssize_t bundle_read(void *arg, size_t file, uint64_t offset, void *to, size_t size)
{
    struct bundle *b = arg;
    const uint64_t left = b->files[file].size - offset, at = b->data[file] + offset;
    int rc = 0;

    if (offset >= b->files[file].size || size == 0) {
        return 0;
    }
    if (at < b->begin || at >= b->end) {
        rc = bundle_move(b, at);
    }
    if (rc < 0) {
        return rc;
    }
    size = size < left ? size : (size_t)left;
    size = size < b->end - at ? size : (size_t)(b->end - at);
    memcpy(to, b->window + (at - b->begin), size);
    return (ssize_t)size;
}

/* Takes the next file off the index. Returns false when that is none. */
static bool bundle_take(struct bundle *b, const struct bundle_info *info, size_t i, size_t *at)
{
    struct bundle_entry entry;
    const char *path;

    if (info->index - *at < sizeof(entry)) {
        return false;
    }
    memcpy(&entry, b->index + *at, sizeof(entry));
    *at += sizeof(entry);
    path = (const char *)b->index + *at;
    if (entry.path_size == 0 || entry.path_size > info->index - *at ||
        memchr(path, 0, entry.path_size) != path + entry.path_size - 1 || entry.data != b->size ||
        entry.size > INT64_MAX - b->size) {
        return false;
    }
    *at += entry.path_size;
    b->size += entry.size;
    b->data[i] = entry.data;
    b->files[i] = (struct vmm_file){
        .path = path, .size = entry.size, .mtime_ns = entry.mtime_ns, .mode = entry.mode};
    return S_ISREG(entry.mode) || S_ISDIR(entry.mode);
}

/* Gets the index, in pieces. */
static int bundle_get_index(struct bundle *b, const struct bundle_info *info)
{
    int rc = 0;

    for (uint64_t at = 0; rc == 0 && at < info->index; at += BUNDLE_PIECE) {
        const uint64_t left = info->index - at;

        rc = b->get(b->arg, at, b->index + at, left < BUNDLE_PIECE ? (size_t)left : BUNDLE_PIECE);
    }
    return rc;
}

int bundle_open(struct bundle *bundle, const struct bundle_info *info, struct vmm_err *err)
{
    size_t at = 0;
    int rc;

    if (info->entries == 0 || info->entries > BUNDLE_ENTRIES || info->index == 0 ||
        info->index > BUNDLE_INDEX) {
        return vmm_err_set(err, EPROTO, "files that are none");
    }
    bundle->index = malloc(info->index);
    bundle->window = malloc(BUNDLE_PIECE);
    bundle->files = calloc(info->entries, sizeof(*bundle->files));
    bundle->data = calloc(info->entries, sizeof(*bundle->data));
    if (bundle->index == NULL || bundle->window == NULL || bundle->files == NULL ||
        bundle->data == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    rc = bundle_get_index(bundle, info);
    bundle->size = info->index;
    for (size_t i = 0; rc == 0 && i < info->entries; i++) {
        rc = bundle_take(bundle, info, i, &at) ? 0 : -EPROTO;
    }
    bundle->in = (struct vmm_files_in){
        .count = info->entries, .files = bundle->files, .read = bundle_read, .arg = bundle};
    return rc < 0 ? vmm_err_set(err, -rc, "the list of files: %s", strerror(-rc)) : 0;
}

void bundle_close(struct bundle *bundle)
{
    free(bundle->index);
    free(bundle->window);
    free(bundle->files);
    free(bundle->data);
    *bundle = (struct bundle){0};
}
