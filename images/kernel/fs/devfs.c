// SPDX-License-Identifier: Apache-2.0
/*
 * /dev: device nodes in an ordinary directory. The device number, which is
 * Linux's, decides what opening a node does. Here are also the few fixed files
 * of /sys, in ordinary directories.
 */
#include "fs/tty.h"

#define TTY_RDEV    RDEV(5, 0)
#define RUN_RDEV    RDEV(10, 62)
#define RECORD_RDEV RDEV(10, 63)
#define TOOL_RDEV   RDEV(10, 64)

static ssize_t null_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    (void)f, (void)buf, (void)n, (void)pos;
    return 0;
}

static ssize_t null_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    (void)f, (void)buf, (void)pos;
    return (ssize_t)n;
}

static ssize_t zero_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    (void)f, (void)pos;
    return clear_user(buf, n) < 0 ? -EFAULT : (ssize_t)n;
}

static ssize_t full_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    (void)f, (void)buf, (void)n, (void)pos;
    return -ENOSPC;
}

static ssize_t random_read(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    u8 chunk[256];
    size_t done = 0;

    (void)f, (void)pos;
    while (done < n) {
        size_t piece = MIN(n - done, sizeof(chunk));
        random_bytes(chunk, piece);
        if (copy_to_user(buf + done, chunk, piece) < 0) {
            return done ? (ssize_t)done : -EFAULT;
        }
        done += piece;
    }
    return (ssize_t)done;
}

static s64 dev_lseek(struct file *f, s64 off, int whence)
{
    (void)f, (void)off, (void)whence;
    return 0;
}

static const struct file_ops null_ops = {
    .name = "null", .read = null_read, .write = null_write, .lseek = dev_lseek};
static const struct file_ops zero_ops = {
    .name = "zero", .read = zero_read, .write = null_write, .lseek = dev_lseek, .anon_mmap = true};
static const struct file_ops full_ops = {
    .name = "full", .read = zero_read, .write = full_write, .lseek = dev_lseek};
static const struct file_ops random_ops = {
    .name = "random", .read = random_read, .write = null_write, .lseek = dev_lseek};

static const struct device {
    const char *name;
    u32 rdev;
    const struct file_ops *ops;
} devices[] = {
    {"null", RDEV(1, 3), &null_ops},
    {"zero", RDEV(1, 5), &zero_ops},
    {"full", RDEV(1, 7), &full_ops},
    {"random", RDEV(1, 8), &random_ops},
    {"urandom", RDEV(1, 9), &random_ops},
    {"tty", TTY_RDEV, NULL},
    {"ptmx", PTMX_RDEV, NULL},
    {"pyhl", RUN_RDEV, NULL},
    {"pyhl-record", RECORD_RDEV, &record_ops},
    {"pyhl-tool", TOOL_RDEV, NULL},
};

static int dev_open(struct inode *i, struct file *f)
{
    if (S_ISCHR(i->mode) && i->rdev == RUN_RDEV) {
        return rundev_open(i, f);
    }
    if (S_ISCHR(i->mode) && i->rdev == TOOL_RDEV) {
        return tooldev_open(i, f);
    }
    if (S_ISCHR(i->mode) && i->rdev == TTY_RDEV) {
        return pts_open_controlling(f);
    }
    if (S_ISCHR(i->mode) && i->rdev == PTMX_RDEV) {
        return pty_open_master(f);
    }
    for (size_t k = 0; k < ARRAY_SIZE(devices); k++) {
        if (S_ISCHR(i->mode) && devices[k].rdev == i->rdev && devices[k].ops != NULL) {
            f->ops = devices[k].ops;
            return 0;
        }
    }
    return -ENXIO;
}

const struct inode_ops devfs_ops = {.open = dev_open};

static const struct {
    const char *name, *target;
} links[] = {
    {"fd", "/proc/self/fd"},
    {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"},
};

static int devfs_add(struct inode *dir, const char *name, struct inode *i)
{
    struct dentry *old = dir_find(dir, name, strlen(name));

    if (i == NULL) {
        return -ENOMEM;
    }
    if (old != NULL) {
        dir_remove(dir, old);
    }
    int rc = dir_add(dir, name, strlen(name), i);
    inode_put(i);
    return rc;
}

/* The directory of this name in dir. It is made when missing, and it replaces anything that is
 * not a directory. NULL: out of memory. */
static struct inode *need_dir(struct inode *dir, const char *name, u32 mode)
{
    struct dentry *d = dir_find(dir, name, strlen(name));

    if (d != NULL && d->inode->type == INODE_DIR) {
        return d->inode;
    }
    struct inode *i = ramfs_new(S_IFDIR | mode);
    return devfs_add(dir, name, i) < 0 ? NULL : i;
}

static int add_text(struct inode *dir, const char *name, const char *text)
{
    struct inode *i = ramfs_new(S_IFREG | 0444);

    if (i != NULL) {
        i->u.data.ext = (const u8 *)text;
        i->u.data.ext_len = i->size = strlen(text);
    }
    return devfs_add(dir, name, i);
}

static int sysfs_init(void)
{
    static const char *const path[] = {"sys", "devices", "system", "cpu"};
    static const char *const files[] = {"online", "possible", "present"};
    struct inode *dir = fs_root;
    int rc = 0;

    for (size_t k = 0; dir != NULL && k < ARRAY_SIZE(path); k++) {
        dir = need_dir(dir, path[k], 0755);
    }
    if (dir == NULL) {
        return -ENOMEM;
    }
    for (size_t k = 0; rc == 0 && k < ARRAY_SIZE(files); k++) {
        rc = add_text(dir, files[k], "0\n");
    }
    return rc == 0 && need_dir(dir, "cpu0", 0755) != NULL ? 0 : -ENOMEM;
}

/* /dev/pts, where the slaves of pseudo-terminals come and go. */
static int pts_init(struct inode *dev)
{
    struct inode *pts = need_dir(dev, "pts", 0755), *i;

    if (pts == NULL) {
        return -ENOMEM;
    }
    i = inode_new(S_IFCHR, &devfs_ops);
    if (i != NULL) {
        i->rdev = PTMX_RDEV;
    }
    pts_set_dir(pts);
    return devfs_add(pts, "ptmx", i);
}

int devfs_init(void)
{
    struct inode *dev = need_dir(fs_root, "dev", 0755);
    int rc = dev != NULL && need_dir(dev, "shm", 01777) != NULL ? 0 : -ENOMEM;

    for (size_t k = 0; rc == 0 && k < ARRAY_SIZE(devices); k++) {
        struct inode *i = inode_new(S_IFCHR | 0666, &devfs_ops);
        if (i != NULL) {
            i->rdev = devices[k].rdev;
        }
        rc = devfs_add(dev, devices[k].name, i);
    }
    for (size_t k = 0; rc == 0 && k < ARRAY_SIZE(links); k++) {
        rc = devfs_add(dev, links[k].name, ramfs_symlink(links[k].target, strlen(links[k].target)));
    }
    if (rc == 0) {
        rc = pts_init(dev);
    }
    if (rc == 0 && need_dir(fs_root, "tmp", 01777) == NULL) {
        rc = -ENOMEM;
    }
    return rc < 0 ? rc : sysfs_init();
}
