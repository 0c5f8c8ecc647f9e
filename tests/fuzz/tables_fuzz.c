// SPDX-License-Identifier: Apache-2.0
/*
 * Walks of page tables that a guest has made: which pages a rewind watches (shadow.c), and what a
 * snapshot takes for program text (snapshot.c). They are compared with a walk as the SDM has it.
 * Then the snapshot is opened and verified: it must be what memory was.
 *
 * Input: CR3 (4 bytes; the highest bit: verify), then entries: table (1 byte), index (2 bytes),
 * page (2 bytes), bits (1 byte: 1 present, 2 writable, 4 user, 8 the page is among the tables, 32
 * and 64 far outside of RAM, 128 large).
 */
#include "fake_kvm.h"
#include "fuzz.h"
#include "vmm/snapshot_int.h"

#define MEMORY      VMM_MEMORY_MIN
#define PAGES       ((uint32_t)(MEMORY / HV_PAGE_SIZE))
#define REGIONS     ((uint32_t)(MEMORY / PAGE_2M))
#define ENTRIES_MAX 60u /* each may cost 512 steps of a walk in each of two levels */
#define TABLES      64u /* pages that have entries */
#define P           1ull
#define W           2ull
#define PS          0x80ull
#define ADDRESS     0x000ffffffffff000ull
#define LEVELS      5u

static struct kvm_run run;
static uint8_t *ram;
static int initrd = -1;
static int file = -1;

/* By level (4: the root) and page: is this page a table of that level? */
static bool table_of[LEVELS][PAGES];
static bool text[REGIONS];

static void entry_put(uint64_t page, unsigned index, uint64_t value)
{
    memcpy(ram + page * HV_PAGE_SIZE + index * 8ull, &value, sizeof(value));
}

static void tables_make(struct fuzz_input *in)
{
    for (unsigned i = 0; i < ENTRIES_MAX && in->size > 0; i++) {
        uint16_t index;
        uint16_t value;
        const uint64_t table = fuzz_byte(in) % TABLES;
        fuzz_take(in, &index, sizeof(index));
        fuzz_take(in, &value, sizeof(value));
        const uint8_t bits = fuzz_byte(in);
        uint64_t page = value % (bits & 8 ? TABLES : PAGES + 2);
        page += bits & 0x20 ? PAGES * 3ull : 0;
        page += bits & 0x40 ? 1ull << 39 : 0;
        entry_put(table, index % 512, page * HV_PAGE_SIZE | (bits & (P | W | PS | 4)));
    }
}

/* SDM vol. 3, 4.5: with PS an entry of level 3 or 2 maps a page; in level 4 the bit is reserved. */
static void walk(uint64_t gpa, unsigned level)
{
    const uint64_t page = (gpa & ADDRESS) / HV_PAGE_SIZE;
    if (page >= PAGES || table_of[level][page]) {
        return;
    }
    table_of[level][page] = true;
    for (unsigned i = 0; level > 1 && i < 512; i++) {
        uint64_t entry;
        memcpy(&entry, ram + page * HV_PAGE_SIZE + i * 8ull, sizeof(entry));
        if ((entry & P) == 0) {
            continue;
        }
        if ((entry & PS) == 0) {
            walk(entry, level - 1);
        } else if (level == 2 && (entry & W) == 0 && (entry & ADDRESS) < MEMORY) {
            text[(entry & ADDRESS) / PAGE_2M] = true;
        }
    }
}

static void machine_make(struct vmm *vm, uint64_t cr3)
{
    memset(vm, 0, sizeof(*vm));
    memset(&run, 0, sizeof(run));
    fake_kvm_reset();
    fake_cr3 = cr3;
    vm->policy = policy_of(POLICY_PVM);
    vm->vm_fd = vm->vcpu_fd = vm->notes.watch = vm->pagemap_fd = -1;
    vm->run = &run;
    vm->ram = ram;
    vm->ram_size = vm->ram_low = vm->ram_bound = MEMORY;
    vm->initrd.size = 6;
    vm->state = VMM_STATE_READY;
    vm->run_call.arg[1] = sizeof(struct hv_run);
}

static bool is_watched(const struct vmm *vm, uint32_t page)
{
    return (vm->watch[page / 64] >> page % 64 & 1) != 0;
}

/* All pages that are tables by the SDM must be watched. */
static void check_watch(struct vmm *vm)
{
    struct vmm_err err = {0};
    struct vmm_snapshot snap = {.pristine = ram};
    snap.header.state.sregs.cr3 = fake_cr3;
    snap.header.data_end = MEMORY;
    vm->snap = &snap;
    MUST(shadow_watch(vm, &err) == 0);
    MUST(is_watched(vm, HV_TABLES_GPA / HV_PAGE_SIZE));
    MUST(is_watched(vm, HV_VECTORS_GPA / HV_PAGE_SIZE));
    for (unsigned level = 1; level < LEVELS; level++) {
        for (uint32_t page = 0; page < PAGES; page++) {
            MUST(!table_of[level][page] || is_watched(vm, page));
        }
    }
    os_unmap(vm->watch, PAGES / 8);
    vm->watch = NULL;
    vm->snap = NULL;
}

/* The snapshot's text must be one range that is all text. It must not be empty when there is
 * text. */
static void check_text(const struct snap_header *h)
{
    uint32_t first = REGIONS;
    uint32_t pieces = 0;
    for (uint32_t i = 0; i < REGIONS; i++) {
        const bool inside = i * PAGE_2M >= h->text_start && i * PAGE_2M < h->text_end;
        MUST(text[i] || !inside);
        first = text[i] && first == REGIONS ? i : first;
        pieces += text[i] && (i == 0 || !text[i - 1]);
    }
    MUST(pieces > 0 || h->text_end == h->text_start);
    MUST(pieces == 0 || h->text_end > h->text_start);
}

static void check_snapshot(struct vmm *vm, bool verify)
{
    static const struct vmm_key key;
    struct vmm_snapshot *snap;
    struct vmm_err err = {0};
    char path[64];
    MUST(ftruncate(file, 0) == 0);
    MUST(vmm_snapshot_write(vm, file, &key, &err) == 0);
    fuzz_path(initrd, path);
    MUST(vmm_snapshot_open_fd(file, path, &key, &snap, &err) == 0);
    MUST(!verify || vmm_snapshot_verify(snap, &err) == 0);
    MUST(memcmp(snap->pristine, ram, TABLES * HV_PAGE_SIZE) == 0);
    for (uint64_t at = 0; at < MEMORY; at += PAGE_2M / 4) {
        MUST(memcmp(snap->pristine + at, ram + at, HV_PAGE_SIZE) == 0);
    }
    check_text(&snap->header);
    for (uint64_t at = snap->header.text_start; at < snap->header.text_end; at += PAGE_2M) {
        const off_t from = (off_t)(SNAP_IMAGE_OFFSET + at);
        MUST(lseek(file, from, SEEK_HOLE) >= from + (off_t)PAGE_2M);
    }
    vmm_snapshot_close(snap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct vmm vm;
    uint32_t cr3;
    if (ram == NULL) {
        initrd = fuzz_file("initrd", 6);
        file = fuzz_file("", 0);
        ram = os_zeroes(MEMORY);
        MUST(ram != NULL && madvise(ram, MEMORY, MADV_NOHUGEPAGE) == 0);
    }
    fuzz_take(&in, &cr3, sizeof(cr3));
    machine_make(&vm, cr3 & 0x7fffffffu);
    tables_make(&in);
    memset(table_of, 0, sizeof(table_of));
    memset(text, 0, sizeof(text));
    walk(fake_cr3, 4);
    check_watch(&vm);
    check_snapshot(&vm, (cr3 & 0x80000000u) != 0);
    MUST(madvise(ram, MEMORY, MADV_DONTNEED) == 0);
    return 0;
}
