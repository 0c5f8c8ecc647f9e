// SPDX-License-Identifier: Apache-2.0
/*
 * Cases of a guest that breaks the rules: of the ring, of its memory, of the CPU.
 */
#include "guest.h"

static void do_bad_kind(const char *arg)
{
    quit((enum hv_exit)77, 0, arg);
}

static void do_bad_number(const char *arg)
{
    (void)arg;
    (void)call(999, 0, 0, 0, 0);
}

static void do_bad_ring(const char *arg)
{
    (void)arg;
    SHARED->out.head += HV_RING_SIZE + 1;
    (void)call(HV_CALL_DRAIN, 0, 0, 0, 0);
}

static void do_bad_gpa(const char *arg)
{
    static const struct {
        uint64_t gpa;
        uint64_t size;
    } ranges[] = {
        {UINT64_MAX, 1},     {UINT64_MAX - 4, 8},  {0x1000, UINT64_MAX},
        {HV_INITRD_GPA, 16}, {16 * MIB - 8, 4096}, {1ull << 63, 0x1000},
    };
    uint64_t i = text_number(arg);
    (void)call(HV_CALL_STDIN, ranges[i].gpa, ranges[i].size, 0, 0);
}

/* Puts garbage into the call slot; more often than not the call's number exists. Whatever the slot
 * says, the host must live. */
static void do_garbage(const char *arg)
{
    uint64_t x = text_number(arg) * 2 + 1;
    volatile uint64_t *p = (volatile uint64_t *)(uintptr_t)&SHARED->call;
    for (;;) {
        for (size_t i = 0; i < sizeof(struct hv_call) / 8; i++) {
            x = x * 6364136223846793005ull + 1442695040888963407ull;
            p[i] = i == 0 ? HV_CALL((x >> 33) % 6, (x >> 40) % 5) : (x & 7) == 0 ? x >> 40 : x;
        }
        doorbell();
    }
}

static void do_doorbells(const char *arg)
{
    (void)arg;
    for (;;) {
        doorbell();
    }
}

/* Without a usable IDT the first exception is a triple fault. */
static void do_triple(const char *arg)
{
    (void)arg;
    for (volatile uint8_t *p = (volatile uint8_t *)(uintptr_t)HV_TABLES_GPA, *e = p + 4096;
         p < e;) {
        *p++ = 0;
    }
    __asm__ volatile("ud2");
}

static void do_privileged(const char *arg)
{
    switch (text_number(arg)) {
    case 0:
        __asm__ volatile("cli");
        break;
    case 1:
        __asm__ volatile("hlt");
        break;
    case 2:
        __asm__ volatile("mov %%rax, %%cr3" : : "a"(0));
        break;
    case 3:
        __asm__ volatile("wrmsr" : : "a"(0), "d"(0), "c"(0xc0000080));
        break;
    case 4:
        __asm__ volatile("outb %%al, $0x80" : : "a"(0));
        break;
    case 5:
        __asm__ volatile("inb $0xe1, %%al" : : : "rax");
        break;
    case 6:
        __asm__ volatile("int $3");
        break;
    case 7:
        __asm__ volatile("lidt (%%rsp)" ::: "memory");
        break;
    default:
        __asm__ volatile("ud2");
    }
}

static void do_in_doorbell(const char *arg)
{
    (void)arg;
    __asm__ volatile("inb $0xe0, %%al" : : : "rax");
}

static void do_rep_outs(const char *arg)
{
    (void)arg;
    uint64_t count = 1u << 20;
    const void *from = (const void *)(uintptr_t)0x400000;
    __asm__ volatile("rep outsb" : "+c"(count), "+S"(from) : "d"(HV_PORT_DOORBELL));
}

static void do_read(const char *arg)
{
    sink = *(volatile uint8_t *)(uintptr_t)text_number(arg);
    quit(HV_EXIT_STATUS, 1, "read it");
}

static void do_write(const char *arg)
{
    *(volatile uint8_t *)(uintptr_t)text_number(arg) = 1;
    quit(HV_EXIT_STATUS, 1, "wrote it");
}

static void do_execute(const char *arg)
{
    ((void (*)(void))(uintptr_t)text_number(arg))();
}

/* Maps a 2 MiB page at 512 MiB to where the argument says, and writes there. */
static void do_map(const char *arg)
{
    page_directory()[256] = text_number(arg) | 0xe7;
    *(volatile uint64_t *)(uintptr_t)(512 * MIB) = 1;
    quit(HV_EXIT_STATUS, 1, "wrote it");
}

/* The same at 1 GiB, by a page directory that lies at the argument and also maps itself. */
static void do_map_by(const char *arg)
{
    volatile uint64_t *own = (volatile uint64_t *)(uintptr_t)text_number(arg);
    volatile uint64_t *top = (volatile uint64_t *)(uintptr_t)SHARED->pt_root;
    volatile uint64_t *third = (volatile uint64_t *)(uintptr_t)(top[0] & ~0xfffull);
    own[0] = (8 * MIB) | 0xe7;
    own[1] = (text_number(arg) & ~(2 * MIB - 1)) | 0xe7;
    third[1] = (uint64_t)(uintptr_t)own | 0x27;
    *(volatile uint64_t *)(uintptr_t)(1024 * MIB) = 1;
    *(volatile uint64_t *)(uintptr_t)(1026 * MIB + 16) = 1;
    quit(HV_EXIT_STATUS, 1, "wrote it");
}

/* Unmaps the 2 MiB page at the argument. */
static void do_unmap(const char *arg)
{
    page_directory()[text_number(arg) / (2 * MIB)] = 0;
    quit(HV_EXIT_STATUS, 0, "");
}

const struct guest_case hostile_cases[] = {
    {"bad-kind", do_bad_kind},
    {"bad-number", do_bad_number},
    {"bad-ring", do_bad_ring},
    {"bad-gpa", do_bad_gpa},
    {"garbage", do_garbage},
    {"doorbells", do_doorbells},
    {"triple", do_triple},
    {"privileged", do_privileged},
    {"in-doorbell", do_in_doorbell},
    {"rep-outs", do_rep_outs},
    {"read", do_read},
    {"write", do_write},
    {"execute", do_execute},
    {"map", do_map},
    {"map-by", do_map_by},
    {"unmap", do_unmap},
    {0, 0},
};
