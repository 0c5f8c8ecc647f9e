// SPDX-License-Identifier: Apache-2.0
/*
 * The frame of vmm_test: tests are functions in tables, one table a file; a failed check prints
 * where and ends its test. Output of a machine is collected through pipes or memory files.
 */
#ifndef VT_H
#define VT_H

#include "vmm/abi.h"
#include "vmm/vmm.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vt_test {
    const char *name;
    void (*fn)(void);
};

extern const struct vt_test vt_outcome_tests[];
extern const struct vt_test vt_io_tests[];
extern const struct vt_test vt_write_tests[];
extern const struct vt_test vt_bounds_tests[];
extern const struct vt_test vt_streams_tests[];
extern const struct vt_test vt_time_tests[];
extern const struct vt_test vt_kernel_tests[];
extern const struct vt_test vt_snapshot_tests[];
extern const struct vt_test vt_rewind_tests[];
extern const struct vt_test vt_ring0_tests[];
extern const struct vt_test vt_renew_tests[];
extern const struct vt_test vt_jail_tests[];
extern const struct vt_test vt_jail_vm_tests[];
extern const struct vt_test vt_slots_tests[];
extern const struct vt_test vt_high_tests[];
extern const struct vt_test vt_discard_tests[];
extern const struct vt_test vt_scale_tests[];
extern const struct vt_test vt_policy_tests[];
extern const struct vt_test vt_workset_tests[];
extern const struct vt_test vt_patch_tests[];
extern const struct vt_test vt_freed_tests[];
extern const struct vt_test vt_infile_tests[];
extern const struct vt_test vt_fault_tests[];
extern const struct vt_test vt_counters_tests[];
extern const struct vt_test vt_turns_tests[];
extern const struct vt_test vt_handles_tests[];
extern const struct vt_test vt_record_tests[];
extern const struct vt_test vt_files_tests[];
extern const struct vt_test vt_checkpoint_tests[];
extern const struct vt_test vt_takeover_tests[];
extern const struct vt_test vt_handover_tests[];
extern const struct vt_test vt_trees_tests[];
extern const struct vt_test vt_limit_tests[];
extern const struct vt_test vt_abi_tests[];
extern const struct vt_test vt_tools_tests[];
extern const struct vt_test vt_called_tests[];

void vt_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), noreturn));

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            vt_fail(__FILE__, __LINE__, "%s", #cond);                                              \
        }                                                                                          \
    } while (0)
#define CHECK_INT(have, want)                                                                      \
    do {                                                                                           \
        long long have_ = (have), want_ = (want);                                                  \
        if (have_ != want_) {                                                                      \
            vt_fail(__FILE__, __LINE__, "%s is %lld, not %lld", #have, have_, want_);              \
        }                                                                                          \
    } while (0)
/* A library call that must succeed; err is a struct vmm_err in scope. */
#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != 0) {                                                                         \
            vt_fail(__FILE__, __LINE__, "%s: %s", #call, err.msg);                                 \
        }                                                                                          \
    } while (0)
/* A library call that must fail with this errno and a message with these words. */
#define FAILS(call, code_, words)                                                                  \
    do {                                                                                           \
        int have_ = (call);                                                                        \
        if (have_ != -(code_) || err.code != (code_) || strstr(err.msg, (words)) == NULL) {        \
            vt_fail(__FILE__, __LINE__, "%s: %d (%s), not %d (%s)", #call, have_,                  \
                    have_ != 0 ? err.msg : "", -(code_), (words));                                 \
        }                                                                                          \
    } while (0)

#define VT_TEXT_OF(x) #x
#define VT_TEXT(x)    VT_TEXT_OF(x)

/* The files made by rules.mk and the initrd made at the start. */
#define VT_INITRD_SIZE 5000u
extern char vt_kernel[256];
extern char vt_kernel_other[256];
extern char vt_initrd[64];
extern struct vmm_io vt_no_io;

/* A deadline that only a hanging run reaches, on an emulated CPU too. */
#define VT_TIMEOUT 50000000000ull

/* The address from which the guest's "dirty", "rewrite" and "look" go upwards. */
#define VT_FIRST 0x800000ull

/* A machine of 16 MiB that is ready for a run. */
struct vmm *vt_boot(const struct vmm_io *io);
/* Runs `name arg` in a ready machine. */
struct vmm_outcome vt_run(struct vmm *vm, const char *name, const char *arg);
struct vmm_outcome vt_run_for(struct vmm *vm, const char *name, const char *arg,
                              uint64_t timeout_ns);
#define VT_SHORT 300000000ull  /* a deadline */
#define VT_LATE  2000000000ull /* the most that a run may be over it */
/* Runs a case that does not end by itself, which its deadline must end, and destroys the machine.
 */
void vt_stuck(struct vmm *vm, const char *name, const char *arg);
/* Boots a machine for one run of its own. */
struct vmm_outcome vt_once(const char *name, const char *arg);
void vt_is(const char *file, int line, const struct vmm_outcome *o, enum vmm_outcome_kind kind,
           int status, const char *words);
#define IS(outcome, kind, status, words)                                                           \
    do {                                                                                           \
        struct vmm_outcome o_ = (outcome);                                                         \
        vt_is(__FILE__, __LINE__, &o_, kind, status, words);                                       \
    } while (0)

int vt_memfd(const char *content, size_t size);
/* The whole content of a memory file, NUL-terminated, to be freed. */
char *vt_content(int fd, size_t *size);
/* A snapshot, in a memory file, of a machine ready for its first run. */
int vt_snapshot(const struct vmm_key *key);
struct vmm_snapshot *vt_snapshot_open(void);
/* A snapshot of a machine with so much memory, whose last byte that is not zero is the one below
 * data; with 0 it is one of the kernel. */
struct vmm_snapshot *vt_snapshot_sized(uint64_t memory, hv_gpa_t data);
/* Sets the parts of a policy that this host leaves no choice about to what it needs. */
struct policy;
void vt_policy_fit(struct policy *policy);
/* Where the CPU's walks of page tables count as writes to them: how many of the tiny kernel's
 * tables may be in the dirty log though nobody wrote them. Elsewhere 0. */
uint64_t vt_walked_tables(void);
uint64_t vt_now(void);

#endif
