// SPDX-License-Identifier: Apache-2.0
/*
 * Tools for tests of the protocol. A file of JSON has a list of them, each {"name", "description",
 * "inputSchema", "code", "requires"}: the code runs as a hermetic cell, and "requires" are the
 * capabilities that a client must have declared.
 */
#ifndef PYHL_MCP_FIXTURES_H
#define PYHL_MCP_FIXTURES_H

#include "vmm/vmm.h"

#include <jansson.h>

/* Appends what clients are told of them to a list of tools, and puts all of each into an object, by
 * its name. Returns 0 or, with *err, -errno. */
int mcp_fixtures_load(const char *path, json_t *list, json_t *fixtures, struct vmm_err *err);

#endif
