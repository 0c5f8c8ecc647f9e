// SPDX-License-Identifier: Apache-2.0
/*
 * The limit of a run's memory. The guest kernel gives out no memory after it. A guest that takes
 * some all the same finds that KVM has no slot there, and that no call of the host accepts such an
 * address.
 */
#include "snapshot_int.h"

int limit_memory(struct vmm *vm, uint64_t memory, struct vmm_err *err)
{
    const uint64_t least = vm->snap != NULL ? snap_memory_least(vm->snap) : vm->ram_size;
    const uint64_t want =
        memory < NEVER - PAGE_2M ? (memory + PAGE_2M - 1) & ~(PAGE_2M - 1) : NEVER;
    if (memory != 0 && (want < least || want > vm->ram_size)) {
        return vmm_err_set(err, EINVAL,
                           "a run of this machine can be limited to %llu to %llu MiB of memory, "
                           "not to %llu",
                           (unsigned long long)(least >> 20),
                           (unsigned long long)(vm->ram_size >> 20),
                           (unsigned long long)(memory >> 20));
    }
    vm->memory = memory != 0 ? want : 0;
    const uint64_t reach = memory != 0 ? want : vm->ram_size;
    vm->memory_most = reach > vm->memory_most ? reach : vm->memory_most;
    int rc = mem_slots_bound(vm, vm->memory_most, err);
    if (rc < 0) {
        vm->state = VMM_STATE_BAD;
    }
    return rc;
}
