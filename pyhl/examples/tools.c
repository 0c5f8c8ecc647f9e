// SPDX-License-Identifier: Apache-2.0
/*
 * Functions of the host that Python code calls: one that answers at once, and one that is left open
 * until a person has said something. Meanwhile the VM stands still and takes no thread.
 *
 * usage: tools HOME CODE       with lines on standard input, one for each call of host.ask()
 */
#include <pyhl/pyhl.h>

#include <ctype.h>
#include <stdio.h>

#define CALLS 16

/* host.shout(text): the arguments as they came, in capital letters. */
static int shout(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call)
{
    char reply[1000];
    (void)arg;
    (void)tools_arg;
    if (call->size > sizeof(reply)) {
        return vmm_reply_error(vm, call->id, "ValueError", "that is too long to be shouted", NULL);
    }
    for (size_t i = 0; i < call->size; i++) {
        reply[i] = (char)toupper(((const unsigned char *)call->bytes)[i]);
    }
    return vmm_reply(vm, call->id, reply, call->size, NULL);
}

/* Answers the open calls, each by a line. */
static int ask_person(struct vmm *vm, struct vmm_err *err)
{
    struct vmm_call calls[CALLS];
    char line[200], reply[sizeof(line) + 20];
    size_t count;
    int rc = vmm_calls(vm, calls, CALLS, &count);
    for (size_t i = 0; rc == 0 && i < count && i < CALLS; i++) {
        printf("%s %.*s ", calls[i].name, (int)calls[i].size, (const char *)calls[i].bytes);
        if (scanf("%199[^\n\"\\]%*c", line) != 1) {
            rc = vmm_reply_error(vm, calls[i].id, "EOFError", "nobody answers", err);
        } else {
            const int size = snprintf(reply, sizeof(reply), "{\"said\": \"%s\"}", line);
            rc = vmm_reply(vm, calls[i].id, reply, (size_t)size, err);
        }
    }
    putchar('\n');
    return rc;
}

int main(int argc, char **argv)
{
    const struct vmm_function functions[] = {
        {.name = "shout",
         .schema = "{\"description\": \"Say it loudly.\", \"required\": [\"text\"],"
                   " \"properties\": {\"text\": {\"type\": \"string\"}}}",
         .call = shout},
        {.name = "ask"}, /* without a function it is always left open */
    };
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = 1, .stderr_fd = 2};
    struct pyhl_run run = {.code = argc > 2 ? argv[2] : "", .timeout_ns = 5000000000};
    struct vmm_outcome end = {.kind = VMM_BROKEN};
    struct pyhl_home *home = NULL;
    struct vmm_tools *tools = NULL;
    struct vmm *vm = NULL;
    struct vmm_err err;
    setvbuf(stdout, NULL, _IONBF, 0);
    int rc = pyhl_home_open(argc > 1 ? argv[1] : NULL, &home, &err);
    if (rc == 0) {
        rc = vmm_tools_create(functions, sizeof(functions) / sizeof(*functions), &tools, &err);
    }
    if (rc == 0) {
        rc = vmm_restore(pyhl_home_snapshot(home), &io, false, &vm, &err);
    }
    run.tools = tools;
    if (rc == 0) {
        rc = pyhl_run(vm, &run, &end, &err);
    }
    while (rc == 0 && end.kind == VMM_CALLED) {
        rc = ask_person(vm, &err);
        if (rc == 0) {
            rc = vmm_resume(vm, UINT64_MAX, &end, &err);
        }
    }
    vmm_destroy(vm);
    vmm_tools_destroy(tools);
    pyhl_home_close(home);
    if (rc < 0) {
        fprintf(stderr, "error: %s\n", err.msg);
    }
    return rc < 0 ? 1 : end.status;
}
