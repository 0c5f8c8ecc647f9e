// SPDX-License-Identifier: Apache-2.0
/*
 * The host's file system as an oracle for fs/: a process that has an empty directory as its root
 * and does there what it is asked for. It removes all of it when the test ends, however that ends.
 * Needs the right to chroot, as root or in a user namespace.
 */
#ifndef UNIT_KERNEL_HOSTFS_H
#define UNIT_KERNEL_HOSTFS_H

#include <stdbool.h>

#define HOSTFS_PATH_ROOM 8200u /* more than the longest path that Linux takes */

enum hostfs_op {
    HOSTFS_EMPTY, /* all files go; the working directory is the root */
    HOSTFS_STAT,
    HOSTFS_LSTAT,
    HOSTFS_OPEN, /* and close; mode 0666 */
    HOSTFS_MKDIR,
    HOSTFS_MKNOD, /* an empty file */
    HOSTFS_SYMLINK,
    HOSTFS_LINK,
    HOSTFS_RENAME, /* flags are renameat2's */
    HOSTFS_UNLINK,
    HOSTFS_RMDIR,
    HOSTFS_CHDIR,
    HOSTFS_GETCWD, /* in name */
    HOSTFS_OPS,
};

struct hostfs_answer {
    int rc; /* 0 or -errno */
    /* What there is at the path after the call, by lstat(), stat() or fstat(), if it succeeded and
     * leaves something there; else 0. */
    unsigned long ino, size;
    unsigned mode, nlink;
    char name[1000];
};

/* Starts the process; false, with the reason printed, when it could not. */
bool hostfs_start(void);
/* b is the second path of symlink (target, path), link and rename, else NULL. */
void hostfs_call(enum hostfs_op op, unsigned flags, const char *a, const char *b,
                 struct hostfs_answer *answer);
void hostfs_stop(void);

#endif
