// SPDX-License-Identifier: Apache-2.0
/*
 * Output to a function of the caller's (vmm_io.write): it gets all bytes once and in order, within
 * the bounds that descriptors have. Also what its errors do.
 */
#include "vt.h"
#include "vmm/vmm_int.h"

#include <unistd.h>

#define LINE 64u

/* What came, by stream; each call is a row of `order`. */
struct heard {
    char *text[3];
    size_t size[3];
    size_t room; /* of each text */
    char order[64];
    size_t calls;
    size_t fails_at;  /* the number of a call, from 1; 0: none fails */
    int code;         /* what that one returns */
    useconds_t us;    /* how long each takes */
    bool interrupted; /* VMM_SIGNAL could have come */
};

static struct heard heard_make(size_t room)
{
    struct heard heard = {.room = room};
    for (int i = 1; i <= 2; i++) {
        heard.text[i] = calloc(1, room + 1);
        CHECK(heard.text[i] != NULL);
    }
    return heard;
}

static int on_write(void *arg, int stream, const void *bytes, size_t size)
{
    struct heard *heard = arg;
    sigset_t set;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &set);
    heard->interrupted = heard->interrupted || sigismember(&set, VMM_SIGNAL) != 1;
    heard->calls++;
    (void)usleep(heard->us);
    if (heard->calls == heard->fails_at) {
        return heard->code;
    }
    CHECK(stream == 1 || stream == 2);
    CHECK(size >= 1 && size <= HV_RING_SIZE && heard->size[stream] + size <= heard->room);
    if (heard->calls < sizeof(heard->order)) {
        heard->order[heard->calls - 1] = (char)('0' + stream);
    }
    memcpy(heard->text[stream] + heard->size[stream], bytes, size);
    heard->size[stream] += size;
    return 0;
}

static struct vmm_io heard_io(struct heard *heard)
{
    return (struct vmm_io){
        .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, .write = on_write, .write_arg = heard};
}

static void t_both(void)
{
    struct heard heard = heard_make(100);
    const struct vmm_io io = heard_io(&heard);
    struct vmm *vm = vt_boot(&io);
    IS(vt_run(vm, "both", ""), VMM_EXITED, 0, "");
    CHECK(strcmp(heard.text[1], "out 1\nout 2\n") == 0);
    CHECK(strcmp(heard.text[2], "err 1\n") == 0);
    CHECK(strcmp(heard.order, "12") == 0 && !heard.interrupted);
    vmm_destroy(vm);
}

/* Descriptors are not looked at, but for one that is closed to the program. */
static void t_kinds(void)
{
    struct heard heard = heard_make(100);
    struct vmm_io io = heard_io(&heard);
    io.stdout_fd = io.stderr_fd = vt_memfd("", 0);
    struct vmm *vm = vt_boot(&io);
    CHECK_INT(vm->streams.kind[1], HV_STREAM_PIPE);
    CHECK_INT(vm->streams.kind[2], HV_STREAM_PIPE);
    CHECK_INT(vm->streams.joined, 0);
    IS(vt_run(vm, "both", ""), VMM_EXITED, 0, "");
    CHECK_INT(lseek(io.stdout_fd, 0, SEEK_END), 0);
    CHECK_INT(heard.size[1], 12);
    vmm_destroy(vm);

    io.stderr_fd = VMM_FD_CLOSED;
    vm = vt_boot(&io);
    CHECK_INT(vm->streams.kind[2], HV_STREAM_CLOSED);
    IS(vt_run(vm, "both", ""), VMM_EXITED, 0, "");
    CHECK(heard.size[1] == 24 && heard.size[2] == 6);
    vmm_destroy(vm);
}

/* Far more output than the ring holds. Nothing is copied or kept beyond the ring: no call has
 * more. */
static void t_flood(void)
{
    const size_t lines = 100000;
    struct heard heard = heard_make(lines * LINE);
    const struct vmm_io io = heard_io(&heard);
    struct vmm *vm = vt_boot(&io);
    IS(vt_run(vm, "flood", "100000"), VMM_EXITED, 0, "");
    CHECK_INT(heard.size[1], lines * LINE);
    for (size_t i = 0; i < lines; i++) {
        CHECK(memcmp(heard.text[1] + i * LINE, heard.text[1], LINE) == 0);
    }
    CHECK(memcmp(heard.text[1], "0123456789abcdef", 16) == 0);
    vmm_destroy(vm);
}

static void t_output_max(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    struct heard heard = heard_make(1000);
    const struct vmm_io io = heard_io(&heard);
    struct vmm *vm = vt_boot(&io);
    const char *const argv[] = {"flood", "100000", NULL};
    const struct vmm_run run = {
        .argv = argv, .cwd = "/", .timeout_ns = VT_TIMEOUT, .max_output = 1000};
    OK(vmm_run(vm, &run, &o, &err));
    IS(o, VMM_OUTPUT, 0, "");
    CHECK_INT(heard.size[1], 1000);
    vmm_destroy(vm);
}

/* A trace that has no function of its own goes where stderr goes. */
static void t_trace(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    struct heard heard = heard_make(100);
    const struct vmm_io io = heard_io(&heard);
    struct vmm *vm = vt_boot(&io);
    const char *const argv[] = {"trace", "open(x) = 3", NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/", .trace = true};
    OK(vmm_run(vm, &run, &o, &err));
    IS(o, VMM_EXITED, 0, "");
    CHECK(strcmp(heard.text[2], "open(x) = 3\n") == 0);
    vmm_destroy(vm);
}

/* The function gets what a program wrote before its time was over, and no more when the function is
 * slow. */
static void t_deadline(void)
{
    struct heard heard = heard_make(100);
    const struct vmm_io io = heard_io(&heard);
    vt_stuck(vt_boot(&io), "spin", "hi");
    CHECK(strcmp(heard.text[1], "hi") == 0);

    heard = heard_make(100 * HV_RING_SIZE);
    heard.us = 50000;
    vt_stuck(vt_boot(&io), "flood", "1000000");
    CHECK(heard.calls >= 2 && heard.calls < 20 && !heard.interrupted);
}

/* The second call fails. -EAGAIN and -EINTR are no reason to try again. */
static void t_errors(void)
{
    static const struct {
        int code;
        int err; /* of vmm_run(); 0: VMM_PIPE_CLOSED */
    } rows[] = {{-EPIPE, 0}, {-ENOSPC, ENOSPC}, {-EAGAIN, EAGAIN}, {-EINTR, EINTR}, {1, EINVAL}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vmm_err err;
        struct vmm_outcome o;
        struct heard heard = heard_make(HV_RING_SIZE);
        heard.fails_at = 2;
        heard.code = rows[i].code;
        const struct vmm_io io = heard_io(&heard);
        struct vmm *vm = vt_boot(&io);
        const char *const argv[] = {"flood", "100000", NULL};
        const struct vmm_run run = {.argv = argv, .cwd = "/", .timeout_ns = VT_TIMEOUT};
        if (rows[i].err != 0) {
            FAILS(vmm_run(vm, &run, &o, &err), rows[i].err, "writing to stdout");
            FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "not ready");
        } else {
            OK(vmm_run(vm, &run, &o, &err));
            IS(o, VMM_PIPE_CLOSED, 0, "stdout");
        }
        CHECK_INT(heard.calls, 2);
        vmm_destroy(vm);
    }
}

const struct vt_test vt_write_tests[] = {
    {"write-both", t_both},     {"write-kinds", t_kinds},
    {"write-flood", t_flood},   {"write-max-output", t_output_max},
    {"write-trace", t_trace},   {"write-deadline", t_deadline},
    {"write-errors", t_errors}, {NULL, NULL},
};
