// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's reader of a run frame (struct hv_run and its records, vmm/abi.h): for the kernel and
 * for any driver, which links runframe.c. It needs no C library, allocates nothing, and leaves the
 * frame where it is: the pointers that it returns lead into the frame.
 */
#ifndef RUNFRAME_H
#define RUNFRAME_H

#include <stddef.h>
#include <stdint.h>

/* Checks a frame of size bytes, which need no alignment: its header, that each record ends
 * inside the frame and occurs once, that strings end. Returns NULL when all is right, else a
 * message. The functions below take only a frame that has passed this check. */
const char *runframe_check(const void *frame, size_t size);

uint32_t runframe_mode(const void *frame);  /* enum hv_run_mode */
uint32_t runframe_flags(const void *frame); /* as hv_run.flags */

/* The bytes of the record of this kind (enum hv_record_kind) and their number. A record that is not
 * there is the empty string: "" and 0. */
const char *runframe_bytes(const void *frame, size_t size, uint32_t kind, size_t *length);

/* Returns how many strings the record of this kind has, and puts the first `room` of them into
 * list. */
size_t runframe_strings(void *frame, size_t size, uint32_t kind, char **list, size_t room);

#endif
