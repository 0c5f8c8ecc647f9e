// SPDX-License-Identifier: Apache-2.0
/*
 * The list of differences: all are counted, and the first ones are kept in words.
 */
#include "chaos.h"

#include <stdarg.h>
#include <stdio.h>

void why_add(struct why *why, const char *fmt, ...)
{
    why->lines++;
    if (why->lines > WHY_LINES || why->used >= sizeof(why->text)) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    const size_t room = sizeof(why->text) - why->used;
    const int n = vsnprintf(why->text + why->used, room, fmt, ap);
    va_end(ap);
    why->used += n > 0 ? (size_t)n : 0;
    if (why->used + 1 < sizeof(why->text)) {
        why->text[why->used++] = '\n';
        why->text[why->used] = '\0';
    }
}
