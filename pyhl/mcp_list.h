// SPDX-License-Identifier: Apache-2.0
/*
 * What clients are told of the four tools: names, descriptions, and the schemas of arguments and
 * results.
 */
#ifndef PYHL_MCP_LIST_H
#define PYHL_MCP_LIST_H

#include "config.h"
#include "service.h"

#include <jansson.h>

/* A list of tools, always in the same order. packages may be NULL. NULL: there is no memory for it.
 */
json_t *mcp_list(const struct service_config *config, const struct packages *packages);

/* Whether arguments are as a schema of this file or of a fixture wants them: its "required", and
 * the names and types of its "properties". If not, text says why. */
bool mcp_list_check(const json_t *schema, json_t *arguments, char *text, size_t size);

#endif
