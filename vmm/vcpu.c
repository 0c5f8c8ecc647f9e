// SPDX-License-Identifier: Apache-2.0
/*
 * The vCPU between runs: bringing it to rest, and what it means when KVM cannot enter it.
 */
#include "vmm_int.h"

#include <string.h>
#include <sys/ioctl.h>

#define SETTLE_TRIES 4096u

/* EAGAIN comes from a VM's first entry, at which KVM starts a thread for it. */
int vcpu_failed(struct vmm_err *err, int code)
{
    return vmm_err_set(err, code, "KVM_RUN: %s%s",
                       code == EFAULT ? "guest memory is gone (was a mapped file changed?)"
                                      : strerror(code),
                       code == EAGAIN ? " (KVM takes a thread for each VM: look at RLIMIT_NPROC, "
                                        "pids.max of the cgroup and kernel.threads-max)"
                                      : "");
}

int vcpu_settle(struct vmm *vm, struct vmm_err *err)
{
    vm->run->immediate_exit = 1;
    bool busy = vm->io_pending || vm->run->kvm_dirty_regs != 0;
    for (unsigned i = 0; busy && i < SETTLE_TRIES; i++) {
        if (ioctl(vm->vcpu_fd, KVM_RUN, 0) < 0) {
            if (errno != EINTR) {
                return vcpu_failed(err, errno);
            }
            busy = false;
        }
    }
    vm->run->immediate_exit = 0;
    vm->io_pending = busy;
    return busy ? vmm_err_set(err, EIO, "the vCPU cannot be brought to rest") : 0;
}
