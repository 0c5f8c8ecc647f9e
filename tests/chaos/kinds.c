// SPDX-License-Identifier: Apache-2.0
/*
 * The two kinds of machine that seeds run on: the bare chaos kernel, which is restored in a
 * millisecond, and Python from a home, as users have it.
 */
#include "chaos.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INPUT_SIZE  0x10000u
#define BARE_MEMORY (32ull << 20) /* most of it lies after the memory that has a slot and a log */
#define BOOT_NS     (60000 * NS_PER_MS)
#define SAMPLES     24u /* fresh machines that show which words are times */
#define SAMPLES_PY  8u
#define WORLD_LOW   0x480000u /* end of what the bare kernel uses, with its work memory */
#define PTE_P       1ull
#define PTE_LARGE   0x80ull
#define PTE_FRAME   0x000ffffffffff000ull

/* A memfd of random bytes. */
static int random_file(const char *name, size_t size)
{
    struct rng rng = {1};
    int fd = memfd_create(name, MFD_CLOEXEC);
    for (size_t at = 0; fd >= 0 && at < size; at += sizeof(uint64_t)) {
        const uint64_t word = rng_next(&rng);
        if (write(fd, &word, sizeof(word)) != (ssize_t)sizeof(word)) {
            os_close(fd);
            return -1;
        }
    }
    return fd;
}

/* The whole file as a string; free() it. */
static char *read_text(const char *path, size_t *size)
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    *size = 0;
    if (f != NULL && fseek(f, 0, SEEK_END) == 0) {
        const long n = ftell(f);
        text = n >= 0 ? malloc((size_t)n + 1) : NULL;
        rewind(f);
        *size = text != NULL ? fread(text, 1, (size_t)n, f) : 0;
        if (text != NULL) {
            text[*size] = '\0';
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return text;
}

static void add_tables(struct script_world *w, const uint8_t *image, uint64_t gpa, int level)
{
    const uint64_t *table = (const uint64_t *)(const void *)(image + gpa);
    if (w->table_count == sizeof(w->tables) / sizeof(w->tables[0])) {
        return;
    }
    w->tables[w->table_count++] = gpa;
    for (int i = 0; level > 1 && i < 512; i++) {
        const uint64_t next = table[i] & PTE_FRAME;
        if ((table[i] & PTE_P) != 0 && (level > 3 || (table[i] & PTE_LARGE) == 0) &&
            next < w->data_end) {
            add_tables(w, image, next, level - 1);
        }
    }
}

/* Fills in what both kinds of machine have, and learns what to expect. */
static int kind_finish(struct subject_kind *kind, int fd, struct why *why)
{
    struct vmm_snapshot_info info;
    struct vmm_err err;
    vmm_snapshot_info(kind->snap, &info);
    if (tools_make(&kind->tools, &err) < 0) {
        why_add(why, "%s: %s", kind->name, err.msg);
        return -1;
    }
    kind->in = random_file("stdin", INPUT_SIZE);
    kind->out = memfd_create("stdout", MFD_CLOEXEC);
    if (kind->in < 0 || kind->out < 0 || expect_open(&kind->expect, fd, info.memory) < 0) {
        why_add(why, "%s: %s", kind->name, strerror(errno));
        return -1;
    }
    struct script_world *w = &kind->world;
    w->python = kind->python;
    w->ram_size = info.memory;
    w->data_end = kind->expect.image_size > WORLD_LOW ? kind->expect.image_size : WORLD_LOW;
    w->kernel_start = kind->snap->header.kernel_start;
    w->kernel_text_end = kind->snap->header.kernel_text_end;
    add_tables(w, kind->expect.image, kind->snap->header.state.sregs.cr3 & PTE_FRAME, 4);
    if (subject_prove(kind, why) < 0 ||
        subject_learn(kind, kind->python ? SAMPLES_PY : SAMPLES, why) < 0) {
        return -1;
    }
    return 0;
}

/* Boots the kernel to the place where its snapshot is taken: it has run its first case. */
static int bare_boot(struct vmm *vm, struct vmm_outcome *o, struct vmm_err *err)
{
    static const char *const argv[] = {"open", "", NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/", .timeout_ns = BOOT_NS};
    int rc = vmm_start(vm, BOOT_NS, o, err);
    if (rc == 0 && o->kind == VMM_READY) {
        rc = vmm_run(vm, &run, o, err);
    }
    return rc == 0 && o->kind != VMM_READY ? vmm_err_set(err, EIO, "%s", o->detail) : rc;
}

/* Boots the kernel and takes its snapshot. Returns a descriptor, or -1. */
static int bare_snapshot(const char *kernel, const char *initrd, struct why *why)
{
    struct vmm_err err;
    struct vmm *vm = NULL;
    struct vmm_outcome o;
    const struct vmm_config config = {
        .kernel_path = kernel,
        .initrd_path = initrd,
        .memory = BARE_MEMORY,
        .io = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1},
    };
    int fd = memfd_create("snapshot", MFD_CLOEXEC);
    if (fd < 0 || vmm_create(&config, &vm, &err) < 0 || bare_boot(vm, &o, &err) < 0 ||
        vmm_snapshot_write(vm, fd, &(struct vmm_key){{0}}, &err) < 0) {
        why_add(why, "the bare kernel does not come to a snapshot: %s",
                fd < 0                        ? strerror(errno)
                : vm != NULL && err.code == 0 ? o.detail
                                              : err.msg);
        os_close(fd);
        fd = -1;
    }
    vmm_destroy(vm);
    return fd;
}

int subject_kind_bare(struct subject_kind *kind, const char *dir, struct why *why)
{
    struct vmm_err err = {0};
    char kernel[PATH_MAX];
    char initrd[64];
    (void)snprintf(kernel, sizeof(kernel), "%s/kernel", dir);
    int initrd_fd = random_file("initrd", INPUT_SIZE);
    (void)snprintf(initrd, sizeof(initrd), "/proc/self/fd/%d", initrd_fd);
    int fd = bare_snapshot(kernel, initrd, why);
    int rc = fd < 0 ? -1 : vmm_snapshot_open_fd(fd, initrd, NULL, &kind->snap, &err);
    os_close(initrd_fd);
    if (fd >= 0 && rc < 0) {
        why_add(why, "%s", err.msg);
    }
    rc = rc == 0 ? kind_finish(kind, fd, why) : rc;
    os_close(fd);
    return rc;
}

/* The files of the program in Python that carries out acts, one after the other. */
static char *python_program(void)
{
    static const char *const paths[] = {"tests/chaos/processes.py", "tests/chaos/roots.py",
                                        "tests/chaos/chaos.py"};
    char *text = strdup("");
    for (size_t i = 0; text != NULL && i < sizeof(paths) / sizeof(paths[0]); i++) {
        size_t size = 0;
        char *part = read_text(paths[i], &size);
        const size_t used = strlen(text);
        char *more = part != NULL ? realloc(text, used + size + 1) : NULL;
        if (more == NULL) {
            free(text);
        } else {
            memcpy(more + used, part, size);
            more[used + size] = '\0';
        }
        free(part);
        text = more;
    }
    return text;
}

/* The machine code of the acts as text, then the program. */
static char *python_prologue(const char *dir, struct why *why)
{
    char path[PATH_MAX];
    size_t blob_size;
    (void)snprintf(path, sizeof(path), "%s/acts.bin", dir);
    char *blob = read_text(path, &blob_size);
    char *program = python_program();
    const size_t size = program != NULL ? strlen(program) : 0;
    char *text = malloc(2 * blob_size + size + 64);
    if (blob == NULL || program == NULL || blob_size == 0 || text == NULL) {
        why_add(why, "cannot read %s and the programs of tests/chaos", path);
        free(text);
        text = NULL;
    } else {
        size_t at = (size_t)sprintf(text, "BLOB = bytes.fromhex('");
        for (size_t i = 0; i < blob_size; i++) {
            at += (size_t)sprintf(text + at, "%02x", (uint8_t)blob[i]);
        }
        (void)sprintf(text + at, "')\n%s", program);
    }
    free(blob);
    free(program);
    return text;
}

int subject_kind_python(struct subject_kind *kind, const char *dir, const char *home,
                        struct why *why)
{
    struct vmm_err err;
    char snapshot[PATH_MAX];
    char initrd[PATH_MAX];
    size_t size;
    (void)snprintf(snapshot, sizeof(snapshot), "%s/snapshot", home);
    (void)snprintf(initrd, sizeof(initrd), "%s/initrd.cpio", home);
    kind->prologue = python_prologue(dir, why);
    kind->honest = read_text("tests/chaos/honest.py", &size);
    if (kind->prologue == NULL || kind->honest == NULL) {
        why_add(why, "the Python programs cannot be read");
        return -1;
    }
    int fd = open(snapshot, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || vmm_snapshot_open(snapshot, initrd, NULL, &kind->snap, &err) < 0) {
        why_add(why, "%s: %s", snapshot, fd < 0 ? strerror(errno) : err.msg);
        os_close(fd);
        return -1;
    }
    int rc = kind_finish(kind, fd, why);
    os_close(fd);
    return rc;
}

void subject_kind_close(struct subject_kind *kind)
{
    expect_close(&kind->expect);
    vmm_snapshot_close(kind->snap);
    vmm_tools_destroy(kind->tools);
    free(kind->prologue);
    free(kind->honest);
    os_close(kind->in);
    os_close(kind->out);
}
