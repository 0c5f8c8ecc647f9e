// SPDX-License-Identifier: Apache-2.0
/*
 * The golden layout of version 17 of abi.h. A change here is a change of the ABI: HV_ABI_VERSION
 * must be another, and this file follows it.
 */
#include "unit.h"
#include "vmm/abi.h"

#define AT(type, member, offset) CHECK(offsetof(struct type, member) == (offset))

static void version(void)
{
    CHECK(HV_ABI_VERSION == 17);
    CHECK(HV_NOTE_ABI == 0x48564d31);
    CHECK(HV_SHARED_MAGIC == 0x6c687970);
}

static void map(void)
{
    CHECK(HV_SHARED_GPA == 0x1000 && HV_TABLES_GPA == 0x2000 && HV_VECTORS_GPA == 0x3000);
    CHECK(HV_TRAP_GPA == 0x4000 && HV_TRAP_TOP == 0x5000);
    CHECK(HV_STDOUT_GPA == 0x10000 && HV_STDERR_GPA == 0x20000 && HV_RING_SIZE == 0x10000);
    CHECK(HV_KERNEL_GPA == 0x40000 && HV_KERNEL_LIMIT == 0x200000);
    CHECK(HV_INITRD_GPA == 0x4000000000);
    CHECK(HV_VECTOR_STRIDE == 32 && HV_SYSCALL_OFFSET == 0x600 && HV_VECTOR_UPCALL == 256);
    CHECK(HV_SYSCALL_FMASK == 0x44700 && HV_RFLAGS_FIXED == 0x202);
    CHECK(HV_SEL_USER_CS == 0x33 && HV_SEL_USER_SS == 0x2b && HV_SEL_TSS == 0x40);
    CHECK(HV_PORT_DOORBELL == 0xe0 && HV_DEBUG_MARK == 0x2ff8 && HV_ROOT_MARK == 0x2ff9);
}

static void calls(void)
{
    CHECK(HV_CALL_NONE == 0);
    CHECK(HV_CALL_RUN == 0x100 && HV_CALL_FRAME == 0x101 && HV_CALL_EXIT == 0x102);
    CHECK(HV_CALL_DISCARD == 0x200);
    CHECK(HV_CALL_DRAIN == 0x300 && HV_CALL_STDIN == 0x301 && HV_CALL_TRACE == 0x302);
    CHECK(HV_CALL_TERMINAL == 0x303);
    CHECK(HV_CALL_WAIT == 0x400 && HV_CALL_TIMER == 0x401);
    CHECK(HV_CALL_RECORD == 0x500);
    CHECK(HV_CALL_TOOL == 0x600 && HV_CALL_ANSWERED == 0x601 && HV_CALL_REPLY == 0x602);
    CHECK(HV_CALL_FORGET == 0x603);
    CHECK(HV_CALL_FILES_NEXT == 0x700 && HV_CALL_FILE_READ == 0x701);
    CHECK(HV_CALL_FILES_WANTED == 0x702 && HV_CALL_FILE_MAKE == 0x703);
    CHECK(HV_CALL_FILE_WRITE == 0x704 && HV_CALL_FILE_FAILED == 0x705);
    CHECK(HV_EXIT_STATUS == 0 && HV_EXIT_SIGNAL == 1 && HV_EXIT_OOM == 2 && HV_EXIT_PANIC == 3);
    CHECK(HV_EVENT_TIMER == 1 && HV_EVENT_INT == 2 && HV_EVENT_TERM == 4);
    CHECK(HV_EVENT_END == 8 && HV_EVENT_IO == 16 && HV_EVENT_RESTORED == 32 && HV_HANDLES == 64 &&
          HV_HANDLE_STDIN == 0);
    CHECK(HV_HANDLE_TOOL == 1);
    CHECK(HV_RUN_EXEC == 0 && HV_RUN_FILE == 1 && HV_RUN_CODE == 2 && HV_RUN_MODULE == 3);
    CHECK(HV_RUN_STDIN == 4 && HV_RUN_CELL == 5 && HV_RUN_COMPLETE == 6 && HV_RUN_INSPECT == 7);
    CHECK(HV_RUN_IS_COMPLETE == 8 && HV_RUN_CONTEXT == 9 && HV_RUN_FILES == 10);
    CHECK(HV_RUN_FUNCTION == 11 && HV_RUN_PRELOAD == 12 && HV_RUN_SERVICE == 13);
    CHECK(HV_RUN_RESTORED == 0x100 && HV_RUN_RECORDS == 0x200);
    CHECK(HV_RESUME_DETERMINISTIC == 1 && HV_RESUME_TRACE == 2);
    CHECK(HV_RESUME_FILES_IN == 4 && HV_RESUME_FILES_OUT == 8);
    AT(hv_call, ret, 8);
    AT(hv_call, arg, 16);
    CHECK(sizeof(struct hv_call) == 64);
    CHECK(HV_CALL_BYTES == 65536 && HV_TRACE_MAX == 4096 && HV_SIGNAL_MAX == 64);
}

static void shared_page(void)
{
    AT(hv_shared, ram_size, 8);
    AT(hv_shared, kernel_start, 16);
    AT(hv_shared, kernel_text_end, 24);
    AT(hv_shared, kernel_end, 32);
    AT(hv_shared, free_start, 40);
    AT(hv_shared, pt_root, 48);
    AT(hv_shared, initrd_gpa, 56);
    AT(hv_shared, initrd_size, 64);
    AT(hv_shared, upcall_entry, 72);
    AT(hv_shared, boot_flags, 80);
    AT(hv_shared, streams, 88);
    AT(hv_streams, kind, 0);
    AT(hv_streams, joined, 3);
    AT(hv_streams, stdin_offset, 8);
    AT(hv_streams, stdin_size, 16);
    AT(hv_shared, watched, 112);
    AT(hv_shared, ready, 120);
    AT(hv_shared, resume, 128);
    AT(hv_shared, events, 224);
    AT(hv_shared, call, 240);
    AT(hv_shared, out, 304);
    AT(hv_shared, err, 312);
    AT(hv_shared, counts, 320);
    AT(hv_shared, memory, 232);
    AT(hv_shared, requests, 384);
    AT(hv_shared, memory_held, 392);
    AT(hv_shared, frames, 400);
    CHECK(sizeof(struct hv_shared) == 408);
    AT(hv_request, bytes, 8);
    AT(hv_request, size, 16);
    CHECK(sizeof(struct hv_request) == 32);
    CHECK(HV_REQUESTS == 256 && HV_REQUEST_MAX == 16777216 && HV_REPLY_MAX == 16777216);
    AT(hv_reply, size, 8);
    CHECK(sizeof(struct hv_reply) == 16 && HV_FUNCTION_MAX == 128);
    CHECK(HV_KIND_MAX == 64 && HV_RECORD_BYTES == 67108864);
    AT(hv_file, mtime_ns, 8);
    AT(hv_file, mode, 16);
    AT(hv_file, path_length, 20);
    AT(hv_file, target_length, 22);
    CHECK(sizeof(struct hv_file) == 24);
    CHECK(HV_PATH_MAX == 4096 && HV_FILE_MAX == 24 + 2 * 4096 && HV_FILE_BYTES == 1048576);
    AT(hv_counts, syscalls_rewritten, 0);
    AT(hv_counts, syscalls_trapped, 8);
    AT(hv_counts, faults, 16);
    AT(hv_counts, resume_tsc, 24);
    AT(hv_counts, exit_tsc, 32);
    AT(hv_counts, memory_peak, 40);
    CHECK(sizeof(struct hv_counts) == 64);
}

static void frames(void)
{
    AT(hv_resume, wall_ns, 8);
    AT(hv_resume, mono_ns, 16);
    AT(hv_resume, tsc_khz, 24);
    AT(hv_resume, flags, 28);
    AT(hv_resume, entropy, 32);
    AT(hv_run, mode, 4);
    AT(hv_run, flags, 8);
    CHECK(sizeof(struct hv_run) == 16 && HV_RECORD_ALIGN == 8);
    AT(hv_record, kind, 0);
    AT(hv_record, length, 8);
    CHECK(sizeof(struct hv_record) == 16);
    CHECK(HV_RECORD_OPTIONS == 1 && HV_RECORD_ARGV == 2 && HV_RECORD_ENV == 3);
    CHECK(HV_RECORD_CWD == 4 && HV_RECORD_SOURCE == 5 && HV_RECORD_STACK == 6);
    CHECK(HV_RECORD_CONTEXT == 7 && HV_RECORD_CURSOR == 8 && HV_RECORD_TOOLS == 9);
    CHECK(HV_STACK_MIN == 0x10000 && HV_STACK_DEFAULT == 0x800000);
    AT(hv_trap, rip, 16);
    AT(hv_trap, ss, 48);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"abi version", version},    {"abi map", map},       {"abi calls", calls},
        {"abi shared", shared_page}, {"abi frames", frames}, {0},
    };

    return unit_run(tests);
}
