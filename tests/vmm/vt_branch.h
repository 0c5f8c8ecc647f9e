// SPDX-License-Identifier: Apache-2.0
/*
 * What tests of checkpoints share (vt_checkpoint.c): machines whose guest fills memory, sums it up,
 * and asks for the next run. All that can be checked is checked.
 */
#ifndef VT_BRANCH_H
#define VT_BRANCH_H

#include "vt.h"

#define MIB (1ull << 20)

/* The memory that the tests use: below the end of the image's data, after it where writes are
 * logged, and far after it. Of the last two a copy has logged memory where its checkpoint has
 * pages. */
#define AREAS      3
#define AREA_PAGES 200
extern const uint64_t branch_areas[AREAS];

struct vmm_snapshot *branch_base(void);
struct vmm *branch_copy(struct vmm_snapshot *snap);
struct vmm_snapshot *branch_checkpoint(struct vmm *vm);
void branch_rewind_to(struct vmm *vm, struct vmm_snapshot *snap);

/* Runs one turn and returns the number that it has said. */
uint64_t branch_turn(struct vmm *vm, const char *name, const char *arg);
void branch_fill(struct vmm *vm, uint64_t at, uint64_t pages, uint64_t value);
uint64_t branch_sum(struct vmm *vm, uint64_t at, uint64_t pages);

#endif
