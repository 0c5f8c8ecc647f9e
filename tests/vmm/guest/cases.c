// SPDX-License-Identifier: Apache-2.0
/*
 * Cases of a well-behaved guest: the calls that it may make, and the traces that it leaves.
 */
#include "guest.h"

static void do_status(const char *arg)
{
    quit(HV_EXIT_STATUS, text_number(arg), "");
}

static void do_oom(const char *arg)
{
    quit(HV_EXIT_OOM, 9, arg);
}

static void do_panic(const char *arg)
{
    quit(HV_EXIT_PANIC, 0, arg);
}

static void do_spin(const char *arg)
{
    say(arg);
    for (;;) {
        sink++;
    }
}

/* Counts, but writes so many pages first. */
static void do_dirty_spin(const char *arg)
{
    for (uint64_t i = 0; i < text_number(arg); i++) {
        *(volatile uint64_t *)(uintptr_t)(0x800000 + i * 4096) = i;
    }
    do_spin("");
}

static void do_flood(const char *arg)
{
    static const char line[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";
    for (uint64_t n = text_number(arg); n > 0; n--) {
        put(&SHARED->out, HV_STDOUT_GPA, line, 64);
    }
    quit(HV_EXIT_STATUS, 0, "");
}

static void do_both(const char *arg)
{
    (void)arg;
    say("out 1\n");
    put(&SHARED->err, HV_STDERR_GPA, "err 1\n", 6);
    say("out 2\n");
    quit(HV_EXIT_STATUS, 0, "");
}

/* A program outside of the kernel's text, for upcalls: counts until upcalls came, then returns. */
static void do_upcall(const char *arg)
{
    static const uint8_t code[] = {
        0x48, 0xff, 0xc0, /* 1: inc %rax */
        0x48, 0x8b, 0x0e, /* mov (%rsi), %rcx */
        0x48, 0x39, 0xf9, /* cmp %rdi, %rcx */
        0x72, 0xf5,       /* jb 1b */
        0xc3,             /* ret */
    };
    const uint64_t at = 0x400000;
    page_directory()[at / (2 * MIB)] &= ~(1ull << 63);
    for (size_t i = 0; i < sizeof(code); i++) {
        ((volatile uint8_t *)(uintptr_t)at)[i] = code[i];
    }
    const uint64_t want = text_number(arg);
    for (uint64_t i = 1; i <= want; i++) {
        (void)call(HV_CALL_TIMER, 3000000, 0, 0, 0);
        uint64_t count = 0;
        __asm__ volatile("call *%%rbx"
                         : "+a"(count)
                         : "b"(at), "D"(i), "S"(&upcalls_seen)
                         : "rcx", "memory", "cc");
    }
    quit(HV_EXIT_STATUS, upcalls_seen == want ? 0 : 1, "");
}

/* An event in kernel text is only a flag. */
static void do_timer_flag(const char *arg)
{
    (void)arg;
    (void)call(HV_CALL_TIMER, 3000000, 0, 0, 0);
    while (SHARED->events == 0) {
    }
    quit(HV_EXIT_STATUS, SHARED->events == HV_EVENT_TIMER && upcalls_seen == 0 ? 0 : 1, "");
}

/* The event comes when it was asked for, not before, whatever the clocks say. */
static void do_timer_early(const char *arg)
{
    const uint64_t ns = text_number(arg) * 1000000, start = mono();
    (void)call(HV_CALL_TIMER, ns, 0, 0, 0);
    while (SHARED->events == 0) {
    }
    quit(HV_EXIT_STATUS, mono() - start >= ns / 10 * 9 ? 0 : 1, "");
}

static void do_event(const char *arg)
{
    say("waiting\n");
    (void)call(HV_CALL_WAIT, HV_NO_DEADLINE, 0, 0, 0);
    quit(HV_EXIT_STATUS, SHARED->events, arg);
}

static void do_wait(const char *arg)
{
    const uint64_t ns = text_number(arg) * 1000000, until = mono() + ns;
    (void)call(HV_CALL_WAIT, ns, 0, 0, 0);
    quit(HV_EXIT_STATUS, mono() + 1000000 >= until ? 0 : 1, "");
}

static void do_wait_timer(const char *arg)
{
    (void)call(HV_CALL_TIMER, text_number(arg) * 1000000, 0, 0, 0);
    (void)call(HV_CALL_WAIT, HV_NO_DEADLINE, 0, 0, 0);
    quit(HV_EXIT_STATUS, SHARED->events == HV_EVENT_TIMER ? 0 : 1, "");
}

static void do_wait_forever(const char *arg)
{
    for (;;) {
        (void)call(HV_CALL_WAIT, HV_NO_DEADLINE, 0, 0, 0);
        say(arg);
    }
}

static void do_cat(const char *arg)
{
    (void)arg;
    static char buffer[4096];
    uint64_t at = SHARED->streams.stdin_offset;
    for (;;) {
        int64_t n = call(HV_CALL_STDIN, (uint64_t)(uintptr_t)buffer, sizeof(buffer), at, 0);
        if (n == -11) {
            SHARED->watched |= 1ull << HV_HANDLE_STDIN;
            (void)call(HV_CALL_WAIT, HV_NO_DEADLINE, 0, 0, 0);
            (void)__atomic_exchange_n(&SHARED->events, 0, __ATOMIC_SEQ_CST);
            SHARED->watched &= ~__atomic_exchange_n(&SHARED->ready, 0, __ATOMIC_SEQ_CST);
        } else if (n <= 0) {
            quit(HV_EXIT_STATUS, (uint64_t)-n, "");
        } else {
            put(&SHARED->out, HV_STDOUT_GPA, buffer, (size_t)n);
            at += (uint64_t)n;
        }
    }
}

/* Watches these handles, a bit each, and computes until it is told of one; says which. No upcall
 * comes: this is the kernel. */
static void do_watch(const char *arg)
{
    SHARED->watched = text_number(arg);
    while (SHARED->events == 0) {
    }
    say_number(SHARED->ready);
    quit(HV_EXIT_STATUS, SHARED->events == HV_EVENT_IO && upcalls_seen == 0 ? 0 : 1, "");
}

/* The same, but waits for 5 s, twice; says which it was told of each time. */
static void do_wait_watching(const char *arg)
{
    SHARED->watched = text_number(arg);
    for (int i = 0; i < 2; i++) {
        (void)call(HV_CALL_WAIT, 5000000000, 0, 0, 0);
        say_number(__atomic_exchange_n(&SHARED->ready, 0, __ATOMIC_SEQ_CST));
        say(__atomic_exchange_n(&SHARED->events, 0, __ATOMIC_SEQ_CST) == HV_EVENT_IO ? " " : "? ");
    }
    quit(HV_EXIT_STATUS, 0, "");
}

/* Prints the number of this turn, and ends the run with this status, but not the machine. */
static void do_turn(const char *arg)
{
    static volatile uint64_t turns;
    turns = turns + 1;
    say_number(turns);
    run_status = text_number(arg);
}

static void do_trace(const char *arg)
{
    (void)call(HV_CALL_TRACE, (uint64_t)(uintptr_t)arg, text_len(arg), 0, 0);
    quit(HV_EXIT_STATUS, SHARED->resume.flags & HV_RESUME_TRACE ? 0 : 1, "");
}

/* Sums up every byte of the run frame, which it reads by HV_CALL_FRAME in odd pieces. */
static void do_frame(const char *arg)
{
    const uint64_t size = text_number(arg);
    uint64_t sum = 0;
    uint64_t at = 0;
    for (int64_t n; (n = call(HV_CALL_FRAME, at, 0x300000, 1001, 0)) > 0; at += (uint64_t)n) {
        for (int64_t i = 0; i < n; i++) {
            sum += ((volatile uint8_t *)(uintptr_t)0x300000)[i];
        }
    }
    say_number(sum);
    quit(HV_EXIT_STATUS, at == size ? 0 : 1, "");
}

static void do_resume(const char *arg)
{
    (void)arg;
    say_number(SHARED->resume.generation);
    say(" ");
    say_number(SHARED->resume.wall_ns);
    say(" ");
    say_number(SHARED->resume.mono_ns);
    say(" ");
    for (int i = 0; i < 8; i++) {
        say_number(SHARED->resume.entropy[i]);
        say(".");
    }
    quit(HV_EXIT_STATUS, 0, "");
}

/* Leaves traces in memory, registers and vector state, then ends in the way that the argument says.
 */
static void do_dirty(const char *arg)
{
    static uint64_t times;
    const uint64_t pages = text_number(arg);
    for (uint64_t i = 0; i < pages; i++) {
        *(volatile uint64_t *)(uintptr_t)(0x800000 + i * 4096) += i + 1;
    }
    times++;
    const uint64_t value = 0x0123456789abcdefull + times;
    __asm__ volatile("movq %0, %%xmm0\n movq %0, %%xmm15\n"
                     "fld1\n fldpi\n"
                     "wrfsbase %0\n wrgsbase %0\n"
                     :
                     : "r"(value & 0x7fffffff));
    __asm__ volatile("mov %0, %%r8\n mov %0, %%r9\n mov %0, %%r14\n std\n"
                     :
                     : "r"(value)
                     : "r8", "r9", "r14", "cc");
    __asm__ volatile("cld");
    quit(HV_EXIT_STATUS, times == 1 ? 0 : 1, "");
}

/* Writes pages and leaves them as they were. */
static void do_rewrite(const char *arg)
{
    for (uint64_t i = 0; i < text_number(arg); i++) {
        volatile uint64_t *at = (volatile uint64_t *)(uintptr_t)(0x800000 + i * 4096);
        *at = *at;
    }
    quit(HV_EXIT_STATUS, 0, "");
}

/* Tells what is left of do_dirty(): nothing, if the machine was put back. */
static void do_look(const char *arg)
{
    uint64_t found = 0;
    uint64_t fs;
    uint64_t xmm;
    uint16_t fsw;
    __asm__ volatile("rdfsbase %0\n movq %%xmm15, %1" : "=r"(fs), "=r"(xmm));
    __asm__ volatile("fnstsw %0" : "=m"(fsw));
    for (uint64_t i = 0; i < text_number(arg); i++) {
        found |= *(volatile uint64_t *)(uintptr_t)(0x800000 + i * 4096);
    }
    quit(HV_EXIT_STATUS, (found != 0) | (fs != 0) << 1 | (xmm != 0) << 2 | (fsw != 0) << 3, "");
}

/* Writes all of a range, discards all of it but its first and last page, and reads it. */
static void do_discard(const char *arg)
{
    const uint64_t at = text_number(arg);
    while (*arg != ' ') {
        arg++;
    }
    const uint64_t pages = text_number(arg + 1);
    volatile uint64_t *const words = (volatile uint64_t *)(uintptr_t)at;
    for (uint64_t i = 0; i < pages; i++) {
        words[i * 512] = words[i * 512 + 511] = i + 1;
    }
    if (call(HV_CALL_DISCARD, at + 4096, (pages - 2) * 4096, 0, 0) != 0) {
        quit(HV_EXIT_STATUS, 1, "");
    }
    for (uint64_t i = 0; i < pages; i++) {
        const uint64_t want = i == 0 || i == pages - 1 ? i + 1 : 0;
        if (words[i * 512] != want || words[i * 512 + 511] != want) {
            quit(HV_EXIT_STATUS, 2, "");
        }
    }
    words[512] = 1;
    quit(HV_EXIT_STATUS, words[512] == 1 ? 0 : 3, "");
}

static void do_discard_only(const char *arg)
{
    const uint64_t at = text_number(arg);
    while (*arg != ' ') {
        arg++;
    }
    (void)call(HV_CALL_DISCARD, at + 4096, text_number(arg + 1) * 4096, 0, 0);
}

/* Tells DS, ES, FS and GS, and leaves others. */
static void do_selectors(const char *arg)
{
    (void)arg;
    uint16_t now[4];
    __asm__ volatile("mov %%ds, %0\n mov %%es, %1" : "=r"(now[0]), "=r"(now[1]));
    __asm__ volatile("mov %%fs, %0\n mov %%gs, %1" : "=r"(now[2]), "=r"(now[3]));
    __asm__ volatile("mov %0, %%ds\n mov %0, %%es\n mov %0, %%fs\n mov %0, %%gs"
                     :
                     : "r"(HV_SEL_USER_CS));
    quit(HV_EXIT_STATUS, now[0] | now[1] | now[2] | now[3], "");
}

static void do_syscall(const char *arg)
{
    (void)arg;
    uint64_t rax = 0;
    __asm__ volatile("syscall" : "+a"(rax) : : "rcx", "r11", "memory");
    quit(HV_EXIT_STATUS, 7, "");
}

static void do_initrd(const char *arg)
{
    const volatile uint8_t *p = (const volatile uint8_t *)HV_INITRD_GPA;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < SHARED->initrd_size; i++) {
        sum += p[i];
    }
    sum += p[SHARED->initrd_size] + p[2 * MIB - 1];
    quit(HV_EXIT_STATUS, sum == text_number(arg) ? 0 : 1, "");
}

static void count(uint64_t n)
{
    SHARED->counts.syscalls_rewritten += n;
    SHARED->counts.syscalls_trapped += 2 * n;
    SHARED->counts.faults += 3 * n;
}

static void do_count(const char *arg)
{
    count(text_number(arg));
    quit(HV_EXIT_STATUS, 0, "");
}

static void do_count_on(const char *arg)
{
    count(text_number(arg)); /* and asks for the next run */
}

/* Claims counts that cannot be. */
static void do_count_lie(const char *arg)
{
    static const uint64_t resume[] = {1, UINT64_MAX, UINT64_MAX - 1};
    static const uint64_t exit[] = {UINT64_MAX, 1, UINT64_MAX};
    const uint64_t which = text_number(arg);
    count(UINT64_MAX - which);
    SHARED->counts.resume_tsc = resume[which];
    SHARED->counts.exit_tsc = exit[which];
    quit(HV_EXIT_STATUS, 0, "");
}

/* Program text as a kernel would have it: 2 MiB, few of its pages used, in one read-only page. */
static void do_text(const char *arg)
{
    const uint64_t at = text_number(arg);
    *(volatile uint64_t *)(uintptr_t)(at + 3 * 4096) = at;
    page_directory()[at / (2 * MIB)] &= ~2ull;
}

static void do_again(const char *arg)
{
    (void)arg; /* back to guest_main(), which asks for the next run */
}

static const struct guest_case guest_cases[] = {
    {"status", do_status},
    {"oom", do_oom},
    {"panic", do_panic},
    {"spin", do_spin},
    {"dirty-spin", do_dirty_spin},
    {"flood", do_flood},
    {"both", do_both},
    {"upcall", do_upcall},
    {"timer-flag", do_timer_flag},
    {"timer-early", do_timer_early},
    {"event", do_event},
    {"wait", do_wait},
    {"wait-timer", do_wait_timer},
    {"wait-forever", do_wait_forever},
    {"cat", do_cat},
    {"trace", do_trace},
    {"turn", do_turn},
    {"watch", do_watch},
    {"wait-watching", do_wait_watching},
    {"frame", do_frame},
    {"resume", do_resume},
    {"dirty", do_dirty},
    {"rewrite", do_rewrite},
    {"look", do_look},
    {"discard", do_discard},
    {"discard-only", do_discard_only},
    {"selectors", do_selectors},
    {"syscall", do_syscall},
    {"initrd", do_initrd},
    {"count", do_count},
    {"count-on", do_count_on},
    {"count-lie", do_count_lie},
    {"text", do_text},
    {"again", do_again},
    {0, 0},
};
const struct guest_case *const guest_tables[] = {guest_cases,  hostile_cases, touch_cases,
                                                 ring0_cases,  bounds_cases,  tools_cases,
                                                 branch_cases, files_cases,   0};
