// SPDX-License-Identifier: Apache-2.0
/*
 * Finds and opens a home. Every run does this, so it opens only the directory, pyhl.ini, snapshot
 * and initrd, and checks only owner and mode of each. The checks are made on the open files, so
 * that renaming them meanwhile changes nothing.
 */
#include "home.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const home_files[HOME_FILES] = {HOME_INI,   HOME_SNAPSHOT, HOME_KERNEL, HOME_INITRD,
                                            HOME_IMAGE, HOME_LAYER,    HOME_DISTS};

/* The value of an environment variable, or NULL when it is not set or empty. */
static const char *env(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value ? value : NULL;
}

const char *home_default(const char *dest)
{
    if (dest != NULL) {
        return dest;
    }
    return env("PYHL_HOME") != NULL ? env("PYHL_HOME") : HOME_LOCAL;
}

/* The place of a user's home; false when the environment names none. */
static bool user_home(char buf[PATH_MAX])
{
    const char *data = env("XDG_DATA_HOME"), *home = env("HOME");

    if (data != NULL) {
        return snprintf(buf, PATH_MAX, "%s/pyhl", data) < PATH_MAX;
    }
    return home != NULL && snprintf(buf, PATH_MAX, "%s/.local/share/pyhl", home) < PATH_MAX;
}

static int home_ini(struct home *home, bool packages, struct vmm_err *err)
{
    char path[PATH_MAX + sizeof("/" HOME_INI)], *text;
    int fd = home_file(home, HOME_INI, err), rc;
    size_t len;

    if (fd < 0) {
        return fd;
    }
    snprintf(path, sizeof(path), "%s/%s", home->dir.path, HOME_INI);
    rc = file_read(fd, path, CONFIG_MAX, &text, &len, err);
    close(fd);
    if (rc < 0) {
        return rc;
    }
    rc = config_parse_home(text, path, packages, &home->config, err);
    free(text);
    return rc;
}

/* Whether a file of the home is there, of the length that pyhl.ini states. */
static bool has_file(const struct home *home, const char *name, uint64_t wanted)
{
    struct vmm_err ignored;
    uint64_t size = 0;

    return folder_size(&home->dir, name, &size, NULL, &ignored) == 0 && size > 0 &&
           (wanted == 0 || size == wanted);
}

/* Whether setup can take its image from the home itself. The kernel must be one for this VMM. Then
 * the initrd, which came with it, has a driver of the same ABI. */
static bool has_image(const struct home *home)
{
    char path[FILE_FD_PATH];
    struct vmm_err ignored;
    int fd = home_file(home, HOME_KERNEL, &ignored), rc = fd;

    if (fd >= 0) {
        file_fd_path(fd, path);
        rc = vmm_kernel_check(path, HOME_KERNEL, &ignored);
        close(fd);
    }
    return rc >= 0 && has_file(home, HOME_KERNEL, home->config.kernel_size) &&
           has_file(home, HOME_INITRD, home->config.initrd_size) && has_file(home, HOME_IMAGE, 0);
}

/* A path as a shell takes it. False when it has no room. */
static bool quote(const char *path, char *buf, size_t room)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._+,@%:-";
    size_t n = 0;

    if (path[strspn(path, plain)] == 0) {
        return (size_t)snprintf(buf, room, "%s", path) < room;
    }
    buf[n++] = '\'';
    for (; *path != 0 && n + 6 < room; path++) {
        const char *text = *path == '\'' ? "'\\''" : (const char[]){*path, 0};

        n += (size_t)sprintf(buf + n, "%s", text);
    }
    snprintf(buf + n, room - n, "'");
    return *path == 0;
}

/* Adds to the message the command that makes a home usable again that is damaged or another pyhl's.
 * A command that would not fit is given without the home's path. */
static int damaged(const struct home *home, struct vmm_err *err)
{
    const bool own = has_image(home);
    const char *lead =
        err->code == EPROTO && !own ? "install an image of this version" : "install again";
    char why[sizeof(err->msg)], path[sizeof(err->msg) / 3], command[sizeof(err->msg)];
    int len;

    snprintf(why, sizeof(why), "%s", err->msg);
    snprintf(command, sizeof(command), "pyhl setup --force --from IMAGE");
    if (quote(home->dir.path, path, sizeof(path))) {
        len = snprintf(command, sizeof(command), "pyhl setup --force --from %s --dest %s",
                       own ? path : "IMAGE", path);
        if (strlen(why) + (size_t)len + strlen(lead) + sizeof(";  with: ") > sizeof(err->msg)) {
            snprintf(command, sizeof(command), "pyhl setup --force --from IMAGE");
        }
    }
    return vmm_err_set(err, err->code, "%.380s; %s with: %s", why, lead, command);
}

int home_open_at(const char *dir, bool packages, struct home *home, struct vmm_err *err)
{
    int rc;

    *home = (struct home){.dir = FOLDER_NONE};
    if (folder_open(&home->dir, dir, err) < 0 || vmm_file_trusted(home->dir.fd, dir, err) < 0) {
        return -err->code;
    }
    rc = home_ini(home, packages, err);
    return rc == -EBADMSG || rc == -EPROTO ? damaged(home, err) : rc;
}

void home_close(struct home *home)
{
    folder_close(&home->dir);
    free(home->config.packages.text);
    home->config.packages = (struct packages){0};
}

int home_file(const struct home *home, const char *name, struct vmm_err *err)
{
    int fd = folder_read(&home->dir, name, FOLDER_NO_LINK, err);
    int rc = fd < 0 ? fd : vmm_file_trusted(fd, name, err);

    if (fd >= 0 && rc < 0) {
        close(fd);
        return vmm_err_context(err, "%s", home->dir.path);
    }
    return rc < 0 ? rc : fd;
}

/* Adds to the message what to do about a home that is not trusted. */
static int advise(int rc, struct vmm_err *err)
{
    char why[sizeof(err->msg)];

    if (rc != -EPERM) {
        return rc;
    }
    snprintf(why, sizeof(why), "%s", err->msg);
    return vmm_err_set(err, EPERM,
                       "%.380s; use a home of your own, or make one: pyhl setup --from IMAGE "
                       "--dest DIR",
                       why);
}

/* Opens a place that the user named. When it is not a home, the message says who named it. */
static int open_named(const char *dir, const char *named_by, bool packages, struct home *home,
                      struct vmm_err *err)
{
    int rc = home_open_at(dir, packages, home, err);

    if (rc == -ENOENT || rc == -ENOTDIR) {
        return vmm_err_set(err, ENOENT,
                           "no home in '%s'%s; make one with: pyhl setup --from IMAGE --dest %s",
                           dir, named_by, dir);
    }
    return advise(rc, err);
}

/* A home found in the working directory must have the inode number that setup recorded. Whoever
 * packs an archive cannot know the number that a file will have where it is unpacked. */
static int check_made_here(const struct home *home, struct vmm_err *err)
{
    struct stat st;

    if (fstatat(home->dir.fd, HOME_SNAPSHOT, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return vmm_err_set(err, EBADMSG, "%s/" HOME_SNAPSHOT ": %s", home->dir.path,
                           strerror(errno));
    }
    if (home->config.snapshot_inode == st.st_ino) {
        return 0;
    }
    return vmm_err_set(err, EPERM,
                       "./%s was not made here by pyhl setup, but copied or unpacked: it is not "
                       "trusted unless you name it (pyhl run --dest %s); or make one: pyhl setup "
                       "--force --from IMAGE",
                       home->dir.path, home->dir.path);
}

static int open_local(bool packages, struct home *home, struct vmm_err *err)
{
    int rc = home_open_at(HOME_LOCAL, packages, home, err);

    return rc == 0 ? check_made_here(home, err) : advise(rc, err);
}

int home_open(const char *dest, bool packages, struct home *home, struct vmm_err *err)
{
    char user[PATH_MAX];
    int rc;

    if (dest != NULL) {
        return open_named(dest, "", packages, home, err);
    }
    if (env("PYHL_HOME") != NULL) {
        return open_named(env("PYHL_HOME"), " ($PYHL_HOME)", packages, home, err);
    }
    rc = open_local(packages, home, err);
    if (rc != -ENOENT) {
        return rc;
    }
    home_close(home);
    if (!user_home(user)) {
        strcpy(user, "~/.local/share/pyhl");
    } else if ((rc = home_open_at(user, packages, home, err)) != -ENOENT) {
        return advise(rc, err);
    }
    return vmm_err_set(err, ENOENT,
                       "no home found: none was named, $PYHL_HOME is not set, and there is none in "
                       "./" HOME_LOCAL " or %s; make one with: pyhl setup --from IMAGE",
                       user);
}

static int open_files(const struct home *home, struct vmm_snapshot **snap, struct vmm_err *err)
{
    int fd = home_file(home, HOME_SNAPSHOT, err), initrd_fd = -1, rc = fd;

    *snap = NULL;
    if (rc >= 0) {
        rc = initrd_fd = home_file(home, HOME_INITRD, err);
    }
    if (rc >= 0) {
        rc = vmm_snapshot_open_fds(fd, initrd_fd, &home->config.key, snap, err);
        if (rc == -EPROTO) {
            vmm_err_context(err, "made by another pyhl (%s)", home->config.version);
        }
        if (rc < 0) {
            vmm_err_context(err, "%s", home->dir.path);
        }
    }
    if (initrd_fd >= 0) {
        close(initrd_fd);
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

/* Opens the home's layer in the place of its snapshot, which the layer holds. */
static int open_layer(const struct home *home, struct vmm_snapshot **snap, struct vmm_err *err)
{
    struct vmm_snapshot *base = *snap;
    int fd = home_file(home, HOME_LAYER, err), rc = fd;

    *snap = NULL;
    if (fd >= 0) {
        rc = vmm_checkpoint_open_fd(fd, base, snap, err);
        rc = rc < 0 ? vmm_err_context(err, "%s/" HOME_LAYER, home->dir.path) : 0;
        close(fd);
    }
    vmm_snapshot_close(base);
    return rc;
}

int home_snapshot(const struct home *home, struct vmm_snapshot **snap, struct vmm_err *err)
{
    int rc = open_files(home, snap, err);

    if (rc == 0 && home->config.layer_size > 0) {
        rc = open_layer(home, snap, err);
    }

    return rc < 0 && rc != -EMFILE && rc != -ENOMEM ? damaged(home, err) : rc;
}
