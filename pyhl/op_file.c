// SPDX-License-Identifier: Apache-2.0
/*
 * Files of a session. What is done is said in python-agent-driver/session/files.py.
 */
#include "jobs.h"
#include "ops.h"
#include "sessions.h"

#include <stdio.h>
#include <string.h>

#define FILE_BYTES (64u << 20) /* of one read; as many as a record has */

enum { WITH_TO = 1, WITH_DEPTH = 2, WITH_OFFSET = 4, WITH_SIZE = 8, WITH_BYTES = 16 };

/* What an action takes beside "path". */
static const struct {
    const char *name;
    int with;
} actions[] = {
    {"read", WITH_OFFSET | WITH_SIZE},
    {"write", WITH_OFFSET | WITH_BYTES},
    {"list", WITH_DEPTH},
    {"stat", 0},
    {"make", 0},
    {"remove", 0},
    {"move", WITH_TO},
};

#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

/* Returns what the action takes, or -1 with *error. */
static int find_action(const json_t *request, const char **name, struct request_error *error)
{
    if (!request_text(request, "action", name, error)) {
        return -1;
    }
    *name = *name != NULL ? *name : "";
    for (size_t i = 0; i < ACTIONS; i++) {
        if (strcmp(actions[i].name, *name) == 0) {
            return actions[i].with;
        }
    }
    (void)request_wrong(error, "ValueError",
                        "'action' is '%.60s': it must be read, write, list, stat, make, remove or "
                        "move",
                        *name);
    return -1;
}

/* Whether all members belong to the action. */
static bool check_members(const json_t *request, const char *action, int with, size_t size,
                          struct request_error *error)
{
    static const char *const names[] = {"id", "op",    "session", "action", "path",
                                        "to", "depth", "offset",  "size",   NULL};
    static const struct {
        const char *name;
        int with;
    } optional[] = {
        {"to", WITH_TO}, {"depth", WITH_DEPTH}, {"offset", WITH_OFFSET}, {"size", WITH_SIZE}};

    if (!request_members(request, names, error)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++) {
        if ((with & optional[i].with) == 0 && json_object_get(request, optional[i].name) != NULL) {
            return request_wrong(error, "ValueError", "'%s' is nothing for %s", optional[i].name,
                                 action);
        }
    }
    return (with & WITH_BYTES) != 0 || size == 0 ||
           request_wrong(error, "ValueError", "%s takes no bytes", action);
}

/* A path that the action needs. */
static bool path_member(const json_t *request, const char *name, const char **path,
                        struct request_error *error)
{
    return request_text(request, name, path, error) &&
           (*path != NULL || request_wrong(error, "ValueError", "'%s' is missing", name));
}

/* A number as a word; "" when it is missing. */
static bool number_word(const json_t *request, const char *name, uint64_t least, uint64_t most,
                        char word[24], struct request_error *error)
{
    uint64_t number;

    word[0] = 0;
    if (json_object_get(request, name) == NULL) {
        return true;
    }
    if (!request_number(request, name, &number, error)) {
        return false;
    }
    if (number < least || number > most) {
        return request_wrong(error, "ValueError", "'%s' is %llu: it must be from %llu to %llu",
                             name, (unsigned long long)number, (unsigned long long)least,
                             (unsigned long long)most);
    }
    (void)snprintf(word, 24, "%llu", (unsigned long long)number);
    return true;
}

bool op_file(struct client *c, const json_t *request, uint64_t id, const uint8_t *bytes,
             size_t size, struct request_error *error)
{
    const char *action, *path, *to = "";
    const int with = find_action(request, &action, error);
    char depth[24], offset[24], length[24];
    struct session_vm *session;

    if (with < 0 || !check_members(request, action, with, size, error) ||
        !path_member(request, "path", &path, error) ||
        ((with & WITH_TO) != 0 && !path_member(request, "to", &to, error)) ||
        !number_word(request, "depth", 1, REQUEST_ID, depth, error) ||
        !number_word(request, "offset", 0, REQUEST_ID, offset, error) ||
        !number_word(request, "size", 0, FILE_BYTES, length, error)) {
        return false;
    }
    session = session_find(c, request, error);
    if (session == NULL) {
        return false;
    }
    const char *const words[] = {"file", action, path, to, depth, offset, length, NULL};
    return job_serve(c, id, session, words, bytes, size, error);
}
