// SPDX-License-Identifier: Apache-2.0
/*
 * Names: rename and renameat2, hard and symbolic links, readlink, unlink and rmdir, and what each
 * refuses.
 */
#include "t.h"

#include <fcntl.h>
#include <sys/stat.h>

static void put(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    T_MUST("file", fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static const char *contents(const char *name)
{
    static char text[64];
    int fd = open(name, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    close(fd);
    text[n < 0 ? 0 : n] = 0;
    return n < 0 ? "(absent)" : text;
}

static ino_t inode(const char *name)
{
    struct stat st;

    return lstat(name, &st) == 0 ? st.st_ino : 0;
}

static void check_rename(void)
{
    put("a", "A");
    put("b", "B");
    ino_t a = inode("a");

    T_EQ("rename", rename("a", "c"), 0);
    T_CHECK("moved", inode("c") == a && inode("a") == 0);
    T_EQ("rename onto a file", rename("c", "b"), 0);
    T_STR("replaced it", contents("b"), "A");
    T_EQ("onto itself", rename("b", "b"), 0);
    T_ERR("from nothing", rename("a", "x"), ENOENT);
    T_ERR("into nothing", rename("b", "no/x"), ENOENT);
    mkdir("d1", 0755);
    mkdir("d2", 0755);
    put("d2/f", "F");
    T_ERR("file onto directory", rename("b", "d1"), EISDIR);
    T_ERR("directory onto file", rename("d1", "b"), ENOTDIR);
    T_ERR("directory onto a full one", rename("d1", "d2"), ENOTEMPTY);
    T_EQ("directory onto an empty one", rename("d2", "d1"), 0);
    T_STR("with its contents", contents("d1/f"), "F");
    mkdir("d1/below", 0755);
    T_ERR("into itself", rename("d1", "d1/below/x"), EINVAL);
    T_EQ("between directories", rename("d1/f", "moved"), 0);
    T_STR("contents", contents("moved"), "F");
    T_EQ("a directory between directories", mkdir("d3", 0755) | rename("d1/below", "d3/up"), 0);
    T_CHECK(".. follows", inode("d3/up/..") == inode("d3"));
    T_ERR("dot", rename("d3/.", "x"), EBUSY);
}

static void check_renameat2(void)
{
    put("x", "X");
    put("y", "Y");
    T_ERR("NOREPLACE", renameat2(AT_FDCWD, "x", AT_FDCWD, "y", RENAME_NOREPLACE), EEXIST);
    T_EQ("NOREPLACE to a new name", renameat2(AT_FDCWD, "x", AT_FDCWD, "z", RENAME_NOREPLACE), 0);
    T_EQ("EXCHANGE", renameat2(AT_FDCWD, "y", AT_FDCWD, "z", RENAME_EXCHANGE), 0);
    T_STR("exchanged, one way", contents("y"), "X");
    T_STR("and the other", contents("z"), "Y");
    T_ERR("EXCHANGE with nothing", renameat2(AT_FDCWD, "y", AT_FDCWD, "n", RENAME_EXCHANGE),
          ENOENT);
    T_ERR("both flags", renameat2(AT_FDCWD, "y", AT_FDCWD, "z", RENAME_EXCHANGE | RENAME_NOREPLACE),
          EINVAL);
    int dir = open("d3", O_RDONLY | O_DIRECTORY);
    T_EQ("renameat", renameat(AT_FDCWD, "y", dir, "y2"), 0);
    T_STR("in the directory", contents("d3/y2"), "X");
    close(dir);
}

static void check_links(void)
{
    struct stat st;

    put("file", "shared");
    T_EQ("link", link("file", "hard"), 0);
    T_CHECK("one inode, two names",
            inode("file") == inode("hard") && stat("file", &st) == 0 && st.st_nlink == 2);
    put("hard", "changed");
    T_STR("one file", contents("file"), "changed");
    T_ERR("link over a name", link("file", "hard"), EEXIST);
    T_ERR("link of a directory", link("d3", "d4"), EPERM);
    T_ERR("link of nothing", link("absent", "l"), ENOENT);
    T_EQ("rename of one name onto the other", rename("hard", "file"), 0);
    T_STR("does nothing", contents("hard"), "changed");
    T_EQ("unlink", unlink("file"), 0);
    T_CHECK("one name left", stat("hard", &st) == 0 && st.st_nlink == 1);
    T_ERR("unlink again", unlink("file"), ENOENT);
}

static void check_symlinks(void)
{
    char target[64] = "";
    struct stat st;

    T_EQ("symlink", symlink("hard", "soft"), 0);
    T_CHECK("lstat", lstat("soft", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 4);
    T_CHECK("stat follows", stat("soft", &st) == 0 && S_ISREG(st.st_mode));
    T_EQ("readlink", readlink("soft", target, sizeof(target)), 4);
    T_STR("its target", target, "hard");
    T_CHECK("readlink cuts", readlink("soft", target, 2) == 2);
    T_ERR("readlink of a file", readlink("hard", target, sizeof(target)), EINVAL);
    T_ERR("readlink into nothing", readlink("soft", target, 0), EINVAL);
    T_ERR("symlink over a name", symlink("x", "soft"), EEXIST);
    T_ERR("symlink to the empty name", symlink("", "empty"), ENOENT);
    T_EQ("through a directory", symlink("d3", "dir") | symlink("../hard", "d3/up-link"), 0);
    T_STR("relative to the link", contents("dir/up-link"), "changed");
    T_EQ("link of a symlink links the symlink", link("soft", "soft2"), 0);
    T_CHECK("same inode", inode("soft") == inode("soft2") && inode("soft") != inode("hard"));
    T_EQ("linkat follows when asked",
         linkat(AT_FDCWD, "soft", AT_FDCWD, "hard2", AT_SYMLINK_FOLLOW), 0);
    T_CHECK("same inode as the file", inode("hard2") == inode("hard"));
    T_EQ("unlink removes the link only", unlink("soft"), 0);
    T_STR("the file stays", contents("hard"), "changed");
    char chain[2][16];
    put("s0", "end of a chain");
    for (int i = 0; i < 41; i++) {
        snprintf(chain[0], sizeof(chain[0]), "s%d", i);
        snprintf(chain[1], sizeof(chain[1]), "s%d", i + 1);
        if (symlink(chain[0], chain[1]) != 0) {
            T_CHECK("chain", false);
        }
    }
    T_STR("40 links are followed", contents("s40"), "end of a chain");
    T_ERR("41 are not", open("s41", O_RDONLY), ELOOP);
}

static void check_removal(void)
{
    T_ERR("rmdir of a full directory", rmdir("d3"), ENOTEMPTY);
    T_ERR("rmdir of a file", rmdir("hard"), ENOTDIR);
    T_ERR("rmdir of nothing", rmdir("absent"), ENOENT);
    T_ERR("rmdir of dot", rmdir("."), EINVAL);
    T_ERR("rmdir of a symlink", rmdir("dir"), ENOTDIR);
    T_ERR("unlink of a directory", unlink("d3"), EISDIR);
    T_EQ("unlinkat with REMOVEDIR", unlinkat(AT_FDCWD, "d3/up", AT_REMOVEDIR), 0);
    T_ERR("unlinkat with unknown flags", unlinkat(AT_FDCWD, "hard", 0x4000), EINVAL);
    T_EQ("remove", remove("hard") | remove("d1"), 0);
}

/* What a slash or dots at the end of a path change. */
static void check_ends(void)
{
    mkdir("full", 0755);
    mkdir("full/in", 0755);
    T_MUST("links", symlink("full/in", "to_dir") == 0 && symlink("nothing", "to_nothing") == 0);
    put("plain", "P");
    T_EQ("a full directory onto itself", rename("full", "full"), 0);
    T_ERR("a directory where a link leads", mkdir("to_nothing/", 0755), EEXIST);
    T_ERR("a directory over a file", mkdir("plain/", 0755), EEXIST);
    T_ERR("rmdir of where a link leads", rmdir("to_dir/"), ENOTDIR);
    T_ERR("unlink of where a link leads", unlink("to_dir/"), ENOTDIR);
    T_ERR("rename of where a link leads", rename("to_dir/", "x"), ENOTDIR);
    T_CHECK("all is still there", inode("full/in") != 0 && inode("to_dir") != 0);
    T_ERR("rmdir of dot dot", rmdir("full/in/.."), ENOTEMPTY);
    T_ERR("rmdir of dot in the root", rmdir("/."), EINVAL);
    T_ERR("rmdir of the root", rmdir("/"), EBUSY);
    T_ERR("a directory's link into nothing", link("full", "absent/x"), ENOENT);
    T_ERR("NOREPLACE onto dot", renameat2(AT_FDCWD, "plain", AT_FDCWD, ".", RENAME_NOREPLACE),
          EEXIST);
    T_ERR("O_TRUNC of a directory", open("full", O_RDONLY | O_TRUNC), EISDIR);
    T_ERR("O_DIRECTORY of a link", open("to_dir", O_RDONLY | O_DIRECTORY | O_NOFOLLOW), ENOTDIR);
    T_ERR("the same with O_PATH", open("to_dir", O_PATH | O_DIRECTORY | O_NOFOLLOW), ENOTDIR);
    T_ERR("O_CREAT of a file with a slash", open("plain/", O_WRONLY | O_CREAT, 0644), EISDIR);
    T_ERR("O_PATH follows whatever else is asked",
          open("to_nothing", O_PATH | O_CREAT | O_EXCL, 0644), ENOENT);
}

/* A directory that somebody is in is replaced. */
static void check_replaced(void)
{
    mkdir("old", 0755);
    mkdir("other", 0755);
    mkdir("other/new", 0755);
    ino_t up = inode(".");
    T_EQ("in a directory", chdir("old"), 0);
    T_EQ("another takes its place", rename("../other/new", "../old"), 0);
    T_CHECK(".. is what it was", inode("..") == up);
    T_EQ("leave it", chdir(".."), 0);
}

/* A link's text may be as long as a path, and the rest of the path stands after it. */
static void check_long_link(void)
{
    static char text[4001], path[4096];
    struct stat st;

    for (size_t at = 0; at < 4000; at += 2) {
        memcpy(text + at, "./", 2);
    }
    T_EQ("a long link", symlink(text, "long"), 0);
    snprintf(path, sizeof(path), "long/%.1000slong/plain", text);
    T_EQ("followed twice in a long path", stat(path, &st), 0);
}

int main(void)
{
    t_scratch();
    check_rename();
    check_renameat2();
    check_links();
    check_symlinks();
    check_removal();
    check_ends();
    check_replaced();
    check_long_link();
    return t_done();
}
