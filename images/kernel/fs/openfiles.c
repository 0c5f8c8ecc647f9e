// SPDX-License-Identifier: Apache-2.0
/*
 * Who has a file open, or runs it: looked up in the descriptor tables of all processes when it is
 * asked, so that no count is kept for each file.
 */
#include "fs/vfs.h"
#include "proc/proc.h"

static bool in_table(struct fdtable *t, const struct inode *i, const struct file *except,
                     bool write)
{
    bool found = false;

    for (int fd = fd_next(t, 0); fd >= 0 && !found; fd = fd_next(t, fd + 1)) {
        struct file *f = fdtable_get(t, fd);

        found = f->inode == i && f != except && (write ? file_writable(f) : !(f->flags & O_PATH));
        file_put(f);
    }
    return found;
}

bool inode_is_open(const struct inode *i, const struct file *except, bool write)
{
    const struct process_full *pf;

    LIST_FOREACH (pf, &processes, link) {
        if (pf->p.fds != NULL && in_table(pf->p.fds, i, except, write)) {
            return true;
        }
    }
    return false;
}

/* A file that memfd_create(2) has opened does not count, as on Linux. */
bool inode_is_written(const struct inode *i)
{
    bool memfd = i->ops == &ramfs_reg_ops && (i->u.data.seals & SEAL_MEMFD) != 0;

    return !memfd && inode_is_open(i, NULL, true);
}

bool inode_is_running(const struct inode *i)
{
    const struct process_full *pf;

    LIST_FOREACH (pf, &processes, link) {
        if (pf->p.exe == i) {
            return true;
        }
    }
    return false;
}
