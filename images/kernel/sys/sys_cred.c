// SPDX-License-Identifier: Apache-2.0
/*
 * User and group numbers and capabilities (credentials(7)). They are kept and
 * reported with Linux's rules for changing them; files are always accessed as
 * root would, because the machine belongs to the program alone.
 */
#include <linux/capability.h>

#include "proc/proc.h"
#include "sysproto.h"

#define KEEP 0xffffffffu /* -1: leave as it is */

static struct cred *cred(void)
{
    return &process_full(cur_proc())->cred;
}

static bool privileged(void)
{
    return cred()->uid[ID_EFFECTIVE] == 0;
}

/* id: the real, effective, saved and file system number of one kind. */
static bool allowed(const u32 id[ID_KINDS], u32 want)
{
    return want == KEEP || privileged() || want == id[ID_REAL] || want == id[ID_EFFECTIVE] ||
           want == id[ID_SAVED];
}

static long set_res(u32 id[ID_KINDS], u32 r, u32 e, u32 s)
{
    if (!allowed(id, r) || !allowed(id, e) || !allowed(id, s)) {
        return -EPERM;
    }
    if (r != KEEP) {
        id[ID_REAL] = r;
    }
    if (e != KEEP) {
        id[ID_EFFECTIVE] = id[ID_FS] = e;
    }
    if (s != KEEP) {
        id[ID_SAVED] = s;
    }
    return 0;
}

static long set_one(u32 id[ID_KINDS], u32 want)
{
    if (want == KEEP) {
        return -EINVAL;
    }
    return privileged() ? set_res(id, want, want, want) : set_res(id, KEEP, want, KEEP);
}

static long set_re(u32 id[ID_KINDS], u32 r, u32 e)
{
    u32 old = id[ID_REAL];
    long rc = set_res(id, r, e, KEEP);

    if (rc == 0 && (r != KEEP || (e != KEEP && e != old))) {
        id[ID_SAVED] = id[ID_EFFECTIVE];
    }
    return rc;
}

static long set_fs(u32 id[ID_KINDS], u32 want)
{
    u32 old = id[ID_FS];

    if (want != KEEP && (allowed(id, want) || want == old)) {
        id[ID_FS] = want;
    }
    return old;
}

static long get_res(const u32 id[ID_KINDS], const long a[6])
{
    for (int i = 0; i <= ID_SAVED; i++) {
        if (copy_to_user((vaddr_t)a[i], &id[i], sizeof(id[i])) != 0) {
            return -EFAULT;
        }
    }
    return 0;
}

#define UIDS (cred()->uid)
#define GIDS (cred()->gid)

long sys_getuid(const long a[6])
{
    (void)a;
    return cred()->uid[ID_REAL];
}

long sys_geteuid(const long a[6])
{
    (void)a;
    return cred()->uid[ID_EFFECTIVE];
}

long sys_getgid(const long a[6])
{
    (void)a;
    return cred()->gid[ID_REAL];
}

long sys_getegid(const long a[6])
{
    (void)a;
    return cred()->gid[ID_EFFECTIVE];
}

long sys_setuid(const long a[6])
{
    return set_one(UIDS, (u32)a[0]);
}

long sys_setgid(const long a[6])
{
    return set_one(GIDS, (u32)a[0]);
}

long sys_setreuid(const long a[6])
{
    return set_re(UIDS, (u32)a[0], (u32)a[1]);
}

long sys_setregid(const long a[6])
{
    return set_re(GIDS, (u32)a[0], (u32)a[1]);
}

long sys_setresuid(const long a[6])
{
    return set_res(UIDS, (u32)a[0], (u32)a[1], (u32)a[2]);
}

long sys_setresgid(const long a[6])
{
    return set_res(GIDS, (u32)a[0], (u32)a[1], (u32)a[2]);
}

long sys_getresuid(const long a[6])
{
    return get_res(UIDS, a);
}

long sys_getresgid(const long a[6])
{
    return get_res(GIDS, a);
}

long sys_setfsuid(const long a[6])
{
    return set_fs(UIDS, (u32)a[0]);
}

long sys_setfsgid(const long a[6])
{
    return set_fs(GIDS, (u32)a[0]);
}

long sys_getgroups(const long a[6])
{
    const struct cred *c = cred();

    if ((int)a[0] < 0) {
        return -EINVAL;
    }
    if (a[0] == 0) {
        return c->ngroups;
    }
    if ((u32)a[0] < c->ngroups) {
        return -EINVAL;
    }
    return copy_to_user((vaddr_t)a[1], c->groups, c->ngroups * sizeof(u32)) != 0 ? -EFAULT
                                                                                 : (long)c->ngroups;
}

/* Linux takes 65536 groups. Here fewer fit, and more are refused, as Linux does beyond its
 * limit. */
long sys_setgroups(const long a[6])
{
    struct cred *c = cred();
    u32 groups[ARRAY_SIZE(c->groups)];
    size_t n = (u32)a[0];

    if (!privileged()) {
        return -EPERM;
    }
    if (n > ARRAY_SIZE(groups)) {
        return -EINVAL;
    }
    if (copy_from_user(groups, (vaddr_t)a[1], n * sizeof(u32)) != 0) {
        return -EFAULT;
    }
    memcpy(c->groups, groups, n * sizeof(u32));
    c->ngroups = (u32)n;
    return 0;
}

/* Checks the header. Returns the number of data words of its version, or an error. For an
 * unknown version, *probe is set and the program's header gets the version that the kernel
 * prefers (capget(2)). */
static int cap_header(vaddr_t addr, bool *probe)
{
    struct __user_cap_header_struct h;
    u32 ours = _LINUX_CAPABILITY_VERSION_3;

    *probe = false;
    if (copy_from_user(&h, addr, sizeof(h)) != 0) {
        return -EFAULT;
    }
    if (h.version == _LINUX_CAPABILITY_VERSION_1) {
        return 1;
    }
    if (h.version != _LINUX_CAPABILITY_VERSION_2 && h.version != _LINUX_CAPABILITY_VERSION_3) {
        *probe = true;
        return copy_to_user(addr, &ours, sizeof(ours)) != 0 ? -EFAULT : -EINVAL;
    }
    if (h.pid != 0 && thread_find(h.pid) == NULL) {
        return -ESRCH;
    }
    return 2;
}

long sys_capget(const long a[6])
{
    const struct cred *c = cred();
    struct __user_cap_data_struct d[2];
    bool probe;
    int words = cap_header((vaddr_t)a[0], &probe);

    if (words < 0) {
        return probe && a[1] == 0 && words == -EINVAL ? 0 : words;
    }
    if (a[1] == 0) {
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        d[i].effective = (u32)(c->cap_effective >> 32 * i);
        d[i].permitted = (u32)(c->cap_permitted >> 32 * i);
        d[i].inheritable = (u32)(c->cap_inheritable >> 32 * i);
    }
    return copy_to_user((vaddr_t)a[1], d, (size_t)words * sizeof(d[0]));
}

long sys_capset(const long a[6])
{
    struct cred *c = cred();
    struct __user_cap_data_struct d[2] = {0};
    u64 effective, permitted, inheritable;
    bool probe;
    int words = cap_header((vaddr_t)a[0], &probe);

    if (words < 0) {
        return words;
    }
    if (copy_from_user(d, (vaddr_t)a[1], (size_t)words * sizeof(d[0])) != 0) {
        return -EFAULT;
    }
    effective = d[0].effective | (u64)d[1].effective << 32;
    permitted = d[0].permitted | (u64)d[1].permitted << 32;
    inheritable = d[0].inheritable | (u64)d[1].inheritable << 32;
    if ((permitted & ~c->cap_permitted) != 0 || (effective & ~permitted) != 0 ||
        (inheritable & ~(c->cap_inheritable | c->cap_permitted)) != 0) {
        return -EPERM;
    }
    c->cap_effective = effective;
    c->cap_permitted = permitted;
    c->cap_inheritable = inheritable;
    return 0;
}
