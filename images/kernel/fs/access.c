// SPDX-License-Identifier: Apache-2.0
/*
 * Permissions of files: modes and owners against the credentials of a process.
 */
#include "fs/access.h"

int inode_permission_of(const struct inode *i, u32 want, const struct cred *c)
{
    u32 mode = i->mode;

    if (i->uid == c->uid[ID_FS]) {
        mode >>= 6;
    } else if (cred_in_group(c, i->gid)) {
        mode >>= 3;
    }
    if ((want & ~mode & 7) == 0) {
        return 0;
    }
    if (i->type == INODE_DIR) {
        if (i->ops->allows != NULL && (want & MAY_WRITE) == 0 && i->ops->allows(i)) {
            return 0;
        }
        return cred_has(c, CAP_DAC_OVERRIDE) ||
                       ((want & MAY_WRITE) == 0 && cred_has(c, CAP_DAC_READ_SEARCH))
                   ? 0
                   : -EACCES;
    }
    if (want == MAY_READ && cred_has(c, CAP_DAC_READ_SEARCH)) {
        return 0;
    }
    /* Nobody executes what is not executable for anybody. */
    return cred_has(c, CAP_DAC_OVERRIDE) && ((want & MAY_EXEC) == 0 || (i->mode & 0111) != 0)
               ? 0
               : -EACCES;
}

int inode_owned(const struct inode *i)
{
    const struct cred *c = cur_cred();

    return i->uid == c->uid[ID_FS] || cred_has(c, CAP_FOWNER) ? 0 : -EPERM;
}

int dir_may_add(const struct inode *dir)
{
    return inode_permission(dir, MAY_WRITE | MAY_EXEC);
}

int dir_may_remove(const struct inode *dir, const struct inode *i)
{
    const struct cred *c = cur_cred();
    int rc = dir_may_add(dir);

    if (rc < 0 || (dir->mode & S_ISVTX) == 0 || dir->uid == c->uid[ID_FS]) {
        return rc;
    }
    return inode_owned(i);
}

u32 mode_without_ids(const struct inode *i)
{
    const struct cred *c = cur_cred();
    u32 drop = S_ISUID;

    if ((i->mode & S_IXGRP) != 0 || !(cred_has(c, CAP_FSETID) || cred_in_group(c, i->gid))) {
        drop |= S_ISGID;
    }
    return i->mode & ~drop;
}

void inode_drop_ids(struct inode *i)
{
    if ((i->mode & (S_ISUID | S_ISGID)) != 0 && !cred_has(cur_cred(), CAP_FSETID)) {
        i->mode = mode_without_ids(i);
    }
}
