// SPDX-License-Identifier: Apache-2.0
/*
 * The JSON object of a run. Its members are documented in pyhl.1. What the guest has given is
 * hostile: it is written as strings, or as JSON that was checked, and never becomes a tree.
 */
#include "result.h"
#include "jsontext.h"
#include "outcome.h"
#include "signals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct text {
    char *bytes;
    size_t size, room;
};

/* Before a record's kind and bytes. vmm_run.max_output counts as much for each record. */
struct record {
    uint64_t kind_size, size;
};

struct result {
    struct text stdout_text, stderr_text, records;
    bool failed; /* an error record came; it lies at error_at */
    size_t error_at;
    struct json_out out;
};

static int keep(struct text *text, const void *bytes, size_t size)
{
    size_t room = text->room > 0 ? text->room : 4096;
    char *more;

    while (room - text->size < size) {
        room *= 2;
    }
    if (room > text->room) {
        more = realloc(text->bytes, room);
        if (more == NULL) {
            return -ENOMEM;
        }
        text->bytes = more;
        text->room = room;
    }
    if (size > 0) {
        memcpy(text->bytes + text->size, bytes, size);
    }
    text->size += size;
    return 0;
}

static int on_write(void *arg, int stream, const void *bytes, size_t size)
{
    struct result *result = arg;

    return keep(stream == 1 ? &result->stdout_text : &result->stderr_text, bytes, size);
}

static int on_record(void *arg, const char *kind, const void *bytes, size_t size)
{
    struct result *result = arg;
    const struct record record = {strlen(kind), size};
    const size_t at = result->records.size;
    int rc = keep(&result->records, &record, sizeof(record));

    rc = rc == 0 ? keep(&result->records, kind, record.kind_size) : rc;
    rc = rc == 0 ? keep(&result->records, bytes, size) : rc;
    if (rc == 0 && strcmp(kind, "error") == 0) {
        result->failed = true;
        result->error_at = at;
    }
    return rc;
}

struct result *result_new(void)
{
    struct result *result = calloc(1, sizeof(*result));

    if (result != NULL) {
        result->out.fd = STDOUT_FILENO;
        result->out.stopped = signals_urgent;
    }
    return result;
}

void result_free(struct result *result)
{
    if (result != NULL) {
        free(result->stdout_text.bytes);
        free(result->stderr_text.bytes);
        free(result->records.bytes);
        free(result);
    }
}

void result_io(struct result *result, struct vmm_io *io)
{
    io->stdout_fd = io->stderr_fd = -1;
    io->write = on_write;
    io->write_arg = result;
    io->record = on_record;
    io->record_arg = result;
}

/* The members NAME, and NAME_base64 where the text does not say it all. */
static void put_text(struct json_out *out, const char *name, const char *bytes, size_t size)
{
    json_put(out, "\"");
    json_put(out, name);
    json_put(out, "\":");
    if (!json_put_string(out, bytes, size)) {
        json_put(out, ",\"");
        json_put(out, name);
        json_put(out, "_base64\":");
        json_put_base64(out, bytes, size);
    }
}

/* The members of an object go on those that were written before, after a comma if there are any,
 * and end the object. */
static void put_members(struct json_out *out, const char *text, size_t size, bool comma)
{
    const char *from = (const char *)memchr(text, '{', size) + 1, *end = text + size;
    const char *first = from + strspn(from, " \t\r\n");

    if (comma && *first != '}') {
        json_put(out, ",");
    }
    json_put_value(out, from, (size_t)(end - from));
}

/* What a record holds, as members of an object that has begun. */
static void put_bytes(struct json_out *out, const char *bytes, size_t size, bool comma)
{
    const enum json_sort sort = json_check(bytes, size);

    if (sort == SORT_OBJECT) {
        put_members(out, bytes, size, comma);
        return;
    }
    if (size > 0) {
        json_put(out, comma ? "," : "");
    }
    if (sort != SORT_NONE) {
        json_put(out, "\"value\":");
        json_put_value(out, bytes, size);
    } else if (size > 0) {
        put_text(out, "text", bytes, size);
    }
    json_put(out, "}");
}

/* Takes the record at *at apart, and moves *at to the next. */
static struct record record_at(const struct result *result, size_t *at, const char **kind,
                               const char **bytes)
{
    struct record record;

    memcpy(&record, result->records.bytes + *at, sizeof(record));
    *kind = result->records.bytes + *at + sizeof(record);
    *bytes = *kind + record.kind_size;
    *at += sizeof(record) + record.kind_size + record.size;
    return record;
}

static void put_records(struct result *result)
{
    struct json_out *out = &result->out;
    const char *kind, *bytes;

    for (size_t at = 0; at < result->records.size && out->code == 0;) {
        json_put(out, at == 0 ? "{\"kind\":" : ",{\"kind\":");
        const struct record record = record_at(result, &at, &kind, &bytes);
        (void)json_put_string(out, kind, record.kind_size);
        put_bytes(out, bytes, record.size, true);
    }
}

/* How the run was ended from outside, or the last error that it has told. */
static void put_error(struct result *result, const struct vmm_outcome *outcome, const char *text)
{
    struct json_out *out = &result->out;
    const char *kind, *bytes;
    size_t at = result->error_at;

    if (text != NULL) {
        json_put(out, "{\"name\":\"");
        json_put(out, outcome_name(outcome));
        json_put(out, "\",");
        put_text(out, "value", text, strlen(text));
        json_put(out, "}");
    } else if (result->failed) {
        const struct record record = record_at(result, &at, &kind, &bytes);
        json_put(out, "{");
        put_bytes(out, bytes, record.size, false);
    } else {
        json_put(out, "null");
    }
}

static void put_times(struct json_out *out, const struct vmm_counters *c)
{
    char text[120];

    (void)snprintf(text, sizeof(text), "{\"restore_ms\":%.3f,\"run_ms\":%.3f,\"cpu_ms\":%.3f}",
                   (double)c->restore_ns / 1e6, (double)c->run_ns / 1e6, (double)c->cpu_ns / 1e6);
    json_put(out, text);
}

#define RESULT_COUNTS 10

struct result_count {
    const char *name;
    uint64_t count;
};

static void count_rows(const struct vmm_counters *c, struct result_count rows[RESULT_COUNTS])
{
    const struct result_count all[RESULT_COUNTS] = {
        {"memory_peak_bytes", c->memory_peak},
        {"output_bytes", c->output_bytes},
        {"records", c->records},
        {"record_bytes", c->record_bytes},
        {"tool_calls", c->tool_calls},
        {"files_in_bytes", c->files_in_bytes},
        {"files_out_bytes", c->files_out_bytes},
        {"system_calls", c->syscalls_rewritten + c->syscalls_trapped},
        {"page_faults", c->guest_faults},
        {"exits", c->exits},
    };

    memcpy(rows, all, sizeof(all));
}

json_t *result_counts(const struct vmm_counters *c)
{
    struct result_count rows[RESULT_COUNTS];
    json_t *counts = json_object();

    count_rows(c, rows);
    for (size_t i = 0; counts != NULL && i < RESULT_COUNTS; i++) {
        if (json_object_set_new(counts, rows[i].name, json_integer((json_int_t)rows[i].count)) !=
            0) {
            json_decref(counts);
            counts = NULL;
        }
    }
    return counts;
}

static void put_counts(struct json_out *out, const struct vmm_counters *c)
{
    struct result_count rows[RESULT_COUNTS];

    count_rows(c, rows);
    for (size_t i = 0; i < RESULT_COUNTS; i++) {
        json_put(out, i == 0 ? "{\"" : ",\"");
        json_put(out, rows[i].name);
        json_put(out, "\":");
        json_put_number(out, rows[i].count);
    }
    json_put(out, "}");
}

int result_write(struct result *result, const struct vmm_outcome *outcome, const char *text,
                 int status)
{
    struct json_out *out = &result->out;
    const char *limit = outcome_limit(outcome);

    json_put(out, "{");
    put_text(out, "stdout", result->stdout_text.bytes, result->stdout_text.size);
    json_put(out, ",");
    put_text(out, "stderr", result->stderr_text.bytes, result->stderr_text.size);
    json_put(out, ",\"results\":[");
    put_records(result);
    json_put(out, "],\"error\":");
    put_error(result, outcome, text);
    json_put(out, ",\"exit_code\":");
    json_put_number(out, (uint64_t)status);
    json_put(out, ",\"limit\":");
    if (limit != NULL) {
        (void)json_put_string(out, limit, strlen(limit));
    } else {
        json_put(out, "null");
    }
    json_put(out, ",\"times\":");
    put_times(out, &outcome->counters);
    json_put(out, ",\"counts\":");
    put_counts(out, &outcome->counters);
    json_put(out, "}\n");
    result->stdout_text.size = result->stderr_text.size = result->records.size = 0;
    result->failed = false;
    return json_flush(out);
}
