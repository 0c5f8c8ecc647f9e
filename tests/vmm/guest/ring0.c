// SPDX-License-Identifier: Apache-2.0
/*
 * Cases of a guest that takes ring 0, as any program can: it makes the page of vectors writable and
 * puts its own code into two of them. #UD then runs a routine in ring 0 and returns to CPL 3; #GP,
 * or a #UD of the routine's own, ends the routine. Each case ends with the number of refused
 * routines as its status, unless it says otherwise.
 */
#include "guest.h"

/* What R10 points to in a routine. R9 is where the routine goes on when it is refused. It may
 * change RAX, RCX, RDX and R9. */
struct ring0_args {
    uint64_t number;  /* in RCX; of a hypercall in RAX */
    uint64_t value;   /* in RAX, the upper half in EDX, too; of a hypercall in RBX */
    uint64_t refused; /* counted */
};
typedef void ring0_fn(void);
void ring0_call(struct ring0_args *args, ring0_fn *routine);
void ring0_ud(void);
void ring0_gp(void);
ring0_fn ring0_wrmsr, ring0_rdmsr, ring0_cr8, ring0_cr2, ring0_cr4, ring0_cr0, ring0_dr, ring0_dr7,
    ring0_xcr0, ring0_swapgs, ring0_ldt, ring0_segments, ring0_vmcall, ring0_vmmcall, ring0_hlt,
    ring0_bell, ring0_none;

__asm__(".text\n"
        "ring0_call:\n"
        "    mov %rdi, %r10\n"
        "    mov %rsi, %r11\n"
        "    ud2\n"
        "    ret\n"
        /* RSP: RIP, CS, ... */
        "ring0_ud:\n"
        "    testb $3, 8(%rsp)\n"
        "    jz 1f\n"
        "    addq $2, (%rsp)\n"
        "    call *%r11\n"
        "    iretq\n"
        "1:  incq 16(%r10)\n"
        "    mov %r9, (%rsp)\n"
        "    iretq\n"
        /* RSP: error, RIP, ... */
        "ring0_gp:\n"
        "    incq 16(%r10)\n"
        "    mov %r9, 8(%rsp)\n"
        "    add $8, %rsp\n"
        "    iretq\n"
        ".macro routine name\n"
        "    \\name:\n"
        "    lea 9f(%rip), %r9\n"
        "    mov (%r10), %rcx\n"
        "    mov 8(%r10), %rax\n"
        "    mov 12(%r10), %edx\n"
        ".endm\n"
        "routine ring0_wrmsr\n wrmsr\n 9: ret\n"
        "routine ring0_rdmsr\n rdmsr\n 9: ret\n"
        "routine ring0_cr8\n mov %rax, %cr8\n 9: ret\n"
        "routine ring0_cr2\n mov %rax, %cr2\n 9: ret\n"
        "routine ring0_cr4\n mov %cr4, %rdx\n xor %rdx, %rax\n mov %rax, %cr4\n 9: ret\n"
        "routine ring0_cr0\n mov %cr0, %rdx\n xor %rdx, %rax\n mov %rax, %cr0\n 9: ret\n"
        "routine ring0_dr\n mov %rax, %dr0\n mov %rax, %dr1\n mov %rax, %dr2\n mov %rax, %dr3\n"
        "    xor $0xffff0ff0, %eax\n mov %rax, %dr6\n 9: ret\n"
        "routine ring0_dr7\n mov %rax, %dr7\n 9: ret\n"
        "routine ring0_xcr0\n xsetbv\n 9: ret\n"
        "routine ring0_swapgs\n wrgsbase %rax\n swapgs\n 9: ret\n"
        "routine ring0_ldt\n xor %eax, %eax\n lldt %ax\n 9: ret\n"
        "routine ring0_segments\n mov $0x2b, %eax\n mov %eax, %fs\n mov %eax, %gs\n 9: ret\n"
        "routine ring0_vmcall\n mov %rbx, %rdx\n mov %rax, %rbx\n mov %rcx, %rax\n vmcall\n"
        "    9: mov %rdx, %rbx\n ret\n"
        "routine ring0_vmmcall\n mov %rbx, %rdx\n mov %rax, %rbx\n mov %rcx, %rax\n vmmcall\n"
        "    9: mov %rdx, %rbx\n ret\n"
        "routine ring0_hlt\n pushq %rax\n popfq\n hlt\n 9: ret\n"
        "routine ring0_bell\n sti\n out %al, $0xe0\n 9: ret\n"
        "routine ring0_none\n 9: ret\n"
        ".purgem routine\n");

/* mov $to, %eax; jmp *%rax */
static void ring0_stub(unsigned vector, void (*to)(void))
{
    volatile uint8_t *at =
        (volatile uint8_t *)(uintptr_t)(HV_VECTORS_GPA + vector * HV_VECTOR_STRIDE);
    at[0] = 0xb8;
    *(volatile uint32_t *)(uintptr_t)(at + 1) = (uint32_t)(uintptr_t)to;
    at[5] = 0xff;
    at[6] = 0xe0;
}

static void ring0_take(void)
{
    volatile uint64_t *pt = (volatile uint64_t *)(uintptr_t)(page_directory()[0] & ~0xfffull);
    pt[HV_VECTORS_GPA / HV_PAGE_SIZE] |= 2;
    ring0_stub(6, ring0_ud);
    ring0_stub(13, ring0_gp);
}

static uint64_t ring0_do(ring0_fn *routine, uint64_t number, uint64_t value)
{
    struct ring0_args args = {.number = number, .value = value};
    ring0_call(&args, routine);
    return args.refused;
}

/* The run's source is a list of MSRs. Each is read, and written with single bits, with no bit, with
 * an address that KVM may write to, and with all bits. */
static void do_msrs(const char *arg)
{
    (void)arg;
    static const uint64_t values[] = {
        1, 1 << 1, 1 << 3, 1 << 6, 1 << 8, 1 << 11, 1 << 12, 1ull << 32, 0, 8 * MIB + 1, UINT64_MAX,
    };
    const volatile uint32_t *list = run_source();
    const size_t count = run_source_size() / sizeof(*list);
    uint64_t done = 0;
    ring0_take();
    for (size_t i = 0; i < count; i++) {
        done += ring0_do(ring0_rdmsr, list[i], 0) == 0;
        for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
            done += ring0_do(ring0_wrmsr, list[i], values[j]) == 0;
        }
    }
    say_number(done);
    quit(HV_EXIT_STATUS, done == 0 && count > 0 ? 0 : 1, "");
}

/* Makes hypercalls of KVM and those of kvm-pvm, some of which set MSRs and page tables. */
static void do_hypercalls(const char *arg)
{
    (void)arg;
    uint64_t refused = 0;
    ring0_take();
    for (uint64_t nr = 0; nr < 16; nr++) {
        refused += ring0_do(ring0_vmcall, nr, 8 * MIB);
        refused += ring0_do(ring0_vmmcall, nr, 8 * MIB);
        refused += ring0_do(ring0_vmcall, 0x17088200 + nr, 0x4b564d03);
        refused += ring0_do(ring0_vmmcall, 0x17088200 + nr, 0x4b564d03);
    }
    quit(HV_EXIT_STATUS, refused != 0, "");
}

static const struct {
    const char *name;
    ring0_fn *routine;
    uint64_t value;
} registers[] = {
    {"cr8", ring0_cr8, 9},
    {"cr2", ring0_cr2, 0x123456789},
    {"cr4", ring0_cr4, 1 << 2 | 1 << 3 | 1 << 8}, /* TSD, DE, PCE */
    {"cr0", ring0_cr0, 1 << 16 | 1 << 18},        /* WP, AM */
    {"dr", ring0_dr, 0x400008},
    {"dr7", ring0_dr7, 0x4aa}, /* armed: what DR0 to DR3 have, executed */
    {"xcr0", ring0_xcr0, 3},
    {"swapgs", ring0_swapgs, 0x1234},
    {"ldt", ring0_ldt, 0},
    {"segments", ring0_segments, 0},
    {"hlt", ring0_hlt, 1 << 21 | 1 << 18 | 3 << 12 | 2}, /* ID, AC, IOPL; IF off */
    {"bell", ring0_bell, 0},                             /* in the shadow of `sti` */
    {"none", ring0_none, 0},
};

/* Sets the register that the argument names, or does what the argument says. "all" is all of them;
 * one of these halts. */
static void do_ring0(const char *arg)
{
    uint64_t refused = 0;
    unsigned found = 0;
    ring0_take();
    for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        if (text_same(registers[i].name, arg) || text_same(arg, "all")) {
            refused += ring0_do(registers[i].routine, 0, registers[i].value);
            found++;
        }
    }
    quit(found > 0 ? HV_EXIT_STATUS : HV_EXIT_PANIC, refused, "");
}

/* Sets DR6.BS, and needs no ring 0 for it. */
static void do_step(const char *arg)
{
    (void)arg;
    __asm__ volatile("pushq $0x302\n popfq\n nop" ::: "memory", "cc");
}

/* Ends the run while a step is due. */
static void do_step_bell(const char *arg)
{
    volatile struct hv_call *slot = &SHARED->call;
    (void)arg;
    slot->nr = HV_CALL_EXIT;
    slot->arg[0] = HV_EXIT_STATUS;
    slot->arg[1] = slot->arg[3] = 0;
    __asm__ volatile("pushq $0x302\n popfq\n out %%al, $0xe0" ::: "memory", "cc");
}

const struct guest_case ring0_cases[] = {
    {"ring0", do_ring0}, {"ring0-msrs", do_msrs},     {"ring0-hypercalls", do_hypercalls},
    {"step", do_step},   {"step-bell", do_step_bell}, {0, 0},
};
