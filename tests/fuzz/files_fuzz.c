// SPDX-License-Identifier: Apache-2.0
/*
 * Calls of HV_SERVICE_FILES that a guest may make in any order, with any entries. What the caller's
 * functions get is held against rules written a second time: paths lead down to where a directory
 * was made, data lies inside its file, limits hold, and each path that was wanted is accounted for.
 */
#include "tests/fuzz/fuzz.h"
#include "vmm/vmm_int.h"

#include <errno.h>
#include <sys/stat.h>

#define RAM         (320ull << 10)
#define ENTRY       0x20000u
#define BUFFER      0x40000u
#define STEPS_MAX   64u
#define MAX_BYTES   1000u
#define MAX_ENTRIES 12u
#define PATHS       2u

static struct vmm vm;
static struct vmm_outcome outcome;
static struct vmm_err err;
static volatile uint64_t sink;

static struct {
    char dirs[MAX_ENTRIES + 1][HV_PATH_MAX]; /* the directories on the way to the one made last */
    unsigned dir_count;
    bool rooted; /* the wanted path itself came */
    size_t path;
    bool open; /* a file takes data */
    uint64_t size, sizes, written;
    unsigned entries;
    unsigned failed; /* entries that do not come, those of a limit or of the end among them */
    uint8_t mood;    /* which entries are refused */
} seen;

/* Is `path` a name of the directory `dir`, "" or a path? */
static bool is_in(const char *dir, const char *path)
{
    const size_t n = strlen(dir);
    if (n > 0 && (strncmp(dir, path, n) != 0 || path[n] != '/')) {
        return false;
    }
    return strchr(path + n + (n > 0), '/') == NULL;
}

static void check_path(const char *path)
{
    char copy[HV_PATH_MAX];
    MUST(strlen(path) < sizeof(copy) && path[0] != '/' && strstr(path, "//") == NULL);
    MUST(path[0] == '\0' || path[strlen(path) - 1] != '/');
    strcpy(copy, path);
    for (char *name = strtok(copy, "/"); name != NULL; name = strtok(NULL, "/")) {
        MUST(strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strlen(name) <= 255);
    }
}

static int on_make(void *arg, size_t path, const struct vmm_file *file)
{
    const mode_t type = file->mode & S_IFMT;
    (void)arg;
    check_path(file->path);
    MUST((file->mode & ~(S_IFMT | 0777u)) == 0);
    MUST(type == S_IFREG || type == S_IFDIR || type == S_IFLNK);
    MUST((type == S_IFLNK) == (file->target != NULL) && (type == S_IFREG || file->size == 0));
    MUST(++seen.entries <= MAX_ENTRIES && (seen.sizes += file->size) <= MAX_BYTES);
    MUST(path < PATHS);
    if (*file->path == '\0') {
        MUST(!seen.rooted || path != seen.path);
        seen.dir_count = 0;
    } else {
        MUST(path == seen.path && seen.rooted);
        while (seen.dir_count > 0 && !is_in(seen.dirs[seen.dir_count - 1], file->path)) {
            seen.dir_count--;
        }
        MUST(seen.dir_count > 0);
    }
    seen.rooted = true;
    seen.path = path;
    seen.open = false;
    if (seen.mood-- % 7 == 0) {
        return seen.mood % 2 ? -EACCES : -EDQUOT;
    }
    if (type == S_IFDIR) {
        strcpy(seen.dirs[seen.dir_count++], file->path);
    }
    seen.open = type == S_IFREG;
    seen.size = file->size;
    return 0;
}

static int on_data(void *arg, uint64_t offset, const void *bytes, size_t size)
{
    (void)arg;
    MUST(seen.open && offset <= seen.size && size <= seen.size - offset);
    MUST((seen.written += size) <= MAX_BYTES);
    for (size_t i = 0; i < size; i++) { /* all of it can be read */
        sink += ((const uint8_t *)bytes)[i];
    }
    seen.open = seen.mood-- % 7 != 0;
    return seen.open ? 0 : -ENOSPC;
}

static void on_done(void *arg)
{
    (void)arg;
    MUST(seen.open);
    seen.open = false;
}

static void on_failed(void *arg, const char *path, int code)
{
    (void)arg;
    MUST(code > 0 && code < 4096 && strlen(path) < (size_t)(2 * HV_PATH_MAX));
    seen.failed++;
    MUST(seen.failed <= MAX_ENTRIES + 1 + PATHS);
}

static ssize_t on_read(void *arg, size_t file, uint64_t offset, void *to, size_t size)
{
    (void)arg;
    MUST(file == 0 && offset < 5000 && size <= 5000 - offset);
    memset(to, 'r', size);
    return (ssize_t)size;
}

static uint64_t take(struct fuzz_input *in, unsigned bytes)
{
    uint64_t n = 0;
    fuzz_take(in, &n, bytes);
    return n;
}

/* An entry such as a kernel makes: a path of a few letters. */
static uint64_t put_entry(struct fuzz_input *in)
{
    static const char letters[] = "ab/a/.b/";
    static const uint32_t types[] = {S_IFDIR, S_IFREG, S_IFDIR, S_IFLNK, S_IFDIR, S_IFIFO};
    const uint8_t length = fuzz_byte(in) % 12, type = fuzz_byte(in);
    struct hv_file file = {.size = types[type % 6] == S_IFREG ? fuzz_byte(in) : 0,
                           .mode = types[type % 6] | (uint32_t)take(in, 2) % 010000,
                           .path_length = length,
                           .target_length = types[type % 6] == S_IFLNK ? 3 : 0};
    uint8_t *at = vm.ram + ENTRY;
    memset(at, 0, 64);
    memcpy(at, &file, sizeof(file));
    for (unsigned i = 0; i < length; i++) {
        at[sizeof(file) + i] = (uint8_t)letters[fuzz_byte(in) % 8];
    }
    memcpy(at + sizeof(file) + length + 1, "../", file.target_length);
    return 64;
}

static bool call(uint32_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    vm.shared->call = (struct hv_call){.nr = nr, .arg = {a, b, c, d}};
    const int rc = calls_answer(&vm);
    MUST(rc == 0 || rc == RUN_STOP);
    MUST(rc == 0 || outcome.kind == VMM_BROKEN || outcome.kind == VMM_FILES);
    return rc == 0;
}

static bool step(struct fuzz_input *in)
{
    uint64_t words[4];
    switch (fuzz_byte(in) % 8) {
    case 0:
        seen.rooted = false;
        return call(HV_CALL_FILES_WANTED, BUFFER, HV_PATH_MAX, 0, 0);
    case 1:
    case 2:
        return call(HV_CALL_FILE_MAKE, ENTRY, put_entry(in), 0, 0);
    case 3:
        fuzz_take(in, vm.ram + ENTRY, 64);
        return call(HV_CALL_FILE_MAKE, ENTRY, fuzz_byte(in), 0, 0);
    case 4:
        words[0] = fuzz_byte(in);
        return call(HV_CALL_FILE_WRITE, BUFFER, words[0], fuzz_byte(in), 0);
    case 5:
        words[0] = fuzz_byte(in);
        return call(HV_CALL_FILE_FAILED, BUFFER, words[0], fuzz_byte(in), 0);
    case 6:
        words[0] = take(in, 2);
        return call(HV_CALL_FILE_READ, fuzz_byte(in) % 2, words[0], BUFFER, take(in, 2));
    default:
        fuzz_take(in, words, sizeof(words));
        return call(HV_CALL(HV_SERVICE_FILES, fuzz_byte(in)), words[0], words[1], words[2],
                    words[3]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[PATHS + 1] = {"out", "", NULL};
    static const struct vmm_file file = {.path = "in", .size = 5000, .mode = S_IFREG | 0644};
    static const struct vmm_files_in files_in = {.count = 1, .files = &file, .read = on_read};
    static const struct vmm_files_out files_out = {.paths = paths,
                                                   .make = on_make,
                                                   .write = on_data,
                                                   .done = on_done,
                                                   .failed = on_failed,
                                                   .max_bytes = MAX_BYTES,
                                                   .max_entries = MAX_ENTRIES};
    const struct vmm_run run = {.files_in = &files_in, .files_out = &files_out};
    struct fuzz_input in = {data, size};
    memset(&vm, 0, sizeof(vm));
    memset(&seen, 0, sizeof(seen));
    seen.mood = fuzz_byte(&in);
    vm.io = (struct vmm_io){.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    vm.ram_size = vm.ram_low = vm.ram_bound = RAM;
    static uint8_t ram[RAM] __attribute__((aligned(4096)));
    vm.ram = ram;
    memset(ram, 0, RAM);
    vm.shared = (struct hv_shared *)(void *)(vm.ram + HV_SHARED_GPA);
    vm.outcome = &outcome;
    vm.err = &err;
    MUST(files_build(&vm, &run, &err) == 0);
    for (unsigned i = 0; i < STEPS_MAX && in.size > 0 && step(&in); i++) {
    }
    files_end(&vm);
    return 0;
}
