// SPDX-License-Identifier: Apache-2.0
/*
 * Builds the run frame of abi.h (struct hv_run and its data) from a struct vmm_run. The buffer
 * belongs to the VM and is reused by the next run.
 */
#include "vmm_int.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_MAX (1ull << 30)

static size_t frame_list_size(const char *const *list, uint32_t *count)
{
    size_t size = 0;
    *count = 0;
    for (; list != NULL && list[*count] != NULL && *count < UINT32_MAX; (*count)++) {
        size += strlen(list[*count]) + 1;
    }
    return size;
}

static size_t frame_list_put(uint8_t *frame, size_t at, const char *const *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const size_t n = strlen(list[i]) + 1;
        memcpy(frame + at, list[i], n);
        at += n;
    }
    return at;
}

static int frame_reserve(struct vmm *vm, size_t size, struct vmm_err *err)
{
    if (size > FRAME_MAX) {
        return vmm_err_set(err, E2BIG, "a run of %zu bytes is too large", size);
    }
    if (size > vm->frame_room) {
        uint8_t *frame = realloc(vm->frame, size);
        if (frame == NULL) {
            return vmm_err_set(err, ENOMEM, "out of memory");
        }
        vm->frame = frame;
        vm->frame_room = size;
    }
    vm->frame_size = size;
    return 0;
}

int frame_build(struct vmm *vm, const struct vmm_run *run, struct vmm_err *err)
{
    struct hv_run h = {.size = sizeof(h), .mode = (uint32_t)run->mode};
    if (run->argv == NULL || run->argv[0] == NULL || run->cwd == NULL || run->cwd[0] != '/' ||
        (run->source == NULL && run->source_len > 0)) {
        return vmm_err_set(err, EINVAL, "a run needs argv[0] and an absolute directory");
    }
    h.flags = run->deterministic ? HV_RESUME_DETERMINISTIC : 0;
    h.argv_off = sizeof(h);
    const uint64_t words_off = h.argv_off + frame_list_size(run->options, &h.optc);
    h.env_off = words_off + frame_list_size(run->argv, &h.argc);
    h.cwd_off = h.env_off + frame_list_size(run->env, &h.envc);
    h.source_off = h.cwd_off + strlen(run->cwd) + 1;
    h.source_len = run->source_len;
    int rc = frame_reserve(vm, h.source_off + run->source_len, err);
    if (rc < 0) {
        return rc;
    }
    memcpy(vm->frame, &h, sizeof(h));
    (void)frame_list_put(vm->frame, h.argv_off, run->options, h.optc);
    (void)frame_list_put(vm->frame, words_off, run->argv, h.argc);
    (void)frame_list_put(vm->frame, h.env_off, run->env, h.envc);
    memcpy(vm->frame + h.cwd_off, run->cwd, strlen(run->cwd) + 1);
    if (run->source_len > 0) {
        memcpy(vm->frame + h.source_off, run->source, run->source_len);
    }
    return 0;
}
