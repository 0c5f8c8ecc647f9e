// SPDX-License-Identifier: Apache-2.0
/*
 * Messages are written without stdio, whose streams would keep what could not be written, and write
 * it again at exit.
 */
#include "message.h"
#include "deadline.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void message(const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    ssize_t n = 1;
    size_t len, done;
    va_list args;
    int want;

    va_start(args, fmt);
    want = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (want < 0) {
        return;
    }
    len = (size_t)want < sizeof(text) ? (size_t)want : sizeof(text) - 1;
    if (deadline_watch(NULL) < 0) {
        return; /* no message is better than one that may hold the process */
    }
    for (done = 0; n > 0 && done<len; done += n> 0 ? (size_t)n : 0) {
        n = write(STDERR_FILENO, text + done, len - done);
    }
    deadline_unwatch();
}
