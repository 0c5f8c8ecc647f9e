// SPDX-License-Identifier: Apache-2.0
/*
 * Address spaces: the list of them, and which one is loaded. The first has the tree of page tables
 * that the VMM has made, and is loaded from the start, so a machine with one process never loads
 * another. Each later one has a tree of its own. Loading a tree is a private call of the vector
 * page (cpu/switch.S), which tells the VMM of it by a mark (vmm/abi.h).
 */
#include "cpu/cpu.h"
#include "mm/mm.h"

struct mm_list mm_spaces = LIST_HEAD_INITIALIZER(mm_spaces);
static u64 *loaded; /* NULL: the first tree, since boot */

int mm_create(struct mm **out)
{
    struct mm *mm = kzalloc(sizeof(*mm));
    if (mm == NULL) {
        return -ENOMEM;
    }
    mm->root = LIST_EMPTY(&mm_spaces) ? pt_first() : root_new();
    if (mm->root == NULL) {
        kfree(mm);
        return -ENOMEM;
    }
    RB_INIT(&mm->tree);
    LIST_INIT(&mm->sites);
    mm->window_next = WINDOW_START;
    mm->refs = 1;
    LIST_INSERT_HEAD(&mm_spaces, mm, link);
    *out = mm;
    return 0;
}

void mm_ref(struct mm *mm)
{
    mm->refs++;
}

void mm_program(struct mm *mm, const void *program)
{
    mm->program = program;
    leaf_program(program);
}

bool mm_is_alone(const struct mm *mm)
{
    return mm->refs == 1 && LIST_FIRST(&mm_spaces) == mm && LIST_NEXT(mm, link) == NULL;
}

static void load(u64 *root)
{
    pt_select(root);
    if (root == (loaded != NULL ? loaded : pt_first())) {
        return;
    }
    loaded = root;
    root_load((u64)root);
}

void mm_activate(struct mm *mm)
{
    leaf_program(mm->program);
    load(mm->root);
}

void mm_leave(void)
{
    load(pt_first());
}

void mm_select(struct mm *mm)
{
    leaf_program(mm->program);
    pt_select(mm->root);
}
