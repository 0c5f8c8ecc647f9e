// SPDX-License-Identifier: Apache-2.0
/*
 * What a VM says of the TOML of a script's metadata: the lines that metadata.py tells of. They come
 * from a guest, and are to be checked as such.
 */
#ifndef PYHL_METADATA_GUEST_H
#define PYHL_METADATA_GUEST_H

#include "vmm/vmm.h"

#define METADATA_ANSWER_MAX (1u << 20)

/* The text of metadata.py. */
extern const char metadata_guest_program[] __attribute__((visibility("hidden")));

/* line is that of the script where the TOML begins. free(*answer). Errors are the home's and the
 * VM's. */
int metadata_guest_ask(const char *home, const char *text, size_t line, char **answer,
                       struct vmm_err *err);

#endif
