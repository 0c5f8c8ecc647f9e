// SPDX-License-Identifier: Apache-2.0
/*
 * The error object of the library: a positive errno and one line for a user. It is set once, where
 * the failure is known; callers on the way up may only put context before it.
 */
#include "vmm_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int vmm_err_set(struct vmm_err *err, int code, const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        err->code = code;
        (void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
        va_end(ap);
    }
    return -code;
}

int vmm_err_context(struct vmm_err *err, const char *fmt, ...)
{
    if (err == NULL) {
        return -EINVAL;
    }
    char text[sizeof(err->msg)];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    const char *parts[] = {": ", err->msg};
    size_t at = n < 0 ? 0 : (size_t)n;
    at = at < sizeof(text) ? at : sizeof(text) - 1;
    for (size_t i = 0; i < 2; i++) {
        const size_t room = sizeof(text) - 1 - at;
        const size_t len = strnlen(parts[i], sizeof(err->msg));
        memcpy(text + at, parts[i], len < room ? len : room);
        at += len < room ? len : room;
    }
    text[at] = '\0';
    memcpy(err->msg, text, at + 1);
    return -err->code;
}
