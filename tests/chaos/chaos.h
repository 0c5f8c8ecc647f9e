// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of the chaos test share, grouped by file. A subject is one machine that runs the
 * scripts of seeds. It has to equal the snapshot's file, read as a file, and other machines that
 * were restored freshly. It is never compared with what the library keeps for its rewinds.
 */
#ifndef CHAOS_H
#define CHAOS_H

#include "acts.h"
#include "vmm/snapshot_int.h"

#define TEXT_SIZE  8192u
#define WHY_SIZE   2048u
#define WHY_LINES  12u
#define PAGE_WORDS (HV_PAGE_SIZE / 8u)

/* why.c: differences, a line each. The first WHY_LINES are kept in words, the rest are counted. */
struct why {
    char text[WHY_SIZE];
    size_t used;
    unsigned lines;
};
void why_add(struct why *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* random.c: one stream of numbers per seed. */
struct rng {
    uint64_t state;
};
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n);
bool rng_percent(struct rng *r, unsigned percent);

/* insns.c: instructions that are worth executing where they should not be. */
struct insn {
    const char *name;
    uint8_t code_len;
    uint8_t code[ACT_CODE_MAX];
    uint32_t flags; /* ACT_SCRATCH: rbx is an address */
};
extern const struct insn insns[];
extern const size_t insn_count;
const struct insn *insn_named(const char *name); /* ends the program if there is none */
const char *insn_name(const uint8_t *code, uint8_t len);

/* script.c: acts from a seed. */
struct script {
    struct act acts[ACTS_MAX];
    size_t count;
};
struct script_world {
    bool python;
    const char *without; /* an instruction that is not used, by name, or NULL */
    uint64_t ram_size;
    uint64_t data_end; /* after the image's last data */
    uint64_t kernel_start;
    uint64_t kernel_text_end;
    uint64_t tables[64]; /* pages that are page tables */
    size_t table_count;
    const uint32_t *msrs;
    size_t msr_count;
};
void script_make(const struct script_world *world, uint64_t seed, struct script *script);
void script_describe(const struct act *act, char *text, size_t size);

/* vcpu.c: all of a vCPU as words. */
struct vcpu_words {
    uint64_t *w;
    size_t count;
};
/* Finds out which MSRs there are. Call it once, before the first vcpu_read(). */
int vcpu_open(struct vmm *vm);
extern uint32_t vcpu_msrs[];
extern size_t vcpu_msr_count;
int vcpu_read(struct vmm *vm, struct vcpu_words *words);
void vcpu_name(size_t word, char *text, size_t size);
bool vcpu_is_vector(size_t word);
void vcpu_free(struct vcpu_words *words);

/* expect.c: what memory and vCPU have to be, at rest and at the first doorbell of an honest run. */
struct expect_page {
    uint64_t gpa;
    uint64_t words[PAGE_WORDS];
    uint64_t free[PAGE_WORDS / 64]; /* a bit a word: the word differs between fresh machines */
};
struct expect {
    uint8_t *image; /* read from the file with pread */
    uint64_t image_size;
    uint64_t ram_size;
    struct expect_page *pages; /* of the first doorbell, where they are not the image; ascending */
    size_t page_count;
    struct vcpu_words rest;
    uint8_t *rest_free; /* a byte a word: 0 or WORD_* */
    struct vcpu_words bell;
    uint8_t *bell_free;
    unsigned samples; /* fresh machines looked at, at the doorbell */
};
int expect_open(struct expect *e, int fd, uint64_t ram_size);
void expect_close(struct expect *e);
void expect_memory(const struct expect *e, const struct vmm *vm, struct why *why);
int expect_learn_rest(struct expect *e, struct vmm *vm, struct why *why);
void expect_rest(const struct expect *e, struct vmm *vm, const struct vcpu_words *own,
                 struct why *why); /* own: this machine's words right after its restore */
int expect_learn_bell(struct expect *e, struct vmm *vm, struct why *why);
void expect_bell(const struct expect *e, struct vmm *vm, struct why *why);
/* Names the words that are not compared at the doorbell, because they differ between fresh
 * machines. */
void expect_free_words(const struct expect *e, void (*each)(const char *name, void *arg),
                       void *arg);

/* faults.c: parts of the library that can be left out, by name. The last row has NULL. */
struct fault {
    const char *name;
    const char *what;
    const char *shows; /* a pattern that the differences must contain */
    bool pvm_only;     /* it has no effect on hardware KVM */
};
extern const struct fault faults[];
int fault_choose(const char *name);
/* When set, it is called at each doorbell. */
extern void (*fault_bell_hook)(struct vmm *vm, void *arg);
extern void *fault_bell_arg;
void fault_vm(struct vmm *vm); /* sets the machine whose vCPU the fault is for */

/* A kind of machine, and one of its machines. */
struct subject_kind {
    const char *name;
    bool python;
    struct vmm_snapshot *snap;
    struct vmm_tools *tools; /* of the acts */
    struct script_world world;
    struct expect expect;
    char *prologue; /* of a Python run: its source, after the acts */
    char *honest;
    int in; /* streams */
    int out;
    char honest_text[TEXT_SIZE];
    uint64_t acts_ns; /* how long a hostile run may take */
    uint64_t honest_ns;
};
struct subject {
    struct subject_kind *kind;
    struct vmm *vm;
    struct vcpu_words own; /* right after its restore */
    uint64_t seeds;        /* run since the restore */
    bool bell_seen;
    struct why *bell_why;
    bool in_cell; /* the hostile run is a cell of a session */
};
/* files.c: of the acts */
extern const struct vmm_files_in files_given;
extern const struct vmm_files_out files_wanted_out;

/* tools.c */
int tools_make(struct vmm_tools **tools, struct vmm_err *err);
/* Goes on with a run that waits for functions, until it has ended, or for some time. */
int tools_answer(struct vmm *vm, struct vmm_outcome *outcome, struct vmm_err *err);
/* kinds.c */
int subject_kind_bare(struct subject_kind *kind, const char *dir, struct why *why);
int subject_kind_python(struct subject_kind *kind, const char *dir, const char *home,
                        struct why *why);
void subject_kind_close(struct subject_kind *kind);
/* subject.c */
int subject_learn(struct subject_kind *kind, unsigned samples, struct why *why);
int subject_prove(struct subject_kind *kind, struct why *why); /* proves that the acts get ring 0 */
int subject_open(struct subject *s, struct subject_kind *kind, struct why *why);
void subject_close(struct subject *s);
const char *subject_outcome_name(enum vmm_outcome_kind kind);
/* How the machine is put back after the acts. */
enum step_way {
    STEP_LOOKED, /* by a rewind; looked at, which brings the vCPU to rest, before the honest run */
    STEP_STRAIGHT, /* by a rewind; entered at once, as users do; the vCPU is looked at afterwards */
    STEP_RENEWED,  /* by vmm_renew(); looked at before the honest run */
};
/* Runs one seed's script, then checks everything that must be as before. */
struct vmm_outcome subject_step(struct subject *s, const struct script *script, enum step_way way,
                                struct why *why);

#endif
