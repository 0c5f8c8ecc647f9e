// SPDX-License-Identifier: Apache-2.0
#include "mcp_http.h"
#include "home.h"
#include "mcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADER_MAX 200u /* characters of a header that is compared */

struct mcp_http {
    struct mcp_tools tools;
};

/* The client of one message. */
struct mcp_post {
    struct mcp_peer peer;
    struct http_exchange *x;
    bool begins;  /* the message is still being taken */
    bool streams; /* the answer has begun, as a stream */
    bool over;    /* it was answered */
};

/* --- answers --- */

/* What HTTP has of an error. In a revision with a handshake 404 would mean that it has to be made
 * again, so what is wrong in a request has no status of its own. */
static int status_of(const struct mcp_post *post, enum mcp_code code)
{
    const bool alien = code == MCP_PARSE || code == MCP_INVALID_REQUEST || code == MCP_VERSION;

    if (code == MCP_NO_ERROR || !(alien || post->peer.modern)) {
        return 200;
    }
    return code == MCP_NO_METHOD ? 404 : code == MCP_INTERNAL ? 500 : 400;
}

static bool send_event(struct mcp_post *post, const char *text)
{
    static const char head[] = "event: message\ndata: ";

    return http_send(post->x, head, sizeof(head) - 1) && http_send(post->x, text, strlen(text)) &&
           http_send(post->x, "\n\n", 2);
}

static void post_answer(struct mcp_peer *peer, const json_t *message, enum mcp_code code)
{
    struct mcp_post *post = (struct mcp_post *)peer;
    char *text = json_dumps(message, JSON_COMPACT);

    if (post->streams) {
        if (text != NULL && send_event(post, text)) {
            http_end(post->x);
        } else {
            http_cut(post->x);
        }
    } else if (text == NULL) {
        http_error(post->x, 503, "OSError", "the server is out of memory");
    } else {
        http_answer(post->x, status_of(post, code), "application/json", text, strlen(text));
    }
    free(text);
    post->over = true;
    if (!post->begins) {
        free(post);
    }
}

/* Nothing is lost if a client takes no streams, or there is no memory: progress is for people. */
static void post_notify(struct mcp_peer *peer, const json_t *message)
{
    struct mcp_post *post = (struct mcp_post *)peer;
    const char *accept = http_header(post->x, "Accept");
    char *text;

    if (accept == NULL || strstr(accept, "text/event-stream") == NULL) {
        return;
    }
    if (!post->streams) {
        http_set_header(post->x, "Cache-Control", "no-cache");
        http_set_header(post->x, "X-Accel-Buffering", "no");
        http_start(post->x, 200, "text/event-stream");
        post->streams = true;
    }
    text = json_dumps(message, JSON_COMPACT);
    if (text != NULL) {
        (void)send_event(post, text);
    }
    free(text);
}

static const struct mcp_peer_ops post_ops = {.notify = post_notify, .answer = post_answer};

/* A client that goes away cancels what it has asked for. */
static void post_gone(struct http_exchange *x, void *arg)
{
    struct mcp_post *post = arg;

    (void)x;
    mcp_peer_end(&post->peer);
    free(post);
}

static const struct http_events post_events = {.gone = post_gone};

/* --- requests --- */

/* A header without the spaces around it; NULL: there is none. */
static const char *trimmed(const struct http_exchange *x, const char *name, char text[HEADER_MAX])
{
    const char *value = http_header(x, name);
    size_t size;

    if (value == NULL) {
        return NULL;
    }
    value += strspn(value, " \t");
    size = strlen(value);
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t')) {
        size--;
    }
    size = size < HEADER_MAX ? size : HEADER_MAX - 1;
    memcpy(text, value, size);
    text[size] = 0;
    return text;
}

static void post_message(struct mcp_post *post, const uint8_t *body, size_t size)
{
    char version[HEADER_MAX], method[HEADER_MAX], name[HEADER_MAX];
    const struct mcp_headers headers = {
        .used = true,
        .version = trimmed(post->x, "MCP-Protocol-Version", version),
        .method = trimmed(post->x, "Mcp-Method", method),
        .name = trimmed(post->x, "Mcp-Name", name),
    };
    bool request = false;

    post->begins = true;
    if (size > MCP_MESSAGE) {
        mcp_no_message(&post->peer, MCP_PARSE, "a message has more than 16 MiB");
    } else {
        request = mcp_message(&post->peer, body, size, &headers);
    }
    post->begins = false;
    if (!request && !post->over) {
        http_answer(post->x, 202, "application/json", NULL, 0);
        post->over = true;
    }
    if (post->over) {
        free(post);
    }
}

static void do_post(struct http_exchange *x, void *arg)
{
    struct mcp_http *mcp = arg;
    const char *type = http_header(x, "Content-Type");
    struct mcp_post *post;
    size_t size;
    const uint8_t *body = http_body(x, &size);

    if (type == NULL || strncasecmp(type, "application/json", 16) != 0) {
        http_error(x, 415, "ValueError", "the Content-Type must be application/json");
        return;
    }
    post = calloc(1, sizeof(*post));
    if (post == NULL) {
        http_error(x, 503, "OSError", "the server is out of memory");
        return;
    }
    mcp_peer_begin(&post->peer, &mcp->tools, &post_ops, http_owner(x));
    post->peer.revision = MCP_2025_03_26; /* the last one without a header for it */
    post->x = x;
    http_later(x, &post_events, post);
    post_message(post, body, size);
}

static const struct http_route routes[] = {
    {.method = "POST", .path = "/mcp", .answer = do_post},
    {.method = NULL},
};

int mcp_http_begin(struct http *http, struct service *service, const char *dest,
                   const char *fixtures, struct mcp_http **out, struct vmm_err *err)
{
    struct mcp_http *mcp = calloc(1, sizeof(*mcp));
    struct home home;
    int rc;

    *out = mcp;
    if (mcp == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    rc = home_open(dest, true, &home, err);
    rc = rc == 0 ? mcp_tools_begin(&mcp->tools, service, &home.config.packages, fixtures, err) : rc;
    home_close(&home);
    if (rc == 0 && http_routes(http, routes, mcp) < 0) {
        rc = vmm_err_set(err, ENOSPC, "too many tables of routes");
    }
    return rc;
}

void mcp_http_end(struct mcp_http *mcp)
{
    if (mcp != NULL) {
        mcp_tools_end(&mcp->tools);
        free(mcp);
    }
}
