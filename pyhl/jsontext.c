// SPDX-License-Identifier: Apache-2.0
/*
 * The text of JSON (RFC 8259). The checker is a loop with a stack of a byte a level, so what a
 * guest nests cannot use up the process's own stack.
 */
#include "jsontext.h"
#include "base64.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Takes what is buffered out. A descriptor may be one that does not wait. */
static void drain(struct json_out *out)
{
    size_t done = 0;

    while (out->code == 0 && done < out->used) {
        ssize_t n = write(out->fd, out->bytes + done, out->used - done);

        if (n >= 0) {
            done += (size_t)n;
        } else if (errno == EAGAIN) {
            (void)poll(&(struct pollfd){.fd = out->fd, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR || (out->stopped != NULL && out->stopped())) {
            out->code = errno;
        }
    }
    out->used = 0;
}

void json_put_part(struct json_out *out, const char *text, size_t size)
{
    while (size > 0 && out->code == 0) {
        size_t n = sizeof(out->bytes) - out->used;

        n = size < n ? size : n;
        memcpy(out->bytes + out->used, text, n);
        out->used += n;
        text += n;
        size -= n;
        if (out->used == sizeof(out->bytes)) {
            drain(out);
        }
    }
}

void json_put(struct json_out *out, const char *text)
{
    json_put_part(out, text, strlen(text));
}

void json_put_number(struct json_out *out, uint64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    json_put(out, text);
}

int json_flush(struct json_out *out)
{
    drain(out);
    return -out->code;
}

static bool continues(const unsigned char *p, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return false;
        }
    }
    return true;
}

size_t json_character(const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *)text;

    if (p[0] < 0x80) {
        return 1;
    }
    const size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n > left || !continues(p, n)) {
        return 0;
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90)) {
        return 0; /* there is a shorter form */
    }
    return (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f) ? 0 : n;
}

static bool is_utf8(const char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        const size_t n = json_character(text + at, size - at);

        if (n == 0) {
            return false;
        }
        at += n;
    }
    return true;
}

/* One character, or a byte that is none, inside a string. Returns how many bytes it has. */
static size_t put_character(struct json_out *out, const char *at, size_t left, bool *whole)
{
    const unsigned char c = (unsigned char)*at;
    const size_t n = json_character(at, left);
    char text[8];

    if (n == 0) {
        json_put(out, "\xef\xbf\xbd");
        *whole = false;
        return 1;
    }
    if (c == '"' || c == '\\') {
        json_put_part(out, "\\", 1);
    } else if (c == '\n') {
        json_put(out, "\\n");
        return 1;
    } else if (c < ' ' || c == 0x7f) {
        (void)snprintf(text, sizeof(text), "\\u%04x", c);
        json_put(out, text);
        return 1;
    }
    json_put_part(out, at, n);
    return n;
}

bool json_put_string(struct json_out *out, const char *bytes, size_t size)
{
    bool whole = true;

    json_put_part(out, "\"", 1);
    for (size_t at = 0; at < size && out->code == 0;) {
        at += put_character(out, bytes + at, size - at, &whole);
    }
    json_put_part(out, "\"", 1);
    return whole;
}

void json_put_base64(struct json_out *out, const char *bytes, size_t size)
{
    json_put_part(out, "\"", 1);
    for (size_t at = 0; at < size; at += 3) {
        char four[4];

        json_put_part(
            out, four,
            base64_encode((const uint8_t *)bytes + at, size - at < 3 ? size - at : 3, four));
    }
    json_put_part(out, "\"", 1);
}

/* In a value the ends of lines stand between its parts alone, where a space means the same. */
void json_put_value(struct json_out *out, const char *text, size_t size)
{
    const char *from = text, *end = text + size;

    for (const char *at = text; at < end; at++) {
        if (*at == '\n' || *at == '\r') {
            json_put_part(out, from, (size_t)(at - from));
            json_put_part(out, " ", 1);
            from = at + 1;
        }
    }
    json_put_part(out, from, (size_t)(end - from));
}

/* What is left of a text that is checked. */
struct rest {
    const char *at, *end;
};

static void skip_space(struct rest *r)
{
    while (r->at < r->end &&
           (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) {
        r->at++;
    }
}

static bool eat(struct rest *r, char c)
{
    const bool there = r->at < r->end && *r->at == c;

    r->at += there;
    return there;
}

static bool take_word(struct rest *r, const char *word)
{
    const size_t n = strlen(word);
    const bool there = (size_t)(r->end - r->at) >= n && memcmp(r->at, word, n) == 0;

    r->at += there ? n : 0;
    return there;
}

static size_t take_digits(struct rest *r)
{
    const char *from = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        r->at++;
    }
    return (size_t)(r->at - from);
}

static bool take_number(struct rest *r)
{
    (void)eat(r, '-');
    if (!eat(r, '0') && take_digits(r) == 0) {
        return false;
    }
    if (eat(r, '.') && take_digits(r) == 0) {
        return false;
    }
    if (eat(r, 'e') || eat(r, 'E')) {
        (void)(eat(r, '+') || eat(r, '-'));
        return take_digits(r) > 0;
    }
    return true;
}

static bool take_escape(struct rest *r)
{
    if (eat(r, 'u')) {
        for (int i = 0; i < 4; i++, r->at++) {
            if (r->at == r->end || strchr("0123456789abcdefABCDEF", *r->at) == NULL || !*r->at) {
                return false;
            }
        }
        return true;
    }
    return r->at < r->end && *r->at != '\0' && strchr("\"\\/bfnrt", *r->at++) != NULL;
}

static bool take_string(struct rest *r)
{
    if (!eat(r, '"')) {
        return false;
    }
    while (r->at < r->end && (unsigned char)*r->at >= ' ') {
        const char c = *r->at++;

        if (c == '"') {
            return true;
        }
        if (c == '\\' && !take_escape(r)) {
            return false;
        }
    }
    return false;
}

/* A member's name and its colon. *kind becomes true when the name may be "kind". */
static bool take_name(struct rest *r, bool *kind)
{
    const char *from;

    skip_space(r);
    from = r->at;
    if (!take_string(r)) {
        return false;
    }
    const size_t n = (size_t)(r->at - from);
    *kind = *kind || memchr(from, '\\', n) != NULL || (n == 6 && memcmp(from, "\"kind\"", 6) == 0);
    skip_space(r);
    return eat(r, ':');
}

static bool take_plain(struct rest *r)
{
    if (r->at < r->end && *r->at == '"') {
        return take_string(r);
    }
    return take_word(r, "true") || take_word(r, "false") || take_word(r, "null") || take_number(r);
}

/* A value that has begun: its stack of '{' and '['. */
struct nest {
    size_t depth;
    char levels[SORT_DEPTH];
    bool kind; /* of the outermost object */
};

/* Begins an object or a list, if one is here. *open: it is not empty, and its first value is
 * next. */
static bool enter(struct rest *r, struct nest *n, bool *open)
{
    bool ignored = false;
    const char level = eat(r, '{') ? '{' : eat(r, '[') ? '[' : '\0';

    *open = false;
    if (level == '\0') {
        return take_plain(r);
    }
    skip_space(r);
    if (eat(r, level == '{' ? '}' : ']')) {
        return true;
    }
    if (n->depth == SORT_DEPTH) {
        return false;
    }
    n->levels[n->depth++] = level;
    *open = true;
    return level == '[' || take_name(r, n->depth == 1 ? &n->kind : &ignored);
}

/* After a value: ends what ends here, and goes to the next value, if there is one (*open). */
static bool leave(struct rest *r, struct nest *n, bool *open)
{
    bool ignored = false;

    while (n->depth > 0) {
        const char level = n->levels[n->depth - 1];

        skip_space(r);
        if (eat(r, ',')) {
            *open = true;
            return level == '[' || take_name(r, n->depth == 1 ? &n->kind : &ignored);
        }
        if (!eat(r, level == '{' ? '}' : ']')) {
            return false;
        }
        n->depth--;
    }
    *open = false;
    return true;
}

enum json_sort json_check(const char *text, size_t size)
{
    struct rest r = {text, text + size};
    struct nest n = {.depth = 0};
    bool open = true;

    if (!is_utf8(text, size)) {
        return SORT_NONE;
    }
    skip_space(&r);
    const bool object = r.at < r.end && *r.at == '{';
    while (open) {
        skip_space(&r);
        if (!enter(&r, &n, &open) || (!open && !leave(&r, &n, &open))) {
            return SORT_NONE;
        }
    }
    skip_space(&r);
    if (r.at < r.end) {
        return SORT_NONE;
    }
    return !object ? SORT_OTHER : n.kind ? SORT_KIND : SORT_OBJECT;
}
