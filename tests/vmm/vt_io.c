// SPDX-License-Identifier: Apache-2.0
/*
 * Streams are separate, byte-exact and bounded by the run's deadline, and no signal tells of
 * readers that are gone.
 */
#include "vt.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

static void t_both(void)
{
    struct vmm_io io = {.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = vt_memfd("", 0)};
    struct vmm *vm = vt_boot(&io);
    IS(vt_run(vm, "both", ""), VMM_EXITED, 0, "");
    CHECK(strcmp(vt_content(io.stdout_fd, NULL), "out 1\nout 2\n") == 0);
    CHECK(strcmp(vt_content(io.stderr_fd, NULL), "err 1\n") == 0);
    vmm_destroy(vm);
}

static void flood_check(const char *text, size_t size, size_t lines)
{
    CHECK_INT(size, lines * 64);
    for (size_t i = 0; i < lines; i++) {
        CHECK(memcmp(text + i * 64, text, 64) == 0);
    }
    CHECK(memcmp(text, "0123456789abcdef", 16) == 0 && text[63] == '\n');
}

static void t_flood_file(void)
{
    struct vmm_io io = {.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    struct vmm *vm = vt_boot(&io);
    IS(vt_run(vm, "flood", "100000"), VMM_EXITED, 0, "");
    size_t size;
    char *text = vt_content(io.stdout_fd, &size);
    flood_check(text, size, 100000);
    vmm_destroy(vm);
}

struct reader {
    int fd;
    size_t size;
    char *text;
};

static void *reader_main(void *arg)
{
    struct reader *r = arg;
    ssize_t n;
    while ((n = read(r->fd, r->text + r->size, 1000)) > 0) {
        r->size += (size_t)n;
    }
    return NULL;
}

static void t_flood_pipe(void)
{
    int p[2];
    CHECK(pipe(p) == 0);
    struct reader r = {.fd = p[0], .text = malloc(20000 * 64 + 1000)};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, reader_main, &r) == 0);
    struct vmm_io io = {.stdin_fd = -1, .stdout_fd = p[1], .stderr_fd = -1};
    struct vmm *vm = vt_boot(&io);
    IS(vt_run(vm, "flood", "20000"), VMM_EXITED, 0, "");
    close(p[1]);
    pthread_join(thread, NULL);
    flood_check(r.text, r.size, 20000);
    vmm_destroy(vm);
}

static void t_reader_gone(void)
{
    int p[2];
    CHECK(pipe(p) == 0);
    close(p[0]);
    struct vmm_io io = {.stdin_fd = -1, .stdout_fd = p[1], .stderr_fd = -1};
    struct vmm *vm = vt_boot(&io);
    IS(vt_run(vm, "flood", "1"), VMM_PIPE_CLOSED, 0, "stdout");
    vmm_destroy(vm);
    io = (struct vmm_io){.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = p[1]};
    vm = vt_boot(&io);
    IS(vt_run(vm, "both", ""), VMM_PIPE_CLOSED, 0, "stderr");
    vmm_destroy(vm);
}

/* A reader that reads nothing must not hold the run beyond its deadline. */
static void t_reader_stuck(void)
{
    int p[2];
    CHECK(pipe(p) == 0);
    struct vmm_io io = {.stdin_fd = -1, .stdout_fd = p[1], .stderr_fd = -1};
    struct vmm *vm = vt_boot(&io);
    const uint64_t start = vt_now();
    IS(vt_run_for(vm, "flood", "100000", 300000000), VMM_TIMEOUT, 0, "");
    CHECK(vt_now() - start < 2000000000);
    vmm_destroy(vm);
}

static void t_write_error(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    int full = open("/dev/full", O_WRONLY);
    CHECK(full >= 0);
    struct vmm_io io = {.stdin_fd = -1, .stdout_fd = full, .stderr_fd = -1};
    struct vmm *vm = vt_boot(&io);
    const char *const argv[] = {"both", NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/", .timeout_ns = VT_TIMEOUT};
    FAILS(vmm_run(vm, &run, &o, &err), ENOSPC, "writing to stdout");
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "not ready");
    vmm_destroy(vm);
}

/* Output of a program that only computes is seen long before it ends. */
static void t_output_tick(void)
{
    int p[2];
    char text[16] = "";
    CHECK(pipe(p) == 0);
    struct vmm_io io = {.stdin_fd = -1, .stdout_fd = p[1], .stderr_fd = -1};
    struct vmm *vm = vt_boot(&io);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(read(p[0], text, sizeof(text)) == 2 && text[0] == 'h' ? 0 : 1);
    }
    struct vmm_outcome o = vt_run_for(vm, "spin", "hi", 300000000);
    IS(o, VMM_TIMEOUT, 0, "");
    CHECK(o.counters.exits_signal >= 2 && o.counters.exits_signal <= 9);
    vmm_destroy(vm);
}

static void t_stdin_file(void)
{
    struct vmm_io io = {
        .stdin_fd = vt_memfd("some input\n", 11), .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    struct vmm *vm = vt_boot(&io);
    IS(vt_run(vm, "cat", ""), VMM_EXITED, 0, "");
    CHECK(strcmp(vt_content(io.stdout_fd, NULL), "some input\n") == 0);
    vmm_destroy(vm);
}

static void *late_writer(void *arg)
{
    const int fd = *(int *)arg;
    for (int i = 0; i < 3; i++) {
        usleep(20000);
        if (write(fd, "abc", 3) != 3) {
            break;
        }
    }
    close(fd);
    return NULL;
}

static void t_stdin_pipe(void)
{
    int p[2];
    pthread_t thread;
    CHECK(pipe(p) == 0);
    CHECK(pthread_create(&thread, NULL, late_writer, &p[1]) == 0);
    struct vmm_io io = {.stdin_fd = p[0], .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    struct vmm *vm = vt_boot(&io);
    IS(vt_run(vm, "cat", ""), VMM_EXITED, 0, "");
    pthread_join(thread, NULL);
    CHECK(strcmp(vt_content(io.stdout_fd, NULL), "abcabcabc") == 0);
    vmm_destroy(vm);
}

static void t_stdin_none(void)
{
    IS(vt_once("cat", ""), VMM_EXITED, 0, "");
}

static void t_stdin_error(void)
{
    struct vmm_io io = vt_no_io;
    io.stdin_fd = open("/", O_RDONLY);
    struct vmm *vm = vt_boot(&io);
    IS(vt_run(vm, "cat", ""), VMM_EXITED, EISDIR, "");
    vmm_destroy(vm);
}

static void trace_line(void *arg, const char *line, size_t len)
{
    snprintf(arg, 32, "%.*s", (int)len, line);
}

static void t_trace(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    char line[32] = "";
    struct vmm_io io = vt_no_io;
    io.trace = trace_line;
    io.trace_arg = line;
    struct vmm *vm = vt_boot(&io);
    const char *const argv[] = {"trace", "open(x) = 3", NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/", .trace = true};
    OK(vmm_run(vm, &run, &o, &err));
    IS(o, VMM_EXITED, 0, "");
    CHECK(strcmp(line, "open(x) = 3") == 0);
    vmm_destroy(vm);
}

/* A run frame far larger than the guest's buffer arrives whole. */
static void t_large_frame(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    char want[24];
    char number[24];
    const size_t size = 3000000;
    unsigned char *source = malloc(size);
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        source[i] = (unsigned char)(i * 7);
    }
    struct vmm_io io = {.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    struct vmm *vm = vt_boot(&io);
    /* The header; the records of argv ("frame" and 7 digits), env, cwd, and of the source. */
    const size_t head = 16 + (16 + 16) + (16 + 8) + (16 + 8) + 16;
    snprintf(number, sizeof(number), "%zu", head + size);
    const char *const argv[] = {"frame", number, NULL};
    const char *const env[] = {"A=1", NULL};
    const struct vmm_run run = {.mode = HV_RUN_FILE,
                                .argv = argv,
                                .env = env,
                                .cwd = "/",
                                .source = source,
                                .source_len = size};
    OK(vmm_run(vm, &run, &o, &err));
    IS(o, VMM_EXITED, 0, "");
    for (size_t i = 0; i < size; i++) {
        sum += source[i];
    }
    uint64_t have = strtoull(vt_content(io.stdout_fd, NULL), NULL, 10);
    snprintf(want, sizeof(want), "%llu", (unsigned long long)sum);
    CHECK(have > sum && have < sum + 8000); /* header and strings on top */
    vmm_destroy(vm);
}

static void t_bad_run(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    const char *const none[] = {NULL};
    const char *const argv[] = {"status", "4", NULL};
    struct vmm *vm = vt_boot(&vt_no_io);
    struct vmm_run run = {.argv = none, .cwd = "/"};
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "argv[0]");
    run.argv = argv;
    run.cwd = "relative";
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "absolute");
    run.cwd = "/";
    run.stack = VMM_STACK_MIN - 1;
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "a stack of 65535 bytes: only a program has one");
    run.stack = VMM_STACK_MIN;
    run.mode = HV_RUN_CODE;
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "a stack of 65536 bytes: only a program has one");
    run.mode = HV_RUN_EXEC;
    OK(vmm_run(vm, &run, &o, &err));
    IS(o, VMM_EXITED, 4, "");
    vmm_destroy(vm);
}

const struct vt_test vt_io_tests[] = {
    {"io-both-streams", t_both},
    {"io-flood-file", t_flood_file},
    {"io-flood-pipe", t_flood_pipe},
    {"io-reader-gone", t_reader_gone},
    {"io-reader-stuck", t_reader_stuck},
    {"io-write-error", t_write_error},
    {"io-output-tick", t_output_tick},
    {"stdin-file", t_stdin_file},
    {"stdin-pipe", t_stdin_pipe},
    {"stdin-none", t_stdin_none},
    {"stdin-error", t_stdin_error},
    {"trace", t_trace},
    {"frame-large", t_large_frame},
    {"run-bad", t_bad_run},
    {NULL, NULL},
};
