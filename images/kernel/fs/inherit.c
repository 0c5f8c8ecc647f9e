// SPDX-License-Identifier: Apache-2.0
/*
 * What a process has of the file system: descriptors, working directory with umask, and the file of
 * its program. A new process gets a copy of each, or shares it (clone(2): CLONE_FILES, CLONE_FS).
 */
#include "fs/tty.h"

#include <linux/sched.h>

static void context_put(struct fs_context *c)
{
    if (c->sharers > 0) {
        c->sharers--;
        return;
    }
    inode_put(c->cwd);
    kfree(c);
}

static int inherit_context(struct process *child, struct fs_context *from, bool share)
{
    if (share) {
        from->sharers++;
        child->fs = from;
        return 0;
    }
    child->fs = kmalloc(sizeof(*child->fs));
    if (child->fs == NULL) {
        return -ENOMEM;
    }
    *child->fs = (struct fs_context){.cwd = from->cwd, .umask = from->umask};
    inode_ref(from->cwd);
    return 0;
}

static int inherit_descriptors(struct process *child, struct fdtable *from, bool share)
{
    if (share) {
        fdtable_share(from);
        child->fds = from;
        return 0;
    }
    return fdtable_copy(from, &child->fds);
}

static int inherit_program(struct process *child, const struct process *from)
{
    child->exe_path = from->exe_path != NULL ? kstrdup(from->exe_path) : NULL;
    if (from->exe_path != NULL && child->exe_path == NULL) {
        return -ENOMEM;
    }
    child->exe = from->exe;
    if (child->exe != NULL) {
        inode_ref(child->exe);
    }
    return 0;
}

int inherit_files(struct process *child, const struct process *parent, u64 flags)
{
    int rc = inherit_context(child, parent->fs, (flags & CLONE_FS) != 0);

    if (rc == 0) {
        rc = inherit_descriptors(child, parent->fds, (flags & CLONE_FILES) != 0);
    }
    if (rc == 0) {
        rc = inherit_program(child, parent);
    }
    if (rc < 0) {
        inherit_drop(child);
    }
    return rc;
}

void inherit_drop(struct process *p)
{
    if (p->fds != NULL) {
        fdtable_put(p->fds);
    }
    if (p->fs != NULL) {
        context_put(p->fs);
    }
    if (p->exe != NULL) {
        inode_put(p->exe);
    }
    kfree(p->exe_path);
    tty_process_ends(p);
    p->fds = NULL;
    p->fs = NULL;
    p->exe = NULL;
    p->exe_path = NULL;
}

int inherit_unshare(struct process *p)
{
    struct fdtable *own;

    if (!fdtable_is_shared(p->fds)) {
        return 0;
    }
    int rc = fdtable_copy(p->fds, &own);
    if (rc == 0) {
        fdtable_put(p->fds);
        p->fds = own;
    }
    return rc;
}
