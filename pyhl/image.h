// SPDX-License-Identifier: Apache-2.0
/*
 * An image as `--from` names it: a directory with kernel, initrd.cpio and image.ini, or a tar
 * archive (plain, gz, bz2, xz, zstd) of one. Its files are copied into a staging directory; names
 * inside an archive are only compared, never used as paths.
 */
#ifndef PYHL_IMAGE_H
#define PYHL_IMAGE_H

#include "config.h"

/* Copies kernel and initrd into dir (existing, without them) and reads image.ini. EINVAL when
 * `from` is not an image: missing, empty, damaged; any other error is of this host.
 * free(config->packages.text). */
int image_fetch(const char *from, const char *dir, struct image_config *config,
                struct vmm_err *err);

#endif
