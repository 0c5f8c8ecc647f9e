// SPDX-License-Identifier: Apache-2.0
/*
 * The index of system call sites: written into an image by images/sites.c, read by the kernel. The
 * kernel trusts none of it: a bad index is ignored as a whole, and a file that does not match its
 * description is left alone.
 *
 * A site is a run of bytes of a program file that can be replaced by a 5-byte jump: an instruction
 * (pre bytes, perhaps 0), `syscall`, and further instructions. They do the same at any address. The
 * first one only loads rax with a constant, or has room for the jump; then the syscall stays where
 * it is. Nothing jumps into the middle of a site. All integers are little-endian.
 *
 *   struct sites_header
 *   struct sites_file  [file_count]   by path, each path once
 *   struct sites_site  [site_count]   by file, then by offset, never overlapping
 *   char paths[]                      absolute, each NUL-terminated, up to the end
 */
#ifndef SITES_H
#define SITES_H

#include <stdint.h>

#define SITES_PATH    "/usr/lib/pyhl/sites"
#define SITES_MAGIC   0x7365746973796870ull /* "physites" */
#define SITES_VERSION 1u

#define SITES_JUMP    5u  /* jmp rel32 */
#define SITES_SYSCALL 2u  /* 0f 05 */
#define SITES_PRE     7u  /* the longest first instruction */
#define SITES_POST    11u /* the most bytes after the syscall */
#define SITES_MAX     16u /* the longest site */

struct sites_header {
    uint64_t magic;
    uint32_t version;
    uint32_t size; /* of the whole index, bytes */
    uint32_t file_count;
    uint32_t site_count;
};
_Static_assert(sizeof(struct sites_header) == 24, "file format");

struct sites_file {
    uint64_t size;         /* of the file, bytes */
    uint32_t path;         /* offset in paths */
    uint32_t first, count; /* its sites */
    uint32_t reserved;
};
_Static_assert(sizeof(struct sites_file) == 24, "file format");

struct sites_site {
    uint32_t offset; /* in the file */
    uint8_t pre;     /* bytes before the syscall instruction */
    uint8_t len;     /* of the whole site: SITES_JUMP to SITES_MAX */
    uint8_t reserved[2];
    uint8_t bytes[SITES_MAX]; /* what is there, then zeros */
};
_Static_assert(sizeof(struct sites_site) == 24, "file format");

#endif
