// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel stacks and the switch between threads. The top of a thread's kernel
 * stack is kstack_top; the trapframe of its last entry into the kernel lies
 * right below that. Vector state and FS/GS bases are saved here only, because
 * the kernel itself uses neither.
 */
#include "cpu/cpu.h"

struct switch_frame {
    u64 r15, r14, r13, r12, rbp, rbx, ret;
};

struct thread *current;
u64 cpu_user_rsp, cpu_kstack_top, cpu_fault_address;

static void (*return_to_user)(void);

/* Fills in the frame through which the vector page returns after a syscall instruction
 * (vectors.S), and notes the way back to the program for new threads. */
void cpu_setup(void (*syscall)(void), void (*user_return_path)(void))
{
    struct syscall_frame {
        u64 rip, cs, rflags, rsp, ss;
    } *f = (struct syscall_frame *)SYSCALL_FRAME;
    _Static_assert(offsetof(struct syscall_frame, rsp) == IRET_RSP, "written by vectors.S");
    *f = (struct syscall_frame){
        .rip = (u64)syscall, .cs = HV_SEL_USER_CS, .rflags = HV_RFLAGS_FIXED, .ss = HV_SEL_USER_SS};
    return_to_user = user_return_path;
    xstate_setup();
}

void cpu_thread_init(struct thread *t, const struct trapframe *tf, const void *xstate)
{
    if (xstate != NULL) {
        memcpy(t->xstate, xstate, xstate_size);
    } else {
        xstate_init(t->xstate);
    }
    t->tf = (struct trapframe *)(t->kstack_top - sizeof(*tf));
    *t->tf = *tf;
    struct switch_frame *f = (struct switch_frame *)t->tf - 1;
    *f = (struct switch_frame){.rbp = (u64)return_to_user, .ret = (u64)return_to_user};
    t->ksp = (u64)f;
}

void cpu_switch(struct thread *prev, struct thread *next)
{
    if (prev->xstate != NULL) {
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
