// SPDX-License-Identifier: Apache-2.0
/*
 * The functions of the host that a command line offers: commands (--tool NAME=COMMAND) and programs
 * in directories (--tools DIR). A call runs one: its standard input is the request, what it writes
 * to standard output is the reply. tools_parent.h runs them; tools_child.h is the side of the VM.
 */
#ifndef PYHL_TOOLS_H
#define PYHL_TOOLS_H

#include "opts.h"
#include "vmm/vmm.h"

#define TOOLS_BYTES (1u << 20) /* the most that a request or a reply has: CHANNEL_BYTES */
#define TOOLS_OPEN  255u       /* calls at a time, fewer than CHANNEL_NOTICES */

struct tool {
    char *name;
    char *command; /* for /bin/sh -c; NULL: path is run */
    char *path;
    char *schema; /* JSON; NULL: none is given */
};

struct tool_list {
    struct tool *items;
    size_t count;
};

/* What the two processes say to each other (channel.h). */
enum tools_message {
    /* A call: number[0] its id, number[1] which tool; the bytes are the request. -EAGAIN: too many
     * are open. */
    TOOLS_CALL = 0x100,
    /* Notice: the reply to number[0] is there. */
    TOOLS_DONE,
    /* Fetches it: number[0] the id. The bytes are the reply; result 1: those of an error, its type,
     * a NUL, and its message. -ENOENT: there is none. */
    TOOLS_REPLY,
    /* The run is over, and its calls with it. */
    TOOLS_END,
};

/* commands: words NAME=COMMAND; folders: directories. EINVAL for a word that is none and for a
 * second tool of a name, and what reading a directory gives. Then *list is empty. */
int tools_list(const struct opt_list *commands, const struct opt_list *folders,
               struct tool_list *list, struct vmm_err *err);
void tools_list_free(struct tool_list *list);

#endif
