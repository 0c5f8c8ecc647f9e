// SPDX-License-Identifier: Apache-2.0
/*
 * An image as `--from` names it: a directory with kernel, initrd.cpio and image.ini, or a tar
 * archive (plain, gz, bz2, xz, zstd) of one. Names inside an archive are only compared, never used
 * as paths.
 */
#ifndef PYHL_IMAGE_H
#define PYHL_IMAGE_H

#include "config.h"

#include <limits.h>

/* Copies the kernel into dir (existing, without it) and reads image.ini. An archive's initrd is
 * unpacked into dir; a directory's, which is large, is left where it is. Either is then at
 * `initrd`. EINVAL when `from` is not an image: missing, empty, damaged; any other error is of this
 * host. free(config->packages.text). */
int image_fetch(const char *from, const char *dir, struct image_config *config,
                char initrd[PATH_MAX], struct vmm_err *err);

#endif
