// SPDX-License-Identifier: Apache-2.0
/*
 * The files that the rewind test copies into runs and out of them.
 */
#include "rewind_test.h"

#include <string.h>
#include <sys/stat.h>

#define FILE_SIZE (3u << 20)

static ssize_t on_read(void *arg, size_t file, uint64_t offset, void *to, size_t size)
{
    (void)arg;
    memset(to, (int)('a' + (offset >> 20) + file), size);
    return (ssize_t)size;
}

static const struct vmm_file given[] = {
    {.path = "in", .mode = S_IFDIR | 0755, .mtime_ns = 1},
    {.path = "in/a", .mode = S_IFREG | 0600, .size = FILE_SIZE, .mtime_ns = 2},
    {.path = "in/b/c", .mode = S_IFREG | 0644, .size = 5},
    {.path = "in/link", .mode = S_IFLNK | 0777, .target = "b/c"},
    {.path = "etc/hostname", .mode = S_IFREG | 0644, .size = 7}, /* in place of the image's */
};

const struct vmm_files_in files_given = {.count = 5, .files = given, .read = on_read};

static int on_make(void *arg, size_t path, const struct vmm_file *file)
{
    struct files_taken *taken = arg;
    (void)path, (void)file;
    taken->entries++;
    return 0;
}

static int on_write(void *arg, uint64_t offset, const void *bytes, size_t size)
{
    struct files_taken *taken = arg;
    (void)offset, (void)bytes;
    taken->bytes += size;
    return 0;
}

static void on_failed(void *arg, const char *path, int code)
{
    struct files_taken *taken = arg;
    (void)path, (void)code;
    taken->failed++;
}

struct vmm_files_out files_taking(struct files_taken *taken)
{
    static const char *const paths[] = {"out", "in", NULL};
    return (struct vmm_files_out){
        .paths = paths, .make = on_make, .write = on_write, .failed = on_failed, .arg = taken};
}
