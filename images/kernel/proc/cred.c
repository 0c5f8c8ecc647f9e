// SPDX-License-Identifier: Apache-2.0
/*
 * The rules for credentials: what changes of user numbers and execve(2) do to them, and what one
 * process may do to another.
 */
#include <linux/securebits.h>

#include "proc/proc.h"

/* What a user number of 0 for the file system stands for (capabilities(7)). */
#define CAPS_OF_FILES                                                                              \
    (CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_DAC_READ_SEARCH) |               \
     CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_LINUX_IMMUTABLE) |                    \
     CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_MAC_OVERRIDE))

static bool secure_bit(const struct cred *c, int bit)
{
    return (c->securebits >> bit & 1) != 0;
}

bool cred_in_group(const struct cred *c, u32 gid)
{
    bool found = gid == c->gid[ID_FS];

    for (u32 k = 0; k < c->ngroups && !found; k++) {
        found = c->groups[k] == gid;
    }
    return found;
}

static bool any_root(const u32 uid[ID_KINDS])
{
    return uid[ID_REAL] == 0 || uid[ID_EFFECTIVE] == 0 || uid[ID_SAVED] == 0;
}

void cred_uids_changed(struct cred *now, const struct cred *before)
{
    if (secure_bit(now, SECURE_NO_SETUID_FIXUP)) {
        return;
    }
    if (any_root(before->uid) && !any_root(now->uid)) {
        if (!secure_bit(now, SECURE_KEEP_CAPS)) {
            now->cap_permitted = now->cap_effective = 0;
        }
        now->cap_ambient = 0;
    }
    if (before->uid[ID_EFFECTIVE] == 0 && now->uid[ID_EFFECTIVE] != 0) {
        now->cap_effective = 0;
    }
    if (before->uid[ID_EFFECTIVE] != 0 && now->uid[ID_EFFECTIVE] == 0) {
        now->cap_effective = now->cap_permitted;
    }
}

void cred_fsuid_changed(struct cred *now, const struct cred *before)
{
    if (secure_bit(now, SECURE_NO_SETUID_FIXUP)) {
        return;
    }
    if (before->uid[ID_FS] == 0 && now->uid[ID_FS] != 0) {
        now->cap_effective &= ~CAPS_OF_FILES;
    }
    if (before->uid[ID_FS] != 0 && now->uid[ID_FS] == 0) {
        now->cap_effective |= now->cap_permitted & CAPS_OF_FILES;
    }
}

void cred_set(struct process_full *pf, const struct cred *now)
{
    const struct cred *old = &pf->cred;

    if (old->uid[ID_EFFECTIVE] != now->uid[ID_EFFECTIVE] || old->uid[ID_FS] != now->uid[ID_FS] ||
        old->gid[ID_EFFECTIVE] != now->gid[ID_EFFECTIVE] || old->gid[ID_FS] != now->gid[ID_FS] ||
        (now->cap_permitted & ~old->cap_permitted) != 0) {
        pf->dumpable = 0;
        pf->pdeathsig = 0;
    }
    pf->cred = *now;
}

/* capabilities(7), "Transformation of capabilities during execve()". Files have none of their own,
 * but to root they seem to have all. */
static void exec_caps(struct cred *c, bool changed)
{
    bool root = !secure_bit(c, SECURE_NOROOT);

    if (changed) {
        c->cap_ambient = 0;
    }
    if (root && (c->uid[ID_EFFECTIVE] == 0 || c->uid[ID_REAL] == 0)) {
        c->cap_permitted = c->cap_bounding | c->cap_inheritable;
    } else {
        c->cap_permitted = c->cap_ambient;
    }
    c->cap_effective = root && c->uid[ID_EFFECTIVE] == 0 ? c->cap_permitted : c->cap_ambient;
    c->securebits &= ~(1u << SECURE_KEEP_CAPS);
}

void cred_of_program(u32 mode, u32 uid, u32 gid, struct cred *out, bool *secure)
{
    const u32 set_uid = 04000, set_gid = 02000, group_exec = 010;
    const struct process_full *pf = process_full(cur_proc());
    const struct cred *old = &pf->cred;
    bool changed;

    *out = *old;
    if ((mode & set_uid) != 0 && !pf->no_new_privs) {
        out->uid[ID_EFFECTIVE] = uid;
    }
    if ((mode & set_gid) != 0 && (mode & group_exec) != 0 && !pf->no_new_privs) {
        out->gid[ID_EFFECTIVE] = gid;
    }
    changed = out->uid[ID_EFFECTIVE] != old->uid[ID_EFFECTIVE] ||
              !cred_in_group(old, out->gid[ID_EFFECTIVE]);
    out->uid[ID_SAVED] = out->uid[ID_FS] = out->uid[ID_EFFECTIVE];
    out->gid[ID_SAVED] = out->gid[ID_FS] = out->gid[ID_EFFECTIVE];
    exec_caps(out, changed);
    *secure = changed || out->uid[ID_EFFECTIVE] != old->uid[ID_REAL] ||
              out->gid[ID_EFFECTIVE] != old->gid[ID_REAL] ||
              (out->uid[ID_REAL] != 0 && (out->cap_effective & ~out->cap_ambient) != 0);
}

static bool all_ids(const u32 id[ID_KINDS], u32 mine)
{
    return id[ID_REAL] == mine && id[ID_EFFECTIVE] == mine && id[ID_SAVED] == mine;
}

bool cred_may_look(struct process *at, bool fs)
{
    const struct process_full *to = process_full(at);
    const struct cred *mine = &process_full(cur_proc())->cred;
    const int kind = fs ? ID_FS : ID_REAL;

    if (at == cur_proc() || cred_has(mine, CAP_SYS_PTRACE)) {
        return true;
    }
    return all_ids(to->cred.uid, mine->uid[kind]) && all_ids(to->cred.gid, mine->gid[kind]) &&
           to->dumpable == 1 &&
           (to->cred.cap_permitted & ~(fs ? mine->cap_effective : mine->cap_permitted)) == 0;
}

bool cred_may_signal(const struct cred *to)
{
    const struct cred *from = &process_full(cur_proc())->cred;
    u32 effective = from->uid[ID_EFFECTIVE], real = from->uid[ID_REAL];

    return cred_has(from, CAP_KILL) || effective == to->uid[ID_REAL] ||
           effective == to->uid[ID_SAVED] || real == to->uid[ID_REAL] || real == to->uid[ID_SAVED];
}
