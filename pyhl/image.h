// SPDX-License-Identifier: Apache-2.0
/*
 * An image as `--from` names it: a directory with kernel, initrd.cpio and image.ini, or a tar
 * archive (plain, gz, bz2, xz, zstd) of one. Names inside an archive are only compared, never used
 * as paths.
 *
 * An image may come from anybody. So each of its files has a limit, an archive as a whole has one,
 * and the kernel is checked as soon as it is there.
 */
#ifndef PYHL_IMAGE_H
#define PYHL_IMAGE_H

#include "config.h"
#include "folder.h"

#define IMAGE_KERNEL_MAX (16ull << 20)
#define IMAGE_INITRD_MAX (4ull << 30) /* unless setup is told otherwise */

struct image {
    struct image_config config; /* free(config.packages.text) */
    int initrd_fd;              /* -1: not open; its owner closes it */
    char initrd[PATH_MAX];      /* the initrd's name, for messages */
    bool unpacked;              /* the initrd is in `into` already */
};

/* Copies kernel and image.ini into a folder, which must have neither, and reads image.ini. An
 * archive's initrd is unpacked there, too. A directory's initrd, which is large, is left where it
 * is. EINVAL when `from` is not an image: missing, empty, damaged; E2BIG past a limit, ENOEXEC for
 * a kernel that is none. Any other error is one of this host. */
int image_fetch(const char *from, uint64_t initrd_max, const struct folder *into,
                struct image *image, struct vmm_err *err);

/* Reads the image.ini of an image's directory; free(config->packages.text). EINVAL when there is
 * none, or it is wrong. */
int image_ini(const struct folder *folder, struct image_config *config, struct vmm_err *err);

#endif
