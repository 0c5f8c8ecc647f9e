// SPDX-License-Identifier: Apache-2.0
/*
 * The words by which somebody else asks for packages, who may be a guest that has taken over its
 * process: they can name packages and versions, and nothing else, no files, no addresses, no
 * options.
 */
#ifndef PYHL_PACKAGES_WORDS_H
#define PYHL_PACKAGES_WORDS_H

#include "install.h"

/* Makes a list of strings, of which the last one ends at text[size - 1]. */
bool words_split(const char *text, size_t size, struct opt_list *list);

/* Whether all words are such names; EINVAL. */
int words_check(const struct install_wish *wish, const struct opt_list *words, struct vmm_err *err);

#endif
