// SPDX-License-Identifier: Apache-2.0
/*
 * The files that the acts find, and those that they are asked for.
 */
#include "chaos.h"

#include <string.h>
#include <sys/stat.h>

#define FILE_SIZE 100000u
#define BYTES_MAX (1u << 20)
#define ENTRIES   100u

static ssize_t on_read(void *arg, size_t file, uint64_t offset, void *to, size_t size)
{
    (void)arg, (void)file, (void)offset;
    memset(to, 'f', size);
    return (ssize_t)size;
}

static int on_make(void *arg, size_t path, const struct vmm_file *file)
{
    (void)arg, (void)path;
    return file->path[0] == 'c' ? -EACCES : 0;
}

static int on_write(void *arg, uint64_t offset, const void *bytes, size_t size)
{
    (void)arg, (void)offset;
    return size > 0 && *(const char *)bytes == 'z' ? -EIO : 0;
}

static const struct vmm_file given[] = {
    {.path = "tmp/in", .mode = S_IFDIR | 0700},
    {.path = "tmp/in/a", .mode = S_IFREG | 0644, .size = FILE_SIZE},
    {.path = "tmp/in/l", .mode = S_IFLNK | 0777, .target = "a"},
};
const struct vmm_files_in files_given = {.count = 3, .files = given, .read = on_read};

static const char *const paths[] = {"tmp", "out", NULL};
const struct vmm_files_out files_wanted_out = {.paths = paths,
                                               .make = on_make,
                                               .write = on_write,
                                               .max_bytes = BYTES_MAX,
                                               .max_entries = ENTRIES};
