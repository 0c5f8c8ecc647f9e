// SPDX-License-Identifier: Apache-2.0
/*
 * Unit tests in C: a table of functions, run in order; CHECK counts and goes on. run.sh counts the
 * lines "pass NAME" and "FAIL NAME".
 */
#ifndef UNIT_H
#define UNIT_H

#include <stdbool.h>
#include <stdio.h>

struct unit_test {
    const char *name;
    void (*run)(void);
};

static unsigned unit_failures;

#define CHECK(condition) unit_check((condition), #condition, __FILE__, __LINE__)

static inline void unit_check(bool holds, const char *what, const char *file, int line)
{
    if (holds) {
        return;
    }
    unit_failures++;
    printf("     %s:%d: %s\n", file, line, what);
}

/* Returns the exit status of the process. */
static inline int unit_run(const struct unit_test *tests)
{
    unsigned all = 0;

    for (; tests->name; tests++) {
        unit_failures = 0;
        tests->run();
        printf("%s %s\n", unit_failures ? "FAIL" : "pass", tests->name);
        all += unit_failures;
    }
    return all > 0;
}

#endif
