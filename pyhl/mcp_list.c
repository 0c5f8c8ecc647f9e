// SPDX-License-Identifier: Apache-2.0
/*
 * The schemas are texts of JSON; what depends on the install is in the descriptions.
 */
#include "mcp_list.h"
#include "mcp_text.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S 1e9

static const char run_python_input[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"code\":{\"type\":\"string\",\"description\":"
    "\"Python code. The value of a last expression is shown.\"},"
    "\"session\":{\"type\":\"string\",\"description\":"
    "\"A session to run it in, whose variables and files stay. Without it the code runs in a new "
    "machine, of which nothing stays.\"},"
    "\"timeout\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"description\":"
    "\"Seconds after which the code is stopped.\"},"
    "\"files\":{\"type\":\"array\",\"description\":\"Files to write before the code runs.\","
    "\"items\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},"
    "\"text\":{\"type\":\"string\"},\"base64\":{\"type\":\"string\"}},"
    "\"required\":[\"path\"],\"additionalProperties\":false}},"
    "\"packages\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":"
    "\"Packages to install before the code runs, as pip names them.\"}},"
    "\"required\":[\"code\"],\"additionalProperties\":false}";

static const char run_python_output[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"stdout\":{\"type\":\"string\"},\"stderr\":{\"type\":\"string\"},"
    "\"result\":{\"type\":[\"string\",\"null\"],\"description\":"
    "\"The value of the last expression.\"},"
    "\"error\":{\"type\":[\"object\",\"null\"],\"properties\":{\"name\":{\"type\":\"string\"},"
    "\"value\":{\"type\":\"string\"},\"traceback\":{\"type\":\"string\"}}},"
    "\"limit\":{\"type\":[\"string\",\"null\"],\"description\":"
    "\"The limit that ended the code: timeout, cpu, memory, output or tool_calls.\"},"
    "\"session\":{\"type\":[\"string\",\"null\"]}},"
    "\"required\":[\"stdout\",\"stderr\",\"result\",\"error\",\"limit\",\"session\"]}";

static const char session_input[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"action\":{\"type\":\"string\",\"enum\":[\"open\",\"fork\",\"rewind\",\"close\"]},"
    "\"session\":{\"type\":\"string\",\"description\":\"The session to fork, rewind or close.\"},"
    "\"count\":{\"type\":\"integer\",\"minimum\":1,\"description\":"
    "\"fork: how many copies (1). rewind: how many calls of run_python to undo (1).\"}},"
    "\"required\":[\"action\"],\"additionalProperties\":false}";

static const char session_output[] =
    "{\"type\":\"object\",\"properties\":{\"sessions\":{\"type\":\"array\","
    "\"items\":{\"type\":\"string\"}}},\"required\":[\"sessions\"]}";

static const char write_file_input[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"session\":{\"type\":\"string\"},\"path\":{\"type\":\"string\"},"
    "\"text\":{\"type\":\"string\",\"description\":\"What the file is to have, as text.\"},"
    "\"base64\":{\"type\":\"string\",\"description\":\"The same, as bytes in base64.\"}},"
    "\"required\":[\"session\",\"path\"],\"additionalProperties\":false}";

static const char write_file_output[] =
    "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},"
    "\"size\":{\"type\":\"integer\"}},\"required\":[\"path\",\"size\"]}";

static const char read_file_input[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"session\":{\"type\":\"string\"},\"path\":{\"type\":\"string\"},"
    "\"offset\":{\"type\":\"integer\",\"minimum\":0,\"description\":\"The first byte (0).\"},"
    "\"length\":{\"type\":\"integer\",\"minimum\":1,\"description\":"
    "\"How many bytes (all of them).\"}},"
    "\"required\":[\"session\",\"path\"],\"additionalProperties\":false}";

static const char session_about[] =
    "Opens and ends sessions: a Python whose variables and files stay from one call to the next. "
    "open gives a session's name. fork makes copies of a session as it is, each with a name of its "
    "own, so that several ways can be tried. rewind undoes the last calls of run_python in a "
    "session. close ends it.";
static const char write_file_about[] =
    "Writes a file in a session, with directories above it. Say text or base64.";
static const char read_file_about[] =
    "Reads a file in a session: as text, as an image, or else as bytes in base64.";

/* --- the description of run_python --- */

/* Appends "numpy 2.2.4", for a line "python3-numpy = 1:2.2.4+ds-1". */
static void put_package(FILE *out, const char *line, const char **lead)
{
    static const char prefix[] = "python3-";
    const char *name = line + sizeof(prefix) - 1, *version = strstr(line, " = ");
    const size_t size = version != NULL ? (size_t)(version - name) : 0;
    size_t digits;

    if (strncmp(line, prefix, sizeof(prefix) - 1) != 0 || size == 0 ||
        strncmp(name, "lib", 3) == 0 || strncmp(name, "minimal ", 8) == 0 ||
        (size > 4 && strncmp(version - 4, "-lib", 4) == 0) ||
        (size > 5 && strncmp(version - 5, "-core", 5) == 0)) {
        return; /* a part of another one */
    }
    version += 3;
    digits = strspn(version, "0123456789");
    version += version[digits] == ':' ? digits + 1 : 0; /* Debian's epoch */
    fprintf(out, "%s%.*s %.*s", *lead, (int)size, name, (int)strcspn(version, "-+~\n"), version);
    *lead = ", ";
}

static void put_python(FILE *out, const char *packages)
{
    static const char python[] = "python3 = ";
    const char *lead = " Packages: ";

    for (const char *line = packages; line != NULL && *line;) {
        const char *end = strchr(line, '\n');

        if (strncmp(line, python, sizeof(python) - 1) == 0) {
            line += sizeof(python) - 1;
            fprintf(out, " It is Python %.*s.", (int)strcspn(line, "-+~\n"), line);
        }
        line = end != NULL ? end + 1 : NULL;
    }
    for (const char *line = packages; line != NULL && *line;) {
        const char *end = strchr(line, '\n');

        put_package(out, line, &lead);
        line = end != NULL ? end + 1 : NULL;
    }
    fputs(lead[0] == ',' ? "." : "", out);
}

static void about_limits(FILE *out, const struct service_config *config)
{
    const struct request_limits *limits = &config->limits;

    fprintf(out, " It may use %s of memory",
            report_size(limits->memory != 0 ? limits->memory : config->vm_memory).s);
    if (limits->timeout_ns != 0) {
        fprintf(out, ", take %g s", (double)limits->timeout_ns / NS_PER_S);
    }
    if (limits->cpu_ns != 0) {
        fprintf(out, ", use %g s of CPU time", (double)limits->cpu_ns / NS_PER_S);
    }
    if (limits->max_output != 0) {
        fprintf(out, ", and give %s of output", report_size(limits->max_output).s);
    }
    fputc('.', out);
}

static char *run_python_about(const struct service_config *config, const struct packages *packages)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL) {
        return NULL;
    }
    fputs("Runs Python code in a virtual machine of its own and shows what it prints, the value of "
          "its last expression, its tables, its figures as images, and its exceptions. The code "
          "reaches no network and nothing of the host.",
          out);
    put_python(out, packages != NULL ? packages->text : NULL);
    about_limits(out, config);
    if (fclose(out) != 0) {
        free(text);
        text = NULL;
    }
    return text;
}

/* --- the list --- */

static json_t *tool(const char *name, const char *about, const char *input, const char *output)
{
    json_t *row =
        json_pack("{s:s, s:o, s:o}", "name", name, "description", mcp_string(about, strlen(about)),
                  "inputSchema", json_loads(input, 0, NULL));

    if (row != NULL && output != NULL) {
        (void)json_object_set_new(row, "outputSchema", json_loads(output, 0, NULL));
    }
    return row;
}

json_t *mcp_list(const struct service_config *config, const struct packages *packages)
{
    char *about = run_python_about(config, packages);
    json_t *list = NULL;

    if (about != NULL) {
        list = json_pack("[o, o, o, o]",
                         tool("run_python", about, run_python_input, run_python_output),
                         tool("session", session_about, session_input, session_output),
                         tool("write_file", write_file_about, write_file_input, write_file_output),
                         tool("read_file", read_file_about, read_file_input, NULL));
    }
    free(about);
    return list;
}

/* --- arguments --- */

static bool is_of_type(const json_t *value, const char *type)
{
    return (strcmp(type, "string") == 0 && json_is_string(value)) ||
           (strcmp(type, "number") == 0 && json_is_number(value)) ||
           (strcmp(type, "integer") == 0 && json_is_integer(value)) ||
           (strcmp(type, "boolean") == 0 && json_is_boolean(value)) ||
           (strcmp(type, "array") == 0 && json_is_array(value)) ||
           (strcmp(type, "object") == 0 && json_is_object(value));
}

/* Whether a value is as its schema's "type", "enum" and "minimum" say. */
static bool fits(const json_t *schema, const char *name, const json_t *value, char *text,
                 size_t size)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    const json_t *choices = json_object_get(schema, "enum"), *choice;
    const json_t *least = json_object_get(schema, "minimum");
    bool found = choices == NULL;
    size_t i;

    if (json_is_string(value) && strlen(json_string_value(value)) != json_string_length(value) &&
        strcmp(name, "text") != 0) {
        (void)snprintf(text, size, "'%.60s' has a NUL", name);
        return false;
    }
    if (type != NULL && !is_of_type(value, type)) {
        (void)snprintf(text, size, "'%.60s' must be of the type %s", name, type);
        return false;
    }
    json_array_foreach(choices, i, choice)
    {
        found = found || json_equal(choice, value);
    }
    if (!found) {
        char *all = json_dumps(choices, JSON_COMPACT);

        (void)snprintf(text, size, "'%.60s' must be one of %.200s", name, all != NULL ? all : "");
        free(all);
        return false;
    }
    if (least != NULL && json_number_value(value) < json_number_value(least)) {
        (void)snprintf(text, size, "'%.60s' must be at least %g", name, json_number_value(least));
        return false;
    }
    return true;
}

bool mcp_list_check(const json_t *schema, json_t *arguments, char *text, size_t size)
{
    const json_t *properties = json_object_get(schema, "properties"), *name;
    const char *key;
    json_t *value;
    size_t i;

    json_object_foreach(arguments, key, value)
    {
        const json_t *property = json_object_get(properties, key);

        if (property == NULL) {
            (void)snprintf(text, size, "there is no argument '%.60s'", key);
            return false;
        }
        if (!fits(property, key, value, text, size)) {
            return false;
        }
    }
    json_array_foreach(json_object_get(schema, "required"), i, name)
    {
        if (json_object_get(arguments, json_string_value(name)) == NULL) {
            (void)snprintf(text, size, "'%.60s' is missing", json_string_value(name));
            return false;
        }
    }
    return true;
}
