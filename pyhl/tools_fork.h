// SPDX-License-Identifier: Apache-2.0
/*
 * From the options of a command line to tools: the process splits in two (parent.h) when there are
 * any.
 */
#ifndef PYHL_TOOLS_FORK_H
#define PYHL_TOOLS_FORK_H

#include "cmd.h"
#include "tools_child.h"

struct tool_options {
    struct opt_list commands, folders; /* of --tool and --tools; items are to be freed */
    uint64_t max_calls;                /* of a run; 0: no limit */
};

/* The rows of a table of options; FIELD is a struct tool_options in the STRUCT to fill. */
#define TOOL_OPTIONS(STRUCT, FIELD)                                                                \
    {.name = "tool",                                                                               \
     .kind = OPT_LIST,                                                                             \
     .offset = offsetof(STRUCT, FIELD.commands),                                                   \
     .arg = "NAME=COMMAND",                                                                        \
     .help = "offer a shell command of this host as the function host.NAME; repeatable"},          \
        {.name = "tools",                                                                          \
         .kind = OPT_LIST,                                                                         \
         .offset = offsetof(STRUCT, FIELD.folders),                                                \
         .arg = "DIR",                                                                             \
         .help = "offer each program in DIR; NAME.json is its schema; repeatable"},                \
    {                                                                                              \
        .name = "tool-calls", .kind = OPT_COUNT, .offset = offsetof(STRUCT, FIELD.max_calls),      \
        .arg = "N", .help = "end a run that makes more calls of tools, with exit status 154"       \
    }

/* Call it before the VM is made. Returns true in the process that goes on with the run; *tools is
 * NULL when there are none. False: this process is done, with *status: as the parent whose child
 * has ended, or after an error that the user was told of. */
bool tools_fork(const struct cmd *cmd, const struct tool_options *options,
                struct tools_child **tools, int *status);

#endif
