// SPDX-License-Identifier: Apache-2.0
/*
 * Reading an image from a directory or, through libarchive, from an archive of one. In an archive
 * the three files may lie at the top or one directory down, as `tar c python/` and `tar c -C python
 * .` make them.
 */
#include "image.h"
#include "files.h"
#include "home.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_INI  "image.ini"
#define INI_MAX    (1u << 20)
#define READ_BLOCK (1u << 20)
#define NOT_AN_IMAGE                                                                               \
    "an image is a directory, or a tar archive of one, with " HOME_KERNEL ", " HOME_INITRD         \
    " and " IMAGE_INI

enum member { MEMBER_KERNEL, MEMBER_INITRD, MEMBER_INI, MEMBERS };
static const char *const member_names[MEMBERS] = {HOME_KERNEL, HOME_INITRD, IMAGE_INI};

static int read_ini(const char *path, struct image_config *config, struct vmm_err *err)
{
    struct vmm_err why = {0};
    char *text = NULL;
    size_t len;
    int r = file_read(path, INI_MAX, &text, &len, &why);

    if (r == 0)
        r = config_parse_image(text, path, config, &why);
    free(text);
    return r < 0 ? vmm_err_set(err, EINVAL, "%s", why.msg) : 0;
}

/* Everything is looked at before the first byte is copied. */
static int fetch_directory(const char *from, const char *dir, struct image_config *config,
                           char initrd[PATH_MAX], struct vmm_err *err)
{
    char source[MEMBERS][PATH_MAX], target[PATH_MAX];

    for (int i = 0; i < MEMBERS; i++) {
        uint64_t size;

        if (file_path(source[i], from, member_names[i], err) < 0)
            return -err->code;
        if (file_size(source[i], &size, NULL, err) < 0)
            return vmm_err_set(err, EINVAL, "--from '%s' has no file '%s': " NOT_AN_IMAGE, from,
                               member_names[i]);
        if (size == 0)
            return vmm_err_set(err, EINVAL, "--from '%s': '%s' is empty: " NOT_AN_IMAGE, from,
                               member_names[i]);
    }
    if (read_ini(source[MEMBER_INI], config, err) < 0)
        return vmm_err_context(err, "--from '%s'", from);
    memcpy(initrd, source[MEMBER_INITRD], PATH_MAX);
    if (file_path(target, dir, HOME_KERNEL, err) < 0 ||
        file_copy(source[MEMBER_KERNEL], target, err) < 0)
        return -err->code;
    return 0;
}

/* Which member an archive's name is, or MEMBERS. */
static enum member which_member(const char *name)
{
    const char *slash;
    enum member member = MEMBER_KERNEL;

    if (strncmp(name, "./", 2) == 0)
        name += 2;
    slash = strchr(name, '/');
    if (slash)
        name = slash + 1;
    while (member < MEMBERS && strcmp(name, member_names[member]) != 0)
        member++;
    return member;
}

static int archive_fail(struct archive *archive, struct vmm_err *err)
{
    const char *why = archive_error_string(archive);

    return vmm_err_set(err, EINVAL, "not a tar archive, or damaged (%s): " NOT_AN_IMAGE,
                       why ? why : "blocks out of order");
}

/* Writes the entry's data to a new file; holes of a sparse entry stay holes. */
static int unpack_entry(struct archive *archive, const char *path, struct vmm_err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    const void *data;
    la_int64_t offset, end = 0;
    size_t len;
    int got, r = 0;

    if (fd < 0 && errno == EEXIST)
        return vmm_err_set(err, EINVAL, "'%s' is twice in the archive", strrchr(path, '/') + 1);
    if (fd < 0)
        return vmm_err_set(err, errno, "%s: %s", path, strerror(errno));
    while ((got = archive_read_data_block(archive, &data, &len, &offset)) == ARCHIVE_OK) {
        if (offset < end) {
            got = ARCHIVE_FATAL;
            break;
        }
        end = offset + (la_int64_t)len;
        r = file_pwrite(fd, data, len, offset);
        if (r < 0)
            break;
    }
    if (r < 0)
        r = vmm_err_set(err, -r, "%s: %s", path, strerror(-r));
    else if (got != ARCHIVE_EOF)
        r = archive_fail(archive, err);
    if (close(fd) < 0 && r == 0)
        r = vmm_err_set(err, errno, "%s: %s", path, strerror(errno));
    return r;
}

static int unpack_members(struct archive *archive, const char *dir, unsigned *found,
                          struct vmm_err *err)
{
    struct archive_entry *entry;
    char path[PATH_MAX];
    int got;

    while ((got = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(entry);
        enum member member = name ? which_member(name) : MEMBERS;

        if (member == MEMBERS || archive_entry_filetype(entry) != AE_IFREG)
            continue;
        if (file_path(path, dir, member_names[member], err) < 0 ||
            unpack_entry(archive, path, err) < 0)
            return -err->code;
        *found |= 1u << member;
    }
    if (got != ARCHIVE_EOF)
        return archive_fail(archive, err);
    return 0;
}

static int fetch_archive(const char *from, const char *dir, struct image_config *config,
                         char initrd[PATH_MAX], struct vmm_err *err)
{
    struct archive *archive = archive_read_new();
    char ini[PATH_MAX];
    unsigned found = 0;
    int r;

    if (!archive)
        return vmm_err_set(err, ENOMEM, "out of memory");
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_format_tar(archive);
    if (archive_read_open_filename(archive, from, READ_BLOCK) != ARCHIVE_OK)
        r = archive_fail(archive, err);
    else
        r = unpack_members(archive, dir, &found, err);
    for (int i = 0; i < MEMBERS && r == 0; i++)
        if (!(found & 1u << i))
            r = vmm_err_set(err, EINVAL, "no file '%s' in it: " NOT_AN_IMAGE, member_names[i]);
    if (r == 0)
        r = file_path(initrd, dir, HOME_INITRD, err);
    if (r == 0)
        r = file_path(ini, dir, IMAGE_INI, err);
    if (r == 0)
        r = read_ini(ini, config, err);
    if (r == 0 && unlink(ini) < 0)
        r = vmm_err_set(err, errno, "%s: %s", ini, strerror(errno));
    archive_read_free(archive);
    return r < 0 ? vmm_err_context(err, "--from '%s'", from) : 0;
}

int image_fetch(const char *from, const char *dir, struct image_config *config,
                char initrd[PATH_MAX], struct vmm_err *err)
{
    struct stat st;

    if (stat(from, &st) < 0)
        return vmm_err_set(err, EINVAL, "--from '%s': %s", from, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return fetch_directory(from, dir, config, initrd, err);
    if (!S_ISREG(st.st_mode))
        return vmm_err_set(err, EINVAL, "--from '%s' is neither: " NOT_AN_IMAGE, from);
    if (st.st_size == 0)
        return vmm_err_set(err, EINVAL, "--from '%s' is an empty file: " NOT_AN_IMAGE, from);
    return fetch_archive(from, dir, config, initrd, err);
}
