// SPDX-License-Identifier: Apache-2.0
/*
 * The page of descriptor tables at HV_TABLES_GPA: GDT, IDT, and a TSS whose I/O bitmap opens the
 * doorbell alone to CPL 3. Descriptors as in AMD APM volume 2, 4.8.
 */
#include "vmm_int.h"

#include <string.h>

#define CODE64(dpl) (0x00af9b000000ffffull | (uint64_t)(dpl) << 45)
#define DATA(dpl)   (0x00cf93000000ffffull | (uint64_t)(dpl) << 45)

#define GATE_INTERRUPT 0x8eull
#define TSS_BUSY       0x8bull
#define TSS_RSP0       0x04u
#define TSS_IOMAP_BASE 0x66u
#define TSS_SIZE       0x68u

static void tables_gdt(uint8_t *page)
{
    uint64_t gdt[16] = {0};
    gdt[HV_SEL_RING0_CS >> 3] = CODE64(0);
    gdt[HV_SEL_RING0_SS >> 3] = DATA(0);
    gdt[HV_SEL_USER_SS >> 3] = DATA(3);
    gdt[HV_SEL_USER_CS >> 3] = CODE64(3);
    const uint64_t base = TABLES_TSS_GPA;
    gdt[HV_SEL_TSS >> 3] = TABLES_TSS_LIMIT | (base & 0xffffff) << 16 | TSS_BUSY << 40;
    memcpy(page, gdt, sizeof(gdt));
}

/* Breakpoint and overflow are raised by instructions: their gates must let CPL 3 through. */
static void tables_idt(uint8_t *page)
{
    uint64_t idt[32][2] = {{0}};
    for (uint64_t i = 0; i < 32; i++) {
        const uint64_t entry = HV_VECTORS_GPA + i * HV_VECTOR_STRIDE;
        const uint64_t dpl = (i == 3 || i == 4) ? 3 : 0;
        const uint64_t type = GATE_INTERRUPT | dpl << 5;
        idt[i][0] = (entry & 0xffff) | (uint64_t)HV_SEL_RING0_CS << 16 | type << 40 |
                    (entry >> 16 & 0xffff) << 48;
        idt[i][1] = entry >> 32;
    }
    memcpy(page + (TABLES_IDT_GPA - HV_TABLES_GPA), idt, sizeof(idt));
}

static void tables_tss(uint8_t *page)
{
    uint8_t *tss = page + (TABLES_TSS_GPA - HV_TABLES_GPA);
    const uint64_t rsp0 = HV_TRAP_TOP;
    const uint16_t iomap = TSS_SIZE;
    memcpy(tss + TSS_RSP0, &rsp0, sizeof(rsp0));
    memcpy(tss + TSS_IOMAP_BASE, &iomap, sizeof(iomap));
    memset(tss + TSS_SIZE, 0xff, TABLES_TSS_LIMIT + 1 - TSS_SIZE);
    tss[TSS_SIZE + HV_PORT_DOORBELL / 8] &= (uint8_t) ~(1u << HV_PORT_DOORBELL % 8);
}

void tables_write(uint8_t *page)
{
    memset(page, 0, HV_PAGE_SIZE);
    tables_gdt(page);
    tables_idt(page);
    tables_tss(page);
}
