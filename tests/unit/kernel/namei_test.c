// SPDX-License-Identifier: Apache-2.0
/*
 * fs/namei.c, and fs/nsops.c, fs/dir.c, fs/open.c on top of it, against the host's file system:
 * every call is made on both sides, and must end in the same way, with the same file.
 */
#include "fs/vfs.h"
#include "host.h"
#include "sides.h"

#include <linux/fs.h>
#include <string.h>

static int call(enum hostfs_op op, unsigned flags, const char *a, const char *b)
{
    int rc = 0;

    CHECK(sides_call(op, flags, a, b, &rc));
    return rc;
}

static char path_a[HOSTFS_PATH_ROOM], path_b[HOSTFS_PATH_ROOM];

/* Few names, so that they are often there; dots and slashes wherever they may be. */
static void any_path(char *path)
{
    static const char *const names[] = {"a", "b", "c", "d", "a", "b", ".", "..", "", "a"};
    u64 count = below(12) == 0 ? 0 : 1 + below(4);
    size_t at = 0;

    if (below(3) == 0) {
        path[at++] = '/';
    }
    for (u64 n = 0; n < count; n++) {
        const char *name = names[below(ARRAY_SIZE(names))];
        bool slash = n + 1 < count || below(5) == 0;
        at += (size_t)snprintf(path + at, 8, "%s%s", name, slash ? "/" : "");
    }
    path[at] = 0;
}

static void any_call(void)
{
    static const unsigned open_flags[] = {O_CREAT, O_EXCL, O_NOFOLLOW, O_TRUNC, O_PATH, O_WRONLY};
    static const unsigned rename_flags[] = {0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
    static const u8 ops[] = {
        HOSTFS_STAT,    HOSTFS_LSTAT,   HOSTFS_OPEN,  HOSTFS_MKDIR,  HOSTFS_MKDIR,  HOSTFS_MKNOD,
        HOSTFS_SYMLINK, HOSTFS_SYMLINK, HOSTFS_LINK,  HOSTFS_LINK,   HOSTFS_RENAME, HOSTFS_RENAME,
        HOSTFS_UNLINK,  HOSTFS_RMDIR,   HOSTFS_CHDIR, HOSTFS_GETCWD,
    };
    enum hostfs_op op = ops[below(ARRAY_SIZE(ops))];
    unsigned flags = 0;

    any_path(path_a);
    any_path(path_b);
    if (op == HOSTFS_OPEN) {
        for (unsigned n = 0; n < ARRAY_SIZE(open_flags); n++) {
            flags |= below(3) == 0 ? open_flags[n] : 0;
        }
        /* With O_CREAT it depends on the version of Linux. */
        flags |= below(4) == 0 && (flags & O_CREAT) == 0 ? O_DIRECTORY : 0;
    } else if (op == HOSTFS_RENAME) {
        flags = rename_flags[below(ARRAY_SIZE(rename_flags))];
    }
    call(op, flags, path_a, path_b);
}

static void sequence(void)
{
    CHECK(sides_begin());
    for (unsigned n = 0; n < 400 && unit_failures == 0; n++) {
        any_call();
    }
    CHECK(sides_end());
}

static void random_calls(void)
{
    each_seed(30, sequence);
}

/* A directory with a file and a link each of the kinds that there are; see make_tree(). */
static const char *const tree_names[] = {"d",       "f",       "to_d", "to_f", "to_nothing",
                                         "to_loop", "up_to_d", "x",    ".",    ".."};

static void make_tree(const char *dir)
{
    static const char *const links[][2] = {
        {"d", "to_d"},          {"f", "to_f"},        {"nothing/here", "to_nothing"},
        {"to_loop", "to_loop"}, {"../d/", "up_to_d"},
    };
    char path[64];

    snprintf(path, sizeof(path), "%sd", dir);
    CHECK(call(HOSTFS_MKDIR, 0, path, NULL) == 0);
    snprintf(path, sizeof(path), "%sf", dir);
    CHECK(call(HOSTFS_MKNOD, 0, path, NULL) == 0);
    for (unsigned n = 0; n < ARRAY_SIZE(links); n++) {
        snprintf(path, sizeof(path), "%s%s", dir, links[n][1]);
        CHECK(call(HOSTFS_SYMLINK, 0, links[n][0], path) == 0);
    }
}

static void look_everywhere(const char *path)
{
    call(HOSTFS_STAT, 0, path, NULL);
    call(HOSTFS_LSTAT, 0, path, NULL);
    call(HOSTFS_OPEN, O_PATH | O_NOFOLLOW | O_DIRECTORY, path, NULL);
    call(HOSTFS_OPEN, O_WRONLY, path, NULL);
}

/* Every path of up to three names, with a slash in front and at the end and without. */
static void all_paths(void)
{
    const u64 n = ARRAY_SIZE(tree_names);
    char path[64];

    CHECK(sides_begin());
    make_tree("");
    make_tree("d/");
    CHECK(call(HOSTFS_CHDIR, 0, "d", NULL) == 0);
    for (u64 k = 0; k < n * n * n * 4 && unit_failures == 0; k++) {
        const char *in_front = k & 1 ? "/" : "", *at_end = k & 2 ? "//" : "";
        u64 one = k / 4 % n, two = k / 4 / n % n, three = k / 4 / n / n;
        snprintf(path, sizeof(path), "%s%s%s", in_front, tree_names[one], at_end);
        if (two == 0 && three == 0) {
            look_everywhere(path);
        }
        snprintf(path, sizeof(path), "%s%s//%s%s", in_front, tree_names[one], tree_names[two],
                 at_end);
        if (three == 0) {
            look_everywhere(path);
        }
        snprintf(path, sizeof(path), "%s%s/%s/%s%s", in_front, tree_names[one], tree_names[two],
                 tree_names[three], at_end);
        look_everywhere(path);
    }
    CHECK(sides_end());
}

/* 40 links are followed, whether they follow one another or stand in one path. */
static void chains(void)
{
    char path[8 * 42] = "", name[8], target[8];

    CHECK(sides_begin());
    CHECK(call(HOSTFS_MKDIR, 0, "l0", NULL) == 0);
    CHECK(call(HOSTFS_SYMLINK, 0, ".", "l0/self") == 0);
    for (unsigned n = 1; n <= 41; n++) {
        snprintf(target, sizeof(target), "l%u", n - 1);
        snprintf(name, sizeof(name), "l%u", n);
        CHECK(call(HOSTFS_SYMLINK, 0, target, name) == 0);
    }
    CHECK(call(HOSTFS_STAT, 0, "l40", NULL) == 0 && call(HOSTFS_STAT, 0, "l41", NULL) == -ELOOP);
    CHECK(call(HOSTFS_LSTAT, 0, "l41", NULL) == 0 && call(HOSTFS_LSTAT, 0, "l41/", NULL) == -ELOOP);
    CHECK(call(HOSTFS_STAT, 0, "l39/self", NULL) == 0);
    CHECK(call(HOSTFS_STAT, 0, "l40/self", NULL) == -ELOOP);
    CHECK(call(HOSTFS_CHDIR, 0, "l0", NULL) == 0);
    for (unsigned n = 0; n < 40; n++) {
        strcat(path, "self/");
    }
    CHECK(call(HOSTFS_STAT, 0, path, NULL) == 0);
    strcat(path, "self");
    CHECK(call(HOSTFS_STAT, 0, path, NULL) == -ELOOP && call(HOSTFS_LSTAT, 0, path, NULL) == 0);
    CHECK(sides_end());
}

/* A path of a length that leads to a name: "./././name". */
static const char *padded(size_t len, const char *name)
{
    size_t at = 0;

    for (; at + 2 + strlen(name) <= len; at += 2) {
        memcpy(path_a + at, "./", 2);
    }
    if (at + strlen(name) < len) {
        path_a[at++] = '/';
    }
    strcpy(path_a + at, name);
    return path_a;
}

static void lengths(void)
{
    char name[NAME_LEN_MAX + 2] = "";

    CHECK(sides_begin());
    memset(name, 'n', NAME_LEN_MAX);
    CHECK(call(HOSTFS_MKDIR, 0, name, NULL) == 0 && call(HOSTFS_STAT, 0, name, NULL) == 0);
    name[NAME_LEN_MAX] = 'n';
    CHECK(call(HOSTFS_MKDIR, 0, name, NULL) == -ENAMETOOLONG);
    CHECK(call(HOSTFS_STAT, 0, name, NULL) == -ENAMETOOLONG);
    CHECK(call(HOSTFS_MKNOD, 0, "f", NULL) == 0);
    snprintf(path_b, sizeof(path_b), "f/%s", name);
    CHECK(call(HOSTFS_STAT, 0, path_b, NULL) == -ENOTDIR);
    snprintf(path_b, sizeof(path_b), "missing/%s", name);
    CHECK(call(HOSTFS_STAT, 0, path_b, NULL) == -ENOENT);
    for (size_t len = 185; len < 200; len++) { /* where the kernel takes a larger buffer */
        CHECK(call(HOSTFS_STAT, 0, padded(len, "f"), NULL) == 0);
    }
    CHECK(call(HOSTFS_STAT, 0, padded(PATH_LEN_MAX - 2, "f"), NULL) == 0);
    CHECK(call(HOSTFS_STAT, 0, padded(PATH_LEN_MAX - 1, "f"), NULL) == 0);
    CHECK(call(HOSTFS_STAT, 0, padded(PATH_LEN_MAX, "f"), NULL) == -ENAMETOOLONG);
    CHECK(call(HOSTFS_STAT, 0, padded(2 * PATH_LEN_MAX, "f"), NULL) == -ENAMETOOLONG);
    CHECK(call(HOSTFS_STAT, 0, "", NULL) == -ENOENT && call(HOSTFS_MKDIR, 0, "", NULL) == -ENOENT);
    /* A link's text has the bound of a path; what it becomes with the rest of one has none. */
    CHECK(call(HOSTFS_SYMLINK, 0, padded(PATH_LEN_MAX, "."), "l") == -ENAMETOOLONG);
    CHECK(call(HOSTFS_SYMLINK, 0, "", "l") == -ENOENT);
    CHECK(call(HOSTFS_SYMLINK, 0, padded(PATH_LEN_MAX - 1, "."), "l") == 0);
    CHECK(call(HOSTFS_STAT, 0, "l", NULL) == 0 && call(HOSTFS_STAT, 0, "l/f", NULL) == 0);
    CHECK(call(HOSTFS_STAT, 0, padded(PATH_LEN_MAX - 1, "l/l/l/f"), NULL) == 0);
    snprintf(path_b, sizeof(path_b), "l/l/l/%s", padded(PATH_LEN_MAX - 7, "f"));
    CHECK(call(HOSTFS_STAT, 0, path_b, NULL) == 0);
    CHECK(sides_end());
}

/* A file with two names loses the one that it was given last. */
static void two_names(void)
{
    CHECK(sides_begin());
    CHECK(call(HOSTFS_MKDIR, 0, "d", NULL) == 0 && call(HOSTFS_MKNOD, 0, "a", NULL) == 0);
    CHECK(call(HOSTFS_LINK, 0, "a", "d/b") == 0 && call(HOSTFS_LINK, 0, "a", "d/b") == -EEXIST);
    CHECK(call(HOSTFS_RENAME, 0, "a", "d/b") == 0 && call(HOSTFS_STAT, 0, "a", NULL) == 0);
    CHECK(call(HOSTFS_UNLINK, 0, "d/b", NULL) == 0);
    CHECK(call(HOSTFS_STAT, 0, "a", NULL) == 0 && call(HOSTFS_STAT, 0, "d/b", NULL) == -ENOENT);
    CHECK(call(HOSTFS_RENAME, 0, "a", "d/b") == 0 && call(HOSTFS_STAT, 0, "d/b", NULL) == 0);
    CHECK(sides_end());
}

/* In a directory that was removed. */
static void removed(void)
{
    CHECK(sides_begin());
    CHECK(call(HOSTFS_MKDIR, 0, "a", NULL) == 0 && call(HOSTFS_MKDIR, 0, "a/b", NULL) == 0);
    CHECK(call(HOSTFS_MKNOD, 0, "f", NULL) == 0);
    CHECK(call(HOSTFS_CHDIR, 0, "a/b", NULL) == 0);
    CHECK(call(HOSTFS_RMDIR, 0, "../b", NULL) == 0);
    CHECK(call(HOSTFS_GETCWD, 0, NULL, NULL) == -ENOENT);
    CHECK(call(HOSTFS_STAT, 0, ".", NULL) == 0 && call(HOSTFS_STAT, 0, "..", NULL) == 0);
    CHECK(call(HOSTFS_STAT, 0, "x", NULL) == -ENOENT);
    CHECK(call(HOSTFS_MKDIR, 0, "x", NULL) == -ENOENT);
    CHECK(call(HOSTFS_OPEN, O_CREAT | O_WRONLY, "x", NULL) == -ENOENT);
    CHECK(call(HOSTFS_LINK, 0, "/f", "x") == -ENOENT);
    CHECK(call(HOSTFS_RENAME, 0, "/f", "x") == -ENOENT);
    CHECK(call(HOSTFS_RMDIR, 0, "../../a", NULL) == 0);
    CHECK(call(HOSTFS_STAT, 0, "../../f", NULL) == 0 && call(HOSTFS_CHDIR, 0, "..", NULL) == 0);
    CHECK(call(HOSTFS_GETCWD, 0, NULL, NULL) == -ENOENT);
    CHECK(call(HOSTFS_CHDIR, 0, "..", NULL) == 0 && call(HOSTFS_GETCWD, 0, NULL, NULL) == 0);
    /* Another takes its place: ".." is still what it was. */
    CHECK(call(HOSTFS_MKDIR, 0, "a", NULL) == 0 && call(HOSTFS_MKDIR, 0, "b", NULL) == 0);
    CHECK(call(HOSTFS_MKDIR, 0, "b/c", NULL) == 0 && call(HOSTFS_CHDIR, 0, "a", NULL) == 0);
    CHECK(call(HOSTFS_RENAME, 0, "/b/c", "/a") == 0 && call(HOSTFS_STAT, 0, "..", NULL) == 0);
    CHECK(sides_end());
}

/* Everybody is root, whom no permission keeps out: on the kernel's side only, as a test may not be
 * root on the host. */
static void permissions(void)
{
    struct inode *dir, *file;

    CHECK(sides_begin());
    CHECK(call(HOSTFS_MKDIR, 0, "d", NULL) == 0 && call(HOSTFS_MKNOD, 0, "d/f", NULL) == 0);
    CHECK(path_lookup("d", true, &dir) == 0);
    dir->mode = S_IFDIR;
    CHECK(path_lookup("/d/../d/f", true, &file) == 0 && file->type == INODE_REG);
    inode_put(file);
    inode_put(dir);
    CHECK(sides_end());
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"namei all paths", all_paths},
        {"namei chains of links", chains},
        {"namei lengths", lengths},
        {"namei two names", two_names},
        {"namei a directory removed", removed},
        {"namei permissions", permissions},
        {"namei random calls", random_calls},
        {0},
    };

    if (!hostfs_start()) {
        return 1;
    }
    int status = unit_run(tests);
    hostfs_stop();
    return status;
}
