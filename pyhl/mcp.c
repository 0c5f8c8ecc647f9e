// SPDX-License-Identifier: Apache-2.0
/*
 * A message is checked in the order that the revisions want: whether it is JSON-RPC, whether it
 * says what its revision needs, whether the server speaks that revision, and whether it has the
 * method.
 */
#include "mcp.h"
#include "mcp_text.h"
#include "pyhl.h"
#include "request.h"

#include <string.h>

#define META              "io.modelcontextprotocol/"
#define META_VERSION      META "protocolVersion"
#define META_CAPABILITIES META "clientCapabilities"
#define META_CLIENT       META "clientInfo"
#define META_SERVER       META "serverInfo"

#define CACHE_MS                                                                                   \
    3600000 /* for which a client may keep what does not change while a server runs                \
             */

/* A message, taken apart. */
struct incoming {
    const json_t *id; /* NULL: of a notification */
    const char *method;
    json_t *params, *meta; /* NULL: there are none */
    enum mcp_revision revision;
    const struct mcp_headers *headers;
};

/* A request under way. */
struct mcp_request {
    TAILQ_ENTRY(mcp_request) link;
    struct mcp_peer *peer;
    json_t *id, *progress; /* progress: its token; NULL: none */
    enum mcp_revision revision;
    size_t output; /* bytes that were told of */
    struct mcp_call *call;
};

static const char *const revisions[MCP_REVISIONS] = {
    [MCP_2024_11_05] = "2024-11-05", [MCP_2025_03_26] = "2025-03-26",
    [MCP_2025_06_18] = "2025-06-18", [MCP_2025_11_25] = "2025-11-25",
    [MCP_2026_07_28] = "2026-07-28",
};

static const char instructions[] =
    "run_python runs Python code in a virtual machine without network. Open a session where later "
    "code is to find the variables and files of earlier code; without one each run is a new "
    "machine. Save figures nowhere: those that are open at the end are shown.";

/* MCP_REVISIONS: there is none of this name. */
static enum mcp_revision revision_of(const char *name)
{
    enum mcp_revision revision = 0;

    while (revision < MCP_REVISIONS && strcmp(revisions[revision], name) != 0) {
        revision++;
    }
    return revision;
}

/* --- answers --- */

/* Takes the message. */
static void send_answer(struct mcp_peer *peer, json_t *message, enum mcp_code code)
{
    if (message == NULL) {
        peer->failed = true;
    } else {
        peer->ops->answer(peer, message, code);
    }
    json_decref(message);
}

/* Takes data, which may be NULL. */
static void send_error(struct mcp_peer *peer, const json_t *id, enum mcp_code code, json_t *text,
                       json_t *data)
{
    json_t *error = json_pack("{s:i, s:o}", "code", (int)code, "message", text);

    if (error != NULL && data != NULL) {
        (void)json_object_set(error, "data", data);
    }
    json_decref(data);
    send_answer(peer,
                json_pack("{s:s, s:O?, s:o}", "jsonrpc", "2.0", "id",
                          id != NULL ? (json_t *)(uintptr_t)id : json_null(), "error", error),
                code);
}

/* Takes the result; NULL: there was no memory for it. */
static void send_result(struct mcp_peer *peer, const json_t *id, enum mcp_revision revision,
                        json_t *result)
{
    if (result != NULL && revision >= MCP_2026_07_28) {
        (void)json_object_set_new(result, "resultType", json_string("complete"));
        (void)json_object_set_new(
            result, "_meta",
            json_pack("{s:{s:s, s:s}}", META_SERVER, "name", "pyhl", "version", PYHL_VERSION));
    }
    if (result == NULL) {
        send_error(peer, id, MCP_INTERNAL, mcp_stringf("the server is out of memory"), NULL);
        return;
    }
    send_answer(peer,
                json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", (json_t *)(uintptr_t)id,
                          "result", result),
                MCP_NO_ERROR);
}

void mcp_no_message(struct mcp_peer *peer, enum mcp_code code, const char *why)
{
    send_error(peer, NULL, code, mcp_stringf("%s", why), NULL);
}

/* --- requests under way --- */

static struct mcp_request *request_find(const struct mcp_peer *peer, const json_t *id)
{
    struct mcp_request *request;

    TAILQ_FOREACH (request, &peer->requests, link) {
        if (json_equal(request->id, id)) {
            return request;
        }
    }
    return NULL;
}

static void request_free(struct mcp_request *request)
{
    TAILQ_REMOVE(&request->peer->requests, request, link);
    json_decref(request->id);
    json_decref(request->progress);
    free(request);
}

static void request_over(void *arg, json_t *result)
{
    struct mcp_request *request = arg;
    struct mcp_peer *peer = request->peer;
    json_t *id = json_incref(request->id);
    const enum mcp_revision revision = request->revision;

    if (result != NULL && revision < MCP_2025_06_18) {
        (void)json_object_del(result, "structuredContent");
    }
    request_free(request);
    send_result(peer, id, revision, result);
    json_decref(id);
}

/* What the code writes is its progress, of which the end is not known. */
static void request_output(void *arg, const void *bytes, size_t size)
{
    struct mcp_request *request = arg;
    json_t *message;

    if (request->progress == NULL) {
        return;
    }
    request->output += size;
    message =
        json_pack("{s:s, s:s, s:{s:O, s:I, s:o}}", "jsonrpc", "2.0", "method",
                  "notifications/progress", "params", "progressToken", request->progress,
                  "progress", (json_int_t)request->output, "message", mcp_string(bytes, size));
    if (message == NULL) {
        request->peer->failed = true;
    } else {
        request->peer->ops->notify(request->peer, message);
    }
    json_decref(message);
}

static const struct mcp_call_ops request_ops = {.over = request_over, .output = request_output};

static void request_begin(struct mcp_peer *peer, const struct incoming *in, struct mcp_call *call)
{
    struct mcp_request *request = calloc(1, sizeof(*request));
    json_t *token = json_object_get(in->meta, "progressToken");

    if (request == NULL || call == NULL) {
        free(request);
        if (call != NULL) {
            mcp_call_free(call);
        }
        send_result(peer, in->id, in->revision, NULL);
        return;
    }
    *request = (struct mcp_request){
        .peer = peer,
        .id = json_incref((json_t *)(uintptr_t)in->id),
        .progress = json_is_string(token) || json_is_integer(token) ? json_incref(token) : NULL,
        .revision = in->revision,
        .call = call,
    };
    TAILQ_INSERT_TAIL(&peer->requests, request, link);
    mcp_call_start(call, &request_ops, request);
}

/* --- methods --- */

static void do_discover(struct mcp_peer *peer, const struct incoming *in)
{
    send_result(peer, in->id, in->revision,
                json_pack("{s:[s], s:{s:{}}, s:s, s:i, s:s}", "supportedVersions",
                          revisions[MCP_2026_07_28], "capabilities", "tools", "instructions",
                          instructions, "ttlMs", CACHE_MS, "cacheScope", "public"));
}

static void do_initialize(struct mcp_peer *peer, const struct incoming *in)
{
    const char *wanted = json_string_value(json_object_get(in->params, "protocolVersion"));

    if (wanted == NULL) {
        send_error(peer, in->id, MCP_INVALID_PARAMS, mcp_stringf("'protocolVersion' is missing"),
                   NULL);
        return;
    }
    peer->revision = revision_of(wanted);
    if (peer->revision > MCP_2025_11_25) {
        peer->revision = MCP_2025_11_25;
    }
    send_result(peer, in->id, peer->revision,
                json_pack("{s:s, s:{s:{}}, s:{s:s, s:s}, s:s}", "protocolVersion",
                          revisions[peer->revision], "capabilities", "tools", "serverInfo", "name",
                          "pyhl", "version", PYHL_VERSION, "instructions", instructions));
}

static void do_ping(struct mcp_peer *peer, const struct incoming *in)
{
    send_result(peer, in->id, in->revision, json_object());
}

static void do_list(struct mcp_peer *peer, const struct incoming *in)
{
    json_t *list = json_deep_copy(peer->tools->list), *tool, *result;
    size_t i;

    if (json_object_get(in->params, "cursor") != NULL) {
        json_decref(list);
        send_error(peer, in->id, MCP_INVALID_PARAMS, mcp_stringf("'cursor' is none of this server"),
                   NULL);
        return;
    }
    json_array_foreach(list, i, tool)
    {
        if (in->revision < MCP_2025_06_18) {
            (void)json_object_del(tool, "outputSchema");
        }
    }
    result = json_pack("{s:o}", "tools", list);
    if (in->revision >= MCP_2026_07_28 && result != NULL) {
        (void)json_object_set_new(result, "ttlMs", json_integer(CACHE_MS));
        (void)json_object_set_new(result, "cacheScope", json_string("public"));
    }
    send_result(peer, in->id, in->revision, result);
}

/* Whether the client has declared what a tool needs. */
static bool is_capable(struct mcp_peer *peer, const struct incoming *in, const char *tool)
{
    json_t *needed = json_object_get(json_object_get(peer->tools->fixtures, tool), "requires");
    const json_t *declared = json_object_get(in->meta, META_CAPABILITIES);
    const char *name;
    json_t *value;

    json_object_foreach(needed, name, value)
    {
        if (in->revision >= MCP_2026_07_28 && json_object_get(declared, name) == NULL) {
            send_error(peer, in->id, MCP_CAPABILITY,
                       mcp_stringf("the client has not declared the capability '%s'", name),
                       json_pack("{s:O}", "requiredCapabilities", needed));
            return false;
        }
    }
    return true;
}

static void do_call(struct mcp_peer *peer, const struct incoming *in)
{
    const char *name = json_string_value(json_object_get(in->params, "name"));
    json_t *arguments = json_object_get(in->params, "arguments"), *none = NULL;

    if (name == NULL || (arguments != NULL && !json_is_object(arguments))) {
        send_error(peer, in->id, MCP_INVALID_PARAMS,
                   mcp_stringf("'name' must be a string, and 'arguments' an object"), NULL);
        return;
    }
    if (mcp_tools_find(peer->tools, name) == NULL) {
        send_error(peer, in->id, MCP_INVALID_PARAMS, mcp_stringf("Unknown tool: %.100s", name),
                   NULL);
        return;
    }
    if (!is_capable(peer, in, name)) {
        return;
    }
    if (arguments == NULL) {
        arguments = none = json_object();
    }
    request_begin(peer, in, mcp_tools_call(peer->tools, name, peer->owner, arguments));
    json_decref(none);
}

static const struct {
    const char *name;
    enum mcp_revision first, last;
    void (*run)(struct mcp_peer *peer, const struct incoming *in);
} methods[] = {
    {"server/discover", MCP_2026_07_28, MCP_2026_07_28, do_discover},
    {"initialize", MCP_2024_11_05, MCP_2025_11_25, do_initialize},
    {"ping", MCP_2024_11_05, MCP_2025_11_25, do_ping},
    {"tools/list", MCP_2024_11_05, MCP_2026_07_28, do_list},
    {"tools/call", MCP_2024_11_05, MCP_2026_07_28, do_call},
};

static void do_method(struct mcp_peer *peer, const struct incoming *in)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(methods[i].name, in->method) == 0 && methods[i].first <= in->revision &&
            in->revision <= methods[i].last) {
            methods[i].run(peer, in);
            return;
        }
    }
    send_error(peer, in->id, MCP_NO_METHOD, mcp_stringf("Method not found: %.100s", in->method),
               NULL);
}

static void do_notification(struct mcp_peer *peer, const struct incoming *in)
{
    const json_t *id = json_object_get(in->params, "requestId");
    struct mcp_request *request;

    if (strcmp(in->method, "notifications/cancelled") != 0 || id == NULL) {
        return; /* of what it tells nothing depends */
    }
    request = request_find(peer, id);
    if (request != NULL) {
        mcp_call_cancel(request->call);
        request_free(request);
    }
}

/* --- messages --- */

static bool is_wrong(struct mcp_peer *peer, const struct incoming *in, enum mcp_code code,
                     const char *why)
{
    send_error(peer, in->id, code, mcp_stringf("%s", why), NULL);
    return true;
}

/* Answers one whose headers say something else. */
static bool headers_are_wrong(struct mcp_peer *peer, const struct incoming *in, const char *version)
{
    const struct mcp_headers *h = in->headers;
    const char *name = json_string_value(json_object_get(in->params, "name"));

    if (!h->used) {
        return false;
    }
    if (h->version == NULL || strcmp(h->version, version) != 0) {
        return is_wrong(peer, in, MCP_HEADERS,
                        "the header MCP-Protocol-Version and _meta name different revisions");
    }
    if (h->method == NULL || strcmp(h->method, in->method) != 0) {
        return is_wrong(peer, in, MCP_HEADERS, "the header Mcp-Method is not the message's method");
    }
    if (strcmp(in->method, "tools/call") == 0 && name != NULL &&
        (h->name == NULL || strcmp(h->name, name) != 0)) {
        return is_wrong(peer, in, MCP_HEADERS, "the header Mcp-Name is not the name of the tool");
    }
    return false;
}

static bool version_is_wrong(struct mcp_peer *peer, const struct incoming *in, const char *version)
{
    if (strcmp(version, revisions[MCP_2026_07_28]) == 0) {
        return false;
    }
    send_error(
        peer, in->id, MCP_VERSION, mcp_stringf("Unsupported protocol version"),
        json_pack("{s:[s], s:s}", "supported", revisions[MCP_2026_07_28], "requested", version));
    return true;
}

/* Answers a request that does not say what one without a handshake has to. */
static bool modern_is_wrong(struct mcp_peer *peer, const struct incoming *in)
{
    const char *version = json_string_value(json_object_get(in->meta, META_VERSION));
    const json_t *client = json_object_get(in->meta, META_CLIENT);

    if (version == NULL) {
        return is_wrong(peer, in, MCP_INVALID_PARAMS, "_meta has no " META_VERSION);
    }
    if (!json_is_object(json_object_get(in->meta, META_CAPABILITIES))) {
        return is_wrong(peer, in, MCP_INVALID_PARAMS, "_meta has no object " META_CAPABILITIES);
    }
    if (client != NULL && !json_is_object(client)) {
        return is_wrong(peer, in, MCP_INVALID_PARAMS, "_meta: " META_CLIENT " must be an object");
    }
    return headers_are_wrong(peer, in, version) || version_is_wrong(peer, in, version);
}

/* Which revision a message is of: what it says itself, or its headers, or what the handshake has
 * settled. Answers one that names an unknown revision in the headers alone. */
static bool revision_is_wrong(struct mcp_peer *peer, struct incoming *in)
{
    const char *header = in->headers->version;

    in->revision = peer->revision;
    if (json_object_get(in->meta, META_VERSION) != NULL ||
        strcmp(in->method, "server/discover") == 0) {
        in->revision = MCP_2026_07_28;
    } else if (header != NULL) {
        in->revision = revision_of(header);
    }
    if (in->revision == MCP_REVISIONS) {
        in->revision = MCP_2025_11_25;
        return in->id != NULL && header != NULL && version_is_wrong(peer, in, header);
    }
    return false;
}

static bool id_is_good(const json_t *id)
{
    return id == NULL || json_is_string(id) || json_is_integer(id);
}

/* Takes one apart that is JSON. Returns false, with an answer, if it is no message. */
static bool take_apart(struct mcp_peer *peer, const json_t *message, struct incoming *in)
{
    const char *version = json_string_value(json_object_get(message, "jsonrpc"));
    json_t *params = json_object_get(message, "params");

    in->id = json_object_get(message, "id");
    in->method = json_string_value(json_object_get(message, "method"));
    if (in->method == NULL &&
        (json_object_get(message, "result") != NULL || json_object_get(message, "error") != NULL)) {
        return false; /* an answer, and the server has asked for nothing */
    }
    if (version == NULL || strcmp(version, "2.0") != 0 || in->method == NULL ||
        !id_is_good(in->id)) {
        in->id = in->id != NULL && id_is_good(in->id) ? in->id : NULL;
        (void)is_wrong(peer, in, MCP_INVALID_REQUEST,
                       "a message needs 'jsonrpc': \"2.0\", a 'method', and as 'id' a string or a "
                       "whole number, if it is a request");
        return false;
    }
    if (params != NULL && !json_is_object(params)) {
        if (in->id != NULL) {
            (void)is_wrong(peer, in, MCP_INVALID_PARAMS, "'params' must be an object");
        }
        return false;
    }
    in->params = params;
    in->meta = json_object_get(params, "_meta");
    return true;
}

static void do_message(struct mcp_peer *peer, struct incoming *in)
{
    bool wrong = revision_is_wrong(peer, in);

    peer->modern = in->revision >= MCP_2026_07_28;
    if (in->id == NULL) {
        do_notification(peer, in);
    } else if (request_find(peer, in->id) != NULL) {
        (void)is_wrong(peer, in, MCP_INVALID_REQUEST, "a request with this 'id' is under way");
    } else if (!wrong && !(peer->modern && modern_is_wrong(peer, in))) {
        do_method(peer, in);
    }
}

bool mcp_message(struct mcp_peer *peer, const void *text, size_t size,
                 const struct mcp_headers *headers)
{
    static const struct mcp_headers none;
    struct incoming in = {.headers = headers != NULL ? headers : &none};
    struct request_error error = {.type = NULL};
    json_t *message;
    bool taken;

    if (size > 0 && ((const char *)text)[0] == '[') {
        mcp_no_message(peer, MCP_INVALID_REQUEST, "send messages one by one, not as a list");
        return false;
    }
    message = request_parse_with(text, size, JSON_ALLOW_NUL, &error);
    if (message == NULL) {
        mcp_no_message(peer, MCP_PARSE, error.text);
        return false;
    }
    taken = take_apart(peer, message, &in);
    if (taken) {
        do_message(peer, &in);
    }
    taken = taken && in.id != NULL;
    json_decref(message);
    return taken;
}

void mcp_peer_begin(struct mcp_peer *peer, struct mcp_tools *tools, const struct mcp_peer_ops *ops,
                    const char *owner)
{
    *peer =
        (struct mcp_peer){.ops = ops, .tools = tools, .owner = owner, .revision = MCP_2025_11_25};
    TAILQ_INIT(&peer->requests);
}

void mcp_peer_end(struct mcp_peer *peer)
{
    struct mcp_request *next;

    for (struct mcp_request *r = TAILQ_FIRST(&peer->requests); r != NULL; r = next) {
        next = TAILQ_NEXT(r, link);
        mcp_call_cancel(r->call);
        request_free(r);
    }
}
