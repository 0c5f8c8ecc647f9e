// SPDX-License-Identifier: Apache-2.0
/*
 * What a relative path has to be where one comes from a guest, or goes to one: names with a slash
 * between each two. It leads below the directory that it starts from, whatever its names are, as
 * long as none of them is a symbolic link.
 */
#ifndef VMM_RELPATH_H
#define VMM_RELPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define RELPATH_NAME_MAX 255u
#define RELPATH_MAX      4095u /* without the NUL */

/* One name of `length` bytes: not empty, not "." or "..", no slash and no NUL in it. */
static inline bool relpath_name_ok(const char *name, size_t length)
{
    return length > 0 && length <= RELPATH_NAME_MAX && memchr(name, '/', length) == NULL &&
           memchr(name, '\0', length) == NULL && !(length == 1 && name[0] == '.') &&
           !(length == 2 && name[0] == '.' && name[1] == '.');
}

/* A path of one name or more. It need not be terminated. */
static inline bool relpath_ok(const char *path, size_t length)
{
    if (length > RELPATH_MAX) {
        return false;
    }
    for (;;) {
        const char *slash = memchr(path, '/', length);
        const size_t name = slash != NULL ? (size_t)(slash - path) : length;
        if (!relpath_name_ok(path, name)) {
            return false;
        }
        if (slash == NULL) {
            return true;
        }
        path += name + 1;
        length -= name + 1;
    }
}

#endif
