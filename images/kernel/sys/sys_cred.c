// SPDX-License-Identifier: Apache-2.0
/*
 * User and group numbers (credentials(7)), with Linux's rules for changing them. A call changes a
 * copy, which becomes the process's credentials when all is allowed.
 */
#include "proc/proc.h"
#include "sysproto.h"

#define KEEP 0xffffffffu /* -1: leave as it is */

/* Numbers of one kind, users or groups, and the capability that allows to set any. */
struct ids {
    u32 *now;
    const u32 *old;
    bool users, any;
};

static struct ids ids_of(struct cred *c, bool users)
{
    const struct cred *old = cur_cred();

    *c = *old;
    return (struct ids){
        .now = users ? c->uid : c->gid,
        .old = users ? old->uid : old->gid,
        .users = users,
        .any = cred_has(old, users ? CAP_SETUID : CAP_SETGID),
    };
}

static void ids_set(struct cred *c, bool users)
{
    if (users) {
        cred_uids_changed(c, cur_cred());
    }
    cred_set(process_full(cur_proc()), c);
}

static bool is_one(const struct ids *i, u32 want, bool saved, bool effective)
{
    return want == KEEP || i->any || want == i->old[ID_REAL] ||
           (effective && want == i->old[ID_EFFECTIVE]) || (saved && want == i->old[ID_SAVED]);
}

static void set_id(u32 *id, u32 want)
{
    *id = want == KEEP ? *id : want;
}

static long set_res(bool users, const long a[3])
{
    struct cred c;
    struct ids i = ids_of(&c, users);

    for (int k = ID_REAL; k <= ID_SAVED; k++) {
        if (!is_one(&i, (u32)a[k], true, true)) {
            return -EPERM;
        }
        set_id(&i.now[k], (u32)a[k]);
    }
    i.now[ID_FS] = i.now[ID_EFFECTIVE];
    ids_set(&c, users);
    return 0;
}

static long set_one(bool users, u32 want)
{
    struct cred c;
    struct ids i = ids_of(&c, users);

    if (want == KEEP) {
        return -EINVAL;
    }
    if (!is_one(&i, want, true, false)) {
        return -EPERM;
    }
    if (i.any) {
        i.now[ID_REAL] = i.now[ID_SAVED] = want;
    }
    i.now[ID_EFFECTIVE] = i.now[ID_FS] = want;
    ids_set(&c, users);
    return 0;
}

static long set_re(bool users, u32 real, u32 effective)
{
    struct cred c;
    struct ids i = ids_of(&c, users);

    if (!is_one(&i, real, false, true) || !is_one(&i, effective, true, true)) {
        return -EPERM;
    }
    set_id(&i.now[ID_REAL], real);
    set_id(&i.now[ID_EFFECTIVE], effective);
    if (real != KEEP || (effective != KEEP && effective != i.old[ID_REAL])) {
        i.now[ID_SAVED] = i.now[ID_EFFECTIVE];
    }
    i.now[ID_FS] = i.now[ID_EFFECTIVE];
    ids_set(&c, users);
    return 0;
}

/* Returns the number of before, also when the new one is not allowed. */
static long set_fs(bool users, u32 want)
{
    struct cred c;
    struct ids i = ids_of(&c, users);
    u32 old = i.old[ID_FS];

    if (want != KEEP && want != old && is_one(&i, want, true, true)) {
        i.now[ID_FS] = want;
        if (users) {
            cred_fsuid_changed(&c, cur_cred());
        }
        cred_set(process_full(cur_proc()), &c);
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

long sys_getuid(const long a[6])
{
    (void)a;
    return cur_cred()->uid[ID_REAL];
}

long sys_geteuid(const long a[6])
{
    (void)a;
    return cur_cred()->uid[ID_EFFECTIVE];
}

long sys_getgid(const long a[6])
{
    (void)a;
    return cur_cred()->gid[ID_REAL];
}

long sys_getegid(const long a[6])
{
    (void)a;
    return cur_cred()->gid[ID_EFFECTIVE];
}

long sys_setuid(const long a[6])
{
    return set_one(true, (u32)a[0]);
}

long sys_setgid(const long a[6])
{
    return set_one(false, (u32)a[0]);
}

long sys_setreuid(const long a[6])
{
    return set_re(true, (u32)a[0], (u32)a[1]);
}

long sys_setregid(const long a[6])
{
    return set_re(false, (u32)a[0], (u32)a[1]);
}

long sys_setresuid(const long a[6])
{
    return set_res(true, a);
}

long sys_setresgid(const long a[6])
{
    return set_res(false, a);
}

long sys_getresuid(const long a[6])
{
    return get_res(cur_cred()->uid, a);
}

long sys_getresgid(const long a[6])
{
    return get_res(cur_cred()->gid, a);
}

long sys_setfsuid(const long a[6])
{
    return set_fs(true, (u32)a[0]);
}

long sys_setfsgid(const long a[6])
{
    return set_fs(false, (u32)a[0]);
}

long sys_getgroups(const long a[6])
{
    const struct cred *c = cur_cred();

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

static void sort(u32 *list, size_t n)
{
    for (size_t k = 1; k < n; k++) {
        u32 v = list[k];
        size_t at = k;

        for (; at > 0 && list[at - 1] > v; at--) {
            list[at] = list[at - 1];
        }
        list[at] = v;
    }
}

/* Linux takes 65536 groups. Here fewer fit, and more are refused, as Linux does beyond its
 * limit. */
long sys_setgroups(const long a[6])
{
    struct cred c = *cur_cred();
    size_t n = (u32)a[0];

    if (!cred_has(&c, CAP_SETGID)) {
        return -EPERM;
    }
    if (n > GROUPS_MAX) {
        return -EINVAL;
    }
    if (copy_from_user(c.groups, (vaddr_t)a[1], n * sizeof(u32)) != 0) {
        return -EFAULT;
    }
    sort(c.groups, n);
    c.ngroups = (u32)n;
    cred_set(process_full(cur_proc()), &c);
    return 0;
}
