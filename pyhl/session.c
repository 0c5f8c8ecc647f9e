// SPDX-License-Identifier: Apache-2.0
/*
 * The loop of iterations. Signals are caught only when there is a VM; until then the defaults hold.
 */
#include "report.h"
#include "session.h"
#include "deadline.h"
#include "env.h"
#include "message.h"
#include "outcome.h"
#include "signals.h"
#include "vmm/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SESSION_TERMINAL_ENV 5
#define SOME_MORE_NS         1000000000u

typedef unsigned long long ull;

/* A descriptor that main() has put in the place of a closed one is closed for the script, too. */
static int stream(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && (flags & O_PATH) ? VMM_FD_CLOSED : fd;
}

struct vmm_io session_io(void)
{
    return (struct vmm_io){
        .stdin_fd = stream(STDIN_FILENO),
        .stdout_fd = stream(STDOUT_FILENO),
        .stderr_fd = stream(STDERR_FILENO),
    };
}

/* The "NAME=value" of the process's own environment, or NULL. */
static const char *inherited(const char *name)
{
    const char *value = getenv(name);

    return value != NULL ? value - strlen(name) - 1 : NULL;
}

bool session_typed(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static bool session_on_terminal(void)
{
    return isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) || isatty(STDERR_FILENO);
}

/* Adds the variables that tell a program about its terminal. Returns how many. */
static size_t terminal_env(const char **env)
{
    static const char *const names[SESSION_TERMINAL_ENV] = {"TERM", "COLORTERM", "NO_COLOR",
                                                            "COLUMNS", "LINES"};
    size_t n = 0;

    for (size_t i = 0; i < SESSION_TERMINAL_ENV; i++) {
        if (inherited(names[i]) != NULL) {
            env[n++] = inherited(names[i]);
        }
    }
    return n;
}

const char **session_env(const struct opt_list *user, bool plain)
{
    const char **list = calloc(SESSION_TERMINAL_ENV + user->count + 1, sizeof(*list)), **env;
    size_t n = 0;

    if (list == NULL) {
        return NULL;
    }
    if (!plain && session_on_terminal()) {
        n = terminal_env(list);
    }
    for (size_t i = 0; i < user->count; i++) {
        list[n++] = user->items[i];
    }
    env = env_make(list);
    free(list);
    return env;
}

/* Writes the JSON object of a run; text as result_write(). Returns the exit status. */
static int write_result(const struct session *session, const struct vmm_outcome *outcome,
                        const char *text)
{
    const int status = outcome_status(outcome, signals_last());
    const int rc =
        result_write(session->result, outcome, outcome->kind == VMM_EXITED ? NULL : text, status);

    if (rc == -EPIPE || rc == -EINTR) {
        return CMD_SIGNALED + (rc == -EPIPE ? SIGPIPE : signals_last());
    }
    if (rc < 0) {
        message("pyhl %s: cannot write standard output: %s\n", session->cmd->name, strerror(-rc));
        return CMD_FAILED;
    }
    return status;
}

/* Says why a run ended unless the script's own status says it all; returns the exit status. */
static int conclude(const struct session *session, const struct vmm_outcome *outcome)
{
    const struct outcome_limits limits = {
        .memory = session->run.memory != 0 ? session->run.memory : session->memory,
        .timeout = "--timeout",
        .timeout_ns = session->run.timeout_ns,
        .cpu_ns = session->run.cpu_ns,
        .max_output = session->run.max_output,
        .max_calls = session->run.max_calls,
    };
    const bool failed = outcome_status(outcome, signals_last()) == CMD_FAILED;
    char text[OUTCOME_TEXT];

    outcome_text(outcome, &limits, text);
    if (session->result == NULL && !outcome_is_plain(outcome) && (failed || !session->quiet)) {
        message("pyhl %s: %s%s\n", session->cmd->name, text,
                outcome->kind != VMM_OOM   ? ""
                : session->run.memory != 0 ? "; more is given by a larger --memory"
                                           : "; more is given by --memory of pyhl setup --force, "
                                             "or of pyhl boot");
    }
    if (outcome->kind == VMM_SIGNALED && outcome->status == SIGINT) {
        signals_interrupted();
    }
    if (session->result != NULL) {
        return write_result(session, outcome, text);
    }
    return outcome_status(outcome, signals_last());
}

static void describe_phases(const char *title, const uint64_t *ns, int from, int to)
{
    char text[400];
    int used = 0;

    for (int i = from; i < to && used < (int)sizeof(text); i++) {
        if (ns[i]) {
            used +=
                snprintf(text + used, sizeof(text) - (size_t)used, "%s %s %.3f", used ? "," : "",
                         vmm_phase_name((enum vmm_phase)i), (double)ns[i] / 1e6);
        }
    }
    if (used) {
        message("  %s, ms:%s\n", title, text);
    }
}

/* Prints the footprint, after the last run. Between runs it would cost the next run its caches, a
 * tenth of its time. */
static int describe_footprint(const struct session *session)
{
    struct vmm_footprint footprint;
    struct vmm_err err;

    if (vmm_footprint(session->vm, &footprint, &err) < 0) {
        return cmd_fail(session->cmd, &err);
    }
    message("  footprint, pages: changed %llu, private %llu\n", (ull)footprint.changed_pages,
            (ull)footprint.private_pages);
    return CMD_OK;
}

static void describe_counts(const struct vmm_counters *c)
{
    message(
        "  counts: exits %llu (doorbell %llu, signal %llu, memory %llu, other %llu), upcalls "
        "%llu, calls %llu, system calls %llu (rewritten %llu, trapped %llu), page faults %llu\n",
        (ull)c->exits, (ull)c->exits_doorbell, (ull)c->exits_signal, (ull)c->exits_memory,
        (ull)c->exits_other, (ull)c->upcalls, (ull)c->calls,
        (ull)c->syscalls_rewritten + (ull)c->syscalls_trapped, (ull)c->syscalls_rewritten,
        (ull)c->syscalls_trapped, (ull)c->guest_faults);
    message("  memory: pages prefaulted %llu, working set %llu, pages rewound %llu, pages "
            "dropped %llu, bytes rewound %llu, hot set %llu, new in it %llu, shadow resets %llu\n",
            (ull)c->prefaulted_pages, (ull)c->workset_pages, (ull)c->rewound_pages,
            (ull)c->dropped_pages, (ull)c->rewound_bytes, (ull)c->hot_pages, (ull)c->hot_added,
            (ull)c->shadow_resets);
}

static void session_describe(const struct session *session, uint64_t iteration,
                             const struct vmm_counters *c, int status)
{
    if (session->verbose) {
        message("pyhl: iteration %llu/%llu: restore %.3f ms, run %.3f ms, status %d\n",
                (ull)iteration + 1, (ull)session->repeat + 1, (double)c->restore_ns / 1e6,
                (double)c->run_ns / 1e6, status);
    }
    if (session->verbose > 1) {
        describe_phases(iteration ? "rewind" : "restore", c->phase_ns, 0, VMM_PHASE_HANDOVER);
        describe_phases("run", c->phase_ns, VMM_PHASE_HANDOVER, VMM_PHASES);
        describe_counts(c);
    }
}

int session_begin(const struct session *session, uint64_t *jail_ns)
{
    const int outputs[] = {STDOUT_FILENO, STDERR_FILENO, session->history_fd};
    const struct save *save = session->doors.save;
    const unsigned terminal = VMM_JAIL_TERMINAL | (session->edits ? (unsigned)VMM_JAIL_EDIT : 0u);
    const unsigned extras = (session->verbose > 1 || session->branches ? VMM_JAIL_INSPECT : 0u) |
                            (session->renew ? VMM_JAIL_RENEW : 0u) |
                            (save != NULL ? VMM_JAIL_INSPECT | VMM_JAIL_SNAPSHOT : 0u);
    const struct vmm_jail jail = {
        .extras = extras | (session_on_terminal() ? terminal : 0u) |
                  (session->doors.channel != NULL ? (unsigned)VMM_JAIL_CHANNEL : 0u),
        .input_fd = STDIN_FILENO,
        .output_fds = outputs,
        .output_count = session->history_fd > 0 ? 3 : 2,
        .vm = extras ? session->vm : NULL,
        .snapshot_fd = save != NULL ? save->fd : -1,
        .channel_fd = session->doors.channel != NULL ? session->doors.channel->fd : -1,
        .threads = session->doors.tools != NULL ? tools_child_thread : NULL,
        .threads_arg = session->doors.tools,
    };
    uint64_t began;
    struct vmm_err err;

    signals_catch(true);
    began = report_now();
    if (vmm_jail(&jail, &err) < 0) {
        return cmd_fail(session->cmd, &err);
    }
    if (jail_ns != NULL) {
        *jail_ns = report_now() - began;
    }
    return CMD_OK;
}

/* The parent is asked no longer than a run may take, and some more. */
static int run_once(const struct session *session, struct vmm_outcome *outcome, struct vmm_err *err)
{
    const uint64_t timeout_ns = session->run.timeout_ns;
    struct channel *channel = session->doors.channel;
    struct vmm_run run = session->run;

    if (channel != NULL) {
        channel->until_ns = timeout_ns != 0 ? report_now() + timeout_ns + SOME_MORE_NS : 0;
        channel->give_up = signals_urgent;
    }
    copies_child_begin(session->doors.copies, &run);
    return tools_child_run(session->doors.tools, session->vm, &run, outcome, err);
}

/* After a cell the machine would go on. To a user it has ended with the cell's status. */
static bool is_cell_over(const struct session *session, struct vmm_outcome *outcome)
{
    const bool over = session->run.mode == HV_RUN_CELL && outcome->kind == VMM_READY;

    if (over) {
        outcome->kind = VMM_EXITED;
    }
    return over;
}

/* Saves the state that a run has left, if that is wanted. Returns the exit status. */
static int save_state(const struct session *session, bool cell, int status)
{
    const struct save *save = session->doors.save;
    struct vmm_err err;

    if (save == NULL) {
        return status;
    }
    if (!cell || status != CMD_OK) {
        message("pyhl %s: %s is not saved: the run has %s\n", session->cmd->name, save->path,
                cell ? "failed" : "ended its session");
        return status != CMD_OK ? status : CMD_FAILED;
    }
    return save_write(save, session->doors.channel, session->vm, false, &err) < 0
               ? cmd_fail(session->cmd, &err)
               : CMD_OK;
}

int session_run(const struct session *session)
{
    /* A regular file on stdin is read by every iteration from where the first began. */
    off_t input = session->repeat ? lseek(STDIN_FILENO, 0, SEEK_CUR) : -1;
    struct vmm_outcome outcome;
    struct vmm_err err = {0};
    int status = CMD_OK;
    bool cell;

    signals_to_vm(session->vm);
    for (uint64_t i = 0; i <= session->repeat && status == CMD_OK; i++) {
        deadline_renew();
        if (i > 0 && (session->renew ? vmm_renew : vmm_rewind)(session->vm, &err) < 0) {
            status = cmd_fail(session->cmd, &err);
        }
        if (status == CMD_OK && i > 0 && input >= 0 && lseek(STDIN_FILENO, input, SEEK_SET) < 0) {
            input = -1;
        }
        if (status == CMD_OK && run_once(session, &outcome, &err) < 0) {
            status = cmd_fail(session->cmd, &err);
        }
        if (err.code) {
            break;
        }
        cell = is_cell_over(session, &outcome);
        status = save_state(session, cell, conclude(session, &outcome));
        if (!copies_child_end(session->doors.copies, &outcome)) {
            status = CMD_FAILED;
        }
        session_describe(session, i, &outcome.counters, status);
        if (session->verbose > 1 && (i == session->repeat || status != CMD_OK) &&
            describe_footprint(session) != CMD_OK) {
            status = CMD_FAILED;
        }
    }
    signals_to_vm(NULL);
    return status;
}
