// SPDX-License-Identifier: Apache-2.0
/*
 * Every directory is opened by openat2(2) from the target's own directory, and every other call
 * names a single component in a directory that is open. Files and links are made under a name of
 * their own and renamed, so that nothing is half there, and nothing that has the name is followed
 * or written into.
 */
#include "copyout.h"
#include "vmm/relpath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COPYOUT_TRIES 8
#define COPYOUT_NS    1000000000ll

/* Opens a path below a directory, or -errno. A rename at the same time is an EAGAIN. */
static int open_below(int folder, const char *path, int flags)
{
    const struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };

    for (int i = 0; i < COPYOUT_TRIES; i++) {
        const long fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));

        if (fd >= 0) {
            return (int)fd;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
    }
    return -EAGAIN;
}

/* Opens a directory of the target: `path` is relative to the target, "" the target itself. */
static int open_dir(const struct copy_target *t, const char *path, int flags)
{
    char whole[PATH_MAX + NAME_MAX + 2];

    (void)snprintf(whole, sizeof(whole), "%s%s%s", t->name != NULL ? t->name : ".",
                   *path ? "/" : "", path);
    return open_below(t->folder_fd, whole, flags | O_DIRECTORY);
}

static void temp_name(char name[COPYOUT_TEMP])
{
    uint64_t number = 0;

    if (getrandom(&number, sizeof(number), 0) < 0) {
        number = (uint64_t)getpid();
    }
    (void)snprintf(name, COPYOUT_TEMP, ".pyhl-%016llx", (unsigned long long)number);
}

static void times_of(const struct vmm_file *entry, struct timespec times[2])
{
    int64_t s = entry->mtime_ns / COPYOUT_NS, ns = entry->mtime_ns % COPYOUT_NS;

    if (ns < 0) {
        ns += COPYOUT_NS;
        s--;
    }
    times[0] = times[1] = (struct timespec){.tv_sec = s, .tv_nsec = ns};
}

/* ---- directories ---- */

/* The directory that was made last is complete. */
static int close_dir(struct copyout *c)
{
    const struct copyout_dir *d = &c->dirs[c->dir_count - 1];
    const struct vmm_file entry = {.mtime_ns = d->mtime_ns};
    struct timespec times[2];
    int rc = 0;

    if (d->made) {
        const int fd = open_dir(c->target, c->dir, O_RDONLY);

        times_of(&entry, times);
        if (fd < 0) {
            rc = fd;
        } else if (fchmod(fd, d->mode) < 0 || futimens(fd, times) < 0) {
            rc = -errno;
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    c->dir_count--;
    c->dir[c->dir_count > 0 ? c->dirs[c->dir_count - 1].length : 0] = 0;
    return rc;
}

/* How many directories are open when the one that the entry lies in is the last; 0: it is not
 * open. */
static size_t depth_of_parent(const struct copyout *c, const char *path)
{
    const char *slash = strrchr(path, '/');
    const size_t length = slash != NULL ? (size_t)(slash - path) : 0;

    for (size_t i = c->dir_count; i > 0; i--) {
        if (c->dirs[i - 1].length == length && memcmp(c->dir, path, length) == 0) {
            return i;
        }
    }
    return 0;
}

/* Closes directories up to the one that the entry lies in. EINVAL when none is that. */
static int go_to_parent(struct copyout *c, const char *path)
{
    const size_t count = depth_of_parent(c, path);
    int rc = count > 0 ? 0 : -EINVAL;

    while (rc == 0 && c->dir_count > count) {
        rc = close_dir(c);
    }
    return rc;
}

static int push_dir(struct copyout *c, const struct vmm_file *entry, bool made)
{
    if (c->dir_count == c->dir_room) {
        const size_t room = c->dir_room ? 2 * c->dir_room : 16;
        struct copyout_dir *dirs = realloc(c->dirs, room * sizeof(*dirs));

        if (dirs == NULL) {
            return -ENOMEM;
        }
        c->dirs = dirs;
        c->dir_room = room;
    }
    c->dirs[c->dir_count++] = (struct copyout_dir){.length = strlen(entry->path),
                                                   .mode = entry->mode & 0777,
                                                   .mtime_ns = entry->mtime_ns,
                                                   .made = made};
    memcpy(c->dir, entry->path, strlen(entry->path) + 1);
    return 0;
}

/* Makes a directory, which its maker can write to until it is complete. One that is there will do,
 * if it is a directory and no link. */
static int make_dir(struct copyout *c, int folder, const char *name, const struct vmm_file *entry)
{
    const bool made = name != NULL && mkdirat(folder, name, 0700) == 0;
    int fd;

    if (!made && name != NULL && errno != EEXIST) {
        return -errno;
    }
    fd = open_dir(c->target, entry->path, O_PATH);
    if (fd < 0) {
        return fd == -ELOOP ? -ENOTDIR : fd;
    }
    close(fd);
    return push_dir(c, entry, made);
}

/* ---- files and links ---- */

static int make_file(struct copyout *c, int folder, const char *name, const struct vmm_file *entry)
{
    int fd = -1;

    for (int i = 0; i < COPYOUT_TRIES && fd < 0; i++) {
        temp_name(c->temp);
        fd = openat(folder, c->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EEXIST) {
            return -errno;
        }
    }
    if (fd < 0) {
        return -EEXIST;
    }
    c->file = fd;
    c->folder = fcntl(folder, F_DUPFD_CLOEXEC, 3);
    if (c->folder < 0) {
        const int rc = -errno;

        (void)unlinkat(folder, c->temp, 0);
        close(c->file);
        c->file = -1;
        return rc;
    }
    memcpy(c->name, name, strlen(name) + 1);
    c->entry = *entry;
    c->entry.path = NULL;
    return 0;
}

static int make_link(int folder, const char *name, const struct vmm_file *entry)
{
    struct timespec times[2];
    char temp[COPYOUT_TEMP];
    int rc = 0;

    temp_name(temp);
    times_of(entry, times);
    if (symlinkat(entry->target, folder, temp) < 0) {
        return -errno;
    }
    if (utimensat(folder, temp, times, AT_SYMLINK_NOFOLLOW) < 0 ||
        renameat(folder, temp, folder, name) < 0) {
        rc = -errno;
        (void)unlinkat(folder, temp, 0);
    }
    return rc;
}

void copyout_drop(struct copyout *c)
{
    if (c->file >= 0) {
        (void)unlinkat(c->folder, c->temp, 0);
        close(c->file);
        close(c->folder);
        c->file = -1;
    }
}

int copyout_finish(struct copyout *c)
{
    struct timespec times[2];
    int rc = 0;

    if (c->file < 0) {
        return 0;
    }
    times_of(&c->entry, times);
    if (ftruncate(c->file, (off_t)c->entry.size) < 0 || fchmod(c->file, c->entry.mode & 0777) < 0 ||
        futimens(c->file, times) < 0 || renameat(c->folder, c->temp, c->folder, c->name) < 0) {
        rc = -errno;
        copyout_drop(c);
        return rc;
    }
    rc = close(c->file) < 0 && errno != EINTR ? -errno : 0;
    close(c->folder);
    c->file = -1;
    return rc;
}

int copyout_write(struct copyout *c, uint64_t offset, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;

    if (c->file < 0 || offset > c->entry.size || size > c->entry.size - offset) {
        copyout_drop(c);
        return -EINVAL;
    }
    if (size > c->max_bytes - c->written) {
        copyout_drop(c);
        return -EDQUOT;
    }
    c->written += size;
    while (size > 0) {
        const ssize_t n = pwrite(c->file, from, size, (off_t)offset);
        const int code = n == 0 ? EIO : errno;

        if (n <= 0 && code != EINTR) {
            copyout_drop(c);
            return -code;
        }
        from += n > 0 ? n : 0;
        offset += n > 0 ? (uint64_t)n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* ---- entries ---- */

static int entry_rules(const struct vmm_file *entry, size_t path_length, size_t link_length)
{
    const mode_t type = entry->mode & S_IFMT;

    if (path_length > 0 && !relpath_ok(entry->path, path_length)) {
        return -EINVAL;
    }
    if ((type != S_IFREG && type != S_IFDIR && type != S_IFLNK) ||
        (type == S_IFLNK) != (link_length > 0) || link_length > RELPATH_MAX ||
        memchr(entry->target, 0, link_length) != NULL ||
        (type == S_IFREG && entry->size > INT64_MAX)) {
        return -EINVAL;
    }
    return 0;
}

static int count_entry(struct copyout *c, const struct vmm_file *entry)
{
    const uint64_t size = S_ISREG(entry->mode) ? entry->size : 0;

    if (c->entries == c->max_entries || size > c->max_bytes - c->sizes) {
        return -EDQUOT;
    }
    c->entries++;
    c->sizes += size;
    return 0;
}

/* Makes the entry in an open directory. name is its last component; NULL: it is the directory. */
static int make_in(struct copyout *c, int folder, const char *name, const struct vmm_file *entry)
{
    if (S_ISDIR(entry->mode)) {
        return make_dir(c, folder, name, entry);
    }
    if (name == NULL) {
        return -EISDIR;
    }
    return S_ISLNK(entry->mode) ? make_link(folder, name, entry)
                                : make_file(c, folder, name, entry);
}

/* The target itself. */
static int make_root(struct copyout *c, const struct copy_target *target,
                     const struct vmm_file *entry)
{
    const int rc = copyout_end(c);

    c->target = target;
    return rc < 0 ? rc : make_in(c, target->folder_fd, target->name, entry);
}

static int make_below(struct copyout *c, const struct copy_target *target,
                      const struct vmm_file *entry)
{
    const char *slash = strrchr(entry->path, '/');
    int rc = c->target == target ? go_to_parent(c, entry->path) : -EINVAL;
    int folder;

    if (rc < 0) {
        return rc;
    }
    folder = open_dir(target, c->dir, O_PATH);
    if (folder < 0) {
        return folder;
    }
    rc = make_in(c, folder, slash != NULL ? slash + 1 : entry->path, entry);
    close(folder);
    return rc;
}

int copyout_make(struct copyout *c, const struct copy_target *target, const struct vmm_file *entry,
                 size_t path_length, size_t link_length)
{
    char path[RELPATH_MAX + 1], link[RELPATH_MAX + 1];
    struct vmm_file checked = *entry;
    int rc;

    copyout_drop(c);
    rc = entry_rules(entry, path_length, link_length);
    rc = rc == 0 ? count_entry(c, entry) : rc;
    if (rc < 0) {
        return rc;
    }
    memcpy(path, entry->path, path_length);
    path[path_length] = 0;
    memcpy(link, entry->target, link_length);
    link[link_length] = 0;
    checked.path = path;
    checked.target = link;
    return path_length == 0 ? make_root(c, target, &checked) : make_below(c, target, &checked);
}

int copyout_end(struct copyout *c)
{
    int rc = 0;

    while (c->dir_count > 0) {
        const int one = close_dir(c);

        rc = rc == 0 ? one : rc;
    }
    c->target = NULL;
    return rc;
}
