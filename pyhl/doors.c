// SPDX-License-Identifier: Apache-2.0
/*
 * Lists tools and files, and splits the process: the parent runs the ones and reads and writes the
 * others, the child has the VM.
 */
#include "doors.h"
#include "copies_parent.h"
#include "deadline.h"
#include "install_parent.h"
#include "tools_parent.h"

#include <errno.h>
#include <stdlib.h>

/* What both processes know. */
struct door_lists {
    struct tool_list tools;
    struct copies copies;
    struct save save;
    bool saves;
    struct images images;
    bool shows;
    const struct install_wish *install;
};

/* In the parent, until the child ends. */
static int doors_serve(const struct cmd *cmd, struct door_lists *lists, struct parent *parent)
{
    struct tools_parent *tools = NULL;
    struct copies_parent *copies = NULL;
    struct install_parent *install = NULL;
    struct vmm_err err = {0};
    int status;

    if (tools_parent_offer(&lists->tools, parent, &tools, &err) < 0 ||
        copies_parent_offer(&lists->copies, cmd->name, parent, &copies, &err) < 0 ||
        (lists->saves && save_offer(&lists->save, parent) < 0) ||
        (lists->shows && images_offer(&lists->images, parent) < 0) ||
        (lists->install != NULL &&
         install_parent_offer(lists->install, cmd->name, parent, &install, &err) < 0)) {
        status = cmd_fail(cmd, &err);
    } else {
        status = parent_serve(parent, cmd->name);
    }
    tools_parent_end(tools);
    copies_parent_end(copies);
    install_parent_end(install);
    if (lists->saves) {
        save_end(&lists->save);
    }
    if (lists->shows) {
        images_end(&lists->images);
    }
    parent_destroy(parent);
    return status;
}

static int doors_child(const struct cmd *cmd, struct door_lists *lists, struct doors *doors,
                       struct vmm_err *err)
{
    int rc = deadline_forked(err);

    doors->images = lists->shows ? &lists->images : NULL;
    if (rc == 0 && lists->tools.count > 0) {
        rc = tools_child_make(&lists->tools, doors->channel, &doors->tools, err);
    }
    if (rc == 0 && (lists->copies.in.count > 0 || lists->copies.target_count > 0)) {
        rc = copies_child_make(&lists->copies, doors->channel, cmd->name, &doors->copies, err);
    }
    if (rc == 0 && lists->install != NULL) {
        rc = install_child_make(doors->channel, &doors->install, err);
    }
    return rc;
}

static bool doors_split(const struct cmd *cmd, struct door_lists *lists, struct doors *doors,
                        int *status)
{
    static struct channel channel; /* the child's, of which there is one */
    struct parent *parent = NULL;
    struct vmm_err err = {0};

    if (parent_fork(&parent, &channel, &err) < 0) {
        if (lists->saves) {
            save_end(&lists->save);
        }
        *status = cmd_fail(cmd, &err);
        return false;
    }
    if (parent != NULL) {
        *status = doors_serve(cmd, lists, parent);
        return false;
    }
    doors->channel = &channel;
    doors->save = lists->saves ? &lists->save : NULL;
    if (doors_child(cmd, lists, doors, &err) < 0) {
        *status = cmd_fail(cmd, &err);
        return false;
    }
    return true;
}

void doors_free_options(struct tool_options *tools, struct copy_options *copies)
{
    free(tools->commands.items);
    free(tools->folders.items);
    free(copies->in.items);
    free(copies->out.items);
}

bool doors_open(const struct cmd *cmd, const struct door_options *options, struct doors *doors,
                int *status)
{
    static struct door_lists lists; /* used until the process ends */
    struct vmm_err err = {0};

    *doors = (struct doors){0};
    if (tools_list(&options->tools->commands, &options->tools->folders, &lists.tools, &err) < 0) {
        *status = cmd_usage(cmd, "%s", err.msg);
        return false;
    }
    if (copies_list(options->copies, options->cwd, options->script, &lists.copies, &err) < 0) {
        *status = err.code == EINVAL ? cmd_usage(cmd, "%s", err.msg) : cmd_fail(cmd, &err);
        return false;
    }
    lists.saves = options->save != NULL;
    if (lists.saves && save_begin(options->save, options->dest, &lists.save, &err) < 0) {
        *status = cmd_usage(cmd, "%s", err.msg);
        return false;
    }
    lists.shows = options->images != NULL;
    if (lists.shows && images_begin(options->images, &lists.images, &err) < 0) {
        *status = cmd_usage(cmd, "%s", err.msg);
        return false;
    }
    lists.install = options->install;
    if (lists.tools.count == 0 && lists.copies.in.count == 0 && lists.copies.target_count == 0 &&
        !lists.saves && !lists.shows && lists.install == NULL) {
        return true;
    }
    return doors_split(cmd, &lists, doors, status);
}
