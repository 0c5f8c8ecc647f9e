// SPDX-License-Identifier: Apache-2.0
/*
 * One strict parser for each kind of value, typed by a user or written in an ini file. `what` names
 * the value in the message. They fail with EINVAL.
 */
#ifndef PYHL_VALUE_H
#define PYHL_VALUE_H

#include "vmm/vmm.h"

int value_count(const char *what, const char *text, uint64_t *value, struct vmm_err *err);
int value_size(const char *what, const char *text, uint64_t *value,
               struct vmm_err *err); /* bytes */
int value_mib(const char *what, const char *text, uint64_t *value,
              struct vmm_err *err); /* bytes; a number without a unit is MiB */
int value_seconds(const char *what, const char *text, uint64_t *ns, struct vmm_err *err);

#endif
