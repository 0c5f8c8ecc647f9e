// SPDX-License-Identifier: Apache-2.0
/*
 * What is done differently on each kind of host. It is decided here and nowhere else, in a table
 * with an entry for each kind. Other files read struct policy. `pyhl info` shows the words;
 * README.md has the costs that are the reasons.
 *
 * Hardware KVM without EPT or NPT shadows the guest's page tables, as kvm-pvm does.
 *
 * The project tests hardware KVM on a CPU that QEMU emulates (TCG). One thing differs there: QEMU's
 * check of the I/O permission bitmap wants a TSS whose type is "available". With a busy TSS each
 * doorbell is a #GP. On a real CPU the loaded TSS is busy, and KVM on Intel insists on that.
 */
#include "vmm_int.h"

#include <string.h>

#define HARDWARE                                                                                   \
    .features_of_cpu = false, .lazy_slots = false, .kernel_apic = false, .large_text = true,       \
    .prefault_group = 1, .longer_ns = 0, .longer_faults = 0, .ring0_always = true,                 \
    .settle_always = true

static const struct policy policies[] = {
    [POLICY_HARDWARE] = {HARDWARE, .nested_paging = true, .tss_available = false},
    [POLICY_SHADOWED] = {HARDWARE, .nested_paging = false, .tss_available = false},
    [POLICY_EMULATED] = {HARDWARE, .nested_paging = true, .tss_available = true},
    [POLICY_PVM] = {.features_of_cpu = true,
                    .lazy_slots = true,
                    .kernel_apic = true,
                    .large_text = true,
                    .prefault_group = 8,
                    .longer_ns = 10 * NS_PER_MS,
                    .longer_faults = 256,
                    .ring0_always = false,
                    .settle_always = false,
                    .nested_paging = false,
                    .tss_available = false},
};

#define POLICY_CHOICES 11
#define TRANSLATIONS_SHADOWED                                                                      \
    "forgotten after a run that wrote page tables", "KVM has a picture of the tables"

static const struct vmm_choice policy_words[][POLICY_CHOICES] = {
    [POLICY_HARDWARE] =
        {
            {"CPU features", "those KVM supports", "what KVM hides does not work in the guest"},
            {"memory image", "mapped", "a run touches few of its pages"},
            {"memory slots", "at once", "their size costs nothing"},
            {"local APIC", "none", "nothing interrupts the guest"},
            {"program text", "2 MiB pages", "one fault for 512 pages"},
            {"working set", "copied ahead", "a first write is a VM exit"},
            {"longer runs", "nothing more is copied", "a fault costs less than a copy"},
            {"ring-0 state", "set by every rewind", "system calls enter ring 0"},
            {"vCPU at rest", "entered once more", "an exit may be half-way in it"},
            {"translations", "forgotten by every rewind", "a walk of page tables is a write"},
            {"task state", "busy", "as a CPU has it"},
        },
    [POLICY_PVM] =
        {
            {"CPU features", "the CPU's own", "KVM hides some that work at CPL 3"},
            {"memory image", "mapped", "a run touches few of its pages"},
            {"memory slots", "on demand", "they cost by their size, used or not"},
            {"local APIC", "KVM's, for a single run", "without one KVM patches its own code"},
            {"program text", "2 MiB pages", "one fault for 512 pages"},
            {"working set", "copied ahead in groups of 8 pages", "one fault maps a group"},
            {"longer runs", "more is copied after 256 faults",
             "a first write is up to three of them"},
            {"ring-0 state", "set after a run that may have had it", "each ioctl costs 7 us"},
            {"vCPU at rest", "as a doorbell leaves it", "KVM has completed its output"},
            {"translations", TRANSLATIONS_SHADOWED},
            {"task state", "busy", "as a CPU has it"},
        },
};

const struct policy *policy_of(enum policy_kind kind)
{
    return &policies[kind];
}

enum policy_kind policy_host_kind(void)
{
    if (x86_is_pvm()) {
        return POLICY_PVM;
    }
    if (!kvm_nested_paging()) {
        return POLICY_SHADOWED;
    }
    return x86_is_qemu_tcg() ? POLICY_EMULATED : POLICY_HARDWARE;
}

const struct policy *policy_host(void)
{
    return policy_of(policy_host_kind());
}

/* kvm-pvm has words of its own. The other kinds have those of hardware KVM, and each of them one
 * choice of its own. */
const struct vmm_choice *policy_choice(enum policy_kind kind, size_t i)
{
    static const struct vmm_choice own[POLICY_KINDS] = {
        [POLICY_SHADOWED] = {"translations", TRANSLATIONS_SHADOWED},
        [POLICY_EMULATED] = {"task state", "available",
                             "QEMU makes #GP of all I/O with a busy one"},
    };
    if (i >= POLICY_CHOICES) {
        return NULL;
    }
    const struct vmm_choice *choice =
        &policy_words[kind == POLICY_PVM ? POLICY_PVM : POLICY_HARDWARE][i];
    const bool is_own = own[kind].what != NULL && strcmp(choice->what, own[kind].what) == 0;
    return is_own ? &own[kind] : choice;
}

const struct vmm_choice *vmm_choice(size_t i)
{
    return policy_choice(policy_host_kind(), i);
}
