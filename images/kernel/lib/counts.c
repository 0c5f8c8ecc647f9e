// SPDX-License-Identifier: Apache-2.0
/*
 * How many things of each kind there are. Whoever makes and frees them counts them, and
 * /proc/pyhl/counts shows it: what a process leaves when it has ended is a leak.
 */
#include "kernel.h"

struct kernel_counts kernel_counts;
