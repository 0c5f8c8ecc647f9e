// SPDX-License-Identifier: Apache-2.0
/*
 * Takes run frames (struct hv_run and its records, vmm/abi.h) off the device and turns them into
 * pointers. The snapshot is taken in the first read. A frame comes from the VMM, but every length
 * in it is checked all the same (images/runframe.h): a wrong length is a message here, not a wild
 * pointer later. The first frame lives as long as the process. Of a session's later frames there is
 * one at a time.
 */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "images/runframe.h"
#include "vmm/abi.h"

#define ROOM_BUFFER  (64u * 1024u)
#define ROOM_LISTS   120u
#define ROOM_COMMAND 512u
#define ROOM_STEP    (1u << 20)
#define ROOM_PAGE    4096u

/* The descriptor of the device in a session, out of the way of those that programs get. */
#define DEVICE_FD 1000

struct bytes {
    char *data;
    size_t size;
    size_t mapped; /* 0, or the size of a mapping that they are in */
    bool lost;     /* there was no memory for all of them: data are the first */
};

/* Room for small frames and their lists, so that a run writes one page for them and no new page of
 * the heap. What does not fit is allocated. */
struct room {
    struct drv_frame frame;
    char *env[ROOM_LISTS];
    char *argv[ROOM_LISTS];
    char command[ROOM_COMMAND];
    char bytes[ROOM_BUFFER];
};

static struct room first __attribute__((aligned(4096)));
static struct room later __attribute__((aligned(4096)));
static struct bytes later_bytes;
static int device = -1;

/* Memory that the machine does not have would end it, once it is used. */
static bool has_memory(size_t size)
{
    struct sysinfo info;
    return size < ROOM_STEP || sysinfo(&info) != 0 ||
           info.freeram * info.mem_unit >= (uint64_t)size + ROOM_STEP;
}

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

/* There is no memory for a frame: reads to its end, and keeps its header. That is the end of a
 * machine which has nothing else to go on with. */
static struct bytes read_lost(int fd, struct room *own, struct bytes all, const char *path)
{
    if (own != &later) {
        drv_fail("no memory for a run of more than %zu bytes", all.size);
    }
    if (all.mapped > 0) {
        memcpy(own->bytes, all.data, sizeof(struct hv_run));
        munmap(all.data, all.mapped);
    }
    char *rest = own->bytes + sizeof(struct hv_run);
    while (read_some(fd, rest, sizeof(own->bytes) - sizeof(struct hv_run), path) > 0) {
    }
    return (struct bytes){own->bytes, sizeof(struct hv_run), 0, true};
}

/* Makes room for more of a frame, in a mapping: in the heap each step would leave a hole behind.
 * False: there is no memory. */
static bool grow(struct bytes *all, size_t to)
{
    void *bigger = MAP_FAILED;
    if (has_memory(to - all->size)) {
        bigger = all->mapped > 0
                     ? mremap(all->data, all->mapped, to, MREMAP_MAYMOVE)
                     : mmap(NULL, to, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    if (bigger == MAP_FAILED) {
        return false;
    }
    if (all->mapped == 0) {
        memcpy(bigger, all->data, all->size);
    }
    all->data = bigger;
    all->mapped = to;
    return true;
}

static struct bytes read_all(int fd, struct room *own, const char *path)
{
    struct bytes all = {own->bytes, 0, 0, false};
    size_t room = sizeof(own->bytes);
    for (;;) {
        size_t got = read_some(fd, all.data + all.size, room - all.size, path);
        all.size += got;
        if (got == 0) {
            return all;
        }
        if (all.size == room) {
            room += room < ROOM_STEP ? room : room / 4 / ROOM_PAGE * ROOM_PAGE;
            if (!grow(&all, room)) {
                return read_lost(fd, own, all, path);
            }
        }
    }
}

/* Makes a list of a record's strings, after the first `before` entries of `list`, and stores their
 * number in *count. It is `list` itself while that has room, for ROOM_LISTS, else a larger
 * copy. */
static char **list_of(struct bytes all, uint32_t kind, char **list, size_t before, size_t *count,
                      const char *what)
{
    *count = runframe_strings(all.data, all.size, kind, NULL, 0);
    if (before + *count >= ROOM_LISTS) {
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
static void frame_command(struct drv_frame *frame, struct room *own)
{
    static const char python[] = "python3";
    bool option = frame->mode == HV_RUN_CODE || frame->mode == HV_RUN_MODULE;
    size_t size = sizeof(python) + (option ? frame->source_len + 1 : 0);
    for (char **word = frame->options; *word != NULL; word++) { /* argv comes after them */
        size += strlen(*word) + 1;
    }
    char *start = size <= ROOM_COMMAND ? own->command : malloc(size);
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
    if ((mode < HV_RUN_FILE || mode > HV_RUN_CONTEXT) && mode != HV_RUN_PRELOAD &&
        mode != HV_RUN_SERVICE) {
        drv_fail("bad run frame: mode %u is not one of the driver's", mode);
    }
}

static uint64_t number_of(struct bytes all, uint32_t kind)
{
    uint64_t number = 0;
    size_t length;
    const char *at = runframe_bytes(all.data, all.size, kind, &length);
    if (length == sizeof(number)) {
        memcpy(&number, at, sizeof(number));
    }
    return number;
}

/* A frame of which only the header is there. */
static struct drv_frame *decode_lost(struct bytes all, struct room *own)
{
    own->env[0] = own->argv[0] = NULL;
    own->frame = (struct drv_frame){
        .mode = runframe_mode(all.data),
        .lost = true,
        .options = own->argv,
        .argv = own->argv,
        .env = own->env,
        .restored = (runframe_flags(all.data) & HV_RUN_RESTORED) != 0,
        .source = "",
        .command = own->command,
    };
    return &own->frame;
}

static struct drv_frame *decode(struct bytes all, struct room *own)
{
    struct drv_frame *frame = &own->frame;
    size_t length;
    if (all.lost) {
        return decode_lost(all, own);
    }
    check_run(all);
    frame->mode = runframe_mode(all.data);
    frame->deterministic = (runframe_flags(all.data) & HV_RESUME_DETERMINISTIC) != 0;
    frame->restored = (runframe_flags(all.data) & HV_RUN_RESTORED) != 0;
    frame->records = (runframe_flags(all.data) & HV_RUN_RECORDS) != 0;
    frame->options =
        list_of(all, HV_RECORD_OPTIONS, own->argv, 0, &frame->optc, "the interpreter's options");
    frame->options =
        list_of(all, HV_RECORD_ARGV, frame->options, frame->optc, &frame->argc, "argv");
    frame->argv = frame->options + frame->optc;
    frame->env = list_of(all, HV_RECORD_ENV, own->env, 0, &frame->envc, "the environment");
    frame->cwd = runframe_bytes(all.data, all.size, HV_RECORD_CWD, &length);
    frame->context = runframe_bytes(all.data, all.size, HV_RECORD_CONTEXT, &length);
    frame->cursor = number_of(all, HV_RECORD_CURSOR);
    frame->tools = runframe_bytes(all.data, all.size, HV_RECORD_TOOLS, &frame->tools_len);
    frame->source = runframe_bytes(all.data, all.size, HV_RECORD_SOURCE, &frame->source_len);
    if (frame->argc == 0) {
        drv_fail("bad run frame: no argv[0]");
    }
    if (frame->cwd[0] != '/') {
        drv_fail("bad run frame: no working directory");
    }
    frame_command(frame, own);
    return frame;
}

void frame_place(void)
{
    environ = first.env;
}

/* A script finds the device closed. Who takes more than one run keeps it. */
struct drv_frame *frame_read(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        drv_fail("cannot open %s: %s", path, strerror(errno));
    }
    struct drv_frame *frame = decode(read_all(fd, &first, path), &first);
    if (frame->mode >= HV_RUN_CELL) {
        device = fcntl(fd, F_DUPFD_CLOEXEC, DEVICE_FD);
        if (device < 0) {
            drv_fail("cannot keep %s: %s", path, strerror(errno));
        }
    }
    close(fd);
    return frame;
}

static void free_later(void)
{
    struct drv_frame *frame = &later.frame;
    if (frame->options != later.argv) {
        free(frame->options);
    }
    if (frame->env != later.env) {
        free(frame->env);
    }
    if (frame->command != later.command) {
        free((void *)(uintptr_t)frame->command);
    }
    if (later_bytes.mapped > 0) {
        munmap(later_bytes.data, later_bytes.mapped);
    }
    later_bytes = (struct bytes){0};
    *frame = (struct drv_frame){0};
}

static void end_run(int status)
{
    if (write(device, &status, sizeof(status)) != (ssize_t)sizeof(status)) {
        drv_fail("cannot end a run: %s", strerror(errno));
    }
}

struct drv_frame *frame_next(int status)
{
    free_later();
    end_run(status);
    later_bytes = read_all(device, &later, HV_RUN_DEVICE);
    return decode(later_bytes, &later);
}

/* What the frame before had in memory of its own is given up: it is little, and once. */
struct drv_frame *frame_again(const char *path, int status)
{
    memset(&first, 0, sizeof(first));
    end_run(status);
    close(device);
    device = -1;
    return frame_read(path);
}
