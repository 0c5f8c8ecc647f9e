// SPDX-License-Identifier: Apache-2.0
/*
 * The "newc" CPIO parser. Each header field is checked before it is used and
 * every offset is compared with what remains of the buffer, so no sum can wrap.
 * Names with ".." are refused; regular files called ".align" without any
 * permission are padding that puts the next member's data onto a page boundary.
 */
#include "fs/cpio.h"

#include <stdbool.h>
#include <string.h>

#define HEADER_SIZE 110u
#define FIELDS      13u

enum field {
    F_INO,
    F_MODE,
    F_UID,
    F_GID,
    F_NLINK,
    F_MTIME,
    F_FILESIZE,
    F_DEVMAJOR,
    F_DEVMINOR,
    F_RDEVMAJOR,
    F_RDEVMINOR,
    F_NAMESIZE,
    F_CHECK
};

static int fail(struct cpio_error *err, const char *what, uint64_t offset)
{
    err->what = what;
    err->offset = offset;
    return -1;
}

static void remember_name(struct cpio_error *err, const char *name, size_t len)
{
    size_t n = len < sizeof(err->name) - 1 ? len : sizeof(err->name) - 1;

    for (size_t i = 0; i < n; i++) {
        err->name[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
    }
    err->name[n] = 0;
}

static bool parse_hex(const uint8_t *p, uint32_t *out)
{
    uint32_t v = 0;

    for (int i = 0; i < 8; i++) {
        uint32_t digit;

        if (p[i] >= '0' && p[i] <= '9') {
            digit = p[i] - '0';
        } else if (p[i] >= 'a' && p[i] <= 'f') {
            digit = p[i] - 'a' + 10u;
        } else if (p[i] >= 'A' && p[i] <= 'F') {
            digit = p[i] - 'A' + 10u;
        } else {
            return false;
        }
        v = v << 4 | digit;
    }
    *out = v;
    return true;
}

/* Takes the next component of [*p, end) and returns its length, 0 at the end. */
static size_t next_component(const char **p, const char *end, const char **component)
{
    while (*p < end && **p == '/') {
        (*p)++;
    }
    *component = *p;
    while (*p < end && **p != '/') {
        (*p)++;
    }
    return (size_t)(*p - *component);
}

static bool is_dots(const char *s, size_t len, size_t dots)
{
    return len == dots && s[0] == '.' && s[dots - 1] == '.';
}

/* Writes the name without empty and "." components into out (as large as the name). -1 for ".."
 * components. */
static int normalise(const char *name, size_t len, char *out, size_t *out_len)
{
    const char *p = name, *end = name + len, *component;
    size_t n, used = 0;

    while ((n = next_component(&p, end, &component)) > 0) {
        if (is_dots(component, n, 1)) {
            continue;
        }
        if (is_dots(component, n, 2)) {
            return -1;
        }
        if (used > 0) {
            out[used++] = '/';
        }
        memcpy(out + used, component, n);
        used += n;
    }
    *out_len = used;
    return 0;
}

static bool is_padding(const char *name, size_t len, uint32_t mode)
{
    static const char align[] = ".align";
    size_t n = sizeof(align) - 1;

    return (mode & 07777) == 0 && len >= n && memcmp(name + len - n, align, n) == 0 &&
           (len == n || name[len - n - 1] == '/');
}

static bool has_nul(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] == 0) {
            return true;
        }
    }
    return false;
}

static void fill(struct cpio_entry *e, const uint32_t f[FIELDS])
{
    e->ino = f[F_INO];
    e->mode = f[F_MODE];
    e->uid = f[F_UID];
    e->gid = f[F_GID];
    e->nlink = f[F_NLINK];
    e->mtime = f[F_MTIME];
    e->size = f[F_FILESIZE];
    e->dev_major = f[F_DEVMAJOR];
    e->dev_minor = f[F_DEVMINOR];
    e->rdev_major = f[F_RDEVMAJOR];
    e->rdev_minor = f[F_RDEVMINOR];
}

static int read_header(const uint8_t *buf, uint64_t size, uint64_t at, uint32_t f[FIELDS],
                       struct cpio_error *err)
{
    if (size - at < HEADER_SIZE) {
        return fail(err, "ends inside a header or without a trailer", at);
    }
    if (memcmp(buf + at, "070701", 6) != 0) {
        return fail(err, "has no newc header where one is due", at);
    }
    for (unsigned i = 0; i < FIELDS; i++) {
        if (!parse_hex(buf + at + 6 + 8 * i, &f[i])) {
            return fail(err, "has a header field that is not hexadecimal", at);
        }
    }
    return 0;
}

int cpio_walk(const uint8_t *buf, uint64_t size,
              int (*entry)(void *arg, const struct cpio_entry *e), void *arg,
              struct cpio_error *err)
{
    /* Static because the kernel's stacks are small; it unpacks only once. kernel.ld explains the
     * section. */
    static char normal[CPIO_NAME_MAX] __attribute__((section(".bss.cold")));
    uint64_t at = 0;

    err->what = "";
    err->name[0] = 0;
    for (;;) {
        uint32_t f[FIELDS];
        struct cpio_entry e;

        err->name[0] = 0;
        if (read_header(buf, size, at, f, err) < 0) {
            return -1;
        }
        uint64_t left = size - at - HEADER_SIZE;
        uint32_t name_size = f[F_NAMESIZE];
        const char *name = (const char *)buf + at + HEADER_SIZE;

        if (name_size == 0 || name_size > CPIO_NAME_MAX) {
            return fail(err, "has a name of impossible length", at);
        }
        if (name_size > left) {
            return fail(err, "ends inside a name", at);
        }
        remember_name(err, name, name_size - 1);
        if (name[name_size - 1] != 0 || has_nul(name, name_size - 1)) {
            return fail(err, "has a name that does not end where its header says", at);
        }
        if (name_size == 11 && memcmp(name, "TRAILER!!!", 11) == 0) {
            return 0;
        }

        /* Header and name together are padded to a multiple of 4 bytes, and so is the data. at <
         * size <= 2^63, so no sum wraps. */
        uint64_t data_at = (at + HEADER_SIZE + name_size + 3) & ~3ull;
        if (data_at > size || f[F_FILESIZE] > size - data_at) {
            return fail(err, "ends inside the data of an entry", at);
        }
        fill(&e, f);
        e.data = buf + data_at;
        e.name = normal;
        if (normalise(name, name_size - 1, normal, &e.name_len) < 0) {
            return fail(err, "has a name with a \"..\" component", at);
        }
        if (!is_padding(normal, e.name_len, e.mode)) {
            int rc = entry(arg, &e);
            if (rc < 0) {
                return rc;
            }
        }
        uint64_t next = (data_at + f[F_FILESIZE] + 3) & ~3ull;
        if (next > size) {
            return fail(err, "ends without a trailer", at);
        }
        at = next;
    }
}
