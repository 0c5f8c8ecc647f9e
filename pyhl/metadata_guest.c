// SPDX-License-Identifier: Apache-2.0
/*
 * Has a VM read a script's metadata, by metadata.py. The VM lives in a jailed child. What it says
 * comes back as text in a file without a name.
 */
#include "child.h"
#include "metadata_guest.h"
#include "outcome.h"
#include "pyhl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT_NS 20000000000ull

/* The text of metadata.py. */
__asm__(".section .rodata\n"
        ".hidden metadata_guest_program\n"
        ".globl metadata_guest_program\n"
        "metadata_guest_program:\n"
        "    .incbin \"pyhl/metadata.py\"\n"
        "    .byte 0\n"
        ".previous\n");

struct reading {
    const char *home;
    const char *args[3];
    int answer; /* a memfd */
};

static int read_in_vm(const struct reading *reading, struct vmm *vm, struct vmm_err *err)
{
    const struct pyhl_run run = {
        .code = metadata_guest_program,
        .args = reading->args,
        .timeout_ns = TIMEOUT_NS,
        .max_output = METADATA_ANSWER_MAX,
    };
    const struct outcome_limits limits = {
        .timeout = "the time limit", .timeout_ns = TIMEOUT_NS, .max_output = METADATA_ANSWER_MAX};
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
    size = st.st_size < METADATA_ANSWER_MAX ? (size_t)st.st_size : METADATA_ANSWER_MAX;
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

int metadata_guest_ask(const char *home, const char *text, size_t line, char **answer,
                       struct vmm_err *err)
{
    char number[24];
    struct reading reading = {.home = home, .args = {text, number}};
    struct child child = {0};
    int rc;

    snprintf(number, sizeof(number), "%zu", line);
    reading.answer = memfd_create("metadata", MFD_CLOEXEC);
    if (reading.answer < 0) {
        return vmm_err_set(err, errno, "memfd_create: %s", strerror(errno));
    }
    rc = child_start(&child, metadata_work, &reading, &reading.answer, 1, err);
    if (rc == 0) {
        rc = child_step(&child, NULL, err);
        child_end(&child);
    }
    if (rc == 0) {
        rc = take_answer(reading.answer, answer, err);
    }
    close(reading.answer);
    return rc;
}
