// SPDX-License-Identifier: Apache-2.0
/*
 * What a run has of the host beside its streams, from the options of a command line: tools, and
 * files that are copied. When there are any the process splits in two (parent.h).
 */
#ifndef PYHL_DOORS_H
#define PYHL_DOORS_H

#include "cmd.h"
#include "copies_child.h"
#include "images.h"
#include "install_child.h"
#include "save.h"
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

/* The same for a struct copy_options. */
#define COPY_OPTIONS(STRUCT, FIELD)                                                                \
    {.name = "copy-in",                                                                            \
     .kind = OPT_LIST,                                                                             \
     .offset = offsetof(STRUCT, FIELD.in),                                                         \
     .arg = "HOST[:GUEST]",                                                                        \
     .help = "copy a file or directory of this host into the run; repeatable"},                    \
        {.name = "copy-out",                                                                       \
         .kind = OPT_LIST,                                                                         \
         .offset = offsetof(STRUCT, FIELD.out),                                                    \
         .arg = "GUEST[:HOST]",                                                                    \
         .help = "copy what the run leaves there to this host; repeatable"},                       \
        {.name = "with-dir",                                                                       \
         .kind = OPT_FLAG,                                                                         \
         .offset = offsetof(STRUCT, FIELD.with_dir),                                               \
         .help = "copy the script's directory into the run"},                                      \
        {.name = "copy-limit",                                                                     \
         .kind = OPT_SIZE,                                                                         \
         .offset = offsetof(STRUCT, FIELD.max_bytes),                                              \
         .arg = "SIZE",                                                                            \
         .help = "the most that is copied in, and out (4G)"},                                      \
    {                                                                                              \
        .name = "copy-entries", .kind = OPT_COUNT, .offset = offsetof(STRUCT, FIELD.max_entries),  \
        .arg = "N", .help = "the most files and directories that are copied in, and out (100000)"  \
    }

/* Frees what the table of options has put there. */
void doors_free_options(struct tool_options *tools, struct copy_options *copies);

/* In the process that goes on with the run. */
struct doors {
    struct channel *channel;       /* NULL: there is nothing, and no parent */
    struct tools_child *tools;     /* NULL: none */
    struct copies_child *copies;   /* NULL: none */
    const struct save *save;       /* NULL: none */
    const struct images *images;   /* NULL: none */
    struct install_child *install; /* NULL: no packages can be installed */
};

struct door_options {
    const struct tool_options *tools;
    const struct copy_options *copies;
    const char *cwd;                    /* of the run */
    const char *script;                 /* its name, or NULL */
    const char *save;                   /* the file for the state at the end, or NULL */
    const char *dest;                   /* of the home, as pyhl_home_open() takes it */
    const char *images;                 /* the directory for images, or NULL */
    const struct install_wish *install; /* NULL: no packages can be installed. Must live as long */
};

/* Call it before the VM is made. Returns true in the process that goes on with the run. False: this
 * process is done, with *status: as the parent whose child has ended, or after an error that the
 * user was told of. */
bool doors_open(const struct cmd *cmd, const struct door_options *options, struct doors *doors,
                int *status);

#endif
