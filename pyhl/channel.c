// SPDX-License-Identifier: Apache-2.0
/*
 * The child's end of the channel. It is used in jail, and in callbacks of a run: it sleeps in
 * ppoll() alone, with an end to each sleep, and otherwise calls read() and write().
 */
#include "channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull

static uint64_t channel_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Sleeps until the socket is ready, a signal, or the instant. Returns 0 or -ETIMEDOUT. */
static int channel_sleep(const struct channel *c, short events, uint64_t until_ns)
{
    const uint64_t now = channel_now();
    const uint64_t left = until_ns > now ? until_ns - now : 0;
    const struct timespec wait = {.tv_sec = (time_t)(left / NS_PER_S),
                                  .tv_nsec = (long)(left % NS_PER_S)};
    struct pollfd pfd = {.fd = c->fd, .events = events};
    int rc;

    if (until_ns != 0 && left == 0) {
        return -ETIMEDOUT;
    }
    rc = ppoll(&pfd, 1, until_ns != 0 ? &wait : NULL, NULL);
    return rc < 0 && c->give_up != NULL && c->give_up() ? -ETIMEDOUT : 0;
}

static int channel_send(const struct channel *c, const struct channel_message *message)
{
    for (;;) {
        const ssize_t n = write(c->fd, message, sizeof(*message));
        int rc = 0;

        if (n == (ssize_t)sizeof(*message)) {
            return 0;
        }
        if (n >= 0 || (errno != EINTR && errno != EAGAIN)) {
            return -EPIPE;
        }
        rc = channel_sleep(c, POLLOUT, c->until_ns);
        if (rc < 0) {
            return rc;
        }
    }
}

static int channel_receive(const struct channel *c, uint64_t until_ns,
                           struct channel_message *message)
{
    for (;;) {
        const ssize_t n = read(c->fd, message, sizeof(*message));
        int rc = 0;

        if (n == (ssize_t)sizeof(*message)) {
            return message->size <= CHANNEL_BYTES ? 0 : -EPROTO;
        }
        if (n > 0) {
            return -EPROTO;
        }
        if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            return -EPIPE;
        }
        rc = channel_sleep(c, POLLIN, until_ns);
        if (rc < 0) {
            return rc;
        }
    }
}

static int channel_keep(struct channel *c, const struct channel_message *notice)
{
    if (c->notice_count == CHANNEL_NOTICES) {
        return -EPROTO;
    }
    c->notices[c->notice_count++] = *notice;
    return 0;
}

/* Waits for the answer to the open request. Notices that come before it are kept. */
static int channel_answer(struct channel *c, struct channel_message *answer)
{
    int rc = 0;

    while (rc == 0 && c->open) {
        rc = channel_receive(c, c->until_ns, answer);
        if (rc == 0 && answer->serial == 0) {
            rc = channel_keep(c, answer);
        } else if (rc == 0 && answer->serial != c->serial) {
            rc = -EPROTO;
        } else if (rc == 0) {
            c->open = false;
        }
    }
    return rc;
}

int channel_call(struct channel *channel, struct channel_message *message)
{
    struct channel_message late;
    int rc = channel_answer(channel, &late);

    if (rc == 0) {
        message->serial = channel->serial + 1;
        message->result = 0;
        rc = channel_send(channel, message);
    }
    if (rc == 0) {
        channel->serial++;
        channel->open = true;
        rc = channel_answer(channel, message);
    }
    return rc;
}

int channel_notice(struct channel *channel, uint64_t until_ns, struct channel_message *notice)
{
    if (channel->notice_count == 0) {
        const int rc = channel_receive(channel, until_ns != 0 ? until_ns : 1, notice);

        if (rc == 0 && notice->serial != 0) {
            return -EPROTO;
        }
        return rc == -ETIMEDOUT ? -EAGAIN : rc;
    }
    *notice = channel->notices[0];
    channel->notice_count--;
    memmove(channel->notices, channel->notices + 1, channel->notice_count * sizeof(*notice));
    return 0;
}
