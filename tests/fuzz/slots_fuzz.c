// SPDX-License-Identifier: Apache-2.0
/*
 * Faults on memory that has no slot yet (slots.c). Whatever kvm_run says, an access is done exactly
 * where a guest has memory, and as the guest would have done it. An instruction that KVM could not
 * emulate is tried again a bounded number of times. Memory and slots are compared with a model.
 *
 * Input: a byte of flags (1: rewindable), then rounds: the kind (1 byte, see round_play()) and its
 * bytes.
 */
#include "fake_kvm.h"
#include "fuzz.h"
#include "vmm/vmm_int.h"

#define LOW        0x10000u
#define RAM        0x20000u
#define INITRD     0x8000u
#define ROUNDS_MAX 64u
#define TRIES_MAX  2u /* of one instruction that KVM cannot emulate */

static uint8_t *ram;
static uint8_t *initrd;
static uint8_t *model; /* what RAM must be; the initrd never changes */
static uint64_t hot_map[(LOW / HV_PAGE_SIZE + 63) / 64];

static uint8_t initrd_byte(uint64_t at)
{
    return (uint8_t)(at * 7 + (at >> 8));
}

static void memory_make(void)
{
    ram = os_zeroes(RAM);
    model = os_zeroes(RAM);
    initrd = os_zeroes(INITRD);
    MUST(ram != NULL && model != NULL && initrd != NULL);
    for (uint64_t i = 0; i < INITRD; i++) {
        initrd[i] = initrd_byte(i);
    }
}

static void machine_make(struct vmm *vm, struct kvm_run *run, bool rewindable)
{
    memset(vm, 0, sizeof(*vm));
    memset(run, 0, sizeof(*run));
    memset(hot_map, 0, sizeof(hot_map));
    fake_kvm_reset();
    vm->policy = policy_of(POLICY_PVM);
    vm->run = run;
    vm->ram = ram;
    vm->ram_size = vm->ram_bound = RAM;
    vm->ram_low = LOW;
    vm->initrd = (struct mem_initrd){initrd, INITRD, INITRD - 100};
    vm->rewindable = rewindable;
    vm->hot.map = rewindable ? hot_map : NULL;
    struct vmm_err err = {0};
    MUST(mem_slots_set_lazy(vm, &err) == 0);
    MUST(fake_slot_of(0, LOW) != NULL && fake_slot_of(LOW, 1) == NULL);
    MUST(fake_slot_of(HV_INITRD_GPA, INITRD) != NULL);
}

/* Does an access lie as a whole in this piece of the address space? There are three. */
static bool in_piece(uint64_t gpa, uint64_t len, uint64_t start, uint64_t end)
{
    return gpa >= start && gpa < end && len <= end - gpa;
}

static void must_be_marked(const struct vmm *vm, uint64_t gpa, uint64_t len)
{
    MUST(vm->high_used || gpa + len <= LOW);
    for (uint64_t at = gpa; vm->rewindable && at < gpa + len && at < LOW; at++) {
        const uint64_t page = at / HV_PAGE_SIZE;
        MUST(hot_map[page / 64] >> page % 64 & 1);
    }
}

/* An access that KVM took for one to a device. */
static void play_mmio(struct vmm *vm, struct fuzz_input *in)
{
    struct kvm_run *run = vm->run;
    struct vmm_err err = {0};
    const uint8_t where = fuzz_byte(in);
    int32_t off;
    fuzz_take(in, &off, sizeof(off));
    const uint64_t bases[] = {0, LOW, RAM, HV_INITRD_GPA, HV_INITRD_GPA + INITRD, 1ull << 63};
    run->exit_reason = KVM_EXIT_MMIO;
    run->mmio.phys_addr = bases[where % 6] + (uint64_t)(off % (int32_t)(2 * RAM));
    run->mmio.len = fuzz_byte(in);
    run->mmio.is_write = fuzz_byte(in) & 1;
    fuzz_take(in, run->mmio.data, sizeof(run->mmio.data));
    fake_slot_error = (where & 0xc0) == 0xc0 ? ENOMEM : 0;

    const struct kvm_run before = *run;
    const uint64_t gpa = run->mmio.phys_addr;
    const uint32_t len = run->mmio.len;
    const uint64_t edge = vm->ram_bound < LOW ? vm->ram_bound : LOW;
    const bool low = in_piece(gpa, len, 0, edge);
    const bool high = in_piece(gpa, len, edge, vm->ram_bound);
    const bool file = in_piece(gpa, len, HV_INITRD_GPA, HV_INITRD_GPA + INITRD);
    const bool there = len <= 8 && (low || high || (file && !run->mmio.is_write));
    const bool fails = fake_slot_error != 0 && there && high && !(vm->slots & 1u << MEM_SLOT_HIGH);
    int rc = mem_slots_fault(vm, &err);
    fake_slot_error = 0;
    if (fails) {
        MUST(rc == -ENOMEM && err.code == ENOMEM && err.msg[0] != '\0');
        return;
    }
    MUST(rc == (there ? 1 : 0));
    if (!there) {
        MUST(memcmp(&before, run, sizeof(before)) == 0);
    } else if (run->mmio.is_write) {
        memcpy(model + gpa, before.mmio.data, len);
        must_be_marked(vm, gpa, len);
    } else {
        for (uint32_t i = 0; i < len; i++) {
            MUST(run->mmio.data[i] == (file ? initrd[gpa - HV_INITRD_GPA + i] : model[gpa + i]));
        }
    }
    MUST(!there || fake_slot_of(gpa, len > 0 ? len : 1) != NULL);
}

/* An instruction that KVM could not emulate. It is run again as long as slots.c says that it is
 * worth it. All that is within the limit has a slot then. */
static void play_emulation(struct vmm *vm, struct fuzz_input *in)
{
    struct vmm_err err = {0};
    unsigned tries = 0;
    vm->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
    memset(&vm->run->internal, 0, sizeof(vm->run->internal));
    vm->run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION + fuzz_byte(in) % 3;
    if (vm->run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION) {
        MUST(mem_slots_fault(vm, &err) == 0);
        return;
    }
    while (mem_slots_fault(vm, &err) != 0) {
        MUST(++tries <= TRIES_MAX);
    }
    const unsigned all = (1u << MEM_SLOTS) - 1;
    MUST(vm->slots == (vm->ram_bound > LOW ? all : all & ~(1u << MEM_SLOT_HIGH)));
    MUST(vm->high_used || vm->ram_bound <= LOW);
}

/* A write of the guest that the host does not see, because the memory has a slot. */
static void play_write(struct fuzz_input *in)
{
    uint32_t gpa;
    uint8_t byte;
    fuzz_take(in, &gpa, sizeof(gpa));
    fuzz_take(in, &byte, sizeof(byte));
    gpa %= RAM;
    if (fake_guest_write(gpa, &byte, 1)) {
        model[gpa] = byte;
    }
}

/* A run with another limit of its memory. */
static void play_bound(struct vmm *vm, struct fuzz_input *in)
{
    struct vmm_err err = {0};
    const uint64_t least = vm->rewindable ? LOW : HV_PAGE_SIZE;
    uint64_t bound = fuzz_byte(in) % (RAM / HV_PAGE_SIZE + 1) * HV_PAGE_SIZE;
    bound = bound > least ? bound : least;
    MUST(mem_slots_bound(vm, bound, &err) == 0);
    MUST(vm->ram_bound == bound);
    MUST(fake_slot_of(0, bound < LOW ? bound : LOW) != NULL);
    MUST(fake_slot_of(bound, 1) == NULL);
    MUST(mem_read_ptr(vm, bound - 1, 1) != NULL && mem_read_ptr(vm, bound, 1) == NULL);
}

static void round_play(struct vmm *vm, struct fuzz_input *in)
{
    struct vmm_err err = {0};
    switch (fuzz_byte(in) % 6) {
    case 0:
    case 1:
        play_mmio(vm, in);
        break;
    case 2:
        play_emulation(vm, in);
        break;
    case 3:
        play_write(in);
        break;
    case 5:
        play_bound(vm, in);
        break;
    default:
        MUST(mem_slots_renew(vm, &err) == 0);
        break;
    }
    for (unsigned slot = 0; slot < MEM_SLOTS; slot++) {
        MUST((fake_slots[slot].size != 0) == (vm->slots >> slot & 1));
    }
    MUST(vm->high_used || !(vm->slots & 1u << MEM_SLOT_HIGH));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct kvm_run run;
    struct vmm vm;
    if (ram == NULL) {
        memory_make();
    }
    machine_make(&vm, &run, fuzz_byte(&in) & 1);
    for (unsigned i = 0; i < ROUNDS_MAX && in.size > 0; i++) {
        round_play(&vm, &in);
    }
    MUST(memcmp(ram, model, RAM) == 0);
    for (uint64_t i = 0; i < INITRD; i += 61) {
        MUST(initrd[i] == initrd_byte(i));
    }
    if (size > 0) {
        memset(ram, 0, RAM);
        memset(model, 0, RAM);
    }
    return 0;
}
