// SPDX-License-Identifier: Apache-2.0
/*
 * Makes the run frame of abi.h (struct hv_run and its records) from a struct vmm_run, and hands it
 * out in pieces. The small records are built in a buffer that belongs to the VM; the next run uses
 * it again. The source comes after them. It is read where the caller has it, for example in a
 * mapping of a file, so that there is no second copy of it beside the VM. Last comes the record of
 * the host's functions, which their set has.
 */
#include "vmm_int.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_MAX (1ull << 30)

static size_t frame_padded(size_t length)
{
    return (length + HV_RECORD_ALIGN - 1) / HV_RECORD_ALIGN * HV_RECORD_ALIGN;
}

static size_t frame_list_length(const char *const *list)
{
    size_t length = 0;
    for (; list != NULL && *list != NULL; list++) {
        length += strlen(*list) + 1;
    }
    return length;
}

static size_t frame_record_size(size_t length)
{
    return length > 0 ? sizeof(struct hv_record) + frame_padded(length) : 0;
}

static int frame_reserve(struct run_frame *f, size_t size, struct vmm_err *err)
{
    if (size > f->room) {
        uint8_t *head = realloc(f->head, size);
        if (head == NULL) {
            return vmm_err_set(err, ENOMEM, "out of memory");
        }
        f->head = head;
        f->room = size;
    }
    return 0;
}

static void frame_put(struct run_frame *f, const void *bytes, size_t size)
{
    memcpy(f->head + f->head_size, bytes, size);
    f->head_size += size;
}

static void frame_put_zeroes(struct run_frame *f, size_t size)
{
    memset(f->head + f->head_size, 0, size);
    f->head_size += size;
}

static void frame_put_record(struct run_frame *f, uint32_t kind, size_t length)
{
    const struct hv_record record = {.kind = kind, .length = length};
    frame_put(f, &record, sizeof(record));
}

/* 0 is what a record that is missing means. */
static void frame_put_number(struct run_frame *f, uint32_t kind, uint64_t number)
{
    if (number != 0) {
        frame_put_record(f, kind, sizeof(number));
        frame_put(f, &number, sizeof(number));
    }
}

/* A list that is empty, or NULL, has no record. */
static void frame_put_list(struct run_frame *f, uint32_t kind, const char *const *list)
{
    const size_t length = frame_list_length(list);
    if (length == 0) {
        return;
    }
    frame_put_record(f, kind, length);
    for (; *list != NULL; list++) {
        frame_put(f, *list, strlen(*list) + 1);
    }
    frame_put_zeroes(f, frame_padded(length) - length);
}

static bool frame_is_session(int mode)
{
    return mode >= HV_RUN_CELL && mode <= HV_RUN_CONTEXT;
}

static int frame_check(const struct vmm_run *run, struct vmm_err *err)
{
    if ((run->mode != HV_RUN_FILES &&
         (run->argv == NULL || run->argv[0] == NULL || run->cwd == NULL || run->cwd[0] != '/')) ||
        (run->source == NULL && run->source_len > 0)) {
        return vmm_err_set(err, EINVAL, "a run needs argv[0] and an absolute directory");
    }
    if (run->stack != 0 && (run->stack < VMM_STACK_MIN || run->mode != HV_RUN_EXEC)) {
        return vmm_err_set(err, EINVAL,
                           "a stack of %llu bytes: only a program has one, of %llu or more",
                           (unsigned long long)run->stack, VMM_STACK_MIN);
    }
    if (run->context != NULL && !frame_is_session(run->mode)) {
        return vmm_err_set(err, EINVAL, "context '%s': only a run of a session has one",
                           run->context);
    }
    if (run->context != NULL && run->context[0] == '\0') {
        return vmm_err_set(err, EINVAL, "a context needs a name; NULL is the default one");
    }
    if (run->cursor != 0 && run->mode != HV_RUN_COMPLETE && run->mode != HV_RUN_INSPECT) {
        return vmm_err_set(err, EINVAL, "a cursor at %llu: only completion and inspection have one",
                           (unsigned long long)run->cursor);
    }
    return 0;
}

int frame_build(struct vmm *vm, const struct vmm_run *run, struct vmm_err *err)
{
    struct run_frame *f = &vm->frame;
    int rc = frame_check(run, err);
    if (rc < 0) {
        return rc;
    }
    const char *const cwd[] = {run->cwd, NULL}, *const context[] = {run->context, NULL};
    const size_t head =
        sizeof(struct hv_run) + frame_record_size(frame_list_length(run->options)) +
        frame_record_size(frame_list_length(run->argv)) +
        frame_record_size(frame_list_length(run->env)) + frame_record_size(frame_list_length(cwd)) +
        frame_record_size(frame_list_length(context)) + frame_record_size(sizeof(run->stack)) +
        frame_record_size(sizeof(run->cursor)) + sizeof(struct hv_record);
    if (head > FRAME_MAX || run->source_len > FRAME_MAX - head) {
        return vmm_err_set(err, E2BIG, "a run of %zu bytes is too large", head + run->source_len);
    }
    rc = frame_reserve(f, head, err);
    if (rc < 0) {
        return rc;
    }
    const struct hv_run header = {.size = sizeof(header),
                                  .mode = (uint32_t)run->mode,
                                  .flags = (run->deterministic ? HV_RESUME_DETERMINISTIC : 0) |
                                           (vm->restored ? HV_RUN_RESTORED : 0) |
                                           (vm->io.record != NULL ? HV_RUN_RECORDS : 0)};
    f->head_size = 0;
    frame_put(f, &header, sizeof(header));
    frame_put_list(f, HV_RECORD_OPTIONS, run->options);
    frame_put_list(f, HV_RECORD_ARGV, run->argv);
    frame_put_list(f, HV_RECORD_ENV, run->env);
    frame_put_list(f, HV_RECORD_CWD, cwd);
    frame_put_list(f, HV_RECORD_CONTEXT, context);
    frame_put_number(f, HV_RECORD_STACK, run->stack);
    frame_put_number(f, HV_RECORD_CURSOR, run->cursor);
    frame_put_record(f, HV_RECORD_SOURCE, run->source_len);
    f->source = run->source;
    f->source_len = run->source_len;
    f->tools = tools_record(run->tools, &f->tools_size);
    return 0;
}

uint64_t frame_size(const struct run_frame *f)
{
    return f->head_size + frame_padded(f->source_len) + f->tools_size;
}

/* Copies the part of [at, at + size) that lies in one piece of the frame. The piece has `length`
 * bytes and begins at `start`. */
static void frame_copy_piece(uint8_t *to, uint64_t at, size_t size, const uint8_t *piece,
                             uint64_t start, size_t length)
{
    const uint64_t from = at > start ? at : start;
    const uint64_t end = at + size < start + length ? at + size : start + length;
    if (from < end) {
        memcpy(to + (from - at), piece + (from - start), end - from);
    }
}

void frame_copy(const struct run_frame *f, uint64_t at, void *to, size_t size)
{
    memset(to, 0, size); /* the source is padded with zeroes */
    frame_copy_piece(to, at, size, f->head, 0, f->head_size);
    frame_copy_piece(to, at, size, f->source, f->head_size, f->source_len);
    frame_copy_piece(to, at, size, f->tools, f->head_size + frame_padded(f->source_len),
                     f->tools_size);
}

void frame_end(struct vmm *vm)
{
    vm->frame.source = vm->frame.tools = NULL;
    vm->frame.source_len = vm->frame.tools_size = 0;
}
