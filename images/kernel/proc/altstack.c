// SPDX-License-Identifier: Apache-2.0
/*
 * sigaltstack(2): a thread's alternate signal stack, and whether the thread runs on it.
 */
#include "proc/proc.h"

bool altstack_active(const struct thread *t, u64 sp)
{
    const struct proc_thread *p = t->p;

    if ((p->alt_flags & SS_AUTODISARM) != 0) { /* such a stack is off while a handler runs on it */
        return false;
    }
    return sp > p->alt_sp && sp - p->alt_sp <= p->alt_size;
}

void altstack_get(const struct thread *t, u64 sp, stack_t *out)
{
    const struct proc_thread *p = t->p;

    memset(out, 0, sizeof(*out));
    out->ss_sp = (void *)p->alt_sp;
    out->ss_size = p->alt_size;
    out->ss_flags = (int)(p->alt_flags & SS_AUTODISARM);
    if (p->alt_size == 0) {
        out->ss_flags |= SS_DISABLE;
    } else if (altstack_active(t, sp)) {
        out->ss_flags |= SS_ONSTACK;
    }
}

int altstack_set(struct thread *t, u64 sp, const stack_t *in)
{
    struct proc_thread *p = t->p;
    u32 mode = (u32)in->ss_flags & ~SS_AUTODISARM;

    if (altstack_active(t, sp)) {
        return -EPERM;
    }
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0) {
        return -EINVAL;
    }
    if (mode == SS_DISABLE) {
        p->alt_sp = p->alt_size = 0;
        p->alt_flags = SS_DISABLE;
        return 0;
    }
    if (in->ss_size < MINSIGSTKSZ) {
        return -ENOMEM;
    }
    p->alt_sp = (u64)in->ss_sp;
    p->alt_size = in->ss_size;
    p->alt_flags = (u32)in->ss_flags & SS_AUTODISARM;
    return 0;
}
