// SPDX-License-Identifier: Apache-2.0
/*
 * Credentials (credentials(7), capabilities(7)). They belong to the process: all its threads have
 * the same.
 */
#ifndef PROC_CRED_H
#define PROC_CRED_H

#include <linux/capability.h>

#include "kernel.h"

#define CAPS_ALL   ((1ull << (CAP_LAST_CAP + 1)) - 1)
#define CAP_BIT(n) (1ull << (n))
#define GROUPS_MAX 32

enum { ID_REAL, ID_EFFECTIVE, ID_SAVED, ID_FS, ID_KINDS };

struct cred {
    u32 uid[ID_KINDS];
    u32 gid[ID_KINDS];
    u32 ngroups;
    u32 groups[GROUPS_MAX]; /* the least first */
    u64 cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
    u32 securebits;
};

static inline bool cred_has(const struct cred *c, int cap)
{
    return (c->cap_effective & CAP_BIT(cap)) != 0;
}

struct process_full;

/* proc/cred.c */
bool cred_in_group(const struct cred *c, u32 gid); /* of the file system's or the other groups */
/* What a change of user numbers does to the capabilities. */
void cred_uids_changed(struct cred *now, const struct cred *before);
void cred_fsuid_changed(struct cred *now, const struct cred *before);
/* Gives the process new credentials. When it has gained something, or is somebody else, others may
 * not look into it any more (PR_SET_DUMPABLE). */
void cred_set(struct process_full *pf, const struct cred *now);
/* The credentials of the program that the current process is about to execute, a file with this
 * mode and owner. secure: for AT_SECURE. */
void cred_of_program(u32 mode, u32 uid, u32 gid, struct cred *out, bool *secure);
/* May the current process look into that one (ptrace(2), "Ptrace access mode checking")? fs: its
 * numbers for the file system count, and not the real ones. */
bool cred_may_look(struct process *at, bool fs);
/* May the current process signal that one, as far as numbers count (kill(2))? */
bool cred_may_signal(const struct cred *to);

#endif
