// SPDX-License-Identifier: Apache-2.0
/*
 * The golden layout of the ABI: its numbers, written down a second time. A change of one here needs
 * a new HV_ABI_VERSION, too.
 */
#include "vt.h"

#define FIELD(type, field, offset, size)                                                           \
    {                                                                                              \
#type "." #field, offsetof(type, field), sizeof(((type *)0)->field), offset, size          \
    }

static const struct {
    const char *name;
    size_t offset;
    size_t size;
    size_t want_offset;
    size_t want_size;
} fields[] = {
    FIELD(struct hv_trap, vector, 0, 8),
    FIELD(struct hv_trap, rip, 16, 8),
    FIELD(struct hv_trap, rsp, 40, 8),
    FIELD(struct hv_trap, ss, 48, 8),
    FIELD(struct hv_call, nr, 0, 4),
    FIELD(struct hv_call, ret, 8, 8),
    FIELD(struct hv_call, arg, 16, 48),
    FIELD(struct hv_resume, generation, 0, 8),
    FIELD(struct hv_resume, wall_ns, 8, 8),
    FIELD(struct hv_resume, mono_ns, 16, 8),
    FIELD(struct hv_resume, tsc_khz, 24, 4),
    FIELD(struct hv_resume, flags, 28, 4),
    FIELD(struct hv_resume, entropy, 32, 64),
    FIELD(struct hv_shared, magic, 0, 4),
    FIELD(struct hv_shared, version, 4, 4),
    FIELD(struct hv_shared, ram_size, 8, 8),
    FIELD(struct hv_shared, kernel_start, 16, 8),
    FIELD(struct hv_shared, kernel_text_end, 24, 8),
    FIELD(struct hv_shared, kernel_end, 32, 8),
    FIELD(struct hv_shared, free_start, 40, 8),
    FIELD(struct hv_shared, pt_root, 48, 8),
    FIELD(struct hv_shared, initrd_gpa, 56, 8),
    FIELD(struct hv_shared, initrd_size, 64, 8),
    FIELD(struct hv_shared, upcall_entry, 72, 8),
    FIELD(struct hv_shared, boot_flags, 80, 8),
    FIELD(struct hv_shared, streams, 88, 24),
    FIELD(struct hv_streams, kind, 0, 3),
    FIELD(struct hv_streams, joined, 3, 1),
    FIELD(struct hv_streams, stdin_offset, 8, 8),
    FIELD(struct hv_streams, stdin_size, 16, 8),
    FIELD(struct hv_shared, watched, 112, 8),
    FIELD(struct hv_shared, ready, 120, 8),
    FIELD(struct hv_shared, resume, 128, 96),
    FIELD(struct hv_shared, events, 224, 4),
    FIELD(struct hv_shared, call, 240, 64),
    FIELD(struct hv_shared, out, 304, 8),
    FIELD(struct hv_shared, err, 312, 8),
    FIELD(struct hv_shared, memory, 232, 8),
    FIELD(struct hv_shared, counts, 320, 64),
    FIELD(struct hv_shared, requests, 384, 8),
    FIELD(struct hv_shared, memory_held, 392, 8),
    FIELD(struct hv_shared, frames, 400, 8),
    FIELD(struct hv_counts, syscalls_rewritten, 0, 8),
    FIELD(struct hv_counts, syscalls_trapped, 8, 8),
    FIELD(struct hv_counts, faults, 16, 8),
    FIELD(struct hv_counts, resume_tsc, 24, 8),
    FIELD(struct hv_counts, exit_tsc, 32, 8),
    FIELD(struct hv_counts, memory_peak, 40, 8),
    FIELD(struct hv_run, size, 0, 4),
    FIELD(struct hv_run, mode, 4, 4),
    FIELD(struct hv_run, flags, 8, 4),
    FIELD(struct hv_record, kind, 0, 4),
    FIELD(struct hv_record, length, 8, 8),
};

static void t_layout(void)
{
    CHECK_INT(HV_ABI_VERSION, 17);
    CHECK_INT(sizeof(struct hv_shared), 408);
    CHECK_INT(sizeof(struct hv_run), 16);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].offset != fields[i].want_offset || fields[i].size != fields[i].want_size) {
            vt_fail(__FILE__, __LINE__, "%s is %zu bytes at %zu, not %zu at %zu", fields[i].name,
                    fields[i].size, fields[i].offset, fields[i].want_size, fields[i].want_offset);
        }
    }
}

static void t_numbers(void)
{
    static const struct {
        unsigned long long have;
        unsigned long long want;
    } numbers[] = {
        {HV_SHARED_GPA, 0x1000},
        {HV_TABLES_GPA, 0x2000},
        {HV_VECTORS_GPA, 0x3000},
        {HV_TRAP_TOP, 0x5000},
        {HV_STDOUT_GPA, 0x10000},
        {HV_STDERR_GPA, 0x20000},
        {HV_KERNEL_GPA, 0x40000},
        {HV_KERNEL_LIMIT, 0x200000},
        {HV_RING_SIZE, 0x10000},
        {HV_INITRD_GPA, 256ull << 30},
        {HV_PORT_DOORBELL, 0xe0},
        {HV_VECTOR_STRIDE, 32},
        {HV_SYSCALL_OFFSET, 0x600},
        {HV_VECTOR_UPCALL, 256},
        {HV_CALL_NONE, 0},
        {HV_CALL_RUN, 0x100},
        {HV_CALL_FRAME, 0x101},
        {HV_CALL_EXIT, 0x102},
        {HV_CALL_DISCARD, 0x200},
        {HV_CALL_DRAIN, 0x300},
        {HV_CALL_STDIN, 0x301},
        {HV_CALL_TRACE, 0x302},
        {HV_CALL_TERMINAL, 0x303},
        {HV_CALL_WAIT, 0x400},
        {HV_CALL_TIMER, 0x401},
        {HV_EXIT_STATUS, 0},
        {HV_EXIT_SIGNAL, 1},
        {HV_EXIT_OOM, 2},
        {HV_EXIT_PANIC, 3},
        {HV_EVENT_TIMER, 1},
        {HV_EVENT_INT, 2},
        {HV_EVENT_TERM, 4},
        {HV_EVENT_END, 8},
        {HV_EVENT_IO, 16},
        {HV_HANDLES, 64},
        {HV_HANDLE_STDIN, 0},
        {HV_RUN_EXEC, 0},
        {HV_RUN_FILE, 1},
        {HV_RUN_CODE, 2},
        {HV_RUN_MODULE, 3},
        {HV_RUN_STDIN, 4},
        {HV_RECORD_OPTIONS, 1},
        {HV_RECORD_ARGV, 2},
        {HV_RECORD_ENV, 3},
        {HV_RECORD_CWD, 4},
        {HV_RECORD_SOURCE, 5},
        {HV_RECORD_ALIGN, 8},
        {HV_CALL_BYTES, 65536},
        {HV_TRACE_MAX, 4096},
        {HV_SIGNAL_MAX, 64},
        {HV_DEBUG_MARK, 0x2ff8},
        {HV_ROOT_MARK, 0x2ff9},
        {HV_SYSCALL_FMASK, 0x44700},
        {HV_RFLAGS_FIXED, 0x202},
        {HV_RECORD_STACK, 6},
        {HV_STACK_MIN, 0x10000},
        {HV_STACK_DEFAULT, 0x800000},
        {HV_CALL_FILES_NEXT, 0x700},
        {HV_CALL_FILE_READ, 0x701},
        {HV_CALL_FILES_WANTED, 0x702},
        {HV_CALL_FILE_MAKE, 0x703},
        {HV_CALL_FILE_WRITE, 0x704},
        {HV_CALL_FILE_FAILED, 0x705},
        {HV_PATH_MAX, 4096},
        {HV_FILE_MAX, 8216},
        {HV_FILE_BYTES, 1048576},
        {HV_FILE_HOLE, 1ull << 62},
        {HV_RESUME_FILES_IN, 4},
        {HV_RESUME_FILES_OUT, 8},
        {HV_RUN_FILES, 10},
        {HV_RUN_PRELOAD, 12},
        {HV_RUN_SERVICE, 13},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (numbers[i].have != numbers[i].want) {
            vt_fail(__FILE__, __LINE__, "number %zu is 0x%llx, not 0x%llx", i, numbers[i].have,
                    numbers[i].want);
        }
    }
}

const struct vt_test vt_abi_tests[] = {
    {"abi-layout", t_layout}, {"abi-numbers", t_numbers}, {NULL, NULL}};
