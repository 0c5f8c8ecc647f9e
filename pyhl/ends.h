// SPDX-License-Identifier: Apache-2.0
/*
 * Standard input and output of a server, of which neither blocks, in a loop of libevent.
 */
#ifndef PYHL_ENDS_H
#define PYHL_ENDS_H

#include "flow.h"
#include "vmm/vmm.h"

#include <event2/event.h>

struct ends {
    struct flow flow;
    struct event *reads, *writes;
    struct event *closes; /* the output is a pipe, whose other end may be closed at any time */
    int in_flags, out_flags;
    bool gone;                /* nobody reads the output */
    bool over;                /* the input has ended */
    void (*heard)(void *arg); /* something has come, or the input has ended */
    void *arg;
};

/* Whether standard input or output is a file, for struct service_config. */
bool ends_are_files(void);

/* Returns 0 or, with *err, -errno. Call ends_end() after an error, too. */
int ends_begin(struct ends *ends, struct event_base *base, void (*heard)(void *arg), void *arg,
               struct vmm_err *err);

/* Writes what there is without waiting. Returns false if nobody reads it. */
bool ends_write(struct ends *ends);

/* What is to be waited for, by the next sleep of the loop. Returns false if it cannot be. */
bool ends_watch(struct ends *ends, bool hears);

/* Puts back what others see of the two. */
void ends_end(struct ends *ends);

#endif
