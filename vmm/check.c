// SPDX-License-Identifier: Apache-2.0
/*
 * The debug check, vmm_check(): is a machine byte for byte what its snapshot says? A guest page
 * that the kernel still maps from the file is equal by itself. All other pages, in memory or
 * swapped out, are compared. The vCPU's state is compared with the state in the snapshot file.
 * check_vcpu.c compares all that KVM can tell of the vCPU with a machine that has never run.
 */
#include "snapshot_int.h"

#include <stdlib.h>
#include <string.h>

static int check_page(const struct vmm *vm, uint64_t gpa, struct vmm_err *err)
{
    static const uint8_t zero[HV_PAGE_SIZE];
    const uint8_t *have = vm->ram + gpa;
    uint8_t room[HV_PAGE_SIZE];
    const uint8_t *want = snap_page(vm->snap, gpa / HV_PAGE_SIZE, room);
    want = want != NULL ? want : zero;
    if (memcmp(have, want, HV_PAGE_SIZE) == 0) {
        return 0;
    }
    size_t i = 0;
    while (have[i] == want[i]) {
        i++;
    }
    return vmm_err_set(err, EUCLEAN, "memory at 0x%llx is 0x%02x, the snapshot has 0x%02x",
                       (unsigned long long)gpa + i, have[i], want[i]);
}

/* A page of a checkpoint is compared, copy or not: without one it may show the base. */
static void check_add(uint64_t *pages, const struct snap_delta *delta)
{
    for (size_t i = 0; i < delta->count; i++) {
        bitmap_set(pages, delta->pages[i].number);
    }
}

static int check_memory(const struct vmm *vm, struct vmm_err *err)
{
    const uint64_t pages = vm->ram_size / HV_PAGE_SIZE;
    uint64_t *private = calloc(bitmap_words(pages), sizeof(*private));
    if (private == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    int rc = pagemap_private(vm, vm->ram, pages, private, err);
    check_add(private, &vm->snap->delta);
    check_add(private, &vm->origin->delta);
    for (uint64_t page = 0; rc == 0 && page < pages; page++) {
        if (bitmap_test(private, page)) {
            rc = check_page(vm, page * HV_PAGE_SIZE, err);
        }
    }
    free(private);
    return rc;
}

#define CHECK_PART(member)                                                                         \
    {                                                                                              \
        offsetof(struct x86_state, member), sizeof(((struct x86_state *)0)->member), #member       \
    }

static const struct {
    size_t offset;
    size_t size;
    const char *name;
} check_machine_parts[] = {
    CHECK_PART(regs),   CHECK_PART(sregs), CHECK_PART(xcrs),  CHECK_PART(debugregs),
    CHECK_PART(events), CHECK_PART(msrs),  CHECK_PART(xsave),
};

/* XSTATE_BV only says which components the CPU knows to be in their initial state, and the CPU may
 * lose track of that. So XSTATE_BV is not compared. The components themselves are, because KVM
 * writes out all of them. */
static void check_state_normalise(struct x86_state *state)
{
    state->xsave[128] = 0;
    state->xsave[129] = 0;
}

static int check_state(struct vmm *vm, struct vmm_err *err)
{
    struct x86_state state;
    struct x86_state wanted = vm->snap->header.state;
    int rc = x86_state_get(vm, &state, err);
    if (rc < 0) {
        return rc;
    }
    check_state_normalise(&state);
    check_state_normalise(&wanted);
    if (vm->vectors_left) {
        memcpy(wanted.xsave, state.xsave, sizeof(state.xsave));
    }
    for (size_t i = 0; i < sizeof(check_machine_parts) / sizeof(check_machine_parts[0]); i++) {
        const uint8_t *have = (const uint8_t *)&state + check_machine_parts[i].offset;
        const uint8_t *want = (const uint8_t *)&wanted + check_machine_parts[i].offset;
        for (size_t j = 0; j < check_machine_parts[i].size; j++) {
            if (have[j] != want[j]) {
                return vmm_err_set(err, EUCLEAN,
                                   "byte %zu of %s is 0x%02x, the snapshot has 0x%02x", j,
                                   check_machine_parts[i].name, have[j], want[j]);
            }
        }
    }
    return 0;
}

int vmm_check(struct vmm *vm, struct vmm_err *err)
{
    if (vm->snap == NULL || (vm->state != VMM_STATE_READY && vm->state != VMM_STATE_LEFT)) {
        return vmm_err_set(err, EINVAL, "only a machine just restored or rewound can be checked");
    }
    int rc = check_memory(vm, err);
    rc = rc == 0 ? check_state(vm, err) : rc;
    return rc == 0 ? check_vcpu(vm, err) : rc;
}
