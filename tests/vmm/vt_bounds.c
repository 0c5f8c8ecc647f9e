// SPDX-License-Identifier: Apache-2.0
/*
 * The work that the host does for a guest is bounded in size and in time, whatever the guest asks
 * for (vt_streams.c: whatever others do with its streams). The clock shows that a run ends by its
 * deadline, with much room. The test program ends a test that hangs.
 */
#include "vt.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static unsigned lines_traced;
static size_t traced_len;
static char traced[HV_CALL_BYTES];
static void trace_slow(void *arg, const char *line, size_t len)
{
    usleep(*(unsigned *)arg);
    lines_traced++;
    traced_len = len;
    memcpy(traced, line, len < sizeof(traced) ? len : sizeof(traced));
}

static struct vmm_outcome run_traced(struct vmm *vm, const char *name, const char *arg)
{
    struct vmm_err err;
    struct vmm_outcome o;
    const char *const argv[] = {name, arg, NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/", .timeout_ns = VT_SHORT, .trace = true};
    OK(vmm_run(vm, &run, &o, &err));
    return o;
}

/* Nobody asked for a trace: the call is refused, and nothing of it is seen. */
static void t_trace_refused(void)
{
    unsigned us = 0;
    struct vmm_io io = {.stdin_fd = -1,
                        .stdout_fd = vt_memfd("", 0),
                        .stderr_fd = vt_memfd("", 0),
                        .trace = trace_slow,
                        .trace_arg = &us};
    struct vmm *vm = vt_boot(&io);
    IS(vt_run(vm, "call", "770 262144 22"), VMM_EXITED, 0, "");
    CHECK(strcmp(vt_content(io.stdout_fd, NULL), "-1") == 0);
    CHECK(strcmp(vt_content(io.stderr_fd, NULL), "") == 0);
    CHECK_INT(lines_traced, 0);
    vmm_destroy(vm);
}

/* A line is short and printable, wherever it goes. Its text is the guest's own: 256 zero bytes and
 * more. */
static void t_trace_line(void)
{
    unsigned us = 0;
    struct vmm_io io = {
        .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, .trace = trace_slow, .trace_arg = &us};
    struct vmm *vm = vt_boot(&io);
    IS(run_traced(vm, "call", "770 8388608 4194304"), VMM_EXITED, 0, "");
    CHECK_INT(lines_traced, 1);
    CHECK_INT(traced_len, 4096);
    for (size_t i = 0; i < 4096; i++) {
        CHECK(traced[i] == '?');
    }
    vmm_destroy(vm);

    io = (struct vmm_io){.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = vt_memfd("", 0)};
    vm = vt_boot(&io);
    IS(run_traced(vm, "call", "770 8388608 4194304"), VMM_EXITED, 0, "");
    size_t size;
    const char *text = vt_content(io.stderr_fd, &size);
    CHECK(size == 4097 && text[0] == '?' && text[4095] == '?' && text[4096] == '\n');
    vmm_destroy(vm);
}

static void t_trace_stuck(void)
{
    int p[2];
    CHECK(pipe(p) == 0);
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = p[1]};
    struct vmm *vm = vt_boot(&io);
    const uint64_t start = vt_now();
    IS(run_traced(vm, "calls", "770 8388608 1048576"), VMM_TIMEOUT, 0, "out of time");
    CHECK(vt_now() - start < VT_SHORT + VT_LATE);
    vmm_destroy(vm);
}

/* Pairs of what was asked for and what was given. */
static void t_sizes(void)
{
    static const char source[200000];
    struct vmm_err err;
    struct vmm_outcome o;
    struct vmm_io io = {.stdin_fd = vt_memfd(source, sizeof(source)), .stderr_fd = -1};
    static const struct {
        const char *call;
        const char *ret;
    } rows[] = {
        {"769 8388608 4194304", "65536"},       {"769 8388608 100", "100"},
        {"257 0 8388608 4194304", "65536"},     {"257 190000 8388608 100", "100"},
        {"257 196608 8388608 4194304", "3496"}, {"257 300000 8388608 100", "0"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        io.stdout_fd = vt_memfd("", 0);
        struct vmm *vm = vt_boot(&io);
        const char *const argv[] = {"call", rows[i].call, NULL};
        const struct vmm_run run = {
            .argv = argv, .cwd = "/", .source = source, .source_len = sizeof(source)};
        OK(vmm_run(vm, &run, &o, &err));
        IS(o, VMM_EXITED, 0, "");
        const char *have = vt_content(io.stdout_fd, NULL);
        if (strcmp(have, rows[i].ret) != 0 && i != 4) {
            vt_fail(__FILE__, __LINE__, "%s: %s, not %s", rows[i].call, have, rows[i].ret);
        }
        CHECK(i != 4 || (atoi(have) > 200000 - 196608 && atoi(have) < 5000)); /* and its header */
        vmm_destroy(vm);
    }
}

/* A guest that reads the host's random numbers without end. */
static void t_stdin_endless(void)
{
    const struct vmm_io io = {
        .stdin_fd = open("/dev/urandom", O_RDONLY), .stdout_fd = -1, .stderr_fd = -1};
    vt_stuck(vt_boot(&io), "calls", "769 4194304 8388608");
}

static void t_frame_endless(void)
{
    vt_stuck(vt_boot(&vt_no_io), "calls", "257 0 8388608 4194304");
}

/* The process was stopped: its deadline has not moved. */
static void t_stopped(void)
{
    struct vmm *vm = vt_boot(&vt_no_io);
    pid_t me = getpid();
    pid_t helper = fork();
    if (helper == 0) {
        usleep(100000);
        kill(me, SIGSTOP);
        usleep(700000);
        kill(me, SIGCONT);
        _exit(0);
    }
    const uint64_t start = vt_now();
    IS(vt_run_for(vm, "wait-forever", "", 900000000), VMM_TIMEOUT, 0, "out of time");
    const uint64_t took = vt_now() - start;
    CHECK(took >= 900000000 && took < 1500000000); /* 1600 ms if the stop moved the deadline */
    vmm_destroy(vm);
}

static unsigned timers_set;
static unsigned timer_fails; /* the number of the call that fails */
int __real_timer_settime(timer_t id, int flags, const struct itimerspec *to,
                         struct itimerspec *was);
int __wrap_timer_settime(timer_t id, int flags, const struct itimerspec *to,
                         struct itimerspec *was);
int __wrap_timer_settime(timer_t id, int flags, const struct itimerspec *to, struct itimerspec *was)
{
    if (++timers_set == timer_fails) {
        errno = EINVAL;
        return -1;
    }
    return __real_timer_settime(id, flags, to, was);
}

/* Without the timer no deadline holds: a run ends with an error, whenever setting it fails. */
static void t_timer_fails(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    const char *const argv[] = {"wait", "1", NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/", .timeout_ns = VT_TIMEOUT};
    struct vmm *vm = vt_boot(&vt_no_io);
    timers_set = 0;
    OK(vmm_run(vm, &run, &o, &err));
    const unsigned count = timers_set;
    CHECK(count >= 2);
    vmm_destroy(vm);
    for (unsigned i = 1; i <= count; i++) {
        vm = vt_boot(&vt_no_io);
        timers_set = 0;
        timer_fails = i;
        FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "timer_settime");
        timer_fails = 0;
        vmm_destroy(vm);
    }
}

/* A write to a file that may not grow is an error with a message, and no signal. */
static void t_file_limit(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    const char *const argv[] = {"flood", "10000", NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/", .timeout_ns = VT_TIMEOUT};
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    struct vmm *vm = vt_boot(&io);
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = 100000;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    FAILS(vmm_run(vm, &run, &o, &err), EFBIG, "writing to stdout");
    CHECK_INT(lseek(io.stdout_fd, 0, SEEK_END), 100000);
    vmm_destroy(vm);
}

/* Both outputs count, at whatever time in a run they are written, and no byte more is written. */
static void t_max_output(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    static const struct {
        const char *name, *arg;
        uint64_t max;
        enum vmm_outcome_kind kind;
        size_t out, err;
    } rows[] = {
        {"flood", "10000", 100, VMM_OUTPUT, 100, 0},
        {"flood", "10000", 300000, VMM_OUTPUT, 300000, 0},
        {"flood", "100", 6400, VMM_EXITED, 6400, 0},
        {"flood", "100", 6399, VMM_OUTPUT, 6399, 0},
        {"both", "", 18, VMM_EXITED, 12, 6},
        {"both", "", 17, VMM_OUTPUT, 12, 5},
        {"both", "", 1, VMM_OUTPUT, 1, 0},
        {"spin", "text", 2, VMM_OUTPUT, 2, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct vmm_io io = {
            .stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = vt_memfd("", 0)};
        struct vmm *vm = vt_boot(&io);
        const char *const argv[] = {rows[i].name, rows[i].arg, NULL};
        const struct vmm_run run = {
            .argv = argv, .cwd = "/", .timeout_ns = VT_TIMEOUT, .max_output = rows[i].max};
        OK(vmm_run(vm, &run, &o, &err));
        IS(o, rows[i].kind, 0, rows[i].kind == VMM_OUTPUT ? "more output than" : "");
        CHECK_INT(lseek(io.stdout_fd, 0, SEEK_END), rows[i].out);
        CHECK_INT(lseek(io.stderr_fd, 0, SEEK_END), rows[i].err);
        vmm_destroy(vm);
    }
}

const struct vt_test vt_bounds_tests[] = {
    {"bounds-trace-refused", t_trace_refused},
    {"bounds-trace-line", t_trace_line},
    {"bounds-trace-stuck", t_trace_stuck},
    {"bounds-sizes", t_sizes},
    {"bounds-stdin-endless", t_stdin_endless},
    {"bounds-frame-endless", t_frame_endless},
    {"bounds-stopped", t_stopped},
    {"bounds-timer-fails", t_timer_fails},
    {"bounds-file-limit", t_file_limit},
    {"bounds-max-output", t_max_output},
    {NULL, NULL},
};
