// SPDX-License-Identifier: Apache-2.0
/*
 * Checkpoints of suspended runs: a copy takes the run over, with functions and limits of its own.
 */
#include "vt_tools.h"

#include <unistd.h>

static struct vmm_err err;
static struct vmm_outcome o;

/* A suspended run of a machine that can be rewound. */
static struct vmm *begin(struct vmm_snapshot *base, const struct vmm_tools *tools,
                         const char *script)
{
    struct vmm *vm;
    OK(vmm_restore(base, &vt_no_io, true, &vm, &err));
    o = vt_tools_run(vm, tools, NULL, "tools", script);
    IS(o, VMM_CALLED, 0, "");
    return vm;
}

static int output(struct vmm *vm)
{
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    vmm_io_set(vm, &io);
    return io.stdout_fd;
}

static void take_over(struct vmm *vm, const struct vmm_tools *tools, uint64_t timeout_ns)
{
    const struct vmm_run run = {.tools = tools, .timeout_ns = timeout_ns};
    OK(vmm_take_over(vm, &run, &err));
}

/* Answers the only open call and runs to the end, which says so. */
static void ends(struct vmm *vm, const char *reply, const char *text)
{
    struct vmm_call call;
    size_t count;
    const int fd = output(vm);
    OK(vmm_calls(vm, &call, 1, &count));
    CHECK_INT(count, 1);
    OK(vmm_reply(vm, call.id, reply, strlen(reply), &err));
    OK(vmm_resume(vm, VT_TIMEOUT, &o, &err));
    IS(o, VMM_EXITED, 0, "");
    const char *have = vt_content(fd, NULL);
    if (strcmp(have, text) != 0) {
        vt_fail(__FILE__, __LINE__, "said '%s', not '%s'", have, text);
    }
    close(fd);
}

static struct vmm *copied(struct vmm_snapshot *snap)
{
    struct vmm *vm;
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    OK(vmm_check(vm, &err));
    return vm;
}

/* The run goes on in the machine that it is of, in copies, and once more after a rewind. */
static void t_takeover(void)
{
    struct vmm_snapshot *base = vt_snapshot_open(), *snap;
    struct vmm_tools *tools = vt_tools();
    struct vmm *vm = begin(base, tools, "m3:open:ab w a r3");
    OK(vmm_checkpoint(vm, &snap, &err));
    ends(vm, "mine", "tool 3 =mine ");
    for (int i = 0; i < 3; i++) {
        struct vmm_call call;
        size_t count;
        struct vmm *copy = copied(snap);
        take_over(copy, tools, VT_TIMEOUT);
        OK(vmm_calls(copy, &call, 1, &count));
        CHECK(count == 1 && strcmp(call.name, "open") == 0 && call.size == 2 &&
              memcmp(call.bytes, "ab", 2) == 0);
        ends(copy, "copy", "restored tool 3 ~=copy ");
        OK(vmm_rewind(i == 0 ? vm : copy, &err)); /* into the middle of the run */
        OK(vmm_check(i == 0 ? vm : copy, &err));
        take_over(i == 0 ? vm : copy, tools, VT_TIMEOUT);
        ends(i == 0 ? vm : copy, "again", "restored tool 3 ~=again ");
        vmm_destroy(copy);
    }
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(base);
    vmm_tools_destroy(tools);
}

static int on_open(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    (void)arg;
    (void)tools_arg;
    return vmm_reply(vm, call->id, "at once", 7, NULL);
}

/* The copy has other functions: one that answers at once, and none. */
static void t_takeover_functions(void)
{
    static const struct vmm_function own[] = {{.name = "open", .call = on_open}};
    struct vmm_snapshot *base = vt_snapshot_open(), *snap;
    struct vmm_tools *tools = vt_tools(), *other;
    OK(vmm_tools_create(own, 1, &other, &err));
    struct vmm *vm = begin(base, tools, "m0:open: w a r0 m1:open:");
    OK(vmm_checkpoint(vm, &snap, &err));
    vmm_destroy(vm);
    for (int i = 0; i < 2; i++) {
        vm = copied(snap);
        const int fd = output(vm);
        take_over(vm, i == 0 ? other : NULL, VT_TIMEOUT);
        OK(vmm_resume(vm, VT_TIMEOUT, &o, &err));
        vmm_destroy(vm);
        const char *want = i == 0 ? "restored tool 0 ~=at once =at once "
                                  : "restored tool 0 ~!NameError|the host has no function 'open' "
                                    "!NameError|the host has no function 'open' ";
        const char *have = vt_content(fd, NULL);
        if (strncmp(have, want, strlen(want)) != 0) {
            vt_fail(__FILE__, __LINE__, "said '%s', not '%s'", have, want);
        }
        close(fd);
    }
    vmm_snapshot_close(snap);
    vmm_snapshot_close(base);
    vmm_tools_destroy(tools);
    vmm_tools_destroy(other);
}

/* The timer of the guest is due in a copy, too, by a clock that has gone on; and its own deadline
 * holds. */
static void t_takeover_time(void)
{
    struct vmm_snapshot *base = vt_snapshot_open(), *snap;
    struct vmm_tools *tools = vt_tools();
    struct vmm *vm = begin(base, tools, "m0:open: w100 a w");
    OK(vmm_checkpoint(vm, &snap, &err));
    vmm_destroy(vm);
    vm = copied(snap);
    const int fd = output(vm);
    take_over(vm, tools, VT_SHORT);
    OK(vmm_resume(vm, VT_TIMEOUT, &o, &err));
    IS(o, VMM_CALLED, 0, "");
    CHECK(strcmp(vt_content(fd, NULL), "restored -11 ") == 0 ||
          strcmp(vt_content(fd, NULL), "restored time -11 ") == 0);
    OK(vmm_resume(vm, 0, &o, &err));
    IS(o, VMM_CALLED, 0, "");
    vmm_destroy(vm);
    vm = begin(base, tools, "m0:open: w s");
    vmm_snapshot_close(snap);
    OK(vmm_checkpoint(vm, &snap, &err));
    vmm_destroy(vm);
    vm = copied(snap);
    take_over(vm, tools, VT_SHORT);
    struct vmm_call call;
    size_t count;
    OK(vmm_calls(vm, &call, 1, &count));
    OK(vmm_reply(vm, call.id, "", 0, &err));
    OK(vmm_resume(vm, VT_TIMEOUT, &o, &err));
    IS(o, VMM_TIMEOUT, 0, "");
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(base);
    vmm_tools_destroy(tools);
}

static void t_takeover_file(void)
{
    struct vmm_snapshot *base = vt_snapshot_open(), *snap;
    struct vmm_tools *tools = vt_tools();
    struct vmm *vm = begin(base, tools, "m3:open:ab w a r3");
    const int fd = vt_memfd("", 0);
    OK(vmm_checkpoint_save(vm, fd, &err));
    vmm_destroy(vm);
    OK(vmm_checkpoint_open_fd(fd, base, &snap, &err));
    vm = copied(snap);
    take_over(vm, tools, VT_TIMEOUT);
    ends(vm, "late", "restored tool 3 ~=late ");
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(base);
    vmm_tools_destroy(tools);
}

static void t_takeover_refused(void)
{
    const struct vmm_run run = {.argv = (const char *const[]){"x", NULL}, .cwd = "/"};
    struct vmm_snapshot *base = vt_snapshot_open(), *snap;
    struct vmm_tools *tools = vt_tools();
    struct vmm *vm = begin(base, tools, "m0:open: w a r0 w");
    struct vmm_call call;
    size_t count;
    FAILS(vmm_take_over(vm, &run, &err), EINVAL, "not in the middle");
    OK(vmm_checkpoint(vm, &snap, &err));
    OK(vmm_calls(vm, &call, 1, &count));
    OK(vmm_reply(vm, call.id, "", 0, &err));
    struct vmm_snapshot *none;
    FAILS(vmm_checkpoint(vm, &none, &err), EBUSY, "before vmm_resume()");
    vmm_destroy(vm);
    vm = copied(snap);
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "vmm_take_over()");
    FAILS(vmm_resume(vm, 0, &o, &err), EINVAL, "no run of the machine is suspended");
    FAILS(vmm_checkpoint(vm, &none, &err), EINVAL, "no checkpoint");
    take_over(vm, tools, VT_TIMEOUT);
    FAILS(vmm_take_over(vm, &run, &err), EINVAL, "not in the middle");
    OK(vmm_rewind(vm, &err)); /* and what was taken over is left */
    OK(vmm_rewind_to(vm, base, &err));
    OK(vmm_check(vm, &err));
    IS(vt_run(vm, "status", "5"), VMM_EXITED, 5, "");
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(base);
    vmm_tools_destroy(tools);
}

static int on_failing(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    (void)arg;
    (void)tools_arg;
    (void)vm;
    return call->size == 2 ? 0 : -EIO;
}

static void on_release(void *arg)
{
    *(int *)arg += 1;
}

/* A function fails while calls are made again. The machine refuses to run, gives back what it was
 * given, and after a rewind the same calls are made to other functions. */
static void t_takeover_fails(void)
{
    int released = 0;
    const struct vmm_function own[] = {
        {.name = "open", .call = on_failing, .arg = &released, .release = on_release}};
    const struct vmm_run run = {.argv = (const char *const[]){"x", NULL}, .cwd = "/"};
    struct vmm_snapshot *base = vt_snapshot_open(), *snap;
    struct vmm_tools *tools = vt_tools();
    struct vmm *vm = begin(base, tools, "m3:open:ab m4:open:c w a r3 f3 w a r4");
    OK(vmm_checkpoint(vm, &snap, &err));
    for (int i = 1; i <= 3; i++) {
        struct vmm_tools *failing;
        struct vmm_call calls[2];
        size_t count;
        OK(vmm_tools_create(own, 1, &failing, &err));
        const struct vmm_run fails = {.tools = failing};
        OK(vmm_rewind(vm, &err));
        CHECK_INT(vmm_take_over(vm, &fails, &err), -EIO);
        vmm_tools_destroy(failing);
        CHECK_INT(released, i);
        FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "not ready");
        FAILS(vmm_checkpoint(vm, &(struct vmm_snapshot *){NULL}, &err), EINVAL, "no checkpoint");
        OK(vmm_rewind(vm, &err));
        take_over(vm, tools, VT_TIMEOUT);
        OK(vmm_calls(vm, calls, 2, &count));
        CHECK_INT(count, 2);
    }
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(base);
    vmm_tools_destroy(tools);
}

/* A function of the host is called while the machine runs. */
static int on_checkpoint(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    struct vmm_snapshot *none;
    (void)arg;
    (void)tools_arg;
    FAILS(vmm_checkpoint(vm, &none, &err), EINVAL, "running");
    FAILS(vmm_checkpoint_save(vm, vt_memfd("", 0), &err), EINVAL, "running");
    return vmm_reply(vm, call->id, "", 0, NULL);
}

static void t_takeover_running(void)
{
    static const struct vmm_function own[] = {{.name = "open", .call = on_checkpoint},
                                              {.name = "late"}};
    struct vmm_snapshot *base = vt_snapshot_open();
    struct vmm_tools *tools;
    OK(vmm_tools_create(own, 2, &tools, &err));
    struct vmm *vm = begin(base, tools, "m0:open: m1:late: w a r1 m0:open:");
    struct vmm_call call;
    size_t count;
    OK(vmm_calls(vm, &call, 1, &count));
    CHECK(count == 1 && strcmp(call.name, "late") == 0);
    OK(vmm_reply(vm, call.id, "", 0, &err));
    OK(vmm_resume(vm, VT_TIMEOUT, &o, &err));
    IS(o, VMM_EXITED, 0, "");
    vmm_destroy(vm);
    vmm_snapshot_close(base);
    vmm_tools_destroy(tools);
}

const struct vt_test vt_takeover_tests[] = {
    {"takeover", t_takeover},
    {"takeover-functions", t_takeover_functions},
    {"takeover-time", t_takeover_time},
    {"takeover-file", t_takeover_file},
    {"takeover-refused", t_takeover_refused},
    {"takeover-fails", t_takeover_fails},
    {"takeover-running", t_takeover_running},
    {NULL, NULL},
};
