// SPDX-License-Identifier: Apache-2.0
/*
 * See runframe.h. A record is found by walking over those before it: there are few.
 */
#include "runframe.h"

#include "../vmm/abi.h"

#define KINDS 64u /* a second record of a kind below this is an error */

static struct hv_run header(const void *frame)
{
    struct hv_run run;
    __builtin_memcpy(&run, frame, sizeof(run));
    return run;
}

static struct hv_record record_at(const char *at)
{
    struct hv_record record;
    __builtin_memcpy(&record, at, sizeof(record));
    return record;
}

/* The length of a record's bytes with the zeroes after them. It cannot wrap: `length` is at most
 * the frame's size. */
static size_t padded(uint64_t length)
{
    return ((size_t)length + HV_RECORD_ALIGN - 1) & ~(size_t)(HV_RECORD_ALIGN - 1);
}

static const char *check_strings(const struct hv_record *record, const char *bytes)
{
    static const char *const open_ended[] = {
        [HV_RECORD_OPTIONS] = "an option does not end",
        [HV_RECORD_ARGV] = "an argument does not end",
        [HV_RECORD_ENV] = "a variable of the environment does not end",
        [HV_RECORD_CWD] = "the working directory does not end",
        [HV_RECORD_CONTEXT] = "the context's name does not end",
        [HV_RECORD_TOOLS] = "a function's name or schema does not end",
    };
    if (record->kind >= sizeof(open_ended) / sizeof(open_ended[0]) || record->length == 0 ||
        bytes[record->length - 1] == '\0') {
        return NULL;
    }
    return open_ended[record->kind];
}

static const char *check_record(const struct hv_record *record, size_t left, uint64_t *seen)
{
    if (record->length > left || padded(record->length) > left) {
        return "a record is longer than the frame";
    }
    if (record->kind < KINDS) {
        if (*seen >> record->kind & 1) {
            return "two records are of one kind";
        }
        *seen |= 1ull << record->kind;
    }
    return NULL;
}

const char *runframe_check(const void *frame, size_t size)
{
    const char *at = frame;
    uint64_t seen = 0;
    if (size < sizeof(struct hv_run)) {
        return "it is shorter than its header";
    }
    const size_t start = header(frame).size;
    if (start < sizeof(struct hv_run) || start > size || start % HV_RECORD_ALIGN != 0) {
        return "its header has no valid size";
    }
    for (size_t off = start; off < size;) {
        if (size - off < sizeof(struct hv_record)) {
            return "it ends inside a record's header";
        }
        const struct hv_record record = record_at(at + off);
        off += sizeof(record);
        const char *wrong = check_record(&record, size - off, &seen);
        wrong = wrong == NULL ? check_strings(&record, at + off) : wrong;
        if (wrong != NULL) {
            return wrong;
        }
        off += padded(record.length);
    }
    return NULL;
}

uint32_t runframe_mode(const void *frame)
{
    return header(frame).mode;
}

uint32_t runframe_flags(const void *frame)
{
    return header(frame).flags;
}

const char *runframe_bytes(const void *frame, size_t size, uint32_t kind, size_t *length)
{
    const char *at = frame;
    for (size_t off = header(frame).size; off < size;) {
        const struct hv_record record = record_at(at + off);
        off += sizeof(record);
        if (record.kind == kind) {
            *length = (size_t)record.length;
            return at + off;
        }
        off += padded(record.length);
    }
    *length = 0;
    return "";
}

size_t runframe_strings(void *frame, size_t size, uint32_t kind, char **list, size_t room)
{
    size_t length, count = 0;
    char *at = (char *)frame + (runframe_bytes(frame, size, kind, &length) - (const char *)frame);
    for (size_t off = 0; off < length; off++) {
        if (off == 0 || at[off - 1] == '\0') {
            if (count < room) {
                list[count] = at + off;
            }
            count++;
        }
    }
    return count;
}
