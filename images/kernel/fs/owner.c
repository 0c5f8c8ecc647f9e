// SPDX-License-Identifier: Apache-2.0
/*
 * Who gets the signals of an open file (fcntl(2): F_SETOWN, F_SETSIG): directory notifications and
 * broken leases. There is no O_ASYNC: input and output send none.
 */
#include "fs/lock.h"
#include "proc/proc.h"

#include <asm/poll.h>

struct file_owner {
    int type, id; /* F_OWNER_*; id 0: nobody */
    int sig;      /* 0: SIGIO, without siginfo */
};

static struct file_owner *owner_of(struct file *f)
{
    if (f->owner == NULL) {
        f->owner = kzalloc(sizeof(*f->owner));
    }
    return f->owner;
}

static bool group_exists(int pgid)
{
    const struct process_full *pf;

    LIST_FOREACH (pf, &processes, link) {
        if (pf->pgid == pgid) {
            return true;
        }
    }
    return false;
}

static bool owner_exists(int type, int id)
{
    return type == F_OWNER_PGRP  ? group_exists(id)
           : type == F_OWNER_TID ? thread_find_any(id) != NULL
                                 : process_find(id) != NULL;
}

static int owner_set(struct file *f, int type, int id)
{
    struct file_owner *o = owner_of(f);

    if (o == NULL) {
        return -ENOMEM;
    }
    if (id != 0 && !owner_exists(type, id)) {
        return -ESRCH;
    }
    o->type = type;
    o->id = id;
    return 0;
}

static long set_ex(struct file *f, vaddr_t arg)
{
    struct f_owner_ex ex;

    if (copy_from_user(&ex, arg, sizeof(ex)) < 0) {
        return -EFAULT;
    }
    if (ex.type < F_OWNER_TID || ex.type > F_OWNER_PGRP) {
        return -EINVAL;
    }
    return owner_set(f, ex.type, ex.pid);
}

long owner_fcntl(struct file *f, int cmd, long arg)
{
    struct file_owner none = {.type = F_OWNER_PID}, *o = f->owner != NULL ? f->owner : &none;
    struct f_owner_ex ex = {o->type, o->id};

    switch (cmd) {
    case F_SETOWN:
        if ((int)arg == INT32_MIN) {
            return -EINVAL;
        }
        return (int)arg < 0 ? owner_set(f, F_OWNER_PGRP, -(int)arg)
                            : owner_set(f, F_OWNER_PID, (int)arg);
    case F_GETOWN:
        return o->type == F_OWNER_PGRP ? -o->id : o->id;
    case F_SETOWN_EX:
        return set_ex(f, (vaddr_t)arg);
    case F_GETOWN_EX:
        return copy_to_user((vaddr_t)arg, &ex, sizeof(ex));
    case F_GETSIG:
        return o->sig;
    default: /* F_SETSIG */
        if (arg < 0 || arg > SIG_COUNT) {
            return -EINVAL;
        }
        o = owner_of(f);
        if (o == NULL) {
            return -ENOMEM;
        }
        o->sig = (int)arg;
        return 0;
    }
}

void owner_clear(struct file *f)
{
    kfree(f->owner);
    f->owner = NULL;
}

int owner_default(struct file *f)
{
    struct file_owner *o = owner_of(f);

    if (o != NULL && o->id == 0) {
        o->type = F_OWNER_PID;
        o->id = cur_proc()->pid;
    }
    return o != NULL ? 0 : -ENOMEM;
}

void owner_tell(struct file *f, int fd)
{
    const struct file_owner *o = f->owner;
    struct thread *t = o->type == F_OWNER_TID ? thread_find_any(o->id) : NULL;
    struct process_full *pf, *next;
    siginfo_t info;

    siginfo_fill(&info, o->sig != 0 ? o->sig : SIGIO, o->sig != 0 ? POLL_MSG : SI_KERNEL, 0);
    if (o->sig != 0) {
        info.si_band = POLLIN | POLLRDNORM | POLLMSG;
        info.si_fd = fd;
    }
    for (pf = LIST_FIRST(&processes); pf != NULL; pf = next) {
        next = LIST_NEXT(pf, link);
        if (pf->zombie) {
            continue;
        }
        if (t != NULL ? t->proc == &pf->p
                      : (o->type == F_OWNER_PGRP ? pf->pgid : pf->p.pid) == o->id) {
            (void)signal_queue(&pf->p, t, &info); /* without memory it is lost, as on Linux */
        }
    }
}
