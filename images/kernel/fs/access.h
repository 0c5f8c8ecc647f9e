// SPDX-License-Identifier: Apache-2.0
/*
 * Who may do what to a file (path_resolution(7), "Permissions"). Root's runs ask often, so what
 * root may do is decided here, inline.
 */
#ifndef FS_ACCESS_H
#define FS_ACCESS_H

#include "fs/vfs.h"
#include "proc/proc.h"

#define MAY_EXEC  1u /* of a directory: search it */
#define MAY_WRITE 2u
#define MAY_READ  4u

/* access.c: as inode_permission(), for any credentials. */
int inode_permission_of(const struct inode *i, u32 want, const struct cred *c);
/* chmod(2) and others: only the owner may. 0 or -EPERM. */
int inode_owned(const struct inode *i);
/* May the current process add a name to the directory, or remove that of the inode from it? */
int dir_may_add(const struct inode *dir);
int dir_may_remove(const struct inode *dir, const struct inode *i);
/* What remains of the mode when somebody who may not keep them changes a file: no set-id bits. */
u32 mode_without_ids(const struct inode *i);
/* The file's contents change, by the current process. */
void inode_drop_ids(struct inode *i);

/* May the current process do all this to the inode? 0 or -EACCES. */
static inline int inode_permission(const struct inode *i, u32 want)
{
    const struct cred *c = cur_cred();

    if (cred_has(c, CAP_DAC_OVERRIDE) && (i->type == INODE_DIR || (want & MAY_EXEC) == 0)) {
        return 0;
    }
    return inode_permission_of(i, want, c);
}

#endif
