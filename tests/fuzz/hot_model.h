// SPDX-License-Identifier: Apache-2.0
/*
 * What a rewind does to the hot set, with plain sets of pages of a machine whose snapshot is snap.
 * This says again, in other words, what the head of vmm/hot.c promises.
 */
#ifndef HOT_MODEL_H
#define HOT_MODEL_H

#include "fake_kvm.h"
#include "fuzz.h"
#include "vmm/snapshot_int.h"

#define MEMORY    VMM_MEMORY_MIN
#define PAGES     ((uint32_t)(MEMORY / HV_PAGE_SIZE))
#define DATA_END  ((1ull << 20) + 5 * HV_PAGE_SIZE) /* of the image; before its mapping ends */
#define IMAGE     (2ull << 20)
#define LOW       (4ull << 20)
#define LOW_PAGES ((uint32_t)(LOW / HV_PAGE_SIZE))

/* hot.c's promise in numbers. The first two are small in the hot.c that is compiled for this
 * target. */
#define LOOK_AFTER     HOT_LOOK_PAGES /* pages copied */
#define LARGE          HOT_MAX        /* a set of more pages is looked at every time */
#define PATIENCE       2u
#define PATIENCE_AGAIN 64u
#define TRIAL          32u

struct model {
    bool pending[PAGES]; /* written by the host, or read from the log: joins at the next rewind */
    bool member[PAGES];
    bool left[PAGES];    /* has been a member before */
    bool watched[PAGES]; /* holds tables, descriptors or vectors */
    bool same[PAGES];    /* as in the image at the last look */
    bool touched[PAGES]; /* written since the start of this input */
    unsigned quiet[PAGES];
    uint32_t list[PAGES]; /* the touched pages */
    uint32_t count;
    uint32_t members;
    uint64_t copied;
    uint64_t work;
    bool nested; /* nested paging: tables never leave; joining forgets no translations */
    bool looked; /* the last rewind looked at all members */
    bool much;   /* the last run had memory from ram_low on */
    bool trials; /* a trial may have happened */
};

static struct model model;
static struct vmm_snapshot *snap;

static inline void touch(uint32_t page)
{
    if (!model.touched[page]) {
        model.touched[page] = true;
        model.list[model.count++] = page;
    }
}

static inline bool differs(const struct vmm *vm, uint32_t page)
{
    const uint64_t at = (uint64_t)page * HV_PAGE_SIZE;
    return model.touched[page] && memcmp(vm->ram + at, snap->pristine + at, HV_PAGE_SIZE) != 0;
}

/* Pages in KVM's log become pending: the log is read. */
static inline void model_collect(void)
{
    for (uint32_t i = 0; i < model.count; i++) {
        const uint32_t page = model.list[i];
        model.pending[page] = model.pending[page] || fake_is_dirty((uint64_t)page * HV_PAGE_SIZE);
    }
}

/* Pending pages join the set. True when a watched page is among those that are new in it. */
static inline bool model_join(void)
{
    bool stale = false;
    for (uint32_t i = 0; i < model.count; i++) {
        const uint32_t page = model.list[i];
        if (model.pending[page] && !model.member[page]) {
            model.member[page] = true;
            model.members++;
            model.quiet[page] = 0;
            stale = stale || (model.watched[page] && !model.nested);
        }
        model.pending[page] = false;
    }
    return stale;
}

static inline unsigned model_patience(uint32_t page)
{
    if (model.members > LARGE) {
        return 1;
    }
    return model.left[page] ? PATIENCE_AGAIN : PATIENCE;
}

/* A look: members leave that were the same as in the image for long enough. Memory counts as it
 * is before the copy. */
static inline void model_look(const struct vmm *vm)
{
    uint32_t leaving = 0;
    uint32_t candidates = 0;
    for (uint32_t i = 0; i < model.count; i++) {
        const uint32_t page = model.list[i];
        if (!model.member[page]) {
            continue;
        }
        model.same[page] = !differs(vm, page);
        const bool stays = model.nested && model.watched[page];
        model.quiet[page] = model.same[page] && !stays ? model.quiet[page] + 1 : 0;
        candidates += model.quiet[page] > 0 && model.quiet[page] + 1 >= model_patience(page);
        if (model.quiet[page] >= model_patience(page)) {
            model.quiet[page] = UINT32_MAX;
            leaving++;
        }
    }
    model.trials = model.trials || (candidates > TRIAL && model.members <= LARGE);
    for (uint32_t i = 0; leaving > 0 && i < model.count; i++) {
        const uint32_t page = model.list[i];
        if (model.member[page] && model.quiet[page] == UINT32_MAX) {
            model.member[page] = false;
            model.left[page] = model.left[page] || model.members <= LARGE;
        }
    }
    model.members -= leaving;
    model.copied = 0;
    model.looked = true;
}

/* Called when a run had no memory from ram_low on, and the run before it had some: members after
 * the end of the image's data leave that are as in the image. */
static inline void model_after_much(const struct vmm *vm, uint32_t end)
{
    const bool few = model.members <= LARGE;
    for (uint32_t i = 0; i < model.count; i++) {
        const uint32_t page = model.list[i];
        model.same[page] = !differs(vm, page);
        if (model.member[page] && page >= end && model.same[page]) {
            model.member[page] = false;
            model.left[page] = model.left[page] || few;
            model.members--;
        }
    }
    model.copied += model.members;
    model.looked = true;
}

static inline void model_drop_watched(void)
{
    for (uint32_t i = 0; i < model.count; i++) {
        const uint32_t page = model.list[i];
        if (model.member[page] && model.watched[page]) {
            model.member[page] = false;
            model.members--;
        }
    }
}

static inline void check_invariant(const struct vmm *vm)
{
    for (uint32_t i = 0; i < model.count; i++) {
        const uint32_t page = model.list[i];
        MUST(!differs(vm, page) || model.member[page] || model.pending[page] || page >= LOW_PAGES);
    }
}

#endif
