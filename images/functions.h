// SPDX-License-Identifier: Apache-2.0
/*
 * A guest's program in C that offers functions to its host, and calls functions of its host. Link
 * functions.c and runframe.c. functions-c is an example, with a host.
 *
 * The host starts the program (HV_RUN_EXEC), which calls functions_serve(): from then on the
 * machine is ready for runs (VMM_READY), and can be made a snapshot. Each run HV_RUN_FUNCTION names
 * a function, and its source is the arguments (values.h). The result is a record "result" with one
 * value; an error is a record "error", two strings, its type and message, and the run's status
 * is 1.
 */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#include "values.h"

#define FUNCTION_ARGUMENTS 16

struct function {
    const char *name;
    const char *takes; /* a letter of enum value_type for each argument, as in "ssi" */
    /* Returns 0 with *result, or what functions_fail() returns. What the arguments point to is
     * there until the function returns; what *result points to has to be there after it. */
    int (*fn)(const struct value *arguments, struct value *result);
};

/* Serves runs until the host ends the machine. functions ends in a NULL name. Returns 1, with a
 * message on stderr, when it cannot. */
int functions_serve(const struct function *functions);

/* An error of the function. Returns -1. */
int functions_fail(const char *type, const char *message);

/* Calls a function of the host with so many arguments. Returns 0 with *result, which is there until
 * the next call; or -1 after an error, which is then the calling function's own unless it does
 * something else. For one thread. */
int functions_call(const char *name, const struct value *arguments, size_t count,
                   struct value *result);

#endif
