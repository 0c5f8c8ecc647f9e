// SPDX-License-Identifier: Apache-2.0
/*
 * Cases that ask the host for more than it gives.
 */
#include "guest.h"

#define WORDS 5u

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

/* Makes one call with a number and four arguments, which are 0 when missing, and prints its answer,
 * negative ones with a minus. */
static void do_call(const char *arg)
{
    uint64_t w[WORDS];
    words_read(arg, w);
    const int64_t ret = call((uint32_t)w[0], w[1], w[2], w[3], w[4]);
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

static const char kind[] = "a kind of 64 characters, which is the longest that a record has,.";

/* Gives a record, whose kind is the first so many characters of `kind`, and whose bytes have this
 * address and size, between two lines, of which the second has the answer. */
static void do_record(const char *arg)
{
    uint64_t w[WORDS];
    words_read(arg, w);
    say("before\n");
    put(&SHARED->err, HV_STDERR_GPA, "error\n", 6);
    const int64_t ret = call(HV_CALL_RECORD, (uint64_t)(uintptr_t)kind, w[0], w[1], w[2]);
    say(ret < 0 ? "after -" : "after ");
    say_number((uint64_t)(ret < 0 ? -ret : ret));
    quit(HV_EXIT_STATUS, 0, "");
}

/* Gives such records without end. */
static void do_records(const char *arg)
{
    uint64_t w[WORDS];
    words_read(arg, w);
    for (;;) {
        (void)call(HV_CALL_RECORD, (uint64_t)(uintptr_t)kind, w[0], w[1], w[2]);
    }
}

/* Claims that so much memory was in use. */
static void do_peak(const char *arg)
{
    SHARED->counts.memory_peak = text_number(arg);
    quit(HV_EXIT_STATUS, 0, "");
}

static void do_killed(const char *arg)
{
    quit(HV_EXIT_SIGNAL, text_number(arg), "");
}

const struct guest_case bounds_cases[] = {{"call", do_call},
                                          {"calls", do_calls},
                                          {"record", do_record},
                                          {"records", do_records},
                                          {"peak", do_peak},
                                          {"killed", do_killed},
                                          {0, 0}};
