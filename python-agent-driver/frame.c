// SPDX-License-Identifier: Apache-2.0
/*
 * Takes a run frame (struct hv_run and its data, vmm/abi.h) off the device and turns its offsets
 * into pointers. The first read is where the snapshot is taken. The frame comes from the VMM, but
 * every offset and length is checked all the same: a wrong one is a message here, not a wild
 * pointer later.
 */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/abi.h"

#define FIRST_BUFFER  (64u * 1024u)
#define FIRST_LISTS   120u
#define FIRST_COMMAND 512u

/* Small frames and their lists stay here, so that a run writes one page for them and no new one of
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

static char *at_offset(struct bytes all, uint64_t off, uint64_t len, const char *what)
{
    if (off > all.size || len > all.size - off) {
        drv_fail("bad run frame: %s is outside its %zu bytes", what, all.size);
    }
    return all.data + off;
}

static char *string_at(struct bytes all, uint64_t off, const char *what)
{
    char *start = at_offset(all, off, 1, what);
    if (memchr(start, 0, all.size - off) == NULL) {
        drv_fail("bad run frame: %s does not end", what);
    }
    return start;
}

/* In `list` when there is room in it, of FIRST_LISTS. */
static char **list_at(struct bytes all, uint64_t off, uint64_t count, char **list, const char *what)
{
    if (count > all.size) {
        drv_fail("bad run frame: %llu strings in %s", (unsigned long long)count, what);
    }
    if (count >= FIRST_LISTS) {
        list = malloc((count + 1) * sizeof(*list));
    }
    if (list == NULL) {
        drv_fail("no memory for %s", what);
    }
    for (uint64_t i = 0; i < count; i++) {
        list[i] = string_at(all, off, what);
        off += strlen(list[i]) + 1;
    }
    list[count] = NULL;
    return list;
}

static char *append(char *at, const void *data, size_t len)
{
    memcpy(at, data, len);
    at[len] = 0;
    return at + len + 1;
}

/* python3 OPTION... [-c CODE | -m MODULE | SCRIPT | -] ARGUMENT... */
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

static void check_run(const struct hv_run *run)
{
    if (run->size != sizeof(*run)) {
        drv_fail("bad run frame: its header has %u bytes, not %zu", run->size, sizeof(*run));
    }
    if (run->mode < HV_RUN_FILE || run->mode > HV_RUN_STDIN) {
        drv_fail("bad run frame: mode %u is not one of the driver's", run->mode);
    }
    if (run->argc == 0) {
        drv_fail("bad run frame: no argv[0]");
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
    struct hv_run run;
    memcpy(&run, at_offset(all, 0, sizeof(run), "the header"), sizeof(run));
    check_run(&run);
    frame->mode = run.mode;
    frame->deterministic = (run.flags & HV_RESUME_DETERMINISTIC) != 0;
    frame->optc = run.optc;
    frame->options = list_at(all, run.argv_off, (uint64_t)run.optc + run.argc, first.argv, "argv");
    frame->argc = run.argc;
    frame->argv = frame->options + run.optc;
    frame->envc = run.envc;
    frame->env = list_at(all, run.env_off, run.envc, first.env, "the environment");
    frame->cwd = string_at(all, run.cwd_off, "the working directory");
    frame->source = at_offset(all, run.source_off, run.source_len, "the source");
    frame->source_len = run.source_len;
    frame_command(frame);
    return frame;
}
