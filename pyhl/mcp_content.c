// SPDX-License-Identifier: Apache-2.0
#include "mcp_content.h"
#include "jsontext.h"
#include "mcp_text.h"

#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#define HTML_MAX 65536u /* a table that is larger is shown as text */

void mcp_content_begin(struct mcp_content *content)
{
    *content = (struct mcp_content){.items = json_array()};
    content->broken = content->items == NULL;
}

void mcp_content_end(struct mcp_content *content)
{
    json_decref(content->items);
    json_decref(content->result);
    json_decref(content->error);
    json_decref(content->limit);
    flow_free(&content->text);
    flow_free(&content->out);
    flow_free(&content->err);
}

static json_t *bytes_string(const struct flow *flow)
{
    const size_t size = flow_out_size(flow);

    return size > 0 ? mcp_string(flow->out.bytes + flow->out.at, size) : json_string("");
}

static void put(struct mcp_content *c, struct flow *flow, const void *bytes, size_t size)
{
    c->broken = c->broken || flow_put(flow, bytes, size) < 0;
}

/* What follows begins in a line of its own. */
static void put_line(struct mcp_content *c)
{
    const struct flow_bytes *text = &c->text.out;

    if (flow_out_size(&c->text) > 0 && text->bytes[text->end - 1] != '\n') {
        put(c, &c->text, "\n", 1);
    }
    c->after_value = false;
}

static void put_value(struct mcp_content *c, const char *text, size_t size)
{
    put_line(c);
    put(c, &c->text, text, size);
    c->after_value = true;
}

void mcp_content_output(struct mcp_content *content, bool err, const void *bytes, size_t size)
{
    if (content->after_value) {
        put_line(content);
    }
    put(content, &content->text, bytes, size);
    put(content, err ? &content->err : &content->out, bytes, size);
}

void mcp_content_say(struct mcp_content *content, const char *text)
{
    put_value(content, text, strlen(text));
}

/* The text so far is an item. */
static void end_text(struct mcp_content *c)
{
    if (flow_out_size(&c->text) > 0) {
        c->broken = c->broken ||
                    json_array_append_new(c->items, json_pack("{s:s, s:o}", "type", "text", "text",
                                                              bytes_string(&c->text))) < 0;
        flow_free(&c->text);
    }
    c->after_value = false;
}

void mcp_content_item(struct mcp_content *content, json_t *item)
{
    end_text(content);
    content->broken = content->broken || json_array_append_new(content->items, item) < 0;
}

static void put_media(struct mcp_content *c, const char *type, const char *mime, json_t *data)
{
    mcp_content_item(c, json_pack("{s:s, s:o, s:s}", "type", type, "data", data, "mimeType", mime));
}

/* Data that no model reads: by a name, as text or as bytes in base64. */
static void put_resource(struct mcp_content *c, const char *uri, const char *mime, const char *as,
                         json_t *data)
{
    mcp_content_item(c, json_pack("{s:s, s:{s:s, s:s, s:o}}", "type", "resource", "resource", "uri",
                                  uri, "mimeType", mime, as, data));
}

/* --- records --- */

/* The first picture of a bundle. Returns whether there is one. */
static bool put_image(struct mcp_content *c, const json_t *bundle)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        json_t *data = json_object_get(bundle, types[i]);

        if (json_is_string(data)) {
            put_media(c, "image", types[i], json_incref(data));
            return true;
        }
    }
    return false;
}

static bool put_audio(struct mcp_content *c, json_t *bundle)
{
    const char *mime;
    json_t *data;

    json_object_foreach(bundle, mime, data)
    {
        if (strncmp(mime, "audio/", 6) == 0 && json_is_string(data)) {
            put_media(c, "audio", mime, json_incref(data));
            return true;
        }
    }
    return false;
}

/* HTML without its first style sheet, which pandas puts before each table. */
static void put_html(struct mcp_content *c, const char *html, size_t size)
{
    const char *style = strstr(html, "<style"),
               *end = style != NULL ? strstr(style, "</style>") : NULL;

    if (end == NULL) {
        put_value(c, html, size);
        return;
    }
    end += strlen("</style>");
    end += *end == '\n';
    put_value(c, html, (size_t)(style - html));
    put(c, &c->text, end, strlen(end));
}

/* The text that says most: a table keeps its cells apart, and other HTML is mostly decoration. */
static const json_t *bundle_text(const json_t *bundle)
{
    const json_t *html = json_object_get(bundle, "text/html");
    const json_t *markdown = json_object_get(bundle, "text/markdown");
    const json_t *plain = json_object_get(bundle, "text/plain");

    if (json_is_string(html) && json_string_length(html) <= HTML_MAX &&
        strstr(json_string_value(html), "<table") != NULL) {
        return html;
    }
    return json_is_string(markdown) ? markdown : json_is_string(plain) ? plain : html;
}

static void put_other(struct mcp_content *c, json_t *bundle)
{
    void *first = json_object_iter(bundle);
    json_t *data = json_object_iter_value(first);
    const char *mime = json_object_iter_key(first);
    char uri[48], *text;

    if (first == NULL) {
        return;
    }
    (void)snprintf(uri, sizeof(uri), "pyhl:///result/%zu", ++c->resources);
    if (json_is_string(data)) {
        put_resource(c, uri, mime, strcmp(mime, "application/pdf") == 0 ? "blob" : "text",
                     json_incref(data));
        return;
    }
    text = json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY);
    put_resource(c, uri, mime, "text", text != NULL ? json_string(text) : NULL);
    free(text);
}

/* A value that is shown. A picture needs no text beside it. */
static void put_bundle(struct mcp_content *c, json_t *bundle, bool is_result)
{
    const json_t *plain = json_object_get(bundle, "text/plain"), *text = bundle_text(bundle);

    if (is_result && json_is_string(plain)) {
        json_decref(c->result);
        c->result = json_incref((json_t *)(uintptr_t)plain);
    }
    if (put_image(c, bundle) || put_audio(c, bundle)) {
        return;
    }
    if (json_is_string(text) && text == json_object_get(bundle, "text/html")) {
        put_html(c, json_string_value(text), json_string_length(text));
    } else if (json_is_string(text)) {
        put_value(c, json_string_value(text), json_string_length(text));
    } else {
        put_other(c, bundle);
    }
}

static void put_exception(struct mcp_content *c, const json_t *record)
{
    const json_t *name = json_object_get(record, "name"), *value = json_object_get(record, "value");
    const json_t *trace = json_object_get(record, "traceback");

    if (!json_is_string(name) || !json_is_string(value) || !json_is_string(trace)) {
        return; /* not one of the driver's */
    }
    json_decref(c->error);
    c->error = json_pack("{s:O, s:O, s:O}", "name", name, "value", value, "traceback", trace);
    c->broken = c->broken || c->error == NULL;
    put_value(c, json_string_value(trace), json_string_length(trace));
}

/* An integer that no int64_t holds is taken as a real number, so that the rest of the record is not
 * lost. */
static json_t *record_parse(const void *bytes, size_t size)
{
    const enum json_sort sort = json_check(bytes, size);
    json_t *record;

    if (sort != SORT_OBJECT && sort != SORT_KIND) {
        return NULL;
    }
    record = json_loadb(bytes, size, JSON_ALLOW_NUL, NULL);
    return record != NULL ? record
                          : json_loadb(bytes, size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
}

void mcp_content_record(struct mcp_content *content, const char *kind, const void *bytes,
                        size_t size)
{
    const bool is_result = strcmp(kind, "result") == 0, is_error = strcmp(kind, "error") == 0;
    json_t *record, *data;

    if (!is_result && !is_error && strcmp(kind, "display") != 0) {
        return; /* an input that is asked for, output that is to go: nothing that an answer has */
    }
    record = record_parse(bytes, size);
    data = json_object_get(record, "data");
    if (is_error) {
        put_exception(content, record);
    } else if (json_is_object(data)) {
        put_bundle(content, data, is_result);
    } else {
        mcp_content_say(content, "(a value whose record cannot be read)");
    }
    json_decref(record);
}

/* --- the end --- */

bool mcp_content_done(struct mcp_content *content, const json_t *members)
{
    const char *outcome = json_string_value(json_object_get(members, "outcome"));
    const char *error = json_string_value(json_object_get(members, "error"));
    const json_int_t status = json_integer_value(json_object_get(members, "status"));
    const bool ready = outcome != NULL && strcmp(outcome, "ready") == 0;
    json_t *limit = json_object_get(members, "limit");
    char text[48];

    content->failed = content->failed || status != 0 || error != NULL;
    if (json_is_string(limit)) {
        content->limit = json_incref(limit);
    }
    if (error != NULL) {
        put_value(content, error, strlen(error));
    } else if (status != 0 && content->error == NULL) {
        (void)snprintf(text, sizeof(text), "exit status %lld", (long long)status);
        mcp_content_say(content, text);
    }
    return ready;
}

/* Whether the bytes are those of an image that models can see, by its first bytes. */
static const char *image_type(const uint8_t *bytes, size_t size)
{
    static const struct {
        const char *type, *begin;
        size_t size;
    } types[] = {
        {"image/png", "\x89PNG\r\n\x1a\n", 8},
        {"image/jpeg", "\xff\xd8\xff", 3},
        {"image/gif", "GIF8", 4},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (size >= types[i].size && memcmp(bytes, types[i].begin, types[i].size) == 0) {
            return types[i].type;
        }
    }
    return size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0
               ? "image/webp"
               : NULL;
}

void mcp_content_file(struct mcp_content *content, const char *path, const void *bytes, size_t size)
{
    const char *image = image_type(bytes, size);
    char uri[300];

    if (image != NULL) {
        put_media(content, "image", image, mcp_base64(bytes, size));
    } else if (mcp_is_text(bytes, size)) {
        mcp_content_item(content,
                         json_pack("{s:s, s:o}", "type", "text", "text", mcp_string(bytes, size)));
    } else {
        (void)snprintf(uri, sizeof(uri), "file://%s%.250s", path[0] == '/' ? "" : "/", path);
        put_resource(content, uri, "application/octet-stream", "blob", mcp_base64(bytes, size));
    }
}

static json_t *or_null(json_t *value)
{
    return value != NULL ? json_incref(value) : json_null();
}

json_t *mcp_content_parts(const struct mcp_content *content, const char *session)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s?}", "stdout", bytes_string(&content->out),
                     "stderr", bytes_string(&content->err), "result", or_null(content->result),
                     "error", or_null(content->error), "limit", or_null(content->limit), "session",
                     session);
}

json_t *mcp_content_answer(struct mcp_content *content, json_t *parts)
{
    json_t *answer;

    end_text(content);
    if (json_array_size(content->items) == 0) {
        mcp_content_item(content, json_pack("{s:s, s:s}", "type", "text", "text", "(no output)"));
    }
    answer = content->broken ? NULL
                             : json_pack("{s:O, s:b}", "content", content->items, "isError",
                                         (int)content->failed);
    if (answer != NULL && parts != NULL) {
        (void)json_object_set(answer, "structuredContent", parts);
    }
    json_decref(parts);
    return answer;
}
