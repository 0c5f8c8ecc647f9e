// SPDX-License-Identifier: Apache-2.0
/* What CPython 3.11 does in a function that python3 does not export; see unexported.c. */
#ifndef UNEXPORTED_H
#define UNEXPORTED_H

#include "driver.h"
#include "pyinternal.h"

/* The part of _PySys_UpdateConfig that is about sys.flags; max_str_digits of -1 stays as it is.
 * -1 with an exception. */
int unexported_update_flags(const PyConfig *config, int utf8_mode, int max_str_digits);

#endif
