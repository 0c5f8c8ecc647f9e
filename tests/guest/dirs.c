// SPDX-License-Identifier: Apache-2.0
/*
 * Directories: thousands of entries through getdents, entries removed while reading, d_type,
 * seekdir, mkdir, nested trees, chdir, fchdir and getcwd, link counts.
 */
#include "t.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { ENTRIES = 3000 };

static void entry_name(char name[32], int i)
{
    snprintf(name, 32, "entry-%d%s", i, i % 3 ? "" : "-with-a-longer-name");
}

static void make_entries(void)
{
    char name[32];
    bool good = true;

    T_MUST("mkdir many", mkdir("many", 0755) == 0 && chdir("many") == 0);
    for (int i = 0; i < ENTRIES; i++) {
        entry_name(name, i);
        int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
        good = good && fd >= 0 && close(fd) == 0;
    }
    T_CHECK("thousands of files", good);
    T_CHECK("back", chdir("..") == 0);
}

/* Reads a directory and counts its entries, "." and ".." apart. False when a name is unknown or
 * comes twice. */
static bool read_all(DIR *dir, int *found, int *dots)
{
    static bool seen[ENTRIES];
    struct dirent *entry;

    memset(seen, 0, sizeof(seen));
    *found = *dots = 0;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.') {
            *dots += entry->d_type == DT_DIR;
            continue;
        }
        int i = atoi(entry->d_name + 6);
        if (i < 0 || i >= ENTRIES || seen[i] || entry->d_type != DT_REG || entry->d_ino == 0) {
            return false;
        }
        seen[i] = true;
        *found += 1;
    }
    return true;
}

static void check_listing(void)
{
    int found, dots;
    DIR *dir = opendir("many");

    T_MUST("opendir", dir != NULL);
    T_CHECK("every entry once, with its type", read_all(dir, &found, &dots));
    T_EQ("all of them", found, ENTRIES);
    T_EQ("dot and dot-dot", dots, 2);
    rewinddir(dir);
    T_CHECK("again after rewinddir", read_all(dir, &found, &dots) && found == ENTRIES);
    rewinddir(dir);
    readdir(dir);
    readdir(dir);
    long here = telldir(dir);
    char expected[NAME_MAX + 1];
    struct dirent *entry = readdir(dir);
    snprintf(expected, sizeof(expected), "%s", entry != NULL ? entry->d_name : "?");
    readdir(dir);
    seekdir(dir, here);
    entry = readdir(dir);
    T_CHECK("seekdir returns to telldir", entry && strcmp(entry->d_name, expected) == 0);
    closedir(dir);
}

static void check_removal_while_reading(void)
{
    DIR *dir = opendir("many");
    int removed = 0;
    struct dirent *entry;

    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            removed += unlinkat(dirfd(dir), entry->d_name, 0) == 0;
        }
    }
    closedir(dir);
    T_EQ("entries removed while reading", removed, ENTRIES);
    T_EQ("the directory is empty", rmdir("many"), 0);
}

static void check_getdents(void)
{
    char buffer[4096];
    int dir = open("/", O_RDONLY | O_DIRECTORY);

    T_ERR("a buffer for no entry", syscall(SYS_getdents64, dir, buffer, 10), EINVAL);
    T_CHECK("a page", syscall(SYS_getdents64, dir, buffer, sizeof(buffer)) > 0);
    close(dir);
    int file = open("plain", O_CREAT | O_RDWR, 0600);
    T_ERR("of a file", syscall(SYS_getdents64, file, buffer, sizeof(buffer)), ENOTDIR);
    close(file);
    T_EQ("a directory that is removed", mkdir("gone", 0755), 0);
    dir = open("gone", O_RDONLY | O_DIRECTORY);
    T_EQ("while open", rmdir("gone"), 0);
    long n = syscall(SYS_getdents64, dir, buffer, sizeof(buffer));
    T_CHECK("lists nothing", n == 0 || (n == -1 && errno == ENOENT));
    T_ERR("and takes nothing", openat(dir, "x", O_CREAT | O_RDWR, 0600), ENOENT);
    close(dir);
}

static nlink_t links(const char *name)
{
    struct stat st;

    return stat(name, &st) == 0 ? st.st_nlink : 0;
}

static void check_mkdir(void)
{
    umask(022);
    T_EQ("mkdir", mkdir("one", 0777), 0);
    struct stat st;
    T_CHECK("mode under the umask", stat("one", &st) == 0 && st.st_mode == (S_IFDIR | 0755));
    T_EQ("two links", links("one"), 2);
    T_EQ("mkdir below", mkdir("one/two", 0700) | mkdir("one/three/", 0700), 0);
    T_EQ("a link for each child", links("one"), 4);
    T_ERR("existing", mkdir("one", 0777), EEXIST);
    T_ERR("below a file", mkdir("plain/x", 0777), ENOTDIR);
    T_ERR("below nothing", mkdir("no/x", 0777), ENOENT);
    T_ERR("dot", mkdir(".", 0777), EEXIST);
    T_ERR("root", mkdir("/", 0777), EEXIST);
    T_EQ("rmdir", rmdir("one/two"), 0);
    T_EQ("a link less", links("one"), 3);
}

static void check_working_directory(void)
{
    char before[PATH_MAX], now[PATH_MAX], want[PATH_MAX + 16];

    T_CHECK("getcwd", getcwd(before, sizeof(before)) != NULL && before[0] == '/');
    T_EQ("chdir", chdir("one/three"), 0);
    snprintf(want, sizeof(want), "%s/one/three", before);
    T_CHECK("getcwd follows", getcwd(now, sizeof(now)) && strcmp(now, want) == 0);
    T_CHECK("getcwd, too small", getcwd(now, 3) == NULL && errno == ERANGE);
    int dir = open("..", O_RDONLY | O_DIRECTORY);
    T_EQ("fchdir", fchdir(dir), 0);
    snprintf(want, sizeof(want), "%s/one", before);
    T_CHECK("getcwd follows fchdir", getcwd(now, sizeof(now)) && strcmp(now, want) == 0);
    T_EQ("renamed underneath", rename("../one", "../renamed"), 0);
    snprintf(want, sizeof(want), "%s/renamed", before);
    T_CHECK("getcwd knows", getcwd(now, sizeof(now)) && strcmp(now, want) == 0);
    T_ERR("chdir to a file", chdir("../plain"), ENOTDIR);
    T_ERR("chdir to nothing", chdir("nowhere"), ENOENT);
    T_EQ("the root", chdir("/"), 0);
    T_CHECK("its name", getcwd(now, sizeof(now)) && strcmp(now, "/") == 0);
    T_EQ("above the root is the root", chdir("../.."), 0);
    T_CHECK("still", getcwd(now, sizeof(now)) && strcmp(now, "/") == 0);
    T_EQ("back", chdir(before), 0);
    close(dir);
}

static void check_deep(void)
{
    char start[PATH_MAX];
    bool good = getcwd(start, sizeof(start)) != NULL;

    for (int i = 0; i < 100; i++) {
        good = good && mkdir("deep", 0755) == 0 && chdir("deep") == 0;
    }
    T_CHECK("100 levels down", good);
    for (int i = 0; i < 100; i++) {
        good = good && chdir("..") == 0 && rmdir("deep") == 0;
    }
    char now[PATH_MAX];
    T_CHECK("and up again", good && getcwd(now, sizeof(now)) && strcmp(now, start) == 0);
}

int main(void)
{
    t_scratch();
    make_entries();
    check_listing();
    check_removal_while_reading();
    check_getdents();
    check_mkdir();
    check_working_directory();
    check_deep();
    return t_done();
}
