// SPDX-License-Identifier: Apache-2.0
/*
 * Suspended runs: the guest sleeps while calls of the host's functions are open, and vmm_resume()
 * goes on when one is answered, or when something else wakes the guest. Meanwhile no time of the
 * run goes by.
 */
#include "vt_tools.h"

#include "vmm/vmm_int.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS 1000000ull

/* A machine whose run is suspended, and what has come of it. */
static struct called {
    struct vmm_tools *tools;
    struct vmm *vm;
    struct vmm_io io;
    struct vmm_outcome o;
} c;
static struct vmm_err err;

static void begin_for(const char *script, uint64_t timeout_ns, uint64_t grace_ns)
{
    const char *const argv[] = {"tools", script, NULL};
    c.io = (struct vmm_io){.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    c.tools = vt_tools();
    c.vm = vt_boot(&c.io);
    const struct vmm_run run = {
        .argv = argv, .cwd = "/", .timeout_ns = timeout_ns, .grace_ns = grace_ns, .tools = c.tools};
    OK(vmm_run(c.vm, &run, &c.o, &err));
}

static void begin(const char *script)
{
    begin_for(script, VT_TIMEOUT, 0);
    IS(c.o, VMM_CALLED, 0, "");
}

static void resume(uint64_t wait_ns)
{
    OK(vmm_resume(c.vm, wait_ns, &c.o, &err));
}

static void end(void)
{
    vmm_destroy(c.vm);
    vmm_tools_destroy(c.tools);
}

/* The run ends now, and has printed this. */
static void ends(const char *text)
{
    resume(VT_TIMEOUT);
    IS(c.o, VMM_EXITED, 0, "");
    const char *have = vt_content(c.io.stdout_fd, NULL);
    if (strcmp(have, text) != 0) {
        vt_fail(__FILE__, __LINE__, "said '%s', not '%s'", have, text);
    }
    end();
}

static struct vmm_call call_of(size_t i)
{
    struct vmm_call calls[HV_REQUESTS];
    size_t count;
    OK(vmm_calls(c.vm, calls, HV_REQUESTS, &count));
    CHECK(i < count);
    return calls[i];
}

static void answer(uint64_t id, const char *text)
{
    OK(vmm_reply(c.vm, id, text, strlen(text), &err));
}

/* Three open calls, answered one by one and not in their order. */
static void t_order(void)
{
    struct vmm_call calls[2];
    size_t count;
    begin("m0:open:a m7:open:bc m2:open: w a r2 w a r0 w a r7 a");
    CHECK(c.o.timer_ns == UINT64_MAX);
    CHECK_INT(c.o.counters.tool_calls, 3);
    OK(vmm_calls(c.vm, calls, 2, &count));
    CHECK_INT(count, 3);
    CHECK(strcmp(calls[0].name, "open") == 0 && calls[0].size == 1 &&
          memcmp(calls[0].bytes, "a", 1) == 0);
    CHECK(calls[1].size == 0 && calls[0].id != calls[1].id);
    const struct vmm_call last = call_of(2);
    CHECK(last.size == 2 && memcmp(last.bytes, "bc", 2) == 0);
    answer(calls[1].id, "second");
    OK(vmm_calls(c.vm, calls, 2, &count));
    CHECK_INT(count, 2);
    resume(0);
    IS(c.o, VMM_CALLED, 0, "");
    answer(calls[0].id, "first");
    resume(0);
    IS(c.o, VMM_CALLED, 0, "");
    OK(vmm_reply_error(c.vm, last.id, "E", "m", &err));
    ends(". . . tool 2 =second tool 0 =first tool 7 !E|m -11 ");
}

/* Several are answered at a time: the guest is told as long as there is one of which it does not
 * know. */
static void t_together(void)
{
    begin("m0:open: m1:open: m2:open: w a w a w a w50 a r0 r1 r2");
    for (int i = 0; i < 3; i++) {
        answer(call_of(0).id, i == 0 ? "x" : i == 1 ? "y" : "z");
    }
    ends(". . . tool 0 tool 1 tool 2 time -11 =x =y =z ");
}

/* A run that computes without end after it was suspended for longer than its deadline: that the
 * thread's timer has fired meanwhile must not be taken for a timer that is armed. */
static void t_deadline_after(void)
{
    begin_for("m0:open: w s", VT_SHORT, 0);
    IS(c.o, VMM_CALLED, 0, "");
    usleep(2 * VT_SHORT / 1000);
    answer(call_of(0).id, "x");
    const uint64_t start = vt_now();
    resume(VT_TIMEOUT);
    IS(c.o, VMM_TIMEOUT, 0, "");
    CHECK(vt_now() - start < VT_LATE);
    end();
}

/* Nothing comes: after wait_ns it is as before. */
static void t_nothing(void)
{
    const uint64_t start = vt_now();
    begin("m0:open: w");
    for (int i = 0; i < 3; i++) {
        resume(30 * MS);
        IS(c.o, VMM_CALLED, 0, "");
    }
    CHECK(vt_now() - start >= 90 * MS);
    /* Not the time in which it was suspended. */
    CHECK(c.o.counters.run_ns + 90 * MS <= vt_now() - start);
    const struct vmm_run run = {.argv = (const char *const[]){"x", NULL}, .cwd = "/"};
    FAILS(vmm_run(c.vm, &run, &c.o, &err), EINVAL, "not ready");
    answer(call_of(0).id, "");
    ends(". tool ");
    struct vmm *vm = vt_boot(&vt_no_io);
    FAILS(vmm_resume(vm, 0, &c.o, &err), EINVAL, "no run of the machine is suspended");
    vmm_destroy(vm);
}

static void t_timer(void)
{
    begin("m0:open: w400 w a r0");
    CHECK(c.o.timer_ns > 100 * MS && c.o.timer_ns <= 400 * MS);
    resume(10 * MS);
    IS(c.o, VMM_CALLED, 0, "");
    CHECK(c.o.timer_ns > 0 && c.o.timer_ns <= 390 * MS);
    resume(VT_TIMEOUT); /* goes on when the timer is due, and then sleeps for ever */
    IS(c.o, VMM_CALLED, 0, "");
    CHECK(c.o.timer_ns == UINT64_MAX);
    answer(call_of(0).id, "r");
    ends(". time tool 0 =r ");
    begin("T400 m0:open: w w"); /* a timer by which it would be interrupted */
    CHECK(c.o.timer_ns > 100 * MS && c.o.timer_ns <= 400 * MS);
    usleep(420000);
    resume(0); /* is due by now */
    IS(c.o, VMM_CALLED, 0, "");
    CHECK(c.o.timer_ns == UINT64_MAX);
    answer(call_of(0).id, "r");
    ends(". timer tool ");
}

static void t_interrupt(void)
{
    begin("m0:open: w w");
    vmm_interrupt(c.vm, VMM_INTERRUPT_INT);
    resume(VT_TIMEOUT);
    IS(c.o, VMM_CALLED, 0, "");
    vmm_interrupt(c.vm, VMM_INTERRUPT_KILL);
    resume(VT_TIMEOUT);
    IS(c.o, VMM_KILLED, 0, "");
    CHECK(strcmp(vt_content(c.io.stdout_fd, NULL), ". int ") == 0);
    FAILS(vmm_reply(c.vm, 1, "", 0, &err), ENOENT, "no open call");
    end();
}

static void *interrupt_late(void *arg)
{
    usleep(50000);
    vmm_interrupt(arg, VMM_INTERRUPT_INT);
    return NULL;
}

static void *answer_late(void *arg)
{
    usleep(50000);
    answer(*(uint64_t *)arg, "late");
    return NULL;
}

static void *resume_there(void *arg)
{
    resume(*(uint64_t *)arg);
    return NULL;
}

/* From other threads, while vmm_resume() waits; and vmm_resume() on another thread. */
static void t_threads(void)
{
    pthread_t thread;
    uint64_t wait = VT_TIMEOUT;
    begin("m0:open: w w a r0 m0:open: w");
    CHECK(pthread_create(&thread, NULL, interrupt_late, c.vm) == 0);
    resume(VT_TIMEOUT);
    CHECK(pthread_join(thread, NULL) == 0);
    IS(c.o, VMM_CALLED, 0, "");
    uint64_t id = call_of(0).id;
    CHECK(pthread_create(&thread, NULL, answer_late, &id) == 0);
    resume(UINT64_MAX);
    CHECK(pthread_join(thread, NULL) == 0);
    IS(c.o, VMM_CALLED, 0, "");
    answer(call_of(0).id, "");
    CHECK(pthread_create(&thread, NULL, resume_there, &wait) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    IS(c.o, VMM_EXITED, 0, "");
    CHECK(strcmp(vt_content(c.io.stdout_fd, NULL), ". int tool 0 =late . tool ") == 0);
    end();
}

static void t_stdin(void)
{
    int p[2];
    CHECK(pipe(p) == 0);
    c.io = (struct vmm_io){.stdin_fd = p[0], .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    c.tools = vt_tools();
    c.vm = vt_boot(&c.io);
    c.o = vt_tools_run(c.vm, c.tools, NULL, "tools", "m0:open: W w");
    IS(c.o, VMM_CALLED, 0, "");
    resume(20 * MS);
    IS(c.o, VMM_CALLED, 0, "");
    CHECK(write(p[1], "x", 1) == 1);
    resume(0);
    IS(c.o, VMM_CALLED, 0, "");
    answer(call_of(0).id, "");
    ends(". stdin tool ");
}

/* The deadline stands still while the run is suspended, and goes on with it. */
static void t_deadline(void)
{
    begin_for("m0:open: w a r0 m0:open: s", VT_SHORT, 0);
    IS(c.o, VMM_CALLED, 0, "");
    usleep(2 * VT_SHORT / 1000);
    resume(20 * MS);
    IS(c.o, VMM_CALLED, 0, "");
    const uint64_t id = call_of(0).id;
    answer(id, "r");
    const uint64_t start = vt_now();
    resume(0);
    IS(c.o, VMM_TIMEOUT, 0, "out of time"); /* the second call was never answered */
    CHECK(vt_now() - start >= VT_SHORT / 2 && vt_now() - start < VT_SHORT + VT_LATE);
    CHECK(strcmp(vt_content(c.io.stdout_fd, NULL), ". tool 0 =r . ") == 0);
    FAILS(vmm_reply(c.vm, id + 1, "", 0, &err), ENOENT, "no open call");
    end();
}

/* After the deadline calls are refused, and open ones are not waited for. */
static void t_grace(void)
{
    begin_for("m0:open: c m1:open: w", VT_SHORT, 200 * MS);
    IS(c.o, VMM_TIMEOUT, 0, "");
    CHECK(strcmp(vt_content(c.io.stdout_fd, NULL),
                 ". end !TimeoutError|open: the time of the run is over ") == 0);
    end();
}

/* A run that ends gives up its calls; the machine goes on, and can use the request again. */
/* CPU time goes on where the run is resumed, also on another thread's clock; the time in between
 * is none. */
static void *resume_thread(void *arg)
{
    (void)arg;
    resume(VT_TIMEOUT);
    return NULL;
}

static void t_cpu(void)
{
    const char *const argv[] = {"tools", "m0:open: w a s", NULL};
    pthread_t thread;
    c.tools = vt_tools();
    c.vm = vt_boot(&vt_no_io);
    const struct vmm_run run = {
        .argv = argv, .cwd = "/", .timeout_ns = VT_TIMEOUT, .cpu_ns = 100 * MS, .tools = c.tools};
    OK(vmm_run(c.vm, &run, &c.o, &err));
    IS(c.o, VMM_CALLED, 0, "");
    const uint64_t before = c.o.counters.cpu_ns;
    CHECK(before > 0 && before < 100 * MS);
    const uint64_t start = vt_now();
    while (vt_now() - start < 150 * MS) { /* the caller's own work */
    }
    resume(0);
    IS(c.o, VMM_CALLED, 0, "");
    CHECK(c.o.counters.cpu_ns >= before && c.o.counters.cpu_ns < 100 * MS);
    answer(call_of(0).id, "x");
    CHECK(pthread_create(&thread, NULL, resume_thread, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    IS(c.o, VMM_CPU, 0, "out of CPU time");
    CHECK(c.o.counters.cpu_ns >= 100 * MS && c.o.counters.cpu_ns < 100 * MS + VT_LATE);
    end();
}

static void t_turn(void)
{
    begin_for("m0:open: e4", VT_TIMEOUT, 0);
    IS(c.o, VMM_READY, 4, "");
    size_t count;
    OK(vmm_calls(c.vm, NULL, 0, &count));
    CHECK_INT(count, 0);
    FAILS(vmm_reply(c.vm, 1, "", 0, &err), ENOENT, "no open call 1");
    c.o = vt_tools_run(c.vm, c.tools, NULL, "tools", "a m0:open: w a r0");
    IS(c.o, VMM_CALLED, 0, "");
    FAILS(vmm_reply(c.vm, 1, "", 0, &err), ENOENT, "no open call 1"); /* it has another id */
    answer(call_of(0).id, "r");
    ends(". -11 . tool 0 =r ");
}

/* A guest that does not watch the handle goes on, too, and finds out by asking. */
static void t_unwatched(void)
{
    begin("m0:open: u100 a r0");
    answer(call_of(0).id, "r");
    ends(". tool 0 =r ");
}

/* A suspended run is left by a rewind, which leaves no trace of it. */
static void t_rewind(void)
{
    struct vmm_snapshot *snap = vt_snapshot_open();
    struct vmm_tools *tools = vt_tools();
    struct vmm_io io = {.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    struct vmm *vm;
    OK(vmm_restore(snap, &io, true, &vm, &err));
    for (int i = 0; i < 4; i++) {
        struct vmm_call call;
        size_t count;
        IS(vt_tools_run(vm, tools, NULL, "tools", "m0:open:x w"), VMM_CALLED, 0, "");
        OK(vmm_calls(vm, &call, 1, &count));
        CHECK_INT(count, 1);
        const int fd = vt_memfd("", 0);
        FAILS(vmm_snapshot_write(vm, fd, &(struct vmm_key){{1}}, &err), EINVAL, "");
        close(fd);
        OK(i % 2 == 0 ? vmm_rewind(vm, &err) : vmm_renew(vm, &err));
        OK(vmm_check(vm, &err));
        FAILS(vmm_reply(vm, call.id, "", 0, &err), ENOENT, "no open call");
        FAILS(vmm_resume(vm, 0, &c.o, &err), EINVAL, "no run");
        IS(vt_tools_run(vm, tools, NULL, "tools", "a m0:echo:y"), VMM_EXITED, 0, "");
        OK(vmm_rewind(vm, &err));
        OK(vmm_check(vm, &err));
    }
    IS(vt_tools_run(vm, tools, NULL, "tools", "m0:open:x w"), VMM_CALLED, 0, "");
    vmm_destroy(vm);
    vmm_tools_destroy(tools);
    vmm_snapshot_close(snap);
}

static char written[200];

static int on_write(void *arg, int stream, const void *bytes, size_t size)
{
    (void)arg, (void)stream;
    CHECK(strlen(written) + size < sizeof(written));
    strncat(written, bytes, size);
    return 0;
}

/* A process in jail does all of it. */
static void t_jailed(void)
{
    static const int outputs[] = {STDOUT_FILENO, STDERR_FILENO};
    static char buffer[BUFSIZ], large[1 << 20];
    const struct vmm_jail jail = {
        .input_fd = -1, .output_fds = outputs, .output_count = 2, .snapshot_fd = -1};
    const struct vmm_io io = {.stdin_fd = -1, .write = on_write};
    (void)setvbuf(stdout, buffer, _IOFBF, sizeof(buffer)); /* stdio asks for nothing later */
    c.tools = vt_tools();
    c.vm = vt_boot(&io);
    OK(vmm_jail(&jail, &err));
    c.o = vt_tools_run(c.vm, c.tools, NULL, "tools",
                       "m0:open: w a r0 m1:echo:b m1:none: m2:open: w20 w a f2 a");
    IS(c.o, VMM_CALLED, 0, "");
    answer(call_of(0).id, "a");
    resume(0);
    IS(c.o, VMM_CALLED, 0, "");
    resume(VT_TIMEOUT);
    IS(c.o, VMM_CALLED, 0, "");
    OK(vmm_reply(c.vm, call_of(0).id, large, sizeof(large), &err));
    resume(UINT64_MAX);
    IS(c.o, VMM_EXITED, 0, "");
    CHECK(strcmp(written, ". tool 0 =a =b !NameError|the host has no function 'none' . time tool 2 "
                          "0 -11 ") == 0);
    end();
}

const struct vt_test vt_called_tests[] = {
    {"called-order", t_order},       {"called-together", t_together},
    {"called-nothing", t_nothing},   {"called-deadline-after", t_deadline_after},
    {"called-timer", t_timer},       {"called-interrupt", t_interrupt},
    {"called-threads", t_threads},   {"called-stdin", t_stdin},
    {"called-deadline", t_deadline}, {"called-grace", t_grace},
    {"called-turn", t_turn},         {"called-unwatched", t_unwatched},
    {"called-rewind", t_rewind},     {"called-jailed", t_jailed},
    {"called-cpu", t_cpu},           {NULL, NULL},
};
