// SPDX-License-Identifier: Apache-2.0
/*
 * Each tool is a function that turns arguments into steps. Arguments have the types of the schema
 * when it is called; what the schema cannot say it checks itself.
 */
#include "mcp_tools.h"
#include "mcp_fixtures.h"
#include "mcp_list.h"
#include "mcp_text.h"
#include "service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- steps that several tools take --- */

static const char *argument(const struct mcp_call *call, const char *name)
{
    return json_string_value(json_object_get(call->arguments, name));
}

static void step(struct mcp_call *call, enum mcp_step_sort sort, json_t *request)
{
    mcp_call_step(call, &(struct mcp_step){.sort = sort, .request = request});
}

/* Takes the bytes. */
static void step_bytes(struct mcp_call *call, enum mcp_step_sort sort, json_t *request,
                       uint8_t *bytes, size_t size)
{
    if (bytes == NULL) {
        call->content.broken = true;
    }
    mcp_call_step(
        call, &(struct mcp_step){.sort = sort, .request = request, .bytes = bytes, .size = size});
}

static uint8_t *copy(const void *bytes, size_t size)
{
    uint8_t *copied = malloc(size + 1);

    if (copied != NULL) {
        memcpy(copied, bytes, size);
    }
    return copied;
}

/* The session that the arguments name. */
static bool take_session(struct mcp_call *call)
{
    const char *name = argument(call, "session");

    if (name == NULL) {
        mcp_call_refuse(call, "'session' is missing");
        return false;
    }
    mcp_call_session(call, name);
    return true;
}

/* --- run_python --- */

static json_t *run_result(struct mcp_call *call)
{
    return mcp_content_answer(
        &call->content,
        mcp_content_parts(&call->content, call->own_session ? NULL : call->session));
}

static void step_run(struct mcp_call *call, const char *code, size_t size)
{
    json_t *timeout = json_object_get(call->arguments, "timeout"), *request;

    request = json_pack("{s:s}", "op", "run");
    if (request != NULL && call->session == NULL) {
        (void)json_object_set_new(request, "as", json_string("cell"));
    }
    if (request != NULL && timeout != NULL) {
        (void)json_object_set(request, "timeout", timeout);
    }
    step_bytes(call, MCP_STEP_RUN, request, copy(code, size), size);
}

static void begin_run(struct mcp_call *call)
{
    const json_t *code = json_object_get(call->arguments, "code");

    call->result = run_result;
    if (json_object_get(call->arguments, "files") != NULL) {
        mcp_call_refuse(call, "'files' cannot be written yet: write them by the code");
        return;
    }
    if (json_object_get(call->arguments, "packages") != NULL) {
        mcp_call_refuse(call, "'packages' cannot be installed yet");
        return;
    }
    if (argument(call, "session") == NULL || take_session(call)) {
        step_run(call, json_string_value(code), json_string_length(code));
    }
}

/* --- session --- */

static json_t *session_result(struct mcp_call *call)
{
    json_t *list = json_object_get(call->answer, "sessions");
    const char *name = json_string_value(json_object_get(call->answer, "session"));

    if (call->content.failed) {
        list = json_array();
    } else if (json_is_array(list)) {
        list = json_incref(list);
    } else {
        list = name != NULL ? json_pack("[s]", name) : json_array();
    }
    if (name != NULL) {
        mcp_content_say(&call->content, name);
    } else if (!call->content.failed) {
        mcp_content_say(&call->content, "done");
    }
    return mcp_content_answer(&call->content, json_pack("{s:o}", "sessions", list));
}

static void begin_session(struct mcp_call *call)
{
    const char *action = argument(call, "action");

    call->result = session_result;
    if (strcmp(action, "open") == 0) {
        if (argument(call, "session") != NULL) {
            mcp_call_refuse(call, "'session': a session that is opened is given its name");
            return;
        }
        step(call, MCP_STEP, json_pack("{s:s}", "op", "open"));
    } else if (strcmp(action, "close") == 0) {
        if (take_session(call)) {
            step(call, MCP_STEP, json_pack("{s:s}", "op", "close"));
        }
    } else {
        mcp_call_refuse(call, "'action': %s cannot be done yet", action);
    }
}

/* --- files --- */

static json_t *file_result(struct mcp_call *call)
{
    return mcp_content_answer(&call->content, NULL);
}

static void begin_file(struct mcp_call *call)
{
    call->result = file_result;
    mcp_call_refuse(call, "files of a session cannot be read and written yet: do it by run_python");
}

/* --- fixtures --- */

static json_t *fixture_result(struct mcp_call *call)
{
    return mcp_content_answer(&call->content, NULL);
}

static void begin_fixture(struct mcp_call *call, const json_t *fixture)
{
    const json_t *code = json_object_get(fixture, "code");

    call->result = fixture_result;
    step_bytes(call, MCP_STEP_RUN, json_pack("{s:s, s:s}", "op", "run", "as", "cell"),
               copy(json_string_value(code), json_string_length(code)), json_string_length(code));
}

/* --- all tools --- */

static const struct {
    const char *name;
    void (*begin)(struct mcp_call *call);
} rows[] = {
    {"run_python", begin_run},
    {"session", begin_session},
    {"write_file", begin_file},
    {"read_file", begin_file},
};

const json_t *mcp_tools_find(const struct mcp_tools *tools, const char *name)
{
    const json_t *tool;
    size_t i;

    json_array_foreach(tools->list, i, tool)
    {
        if (strcmp(json_string_value(json_object_get(tool, "name")), name) == 0) {
            return tool;
        }
    }
    return NULL;
}

struct mcp_call *mcp_tools_call(struct mcp_tools *tools, const char *name, const char *owner,
                                json_t *arguments)
{
    const json_t *fixture = json_object_get(tools->fixtures, name);
    const json_t *schema = json_object_get(mcp_tools_find(tools, name), "inputSchema");
    struct mcp_call *call = mcp_call_new(&tools->calls, owner, arguments);
    char text[300];

    if (call == NULL) {
        return NULL;
    }
    call->result = fixture_result;
    if (!mcp_list_check(schema, arguments, text, sizeof(text))) {
        mcp_call_refuse(call, "%s: %s", name, text);
        return call;
    }
    if (fixture != NULL) {
        begin_fixture(call, fixture);
        return call;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            rows[i].begin(call);
        }
    }
    return call;
}

int mcp_tools_begin(struct mcp_tools *tools, struct service *service,
                    const struct packages *packages, const char *fixtures, struct vmm_err *err)
{
    const bool begun = mcp_calls_begin(&tools->calls, service);

    tools->list = mcp_list(&service->config, packages);
    tools->fixtures = json_object();
    if (!begun || tools->list == NULL || tools->fixtures == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    return fixtures != NULL ? mcp_fixtures_load(fixtures, tools->list, tools->fixtures, err) : 0;
}

void mcp_tools_end(struct mcp_tools *tools)
{
    mcp_calls_end(&tools->calls);
    json_decref(tools->list);
    json_decref(tools->fixtures);
}
