// SPDX-License-Identifier: Apache-2.0
/*
 * The file in which `pyhl repl` keeps the lines that were typed, for later sessions. It is read and
 * opened before the process goes to jail; there lines are only added.
 */
#ifndef PYHL_HISTORY_H
#define PYHL_HISTORY_H

#include "vmm/vmm.h"

#define HISTORY_LINES 1000u

struct history_file {
    int fd;             /* to write to the end of it; -1: no history is kept */
    char *text, **line; /* what it held: the last HISTORY_LINES lines */
    size_t count;
};

/* Opens $XDG_STATE_HOME/pyhl/history (~/.local/state/pyhl/history), making it and its directories
 * where they are missing. When the file has grown to more than twice its bound, the older lines are
 * dropped from it. Without a home directory there is no history, which is no error. The file is for
 * history_close() in any case. */
int history_open(struct history_file *file, struct vmm_err *err);
void history_add(const struct history_file *file, const char *line);
void history_close(struct history_file *file);

#endif
