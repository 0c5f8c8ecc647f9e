// SPDX-License-Identifier: Apache-2.0
/*
 * Functions of the host: sets of them, calls that are answered before the function returns or by
 * another thread, what is refused, and requests that no kernel makes. vt_called.c has suspended
 * runs.
 */
#include "vt_tools.h"

#include "vmm/vmm_int.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int on_echo(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    struct vmm_err err;
    struct vt_tools_seen *seen = tools_arg;
    sigset_t set;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &set);
    CHECK(sigismember(&set, VMM_SIGNAL) == 1);
    CHECK(strcmp(arg, "arg") == 0 && strcmp(call->name, "echo") == 0);
    if (seen != NULL) {
        seen->calls++;
        seen->last_id = call->id;
    }
    OK(vmm_reply(vm, call->id, call->bytes, call->size, &err));
    FAILS(vmm_reply(vm, call->id, "b", 1, &err), ENOENT, "no open call");
    FAILS(vmm_reply_error(vm, call->id, "A", "b", &err), ENOENT, "no open call");
    return 0;
}

static int on_fail(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    struct vmm_err err;
    (void)arg, (void)tools_arg;
    OK(vmm_reply_error(vm, call->id, "OSError", "no such thing", &err));
    return 0;
}

static int on_broken(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    (void)arg, (void)tools_arg, (void)vm, (void)call;
    return -EXDEV;
}

/* A reply of 9 bytes where 8 are allowed. */
static int on_large(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    struct vmm_err err;
    (void)arg, (void)tools_arg;
    FAILS(vmm_reply(vm, call->id, "123456789", 9, &err), E2BIG, "9 bytes, 8 are allowed");
    FAILS(vmm_reply(vm, call->id, "12345678", 8, &err), ENOENT, "no open call");
    return 0;
}

/* A reply of 16 MiB, which the guest leaves where it is. */
static int on_largest(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    struct vmm_err err;
    int *refused = tools_arg;
    (void)arg;
    void *bytes = calloc(1, HV_REPLY_MAX);
    CHECK(bytes != NULL);
    const int rc = vmm_reply(vm, call->id, bytes, HV_REPLY_MAX, &err);
    CHECK(rc == 0 || (rc == -E2BIG && strstr(err.msg, "has not taken") != NULL));
    *refused += rc != 0;
    free(bytes);
    return 0;
}

struct late {
    struct vmm *vm;
    uint64_t id;
    char text[16];
};

static void *answer_late(void *arg)
{
    struct late *late = arg;
    struct vmm_err err;
    usleep(50000);
    OK(vmm_reply(late->vm, late->id, late->text, strlen(late->text), &err));
    free(late);
    return NULL;
}

/* Answers by a thread, which outlives the call. With the argument "now" it waits for the thread. */
static int on_thread(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    pthread_t thread;
    struct late *late = calloc(1, sizeof(*late));
    (void)arg, (void)tools_arg;
    CHECK(late != NULL && call->size < sizeof(late->text));
    late->vm = vm;
    late->id = call->id;
    memcpy(late->text, call->bytes, call->size);
    const bool now = strcmp(late->text, "now") == 0;
    CHECK(pthread_create(&thread, NULL, answer_late, late) == 0);
    CHECK((now ? pthread_join(thread, NULL) : pthread_detach(thread)) == 0);
    return 0;
}

static int released;

static void on_release(void *arg)
{
    CHECK(strcmp(arg, "arg") == 0);
    released++;
}

struct vmm_tools *vt_tools(void)
{
    static char echo_arg[] = "arg";
    static const struct vmm_function functions[] = {
        {.name = "echo",
         .schema = "{schema}",
         .call = on_echo,
         .arg = echo_arg,
         .release = on_release},
        {.name = "unseen", .schema = "{no}", .call = on_fail, .hidden = true},
        {.name = "fail", .call = on_fail},
        {.name = "broken", .call = on_broken},
        {.name = "large", .max_reply = 8, .max_request = 4, .call = on_large},
        {.name = "largest", .max_reply = HV_REPLY_MAX, .call = on_largest},
        {.name = "thread", .call = on_thread},
        {.name = "open"},
        {.name = "q?", .call = on_fail},
    };
    struct vmm_tools *tools;
    struct vmm_err err;
    OK(vmm_tools_create(functions, sizeof(functions) / sizeof(functions[0]), &tools, &err));
    return tools;
}

struct vmm_outcome vt_tools_run(struct vmm *vm, const struct vmm_tools *tools, void *arg,
                                const char *name, const char *script)
{
    struct vmm_err err;
    struct vmm_outcome o;
    const char *const argv[] = {name, script, NULL};
    const struct vmm_run run = {
        .argv = argv, .cwd = "/", .timeout_ns = VT_TIMEOUT, .tools = tools, .tools_arg = arg};
    OK(vmm_run(vm, &run, &o, &err));
    return o;
}

/* What a script prints, which ends by itself. */
static const char *said(const char *script, struct vmm_outcome *o)
{
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    struct vmm_tools *tools = vt_tools();
    struct vmm *vm = vt_boot(&io);
    struct vt_tools_seen seen = {0};
    *o = vt_tools_run(vm, tools, &seen, "tools", script);
    vmm_destroy(vm);
    vmm_tools_destroy(tools);
    return vt_content(io.stdout_fd, NULL);
}

#define SAYS(script, text)                                                                         \
    do {                                                                                           \
        struct vmm_outcome outcome_;                                                               \
        const char *have_ = said((script), &outcome_);                                             \
        IS(outcome_, VMM_EXITED, 0, "");                                                           \
        if (strcmp(have_, (text)) != 0) {                                                          \
            vt_fail(__FILE__, __LINE__, "%s: said '%s', not '%s'", (script), have_, (text));       \
        }                                                                                          \
    } while (0)

static void t_sets(void)
{
    static const struct vmm_function wrong[][2] = {
        {{.name = NULL}},    {{.name = ""}},         {{.name = "a b"}},
        {{.name = "a\177"}}, {{.name = "\303\244"}}, {{.name = "a"}, {.name = "b\n"}},
    };
    char name[130];
    struct vmm_function f = {.name = name};
    struct vmm_tools *tools;
    struct vmm_err err;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        FAILS(vmm_tools_create(wrong[i], 2, &tools, &err), EINVAL, "the name of a function");
        CHECK(tools == NULL);
    }
    memset(name, 'n', sizeof(name));
    name[128] = '\0';
    FAILS(vmm_tools_create(&f, 1, &tools, &err), EINVAL, "1 to 127");
    name[127] = '\0';
    OK(vmm_tools_create(&f, 1, &tools, &err));
    vmm_tools_destroy(tools);
    f.max_reply = HV_REPLY_MAX + 1;
    FAILS(vmm_tools_create(&f, 1, &tools, &err), EINVAL, "a limit of 16777217 bytes");
    f = (struct vmm_function){.name = "a", .max_request = HV_REQUEST_MAX + 2};
    FAILS(vmm_tools_create(&f, 1, &tools, &err), EINVAL, "a limit of 16777218 bytes");
    const struct vmm_function twice[] = {{.name = "b"}, {.name = "a"}, {.name = "b"}};
    FAILS(vmm_tools_create(twice, 3, &tools, &err), EEXIST, "two functions 'b'");
    OK(vmm_tools_create(NULL, 0, &tools, &err));
    vmm_tools_destroy(tools);
    vmm_tools_destroy(NULL);
}

/* A run holds its set, which is released once, after the last who uses it. */
static void t_sets_held(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    struct vmm_tools *tools = vt_tools();
    struct vmm *vm = vt_boot(&vt_no_io), *other = vt_boot(&vt_no_io);
    IS(vt_tools_run(vm, tools, NULL, "tools", "m0:open: w"), VMM_CALLED, 0, "");
    IS(vt_tools_run(other, tools, NULL, "tools", "m0:open: w m1:echo: e7"), VMM_CALLED, 0, "");
    vmm_tools_destroy(tools);
    CHECK_INT(released, 0);
    vmm_destroy(vm);
    CHECK_INT(released, 0);
    struct vmm_call call;
    size_t count;
    OK(vmm_calls(other, &call, 1, &count));
    CHECK(count == 1);
    OK(vmm_reply(other, call.id, "", 0, &err));
    OK(vmm_resume(other, VT_TIMEOUT, &o, &err));
    IS(o, VMM_READY, 7, "");
    CHECK_INT(released, 1);
    vmm_destroy(other);
    CHECK_INT(released, 1);
}

/* The run frame has names and schemas, in the order of the set. */
static void t_named(void)
{
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    struct vmm_tools *tools = vt_tools();
    struct vmm *vm = vt_boot(&io);
    IS(vt_tools_run(vm, tools, NULL, "tools-named", ""), VMM_EXITED, 0, "");
    CHECK(strcmp(vt_content(io.stdout_fd, NULL),
                 "echo|{schema}|fail||broken||large||largest||thread||open||q?||") == 0);
    vmm_destroy(vm);
    vm = vt_boot(&io);
    IS(vt_tools_run(vm, NULL, NULL, "tools-named", ""), VMM_EXITED, 0, "");
    CHECK(vt_content(io.stdout_fd, NULL)[62] == '\0'); /* nothing more */
    vmm_destroy(vm);
    vmm_tools_destroy(tools);
}

/* A reply at once takes one exit, and the request can be used again. */
static void t_at_once(void)
{
    struct vmm_outcome o;
    CHECK(strcmp(said("m0:echo:a m0:echo:b m0:fail: m255:echo: m0:echo:c", &o),
                 "=a =b !OSError|no such thing = =c ") == 0);
    IS(o, VMM_EXITED, 0, "");
    CHECK_INT(o.counters.exits_doorbell, 6);
    CHECK_INT(o.counters.calls, 6); /* with the one that took the run */
    CHECK_INT(o.counters.tool_calls, 5);
    SAYS("m0:thread:now a", "=now -11 "); /* another thread, before the function returns */
}

static void t_refused(void)
{
    SAYS("m0:none:x m0:echo:y", "!NameError|the host has no function 'none' =y ");
    SAYS("m0:\n\377: m0:", "!NameError|the host has no function '?\?' "
                           "!ValueError|a request without the name of a function ");
    SAYS("m0:q\n: m0:q?:", "!NameError|the host has no function 'q?' !OSError|no such thing ");
    SAYS("m0:large:12345", "!ValueError|large: the arguments have 5 bytes, 4 are allowed ");
    SAYS("m0:large:1234", "!ValueError|large: the reply has 9 bytes, 8 are allowed ");
    struct vmm *vm = vt_boot(&vt_no_io);
    IS(vt_tools_run(vm, NULL, NULL, "tools", "m0:echo:x q3"), VMM_EXITED, 3, ""); /* no functions */
    vmm_destroy(vm);
}

/* A function's own error is the host's. */
static void t_error(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    struct vmm_tools *tools = vt_tools();
    struct vmm *vm = vt_boot(&vt_no_io);
    const char *const argv[] = {"tools", "m0:broken:", NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/", .tools = tools};
    FAILS(vmm_run(vm, &run, &o, &err), EXDEV, "function 'broken': ");
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "not ready");
    vmm_destroy(vm);
    vmm_tools_destroy(tools);
}

/* Another thread answers while the guest computes, which is told at once. */
static void t_computing(void)
{
    const uint64_t start = vt_now();
    SAYS("m0:thread:x c a a r0", ". tool 0 -11 =x ");
    SAYS("m3:thread:x m2:echo:y c r3 a", ". =y tool =x -11 "); /* the reply without asking which */
    CHECK(vt_now() - start >= 100000000);
}

/* What the run wrote before a call has arrived when the function runs. */
static char *output_fd_text;
static int output_fd;

static int on_look(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    struct vmm_err err;
    (void)arg, (void)tools_arg;
    output_fd_text = vt_content(output_fd, NULL);
    OK(vmm_reply(vm, call->id, "", 0, &err));
    return 0;
}

static void t_output(void)
{
    const struct vmm_function look = {.name = "look", .call = on_look};
    const struct vmm_io io = {
        .stdin_fd = -1, .stdout_fd = output_fd = vt_memfd("", 0), .stderr_fd = -1};
    struct vmm_err err;
    struct vmm_tools *tools;
    struct vmm *vm = vt_boot(&io);
    OK(vmm_tools_create(&look, 1, &tools, &err));
    IS(vt_tools_run(vm, tools, NULL, "tools", "a a m0:look:"), VMM_EXITED, 0, "");
    CHECK(strcmp(output_fd_text, "-11 -11 ") == 0);
    vmm_destroy(vm);
    vmm_tools_destroy(tools);
}

static void t_limit(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    struct vmm_tools *tools = vt_tools();
    const char *const argv[] = {"tools-flood", "0:none:", NULL};
    struct vmm_run run = {
        .argv = argv, .cwd = "/", .timeout_ns = VT_TIMEOUT, .tools = tools, .max_calls = 3};
    struct vmm *vm = vt_boot(&vt_no_io);
    OK(vmm_run(vm, &run, &o, &err));
    IS(o, VMM_CALLS, 0, "more calls of functions than allowed");
    CHECK_INT(o.counters.tool_calls, 3);
    vmm_destroy(vm);
    vm = vt_boot(&vt_no_io);
    run.max_calls = 0;
    run.timeout_ns = VT_SHORT;
    OK(vmm_run(vm, &run, &o, &err)); /* a flood is bounded by time */
    IS(o, VMM_TIMEOUT, 0, "out of time");
    CHECK(o.counters.tool_calls > 10);
    vmm_destroy(vm);
    vmm_tools_destroy(tools);
}

/* Calls of a function that the guest was not told of are none of the run's. */
static void t_hidden(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    struct vmm_tools *tools = vt_tools();
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    const char *const argv[] = {"tools", "m0:unseen: m0:echo:a m0:unseen: ", NULL};
    struct vmm_run run = {
        .argv = argv, .cwd = "/", .timeout_ns = VT_TIMEOUT, .tools = tools, .max_calls = 1};
    struct vmm *vm = vt_boot(&io);
    OK(vmm_run(vm, &run, &o, &err));
    IS(o, VMM_EXITED, 0, "");
    CHECK_INT(o.counters.tool_calls, 1);
    CHECK(strcmp(vt_content(io.stdout_fd, NULL),
                 "!OSError|no such thing =a !OSError|no such thing ") == 0);
    vmm_destroy(vm);
    vmm_tools_destroy(tools);
}

/* Replies that the guest does not take are bounded; its errors are not. */
static void t_held(void)
{
    int refused = 0;
    char script[800] = "";
    struct vmm_tools *tools = vt_tools();
    struct vmm *vm = vt_boot(&vt_no_io);
    for (int i = 0; i < 17; i++) {
        snprintf(script + strlen(script), sizeof(script) - strlen(script), "m%d:largest: ", i);
    }
    strcat(script, "f3 m3:largest: m30:none: q5");
    IS(vt_tools_run(vm, tools, &refused, "tools", script), VMM_EXITED, 5, "");
    CHECK_INT(refused, 2); /* with their headers 15 fit, and another one after one is forgotten */
    vmm_destroy(vm);
    vmm_tools_destroy(tools);
}

/* What only a guest makes that has no kernel, or another one. */
static void t_forged(void)
{
    static const struct {
        const char *words, *says;
    } rows[] = {
        {"0x400000 0 1 0x410000 9 0x500000 4096", "20 "},
        {"0x400000 0 1 0x410000 9 0x500000 0", "20 "}, /* the reply stays with the host */
        {"0x400000 256 1 0x410000 9 0x500000 4096", "there is no request 256"},
        {"0x400000 99999999999 1 0x410000 9 0 0", "there is no request 99999999999"},
        {"0xfff000 0 1 0x410000 9 0 0", "the table 0xfff000 is not in memory"},
        {"0xffffffffffffffff 0 1 0x410000 9 0 0", "the table 0xffffffffffffffff"},
        {"0xfffffffffffff000 200 1 0x410000 9 0 0", "the table"},
        {"0x400000 0 0 0x410000 9 0x500000 4096", "request 0 has the id 0"},
        {"0x400000 1 0 0x410000 9 0x500000 4096", "request 1 has the id 0"},
        {"0x400000 0 1 0x410000 16777217 0x500000 4096", "0x410000+0x1000001"},
        {"0x400000 0 1 0xffffff 2 0x500000 4096", "0xffffff+0x2"},
        {"0x400000 0 1 0xffffffffffffffff 9 0x500000 4096", "0xffffffffffffffff+0x9"},
        {"0x400000 0 1 0x410000 0xffffffffffffffff 0 0", "0x410000+0xffffffffffffffff"},
        {"0x400000 0 1 0x410000 9 0x1000000 1", "call tool: 0x1000000+0x1 is not in memory"},
        {"0x400000 0 1 0x410000 9 1 0xffffffffffffffff", "is not in memory"},
        {"0x400003 0 1 0x410000 9 0 0", ""},               /* a table at an odd address */
        {"0x400000 0 1 0x1000000 0 0x500000 4096", "67 "}, /* no bytes, just after memory */
    };
    struct vmm_tools *tools = vt_tools();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
        struct vmm *vm = vt_boot(&io);
        struct vmm_outcome o = vt_tools_run(vm, tools, NULL, "tools-forged", rows[i].words);
        const char *text = o.kind == VMM_EXITED ? vt_content(io.stdout_fd, NULL) : o.detail;
        if ((o.kind != VMM_EXITED && o.kind != VMM_BROKEN) || strstr(text, rows[i].says) == NULL) {
            vt_fail(__FILE__, __LINE__, "%s: %d, '%s', not '%s'", rows[i].words, o.kind, text,
                    rows[i].says);
        }
        vmm_destroy(vm);
    }
    vmm_tools_destroy(tools);
}

/* All of it is in memory, and too large. */
static void t_forged_large(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    struct vmm *vm;
    struct vmm_tools *tools = vt_tools();
    const struct vmm_config config = {
        .kernel_path = vt_kernel, .initrd_path = vt_initrd, .memory = 64 << 20, .io = vt_no_io};
    OK(vmm_create(&config, &vm, &err));
    OK(vmm_start(vm, VT_TIMEOUT, &o, &err));
    IS(vt_tools_run(vm, tools, NULL, "tools-forged", "0x400000 0 1 0x410000 16777217 0 0"),
       VMM_BROKEN, 0, "0x410000+0x1000001");
    vmm_destroy(vm);
    vmm_tools_destroy(tools);
}

/* Indices of calls that are not there, and one that is there already. */
static void t_wrong_order(void)
{
    static const char *const rows[][2] = {
        {"m0:open: m0:open:", "call tool: the request 0 was made before"},
        {"m0:open: m0:echo:", "call tool: the request 0 was made before"},
        {"r0", "call reply: the request 0 was not made"},
        {"f0", "call forget: the request 0 was not made"},
        {"m0:echo: r0", "call reply: the request 0 was not made"},
        {"m0:echo: f0", "call forget: the request 0 was not made"},
        {"m0:open: f0 f0", "call forget: the request 0 was not made"},
        {"m0:open: r256", "call reply: the request 256 was not made"},
        {"m0:open: f18446744073709551615", "call forget: the request 18446744073709551615 was"},
    };
    struct vmm_tools *tools = vt_tools();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vmm *vm = vt_boot(&vt_no_io);
        IS(vt_tools_run(vm, tools, NULL, "tools", rows[i][0]), VMM_BROKEN, 0, rows[i][1]);
        vmm_destroy(vm);
    }
    vmm_tools_destroy(tools);
    SAYS("m0:open: f0 m0:open: f0 a", ". 0 . 0 -11 ");
}

/* Two VMs on two threads with one set. */
static void *many_calls(void *arg)
{
    struct vt_tools_seen seen = {0};
    struct vmm *vm = vt_boot(&vt_no_io);
    for (int i = 0; i < 50; i++) {
        IS(vt_tools_run(vm, arg, &seen, "tools", "m0:echo:a m1:echo:b m2:thread:now e1"), VMM_READY,
           1, "");
    }
    CHECK_INT(seen.calls, 100);
    vmm_destroy(vm);
    return NULL;
}

static void t_shared(void)
{
    pthread_t threads[2];
    struct vmm_tools *tools = vt_tools();
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_create(&threads[i], NULL, many_calls, tools) == 0);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    vmm_tools_destroy(tools);
}

const struct vt_test vt_tools_tests[] = {
    {"tools-sets", t_sets},
    {"tools-sets-held", t_sets_held},
    {"tools-named", t_named},
    {"tools-at-once", t_at_once},
    {"tools-refused", t_refused},
    {"tools-error", t_error},
    {"tools-computing", t_computing},
    {"tools-output", t_output},
    {"tools-limit", t_limit},
    {"tools-hidden", t_hidden},
    {"tools-held", t_held},
    {"tools-forged", t_forged},
    {"tools-forged-large", t_forged_large},
    {"tools-wrong-order", t_wrong_order},
    {"tools-shared", t_shared},
    {NULL, NULL},
};
