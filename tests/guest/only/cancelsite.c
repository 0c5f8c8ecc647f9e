// SPDX-License-Identifier: Apache-2.0
/*
 * A system call in the shape of glibc 2.41's: an instruction as long as a jump, the syscall, and a
 * return that something refers to. The jump replaces the first alone. A call that a signal
 * interrupts goes on at the syscall itself, which is where the C library looks whether a thread can
 * be cancelled.
 */
#include "only.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <ucontext.h>

long call(void *slot, long number, long a, long b, long c);
extern const char call_end[]; /* right after the syscall, which has two bytes */

/* Stores its first argument where the last instruction before the syscall puts r11. */
__asm__(".text\n"
        ".globl call, call_end\n"
        ".type call, @function\n"
        "call:\n"
        ".cfi_startproc\n"
        "    push %rbx\n"
        ".cfi_adjust_cfa_offset 8\n"
        "    mov %rdi, %rbx\n"
        "    mov %rsi, %rax\n"
        "    mov %rdx, %rdi\n"
        "    mov %rcx, %rsi\n"
        "    mov %r8, %rdx\n"
        "    mov $0x1234, %ecx\n"
        "    movl %ecx, 0x100(%rbx)\n"
        "    syscall\n"
        "call_end:\n"
        "    pop %rbx\n"
        ".cfi_adjust_cfa_offset -8\n"
        "    ret\n"
        ".cfi_endproc\n"
        ".size call, . - call\n"
        ".data\n"
        ".balign 8\n"
        ".quad call_end\n"
        ".text\n");

static _Atomic(uintptr_t) interrupted_at;

static void on_signal(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info;
    interrupted_at = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}

static int pipe_ends[2];
static char memory[0x200];

static void *reader(void *arg)
{
    char byte = 0;
    long n = call(memory, SYS_read, pipe_ends[0], (long)&byte, 1);
    *(char *)arg = byte;
    return (void *)n;
}

static void interrupt_reader(bool restart)
{
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_flags = SA_SIGINFO | (restart ? SA_RESTART : 0)};
    pthread_t thread;
    char got = 0;
    void *result;
    volatile uintptr_t after = (uintptr_t)call_end; /* no code has the address of the syscall */

    interrupted_at = 0;
    sigaction(SIGUSR1, &action, NULL);
    T_MUST("thread", pthread_create(&thread, NULL, reader, &got) == 0);
    t_sleep_ms(20);
    T_MUST("kill", pthread_kill(thread, SIGUSR1) == 0);
    t_sleep_ms(20);
    if (restart) {
        T_CHECK("restarts at the syscall", interrupted_at == after - 2);
        T_MUST("write", write(pipe_ends[1], "x", 1) == 1);
    } else {
        T_CHECK("ends after the syscall", interrupted_at == after);
    }
    pthread_join(thread, &result);
    T_CHECK("its result", (long)result == (restart ? 1 : -EINTR) && got == (restart ? 'x' : 0));
}

int main(void)
{
    long before = count_of("rewritten"), trapped = count_of("trapped");

    for (int i = 0; i < 100; i++) {
        memory[0x100] = 0;
        T_MUST("getppid", call(memory, SYS_getppid, 0, 0, 0) == getppid());
        T_MUST("what is done before", memory[0x100] == 0x34);
    }
    T_CHECK("rewritten", count_of("rewritten") - before >= 200);
    T_CHECK("none trapped", count_of("trapped") - trapped <= 2);
    T_MUST("pipe", pipe(pipe_ends) == 0);
    interrupt_reader(true);
    interrupt_reader(false);
    return t_done();
}
