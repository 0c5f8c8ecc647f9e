// SPDX-License-Identifier: Apache-2.0
/*
 * Steps of the rewind test on one machine. Each subject belongs to one thread. Lines on stdout are
 * never mixed, because each is one printf().
 */
#include "rewind_test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define RUN_LIMIT_NS (60000 * NS_PER_MS)
#define FAILURES_MAX 5u
#define TEXT_SIZE    4096u
#define FILES_LEAST  (3u << 20) /* bytes that come out of a run with files */

void subject_fail(struct subject *s, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (s->failures++ < FAILURES_MAX) {
        printf("%s: %s\n", s->part, text);
    }
}

/* Takes records; those of the kind "kind" are zeroes. */
static int on_record(void *arg, const char *kind, const void *bytes, size_t size)
{
    unsigned sum = 0;
    (void)arg;
    for (size_t at = 0; at < size; at += HV_PAGE_SIZE) {
        sum |= ((const unsigned char *)bytes)[at];
    }
    return strcmp(kind, "kind") != 0 || sum == 0 ? 0 : -EBADMSG;
}

int subject_open(struct subject *s, const char *part, struct vmm_snapshot *snap)
{
    struct vmm_err err;
    *s = (struct subject){.part = part, .snap = snap};
    s->in = memfd_create("stdin", MFD_CLOEXEC);
    s->out = memfd_create("stdout", MFD_CLOEXEC);
    const struct vmm_io io = {
        .stdin_fd = s->in, .stdout_fd = s->out, .stderr_fd = -1, .record = on_record};
    if (s->in < 0 || s->out < 0 || ftruncate(s->in, INPUT_SIZE) < 0 ||
        tools_make(&s->tools, &err) < 0 || vmm_restore(snap, &io, true, &s->vm, &err) < 0) {
        subject_fail(s, "cannot restore: %s", s->out < 0 || s->in < 0 ? "no memfd" : err.msg);
        return -1;
    }
    return 0;
}

void subject_close(struct subject *s)
{
    vmm_destroy(s->vm);
    vmm_tools_destroy(s->tools);
    os_close(s->in);
    os_close(s->out);
}

struct killer {
    struct vmm *vm;
    unsigned ms;
};

static void *killer_main(void *arg)
{
    const struct killer *k = arg;
    const struct timespec ts = os_timespec(k->ms * NS_PER_MS);
    (void)nanosleep(&ts, NULL);
    vmm_interrupt(k->vm, VMM_INTERRUPT_KILL);
    return NULL;
}

/* The script with its comment, which the caller frees. */
static char *script_source(const struct script *script, size_t *size)
{
    const size_t code = strlen(script->code);
    *size = code + 2 + script->comment;
    char *source = malloc(*size);
    if (source != NULL) {
        memcpy(source, script->code, code);
        memcpy(source + code, "\n#", 2);
        memset(source + code + 2, 'x', script->comment);
    }
    return source;
}

/* Runs the cell that comes before. It must end well. */
static int subject_before(struct subject *s, struct vmm_run run, const char *code,
                          struct vmm_outcome *outcome, struct vmm_err *err)
{
    run.timeout_ns = RUN_LIMIT_NS;
    run.cpu_ns = 0;
    run.source = code;
    run.source_len = strlen(code);
    int rc = vmm_run(s->vm, &run, outcome, err);
    if (rc == 0 && (outcome->kind != VMM_READY || outcome->status != 0)) {
        rc = vmm_err_set(err, EPROTO, "the cell before ended as %d, status %d", (int)outcome->kind,
                         outcome->status);
    }
    return rc;
}

int subject_run(struct subject *s, const struct script *script, struct vmm_outcome *outcome,
                char *text, size_t size)
{
    static const char *const argv[] = {"-c", NULL};
    static const char *const env[] = {"PATH=/usr/bin:/bin", "HOME=/root", "LANG=C.UTF-8", NULL};
    size_t source_len;
    char *source = script_source(script, &source_len);
    struct files_taken taken = {0};
    const struct vmm_files_out files_out = files_taking(&taken);
    const struct vmm_run run = {
        .mode = script->before == NULL ? HV_RUN_CODE : HV_RUN_CELL,
        .argv = argv,
        .env = env,
        .cwd = "/tmp",
        .source = source,
        .source_len = source_len,
        .timeout_ns = script->timeout_ns != 0 ? script->timeout_ns : RUN_LIMIT_NS,
        .cpu_ns = script->cpu_ns,
        .memory = script->memory,
        .tools = s->tools,
        .files_in = script->files ? &files_given : NULL,
        .files_out = script->files ? &files_out : NULL,
    };
    struct vmm_err err;
    int rc = source != NULL ? 0 : vmm_err_set(&err, ENOMEM, "out of memory");
    if (rc == 0 && script->before != NULL) {
        rc = subject_before(s, run, script->before, outcome, &err);
    }
    struct killer killer = {s->vm, script->kill_ms};
    pthread_t thread;
    const bool kills =
        rc == 0 && script->kill_ms != 0 && pthread_create(&thread, NULL, killer_main, &killer) == 0;
    (void)ftruncate(s->out, 0);
    (void)lseek(s->out, 0, SEEK_SET);
    (void)lseek(s->in, 0, SEEK_SET);
    rc = rc == 0 ? vmm_run(s->vm, &run, outcome, &err) : rc;
    rc = rc == 0 && script->answers ? tools_answer(s->vm, outcome, &err) : rc;
    free(source);
    if (kills) {
        (void)pthread_join(thread, NULL);
    }
    if (rc < 0) {
        subject_fail(s, "%s: %s", script->name, err.msg);
        return -1;
    }
    if (script->files && script->out != NULL &&
        (taken.entries < 6 || taken.bytes < FILES_LEAST || taken.failed > 0)) {
        subject_fail(s, "%s: %u entries came, %u did not, with %zu bytes", script->name,
                     taken.entries, taken.failed, taken.bytes);
    }
    const ssize_t n = pread(s->out, text, size - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return 0;
}

int subject_rewind(struct subject *s, const char *after)
{
    struct vmm_err err;
    if (vmm_rewind(s->vm, &err) < 0) {
        subject_fail(s, "rewind after %s: %s", after, err.msg);
        return -1;
    }
    if (vmm_check(s->vm, &err) < 0) {
        subject_fail(s, "check after %s: %s", after, err.msg);
        return -1;
    }
    return 0;
}

int subject_compare(struct subject *s, const char *after)
{
    const uint64_t size = s->snap->header.memory;
    for (uint64_t at = 0; at < size; at += HV_PAGE_SIZE) {
        if (memcmp(s->vm->ram + at, s->snap->pristine + at, HV_PAGE_SIZE) != 0) {
            subject_fail(s, "after %s the page at 0x%llx differs from the snapshot", after,
                         (unsigned long long)at);
            return -1;
        }
    }
    return 0;
}

static const char *kind_name(enum vmm_outcome_kind kind)
{
    static const char *const names[] = {
        [VMM_READY] = "ready",   [VMM_EXITED] = "exited",   [VMM_SIGNALED] = "signaled",
        [VMM_OOM] = "oom",       [VMM_TIMEOUT] = "timeout", [VMM_PIPE_CLOSED] = "pipe closed",
        [VMM_KILLED] = "killed", [VMM_PANIC] = "panic",     [VMM_BROKEN] = "broken",
        [VMM_OUTPUT] = "output", [VMM_FILES] = "files",     [VMM_CPU] = "cpu",
        [VMM_CALLED] = "called", [VMM_CALLS] = "calls",
    };
    return (size_t)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

void subject_step(struct subject *s, const struct script *script)
{
    struct vmm_outcome o;
    char text[TEXT_SIZE];
    if (subject_run(s, script, &o, text, sizeof(text)) == 0) {
        if (!script->any_end && (o.kind != script->kind ||
                                 (script->status != ANY_STATUS && o.status != script->status))) {
            subject_fail(s, "%s: %s %d (%s), expected %s %d", script->name, kind_name(o.kind),
                         o.status, o.detail, kind_name(script->kind), script->status);
        }
        if (script->out != NULL && strcmp(text, script->out) != 0) {
            subject_fail(s, "%s printed '%.200s'", script->name, text);
        }
    }
    (void)subject_rewind(s, script->name);
}

/* The small script must print the same whenever it runs. */
static void subject_look(struct subject *s, const char *after, char *first)
{
    struct vmm_outcome o;
    char text[TEXT_SIZE];
    if (subject_run(s, &script_small, &o, text, sizeof(text)) < 0) {
        return;
    }
    if (first[0] == '\0') {
        (void)snprintf(first, TEXT_SIZE, "%s", text);
    }
    if (o.kind != VMM_EXITED || o.status != 0 || text[0] == '\0' || strcmp(text, first) != 0) {
        subject_fail(s, "after %s a run (%s %d) sees '%.200s', not '%.200s'", after,
                     kind_name(o.kind), o.status, text, first);
    }
    (void)subject_rewind(s, "look");
}

void subject_mix(struct subject *s, unsigned steps, unsigned seed)
{
    char first[TEXT_SIZE] = "";
    subject_look(s, "nothing", first);
    for (unsigned i = 0; i < steps && s->failures < FAILURES_MAX; i++) {
        /* First all scripts in order, then random ones. */
        seed = seed * 1664525u + 1013904223u;
        const struct script *script = &scripts[(i < script_count ? i : seed >> 8) % script_count];
        subject_step(s, script);
        if (i % 2 == 0) {
            subject_look(s, script->name, first);
        }
    }
}
