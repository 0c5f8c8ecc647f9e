// SPDX-License-Identifier: Apache-2.0
/*
 * All of a vCPU that KVM tells, as one list of words: registers of each kind, pending events,
 * CPUID, the run page's own, the TSC's offset, and every MSR that can be read, whether it is in
 * KVM's list or not. This file asks KVM by itself, and knows nothing of what the library takes for
 * the vCPU's state.
 */
#include "chaos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define MSRS_MAX  1024u
#define XSAVE_MAX 16384u
#define CPUID_MAX 128u

struct cpuid_words {
    uint32_t nent;
    uint32_t padding;
    struct kvm_cpuid_entry2 entries[CPUID_MAX];
};

/* Words from the run page and from vCPU attributes. */
struct own_words {
    uint64_t cr8;
    uint64_t apic_base;
    uint64_t tsc_offset;
};

/* Sizes are rounded up to words. The order is that of the list. */
static const struct {
    const char *name;
    unsigned long get;
    size_t size;
} parts[] = {
    {"regs", KVM_GET_REGS, sizeof(struct kvm_regs)},
    {"sregs", KVM_GET_SREGS, sizeof(struct kvm_sregs)},
    {"xcrs", KVM_GET_XCRS, sizeof(struct kvm_xcrs)},
    {"debugregs", KVM_GET_DEBUGREGS, sizeof(struct kvm_debugregs)},
    {"events", KVM_GET_VCPU_EVENTS, sizeof(struct kvm_vcpu_events)},
    {"mp_state", KVM_GET_MP_STATE, sizeof(struct kvm_mp_state)},
    {"cpuid", KVM_GET_CPUID2, sizeof(struct cpuid_words)},
    {"xsave", KVM_GET_XSAVE2, XSAVE_MAX},
    {"own", 0, sizeof(struct own_words)},
};
#define PARTS      (sizeof(parts) / sizeof(parts[0]))
#define PART_XSAVE 7u
#define XSTATE_BV  64u /* a word of xsave: components that the CPU knows to be initial, for now */

uint32_t vcpu_msrs[MSRS_MAX];
size_t vcpu_msr_count;

static size_t part_words(size_t i)
{
    return (parts[i].size + 7) / 8;
}

static size_t parts_words(size_t end)
{
    size_t words = 0;
    for (size_t i = 0; i < end; i++) {
        words += part_words(i);
    }
    return words;
}

static bool msr_can_be_read(const struct vmm *vm, uint32_t index)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } one = {.head = {.nmsrs = 1}, .entry = {.index = index}};
    return ioctl(vm->vcpu_fd, KVM_GET_MSRS, &one) == 1;
}

static void msr_add(const struct vmm *vm, uint32_t index)
{
    for (size_t i = 0; i < vcpu_msr_count; i++) {
        if (vcpu_msrs[i] == index) {
            return;
        }
    }
    if (vcpu_msr_count < MSRS_MAX && msr_can_be_read(vm, index)) {
        vcpu_msrs[vcpu_msr_count++] = index;
    }
}

/* Lists the MSRs that can be read. KVM's list lacks some: the banks of machine checks, the variable
 * ranges, those that a vendor adds. */
int vcpu_open(struct vmm *vm)
{
    static const struct {
        uint32_t from;
        uint32_t count;
    } ranges[] = {
        {0, 0x1000},         {0x40000000, 0x120}, {0x4b564d00, 0x100},
        {0xc0000080, 0x100}, {0xc0010000, 0x300}, {0xc0011000, 0x40},
    };
    static struct {
        uint32_t nmsrs;
        uint32_t indices[MSRS_MAX];
    } list = {.nmsrs = MSRS_MAX};
    int kvm_fd = kvm_open(NULL);
    if (kvm_fd < 0 || ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, &list) < 0) {
        os_close(kvm_fd);
        return -1;
    }
    os_close(kvm_fd);
    for (uint32_t i = 0; i < list.nmsrs; i++) {
        msr_add(vm, list.indices[i]);
    }
    for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++) {
        for (uint32_t i = 0; i < ranges[r].count; i++) {
            msr_add(vm, ranges[r].from + i);
        }
    }
    return vcpu_msr_count > 0 ? 0 : -1;
}

static int read_own(struct vmm *vm, struct own_words *own)
{
    const struct kvm_device_attr attr = {.group = KVM_VCPU_TSC_CTRL,
                                         .attr = KVM_VCPU_TSC_OFFSET,
                                         .addr = (uint64_t)(uintptr_t)&own->tsc_offset};
    own->cr8 = vm->run->cr8;
    own->apic_base = vm->run->apic_base;
    return ioctl(vm->vcpu_fd, KVM_GET_DEVICE_ATTR, &attr);
}

static int read_part(struct vmm *vm, size_t i, uint64_t *to)
{
    if (parts[i].get == 0) {
        return read_own(vm, (struct own_words *)(void *)to);
    }
    if (parts[i].get == KVM_GET_CPUID2) {
        ((struct cpuid_words *)(void *)to)->nent = CPUID_MAX;
    }
    if (ioctl(vm->vcpu_fd, parts[i].get, to) < 0) {
        return -1;
    }
    if (i == PART_XSAVE) {
        to[XSTATE_BV] = 0;
    }
    return 0;
}

/* How many MSRs KVM is asked for at a time. */
#define MSRS_BATCH 128u

static int read_msrs(const struct vmm *vm, uint64_t *to)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entries[MSRS_BATCH];
    } some;
    for (size_t at = 0; at < vcpu_msr_count; at += some.head.nmsrs) {
        const size_t left = vcpu_msr_count - at;
        some.head = (struct kvm_msrs){.nmsrs = (uint32_t)(left < MSRS_BATCH ? left : MSRS_BATCH)};
        for (size_t i = 0; i < some.head.nmsrs; i++) {
            some.entries[i] = (struct kvm_msr_entry){.index = vcpu_msrs[at + i]};
        }
        if (ioctl(vm->vcpu_fd, KVM_GET_MSRS, &some) != (int)some.head.nmsrs) {
            return -1;
        }
        for (size_t i = 0; i < some.head.nmsrs; i++) {
            to[at + i] = some.entries[i].data;
        }
    }
    return 0;
}

int vcpu_read(struct vmm *vm, struct vcpu_words *words)
{
    const int xsave = ioctl(vm->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
    const size_t head = parts_words(PARTS);
    if (xsave <= 0 || xsave > (int)XSAVE_MAX) {
        errno = ENOTSUP;
        return -1;
    }
    if (words->w == NULL) {
        words->count = head + vcpu_msr_count;
        words->w = calloc(words->count, sizeof(uint64_t));
    }
    if (words->w == NULL) {
        return -1;
    }
    memset(words->w, 0, words->count * sizeof(uint64_t));
    for (size_t i = 0, at = 0; i < PARTS; at += part_words(i), i++) {
        if (read_part(vm, i, words->w + at) < 0) {
            return -1;
        }
    }
    return read_msrs(vm, words->w + head);
}

void vcpu_name(size_t word, char *text, size_t size)
{
    const size_t head = parts_words(PARTS);
    if (word >= head) {
        (void)snprintf(text, size, "MSR 0x%x", vcpu_msrs[word - head]);
        return;
    }
    size_t part = 0;
    while (word >= parts_words(part + 1)) {
        part++;
    }
    (void)snprintf(text, size, "byte %zu of %s", (word - parts_words(part)) * 8, parts[part].name);
}

bool vcpu_is_vector(size_t word)
{
    return word >= parts_words(PART_XSAVE) && word < parts_words(PART_XSAVE + 1);
}

void vcpu_free(struct vcpu_words *words)
{
    free(words->w);
    *words = (struct vcpu_words){0};
}
