// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel stacks and the switch between threads. A thread's kernel stack ends at
 * kstack_top; the trapframe of its last entry is right below. Vector state and
 * FS/GS bases are saved here only, because the kernel itself uses neither.
 */
#include "cpu/cpu.h"

#define KSTACK_PAGES 4

struct switch_frame {
    u64 r15, r14, r13, r12, rbp, rbx, ret;
};

u64 cpu_user_rsp, cpu_kstack_top, cpu_fault_address;

/* The frame that the vector page returns through after the syscall instruction (vectors.S). */
void cpu_setup(void)
{
    struct syscall_frame {
        u64 rip, cs, rflags, rsp, ss;
    } *f = (struct syscall_frame *)HV_TRAP_GPA;
    *f = (struct syscall_frame){
        .rip = (u64)syscall_entry, .cs = HV_SEL_USER_CS, .rflags = 0x202, .ss = HV_SEL_USER_SS};
    xstate_setup();
}

int cpu_thread_init(struct thread *t, const struct trapframe *tf, const void *xstate)
{
    t->kstack = pmm_alloc(KSTACK_PAGES, 0);
    if (!t->kstack)
        return -ENOMEM;
    paddr_t area = pmm_alloc(1, PMM_ZERO);
    if (!area) {
        pmm_free(t->kstack, KSTACK_PAGES);
        t->kstack = 0;
        return -ENOMEM;
    }
    t->xstate = phys_ptr(area);
    if (xstate)
        memcpy(t->xstate, xstate, xstate_size);
    else
        xstate_init(t->xstate);
    t->kstack_top = t->kstack + KSTACK_PAGES * PAGE_SIZE;
    t->tf = (struct trapframe *)(t->kstack_top - sizeof(*tf));
    *t->tf = *tf;
    struct switch_frame *f = (struct switch_frame *)t->tf - 1;
    *f = (struct switch_frame){.ret = (u64)user_return};
    t->ksp = (u64)f;
    return 0;
}

void cpu_thread_free(struct thread *t)
{
    if (t->kstack)
        pmm_free(t->kstack, KSTACK_PAGES);
    if (t->xstate)
        pmm_free((paddr_t)t->xstate, 1);
    t->kstack = 0;
    t->xstate = NULL;
}

void cpu_switch(struct thread *prev, struct thread *next)
{
    if (prev->xstate) {
        xstate_save(prev->xstate);
        prev->fs_base = cpu_rdfsbase();
        prev->gs_base = cpu_rdgsbase();
    }
    current = next;
    cpu_kstack_top = next->kstack_top;
    xstate_restore(next->xstate);
    cpu_wrfsbase(next->fs_base);
    cpu_wrgsbase(next->gs_base);
    cpu_switch_stack(&prev->ksp, next->ksp);
}

/* Makes the first run of t call fn on its kernel stack; when fn returns, the thread's user
 * registers are loaded. */
void cpu_thread_call(struct thread *t, void (*fn)(void))
{
    struct switch_frame *f = (struct switch_frame *)t->ksp;
    f->rbx = (u64)fn;
    f->ret = (u64)thread_call_entry;
}
