// SPDX-License-Identifier: Apache-2.0
/*
 * The ways in which a run can end: a text for each, an exit status, and whether the text is needed.
 * The switches have no default, so that the compiler finds a new kind that is missing.
 */
#include "cmd.h"
#include "outcome.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

void outcome_text(const struct vmm_outcome *outcome, const struct outcome_limits *limits,
                  char text[OUTCOME_TEXT])
{
    const char *detail = outcome->detail;

    switch (outcome->kind) {
    case VMM_EXITED:
        (void)snprintf(text, OUTCOME_TEXT, "ended with status %d", outcome->status);
        return;
    case VMM_SIGNALED:
        (void)snprintf(text, OUTCOME_TEXT, "killed by signal %d (%s)%s%s", outcome->status,
                       strsignal(outcome->status), detail[0] ? ": " : "", detail);
        return;
    case VMM_OOM:
        (void)snprintf(text, OUTCOME_TEXT, "killed: out of guest memory (%llu MiB)",
                       (unsigned long long)(limits->memory >> 20));
        return;
    case VMM_TIMEOUT:
        (void)snprintf(text, OUTCOME_TEXT, "stopped: %s of %g s is over", limits->timeout,
                       (double)limits->timeout_ns / 1e9);
        return;
    case VMM_CPU:
        (void)snprintf(text, OUTCOME_TEXT, "stopped: the CPU time of %g s, --cpu, is used up",
                       (double)limits->cpu_ns / 1e9);
        return;
    case VMM_OUTPUT:
        (void)snprintf(text, OUTCOME_TEXT,
                       "stopped: more output than the %llu bytes of --output-limit",
                       (unsigned long long)limits->max_output);
        return;
    case VMM_CALLS:
        (void)snprintf(text, OUTCOME_TEXT,
                       "stopped: more calls of tools than the %llu of --tool-calls",
                       (unsigned long long)limits->max_calls);
        return;
    case VMM_CALLED:
        (void)snprintf(text, OUTCOME_TEXT, "left while it waited for tools");
        return;
    case VMM_PIPE_CLOSED:
        (void)snprintf(text, OUTCOME_TEXT, "stopped: its output has no reader");
        return;
    case VMM_KILLED:
        (void)snprintf(text, OUTCOME_TEXT, "stopped by a signal");
        return;
    case VMM_READY:
        (void)snprintf(text, OUTCOME_TEXT,
                       "the program asked for another run instead of ending this one");
        return;
    case VMM_FILES:
        (void)snprintf(text, OUTCOME_TEXT, "cannot copy in /%s", detail);
        return;
    case VMM_PANIC:
        (void)snprintf(text, OUTCOME_TEXT, "the guest kernel gave up: %s", detail);
        return;
    case VMM_BROKEN:
        (void)snprintf(text, OUTCOME_TEXT, "the guest broke down: %s", detail);
        return;
    }
    (void)snprintf(text, OUTCOME_TEXT, "unknown end of a run (%d)", (int)outcome->kind);
}

const char *outcome_limit(const struct vmm_outcome *outcome)
{
    switch (outcome->kind) {
    case VMM_OOM:
        return "memory";
    case VMM_TIMEOUT:
        return "timeout";
    case VMM_CPU:
        return "cpu";
    case VMM_OUTPUT:
        return "output";
    case VMM_CALLS:
        return "tool_calls";
    case VMM_READY:
    case VMM_EXITED:
    case VMM_SIGNALED:
    case VMM_CALLED:
    case VMM_PIPE_CLOSED:
    case VMM_KILLED:
    case VMM_FILES:
    case VMM_PANIC:
    case VMM_BROKEN:
        break;
    }
    return NULL;
}

const char *outcome_name(const struct vmm_outcome *outcome)
{
    switch (outcome->kind) {
    case VMM_OOM:
    case VMM_TIMEOUT:
    case VMM_CPU:
    case VMM_OUTPUT:
    case VMM_CALLS:
        return outcome_limit(outcome);
    case VMM_EXITED:
        return "status";
    case VMM_SIGNALED:
        return "signal";
    case VMM_KILLED:
        return "interrupted";
    case VMM_FILES:
        return "files";
    case VMM_READY:
    case VMM_CALLED:
    case VMM_PIPE_CLOSED:
    case VMM_PANIC:
    case VMM_BROKEN:
        break;
    }
    return "machine";
}

int outcome_status(const struct vmm_outcome *outcome, int signo)
{
    switch (outcome->kind) {
    case VMM_EXITED:
        return outcome->status & 0xff;
    case VMM_SIGNALED:
        return CMD_SIGNALED + outcome->status;
    case VMM_OOM:
        return CMD_SIGNALED + SIGKILL;
    case VMM_TIMEOUT:
        return CMD_TIMEOUT;
    case VMM_CPU:
        return CMD_CPU;
    case VMM_OUTPUT:
        return CMD_OUTPUT;
    case VMM_CALLS:
        return CMD_CALLS;
    case VMM_PIPE_CLOSED:
        return CMD_SIGNALED + SIGPIPE;
    case VMM_KILLED:
        return CMD_SIGNALED + signo;
    case VMM_READY:
    case VMM_CALLED:
    case VMM_FILES:
    case VMM_PANIC:
    case VMM_BROKEN:
        break;
    }
    return CMD_FAILED;
}

bool outcome_is_plain(const struct vmm_outcome *outcome)
{
    const int signo = outcome->status;

    switch (outcome->kind) {
    case VMM_EXITED:
    case VMM_PIPE_CLOSED:
    case VMM_KILLED:
        return true;
    case VMM_SIGNALED:
        return signo == SIGINT || signo == SIGTERM || signo == SIGHUP || signo == SIGPIPE;
    case VMM_OOM:
    case VMM_TIMEOUT:
    case VMM_CPU:
    case VMM_OUTPUT:
    case VMM_CALLS:
    case VMM_READY:
    case VMM_CALLED:
    case VMM_FILES:
    case VMM_PANIC:
    case VMM_BROKEN:
        break;
    }
    return false;
}
