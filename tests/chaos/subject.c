// SPDX-License-Identifier: Apache-2.0
/*
 * A machine that goes through a seed: the hostile run, the rewind, the comparison, the honest run,
 * and rewind and comparison again.
 */
#include "chaos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *subject_outcome_name(enum vmm_outcome_kind kind)
{
    static const char *const names[] = {
        [VMM_READY] = "ready",   [VMM_EXITED] = "exited",   [VMM_SIGNALED] = "signaled",
        [VMM_OOM] = "oom",       [VMM_TIMEOUT] = "timeout", [VMM_PIPE_CLOSED] = "pipe closed",
        [VMM_KILLED] = "killed", [VMM_PANIC] = "panic",     [VMM_BROKEN] = "broken",
        [VMM_FILES] = "files",   [VMM_CALLED] = "called",
    };
    return (size_t)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

int subject_open(struct subject *s, struct subject_kind *kind, struct why *why)
{
    struct vmm_err err;
    const struct vmm_io io = {.stdin_fd = kind->in, .stdout_fd = kind->out, .stderr_fd = -1};
    *s = (struct subject){.kind = kind};
    fault_vm(NULL);
    if (vmm_restore(kind->snap, &io, true, &s->vm, &err) < 0) {
        why_add(why, "restore: %s", err.msg);
        return -1;
    }
    /* vmm_check() brings the vCPU to rest. What is expected of the vCPU is read from KVM, not from
     * the library. */
    if (vmm_check(s->vm, &err) < 0) {
        why_add(why, "a fresh machine is not its snapshot: %s", err.msg);
    }
    if (vcpu_msr_count == 0 && vcpu_open(s->vm) < 0) {
        why_add(why, "no MSR can be read");
    }
    kind->world.msrs = vcpu_msrs;
    kind->world.msr_count = vcpu_msr_count;
    if (why->lines == 0 && vcpu_read(s->vm, &s->own) < 0) {
        why_add(why, "the vCPU cannot be read: %s", strerror(errno));
    }
    fault_vm(s->vm);
    return why->lines == 0 ? 0 : -1;
}

void subject_close(struct subject *s)
{
    fault_vm(NULL);
    vmm_destroy(s->vm);
    vcpu_free(&s->own);
    s->vm = NULL;
}

/* Sets the streams back to their start, and runs a source. */
static int run(struct subject *s, const char *name, const void *source, size_t size,
               uint64_t timeout_ns, struct vmm_outcome *o, struct vmm_err *err)
{
    const bool acts = strcmp(name, "acts") == 0;
    static const char *const env[] = {"PATH=/usr/bin:/bin", "HOME=/root", "LANG=C.UTF-8", NULL};
    const char *const argv[] = {s->kind->python ? "-c" : name, "", NULL};
    const struct vmm_run r = {
        .mode = !s->kind->python     ? HV_RUN_EXEC
                : acts && s->in_cell ? HV_RUN_CELL
                                     : HV_RUN_CODE,
        .argv = argv,
        .env = env,
        .cwd = "/tmp",
        .source = source,
        .source_len = size,
        .timeout_ns = timeout_ns,
        .deterministic = true,
        .tools = acts ? s->kind->tools : NULL,
        .files_in = acts ? &files_given : NULL,
        .files_out = acts ? &files_wanted_out : NULL,
    };
    if (ftruncate(s->kind->out, 0) < 0 || lseek(s->kind->out, 0, SEEK_SET) < 0 ||
        lseek(s->kind->in, 0, SEEK_SET) < 0) {
        return vmm_err_set(err, errno, "the streams cannot be set back: %s", strerror(errno));
    }
    int rc = vmm_run(s->vm, &r, o, err);
    return rc == 0 ? tools_answer(s->vm, o, err) : rc;
}

/* Runs the acts. The bare kernel gets them as bytes, Python gets a program that carries them
 * out. */
static struct vmm_outcome run_acts(struct subject *s, const struct script *script, struct why *why)
{
    struct vmm_err err;
    struct vmm_outcome o = {0};
    const uint8_t *bytes = (const uint8_t *)script->acts;
    size_t size = script->count * sizeof(script->acts[0]);
    char *text = NULL;
    s->in_cell = script->count % 2 == 1;
    if (s->kind->python) {
        const size_t head = strlen(s->kind->prologue);
        text = malloc(head + 2 * size + 64);
        if (text == NULL) {
            why_add(why, "out of memory");
            return o;
        }
        size_t at = (size_t)sprintf(text, "ACTS = bytes.fromhex('");
        for (size_t i = 0; i < size; i++) {
            at += (size_t)sprintf(text + at, "%02x", bytes[i]);
        }
        size = at + (size_t)sprintf(text + at, "')\n%s", s->kind->prologue);
    }
    if (run(s, "acts", text != NULL ? (const void *)text : bytes, size, s->kind->acts_ns, &o,
            &err) < 0) {
        why_add(why, "the hostile run: %s", err.msg);
    }
    free(text);
    return o;
}

static void rewind_subject(struct subject *s, bool renew, const char *after, struct why *why)
{
    struct vmm_err err;
    if ((renew ? vmm_renew(s->vm, &err) : vmm_rewind(s->vm, &err)) < 0) {
        why_add(why, "%s after %s: %s", renew ? "renewal" : "rewind", after, err.msg);
    }
}

static void look(struct subject *s, const char *after, struct why *why)
{
    struct vmm_err err;
    if (vmm_check(s->vm, &err) < 0) {
        why_add(why, "vmm_check after %s: %s", after, err.msg);
    }
    expect_rest(&s->kind->expect, s->vm, &s->own, why);
}

static void at_bell(struct vmm *vm, void *arg)
{
    struct subject *s = arg;
    struct expect *e = &s->kind->expect;
    if (s->bell_seen) {
        return;
    }
    s->bell_seen = true;
    if (s->kind->honest_text[0] == '\0') {
        (void)expect_learn_bell(e, vm, s->bell_why);
    } else {
        expect_bell(e, vm, s->bell_why);
    }
}

/* Reports the first line that differs. */
static void compare_text(const char *have, const char *want, struct why *why)
{
    size_t line = 0;
    for (size_t i = 0;; i++) {
        if (have[i] != want[i]) {
            why_add(why, "the honest run said '%.*s', a fresh machine's '%.*s'",
                    (int)strcspn(have + line, "\n"), have + line, (int)strcspn(want + line, "\n"),
                    want + line);
            return;
        }
        if (have[i] == '\0') {
            return;
        }
        line = have[i] == '\n' ? i + 1 : line;
    }
}

/* Runs the honest program and stores its output in text. The state at its first doorbell is learned
 * or compared. */
static void run_honest(struct subject *s, char *text, struct why *why)
{
    struct vmm_err err;
    struct vmm_outcome o;
    struct subject_kind *k = s->kind;
    s->bell_seen = false;
    s->bell_why = why;
    fault_bell_hook = at_bell;
    fault_bell_arg = s;
    const int rc = run(s, "honest", k->honest, k->honest != NULL ? strlen(k->honest) : 0,
                       k->honest_ns, &o, &err);
    fault_bell_hook = NULL;
    const ssize_t n = pread(k->out, text, TEXT_SIZE - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    if (rc < 0) {
        why_add(why, "the honest run: %s", err.msg);
    } else if (o.kind != VMM_EXITED || o.status != 0) {
        why_add(why, "the honest run: %s %d (%s)", subject_outcome_name(o.kind), o.status,
                o.detail);
    } else if (!s->bell_seen) {
        why_add(why, "the honest run came to no doorbell");
    }
}

static void honest(struct subject *s, struct why *why)
{
    char text[TEXT_SIZE];
    run_honest(s, text, why);
    compare_text(text, s->kind->honest_text, why);
}

struct vmm_outcome subject_step(struct subject *s, const struct script *script, enum step_way way,
                                struct why *why)
{
    s->seeds++;
    const struct vmm_outcome o = run_acts(s, script, why);
    if (why->lines > 0) {
        return o;
    }
    rewind_subject(s, way == STEP_RENEWED, "the acts", why);
    if (way != STEP_STRAIGHT) {
        look(s, "the acts", why);
    }
    expect_memory(&s->kind->expect, s->vm, why);
    if (why->lines == 0) {
        honest(s, why);
        rewind_subject(s, false, "the honest run", why);
        if (way == STEP_STRAIGHT && why->lines == 0) {
            look(s, "the honest run", why);
        }
    }
    return o;
}

int subject_learn(struct subject_kind *kind, unsigned samples, struct why *why)
{
    char text[TEXT_SIZE];
    char first[TEXT_SIZE] = "";
    kind->honest_text[0] = '\0';
    for (unsigned i = 0; i < samples && why->lines == 0; i++) {
        struct subject s;
        if (subject_open(&s, kind, why) == 0) {
            (void)expect_learn_rest(&kind->expect, s.vm, why);
            run_honest(&s, text, why);
            if (i > 0) {
                compare_text(text, first, why);
            }
            memcpy(first, text, sizeof(first));
        }
        subject_close(&s);
    }
    if (first[0] == '\0') {
        why_add(why, "the honest run says nothing");
    }
    memcpy(kind->honest_text, first, sizeof(first));
    return why->lines == 0 ? 0 : -1;
}

/* Proves that the acts really get ring 0: its selector comes back as the exit status. */
int subject_prove(struct subject_kind *kind, struct why *why)
{
    struct script script = {.count = 2};
    const struct insn *insn = insn_named("mov %cs, %eax");
    struct subject s;
    struct vmm_outcome o = {0};
    script.acts[0].op = ACT_RING0;
    script.acts[1] =
        (struct act){.op = ACT_INSN, .flags = ACT_AT_RING0, .code_len = insn->code_len};
    memcpy(script.acts[1].code, insn->code, insn->code_len);
    if (subject_open(&s, kind, why) == 0) {
        if (kind->python) {
            o = run_acts(&s, &script, why);
        } else {
            struct vmm_err err;
            if (run(&s, "ring0", NULL, 0, kind->honest_ns, &o, &err) < 0) {
                why_add(why, "%s", err.msg);
            }
        }
        if (o.kind != VMM_EXITED || o.status != HV_SEL_RING0_CS) {
            why_add(why, "the acts do not get ring 0: %s %d (%s)", subject_outcome_name(o.kind),
                    o.status, o.detail);
        }
    }
    subject_close(&s);
    return why->lines == 0 ? 0 : -1;
}
