// SPDX-License-Identifier: Apache-2.0
/*
 * Cases of a guest that makes a first access of each kind to a part of its memory. The argument is
 * the address and the name of the kind. What was written is read back; what was not is zero.
 */
#include "guest.h"

typedef int touch_fn(uint64_t at);

static uint8_t pattern[64] __attribute__((aligned(64)));

static uint64_t peek(uint64_t at)
{
    return *(volatile uint64_t *)(uintptr_t)at;
}

static int is_pattern(uint64_t at, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if (*(volatile uint8_t *)(uintptr_t)(at + i) != pattern[i]) {
            return 0;
        }
    }
    return 1;
}

static int touch_load(uint64_t at)
{
    return peek(at) == 0;
}

static int touch_load_byte(uint64_t at)
{
    uint64_t value = 1;
    __asm__ volatile("movzbl (%1), %k0" : "+r"(value) : "r"(at));
    return value == 0;
}

static int touch_store(uint64_t at)
{
    *(volatile uint64_t *)(uintptr_t)at = 0x1122334455667788;
    return peek(at) == 0x1122334455667788;
}

static int touch_store_byte(uint64_t at)
{
    *(volatile uint8_t *)(uintptr_t)at = 0x5a;
    return peek(at) == 0x5a;
}

static int touch_store_nt(uint64_t at)
{
    __asm__ volatile("movnti %0, (%1)" : : "r"(0x99ull), "r"(at) : "memory");
    return peek(at) == 0x99;
}

static int touch_add(uint64_t at)
{
    __asm__ volatile("addq $7, (%0)" : : "r"(at) : "memory", "cc");
    return peek(at) == 7;
}

static int touch_xadd(uint64_t at)
{
    uint64_t value = 5;
    __asm__ volatile("lock xaddq %0, (%1)" : "+r"(value) : "r"(at) : "memory", "cc");
    return value == 0 && peek(at) == 5;
}

static int touch_xchg(uint64_t at)
{
    uint64_t value = 6;
    __asm__ volatile("xchgq %0, (%1)" : "+r"(value) : "r"(at) : "memory");
    return value == 0 && peek(at) == 6;
}

static int touch_cmpxchg(uint64_t at)
{
    uint64_t old = 0;
    __asm__ volatile("lock cmpxchgq %1, (%2)" : "+a"(old) : "r"(8ull), "r"(at) : "memory", "cc");
    return old == 0 && peek(at) == 8;
}

static int touch_cmpxchg16b(uint64_t at)
{
    uint64_t low = 0;
    uint64_t high = 0;
    __asm__ volatile("lock cmpxchg16b (%2)"
                     : "+a"(low), "+d"(high)
                     : "r"(at), "b"(1ull), "c"(2ull)
                     : "memory", "cc");
    return peek(at) == 1 && peek(at + 8) == 2;
}

static int touch_rep_stos(uint64_t at)
{
    uint64_t to = at;
    uint64_t n = 10000;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(3) : "memory");
    return peek(at) == 0x0303030303030303 && peek(at + 9992) == 0x0303030303030303 &&
           peek(at + 10000) == 0 && to == at + 10000;
}

static int touch_rep_movs_to(uint64_t at)
{
    uint64_t to = at;
    const uint8_t *from = pattern;
    uint64_t n = sizeof(pattern);
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return is_pattern(at, sizeof(pattern)) && n == 0;
}

static int touch_rep_movs_from(uint64_t at)
{
    static uint8_t copy[4096];
    uint8_t *to = copy;
    uint64_t from = at;
    uint64_t n = sizeof(copy) / 8;
    copy[9] = 1;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return copy[9] == 0 && to == copy + sizeof(copy);
}

static int touch_rep_scas(uint64_t at)
{
    uint64_t to = at;
    uint64_t n = 100;
    __asm__ volatile("repne scasb" : "+D"(to), "+c"(n) : "a"(0) : "memory", "cc");
    return to == at + 1 && n == 99;
}

static int touch_push(uint64_t at)
{
    uint64_t rsp;
    __asm__ volatile("mov %%rsp, %0\n mov %1, %%rsp\n push %1\n mov %0, %%rsp"
                     : "=&r"(rsp)
                     : "r"(at + 8)
                     : "memory");
    return peek(at) == at + 8;
}

static int touch_call(uint64_t at)
{
    uint64_t rsp;
    __asm__ volatile("mov %%rsp, %0\n mov %1, %%rsp\n call 1f\n jmp 2f\n 1: ret\n 2: mov %0, %%rsp"
                     : "=&r"(rsp)
                     : "r"(at + 8)
                     : "memory");
    return peek(at) != 0;
}

/* Zeroes are the instruction `add %al, (%rax)`: the first one ends in a write to address 0. */
static int touch_fetch(uint64_t at)
{
    page_directory()[at / (2 * MIB)] &= ~(1ull << 63);
    __asm__ volatile("jmp *%0" : : "r"(at), "a"(0) : "memory", "cc");
    return 0;
}

static int touch_movups_store(uint64_t at)
{
    __asm__ volatile("movups (%0), %%xmm1\n movups %%xmm1, (%1)"
                     :
                     : "r"(pattern), "r"(at)
                     : "memory");
    return is_pattern(at, 16);
}

static int touch_movups_load(uint64_t at)
{
    uint64_t value = 1;
    __asm__ volatile("movups (%1), %%xmm1\n movq %%xmm1, %0" : "+r"(value) : "r"(at) : "memory");
    return value == 0;
}

static int touch_avx_store(uint64_t at)
{
    __asm__ volatile("vmovdqu (%0), %%ymm1\n vmovdqu %%ymm1, (%1)\n vzeroupper"
                     :
                     : "r"(pattern), "r"(at)
                     : "memory");
    return is_pattern(at, 32);
}

static int touch_avx_load(uint64_t at)
{
    uint64_t value = 1;
    __asm__ volatile("vmovdqu (%1), %%ymm1\n vmovq %%xmm1, %0\n vzeroupper"
                     : "+r"(value)
                     : "r"(at)
                     : "memory");
    return value == 0;
}

static int touch_avx_compute(uint64_t at)
{
    uint64_t value = 1;
    __asm__ volatile("vpcmpeqd %%ymm1, %%ymm1, %%ymm1\n vpaddq (%1), %%ymm1, %%ymm1\n"
                     "vmovq %%xmm1, %0\n vzeroupper"
                     : "+r"(value)
                     : "r"(at)
                     : "memory");
    return value == UINT64_MAX;
}

static int touch_fxsave(uint64_t at)
{
    __asm__ volatile("fxsave (%0)" : : "r"(at & ~63ull) : "memory");
    return (peek(at & ~63ull) & 0xffff) == 0x37f;
}

static int touch_xsave(uint64_t at)
{
    __asm__ volatile("xsave (%0)" : : "r"(at & ~63ull), "a"(7), "d"(0) : "memory");
    return (peek(at & ~63ull) & 0xffff) == 0x37f;
}

static int touch_fld(uint64_t at)
{
    __asm__ volatile("fldpi\n fstpt (%0)" : : "r"(at) : "memory");
    return peek(at) == 0xc90fdaa22168c235;
}

/* Makes the host write there before the guest has ever touched it. */
static int touch_host(uint64_t at)
{
    return call(HV_CALL_STDIN, at, 8, 0, 0) == 8 && peek(at) == 0x3837363534333231;
}

static const struct {
    const char *name;
    touch_fn *fn;
} touches[] = {
    {"load", touch_load},
    {"load-byte", touch_load_byte},
    {"store", touch_store},
    {"store-byte", touch_store_byte},
    {"store-nt", touch_store_nt},
    {"add", touch_add},
    {"xadd", touch_xadd},
    {"xchg", touch_xchg},
    {"cmpxchg", touch_cmpxchg},
    {"cmpxchg16b", touch_cmpxchg16b},
    {"rep-stos", touch_rep_stos},
    {"rep-movs-to", touch_rep_movs_to},
    {"rep-movs-from", touch_rep_movs_from},
    {"rep-scas", touch_rep_scas},
    {"push", touch_push},
    {"call", touch_call},
    {"fetch", touch_fetch},
    {"movups-store", touch_movups_store},
    {"movups-load", touch_movups_load},
    {"avx-store", touch_avx_store},
    {"avx-load", touch_avx_load},
    {"avx-compute", touch_avx_compute},
    {"fxsave", touch_fxsave},
    {"xsave", touch_xsave},
    {"fld", touch_fld},
    {"host", touch_host},
};

static void do_touch(const char *arg)
{
    const uint64_t at = text_number(arg);
    while (*arg != ' ' && *arg != '\0') {
        arg++;
    }
    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = (uint8_t)(i + 1);
    }
    for (size_t i = 0; *arg != '\0' && i < sizeof(touches) / sizeof(touches[0]); i++) {
        if (text_same(touches[i].name, arg + 1)) {
            quit(HV_EXIT_STATUS, touches[i].fn(at) ? 0 : 1, "");
        }
    }
    quit(HV_EXIT_PANIC, 0, "no such touch");
}

const struct guest_case touch_cases[] = {
    {"touch", do_touch},
    {0, 0},
};
