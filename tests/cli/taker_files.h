// SPDX-License-Identifier: Apache-2.0
/*
 * Actions on files, for the taker's command "files".
 */
#ifndef TAKER_FILES_H
#define TAKER_FILES_H

/* Makes a directory with its parents, and goes there. -1 after printing why not. */
int files_enter(const char *path);

/* Does what a word says. Returns 0, or -1 after printing why not. */
int files_act(char *word);

#endif
