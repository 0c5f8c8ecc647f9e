// SPDX-License-Identifier: Apache-2.0
/*
 * Enters the working directory in which a run starts. The directory is made,
 * with its parents, when the image does not have it. This is for the kernel's
 * own use; chdir(2) is in sys/.
 */
#include "fs/vfs.h"

static int make_one(const char *path)
{
    struct walk w;
    int rc = walk_path(fs_root, path, WALK_FOLLOW | WALK_KERNEL, &w);
    if (rc < 0) {
        return rc;
    }
    if (w.inode == NULL) {
        rc = vfs_make(&w, S_IFDIR | 0755, inode_new(S_IFDIR | 0755, &ramfs_dir_ops));
    } else if (w.inode->type != INODE_DIR) {
        rc = -ENOTDIR;
    }
    walk_done(&w);
    return rc;
}

int fs_make_parents(const char *path)
{
    char *copy = kstrdup(path);
    int rc = copy != NULL ? 0 : -ENOSPC;
    char *slash = copy != NULL && *copy ? strchr(copy + 1, '/') : NULL;
    while (rc == 0 && slash != NULL) {
        *slash = 0;
        rc = make_one(copy);
        *slash = '/';
        slash = strchr(slash + 1, '/');
    }
    kfree(copy);
    return rc;
}

int fs_chdir_create(const char *path)
{
    struct inode *dir;
    int rc = fs_make_parents(path);
    if (rc == 0) {
        rc = make_one(path);
    }
    if (rc == 0) {
        rc = walk_inode(fs_root, path, WALK_FOLLOW | WALK_KERNEL, &dir);
    }
    if (rc == 0) {
        inode_put(cur_proc()->fs->cwd);
        cur_proc()->fs->cwd = dir;
    }
    return rc;
}
