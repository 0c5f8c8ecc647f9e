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

/* Writes a file, which the object describes: "path" and "text" or "base64". */
static bool step_write(struct mcp_call *call, const json_t *file, size_t *size)
{
    const char *path = json_string_value(json_object_get(file, "path"));
    const json_t *text = json_object_get(file, "text"), *base64 = json_object_get(file, "base64");
    uint8_t *bytes;

    if (path == NULL || strlen(path) != json_string_length(json_object_get(file, "path")) ||
        (json_is_string(text) == json_is_string(base64))) {
        mcp_call_refuse(call, "a file needs a 'path', and either 'text' or 'base64'");
        return false;
    }
    *size = json_string_length(text);
    bytes = text != NULL ? copy(json_string_value(text), *size) : mcp_bytes(base64, size);
    if (bytes == NULL && text == NULL) {
        mcp_call_refuse(call, "'base64' of %.100s is no base64", path);
        return false;
    }
    step_bytes(call, MCP_STEP,
               json_pack("{s:s, s:s, s:s}", "op", "file", "action", "write", "path", path), bytes,
               *size);
    return true;
}

/* --- undo: a checkpoint before each of the last runs of a session --- */

#define UNDO_MOST 8

static json_t *undo_of(const struct mcp_call *call)
{
    return ((struct mcp_tools *)call->calls)->undo;
}

static json_t *checkpoint(const char *op, json_int_t number)
{
    return json_pack("{s:s, s:o}", "op", op, strcmp(op, "checkpoint") == 0 ? "name" : "checkpoint",
                     mcp_stringf("mcp-%lld", (long long)number));
}

/* How many runs the session has had that were not undone. */
static json_int_t undo_count(const struct mcp_call *call)
{
    return json_integer_value(json_object_get(undo_of(call), call->session));
}

static void undo_set(const struct mcp_call *call, json_int_t count)
{
    if (call->lost) {
        (void)json_object_del(undo_of(call), call->session);
    } else {
        (void)json_object_set_new(undo_of(call), call->session, json_integer(count));
    }
}

static void step_undo(struct mcp_call *call)
{
    const json_int_t number = undo_count(call);

    step(call, MCP_STEP, checkpoint("checkpoint", number));
    if (number >= UNDO_MOST) {
        mcp_call_step(call,
                      &(struct mcp_step){.always = true,
                                         .request = checkpoint("forget", number - UNDO_MOST)});
    }
}

/* --- run_python --- */

static json_t *run_result(struct mcp_call *call)
{
    if (call->session != NULL && !call->own_session && (!call->stopped || call->lost)) {
        undo_set(call, undo_count(call) + 1);
    }
    return mcp_content_answer(
        &call->content,
        mcp_content_parts(&call->content, call->own_session ? NULL : call->session));
}

static void step_run(struct mcp_call *call, bool hermetic)
{
    const json_t *code = json_object_get(call->arguments, "code");
    json_t *timeout = json_object_get(call->arguments, "timeout"), *request;

    request = json_pack("{s:s}", "op", "run");
    if (request != NULL && hermetic) {
        (void)json_object_set_new(request, "as", json_string("cell"));
    }
    if (request != NULL && timeout != NULL) {
        (void)json_object_set(request, "timeout", timeout);
    }
    step_bytes(call, MCP_STEP_RUN, request, copy(json_string_value(code), json_string_length(code)),
               json_string_length(code));
}

/* What the code is to find. */
static bool step_prepare(struct mcp_call *call)
{
    const json_t *files = json_object_get(call->arguments, "files"), *file;
    json_t *packages = json_object_get(call->arguments, "packages");
    size_t i, size;

    json_array_foreach(files, i, file)
    {
        if (!step_write(call, file, &size)) {
            return false;
        }
    }
    if (json_array_size(packages) > 0) {
        step(call, MCP_STEP, json_pack("{s:s, s:O}", "op", "install", "packages", packages));
    }
    return true;
}

/* Files and packages can be had in a session alone. A run without one that wants them gets a
 * session of its own. */
static void begin_run(struct mcp_call *call)
{
    const bool named = argument(call, "session") != NULL;
    const bool prepares = json_array_size(json_object_get(call->arguments, "files")) > 0 ||
                          json_array_size(json_object_get(call->arguments, "packages")) > 0;

    call->result = run_result;
    if (named) {
        mcp_call_session(call, argument(call, "session"));
        step_undo(call);
    } else if (prepares) {
        step(call, MCP_STEP_OPEN, json_pack("{s:s}", "op", "open"));
    }
    if (!step_prepare(call)) {
        return;
    }
    step_run(call, !named && !prepares);
    if (!named && prepares) {
        mcp_call_step(
            call, &(struct mcp_step){.always = true, .request = json_pack("{s:s}", "op", "close")});
    }
}

/* --- session --- */

/* The sessions that the call is about, and text that names them. */
static json_t *session_result(struct mcp_call *call)
{
    json_t *list = json_object_get(call->answer, "sessions"), *name;
    const char *made = json_string_value(json_object_get(call->answer, "session"));
    const char *action = argument(call, "action");
    size_t i;

    if (call->content.failed || strcmp(action, "close") == 0) {
        list = json_array();
    } else if (json_is_array(list)) {
        list = json_incref(list);
    } else {
        list = json_pack("[s]", made != NULL ? made : call->session);
    }
    if (!call->content.failed && strcmp(action, "close") == 0) {
        (void)json_object_del(undo_of(call), call->session);
        mcp_content_say(&call->content, "closed");
    } else if (!call->content.failed && strcmp(action, "rewind") == 0) {
        undo_set(call, undo_count(call) - call->number);
    }
    json_array_foreach(list, i, name)
    {
        mcp_content_say(&call->content, json_string_value(name));
    }
    return mcp_content_answer(&call->content, json_pack("{s:o}", "sessions", list));
}

static void step_rewind(struct mcp_call *call, json_int_t runs)
{
    const json_int_t count = undo_count(call), most = count < UNDO_MOST ? count : UNDO_MOST;

    if (runs > most) {
        mcp_call_refuse(call, "'count': %lld of the session's runs can be undone", (long long)most);
        return;
    }
    call->number = runs;
    step(call, MCP_STEP, checkpoint("rewind", count - runs));
}

static void begin_session(struct mcp_call *call)
{
    const char *action = argument(call, "action");
    const json_t *count = json_object_get(call->arguments, "count");
    const json_int_t number = count != NULL ? json_integer_value(count) : 1;

    call->result = session_result;
    if (strcmp(action, "open") == 0) {
        if (argument(call, "session") != NULL) {
            mcp_call_refuse(call, "'session': a session that is opened is given its name");
            return;
        }
        step(call, MCP_STEP, json_pack("{s:s}", "op", "open"));
    } else if (take_session(call)) {
        if (strcmp(action, "close") == 0) {
            step(call, MCP_STEP, json_pack("{s:s}", "op", "close"));
        } else if (strcmp(action, "fork") == 0) {
            step(call, MCP_STEP, json_pack("{s:s, s:I}", "op", "fork", "count", number));
        } else {
            step_rewind(call, number);
        }
    }
}

/* --- files --- */

static json_t *written_result(struct mcp_call *call)
{
    if (!call->content.failed) {
        mcp_content_say(&call->content, "written");
    }
    return mcp_content_answer(&call->content, json_pack("{s:O, s:I}", "path",
                                                        json_object_get(call->arguments, "path"),
                                                        "size", call->number));
}

static void begin_write(struct mcp_call *call)
{
    size_t size = 0;

    call->result = written_result;
    if (take_session(call) && step_write(call, call->arguments, &size)) {
        call->number = (json_int_t)size;
    }
}

static json_t *read_result(struct mcp_call *call)
{
    const size_t size = flow_out_size(&call->bytes);

    if (!call->content.failed) {
        mcp_content_file(&call->content, argument(call, "path"),
                         size > 0 ? call->bytes.out.bytes + call->bytes.out.at : (uint8_t *)call,
                         size);
    }
    return mcp_content_answer(&call->content, NULL);
}

static void begin_read(struct mcp_call *call)
{
    json_t *offset = json_object_get(call->arguments, "offset"), *request;
    json_t *length = json_object_get(call->arguments, "length");

    call->result = read_result;
    if (!take_session(call)) {
        return;
    }
    request = json_pack("{s:s, s:s, s:O}", "op", "file", "action", "read", "path",
                        json_object_get(call->arguments, "path"));
    if (request != NULL && offset != NULL) {
        (void)json_object_set(request, "offset", offset);
    }
    if (request != NULL && length != NULL) {
        (void)json_object_set(request, "size", length);
    }
    step(call, MCP_STEP, request);
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
    {"write_file", begin_write},
    {"read_file", begin_read},
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
    tools->undo = json_object();
    if (!begun || tools->list == NULL || tools->fixtures == NULL || tools->undo == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    return fixtures != NULL ? mcp_fixtures_load(fixtures, tools->list, tools->fixtures, err) : 0;
}

void mcp_tools_end(struct mcp_tools *tools)
{
    mcp_calls_end(&tools->calls);
    json_decref(tools->list);
    json_decref(tools->fixtures);
    json_decref(tools->undo);
}
