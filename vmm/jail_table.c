// SPDX-License-Identifier: Apache-2.0
/*
 * All system calls that a jailed process or thread may make: a row for each way to make a call,
 * with the reason. A call that no row allows ends the process. A feature that needs more calls adds
 * rows here. Where not every jail needs them, the rows get a name of their own (enum
 * vmm_jail_extra). There is never a second filter.
 *
 * The rows of one call are tried in order, so the frequent ones stand first. No row lets memory
 * that can be executed be mapped or made.
 */
#include "jail_int.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <signal.h>
#include <time.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef PAGEMAP_SCAN
#define PAGEMAP_SCAN 0xc0606610u /* from linux/fs.h since 6.7; pagemap.c uses it */
#endif
#ifndef PIDFD_SELF
#define PIDFD_SELF (-10000)
#endif

#define INSPECT  VMM_JAIL_INSPECT
#define SNAPSHOT VMM_JAIL_SNAPSHOT
#define RENEW    VMM_JAIL_RENEW
#define TERMINAL VMM_JAIL_TERMINAL
#define EDIT     VMM_JAIL_EDIT
#define CHANNEL  VMM_JAIL_CHANNEL
#define HANDOVER VMM_JAIL_HANDOVER
#define THREAD   JAIL_THREAD

/* Conditions on argument n. IS: it is the value. ONLY: it has no bits but these. ASIDE: without
 * these bits it is the value. AS: it is what an enum jail_must names. */
#define IS(n, value_)                                                                              \
    {                                                                                              \
        .number = (n), .must = JAIL_MASKED, .mask = UINT32_MAX, .value = (uint32_t)(value_)        \
    }
#define ONLY(n, bits)                                                                              \
    {                                                                                              \
        .number = (n), .must = JAIL_MASKED, .mask = ~(uint32_t)(bits)                              \
    }
#define ASIDE(n, bits, value_)                                                                     \
    {                                                                                              \
        .number = (n), .must = JAIL_MASKED, .mask = ~(uint32_t)(bits), .value = (uint32_t)(value_) \
    }
#define AS(n, which)                                                                               \
    {                                                                                              \
        .number = (n), .must = (which)                                                             \
    }

/* clang-format off */
const struct jail_row jail_rows[] = {
    /* The VM. */
    {SYS_ioctl, 0, {IS(1, KVM_RUN)}, "the guest runs"},
    {SYS_ioctl, 0, {IS(1, KVM_GET_DIRTY_LOG)}, "rewind: which pages were written"},
    {SYS_ioctl, 0, {IS(1, KVM_CLEAR_DIRTY_LOG)}, "rewind: pages leave the hot set"},
    {SYS_ioctl, 0, {IS(1, KVM_SET_USER_MEMORY_REGION)}, "far memory is touched; a shadow reset"},
    {SYS_ioctl, 0, {IS(1, KVM_GET_REGS)}, "an upcall; where a run broke down"},
    {SYS_ioctl, 0, {IS(1, KVM_SET_REGS)}, "an upcall"},
    {SYS_ioctl, 0, {IS(1, KVM_GET_SREGS)}, "an upcall; where a run broke down"},
    {SYS_ioctl, 0, {IS(1, KVM_GET_VCPU_EVENTS)}, "an upcall: is anything half-way?"},
    {SYS_ioctl, 0, {IS(1, KVM_SET_XSAVE)}, "rewind: vector state"},
    {SYS_ioctl, 0, {IS(1, PAGEMAP_SCAN)}, "rewind: which far memory is there"},
    {SYS_ioctl, 0, {IS(1, KVM_SET_XCRS)}, "rewind: what ring 0 can change"},
    {SYS_ioctl, 0, {IS(1, KVM_SET_DEBUGREGS)}, "rewind: what ring 0 can change"},
    {SYS_ioctl, 0, {IS(1, KVM_SET_MSRS)}, "rewind: what ring 0 can change"},
    {SYS_ioctl, INSPECT | SNAPSHOT, {IS(1, KVM_GET_XCRS)}, "vmm_check(), a snapshot: all state"},
    {SYS_ioctl, INSPECT | SNAPSHOT, {IS(1, KVM_GET_XSAVE)}, "the same"},
    {SYS_ioctl, INSPECT | SNAPSHOT, {IS(1, KVM_GET_DEBUGREGS)}, "the same"},
    {SYS_ioctl, INSPECT | SNAPSHOT, {IS(1, KVM_GET_MSRS)}, "the same"},
    {SYS_ioctl, INSPECT, {IS(1, KVM_GET_MP_STATE)}, "vmm_check()"},
    {SYS_ioctl, INSPECT, {IS(1, KVM_GET_CPUID2)}, "vmm_check()"},
    {SYS_ioctl, INSPECT, {IS(1, KVM_GET_TSC_KHZ)}, "vmm_check()"},

    /* Terminals. */
    {SYS_ioctl, 0, {IS(1, TCGETS)}, "is a stream a terminal? its modes"},
    {SYS_ioctl, 0, {IS(1, TIOCGWINSZ)}, "its size"},
    {SYS_ioctl, 0, {IS(1, TIOCGPGRP)}, "is it ours to put back?"},
    {SYS_getpgrp, 0, {{0}}, "the same"},
    {SYS_ioctl, TERMINAL, {IS(1, TCSETS)}, "echo and lines, and back"},
    {SYS_ioctl, EDIT, {AS(0, JAIL_INPUT), IS(1, TCSETSW)}, "a line is edited"},
    {SYS_ioctl, EDIT, {AS(0, JAIL_INPUT), IS(1, TCSETSF)}, "the last line was"},
    {SYS_ioctl, TERMINAL, {IS(1, TCFLSH)}, "input that was not read is dropped"},
    {SYS_getpgrp, TERMINAL, {{0}}, "is it ours to put back?"},
    {SYS_kcmp, 0, {AS(0, JAIL_SELF), AS(1, JAIL_SELF)}, "are two streams one open file?"},

    {SYS_fcntl, 0, {IS(1, F_GETFL)}, "is a stream open at all?"},
    {SYS_fcntl, HANDOVER, {IS(1, F_GET_SEALS)}, "can a state that came still change?"},
    {SYS_fcntl, HANDOVER, {IS(1, F_DUPFD_CLOEXEC)}, "it is kept"},

    /* The guest's streams and the caller's messages. */
    {SYS_write, 0, {AS(0, JAIL_OUTPUT)}, "output, for a moment; messages"},
    {SYS_writev, 0, {AS(0, JAIL_OUTPUT)}, "output to a file; the C library's last words"},
    {SYS_pwritev2, 0, {AS(0, JAIL_OUTPUT), ONLY(5, RWF_NOWAIT)}, "output, if there is room"},
    {SYS_preadv2, 0, {AS(0, JAIL_INPUT), ONLY(5, RWF_NOWAIT)}, "input, if there is some"},
    {SYS_readv, 0, {AS(0, JAIL_INPUT)}, "input of a file"},
    {SYS_read, 0, {AS(0, JAIL_INPUT)}, "input, for a moment"},
    {SYS_read, CHANNEL, {AS(0, JAIL_CHANNEL)}, "answers of the parent"},
    {SYS_write, CHANNEL, {AS(0, JAIL_CHANNEL)}, "requests to the parent"},
    {SYS_recvmsg, HANDOVER, {AS(0, JAIL_CHANNEL)}, "descriptors of states"},
    {SYS_poll, 0, {{0}}, "room in a pipe, input there"},
    {SYS_ppoll, 0, {{0}}, "the guest waits"},
    {SYS_lseek, 0, {{0}}, "is the snapshot still whole? input of a next iteration"},

    /* Interrupts and time. */
    {SYS_rt_sigprocmask, 0, {{0}}, "VMM_SIGNAL is let in during runs alone"},
    {SYS_rt_sigreturn, 0, {{0}}, "the end of a handler"},
    {SYS_rt_sigtimedwait, 0, {{0}}, "SIGPIPE, SIGXFSZ are taken away"},
    {SYS_timer_settime, 0, {{0}}, "deadlines"},
    {SYS_timer_create, 0, {IS(0, CLOCK_MONOTONIC)}, "the first run of a thread"},
    {SYS_timer_delete, 0, {{0}}, "the end of a thread"},
    {SYS_clock_gettime, 0, {{0}}, "where the vDSO has no clock"},
    {SYS_restart_syscall, 0, {{0}}, "poll() after SIGSTOP and SIGCONT"},
    {SYS_getrusage, 0, {IS(0, RUSAGE_THREAD)}, "is it a small run? by its faults"},
    {SYS_getpid, 0, {{0}}, "vmm_interrupt()"},
    {SYS_gettid, 0, {{0}}, "the thread's timer"},
    {SYS_tgkill, 0, {AS(0, JAIL_SELF), AS(2, JAIL_KICK)}, "vmm_interrupt()"},
    {SYS_tgkill, 0, {AS(0, JAIL_SELF), IS(2, SIGABRT)}, "abort()"},
    {SYS_tgkill, 0, {AS(0, JAIL_SELF), IS(2, SIGINT)}, "death by SIGINT, as the script died"},
    {SYS_rt_sigaction, 0, {IS(0, SIGINT)}, "the same"},
    {SYS_getrandom, 0, {{0}}, "fresh entropy for each run"},

    /* Memory. */
    {SYS_madvise, 0, {IS(2, MADV_DONTNEED)}, "pages go back to the host; free()"},
    {SYS_madvise, 0, {IS(2, MADV_POPULATE_WRITE)}, "pages are copied ahead"},
    {SYS_process_madvise, 0, {IS(0, PIDFD_SELF), IS(3, MADV_POPULATE_WRITE)}, "many at once"},
    {SYS_mmap, 0, {ONLY(2, PROT_READ | PROT_WRITE),
                   ASIDE(3, MAP_NORESERVE | MAP_STACK, MAP_PRIVATE | MAP_ANONYMOUS)}, "malloc()"},
    {SYS_mmap, RENEW, {ONLY(2, PROT_READ | PROT_WRITE), AS(4, JAIL_IMAGE)}, "RAM, once more"},
    {SYS_mmap, RENEW, {ONLY(2, PROT_READ), AS(4, JAIL_INITRD)}, "the initrd, once more"},
    {SYS_mmap, HANDOVER, {ONLY(2, PROT_READ), IS(3, MAP_SHARED)}, "a state that came is read"},
    {SYS_mmap, HANDOVER, {ONLY(2, PROT_READ | PROT_WRITE),
                          IS(3, MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED)}, "it becomes RAM"},
    {SYS_mmap, RENEW, {ONLY(2, PROT_READ | PROT_WRITE),
                       ASIDE(3, MAP_NORESERVE | MAP_FIXED, MAP_PRIVATE | MAP_ANONYMOUS)},
     "RAM after the image, in its place"},
    {SYS_madvise, RENEW, {IS(2, MADV_HUGEPAGE)}, "RAM in large pages"},
    {SYS_madvise, RENEW, {IS(2, MADV_POPULATE_READ)}, "program text is fetched"},
    {SYS_madvise, INSPECT | RENEW, {IS(2, MADV_DONTDUMP)}, "guest memory is for no core file"},
    {SYS_munmap, 0, {{0}}, "free(), vmm_destroy()"},
    {SYS_brk, 0, {{0}}, "malloc()"},
    {SYS_mremap, 0, {ONLY(3, MREMAP_MAYMOVE)}, "realloc()"},
    {SYS_mprotect, THREAD, {ONLY(2, PROT_READ | PROT_WRITE)}, "malloc() on a later thread"},

    /* Files that were opened before. */
    {SYS_pread64, INSPECT, {AS(0, JAIL_PAGEMAP)}, "which pages are the VM's own"},
    {SYS_pread64, HANDOVER, {{0}}, "a state that came"},
    {SYS_pwrite64, SNAPSHOT, {AS(0, JAIL_FILE)}, "a snapshot, a working set"},
    {SYS_ftruncate, SNAPSHOT, {AS(0, JAIL_FILE)}, "the same"},
    {SYS_fsync, SNAPSHOT, {AS(0, JAIL_FILE)}, "the same"},
    {SYS_pwrite64, HANDOVER, {{0}}, "a state, to the descriptor that came for it"},
    {SYS_ftruncate, HANDOVER, {{0}}, "the same"},
    {SYS_fsync, HANDOVER, {{0}}, "the same"},
    {SYS_close, 0, {{0}}, "vmm_destroy()"},
    {SYS_fstat, 0, {{0}}, "vmm_io_set(); has the snapshot changed?"},
    {SYS_newfstatat, THREAD, {IS(3, AT_EMPTY_PATH)}, "stdio, when a stream is first used"},

    /* Threads, and the end. */
    {SYS_futex, 0, {ASIDE(1, FUTEX_PRIVATE_FLAG, FUTEX_WAKE)}, "locks, pthread_once()"},
    {SYS_futex, 0, {ASIDE(1, FUTEX_PRIVATE_FLAG, FUTEX_WAIT)}, "the same"},
    {SYS_futex, THREAD, {ASIDE(1, FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME, FUTEX_WAIT_BITSET)},
     "conditions that other threads signal"},
    {SYS_exit, 0, {{0}}, "the end of a thread"},
    {SYS_exit_group, 0, {{0}}, "the end"},
};
/* clang-format on */
const size_t jail_row_count = sizeof(jail_rows) / sizeof(jail_rows[0]);
