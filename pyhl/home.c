// SPDX-License-Identifier: Apache-2.0
/*
 * Finding and opening a home. On the path of every run: it opens pyhl.ini, then the library opens
 * snapshot and initrd, and nothing else is looked at.
 */
#include "home.h"
#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const home_files[4] = {HOME_INI, HOME_SNAPSHOT, HOME_KERNEL, HOME_INITRD};

/* An environment variable that is set and not empty. */
static const char *env(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

const char *home_default(const char *dest)
{
    if (dest)
        return dest;
    return env("PYHL_HOME") ? env("PYHL_HOME") : HOME_LOCAL;
}

/* The home of a user; false when the environment names none. */
static bool user_home(char buf[PATH_MAX])
{
    const char *data = env("XDG_DATA_HOME"), *home = env("HOME");

    if (data)
        return snprintf(buf, PATH_MAX, "%s/pyhl", data) < PATH_MAX;
    return home && snprintf(buf, PATH_MAX, "%s/.local/share/pyhl", home) < PATH_MAX;
}

int home_file_path(const struct home *home, const char *name, char buf[PATH_MAX],
                   struct vmm_err *err)
{
    return file_path(buf, home->dir, name, err);
}

int home_open_at(const char *dir, bool packages, struct home *home, struct vmm_err *err)
{
    char ini[PATH_MAX];

    if (strlen(dir) >= PATH_MAX)
        return vmm_err_set(err, ENAMETOOLONG, "%s: path too long", dir);
    strcpy(home->dir, dir);
    if (file_path(ini, dir, HOME_INI, err) < 0 ||
        file_path(home->initrd, dir, HOME_INITRD, err) < 0 ||
        file_path(home->snapshot, dir, HOME_SNAPSHOT, err) < 0)
        return -err->code;
    return config_read_home(ini, packages, &home->config, err);
}

/* A place that the user named: a message of its own when it is not a home. */
static int open_named(const char *dir, const char *named_by, bool packages, struct home *home,
                      struct vmm_err *err)
{
    int r = home_open_at(dir, packages, home, err);

    if (r == -ENOENT || r == -ENOTDIR)
        return vmm_err_set(err, ENOENT,
                           "no home in '%s' (%s); make one with: pyhl setup --from IMAGE --dest %s",
                           dir, named_by, dir);
    return r;
}

int home_open(const char *dest, bool packages, struct home *home, struct vmm_err *err)
{
    char user[PATH_MAX];
    int r;

    if (dest)
        return open_named(dest, "--dest", packages, home, err);
    if (env("PYHL_HOME"))
        return open_named(env("PYHL_HOME"), "$PYHL_HOME", packages, home, err);
    r = home_open_at(HOME_LOCAL, packages, home, err);
    if (r != -ENOENT)
        return r;
    if (!user_home(user))
        strcpy(user, "~/.local/share/pyhl");
    else if ((r = home_open_at(user, packages, home, err)) != -ENOENT)
        return r;
    return vmm_err_set(err, ENOENT,
                       "no home found: searched --dest (not given), $PYHL_HOME (not set), "
                       "./" HOME_LOCAL ", %s; make one with: pyhl setup --from IMAGE",
                       user);
}

int home_snapshot(const struct home *home, struct vmm_snapshot **snap, struct vmm_err *err)
{
    int r = vmm_snapshot_open(home->snapshot, home->initrd, &home->config.key, snap, err);

    if (r < 0 && r != -EMFILE && r != -ENOMEM) {
        /* What is wrong, then what to do about it. */
        char why[sizeof(err->msg)];

        snprintf(why, sizeof(why), "%s", err->msg);
        return vmm_err_set(err, err->code,
                           "%.380s; install again with: pyhl setup --force --from IMAGE", why);
    }
    return r;
}
