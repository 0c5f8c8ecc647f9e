// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's reader of a run frame (struct hv_run and its records, vmm/abi.h): for the kernel and
 * for any driver, which links runframe.c. It needs no C library, allocates nothing, and leaves the
 * frame where it is: what it returns points into it.
 */
#ifndef RUNFRAME_H
#define RUNFRAME_H

#include <stddef.h>
#include <stdint.h>

/* Checks size bytes, which need no alignment, as a whole: the header, that each record ends inside
 * and stands once, that strings end. NULL when all is right, else what is wrong, in words. The
 * functions below take only a frame that was found right. */
const char *runframe_check(const void *frame, size_t size);

uint32_t runframe_mode(const void *frame);  /* enum hv_run_mode */
uint32_t runframe_flags(const void *frame); /* HV_RESUME_DETERMINISTIC */

/* The bytes of the record of this kind (enum hv_record_kind) and their number. A record that is not
 * there is the empty string: "" and 0. */
const char *runframe_bytes(const void *frame, size_t size, uint32_t kind, size_t *length);

/* The strings of the record of this kind: how many there are. The first `room` go into list. */
size_t runframe_strings(void *frame, size_t size, uint32_t kind, char **list, size_t room);

#endif
