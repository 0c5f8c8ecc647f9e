// SPDX-License-Identifier: Apache-2.0
/*
 * Vector state: the XSAVE area in its standard format (SDM vol. 1, 13.4), whose
 * components and size are those of CPUID leaf 0xd. The kernel uses no vector
 * register, so the live state is always the current thread's.
 *
 * On kvm-pvm XCR0 is the host's and may have components that CPUID does not show: AMX's tiles, for
 * which the area has no room. Saving leaves those out. Loading names every component of XCR0, so it
 * initialises those that the area does not hold, and no data of a run survives in them.
 */
#include "cpu/cpu.h"

#define FXSAVE_FCW   0
#define FXSAVE_MXCSR 24
#define XSAVE_HEADER 512

size_t xstate_size;
u64 xstate_mask;
static u32 mxcsr_mask;

void xstate_setup(void)
{
    u32 r[4], lo, hi;
    cpu_cpuid(0xd, 0, r);
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    xstate_mask = (lo | (u64)hi << 32) & (r[0] | (u64)r[3] << 32);
    xstate_size = r[1];
    mxcsr_mask = 0xffff; /* DAZ is present wherever XSAVE is */
    KASSERT(xstate_size >= XSAVE_HEADER + 64 && xstate_size <= PAGE_SIZE);
}

void xstate_save(void *area)
{
    __asm__ volatile("xsave64 (%0)" ::"r"(area), "a"((u32)xstate_mask),
                     "d"((u32)(xstate_mask >> 32))
                     : "memory");
}

void xstate_restore(const void *area)
{
    /* The mask names all components; the CPU loads those of them that its XCR0 has (SDM vol. 1,
     * 13.8). So it is right on another CPU, too, to which a snapshot may have moved.
     * */
    __asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
}

/* On some CPUs XRSTOR loads x87's last instruction and operand addresses only while an exception
 * is pending (AMD APM vol. 5, FXRSTOR). FNINIT clears those that another run has left. */
void xstate_reload(const void *area)
{
    __asm__ volatile("fninit");
    xstate_restore(area);
}

/* The state of a new program (System V ABI 3.4.1): x87 control word 0x37f, MXCSR 0x1f80. */
void xstate_init(void *area)
{
    memset(area, 0, xstate_size);
    *(u16 *)((char *)area + FXSAVE_FCW) = 0x37f;
    *(u32 *)(void *)((char *)area + FXSAVE_MXCSR) = 0x1f80;
}

/* False when XRSTOR would fault: on reserved MXCSR bits, unknown XSTATE_BV bits, a non-zero
 * XCOMP_BV, or anything in the reserved rest of the header. */
bool xstate_valid(const void *area)
{
    const u64 *header = (const void *)((const char *)area + XSAVE_HEADER);
    u32 mxcsr = *(const u32 *)(const void *)((const char *)area + FXSAVE_MXCSR);
    if (mxcsr & ~mxcsr_mask || header[0] & ~xstate_mask) {
        return false;
    }
    for (int i = 1; i < 8; i++) {
        if (header[i]) {
            return false;
        }
    }
    return true;
}
