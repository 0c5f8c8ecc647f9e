// SPDX-License-Identifier: Apache-2.0
/*
 * The operations that a request may ask for (PROTOCOL.md). Each returns true if the answer has been
 * given or will come, and false, with *error, if it cannot be carried out.
 */
#ifndef PYHL_OPS_H
#define PYHL_OPS_H

#include "service.h"

typedef bool op_function(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
                         size_t size, struct request_error *error);

op_function op_run;
op_function op_reply;
op_function op_interrupt;
op_function op_cancel;
op_function op_context;
op_function op_open;
op_function op_close;
op_function op_install;
op_function op_command;
op_function op_input;
op_function op_resize;
op_function op_signal;
op_function op_attach;
op_function op_commands;
op_function op_file;
op_function op_checkpoint;
op_function op_rewind;
op_function op_forget;
op_function op_fork;
op_function op_resume;
op_function op_pause;

#endif
