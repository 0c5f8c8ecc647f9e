// SPDX-License-Identifier: Apache-2.0
/*
 * The tools of the MCP server: what a client is told of them, and what becomes of a call.
 */
#ifndef PYHL_MCP_TOOLS_H
#define PYHL_MCP_TOOLS_H

#include "config.h"
#include "mcp_call.h"

struct mcp_tools {
    struct mcp_calls calls; /* first: a call knows them */
    json_t *list;           /* of tools, as tools/list gives them */
    json_t *fixtures;       /* code by the name of a tool; for tests */
    json_t *undo;           /* by the name of a session: how many runs there were */
};

/* packages are those of the home; NULL: it is not known. fixtures is a directory of tools for
 * tests (mcp_fixtures.h), or NULL. Returns 0 or, with *err, -errno. Call mcp_tools_end() after an
 * error, too. */
int mcp_tools_begin(struct mcp_tools *tools, struct service *service,
                    const struct packages *packages, const char *fixtures, struct vmm_err *err);
void mcp_tools_end(struct mcp_tools *tools);

/* What tools/list has of a tool; NULL: there is none of this name. */
const json_t *mcp_tools_find(const struct mcp_tools *tools, const char *name);

/* A call that is to be started. The tool is one that was found. What is wrong with the arguments is
 * in its result. NULL: there is no memory for it. */
struct mcp_call *mcp_tools_call(struct mcp_tools *tools, const char *name, const char *owner,
                                json_t *arguments);

#endif
