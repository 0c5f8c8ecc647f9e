// SPDX-License-Identifier: Apache-2.0
/*
 * The child and its parent talk by reports: each has a word in its note. A report "raised" is about
 * a module, and the child goes on. A report "left out" is the child's last: the module of that
 * number took the VM down, and the parent starts another child, which does not import it.
 *
 * A process in jail opens no files. So the child maps the large ones and reads the small ones
 * before it goes there.
 */
#include "layer_guest.h"
#include "child.h"
#include "copies.h"
#include "message.h"
#include "outcome.h"
#include "packages.h"
#include "probe.h"
#include "report.h"
#include "session.h"
#include "signals.h"
#include "vmm/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define IMPORT_TIMEOUT (120 * 1000000000ull)
#define IMPORT_TRIES   4 /* then no module is imported any more */
#define SMALL_FILE     (256u << 10)
#define LEFT_OUT       "left out %zu"

/* The child's. */
struct import {
    const struct layer_guest *guest;
    bool *left_out; /* of each module: it is not imported */
    int fd, report;
    struct copies files;
    const uint8_t **bytes; /* of each file */
    size_t *module_of;     /* the module of each line of the source */
    size_t lines, line;    /* the line whose turn it is, from 1; 0: none */
};

/* ---- in the child ---- */

/* A small file is read into memory, because a process may have some 65,000 mappings, and a tree may
 * have more files. */
static int bring_file(const char *name, uint64_t size, const uint8_t **out, struct vmm_err *err)
{
    const bool small = size < SMALL_FILE;
    int fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    uint8_t *bytes = fd >= 0 && small ? malloc(size + 1) : NULL;
    ssize_t n = 0;

    if (fd >= 0 && small && bytes != NULL) {
        n = pread(fd, bytes, size, 0);
    } else if (fd >= 0 && !small) {
        bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        n = bytes == MAP_FAILED ? -1 : (ssize_t)size;
    }
    if (fd < 0 || bytes == NULL || n != (ssize_t)size) {
        (void)vmm_err_set(err, n < 0 || fd < 0 ? errno : EIO, "%s: %s", name,
                          n < 0 || fd < 0 ? strerror(errno) : "cannot be read whole");
    }
    if (fd >= 0) {
        close(fd);
    }
    *out = bytes; /* the process ends soon: it is not freed */
    return fd < 0 || n != (ssize_t)size ? -err->code : 0;
}

static ssize_t bring_read(void *arg, size_t file, uint64_t offset, void *to, size_t size)
{
    const struct import *import = arg;
    const uint64_t whole = import->files.files[file].size;

    if (offset >= whole) {
        return 0;
    }
    size = size < whole - offset ? size : whole - offset;
    memcpy(to, import->bytes[file] + offset, size);
    return (ssize_t)size;
}

static int bring_files(struct import *import, struct vmm_err *err)
{
    struct copies *files = &import->files;
    int rc = 0;

    import->bytes = calloc(files->in.count + 1, sizeof(*import->bytes));
    if (import->bytes == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < files->in.count && rc == 0; i++) {
        if (files->names[i] != NULL && files->files[i].size > 0) {
            rc = bring_file(files->names[i], files->files[i].size, &import->bytes[i], err);
        }
    }
    files->in.read = bring_read;
    files->in.arg = import;
    return rc;
}

/* Names the module of a line; it is a guest's number. */
static const char *module_at(const struct import *import, size_t line)
{
    return import->guest->modules[import->module_of[line - 1]];
}

/* Takes the records by which the guest tells whose turn it is, and what an import has raised. */
static int import_record(void *arg, const char *kind, const void *bytes, size_t size)
{
    struct import *import = arg;
    json_t *record = strcmp(kind, "preload") == 0 ? json_loadb(bytes, size, 0, NULL) : NULL;
    const json_int_t line = json_integer_value(json_object_get(record, "line"));
    const char *error = json_string_value(json_object_get(record, "error"));
    struct vmm_err err = {0};

    if (line >= 1 && (size_t)line <= import->lines) {
        import->line = (size_t)line;
        if (error != NULL) {
            (void)vmm_err_set(&err, EIO, "%s: %s", module_at(import, import->line), error);
            child_tell(import->report, -EIO, &err, "raised");
        }
    }
    json_decref(record);
    return 0;
}

/* The lines of the run: the modules that are not left out. */
static char *import_source(struct import *import)
{
    const struct layer_guest *guest = import->guest;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    import->module_of = calloc(guest->module_count + 1, sizeof(*import->module_of));
    for (size_t i = 0; out != NULL && import->module_of != NULL && i < guest->module_count; i++) {
        if (!import->left_out[i]) {
            fprintf(out, "%s\n", guest->modules[i]);
            import->module_of[import->lines++] = i;
        }
    }
    return out != NULL && fclose(out) == 0 && import->module_of != NULL ? text : NULL;
}

/* Reports a run that did not end as it should. */
static int import_failed(const struct import *import, const struct vmm_outcome *outcome,
                         struct vmm_err *err)
{
    const struct outcome_limits limits = {
        .memory = import->guest->memory,
        .timeout = "the time limit",
        .timeout_ns = IMPORT_TIMEOUT,
    };
    char text[OUTCOME_TEXT], note[64];

    if (outcome->kind == VMM_FILES && outcome->status == ENOSPC) {
        return vmm_err_set(err, EFBIG, "the files do not fit");
    }
    outcome_text(outcome, &limits, text);
    if (outcome->kind == VMM_FILES || import->line == 0) {
        return vmm_err_set(err, EIO, "packages: %s", text);
    }
    if (outcome->kind == VMM_EXITED) {
        snprintf(text, sizeof(text), "it ended the process with status %d", outcome->status);
    }
    (void)vmm_err_set(err, EIO, "%s: %s", module_at(import, import->line), text);
    snprintf(note, sizeof(note), LEFT_OUT, import->module_of[import->line - 1]);
    child_tell(import->report, -EIO, err, note);
    return 1;
}

/* Returns 1 when a module has to be left out. */
static int import_run(struct import *import, struct vmm *vm, struct vmm_err *err)
{
    const char *const argv[] = {"-", NULL};
    const char **env = session_env(&(struct opt_list){0}, true);
    char *source = import_source(import);
    struct vmm_run run = {
        .mode = HV_RUN_PRELOAD,
        .argv = argv,
        .env = env,
        .cwd = "/",
        .source = source,
        .source_len = source != NULL ? strlen(source) : 0,
        .timeout_ns = IMPORT_TIMEOUT,
        .files_in = &import->files.in,
    };
    struct vmm_outcome outcome = {.kind = VMM_BROKEN};
    int rc = env == NULL || source == NULL ? vmm_err_set(err, ENOMEM, "out of memory")
                                           : vmm_run(vm, &run, &outcome, err);

    free(env);
    free(source);
    if (rc == 0 && (outcome.kind != VMM_READY || outcome.status != 0)) {
        rc = import_failed(import, &outcome, err);
    }
    return rc;
}

static int import_restore(const struct import *import, struct vmm **vm, struct vmm_err *err)
{
    struct vmm_io io = {
        .stdin_fd = -1,
        .stdout_fd = import->guest->loud ? STDERR_FILENO : -1,
        .stderr_fd = import->guest->loud ? STDERR_FILENO : -1,
        .plain = true,
        .record = import_record,
        .record_arg = (void *)(uintptr_t)import,
    };
    const int outputs[] = {STDERR_FILENO, import->report};
    struct vmm_snapshot *snap;
    int rc = import->guest->open(import->guest->arg, &snap, err);

    if (rc == 0) {
        rc = vmm_restore(snap, &io, true, vm, err);
        vmm_snapshot_close(snap);
    }
    return rc == 0 ? child_jail(*vm, outputs, 2, import->fd, err) : rc;
}

static void make_state(void *arg, int report)
{
    struct import *import = arg;
    struct vmm_err err = {0};
    struct vmm *vm = NULL;
    int rc = bring_files(import, &err);

    import->report = report;
    json_object_seed(0); /* reads /dev/urandom, which a process in jail cannot open */
    rc = rc == 0 ? import_restore(import, &vm, &err) : rc;
    rc = rc == 0 ? import_run(import, vm, &err) : rc;
    rc = rc == 0 ? vmm_checkpoint_save(vm, import->fd, &err) : rc;
    if (rc <= 0) {
        child_tell(report, rc, &err, NULL);
    }
}

/* ---- in the parent ---- */

/* What a child that runs guest code says is a number of a module, or is none. */
static size_t left_out_number(const char *note, size_t count)
{
    size_t number;

    return sscanf(note, LEFT_OUT, &number) == 1 && number < count ? number : count;
}

/* Takes reports until the state is made (0), or a module has to be left out (1). */
static int take_reports(const struct layer_guest *guest, struct child *child, bool *left_out,
                        struct vmm_err *err)
{
    size_t told = 0;

    for (;;) {
        char note[64] = "";
        struct vmm_err said = {0};
        int rc = child_step(child, note, &said);
        const size_t number = left_out_number(note, guest->module_count);

        if (rc < 0 && strcmp(note, "raised") == 0 && told++ < guest->module_count) {
            message("pyhl %s: packages: importing %s\n", guest->cmd, said.msg);
        } else if (rc < 0 && number < guest->module_count) {
            message("pyhl %s: packages: importing %s; it is left to the scripts that need it\n",
                    guest->cmd, said.msg);
            left_out[number] = true;
            return 1;
        } else {
            return rc < 0 ? vmm_err_set(err, said.code, "%s", said.msg) : 0;
        }
    }
}

static int make_once(struct import *import, struct vmm_err *err)
{
    const int keep[] = {import->fd, import->guest->keep};
    struct child child = {0};
    int rc = ftruncate(import->fd, 0) < 0 ? vmm_err_set(err, errno, "%s", strerror(errno)) : 0;

    if (rc == 0) {
        rc = child_start(&child, make_state, import, keep, 2, err);
    }
    if (rc == 0) {
        signals_to_process(child.pid);
        rc = take_reports(import->guest, &child, import->left_out, err);
    }
    signals_to_process(0);
    child_end(&child);
    return signals_last() ? vmm_err_set(err, EINTR, "stopped by a signal") : rc;
}

static int does_not_fit(const struct layer_guest *guest, uint64_t bytes, struct vmm_err *err)
{
    return vmm_err_set(err, EFBIG,
                       "the packages have %s of files, and a VM has %s of memory: more is given by "
                       "--memory of pyhl setup --force",
                       report_size(bytes).s, report_size(guest->memory).s);
}

/* Has the working set recorded, of runs as they will be: they import what they asked for. */
static int import_probe(const struct import *import, struct vmm_err *err)
{
    const struct layer_guest *guest = import->guest;
    struct probe probe = {.open = guest->open, .arg = guest->arg, .keep = guest->keep};
    char *code = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&code, &len);
    int rc;

    for (size_t i = 0; out != NULL && i < guest->module_count; i++) {
        if (!import->left_out[i]) {
            fprintf(out, "import %s\n", guest->modules[i]);
        }
    }
    if (out == NULL || fputs("print(1)\n", out) < 0 || fclose(out) != 0) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    probe.code = code;
    rc = probe_state(&probe, import->fd, err);
    free(code);
    return rc;
}

static int import_files(struct import *import, struct vmm_err *err)
{
    const struct layer_guest *guest = import->guest;
    int rc = 0;

    if (import->files.bytes >= guest->memory) {
        return does_not_fit(guest, import->files.bytes, err);
    }
    for (int tries = 0; rc == 0 && (rc = make_once(import, err)) == 1; rc = 0) {
        if (++tries == IMPORT_TRIES) {
            memset(import->left_out, true, guest->module_count);
        }
    }
    if (rc == -EFBIG) {
        rc = does_not_fit(guest, import->files.bytes, err);
    }
    return rc == 0 ? import_probe(import, err) : rc;
}

int layer_guest_make(const struct layer_guest *guest, int fd, struct vmm_err *err)
{
    char word[PATH_MAX + sizeof(":" PACKAGES_SITE)];
    const char *words[] = {word, NULL};
    const struct copy_options options = {
        .in = {.items = words, .count = 1},
        .max_bytes = UINT64_MAX,
        .max_entries = UINT64_MAX,
    };
    struct import import = {
        .guest = guest,
        .left_out = calloc(guest->module_count + 1, sizeof(bool)),
        .fd = fd,
    };
    int rc;

    if (import.left_out == NULL) {
        (void)vmm_err_set(err, ENOMEM, "out of memory");
        return -ENOMEM;
    }
    snprintf(word, sizeof(word), "%s:" PACKAGES_SITE, guest->tree);
    rc = copies_list(&options, "/", NULL, &import.files, err);
    rc = rc == 0 ? import_files(&import, err) : rc;
    copies_free(&import.files);
    free(import.left_out);
    return rc;
}
