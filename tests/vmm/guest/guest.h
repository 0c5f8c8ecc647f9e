// SPDX-License-Identifier: Apache-2.0
/*
 * The parts of the tiny test kernel: its runtime (guest.c), and the cases. Each case is a function
 * that a run chooses by name (cases.c, hostile.c, touch.c, ring0.c, bounds.c, tools.c).
 */
#ifndef GUEST_H
#define GUEST_H

#include "vmm/abi.h"

#define SHARED ((volatile struct hv_shared *)HV_SHARED_GPA)
#define MIB    (1ull << 20)

struct guest_case {
    const char *name;
    void (*fn)(const char *arg);
};
/* A kernel's tables, ending in NULL; each table ends in a NULL name. */
extern const struct guest_case *const guest_tables[];
extern const struct guest_case hostile_cases[], touch_cases[], ring0_cases[], bounds_cases[],
    tools_cases[], branch_cases[], files_cases[];

/* start.S */
void upcall_entry(void);
extern volatile uint64_t upcalls_seen;

/* guest.c */
void guest_main(void);
void guest_trap(const struct hv_trap *trap);
/* When set, it is called for each trap before that ends the run. It need not return. */
extern void (*volatile guest_trap_hook)(const struct hv_trap *trap);
extern volatile uint64_t sink; /* for values that nobody needs */
size_t text_len(const char *s);
int text_same(const char *a, const char *b);
uint64_t text_number(const char *s);
void doorbell(void);
int64_t call(uint32_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
void quit(enum hv_exit kind, uint64_t status, const char *text);
void put(volatile struct hv_ring *ring, uint64_t data, const char *s, size_t n);
void say(const char *s);
void say_number(uint64_t n);
uint64_t mono(void); /* the guest's monotonic clock, from where the last resume set it */
volatile uint64_t *page_directory(void);
extern uint64_t run_status; /* the run's status when its case returns; the machine goes on */
const void *run_record(uint32_t kind, size_t *length); /* of the current run */
const void *run_source(void);
size_t run_source_size(void);

#endif
