// SPDX-License-Identifier: Apache-2.0
/*
 * The part of vmm_int.h that is about functions of the host: sets of them (tools.c), and the calls
 * of a run (toolcalls.c).
 */
#ifndef VMM_TOOLS_INT_H
#define VMM_TOOLS_INT_H

#include "abi.h"
#include "vmm.h"

#include <stdatomic.h>

/* The functions that the run may call, and its calls (toolcalls.c). */
struct run_tools {
    const struct vmm_tools *set; /* held; NULL: none */
    void *arg;
    uint64_t left;            /* calls that may still be made */
    struct tool_calls *calls; /* made when first needed, and kept */
    atomic_size_t untold;     /* calls that were answered and of which the guest does not know */
};

/* tools.c */
const struct vmm_tools *tools_hold(const struct vmm_tools *tools); /* NULL is allowed */
void tools_drop(const struct vmm_tools *tools);
const struct vmm_function *tools_find(const struct vmm_tools *tools, const char *name);
/* Of the run frame, with its header and padded. */
const uint8_t *tools_record(const struct vmm_tools *tools, size_t *size);

/* toolcalls.c. Those of the guest's calls as outcome.c. */
int toolcalls_prepare(struct vmm *vm, const struct vmm_run *run, struct vmm_err *err);
void toolcalls_set(struct vmm *vm, const struct vmm_run *run);
int toolcalls_begin(struct vmm *vm);
void toolcalls_end(struct vmm *vm);
void toolcalls_free(struct vmm *vm);
bool toolcalls_open(struct vmm *vm); /* is a call open? */
/* Marks the requests that are open, a bit each. False: the guest has not taken all answers. */
bool toolcalls_mark(struct vmm *vm, uint64_t open[HV_REQUESTS / 64]);
/* Makes those calls once more, in a machine that was restored while they were open. */
int toolcalls_again(struct vmm *vm, const uint64_t open[HV_REQUESTS / 64]);
int toolcalls_make(struct vmm *vm, const struct hv_call *call, int64_t *ret);
int toolcalls_answered(struct vmm *vm, const struct hv_call *call, int64_t *ret);
int toolcalls_reply(struct vmm *vm, const struct hv_call *call, int64_t *ret);
int toolcalls_done(struct vmm *vm, const struct hv_call *call, int64_t *ret);

#endif
