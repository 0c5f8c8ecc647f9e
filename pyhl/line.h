// SPDX-License-Identifier: Apache-2.0
/*
 * Reads lines for `pyhl repl`: on a terminal with editing, history and completion (libedit), else
 * byte by byte, so that what follows a line is left for the program that reads the same input. Open
 * it before the process goes to jail, which needs VMM_JAIL_EDIT on a terminal.
 */
#ifndef PYHL_LINE_H
#define PYHL_LINE_H

#include "vmm/vmm.h"

struct line_editor;

/* What could stand at the cursor: texts that take the place of those between two code points of the
 * line. free() each item and the list. */
struct line_matches {
    char **items;
    size_t count;
    size_t begin, end;
};

/* Finds them for a line and a cursor in it, in code points. */
typedef void line_complete_fn(void *arg, const char *line, size_t cursor,
                              struct line_matches *matches);

enum line_result {
    LINE_READ,
    LINE_INTERRUPTED, /* by a signal: the line is dropped */
    LINE_END,         /* of the input */
    LINE_FAILED,      /* errno says why */
};

/* Without a terminal there are no prompts. history: whether lines are kept for later sessions. */
int line_open(bool terminal, bool history, line_complete_fn *complete, void *arg,
              struct line_editor **out, struct vmm_err *err);

/* The descriptor of the history's file, which the jail must let be written; -1: none. */
int line_history_fd(const struct line_editor *editor);

/* *line has no newline, and is the editor's until the next call. begin is text that the user finds
 * in the line already, but not one who pastes more than a line. */
enum line_result line_read(struct line_editor *editor, const char *prompt, const char *begin,
                           const char **line);

void line_close(struct line_editor *editor);

#endif
