// SPDX-License-Identifier: Apache-2.0
#ifndef UNIT_KERNEL_PROCESS_H
#define UNIT_KERNEL_PROCESS_H

#include <stdbool.h>

/* Runs a test in a process of its own; whether it returned 0, which means no failures. */
bool in_process(unsigned (*test)(void));

/* Maps memory, zeroed, at just these addresses; false when something else is there. */
bool map_at(unsigned long start, unsigned long end);

#endif
