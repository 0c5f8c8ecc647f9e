// SPDX-License-Identifier: Apache-2.0
/*
 * memfd_create(2): files without a name, and their seals (fcntl(2), "File Sealing"). ramfs.c and
 * mapfile.c ask for the seals before they change such a file.
 */
#include "fs/vfs.h"

#include <linux/memfd.h>

#ifndef MFD_NOEXEC_SEAL /* in headers from Linux 6.3 on */
#define MFD_NOEXEC_SEAL 8u
#define MFD_EXEC        16u
#endif

#define SEALS_ALL                                                                                  \
    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC)

int memfd_new(u32 flags, struct file **out)
{
    struct inode *i;
    int rc;

    if ((flags & ~(u32)(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC)) != 0 ||
        (flags & (MFD_NOEXEC_SEAL | MFD_EXEC)) == (MFD_NOEXEC_SEAL | MFD_EXEC)) {
        return -EINVAL;
    }
    i = ramfs_new(S_IFREG | (flags & MFD_NOEXEC_SEAL ? 0666 : 0777));
    if (i == NULL) {
        return -ENOMEM;
    }
    i->u.data.seals = SEAL_MEMFD;
    if ((flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL)) == 0) {
        i->u.data.seals |= F_SEAL_SEAL;
    }
    if (flags & MFD_NOEXEC_SEAL) {
        i->u.data.seals |= F_SEAL_EXEC;
    }
    rc = inode_open(i, O_RDWR, out);
    inode_put(i);
    return rc;
}

static bool is_memfd(const struct inode *i)
{
    return i->ops == &ramfs_reg_ops && (i->u.data.seals & SEAL_MEMFD) != 0;
}

u32 memfd_seals(const struct inode *i)
{
    return is_memfd(i) ? i->u.data.seals & (u32)SEALS_ALL : 0;
}

long memfd_get_seals(const struct file *f)
{
    return is_memfd(f->inode) ? (long)memfd_seals(f->inode) : -EINVAL;
}

long memfd_add_seals(struct file *f, u32 seals)
{
    struct inode *i = f->inode;

    if (!file_writable(f)) {
        return -EPERM;
    }
    if ((seals & ~(u32)SEALS_ALL) != 0 || !is_memfd(i)) {
        return -EINVAL;
    }
    if (i->u.data.seals & F_SEAL_SEAL) {
        return -EPERM;
    }
    if ((seals & F_SEAL_EXEC) && (i->mode & 0111)) {
        seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
    }
    if ((seals & F_SEAL_WRITE) && !(i->u.data.seals & F_SEAL_WRITE) && mm_inode_writable(i)) {
        return -EBUSY;
    }
    i->u.data.seals |= (u8)seals;
    return 0;
}
