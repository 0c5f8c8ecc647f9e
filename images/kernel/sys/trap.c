// SPDX-License-Identifier: Apache-2.0
/*
 * Answers traps. Page faults go to mm/; other exceptions become signals with
 * Linux's numbers and codes (asm-generic/siginfo.h); an upcall, the VMM's own
 * exception (vmm/abi.h), says that the host has set events. Every path back to
 * the program ends in user_return_work().
 */
#include <asm/siginfo.h>

#include "cpu/cpu.h"
#include "mm/mm.h"
#include "proc/proc.h"

#define SAME(number, member) _Static_assert((number) == offsetof(struct trapframe, member), #number)
SAME(FRAME_R10, r10);
SAME(FRAME_R9, r9);
SAME(FRAME_R8, r8);
SAME(FRAME_RDI, rdi);
SAME(FRAME_RSI, rsi);
SAME(FRAME_RDX, rdx);
SAME(FRAME_RAX, rax);
SAME(FRAME_TRAP, t);
SAME(FRAME_RIP, t.rip);
SAME(FRAME_RFLAGS, t.rflags);
SAME(FRAME_RSP, t.rsp);
_Static_assert(FRAME_SIZE == sizeof(struct trapframe) && TRAP_SIZE == sizeof(struct hv_trap), "");

struct exception {
    u8 sig;
    u8 code;
    bool at_rip; /* si_addr is the instruction */
};

static const struct exception exceptions[] = {
    [0] = {SIGFPE, FPE_INTDIV, true},   [1] = {SIGTRAP, TRAP_BRKPT, true},
    [3] = {SIGTRAP, 0x80, false},       [4] = {SIGSEGV, 0x80, false},
    [5] = {SIGSEGV, 0x80, false},       [6] = {SIGILL, ILL_ILLOPN, true},
    [13] = {SIGSEGV, 0x80, false},      [12] = {SIGBUS, 0x80, false},
    [11] = {SIGBUS, 0x80, false},       [16] = {SIGFPE, FPE_FLTINV, true},
    [17] = {SIGBUS, BUS_ADRALN, false}, [19] = {SIGFPE, FPE_FLTINV, true},
};

/* si_code of #MF and #XM from the status bits that are unmasked (SDM vol. 1, 8.5 and 11.5). */
static int fpe_code(u64 vector)
{
    u32 status;
    if (vector == 16) {
        u16 sw, cw;
        __asm__ volatile("fnstsw %0" : "=m"(sw));
        __asm__ volatile("fnstcw %0" : "=m"(cw));
        status = sw & ~cw;
    } else {
        u32 mxcsr;
        __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
        status = mxcsr & ~(mxcsr >> 7);
    }
    if (status & 1) {
        return FPE_FLTINV;
    }
    if (status & 4) {
        return FPE_FLTDIV;
    }
    if (status & 8) {
        return FPE_FLTOVF;
    }
    if (status & 0x12) {
        return FPE_FLTUND;
    }
    return status & 0x20 ? FPE_FLTRES : FPE_FLTINV;
}

/* Makes a fault a signal. The trace shows it as strace(1) shows signals. */
static void fault(struct trapframe *tf, int sig, int code, vaddr_t addr)
{
    char line[120];
    if (hv_trace_enabled) {
        int n =
            snprintf(line, sizeof(line), "--- signal %d code %d addr %#lx rip %#lx error %#lx ---",
                     sig, code, addr, tf->t.rip, tf->t.error);
        hv_trace_line(line, (size_t)n);
    }
    signal_fault(tf, sig, code, addr);
}

/* Ends the process: a promised page could not be had. Linux kills the program as well, whether the
 * program touched the page or a system call did. */
static void out_of_memory(void)
{
    char text[120];
    snprintf(text, sizeof(text),
             "out of memory: %lu of %lu MiB are free, and a page that was promised is not there",
             pmm_free_pages() * PAGE_SIZE >> 20, pmm_total_pages() * PAGE_SIZE >> 20);
    process_out_of_memory(text);
}

static void page_fault(struct trapframe *tf)
{
    vaddr_t addr = cpu_fault_address;
    switch (mm_handle_fault(cur_proc()->mm, addr, tf->t.error)) {
    case MM_FAULT_OK:
        break;
    case MM_FAULT_MAPERR:
        fault(tf, SIGSEGV, SEGV_MAPERR, addr);
        break;
    case MM_FAULT_ACCERR:
        fault(tf, SIGSEGV, SEGV_ACCERR, addr);
        break;
    case MM_FAULT_BUS:
        fault(tf, SIGBUS, BUS_ADRERR, addr);
        break;
    case MM_FAULT_OOM:
        if (!oom_kill()) {
            out_of_memory();
        }
        (void)oom_wait(); /* then the program touches the page again */
    }
}

static void exception(struct trapframe *tf)
{
    u64 v = tf->t.vector;
    if (v >= ARRAY_SIZE(exceptions) || !exceptions[v].sig) {
        panic("unexpected exception %lu at %#lx", v, tf->t.rip);
    }
    const struct exception *e = &exceptions[v];
    int code = v == 16 || v == 19 ? fpe_code(v) : e->code;
    fault(tf, e->sig, code, e->at_rip ? tf->t.rip : 0);
}

void trap_from_user(struct trapframe *tf)
{
    current->tf = tf;
    if (tf->t.vector == VECTOR_PAGE_FAULT) {
        page_fault(tf);
    } else if (tf->t.vector != HV_VECTOR_UPCALL) {
        exception(tf);
    }
    user_return_work(tf);
}

/* A child cannot end here, on this stack, and no thread can wait. */
static void kernel_out_of_memory(void)
{
    if (oom_kill()) {
        current->p->oom = true;
    } else if (cur_proc() == process_first) {
        out_of_memory();
    } else {
        (void)signal_send(cur_proc(), NULL, SIGKILL, SI_KERNEL, 0);
    }
}

/* A fault in the kernel. While copying program memory it is resolved or turned into -EFAULT;
 * anywhere else it is a bug. The frame is on the trap page, where a call of the vector page
 * (tlb_flush()) writes over it. So it is put back. */
void trap_from_kernel(struct trapframe *tf)
{
    const struct hv_trap saved = tf->t;
    u64 rip = saved.rip;
    bool copying = rip >= (u64)usercopy_start && rip < (u64)usercopy_end;
    if (!copying) {
        panic("exception %lu in the kernel at %#lx, error %#lx, address %#lx", tf->t.vector, rip,
              tf->t.error, cpu_fault_address);
    }
    enum mm_fault_result r = tf->t.vector == VECTOR_PAGE_FAULT
                                 ? mm_handle_fault(cur_proc()->mm, cpu_fault_address, tf->t.error)
                                 : MM_FAULT_ACCERR;
    if (r == MM_FAULT_OOM) {
        kernel_out_of_memory();
    }
    tf->t = saved;
    if (r != MM_FAULT_OK) {
        tf->t.rip = (u64)usercopy_fault;
    }
}

void user_return_work(struct trapframe *tf)
{
    /* Else the next call would take the program's pointers unchecked. */
    KASSERT(!current->kernel_buffers);
    for (;;) {
        if (hv_shared()->events) {
            events_handle();
        }
        if (sched_need_resched()) {
            schedule();
        } else if (signal_pending(current)) {
            signal_deliver(tf, tf->t.vector == VECTOR_SYSCALL);
        } else {
            return;
        }
    }
}
