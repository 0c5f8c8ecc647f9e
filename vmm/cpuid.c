// SPDX-License-Identifier: Apache-2.0
/*
 * What CPU the guest sees, by one policy for both kinds of host. Each feature word has a mask of
 * the bits that a program at CPL 3 can use. On hardware KVM the mask is applied to what KVM
 * supports. On kvm-pvm it is applied to the CPU itself, because KVM there hides features that CPL 3
 * has natively. The guest sees one core with one thread. Bits are named as in the Intel SDM
 * volume 2, CPUID, and AMD APM volume 3, appendix E.
 */
#include "vmm_int.h"

#include <cpuid.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

enum cpuid_reg { EAX, EBX, ECX, EDX };

#define BIT(n)      (1u << (n))
#define XCR0_USABLE 0xe7u /* x87, SSE, AVX, AVX-512 */

/* A word of feature bits, and a mask of those that make sense in the guest. */
static const struct cpuid_word {
    uint32_t function;
    uint32_t index;
    enum cpuid_reg reg;
    uint32_t usable;
} cpuid_words[] = {
    /* Not: MONITOR, VMX, SMX, EST, TM2, xTPR, PDCM, PCID, DCA, x2APIC, TSC deadline. */
    {1, 0, ECX, 0xf6d83203u},
    /* FPU to CLFLUSH, without machine check, MTRR and serial number; MMX to SSE2. */
    {1, 0, EDX, 0x078bab79u},
    /* FSGSBASE BMI1 AVX2 BMI2 ERMS AVX512* RDSEED ADX CLFLUSHOPT CLWB SHA. */
    {7, 0, EBX, 0xf1af0329u},
    /* PREFETCHWT1 VBMI VBMI2 GFNI VAES VPCLMUL VNNI BITALG VPOPCNTDQ RDPID CLDEMOTE MOVDIR*. */
    {7, 0, ECX, 0x1a405f43u},
    /* 4VNNIW 4FMAPS FSRM VP2INTERSECT SERIALIZE AVX512_FP16. */
    {7, 0, EDX, 0x0080411cu},
    /* SHA512 SM3 SM4 AVX_VNNI AVX512_BF16 FZRM FSRS FSRC AVX_IFMA. */
    {7, 1, EAX, 0x00801c37u},
    {0xd, 0, EAX, XCR0_USABLE},
    /* XSAVEOPT XSAVEC XGETBV1. */
    {0xd, 1, EAX, 0x7u},
    /* LAHF ABM SSE4A misaligned-SSE prefetch XOP FMA4 TBM. */
    {0x80000001u, 0, ECX, 0x002109e1u},
    /* As leaf 1, with SYSCALL NX MMXEXT RDTSCP LM. */
    {0x80000001u, 0, EDX, 0x29d3ab79u},
};
#define CPUID_WORDS (sizeof(cpuid_words) / sizeof(cpuid_words[0]))

#define CPUID_1_ECX_HYPERVISOR BIT(31)

/* Names for the bits that software asks for; the others are named by leaf and bit. */
static const struct {
    uint8_t word; /* index in cpuid_words */
    uint8_t bit;
    const char *name;
} cpuid_names[] = {
    {0, 0, "sse3"},
    {0, 1, "pclmulqdq"},
    {0, 9, "ssse3"},
    {0, 12, "fma"},
    {0, 13, "cmpxchg16b"},
    {0, 19, "sse4.1"},
    {0, 20, "sse4.2"},
    {0, 22, "movbe"},
    {0, 23, "popcnt"},
    {0, 25, "aes"},
    {0, 26, "xsave"},
    {0, 28, "avx"},
    {0, 29, "f16c"},
    {0, 30, "rdrand"},
    {1, 24, "fxsr"},
    {1, 25, "sse"},
    {1, 26, "sse2"},
    {2, 0, "fsgsbase"},
    {2, 3, "bmi1"},
    {2, 5, "avx2"},
    {2, 8, "bmi2"},
    {2, 9, "erms"},
    {2, 16, "avx512f"},
    {2, 17, "avx512dq"},
    {2, 18, "rdseed"},
    {2, 19, "adx"},
    {2, 21, "avx512ifma"},
    {2, 23, "clflushopt"},
    {2, 24, "clwb"},
    {2, 28, "avx512cd"},
    {2, 29, "sha"},
    {2, 30, "avx512bw"},
    {2, 31, "avx512vl"},
    {3, 1, "avx512vbmi"},
    {3, 6, "avx512vbmi2"},
    {3, 8, "gfni"},
    {3, 9, "vaes"},
    {3, 10, "vpclmulqdq"},
    {3, 11, "avx512vnni"},
    {3, 12, "avx512bitalg"},
    {3, 14, "avx512vpopcntdq"},
    {3, 22, "rdpid"},
    {4, 4, "fsrm"},
    {4, 8, "avx512vp2intersect"},
    {4, 23, "avx512fp16"},
    {5, 4, "avxvnni"},
    {5, 5, "avx512bf16"},
    {5, 23, "avxifma"},
    {6, 2, "xcr0-avx"},
    {6, 7, "xcr0-avx512"},
    {7, 0, "xsaveopt"},
    {7, 1, "xsavec"},
    {7, 2, "xgetbv1"},
    {8, 0, "lahf"},
    {8, 5, "lzcnt"},
    {8, 6, "sse4a"},
    {9, 11, "syscall"},
    {9, 20, "nx"},
    {9, 27, "rdtscp"},
    {9, 29, "lm"},
};

static uint32_t host_cpuid(uint32_t function, uint32_t index, enum cpuid_reg reg)
{
    uint32_t r[4];
    __cpuid_count(function, index, r[EAX], r[EBX], r[ECX], r[EDX]);
    return r[reg];
}

bool x86_is_pvm(void)
{
    const bool vmx = host_cpuid(1, 0, ECX) & BIT(5);
    const bool svm = host_cpuid(0x80000001u, 0, ECX) & BIT(2);
    return !vmx && !svm;
}

bool x86_is_qemu_tcg(void)
{
    static const char signature[] = "TCGTCGTCGTCG";
    uint32_t r[4];
    if (!(host_cpuid(1, 0, ECX) & BIT(31))) {
        return false; /* no hypervisor, no leaves of one */
    }
    __cpuid_count(0x40000000u, 0, r[EAX], r[EBX], r[ECX], r[EDX]);
    return memcmp(&r[EBX], signature, 3 * sizeof(r[0])) == 0;
}

void x86_cpu_name(char *out, size_t size)
{
    uint32_t r[12];
    for (uint32_t i = 0; i < 3; i++) {
        __cpuid_count(0x80000002u + i, 0, r[4 * i], r[4 * i + 1], r[4 * i + 2], r[4 * i + 3]);
    }
    (void)snprintf(out, size, "%.48s", (const char *)r);
}

static struct kvm_cpuid_entry2 *cpuid_find(struct x86_cpuid *c, uint32_t function, uint32_t index)
{
    for (uint32_t i = 0; i < c->nent; i++) {
        if (c->entries[i].function == function && c->entries[i].index == index) {
            return &c->entries[i];
        }
    }
    return NULL;
}

/* Finds or makes an entry; NULL when the table is full. */
static struct kvm_cpuid_entry2 *cpuid_entry(struct x86_cpuid *c, uint32_t function, uint32_t index)
{
    struct kvm_cpuid_entry2 *e = cpuid_find(c, function, index);
    if (e == NULL && c->nent < CPUID_ENTRIES) {
        e = &c->entries[c->nent++];
        *e = (struct kvm_cpuid_entry2){.function = function, .index = index};
        const bool indexed = function == 7 || function == 0xd;
        e->flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0;
    }
    return e;
}

static uint32_t *entry_reg(struct kvm_cpuid_entry2 *e, enum cpuid_reg reg)
{
    uint32_t *const regs[] = {&e->eax, &e->ebx, &e->ecx, &e->edx};
    return regs[reg];
}

static int cpuid_supported(int kvm_fd, struct x86_cpuid *c, struct vmm_err *err)
{
    memset(c, 0, sizeof(*c));
    c->nent = CPUID_ENTRIES;
    if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, c) < 0) {
        return vmm_err_set(err, errno, "KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
    }
    return 0;
}

/* The CPUID leaf that was read last. It is kept because CPUID may trap, and words of one leaf are
 * neighbours in cpuid_words. */
struct cpuid_cache {
    uint32_t function;
    uint32_t index;
    uint32_t r[4];
};

static uint32_t host_word(const struct cpuid_word *w, struct cpuid_cache *cache)
{
    if (cache->function != w->function || cache->index != w->index) {
        cache->function = w->function;
        cache->index = w->index;
        uint32_t *r = cache->r;
        __cpuid_count(w->function, w->index, r[EAX], r[EBX], r[ECX], r[EDX]);
    }
    return cache->r[w->reg];
}

/* The bits of a word that this host can give. supported is NULL on kvm-pvm: there the CPU is asked.
 */
static uint32_t cpuid_word_here(const struct cpuid_word *w, struct x86_cpuid *supported,
                                struct cpuid_cache *cache)
{
    if (supported == NULL) {
        uint32_t bits = host_word(w, cache);
        if (w->function == 1 && w->reg == ECX) {
            bits |= CPUID_1_ECX_HYPERVISOR;
        }
        return bits & w->usable;
    }
    struct kvm_cpuid_entry2 *e = cpuid_find(supported, w->function, w->index);
    return e != NULL ? *entry_reg(e, w->reg) & w->usable : 0;
}

/* Leaf 0xd: component sizes come from the CPU, totals follow from the components we keep. */
static int cpuid_xsave_leaf(struct x86_cpuid *c)
{
    struct kvm_cpuid_entry2 *base = cpuid_entry(c, 0xd, 0);
    struct kvm_cpuid_entry2 *ext = cpuid_entry(c, 0xd, 1);
    if (base == NULL || ext == NULL) {
        return -E2BIG;
    }
    const uint32_t xcr0 = base->eax;
    uint32_t size = 512 + 64;
    for (uint32_t i = 2; i < 32; i++) {
        struct kvm_cpuid_entry2 *e = cpuid_find(c, 0xd, i);
        if (!(xcr0 & BIT(i))) {
            if (e != NULL) {
                e->eax = e->ebx = e->ecx = e->edx = 0;
            }
            continue;
        }
        if (e == NULL && (e = cpuid_entry(c, 0xd, i)) == NULL) {
            return -E2BIG;
        }
        __cpuid_count(0xd, i, e->eax, e->ebx, e->ecx, e->edx);
        size = e->eax + e->ebx > size ? e->eax + e->ebx : size;
    }
    base->ebx = base->ecx = size;
    base->edx = 0;
    ext->ebx = size;
    ext->ecx = ext->edx = 0;
    return 0;
}

/* Makes each leaf that tells of cores say: one core with one thread and APIC number 0. */
static void cpuid_single(struct kvm_cpuid_entry2 *e)
{
    switch (e->function) {
    case 1:
        e->ebx = (e->ebx & 0xffffu) | 1u << 16;
        break;
    case 4:
    case 0x8000001du:
        e->eax &= 0x3fffu;
        break;
    case 0xb:
    case 0x1f:
        e->eax = 0;
        e->ebx = e->index < 2 ? 1 : 0;
        e->edx = 0;
        break;
    case 0x80000008u:
        e->ecx = 0;
        break;
    case 0x8000001eu:
        e->eax = 0;
        e->ebx &= ~0xffffu;
        e->ecx = 0;
        break;
    case 0x40000001u: /* no paravirtual interfaces: none can be used at CPL 3 */
        e->eax = e->edx = 0;
        break;
    default:
        break;
    }
}

int x86_cpuid_policy(int kvm_fd, const struct policy *policy, struct x86_cpuid *cpuid,
                     struct vmm_err *err)
{
    int rc = cpuid_supported(kvm_fd, cpuid, err);
    if (rc < 0) {
        return rc;
    }
    struct cpuid_cache cache = {0};
    for (size_t i = 0; i < CPUID_WORDS; i++) {
        const struct cpuid_word *w = &cpuid_words[i];
        const uint32_t bits = cpuid_word_here(w, policy->features_of_cpu ? NULL : cpuid, &cache);
        struct kvm_cpuid_entry2 *e = cpuid_entry(cpuid, w->function, w->index);
        if (e == NULL) {
            return vmm_err_set(err, E2BIG, "too many CPUID leaves");
        }
        *entry_reg(e, w->reg) = bits;
    }
    struct kvm_cpuid_entry2 *leaf0 = cpuid_entry(cpuid, 0, 0);
    struct kvm_cpuid_entry2 *leaf7 = cpuid_entry(cpuid, 7, 0);
    if (cpuid_xsave_leaf(cpuid) < 0 || leaf0 == NULL || leaf7 == NULL) {
        return vmm_err_set(err, E2BIG, "too many CPUID leaves");
    }
    leaf0->eax = leaf0->eax < 0xd ? 0xd : leaf0->eax;
    leaf7->eax = 1;
    for (uint32_t i = 0; i < cpuid->nent; i++) {
        cpuid_single(&cpuid->entries[i]);
    }
    return 0;
}

/* Appends "sse3" or "cpuid.7.0.ebx[4]". */
static size_t cpuid_bit_name(size_t word, uint32_t bit, char *out, size_t size, size_t used)
{
    static const char *const regs[] = {"eax", "ebx", "ecx", "edx"};
    const struct cpuid_word *w = &cpuid_words[word];
    const char *sep = used > 0 ? " " : "";
    for (size_t i = 0; i < sizeof(cpuid_names) / sizeof(cpuid_names[0]); i++) {
        if (cpuid_names[i].word == word && cpuid_names[i].bit == bit) {
            int n = snprintf(out + used, size - used, "%s%s", sep, cpuid_names[i].name);
            return used + (n > 0 ? (size_t)n : 0);
        }
    }
    int n = snprintf(out + used, size - used, "%scpuid.%x.%x.%s[%u]", sep, w->function, w->index,
                     regs[w->reg], bit);
    return used + (n > 0 ? (size_t)n : 0);
}

/* What hardware KVM supports. */
static int cpuid_supported_here(struct x86_cpuid *have, struct vmm_err *err)
{
    int fd = kvm_open(err);
    if (fd < 0) {
        return fd;
    }
    int rc = cpuid_supported(fd, have, err);
    os_close(fd);
    return rc;
}

int x86_cpuid_check(const struct x86_cpuid *wanted, const struct policy *policy,
                    struct vmm_err *err)
{
    struct x86_cpuid have;
    int rc = policy->features_of_cpu ? 0 : cpuid_supported_here(&have, err);
    if (rc < 0) {
        return rc;
    }
    struct x86_cpuid want = *wanted;
    struct cpuid_cache cache = {0};
    char missing[384] = "";
    size_t used = 0;
    for (size_t i = 0; i < CPUID_WORDS; i++) {
        const struct cpuid_word *w = &cpuid_words[i];
        uint32_t lost = cpuid_word_here(w, &want, &cache);
        lost &= ~cpuid_word_here(w, policy->features_of_cpu ? NULL : &have, &cache);
        for (uint32_t bit = 0; bit < 32; bit++) {
            if ((lost & BIT(bit)) && used < sizeof(missing) - 1) {
                used = cpuid_bit_name(i, bit, missing, sizeof(missing), used);
            }
        }
    }
    if (used > 0) {
        return vmm_err_set(err, ENOTSUP, "this CPU lacks features the snapshot needs: %s", missing);
    }
    return 0;
}

uint64_t x86_cpuid_xcr0(const struct x86_cpuid *cpuid)
{
    for (uint32_t i = 0; i < cpuid->nent; i++) {
        if (cpuid->entries[i].function == 0xd && cpuid->entries[i].index == 0) {
            return cpuid->entries[i].eax;
        }
    }
    return 1;
}
