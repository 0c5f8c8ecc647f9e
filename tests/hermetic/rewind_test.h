// SPDX-License-Identifier: Apache-2.0
/*
 * What the rewind test's files share: the scripts, one step of a mix (run, compare the outcome,
 * rewind, compare memory), and the report of a failure. A step that fails is reported once, and the
 * part goes on.
 */
#ifndef REWIND_TEST_H
#define REWIND_TEST_H

#include "vmm/snapshot_int.h"

#include <pthread.h>

#define ANY_STATUS (-1)

/* One script and how it must end. */
struct script {
    const char *name;
    const char *code;
    const char *before; /* a cell of a session that comes before; then the code is a cell, too */
    size_t comment;     /* a comment of so many bytes is added: pages that only the host writes */
    enum vmm_outcome_kind kind;
    int status;
    uint64_t timeout_ns; /* of the run; 0: a minute, and reaching it is a failure */
    uint64_t cpu_ns;     /* limits of the run; 0: none */
    uint64_t memory;
    unsigned kill_ms; /* vmm_interrupt(VMM_INTERRUPT_KILL) after so long; 0: not */
    const char *out;  /* its standard output, NULL for any */
    bool any_end;     /* kind is only the usual one */
    bool files;       /* it gets the files, and must leave some that come out */
    bool answers;     /* the calls of functions that it waits for are answered; else it is left */
};

/* rewind_scripts.c */
extern const struct script scripts[];
extern const size_t script_count;
extern const struct script script_vectors; /* computes in x87 and SSE registers */
extern const struct script script_big;     /* writes 200 MB */
extern const struct script script_medium;  /* writes 8 MB */
extern const struct script script_small;   /* prints what it finds */
extern const struct script script_clock;   /* prints wall and monotonic time */

/* A machine with its standard streams in memfds; INPUT_SIZE bytes to read. */
#define INPUT_SIZE 300000u

struct subject {
    const char *part;
    struct vmm *vm;
    struct vmm_snapshot *snap;
    struct vmm_tools *tools;
    int in;
    int out;
    unsigned failures;
};

/* rewind_tools.c: the functions "echo", which answers at once, and "open", which does not. */
int tools_make(struct vmm_tools **tools, struct vmm_err *err);
/* Answers all calls by their arguments, and goes on, until the run waits no more. */
int tools_answer(struct vmm *vm, struct vmm_outcome *outcome, struct vmm_err *err);

/* rewind_files.c: files that each run finds at /in, and takes from /out; what came is counted. */
extern const struct vmm_files_in files_given;
struct files_taken {
    unsigned entries, failed;
    size_t bytes;
};
struct vmm_files_out files_taking(struct files_taken *taken);

/* rewind_shadow.c: 64 processes by turns, of whose page tables KVM must drop none. */
void shadow_step(struct subject *s);

/* rewind_mix.c */
int subject_open(struct subject *s, const char *part, struct vmm_snapshot *snap);
void subject_close(struct subject *s);
void subject_fail(struct subject *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Runs one script, and puts what it printed, up to size - 1 bytes, into text. */
int subject_run(struct subject *s, const struct script *script, struct vmm_outcome *outcome,
                char *text, size_t size);
/* Rewinds, then asks vmm_check(). 0 or -1 after reporting. */
int subject_rewind(struct subject *s, const char *after);
/* Compares all memory by itself, not by vmm_check(). */
int subject_compare(struct subject *s, const char *after);
/* Runs, compares the outcome, rewinds, checks. */
void subject_step(struct subject *s, const struct script *script);
/* Runs `steps` of the scripts, and the small one after every second: it must always print the
 * same. */
void subject_mix(struct subject *s, unsigned steps, unsigned seed);

#endif
