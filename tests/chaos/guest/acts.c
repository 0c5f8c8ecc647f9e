// SPDX-License-Identifier: Apache-2.0
/*
 * Carries out the hostile acts of acts.h, at CPL 3 in the guest's own address space, where each
 * frame of RAM is mapped at its own address. The code uses nothing but its arguments. So it can
 * also be linked to a block of bytes without relocations, which a Python process copies to any
 * address and calls. An act that faults ends in whatever the guest does about that.
 *
 * Ring 0 is entered by int3: the guest kernels do not use that vector themselves, and page faults
 * still reach them. Every other stub first asks whether ring 0 has faulted, and then gives up what
 * was done there.
 */
#include "tests/chaos/acts.h"
#include "vmm/abi.h"

#define SHARED     ((volatile struct hv_shared *)HV_SHARED_GPA)
#define PTE_P      1ull
#define PTE_W      2ull
#define PTE_LARGE  0x80ull
#define PTE_FRAME  0x000ffffffffff000ull
#define PTE_TABLE  0x67ull /* present, writable, user, accessed, dirty */
#define BREAKPOINT 3u
#define ABORT_GPA  (HV_VECTORS_GPA + 0xf00u)

int64_t chaos_act(struct chaos *c, const struct act *act);

static uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15ull;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

static volatile uint64_t *words(uint64_t at)
{
    return (volatile uint64_t *)(uintptr_t)at;
}

static volatile uint8_t *bytes(uint64_t at)
{
    return (volatile uint8_t *)(uintptr_t)at;
}

static void doorbell(void)
{
    __asm__ volatile("outb %%al, %0" : : "i"(HV_PORT_DOORBELL), "a"(0) : "memory");
}

static void call(const uint64_t a[6])
{
    volatile struct hv_call *slot = &SHARED->call;
    slot->nr = (uint32_t)a[0];
    slot->ret = 0;
    for (int i = 0; i < 5; i++) {
        slot->arg[i] = a[i + 1];
    }
}

static uint64_t table_new(struct chaos *c)
{
    const uint64_t page = WORK_TABLES + c->tables++ % (WORK_PAGES - WORK_TABLES);
    const uint64_t at = c->work + page * HV_PAGE_SIZE;
    for (int i = 0; i < 512; i++) {
        words(at)[i] = 0;
    }
    return at;
}

/* The entry for an address at a level (1 is the lowest), or NULL if no table leads there. */
static volatile uint64_t *entry(uint64_t va, int level)
{
    uint64_t table = SHARED->pt_root;
    for (int l = 4;; l--) {
        volatile uint64_t *e = words(table) + (va >> (3 + 9 * l) & 511);
        if (l == level) {
            return e;
        }
        if ((*e & PTE_P) == 0 || (l < 4 && (*e & PTE_LARGE) != 0) ||
            (*e & PTE_FRAME) >= SHARED->ram_size) {
            return 0;
        }
        table = *e & PTE_FRAME;
    }
}

/* The entry that maps an address, or NULL. */
static volatile uint64_t *leaf(uint64_t va)
{
    for (int level = 1; level <= 3; level++) {
        volatile uint64_t *e = entry(va, level);
        if (e != 0 && (*e & PTE_P) != 0 && (level == 1 || (*e & PTE_LARGE) != 0)) {
            return e;
        }
    }
    return 0;
}

static int writable(uint64_t va)
{
    volatile uint64_t *e = leaf(va);
    return e != 0 && (*e & PTE_W) != 0;
}

static void put_u32(uint64_t at, uint64_t value)
{
    for (int i = 0; i < 4; i++) {
        bytes(at)[i] = (uint8_t)(value >> 8 * i);
    }
}

static uint64_t put_bytes(uint64_t at, uint64_t value, int n)
{
    for (int i = 0; i < n; i++) {
        bytes(at)[i] = (uint8_t)(value >> 8 * i);
    }
    return at + (uint64_t)n;
}

/* A jump (0xe9) or conditional jump (0x840f) from at to target. */
static uint64_t put_jump(uint64_t at, uint64_t opcode, int n, uint64_t target)
{
    at = put_bytes(at, opcode, n);
    put_u32(at, target - (at + 4));
    return at + 4;
}

/* A stub consists of pushes of small numbers and a jump. The new stub does the same, if CPL 3 has
 * faulted. */
static void stub_replace(uint64_t at, int has_error)
{
    uint8_t pushes[8];
    int n = 0;
    while (n < 8 && bytes(at)[n] == 0x6a) {
        pushes[n] = bytes(at)[n];
        pushes[n + 1] = bytes(at)[n + 1];
        n += 2;
    }
    const uint8_t jump = bytes(at)[n];
    uint64_t target = at + (uint64_t)n + 2 + (uint64_t)(int64_t)(int8_t)bytes(at)[n + 1];
    if (jump == 0xe9) {
        int32_t distance = 0;
        for (int i = 0; i < 4; i++) {
            distance |= (int32_t)((uint32_t)bytes(at)[n + 1 + i] << 8 * i);
        }
        target = at + (uint64_t)n + 5 + (uint64_t)(int64_t)distance;
    } else if (jump != 0xeb) {
        return;
    }
    uint64_t to = put_bytes(at, has_error ? 0x03102444f6 : 0x03082444f6, 5); /* testb $3, (%rsp) */
    to = put_jump(to, 0x840f, 2, ABORT_GPA);
    for (int i = 0; i < n; i++) {
        to = put_bytes(to, pushes[i], 1);
    }
    (void)put_jump(to, 0xe9, 1, target);
}

static int has_error(uint32_t vector)
{
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 ||
           vector == 29 || vector == 30;
}

/* Takes ring 0. The new stub of int3 is: call *%r11; iretq. The code for giving up is: RSP to the
 * frame that int3 has pushed, and iretq. */
static int64_t act_ring0(struct chaos *c)
{
    volatile uint64_t *e = leaf(HV_VECTORS_GPA);
    if (e == 0) {
        return -1;
    }
    *e |= PTE_W;
    const uint64_t frame = HV_TRAP_TOP - 40;
    (void)put_bytes(put_bytes(put_bytes(ABORT_GPA, 0xbc, 1), frame, 4), 0xcf48, 2);
    for (uint32_t n = 0; n < 32; n++) {
        if (n != BREAKPOINT && c->ring0 == 0) {
            stub_replace(HV_VECTORS_GPA + n * HV_VECTOR_STRIDE, has_error(n));
        }
    }
    (void)put_bytes(HV_VECTORS_GPA + BREAKPOINT * HV_VECTOR_STRIDE, 0xcf48d3ff41, 5);
    c->ring0 = 1;
    return 0;
}

static uint64_t run_code(uint64_t at, int ring0)
{
    register uint64_t code __asm__("r11") = at;
    uint64_t rax = 0;
    if (ring0) {
        __asm__ volatile("push %%rbp\n int3\n pop %%rbp\n cld"
                         : "+a"(rax), "+r"(code)
                         :
                         : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r12", "r13",
                           "r14", "r15", "memory", "cc");
    } else {
        __asm__ volatile("push %%rbp\n call *%1\n pop %%rbp\n cld"
                         : "+a"(rax), "+r"(code)
                         :
                         : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r12", "r13",
                           "r14", "r15", "memory", "cc");
    }
    return rax;
}

static uint64_t scratch(const struct chaos *c)
{
    return c->work + WORK_SCRATCH * HV_PAGE_SIZE;
}

static void scratch_fill(const struct chaos *c, uint64_t seed)
{
    volatile uint64_t *to = words(scratch(c));
    for (uint32_t i = 0; i < (WORK_TABLES - WORK_SCRATCH) * HV_PAGE_SIZE / 8; i++) {
        to[i] = random_next(&seed);
    }
}

/* Runs code that is made here: mov $imm, register for each register, the act's code, out if asked
 * for, ret. */
static int64_t act_insn(struct chaos *c, const struct act *act)
{
    static const uint8_t order[6] = {0xb8, 0xb9, 0xba, 0xbb, 0xbe, 0xbf};
    if ((act->flags & ACT_AT_RING0) != 0 && c->ring0 == 0) {
        return -1;
    }
    uint64_t at = c->work;
    for (int i = 0; i < 6; i++) {
        const int pointer = i == 3 && (act->flags & ACT_SCRATCH) != 0;
        at = put_bytes(at, 0x48 | (uint64_t)order[i] << 8, 2);
        at = put_bytes(at, pointer ? scratch(c) : act->a[i], 8);
    }
    if (act->flags & ACT_SCRATCH) {
        scratch_fill(c, act->a[4]);
    }
    if (act->flags & ACT_DESCRIPTOR) {
        words(scratch(c))[0] = act->a[1];
        words(scratch(c))[1] = act->a[2];
    }
    for (uint32_t i = 0; i < act->code_len; i++) {
        at = put_bytes(at, act->code[i], 1);
    }
    if (act->flags & ACT_BELL) {
        at = put_bytes(at, 0xe6 | HV_PORT_DOORBELL << 8, 2);
    }
    (void)put_bytes(at, 0xc3, 1);
    c->result = run_code(c->work, (act->flags & ACT_AT_RING0) != 0);
    return 0;
}

static int64_t act_poke(const struct act *act)
{
    volatile uint64_t *e = leaf(act->a[0]);
    if (e == 0) {
        return -1;
    }
    if (act->flags & ACT_FORCE) {
        *e |= PTE_W;
    }
    if ((*e & PTE_W) == 0 || !writable(act->a[0] + 7)) {
        return -1;
    }
    *words(act->a[0]) = act->a[1];
    return 0;
}

static int64_t act_pte(const struct act *act)
{
    volatile uint64_t *e = entry(act->a[0], (int)act->a[1]);
    if (e == 0) {
        return -1;
    }
    *e = (*e & act->a[2]) ^ act->a[3];
    return 0;
}

static int64_t act_alias(struct chaos *c, const struct act *act)
{
    const uint64_t va = act->a[0];
    for (int level = 4; level > 1; level--) {
        volatile uint64_t *e = entry(va, level);
        if (e == 0 || (*e & PTE_LARGE) != 0) {
            return -1;
        }
        if ((*e & PTE_P) == 0) {
            *e = table_new(c) | PTE_TABLE;
        }
    }
    *entry(va, 1) = (act->a[1] & PTE_FRAME) | act->a[2];
    const uint64_t was = *words(va);
    if (act->a[2] & PTE_W) {
        *words(va) = act->a[3];
    }
    return (int64_t)(was & 0xff);
}

static void load_cr3(struct chaos *c, uint64_t root)
{
    (void)put_bytes(put_bytes(put_bytes(c->work, 0xb848, 2), root, 8), 0xc3d8220f, 4);
    (void)run_code(c->work, 1);
}

static int64_t act_root(struct chaos *c, const struct act *act)
{
    if (c->ring0 == 0) {
        return -1;
    }
    const uint64_t old = SHARED->pt_root;
    const uint64_t root = table_new(c);
    for (int i = 0; i < 512; i++) {
        words(root)[i] = words(old)[i];
    }
    words(root)[act->a[0] & 511] = act->a[1];
    load_cr3(c, root);
    if (writable(act->a[2])) {
        *words(act->a[2]) = act->a[3];
    }
    if ((act->flags & ACT_STAY) == 0) {
        load_cr3(c, old);
    }
    return 0;
}

static int64_t act_fill(const struct act *act)
{
    int64_t done = 0;
    for (uint64_t i = 0; i < act->a[1]; i++) {
        const uint64_t at = act->a[0] + i * act->a[2] * HV_PAGE_SIZE;
        if (writable(at)) {
            *words(at) = act->a[3];
            done++;
        }
    }
    return done;
}

/* Runs mov $n, %eax; ret, with another n each time. */
static int64_t act_smc(struct chaos *c, const struct act *act)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < act->a[0]; i++) {
        const uint64_t at = c->work + (i % 16) * 64;
        (void)put_bytes(put_bytes(put_bytes(at, 0xb8, 1), i, 4), 0xc3, 1);
        sum += run_code(at, 0);
    }
    return (int64_t)(sum & 0x7f);
}

/* Loads AMX state: a configuration of eight full tiles, then one of them from memory. SDM vol. 1,
 * 18.3. */
static void load_tiles(const struct chaos *c)
{
    const uint64_t config = scratch(c);
    for (uint32_t i = 0; i < 64; i++) {
        const int columns = i >= 16 && i < 32 && i % 2 == 0;
        bytes(config)[i] = i == 0 ? 1 : columns ? 64 : i >= 48 && i < 56 ? 16 : 0;
    }
    __asm__ volatile(".byte 0xc4, 0xe2, 0x78, 0x49, 0x00" : : "a"(config) : "memory");
    __asm__ volatile(".byte 0xc4, 0xe2, 0x7b, 0x4b, 0x04, 0x08" /* tileloadd (%rax, %rcx), %tmm0 */
                     :
                     : "a"(config + HV_PAGE_SIZE), "c"(64)
                     : "memory");
}

/* Loads vector state by XRSTOR from an image with a valid header, MXCSR without reserved bits, and
 * all else random. */
static int64_t act_vectors(struct chaos *c, const struct act *act)
{
    uint32_t lo;
    uint32_t hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    lo &= 0x2e7; /* x87, SSE, AVX, AVX-512, PKRU: tile configurations have rules of their own */
    scratch_fill(c, act->a[0]);
    volatile uint64_t *image = words(scratch(c));
    image[3] &= 0xffff;
    image[64] = lo;
    for (int i = 65; i < 72; i++) {
        image[i] = 0;
    }
    __asm__ volatile("xrstor64 (%0)" : : "r"(image), "a"(lo), "d"(0) : "memory");
    if (act->a[1] != 0) {
        load_tiles(c);
    }
    return 0;
}

static int64_t act_spin(const struct act *act)
{
    const uint64_t timer[6] = {HV_CALL_TIMER, act->a[0]};
    call(timer);
    doorbell();
    for (volatile uint64_t i = 0; i < act->a[1];) {
        i = i + 1;
    }
    return 0;
}

/* Runs wrmsr for one MSR after the other. */
static int64_t act_sweep(struct chaos *c, const struct act *act)
{
    struct act one = {.op = ACT_INSN, .flags = ACT_AT_RING0, .code_len = 2};
    one.code[0] = 0x0f;
    one.code[1] = 0x30;
    int64_t rc = 0;
    for (uint64_t i = 0; rc == 0 && i < act->a[1]; i++) {
        one.a[0] = act->a[2] & 0xffffffff;
        one.a[1] = act->a[0] + i;
        one.a[2] = act->a[2] >> 32;
        rc = act_insn(c, &one);
    }
    return rc;
}

static int64_t act_call(const struct act *act)
{
    call(act->a);
    if (act->flags & ACT_BELL) {
        doorbell();
    }
    return 0;
}

int64_t chaos_act(struct chaos *c, const struct act *act)
{
    switch (act->op) {
    case ACT_RING0:
        return act_ring0(c);
    case ACT_INSN:
        return act_insn(c, act);
    case ACT_POKE:
        return act_poke(act);
    case ACT_PTE:
        return act_pte(act);
    case ACT_ALIAS:
        return act_alias(c, act);
    case ACT_ROOT:
        return act_root(c, act);
    case ACT_CALL:
        return act_call(act);
    case ACT_FILL:
        return act_fill(act);
    case ACT_SMC:
        return act_smc(c, act);
    case ACT_VECTORS:
        return act_vectors(c, act);
    case ACT_SPIN:
        return act_spin(act);
    case ACT_SWEEP:
        return act_sweep(c, act);
    default:
        return -1;
    }
}
