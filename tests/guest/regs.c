// SPDX-License-Identifier: Apache-2.0
/*
 * What a system call leaves alone: every general register but rax, rcx and r11, the flags, the
 * direction flag, the red zone, and the whole vector state. Each call is a `syscall` instruction of
 * this file, in the shapes that rewriting must handle. Slow and failing calls are among them.
 */
#include "t.h"

#include <fcntl.h>
#include <immintrin.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* Registers before and after, in the order of the pushes in the block below. */
struct frame {
    uint64_t in[12];
    uint64_t out[12];
    uint64_t rax, flags, red_zone_good;
};

/* rbx rdx rsi rdi rbp r8 r9 r10 r12 r13 r14 r15; 128 bytes of red zone filled and compared. */
__attribute__((naked, noinline)) static void call_in_frame(struct frame *f __attribute__((unused)),
                                                           long number __attribute__((unused)))
{
    __asm__ volatile(
        "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n push %rdi\n"
        "mov %rdi, %rcx\n mov %rsi, %rax\n"
        "mov 0(%rcx), %rbx\n mov 8(%rcx), %rdx\n mov 16(%rcx), %rsi\n mov 24(%rcx), %rdi\n"
        "mov 32(%rcx), %rbp\n mov 40(%rcx), %r8\n mov 48(%rcx), %r9\n mov 56(%rcx), %r10\n"
        "mov 64(%rcx), %r12\n mov 72(%rcx), %r13\n mov 80(%rcx), %r14\n mov 88(%rcx), %r15\n"
        /* The red zone: sixteen words below the stack pointer, each with a value of its own. */
        "movabs $0x5a5a5a5a00000000, %r11\n mov $-16, %rcx\n"
        "1: lea (%r11,%rcx), %r11\n mov %r11, (%rsp,%rcx,8)\n inc %rcx\n jnz 1b\n"
        "stc\n"
        "syscall\n"
        "pushfq\n pop %rcx\n"
        /* pushfq used the topmost word of the red zone; the other fifteen are compared. */
        "mov (%rsp), %r11\n"
        "mov %rax, 192(%r11)\n mov %rcx, 200(%r11)\n"
        "mov %rbx, 96(%r11)\n mov %rdx, 104(%r11)\n mov %rsi, 112(%r11)\n mov %rdi, 120(%r11)\n"
        "mov %rbp, 128(%r11)\n mov %r8, 136(%r11)\n mov %r9, 144(%r11)\n mov %r10, 152(%r11)\n"
        "mov %r12, 160(%r11)\n mov %r13, 168(%r11)\n mov %r14, 176(%r11)\n mov %r15, 184(%r11)\n"
        "xor %edx, %edx\n movabs $0x5a5a5a5a00000000, %rax\n mov $-16, %rcx\n"
        "2: lea (%rax,%rcx), %rax\n cmp $-1, %rcx\n je 3f\n cmp %rax, (%rsp,%rcx,8)\n jne 4f\n"
        "3: inc %rcx\n jnz 2b\n inc %edx\n"
        "4: mov %rdx, 208(%r11)\n"
        "pop %rdi\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n");
}

static char page[4096] __attribute__((aligned(4096)));

static struct frame frame_with(long rdi, long rsi, long rdx, long r10)
{
    struct frame f = {0};

    for (unsigned i = 0; i < T_COUNT(f.in); i++) {
        f.in[i] = 0x0101010101010101 * (i + 1);
    }
    f.in[1] = (uint64_t)rdx;
    f.in[2] = (uint64_t)rsi;
    f.in[3] = (uint64_t)rdi;
    f.in[5] = f.in[6] = 0;
    f.in[7] = (uint64_t)r10;
    return f;
}

static void check_call(const char *name, long number, struct frame f, bool may_fail)
{
    call_in_frame(&f, number);
    bool failed = (int64_t)f.rax < 0 && (int64_t)f.rax >= -4095;
    T_CHECK(name, failed == may_fail);
    T_CHECK("  general registers", memcmp(f.in, f.out, sizeof(f.in)) == 0);
    /* Carry was set before; interrupts stay enabled; no direction, trap or alignment flag appears.
     */
    T_EQ("  flags", f.flags & 0x40701, 0x201);
    T_EQ("  red zone", f.red_zone_good, 1);
}

static void check_calls(void)
{
    static struct timespec ms = {0, 1000000};
    int zero = open("/dev/zero", O_RDWR);

    check_call("getpid", SYS_getpid, frame_with(1, 2, 3, 4), false);
    check_call("read", SYS_read, frame_with(zero, (long)page, 4096, 4), false);
    check_call("write", SYS_write, frame_with(zero, (long)page, 10, 4), false);
    check_call("pread64", SYS_pread64, frame_with(zero, (long)page, 100, 0), false);
    check_call("clock_gettime", SYS_clock_gettime, frame_with(1, (long)page, 3, 4), false);
    check_call("nanosleep", SYS_nanosleep, frame_with((long)&ms, 0, 3, 4), false);
    check_call("sched_yield", SYS_sched_yield, frame_with(1, 2, 3, 4), false);
    check_call("mprotect", SYS_mprotect, frame_with((long)page, 4096, PROT_READ | PROT_WRITE, 4),
               false);
    check_call("close of nothing", SYS_close, frame_with(9999, 2, 3, 4), true);
    check_call("read into nothing", SYS_read, frame_with(zero, 8, 1, 4), true);
    check_call("an unknown number", 100000, frame_with(1, 2, 3, 4), true);
    check_call("number -1", -1, frame_with(1, 2, 3, 4), true);
    close(zero);
}

/* The shapes in which compilers and hand-written code make a system call. */
static void check_shapes(void)
{
    long a, b, c, d, number = SYS_getpid, minus = -1;

    __asm__ volatile("mov $39, %%eax\n\tsyscall" : "=a"(a) : : "rcx", "r11");
    __asm__ volatile("syscall" : "=a"(b) : "a"(number) : "rcx", "r11");
    /* The instruction after it is the target of a jump, twice around. */
    __asm__ volatile("mov $2, %%ebx\n\t"
                     "mov $39, %%eax\n"
                     "1:\tsyscall\n"
                     "2:\tdec %%ebx\n\t"
                     "mov $39, %%eax\n\t"
                     "jnz 2b"
                     : "=a"(c)
                     :
                     : "rbx", "rcx", "r11", "cc");
    /* The syscall itself is the target of a jump that skips the mov before it. */
    __asm__ volatile("mov %1, %%rax\n\tjmp 1f\n\tmov $1, %%eax\n1:\tsyscall"
                     : "=&a"(d)
                     : "r"(number)
                     : "rcx", "r11");
    T_CHECK("mov before it, register before it, jump after it, jump to it",
            a == getpid() && b == a && c == 39 && d == a);
    /* 0f 05 inside an immediate is no system call. */
    __asm__ volatile("movabs $0x0f05050f0f05050f, %0" : "=r"(a));
    T_CHECK("an immediate that looks like one", a == 0x0f05050f0f05050f);
    __asm__ volatile("mov $39, %%eax\n\tjmp 1f\n\t.byte 0xb8\n1:\tsyscall\n\tnop"
                     : "=a"(b)
                     :
                     : "rcx", "r11");
    T_EQ("after a stray byte", b, getpid());
    __asm__ volatile("syscall" : "=a"(a) : "a"(minus) : "rcx", "r11");
    T_EQ("number -1 is ENOSYS", a, -ENOSYS);
}

/* Code that is written at run time, which no index can know. */
static void check_generated(void)
{
    static const unsigned char code[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3};
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long (*function)(void);

    memcpy(p, code, sizeof(code));
    memcpy(&function, &p, sizeof(p));
    T_EQ("mprotect", mprotect(p, 4096, PROT_READ | PROT_EXEC), 0);
    T_EQ("a system call in generated code", function(), getpid());
    T_EQ("again", function(), getpid());
}

int main(void)
{
    check_calls();
    check_shapes();
    check_generated();
    return t_done();
}
