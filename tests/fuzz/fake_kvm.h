// SPDX-License-Identifier: Apache-2.0
/*
 * KVM's memory slots and dirty log as its API document has them (Documentation/virt/kvm/api.rst:
 * KVM_SET_USER_MEMORY_REGION, KVM_GET_DIRTY_LOG, KVM_CLEAR_DIRTY_LOG, the last with
 * KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE), for targets that make thousands of machines a second. A
 * call that KVM would refuse is a crash here: libvmm never makes one. All other calls to KVM
 * succeed and give zeroes. The linker's --wrap puts this in the place of ioctl().
 */
#ifndef FAKE_KVM_H
#define FAKE_KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_SLOTS     4u
#define FAKE_PAGES_MAX 16384u /* of a slot */

struct fake_slot {
    uint64_t gpa;
    uint64_t size; /* 0: not there */
    uint8_t *hva;
    uint32_t flags;
    uint64_t dirty[FAKE_PAGES_MAX / 64];
};

extern struct fake_slot fake_slots[FAKE_SLOTS];
extern int fake_slot_error;    /* what the next KVM_SET_USER_MEMORY_REGION fails with, once */
extern uint64_t fake_cr3;      /* what KVM_GET_SREGS gives */
extern unsigned fake_calls_of; /* KVM_SET_USER_MEMORY_REGION, since fake_kvm_reset() */

void fake_kvm_reset(void);
/* The slot that has all of this range, or NULL. */
struct fake_slot *fake_slot_of(uint64_t gpa, uint64_t size);
/* Writes as the guest would, within one page; false where there is no slot. */
bool fake_guest_write(uint64_t gpa, const void *bytes, size_t size);
bool fake_is_dirty(uint64_t gpa);

#endif
