/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pseudo-terminal for a test: both of its ends, and what comes out of one.
 */
#ifndef GUEST_PTYPAIR_H
#define GUEST_PTYPAIR_H

#include "t.h"

#include <poll.h>
#include <pty.h>

#define QUIET_MS 80 /* after so long without a byte there is none to come */

static int master, slave;

static inline void open_pair(void)
{
    T_MUST("openpty", openpty(&master, &slave, NULL, NULL, NULL) == 0);
}

static inline void close_pair(void)
{
    close(slave);
    close(master);
}

/* Reads what comes until it is quiet; the result is printable. */
static inline const char *drained(int fd)
{
    static char text[4][1024];
    static unsigned turn;
    char *out = text[turn++ % 4];
    struct pollfd p = {fd, POLLIN, 0};
    unsigned char c;

    *out = '\0';
    while (poll(&p, 1, QUIET_MS) == 1 && (p.revents & POLLIN) != 0 && read(fd, &c, 1) == 1) {
        size_t at = strlen(out);
        if (at > sizeof(text[0]) - 8) {
            break;
        }
        if (c >= ' ' && c < 127 && c != '\\') {
            snprintf(out + at, 8, "%c", c);
        } else {
            snprintf(out + at, 8, "\\%03o", c);
        }
    }
    return out;
}

static inline void type(const char *text)
{
    size_t n = strlen(text);

    T_MUST("typing", write(master, text, n) == (ssize_t)n);
}

#endif
