// SPDX-License-Identifier: Apache-2.0
/*
 * Lists the tools and splits the process: the parent runs them, the child has the VM.
 */
#include "tools_fork.h"
#include "tools_parent.h"

/* In the parent, until the child ends. */
static int tools_serve(const struct cmd *cmd, const struct tool_list *list, struct parent *parent)
{
    struct tools_parent *tools = NULL;
    struct vmm_err err = {0};
    int status;

    if (tools_parent_offer(list, parent, &tools, &err) < 0) {
        status = cmd_fail(cmd, &err);
    } else {
        status = parent_serve(parent, cmd->name);
    }
    tools_parent_end(tools);
    parent_destroy(parent);
    return status;
}

bool tools_fork(const struct cmd *cmd, const struct tool_options *options,
                struct tools_child **tools, int *status)
{
    static struct channel channel; /* the child's, of which there is one */
    struct tool_list list;
    struct parent *parent = NULL;
    struct vmm_err err = {0};
    bool goes_on = false;

    *tools = NULL;
    if (tools_list(&options->commands, &options->folders, &list, &err) < 0) {
        *status = cmd_usage(cmd, "%s", err.msg);
        return false;
    }
    if (list.count == 0) {
        return true;
    }
    if (parent_fork(&parent, &channel, &err) < 0) {
        *status = cmd_fail(cmd, &err);
    } else if (parent != NULL) {
        *status = tools_serve(cmd, &list, parent);
    } else if (tools_child_make(&list, &channel, tools, &err) < 0) {
        *status = cmd_fail(cmd, &err);
    } else {
        goes_on = true;
    }
    tools_list_free(&list);
    return goes_on;
}
