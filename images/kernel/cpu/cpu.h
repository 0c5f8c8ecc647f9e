// SPDX-License-Identifier: Apache-2.0
/*
 * What cpu/ offers beyond kernel.h: symbols of the assembly files and of the linker script, and the
 * special instructions that C code needs.
 */
#ifndef CPU_H
#define CPU_H

#include "kernel.h"

/* kernel.ld */
extern char __text_start[], __text_end[], __kernel_end[];
/* cpu/vdso_image.S */
extern char vdso_start[], vdso_end[];
/* mm/usercopy.S */
extern char usercopy_start[], usercopy_end[], usercopy_fault[];

/* cpu/context.c */
extern u64 cpu_user_rsp;      /* scratch of syscall_entry */
extern u64 cpu_kstack_top;    /* kernel stack of the current thread */
extern u64 cpu_fault_address; /* CR2 of the last page fault, written by the vector page */

void cpu_thread_call(struct thread *t, void (*fn)(void));
/* syscall: where the syscall instruction leads. user_return_path: the way back to the program. */
void cpu_setup(void (*syscall)(void), void (*user_return_path)(void));

/* cpu/switch.S */
void cpu_switch_stack(u64 *save, u64 load);
void thread_call_entry(void);
void tlb_flush(void);
void root_load(u64 root); /* another tree of page tables */
/* cpu/xstate.c */
void xstate_setup(void);

/* sys/entry.S */
void user_return(void);
void syscall_entry(void);
void syscall_entry_call(void); /* from the slots of mm/sites.c */
/* sys/dispatch.c, sys/trap.c: called by sys/entry.S. */
void syscall_handle(struct trapframe *tf);
bool syscall_handle_call(struct trapframe *tf);
void trap_from_user(struct trapframe *tf);
void trap_from_kernel(struct trapframe *tf);

static inline void cpu_cpuid(u32 leaf, u32 sub, u32 r[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
                     : "a"(leaf), "c"(sub));
}

static inline u64 cpu_rdfsbase(void)
{
    u64 v;
    __asm__ volatile("rdfsbase %0" : "=r"(v));
    return v;
}

static inline void cpu_wrfsbase(u64 v)
{
    __asm__ volatile("wrfsbase %0" ::"r"(v));
}

static inline u64 cpu_rdgsbase(void)
{
    u64 v;
    __asm__ volatile("rdgsbase %0" : "=r"(v));
    return v;
}

static inline void cpu_wrgsbase(u64 v)
{
    __asm__ volatile("wrgsbase %0" ::"r"(v));
}

#endif
