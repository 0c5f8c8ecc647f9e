// SPDX-License-Identifier: Apache-2.0
/*
 * Reads an image from a directory or, through libarchive, from an archive of one. In an archive the
 * three files may lie at the top or one directory down, as `tar c python/` and `tar c -C python .`
 * make them.
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

#define READ_BLOCK   (1u << 20)
#define ENTRY_HEADER 512u
#define NOT_AN_IMAGE                                                                               \
    "an image is a directory, or a tar archive of one, with " HOME_KERNEL ", " HOME_INITRD         \
    " and " HOME_IMAGE

enum member { MEMBER_KERNEL, MEMBER_INITRD, MEMBER_INI, MEMBERS };
static const char *const member_names[MEMBERS] = {HOME_KERNEL, HOME_INITRD, HOME_IMAGE};

/* The most bytes that each member may have. */
struct limits {
    uint64_t max[MEMBERS];
};

static struct limits make_limits(uint64_t initrd_max)
{
    return (struct limits){{
        [MEMBER_KERNEL] = IMAGE_KERNEL_MAX,
        [MEMBER_INITRD] = initrd_max,
        [MEMBER_INI] = CONFIG_MAX,
    }};
}

/* The message gives both sizes in bytes, because rounded ones may look the same. */
static int too_large(enum member member, uint64_t size, uint64_t max, struct vmm_err *err)
{
    return vmm_err_set(err, E2BIG, "'%s' has %llu bytes, at most %llu are taken%s",
                       member_names[member], (unsigned long long)size, (unsigned long long)max,
                       member == MEMBER_INITRD ? " (--max-initrd)" : "");
}

int image_ini(const struct folder *folder, struct image_config *config, struct vmm_err *err)
{
    char path[PATH_MAX + sizeof("/" HOME_IMAGE)], *text = NULL;
    struct vmm_err why = {0};
    int fd = folder_read(folder, HOME_IMAGE, FOLDER_NO_LINK, &why), rc = fd;
    size_t len;

    snprintf(path, sizeof(path), "%s/%s", folder->path, HOME_IMAGE);
    if (fd >= 0) {
        rc = file_read(fd, path, CONFIG_MAX, &text, &len, &why);
        close(fd);
    }
    if (rc == 0) {
        rc = config_parse_image(text, path, config, &why);
    }
    free(text);
    return rc < 0 ? vmm_err_set(err, EINVAL, "%s", why.msg) : 0;
}

/* Checks all that the library wants of a kernel, before anything is done with the rest. */
static int check_kernel(const struct folder *into, struct vmm_err *err)
{
    char path[FILE_FD_PATH];
    int fd = folder_read(into, HOME_KERNEL, FOLDER_NO_LINK, err), rc;

    if (fd < 0) {
        return fd;
    }
    file_fd_path(fd, path);
    rc = vmm_kernel_check(path, HOME_KERNEL, err);
    close(fd);
    return rc;
}

/* Opens a member in the directory `from`, and checks its length. A link to a kernel or an initrd is
 * followed. A link to image.ini is not, because messages show its content. */
static int open_member(const struct folder *source, enum member member, const struct limits *limits,
                       struct vmm_err *err)
{
    const char *name = member_names[member];
    enum folder_links links = member == MEMBER_INI ? FOLDER_NO_LINK : FOLDER_LINK;
    struct vmm_err why = {0};
    int fd = folder_read(source, name, links, &why);
    uint64_t size;
    int rc;

    if (fd == -ENOENT) {
        return vmm_err_set(err, EINVAL, "--from '%s' has no file '%s': " NOT_AN_IMAGE, source->path,
                           name);
    }
    if (fd < 0) {
        return vmm_err_set(err, EINVAL, "--from '%s': %s", source->path, why.msg);
    }
    rc = file_size(fd, name, &size, NULL, err);
    if (rc == 0 && size == 0) {
        rc = vmm_err_set(err, EINVAL, "--from '%s': '%s' is empty: " NOT_AN_IMAGE, source->path,
                         name);
    }
    if (rc == 0 && size > limits->max[member]) {
        too_large(member, size, limits->max[member], err);
        rc = vmm_err_context(err, "--from '%s'", source->path);
    }
    if (rc == 0) {
        return fd;
    }
    close(fd);
    return rc;
}

static int copy_member(enum member member, int from, const struct folder *into, struct vmm_err *err)
{
    const char *name = member_names[member];
    int fd = folder_make(into, name, err), rc;

    if (fd < 0) {
        return fd;
    }
    rc = file_copy(from, fd, name, err);
    if (close(fd) < 0 && rc == 0) {
        rc = folder_fail(into, name, err);
    }
    return rc == 0 && member == MEMBER_KERNEL ? check_kernel(into, err) : rc;
}

static int fetch_members(const struct folder *source, const struct limits *limits,
                         const struct folder *into, struct image *image, struct vmm_err *err)
{
    int fds[MEMBERS] = {-1, -1, -1}, rc = 0;

    /* Everything is looked at before the first byte is copied. */
    for (int i = 0; i < MEMBERS && rc == 0; i++) {
        fds[i] = open_member(source, (enum member)i, limits, err);
        rc = fds[i] < 0 ? fds[i] : 0;
    }
    if (rc == 0 && image_ini(source, &image->config, err) < 0) {
        rc = vmm_err_context(err, "--from '%s'", source->path);
    }
    if (rc == 0) {
        rc = copy_member(MEMBER_KERNEL, fds[MEMBER_KERNEL], into, err);
    }
    if (rc == 0) {
        rc = copy_member(MEMBER_INI, fds[MEMBER_INI], into, err);
    }
    if (rc == 0) {
        snprintf(image->initrd, PATH_MAX, "%.*s/%s", PATH_MAX - 16, source->path, HOME_INITRD);
        image->initrd_fd = fds[MEMBER_INITRD];
        fds[MEMBER_INITRD] = -1;
    }
    for (int i = 0; i < MEMBERS; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    return rc;
}

static int fetch_directory(const char *from, const struct limits *limits, const struct folder *into,
                           struct image *image, struct vmm_err *err)
{
    struct vmm_err why = {0};
    struct folder source;
    int rc = folder_open(&source, from, &why);

    if (rc < 0) {
        return vmm_err_set(err, EINVAL, "--from: %s", why.msg);
    }
    rc = fetch_members(&source, limits, into, image, err);
    folder_close(&source);
    return rc;
}

/* Which member a name in an archive stands for; MEMBERS: none. */
static enum member which_member(const char *name)
{
    const char *slash;
    enum member member = MEMBER_KERNEL;

    if (strncmp(name, "./", 2) == 0) {
        name += 2;
    }
    slash = strchr(name, '/');
    if (slash != NULL) {
        name = slash + 1;
    }
    while (member < MEMBERS && strcmp(name, member_names[member]) != 0) {
        member++;
    }
    return member;
}

static int archive_fail(struct archive *archive, struct vmm_err *err)
{
    const char *why = archive_error_string(archive);

    return vmm_err_set(err, EINVAL, "not a tar archive, or damaged (%s): " NOT_AN_IMAGE,
                       why != NULL ? why : "blocks out of order");
}

/* Writes an entry's data; holes of a sparse entry stay holes. */
static int unpack_data(struct archive *archive, enum member member, uint64_t max, int fd,
                       struct vmm_err *err)
{
    la_int64_t offset, end = 0;
    const void *data;
    size_t len;
    int got, rc;

    while ((got = archive_read_data_block(archive, &data, &len, &offset)) == ARCHIVE_OK) {
        if (offset < end) {
            return archive_fail(archive, err);
        }
        end = offset + (la_int64_t)len;
        if ((uint64_t)end > max) {
            return too_large(member, (uint64_t)end, max, err);
        }
        rc = file_pwrite(fd, data, len, offset);
        if (rc < 0) {
            return vmm_err_set(err, -rc, "'%s': %s", member_names[member], strerror(-rc));
        }
    }
    return got == ARCHIVE_EOF ? 0 : archive_fail(archive, err);
}

static int unpack_entry(struct archive *archive, enum member member, uint64_t max,
                        const struct folder *into, struct vmm_err *err)
{
    const char *name = member_names[member];
    int fd = folder_make(into, name, err), rc;

    if (fd == -EEXIST) {
        return vmm_err_set(err, EINVAL, "'%s' is twice in the archive", name);
    }
    if (fd < 0) {
        return fd;
    }
    rc = unpack_data(archive, member, max, fd, err);
    if (close(fd) < 0 && rc == 0) {
        rc = folder_fail(into, name, err);
    }
    return rc == 0 && member == MEMBER_KERNEL ? check_kernel(into, err) : rc;
}

/* Checks an entry before any byte of it is unpacked: its own size, and the size of all entries so
 * far. An entry that is not a member counts as well, because skipping it means unpacking it. */
static int check_entry(struct archive_entry *entry, enum member member, const struct limits *limits,
                       uint64_t *total, struct vmm_err *err)
{
    const uint64_t most =
        limits->max[MEMBER_KERNEL] + limits->max[MEMBER_INITRD] + limits->max[MEMBER_INI];
    const la_int64_t size = archive_entry_size(entry);

    if (size < 0) {
        return vmm_err_set(err, EINVAL, "not a tar archive, or damaged (a size below 0)");
    }
    if (member != MEMBERS && (uint64_t)size > limits->max[member]) {
        return too_large(member, (uint64_t)size, limits->max[member], err);
    }
    if (__builtin_add_overflow(*total, (uint64_t)size + ENTRY_HEADER, total) || *total > most) {
        return vmm_err_set(err, E2BIG,
                           "it unpacks to more than %llu bytes, which is what an image may have "
                           "(--max-initrd)",
                           (unsigned long long)most);
    }
    return 0;
}

static int unpack_members(struct archive *archive, const struct limits *limits,
                          const struct folder *into, unsigned *found, struct vmm_err *err)
{
    struct archive_entry *entry;
    uint64_t total = 0;
    int got;

    while ((got = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(entry);
        enum member member = name != NULL ? which_member(name) : MEMBERS;

        if (archive_entry_filetype(entry) != AE_IFREG) {
            member = MEMBERS;
        }
        if (check_entry(entry, member, limits, &total, err) < 0) {
            return -err->code;
        }
        if (member == MEMBERS) {
            continue;
        }
        if (unpack_entry(archive, member, limits->max[member], into, err) < 0) {
            return -err->code;
        }
        *found |= 1u << member;
    }
    if (got != ARCHIVE_EOF) {
        return archive_fail(archive, err);
    }
    return 0;
}

static int unpack_archive(int fd, const struct limits *limits, const struct folder *into,
                          struct vmm_err *err)
{
    struct archive *archive = archive_read_new();
    unsigned found = 0;
    int rc;

    if (archive == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_format_tar(archive);
    if (archive_read_open_fd(archive, fd, READ_BLOCK) != ARCHIVE_OK) {
        rc = archive_fail(archive, err);
    } else {
        rc = unpack_members(archive, limits, into, &found, err);
    }
    archive_read_free(archive);
    for (int i = 0; i < MEMBERS && rc == 0; i++) {
        if (!(found & 1u << i)) {
            rc = vmm_err_set(err, EINVAL, "no file '%s' in it: " NOT_AN_IMAGE, member_names[i]);
        }
    }
    return rc;
}

static int fetch_archive(const char *from, int fd, const struct limits *limits,
                         const struct folder *into, struct image *image, struct vmm_err *err)
{
    int rc = unpack_archive(fd, limits, into, err);

    if (rc == 0) {
        rc = image_ini(into, &image->config, err);
    }
    if (rc == 0) {
        snprintf(image->initrd, PATH_MAX, "%.*s/%s", PATH_MAX - 16, into->path, HOME_INITRD);
        image->unpacked = true;
        rc = image->initrd_fd = folder_read(into, HOME_INITRD, FOLDER_NO_LINK, err);
    }
    return rc < 0 ? vmm_err_context(err, "--from '%s'", from) : 0;
}

int image_fetch(const char *from, uint64_t initrd_max, const struct folder *into,
                struct image *image, struct vmm_err *err)
{
    const struct limits limits = make_limits(initrd_max);
    int fd = open(from, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), rc;
    struct stat st;

    *image = (struct image){.initrd_fd = -1};
    if (fd < 0 || fstat(fd, &st) < 0) {
        rc = vmm_err_set(err, EINVAL, "--from '%s': %s", from, strerror(errno));
    } else if (S_ISDIR(st.st_mode)) {
        rc = fetch_directory(from, &limits, into, image, err);
    } else if (!S_ISREG(st.st_mode)) {
        rc = vmm_err_set(err, EINVAL, "--from '%s' is neither: " NOT_AN_IMAGE, from);
    } else if (st.st_size == 0) {
        rc = vmm_err_set(err, EINVAL, "--from '%s' is an empty file: " NOT_AN_IMAGE, from);
    } else {
        rc = fetch_archive(from, fd, &limits, into, image, err);
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}
