// SPDX-License-Identifier: Apache-2.0
/*
 * What this host is, and whether it can run VMs. To know the latter, the probe makes a VM.
 */
#include "vmm_int.h"

int vmm_host_probe(struct vmm_host *host, struct vmm_err *err)
{
    *host = (struct vmm_host){0};
    int fd = kvm_open(err);
    if (fd < 0) {
        return fd;
    }
    host->kvm_api = KVM_API_VERSION;
    host->kvm_pvm = x86_is_pvm();
    host->emulated = policy_host_kind() == POLICY_EMULATED;
    host->filters = jail_has_filters();
    host->landlock = jail_landlock_version();
    x86_cpu_name(host->cpu, sizeof(host->cpu));
    kvm_capabilities(fd, host->capabilities, sizeof(host->capabilities));
    os_close(fd);
    struct vmm vm = {.vm_fd = -1, .vcpu_fd = -1};
    int rc = kvm_vm_create(&vm, false, err);
    host->tsc_khz = vm.tsc_khz;
    kvm_vm_destroy(&vm);
    return rc;
}
