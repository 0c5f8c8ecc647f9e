// SPDX-License-Identifier: Apache-2.0
/*
 * What the parent makes of files that come out of a run, when the child is not what it was: it
 * sends requests written by hand. Nothing may come to be outside of the target, and nothing in it
 * but files, directories and links.
 */
#include "pyhl/copies_parent.h"
#include "pyhl/message.h"
#include "pyhl/signals.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char said[4096]; /* all messages */
static char top[64];    /* holds the target and what is beside it */

void message(const char *fmt, ...)
{
    const size_t used = strlen(said);
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(said + used, sizeof(said) - used, fmt, args);
    va_end(args);
}

void vmm_interrupt(struct vmm *vm, enum vmm_interrupt what)
{
    (void)vm;
    (void)what;
}

/* ---- the child's requests ---- */

static int ask(struct channel *c, struct channel_message m)
{
    const int rc = channel_call(c, &m);

    return rc < 0 ? rc : m.result;
}

static int make_bytes(struct channel *c, const void *bytes, size_t size, uint32_t mode,
                      uint64_t length)
{
    memcpy(c->bytes, bytes, size);
    return ask(c, (struct channel_message){.kind = COPIES_MAKE,
                                           .size = size,
                                           .number = {0, length, 1234567890123456789, mode}});
}

static int make(struct channel *c, const char *path, uint32_t mode, uint64_t length,
                const char *link)
{
    char bytes[10000];
    const size_t n = strlen(path) + 1;

    strcpy(bytes, path);
    strcpy(bytes + n, link);
    return make_bytes(c, bytes, n + strlen(link) + 1, mode, length);
}

static int data(struct channel *c, uint64_t offset, const char *text)
{
    memcpy(c->bytes, text, strlen(text));
    return ask(c, (struct channel_message){
                      .kind = COPIES_WRITE, .size = strlen(text), .number = {offset}});
}

static int end_run(struct channel *c, bool whole)
{
    return ask(c,
               (struct channel_message){.kind = COPIES_END, .number = {whole ? COPIES_WHOLE : 0}});
}

/* ---- the frame ---- */

static bool there(const char *path)
{
    char whole[512];
    struct stat st;

    snprintf(whole, sizeof(whole), "%s/%s", top, path);
    return lstat(whole, &st) == 0;
}

static mode_t mode_of(const char *path)
{
    char whole[512];
    struct stat st = {0};

    snprintf(whole, sizeof(whole), "%s/%s", top, path);
    (void)lstat(whole, &st);
    return st.st_mode;
}

static void shell(const char *command)
{
    char line[1024];

    snprintf(line, sizeof(line), "cd %s && { %s; }", top, command);
    CHECK(system(line) == 0);
}

/* Runs work() in a child whose parent writes to `out` below the top. */
static void served(int (*work)(struct channel *), uint64_t max_bytes, uint64_t max_entries)
{
    struct copy_target target = {.guest = "x", .host = "out", .name = "out"};
    struct copies list = {
        .targets = &target, .target_count = 1, .max_bytes = max_bytes, .max_entries = max_entries};
    struct copies_parent *copies = NULL;
    struct channel channel;
    struct parent *parent = NULL;
    struct vmm_err err = {0};
    int status;

    said[0] = 0;
    signal(SIGPIPE, SIG_IGN);
    const int out = dup(STDOUT_FILENO);
    target.folder_fd = open(top, O_PATH | O_DIRECTORY);
    fflush(stdout);
    CHECK(parent_fork(&parent, &channel, &err) == 0);
    if (parent == NULL) {
        status = work(&channel);
        _exit(unit_failures ? 99 : status);
    }
    dup2(out, STDOUT_FILENO);
    close(out);
    CHECK(copies_parent_offer(&list, "run", parent, &copies, &err) == 0);
    status = parent_serve(parent, "run");
    CHECK(status == 0);
    copies_parent_end(copies);
    parent_destroy(parent);
    close(target.folder_fd);
}

static void fresh(void)
{
    strcpy(top, "/tmp/copies-test-XXXXXX");
    CHECK(mkdtemp(top) != NULL);
    shell("mkdir beside; echo old >victim");
}

static void finished(void)
{
    CHECK(!there("beside/f") && !there("f") && !there("x"));
    shell("[ \"$(cat victim)\" = old ] && [ -z \"$(ls beside)\" ]");
    shell("[ -z \"$(find . -name '.pyhl-*')\" ]");
    shell("[ -z \"$(find . ! -type f ! -type d ! -type l -o -perm /7000)\" ]");
    shell("rm -rf \"$PWD\"");
}

/* ---- tests ---- */

static int good_work(struct channel *c)
{
    CHECK(make(c, "", S_IFDIR | 0755, 0, "") == 0);
    CHECK(make(c, "d", S_IFDIR | 02555, 0, "") == 0);
    CHECK(make(c, "d/f", S_IFREG | 07640, 10, "") == 0);
    CHECK(data(c, 8, "yz") == 0);
    CHECK(data(c, 0, "a") == 0);
    memcpy(c->bytes, "d/l\0../../victim", 17);
    CHECK(ask(c, (struct channel_message){.kind = COPIES_MAKE,
                                          .size = 17,
                                          .number = {COPIES_WHOLE, 0, 0, S_IFLNK}}) == 0);
    CHECK(make(c, "half", S_IFREG | 0600, 3, "") == 0);
    CHECK(data(c, 0, "ab") == 0);
    CHECK(end_run(c, false) == 0);
    return 0;
}

static void good(void)
{
    fresh();
    served(good_work, 1000, 100);
    CHECK(mode_of("out/d") == (S_IFDIR | 0555) && mode_of("out/d/f") == (S_IFREG | 0640));
    CHECK(mode_of("out") == (S_IFDIR | 0755) && S_ISLNK(mode_of("out/d/l")));
    CHECK(!there("out/half"));
    shell("printf 'a\\0\\0\\0\\0\\0\\0\\0yz' | cmp - out/d/f");
    shell("[ \"$(stat -c %y out/d/f out/d out | uniq | wc -l)\" = 1 ]");
    CHECK(said[0] == 0);
    shell("chmod -R u+w out");
    finished();
}

static const char *const bad_paths[] = {
    "..", "../x", "d/../../f", "d/..", ".", "./f", "d/.", "/f", "/tmp", "d//f", "d/", "f/", "",
};

static int bad_paths_work(struct channel *c)
{
    static const uint32_t types[] = {S_IFREG, S_IFDIR, S_IFLNK};
    char longest[5000];

    CHECK(make(c, "f", S_IFREG | 0644, 0, "") == -EINVAL); /* before the target itself */
    CHECK(make(c, "", S_IFDIR | 0755, 0, "") == 0);
    CHECK(make(c, "d", S_IFDIR | 0755, 0, "") == 0);
    for (size_t i = 0; i + 1 < sizeof(bad_paths) / sizeof(bad_paths[0]); i++) {
        for (size_t t = 0; t < 3; t++) {
            CHECK(make(c, bad_paths[i], types[t] | 0644, 0, types[t] == S_IFLNK ? "x" : "") < 0);
        }
    }
    memset(longest, 'n', sizeof(longest));
    longest[256] = 0;
    CHECK(make(c, longest, S_IFREG | 0644, 0, "") == -EINVAL);
    longest[256] = 'n';
    longest[4200] = 0;
    CHECK(make(c, longest, S_IFREG | 0644, 0, "") == -EINVAL);
    return end_run(c, true) > 0 ? 0 : 1;
}

static void paths(void)
{
    fresh();
    served(bad_paths_work, 1000, 1000);
    shell("[ \"$(find out | sort | tr '\\n' ' ')\" = 'out out/d ' ]");
    CHECK(strstr(said, "cannot copy out to out/../x: Invalid argument") != NULL);
    finished();
}

static int bad_entries_work(struct channel *c)
{
    static const uint32_t types[] = {S_IFIFO, S_IFCHR, S_IFBLK, S_IFSOCK, 0, S_IFREG | S_IFIFO};

    CHECK(make(c, "", S_IFDIR | 0755, 0, "") == 0);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        CHECK(make(c, "f", types[i] | 0644, 0, "") == -EINVAL);
    }
    CHECK(make(c, "f", S_IFREG | 0644, 0, "target") == -EINVAL);
    CHECK(make(c, "f", S_IFLNK | 0644, 0, "") == -EINVAL);
    CHECK(make_bytes(c, "l\0a\0b", 6, S_IFLNK, 0) == -EINVAL); /* a NUL in a link's text */
    CHECK(make_bytes(c, "l", 1, S_IFREG, 0) == -EINVAL);
    CHECK(make_bytes(c, "ll", 2, S_IFREG, 0) == -EINVAL);
    CHECK(make_bytes(c, "l\0x", 3, S_IFLNK, 0) == -EINVAL);
    CHECK(make_bytes(c, "", 0, S_IFREG, 0) == -EINVAL);
    CHECK(ask(c, (struct channel_message){.kind = COPIES_MAKE, .size = CHANNEL_BYTES}) == -EINVAL);
    CHECK(ask(c, (struct channel_message){.kind = COPIES_MAKE, .size = 3, .number = {1}}) ==
          -EINVAL);
    CHECK(ask(c, (struct channel_message){.kind = COPIES_READ, .number = {0, 0, 100}}) == -EINVAL);
    CHECK(ask(c, (struct channel_message){.kind = COPIES_READ, .number = {UINT64_MAX}}) == -EINVAL);
    CHECK(data(c, 0, "abc") == -EINVAL); /* no file is open */
    CHECK(make(c, "f", S_IFREG | 0644, 3, "") == 0);
    CHECK(data(c, 1, "abc") == -EINVAL);
    CHECK(data(c, 0, "abc") == -EINVAL); /* it is gone */
    CHECK(make(c, "f", S_IFREG | 0644, 3, "") == 0);
    CHECK(data(c, UINT64_MAX - 1, "abc") == -EINVAL);
    CHECK(make(c, "f", S_IFREG | 0644, UINT64_MAX, "") < 0);
    return end_run(c, true) > 0 ? 0 : 1;
}

static void entries(void)
{
    fresh();
    served(bad_entries_work, 1ull << 62, 1000);
    shell("[ \"$(find out)\" = out ]");
    finished();
}

/* A link that the run made, or that was there, is no way out: not as a directory, a file, or an
 * end of a path. */
static int links_work(struct channel *c)
{
    CHECK(make(c, "", S_IFDIR | 0755, 0, "") == 0);
    CHECK(make(c, "l", S_IFLNK, 0, "../beside") == 0);
    CHECK(make(c, "l", S_IFDIR | 0755, 0, "") == -ENOTDIR);
    CHECK(make(c, "l/f", S_IFREG | 0644, 0, "") == -EINVAL);
    CHECK(make(c, "planted", S_IFDIR | 0755, 0, "") == -ENOTDIR);
    CHECK(make(c, "v", S_IFREG | 0644, 1, "") == 0); /* v is a link to the victim */
    CHECK(data(c, 0, "x") == 0);
    CHECK(ask(c, (struct channel_message){.kind = COPIES_END, .number = {COPIES_WHOLE}}) == 2 + 1);
    CHECK(make(c, "", S_IFDIR | 0755, 0, "") == 0);
    CHECK(make(c, "d", S_IFDIR | 0755, 0, "") == 0);
    CHECK(system("cd $TOP && mv out/d out/e && ln -s ../beside out/d") == 0); /* while it runs */
    CHECK(make(c, "d/f", S_IFREG | 0644, 0, "") < 0);
    (void)end_run(c, true);
    return 0;
}

static void links(void)
{
    fresh();
    setenv("TOP", top, 1);
    shell("mkdir out; ln -s ../beside out/planted; ln -s ../victim out/v");
    served(links_work, 1000, 1000);
    CHECK(S_ISREG(mode_of("out/v")) && S_ISLNK(mode_of("out/planted")));
    finished();
}

static int limits_work(struct channel *c)
{
    CHECK(make(c, "", S_IFDIR | 0755, 0, "") == 0);
    CHECK(make(c, "a", S_IFREG | 0644, 6, "") == 0);
    CHECK(data(c, 0, "abcdef") == 0);
    CHECK(data(c, 0, "abcdef") == -EDQUOT);
    CHECK(make(c, "b", S_IFREG | 0644, 1, "") == -EDQUOT); /* nothing more at all */
    CHECK(end_run(c, true) == 1);
    CHECK(make(c, "", S_IFDIR | 0755, 0, "") == 0);
    CHECK(make(c, "b", S_IFREG | 0644, 11, "") == -EDQUOT);
    CHECK(end_run(c, true) == 1);
    for (int i = 0; i < 5; i++) {
        CHECK(make(c, "", S_IFDIR | 0755, 0, "") == (i < 3 ? 0 : -EDQUOT));
    }
    CHECK(end_run(c, true) == 1);
    return 0;
}

static void limits(void)
{
    fresh();
    served(limits_work, 10, 3);
    CHECK(!there("out/a") && !there("out/b"));
    CHECK(strstr(said, "cannot copy out to out/a: Disk quota exceeded (--copy-limit") != NULL);
    finished();
}

/* A child that dies in the middle leaves no half of a file. */
static int dies_work(struct channel *c)
{
    CHECK(make(c, "", S_IFDIR | 0755, 0, "") == 0);
    CHECK(make(c, "f", S_IFREG | 0644, 6, "") == 0);
    CHECK(data(c, 0, "abc") == 0);
    return 0;
}

static void death(void)
{
    fresh();
    served(dies_work, 1000, 10);
    CHECK(there("out") && !there("out/f"));
    finished();
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"good", good},
        {"paths", paths},
        {"entries", entries},
        {"links", links},
        {"limits", limits},
        {"death", death},
        {0},
    };

    return unit_run(tests);
}
