// SPDX-License-Identifier: Apache-2.0
/*
 * The two forms of pyhl info.
 */
#ifndef PYHL_INFO_H
#define PYHL_INFO_H

#include "cmd.h"

/* Prints the JSON object. *good tells whether scripts can run here. ENOMEM. */
int info_json(const char *dest, bool *good, struct vmm_err *err);

#endif
