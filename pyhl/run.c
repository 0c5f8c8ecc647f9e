// SPDX-License-Identifier: Apache-2.0
/*
 * pyhl run: a script, -c CODE, -m MODULE or a script from standard input, each in a VM restored
 * from the home's snapshot. The path to the first guest instruction is kept short: pyhl.ini,
 * snapshot, initrd, script.
 */
#include "deadline.h"
#include "doors.h"
#include "files.h"
#include "message.h"
#include "metadata.h"
#include "pyhl.h"
#include "repl.h"
#include "report.h"
#include "session.h"
#include "signals.h"
#include "start.h"
#include "value.h"
#include "vmm/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRIPT_MAX (256u << 20)

struct run_options {
    const char *code, *module, *dest, *save, *from;
    uint64_t repeat, timeout_ns, memory, cpu_ns, max_output;
    struct opt_list env, python;
    struct tool_options tools;
    struct copy_options copies;
    struct package_options packages;
    struct install_wish install; /* of -i */
    bool renew, deterministic, trace, json, interactive;
    unsigned verbose;
};

/* An option of python3, which is passed on as it is. */
#define PYTHON(LETTER, ARG, HELP)                                                                  \
    {                                                                                              \
        .letter = (LETTER)[1], .kind = OPT_PASS, .offset = offsetof(struct run_options, python),   \
        .arg = (ARG), .word = (LETTER), .help = (HELP)                                             \
    }

static const struct opt run_opts[] = {
    {.letter = 'c',
     .last = true,
     .kind = OPT_TEXT,
     .offset = offsetof(struct run_options, code),
     .arg = "CODE",
     .help = "run this code"},
    {.letter = 'm',
     .last = true,
     .kind = OPT_TEXT,
     .offset = offsetof(struct run_options, module),
     .arg = "MODULE",
     .help = "run this module of the image"},
    {.letter = 'i',
     .kind = OPT_FLAG,
     .offset = offsetof(struct run_options, interactive),
     .help = "go on at a prompt after SCRIPT or CODE, as pyhl repl does"},
    {.name = "repeat",
     .kind = OPT_COUNT,
     .offset = offsetof(struct run_options, repeat),
     .arg = "N",
     .help = "N more iterations, each from the pristine VM; the first that fails ends it"},
    {.name = "renew",
     .kind = OPT_FLAG,
     .offset = offsetof(struct run_options, renew),
     .help = "map the memory of each iteration again: no timing tells of earlier ones; slower"},
    {.name = "timeout",
     .kind = OPT_SECONDS,
     .offset = offsetof(struct run_options, timeout_ns),
     .arg = "SECONDS",
     .help = "end an iteration after so long, with exit status 124"},
    {.name = "memory",
     .kind = OPT_SIZE,
     .offset = offsetof(struct run_options, memory),
     .arg = "SIZE",
     .help = "let an iteration use no more of the VM's memory; 137 when it runs out"},
    {.name = "cpu",
     .kind = OPT_SECONDS,
     .offset = offsetof(struct run_options, cpu_ns),
     .arg = "SECONDS",
     .help = "end an iteration that takes more CPU time, with exit status 152"},
    {.name = "output-limit",
     .kind = OPT_SIZE,
     .offset = offsetof(struct run_options, max_output),
     .arg = "SIZE",
     .help = "end an iteration that writes more, with exit status 153"},
    {.name = "max-output",
     .kind = OPT_SIZE,
     .offset = offsetof(struct run_options, max_output),
     .arg = "SIZE",
     .help = "the older name of --output-limit"},
    {.name = "json",
     .kind = OPT_FLAG,
     .offset = offsetof(struct run_options, json),
     .help = "output, results, status, times and counts of each iteration as a JSON object"},
    {.name = "env",
     .kind = OPT_ENV,
     .offset = offsetof(struct run_options, env),
     .arg = "KEY=VALUE",
     .help = "set in the script's environment; repeatable"},
    TOOL_OPTIONS(struct run_options, tools),
    COPY_OPTIONS(struct run_options, copies),
    PACKAGE_OPTIONS(struct run_options, packages),
    {.name = "save",
     .kind = OPT_TEXT,
     .offset = offsetof(struct run_options, save),
     .arg = "FILE",
     .help = "save the state at the end of the run, if its status is 0"},
    {.name = "from",
     .kind = OPT_TEXT,
     .offset = offsetof(struct run_options, from),
     .arg = "FILE",
     .help = "begin with a state that was saved: the same names, modules and files"},
    {.name = "deterministic",
     .kind = OPT_FLAG,
     .offset = offsetof(struct run_options, deterministic),
     .help = "the same random numbers in every run"},
    {.name = "dest",
     .kind = OPT_TEXT,
     .offset = offsetof(struct run_options, dest),
     .arg = "DIR",
     .help = "the home to use (else $PYHL_HOME, ./.pyhl, ~/.local/share/pyhl)"},
    {.letter = 'v',
     .kind = OPT_TALLY,
     .offset = offsetof(struct run_options, verbose),
     .help = "times and status of each iteration on standard error; -vv: counts, too"},
    {.name = "trace",
     .kind = OPT_FLAG,
     .offset = offsetof(struct run_options, trace),
     .help = "system calls, as strace shows them, on standard error"},
    PYTHON("-u", NULL, "python3's: standard output and error without buffers"),
    PYTHON("-O", NULL, "python3's: no asserts; -OO: no docstrings either"),
    PYTHON("-B", NULL, "python3's: write no .pyc files"),
    PYTHON("-W", "ACTION", "python3's: control warnings, as in -W error; repeatable"),
    PYTHON("-X", "OPTION", "python3's: as in -X dev, -X utf8=1, -X importtime; repeatable"),
    PYTHON("-I", NULL, "python3's: isolated: -E, -P and -s"),
    PYTHON("-E", NULL, "python3's: ignore PYTHON* variables"),
    PYTHON("-P", NULL, "python3's: no script directory in sys.path"),
    PYTHON("-s", NULL, "python3's: no user's packages in sys.path"),
    PYTHON("-b", NULL, "python3's: warn when bytes are compared with str; -bb: an error"),
    PYTHON("-d", NULL, "python3's: debug output of the parser, where it was built in"),
    PYTHON("-q", NULL, "python3's: sys.flags.quiet"),
    PYTHON("-x", NULL, "python3's: skip the script's first line"),
    OPT_END,
};

/* What the guest is to run. */
struct program {
    struct pyhl_run run;
    char *text; /* a script's, once it is read; to be freed */
    struct metadata metadata;
};

/* words[0] is the script unless there is -c or -m. */
static int choose(const struct cmd *cmd, const struct run_options *options,
                  const struct opt_words *words, struct pyhl_run *run)
{
    if (options->code != NULL) {
        run->code = options->code;
        return CMD_OK;
    }
    if (options->module != NULL) {
        run->module = options->module;
        return *options->module ? CMD_OK : cmd_usage(cmd, "-m '': give a module's name");
    }
    if (words->count > 0) {
        run->script = words->items[0];
        return CMD_OK;
    }
    if (options->interactive) {
        run->code = "";
        return CMD_OK;
    }
    return cmd_usage(cmd, "nothing to run: give a SCRIPT, -c CODE, -m MODULE, or - for "
                          "standard input");
}

/* A run that begins or ends with a state is a cell of a session. */
static bool is_cell(const struct run_options *options)
{
    return options->save != NULL || options->from != NULL;
}

static int check_cell(const struct cmd *cmd, const struct run_options *options)
{
    if (is_cell(options) && options->module != NULL) {
        return cmd_usage(cmd, "-m %s: with --save and --from give a SCRIPT or -c CODE",
                         options->module);
    }
    if (options->save != NULL && options->repeat > 0) {
        return cmd_usage(cmd, "--save: with --repeat there would be a state after each iteration");
    }
    if (options->from != NULL && options->python.count > 0) {
        return cmd_usage(cmd, "%s: the options of python3 are those of the run that was saved",
                         options->python.items[0]);
    }
    return CMD_OK;
}

static int read_file(struct program *program, struct vmm_err *err)
{
    const char *name = program->run.script;
    bool is_stdin = strcmp(name, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC), rc;

    if (fd < 0) {
        return vmm_err_set(err, errno, "%s: %s", name, strerror(errno));
    }
    rc = file_read(fd, name, SCRIPT_MAX, &program->text, &program->run.source_len, err);
    if (!is_stdin) {
        close(fd);
    }
    program->run.source = program->text;
    return rc;
}

/* A directory is a script when it has a __main__.py, and comes along whole. */
static int read_directory(const struct cmd *cmd, struct run_options *options, const char *dir)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/__main__.py", dir) >= (int)sizeof(path) ||
        access(path, F_OK) < 0) {
        return cmd_usage(cmd, "cannot run the directory %s: it has no __main__.py", dir);
    }
    options->copies.with_dir = true;
    return CMD_OK;
}

/* A script may come from a FIFO, a terminal or a socket. Its end is waited for as long as an
 * iteration may take. */
static int read_script(const struct cmd *cmd, struct run_options *options, struct program *program)
{
    struct vmm_err err = {0};
    int rc;

    if (program->run.script == NULL) {
        return CMD_OK;
    }
    if (deadline_watch(&err) < 0) {
        return cmd_fail(cmd, &err);
    }
    rc = read_file(program, &err);
    deadline_unwatch();
    if (rc == -EINTR) {
        message("pyhl %s: stopped: --timeout of %g s is over, and the script %s has not ended\n",
                cmd->name, (double)options->timeout_ns / 1e9, program->run.script);
        return CMD_TIMEOUT;
    }
    if (rc == -EISDIR && is_cell(options)) {
        return cmd_usage(cmd, "cannot run the directory %s with --save or --from: give a SCRIPT",
                         program->run.script);
    }
    if (rc == -EISDIR) {
        return read_directory(cmd, options, program->run.script);
    }
    if (rc < 0) {
        return cmd_usage(cmd, "cannot read the script %s%s", err.msg,
                         err.code == ENOENT ? " (a file of this host)" : "");
    }
    return CMD_OK;
}

/* Reads the script's inline metadata, if it has some. A saved state has its packages already. */
static int read_metadata(const struct cmd *cmd, struct run_options *options,
                         struct program *program)
{
    const char *name = program->run.script;
    struct metadata_block block;
    struct vmm_err err;
    int rc;

    if (program->text == NULL || options->from != NULL) {
        return CMD_OK;
    }
    rc = metadata_find(name, program->text, program->run.source_len, &block, &err);
    if (rc == 0 && block.text != NULL) {
        rc = metadata_read(options->dest, name, &block, &program->metadata, &err);
        free(block.text);
        options->packages.exclude_newer = program->metadata.exclude_newer;
    }
    return rc == -EINVAL ? cmd_usage(cmd, "%s", err.msg) : rc < 0 ? cmd_fail(cmd, &err) : CMD_OK;
}

/* The requirements of a script's metadata that uv is to see: all, or none when the image meets them
 * and nothing else is asked for. */
static const char *const *wanted(const struct run_options *options, const struct metadata *metadata)
{
    const struct package_options *packages = &options->packages;
    const bool more = packages->with.count > 0 || packages->files.count > 0 || packages->upgrade;

    return metadata->satisfied && !more ? NULL : metadata->requirements;
}

/* Times of the whole process, for -vv. */
struct process_times {
    uint64_t load_ns;  /* CPU time when run_main() was entered */
    uint64_t main_ns;  /* when that was */
    uint64_t ready_ns; /* when the restore could begin */
    uint64_t jail_ns;  /* how long the jail took */
};

static void describe_process(const struct process_times *times, uint64_t ended_ns)
{
    message("pyhl: process: load %.3f ms (CPU), begin %.3f ms, jail %.3f ms, end %.3f ms\n",
            (double)times->load_ns / 1e6, (double)(times->ready_ns - times->main_ns) / 1e6,
            (double)times->jail_ns / 1e6, (double)(report_now() - ended_ns) / 1e6);
}

static int run_restored(const struct session *session, const struct start_options *options,
                        struct start *start, struct process_times *times)
{
    struct session ready = *session;
    struct vmm_io io = session_io();
    struct pyhl_home_info info;
    struct vmm_err err = {0};
    uint64_t ended_ns;
    int status;

    if (start_open(options, start, &err) < 0) {
        return cmd_fail(session->cmd, &err);
    }
    times->ready_ns = report_now();
    pyhl_home_info(start->home, &info);
    ready.memory = info.memory;
    if (session->run.mode == HV_RUN_STDIN) {
        io.stdin_fd = -1; /* the script was all of it */
    }
    if (session->result != NULL) {
        result_io(session->result, &io);
    }
    if (vmm_restore(start_snapshot(start), &io, session->repeat > 0 || session->doors.save != NULL,
                    &ready.vm, &err) < 0) {
        status = cmd_fail(session->cmd, &err);
    } else {
        status = session_begin(&ready, &times->jail_ns);
    }
    if (status == CMD_OK) {
        status = session_run(&ready);
    }
    ended_ns = report_now();
    tools_child_end(session->doors.tools);
    vmm_destroy(ready.vm);
    start_close(start);
    if (session->verbose > 1) {
        describe_process(times, ended_ns);
    }
    return status;
}

/* Takes off the words between SCRIPT (CODE, MODULE) and the arguments of the script. These are `--`
 * and, after a SCRIPT, `--repeat N`, which is its place in the first published version. When a `--`
 * stood before all of it, everything belongs to the script. */
static int take_after(const struct cmd *cmd, struct opt_words *words, bool is_word,
                      struct run_options *options)
{
    static const char name[] = "--repeat";
    const char **rest = words->items + is_word, *value = NULL;
    struct vmm_err err = {0};
    size_t taken = 0;

    if (words->marked) {
        return CMD_OK;
    }
    if (is_word && rest[0] != NULL && strcmp(rest[0], name) == 0) {
        if (rest[1] == NULL) {
            return cmd_usage(cmd, "%s needs a value", name);
        }
        value = rest[1];
        taken = 2;
    } else if (is_word && rest[0] != NULL && strncmp(rest[0], "--repeat=", sizeof(name)) == 0) {
        value = rest[0] + sizeof(name);
        taken = 1;
    }
    if (value != NULL && value_count(name, value, &options->repeat, &err) < 0) {
        return cmd_usage(cmd, "%s", err.msg);
    }
    if (rest[taken] != NULL && strcmp(rest[taken], "--") == 0) {
        taken++;
    }
    memmove(rest, rest + taken, (words->count - is_word - taken + 1) * sizeof(*rest));
    words->count -= taken;
    return CMD_OK;
}

/* -i: the program is the first cell of a session. */
static int run_interactive(const struct session *session, const struct start_options *options,
                           struct start *start)
{
    const struct repl_config config = {
        .cmd = session->cmd,
        .history = true,
        .first = session->run.source,
        .first_len = session->run.source_len,
        .doors = session->doors,
    };

    return repl_session(&config, options, start, &session->run);
}

/* What -i does not go with. */
static int check_interactive(const struct cmd *cmd, const struct run_options *options,
                             const struct pyhl_run *run)
{
    if (!options->interactive) {
        return CMD_OK;
    }
    if (run->module != NULL || (run->script != NULL && strcmp(run->script, "-") == 0)) {
        return cmd_usage(cmd, "-i goes with a SCRIPT or -c CODE, not with -m and not with -");
    }
    if (options->repeat > 0 || options->renew || options->json) {
        return cmd_usage(cmd,
                         "-i is one session: it does not go with --repeat, --renew and --json");
    }
    signals_gentle();
    return CMD_OK;
}

/* What the options say of the run. */
static struct pyhl_run make_run(const struct run_options *options, const struct opt_words *words,
                                const struct program *program, const char *const *env,
                                const char *cwd)
{
    struct pyhl_run run = program->run;

    run.args = words->items + (run.script != NULL);
    run.as_cell = is_cell(options);
    run.options = options->python.items;
    run.env = env;
    run.cwd = cwd != NULL && cwd[0] == '/' ? cwd : NULL; /* a removed directory has no name */
    run.timeout_ns = options->timeout_ns;
    run.memory = options->memory;
    run.cpu_ns = options->cpu_ns;
    run.max_output = options->json && !options->max_output ? RESULT_BYTES : options->max_output;
    run.max_calls = options->tools.max_calls;
    run.deterministic = options->deterministic;
    run.trace = options->trace;
    return run;
}

static int run_program(const struct cmd *cmd, const struct run_options *options,
                       const struct opt_words *words, const struct program *program,
                       struct process_times *times)
{
    const char **env = session_env(&options->env, options->json);
    char *cwd = getcwd(NULL, 0);
    struct session session = {
        .cmd = cmd,
        .repeat = options->repeat,
        .renew = options->renew,
        .verbose = options->verbose,
        .result = options->json ? result_new() : NULL,
    };
    const struct door_options doors = {
        .tools = &options->tools,
        .copies = &options->copies,
        .cwd = cwd != NULL && cwd[0] == '/' ? cwd : "/",
        .script = program->run.script,
        .save = options->save,
        .dest = options->dest,
        .install = options->interactive && session_typed() ? &options->install : NULL,
    };
    const struct start_options from = {
        .dest = options->dest,
        .from = options->from,
        .packages = &options->packages,
        .saves = options->save != NULL,
        .more = wanted(options, &program->metadata),
        .verbose = options->verbose,
    };
    const struct pyhl_run run = make_run(options, words, program, env, cwd);
    struct start start = {0};
    struct vmm_err err = {0};
    int status = CMD_OK;

    if (env == NULL || (options->json && session.result == NULL)) {
        (void)vmm_err_set(&err, ENOMEM, "out of memory");
    }
    if (err.code != 0 || pyhl_run_make(&run, &session.run, &err) < 0) {
        status = cmd_fail(cmd, &err);
    } else {
        status = start_packages(cmd, &from, &start);
    }
    if (status == CMD_OK && doors_open(cmd, &doors, &session.doors, &status)) {
        status = options->interactive ? run_interactive(&session, &from, &start)
                                      : run_restored(&session, &from, &start, times);
    }
    start_close(&start);
    pyhl_run_free(&session.run);
    result_free(session.result);
    free(cwd);
    free(env);
    return status;
}

static int run_main(const struct cmd *cmd, int argc, char **argv)
{
    struct run_options options = {0};
    struct program program = {0};
    struct process_times times = {.main_ns = report_now()};
    struct vmm_err err = {0};
    struct opt_words words;
    int status;

    if (!cmd_parse(cmd, argc, argv, &options, &words, &status)) {
        return status;
    }
    if (options.verbose > 1) {
        times.load_ns = report_cpu();
    }
    options.install = (struct install_wish){"run", options.dest, INSTALL_ADVICE, &options.packages};
    status = choose(cmd, &options, &words, &program.run);
    if (status == CMD_OK) {
        status = take_after(cmd, &words, program.run.script != NULL, &options);
    }
    if (status == CMD_OK) {
        status = check_cell(cmd, &options);
    }
    if (status == CMD_OK) {
        status = check_interactive(cmd, &options, &program.run);
    }
    if (status == CMD_OK && deadline_begin(options.timeout_ns, &err) < 0) {
        status = cmd_fail(cmd, &err);
    }
    if (status == CMD_OK) {
        status = read_script(cmd, &options, &program);
    }
    if (status == CMD_OK) {
        status = cmd_close_inherited(cmd);
    }
    if (status == CMD_OK) {
        status = read_metadata(cmd, &options, &program);
    }
    if (status == CMD_OK) {
        status = run_program(cmd, &options, &words, &program, &times);
    }
    metadata_free(&program.metadata);
    free(program.text);
    free(options.python.items);
    doors_free_options(&options.tools, &options.copies);
    package_options_free(&options.packages);
    free(options.env.items);
    free(words.items);
    return status;
}

const struct cmd cmd_run = {
    .name = "run",
    .summary = "Runs a Python script in its own VM",
    .synopsis = "run [OPTIONS] SCRIPT [ARGS...]\n"
                "run [OPTIONS] DIR [ARGS...]\n"
                "run [OPTIONS] -c CODE [ARGS...]\n"
                "run [OPTIONS] -m MODULE [ARGS...]\n"
                "run [OPTIONS] - [ARGS...]",
    .notes =
        "What follows SCRIPT, CODE or MODULE is the script's:\n"
        "  pyhl run --repeat 4 script.py --size 3 in.csv\n"
        "but for a `--` right after it, which is dropped, and --repeat N right after SCRIPT. With "
        "`--` before SCRIPT\nall that follows is the script's.\n"
        "The script sees PATH, HOME, LANG and what --env sets, nothing else of this host's "
        "environment.\n"
        "Exit status: the script's; 128+n when signal n ended it (137: out of memory); 124 on "
        "timeout;\n"
        "152 past --cpu; 153 past --output-limit; 154 past --tool-calls; 2 for a bad command "
        "line;\n"
        "125 when pyhl or the VM failed.",
    .opts = run_opts,
    .run = run_main,
};
