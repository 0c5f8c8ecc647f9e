// SPDX-License-Identifier: Apache-2.0
/*
 * libpyhl as its manual (pyhl.h) describes it, on the home of the first argument.
 */
#include "../unit/unit.h"

#include <pyhl/pyhl.h>
#include <vmm/abi.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct pyhl_home *home;

/* What came, by stream; the call that fails, from 1, and how. */
struct heard {
    char text[3][4096];
    size_t size[3];
    unsigned calls, fails_at;
    int code;
};

static int on_write(void *arg, int stream, const void *bytes, size_t size)
{
    struct heard *heard = arg;
    if (++heard->calls == heard->fails_at) {
        return heard->code;
    }
    if (size >= sizeof(heard->text[stream]) - heard->size[stream]) {
        return -ENOSPC;
    }
    memcpy(heard->text[stream] + heard->size[stream], bytes, size);
    heard->size[stream] += size;
    return 0;
}

static struct vmm *restore(struct heard *heard, bool rewindable)
{
    const struct vmm_io io = {.stdin_fd = -1, .write = on_write, .write_arg = heard};
    struct vmm *vm = NULL;
    struct vmm_err err;
    if (vmm_restore(pyhl_home_snapshot(home), &io, rewindable, &vm, &err) < 0) {
        printf("%s\n", err.msg);
        exit(2);
    }
    return vm;
}

/* A run in a VM of its own, which must end by itself with this status and this on stdout. */
static void expect(const struct pyhl_run *run, int status, const char *out)
{
    struct heard heard = {0};
    struct vmm *vm = restore(&heard, false);
    struct vmm_outcome end = {0};
    struct vmm_err err = {0};
    CHECK(pyhl_run(vm, run, &end, &err) == 0);
    CHECK(end.kind == VMM_EXITED && end.status == status);
    CHECK(strcmp(heard.text[1], out) == 0);
    if (strcmp(heard.text[1], out) != 0 || err.code != 0) {
        printf("     stdout '%s', stderr '%s', %s\n", heard.text[1], heard.text[2], err.msg);
    }
    vmm_destroy(vm);
}

static void t_info(void)
{
    struct pyhl_home_info info;
    struct vmm_snapshot_info snapshot;
    pyhl_home_info(home, &info);
    vmm_snapshot_info(pyhl_home_snapshot(home), &snapshot);
    CHECK(strcmp(info.image, "python") == 0 && strcmp(info.version, PYHL_VERSION) == 0);
    CHECK(info.memory == snapshot.memory && info.path[0] != '\0');
    CHECK(memcmp(&info.key, &snapshot.key, sizeof(info.key)) == 0);
}

#define SHOW                                                                                       \
    "import os, sys\nprint(sys.argv, __name__, os.getcwd(), sys.flags.optimize, "                  \
    "*(k + '=' + v for k, v in os.environ.items()))"

static void t_defaults(void)
{
    expect(&(struct pyhl_run){.code = SHOW}, 0,
           "['-c'] __main__ / 0 PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root "
           "LANG=C.UTF-8\n");
}

static void t_all_said(void)
{
    const char *const args[] = {"one", "t w o", NULL};
    const char *const options[] = {"-O", NULL};
    const char *const env[] = {"A=1", "HOME=/h", "A=2", NULL};
    expect(&(struct pyhl_run){.script = "some/name.py",
                              .source = SHOW,
                              .source_len = sizeof(SHOW) - 1,
                              .args = args,
                              .options = options,
                              .env = env,
                              .cwd = "/made/here"},
           0,
           "['some/name.py', 'one', 't w o'] __main__ /made/here 1 "
           "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "
           "HOME=/h LANG=C.UTF-8 A=2\n");
}

static void t_kinds(void)
{
    static const char file[] = "import sys; print(__file__); sys.exit(7)";
    static const char from_stdin[] = "import sys; print(sys.argv, globals().get('__file__'))";
    const char *const month[] = {"2024", "2", NULL};
    expect(
        &(struct pyhl_run){
            .script = "a.py", .source = file, .source_len = sizeof(file) - 1, .cwd = "/x"},
        7, "/x/a.py\n");
    expect(&(struct pyhl_run){.script = "-",
                              .source = from_stdin,
                              .source_len = sizeof(from_stdin) - 1},
           0, "['-'] <stdin>\n");
    expect(&(struct pyhl_run){.module = "calendar", .args = month}, 0,
           "   February 2024\nMo Tu We Th Fr Sa Su\n          1  2  3  4\n 5  6  7  8  9 10 11\n"
           "12 13 14 15 16 17 18\n19 20 21 22 23 24 25\n26 27 28 29\n");
    expect(&(struct pyhl_run){.code = ""}, 0, "");
}

/* To the script both streams are pipes, each with its own order, and stdin is at its end. */
static void t_streams(void)
{
    struct heard heard = {0};
    struct vmm *vm = restore(&heard, false);
    struct vmm_outcome end = {0};
    struct vmm_err err;
    const struct pyhl_run run = {
        .code = "import os, stat, sys\n"
                "for n in range(3):\n"
                "  print('o', n, flush=True)\n"
                "  print('e', n, file=sys.stderr, flush=True)\n"
                "print([os.isatty(n) for n in (1, 2)], [stat.S_ISFIFO(os.fstat(n).st_mode) for n "
                "in (1, 2)], sys.stdin.read() == '')"};
    CHECK(pyhl_run(vm, &run, &end, &err) == 0 && end.kind == VMM_EXITED);
    CHECK(strcmp(heard.text[1], "o 0\no 1\no 2\n[False, False] [True, True] True\n") == 0);
    CHECK(strcmp(heard.text[2], "e 0\ne 1\ne 2\n") == 0);
    vmm_destroy(vm);
}

static void t_raises(void)
{
    struct heard heard = {0};
    struct vmm *vm = restore(&heard, false);
    struct vmm_outcome end = {0};
    struct vmm_err err;
    CHECK(pyhl_run(vm, &(struct pyhl_run){.code = "print(1); 1 / 0"}, &end, &err) == 0);
    CHECK(end.kind == VMM_EXITED && end.status == 1);
    CHECK(strcmp(heard.text[1], "1\n") == 0);
    CHECK(strcmp(heard.text[2], "Traceback (most recent call last):\n"
                                "  File \"<string>\", line 1, in <module>\n"
                                "    print(1); 1 / 0\n"
                                "              ~~^~~\n"
                                "ZeroDivisionError: division by zero\n") == 0);
    vmm_destroy(vm);
}

/* What Python had buffered comes in the grace. */
static void t_limits(void)
{
    struct heard heard = {0};
    struct vmm *vm = restore(&heard, true);
    struct vmm_outcome end = {0};
    struct vmm_err err;
    struct pyhl_run run = {.code = "print('begun')\nwhile True: pass", .timeout_ns = 300000000};
    CHECK(pyhl_run(vm, &run, &end, &err) == 0 && end.kind == VMM_TIMEOUT);
    CHECK(strcmp(heard.text[1], "begun\n") == 0);
    run = (struct pyhl_run){.code = "print('x' * 100000)", .max_output = 10};
    CHECK(vmm_rewind(vm, &err) == 0);
    CHECK(pyhl_run(vm, &run, &end, &err) == 0 && end.kind == VMM_OUTPUT);
    CHECK(strcmp(heard.text[1], "begun\nxxxxxxxxxx") == 0);
    run = (struct pyhl_run){.code = "print('more')\nwhile True: pass", .cpu_ns = 200000000};
    CHECK(vmm_rewind(vm, &err) == 0);
    CHECK(pyhl_run(vm, &run, &end, &err) == 0 && end.kind == VMM_CPU);
    CHECK(strcmp(heard.text[1], "begun\nxxxxxxxxxxmore\n") == 0);
    run = (struct pyhl_run){.code = "bytearray(2 << 30)", .memory = 1 << 20};
    CHECK(vmm_rewind(vm, &err) == 0);
    CHECK(pyhl_run(vm, &run, &end, &err) == -EINVAL && strstr(err.msg, "not to 1") != NULL);
    run.memory = 768 << 20;
    CHECK(pyhl_run(vm, &run, &end, &err) == 0);
    CHECK(end.kind == VMM_OOM || (end.kind == VMM_EXITED && end.status == 1));
    CHECK(end.counters.memory_peak <= 768 << 20);
    vmm_destroy(vm);
}

static void t_bad_runs(void)
{
    struct heard heard = {0};
    struct vmm *vm = restore(&heard, false);
    struct vmm_outcome end = {0};
    const struct pyhl_run runs[] = {
        {0},
        {.code = "1", .module = "this"},
        {.code = "1", .source = "2", .source_len = 1},
        {.code = "1", .cwd = "relative"},
    };
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        struct vmm_err err = {0};
        CHECK(pyhl_run(vm, &runs[i], &end, &err) == -EINVAL && err.code == EINVAL && err.msg[0]);
        CHECK(pyhl_run(vm, &runs[i], &end, NULL) == -EINVAL);
    }
    /* None of them was a run: the VM still takes one, and then no other. */
    struct vmm_err err;
    CHECK(pyhl_run(vm, &(struct pyhl_run){.code = "print(1)"}, &end, &err) == 0);
    CHECK(strcmp(heard.text[1], "1\n") == 0);
    CHECK(pyhl_run(vm, &(struct pyhl_run){.code = "print(1)"}, &end, &err) == -EINVAL);
    vmm_destroy(vm);
}

/* After an error of the function nothing more is run, but what rewind makes of the VM. */
static void t_write_fails(void)
{
    struct heard heard = {.fails_at = 1, .code = -ENOSPC};
    struct vmm *vm = restore(&heard, true);
    struct vmm_outcome end = {0};
    struct vmm_err err = {0};
    const struct pyhl_run run = {.code = "print(1)"};
    CHECK(pyhl_run(vm, &run, &end, &err) == -ENOSPC && strstr(err.msg, "writing to stdout"));
    CHECK(pyhl_run(vm, &run, &end, &err) == -EINVAL);
    CHECK(vmm_rewind(vm, &err) == 0 && pyhl_run(vm, &run, &end, &err) == 0);
    CHECK(end.kind == VMM_EXITED && strcmp(heard.text[1], "1\n") == 0);

    heard = (struct heard){.fails_at = 1, .code = -EPIPE};
    CHECK(vmm_rewind(vm, &err) == 0 && pyhl_run(vm, &run, &end, &err) == 0);
    CHECK(end.kind == VMM_PIPE_CLOSED && heard.calls == 1);
    vmm_destroy(vm);
}

/* One run, made once, in a VM that is rewound: nothing of a run is in the next. */
/* Whether a run has made one call and left the guest for nothing else. The library interrupts a run
 * when it looks at the output rings, at first after 20 ms, which is as long as a busy host may keep
 * any run waiting. */
static bool one_call(const struct vmm_counters *c)
{
    return c->exits_doorbell == 1 && c->exits == 1 + c->exits_signal &&
           (c->exits_signal == 0 || c->run_ns > 20000000);
}

static void t_warm(void)
{
    struct heard heard = {0};
    struct vmm *vm = restore(&heard, true);
    struct vmm_outcome end = {0};
    struct vmm_err err;
    struct vmm_run made;
    const struct pyhl_run run = {.code = "import sys; print(hasattr(sys, 'left')); sys.left = 1",
                                 .deterministic = true};
    CHECK(pyhl_run_make(&run, &made, &err) == 0);
    CHECK(made.grace_ns == PYHL_GRACE_NS && made.deterministic);
    for (int i = 0; i < 5; i++) {
        CHECK(i == 0 || vmm_rewind(vm, &err) == 0);
        CHECK(vmm_run(vm, &made, &end, &err) == 0 && end.kind == VMM_EXITED);
    }
    CHECK(strcmp(heard.text[1], "False\nFalse\nFalse\nFalse\nFalse\n") == 0);
    CHECK(one_call(&end.counters));
    pyhl_run_free(&made);
    pyhl_run_free(&made);
    CHECK(made.argv == NULL);
    CHECK(pyhl_run_make(&(struct pyhl_run){0}, &made, &err) == -EINVAL && made.argv == NULL);
    vmm_destroy(vm);
}

static void *interrupter(void *vm)
{
    usleep(100000);
    vmm_interrupt(vm, VMM_INTERRUPT_KILL);
    return NULL;
}

static void t_interrupt(void)
{
    struct heard heard = {0};
    struct vmm *vm = restore(&heard, false);
    struct vmm_outcome end = {0};
    struct vmm_err err;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, interrupter, vm) == 0);
    CHECK(pyhl_run(vm, &(struct pyhl_run){.code = "while True: pass"}, &end, &err) == 0);
    CHECK(end.kind == VMM_KILLED);
    pthread_join(thread, NULL);
    vmm_destroy(vm);
}

/* A process in jail, from before the first guest code on: the whole of a run works there. */
static void t_jail(void)
{
    const int outputs[] = {STDOUT_FILENO};
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct heard heard = {0};
        struct vmm *vm = restore(&heard, true);
        struct vmm_outcome end = {0};
        struct vmm_err err;
        const struct vmm_jail jail = {
            .input_fd = -1, .output_fds = outputs, .output_count = 1, .snapshot_fd = -1};
        bool good = vmm_jail(&jail, &err) == 0;
        for (int i = 0; good && i < 3; i++) {
            good = (i == 0 || vmm_rewind(vm, &err) == 0) &&
                   pyhl_run(vm, &(struct pyhl_run){.code = "print(6 * 7)"}, &end, &err) == 0;
        }
        vmm_destroy(vm);
        _exit(good && strcmp(heard.text[1], "42\n42\n42\n") == 0 ? 0 : 1);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void *worker(void *arg)
{
    const int number = *(int *)arg;
    struct heard heard = {0};
    struct vmm *vm = restore(&heard, true);
    struct vmm_err err;
    char code[64], want[4096] = "";
    snprintf(code, sizeof(code), "x = %d\nfor i in range(30000): x += 1\nprint(x)", number);
    for (int i = 0; i < 20; i++) {
        struct vmm_outcome end = {0};
        CHECK(i == 0 || vmm_rewind(vm, &err) == 0);
        CHECK(pyhl_run(vm, &(struct pyhl_run){.code = code}, &end, &err) == 0);
        snprintf(want + strlen(want), 16, "%d\n", number + 30000);
    }
    CHECK(strcmp(heard.text[1], want) == 0);
    vmm_destroy(vm);
    return NULL;
}

static void t_threads(void)
{
    pthread_t threads[2];
    int numbers[2] = {1000000, 2000000};
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_create(&threads[i], NULL, worker, &numbers[i]) == 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* Cells share their names, each context has its own, and a rewind undoes all of it. */
static ssize_t on_read(void *arg, size_t file, uint64_t offset, void *to, size_t size)
{
    const char *const *texts = arg;
    const size_t length = strlen(texts[file]);
    const size_t n = offset < length ? length - (size_t)offset : 0;
    memcpy(to, texts[file] + (n > 0 ? offset : 0), n < size ? n : size);
    return (ssize_t)(n < size ? n : size);
}

/* What came out, in words. */
static int on_make(void *arg, size_t path, const struct vmm_file *file)
{
    char *text = arg;
    (void)path;
    snprintf(text + strlen(text), 200 - strlen(text), "%s:%o:%d ", file->path, file->mode,
             (int)file->size);
    return 0;
}

static int on_data(void *arg, uint64_t offset, const void *bytes, size_t size)
{
    char *text = arg;
    (void)offset;
    snprintf(text + strlen(text), 200 - strlen(text), "%.*s ", (int)size, (const char *)bytes);
    return 0;
}

/* Files stay while the machine goes on; a run of files alone needs no program; a rewind drops
 * all. */
static void t_files(void)
{
    static const char *texts[] = {"first", "second"};
    static const char *const wanted[] = {"data", NULL};
    const struct vmm_file files[] = {{.path = "data/x", .mode = S_IFREG | 0640, .size = 5},
                                     {.path = "data/y", .mode = S_IFREG | 0600, .size = 6}};
    char came[200] = "";
    struct vmm_files_in in = {.count = 1, .files = files, .read = on_read, .arg = texts};
    const struct vmm_files_out out = {
        .paths = wanted, .make = on_make, .write = on_data, .arg = came};
    struct heard heard = {0};
    struct vmm *vm = restore(&heard, true);
    struct vmm_outcome end;
    struct vmm_err err = {0};
    const struct pyhl_run reads = {.cell = "print(open('/data/x').read())", .files_in = &in};
    const struct pyhl_run lists = {.cell = "import os; print(sorted(os.listdir('/data')))"};
    const struct pyhl_run looks = {.code = "import os; print(os.path.exists('/data'))"};
    CHECK(pyhl_run(vm, &reads, &end, &err) == 0 && end.kind == VMM_READY && end.status == 0);
    CHECK(end.counters.files_in_bytes == 5);
    in.count = 2;
    const struct vmm_run alone = {.mode = HV_RUN_FILES, .files_in = &in, .files_out = &out};
    CHECK(vmm_run(vm, &alone, &end, &err) == 0 && end.kind == VMM_READY && end.status == 0);
    CHECK(strcmp(came, ":40755:0 x:100640:5 first y:100600:6 second ") == 0);
    CHECK(end.counters.files_in_bytes == 11 && end.counters.files_out_bytes == 11);
    CHECK(pyhl_run(vm, &lists, &end, &err) == 0 && end.kind == VMM_READY);
    CHECK(vmm_rewind(vm, &err) == 0);
    CHECK(pyhl_run(vm, &looks, &end, &err) == 0 && end.kind == VMM_EXITED);
    CHECK(strcmp(heard.text[1], "first\n['x', 'y']\nFalse\n") == 0);
    if (err.code != 0 || heard.size[2] > 0) {
        printf("     %s %s '%s' '%s'\n", err.msg, heard.text[2], came, heard.text[1]);
    }
    vmm_destroy(vm);
}

/* Packages that a first run brings are there for runs of any kind, and in a checkpoint. */
static void t_preload(void)
{
    static const char *texts[] = {"import json\nx = 6\n"};
    const struct vmm_file files[] = {
        {.path = &PYHL_PACKAGES "/own.py"[1], .mode = S_IFREG | 0644, .size = 18}};
    const struct vmm_files_in in = {.count = 1, .files = files, .read = on_read, .arg = texts};
    const char *const options[] = {"-O", NULL};
    const struct pyhl_run wrong = {.preload = "own", .options = options};
    const struct pyhl_run brings = {.preload = "own\n", .files_in = &in};
    const struct pyhl_run uses = {.code = "import own, sys; print(own.x, 'json' in sys.modules)"};
    struct heard heard = {0};
    struct vmm *vm = restore(&heard, true);
    struct vmm_snapshot *state = NULL;
    struct vmm_outcome end;
    struct vmm_err err = {0};
    CHECK(pyhl_run(vm, &wrong, &end, &err) == -EINVAL);
    CHECK(pyhl_run(vm, &brings, &end, &err) == 0 && end.kind == VMM_READY && end.status == 0);
    CHECK(vmm_checkpoint(vm, &state, &err) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK(pyhl_run(vm, &uses, &end, &err) == 0 && end.kind == VMM_EXITED && end.status == 0);
        CHECK(vmm_rewind_to(vm, state, &err) == 0);
    }
    CHECK(pyhl_run(vm, &(struct pyhl_run){.cell = "import own; own.x * 7"}, &end, &err) == 0);
    CHECK(strcmp(heard.text[1], "6 True\n6 True\n42\n") == 0);
    vmm_destroy(vm);
    vmm_snapshot_close(state);
}

static void t_cells(void)
{
    struct heard heard = {0};
    struct vmm *vm = restore(&heard, true);
    struct vmm_outcome end = {0};
    struct vmm_err err;
    const char *const args[] = {"one", NULL};
    for (int i = 0; i < 2; i++) {
        CHECK(i == 0 || vmm_rewind(vm, &err) == 0);
        CHECK(pyhl_run(vm, &(struct pyhl_run){.cell = "x = 6"}, &end, &err) == 0);
        CHECK(end.kind == VMM_READY && end.status == 0);
        CHECK(pyhl_run(vm, &(struct pyhl_run){.cell = "x * 7"}, &end, &err) == 0);
        CHECK(end.kind == VMM_READY && end.status == 0);
        CHECK(pyhl_run(vm, &(struct pyhl_run){.cell = "1 / 0"}, &end, &err) == 0);
        CHECK(end.kind == VMM_READY && end.status == 1);
        CHECK(pyhl_run(vm, &(struct pyhl_run){.cell = "x", .context = "a"}, &end, &err) == 0);
        CHECK(end.kind == VMM_READY && end.status == 125);
    }
    CHECK(strcmp(heard.text[1], "42\n42\n") == 0);
    CHECK(strstr(heard.text[2],
                 "  File \"<cell 3>\", line 1, in <module>\n    1 / 0\n    ~~^~~\n") != NULL);
    CHECK(strstr(heard.text[2], "pyhl: there is no context 'a'; there are: default\n") != NULL);
    CHECK(pyhl_run(vm, &(struct pyhl_run){.code = "1", .context = "a"}, &end, &err) == -EINVAL);
    CHECK(strstr(err.msg, "context 'a': only a cell has one") != NULL);
    CHECK(pyhl_run(vm, &(struct pyhl_run){.cell = "1", .args = args}, &end, &err) == -EINVAL);
    CHECK(strstr(err.msg, "argument 'one': a cell has none") != NULL);
    vmm_destroy(vm);
}

static const struct unit_test tests[] = {
    {"info", t_info},
    {"defaults", t_defaults},
    {"all-said", t_all_said},
    {"kinds", t_kinds},
    {"streams", t_streams},
    {"raises", t_raises},
    {"limits", t_limits},
    {"bad-runs", t_bad_runs},
    {"write-fails", t_write_fails},
    {"warm", t_warm},
    {"cells", t_cells},
    {"files", t_files},
    {"preload", t_preload},
    {"interrupt", t_interrupt},
    {"jail", t_jail},
    {"threads", t_threads},
    {0},
};

int main(int argc, char **argv)
{
    struct vmm_err err;
    if (argc != 2 || pyhl_home_open(argv[1], &home, &err) < 0) {
        printf("%s\n", argc != 2 ? "usage: embed_test HOME" : err.msg);
        return 2;
    }
    const int status = unit_run(tests);
    pyhl_home_close(home);
    return status;
}
