// SPDX-License-Identifier: Apache-2.0
/*
 * One file is open at a time, the one that was read last.
 */
#include "copies_read.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int copies_reader_open(struct copies_reader *reader, uint64_t file)
{
    const struct vmm_file *listed;
    struct stat st;

    if (file >= reader->list->in.count || reader->list->names[file] == NULL) {
        return -EINVAL;
    }
    if (reader->fd >= 0 && reader->file == file) {
        return reader->fd;
    }
    copies_reader_close(reader);
    listed = &reader->list->files[file];
    reader->file = (size_t)file;
    reader->fd = open(reader->list->names[file], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (reader->fd < 0) {
        return -errno;
    }
    if (fstat(reader->fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        (uint64_t)st.st_size != listed->size ||
        (int64_t)st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec != listed->mtime_ns) {
        copies_reader_close(reader);
        return -ESTALE;
    }
    return reader->fd;
}

ssize_t copies_reader_read(struct copies_reader *reader, uint64_t file, uint64_t offset, void *to,
                           size_t size)
{
    const int fd = copies_reader_open(reader, file);
    ssize_t n;

    if (fd < 0) {
        return fd;
    }
    n = pread(fd, to, size, (off_t)(offset & INT64_MAX));
    return n < 0 ? -errno : n;
}

void copies_reader_close(struct copies_reader *reader)
{
    if (reader->fd >= 0) {
        close(reader->fd);
        reader->fd = -1;
    }
}
