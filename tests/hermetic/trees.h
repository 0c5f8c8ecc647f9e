// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of trees_test share: the model, which says what is in a Python session, and the
 * machines and checkpoints beside it. The model is a plain structure that is copied: it knows
 * nothing of pages, deltas or logs.
 */
#ifndef TREES_H
#define TREES_H

#include "vmm/snapshot_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS   4 /* of blocks, files and mappings each */
#define ASKS    3 /* calls that a cell can wait for at a time */
#define NO_SEED (-1)

/* Bytes that are all the same; 0 pages: it is not there. */
struct bytes {
    unsigned pages;
    unsigned value;
};

enum at {
    AT_BASE,   /* no code has run: a script, or the first cell of a session */
    AT_CELL,   /* the session waits for a cell */
    AT_CALLED, /* a cell waits for answers */
    AT_END,    /* the run has ended the machine, which can only be rewound */
};

struct state {
    enum at at;
    unsigned cells;
    unsigned folded; /* a checksum over what cells were given */
    struct bytes blocks[SLOTS], files[SLOTS], maps[SLOTS];
    bool child; /* there is a process that adds up what it is told */
    unsigned told;
    int seeded; /* what the session's random numbers follow from; NO_SEED: they are new */
    struct {
        unsigned count;
        bool open[ASKS];
        unsigned answers[ASKS];
        bool up; /* the cell has made the CPU round up */
    } asked;
};

/* Hashes of the pages that are not as in the base, ascending. */
struct print {
    size_t count;
    struct print_page {
        uint64_t number;
        uint64_t hash;
    } * pages;
};

struct node {
    struct vmm_snapshot *snap; /* NULL: free */
    struct state state;
    struct print print;
    unsigned holders; /* the list, and machines that a rewind takes there */
};

struct machine {
    struct vmm *vm;
    struct state now;
    struct node *target; /* of a rewind */
};

/* trees_test.c */
extern const char *trees_step; /* what is being done, for messages */
void trees_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
uint64_t dice(uint64_t sides);

/* trees_cells.c: what the session does, and the model beside it. */
extern const struct vmm_io trees_io;
void cells_open(struct vmm_snapshot *base);
void cells_close(void);
void cell_any(struct machine *m);       /* a cell or a script of any kind that goes in this state */
void cell_look(struct machine *m);      /* AT_CELL: compares all of the session with the model */
void cell_answer(struct machine *m);    /* AT_CALLED: answers some calls, and goes on */
void cell_take_over(struct machine *m); /* AT_CALLED, right after a rewind or a restore */
void cell_end(struct machine *m);       /* a run that ends the machine */

#endif
