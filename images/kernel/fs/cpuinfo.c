// SPDX-License-Identifier: Apache-2.0
/*
 * /proc/cpuinfo, made from what CPUID shows in the VM. The VMM hides features that a program cannot
 * use, and this file must agree with CPUID. CPUID may trap, so it is executed only when the file is
 * opened. Leaves are those of the Intel SDM 2A and the AMD APM 3, appendix E.
 */
#include "cpu/cpu.h"
#include "fs/procfs.h"

enum { EAX, EBX, ECX, EDX };

/* The words of feature bits, in Linux's order. Each has Linux's names of its bits from bit 0 on,
 * and "-" for a bit without one. Bits of 0x80000001 edx that repeat those of leaf 1 have no name
 * here. */
static const struct feature_word {
    u32 leaf, sub;
    u8 reg;
    const char *names;
} words[] = {
    {1, 0, EDX,
     "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts "
     "acpi mmx fxsr sse sse2 ss ht tm ia64 pbe"},
    {0x80000001, 0, EDX,
     "- - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - fxsr_opt pdpe1gb rdtscp - lm "
     "3dnowext 3dnow"},
    {1, 0, ECX,
     "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - pcid "
     "dca sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave - avx f16c rdrand "
     "hypervisor"},
    {0x80000001, 0, ECX,
     "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop "
     "skinit wdt - lwp fma4 tce - nodeid_msr - tbm topoext perfctr_core perfctr_nb - bpext ptsc "
     "perfctr_llc mwaitx"},
    {7, 0, EBX,
     "fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx rdt_a avx512f "
     "avx512dq rdseed adx smap avx512ifma - clflushopt clwb intel_pt avx512pf avx512er avx512cd "
     "sha_ni avx512bw avx512vl"},
    {0xd, 1, EAX, "xsaveopt xsavec xgetbv1 xsaves"},
    {7, 1, EAX, "- - - - avx_vnni avx512_bf16"},
    {0x80000008, 0, EBX,
     "clzero irperf xsaveerptr - rdpru - - - - wbnoinvd - - - - - - - - - - - - - amd_ppin - "
     "virt_ssbd - cppc"},
    {6, 0, EAX, "dtherm ida arat - pln - pts hwp hwp_notify hwp_act_window hwp_epp hwp_pkg_req"},
    {7, 0, ECX,
     "- avx512vbmi umip pku ospke waitpkg avx512_vbmi2 - gfni vaes vpclmulqdq avx512_vnni "
     "avx512_bitalg tme avx512_vpopcntdq - la57 - - - - - rdpid - bus_lock_detect cldemote - "
     "movdiri movdir64b enqcmd sgx_lc"},
    {0x80000007, 0, EBX, "overflow_recov succor - smca"},
    {7, 0, EDX,
     "- - avx512_4vnniw avx512_4fmaps fsrm - - - avx512_vp2intersect - md_clear - - - serialize - "
     "tsxldtrk - pconfig arch_lbr - - amx_bf16 avx512_fp16 amx_tile amx_int8 - - flush_l1d "
     "arch_capabilities"},
};

/* Reads a leaf of CPUID: all zeroes when the CPU does not have it. */
static void leaf(u32 nr, u32 sub, u32 r[4])
{
    static u32 last[2]; /* the highest basic and extended leaf */
    u32 *end = &last[nr >> 31];

    if (*end == 0) {
        cpu_cpuid(nr & 0x80000000u, 0, r);
        *end = r[EAX];
    }
    if (nr <= *end) {
        cpu_cpuid(nr, sub, r);
    } else {
        memset(r, 0, 4 * sizeof(r[0]));
    }
}

static void put_word(struct text *t, const char *names, u32 bits)
{
    for (const char *s = names; *s; bits >>= 1) {
        const char *end = strchr(s, ' ');
        size_t n = end != NULL ? (size_t)(end - s) : strlen(s);
        if ((bits & 1) && *s != '-') {
            text_put(t, " ", 1);
            text_put(t, s, n);
        }
        s += end != NULL ? n + 1 : n;
    }
}

static void put_flags(struct text *t)
{
    u32 r[4];

    text_printf(t, "flags\t\t:");
    for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
        leaf(words[k].leaf, words[k].sub, r);
        put_word(t, words[k].names, r[words[k].reg]);
    }
    leaf(0x80000007, 0, r);
    if (r[EDX] & 1u << 8) { /* invariant TSC: Linux has two names for it */
        text_printf(t, " constant_tsc nonstop_tsc");
    }
    text_printf(t, "\n");
}

static void put_brand(struct text *t)
{
    u32 brand[13] = {0};

    for (u32 k = 0; k < 3; k++) {
        leaf(0x80000002 + k, 0, &brand[4 * k]);
    }
    const char *s = (const char *)brand;
    while (*s == ' ') {
        s++;
    }
    text_printf(t, "model name\t: %s\n", *s ? s : "unknown");
}

static u32 put_model(struct text *t)
{
    u32 r[4], vendor[4] = {0};

    leaf(0, 0, r);
    vendor[0] = r[EBX], vendor[1] = r[EDX], vendor[2] = r[ECX];
    leaf(1, 0, r);
    u32 family = r[EAX] >> 8 & 15, model = r[EAX] >> 4 & 15;
    if (family == 15) {
        family += r[EAX] >> 20 & 255;
    }
    if (family >= 6) {
        model += (r[EAX] >> 16 & 15) << 4;
    }
    text_printf(t, "processor\t: 0\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n",
                (const char *)vendor, family, model);
    put_brand(t);
    text_printf(t, "stepping\t: %u\n", r[EAX] & 15);
    return (r[EBX] >> 8 & 255) * 8; /* the size of a cache line */
}

/* The cache size that Linux shows: the second level of AMD's CPUs, the last level of others. */
static u32 cache_kb(void)
{
    u32 r[4], kb = 0;

    leaf(0x80000001, 0, r);
    if (r[ECX] & 1u << 22) { /* topology extensions: an AMD, and leaf 4 is Intel's */
        leaf(0x80000006, 0, r);
        return r[ECX] >> 16;
    }
    for (u32 sub = 0; sub < 8; sub++) {
        leaf(4, sub, r);
        if ((r[EAX] & 31) == 0) {
            break;
        }
        u32 ways = (r[EBX] >> 22) + 1, parts = (r[EBX] >> 12 & 1023) + 1;
        kb = ways * parts * ((r[EBX] & 4095) + 1) / 1024 * (r[ECX] + 1);
    }
    return kb;
}

void text_cpuinfo(struct text *t, int tid)
{
    u32 r[4], khz = hv_shared()->resume.tsc_khz;
    u32 line = put_model(t), kb = cache_kb();

    (void)tid;
    text_printf(t, "cpu MHz\t\t: %u.%03u\n", khz / 1000, khz % 1000);
    if (kb) {
        text_printf(t, "cache size\t: %u KB\n", kb);
    }
    text_printf(t,
                "physical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\napicid\t\t: 0\n"
                "initial apicid\t: 0\nfpu\t\t: yes\nfpu_exception\t: yes\n");
    leaf(0, 0, r);
    text_printf(t, "cpuid level\t: %u\nwp\t\t: yes\n", r[EAX]);
    put_flags(t);
    text_printf(t, "bogomips\t: %u.%02u\nclflush size\t: %u\ncache_alignment\t: %u\n", khz / 500,
                khz / 5 % 100, line, line);
    leaf(0x80000008, 0, r);
    text_printf(t, "address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n",
                r[EAX] & 255, r[EAX] >> 8 & 255);
}
