// SPDX-License-Identifier: Apache-2.0
/*
 * What setup, info and verify print, and what makes layers: sizes, times, steps. On a terminal a
 * step is shown while it runs; elsewhere it is one line when it is over.
 */
#ifndef PYHL_REPORT_H
#define PYHL_REPORT_H

#include <stdint.h>
#include <stdio.h>

struct report_text {
    char s[32];
};

struct report_text report_size(uint64_t bytes); /* "12.3 MiB" */
struct report_text report_time(uint64_t ns);    /* "1.23 s", "4.5 ms" */

uint64_t report_now(void); /* monotonic, ns */
uint64_t report_cpu(void); /* of this process, ns */

/* Where steps are reported; NULL: nowhere. Standard output unless said. */
void report_to(FILE *stream);

void report_begin(const char *step);
/* note may be empty. */
void report_end(const char *step, const char *note, uint64_t ns);
/* Ends the line of a step that will not be finished. */
void report_abandon(void);

#endif
