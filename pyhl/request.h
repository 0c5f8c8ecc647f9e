// SPDX-License-Identifier: Apache-2.0
/*
 * A request of `pyhl serve` (PROTOCOL.md) as JSON, and what it asks a worker for. The text comes
 * from a client, who may send anything.
 */
#ifndef PYHL_REQUEST_H
#define PYHL_REQUEST_H

#include "flow.h"
#include "worker.h"

#include <jansson.h>
#include <stddef.h>

#define REQUEST_JSON       (1u << 20)
#define REQUEST_BYTES      ((64u << 20) + (64u << 10))
#define REQUEST_DEPTH      64u
#define REQUEST_INSTALL_NS 600000000000ull /* that uv may take */
/* Values of a JSON text, at most: an empty object is three bytes of text, and 300 of memory. */
#define REQUEST_VALUES 300000u
#define REQUEST_ID     9007199254740992 /* 2^53 */

/* What a run may have at most, and has when it says nothing; 0: no limit. */
struct request_limits {
    uint64_t timeout_ns, cpu_ns, memory, max_output, max_calls;
};

struct request_error {
    const char *type; /* as PROTOCOL.md has it; NULL: none */
    char text[400];
};

/* Sets the error and returns false. */
bool request_wrong(struct request_error *error, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The object of a frame; NULL with *error. json_decref() it. */
json_t *request_parse(const uint8_t *text, size_t size, struct request_error *error);
/* The same with more flags of json_loadb(). */
json_t *request_parse_with(const uint8_t *text, size_t size, size_t flags,
                           struct request_error *error);

/* Whether the request has no members but those named, NULL-terminated. */
bool request_members(const json_t *request, const char *const *names, struct request_error *error);

/* A member that is a whole number from 0 to REQUEST_ID. */
bool request_number(const json_t *request, const char *name, uint64_t *out,
                    struct request_error *error);

/* A member that is a string without a NUL; NULL when it is missing. */
bool request_text(const json_t *request, const char *name, const char **out,
                  struct request_error *error);

/* Appends the bytes of a WORKER_RUN to out: members of the request, and the code. */
bool request_run(const json_t *request, const struct request_limits *limits, const uint8_t *code,
                 size_t size, struct flow *out, struct request_error *error);

/* The same for `open`: an empty cell, which brings the environment of the session. */
bool request_open(const json_t *request, const struct request_limits *limits, struct flow *out,
                  struct request_error *error);

/* The same for `install`: an empty cell. */
bool request_install(const json_t *request, struct flow *out, struct request_error *error);

/* The same for a service run, of words, NULL-terminated, and bytes. */
bool request_service(const char *const *words, const uint8_t *bytes, size_t size,
                     const struct request_limits *limits, struct flow *out,
                     struct request_error *error);

/* The same for `resume`: an empty cell, which brings tools and limits. */
bool request_resume(const json_t *request, const struct request_limits *limits, struct flow *out,
                    struct request_error *error);

/* The same for `context`. */
bool request_context(const json_t *request, const struct request_limits *limits, struct flow *out,
                     struct request_error *error);

#endif
