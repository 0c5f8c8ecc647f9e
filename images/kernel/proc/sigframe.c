// SPDX-License-Identifier: Apache-2.0
/*
 * The signal frame of x86-64 Linux (sigreturn(2), asm/sigcontext.h): from the
 * stack pointer up, it is the return address, struct ucontext, siginfo, and
 * then, 64-aligned, the XSAVE area, with software bytes in it that tell its
 * size. Whatever the program wrote into a frame is checked before it is loaded.
 */
#include "proc/proc.h"

#include <asm/sigcontext.h>
#include <asm/ucontext.h> /* needs sigcontext.h and does not include it */

#define RED_ZONE      128u
#define FXSAVE_SIZE   512u
#define XSTATE_BV_OFF 512u
#define SW_BYTES_OFF  464u
#define UC_FLAGS      (UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS)
/* RFLAGS the program may set: AC OF DF TF SF ZF AF PF CF; the rest is fixed (IF and bit 1 on). */
#define RFLAGS_USER 0x40dd5ull
#define RFLAGS_DF   0x400ull
#define RFLAGS_RF   0x10000ull

struct sigframe {
    u64 pretcode;
    struct ucontext uc;
    siginfo_t info;
};
_Static_assert(sizeof(struct ucontext) == 304 && sizeof(siginfo_t) == 128, "Linux ABI");

static void context_save(struct sigcontext *c, const struct trapframe *tf)
{
    const struct proc_thread *p = current->p;

    *c = (struct sigcontext){
        .r8 = tf->r8,
        .r9 = tf->r9,
        .r10 = tf->r10,
        .r11 = tf->r11,
        .r12 = tf->r12,
        .r13 = tf->r13,
        .r14 = tf->r14,
        .r15 = tf->r15,
        .rdi = tf->rdi,
        .rsi = tf->rsi,
        .rbp = tf->rbp,
        .rbx = tf->rbx,
        .rdx = tf->rdx,
        .rax = tf->rax,
        .rcx = tf->rcx,
        .rsp = tf->t.rsp,
        .rip = tf->t.rip,
        .eflags = tf->t.rflags,
        .cs = HV_SEL_USER_CS,
        .ss = HV_SEL_USER_SS,
        .err = p->trap_error,
        .trapno = p->trapno,
        .cr2 = p->trap_addr,
    };
}

static void context_load(struct trapframe *tf, const struct sigcontext *c)
{
    tf->r8 = c->r8;
    tf->r9 = c->r9;
    tf->r10 = c->r10;
    tf->r11 = c->r11;
    tf->r12 = c->r12;
    tf->r13 = c->r13;
    tf->r14 = c->r14;
    tf->r15 = c->r15;
    tf->rdi = c->rdi;
    tf->rsi = c->rsi;
    tf->rbp = c->rbp;
    tf->rbx = c->rbx;
    tf->rdx = c->rdx;
    tf->rax = c->rax;
    tf->rcx = c->rcx;
    tf->t.rsp = c->rsp;
    tf->t.rip = c->rip;
    tf->t.rflags = (c->eflags & RFLAGS_USER) | HV_RFLAGS_FIXED;
    tf->t.cs = HV_SEL_USER_CS;
    tf->t.ss = HV_SEL_USER_SS;
}

/* Copies the live vector state to program memory at addr, by way of the thread's own area, which
 * is unused while the thread runs. */
static int xstate_put(vaddr_t addr)
{
    const u32 magic2 = FP_XSTATE_MAGIC2;
    char *area = current->xstate;
    struct _fpx_sw_bytes sw = {
        .magic1 = FP_XSTATE_MAGIC1,
        .extended_size = (u32)(xstate_size + FP_XSTATE_MAGIC2_SIZE),
        .xfeatures = xstate_mask,
        .xstate_size = (u32)xstate_size,
    };

    xstate_save(area);
    memcpy(area + SW_BYTES_OFF, &sw, sizeof(sw));
    if (copy_to_user(addr, area, xstate_size) != 0) {
        return -EFAULT;
    }
    return copy_to_user(addr + xstate_size, &magic2, sizeof(magic2));
}

/* Loads the vector state from program memory. As on Linux, an area without intact marks counts
 * as the legacy 512 bytes, and the other components are initialised. */
static int xstate_get(vaddr_t addr)
{
    char *area = current->xstate;
    struct _fpx_sw_bytes sw;
    u32 magic2 = 0;
    bool whole;

    xstate_init(area);
    if (addr == 0) {
        goto load;
    }
    if (copy_from_user(&sw, addr + SW_BYTES_OFF, sizeof(sw)) != 0) {
        return -EFAULT;
    }
    whole = sw.magic1 == FP_XSTATE_MAGIC1 && sw.xstate_size == xstate_size &&
            copy_from_user(&magic2, addr + xstate_size, sizeof(magic2)) == 0 &&
            magic2 == FP_XSTATE_MAGIC2;
    if (copy_from_user(area, addr, whole ? xstate_size : FXSAVE_SIZE) != 0) {
        return -EFAULT;
    }
    if (!whole) {
        *(u64 *)(void *)(area + XSTATE_BV_OFF) = 3; /* x87 and SSE: what FXSAVE holds */
    }
    if (!xstate_valid(area)) {
        return -EFAULT;
    }
load:
    xstate_restore(area);
    return 0;
}

/* Where the frame goes: below the red zone, or on the alternate stack. 0 when the alternate
 * stack is too small. */
static u64 frame_base(u64 sp, const struct sigaction *act, size_t size)
{
    const struct proc_thread *p = current->p;
    bool nested = altstack_active(current, sp);
    bool enter = (act->sa_flags & SA_ONSTACK) != 0 && p->alt_size != 0 && !nested;

    sp = enter ? p->alt_sp + p->alt_size : sp - RED_ZONE;
    if ((enter || nested) && sp - p->alt_sp < size) {
        return 0;
    }
    return sp;
}

static void stack_describe(stack_t *s)
{
    const struct proc_thread *p = current->p;

    s->ss_sp = (void *)p->alt_sp;
    s->ss_size = p->alt_size;
    s->ss_flags = (int)p->alt_flags;
}

int sigframe_push(struct trapframe *tf, int sig, const struct sigaction *act, const siginfo_t *info,
                  u64 mask)
{
    struct proc_thread *p = current->p;
    size_t fpsize = xstate_size + FP_XSTATE_MAGIC2_SIZE;
    u64 sp = frame_base(tf->t.rsp, act, fpsize + 64 + sizeof(struct sigframe) + 16);
    u64 fp, at;
    struct sigframe f;

    if (sp == 0 || (act->sa_flags & SA_RESTORER) == 0 || (u64)act->sa_handler >= USER_TOP) {
        return -EFAULT;
    }
    fp = (sp - fpsize) & ~63ull;
    at = ((fp - sizeof(f)) & ~15ull) - 8; /* as after a call: the handler sees rsp % 16 == 8 */
    memset(&f, 0, sizeof(f));
    f.pretcode = (u64)act->sa_restorer;
    f.uc.uc_flags = UC_FLAGS;
    stack_describe(&f.uc.uc_stack);
    context_save(&f.uc.uc_mcontext, tf);
    f.uc.uc_mcontext.fpstate = (struct _fpstate *)fp;
    f.uc.uc_mcontext.oldmask = mask;
    f.uc.uc_sigmask = mask;
    f.info = *info;
    if (xstate_put(fp) != 0 || copy_to_user(at, &f, sizeof(f)) != 0) {
        return -EFAULT;
    }
    if ((p->alt_flags & SS_AUTODISARM) != 0) {
        p->alt_sp = p->alt_size = 0;
        p->alt_flags = SS_DISABLE;
    }
    tf->rdi = (u64)sig;
    tf->rsi = at + offsetof(struct sigframe, info);
    tf->rdx = at + offsetof(struct sigframe, uc);
    tf->rax = 0;
    tf->t.rsp = at;
    tf->t.rip = (u64)act->sa_handler;
    tf->t.rflags &= ~(RFLAGS_DF | RFLAGS_RF | (u64)RFLAGS_TF);
    xstate_init(current->xstate);
    xstate_restore(current->xstate);
    return 0;
}

int sigframe_pop(struct trapframe *tf)
{
    struct proc_thread *p = current->p;
    struct ucontext uc;

    /* The handler's `ret` took pretcode off the stack. */
    if (copy_from_user(&uc, tf->t.rsp, sizeof(uc)) != 0) {
        return -EFAULT;
    }
    if (uc.uc_mcontext.rip >= USER_TOP) { /* IRET would fault in the kernel */
        return -EFAULT;
    }
    if (xstate_get((vaddr_t)uc.uc_mcontext.fpstate) != 0) {
        return -EFAULT;
    }
    signal_set_blocked(current, uc.uc_sigmask);
    context_load(tf, &uc.uc_mcontext);
    tf->t.vector = VECTOR_SYSCALL + 1; /* as after execve: rax holds no call's result */
    if (((u32)uc.uc_stack.ss_flags & SS_AUTODISARM) != 0) {
        p->alt_sp = (u64)uc.uc_stack.ss_sp;
        p->alt_size = uc.uc_stack.ss_size;
        p->alt_flags = SS_AUTODISARM;
    }
    return 0;
}
