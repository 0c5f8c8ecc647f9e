// SPDX-License-Identifier: Apache-2.0
/*
 * What comes from workers: the functions of struct pool. arg is the service.
 */
#ifndef PYHL_ANSWERS_H
#define PYHL_ANSWERS_H

#include "service.h"

void answer_message(void *arg, struct member *member, const struct worker_message *message,
                    const uint8_t *bytes);
bool answer_ready(void *arg, const struct member *member);
void answer_died(void *arg, struct member *member, const char *why);

#endif
