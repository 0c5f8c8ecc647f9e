// SPDX-License-Identifier: Apache-2.0
/*
 * vmmrun KERNEL INITRD [--memory MIB] [--trace] [--timeout SECONDS] [--quiet]
 *        [--then SOURCE]... [-- PROGRAM [ARGS...]]
 * Boots a fresh machine and runs one program in it, to debug kernels. --then is for a program that
 * takes runs (HV_RUN_DEVICE): it gets a run with this source. Several are run one after the other,
 * in the same machine. All have the functions of vmmrun_tools.c. Prints records on stdout, a line
 * each, unless --quiet, and the outcomes on stderr. Exits as the program did, 128+n for signals,
 * 124 on timeout, 125 when the machine failed, 2 on bad usage.
 */
#include "vmmrun.h"

#include "vmm/abi.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THEN_MAX 16

struct options {
    struct vmm_config config;
    struct vmm_run run;
    const char *then[THEN_MAX];
    unsigned then_count;
};

static void trace_line(void *arg, const char *line, size_t len)
{
    (void)arg;
    fprintf(stderr, "| %.*s\n", (int)len, line);
}

/* A line for each record: its kind, size, and the first of its bytes. */
static int show_record(void *arg, const char *kind, const void *bytes, size_t size)
{
    char text[61];
    size_t n = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
    (void)arg;
    for (size_t i = 0; i < n; i++) {
        const char c = ((const char *)bytes)[i];
        text[i] = c >= ' ' && c <= '~' ? c : '?';
    }
    text[n] = '\0';
    return dprintf(1, "record %s %zu: %s\n", kind, size, text) < 0 ? -errno : 0;
}

static int drop_record(void *arg, const char *kind, const void *bytes, size_t size)
{
    (void)arg, (void)kind, (void)bytes, (void)size;
    return 0;
}

static int usage(void)
{
    fputs("usage: vmmrun KERNEL INITRD [--memory MIB] [--trace] [--timeout SECONDS]"
          " [--quiet] [--then SOURCE]... [-- PROGRAM [ARGS...]]\n",
          stderr);
    return 2;
}

static int parse(int argc, char **argv, struct options *o)
{
    static const char *const none[] = {"/init", NULL};
    int names = 0;
    o->run.argv = none;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0 && i + 1 < argc) {
            o->run.argv = (const char *const *)(argv + i + 1);
            break;
        }
        if (strcmp(argv[i], "--trace") == 0) {
            o->config.trace = o->run.trace = true;
            o->config.io.trace = trace_line;
        } else if (strcmp(argv[i], "--quiet") == 0) {
            o->config.io.record = drop_record;
        } else if (strcmp(argv[i], "--memory") == 0 && i + 1 < argc) {
            o->config.memory = strtoull(argv[++i], NULL, 0) << 20;
        } else if (strcmp(argv[i], "--timeout") == 0 && i + 1 < argc) {
            o->run.timeout_ns = (uint64_t)(strtod(argv[++i], NULL) * 1e9);
        } else if (strcmp(argv[i], "--then") == 0 && i + 1 < argc && o->then_count < THEN_MAX) {
            o->then[o->then_count++] = argv[++i];
        } else if (argv[i][0] != '-' && names < 2) {
            *(names++ == 0 ? &o->config.kernel_path : &o->config.initrd_path) = argv[i];
        } else {
            return -1;
        }
    }
    return names == 2 ? 0 : -1;
}

static int report(const char *step, const struct vmm_outcome *o)
{
    static const char *const kinds[] = {
        [VMM_READY] = "ready",       [VMM_EXITED] = "exited",   [VMM_SIGNALED] = "signaled",
        [VMM_OOM] = "out of memory", [VMM_TIMEOUT] = "timeout", [VMM_PIPE_CLOSED] = "pipe closed",
        [VMM_KILLED] = "killed",     [VMM_PANIC] = "panic",     [VMM_BROKEN] = "broken",
        [VMM_OUTPUT] = "output",     [VMM_CALLED] = "called",   [VMM_CALLS] = "calls",
        [VMM_FILES] = "files",       [VMM_CPU] = "CPU time",
    };
    const struct vmm_counters *c = &o->counters;
    fprintf(stderr,
            "%s: %s %d%s%s (%.3f ms, exits %" PRIu64 ": doorbell %" PRIu64 " signal %" PRIu64
            " other %" PRIu64 ", upcalls %" PRIu64 ", calls %" PRIu64 ", system calls %" PRIu64
            ": trapped %" PRIu64 ", page faults %" PRIu64 ")\n",
            step, kinds[o->kind], o->status, o->detail[0] ? ": " : "", o->detail,
            (double)c->run_ns / 1e6, c->exits, c->exits_doorbell, c->exits_signal,
            c->exits_memory + c->exits_other, c->upcalls, c->calls,
            c->syscalls_rewritten + c->syscalls_trapped, c->syscalls_trapped, c->guest_faults);
    switch (o->kind) {
    case VMM_READY:
    case VMM_PIPE_CLOSED:
        return 0;
    case VMM_EXITED:
        return o->status;
    case VMM_SIGNALED:
        return 128 + o->status;
    case VMM_OOM:
        return 137;
    case VMM_TIMEOUT:
        return 124;
    case VMM_CPU:
    case VMM_OUTPUT:
    case VMM_CALLED:
    case VMM_CALLS:
    case VMM_KILLED:
    case VMM_FILES:
    case VMM_PANIC:
    case VMM_BROKEN:
        break;
    }
    return 125;
}

static int run(const struct options *o, struct vmm *vm, struct vmm_err *err)
{
    struct vmm_outcome outcome;
    if (vmm_start(vm, o->run.timeout_ns, &outcome, err) < 0) {
        return -1;
    }
    int status = report("boot", &outcome);
    if (outcome.kind != VMM_READY) {
        return status != 0 ? status : 125;
    }
    if (vmm_run(vm, &o->run, &outcome, err) < 0 || run_to_end(vm, &outcome, err) < 0) {
        return -1;
    }
    status = report("run", &outcome);
    for (unsigned i = 0; i < o->then_count && outcome.kind == VMM_READY; i++) {
        struct vmm_run then = o->run;
        then.mode = HV_RUN_CODE;
        then.source = o->then[i];
        then.source_len = strlen(o->then[i]);
        if (vmm_run(vm, &then, &outcome, err) < 0 || run_to_end(vm, &outcome, err) < 0) {
            return -1;
        }
        status = report("then", &outcome);
    }
    return status;
}

int main(int argc, char **argv)
{
    static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                                      "HOME=/root", NULL};
    struct options o = {
        .config = {.memory = VMM_MEMORY_DEFAULT,
                   .io = {.stdout_fd = 1, .stderr_fd = 2, .record = show_record}},
        .run = {.mode = HV_RUN_EXEC, .env = env, .cwd = "/"},
    };
    if (parse(argc, argv, &o) < 0) {
        return usage();
    }
    struct vmm_tools *tools = NULL;
    struct vmm *vm = NULL;
    struct vmm_err err;
    int status = run_tools(&tools, &err) < 0 || vmm_create(&o.config, &vm, &err) < 0 ? -1 : 0;
    o.run.tools = tools;
    if (status == 0) {
        status = run(&o, vm, &err);
    }
    if (status < 0) {
        fprintf(stderr, "vmmrun: %s\n", err.msg);
        status = 125;
    }
    run_tools_wait();
    vmm_destroy(vm);
    vmm_tools_destroy(tools);
    return status;
}
