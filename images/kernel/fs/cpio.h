// SPDX-License-Identifier: Apache-2.0
/*
 * A parser of CPIO archives in the "newc" format. It reads a buffer and assumes
 * nothing about the bytes. It needs nothing of the kernel, so that the same
 * code runs under a fuzzer on the host.
 */
#ifndef FS_CPIO_H
#define FS_CPIO_H

#include <stddef.h>
#include <stdint.h>

struct cpio_entry {
    /* Normalised: relative, without "." components, not NUL-terminated; "" is the root. */
    const char *name;
    size_t name_len;
    uint32_t ino, mode, uid, gid, nlink, mtime;
    uint32_t dev_major, dev_minor, rdev_major, rdev_minor;
    const uint8_t *data; /* inside the buffer */
    uint32_t size;
};

struct cpio_error {
    const char *what; /* what is wrong */
    uint64_t offset;  /* of the header concerned */
    char name[64];    /* of the entry, printable, when known */
};

#define CPIO_NAME_MAX 4096u

/* Calls entry for each member except padding and the trailer; a negative result of entry ends
 * the walk and is returned. Else returns 0 for a whole archive, or -1 and fills *err for a
 * damaged one. */
int cpio_walk(const uint8_t *buf, uint64_t size,
              int (*entry)(void *arg, const struct cpio_entry *e), void *arg,
              struct cpio_error *err);

#endif
