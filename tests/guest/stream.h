// SPDX-License-Identifier: Apache-2.0
/*
 * Sends more than a pipe or a socket pair holds. One thread writes and another reads, so that both
 * block in turn. The writer closes its end when it is done; the caller closes the other.
 */
#ifndef TESTS_GUEST_STREAM_H
#define TESTS_GUEST_STREAM_H

#include "t.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

struct stream {
    int in, out; /* `out` is written to, and `in` read from */
    char *data;
    size_t size;
    size_t came;   /* bytes read */
    bool same;     /* they were the data */
    bool finished; /* the writer has written all */
};

static void *stream_write(void *arg)
{
    struct stream *s = arg;
    size_t done = 0;

    while (done < s->size) {
        ssize_t n = write(s->out, s->data + done, s->size - done);
        if (n <= 0) {
            return NULL;
        }
        done += (size_t)n;
    }
    close(s->out);
    return s;
}

/* Fills the data with a pattern and sends it through. */
static void stream_run(struct stream *s)
{
    static char chunk[10000];
    pthread_t thread;
    void *result = NULL;
    ssize_t n;

    for (size_t i = 0; i < s->size; i++) {
        s->data[i] = (char)(i * 7 >> 2);
    }
    s->same = true;
    T_MUST("thread", pthread_create(&thread, NULL, stream_write, s) == 0);
    while ((n = read(s->in, chunk, sizeof(chunk))) > 0) {
        s->same = s->same && memcmp(chunk, s->data + s->came, (size_t)n) == 0;
        s->came += (size_t)n;
    }
    pthread_join(thread, &result);
    s->finished = result == s;
}

#endif
