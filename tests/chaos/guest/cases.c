// SPDX-License-Identifier: Apache-2.0
/*
 * The bare chaos kernel: the runtime of vmm_test's guest with cases of its own. `acts` carries out
 * the acts in the run's source. An act that traps is given up, and the next one goes on. `honest`
 * looks as a program does at everything that a run before it could have left, and prints it:
 * registers, vector state, which addresses are mapped and how, and the content of memory. `ring0`
 * proves that the acts work.
 */
#include "guest.h"
#include "tests/chaos/acts.h"

#define WORK_GPA  0x400000ull /* free memory, mapped as one page of 2 MiB */
#define XSAVE_GPA 0x380000ull
#define NX        (1ull << 63)

int64_t chaos_act(struct chaos *c, const struct act *act);
void *memcpy(void *restrict to, const void *restrict from, size_t n);

static void *resume_at[5];
static volatile uint64_t trap_seen;

static void resume(const struct hv_trap *trap)
{
    trap_seen = 1 | trap->vector << 32 | (trap->error & 0xffff) << 8;
    __builtin_longjmp(resume_at, 1);
}

/* Makes work memory executable before the snapshot, so that a run need not change a page table to
 * execute code of its own. Back in guest_main() the kernel asks for the next run. */
static void do_open(const char *arg)
{
    (void)arg;
    page_directory()[WORK_GPA / (2 * MIB)] &= ~NX;
    *(volatile uint64_t *)WORK_GPA = 0;
}

static void open_work(struct chaos *c)
{
    *c = (struct chaos){.work = WORK_GPA};
    guest_trap_hook = resume;
}

static void do_acts(const char *arg)
{
    static struct chaos c;
    static struct act acts[ACTS_MAX];
    static volatile uint64_t next, done;
    (void)arg;
    const uint64_t count = run_source_size() / sizeof(acts[0]);
    memcpy(acts, run_source(), count * sizeof(acts[0]));
    open_work(&c);
    next = 0;
    done = 0;
    (void)__builtin_setjmp(resume_at);
    while (next < count && next < ACTS_MAX) {
        const struct act *act = &acts[next];
        next = next + 1;
        done = done + (chaos_act(&c, act) >= 0);
    }
    quit(HV_EXIT_STATUS, done, "");
}

/* Runs mov %cs, %eax in ring 0 and exits with the selector. */
static void do_ring0(const char *arg)
{
    (void)arg;
    static struct chaos c;
    const struct act take = {.op = ACT_RING0};
    const struct act look = {
        .op = ACT_INSN, .flags = ACT_AT_RING0, .code = {0x8c, 0xc8}, .code_len = 2};
    open_work(&c);
    const int64_t rc = chaos_act(&c, &take) | chaos_act(&c, &look);
    quit(HV_EXIT_STATUS, rc == 0 ? c.result & 0xff : 0, "");
}

static void say_hex(uint64_t n)
{
    char text[17];
    for (int i = 15; i >= 0; i--, n >>= 4) {
        text[i] = "0123456789abcdef"[n & 15];
    }
    text[16] = '\0';
    say(text);
}

static void tell(const char *name, uint64_t value)
{
    say(name);
    say(" ");
    say_hex(value);
    say("\n");
}

static uint64_t hash(uint64_t h, uint64_t at, uint64_t size)
{
    for (uint64_t i = 0; i < size; i += 8) {
        h = (h ^ *(volatile uint64_t *)(uintptr_t)(at + i)) * 0x100000001b3ull;
        h ^= h >> 29;
    }
    return h;
}

static void look_registers(void)
{
    uint64_t flags, fs, gs;
    uint16_t cs, ss, ds, es, fss, gss;
    uint32_t lo, hi;
    __asm__ volatile("pushf\n pop %0" : "=r"(flags));
    __asm__ volatile("rdfsbase %0\n rdgsbase %1" : "=r"(fs), "=r"(gs));
    __asm__ volatile("mov %%cs, %0\n mov %%ss, %1\n mov %%ds, %2" : "=r"(cs), "=r"(ss), "=r"(ds));
    __asm__ volatile("mov %%es, %0\n mov %%fs, %1\n mov %%gs, %2" : "=r"(es), "=r"(fss), "=r"(gss));
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    tell("flags", flags & ~0x8d5ull); /* without the arithmetic ones */
    tell("fs base", fs);
    tell("gs base", gs);
    tell("selectors", (uint64_t)cs << 48 | (uint64_t)ss << 32 | (uint64_t)ds << 16 | es);
    tell("fs, gs", (uint64_t)fss << 16 | gss);
    tell("xcr0", (uint64_t)hi << 32 | lo);
}

/* The word of the header that is cleared only says what the CPU knows to be initial. */
static void look_vectors(void)
{
    volatile uint64_t *area = (volatile uint64_t *)XSAVE_GPA;
    __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(0xff), "d"(0) : "memory");
    area[64] = 0;
    tell("vector state", hash(0, XSAVE_GPA, HV_PAGE_SIZE));
}

/* One access or instruction of each kind. The result is 0, or vector, error, and 1. */
static const struct {
    const char *name;
    uint64_t at;
    char kind; /* r, w, x: an access; else an instruction */
} probes[] = {
    {"read page 0", 0, 'r'},
    {"read hole", 0x5000, 'r'},
    {"read hole", 0x30000, 'r'},
    {"write vectors", HV_VECTORS_GPA + 0xff8, 'w'},
    {"write kernel text", HV_KERNEL_GPA, 'w'},
    {"execute shared page", HV_SHARED_GPA, 'x'},
    {"execute memory", 0x300000, 'x'},
    {"execute work memory", WORK_GPA, 'x'},
    {"read behind memory", 1ull << 37, 'r'},
    {"read at 200 GiB", 200ull << 30, 'r'},
    {"read at 300 GiB", 300ull << 30, 'r'},
    {"read at 1 TiB", 1ull << 40, 'r'},
    {"read at the top", -4096ull, 'r'},
    {"read no address", 1ull << 63, 'r'},
    {"read initrd", HV_INITRD_GPA, 'r'},
    {"write initrd", HV_INITRD_GPA, 'w'},
    {"execute initrd", HV_INITRD_GPA, 'x'},
    {"ud2", 0, 'u'},
    {"int3", 0, 'b'},
    {"rdmsr", 0xc0000082, 'm'},
    {"mov %cr3", 0, 'c'},
    {"mov %dr0", 0, 'd'},
    {"in", 0, 'i'},
    {"syscall", 0, 's'},
    {"rdtscp", 0, 't'},
    {"cpuid", 0, 'q'},
    {"x87", 0, 'f'},
    {"sse", 0, 'e'},
};

static void probe_insn(char kind, uint64_t at)
{
    uint64_t value = 0;
    switch (kind) {
    case 'u':
        __asm__ volatile("ud2");
        break;
    case 'b':
        __asm__ volatile("int3");
        break;
    case 'm':
        __asm__ volatile("rdmsr" : : "c"(at) : "rax", "rdx");
        break;
    case 'c':
        __asm__ volatile("mov %%cr3, %0" : "=r"(value));
        break;
    case 'd':
        __asm__ volatile("mov %%dr0, %0" : "=r"(value));
        break;
    case 'i':
        __asm__ volatile("inb $0x80, %%al" : : : "rax");
        break;
    case 's':
        __asm__ volatile("syscall" : "+a"(value) : : "rcx", "r11", "memory");
        break;
    case 't':
        __asm__ volatile("rdtscp" : : : "rax", "rcx", "rdx");
        break;
    case 'q':
        __asm__ volatile("cpuid" : "+a"(value) : : "rbx", "rcx", "rdx");
        break;
    case 'f':
        __asm__ volatile("fld1\n fstp %st(0)\n fwait");
        break;
    default:
        __asm__ volatile("pxor %xmm0, %xmm0");
    }
}

static void probe(char kind, uint64_t at)
{
    if (kind == 'r') {
        sink = *(volatile uint8_t *)(uintptr_t)at;
        sink = 0;
    } else if (kind == 'w') {
        *(volatile uint8_t *)(uintptr_t)at = 0xf4;
    } else if (kind == 'x') {
        ((void (*)(void))(uintptr_t)at)();
    } else {
        probe_insn(kind, at);
    }
}

static void look_probes(void)
{
    static volatile size_t i;
    guest_trap_hook = resume;
    for (i = 0; i < sizeof(probes) / sizeof(probes[0]); i = i + 1) {
        trap_seen = 0;
        if (__builtin_setjmp(resume_at) == 0) {
            probe(probes[i].kind, probes[i].at);
        }
        tell(probes[i].name, trap_seen);
    }
    guest_trap_hook = 0;
}

/* Hashes memory through the guest's own translations. Memory that each run changes itself is left
 * out: the shared page, the trap page, the rings, this kernel's data. */
static void look_memory(void)
{
    tell("tables and vectors", hash(0, HV_TABLES_GPA, 2 * HV_PAGE_SIZE));
    tell("kernel text", hash(0, HV_KERNEL_GPA, SHARED->kernel_text_end - HV_KERNEL_GPA));
    tell("page tables", hash(0, SHARED->kernel_end, SHARED->free_start - SHARED->kernel_end));
    uint64_t h = 0;
    for (uint64_t at = 0x200000; at < SHARED->ram_size; at += 61 * HV_PAGE_SIZE) {
        h = hash(h, at, 64);
    }
    tell("free memory", h);
    tell("initrd", hash(0, HV_INITRD_GPA, HV_PAGE_SIZE));
}

static void do_honest(const char *arg)
{
    (void)arg;
    look_registers();
    look_vectors();
    look_probes();
    look_memory();
    quit(HV_EXIT_STATUS, 0, "");
}

static const struct guest_case chaos_cases[] = {
    {"open", do_open}, {"acts", do_acts}, {"ring0", do_ring0}, {"honest", do_honest}, {0, 0},
};
const struct guest_case *const guest_tables[] = {chaos_cases, 0};
