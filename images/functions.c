// SPDX-License-Identifier: Apache-2.0
/*
 * See functions.h. Runs come from HV_RUN_DEVICE, results go to HV_RECORD_DEVICE, calls of the host
 * go to HV_TOOL_DEVICE. Each has one buffer, which grows as needed and is kept.
 */
#include "functions.h"

#include "../vmm/abi.h"
#include "runframe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

struct buffer {
    char *bytes;
    size_t size; /* in use */
    size_t room;
};

static struct buffer frame, request, reply, record;
static int run_device = -1, record_device = -1, tool_device = -1;
static char error_type[64], error_message[512];

int functions_fail(const char *type, const char *message)
{
    (void)snprintf(error_type, sizeof(error_type), "%s", type);
    (void)snprintf(error_message, sizeof(error_message), "%s", message);
    return -1;
}

static int fail_errno(const char *what)
{
    char text[200];
    (void)snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
    return functions_fail("OSError", text);
}

static bool buffer_reserve(struct buffer *b, size_t room)
{
    if (room > b->room) {
        char *bytes = realloc(b->bytes, room);
        if (bytes == NULL) {
            return false;
        }
        b->bytes = bytes;
        b->room = room;
    }
    return true;
}

/* Reads a device up to its end. */
static bool buffer_read(struct buffer *b, int fd)
{
    ssize_t n;
    b->size = 0;
    do {
        if (b->size == b->room && !buffer_reserve(b, b->room < 4096 ? 4096 : 2 * b->room)) {
            errno = ENOMEM;
            return false;
        }
        n = read(fd, b->bytes + b->size, b->room - b->size);
        b->size += n > 0 ? (size_t)n : 0;
    } while (n > 0 || (n < 0 && errno == EINTR));
    return n == 0;
}

/* Writes a name, a NUL and values, as one message. */
static int send_values(int fd, const char *name, const struct value *values, size_t count,
                       struct buffer *b)
{
    char copy[HV_FUNCTION_MAX];
    if (strlen(name) >= sizeof(copy)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(copy, name, strlen(name) + 1);
    b->size = values_write(values, count, NULL, 0);
    if (!buffer_reserve(b, b->size)) {
        errno = ENOMEM;
        return -1;
    }
    (void)values_write(values, count, b->bytes, b->size);
    const struct iovec message[] = {{copy, strlen(name) + 1}, {b->bytes, b->size}};
    return writev(fd, message, b->size > 0 ? 2 : 1) < 0 ? -1 : 0;
}

int functions_call(const char *name, const struct value *arguments, size_t count,
                   struct value *result)
{
    const struct hv_reply *head;
    tool_device = tool_device < 0 ? open(HV_TOOL_DEVICE, O_RDWR | O_CLOEXEC) : tool_device;
    if (tool_device < 0 || send_values(tool_device, name, arguments, count, &request) < 0 ||
        !buffer_read(&reply, tool_device)) {
        return fail_errno(name);
    }
    head = (const struct hv_reply *)(const void *)reply.bytes;
    if (reply.size < sizeof(*head)) {
        return functions_fail("OSError", "a reply without its header");
    }
    char *bytes = reply.bytes + sizeof(*head);
    const size_t size = reply.size - sizeof(*head);
    if (head->failed) { /* a type, a NUL and a message, which is not terminated */
        const size_t type = strnlen(bytes, size), rest = type < size ? size - type - 1 : 0;
        char text[sizeof(error_message)];
        (void)snprintf(text, sizeof(text), "%.*s", (int)rest, bytes + size - rest);
        return functions_fail(type < size ? bytes : "Error", text);
    }
    return values_read(bytes, size, result, 1) == 1
               ? 0
               : functions_fail("TypeError", "the host's function gave no value");
}

static const struct function *find(const struct function *f, const char *name)
{
    while (f->name != NULL && strcmp(f->name, name) != 0) {
        f++;
    }
    return f->name != NULL ? f : NULL;
}

/* Checks the arguments and calls the function. */
static int serve_call(const struct function *f, const char *source, size_t size,
                      struct value *result)
{
    struct value arguments[FUNCTION_ARGUMENTS];
    char text[200], types[FUNCTION_ARGUMENTS + 1] = "";
    const int count = values_read(source, size, arguments, FUNCTION_ARGUMENTS);
    for (int i = 0; i < count; i++) {
        types[i] = (char)arguments[i].type;
    }
    if (count < 0 || strcmp(types, f->takes) != 0) {
        (void)snprintf(text, sizeof(text), "%s takes the arguments '%s', not '%s'", f->name,
                       f->takes, count < 0 ? "?" : types);
        return functions_fail("TypeError", text);
    }
    return f->fn(arguments, result);
}

static int serve_run(const struct function *functions, struct value *result)
{
    char *name = NULL;
    char text[200];
    size_t size;
    if (runframe_mode(frame.bytes) != HV_RUN_FUNCTION ||
        runframe_strings(frame.bytes, frame.size, HV_RECORD_ARGV, &name, 1) == 0) {
        return functions_fail("ValueError", "this program takes runs that call a function");
    }
    const struct function *f = find(functions, name);
    if (f == NULL) {
        (void)snprintf(text, sizeof(text), "the guest has no function '%s'", name);
        return functions_fail("NameError", text);
    }
    const char *source = runframe_bytes(frame.bytes, frame.size, HV_RECORD_SOURCE, &size);
    return serve_call(f, source, size, result);
}

static int give_up(const char *what)
{
    (void)fprintf(stderr, "functions: %s: %s\n", what, strerror(errno));
    return 1;
}

int functions_serve(const struct function *functions)
{
    run_device = open(HV_RUN_DEVICE, O_RDWR | O_CLOEXEC);
    record_device = open(HV_RECORD_DEVICE, O_WRONLY | O_CLOEXEC);
    if (run_device < 0 || record_device < 0) {
        return give_up(HV_RUN_DEVICE);
    }
    for (;;) {
        struct value result = value_none();
        if (!buffer_read(&frame, run_device) || runframe_check(frame.bytes, frame.size) != NULL) {
            return give_up("no run");
        }
        const int status = serve_run(functions, &result) < 0;
        const struct value error[] = {value_string(error_type), value_string(error_message)};
        if (send_values(record_device, status ? "error" : "result", status ? error : &result,
                        status ? 2 : 1, &record) < 0) {
            return give_up(HV_RECORD_DEVICE);
        }
        (void)fflush(NULL);
        if (write(run_device, &status, sizeof(status)) != sizeof(status)) {
            return give_up(HV_RUN_DEVICE);
        }
    }
}
