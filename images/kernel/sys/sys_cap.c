// SPDX-License-Identifier: Apache-2.0
/*
 * Capabilities (capabilities(7)): the sets of a process, and what prctl(2) does to them.
 */
#include <linux/prctl.h>
#include <linux/securebits.h>

#include "proc/proc.h"
#include "sysproto.h"

/* Checks the header. Returns the number of data words of its version, or an error. For an
 * unknown version, *probe is set and the program's header gets the version that the kernel
 * prefers (capget(2)). */
static int cap_header(vaddr_t addr, bool *probe, int *pid)
{
    struct __user_cap_header_struct h;
    u32 ours = _LINUX_CAPABILITY_VERSION_3;

    *probe = false;
    if (copy_from_user(&h, addr, sizeof(h)) != 0) {
        return -EFAULT;
    }
    *pid = h.pid;
    if (h.version == _LINUX_CAPABILITY_VERSION_1) {
        return 1;
    }
    if (h.version != _LINUX_CAPABILITY_VERSION_2 && h.version != _LINUX_CAPABILITY_VERSION_3) {
        *probe = true;
        return copy_to_user(addr, &ours, sizeof(ours)) != 0 ? -EFAULT : -EINVAL;
    }
    return 2;
}

long sys_capget(const long a[6])
{
    struct __user_cap_data_struct d[2];
    const struct thread *t;
    const struct cred *c;
    bool probe;
    int pid, words = cap_header((vaddr_t)a[0], &probe, &pid);

    if (words < 0) {
        return probe && a[1] == 0 && words == -EINVAL ? 0 : words;
    }
    t = pid == 0 ? current : thread_find_any(pid);
    if (pid < 0 || t == NULL) {
        return pid < 0 ? -EINVAL : -ESRCH;
    }
    if (a[1] == 0) {
        return 0;
    }
    c = &process_full(t->proc)->cred;
    for (int i = 0; i < 2; i++) {
        d[i].effective = (u32)(c->cap_effective >> 32 * i);
        d[i].permitted = (u32)(c->cap_permitted >> 32 * i);
        d[i].inheritable = (u32)(c->cap_inheritable >> 32 * i);
    }
    return copy_to_user((vaddr_t)a[1], d, (size_t)words * sizeof(d[0]));
}

static long caps_set(u64 effective, u64 permitted, u64 inheritable)
{
    struct cred c = *cur_cred();
    u64 may_inherit = c.cap_inheritable | c.cap_bounding;

    if (!cred_has(&c, CAP_SETPCAP)) {
        may_inherit &= c.cap_inheritable | c.cap_permitted;
    }
    if ((permitted & ~c.cap_permitted) != 0 || (effective & ~permitted) != 0 ||
        (inheritable & ~may_inherit) != 0) {
        return -EPERM;
    }
    c.cap_effective = effective;
    c.cap_permitted = permitted;
    c.cap_inheritable = inheritable;
    c.cap_ambient &= permitted & inheritable;
    cred_set(process_full(cur_proc()), &c);
    return 0;
}

long sys_capset(const long a[6])
{
    struct __user_cap_data_struct d[2] = {0};
    bool probe;
    int pid, words = cap_header((vaddr_t)a[0], &probe, &pid);

    if (words < 0) {
        return words;
    }
    if (pid != 0 && thread_find(pid) == NULL) {
        return -EPERM;
    }
    if (copy_from_user(d, (vaddr_t)a[1], (size_t)words * sizeof(d[0])) != 0) {
        return -EFAULT;
    }
    return caps_set((d[0].effective | (u64)d[1].effective << 32) & CAPS_ALL,
                    (d[0].permitted | (u64)d[1].permitted << 32) & CAPS_ALL,
                    (d[0].inheritable | (u64)d[1].inheritable << 32) & CAPS_ALL);
}

static long drop_bounding(struct cred *c, u64 cap)
{
    if (!cred_has(c, CAP_SETPCAP)) {
        return -EPERM;
    }
    if (cap > CAP_LAST_CAP) {
        return -EINVAL;
    }
    c->cap_bounding &= ~CAP_BIT(cap);
    return 0;
}

static long change_ambient(struct cred *c, u64 what, u64 cap)
{
    if (what == PR_CAP_AMBIENT_CLEAR_ALL) {
        c->cap_ambient = 0;
        return cap == 0 ? 0 : -EINVAL;
    }
    if (cap > CAP_LAST_CAP) {
        return -EINVAL;
    }
    switch (what) {
    case PR_CAP_AMBIENT_IS_SET:
        return (c->cap_ambient & CAP_BIT(cap)) != 0;
    case PR_CAP_AMBIENT_RAISE:
        if ((c->cap_permitted & c->cap_inheritable & CAP_BIT(cap)) == 0 ||
            (c->securebits & SECBIT_NO_CAP_AMBIENT_RAISE) != 0) {
            return -EPERM;
        }
        c->cap_ambient |= CAP_BIT(cap);
        return 0;
    case PR_CAP_AMBIENT_LOWER:
        c->cap_ambient &= ~CAP_BIT(cap);
        return 0;
    default:
        return -EINVAL;
    }
}

/* A bit whose lock is set does not change, and a lock stays. */
static long change_securebits(struct cred *c, u64 bits)
{
    u32 locked = (c->securebits & SECURE_ALL_LOCKS) >> 1;

    if ((bits & ~(u64)(SECURE_ALL_BITS | SECURE_ALL_LOCKS)) != 0 ||
        ((c->securebits ^ bits) & locked) != 0 || (c->securebits & SECURE_ALL_LOCKS & ~bits) != 0 ||
        !cred_has(c, CAP_SETPCAP)) {
        return -EPERM;
    }
    c->securebits = (u32)bits;
    return 0;
}

static long keep_caps(struct cred *c, u64 on)
{
    if (on > 1) {
        return -EINVAL;
    }
    if ((c->securebits & SECBIT_KEEP_CAPS_LOCKED) != 0) {
        return -EPERM;
    }
    c->securebits &= ~(u32)SECBIT_KEEP_CAPS;
    c->securebits |= on != 0 ? SECBIT_KEEP_CAPS : 0;
    return 0;
}

long caps_prctl(int option, const long a[6])
{
    struct cred c = *cur_cred();
    u64 arg = (u64)a[1];
    long rc;

    switch (option) {
    case PR_CAPBSET_READ:
        return arg > CAP_LAST_CAP ? -EINVAL : (c.cap_bounding & CAP_BIT(arg)) != 0;
    case PR_CAPBSET_DROP:
        rc = drop_bounding(&c, arg);
        break;
    case PR_CAP_AMBIENT:
        rc = a[3] != 0 || a[4] != 0 ? -EINVAL : change_ambient(&c, arg, (u64)a[2]);
        break;
    case PR_GET_SECUREBITS:
        return c.securebits;
    case PR_SET_SECUREBITS:
        rc = change_securebits(&c, arg);
        break;
    case PR_GET_KEEPCAPS:
        return (c.securebits & SECBIT_KEEP_CAPS) != 0;
    case PR_SET_KEEPCAPS:
        rc = keep_caps(&c, arg);
        break;
    default:
        return -EINVAL;
    }
    if (rc == 0) {
        cred_set(process_full(cur_proc()), &c);
    }
    return rc;
}
