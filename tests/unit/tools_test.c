// SPDX-License-Identifier: Apache-2.0
/*
 * The parent's side of tools, asked by a child as no pyhl asks it: what a guest could do that has
 * taken over the process with the VM.
 */
#include "pyhl/message.h"
#include "pyhl/signals.h"
#include "pyhl/tools_parent.h"
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void message(const char *fmt, ...)
{
    (void)fmt;
}

void vmm_interrupt(struct vmm *vm, enum vmm_interrupt what)
{
    (void)vm;
    (void)what;
}

static char cat_name[] = "cat", cat_command[] = "cat", nap_name[] = "nap",
            nap_command[] = "sleep 1234.9";
static struct tool tools[] = {{.name = cat_name, .command = cat_command},
                              {.name = nap_name, .command = nap_command}};
static const struct tool_list list = {tools, 2};

/* Forks, runs work() in the child and serves it. The child ends with work's result. */
static int served(int (*work)(struct channel *))
{
    struct channel channel;
    struct tools_parent *made = NULL;
    struct parent *parent = NULL;
    struct vmm_err err = {0};
    int status;

    signal(SIGPIPE, SIG_IGN);
    const int out = dup(STDOUT_FILENO), in = dup(STDIN_FILENO);
    fflush(stdout);
    CHECK(parent_fork(&parent, &channel, &err) == 0);
    if (parent == NULL) {
        status = work(&channel);
        _exit(unit_failures ? 99 : status);
    }
    dup2(out, STDOUT_FILENO); /* for the reports of this test */
    dup2(in, STDIN_FILENO);
    close(out);
    close(in);
    CHECK(tools_parent_offer(&list, parent, &made, &err) == 0);
    status = parent_serve(parent, "run");
    tools_parent_end(made);
    parent_destroy(parent);
    return status;
}

static int ask(struct channel *c, uint32_t kind, uint64_t id, uint64_t tool, uint64_t size)
{
    struct channel_message m = {.kind = kind, .size = size, .number = {id, tool}};

    CHECK(channel_call(c, &m) == 0);
    return m.result;
}

static void wait_for(struct channel *c, uint64_t id)
{
    struct channel_message notice = {0};

    CHECK(channel_notice(c, UINT64_MAX, &notice) == 0);
    CHECK(notice.kind == TOOLS_DONE && notice.number[0] == id);
}

static int asks(struct channel *c)
{
    memcpy(c->bytes, "abc", 3);
    CHECK(ask(c, TOOLS_CALL, 7, 0, 3) == 0);
    wait_for(c, 7);
    memset(c->bytes, 0, 3);
    CHECK(ask(c, TOOLS_REPLY, 7, 0, 0) == 0);
    CHECK(memcmp(c->bytes, "abc", 3) == 0);
    /* A reply is given once. */
    CHECK(ask(c, TOOLS_REPLY, 7, 0, 0) == -ENOENT);
    /* The largest there is. */
    memset(c->bytes, 'x', CHANNEL_BYTES);
    CHECK(ask(c, TOOLS_CALL, 8, 0, CHANNEL_BYTES) == 0);
    wait_for(c, 8);
    memset(c->bytes, 0, CHANNEL_BYTES);
    CHECK(ask(c, TOOLS_REPLY, 8, 0, 0) == 0);
    CHECK(c->bytes[0] == 'x' && c->bytes[CHANNEL_BYTES - 1] == 'x');
    return 7;
}

static void replies(void)
{
    CHECK(served(asks) == 7);
}

static int forges(struct channel *c)
{
    CHECK(ask(c, TOOLS_CALL, 1, 2, 0) == -EINVAL);
    CHECK(ask(c, TOOLS_CALL, 1, UINT64_MAX, 0) == -EINVAL);
    CHECK(ask(c, TOOLS_REPLY, 1, 0, 0) == -ENOENT);
    CHECK(ask(c, TOOLS_END, 0, 0, 0) == 0);
    /* No reply to a call that still runs; one of two calls with the same id at a time. */
    CHECK(ask(c, TOOLS_CALL, 1, 1, 0) == 0);
    CHECK(ask(c, TOOLS_REPLY, 1, 0, 0) == -ENOENT);
    CHECK(ask(c, TOOLS_CALL, 1, 0, 0) == 0);
    wait_for(c, 1);
    CHECK(ask(c, TOOLS_REPLY, 1, 0, 0) == 0);
    CHECK(ask(c, TOOLS_REPLY, 1, 0, 0) == -ENOENT);
    return 7;
}

static void forged(void)
{
    CHECK(served(forges) == 7);
}

static int floods(struct channel *c)
{
    for (uint64_t i = 0; i < TOOLS_OPEN; i++) {
        CHECK(ask(c, TOOLS_CALL, i, 1, 0) == 0);
    }
    CHECK(ask(c, TOOLS_CALL, 1000, 1, 0) == -EAGAIN);
    CHECK(ask(c, TOOLS_CALL, 1000, 1, CHANNEL_BYTES) == -EAGAIN);
    CHECK(ask(c, TOOLS_END, 0, 0, 0) == 0);
    CHECK(ask(c, TOOLS_CALL, 1, 0, 0) == 0);
    wait_for(c, 1);
    return 7; /* with a reply that nobody fetches */
}

/* Too many calls are refused; all end at the end of the run. */
static void flood(void)
{
    CHECK(served(floods) == 7);
    CHECK(system("! grep -zxsq 1234.9 /proc/[0-9]*/cmdline") == 0);
}

static int leaves(struct channel *c)
{
    CHECK(ask(c, TOOLS_CALL, 1, 1, 0) == 0);
    raise(SIGKILL);
    return 0;
}

/* A child that dies leaves no process. */
static void death(void)
{
    CHECK(served(leaves) == 137);
    CHECK(system("! grep -zxsq 1234.9 /proc/[0-9]*/cmdline") == 0);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"tools: replies", replies},
        {"tools: forged requests", forged},
        {"tools: too many calls", flood},
        {"tools: a child that dies", death},
        {0},
    };

    return unit_run(tests);
}
