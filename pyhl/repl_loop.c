// SPDX-License-Identifier: Apache-2.0
/*
 * The read-eval-print loop. The guest itself says whether the lines read so far are a whole cell,
 * and what could stand at the cursor: each question is a run of its own between two cells.
 */
#include "repl_loop.h"
#include "deadline.h"
#include "hostlines.h"
#include "line.h"
#include "message.h"
#include "outcome.h"
#include "report.h"
#include "repl_show.h"
#include "session.h"
#include "signals.h"
#include "vmm/abi.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPL_INDENT_MAX 200
#define REPL_MORE_NS    1000000000u

/* What a cell has that is no script's. */
static const char *const cell_argv[] = {"-", NULL};

struct repl {
    struct repl_config config;
    struct line_editor *editor;
    struct hostlines *lines;
    bool terminal;
    struct vmm *vm;
    struct vmm_run run;
    char *cell; /* what was read of the next cell, with a newline after each line */
    size_t cell_len, cell_room;
    json_t *answer; /* the record that answers a question; NULL: none came */
    bool asking;    /* the run is a question: nothing of it is shown */
    bool began;     /* files were copied in */
    bool over;      /* there is no next cell */
    bool gone;      /* there is no next run, unless the VM is rewound: the last one has ended it */
    int status;
};

/* Takes a record of the session. One that is not JSON is no record of a session's, and not ours. */
static int repl_record(void *arg, const char *kind, const void *bytes, size_t size)
{
    struct repl *r = arg;
    json_t *record = json_loadb(bytes, size, JSON_ALLOW_NUL, NULL);
    int rc = 0;

    if (r->asking) {
        json_decref(r->answer);
        r->answer = record;
        return 0;
    }
    if (record != NULL && strcmp(kind, "exit") == 0) {
        r->over = true;
    } else if (record != NULL) {
        rc = repl_show(&r->config.doors, kind, record);
    }
    json_decref(record);
    return rc;
}

/* Whether a signal came that ends the session. */
static bool repl_ended(void)
{
    return signals_last() == SIGTERM || signals_last() == SIGHUP;
}

static void repl_outcome_text(const struct repl *r, const struct vmm_outcome *outcome,
                              char text[OUTCOME_TEXT])
{
    const struct outcome_limits limits = {
        .memory = r->run.memory != 0 ? r->run.memory : r->config.memory,
        .timeout = "--timeout",
        .timeout_ns = r->run.timeout_ns,
        .cpu_ns = r->run.cpu_ns,
        .max_output = r->run.max_output,
        .max_calls = r->run.max_calls,
    };

    outcome_text(outcome, &limits, text);
}

/* The VM is gone: says why, where the status does not. The session can go on from a state that was
 * kept, unless a signal is to end it. */
static void repl_died(struct repl *r, const struct vmm_outcome *outcome)
{
    const bool back =
        hostlines_can_go_back(r->lines) && !repl_ended() && outcome->kind != VMM_PIPE_CLOSED;
    const char *rest =
        back ? "the session's state is lost: %rewind or %switch NAME goes on from another"
             : "the session is over";
    char text[OUTCOME_TEXT];

    r->gone = true;
    r->over = !back;
    r->status = outcome_status(outcome, signals_last());
    if (!outcome_is_plain(outcome)) {
        repl_outcome_text(r, outcome, text);
        message("pyhl %s: %s; %s\n", r->config.cmd->name, text, rest);
    } else if (back || r->terminal) {
        message("pyhl %s: %s\n", r->config.cmd->name, rest);
    }
}

/* The parent is asked no longer than a run may take, and some more. */
static void repl_limit_channel(struct repl *r)
{
    struct channel *channel = r->config.doors.channel;

    if (channel != NULL) {
        channel->until_ns =
            r->run.timeout_ns != 0 ? report_now() + r->run.timeout_ns + REPL_MORE_NS : 0;
        channel->give_up = signals_urgent;
    }
}

/* Makes a run. Returns 0 or -errno. */
static int repl_run_vm(struct repl *r, const struct vmm_run *run, struct vmm_outcome *outcome,
                       struct vmm_err *err)
{
    int rc;

    signals_forget();
    signals_to_vm(r->vm);
    deadline_renew();
    repl_limit_channel(r);
    rc = tools_child_run(r->config.doors.tools, r->vm, run, outcome, err);
    signals_to_vm(NULL);
    return rc;
}

/* Makes a run of the session. Returns false when that was its last. */
static bool repl_turn(struct repl *r, int mode, const char *source, size_t len, uint64_t cursor,
                      struct vmm_outcome *outcome)
{
    struct vmm_err err = {0};
    struct vmm_run run = r->run;

    run.mode = mode;
    run.source = source;
    run.source_len = len;
    run.cursor = cursor;
    if (mode == HV_RUN_FILES) {
        copies_child_begin(r->config.doors.copies, &run);
        run.files_in = r->began ? NULL : run.files_in;
        run.files_out = r->began ? run.files_out : NULL;
    }
    if (repl_run_vm(r, &run, outcome, &err) < 0) {
        r->over = r->gone = true;
        r->status = cmd_fail(r->config.cmd, &err);
    } else if (outcome->kind != VMM_READY) {
        repl_died(r, outcome);
    }
    if (mode != HV_RUN_FILES) {
        r->run.options = NULL; /* they are for the first run */
        r->run.argv = cell_argv;
    }
    return !r->over && !r->gone;
}

/* Asks the guest about a text. Returns the record that answers, which json_decref() frees, or
 * NULL. */
static json_t *repl_ask(struct repl *r, int mode, const char *source, size_t len, uint64_t cursor)
{
    struct vmm_outcome outcome;
    json_t *answer;

    r->asking = true;
    (void)repl_turn(r, mode, source, len, cursor, &outcome);
    r->asking = false;
    answer = r->answer;
    r->answer = NULL;
    return answer;
}

/* A cell for a VM without a state. At a prompt that is a mistake. In a pipe nobody would see that
 * what follows has no effect. */
static void repl_refuse(struct repl *r)
{
    r->over = !r->terminal;
    message("pyhl %s: the session's state is lost: %s\n", r->config.cmd->name,
            r->terminal ? "%rewind or %switch NAME goes on from another" : "the session is over");
}

/* Has the machine take packages. If it cannot, it is as before. */
static bool repl_take_packages(struct repl *r, struct vmm_err *err)
{
    struct vmm_run run = r->run;
    struct vmm_outcome outcome;
    char text[OUTCOME_TEXT];

    run.mode = HV_RUN_PRELOAD;
    run.options = NULL;
    run.argv = cell_argv;
    run.files_in = hostlines_files(r->lines);
    if (repl_run_vm(r, &run, &outcome, err) < 0) {
        return false;
    }
    if (outcome.kind == VMM_READY && outcome.status == 0) {
        return true;
    }
    repl_outcome_text(r, &outcome, text);
    (void)vmm_err_set(err, EIO, "the session cannot take the packages: %s", text);
    return false;
}

/* Has the machine's kernel tell what packages there are. Returns false when that was its last run.
 */
static bool repl_look(struct repl *r)
{
    struct vmm_run run = r->run;
    struct vmm_outcome outcome;
    struct vmm_err err = {0};

    run.mode = HV_RUN_FILES;
    run.files_out = hostlines_look(r->lines);
    if (repl_run_vm(r, &run, &outcome, &err) < 0) {
        r->over = r->gone = true;
        r->status = cmd_fail(r->config.cmd, &err);
    } else if (outcome.kind != VMM_READY) {
        repl_died(r, &outcome);
    }
    return !r->gone;
}

static void repl_install(struct repl *r)
{
    struct vmm_snapshot *before = NULL;
    struct vmm_err err = {0}, failed = {0};
    bool taken;

    if (!repl_look(r) || !hostlines_find(r->lines)) {
        return;
    }
    taken = vmm_checkpoint(r->vm, &before, &err) == 0 && repl_take_packages(r, &err);
    if (!taken) {
        message("pyhl %s: %%pip install: %s\n", r->config.cmd->name, err.msg);
    }
    if (!taken && before != NULL && vmm_rewind_to(r->vm, before, &failed) < 0) {
        r->over = r->gone = true;
        r->status = cmd_fail(r->config.cmd, &failed);
    }
    vmm_snapshot_close(before);
    hostlines_taken(r->lines, taken);
}

/* A line that is for pyhl. */
static void repl_host_line(struct repl *r, const char *line)
{
    switch (hostlines_do(r->lines, r->vm, r->gone, line)) {
    case HOSTLINES_MOVED:
        r->gone = false;
        r->status = CMD_OK;
        break;
    case HOSTLINES_FAILED:
        r->over = r->gone = true;
        r->status = CMD_FAILED;
        break;
    case HOSTLINES_INSTALL:
        repl_install(r);
        break;
    case HOSTLINES_DONE:
        break;
    }
}

static void repl_cell(struct repl *r, const char *source, size_t len)
{
    struct vmm_outcome outcome;

    if (r->gone) {
        repl_refuse(r);
        return;
    }
    /* A cell that ends by exit() or SystemExit has said so by a record. */
    if (!repl_turn(r, HV_RUN_CELL, source, len, 0, &outcome) && outcome.kind == VMM_READY) {
        r->status = outcome.status;
    }
}

/* Copies files in before the first cell, and out after the last one. A session whose VM is gone has
 * none to copy out. */
static void repl_files(struct repl *r)
{
    struct vmm_outcome outcome = {.kind = VMM_BROKEN};
    const int status = r->status;
    const bool over = r->over;

    if (r->config.doors.copies == NULL) {
        return;
    }
    r->over = false;
    if (repl_turn(r, HV_RUN_FILES, NULL, 0, 0, &outcome)) {
        r->status = status;
        r->over = over;
    }
    if (r->began && !copies_child_end(r->config.doors.copies, &outcome)) {
        r->status = CMD_FAILED;
    }
}

/* Keeps the state that the session ends with, if that is wanted. */
static void repl_save(struct repl *r)
{
    const struct save *save = r->config.doors.save;
    struct vmm_err err = {0};

    if (save == NULL) {
        return;
    }
    if (r->gone || repl_ended()) {
        message("pyhl %s: %s is not saved: the session was ended\n", r->config.cmd->name,
                save->path);
        r->status = r->status != CMD_OK ? r->status : CMD_FAILED;
        return;
    }
    if (save_write(save, r->config.doors.channel, r->vm, false, &err) < 0) {
        r->status = cmd_fail(r->config.cmd, &err);
    }
}

static bool repl_append(struct repl *r, const char *text, size_t len)
{
    if (r->cell_len + len + 1 > r->cell_room) {
        const size_t room = 2 * (r->cell_len + len + 1);
        char *more = realloc(r->cell, room);

        if (more == NULL) {
            return false;
        }
        r->cell = more;
        r->cell_room = room;
    }
    memcpy(r->cell + r->cell_len, text, len);
    r->cell_len += len;
    r->cell[r->cell_len] = 0;
    return true;
}

/* Whether the lines read so far need more. The last line is told without its newline: an empty one
 * ends a block. *indent is then what the next line begins with. */
static bool repl_goes_on(struct repl *r, char indent[REPL_INDENT_MAX])
{
    json_t *answer = r->gone ? NULL : repl_ask(r, HV_RUN_IS_COMPLETE, r->cell, r->cell_len - 1, 0);
    const char *status = json_string_value(json_object_get(answer, "status"));
    const char *next = json_string_value(json_object_get(answer, "indent"));
    const bool goes_on = status != NULL && strcmp(status, "incomplete") == 0;

    indent[0] = 0;
    if (goes_on && r->terminal && next != NULL && strlen(next) < REPL_INDENT_MAX &&
        next[strspn(next, " \t")] == 0) {
        strcpy(indent, next);
    }
    json_decref(answer);
    return goes_on && !r->over && !r->gone;
}

/* A signal came while a line was read. SIGINT drops the line, as under python3. */
static void repl_interrupted(struct repl *r)
{
    static const char text[] = "\nKeyboardInterrupt\n";
    if (repl_ended()) {
        r->over = true;
        r->status = CMD_SIGNALED + signals_last();
    } else if (r->terminal) {
        (void)repl_write(STDERR_FILENO, text, sizeof(text) - 1);
    }
    signals_forget();
    r->cell_len = 0;
}

/* Reads lines until they are a cell. False: there is none, because the input or the session has
 * ended or the lines were dropped. */
static bool repl_read(struct repl *r)
{
    char indent[REPL_INDENT_MAX] = "";
    enum line_result result;
    const char *line;

    r->cell_len = 0;
    do {
        const char *prompt = r->cell_len > 0 ? "... " : hostlines_prompt(r->lines);

        result = line_read(r->editor, prompt, indent, &line);
        if (result == LINE_READ) {
            const bool blank = line[strspn(line, " \t")] == 0;

            if (r->cell_len == 0 && hostlines_is(line)) {
                repl_host_line(r, line);
                return false;
            }
            if (blank && r->cell_len == 0) {
                return false;
            }
            if (!repl_append(r, line, blank ? 0 : strlen(line)) || !repl_append(r, "\n", 1)) {
                result = LINE_FAILED;
            }
        }
    } while (result == LINE_READ && repl_goes_on(r, indent));
    if (result == LINE_INTERRUPTED) {
        repl_interrupted(r);
    }
    if (result == LINE_FAILED) {
        message("pyhl %s: cannot read standard input: %s\n", r->config.cmd->name, strerror(errno));
        r->status = CMD_FAILED;
    }
    if (result == LINE_END && r->terminal) {
        (void)repl_write(STDOUT_FILENO, "\n", 1);
    }
    if (result == LINE_END || result == LINE_FAILED) {
        const bool left = result == LINE_END && r->cell_len > 0 && !r->terminal && !r->over;

        r->over = r->over || !left;
        return left;
    }
    return result == LINE_READ && !r->over;
}

/* Whether a text is one to put into a line, and nothing that acts on the terminal. */
static bool repl_is_word(const char *text)
{
    bool good = text != NULL && text[0] != 0;

    for (; good && *text; text++) {
        good = (unsigned char)*text >= ' ' && *text != 0x7f;
    }
    return good;
}

/* Fills the matches from the record that answers HV_RUN_COMPLETE. */
static void repl_matches(const json_t *answer, size_t before, struct line_matches *m)
{
    const json_t *list = json_object_get(answer, "matches");
    const json_int_t begin = json_integer_value(json_object_get(answer, "cursor_start"));
    const json_int_t end = json_integer_value(json_object_get(answer, "cursor_end"));
    const json_t *item;
    size_t i;

    if (json_array_size(list) == 0 || begin < (json_int_t)before || end < begin) {
        return;
    }
    m->begin = (size_t)begin - before;
    m->end = (size_t)end - before;
    m->items = calloc(json_array_size(list), sizeof(*m->items));
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(item);

        if (m->items != NULL && repl_is_word(text)) {
            m->items[m->count] = strdup(text);
            m->count += m->items[m->count] != NULL;
        }
    }
}

/* The Tab key: completes in the last line of what was read of the cell. */
static void repl_complete(void *arg, const char *line, size_t cursor, struct line_matches *matches)
{
    struct repl *r = arg;
    const size_t len = r->cell_len;
    size_t before = 0;
    json_t *answer;

    if (len == 0 && hostlines_is(line)) {
        hostlines_complete(r->lines, line, cursor, matches);
        return;
    }
    if (r->gone) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        before += ((unsigned char)r->cell[i] & 0xc0) != 0x80;
    }
    if (!repl_append(r, line, strlen(line))) {
        return;
    }
    answer = repl_ask(r, HV_RUN_COMPLETE, r->cell, r->cell_len, before + cursor);
    r->cell_len = len;
    repl_matches(answer, before, matches);
    json_decref(answer);
}

int repl_open(const struct repl_config *config, struct repl **out, struct vmm_io *io,
              struct vmm_err *err)
{
    struct repl *r = calloc(1, sizeof(*r));
    int rc;

    *out = r;
    if (r == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    r->config = *config;
    json_object_seed(0); /* reads a file of the host, which the jail does not let it do later */
    r->terminal = session_typed();
    rc = hostlines_open(config->cmd, config->max_kept, &r->config.doors, r->terminal, &r->lines,
                        err);
    rc = rc == 0 ? line_open(r->terminal, config->history, repl_complete, r, &r->editor, err) : rc;
    if (rc < 0) {
        repl_close(r);
        *out = NULL;
        return rc;
    }
    io->record = repl_record;
    io->record_arg = r;
    return 0;
}

int repl_history_fd(const struct repl *repl)
{
    return line_history_fd(repl->editor);
}

int repl_run(struct repl *repl, struct vmm *vm, const struct vmm_run *run)
{
    repl->vm = vm;
    repl->run = *run;
    signals_to_vm(NULL);
    repl_files(repl);
    repl->began = true;
    if (!repl->over && repl->config.first != NULL) {
        repl_cell(repl, repl->config.first, repl->config.first_len);
    }
    while (!repl->over) {
        if (repl_read(repl)) {
            repl_cell(repl, repl->cell, repl->cell_len);
        }
    }
    repl_save(repl);
    if (!repl->gone) {
        repl_files(repl);
    }
    return repl->status;
}

void repl_close(struct repl *repl)
{
    if (repl == NULL) {
        return;
    }
    line_close(repl->editor);
    hostlines_close(repl->lines);
    json_decref(repl->answer);
    free(repl->cell);
    free(repl);
}
