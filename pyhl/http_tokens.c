// SPDX-License-Identifier: Apache-2.0
#include "http_tokens.h"
#include "files.h"
#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKENS_FILE (1u << 20) /* bytes */
#define TOKENS_NAME "name="

int http_tokens_add(struct http_tokens *tokens, const char *where, const char *token,
                    const char *owner, struct vmm_err *err)
{
    const size_t size = strlen(token);
    struct http_token *list;

    for (size_t i = 0; i < size; i++) {
        if (token[i] <= ' ' || token[i] > '~') {
            return vmm_err_set(err, EINVAL, "%s: a token has printable ASCII characters only",
                               where);
        }
    }
    if (size < HTTP_TOKEN_MIN || size > HTTP_TOKEN_MAX) {
        return vmm_err_set(err, EINVAL, "%s: a token of %zu characters: it must have %u to %u",
                           where, size, HTTP_TOKEN_MIN, HTTP_TOKEN_MAX);
    }
    if (http_tokens_find(tokens, token, size) != NULL) {
        return vmm_err_set(err, EINVAL, "%s: this token is there already", where);
    }
    list = realloc(tokens->list, (tokens->count + 1) * sizeof(*list));
    if (list == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    tokens->list = list;
    list[tokens->count] = (struct http_token){.owner = owner};
    memcpy(list[tokens->count].token, token, size);
    tokens->count++;
    return 0;
}

/* The name of a line's owner: what it says, or a number, which tells nothing of the token. */
static int tokens_name(const char *where, const char *said, unsigned number, char *name,
                       struct vmm_err *err)
{
    const size_t size = said != NULL ? strlen(said) : 0;

    if (said == NULL) {
        (void)snprintf(name, OWNER_NAME + 1, "token-%u", number);
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        if (said[i] <= ' ' || said[i] > '~' || said[i] == '"' || said[i] == '\\') {
            return vmm_err_set(err, EINVAL, "%s: name=%.60s: printable ASCII, without \" and \\",
                               where, said);
        }
    }
    if (size == 0 || size > OWNER_NAME) {
        return vmm_err_set(err, EINVAL, "%s: a name has 1 to %u characters", where, OWNER_NAME);
    }
    memcpy(name, said, size + 1);
    return 0;
}

/* Takes one line apart. */
static int tokens_line(struct http_tokens *tokens, const char *where, unsigned number, char *line,
                       struct owner_list *owners, struct vmm_err *err)
{
    const char *said = NULL, *token, *word;
    struct owner_limits limits = {0};
    char name[OWNER_NAME + 1];
    struct vmm_err why = {0};
    bool limited = false;
    struct owner *owner;
    char *rest;

    token = strtok_r(line, " \t\r", &rest);
    if (token == NULL || token[0] == '#') {
        return 0;
    }
    while ((word = strtok_r(NULL, " \t\r", &rest)) != NULL) {
        if (strncmp(word, TOKENS_NAME, strlen(TOKENS_NAME)) == 0) {
            said = word + strlen(TOKENS_NAME);
        } else if (owner_limit_parse(word, &limits, &why) < 0) {
            return vmm_err_set(err, EINVAL, "%s: %s", where, why.msg);
        } else {
            limited = true;
        }
    }
    if (tokens_name(where, said, number, name, err) < 0) {
        return -EINVAL;
    }
    for (size_t i = 0; limited && i < tokens->count; i++) {
        if (strcmp(tokens->list[i].owner, name) == 0) {
            return vmm_err_set(err, EINVAL, "%s: the limits of '%s' stand in its first line", where,
                               name);
        }
    }
    owner = owner_find(owners, name);
    if (owner == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    owner->limits = limited ? limits : owner->limits;
    return http_tokens_add(tokens, where, token, owner->name, err);
}

static int tokens_lines(struct http_tokens *tokens, const char *path, char *text,
                        struct owner_list *owners, struct vmm_err *err)
{
    char where[200];
    unsigned number = 0;
    char *line;
    int rc = 0;

    while (rc == 0 && (line = strsep(&text, "\n")) != NULL) {
        number++;
        (void)snprintf(where, sizeof(where), "%.150s:%u", path, number);
        rc = tokens_line(tokens, where, number, line, owners, err);
    }
    if (rc == 0 && tokens->count == 0) {
        rc = vmm_err_set(err, EINVAL, "%s: there is no token in it", path);
    }
    return rc;
}

int http_tokens_read(struct http_tokens *tokens, const char *path, struct owner_list *owners,
                     struct vmm_err *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *text = NULL;
    size_t size;
    int rc;

    if (fd < 0) {
        return file_fail(err, path);
    }
    if (fstat(fd, &st) == 0 && (st.st_mode & 0077) != 0) {
        message("pyhl serve: %s: other users may read it or write to it: chmod 600 %s\n", path,
                path);
    }
    rc = file_read(fd, path, TOKENS_FILE, &text, &size, err);
    close(fd);
    if (rc == 0 && memchr(text, 0, size) != NULL) {
        rc = vmm_err_set(err, EINVAL, "%s: it has a NUL", path);
    }
    rc = rc == 0 ? tokens_lines(tokens, path, text, owners, err) : rc;
    if (text != NULL) {
        explicit_bzero(text, size);
    }
    free(text);
    return rc;
}

const struct http_token *http_tokens_find(const struct http_tokens *tokens, const char *text,
                                          size_t size)
{
    const struct http_token *found = NULL;
    char padded[HTTP_TOKEN_MAX] = {0};

    memcpy(padded, text, size < sizeof(padded) ? size : sizeof(padded));
    for (size_t i = 0; i < tokens->count; i++) {
        unsigned differ = size > sizeof(padded) || size == 0;

        for (size_t n = 0; n < sizeof(padded); n++) {
            differ |= (unsigned)(padded[n] ^ tokens->list[i].token[n]);
            __asm__ volatile("" : "+r"(differ)); /* or the compiler may stop early */
        }
        found = differ == 0 ? &tokens->list[i] : found;
    }
    return found;
}

void http_tokens_free(struct http_tokens *tokens)
{
    if (tokens->list != NULL) {
        explicit_bzero(tokens->list, tokens->count * sizeof(*tokens->list));
    }
    free(tokens->list);
    *tokens = (struct http_tokens){0};
}
