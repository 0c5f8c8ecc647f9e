// SPDX-License-Identifier: Apache-2.0
/*
 * Reads a script's metadata in a VM, by metadata.py. The VM lives in a jailed child. What it says
 * comes back as text in a file without a name, and is taken apart here as any text from a guest:
 * lines of known kinds, and each requirement fit to stand in a line of its own.
 */
#include "child.h"
#include "metadata.h"
#include "outcome.h"
#include "pyhl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_MAX (1u << 20)
#define TIMEOUT_NS 20000000000ull

/* The text of metadata.py. */
__asm__(".section .rodata\n"
        ".hidden metadata_program\n"
        ".globl metadata_program\n"
        "metadata_program:\n"
        "    .incbin \"pyhl/metadata.py\"\n"
        "    .byte 0\n"
        ".previous\n");
extern const char metadata_program[] __attribute__((visibility("hidden")));

struct reading {
    const char *home;
    const char *args[3];
    int answer; /* a memfd */
};

static int read_in_vm(const struct reading *reading, struct vmm *vm, struct vmm_err *err)
{
    const struct pyhl_run run = {
        .code = metadata_program,
        .args = reading->args,
        .timeout_ns = TIMEOUT_NS,
        .max_output = ANSWER_MAX,
    };
    const struct outcome_limits limits = {
        .timeout = "the time limit", .timeout_ns = TIMEOUT_NS, .max_output = ANSWER_MAX};
    struct vmm_outcome outcome;
    char text[OUTCOME_TEXT];
    int rc = pyhl_run(vm, &run, &outcome, err);

    if (rc < 0 || (outcome.kind == VMM_EXITED && outcome.status == 0)) {
        return rc;
    }
    outcome_text(&outcome, &limits, text);
    return vmm_err_set(err, EIO, "reading the script's metadata in a VM: %s", text);
}

static void metadata_work(void *arg, int report)
{
    const struct reading *reading = arg;
    const struct vmm_io io = {
        .stdin_fd = -1, .stdout_fd = reading->answer, .stderr_fd = -1, .plain = true};
    const int outputs[] = {report, reading->answer};
    struct pyhl_home *home = NULL;
    struct vmm *vm = NULL;
    struct vmm_err err;
    int rc = pyhl_home_open(reading->home, &home, &err);

    if (rc == 0) {
        rc = vmm_restore(pyhl_home_snapshot(home), &io, false, &vm, &err);
    }
    if (rc == 0) {
        rc = child_jail(vm, outputs, 2, -1, &err);
    }
    if (rc == 0) {
        rc = read_in_vm(reading, vm, &err);
    }
    child_tell(report, rc, &err, NULL);
    vmm_destroy(vm);
    pyhl_home_close(home);
}

/* What the VM has said, NUL-terminated. */
static int take_answer(int fd, char **text, struct vmm_err *err)
{
    struct stat st;
    size_t size;

    if (fstat(fd, &st) < 0) {
        return vmm_err_set(err, errno, "fstat: %s", strerror(errno));
    }
    size = st.st_size < ANSWER_MAX ? (size_t)st.st_size : ANSWER_MAX;
    *text = malloc(size + 1);
    if (*text == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    if (pread(fd, *text, size, 0) != (ssize_t)size) {
        free(*text);
        *text = NULL;
        return vmm_err_set(err, EIO, "the answer of the VM cannot be read");
    }
    (*text)[size] = 0;
    return 0;
}

static int metadata_ask(struct reading *reading, char **text, struct vmm_err *err)
{
    struct child child = {0};
    int rc;

    reading->answer = memfd_create("metadata", MFD_CLOEXEC);
    if (reading->answer < 0) {
        return vmm_err_set(err, errno, "memfd_create: %s", strerror(errno));
    }
    rc = child_start(&child, metadata_work, reading, &reading->answer, 1, err);
    if (rc == 0) {
        rc = child_step(&child, NULL, err);
        child_end(&child);
    }
    if (rc == 0) {
        rc = take_answer(reading->answer, text, err);
    }
    close(reading->answer);
    return rc == -EINVAL ? -(err->code = EIO) : rc;
}

/* Whether a requirement is a name with more after it, in one line of printable characters: never an
 * option of uv. */
static bool is_requirement(const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            return false;
        }
    }
    return (*text >= '0' && *text <= '9') || ((*text | 0x20) >= 'a' && (*text | 0x20) <= 'z');
}

/* If the line begins with the word, what comes after it. */
static char *after(char *line, const char *word)
{
    const size_t len = strlen(word);

    return strncmp(line, word, len) == 0 && line[len] == ' ' ? line + len + 1 : NULL;
}

static int refused(const char *name, char *said, struct vmm_err *err)
{
    char *text;
    const unsigned long line = strtoul(said, &text, 10);

    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            *c = '?';
        }
    }
    return vmm_err_set(err, EINVAL, "%s:%lu: script metadata:%s", name, line, text);
}

/* Takes the answer apart, in place. Its last line must be `end`. */
static int understand(const char *name, struct metadata *out, struct vmm_err *err)
{
    size_t count = 0;
    char *rest = out->text, *line, *value;

    while ((line = strsep(&rest, "\n")) != NULL && strcmp(line, "end") != 0) {
        if ((value = after(line, "error")) != NULL) {
            return refused(name, value, err);
        }
        if ((value = after(line, "requirement")) != NULL && is_requirement(value)) {
            out->requirements[count++] = value;
        } else if ((value = after(line, "exclude-newer")) != NULL && is_requirement(value)) {
            out->exclude_newer = value;
        } else if (strcmp(line, "satisfied") == 0) {
            out->satisfied = true;
        } else {
            line = NULL;
            break;
        }
    }
    return line != NULL ? 0
                        : vmm_err_set(err, EIO,
                                      "%s: script metadata: the home's image cannot read it", name);
}

static size_t count_newlines(const char *text)
{
    size_t count = 0;

    for (; (text = strchr(text, '\n')) != NULL; text++) {
        count++;
    }
    return count;
}

int metadata_read(const char *home, const char *name, const struct metadata_block *block,
                  struct metadata *out, struct vmm_err *err)
{
    struct reading reading = {.home = home};
    char line[24];
    int rc;

    *out = (struct metadata){0};
    snprintf(line, sizeof(line), "%zu", block->line);
    reading.args[0] = block->text;
    reading.args[1] = line;
    rc = metadata_ask(&reading, &out->text, err);
    if (rc < 0) {
        return rc;
    }
    out->requirements = calloc(count_newlines(out->text) + 1, sizeof(*out->requirements));
    rc = out->requirements != NULL ? understand(name, out, err)
                                   : vmm_err_set(err, ENOMEM, "out of memory");
    if (rc < 0) {
        metadata_free(out);
    }
    return rc;
}

void metadata_free(struct metadata *metadata)
{
    free(metadata->requirements);
    free(metadata->text);
    *metadata = (struct metadata){0};
}
