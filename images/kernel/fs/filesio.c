// SPDX-License-Identifier: Apache-2.0
/*
 * Files of the host before a run, and files for it at the run's end (HV_SERVICE_FILES). The host
 * fills the frames that become a file's pages, and reads a file where its pages are: nothing is
 * copied in between. One buffer, for entries, is all the memory that this takes, and a run that
 * wants files has it from its start. So a run that ends without memory gives its files, too.
 */
#include "fs/vfs.h"
#include "proc/proc.h"

#define FIO_BUFFER ((u64)HV_CALL_BYTES) /* as much as one call fills */
#define FIO_PAGES  (FIO_BUFFER / PAGE_SIZE)

static struct {
    paddr_t buffer; /* 0: none */
    char *path;     /* in the buffer: of the entry that is being given */
    size_t length;
} fio;

/* ---- in ---- */

/* Ends the run: this entry cannot be put where it belongs. */
static void fio_refuse(const char *path, size_t length, int rc)
{
    hv_call(HV_CALL_FILE_FAILED, (u64)path, length, (u64)-rc, 1);
    panic("the run was to end");
}

/* Frames in a row, *pages of them or as many as are there, and what files may take. */
static paddr_t fio_frames(u64 *pages)
{
    const u64 kept = pmm_total_pages() / 64, left = pmm_free_pages();

    *pages = MIN(*pages, left > kept ? left - kept : 0);
    for (; *pages > 0; *pages /= 2) {
        paddr_t at = pmm_alloc(*pages, 0);
        if (at) {
            return at;
        }
    }
    return 0;
}

/* Makes frames, which have n bytes, the file's pages from off on. What is not needed is freed. */
static int fio_keep(struct inode *i, u64 off, paddr_t frames, u64 pages, u64 n)
{
    const u64 used = PAGE_UP(n) / PAGE_SIZE;

    memset((u8 *)phys_ptr(frames) + n, 0, used * PAGE_SIZE - n);
    for (u64 k = 0; k < used; k++) {
        int rc = radix_set(&i->u.data, off / PAGE_SIZE + k, frames + k * PAGE_SIZE);
        if (rc < 0) {
            pmm_free(frames + k * PAGE_SIZE, pages - k);
            return rc;
        }
    }
    if (used < pages) {
        pmm_free(frames + used * PAGE_SIZE, pages - used);
    }
    return 0;
}

static int fio_take_data(struct inode *i, u64 number, u64 size)
{
    if (size > RAM_FILE_MAX) {
        return -EFBIG;
    }
    i->size = size;
    for (u64 off = 0; off < size;) {
        u64 pages = MIN(HV_FILE_BYTES, PAGE_UP(size - off)) / PAGE_SIZE;
        paddr_t frames = fio_frames(&pages);
        if (!frames) {
            return -ENOSPC;
        }
        const u64 want = MIN(pages * PAGE_SIZE, size - off);
        const s64 n = hv_call(HV_CALL_FILE_READ, number, off, frames, pages * PAGE_SIZE);
        if (n > 0 && (n & (s64)HV_FILE_HOLE)) {
            pmm_free(frames, pages);
            off += (u64)n & ~HV_FILE_HOLE;
            continue;
        }
        if (n != (s64)want) {
            pmm_free(frames, pages);
            return n < 0 ? (int)n : -ESTALE;
        }
        int rc = fio_keep(i, off, frames, pages, want);
        if (rc < 0) {
            return rc;
        }
        off += want;
    }
    return 0;
}

static struct inode *fio_new(const struct hv_file *e, const char *target)
{
    return S_ISLNK(e->mode) ? ramfs_symlink(target, e->target_length) : ramfs_new(e->mode);
}

/* Puts a file or a link in the place of what has its name, and a directory where nothing has. */
static int fio_place(struct walk *w, const struct hv_file *e, const char *target, u64 number)
{
    int rc = 0;
    struct inode *i;

    if (w->len == 0 || !dir_writable(w->dir, &rc)) {
        return rc < 0 ? rc : -EEXIST;
    }
    i = fio_new(e, target);
    if (i == NULL) {
        return -ENOSPC;
    }
    if (S_ISREG(e->mode)) {
        rc = fio_take_data(i, number, e->size);
    }
    if (rc == 0 && w->inode != NULL) {
        dir_remove(w->dir, dir_find(w->dir, w->name, w->len));
    }
    i->mtime = (u64)MAX(e->mtime_ns, 0);
    if (rc == 0) {
        inode_ref(i);
        rc = vfs_make(w, e->mode, i);
    }
    inode_put(i);
    return rc;
}

static int fio_put(const struct hv_file *e, const char *path, u64 number)
{
    const unsigned flags = WALK_KERNEL | (S_ISDIR(e->mode) ? WALK_FOLLOW : WALK_NAME);
    struct walk w;
    int rc = walk_path(fs_root, path, flags, &w);

    if (rc == -ENOENT) {
        rc = fs_make_parents(path);
        rc = rc < 0 ? rc : walk_path(fs_root, path, flags, &w);
    }
    if (rc < 0) {
        return rc;
    }
    if (w.inode == NULL || (w.inode->type != INODE_DIR && !S_ISDIR(e->mode))) {
        rc = fio_place(&w, e, path + e->path_length + 1, number);
    } else if (w.inode->type != INODE_DIR) {
        rc = -ENOTDIR;
    } else if (!S_ISDIR(e->mode)) {
        rc = -EISDIR;
    } else if (w.inode->ops == &ramfs_dir_ops) {
        w.inode->mode = S_IFDIR | (e->mode & 0777);
        w.inode->mtime = (u64)MAX(e->mtime_ns, 0);
    }
    walk_done(&w);
    return rc;
}

static size_t fio_entry_size(const struct hv_file *e)
{
    return (sizeof(*e) + e->path_length + 1 + e->target_length + 1 + 7) & ~7ul;
}

static void fio_take(void)
{
    u64 number = 0;
    s64 n;

    while ((n = hv_call(HV_CALL_FILES_NEXT, fio.buffer, FIO_BUFFER)) > 0) {
        const u8 *at = phys_ptr(fio.buffer), *end = at + n;
        while (at < end) {
            const struct hv_file *e = (const struct hv_file *)at;
            const char *path = (const char *)(e + 1);
            int rc = fio_put(e, path, number++);
            if (rc < 0) {
                fio_refuse(path, e->path_length, rc);
            }
            at += fio_entry_size(e);
        }
    }
}

/* ---- out ---- */

static s64 fio_failed(int code)
{
    return hv_call(HV_CALL_FILE_FAILED, (u64)fio.path, fio.length, (u64)code, 0);
}

/* Where the bytes of a page of the file are, and how many from there on; 0: a hole. */
static u64 fio_source(const struct ramdata *d, u64 index, u64 *n)
{
    paddr_t frame = radix_get(d, index);
    u64 off = index * PAGE_SIZE;

    *n = PAGE_SIZE;
    if (frame || off >= d->ext_len) {
        return frame;
    }
    *n = MIN(PAGE_SIZE, d->ext_len - off);
    return (u64)d->ext + off;
}

/* The data from off on that lies in a row, HV_FILE_BYTES at most. */
static u64 fio_piece(const struct inode *i, u64 off, u64 *bytes)
{
    const struct ramdata *d = &i->u.data;
    u64 n, next, start = fio_source(d, off / PAGE_SIZE, &n);

    *bytes = n;
    while (start && n == PAGE_SIZE && *bytes < HV_FILE_BYTES && off + *bytes < i->size) {
        next = fio_source(d, (off + *bytes) / PAGE_SIZE, &n);
        if (next != start + *bytes) {
            break;
        }
        *bytes += n;
    }
    *bytes = MIN(*bytes, i->size - off);
    return start;
}

static s64 fio_give_data(const struct inode *i)
{
    for (u64 off = 0; off < i->size;) {
        u64 n, start = fio_piece(i, off, &n);
        if (!start) {
            u64 index = radix_next(&i->u.data, off / PAGE_SIZE);
            if (index >= PAGE_UP(i->size) / PAGE_SIZE) {
                break; /* a hole up to the end, or the tree has no more */
            }
            off = index * PAGE_SIZE;
            continue;
        }
        s64 rc = hv_call(HV_CALL_FILE_WRITE, start, n, off);
        if (rc < 0) {
            return rc;
        }
        off = PAGE_UP(off + n); /* after the extent's end its page is zeroes */
    }
    return 0;
}

static bool fio_can_give(const struct inode *i)
{
    return i->ops == &ramfs_reg_ops || i->ops == &ramfs_dir_ops || i->ops == &ramfs_lnk_ops;
}

/* Gives the inode as the entry of fio.path. */
static s64 fio_give_one(const struct inode *i)
{
    struct hv_file *e = phys_ptr(fio.buffer);
    const bool link = i->type == INODE_LNK;

    if (!fio_can_give(i)) {
        s64 rc = fio_failed(EOPNOTSUPP);
        return rc < 0 ? rc : -EOPNOTSUPP;
    }
    *e = (struct hv_file){
        .size = i->type == INODE_REG ? i->size : 0,
        .mtime_ns = (s64)i->mtime,
        .mode = i->mode & (S_IFMT | 0777),
        .path_length = (u16)fio.length,
        .target_length = (u16)(link ? i->size : 0),
    };
    fio.path[fio.length] = 0;
    memcpy(fio.path + fio.length + 1, link ? i->u.target : "", e->target_length);
    fio.path[fio.length + 1 + e->target_length] = 0;
    s64 rc = hv_call(HV_CALL_FILE_MAKE, fio.buffer, fio_entry_size(e));
    if (rc == 0 && i->type == INODE_REG) {
        rc = fio_give_data(i);
    }
    return rc;
}

/* Cuts the last name off fio.path. */
static void fio_up(void)
{
    while (fio.length > 0 && fio.path[--fio.length] != '/') {
    }
}

static bool fio_down(const struct dentry *d)
{
    const size_t slash = fio.length > 0;

    if (fio.length + slash + d->len >= HV_PATH_MAX) {
        return false;
    }
    if (slash) {
        fio.path[fio.length++] = '/';
    }
    memcpy(fio.path + fio.length, d->name, d->len);
    fio.length += d->len;
    return true;
}

/* Gives what is below a directory, the depth first, without a stack: each directory knows its own
 * place in the one above. */
static s64 fio_give_below(struct inode *root)
{
    struct inode *dir = root;
    u64 cookie = 0;

    for (;;) {
        const struct dentry *d = dir_next(dir, cookie);
        if (d == NULL) {
            if (dir == root) {
                return 0;
            }
            cookie = dir->dentry->cookie + 1;
            dir = dir->dentry->dir;
            fio_up();
            continue;
        }
        cookie = d->cookie + 1;
        s64 rc = fio_down(d) ? fio_give_one(d->inode) : 1;
        if (rc == 1) {
            rc = fio_failed(ENAMETOOLONG);
        } else if (rc == 0 && d->inode->type == INODE_DIR) {
            dir = d->inode;
            cookie = 0;
        } else {
            fio_up();
        }
        if (rc == -EDQUOT) {
            return rc;
        }
    }
}

static s64 fio_give(const char *path)
{
    struct inode *i;
    int rc;

    rc = walk_inode(fs_root, *path ? path : "/", WALK_KERNEL, &i);
    fio.length = 0;
    if (rc < 0) {
        return fio_failed(-rc);
    }
    s64 given = fio_give_one(i);
    if (given == 0 && i->type == INODE_DIR) {
        given = fio_give_below(i);
    }
    inode_put(i);
    return given;
}

void files_give(void)
{
    process_ending = NULL;
    if (!fio.buffer) {
        return;
    }
    fio.path = (char *)phys_ptr(fio.buffer) + sizeof(struct hv_file);
    char *wanted = (char *)phys_ptr(fio.buffer) + FIO_BUFFER / 2;
    while (hv_call(HV_CALL_FILES_WANTED, (u64)wanted, HV_PATH_MAX) > 0) {
        if (fio_give(wanted) == -EDQUOT) {
            break;
        }
    }
    pmm_free(fio.buffer, FIO_PAGES);
    fio.buffer = 0;
}

void files_take(void)
{
    const u32 flags = hv_shared()->resume.flags;

    if (!(flags & (HV_RESUME_FILES_IN | HV_RESUME_FILES_OUT))) {
        return;
    }
    fio.buffer = pmm_alloc(FIO_PAGES, 0);
    if (!fio.buffer) {
        fio_refuse("", 0, -ENOSPC);
    }
    if (flags & HV_RESUME_FILES_IN) {
        fio_take();
    }
    if (flags & HV_RESUME_FILES_OUT) {
        process_ending = files_give;
    } else {
        pmm_free(fio.buffer, FIO_PAGES);
        fio.buffer = 0;
    }
}
