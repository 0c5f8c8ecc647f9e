// SPDX-License-Identifier: Apache-2.0
/*
 * Takes a run frame (struct hv_run and its records, vmm/abi.h) off the device and turns it into
 * pointers. The snapshot is taken in the first read. The frame comes from the VMM, but every length
 * in it is checked all the same (images/runframe.h): a wrong length is a message here, not a wild
 * pointer later.
 */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/runframe.h"
#include "vmm/abi.h"

#define FIRST_BUFFER  (64u * 1024u)
#define FIRST_LISTS   120u
#define FIRST_COMMAND 512u

/* Room for small frames and their lists, so that a run writes one page for them and no new page of
 * the heap. */
static struct {
    struct drv_frame frame;
    char *env[FIRST_LISTS];
    char *argv[FIRST_LISTS];
    char command[FIRST_COMMAND];
    char bytes[FIRST_BUFFER];
} first __attribute__((aligned(4096)));

struct bytes {
    char *data;
    size_t size;
};

static size_t read_some(int fd, char *at, size_t size, const char *path)
{
    ssize_t got;
    do {
        got = read(fd, at, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        drv_fail("cannot read the run from %s: %s", path, strerror(errno));
    }
    return (size_t)got;
}

static struct bytes read_all(const char *path)
{
    struct bytes all = {first.bytes, 0};
    size_t room = sizeof(first.bytes);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        drv_fail("cannot open %s: %s", path, strerror(errno));
    }
    for (;;) {
        size_t got = read_some(fd, all.data + all.size, room - all.size, path);
        all.size += got;
        if (got == 0) {
            break;
        }
        if (all.size == room) {
            char *bigger = realloc(all.data == first.bytes ? NULL : all.data, 2 * room);
            if (bigger == NULL) {
                drv_fail("no memory for a run of more than %zu bytes", room);
            }
            if (all.data == first.bytes) {
                memcpy(bigger, first.bytes, all.size);
            }
            all.data = bigger;
            room *= 2;
        }
    }
    close(fd);
    return all;
}

/* Makes a list of a record's strings, after the first `before` entries of `list`, and stores their
 * number in *count. It is `list` itself while that has room, for FIRST_LISTS, else a larger
 * copy. */
static char **list_of(struct bytes all, uint32_t kind, char **list, size_t before, size_t *count,
                      const char *what)
{
    *count = runframe_strings(all.data, all.size, kind, NULL, 0);
    if (before + *count >= FIRST_LISTS) {
        char **larger = malloc((before + *count + 1) * sizeof(*list));
        if (larger == NULL) {
            drv_fail("no memory for %s", what);
        }
        memcpy(larger, list, before * sizeof(*list));
        list = larger;
    }
    runframe_strings(all.data, all.size, kind, list + before, *count);
    list[before + *count] = NULL;
    return list;
}

static char *append(char *at, const void *data, size_t len)
{
    memcpy(at, data, len);
    at[len] = 0;
    return at + len + 1;
}

/* Makes the command line: python3 OPTION... [-c CODE | -m MODULE | SCRIPT | -] ARGUMENT... */
static void frame_command(struct drv_frame *frame)
{
    static const char python[] = "python3";
    bool option = frame->mode == HV_RUN_CODE || frame->mode == HV_RUN_MODULE;
    size_t size = sizeof(python) + (option ? frame->source_len + 1 : 0);
    for (char **word = frame->options; *word != NULL; word++) { /* argv comes after them */
        size += strlen(*word) + 1;
    }
    char *start = size <= FIRST_COMMAND ? first.command : malloc(size);
    if (start == NULL) {
        drv_fail("no memory for a command line of %zu bytes", size);
    }
    char *at = append(start, python, strlen(python));
    for (char **word = frame->options; *word != NULL; word++) {
        at = append(at, *word, strlen(*word));
        if (word == frame->argv && option) {
            at = append(at, frame->source, frame->source_len);
        }
    }
    frame->command = start;
    frame->command_len = size;
}

static void check_run(struct bytes all)
{
    const char *wrong = runframe_check(all.data, all.size);
    if (wrong != NULL) {
        drv_fail("bad run frame of %zu bytes: %s", all.size, wrong);
    }
    uint32_t mode = runframe_mode(all.data);
    if (mode < HV_RUN_FILE || mode > HV_RUN_STDIN) {
        drv_fail("bad run frame: mode %u is not one of the driver's", mode);
    }
}

void frame_place(void)
{
    environ = first.env;
}

struct drv_frame *frame_read(const char *path)
{
    struct drv_frame *frame = &first.frame;
    struct bytes all = read_all(path);
    check_run(all);
    frame->mode = runframe_mode(all.data);
    frame->deterministic = (runframe_flags(all.data) & HV_RESUME_DETERMINISTIC) != 0;
    frame->options =
        list_of(all, HV_RECORD_OPTIONS, first.argv, 0, &frame->optc, "the interpreter's options");
    frame->options =
        list_of(all, HV_RECORD_ARGV, frame->options, frame->optc, &frame->argc, "argv");
    frame->argv = frame->options + frame->optc;
    frame->env = list_of(all, HV_RECORD_ENV, first.env, 0, &frame->envc, "the environment");
    frame->cwd = runframe_bytes(all.data, all.size, HV_RECORD_CWD, &frame->source_len);
    frame->source = runframe_bytes(all.data, all.size, HV_RECORD_SOURCE, &frame->source_len);
    if (frame->argc == 0) {
        drv_fail("bad run frame: no argv[0]");
    }
    if (frame->cwd[0] != '/') {
        drv_fail("bad run frame: no working directory");
    }
    frame_command(frame);
    return frame;
}
