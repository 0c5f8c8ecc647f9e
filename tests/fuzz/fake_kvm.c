// SPDX-License-Identifier: Apache-2.0
/*
 * See fake_kvm.h.
 */
#include "fake_kvm.h"
#include "fuzz.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#define PAGE 4096u

struct fake_slot fake_slots[FAKE_SLOTS];
int fake_slot_error;
uint64_t fake_cr3;
unsigned fake_calls_of;

int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_ioctl(int fd, unsigned long request, ...);

void fake_kvm_reset(void)
{
    for (unsigned i = 0; i < FAKE_SLOTS; i++) {
        if (fake_slots[i].size != 0) {
            memset(&fake_slots[i], 0, sizeof(fake_slots[i]));
        }
    }
    fake_slot_error = 0;
    fake_cr3 = 0;
    fake_calls_of = 0;
}

struct fake_slot *fake_slot_of(uint64_t gpa, uint64_t size)
{
    for (unsigned i = 0; i < FAKE_SLOTS; i++) {
        struct fake_slot *s = &fake_slots[i];
        if (gpa >= s->gpa && gpa - s->gpa < s->size && size <= s->size - (gpa - s->gpa)) {
            return s;
        }
    }
    return NULL;
}

bool fake_guest_write(uint64_t gpa, const void *bytes, size_t size)
{
    struct fake_slot *s = fake_slot_of(gpa, size);
    if (s == NULL || (s->flags & KVM_MEM_READONLY) != 0) {
        return false;
    }
    const uint64_t page = (gpa - s->gpa) / PAGE;
    MUST(size > 0 && page == (gpa + size - 1 - s->gpa) / PAGE);
    memcpy(s->hva + (gpa - s->gpa), bytes, size);
    if (s->flags & KVM_MEM_LOG_DIRTY_PAGES) {
        s->dirty[page / 64] |= 1ull << page % 64;
    }
    return true;
}

bool fake_is_dirty(uint64_t gpa)
{
    const struct fake_slot *s = fake_slot_of(gpa, 1);
    const uint64_t page = s != NULL ? (gpa - s->gpa) / PAGE : 0;
    return s != NULL && (s->dirty[page / 64] >> page % 64 & 1) != 0;
}

static int slot_set(const struct kvm_userspace_memory_region *r)
{
    MUST(r->slot < FAKE_SLOTS);
    struct fake_slot *s = &fake_slots[r->slot];
    fake_calls_of++;
    if (fake_slot_error != 0) {
        errno = fake_slot_error;
        fake_slot_error = 0;
        return -1;
    }
    if (r->memory_size == 0) {
        MUST(s->size != 0);
        memset(s, 0, sizeof(*s));
        return 0;
    }
    MUST(s->size == 0); /* libvmm changes none in place */
    MUST((r->guest_phys_addr | r->memory_size | r->userspace_addr) % PAGE == 0);
    MUST(r->memory_size / PAGE <= FAKE_PAGES_MAX);
    MUST((r->flags & ~(uint32_t)(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)) == 0);
    for (unsigned i = 0; i < FAKE_SLOTS; i++) {
        const struct fake_slot *o = &fake_slots[i];
        MUST(o->size == 0 || o->gpa + o->size <= r->guest_phys_addr ||
             r->guest_phys_addr + r->memory_size <= o->gpa);
    }
    s->gpa = r->guest_phys_addr;
    s->size = r->memory_size;
    s->hva = (uint8_t *)(uintptr_t)r->userspace_addr;
    s->flags = r->flags;
    return 0;
}

static struct fake_slot *logged_slot(uint32_t slot)
{
    MUST(slot < FAKE_SLOTS && fake_slots[slot].size != 0);
    MUST((fake_slots[slot].flags & KVM_MEM_LOG_DIRTY_PAGES) != 0);
    return &fake_slots[slot];
}

static int log_get(const struct kvm_dirty_log *log)
{
    const struct fake_slot *s = logged_slot(log->slot);
    memcpy(log->dirty_bitmap, s->dirty, (s->size / PAGE + 63) / 64 * 8);
    return 0;
}

static int log_clear(const struct kvm_clear_dirty_log *clear)
{
    struct fake_slot *s = logged_slot(clear->slot);
    const uint64_t pages = s->size / PAGE;
    MUST(clear->first_page % 64 == 0 && clear->first_page + clear->num_pages <= pages);
    MUST(clear->num_pages % 64 == 0 || clear->first_page + clear->num_pages == pages);
    const uint64_t *bits = clear->dirty_bitmap;
    for (uint64_t w = 0; w < (clear->num_pages + 63) / 64; w++) {
        s->dirty[clear->first_page / 64 + w] &= ~bits[w];
    }
    return 0;
}

static int other(unsigned long request, void *arg)
{
    switch (request) {
    case KVM_RUN: /* immediate_exit is set */
        errno = EINTR;
        return -1;
    case KVM_GET_MSRS:
    case KVM_SET_MSRS:
        return (int)((const struct kvm_msrs *)arg)->nmsrs;
    default:
        if (_IOC_DIR(request) == _IOC_READ) {
            memset(arg, 0, _IOC_SIZE(request));
        }
        if (request == KVM_GET_SREGS) {
            ((struct kvm_sregs *)arg)->cr3 = fake_cr3;
        } else if (request == KVM_GET_XCRS) {
            ((struct kvm_xcrs *)arg)->nr_xcrs = 1; /* XCR0 */
        }
        return 0;
    }
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    va_start(ap, request);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    if (_IOC_TYPE(request) != KVMIO) {
        return __real_ioctl(fd, request, arg);
    }
    switch (request) {
    case KVM_SET_USER_MEMORY_REGION:
        return slot_set(arg);
    case KVM_GET_DIRTY_LOG:
        return log_get(arg);
    case KVM_CLEAR_DIRTY_LOG:
        return log_clear(arg);
    default:
        return other(request, arg);
    }
}
