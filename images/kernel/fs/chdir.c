// SPDX-License-Identifier: Apache-2.0
/*
 * The working directory a run starts in: made, with its parents, when the image
 * does not have it. For the kernel's own use; chdir(2) is in sys/.
 */
#include "fs/vfs.h"

static int make_one(const char *path)
{
    struct walk w;
    int r = walk_path(fs_root, path, WALK_FOLLOW, &w);
    if (r < 0) {
        return r;
    }
    if (!w.inode) {
        r = vfs_make(&w, S_IFDIR | 0755, inode_new(S_IFDIR | 0755, &ramfs_dir_ops));
    } else if (w.inode->type != INODE_DIR) {
        r = -ENOTDIR;
    }
    walk_done(&w);
    return r;
}

int fs_chdir_create(const char *path)
{
    char *copy = kstrdup(path);
    int r = copy ? 0 : -ENOMEM;
    for (char *slash = copy; !r && slash;) {
        slash = strchr(slash + 1, '/');
        if (slash) {
            *slash = 0;
        }
        r = make_one(copy);
        if (slash) {
            *slash = '/';
        }
    }
    struct inode *dir;
    if (!r) {
        r = walk_inode(fs_root, path, WALK_FOLLOW, &dir);
    }
    if (!r) {
        inode_put(cur_proc()->fs->cwd);
        cur_proc()->fs->cwd = dir;
    }
    kfree(copy);
    return r;
}
