// SPDX-License-Identifier: Apache-2.0
/*
 * Regular files and symbolic links of the ramfs. A byte below the extent's
 * length comes from the CPIO until its page is written. Then the page is
 * copied, once, and the copy counts. All bytes after the end of file, also
 * those in the file's own pages, are zero whenever the file grows to show them.
 */
#include "fs/access.h"

#include <linux/falloc.h>
#include <linux/resource.h>

/* Makes the frame the file's page. A mapping that shows the CPIO's page forgets it, and faults
 * in the new one. */
static int set_page(struct inode *i, u64 index, paddr_t frame)
{
    int rc = radix_set(&i->u.data, index, frame);

    if (rc == 0 && index * PAGE_SIZE < i->u.data.ext_len) {
        mm_inode_changed(i, index, 1);
    }
    return rc;
}

/* The inode's own page of this index. When there is none, it is made with what the file shows
 * there. */
static int own_page(struct inode *i, u64 index, u8 **out)
{
    struct ramdata *d = &i->u.data;
    u64 off = index * PAGE_SIZE;
    paddr_t frame = radix_get(d, index);

    if (!frame) {
        frame = pmm_alloc(1, PMM_ZERO);
        if (!frame) {
            return -ENOSPC;
        }
        if (off < d->ext_len) {
            memcpy(phys_ptr(frame), d->ext + off, MIN(PAGE_SIZE, d->ext_len - off));
        }
        int rc = set_page(i, index, frame);
        if (rc < 0) {
            pmm_free(frame, 1);
            return rc;
        }
    }
    *out = phys_ptr(frame);
    return 0;
}

/* Copies n bytes, all inside one page and below the end of file. */
static int read_piece(const struct ramdata *d, vaddr_t buf, u64 off, size_t n)
{
    paddr_t frame = d->owned ? radix_get(d, off / PAGE_SIZE) : 0;
    size_t have;

    if (frame) {
        return copy_to_user(buf, (const u8 *)phys_ptr(frame) + (off & PAGE_MASK), n);
    }
    have = off < d->ext_len ? MIN(n, d->ext_len - off) : 0;
    if (have && copy_to_user(buf, d->ext + off, have) < 0) {
        return -EFAULT;
    }
    return have < n ? clear_user(buf + have, n - have) : 0;
}

static ssize_t ramfs_read(struct inode *i, vaddr_t buf, size_t n, u64 off)
{
    struct ramdata *d = &i->u.data;
    size_t done = 0;

    if (off >= i->size) {
        return 0;
    }
    n = MIN(n, i->size - off);
    if (d->owned == 0 && off + n <= d->ext_len) {
        return copy_to_user(buf, d->ext + off, n) < 0 ? -EFAULT : (ssize_t)n;
    }
    while (done < n) {
        size_t piece = MIN(n - done, PAGE_SIZE - ((off + done) & PAGE_MASK));
        if (read_piece(d, buf + done, off + done, piece) < 0) {
            return done ? (ssize_t)done : -EFAULT;
        }
        done += piece;
    }
    return (ssize_t)done;
}

/* Clears the rest of the last page: a mapping may have written there, and a file that grows over
 * it shows zeroes. */
static void clear_tail(struct inode *i)
{
    paddr_t frame = i->size & PAGE_MASK ? radix_get(&i->u.data, i->size / PAGE_SIZE) : 0;

    if (frame) {
        memset((u8 *)phys_ptr(frame) + (i->size & PAGE_MASK), 0, PAGE_SIZE - (i->size & PAGE_MASK));
    }
}

/* Files leave a 64th of memory free, with which the program can handle ENOSPC. */
static bool room_for_page(void)
{
    return pmm_free_pages() > pmm_total_pages() / 64;
}

static bool sealed(const struct inode *i, u32 seals)
{
    return (i->u.data.seals & seals) != 0; /* 0 but for a memfd */
}

/* Writes a whole page where the file has none of its own: nothing need be copied or cleared
 * first. */
static int write_fresh(struct inode *i, u64 index, vaddr_t buf)
{
    paddr_t frame = pmm_alloc(1, 0);
    int rc;

    if (!frame) {
        return -ENOSPC;
    }
    rc = copy_from_user(phys_ptr(frame), buf, PAGE_SIZE);
    if (rc == 0) {
        rc = set_page(i, index, frame);
    }
    if (rc < 0) {
        pmm_free(frame, 1);
    }
    return rc;
}

/* Writes n bytes, all inside one page. */
static int write_piece(struct inode *i, vaddr_t buf, size_t n, u64 off)
{
    bool fresh = radix_get(&i->u.data, off / PAGE_SIZE) == 0;
    u8 *page;
    int rc;

    if (sealed(i, SEAL_ANY_WRITE) || (sealed(i, F_SEAL_GROW) && off + n > i->size)) {
        return -EPERM;
    }
    if (fresh && !room_for_page()) {
        return -ENOSPC;
    }
    if (fresh && n == PAGE_SIZE) {
        return write_fresh(i, off / PAGE_SIZE, buf);
    }
    rc = own_page(i, off / PAGE_SIZE, &page);
    return rc < 0 ? rc : copy_from_user(page + (off & PAGE_MASK), buf, n);
}

static ssize_t ramfs_write(struct inode *i, vaddr_t buf, size_t n, u64 off)
{
    size_t done = 0;
    int rc = 0;

    if (n == 0) {
        return 0;
    }
    if (off >= RAM_FILE_MAX) {
        return -EFBIG;
    }
    n = MIN(n, RAM_FILE_MAX - off);
    inode_drop_ids(i);
    if (off > i->size) {
        clear_tail(i);
    }
    while (done < n) {
        u64 at = off + done;
        size_t piece = MIN(n - done, PAGE_SIZE - (at & PAGE_MASK));

        rc = write_piece(i, buf + done, piece, at);
        if (rc < 0) {
            /* Part of the piece may have arrived after the end of file. It must not appear
             * later. */
            clear_tail(i);
            break;
        }
        done += piece;
        if (at + piece > i->size) {
            i->size = at + piece;
        }
    }
    if (done == 0) {
        return rc;
    }
    inode_touch(i);
    return (ssize_t)done;
}

static int ramfs_truncate(struct inode *i, u64 size)
{
    struct ramdata *d = &i->u.data;

    if (size > RAM_FILE_MAX) {
        return -EFBIG;
    }
    if ((size < i->size && sealed(i, F_SEAL_SHRINK)) ||
        (size > i->size && sealed(i, F_SEAL_GROW))) {
        return -EPERM;
    }
    inode_drop_ids(i);
    if (size < i->size) {
        u64 ext_end = PAGE_UP(d->ext_len) / PAGE_SIZE, first = size / PAGE_SIZE;

        radix_drop(d, PAGE_UP(size) / PAGE_SIZE, UINT64_MAX);
        d->ext_len = MIN(d->ext_len, size);
        if (first < ext_end) {
            mm_inode_changed(i, first, ext_end - first);
        }
        i->size = size;
        clear_tail(i);
    } else {
        clear_tail(i);
        i->size = size;
    }
    inode_touch(i);
    return 0;
}

/* Zeroes n bytes, all inside one page. */
static int zero_piece(struct inode *i, u64 off, u64 n)
{
    u8 *page;
    int rc = 0;

    if (off >= i->u.data.ext_len && !radix_get(&i->u.data, off / PAGE_SIZE)) {
        return 0;
    }
    rc = own_page(i, off / PAGE_SIZE, &page);
    if (rc == 0) {
        memset(page + (off & PAGE_MASK), 0, n);
    }
    return rc;
}

/* Zeroes [off, end). Pages on top of the extent become own pages, or the extent's bytes would
 * show; other pages are freed. */
static int punch(struct inode *i, u64 off, u64 end)
{
    u64 covered = PAGE_UP(i->u.data.ext_len);
    int rc = 0;

    while (rc == 0 && off < end) {
        u64 piece = MIN(end - off, PAGE_SIZE - (off & PAGE_MASK));
        if (piece == PAGE_SIZE && off >= covered) {
            radix_drop(&i->u.data, off / PAGE_SIZE, end / PAGE_SIZE);
            off = PAGE_DOWN(end);
            covered = UINT64_MAX; /* what is left is part of a page */
            continue;
        }
        rc = zero_piece(i, off, piece);
        off += piece;
    }
    inode_touch(i);
    return rc;
}

static int ramfs_allocate(struct inode *i, u64 off, u64 len, int mode)
{
    u64 end = off + len;

    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) {
        return -EOPNOTSUPP;
    }
    if (end > RAM_FILE_MAX || end < off) {
        return -EFBIG;
    }
    if (sealed(i, mode & FALLOC_FL_PUNCH_HOLE ? SEAL_ANY_WRITE : F_SEAL_GROW) &&
        (mode & FALLOC_FL_PUNCH_HOLE || end > i->size)) {
        return -EPERM;
    }
    if (mode & FALLOC_FL_PUNCH_HOLE) {
        return mode & FALLOC_FL_KEEP_SIZE ? punch(i, off, end) : -EOPNOTSUPP;
    }
    if (mode & FALLOC_FL_ZERO_RANGE) {
        int rc = punch(i, off, end);
        if (rc < 0) {
            return rc;
        }
    }
    if ((end - off) / PAGE_SIZE >
        pmm_free_pages() - MIN(pmm_free_pages(), pmm_total_pages() / 64)) {
        return -ENOSPC;
    }
    for (u64 index = off / PAGE_SIZE; index < PAGE_UP(end) / PAGE_SIZE; index++) {
        u8 *page;
        int rc = index * PAGE_SIZE < i->u.data.ext_len ? 0 : own_page(i, index, &page);
        if (rc < 0) {
            return rc;
        }
    }
    if (!(mode & FALLOC_FL_KEEP_SIZE) && end > i->size) {
        return ramfs_truncate(i, end);
    }
    return 0;
}

static u64 ramfs_blocks(const struct inode *i)
{
    const struct ramdata *d = &i->u.data;
    u64 ext = PAGE_UP(d->ext_len) / PAGE_SIZE;

    /* Own pages on top of the extent must not count twice: the sum is limited to the pages of a
     * file of this size. */
    return (ext ? MIN(ext + d->owned, MAX(PAGE_UP(i->size) / PAGE_SIZE, ext)) : d->owned) *
           (PAGE_SIZE / 512);
}

static u64 next_data(const struct ramdata *d, u64 index)
{
    return index * PAGE_SIZE < d->ext_len ? index : radix_next(d, index);
}

/* The start of the next data, or of the next hole, at or after off; the end of file counts as a
 * hole. */
static int ramfs_next(struct inode *i, u64 off, bool data, u64 *out)
{
    u64 index = off / PAGE_SIZE, pages = PAGE_UP(i->size) / PAGE_SIZE;

    if (off >= i->size) {
        return -ENXIO;
    }
    if (data) {
        index = next_data(&i->u.data, index);
        if (index >= pages) {
            return -ENXIO;
        }
    } else {
        while (index < pages && next_data(&i->u.data, index) == index) {
            index++;
        }
    }
    *out = index < pages ? MAX(off, index * PAGE_SIZE) : i->size;
    return 0;
}

static int ramfs_page(struct inode *i, u64 pgoff, bool for_write, paddr_t *out)
{
    struct ramdata *d = &i->u.data;
    u64 off = pgoff * PAGE_SIZE;
    u8 *page;

    if (pgoff >= PAGE_UP(i->size) / PAGE_SIZE) {
        return -ENXIO;
    }
    if (!for_write && !radix_get(d, pgoff) && ((u64)d->ext & PAGE_MASK) == 0 &&
        off + PAGE_SIZE <= d->ext_len) {
        *out = (paddr_t)d->ext + off;
        return 0;
    }
    if (own_page(i, pgoff, &page) < 0) {
        return -ENOMEM;
    }
    if (off + PAGE_SIZE > i->size) {
        clear_tail(i);
    }
    d->mapped = true;
    *out = (paddr_t)page;
    return 0;
}

static void reg_free(struct inode *i)
{
    i->u.data.mapped = false; /* a mapping would hold a reference: there is none */
    radix_drop(&i->u.data, 0, UINT64_MAX);
    KASSERT(i->u.data.owned == 0 && i->u.data.root == 0);
}

static ssize_t reg_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    ssize_t rc = ramfs_read(f->inode, buf, n, *pos);

    if (rc > 0) {
        *pos += (u64)rc;
    }
    return rc;
}

/* How many of n bytes at off RLIMIT_FSIZE allows. When it allows none, the program gets SIGXFSZ
 * and EFBIG. */
static ssize_t within_limit(u64 off, size_t n)
{
    u64 limit = cur_proc()->rlimit_cur[RLIMIT_FSIZE];

    if (off < limit || n == 0) {
        return (ssize_t)MIN(n, limit - off);
    }
    signal_send(cur_proc(), current, SIGXFSZ, 0, 0);
    return -EFBIG;
}

static ssize_t reg_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    if (f->flags & O_APPEND) {
        *pos = f->inode->size;
    }
    ssize_t rc = within_limit(*pos, n);
    if (rc > 0) {
        rc = ramfs_write(f->inode, buf, (size_t)rc, *pos);
    }
    if (rc > 0) {
        *pos += (u64)rc;
    }
    return rc;
}

static s64 reg_lseek(struct file *f, s64 off, int whence)
{
    if (whence == 3 || whence == 4) { /* SEEK_DATA, SEEK_HOLE */
        u64 found;
        int rc = off < 0 ? -ENXIO : ramfs_next(f->inode, (u64)off, whence == 3, &found);
        return rc < 0 ? rc : file_seek(f, (s64)found, 0, f->inode->size);
    }
    return file_seek(f, off, whence, f->inode->size);
}

static const struct file_ops reg_file_ops = {
    .name = "file",
    .read = reg_read,
    .write = reg_write,
    .lseek = reg_lseek,
};

static int reg_open(struct inode *i, struct file *f)
{
    (void)i;
    f->ops = &reg_file_ops;
    return 0;
}

const struct inode_ops ramfs_reg_ops = {
    .open = reg_open,
    .read = ramfs_read,
    .page = ramfs_page,
    .blocks = ramfs_blocks,
    .truncate = ramfs_truncate,
    .allocate = ramfs_allocate,
    .free = reg_free,
};

static ssize_t lnk_readlink(struct inode *i, char *buf, size_t size)
{
    size_t n = MIN(size, i->size);

    memcpy(buf, i->u.target, n);
    return (ssize_t)n;
}

static void lnk_free(struct inode *i)
{
    kfree(i->u.target);
}

const struct inode_ops ramfs_lnk_ops = {
    .readlink = lnk_readlink,
    .free = lnk_free,
};

/* A file or directory without a name yet; the caller has its only reference. */
struct inode *ramfs_new(u32 mode)
{
    struct inode *i = inode_new(mode, S_ISDIR(mode) ? &ramfs_dir_ops : &ramfs_reg_ops);

    if (i != NULL && S_ISDIR(mode)) {
        i->nlink = 2;
    }
    return i;
}

struct inode *ramfs_symlink(const char *target, size_t len)
{
    struct inode *i = inode_new(S_IFLNK | 0777, &ramfs_lnk_ops);

    if (i == NULL) {
        return NULL;
    }
    i->u.target = kmalloc(len + 1);
    if (i->u.target == NULL) {
        inode_put(i);
        return NULL;
    }
    memcpy(i->u.target, target, len);
    i->u.target[len] = 0;
    i->size = len;
    return i;
}
