// SPDX-License-Identifier: Apache-2.0
/*
 * Calls of functions of the host: a script that the test writes, and requests that no kernel makes.
 */
#include "guest.h"

#define TABLE   0x400000ull /* struct hv_request[HV_REQUESTS] */
#define TEXTS   0x410000ull /* the requests, TEXT bytes each */
#define TEXT    256u
#define BUFFER  0x500000ull /* a reply */
#define BUFFERS 0x20000u
#define TOOL    (1ull << HV_HANDLE_TOOL)

static uint64_t next_id = 1;

static volatile struct hv_request *request(uint64_t index)
{
    return (volatile struct hv_request *)(uintptr_t)TABLE + index;
}

/* The reply in the buffer, of which so many bytes are there: "=text " or "!type|message ". */
static void show(int64_t size)
{
    const struct hv_reply *head = (const struct hv_reply *)(uintptr_t)BUFFER;
    char *text = (char *)(uintptr_t)(BUFFER + sizeof(*head));
    const uint64_t n = (uint64_t)size - sizeof(*head);
    if (size < (int64_t)sizeof(*head) || head->size < n) {
        say("? ");
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        text[i] = (char)(text[i] != '\0' ? text[i] : '|');
    }
    say(head->restored != 0 ? "~" : "");
    say(head->failed != 0 ? "!" : "=");
    put(&SHARED->out, HV_STDOUT_GPA, text, n < 100 ? n : 100);
    say(" ");
}

static const char *copied(const char *from, char *to)
{
    while (*from != '\0' && *from != ' ') {
        *to++ = (char)(*from != ':' ? *from : '\0');
        from++;
    }
    *to = '\0';
    return from;
}

/* m3:name:arguments makes the request 3. */
static const char *make(const char *at)
{
    const uint64_t index = text_number(at);
    char *text = (char *)(uintptr_t)(TEXTS + index * TEXT);
    while (*at != ':') {
        at++;
    }
    const char *start = at + 1;
    at = copied(start, text);
    *request(index) = (struct hv_request){
        .id = next_id++, .bytes = (uintptr_t)text, .size = (uint64_t)(at - start)};
    const int64_t n = call(HV_CALL_TOOL, index, BUFFER, BUFFERS, 0);
    if (n == -11) {
        say(". ");
    } else {
        show(n < HV_CALL_BYTES ? n : HV_CALL_BYTES);
    }
    return at;
}

static void wait_for(uint64_t ms)
{
    (void)call(HV_CALL_WAIT, ms != 0 ? ms * 1000000 : HV_NO_DEADLINE, 0, 0, 0);
    const uint64_t events = __atomic_exchange_n(&SHARED->events, 0, __ATOMIC_SEQ_CST);
    const uint64_t ready = __atomic_exchange_n(&SHARED->ready, 0, __ATOMIC_SEQ_CST);
    SHARED->watched &= ~ready;
    say(events == 0 ? "time " : "");
    say(events & HV_EVENT_RESTORED ? "restored " : "");
    say(events & HV_EVENT_TIMER ? "timer " : "");
    say(events & HV_EVENT_INT ? "int " : "");
    say(events & HV_EVENT_END ? "end " : "");
    say(ready & TOOL ? "tool " : "");
    say(ready & 1 ? "stdin " : "");
}

/* Computes until there is an event. */
static void compute(void)
{
    SHARED->watched |= TOOL;
    while (SHARED->events == 0) {
    }
    wait_for(1);
}

static void number(int64_t n)
{
    say(n < 0 ? "-" : "");
    say_number((uint64_t)(n < 0 ? -n : n));
    say(" ");
}

static void step(char what, uint64_t n)
{
    switch (what) {
    case 'w': /* sleeps n ms, 0: for ever, and watches the handle; says what it was told */
        SHARED->watched |= TOOL;
        wait_for(n);
        break;
    case 'W': /* watches stdin as well */
        SHARED->watched |= TOOL | 1;
        wait_for(n);
        break;
    case 'u': /* watches nothing */
        SHARED->watched = 0;
        wait_for(n);
        break;
    case 'c':
        compute();
        break;
    case 's': /* computes for ever */
        for (;;) {
            sink++;
        }
    case 'T': /* a timer in n ms */
        (void)call(HV_CALL_TIMER, n * 1000000, 0, 0, 0);
        break;
    case 'a':
        number(call(HV_CALL_ANSWERED, 0, 0, 0, 0));
        break;
    case 'r':
        show(call(HV_CALL_REPLY, n, 0, BUFFER, BUFFERS));
        break;
    case 'f':
        number(call(HV_CALL_FORGET, n, 0, 0, 0));
        break;
    case 'q':
        quit(HV_EXIT_STATUS, n, "");
        break;
    default:
        quit(HV_EXIT_PANIC, 0, "no such step");
    }
}

/* Does the steps of a script, a word each. "e3" ends the run alone, with the status 3. */
static void do_tools(const char *at)
{
    SHARED->requests = TABLE;
    for (; *at != '\0'; at += *at == ' ') {
        if (*at == 'e') {
            run_status = text_number(at + 1);
            return;
        }
        if (*at == 'm') {
            at = make(at + 1);
        } else {
            step(*at, text_number(at + 1));
            while (*at != '\0' && *at != ' ') {
                at++;
            }
        }
    }
    quit(HV_EXIT_STATUS, 0, "");
}

/* Decimal, or hexadecimal after "0x". */
static uint64_t word_number(const char *s)
{
    if (s[0] != '0' || s[1] != 'x') {
        return text_number(s);
    }
    uint64_t n = 0;
    for (s += 2; *s != '\0' && *s != ' '; s++) {
        n = n * 16 + (uint64_t)(*s <= '9' ? *s - '0' : *s - 'a' + 10);
    }
    return n;
}

#define WORDS 7u

/* A call HV_CALL_TOOL that is made up: the table's address, the index, the request's id, address
 * and size, the buffer's address and size. What says the request is "echo" at 0x410000. */
static void do_tools_forged(const char *arg)
{
    uint64_t w[WORDS];
    for (unsigned i = 0; i < WORDS; i++) {
        w[i] = word_number(arg);
        while (*arg != '\0' && *arg != ' ') {
            arg++;
        }
        arg += *arg == ' ';
    }
    SHARED->requests = w[0];
    (void)copied("echo:text", (char *)(uintptr_t)TEXTS);
    *request(0) = (struct hv_request){.id = w[2], .bytes = w[3], .size = w[4]};
    number(call(HV_CALL_TOOL, w[1], w[5], w[6], 0));
    quit(HV_EXIT_STATUS, 0, "");
}

/* Calls it without end. */
static void do_tools_flood(const char *arg)
{
    SHARED->requests = TABLE;
    for (;;) {
        (void)make(arg);
    }
}

/* What the run frame says of functions. */
static void do_tools_named(const char *arg)
{
    size_t length;
    const char *bytes = run_record(HV_RECORD_TOOLS, &length);
    (void)arg;
    for (size_t i = 0; i < length; i++) {
        put(&SHARED->out, HV_STDOUT_GPA, bytes[i] != '\0' ? &bytes[i] : "|", 1);
    }
    quit(HV_EXIT_STATUS, 0, "");
}

const struct guest_case tools_cases[] = {
    {"tools", do_tools},
    {"tools-flood", do_tools_flood},
    {"tools-forged", do_tools_forged},
    {"tools-named", do_tools_named},
    {0, 0},
};
