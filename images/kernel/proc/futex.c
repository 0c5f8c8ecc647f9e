// SPDX-License-Identifier: Apache-2.0
/*
 * Futexes. Waiters stand in hash buckets by the key of their word, in the order in which they came.
 * The key is the address space and the address, or for memory that processes share, the frame
 * (user_shared_word()). So private and shared futexes are the same.
 */
#include <linux/futex.h>

#include "proc/proc.h"

#define FUTEX_BUCKETS   64u
#define ROBUST_LIST_MAX 2048 /* ROBUST_LIST_LIMIT of futex(2): guards against circular lists */

struct futex_key {
    const struct mm *mm; /* NULL: the word is shared */
    u64 at;
};

struct futex_waiter {
    TAILQ_ENTRY(futex_waiter) link;
    struct thread *thread;
    struct futex_key key;
    u32 bitset;
    bool woken;
};

/* The heads are zeroes at first: a bucket becomes a list on its first use. */
static TAILQ_HEAD(futex_bucket, futex_waiter) buckets[FUTEX_BUCKETS];

static struct futex_key key_of(vaddr_t addr)
{
    paddr_t shared = user_shared_word(addr);

    return shared ? (struct futex_key){NULL, shared} : (struct futex_key){cur_proc()->mm, addr};
}

static bool same_key(struct futex_key a, struct futex_key b)
{
    return a.at == b.at && a.mm == b.mm;
}

static struct futex_bucket *bucket_of(struct futex_key key)
{
    struct futex_bucket *b = &buckets[(key.at >> 2 ^ key.at >> 8 ^ key.at >> 14) % FUTEX_BUCKETS];

    if (b->tqh_last == NULL) {
        TAILQ_INIT(b);
    }
    return b;
}

__attribute__((noinline)) static void waiter_add(struct futex_waiter *w)
{
    TAILQ_INSERT_TAIL(bucket_of(w->key), w, link);
}

static void waiter_wake(struct futex_bucket *b, struct futex_waiter *w)
{
    TAILQ_REMOVE(b, w, link);
    w->woken = true;
    thread_wake(w->thread);
}

static int futex_check(vaddr_t addr, u32 *value)
{
    if (addr % sizeof(u32) != 0) {
        return -EINVAL;
    }
    return user_get_u32(addr, value);
}

long futex_wait(vaddr_t addr, u32 val, u32 bitset, u64 deadline)
{
    struct futex_waiter w = {.thread = current, .bitset = bitset};
    u32 found;
    int rc;

    if (bitset == 0) {
        return -EINVAL;
    }
    rc = futex_check(addr, &found);
    if (rc != 0) {
        return rc;
    }
    if (found != val) {
        return -EAGAIN;
    }
    w.key = key_of(addr);
    waiter_add(&w);
    do {
        rc = thread_block(deadline, true);
    } while (rc == 0 && !w.woken);
    if (w.woken) {
        return 0;
    }
    TAILQ_REMOVE(bucket_of(w.key), &w, link); /* requeueing may have changed the key */
    return rc;
}

long futex_wake(vaddr_t addr, u32 count, u32 bitset)
{
    struct futex_key key = key_of(addr);
    struct futex_bucket *b = bucket_of(key);
    struct futex_waiter *w, *next;
    u32 woken = 0;

    if (addr % sizeof(u32) != 0 || bitset == 0) {
        return -EINVAL;
    }
    for (w = TAILQ_FIRST(b); w != NULL && woken < count; w = next) {
        next = TAILQ_NEXT(w, link);
        if (same_key(w->key, key) && (w->bitset & bitset) != 0) {
            waiter_wake(b, w);
            woken++;
        }
    }
    return woken;
}

long futex_requeue(vaddr_t from, u32 wake, u32 move, vaddr_t to, const u32 *expect)
{
    struct futex_key key, target;
    struct futex_bucket *b;
    struct futex_waiter *w, *next;
    u32 value, woken = 0, moved = 0;
    int rc = futex_check(from, &value);

    if (rc == 0) {
        rc = futex_check(to, &(u32){0});
    }
    if (rc != 0) {
        return rc;
    }
    if (expect != NULL && value != *expect) {
        return -EAGAIN;
    }
    key = key_of(from);
    target = key_of(to);
    b = bucket_of(key);
    for (w = TAILQ_FIRST(b); w != NULL && woken + moved < wake + move; w = next) {
        next = TAILQ_NEXT(w, link);
        if (!same_key(w->key, key)) {
            continue;
        }
        if (woken < wake) {
            waiter_wake(b, w);
            woken++;
        } else if (same_key(key, target)) {
            moved++;
        } else {
            TAILQ_REMOVE(b, w, link);
            w->key = target;
            waiter_add(w);
            moved++;
        }
    }
    return (long)woken + moved;
}

/* The 12-bit arguments of FUTEX_WAKE_OP are signed. */
static int sign12(u32 v)
{
    return (int)(v << 20) >> 20;
}

static int wake_op_value(u32 op, u32 old, u32 *value)
{
    u32 arg = (u32)sign12(op >> 12);

    if (op >> 28 & FUTEX_OP_OPARG_SHIFT) {
        if (arg > 31) {
            return -EINVAL;
        }
        arg = 1u << arg;
    }
    switch (op >> 28 & 7) {
    case FUTEX_OP_SET:
        *value = arg;
        return 0;
    case FUTEX_OP_ADD:
        *value = old + arg;
        return 0;
    case FUTEX_OP_OR:
        *value = old | arg;
        return 0;
    case FUTEX_OP_ANDN:
        *value = old & ~arg;
        return 0;
    case FUTEX_OP_XOR:
        *value = old ^ arg;
        return 0;
    default:
        return -ENOSYS;
    }
}

static int wake_op_compare(u32 op, u32 old)
{
    int a = (int)old, b = sign12(op);

    switch (op >> 24 & 15) {
    case FUTEX_OP_CMP_EQ:
        return a == b;
    case FUTEX_OP_CMP_NE:
        return a != b;
    case FUTEX_OP_CMP_LT:
        return a < b;
    case FUTEX_OP_CMP_LE:
        return a <= b;
    case FUTEX_OP_CMP_GT:
        return a > b;
    case FUTEX_OP_CMP_GE:
        return a >= b;
    default:
        return -ENOSYS;
    }
}

long futex_wake_op(vaddr_t a, u32 na, vaddr_t b, u32 nb, u32 op)
{
    u32 old, value, found;
    long woken, more;
    int rc = futex_check(a, &(u32){0});

    if (rc == 0) {
        rc = futex_check(b, &old);
    }
    if (rc == 0) {
        rc = wake_op_value(op, old, &value);
    }
    if (rc == 0) {
        rc = user_cmpxchg_u32(b, old, value, &found);
    }
    if (rc != 0) {
        return rc;
    }
    KASSERT(found == old); /* no thread runs between the read and the exchange */
    rc = wake_op_compare(op, old);
    if (rc < 0) {
        return rc;
    }
    woken = futex_wake(a, na, FUTEX_BITSET_MATCH_ANY);
    if (rc == 0) {
        return woken;
    }
    more = futex_wake(b, nb, FUTEX_BITSET_MATCH_ANY);
    return more < 0 ? more : woken + more;
}

/* Marks a robust lock of a thread that ends, so that the lock's next owner learns of it. */
static void robust_release(vaddr_t addr, int tid, bool pending)
{
    u32 value, found;

    if (addr % sizeof(u32) != 0 || user_get_u32(addr, &value) != 0) {
        return;
    }
    if (pending && value == 0) { /* died between unlocking and waking */
        futex_wake(addr, 1, FUTEX_BITSET_MATCH_ANY);
        return;
    }
    if ((value & FUTEX_TID_MASK) != (u32)tid) {
        return;
    }
    if (user_cmpxchg_u32(addr, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &found) != 0) {
        return;
    }
    if ((value & FUTEX_WAITERS) != 0) {
        futex_wake(addr, 1, FUTEX_BITSET_MATCH_ANY);
    }
}

static int robust_next(vaddr_t at, vaddr_t *next)
{
    int rc;

    *next = 0;
    rc = copy_from_user(next, at, sizeof(*next));
    *next &= ~1ul; /* bit 0 says priority inheritance: those locks cannot exist here */
    return rc;
}

static void robust_walk(struct thread *t)
{
    struct robust_list_head head;
    vaddr_t pending, entry;

    if (t->p->robust_head == 0 || copy_from_user(&head, t->p->robust_head, sizeof(head)) != 0) {
        return;
    }
    pending = (vaddr_t)head.list_op_pending & ~1ul;
    entry = (vaddr_t)head.list.next & ~1ul;
    for (int i = 0; i < ROBUST_LIST_MAX && entry != t->p->robust_head; i++) {
        vaddr_t next;
        int bad = robust_next(entry, &next);

        if (entry != pending) {
            robust_release(entry + (u64)head.futex_offset, t->tid, false);
        }
        if (bad) {
            return;
        }
        entry = next;
    }
    if (pending != 0) {
        robust_release(pending + (u64)head.futex_offset, t->tid, true);
    }
}

bool futex_robust_held(void)
{
    vaddr_t at = current->p->robust_head;
    struct robust_list_head head;

    return at != 0 && copy_from_user(&head, at, sizeof(head)) == 0 &&
           (((vaddr_t)head.list.next & ~1ul) != at || head.list_op_pending != NULL);
}

void futex_program_ends(void)
{
    robust_walk(current);
    current->p->robust_head = 0;
}

void futex_thread_exit(struct thread *t)
{
    u32 zero = 0;

    robust_walk(t);
    /* As on Linux, a bad address is ignored. */
    if (t->p->clear_tid != 0 && copy_to_user(t->p->clear_tid, &zero, sizeof(zero)) == 0) {
        futex_wake(t->p->clear_tid, 1, FUTEX_BITSET_MATCH_ANY);
    }
}
