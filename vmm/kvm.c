// SPDX-License-Identifier: Apache-2.0
/*
 * The /dev/kvm file and the objects that it gives: the capabilities that we need, a VM, its vCPU,
 * memory slots. This file knows nothing of what runs in the VM.
 */
#include "vmm_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define SHADOW_SHARE 16u
#define SHADOW_LEAST 4096u /* pages: for a small VM */

/* The capabilities that we use. bits is what KVM's answer must contain; with 0 any positive answer
 * will do. */
static const struct {
    int cap;
    int bits;
    const char *name;
} kvm_needed[] = {
    {KVM_CAP_USER_MEMORY, 0, "user-memory"},
    {KVM_CAP_READONLY_MEM, 0, "readonly-mem"},
    {KVM_CAP_EXT_CPUID, 0, "cpuid"},
    {KVM_CAP_XSAVE, 0, "xsave"},
    {KVM_CAP_XCRS, 0, "xcrs"},
    {KVM_CAP_DEBUGREGS, 0, "debugregs"},
    {KVM_CAP_VCPU_EVENTS, 0, "vcpu-events"},
    {KVM_CAP_GET_TSC_KHZ, 0, "tsc-khz"},
    {KVM_CAP_IMMEDIATE_EXIT, 0, "immediate-exit"},
    {KVM_CAP_SYNC_REGS, KVM_SYNC_X86_VALID_FIELDS, "sync-regs"},
    {KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE, "dirty-log-protect"},
    {KVM_CAP_X86_MSR_FILTER, 0, "msr-filter"},
    {KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 0, "pv-enforce-cpuid"},
    {KVM_CAP_X86_TRIPLE_FAULT_EVENT, 0, "triple-fault-event"},
};
#define KVM_NEEDED (sizeof(kvm_needed) / sizeof(kvm_needed[0]))

static bool kvm_has(int fd, size_t i)
{
    int answer = ioctl(fd, KVM_CHECK_EXTENSION, kvm_needed[i].cap);
    return answer > 0 && (answer & kvm_needed[i].bits) == kvm_needed[i].bits;
}

/* Names of the capabilities that are there (or not there), space-separated. */
static size_t kvm_names(int fd, bool there, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < KVM_NEEDED; i++) {
        if (kvm_has(fd, i) == there && used < size) {
            int n = snprintf(out + used, size - used, "%s%s", used ? " " : "", kvm_needed[i].name);
            used += n > 0 ? (size_t)n : 0;
        }
    }
    return used;
}

static int kvm_open_failed(int code, struct vmm_err *err)
{
    switch (code) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
        return vmm_err_set(err, ENOENT,
                           "/dev/kvm is missing: this needs a Linux host with KVM (a kvm module "
                           "loaded, virtualisation enabled)");
    case EACCES:
    case EPERM:
        return vmm_err_set(
            err, EACCES,
            "no permission to open /dev/kvm: become a member of its group (often: kvm)");
    default:
        return vmm_err_set(err, code, "cannot open /dev/kvm: %s%s", strerror(code), os_limit(code));
    }
}

int kvm_open(struct vmm_err *err)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return kvm_open_failed(errno, err);
    }
    int api = ioctl(fd, KVM_GET_API_VERSION, 0);
    if (api != KVM_API_VERSION) {
        const int code = api < 0 ? errno : ENOTSUP;
        os_close(fd);
        return vmm_err_set(err, code, "/dev/kvm has API version %d, wanted %d", api,
                           KVM_API_VERSION);
    }
    char missing[256];
    if (kvm_names(fd, false, missing, sizeof(missing)) > 0) {
        os_close(fd);
        return vmm_err_set(err, ENOTSUP, "KVM lacks: %s", missing);
    }
    return fd;
}

void kvm_capabilities(int fd, char *out, size_t size)
{
    (void)kvm_names(fd, true, out, size);
}

static bool kvm_parameter(const char *path)
{
    char value = 'N';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const bool known = fd >= 0 && os_pread_full(fd, &value, 1, 0) == 0;
    os_close(fd);
    return known && (value == 'Y' || value == '1');
}

/* Whether KVM has nested paging where a walk of the guest's page tables counts as a write to them.
 * With EPT it counts only if the CPU keeps accessed and dirty bits in the EPT (SDM volume 3,
 * "Accessed and Dirty Flags for EPT"). With NPT it always does (APM volume 2, 15.25.6). */
bool kvm_nested_paging(void)
{
    return kvm_parameter("/sys/module/kvm_amd/parameters/npt") ||
           (kvm_parameter("/sys/module/kvm_intel/parameters/ept") &&
            kvm_parameter("/sys/module/kvm_intel/parameters/eptad"));
}

/* Denies all MSRs to the guest (#GP); only the host sets them. The guest's kernel uses none, but a
 * program can take ring 0. KVM keeps what is written to an MSR for the life of the vCPU, and acts
 * on it: some MSRs make KVM write into the guest's memory at every entry. A filter that denies by
 * default needs at least one range. This one has a single bit, which denies, too. */
static int kvm_msrs_deny(struct vmm *vm, struct vmm_err *err)
{
    uint8_t none = 0;
    struct kvm_msr_filter filter = {
        .flags = KVM_MSR_FILTER_DEFAULT_DENY,
        .ranges = {{.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                    .nmsrs = 1,
                    .bitmap = &none}},
    };
    if (ioctl(vm->vm_fd, KVM_X86_SET_MSR_FILTER, &filter) < 0) {
        return vmm_err_set(err, errno, "KVM_X86_SET_MSR_FILTER: %s", strerror(errno));
    }
    return 0;
}

/* A triple fault may be pending when a signal ends KVM_RUN. With this capability the fault is one
 * of the events that are read and set with the rest of the state. Without it the fault would
 * outlast a rewind and end the next run. */
static int kvm_triple_fault_show(struct vmm *vm, struct vmm_err *err)
{
    struct kvm_enable_cap cap = {.cap = KVM_CAP_X86_TRIPLE_FAULT_EVENT, .args = {1}};
    if (ioctl(vm->vm_fd, KVM_ENABLE_CAP, &cap) < 0) {
        return vmm_err_set(err, errno, "KVM_ENABLE_CAP triple fault event: %s", strerror(errno));
    }
    return 0;
}

/* With this capability KVM's own interfaces to a guest, hypercalls among them, work only where
 * CPUID offers them. Our CPUID offers none. */
static int kvm_pv_deny(struct vmm *vm, struct vmm_err *err)
{
    struct kvm_enable_cap cap = {.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = {1}};
    if (ioctl(vm->vcpu_fd, KVM_ENABLE_CAP, &cap) < 0) {
        return vmm_err_set(err, errno, "KVM_ENABLE_CAP pv enforce cpuid: %s", strerror(errno));
    }
    return 0;
}

static int kvm_vcpu_create(struct vmm *vm, int kvm_fd, struct vmm_err *err)
{
    vm->vcpu_fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, 0);
    if (vm->vcpu_fd < 0) {
        return vmm_err_set(err, errno, "KVM_CREATE_VCPU: %s%s", strerror(errno), os_limit(errno));
    }
    int size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size < (int)sizeof(struct kvm_run)) {
        return vmm_err_set(err, size < 0 ? errno : ENOTSUP, "KVM_GET_VCPU_MMAP_SIZE gives %d",
                           size);
    }
    void *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu_fd, 0);
    if (run == MAP_FAILED) {
        return vmm_err_set(err, errno, "cannot map the vCPU: %s%s", strerror(errno),
                           os_limit(errno));
    }
    vm->run = run;
    vm->run_size = (size_t)size;
    int khz = ioctl(vm->vcpu_fd, KVM_GET_TSC_KHZ, 0);
    if (khz <= 0) {
        return vmm_err_set(err, khz < 0 ? errno : ENOTSUP,
                           "KVM does not know the frequency of the TSC");
    }
    vm->tsc_khz = (uint32_t)khz;
    return kvm_pv_deny(vm, err);
}

static int kvm_vm_create_on(struct vmm *vm, int kvm_fd, struct vmm_err *err)
{
    do {
        vm->vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
    } while (vm->vm_fd < 0 && errno == EINTR);
    if (vm->vm_fd < 0) {
        return vmm_err_set(err, errno, "KVM_CREATE_VM: %s%s", strerror(errno), os_limit(errno));
    }
    return 0;
}

/* Gives the VM KVM's local APIC. Nothing interrupts the guest, and an sregs.apic_base of 0 switches
 * the APIC off. But a vCPU without one is so rare that KVM patches its own code when the first such
 * vCPU comes and when the last goes. All CPUs wait for that. */
static int kvm_apic_add(struct vmm *vm, struct vmm_err *err)
{
    struct kvm_enable_cap cap = {.cap = KVM_CAP_SPLIT_IRQCHIP};
    if (ioctl(vm->vm_fd, KVM_ENABLE_CAP, &cap) < 0 && errno != EINVAL) {
        return vmm_err_set(err, errno, "KVM_ENABLE_CAP split irqchip: %s", strerror(errno));
    }
    return 0;
}

int kvm_vm_create(struct vmm *vm, bool apic, struct vmm_err *err)
{
    uint64_t at = os_clock_ns(CLOCK_MONOTONIC);
    int kvm_fd = kvm_open(err);
    if (kvm_fd < 0) {
        return kvm_fd;
    }
    int rc = kvm_vm_create_on(vm, kvm_fd, err);
    if (rc == 0) {
        rc = kvm_msrs_deny(vm, err);
    }
    if (rc == 0) {
        rc = kvm_triple_fault_show(vm, err);
    }
    if (rc == 0 && apic) {
        rc = kvm_apic_add(vm, err);
    }
    vm->counters.phase_ns[VMM_PHASE_VM] = os_lap_ns(&at);
    if (rc == 0) {
        rc = kvm_vcpu_create(vm, kvm_fd, err);
        vm->counters.phase_ns[VMM_PHASE_VCPU] = os_lap_ns(&at);
    }
    os_close(kvm_fd); /* one descriptor less for each VM */
    return rc;
}

/* With shadow paging KVM has page tables of its own for each tree of the guest's, which are kept
 * when the guest loads another tree. It may have a page of them for 50 pages of memory. That is a
 * dozen interpreters; with more, each switch between processes builds what the last one dropped.
 * The guest makes KVM use that memory, so there is still a limit: a sixteenth of the guest's. */
int kvm_shadow_allow(struct vmm *vm, uint64_t ram_size, struct vmm_err *err)
{
    const uint64_t pages = ram_size / HV_PAGE_SIZE / SHADOW_SHARE;
    const uint64_t most = pages > SHADOW_LEAST ? pages : SHADOW_LEAST;
    if (ioctl(vm->vm_fd, KVM_SET_NR_MMU_PAGES, most) < 0) {
        return vmm_err_set(err, errno, "KVM_SET_NR_MMU_PAGES: %s", strerror(errno));
    }
    return 0;
}

void kvm_vm_destroy(struct vmm *vm)
{
    os_unmap(vm->run, vm->run_size);
    vm->run = NULL;
    os_close(vm->vcpu_fd);
    os_close(vm->vm_fd);
    vm->vcpu_fd = vm->vm_fd = -1;
}

int kvm_slot_set(struct vmm *vm, uint32_t slot, uint32_t flags, hv_gpa_t gpa, void *hva,
                 uint64_t size, struct vmm_err *err)
{
    struct kvm_userspace_memory_region region = {.slot = slot,
                                                 .flags = flags,
                                                 .guest_phys_addr = gpa,
                                                 .memory_size = size,
                                                 .userspace_addr = (uint64_t)(uintptr_t)hva};
    if (ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        return vmm_err_set(err, errno, "KVM_SET_USER_MEMORY_REGION: %s", strerror(errno));
    }
    return 0;
}

const char *kvm_exit_name(uint32_t reason)
{
    static const char *const names[] = {
        [KVM_EXIT_UNKNOWN] = "an unknown exit",
        [KVM_EXIT_EXCEPTION] = "an exception exit",
        [KVM_EXIT_IO] = "port I/O",
        [KVM_EXIT_HYPERCALL] = "a hypercall",
        [KVM_EXIT_DEBUG] = "a debug exit",
        [KVM_EXIT_HLT] = "hlt",
        [KVM_EXIT_MMIO] = "an access outside of memory",
        [KVM_EXIT_SHUTDOWN] = "a triple fault",
        [KVM_EXIT_FAIL_ENTRY] = "a failed entry",
        [KVM_EXIT_INTERNAL_ERROR] = "a KVM internal error",
        [KVM_EXIT_SYSTEM_EVENT] = "a system event",
    };
    if (reason < sizeof(names) / sizeof(names[0]) && names[reason] != NULL) {
        return names[reason];
    }
    return "an unexpected exit";
}
