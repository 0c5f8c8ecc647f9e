// SPDX-License-Identifier: Apache-2.0
/*
 * The rules of rewriting system calls into jumps, one by one, in code of every shape: which calls
 * may be rewritten and which must not be. A program must not notice it by flags, restarts, signals
 * in the middle, single steps, by what a handler sees, or by what the file and other mappings of it
 * show.
 */
#include "t.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#define FUNCTION(name, body)                                                                       \
    __asm__(".text\n.type " #name ", @function\n" #name ":\n" body ".size " #name ", .-" #name "\n")

/* getpid, or any number that is passed, in the shapes that compilers make. */
FUNCTION(number_before, "mov $39, %eax\n syscall\n ret\n");
FUNCTION(long_number_before, "mov $39, %rax\n syscall\n ret\n");
FUNCTION(check_behind, "mov %rdi, %rax\n syscall\n cmp $-4096, %rax\n ja 1f\n ret\n"
                       "1: mov $-1, %rax\n ret\n");
FUNCTION(short_ones_behind, "mov %rdi, %rax\n syscall\n nop\n nop\n nop\n ret\n");
FUNCTION(stack_behind, "mov %rdi, %rax\n mov $77, %edx\n syscall\n push %rdx\n pop %rcx\n"
                       "add %rcx, %rax\n ret\n");
/* The function ends with the call; what follows is another one that is called, too. */
FUNCTION(at_the_end, "mov %rdi, %rax\n syscall\n");
FUNCTION(the_next, "add $1000000, %rax\n ret\n");
/* A jump from below goes to the instruction after the call. */
FUNCTION(target_behind, "xor %r8d, %r8d\n mov %rdi, %rax\n syscall\n"
                        "1: lea 1(%r8), %r8d\n nop\n nop\n nop\n cmp $3, %r8d\n jb 1b\n"
                        "mov %r8d, %eax\n ret\n");
/* A jump goes to the call itself, past the instruction that loads the number. */
FUNCTION(target_call, "test %edi, %edi\n mov $39, %eax\n jz 1f\n mov $102, %eax\n jmp 2f\n"
                      "1: mov $39, %eax\n 2: syscall\n ret\n");
/* A table, as a switch has one, holds the address after the call. */
FUNCTION(target_in_table,
         "lea 9f(%rip), %r8\n movslq (%r8), %rdx\n add %r8, %rdx\n cmp $0, %rdi\n je 2f\n"
         "mov $39, %eax\n syscall\n 1: nop\n nop\n nop\n ret\n"
         "2: mov $55, %eax\n jmp *%rdx\n"
         ".section .rodata\n .balign 4\n 9: .long 1b - 9b\n .text\n");
FUNCTION(in_immediate, "movabs $0x0f05c3050f05050f, %rax\n mov $0x050f050f, %ecx\n"
                       "xor %rcx, %rax\n ret\n");
FUNCTION(relative_behind, "mov %rdi, %rax\n syscall\n lea 1f(%rip), %rcx\n jmp *%rcx\n 1: ret\n");
/* Flags in, flags out, around a call of either shape. */
FUNCTION(flags_before, "push %rdi\n popfq\n mov $39, %eax\n syscall\n pushfq\n pop %rax\n cld\n"
                       "pushq $0x202\n popfq\n ret\n");
FUNCTION(flags_behind, "mov $39, %eax\n push %rdi\n popfq\n syscall\n pushfq\n pop %rax\n"
                       "pushq $0x202\n popfq\n ret\n");
FUNCTION(stepped, "pushfq\n orl $0x100, (%rsp)\n popfq\n mov $39, %eax\n syscall\n"
                  "nop\n nop\n pushfq\n andl $~0x100, (%rsp)\n popfq\n ret\n");
/* read(2) that a handler will interrupt: as in the C library, and with a number of 5 bytes. */
FUNCTION(read_short, "xor %eax, %eax\n syscall\n cmp $-4096, %rax\n nop\n ret\n");
FUNCTION(read_long, "mov $0, %eax\n syscall\n ret\n");
/* The number from elsewhere, and nothing after the call that can be moved; 77 is in memory. */
FUNCTION(read_stored, "mov %rcx, %rax\n mov $77, %r11d\n mov %r11, -16(%rsp)\n syscall\n jmp 1f\n"
                      "1: cmpq $77, -16(%rsp)\n je 2f\n mov $-1000, %rax\n 2: ret\n");
FUNCTION(read_bare, "mov %rcx, %rax\n syscall\n cmp $-4096, %rax\n nop\n ret\n");

long number_before(void), long_number_before(void), check_behind(long), short_ones_behind(long);
long stack_behind(long), at_the_end(long), target_behind(long), target_call(long);
long target_in_table(long), in_immediate(void), relative_behind(long), stepped(void);
long the_next(void);
unsigned long flags_before(unsigned long), flags_behind(unsigned long);
long read_short(int, void *, long, long), read_long(int, void *, long, long);
long read_bare(int, void *, long, long), read_stored(int, void *, long, long);
extern char __executable_start[];

static void check_shapes(void)
{
    long pid = getpid();

    T_EQ("the number before it", number_before(), pid);
    T_EQ("the number in 7 bytes", long_number_before(), pid);
    T_EQ("a check after it", check_behind(39), pid);
    T_EQ("a check that finds an error", check_behind(100000), -1);
    T_EQ("short instructions after it", short_ones_behind(39), pid);
    T_EQ("instructions that use the stack", stack_behind(39), pid + 77);
    T_EQ("at the end of a function", at_the_end(39), pid + 1000000);
    T_EQ("jumped to after it", target_behind(39), 3);
    T_EQ("jumped to itself, one way", target_call(0), pid);
    T_EQ("jumped to itself, the other", target_call(1), (long)getuid());
    T_EQ("reached by a table, called", target_in_table(1), pid);
    T_EQ("reached by a table, jumped", target_in_table(0), 55);
    T_EQ("in an immediate", in_immediate(), 0x0f05c3050f05050f ^ 0x050f050f);
    T_EQ("a relative address after it", relative_behind(39), pid);
}

static void check_flags(void)
{
    static const int bits[] = {0, 2, 4, 6, 7, 11, 10, 18, 21};
    unsigned wrong = 0;

    for (unsigned n = 0; n < 1u << T_COUNT(bits); n++) {
        unsigned long flags = 0x202;
        for (unsigned b = 0; b < T_COUNT(bits); b++) {
            flags |= (unsigned long)(n >> b & 1) << bits[b];
        }
        wrong += flags_before(flags) != flags;
        wrong += flags_behind(flags) != flags;
    }
    T_EQ("every flag stays, in every combination", wrong, 0);
}

static volatile sig_atomic_t handled, wrong_rip;
static int fds[2];
static char *expect_from, *expect_to;

static void on_signal(int sig, siginfo_t *info, void *context)
{
    const ucontext_t *uc = context;
    char *rip;

    (void)sig;
    (void)info;
    memcpy(&rip, &uc->uc_mcontext.gregs[REG_RIP], sizeof(rip));
    wrong_rip += expect_from != NULL && (rip < expect_from || rip > expect_to);
    handled++;
    if (fds[1] && write(fds[1], "x", 1) != 1) {
        _exit(9);
    }
}

static void handle(int sig, int flags)
{
    struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};

    sigaction(sig, &act, NULL);
}

static void tick(int ms, int interval_us)
{
    struct itimerval it = {.it_value = {0, ms * 1000}, .it_interval = {0, interval_us}};

    setitimer(ITIMER_REAL, &it, NULL);
}

static void check_interrupted(const char *name, long (*call)(int, void *, long, long), int size,
                              bool shown)
{
    char byte = 0;
    void *start;

    memcpy(&start, &call, sizeof(start));
    expect_from = shown ? start : NULL;
    expect_to = expect_from + size;
    T_MUST("pipe", pipe(fds) == 0);
    handled = wrong_rip = 0;
    handle(SIGALRM, SA_RESTART);
    tick(20, 0);
    T_EQ(name, call(fds[0], &byte, 1, 0), 1);
    T_EQ("  by the handler's byte", byte, 'x');
    T_EQ("  handled once", handled, 1);
    handle(SIGALRM, 0);
    tick(20, 0);
    T_EQ("  without SA_RESTART", call(fds[0], &byte, 1, 0), -EINTR);
    T_EQ("  handled again", handled, 2);
    T_EQ("  and saw an address of the function", wrong_rip, 0);
    close(fds[0]);
    close(fds[1]);
    fds[1] = 0;
    expect_from = NULL;
}

static void check_restarts(void)
{
    check_interrupted("a read with a short number", read_short, 4, false);
    check_interrupted("a read with a long number", read_long, 7, true);
    check_interrupted("a read with its number from elsewhere", read_bare, 5, false);
    check_interrupted("a read right after a store", read_stored, 16, true);
}

static void *hammer(void *arg)
{
    long pid = getpid(), wrong = 0;
    int64_t end = t_nanoseconds(CLOCK_MONOTONIC) + 300000000;

    while (t_nanoseconds(CLOCK_MONOTONIC) < end) {
        for (int n = 0; n < 1000; n++) {
            wrong += number_before() != pid;
            wrong += check_behind(39) != pid;
            wrong += check_behind(100000) != -1;
            wrong += flags_behind(0xad7) != 0xad7;
        }
    }
    *(long *)arg = wrong;
    return NULL;
}

/* Signals and thread switches come at every instruction on the way into the kernel and back. */
static void check_interruptions(void)
{
    pthread_t threads[3];
    long wrong[4];

    handled = 0;
    handle(SIGALRM, SA_RESTART);
    tick(1, 1000);
    for (int n = 0; n < 3; n++) {
        T_MUST("thread", pthread_create(&threads[n], NULL, hammer, &wrong[n]) == 0);
    }
    hammer(&wrong[3]);
    for (int n = 0; n < 3; n++) {
        pthread_join(threads[n], NULL);
    }
    tick(0, 0);
    T_CHECK("calls under fire", !wrong[0] && !wrong[1] && !wrong[2] && !wrong[3]);
    T_CHECK("signals came meanwhile", handled > 10);
}

static volatile sig_atomic_t steps, step_inside;

static void on_trap(int sig, siginfo_t *info, void *context)
{
    const ucontext_t *uc = context;
    char *rip, *start;
    long (*function)(void) = stepped;

    (void)sig;
    (void)info;
    memcpy(&rip, &uc->uc_mcontext.gregs[REG_RIP], sizeof(rip));
    memcpy(&start, &function, sizeof(start));
    steps++;
    step_inside += rip > start + 17 && rip < start + 30;
}

static void check_steps(void)
{
    struct sigaction act = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};

    sigaction(SIGTRAP, &act, NULL);
    T_EQ("a call under single steps", stepped(), getpid());
    T_CHECK("steps before and after it", steps >= 4 && step_inside >= 2);
}

static sigjmp_buf back;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)context;
    siglongjmp(back, info->si_addr == NULL ? 1 : 2);
}

static void check_null(void)
{
    struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    long (*volatile nothing)(void) = NULL;
    int rc;

    sigaction(SIGSEGV, &act, NULL);
    rc = sigsetjmp(back, 1);
    if (rc == 0) {
        nothing();
    }
    T_EQ("a call of nothing is a fault at 0", rc, 1);
    signal(SIGSEGV, SIG_DFL);
}

/* The file and other mappings of it show the original bytes. In memory the code is as far from
 * the program's start as in the file. */
static void check_file(void)
{
    static const unsigned char code[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3};
    long (*function)(void) = number_before;
    unsigned char bytes[sizeof(code)];
    int fd = open("/proc/self/exe", O_RDONLY);
    char *start, *p, *q;

    memcpy(&start, &function, sizeof(start));
    off_t at = start - __executable_start, page = at & ~4095l;
    T_EQ("read the file", pread(fd, bytes, sizeof(bytes), at), (long)sizeof(bytes));
    T_CHECK("it is as it was", memcmp(bytes, code, sizeof(code)) == 0);
    p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, page);
    T_CHECK("a mapping to read is, too", memcmp(p + (at - page), code, sizeof(code)) == 0);
    T_EQ("made executable", mprotect(p, 8192, PROT_READ | PROT_EXEC), 0);
    p += at - page;
    memcpy(&function, &p, sizeof(p));
    T_EQ("it can be called", function(), getpid());
    p = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, page);
    q = p + (at - page);
    memcpy(&function, &q, sizeof(q));
    T_EQ("another executable mapping", function(), getpid());
    q = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    q = mremap(p, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, q + 16384);
    T_CHECK("moved", q != MAP_FAILED);
    p = q;
    q += at - page;
    memcpy(&function, &q, sizeof(q));
    T_EQ("it still works", function(), getpid());
    T_EQ("made writable", mprotect(p, 8192, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
    memset(q, 0x90, 32);
    memcpy(q + 32, code, sizeof(code));
    T_EQ("changed", function(), getpid());
    T_EQ("unmapped", munmap(p, 8192), 0);
    close(fd);
}

int main(void)
{
    check_shapes();
    check_flags();
    check_restarts();
    check_interruptions();
    check_steps();
    check_null();
    check_file();
    return t_done();
}
