// SPDX-License-Identifier: Apache-2.0
/*
 * Shows that the chaos test can fail: a chosen part of what a rewind needs is left out. The linker
 * puts these functions before the library's and the C library's own (--wrap). When nothing is
 * chosen they only pass on. They also notice the first doorbell of an honest run, and set its
 * clocks to the same time in every run.
 */
#include "chaos.h"

#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#define SECOND_NS 1000000000ull

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
size_t __real_hot_copy(struct vmm *vm);
size_t __wrap_hot_copy(struct vmm *vm);
int __real_mem_slots_renew(struct vmm *vm, struct vmm_err *err);
int __wrap_mem_slots_renew(struct vmm *vm, struct vmm_err *err);
int __real_calls_answer(struct vmm *vm);
int __wrap_calls_answer(struct vmm *vm);
int __real_clock_resume(struct vmm *vm, struct hv_resume *resume, struct vmm_err *err);
int __wrap_clock_resume(struct vmm *vm, struct hv_resume *resume, struct vmm_err *err);

enum fault_id {
    FAULT_NONE,
    FAULT_FILTER,
    FAULT_CR8,
    FAULT_PAGE,
    FAULT_DEBUG,
    FAULT_XCRS,
    FAULT_XSAVE,
    FAULT_EVENTS,
    FAULT_SHADOW,
};

const struct fault faults[] = {
    [FAULT_NONE] = {"none", "nothing is left out", "", false},
    [FAULT_FILTER] = {"filter", "the guest may write MSRs", "MSR 0x", false},
    [FAULT_CR8] = {"cr8", "CR8 is not put back", "of sregs", false},
    [FAULT_PAGE] = {"page", "one page is not copied back", "memory at", false},
    [FAULT_DEBUG] = {"debugregs", "debug registers are not put back", "of debugregs", false},
    [FAULT_XCRS] = {"xcrs", "XCR0 is not put back", "of xcrs", false},
    [FAULT_XSAVE] = {"xsave", "vector state is not put back", "of xsave|memory at 0x3800", false},
    [FAULT_EVENTS] = {"events", "pending events are not put back", "of events", false},
    [FAULT_SHADOW] = {"shadow", "KVM keeps its picture of page tables", "at the first doorbell",
                      true},
    {NULL, NULL, NULL, false},
};

static enum fault_id fault;
static struct vmm *fault_machine;
static uint64_t fault_cr8;
void (*fault_bell_hook)(struct vmm *vm, void *arg);
void *fault_bell_arg;

int fault_choose(const char *name)
{
    for (size_t i = 0; faults[i].name != NULL; i++) {
        if (strcmp(faults[i].name, name) == 0) {
            fault = (enum fault_id)i;
            return 0;
        }
    }
    return -1;
}

void fault_vm(struct vmm *vm)
{
    fault_machine = vm;
    fault_cr8 = 0;
}

/* Whether this request is left out. Most are left out only once the machine has been restored. */
static bool left_out(unsigned long request, const void *arg)
{
    const struct kvm_enable_cap *cap = arg;
    switch (fault) {
    case FAULT_FILTER:
        return request == KVM_X86_SET_MSR_FILTER ||
               (request == KVM_ENABLE_CAP && cap->cap == KVM_CAP_ENFORCE_PV_FEATURE_CPUID);
    case FAULT_DEBUG:
        return fault_machine != NULL && request == KVM_SET_DEBUGREGS;
    case FAULT_XCRS:
        return fault_machine != NULL && request == KVM_SET_XCRS;
    case FAULT_XSAVE:
        return fault_machine != NULL && request == KVM_SET_XSAVE;
    default:
        return false;
    }
}

/* Enters KVM_RUN with a fault in the run page: with CR8 as the guest left it, or without the
 * pending events. */
static int run_with_fault(int fd, void *arg)
{
    struct kvm_run *run = fault_machine->run;
    if (fault == FAULT_CR8) {
        run->cr8 = fault_cr8;
        run->s.regs.sregs.cr8 = fault_cr8;
    } else {
        run->kvm_dirty_regs &= ~(uint64_t)KVM_SYNC_X86_EVENTS;
    }
    const int rc = __real_ioctl(fd, KVM_RUN, arg);
    fault_cr8 = run->cr8;
    return rc;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    va_start(ap, request);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    if (left_out(request, arg)) {
        return 0;
    }
    if (request == KVM_RUN && fault_machine != NULL && fd == fault_machine->vcpu_fd &&
        (fault == FAULT_CR8 || fault == FAULT_EVENTS)) {
        return run_with_fault(fd, arg);
    }
    return __real_ioctl(fd, request, arg);
}

/* Leaves out another page of the list at each rewind. */
size_t __wrap_hot_copy(struct vmm *vm)
{
    static size_t turn;
    uint8_t page[HV_PAGE_SIZE];
    if (fault != FAULT_PAGE || vm->hot.count == 0) {
        return __real_hot_copy(vm);
    }
    uint8_t *at = vm->ram + (uint64_t)vm->hot.list[turn++ % vm->hot.count].number * HV_PAGE_SIZE;
    memcpy(page, at, sizeof(page));
    const size_t leaving = __real_hot_copy(vm);
    memcpy(at, page, sizeof(page));
    return leaving;
}

int __wrap_mem_slots_renew(struct vmm *vm, struct vmm_err *err)
{
    return fault == FAULT_SHADOW ? 0 : __real_mem_slots_renew(vm, err);
}

int __wrap_calls_answer(struct vmm *vm)
{
    if (fault_bell_hook != NULL) {
        fault_bell_hook(vm, fault_bell_arg);
    }
    return __real_calls_answer(vm);
}

/* Each run begins at the same instant, a whole second. So few words of memory depend on how long a
 * run takes. Only the TSC goes on. */
int __wrap_clock_resume(struct vmm *vm, struct hv_resume *resume, struct vmm_err *err)
{
    const int rc = __real_clock_resume(vm, resume, err);
    if (rc == 0 && vm->snap != NULL) {
        resume->generation = 1;
        resume->wall_ns = 1000000000 * SECOND_NS;
        resume->mono_ns = (vm->snap->header.mono_ns / SECOND_NS + 2) * SECOND_NS;
    }
    return rc;
}
