// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl repl: Python at a prompt, or cells from standard input, in one VM that lasts until the end.
 * `pyhl run -i` comes here as well, with a script as its first cell.
 */
#include "repl.h"
#include "deadline.h"
#include "message.h"
#include "session.h"
#include "signals.h"
#include "vmm/abi.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct repl_options {
    const char *dest, *from, *save, *images;
    uint64_t timeout_ns, memory, cpu_ns, max_output, max_kept;
    struct opt_list env;
    struct tool_options tools;
    struct copy_options copies;
    struct package_options packages;
    struct install_wish install;
    bool deterministic, no_history, pip;
};

static const struct opt repl_opts[] = {
    {.name = "timeout",
     .kind = OPT_SECONDS,
     .offset = offsetof(struct repl_options, timeout_ns),
     .arg = "SECONDS",
     .help = "end the session when a cell takes longer, with exit status 124"},
    {.name = "memory",
     .kind = OPT_SIZE,
     .offset = offsetof(struct repl_options, memory),
     .arg = "SIZE",
     .help = "let the session use no more of the VM's memory; 137 when it runs out"},
    {.name = "cpu",
     .kind = OPT_SECONDS,
     .offset = offsetof(struct repl_options, cpu_ns),
     .arg = "SECONDS",
     .help = "end the session when a cell takes more CPU time, with exit status 152"},
    {.name = "output-limit",
     .kind = OPT_SIZE,
     .offset = offsetof(struct repl_options, max_output),
     .arg = "SIZE",
     .help = "end the session when a cell writes more, with exit status 153"},
    {.name = "checkpoint-limit",
     .kind = OPT_SIZE,
     .offset = offsetof(struct repl_options, max_kept),
     .arg = "SIZE",
     .help = "the most memory for states that are kept (4G)"},
    {.name = "env",
     .kind = OPT_ENV,
     .offset = offsetof(struct repl_options, env),
     .arg = "KEY=VALUE",
     .help = "set in the session's environment; repeatable"},
    TOOL_OPTIONS(struct repl_options, tools),
    COPY_OPTIONS(struct repl_options, copies),
    PACKAGE_OPTIONS(struct repl_options, packages),
    {.name = "pip",
     .kind = OPT_FLAG,
     .offset = offsetof(struct repl_options, pip),
     .help = "let cells that are not typed on a terminal install packages by %pip, too"},
    {.name = "deterministic",
     .kind = OPT_FLAG,
     .offset = offsetof(struct repl_options, deterministic),
     .help = "the same random numbers in every session"},
    {.name = "images",
     .kind = OPT_TEXT,
     .offset = offsetof(struct repl_options, images),
     .arg = "DIR",
     .help = "write images that are shown to files in DIR, image-1.png and so on"},
    {.name = "no-history",
     .kind = OPT_FLAG,
     .offset = offsetof(struct repl_options, no_history),
     .help = "neither read nor keep the history of typed lines"},
    {.name = "from",
     .kind = OPT_TEXT,
     .offset = offsetof(struct repl_options, from),
     .arg = "FILE",
     .help = "begin with a state that pyhl run --save has made"},
    {.name = "save",
     .kind = OPT_TEXT,
     .offset = offsetof(struct repl_options, save),
     .arg = "FILE",
     .help = "keep the state at the end of the session in a file, for --from"},
    {.name = "dest",
     .kind = OPT_TEXT,
     .offset = offsetof(struct repl_options, dest),
     .arg = "DIR",
     .help = "the home to use (else $PYHL_HOME, ./.pyhl, ~/.local/share/pyhl)"},
    OPT_END,
};

/* Goes to jail with a VM, and runs the loop. */
static int repl_jailed(const struct repl_config *config, struct repl *repl, struct vmm *vm,
                       const struct vmm_run *run)
{
    const struct session session = {
        .cmd = config->cmd,
        .vm = vm,
        .doors = config->doors,
        .edits = true,
        .branches = true,
        .history_fd = repl_history_fd(repl),
    };
    int status = session_begin(&session, NULL);

    return status == CMD_OK ? repl_run(repl, vm, run) : status;
}

int repl_session(const struct repl_config *config, const struct start_options *options,
                 struct start *start, const struct vmm_run *run)
{
    struct repl_config whole = *config;
    struct vmm_io io = session_io();
    struct pyhl_home_info info;
    struct vmm_err err = {0};
    struct repl *repl = NULL;
    struct vmm *vm = NULL;
    int status;

    if (start_open(options, start, &err) == 0) {
        pyhl_home_info(start->home, &info);
        whole.memory = info.memory;
    }
    if (err.code == 0 && repl_open(&whole, &repl, &io, &err) == 0) {
        (void)vmm_restore(start_snapshot(start), &io, true, &vm, &err);
    }
    status = err.code == 0 ? repl_jailed(&whole, repl, vm, run) : cmd_fail(config->cmd, &err);
    tools_child_end(config->doors.tools);
    vmm_destroy(vm);
    repl_close(repl);
    start_close(start);
    return status;
}

/* What holds for each cell. *run points into the options. */
static int repl_make_run(const struct repl_options *options, const char **env, const char *cwd,
                         struct vmm_run *run, struct vmm_err *err)
{
    /* libpyhl knows runs of scripts. A session's run differs in its mode, which the loop sets. */
    const struct pyhl_run script = {
        .script = "-",
        .env = env,
        .cwd = cwd != NULL && cwd[0] == '/' ? cwd : NULL,
        .timeout_ns = options->timeout_ns,
        .memory = options->memory,
        .cpu_ns = options->cpu_ns,
        .max_output = options->max_output,
        .max_calls = options->tools.max_calls,
        .deterministic = options->deterministic,
    };

    return env != NULL ? pyhl_run_make(&script, run, err)
                       : vmm_err_set(err, ENOMEM, "out of memory");
}

static bool repl_open_doors(const struct cmd *cmd, const struct repl_options *options,
                            const char *cwd, struct doors *doors, int *status)
{
    const struct door_options door_options = {
        .tools = &options->tools,
        .copies = &options->copies,
        .cwd = cwd != NULL && cwd[0] == '/' ? cwd : "/",
        .save = options->save,
        .dest = options->dest,
        .images = options->images,
        .install = options->pip || session_typed() ? &options->install : NULL,
    };

    if (options->copies.with_dir) {
        *status = cmd_usage(cmd, "--with-dir: there is no script; use --copy-in DIR");
        return false;
    }
    return doors_open(cmd, &door_options, doors, status);
}

static int repl_main(const struct cmd *cmd, int argc, char **argv)
{
    struct repl_options options = {0};
    struct repl_config config = {.cmd = cmd};
    struct start_options from = {.packages = &options.packages};
    struct start start = {0};
    struct vmm_run run = {0};
    struct vmm_err err = {0};
    const char **env;
    char *cwd;
    int status;

    if (!cmd_parse_options(cmd, argc, argv, &options, "a script is run by: pyhl run -i SCRIPT",
                           &status)) {
        return status;
    }
    options.install =
        (struct install_wish){"repl", options.dest, INSTALL_ADVICE, &options.packages};
    config.history = !options.no_history;
    config.max_kept = options.max_kept;
    from.dest = options.dest;
    from.from = options.from;
    from.saves = options.save != NULL;
    env = session_env(&options.env, false);
    cwd = getcwd(NULL, 0);
    status = cmd_close_inherited(cmd);
    if (status == CMD_OK && (deadline_begin(options.timeout_ns, &err) < 0 ||
                             repl_make_run(&options, env, cwd, &run, &err) < 0)) {
        status = cmd_fail(cmd, &err);
    }
    signals_gentle();
    if (status == CMD_OK) {
        status = start_packages(cmd, &from, &start);
    }
    if (status == CMD_OK && repl_open_doors(cmd, &options, cwd, &config.doors, &status)) {
        status = repl_session(&config, &from, &start, &run);
    }
    start_close(&start);
    pyhl_run_free(&run);
    free(cwd);
    free(env);
    doors_free_options(&options.tools, &options.copies);
    package_options_free(&options.packages);
    free(options.env.items);
    return status;
}

const struct cmd cmd_repl = {
    .name = "repl",
    .summary = "Python at a prompt, in a VM that lasts until the end",
    .synopsis = "repl [OPTIONS]",
    .notes =
        "Each input is a cell of one session: names, files and modules stay from one to the next. "
        "The value of a\n"
        "last expression is shown, unless a ';' ends it; `await` works. Tab completes, Ctrl-C "
        "interrupts a cell or\n"
        "drops the line, Ctrl-D or exit() ends the session. Where standard input or output is no "
        "terminal, cells are\n"
        "read from standard input without a prompt.\n"
        "Lines that begin with % are pyhl's: %checkpoint NAME keeps the session's state in memory, "
        "%rewind [NAME] goes\n"
        "back to it, also after a cell has ended the machine; %fork [NAME] goes on in a copy, "
        "%switch NAME in another\n"
        "one; %help lists all.\n"
        "Lines are kept in $XDG_STATE_HOME/pyhl/history (~/.local/state/pyhl/history).\n"
        "Exit status: 0 at the end of the input; else that of exit(), or as `pyhl run` has it when "
        "the session\nwas ended.",
    .opts = repl_opts,
    .run = repl_main,
};
