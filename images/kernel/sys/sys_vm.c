// SPDX-License-Identifier: Apache-2.0
/*
 * Reading and writing the memory of another process: process_vm_readv and process_vm_writev. Only
 * one address space is loaded at a time, so the bytes go through a buffer of the kernel.
 */
#include "proc/proc.h"
#include "sysproto.h"

#include <linux/uio.h>

/* One side's buffers, of which *now is what is left of the current one. */
struct side {
    vaddr_t next; /* the iovec after the current one, in the caller's memory */
    u64 left;     /* how many of them follow */
    struct iovec now;
};

/* Goes on to a buffer that has bytes. The first answer 0 is the end. */
static int side_advance(struct side *s)
{
    while (s->now.iov_len == 0 && s->left > 0) {
        if (copy_from_user(&s->now, s->next, sizeof(s->now)) != 0) {
            return -EFAULT;
        }
        s->next += sizeof(s->now);
        s->left--;
    }
    return s->now.iov_len > 0;
}

static void side_take(struct side *s, size_t n)
{
    s->now.iov_base = (char *)s->now.iov_base + n;
    s->now.iov_len -= n;
}

/* How much can be moved at once: what is left of the current buffer's page. */
static size_t side_room(const struct side *s)
{
    return MIN(s->now.iov_len, PAGE_SIZE - ((vaddr_t)s->now.iov_base & PAGE_MASK));
}

/* Looks at all lengths first, as Linux does: with a bad one nothing is moved. */
static int side_begin(struct side *s, vaddr_t iov, u64 count)
{
    struct iovec one;

    if (count > UIO_MAXIOV) {
        return -EINVAL;
    }
    *s = (struct side){.next = iov, .left = count};
    for (u64 k = 0; k < count; k++) {
        if (copy_from_user(&one, iov + k * sizeof(one), sizeof(one)) != 0) {
            return -EFAULT;
        }
        if ((s64)one.iov_len < 0) {
            return -EINVAL;
        }
    }
    return 0;
}

static int move_part(struct mm *mm, struct side *local, struct side *remote, char *buf, bool write)
{
    const size_t n = MIN(side_room(local), side_room(remote));
    const vaddr_t near = (vaddr_t)local->now.iov_base, far = (vaddr_t)remote->now.iov_base;
    int rc = write ? copy_from_user(buf, near, n) : copy_from_mm(mm, buf, far, n);

    if (rc == 0) {
        rc = write ? copy_to_mm(mm, far, buf, n) : copy_to_user(near, buf, n);
    }
    if (rc == 0) {
        side_take(local, n);
        side_take(remote, n);
    }
    return rc;
}

/* What was moved before the first failure counts. */
static long move(struct mm *mm, struct side *local, struct side *remote, bool write)
{
    char *buf = kmalloc(PAGE_SIZE);
    long done = 0;
    int rc;

    if (buf == NULL) {
        return -ENOMEM;
    }
    while ((rc = side_advance(local)) > 0 && (rc = side_advance(remote)) > 0) {
        const u64 before = local->now.iov_len;

        rc = move_part(mm, local, remote, buf, write);
        if (rc != 0) {
            break;
        }
        done += (long)(before - local->now.iov_len);
    }
    kfree(buf);
    return done > 0 ? done : rc;
}

static long vm_move(const long a[6], bool write)
{
    struct side local, remote;
    struct process *p;
    long rc;

    if (a[5] != 0) {
        return -EINVAL;
    }
    rc = side_begin(&local, (vaddr_t)a[1], (u64)a[2]);
    if (rc == 0) {
        rc = side_begin(&remote, (vaddr_t)a[3], (u64)a[4]);
    }
    if (rc != 0) {
        return rc;
    }
    p = process_find((int)a[0]);
    if (p == NULL || p->mm == NULL) {
        return -ESRCH;
    }
    if (!cred_may_look(p, false)) {
        return -EPERM;
    }
    return move(p->mm, &local, &remote, write);
}

long sys_process_vm_readv(const long a[6])
{
    return vm_move(a, false);
}

long sys_process_vm_writev(const long a[6])
{
    return vm_move(a, true);
}
