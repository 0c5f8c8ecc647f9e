// SPDX-License-Identifier: Apache-2.0
/*
 * Open files of /proc: the text that one shows, and what is written to the few that take something.
 */
#include "fs/access.h"
#include "fs/events.h"
#include "fs/procfs.h"

#define WRITE_MAX 31 /* bytes of what is written that count */

static ssize_t text_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    struct text *t = f->priv;

    if (*pos >= t->len) {
        return 0;
    }
    n = MIN(n, t->len - *pos);
    if (copy_to_user(buf, t->data + *pos, n) < 0) {
        return -EFAULT;
    }
    *pos += n;
    return (ssize_t)n;
}

static ssize_t text_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    const struct text *t = f->priv;
    char said[WRITE_MAX + 1] = {0};

    (void)pos;
    if (t->write == NULL) {
        return -EINVAL;
    }
    if (copy_from_user(said, buf, MIN(n, WRITE_MAX)) < 0) {
        return -EFAULT;
    }
    int rc = t->write((int)procfs_tid(f->inode), said, n);
    return rc < 0 ? rc : (ssize_t)n;
}

/* Writing comm sets the thread's name, as prctl(2) does with PR_SET_NAME. */
int write_comm(int tid, const char *said, size_t n)
{
    struct thread *t = thread_find_any(tid);

    if (t == NULL || t->proc != cur_proc()) {
        return -EINVAL;
    }
    memset(t->name, 0, sizeof(t->name));
    memcpy(t->name, said, MIN(n, sizeof(t->name) - 1));
    return 0;
}

/* A decimal number with spaces around it. */
static int number(const char *s, long *out)
{
    const char *digits;
    bool negative;

    while (*s == ' ' || *s == '\t' || *s == '\n') {
        s++;
    }
    negative = *s == '-';
    s += *s == '-' || *s == '+';
    digits = s;
    for (*out = 0; *s >= '0' && *s <= '9' && s - digits < 9; s++) {
        *out = *out * 10 + (*s - '0');
    }
    *out = negative ? -*out : *out;
    if (s == digits) {
        return -EINVAL;
    }
    while (*s == ' ' || *s == '\t' || *s == '\n') {
        s++;
    }
    return *s == 0 ? 0 : -EINVAL;
}

/* proc_pid_oom_score_adj(5): without a capability only upwards, from what root has set last, or in
 * the old file from what it is. */
static int set_oom(int tid, long adj, bool old)
{
    struct process *p = procfs_process((u32)tid);
    struct process_full *pf = p != NULL ? process_full(p) : NULL;
    bool any = cred_has(cur_cred(), CAP_SYS_RESOURCE);

    if (pf == NULL) {
        return -ESRCH;
    }
    if (adj < (old ? pf->oom_score_adj : pf->oom_score_adj_min) && !any) {
        return -EACCES;
    }
    pf->oom_score_adj = (s16)adj;
    if (any) {
        pf->oom_score_adj_min = (s16)adj;
    }
    return 0;
}

int write_oom_score_adj(int tid, const char *said, size_t n)
{
    long adj;
    int rc = number(said, &adj);

    (void)n;
    return rc < 0 || adj < -OOM_ADJ_MAX || adj > OOM_ADJ_MAX ? -EINVAL : set_oom(tid, adj, false);
}

/* The old scale, from -17 to 15. */
int write_oom_adj(int tid, const char *said, size_t n)
{
    const int least = -17, most = 15;
    long adj;
    int rc = number(said, &adj);

    (void)n;
    if (rc < 0 || adj < least || adj > most) {
        return -EINVAL;
    }
    return set_oom(tid, adj == most ? OOM_ADJ_MAX : adj * OOM_ADJ_MAX / -least, true);
}

static s64 text_lseek(struct file *f, s64 off, int whence)
{
    return file_seek(f, off, whence, ((struct text *)f->priv)->len);
}

static void text_release(struct file *f)
{
    struct text *t = f->priv;

    kfree(t->data);
    kfree(t);
}

static const struct file_ops text_file_ops = {
    .name = "proc",
    .read = text_read,
    .write = text_write,
    .lseek = text_lseek,
    .release = text_release,
};

/* The file shows the text, or there was no memory for it (NULL). */
int text_done(struct file *f, struct text *t)
{
    if (t == NULL || t->failed) {
        kfree(t != NULL ? t->data : NULL);
        kfree(t);
        return -ENOMEM;
    }
    f->priv = t;
    f->ops = &text_file_ops;
    return 0;
}

/* proc_pid_fdinfo(5). */
static void put_fdinfo(struct text *t, const struct file *f, bool cloexec)
{
    u32 flags = f->flags | 0100000u | (cloexec ? O_CLOEXEC : 0);
    int pid = pidfd_number(f);

    text_printf(t, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t%d\nino:\t%lu\n",
                f->ops->stream ? 0 : (unsigned long)f->pos, flags,
                f->inode->dev == DEV_PROC ? 2 : 1, (unsigned long)f->inode->ino);
    if (pid != 0) {
        text_printf(t, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
    }
}

static int fdinfo_open(struct inode *i, struct file *f)
{
    struct fdtable *table = procfs_fds(i->parent->u.id.b);
    struct file *shown = table != NULL ? fdtable_get(table, (int)i->u.id.b) : NULL;
    struct text *t;

    if (file_writable(f)) {
        return -EACCES;
    }
    if (shown == NULL) {
        return -ENOENT;
    }
    t = kzalloc(sizeof(*t));
    if (t != NULL) {
        put_fdinfo(t, shown, fdtable_cloexec(table, (int)i->u.id.b));
    }
    file_put(shown);
    return text_done(f, t);
}

const struct inode_ops procfs_fdinfo_ops = {.open = fdinfo_open, .free = procfs_free};
