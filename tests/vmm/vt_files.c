// SPDX-License-Identifier: Apache-2.0
/*
 * Files of a run at the side of the host: what a caller may ask for, what a guest is told, and what
 * becomes of a guest's entries. The guest makes the calls that a test has written by hand.
 */
#include "vt.h"

#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

/* As tests/vmm/guest/files.c reads them. */
struct step {
    uint64_t nr;
    uint64_t arg[4];
    uint64_t size;
};
#define BYTES   UINT64_MAX
#define SCRATCH (UINT64_MAX - 1)
#define ROOM    65536

/* The calls of a run. */
struct script {
    uint8_t bytes[ROOM];
    size_t size;
};

static void step(struct script *s, uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                 const void *bytes, size_t size)
{
    const struct step head = {nr, {a, b, c, d}, size};
    CHECK(s->size + sizeof(head) + size + 8 <= ROOM);
    memcpy(s->bytes + s->size, &head, sizeof(head));
    memcpy(s->bytes + s->size + sizeof(head), size > 0 ? bytes : "", size);
    s->size += sizeof(head) + (size + 7) / 8 * 8;
}

static void wanted(struct script *s)
{
    step(s, HV_CALL_FILES_WANTED, SCRATCH, HV_PATH_MAX, 0, 0, NULL, 0);
}

static size_t entry(uint8_t to[HV_FILE_MAX + 8], const char *path, uint32_t mode, uint64_t size,
                    const char *target)
{
    const size_t p = strlen(path), t = strlen(target);
    const struct hv_file file = {.size = size,
                                 .mtime_ns = 1234567890123456789,
                                 .mode = mode,
                                 .path_length = (uint16_t)p,
                                 .target_length = (uint16_t)t};
    memset(to, 0, HV_FILE_MAX + 8);
    memcpy(to, &file, sizeof(file));
    memcpy(to + sizeof(file), path, p);
    memcpy(to + sizeof(file) + p + 1, target, t);
    return (sizeof(file) + p + t + 2 + 7) / 8 * 8;
}

static void make(struct script *s, const char *path, uint32_t mode, uint64_t size,
                 const char *target)
{
    uint8_t bytes[HV_FILE_MAX + 8];
    const size_t n = entry(bytes, path, mode, size, target);
    step(s, HV_CALL_FILE_MAKE, BYTES, n, 0, 0, bytes, n);
}

static void data(struct script *s, uint64_t offset, const char *text)
{
    step(s, HV_CALL_FILE_WRITE, BYTES, strlen(text), offset, 0, text, strlen(text));
}

static void failed(struct script *s, const char *path, uint64_t code)
{
    step(s, HV_CALL_FILE_FAILED, BYTES, strlen(path), code, 0, path, strlen(path));
}

/* What came out, a word each. */
struct taken {
    char text[2048];
    int refuse; /* a negative errno for the entry "no" */
};

static void note(struct taken *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct taken *t, const char *fmt, ...)
{
    const size_t used = strlen(t->text);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(t->text + used, sizeof(t->text) - used, fmt, args);
    va_end(args);
}

static int on_make(void *arg, size_t path, const struct vmm_file *file)
{
    struct taken *t = arg;
    if (strcmp(file->path, "no") == 0) {
        return t->refuse;
    }
    CHECK(file->mtime_ns == 1234567890123456789);
    note(t, "make%zu:%s:%o:%llu%s%s ", path, file->path, file->mode, (unsigned long long)file->size,
         file->target != NULL ? "->" : "", file->target != NULL ? file->target : "");
    return 0;
}

static int on_data(void *arg, uint64_t offset, const void *bytes, size_t size)
{
    note(arg, "data:%llu:%.*s ", (unsigned long long)offset, (int)(size < 9 ? size : 9),
         (const char *)bytes);
    return size == 3 && memcmp(bytes, "bad", 3) == 0 ? -ENOSPC : 0;
}

static void on_done(void *arg)
{
    note(arg, "done ");
}

static void on_failed(void *arg, const char *path, int code)
{
    note(arg, "failed:%s:%d ", path, code);
}

static struct vmm_files_out taking(struct taken *t, const char *const *paths)
{
    return (struct vmm_files_out){.paths = paths,
                                  .make = on_make,
                                  .write = on_data,
                                  .done = on_done,
                                  .failed = on_failed,
                                  .arg = t};
}

/* Runs the script. Stores what the guest printed. */
static struct vmm_outcome run_script(const struct script *s, const struct vmm_files_in *in,
                                     const struct vmm_files_out *out, char printed[4096])
{
    const int fd = vt_memfd("", 0);
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = fd, .stderr_fd = -1};
    const char *const argv[] = {"files", "5", NULL};
    const struct vmm_run run = {.argv = argv,
                                .cwd = "/",
                                .source = s->bytes,
                                .source_len = s->size,
                                .timeout_ns = VT_TIMEOUT,
                                .files_in = in,
                                .files_out = out};
    struct vmm *vm = vt_boot(&io);
    struct vmm_outcome o;
    struct vmm_err err;
    size_t size;
    OK(vmm_run(vm, &run, &o, &err));
    vmm_destroy(vm);
    char *text = vt_content(fd, &size);
    CHECK(size < 4096);
    memcpy(printed, text, size + 1);
    free(text);
    close(fd);
    return o;
}

static const char *const two_paths[] = {"out", "a/b", NULL};

static void t_out(void)
{
    static struct script s;
    struct taken t = {.refuse = -EACCES};
    const struct vmm_files_out out = taking(&t, two_paths);
    char printed[4096];
    wanted(&s);
    make(&s, "", S_IFDIR | 0755, 0, "");
    make(&s, "d", S_IFDIR | 0500, 0, "");
    make(&s, "d/f", S_IFREG | 06755, 10, "");
    data(&s, 0, "hello");
    data(&s, 9, "x");
    make(&s, "d/l", S_IFLNK | 0777, 0, "../../etc/passwd");
    make(&s, "no", S_IFREG | 0644, 3, "");
    data(&s, 0, "abc");
    make(&s, "g", S_IFREG | 0644, 3, "");
    data(&s, 0, "bad");
    data(&s, 0, "abc");
    failed(&s, "dev", EOPNOTSUPP);
    wanted(&s);
    failed(&s, "", ENOENT);
    wanted(&s);
    IS(run_script(&s, NULL, &out, printed), VMM_EXITED, 5, "");
    CHECK(strcmp(t.text, "make0::40755:0 make0:d:40500:0 make0:d/f:100755:10 data:0:hello "
                         "data:9:x done make0:d/l:120777:0->../../etc/passwd "
                         "make0:g:100644:3 data:0:bad failed:out/dev:95 failed:a/b:2 ") == 0);
    CHECK(strcmp(printed, "4\n0\n0\n0\n0\n0\n0\n-13\n-9\n0\n-28\n-9\n0\n4\n0\n0\n") == 0);
}

/* A run that is over before it gave what was wanted. */
static void t_unasked(void)
{
    static struct script s;
    struct taken t = {0};
    const struct vmm_files_out out = taking(&t, two_paths);
    char printed[4096];
    wanted(&s);
    make(&s, "", S_IFREG | 0644, 3, "");
    data(&s, 0, "abc");
    IS(run_script(&s, NULL, &out, printed), VMM_EXITED, 5, "");
    CHECK(strcmp(t.text, "make0::100644:3 data:0:abc failed:out:125 failed:a/b:125 ") == 0);
}

static void t_limits(void)
{
    static struct script s;
    struct taken t = {0};
    struct vmm_files_out out = taking(&t, two_paths);
    char printed[4096];
    out.max_bytes = 10;
    wanted(&s);
    make(&s, "", S_IFDIR | 0755, 0, "");
    make(&s, "f", S_IFREG | 0644, 6, "");
    data(&s, 0, "abcdef");
    data(&s, 0, "abcdef");
    make(&s, "g", S_IFREG | 0644, 1, "");
    wanted(&s);
    IS(run_script(&s, NULL, &out, printed), VMM_EXITED, 5, "");
    CHECK(strcmp(t.text, "make0::40755:0 make0:f:100644:6 data:0:abcdef failed:out:122 ") == 0);
    CHECK(strcmp(printed, "4\n0\n0\n0\n-122\n-122\n4\n") == 0);
    s.size = 0;
    t.text[0] = '\0';
    wanted(&s);
    make(&s, "", S_IFREG | 0644, 1ull << 42, ""); /* a hole is as large as what is around it */
    IS(run_script(&s, NULL, &out, printed), VMM_EXITED, 5, "");
    CHECK(strcmp(t.text, "failed:out:122 ") == 0);
    s.size = 0;
    t.text[0] = '\0';
    out.max_bytes = 0;
    out.max_entries = 2;
    wanted(&s);
    make(&s, "", S_IFDIR | 0755, 0, "");
    failed(&s, "dev", EOPNOTSUPP);
    failed(&s, "dev", EOPNOTSUPP);
    make(&s, "g", S_IFREG | 0644, 1, "");
    IS(run_script(&s, NULL, &out, printed), VMM_EXITED, 5, "");
    CHECK(strcmp(t.text, "make0::40755:0 failed:out/dev:95 failed:out/dev:122 ") == 0);
}

/* Entries that no kernel of ours makes. Each ends the run before the caller hears of it. */
static void t_paths(void)
{
    static char longest[4200], name[300];
    static struct {
        const char *path;
        uint32_t mode;
        const char *target;
        const char *words;
    } cases[] = {
        {"..", S_IFREG, "", "lead down"},
        {"a/../../b", S_IFREG, "", "lead down"},
        {"d/..", S_IFDIR, "", "lead down"},
        {".", S_IFREG, "", "lead down"},
        {"d/./f", S_IFREG, "", "lead down"},
        {"/etc/passwd", S_IFREG, "", "lead down"},
        {"d//f", S_IFREG, "", "lead down"},
        {"d/", S_IFDIR, "", "lead down"},
        {"/", S_IFDIR, "", "lead down"},
        {name, S_IFREG, "", "lead down"},
        {longest, S_IFREG, "", "lead down"},
        {"f", S_IFREG, "x", "go together"},
        {"l", S_IFLNK, "", "go together"},
        {"f", S_IFIFO, "", "neither a file"},
        {"f", S_IFCHR, "", "neither a file"},
        {"f", S_IFBLK, "", "neither a file"},
        {"f", S_IFSOCK, "", "neither a file"},
        {"f", 0, "", "neither a file"},
        {"d2/f", S_IFREG, "", "before its directory"},
        {"d/f", S_IFREG, "", "before its directory"}, /* the directory made last is e */
        {"e/../d/f", S_IFREG, "", "lead down"},
        {"", S_IFDIR, "", "before its directory"}, /* a second time */
        {"l/f", S_IFREG, "", "before its directory"},
        {"ee/f", S_IFREG, "", "before its directory"},
    };
    memset(name, 'n', 256);
    memset(longest, 'n', 4100);
    for (size_t i = 0; i < 4100; i += 200) {
        longest[i] = i > 0 ? '/' : 'n';
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static struct script s;
        struct taken t = {0};
        const struct vmm_files_out out = taking(&t, two_paths);
        char printed[4096];
        s.size = 0;
        wanted(&s);
        make(&s, "", S_IFDIR | 0755, 0, "");
        make(&s, "d", S_IFDIR | 0755, 0, "");
        make(&s, "l", S_IFLNK | 0777, 0, "d");
        make(&s, "e", S_IFDIR | 0755, 0, "");
        make(&s, cases[i].path, cases[i].mode | 0644, 0, cases[i].target);
        IS(run_script(&s, NULL, &out, printed), VMM_BROKEN, 0, cases[i].words);
        CHECK(strcmp(t.text, "make0::40755:0 make0:d:40755:0 make0:l:120777:0->d make0:e:40755:0 "
                             "failed:out:125 failed:a/b:125 ") == 0);
    }
}

/* Raw calls with lengths and addresses that are wrong. */
static void t_forged(void)
{
    static const struct {
        struct step step;
        const char *words;
    } cases[] = {
        {{HV_CALL_FILE_MAKE, {BYTES, 8}, 0}, "too short"},
        {{HV_CALL_FILE_MAKE, {1ull << 40, 64}, 0}, "not in memory"},
        {{HV_CALL_FILE_MAKE, {BYTES, HV_FILE_MAX + 1}, 0}, "not in memory"},
        {{HV_CALL_FILE_WRITE, {BYTES, HV_FILE_BYTES + 1, 0}, 0}, "too much"},
        {{HV_CALL_FILE_WRITE, {16 * 1048576 - 4, 8, 0}, 0}, "not in memory"},
        {{HV_CALL_FILE_WRITE, {HV_INITRD_GPA + VT_INITRD_SIZE - 4, 8, 0}, 0}, "not in memory"},
        {{HV_CALL_FILE_WRITE, {BYTES, 8, 3}, 0}, "after the end"},
        {{HV_CALL_FILE_WRITE, {BYTES, 8, UINT64_MAX - 3}, 0}, "after the end"},
        {{HV_CALL_FILE_FAILED, {BYTES, HV_PATH_MAX, 2}, 0}, "too long"},
        {{HV_CALL_FILE_FAILED, {1ull << 40, 4, 2}, 0}, "not in memory"},
        {{HV_CALL_FILES_WANTED, {SCRATCH, 100}, 0}, "too small"},
        {{HV_CALL_FILES_NEXT, {SCRATCH, 100}, 0}, "too small"},
        {{HV_CALL_FILES_NEXT, {1ull << 40, 65536}, 0}, "not in memory"},
        {{HV_CALL_FILE_READ, {0, 0, SCRATCH, 8}, 0}, "no such file"},
        {{HV_CALL(HV_SERVICE_FILES, 6), {0}, 0}, "unknown call"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static struct script s;
        struct taken t = {0};
        const struct vmm_files_out out = taking(&t, two_paths);
        char printed[4096];
        s.size = 0;
        wanted(&s);
        make(&s, "", S_IFREG | 0755, 10, "");
        memcpy(s.bytes + s.size, &cases[i].step, sizeof(struct step));
        s.size += sizeof(struct step);
        IS(run_script(&s, NULL, &out, printed), VMM_BROKEN, 0, cases[i].words);
    }
}

/* Lengths that do not fit the strings, and calls of a run that wants nothing. */
static void t_lengths(void)
{
    static struct script s;
    struct taken t = {0};
    const struct vmm_files_out out = taking(&t, two_paths);
    char printed[4096];
    uint8_t bytes[HV_FILE_MAX + 8];
    for (unsigned i = 0; i < 4; i++) {
        const size_t n = entry(bytes, i == 3 ? "" : "abc", S_IFLNK | 0777, 0, "def");
        struct hv_file *file = (struct hv_file *)(void *)bytes;
        file->path_length = i == 0 ? 2 : i == 1 ? 60000 : file->path_length;
        file->target_length = i == 2 ? 4 : i == 3 ? 2 : file->target_length;
        s.size = 0;
        wanted(&s);
        step(&s, HV_CALL_FILE_MAKE, BYTES, n, 0, 0, bytes, n);
        IS(run_script(&s, NULL, &out, printed), VMM_BROKEN, 0,
           i == 1 || i == 2 ? "shorter than its path" : "does not end where it says");
    }
    for (unsigned i = 0; i < 2; i++) {
        s.size = 0;
        wanted(&s);
        if (i == 0) {
            make(&s, "", S_IFREG | 0644, 0, "");
        } else {
            failed(&s, "x", 2);
        }
        IS(run_script(&s, NULL, NULL, printed), VMM_BROKEN, 0, "are wanted");
        CHECK(strcmp(printed, "0\n") == 0);
    }
    s.size = 0;
    data(&s, 0, "abc");
    IS(run_script(&s, NULL, NULL, printed), VMM_EXITED, 5, "");
    CHECK(strcmp(printed, "-9\n") == 0);
}

static ssize_t on_read(void *arg, size_t file, uint64_t offset, void *to, size_t size)
{
    const char *text = ((const char *const *)arg)[file];
    const size_t length = strlen(text);
    if (strcmp(text, "fail") == 0) {
        return -EIO;
    }
    const size_t n = offset < length ? length - (size_t)offset : 0;
    const size_t now = n < size ? n : size;
    memcpy(to, text + (n > 0 ? offset : 0), now < 3 ? now : 3); /* it gives three at a time */
    return (ssize_t)(now < 3 ? now : 3);
}

static uint64_t on_hole(void *arg, size_t file, uint64_t offset)
{
    (void)arg;
    return file == 1 && offset < 3 * 4096 + 5 ? 3 * 4096 + 5 : offset;
}

static void t_in(void)
{
    static struct script s;
    static const char *texts[] = {"the first", "", "fail", "", ""};
    const struct vmm_file files[] = {
        {.path = "a", .size = 9, .mtime_ns = 5, .mode = S_IFREG | 04644},
        {.path = "b", .size = 20000, .mode = S_IFREG | 0600},
        {.path = "c", .size = 4, .mode = S_IFREG | 0600},
        {.path = "l", .mode = S_IFLNK | 0777, .target = "a"},
        {.path = "d", .mode = S_IFDIR | 0700, .mtime_ns = 7},
    };
    const struct vmm_files_in in = {
        .count = 5, .files = files, .read = on_read, .data = on_hole, .arg = texts};
    char printed[4096];
    step(&s, HV_CALL_FILES_NEXT, SCRATCH, HV_FILE_MAX, 0, 0, NULL, 0);
    step(&s, HV_CALL_FILES_NEXT, SCRATCH, HV_FILE_MAX, 0, 0, NULL, 0);
    step(&s, HV_CALL_FILE_READ, 0, 0, SCRATCH, 100, NULL, 0);
    step(&s, 0, 9, 0, 0, 0, NULL, 0);
    step(&s, HV_CALL_FILE_READ, 0, 4, SCRATCH, 3, NULL, 0);
    step(&s, HV_CALL_FILE_READ, 0, 9, SCRATCH, 3, NULL, 0);
    step(&s, HV_CALL_FILE_READ, 1, 0, SCRATCH, 4096, NULL, 0);
    step(&s, HV_CALL_FILE_READ, 1, 12288, SCRATCH, 4096, NULL, 0);
    step(&s, HV_CALL_FILE_READ, 2, 0, SCRATCH, 4096, NULL, 0);
    step(&s, HV_CALL_FILE_READ, 4, 0, SCRATCH, 4096, NULL, 0);
    IS(run_script(&s, &in, NULL, printed), VMM_EXITED, 5, "");
    char wants[200];
    (void)snprintf(wants, sizeof(wants), "%d\n0\n9\nthe first3\n0\n%llu\n0\n-5\n0\n", 32 * 6,
                   (unsigned long long)(HV_FILE_HOLE | 3 * 4096));
    CHECK(strcmp(printed, wants) == 0);
    s.size = 0;
    step(&s, HV_CALL_FILE_FAILED, BYTES, 5, ENOSPC, 1, "a\nbcd", 5);
    IS(run_script(&s, &in, NULL, printed), VMM_FILES, ENOSPC, "a?bcd: the guest's memory is too");
}

static void refused(const struct vmm_file *files, size_t count, const char *words)
{
    const struct vmm_files_in in = {.count = count, .files = files, .read = on_read};
    const char *const argv[] = {"files", "5", NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/", .files_in = &in};
    struct vmm *vm = vt_boot(&vt_no_io);
    struct vmm_outcome o;
    struct vmm_err err;
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, words);
    IS(vt_run(vm, "status", "3"), VMM_EXITED, 3, ""); /* it is as it was */
    vmm_destroy(vm);
}

static void t_refused(void)
{
    static const char *const paths[] = {"", "/a", "..", "a/..", "./a", "a//b", "a/", NULL};
    struct vmm_file two[] = {{.path = "a", .mode = S_IFREG | 0644},
                             {.path = "b", .mode = S_IFDIR | 0755},
                             {.path = "a", .mode = S_IFDIR | 0755}};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        const struct vmm_file file = {.path = paths[i], .mode = S_IFREG | 0644};
        refused(&file, 1, "must be relative");
    }
    refused(two, 3, "'a': it is given twice");
    refused(&(struct vmm_file){.path = "a", .mode = S_IFIFO}, 1, "neither a file");
    refused(&(struct vmm_file){.path = "a", .mode = S_IFLNK}, 1, "go together");
    two[0].mode = S_IFDIR | 0755;
    static struct script s;
    char printed[4096];
    const struct vmm_files_in in = {.count = 3, .files = two, .read = on_read};
    IS(run_script(&s, &in, NULL, printed), VMM_EXITED, 5, "");
    struct taken t = {0};
    static const char *const bad[] = {"ok", "../x", NULL};
    const struct vmm_files_out out = taking(&t, bad);
    const char *const argv[] = {"files", NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/", .files_out = &out};
    struct vmm *vm = vt_boot(&vt_no_io);
    struct vmm_outcome o;
    struct vmm_err err;
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "../x");
    vmm_destroy(vm);
}

const struct vt_test vt_files_tests[] = {
    {"files-out", t_out},     {"files-unasked", t_unasked}, {"files-limits", t_limits},
    {"files-paths", t_paths}, {"files-forged", t_forged},   {"files-lengths", t_lengths},
    {"files-in", t_in},       {"files-refused", t_refused}, {NULL, NULL}};
