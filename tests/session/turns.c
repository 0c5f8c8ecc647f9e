// SPDX-License-Identifier: Apache-2.0
/*
 * turns HOME [--jail]: a VM of a home, driven by its standard input; session.py is at the other
 * end.
 *
 * A request is a line of words, then bytes: MODE CONTEXT CURSOR STDIN TIMEOUT MAX_OUTPUT CWD ARGC
 * ENVC OPTC SIZE, with "-" for no context, STDIN the number of a descriptor or -1, TIMEOUT in ms.
 * The bytes are ARGC, ENVC and OPTC strings, each with its NUL, and SIZE bytes of source. Or it is
 * the line "rewind", "checkpoint", which is answered by its number, or "to N" or "copy N", which
 * go to a checkpoint in this VM and in another in its place, or "file N", which makes a checkpoint
 * of the file of another and is answered by its number, or "check", by vmm_check(). Runs have the
 * function "ask", whose calls are left open: a run that waits ends as "called", and "reply TEXT"
 * answers all open calls and goes on, in a copy, too. Answers are lines of words with bytes after
 * some: "out SIZE", "err SIZE", "record KIND SIZE", "error TEXT", "end KIND STATUS EXITS FAULTS
 * CALLS RUN_NS PAGES DETAIL", with PAGES those that the rewind before this run has copied back.
 * SIGUSR1 interrupts the run. "files HOST GUEST" gives the next run what a directory of the host
 * has.
 */
#include "pyhl/pyhl.h"
#include "tests/session/turns_files.h"
#include "vmm/abi.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STRINGS 32

#define CHECKPOINTS 32

static struct pyhl_home *home;
static struct vmm *vm;
static struct vmm_tools *tools;
static struct vmm_snapshot *checkpoints[CHECKPOINTS];
static unsigned checkpoint_count;
static const struct vmm_files_in *files_in; /* of the next run */

static void interrupt(int signo)
{
    (void)signo;
    vmm_interrupt(vm, VMM_INTERRUPT_INT);
}

static int take_output(void *arg, int stream, const void *bytes, size_t size)
{
    (void)arg;
    printf("%s %zu\n", stream == 1 ? "out" : "err", size);
    fwrite(bytes, 1, size, stdout);
    fflush(stdout);
    return 0;
}

static int take_record(void *arg, const char *kind, const void *bytes, size_t size)
{
    (void)arg;
    printf("record %s %zu\n", kind, size);
    fwrite(bytes, 1, size, stdout);
    fflush(stdout);
    return 0;
}

static struct vmm_io io = {.stdin_fd = -1, .write = take_output, .record = take_record};

static char *read_bytes(size_t size)
{
    char *bytes = calloc(1, size + 1);
    if (bytes == NULL || fread(bytes, 1, size, stdin) != size) {
        exit(2);
    }
    return bytes;
}

static char *read_string(void)
{
    char *text = NULL;
    size_t room = 0;
    if (getdelim(&text, &room, '\0', stdin) < 0) {
        exit(2);
    }
    return text;
}

static void report(const struct vmm_outcome *o)
{
    static const char *const kinds[] = {
        [VMM_READY] = "ready",  [VMM_EXITED] = "exited",   [VMM_SIGNALED] = "signaled",
        [VMM_OOM] = "oom",      [VMM_TIMEOUT] = "timeout", [VMM_OUTPUT] = "output",
        [VMM_CALLED] = "called"};
    const bool known = (size_t)o->kind < sizeof(kinds) / sizeof(kinds[0]) && kinds[o->kind];
    const struct vmm_counters *c = &o->counters;
    printf("end %s %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n",
           known ? kinds[o->kind] : "other", o->status, c->exits, c->guest_faults, c->calls,
           c->run_ns, c->rewound_pages, o->detail);
}

static int run_one(const char *line, struct vmm_err *err)
{
    char context[256], cwd[256];
    const char *argv[STRINGS] = {NULL}, *env[STRINGS] = {NULL}, *options[STRINGS] = {NULL};
    unsigned argc, envc, optc;
    uint64_t timeout_ms;
    struct vmm_run run = {
        .argv = argv, .env = env, .options = options, .cwd = cwd, .grace_ns = PYHL_GRACE_NS};
    if (sscanf(line, "%d %255s %" SCNu64 " %d %" SCNu64 " %" SCNu64 " %255s %u %u %u %zu",
               &run.mode, context, &run.cursor, &io.stdin_fd, &timeout_ms, &run.max_output, cwd,
               &argc, &envc, &optc, &run.source_len) != 11 ||
        argc >= STRINGS || envc >= STRINGS || optc >= STRINGS) {
        fprintf(stderr, "turns: not a request: %s", line);
        exit(2);
    }
    run.timeout_ns = timeout_ms * 1000000;
    for (unsigned i = 0; i < argc; i++) {
        argv[i] = read_string();
    }
    for (unsigned i = 0; i < envc; i++) {
        env[i] = read_string();
    }
    for (unsigned i = 0; i < optc; i++) {
        options[i] = read_string();
    }
    run.source = read_bytes(run.source_len);
    run.files_in = files_in;
    files_in = NULL;
    run.context = strcmp(context, "-") == 0 ? NULL : context;
    run.tools = getenv("TURNS_TOOLS") != NULL ? tools : NULL;
    io.record = getenv("TURNS_NO_RECORDS") == NULL ? take_record : NULL;
    vmm_io_set(vm, &io);
    struct vmm_outcome outcome;
    const int rc = vmm_run(vm, &run, &outcome, err);
    if (rc == 0) {
        report(&outcome);
    }
    return rc;
}

/* Answers all open calls; in a copy of a suspended run, takes it over first. */
static int reply(const char *text, struct vmm_err *err)
{
    const struct vmm_run run = {.tools = tools};
    struct vmm_call calls[STRINGS];
    struct vmm_outcome outcome;
    size_t count = 0;
    (void)vmm_take_over(vm, &run, err); /* an error where there is nothing to take over */
    int rc = vmm_calls(vm, calls, STRINGS, &count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = vmm_reply(vm, calls[i].id, text, strcspn(text, "\n"), err);
    }
    rc = rc == 0 ? vmm_resume(vm, 1000000000, &outcome, err) : rc;
    if (rc == 0) {
        report(&outcome);
    }
    return rc;
}

static int give_files(const char *line, struct vmm_err *err)
{
    char host[4096], guest[4096];
    if (sscanf(line, "files %4095s %4095s\n", host, guest) != 2 ||
        (files_in = turns_files(host, guest)) == NULL) {
        return vmm_err_set(err, EINVAL, "cannot give files: %s", line);
    }
    return 0;
}

/* Makes one more checkpoint, of a file that is written of the checkpoint *n; *n becomes its number.
 */
static int from_file(unsigned *n, struct vmm_err *err)
{
    int fd = memfd_create("checkpoint", MFD_CLOEXEC);
    int rc = fd < 0 ? vmm_err_set(err, errno, "no memfd") : 0;
    rc = rc == 0 ? vmm_checkpoint_write(checkpoints[*n], fd, err) : rc;
    rc = rc == 0 ? vmm_checkpoint_open_fd(fd, pyhl_home_snapshot(home),
                                          &checkpoints[checkpoint_count], err)
                 : rc;
    if (rc == 0) {
        *n = checkpoint_count++;
    }
    close(fd);
    return rc;
}

#define NO_BRANCH 1

/* Answers a request that is no run; NO_BRANCH for others. */
static int branch(const char *line, struct vmm_err *err)
{
    unsigned n = 0;
    int rc = NO_BRANCH;
    if (strcmp(line, "rewind\n") == 0) {
        rc = vmm_rewind(vm, err);
    } else if (strcmp(line, "checkpoint\n") == 0 && checkpoint_count < CHECKPOINTS) {
        n = checkpoint_count;
        rc = vmm_checkpoint(vm, &checkpoints[n], err);
        checkpoint_count += rc == 0;
    } else if (sscanf(line, "to %u\n", &n) == 1 && n < checkpoint_count) {
        rc = vmm_rewind_to(vm, checkpoints[n], err);
    } else if (sscanf(line, "copy %u\n", &n) == 1 && n < checkpoint_count) {
        vmm_destroy(vm);
        vm = NULL;
        rc = vmm_restore(checkpoints[n], &io, true, &vm, err);
    } else if (sscanf(line, "file %u\n", &n) == 1 && n < checkpoint_count &&
               checkpoint_count < CHECKPOINTS) {
        rc = from_file(&n, err);
    } else if (strcmp(line, "check\n") == 0) {
        rc = vmm_check(vm, err);
    } else if (strncmp(line, "files ", 6) == 0) {
        rc = give_files(line, err);
    }
    if (rc == 0) {
        printf("done %u\n", n);
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct vmm_err err;
    char *line = NULL;
    size_t room = 0;
    const struct vmm_function ask = {.name = "ask"};
    if (argc != 2 || vmm_tools_create(&ask, 1, &tools, &err) < 0 ||
        pyhl_home_open(argv[1], &home, &err) < 0 ||
        vmm_restore(pyhl_home_snapshot(home), &io, true, &vm, &err) < 0) {
        fprintf(stderr, "turns: %s\n", argc != 2 ? "usage: turns HOME" : err.msg);
        return 2;
    }
    signal(SIGUSR1, interrupt);
    while (getline(&line, &room, stdin) > 0) {
        int rc = branch(line, &err);
        if (strncmp(line, "reply ", 6) == 0) {
            rc = reply(line + 6, &err);
        }
        rc = rc == NO_BRANCH ? run_one(line, &err) : rc;
        if (rc < 0) {
            printf("error %s\n", err.msg);
        }
        fflush(stdout);
    }
    vmm_destroy(vm);
    vmm_tools_destroy(tools);
    for (unsigned i = 0; i < checkpoint_count; i++) {
        vmm_snapshot_close(checkpoints[i]);
    }
    pyhl_home_close(home);
    return 0;
}
