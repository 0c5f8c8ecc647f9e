// SPDX-License-Identifier: Apache-2.0
/*
 * Requests of `pyhl serve` (pyhl/request.c): a client may send any JSON and any code. Input: a byte
 * for the operation, the JSON up to the first NUL, then the code.
 */
#include "fuzz.h"
#include "pyhl/request.h"

static const struct request_limits limits = {
    .timeout_ns = 5000000000, .memory = 1ull << 30, .max_output = 1000000};

/* Takes apart what a worker would get: as many strings as were counted, then the source. */
static void check_run(const struct flow *run, const uint8_t *code, size_t size)
{
    struct worker_run head;
    const size_t whole = flow_out_size(run);
    const char *at = (const char *)run->out.bytes + run->out.at + sizeof(head), *end;
    size_t strings;

    MUST(whole >= sizeof(head));
    memcpy(&head, at - sizeof(head), sizeof(head));
    MUST(whole == sizeof(head) + head.strings + head.source && head.source == size);
    MUST(head.timeout_ns > 0 && head.timeout_ns <= limits.timeout_ns);
    MUST(head.memory > 0 && head.memory <= limits.memory);
    MUST(head.max_output > 0 && head.max_output <= limits.max_output);
    end = at + head.strings;
    MUST(size == 0 || memcmp(end, code, size) == 0);
    strings = 2ul + head.arg_count + head.env_count + 2ul * head.tool_count;
    for (size_t i = 0; i < strings; i++) {
        const char *nul = memchr(at, 0, (size_t)(end - at));

        MUST(nul != NULL);
        at = nul + 1;
    }
    MUST(at == end);
}

static void check_error(const struct request_error *error)
{
    MUST(error->type != NULL && error->text[0] != 0);
    MUST(strlen(error->text) < sizeof(error->text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request_error error = {.type = NULL};
    const uint8_t *text = data + 1, *code = NULL;
    struct flow run = {0};
    json_t *request;

    if (size < 2) {
        return 0;
    }
    code = memchr(text, 0, size - 1);
    const size_t text_size = code != NULL ? (size_t)(code - text) : size - 1;
    const size_t code_size = code != NULL ? size - 2 - text_size : 0;
    code = code != NULL ? code + 1 : text;
    request = request_parse(text, text_size, &error);
    if (request == NULL) {
        check_error(&error);
        return 0;
    }
    if (data[0] % 3 == 0   ? request_run(request, &limits, code, code_size, &run, &error)
        : data[0] % 3 == 1 ? request_open(request, &limits, &run, &error)
                           : request_context(request, &limits, &run, &error)) {
        check_run(&run, code, data[0] % 3 == 0 ? code_size : 0);
    } else {
        check_error(&error);
    }
    flow_free(&run);
    json_decref(request);
    return 0;
}
