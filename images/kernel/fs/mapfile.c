// SPDX-License-Identifier: Apache-2.0
/*
 * Mappings of files: the operations by which mm/ reaches the file of a mapping
 * (struct vma_ops), and mmap(2) of inodes and open files.
 */
#include "fs/vfs.h"
#include "mm/mm.h"

static int mapfile_page(struct inode *i, u64 pgoff, bool for_write, paddr_t *out)
{
    return i->ops->page(i, pgoff, for_write, out);
}

static u64 mapfile_number(const struct inode *i)
{
    return i->ino;
}

static const struct vma_ops mapfile_ops = {
    .ref = inode_ref,
    .put = inode_put,
    .page = mapfile_page,
    .read = inode_read,
    .path = inode_path,
    .number = mapfile_number,
    .sites = sites_of_inode,
};

long inode_map(struct inode *i, struct mm *mm, vaddr_t hint, u64 len, int prot, int flags, u64 off)
{
    struct vma_file file = {.ops = &mapfile_ops, .inode = i, .pgoff = off / PAGE_SIZE};

    if (i->ops == NULL || i->ops->page == NULL) {
        return -ENODEV;
    }
    return mm_map(mm, hint, len, prot, flags, &file);
}

/* A shared mapping may not become writable later what it may not be now. */
static int sealed_flags(const struct file *f, int flags)
{
    bool closed = !file_writable(f) || (memfd_seals(f->inode) & SEAL_ANY_WRITE) != 0;

    return (flags & MAP_TYPE) != MAP_PRIVATE && closed ? flags | VMA_NOWRITE : flags;
}

long file_map(struct file *f, struct mm *mm, vaddr_t hint, u64 len, int prot, int flags, u64 off)
{
    if (f->flags & O_PATH) {
        return -EBADF;
    }
    if (!file_readable(f) || (flags & MAP_SHARED && prot & PROT_WRITE && !file_writable(f))) {
        return -EACCES;
    }
    if ((flags & MAP_TYPE) != MAP_PRIVATE && prot & PROT_WRITE &&
        (memfd_seals(f->inode) & SEAL_ANY_WRITE) != 0) {
        return -EPERM;
    }
    if (f->ops->anon_mmap) {
        return mm_map(mm, hint, len, prot, flags, NULL);
    }
    return inode_map(f->inode, mm, hint, len, prot, sealed_flags(f, flags), off);
}
