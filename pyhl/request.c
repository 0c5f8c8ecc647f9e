// SPDX-License-Identifier: Apache-2.0
#include "request.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_TOOLS 1000u

/* A run in the making. */
struct making {
    struct worker_run head;
    struct flow strings; /* its out bytes alone are used */
    struct request_error *error;
};

bool request_wrong(struct request_error *error, const char *type, const char *format, ...)
{
    va_list list;

    error->type = type;
    va_start(list, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, list);
    va_end(list);
    return false;
}

static bool out_of_memory(struct request_error *error)
{
    return request_wrong(error, "OSError", "the server is out of memory");
}

/* How deep a text is nested, if it is JSON, and *values, at most how many it has. jansson itself
 * goes down 2,048 levels. */
static size_t request_depth(const uint8_t *text, size_t size, size_t *values)
{
    size_t depth = 0, most = 0;
    bool string = false;

    *values = 1;
    for (size_t i = 0; i < size; i++) {
        if (string && text[i] == '\\') {
            i++;
        } else if (string) {
            string = text[i] != '"';
        } else if (text[i] == '"') {
            string = true;
        } else if (text[i] == '{' || text[i] == '[') {
            depth++;
            ++*values;
            most = depth > most ? depth : most;
        } else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
            depth--;
        } else if (text[i] == ',') {
            ++*values;
        }
    }
    return most;
}

json_t *request_parse_with(const uint8_t *text, size_t size, size_t flags,
                           struct request_error *error)
{
    json_error_t why;
    json_t *request;
    size_t values;

    if (request_depth(text, size, &values) > REQUEST_DEPTH) {
        (void)request_wrong(error, "ProtocolError", "JSON that is nested over %u levels deep",
                            REQUEST_DEPTH);
        return NULL;
    }
    if (values > REQUEST_VALUES) {
        (void)request_wrong(error, "ProtocolError", "JSON of over %u values", REQUEST_VALUES);
        return NULL;
    }
    request = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES | flags, &why);
    if (!json_is_object(request)) {
        (void)request_wrong(error, "ProtocolError", "a request that is no JSON object: %s",
                            request == NULL ? why.text : "it is another value");
        json_decref(request);
        return NULL;
    }
    return request;
}

json_t *request_parse(const uint8_t *text, size_t size, struct request_error *error)
{
    return request_parse_with(text, size, 0, error);
}

bool request_members(const json_t *request, const char *const *names, struct request_error *error)
{
    const char *key;
    json_t *value;

    /* The macro does not change the object, but its parameter is not const. */
    json_object_foreach((json_t *)(uintptr_t)request, key, value)
    {
        const char *const *name = names;

        while (*name != NULL && strcmp(*name, key) != 0) {
            name++;
        }
        if (*name == NULL) {
            return request_wrong(error, "ValueError", "unknown member '%.60s'", key);
        }
    }
    return true;
}

bool request_number(const json_t *request, const char *name, uint64_t *out,
                    struct request_error *error)
{
    const json_t *value = json_object_get(request, name);
    const json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < 0 || number > REQUEST_ID) {
        return request_wrong(error, "ValueError", "'%s' must be a whole number from 0 to 2^53",
                             name);
    }
    *out = (uint64_t)number;
    return true;
}

bool request_text(const json_t *request, const char *name, const char **out,
                  struct request_error *error)
{
    const json_t *value = json_object_get(request, name);

    *out = json_string_value(value);
    return value == NULL || *out != NULL
               ? true
               : request_wrong(error, "ValueError", "'%s' must be a string without a NUL", name);
}

/* A limit in units of which `scale` make one of the member's; the most is the server's. */
static bool limit(struct making *m, const json_t *request, const char *name, double scale,
                  uint64_t most, uint64_t *out)
{
    const json_t *value = json_object_get(request, name);
    const double number = json_number_value(value), wanted = number * scale;

    *out = most;
    if (value == NULL) {
        return true;
    }
    if (!json_is_number(value) || !isfinite(number) || !(wanted >= 1) || wanted > 1e18) {
        return request_wrong(m->error, "ValueError", "'%s' must be a number over 0", name);
    }
    if (most != 0 && wanted > (double)most) {
        return request_wrong(m->error, "ValueError", "'%s' is %.15g, and the server allows %.15g",
                             name, number, (double)most / scale);
    }
    *out = (uint64_t)wanted;
    return true;
}

static bool put_string(struct making *m, const char *text)
{
    return flow_put(&m->strings, text, strlen(text) + 1) == 0 || out_of_memory(m->error);
}

static bool put_args(struct making *m, const json_t *request)
{
    const json_t *list = json_object_get(request, "args"), *item;
    size_t i;

    if (list != NULL && !json_is_array(list)) {
        return request_wrong(m->error, "ValueError", "'args' must be a list of strings");
    }
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item)) {
            return request_wrong(m->error, "ValueError", "'args[%zu]' must be a string", i);
        }
        if (!put_string(m, json_string_value(item))) {
            return false;
        }
    }
    m->head.arg_count = (uint32_t)json_array_size(list);
    return true;
}

static bool put_env(struct making *m, const json_t *request)
{
    json_t *env = json_object_get(request, "env"), *value;
    const char *key;

    if (env != NULL && !json_is_object(env)) {
        return request_wrong(m->error, "ValueError", "'env' must be an object of strings");
    }
    json_object_foreach(env, key, value)
    {
        if (!json_is_string(value) || key[0] == 0 || strchr(key, '=') != NULL) {
            return request_wrong(m->error, "ValueError",
                                 "'env': '%.60s' is no name of a variable, or has no string", key);
        }
        if (flow_put(&m->strings, key, strlen(key)) < 0 || flow_put(&m->strings, "=", 1) < 0 ||
            !put_string(m, json_string_value(value))) {
            return out_of_memory(m->error);
        }
    }
    m->head.env_count = (uint32_t)json_object_size(env);
    return true;
}

static bool name_is_good(const char *name)
{
    size_t n = 0;

    for (; name != NULL && name[n] > ' ' && name[n] <= '~'; n++) {
    }
    return n > 0 && n < 128 && name[n] == 0 &&
           strncmp(name, WORKER_HIDDEN, sizeof(WORKER_HIDDEN) - 1) != 0;
}

static bool put_tools(struct making *m, const json_t *request)
{
    static const char *const names[] = {"name", "schema", NULL};
    const json_t *list = json_object_get(request, "tools"), *tool;
    const char *schema;
    size_t i;

    if (list != NULL && (!json_is_array(list) || json_array_size(list) > REQUEST_TOOLS)) {
        return request_wrong(m->error, "ValueError", "'tools' must be a list of at most %u objects",
                             REQUEST_TOOLS);
    }
    json_array_foreach(list, i, tool)
    {
        const char *name = json_string_value(json_object_get(tool, "name"));

        if (!json_is_object(tool) || !name_is_good(name)) {
            return request_wrong(
                m->error, "ValueError",
                "'tools[%zu]' must be an object with a 'name' of 1 to 127 "
                "printable ASCII characters, no space, that does not begin with " WORKER_HIDDEN,
                i);
        }
        if (!request_members(tool, names, m->error) ||
            !request_text(tool, "schema", &schema, m->error) || !put_string(m, name) ||
            !put_string(m, schema != NULL ? schema : "")) {
            return false;
        }
    }
    m->head.tool_count = (uint32_t)json_array_size(list);
    return true;
}

static bool put_places(struct making *m, const json_t *request)
{
    const char *cwd, *context;

    if (!request_text(request, "cwd", &cwd, m->error) ||
        !request_text(request, "context", &context, m->error)) {
        return false;
    }
    if (cwd != NULL && cwd[0] != '/') {
        return request_wrong(m->error, "ValueError", "'cwd' is '%.100s', which is not absolute",
                             cwd);
    }
    return put_string(m, cwd != NULL ? cwd : "") && put_string(m, context != NULL ? context : "");
}

/* Decides whether it is a script or a cell, and what it leaves. */
static bool put_sort(struct making *m, const json_t *request)
{
    const bool session = json_object_get(request, "session") != NULL;
    const char *as;

    if (!request_text(request, "as", &as, m->error)) {
        return false;
    }
    if (as != NULL && strcmp(as, "cell") != 0 && strcmp(as, "script") != 0) {
        return request_wrong(m->error, "ValueError", "'as' is '%.60s': it must be script or cell",
                             as);
    }
    if (session && as != NULL && as[0] == 's') {
        return request_wrong(m->error, "ValueError", "'as': in a session a run is a cell");
    }
    m->head.sort = session || (as != NULL && as[0] == 'c') ? WORKER_CELL : WORKER_SCRIPT;
    m->head.keeps = session;
    if (m->head.sort == WORKER_CELL && json_object_get(request, "args") != NULL) {
        return request_wrong(m->error, "ValueError", "'args' are for scripts, and this is a cell");
    }
    if (!session && json_object_get(request, "context") != NULL) {
        return request_wrong(m->error, "ValueError", "'context' is for a run in a session");
    }
    if (session && json_object_get(request, "packages") != NULL) {
        return request_wrong(m->error, "ValueError",
                             "'packages' are for a run without a session: 'install' gets them "
                             "into one");
    }
    return true;
}

static bool put_limits(struct making *m, const json_t *request, const struct request_limits *limits)
{
    struct worker_run *head = &m->head;

    return limit(m, request, "timeout", 1e9, limits->timeout_ns, &head->timeout_ns) &&
           limit(m, request, "cpu", 1e9, limits->cpu_ns, &head->cpu_ns) &&
           limit(m, request, "memory", 1, limits->memory, &head->memory) &&
           limit(m, request, "output_limit", 1, limits->max_output, &head->max_output) &&
           limit(m, request, "tool_calls", 1, limits->max_calls, &head->max_calls);
}

static bool put_run(struct making *m, const uint8_t *source, size_t size, struct flow *out)
{
    m->head.strings = flow_out_size(&m->strings);
    m->head.source = size;
    return (flow_put(out, &m->head, sizeof(m->head)) == 0 &&
            flow_put(out, m->strings.out.bytes, m->head.strings) == 0 &&
            flow_put(out, source, size) == 0) ||
           out_of_memory(m->error);
}

/* A source is a C string for python3, too. */
static bool put_code(struct making *m, const uint8_t *code, size_t size, struct flow *out)
{
    if (size > 0 && memchr(code, 0, size) != NULL) {
        return request_wrong(m->error, "ValueError", "the code has a NUL");
    }
    return put_run(m, code, size, out);
}

static bool put_deterministic(struct making *m, const json_t *request)
{
    const json_t *value = json_object_get(request, "deterministic");

    m->head.deterministic = json_is_true(value);
    return value == NULL || json_is_boolean(value) ||
           request_wrong(m->error, "ValueError", "'deterministic' must be true or false");
}

bool request_run(const json_t *request, const struct request_limits *limits, const uint8_t *code,
                 size_t size, struct flow *out, struct request_error *error)
{
    static const char *const names[] = {
        "id",    "op",         "session",       "as",       "context", "args",
        "env",   "cwd",        "timeout",       "cpu",      "memory",  "output_limit",
        "tools", "tool_calls", "deterministic", "packages", NULL};
    struct making m = {.error = error};
    bool ok = request_members(request, names, error) && put_deterministic(&m, request);

    ok = ok && put_sort(&m, request) && put_limits(&m, request, limits) &&
         put_places(&m, request) && put_args(&m, request) && put_env(&m, request) &&
         put_tools(&m, request) && put_code(&m, code, size, out);
    flow_free(&m.strings);
    return ok;
}

bool request_open(const json_t *request, const struct request_limits *limits, struct flow *out,
                  struct request_error *error)
{
    static const char *const names[] = {"id", "op", "env", "cwd", NULL};
    struct making m = {.error = error, .head = {.sort = WORKER_CELL, .keeps = 1}};
    bool ok = request_members(request, names, error) && put_limits(&m, request, limits) &&
              put_places(&m, request) && put_env(&m, request) && put_code(&m, NULL, 0, out);

    flow_free(&m.strings);
    return ok;
}

bool request_install(const json_t *request, struct flow *out, struct request_error *error)
{
    static const char *const names[] = {"id", "op", "session", "packages", "timeout", NULL};
    struct making m = {.error = error, .head = {.sort = WORKER_INSTALL, .keeps = 1}};
    bool ok = request_members(request, names, error) &&
              limit(&m, request, "timeout", 1e9, REQUEST_INSTALL_NS, &m.head.timeout_ns) &&
              put_places(&m, request) && put_code(&m, NULL, 0, out);

    flow_free(&m.strings);
    return ok;
}

/* What the client's code prints meanwhile, in its threads, is not measured by a limit. */
bool request_service(const char *const *words, const uint8_t *bytes, size_t size,
                     const struct request_limits *limits, struct flow *out,
                     struct request_error *error)
{
    struct making m = {.error = error,
                       .head = {.sort = WORKER_SERVICE,
                                .keeps = 1,
                                .timeout_ns = limits->timeout_ns,
                                .cpu_ns = limits->cpu_ns,
                                .memory = limits->memory}};
    static const char no_places[] = "\0"; /* cwd, context */
    bool ok = flow_put(&m.strings, no_places, sizeof(no_places)) == 0 || out_of_memory(error);

    for (; ok && *words != NULL; words++) {
        ok = put_string(&m, *words);
        m.head.arg_count++;
    }
    ok = ok && put_run(&m, bytes, size, out);
    flow_free(&m.strings);
    return ok;
}

bool request_resume(const json_t *request, const struct request_limits *limits, struct flow *out,
                    struct request_error *error)
{
    static const char *const names[] = {
        "id",           "op",         "session", "timeout",       "cpu",
        "output_limit", "tool_calls", "tools",   "deterministic", NULL};
    struct making m = {.error = error, .head = {.sort = WORKER_RESUME, .keeps = 1}};
    bool ok = request_members(request, names, error) && put_deterministic(&m, request) &&
              put_limits(&m, request, limits) && put_places(&m, request) &&
              put_tools(&m, request) && put_code(&m, NULL, 0, out);

    flow_free(&m.strings);
    return ok;
}

bool request_context(const json_t *request, const struct request_limits *limits, struct flow *out,
                     struct request_error *error)
{
    static const char *const names[] = {"id",      "op",  "session", "action",
                                        "context", "env", "cwd",     NULL};
    static const char *const actions[] = {"make", "drop", "restart", "list"};
    struct making m = {.error = error, .head = {.sort = WORKER_CONTEXT, .keeps = 1}};
    const char *action = NULL;
    bool ok =
        request_members(request, names, error) && request_text(request, "action", &action, error);
    bool known = false;

    action = action != NULL ? action : "";
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        known = known || strcmp(action, actions[i]) == 0;
    }
    if (ok && !known) {
        ok = request_wrong(error, "ValueError",
                           "'action' is '%.60s': it must be make, drop, restart or list", action);
    }
    m.head.arg_count = 1;
    ok = ok && put_limits(&m, request, limits) && put_places(&m, request) &&
         put_string(&m, action) && put_env(&m, request) && put_code(&m, NULL, 0, out);
    flow_free(&m.strings);
    return ok;
}
