// SPDX-License-Identifier: Apache-2.0
/*
 * A host that calls functions of a guest, by name and with typed arguments. The guest's function
 * `greet` calls a function of this host, `shout`.
 *
 * usage: host KERNEL INITRD
 */
#include "images/values.h"

#include <vmm/abi.h>
#include <vmm/vmm.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

/* shout(text): the text in capitals. */
static int on_shout(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    struct value v;
    char text[32], reply[64];
    (void)arg, (void)tools_arg;
    if (values_read(call->bytes, call->size, &v, 1) != 1 || v.type != VALUE_STRING ||
        v.size >= sizeof(text)) {
        return vmm_reply_error(vm, call->id, "ValueError", "shout takes a short string", NULL);
    }
    for (size_t i = 0; i <= v.size; i++) {
        text[i] = (char)toupper(((const unsigned char *)v.bytes)[i]);
    }
    v = value_string(text);
    return vmm_reply(vm, call->id, reply, values_write(&v, 1, reply, sizeof(reply)), NULL);
}

/* A "result", which is one value, or an "error": its type and message. */
static int on_record(void *arg, const char *kind, const void *bytes, size_t size)
{
    struct value v[2];
    const int count = values_read(bytes, size, v, 2);
    (void)arg;
    printf("%s:", kind);
    for (int i = 0; i < count; i++) {
        if (v[i].type == VALUE_STRING || v[i].type == VALUE_BYTES) {
            printf(" %.*s", (int)v[i].size, (const char *)v[i].bytes);
        } else if (v[i].type == VALUE_DOUBLE) {
            printf(" %g", v[i].real);
        } else if (v[i].type == VALUE_INT) {
            printf(" %lld", (long long)v[i].integer);
        } else {
            printf(" %s", v[i].type == VALUE_NONE ? "none" : v[i].boolean ? "true" : "false");
        }
    }
    return putchar('\n') < 0 ? -EIO : 0;
}

/* The guest's function gets the run, and gives a record. */
static int call(struct vmm *vm, const struct vmm_tools *tools, const char *name,
                const struct value *arguments, size_t count, struct vmm_err *err)
{
    char bytes[256];
    struct vmm_outcome end;
    const struct vmm_run run = {.mode = HV_RUN_FUNCTION,
                                .argv = (const char *const[]){name, NULL},
                                .cwd = "/",
                                .source = bytes,
                                .source_len = values_write(arguments, count, bytes, sizeof(bytes)),
                                .timeout_ns = 10000000000,
                                .tools = tools};
    int rc = vmm_run(vm, &run, &end, err);
    return rc < 0 || end.kind == VMM_READY ? rc : vmm_err_set(err, EPROTO, "it has ended");
}

int main(int argc, char **argv)
{
    const struct vmm_function shout = {.name = "shout", .call = on_shout};
    const struct vmm_config config = {
        .kernel_path = argc == 3 ? argv[1] : "",
        .initrd_path = argc == 3 ? argv[2] : "",
        .memory = VMM_MEMORY_MIN,
        .io = {.stdin_fd = -1, .stdout_fd = 1, .stderr_fd = 2, .record = on_record}};
    const struct vmm_run program = {.argv = (const char *const[]){"/bin/functions", NULL},
                                    .cwd = "/",
                                    .timeout_ns = 10000000000};
    const struct {
        const char *name;
        size_t count;
        struct value arguments[2];
    } calls[] = {
        {"greet", 2, {value_string("world"), value_int(2)}},
        {"add", 2, {value_int(40), value_int(2)}},
        {"half", 1, {value_double(5)}},
        {"invert", 1, {value_bool(true)}},
        {"reverse", 1, {value_bytes("stressed", 8)}},
        {"count", 0, {value_none()}},
        {"count", 0, {value_none()}}, /* it is the same machine */
        {"add", 2, {value_int(INT64_MAX), value_int(1)}},
        {"add", 1, {value_string("40")}},
        {"greet", 2, {value_string("a world whose name is rather long"), value_int(1)}},
        {"none", 0, {value_none()}},
    };
    struct vmm_tools *tools = NULL;
    struct vmm *vm = NULL;
    struct vmm_outcome end = {0};
    struct vmm_err err = {0};
    int rc = vmm_tools_create(&shout, 1, &tools, &err);
    rc = rc == 0 ? vmm_create(&config, &vm, &err) : rc;
    rc = rc == 0 ? vmm_start(vm, program.timeout_ns, &end, &err) : rc;
    rc = rc == 0 ? vmm_run(vm, &program, &end, &err) : rc;
    for (size_t i = 0; rc == 0 && i < sizeof(calls) / sizeof(calls[0]); i++) {
        rc = call(vm, tools, calls[i].name, calls[i].arguments, calls[i].count, &err);
    }
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], err.msg);
    }
    vmm_destroy(vm);
    vmm_tools_destroy(tools);
    return rc < 0;
}
