// SPDX-License-Identifier: Apache-2.0
/*
 * What a rewind puts back, compared with a model of plain sets. Guest and host write anything, then
 * vmm_rewind() itself is called. Before it, every page below ram_low that differs from the image
 * must be in the hot set or in KVM's log. After it, all memory must be as in the image, and the set
 * has the pages that hot.c's head says. hot.c alone chooses the pages that it puts on trial: from
 * the first trial on, any page may have left the set that a look has found unchanged.
 *
 * Input: a byte of flags (1: hardware KVM's policy, 2: with nested paging), then steps: the kind (1
 * byte, see step_play()) and its bytes. fake_kvm.h stands in for KVM, and hot.c is compiled with
 * small bounds (rules.mk).
 */
#include "hot_model.h"

#define ROOT      0x80000ull /* four page tables */
#define STEPS_MAX 200u
#define WORK_MAX  2500u /* members over all rewinds: limits what an input costs */

static struct kvm_run run;

static void entry_put(uint8_t *image, uint64_t table, unsigned i, uint64_t value)
{
    memcpy(image + table + i * 8, &value, sizeof(value));
}

static void image_fill(uint8_t *image)
{
    for (uint64_t at = 0; at < DATA_END; at += HV_PAGE_SIZE) {
        memset(image + at, (int)(at / HV_PAGE_SIZE % 3),
               HV_PAGE_SIZE); /* every third page is zero */
    }
    memset(image + ROOT, 0, 4 * HV_PAGE_SIZE);
    for (unsigned level = 0; level < 3; level++) {
        const uint64_t at = ROOT + level * HV_PAGE_SIZE;
        entry_put(image, at, 0, (at + HV_PAGE_SIZE) | 7);
    }
}

static void snapshot_make(void)
{
    struct vmm_err err = {0};
    struct snap_header *h = calloc(1, sizeof(*h));
    uint8_t *image = malloc(DATA_END);
    char initrd[64];
    MUST(h != NULL && image != NULL);
    memcpy(h->magic, SNAP_MAGIC, sizeof(h->magic));
    h->version = SNAP_VERSION;
    h->abi_version = HV_ABI_VERSION;
    h->memory = MEMORY;
    h->data_end = DATA_END;
    h->initrd_size = 6;
    x86_state_boot(&h->state, &(struct policy){.tss_available = false}, 0, ROOT, 1);
    h->header_hash = snap_header_hash(h);
    image_fill(image);
    int fd = fuzz_file(h, sizeof(*h));
    MUST(ftruncate(fd, (off_t)snap_file_size(h)) == 0);
    MUST(pwrite(fd, image, DATA_END, SNAP_IMAGE_OFFSET) == (ssize_t)DATA_END);
    fuzz_path(fuzz_file("initrd", 6), initrd);
    MUST(vmm_snapshot_open_fd(fd, initrd, NULL, &snap, &err) == 0);
    (void)close(fd);
    free(image);
    free(h);
}

static void machine_make(struct vmm *vm, enum policy_kind kind)
{
    struct vmm_err err = {0};
    memset(vm, 0, sizeof(*vm));
    memset(&run, 0, sizeof(run));
    fake_kvm_reset();
    vm->policy = policy_of(kind);
    vm->vm_fd = vm->vcpu_fd = vm->notes.watch = vm->pagemap_fd = -1;
    vm->run = &run;
    vm->snap = vm->origin = snap;
    vm->rewindable = true;
    vm->state = VMM_STATE_SPENT;
    MUST(mem_ram_map_file(vm, MEMORY, snap->fd, SNAP_IMAGE_OFFSET, IMAGE, &err) == 0);
    MUST(madvise(vm->ram, MEMORY, MADV_NOHUGEPAGE) ==
         0); /* a huge page would cost as much as an input */
    vm->ram_image = IMAGE;
    vm->ram_low = LOW;
    high_prepare(vm);
    MUST(hot_create(vm, &err) == 0 && shadow_watch(vm, &err) == 0);
    MUST(mem_slots_set_lazy(vm, &err) == 0);
    memset(&model, 0, sizeof(model));
    model.nested = vm->policy->nested_paging;
    model.watched[HV_TABLES_GPA / HV_PAGE_SIZE] = true;
    model.watched[HV_VECTORS_GPA / HV_PAGE_SIZE] = true;
    for (unsigned i = 0; i < 4; i++) {
        model.watched[ROOT / HV_PAGE_SIZE + i] = true;
    }
}

static void machine_free(struct vmm *vm)
{
    hot_destroy(vm);
    os_unmap(vm->watch, MEMORY / HV_PAGE_SIZE / 8);
    os_unmap(vm->ram, MEMORY);
}

/* A write of the guest. Without a slot it comes to the host as a write to a device. */
static void guest_write(struct vmm *vm, uint32_t page, uint16_t offset, uint8_t byte)
{
    struct vmm_err err = {0};
    const uint64_t gpa = (uint64_t)page * HV_PAGE_SIZE + offset % HV_PAGE_SIZE;
    touch(page);
    if (fake_guest_write(gpa, &byte, 1)) {
        return;
    }
    run.exit_reason = KVM_EXIT_MMIO;
    run.mmio.phys_addr = gpa;
    run.mmio.len = 1;
    run.mmio.is_write = 1;
    run.mmio.data[0] = byte;
    MUST(mem_slots_fault(vm, &err) == 1);
    model.pending[page] = page < LOW_PAGES;
}

static void host_write(struct vmm *vm, uint32_t page, uint16_t offset, uint8_t byte, uint16_t size)
{
    const uint64_t gpa = (uint64_t)page * HV_PAGE_SIZE + offset % HV_PAGE_SIZE;
    const uint64_t n = size < MEMORY - gpa ? size : MEMORY - gpa;
    void *to = mem_write_ptr(vm, gpa, n);
    MUST(to != NULL);
    memset(to, byte, n);
    for (uint64_t at = gpa; at < gpa + n; at++) {
        model.pending[at / HV_PAGE_SIZE] = at < LOW;
        touch((uint32_t)(at / HV_PAGE_SIZE));
    }
}

/* Checks the list of the hot set: it ascends, agrees with the map, and has only pages that were
 * touched. */
static void check_list(const struct vmm *vm, bool in_list[PAGES])
{
    const struct hot_set *hot = &vm->hot;
    uint32_t next = 0;
    memset(in_list, 0, PAGES * sizeof(in_list[0]));
    for (size_t i = 0; i < hot->count; i++) {
        const uint32_t page = hot->list[i].number;
        MUST(page >= next && page < LOW_PAGES && model.touched[page]);
        MUST(hot->map[page / 64] >> page % 64 & 1);
        in_list[page] = true;
        next = page + 1;
    }
    MUST(hot_count(vm) == hot->count);
}

/* The set must be the model's, or after a trial one that the model allows; and all memory must
 * be the image's. */
static void check_rewound(const struct vmm *vm, const bool before[PAGES])
{
    static bool in_list[PAGES];
    check_list(vm, in_list);
    model.members = 0;
    for (uint32_t i = 0; i < model.count; i++) {
        const uint32_t page = model.list[i];
        const bool there = in_list[page];
        MUST(model.trials || there == model.member[page]);
        MUST(there ? before[page]
                   : !before[page] || !model.member[page] || (model.looked && model.same[page]));
        MUST(!differs(vm, page));
        MUST(there || !fake_is_dirty((uint64_t)page * HV_PAGE_SIZE));
        MUST(!vm->policy->nested_paging || !fake_is_dirty(ROOT));
        model.member[page] = there;
        model.members += there;
    }
}

/* Is there memory from ram_low on? */
static bool high_there(const struct vmm *vm)
{
    static unsigned char present[MEMORY / HV_PAGE_SIZE];
    MUST(mincore(vm->ram + vm->ram_low, MEMORY - vm->ram_low, present) == 0);
    return memchr(present, 1, (MEMORY - vm->ram_low) / HV_PAGE_SIZE) != NULL;
}

static void rewind_play(struct vmm *vm)
{
    struct vmm_err err = {0};
    const unsigned resets = (unsigned)vm->counters.shadow_resets;
    if (vm->policy->nested_paging) { /* the CPU walks the tables, which counts as a write */
        guest_write(vm, ROOT / HV_PAGE_SIZE, 8, 0);
    }
    model_collect();
    check_invariant(vm);
    const bool stale = model_join();
    static bool before[PAGES];
    memcpy(before, model.member, sizeof(before));
    model.looked = false;
    const bool much = high_there(vm);
    if (model.much && !much) {
        model_after_much(vm, DATA_END / HV_PAGE_SIZE);
    } else if (model.copied >= LOOK_AFTER || model.members > LARGE) {
        model_look(vm);
    } else {
        model.copied += model.members;
    }
    model.much = much;
    if (stale) {
        model_drop_watched();
    }
    vm->at_doorbell = true;
    MUST(vmm_rewind(vm, &err) == 0 && vm->state == VMM_STATE_READY);
    MUST(vm->counters.shadow_resets == resets + (stale ? 1u : 0u));
    check_rewound(vm, before);
    model.work += vm->counters.rewound_pages + model.members;
}

/* Does vmm_dirty_pages() have to report this page? */
static bool is_told(const struct vmm *vm, uint64_t page)
{
    return page < LOW_PAGES ? model.pending[page] || model.member[page]
                            : differs(vm, (uint32_t)page);
}

static void pages_play(struct vmm *vm)
{
    static uint64_t gpas[PAGES];
    struct vmm_err err = {0};
    size_t count;
    size_t n = 0;
    MUST(vmm_dirty_pages(vm, gpas, PAGES, &count, &err) == 0 && count <= PAGES);
    model_collect();
    for (uint32_t i = 0; i < model.count; i++) {
        n += is_told(vm, model.list[i]);
    }
    MUST(n == count);
    for (size_t i = 0; i < count; i++) {
        MUST(gpas[i] % HV_PAGE_SIZE == 0 && (i == 0 || gpas[i] > gpas[i - 1]) && gpas[i] < MEMORY);
        MUST(is_told(vm, gpas[i] / HV_PAGE_SIZE));
    }
}

/* The host discards pages, which then are zero. */
static void discard_play(struct vmm *vm, struct fuzz_input *in)
{
    static const uint8_t zeros[HV_PAGE_SIZE];
    struct vmm_err err = {0};
    uint16_t first;
    fuzz_take(in, &first, sizeof(first));
    first %= first & 0x8000 ? PAGES : LOW_PAGES;
    const uint32_t most = PAGES - first;
    const uint32_t count = 1u + fuzz_byte(in) % LARGE;
    const uint32_t end = first + (count < most ? count : most);
    MUST(mem_discard(vm, (uint64_t)first * HV_PAGE_SIZE, (uint64_t)(end - first) * HV_PAGE_SIZE,
                     &err) == 0);
    for (uint32_t page = first; page < end; page++) {
        MUST(memcmp(vm->ram + (uint64_t)page * HV_PAGE_SIZE, zeros, HV_PAGE_SIZE) == 0);
        if (page < IMAGE / HV_PAGE_SIZE) {
            touch(page);
            model.pending[page] = true;
        }
    }
    if (first < LOW_PAGES && end > IMAGE / HV_PAGE_SIZE) {
        model_collect();
    }
}

/* A write. Where it writes what the image has already, the page does not change. */
static void write_play(struct vmm *vm, uint8_t what, struct fuzz_input *in)
{
    uint16_t page;
    uint16_t offset;
    const uint8_t byte = fuzz_byte(in);
    fuzz_take(in, &page, sizeof(page));
    fuzz_take(in, &offset, sizeof(offset));
    page %= page & 0x8000 ? PAGES : LOW_PAGES;
    uint32_t count = 1;
    if (what == 2 || what == 5) {
        count = fuzz_byte(in) % LARGE;
    } else if (what == 3) {
        count = LARGE + fuzz_byte(in) % LARGE;
    }
    if (what == 4 || what == 5) {
        host_write(vm, page, offset, byte, (uint16_t)(count * 100));
        return;
    }
    for (; count > 0 && page < PAGES; count--, page++) {
        const uint64_t at = (uint64_t)page * HV_PAGE_SIZE + offset % HV_PAGE_SIZE;
        guest_write(vm, page, offset, what == 1 ? snap->pristine[at] : byte);
    }
}

static void step_play(struct vmm *vm, struct fuzz_input *in)
{
    const uint8_t what = fuzz_byte(in) % 11;
    switch (what) {
    default:
        write_play(vm, what, in);
        break;
    case 6: /* so many pages were copied that the next rewind looks */
        vm->hot.copied = model.copied = LOOK_AFTER;
        break;
    case 7:
        pages_play(vm);
        break;
    case 8:
        discard_play(vm, in);
        break;
    case 9:
    case 10:
        rewind_play(vm);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct vmm vm;
    if (snap == NULL) {
        snapshot_make();
    }
    static const enum policy_kind kinds[] = {POLICY_PVM, POLICY_SHADOWED, POLICY_PVM,
                                             POLICY_HARDWARE};
    machine_make(&vm, kinds[fuzz_byte(&in) & 3]);
    for (unsigned i = 0; i < STEPS_MAX && in.size > 0 && model.work < WORK_MAX; i++) {
        step_play(&vm, &in);
    }
    rewind_play(&vm);
    machine_free(&vm);
    return 0;
}
