// SPDX-License-Identifier: Apache-2.0
/*
 * What a person sees of the records of a session: text of results, tracebacks, names of images.
 */
#ifndef PYHL_REPL_SHOW_H
#define PYHL_REPL_SHOW_H

#include "doors.h"

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/* Shows a record that is for people: results and displays on stdout, errors on stderr. Of others
 * nothing is shown. Images are written to files where doors->images says so. Returns 0 or -errno of
 * the writing. */
int repl_show(const struct doors *doors, const char *kind, const json_t *record);

/* Writes all of a text, for as long as the deadline lets it. Returns 0 or -errno. */
int repl_write(int fd, const char *text, size_t len);

#endif
