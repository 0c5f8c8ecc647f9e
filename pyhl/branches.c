// SPDX-License-Identifier: Apache-2.0
/*
 * A list of checkpoints. A fork is a checkpoint and a rewind to it: so the new branch is a copy of
 * the machine, with random numbers of its own, and the old one waits as a checkpoint.
 */
#include "branches.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

struct branches {
    struct branch items[BRANCHES_MAX + 1]; /* one is the branch that the machine is in */
    size_t count;
    uint64_t max_bytes;
};

int branches_open(uint64_t max_bytes, struct branches **out, struct vmm_err *err)
{
    struct branches *b = calloc(1, sizeof(*b));

    *out = b;
    if (b == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    b->items[0] = (struct branch){.name = BRANCHES_FIRST, .is_branch = true};
    b->count = 1;
    b->max_bytes = max_bytes != 0 ? max_bytes : BRANCHES_BYTES;
    return 0;
}

void branches_close(struct branches *branches)
{
    if (branches == NULL) {
        return;
    }
    for (size_t i = 0; i < branches->count; i++) {
        vmm_snapshot_close(branches->items[i].snap);
    }
    free(branches);
}

int branches_name_check(const char *name, struct vmm_err *err)
{
    const size_t good = strspn(name, NAME_CHARACTERS);

    return good > 0 && name[good] == 0 && good <= BRANCHES_NAME && name[0] != '-'
               ? 0
               : vmm_err_set(err, EINVAL,
                             "a name has 1 to %u of the characters a-z A-Z 0-9 . _ -, and begins "
                             "with another one than -",
                             BRANCHES_NAME);
}

static struct branch *branches_find(struct branches *b, const char *name)
{
    for (size_t i = 0; i < b->count; i++) {
        if (strcmp(b->items[i].name, name) == 0) {
            return &b->items[i];
        }
    }
    return NULL;
}

/* The place of the branch that the machine is in: the only item without a state. */
static size_t branches_place(const struct branches *b)
{
    size_t i = 0;

    while (b->items[i].snap != NULL) {
        i++;
    }
    return i;
}

static struct branch *branches_current(struct branches *b)
{
    return &b->items[branches_place(b)];
}

static void branches_remove(struct branches *b, struct branch *item)
{
    vmm_snapshot_close(item->snap);
    b->count--;
    memmove(item, item + 1, (size_t)(b->items + b->count - item) * sizeof(*item));
}

/* The memory of all kept states but one. */
static uint64_t branches_memory(const struct branches *b, const struct branch *but)
{
    struct vmm_snapshot_info info;
    uint64_t sum = 0;

    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i].snap != NULL && &b->items[i] != but) {
            vmm_snapshot_info(b->items[i].snap, &info);
            sum += info.delta_memory;
        }
    }
    return sum;
}

/* Makes a checkpoint, which takes the place of `old` if that is not NULL. */
static int branches_make(const struct branches *b, struct vmm *vm, const struct branch *old,
                         struct vmm_snapshot **out, struct vmm_err *err)
{
    struct vmm_snapshot_info info;
    uint64_t memory;
    int rc;

    *out = NULL;
    if (b->count > BRANCHES_MAX && (old == NULL || old->snap == NULL)) {
        return vmm_err_set(err, ENOSPC,
                           "%u states are kept, which is the most; %%drop NAME forgets one",
                           BRANCHES_MAX);
    }
    rc = vmm_checkpoint(vm, out, err);
    if (rc < 0) {
        return rc;
    }
    vmm_snapshot_info(*out, &info);
    memory = info.delta_memory + branches_memory(b, old);
    if (memory > b->max_bytes) {
        vmm_snapshot_close(*out);
        return vmm_err_set(err, ENOSPC,
                           "the kept states would take %s of memory, and --checkpoint-limit is %s; "
                           "%%drop NAME forgets one",
                           report_size(memory).s, report_size(b->max_bytes).s);
    }
    return 0;
}

/* Puts a state at the end of the list, or the branch that goes on. The caller has seen that there
 * is room. */
static void branches_add(struct branches *b, const char *name, struct vmm_snapshot *snap,
                         bool is_branch)
{
    struct branch *item = &b->items[b->count++];

    *item = (struct branch){.snap = snap, .is_branch = is_branch, .made_ns = report_now()};
    (void)snprintf(item->name, sizeof(item->name), "%s", name);
}

int branches_keep(struct branches *branches, struct vmm *vm, const char *name, struct vmm_err *err)
{
    struct vmm_snapshot *snap = NULL;
    struct branch *old = branches_find(branches, name);
    int rc = branches_name_check(name, err);

    if (rc < 0) {
        return rc;
    }
    if (old != NULL && old->is_branch) {
        return vmm_err_set(err, EEXIST, "that is the name of a branch");
    }
    rc = branches_make(branches, vm, old, &snap, err);
    if (rc < 0) {
        return rc;
    }
    if (old != NULL) {
        branches_remove(branches, old);
    }
    branches_add(branches, name, snap, false);
    return 0;
}

/* After an error the machine refuses to run, because the checkpoint has its base. */
static int branches_go(struct vmm *vm, struct vmm_snapshot *snap, bool *lost, struct vmm_err *err)
{
    const int rc = vmm_rewind_to(vm, snap, err);

    *lost = rc < 0;
    return rc;
}

int branches_rewind(struct branches *branches, struct vmm *vm, const char *name, bool *lost,
                    struct vmm_err *err)
{
    const struct branch *to = NULL;

    *lost = false;
    if (name != NULL) {
        to = branches_find(branches, name);
        if (to == NULL) {
            return vmm_err_set(err, ENOENT,
                               "there is no such checkpoint; %%checkpoints lists them");
        }
        if (to->is_branch) {
            return vmm_err_set(err, ENOENT, "that is a branch: %%switch %s goes there", name);
        }
    }
    for (size_t i = branches->count; to == NULL && i > 0; i--) {
        to = branches->items[i - 1].is_branch ? NULL : &branches->items[i - 1];
    }
    if (to == NULL) {
        return vmm_err_set(err, ENOENT, "there is no checkpoint; %%checkpoint NAME makes one");
    }
    return branches_go(vm, to->snap, lost, err);
}

/* The branch that the machine is in waits from now on; NULL: it has no state. */
static void branches_leave(struct branches *b, struct vmm_snapshot *snap)
{
    struct branch *item = branches_current(b);

    item->snap = snap;
    item->made_ns = report_now();
}

/* A name for a branch that has got none. */
static void branches_invent(struct branches *b, char name[BRANCHES_NAME + 1])
{
    unsigned number = 1;

    do {
        (void)snprintf(name, BRANCHES_NAME + 1, "fork-%u", number++);
    } while (branches_find(b, name) != NULL);
}

int branches_fork(struct branches *branches, struct vmm *vm, const char *name, bool *lost,
                  struct vmm_err *err)
{
    char invented[BRANCHES_NAME + 1];
    struct vmm_snapshot *snap = NULL;
    int rc;

    *lost = false;
    branches_invent(branches, invented);
    name = name != NULL ? name : invented;
    rc = branches_name_check(name, err);
    if (rc < 0) {
        return rc;
    }
    if (branches_find(branches, name) != NULL) {
        return vmm_err_set(err, EEXIST, "that name is taken; %%drop %s forgets what has it", name);
    }
    rc = branches_make(branches, vm, NULL, &snap, err);
    if (rc < 0) {
        return rc;
    }
    branches_leave(branches, snap);
    branches_add(branches, name, NULL, true);
    return branches_go(vm, snap, lost, err);
}

int branches_switch(struct branches *branches, struct vmm *vm, const char *name, bool gone,
                    bool *lost, struct vmm_err *err)
{
    struct branch *to = branches_find(branches, name), *from = branches_current(branches);
    struct vmm_snapshot *left = NULL, *there = NULL;
    int rc;

    *lost = false;
    if (to == NULL || !to->is_branch) {
        return vmm_err_set(err, ENOENT, "%s",
                           to == NULL ? "there is no such branch; %checkpoints lists them"
                                      : "that is a checkpoint: %rewind goes there");
    }
    if (to == from) {
        return gone ? vmm_err_set(err, ENOENT, "that is the branch whose state is lost") : 0;
    }
    rc = gone ? 0 : branches_make(branches, vm, to, &left, err);
    if (rc < 0) {
        return rc;
    }
    there = to->snap;
    branches_leave(branches, left);
    to->snap = NULL;
    if (gone) {
        branches_remove(branches, from);
    }
    rc = branches_go(vm, there, lost, err);
    vmm_snapshot_close(there); /* the machine holds it */
    return rc;
}

int branches_drop(struct branches *branches, const char *name, struct vmm_err *err)
{
    struct branch *item = branches_find(branches, name);

    if (item == NULL) {
        return vmm_err_set(err, ENOENT, "there is no such name; %%checkpoints lists them");
    }
    if (item->snap == NULL) {
        return vmm_err_set(err, EBUSY, "the session is in that branch; %%switch to another first");
    }
    branches_remove(branches, item);
    return 0;
}

const char *branches_here(const struct branches *branches)
{
    return branches->items[branches_place(branches)].name;
}

const struct branch *branches_get(const struct branches *branches, size_t i)
{
    return i < branches->count ? &branches->items[i] : NULL;
}

bool branches_any(const struct branches *branches)
{
    return branches->count > 1;
}
