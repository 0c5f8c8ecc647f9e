// SPDX-License-Identifier: Apache-2.0
/*
 * The driver's reader of run frames: a wrong frame gives a message, and a right one has all its
 * strings inside. The real driver ends on a bad frame and never frees a good one. So drv_fail()
 * returns to the target here, and the target keeps a list of the driver's allocations (it is
 * compiled with -Dmalloc=fuzz_malloc).
 */
#include "fuzz.h"
#include "python-agent-driver/driver.h"
#include "vmm/abi.h"

#include <setjmp.h>

#define KEPT_MAX 8u
#define SESSION_FD                                                                                 \
    1000u /* from here on: the file that a session's frame was read from stays open */

static jmp_buf failed;
static void *kept[KEPT_MAX];
static size_t kept_count;

void *fuzz_malloc(size_t size);
void *fuzz_realloc(void *old, size_t size);

void *fuzz_malloc(size_t size)
{
    MUST(kept_count < KEPT_MAX);
    return kept[kept_count++] = malloc(size);
}

void *fuzz_realloc(void *old, size_t size)
{
    for (size_t i = 0; i < kept_count; i++) {
        if (kept[i] == old && old != NULL) {
            return kept[i] = realloc(old, size);
        }
    }
    return fuzz_malloc(size);
}

_Noreturn void drv_fail(const char *format, ...)
{
    MUST(format[0] != '\0');
    longjmp(failed, 1);
}

static void check_frame(const struct drv_frame *frame, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < frame->argc; i++) {
        length += strlen(frame->argv[i]);
    }
    for (size_t i = 0; i < frame->envc; i++) {
        length += strlen(frame->env[i]);
    }
    length += strlen(frame->cwd) + strlen(frame->context);
    MUST(frame->tools_len <= size);
    MUST(frame->tools_len == 0 || frame->tools[frame->tools_len - 1] == '\0');
    MUST(frame->argc > 0 && frame->argv[frame->argc] == NULL && frame->env[frame->envc] == NULL);
    MUST(frame->source_len <= size);
    for (size_t i = 0; i < frame->source_len; i++) {
        length += (unsigned char)frame->source[i];
    }
    MUST(length < SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    fuzz_path(fuzz_input_file(data, size), path);
    if (setjmp(failed) == 0) {
        check_frame(frame_read(path), size);
    }
    for (size_t i = 0; i < kept_count; i++) {
        free(kept[i]);
    }
    kept_count = 0;
    (void)close_range(SESSION_FD, ~0u, 0);
    return 0;
}
