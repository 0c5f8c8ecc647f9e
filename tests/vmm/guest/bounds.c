// SPDX-License-Identifier: Apache-2.0
/*
 * Cases that ask the host for more than it gives.
 */
#include "guest.h"

#define WORDS 4u

static void words_read(const char *text, uint64_t words[WORDS])
{
    for (unsigned i = 0; i < WORDS; i++) {
        words[i] = text_number(text);
        while (*text != '\0' && *text != ' ') {
            text++;
        }
        text += *text == ' ';
    }
}

/* Makes one call with a number and three arguments, and prints its answer, negative ones with a
 * minus. */
static void do_call(const char *arg)
{
    uint64_t w[WORDS];
    words_read(arg, w);
    const int64_t ret = call((uint32_t)w[0], w[1], w[2], w[3], 0);
    say(ret < 0 ? "-" : "");
    say_number((uint64_t)(ret < 0 ? -ret : ret));
    quit(HV_EXIT_STATUS, 0, "");
}

/* Does the same without end. */
static void do_calls(const char *arg)
{
    uint64_t w[WORDS];
    words_read(arg, w);
    for (;;) {
        (void)call((uint32_t)w[0], w[1], w[2], w[3], 0);
    }
}

static void do_killed(const char *arg)
{
    quit(HV_EXIT_SIGNAL, text_number(arg), "");
}

const struct guest_case bounds_cases[] = {
    {"call", do_call}, {"calls", do_calls}, {"killed", do_killed}, {0, 0}};
