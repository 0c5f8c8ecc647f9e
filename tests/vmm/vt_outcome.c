// SPDX-License-Identifier: Apache-2.0
/*
 * Whatever a guest does has a name: each of these must end as it says, and never as an error of the
 * host.
 */
#include "vt.h"

/* name, argument -> outcome. One row, one property of the machine. */
static const struct {
    const char *name;
    const char *arg;
    enum vmm_outcome_kind kind;
    int status;
    const char *words;
} rows[] = {
    {"status", "0", VMM_EXITED, 0, ""},
    {"status", "255", VMM_EXITED, 255, ""},
    {"status", "300", VMM_EXITED, 300 & 255, ""},
    {"killed", "1", VMM_SIGNALED, 1, ""},
    {"killed", "64", VMM_SIGNALED, 64, ""},
    {"killed", "0", VMM_BROKEN, 0, "no signal has the number 0"},
    {"killed", "65", VMM_BROKEN, 0, "no signal has the number 65"},
    {"killed", "128", VMM_BROKEN, 0, "no signal has the number 128"},
    {"oom", "no memory", VMM_OOM, 9, "no memory"},
    {"panic", "the words", VMM_PANIC, 0, "the words"},
    {"panic", "bad \x1b[0m\n bytes", VMM_PANIC, 0, "bad ?[0m? bytes"},
    {"no-such-case", "", VMM_PANIC, 0, "no such case"},
    {"bad-kind", "", VMM_BROKEN, 0, "unknown kind 77"},
    {"bad-number", "", VMM_BROKEN, 0, "unknown call 0x3e7 (console)"},
    {"call", "65535", VMM_BROKEN, 0, "unknown call 0xffff (of no service)"},
    {"bad-ring", "", VMM_BROKEN, 0, "the stdout ring claims 65537 bytes"},
    {"bad-gpa", "0", VMM_BROKEN, 0, "not in memory"},
    {"bad-gpa", "1", VMM_BROKEN, 0, "not in memory"},
    {"bad-gpa", "2", VMM_BROKEN, 0, "not in memory"},
    {"bad-gpa", "3", VMM_BROKEN, 0, "not in memory"},
    {"bad-gpa", "4", VMM_BROKEN, 0, "not in memory"},
    {"bad-gpa", "5", VMM_BROKEN, 0, "not in memory"},
    {"triple", "", VMM_BROKEN, 0, "a triple fault"},
    {"privileged", "0", VMM_SIGNALED, 13, "trap 13"},
    {"privileged", "1", VMM_SIGNALED, 13, "trap 13"},
    {"privileged", "2", VMM_SIGNALED, 13, "trap 13"},
    {"privileged", "3", VMM_SIGNALED, 13, "trap 13"},
    {"privileged", "4", VMM_SIGNALED, 13, "trap 13"},
    {"privileged", "5", VMM_SIGNALED, 13, "trap 13"},
    {"privileged", "6", VMM_SIGNALED, 3, "trap 03"},
    {"privileged", "7", VMM_SIGNALED, 13, "trap 13"},
    {"privileged", "8", VMM_SIGNALED, 6, "trap 06"},
    {"in-doorbell", "", VMM_BROKEN, 0, "port 0xe0"},
    {"read", "0", VMM_SIGNALED, 14, "error 0004"},
    {"read", "20480", VMM_SIGNALED, 14, "error 0004"},
    {"read", "196608", VMM_SIGNALED, 14, "error 0004"},
    {"read", "16777216", VMM_SIGNALED, 14, "error 0004"},
    {"write", "262144", VMM_SIGNALED, 14, "error 0007"},
    {"write", "274877906944", VMM_SIGNALED, 14, "error 0007"},
    {"execute", "4194304", VMM_SIGNALED, 14, "error 0015"},
    {"execute", "0", VMM_SIGNALED, 14, "error 0014"},
    {"map", "274877906944", VMM_BROKEN, 0, "a write of 0x4000000000, which is not memory"},
    {"map", "268435456", VMM_BROKEN, 0, "a write of 0x10000000, which is not memory"},
    {"syscall", "", VMM_EXITED, 7, ""},
    {"initrd", "5000", VMM_EXITED, 0, ""},
};

static void t_outcomes(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vmm_outcome o = vt_once(rows[i].name, rows[i].arg);
        if (o.kind != rows[i].kind || o.status != rows[i].status ||
            strstr(o.detail, rows[i].words) == NULL) {
            vt_fail(__FILE__, __LINE__, "%s %s: outcome %d status %d (%s)", rows[i].name,
                    rows[i].arg, (int)o.kind, o.status, o.detail);
        }
    }
}

/* Random calls may end in any way, but as an outcome. The memory file takes what they print. */
static void t_garbage(void)
{
    struct vmm_io io = {.stdin_fd = vt_memfd("input", 5),
                        .stdout_fd = vt_memfd("", 0),
                        .stderr_fd = vt_memfd("", 0)};
    for (int i = 0; i < 100; i++) {
        char seed[12];
        snprintf(seed, sizeof(seed), "%d", i);
        struct vmm *vm = vt_boot(&io);
        (void)vt_run_for(vm, "garbage", seed, 300000000);
        vmm_destroy(vm);
    }
}

static void t_doorbell_loop(void)
{
    struct vmm *vm = vt_boot(&vt_no_io);
    struct vmm_outcome o = vt_run_for(vm, "doorbells", "", 200000000);
    IS(o, VMM_TIMEOUT, 0, "out of time");
    CHECK(o.counters.exits_doorbell > 100);
    vmm_destroy(vm);
}

static void t_string_output(void)
{
    struct vmm *vm = vt_boot(&vt_no_io);
    struct vmm_outcome o = vt_run_for(vm, "rep-outs", "", 200000000);
    CHECK(o.kind == VMM_TIMEOUT || o.kind == VMM_BROKEN);
    vmm_destroy(vm);
}

static void t_states(void)
{
    struct vmm_err err;
    struct vmm_outcome o;
    struct vmm *vm = vt_boot(&vt_no_io);
    FAILS(vmm_start(vm, 0, &o, &err), EINVAL, "started before");
    FAILS(vmm_check(vm, &err), EINVAL, "restored or rewound");
    FAILS(vmm_rewind(vm, &err), EINVAL, "not restored to be rewound");
    IS(vt_run(vm, "again", ""), VMM_READY, 0, "");
    IS(vt_run(vm, "status", "1"), VMM_EXITED, 1, "");
    const char *const argv[] = {"status", NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/"};
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "not ready");
    FAILS(vmm_snapshot_write(vm, 0, &(struct vmm_key){{0}}, &err), EINVAL, "does not wait");
    vmm_destroy(vm);
    vmm_destroy(NULL);
}

static void t_bad_config(void)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_config c = {.kernel_path = vt_kernel, .initrd_path = vt_initrd, .io = vt_no_io};
    c.memory = VMM_MEMORY_MIN - 1;
    FAILS(vmm_create(&c, &vm, &err), EINVAL, "memory of 15 MiB");
    c.memory = VMM_MEMORY_MAX + 1;
    FAILS(vmm_create(&c, &vm, &err), EINVAL, "wanted 16 to 65536 MiB");
    c.memory = VMM_MEMORY_MIN;
    c.initrd_path = "/nowhere/initrd";
    FAILS(vmm_create(&c, &vm, &err), ENOENT, "/nowhere/initrd");
    c.initrd_path = "/";
    FAILS(vmm_create(&c, &vm, &err), EINVAL, "not a regular file");
    c.initrd_path = NULL;
    FAILS(vmm_create(&c, &vm, &err), EINVAL, "initrd");
    CHECK(vm == NULL);
}

static void t_host_probe(void)
{
    struct vmm_err err;
    struct vmm_host host;
    OK(vmm_host_probe(&host, &err));
    CHECK_INT(host.kvm_api, 12);
    CHECK(host.tsc_khz > 100000 && host.cpu[0] != '\0');
    CHECK(strstr(host.capabilities, "sync-regs") != NULL);
}

/* The largest memory: page tables fit, nothing is touched. */
static void t_large_memory(void)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_outcome o;
    struct vmm_config c = {.kernel_path = vt_kernel, .initrd_path = vt_initrd, .io = vt_no_io};
    c.memory = VMM_MEMORY_MAX;
    OK(vmm_create(&c, &vm, &err));
    OK(vmm_start(vm, VT_TIMEOUT, &o, &err));
    IS(vt_run(vm, "read", "68719476735"), VMM_EXITED, 1, "read it");
    vmm_destroy(vm);
}

const struct vt_test vt_outcome_tests[] = {
    {"outcome-table", t_outcomes},
    {"outcome-garbage-calls", t_garbage},
    {"outcome-doorbells", t_doorbell_loop},
    {"outcome-string-output", t_string_output},
    {"outcome-states", t_states},
    {"config-bad", t_bad_config},
    {"host-probe", t_host_probe},
    {"memory-64-gib", t_large_memory},
    {NULL, NULL},
};
