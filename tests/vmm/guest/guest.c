// SPDX-License-Identifier: Apache-2.0
/*
 * The tiny test kernel. It asks for a run and does what the first word of the run says. Each case
 * must make the machine end in one named way, which vmm_test knows.
 */
#include "guest.h"

#include "images/runframe.h"

uint64_t run_status;
static uint8_t run_buffer[0x10000] __attribute__((aligned(16)));
volatile uint64_t sink;
volatile uint64_t upcalls_seen;
void (*volatile guest_trap_hook)(const struct hv_trap *trap);

/* Compilers turn loops into calls of these, even here. */
void *memset(void *to, int value, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n);

void *memset(void *to, int value, size_t n)
{
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(value) : "memory");
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
    return to;
}

size_t text_len(const char *s)
{
    size_t n = 0;
    while (s[n] != '\0') {
        n++;
    }
    return n;
}

int text_same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

uint64_t text_number(const char *s)
{
    uint64_t n = 0;
    for (; *s >= '0' && *s <= '9'; s++) {
        n = n * 10 + (uint64_t)(*s - '0');
    }
    return n;
}

void doorbell(void)
{
    __asm__ volatile("outb %%al, %0" : : "i"(HV_PORT_DOORBELL), "a"(0) : "memory");
}

int64_t call(uint32_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    volatile struct hv_call *slot = &SHARED->call;
    slot->nr = nr;
    slot->ret = 0;
    slot->arg[0] = a;
    slot->arg[1] = b;
    slot->arg[2] = c;
    slot->arg[3] = d;
    doorbell();
    return slot->ret;
}

void quit(enum hv_exit kind, uint64_t status, const char *text)
{
    for (;;) {
        (void)call(HV_CALL_EXIT, kind, status, (uint64_t)(uintptr_t)text, text_len(text));
    }
}

void put(volatile struct hv_ring *ring, uint64_t data, const char *s, size_t n)
{
    volatile char *to = (volatile char *)(uintptr_t)data;
    for (size_t i = 0; i < n; i++) {
        while (ring->head - ring->tail == HV_RING_SIZE) {
            (void)call(HV_CALL_DRAIN, 0, 0, 0, 0);
        }
        to[ring->head % HV_RING_SIZE] = s[i];
        __asm__ volatile("" ::: "memory");
        ring->head++;
    }
}

void say(const char *s)
{
    put(&SHARED->out, HV_STDOUT_GPA, s, text_len(s));
}

void say_number(uint64_t n)
{
    char text[24];
    char *p = text + sizeof(text);
    *--p = '\0';
    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    say(p);
}

static uint64_t tsc(void)
{
    uint32_t lo;
    uint32_t hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}

static uint64_t resume_tsc;
uint64_t mono(void)
{
    return SHARED->resume.mono_ns + (tsc() - resume_tsc) / (SHARED->resume.tsc_khz / 1000) * 1000;
}

void guest_trap(const struct hv_trap *trap)
{
    if (guest_trap_hook != 0) {
        guest_trap_hook(trap);
    }
    char text[] = "trap 00 error 0000";
    text[5] = (char)('0' + trap->vector / 10);
    text[6] = (char)('0' + trap->vector % 10);
    for (int i = 0; i < 4; i++) {
        text[14 + i] = "0123456789abcdef"[trap->error >> (12 - 4 * i) & 15];
    }
    quit(HV_EXIT_SIGNAL, trap->vector, text);
}

volatile uint64_t *page_directory(void)
{
    volatile uint64_t *pml4 = (volatile uint64_t *)(uintptr_t)SHARED->pt_root;
    volatile uint64_t *pdpt = (volatile uint64_t *)(uintptr_t)(pml4[0] & ~0xfffull);
    return (volatile uint64_t *)(uintptr_t)(pdpt[0] & ~0xfffull);
}

/* The buffer has the beginning of the frame: with a large source that ends somewhere in the
 * source. */
const void *run_record(uint32_t kind, size_t *length)
{
    return runframe_bytes(run_buffer, sizeof(run_buffer), kind, length);
}

const void *run_source(void)
{
    size_t length;
    return run_record(HV_RECORD_SOURCE, &length);
}

size_t run_source_size(void)
{
    size_t length;
    (void)run_record(HV_RECORD_SOURCE, &length);
    return length;
}

static const struct guest_case *guest_case(const char *name)
{
    for (const struct guest_case *const *table = guest_tables; *table != 0; table++) {
        for (const struct guest_case *c = *table; c->name != 0; c++) {
            if (text_same(c->name, name)) {
                return c;
            }
        }
    }
    return 0;
}

static void guest_run(void)
{
    size_t length;
    const char *name = run_record(HV_RECORD_ARGV, &length);
    const struct guest_case *found = guest_case(name);
    if (found == 0) {
        quit(HV_EXIT_PANIC, 0, "no such case");
    }
    const size_t first = text_len(name) + 1;
    found->fn(length > first ? name + first : "");
}

void guest_main(void)
{
    SHARED->upcall_entry = (uint64_t)(uintptr_t)upcall_entry;
    for (;;) {
        (void)call(HV_CALL_RUN, (uint64_t)(uintptr_t)run_buffer, sizeof(run_buffer), 0, run_status);
        resume_tsc = tsc();
        guest_run();
    }
}
