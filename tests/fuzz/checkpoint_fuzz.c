// SPDX-License-Identifier: Apache-2.0
/*
 * From a mutated file of a checkpoint to the end of a run, through the real KVM: the file of a
 * sound checkpoint of the tiny kernel of tests/vmm is patched, cut or made longer, and its
 * checksums are made right or not. It is opened beside its base. It is refused with a message, or
 * the open checkpoint keeps to the file, is verified exactly when the bytes are those of its
 * checksum, and is restored, taken over or run, rewound, and left for the base and for a new
 * checkpoint. Memory must then be what the file says.
 *
 * Input: a byte of flags (1: rewindable, 2: the checkpoint of a suspended run; checksums made
 * right: 4 the header's, 8 the list's, 16 the pages', 32 the working set's, 128 the patches'; 64:
 * the file has the size that its header says), the case that the guest is asked for (1 byte), two
 * bytes to add to or cut from the file's size, then patches of the file: the place (3 bytes), the
 * length (1 byte), the bytes.
 */
#include "fuzz.h"
#include "vmm/checkpoint_int.h"

#include <fcntl.h>
#include <xxhash.h>

#define FILE_MOST  (1u << 20)
#define TIMEOUT_NS (5 * NS_PER_MS)

#define REWINDABLE   1
#define SUSPENDED    2
#define RIGHT_HEADER 4
#define RIGHT_LIST   8
#define RIGHT_DATA   16
#define RIGHT_SET    32
#define RIGHT_SIZE   64
#define RIGHT_PATCH  128

static const char *const cases[][2] = {
    {"turn", "1"},
    {"fill", "8388608 40 3"},
    {"sum", "8388608 60"},
    {"status", "1"},
    {"dirty", "20"},
    {"remap", "1"},
    {"upcall", "1"},
    {"spin", ""},
    {"wait", "1"},
    {"garbage", "3"},
    {"ring0", "0"},
    {"triple", ""},
    {"discard-only", "8388608 40"},
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static const struct vmm_io no_io = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
static struct vmm_snapshot *base;
static struct vmm_tools *tools;
static int file = -1;
static uint8_t *sound[2]; /* the files, of a machine between runs and of one in a run */
static uint64_t sound_size[2];
static uint8_t *bytes; /* those of this input */

static void run_case(struct vmm *vm, const char *name, const char *arg, struct vmm_outcome *o,
                     int *rc, struct vmm_err *err)
{
    const char *const argv[] = {name, arg, NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/", .timeout_ns = TIMEOUT_NS, .tools = tools};
    *rc = vmm_run(vm, &run, o, err);
}

static void must_run(struct vmm *vm, const char *name, const char *arg, enum vmm_outcome_kind kind)
{
    const char *const argv[] = {name, arg, NULL};
    const struct vmm_run run = {
        .argv = argv, .cwd = "/", .timeout_ns = 5000 * NS_PER_MS, .tools = tools};
    struct vmm_outcome o;
    MUST(vmm_run(vm, &run, &o, NULL) == 0 && o.kind == kind);
}

/* A base with a page of data that the checkpoint will have as a page of zeroes. */
static void base_make(void)
{
    char initrd_path[64];
    struct vmm *vm;
    struct vmm_err err = {0};
    struct vmm_outcome o;
    const int fd = fuzz_file("", 0);
    fuzz_path(fuzz_file("initrd", 6), initrd_path);
    const struct vmm_config config = {.kernel_path = FUZZ_KERNEL,
                                      .initrd_path = initrd_path,
                                      .memory = VMM_MEMORY_MIN,
                                      .io = no_io};
    MUST(vmm_create(&config, &vm, &err) == 0 && vmm_start(vm, NS_PER_MS * 5000, &o, &err) == 0);
    MUST(o.kind == VMM_READY);
    memset(mem_write_ptr(vm, 0x900000, HV_PAGE_SIZE), 7, HV_PAGE_SIZE);
    MUST(vmm_snapshot_write(vm, fd, &(struct vmm_key){{0}}, &err) == 0);
    vmm_destroy(vm);
    MUST(vmm_snapshot_open_fd(fd, initrd_path, NULL, &base, &err) == 0);
    (void)close(fd);
}

static void sound_read(int which, int fd)
{
    struct stat st;
    MUST(fstat(fd, &st) == 0 && st.st_size < FILE_MOST);
    sound_size[which] = (uint64_t)st.st_size;
    sound[which] = malloc(sound_size[which]);
    MUST(sound[which] != NULL &&
         pread(fd, sound[which], sound_size[which], 0) == (ssize_t)sound_size[which]);
    (void)close(fd);
}

/* Records a working set in the file. */
static void sound_workset(int fd)
{
    struct vmm *vm;
    struct vmm_err err = {0};
    struct vmm_snapshot *snap;
    MUST(vmm_checkpoint_open_fd(fd, base, &snap, &err) == 0);
    MUST(vmm_restore(snap, &no_io, true, &vm, &err) == 0);
    must_run(vm, "fill", "8388608 3 1", VMM_READY);
    MUST(vmm_rewind(vm, &err) == 0 && vmm_snapshot_set_workset(vm, fd, &err) == 0);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

static void sound_make(void)
{
    static const struct vmm_function functions[] = {{.name = "open"}};
    struct vmm *vm;
    struct vmm_err err = {0};
    int fd = fuzz_file("", 0);
    base_make();
    MUST(vmm_tools_create(functions, 1, &tools, &err) == 0);
    MUST(vmm_restore(base, &no_io, true, &vm, &err) == 0);
    must_run(vm, "fill", "8388608 20 5", VMM_READY);
    must_run(vm, "fill", "12582912 2 6", VMM_READY); /* patches */
    memset(mem_write_ptr(vm, 0x900000, HV_PAGE_SIZE), 0, HV_PAGE_SIZE);
    memset(mem_write_ptr(vm, 0xa00000, HV_PAGE_SIZE), 9, HV_PAGE_SIZE);
    MUST(vmm_checkpoint_save(vm, fd, &err) == 0);
    sound_workset(fd);
    sound_read(0, fd);
    fd = fuzz_file("", 0);
    must_run(vm, "tools", "m3:open:ab m5:open:c w a r3", VMM_CALLED);
    MUST(vmm_checkpoint_save(vm, fd, &err) == 0);
    sound_read(1, fd);
    vmm_destroy(vm);
    bytes = malloc(FILE_MOST);
    file = fuzz_file("", 0);
    MUST(bytes != NULL);
}

static void must_be_refusal(int rc, const struct vmm_err *err)
{
    MUST(rc < 0 && rc == -err->code && err->msg[0] != '\0');
    MUST(memchr(err->msg, '\0', sizeof(err->msg)) != NULL && strchr(err->msg, '\n') == NULL);
}

/* How much of the part [at, at + count * each) the file may have. The product may wrap. */
static uint64_t part(uint64_t at, uint64_t count, uint64_t each)
{
    const uint64_t most = at < FILE_MOST ? FILE_MOST - at : 0;
    return count * each < most ? count * each : most / each * each;
}

static uint64_t patches_at(const struct file_header *h)
{
    return FILE_LIST + h->pages * sizeof(uint32_t); /* it may wrap, as all of these */
}

static uint64_t data_at(const struct file_header *h)
{
    const uint64_t end = patches_at(h) + h->patch_size;
    return (end + HV_PAGE_SIZE - 1) / HV_PAGE_SIZE * HV_PAGE_SIZE;
}

static XXH128_hash_t data_hash(const struct file_header *h)
{
    const uint64_t at = data_at(h);
    return XXH3_128bits(bytes + (at < FILE_MOST ? at : 0), part(at, h->stored, HV_PAGE_SIZE));
}

static uint64_t size_of(const struct file_header *h)
{
    return data_at(h) + h->stored * HV_PAGE_SIZE + h->workset_pages * sizeof(uint32_t);
}

static void make_right(uint8_t flags)
{
    struct file_header *h = (struct file_header *)(void *)bytes;
    const uint64_t set = data_at(h) + part(data_at(h), h->stored, HV_PAGE_SIZE);
    if (flags & RIGHT_LIST) {
        h->list_hash = XXH3_64bits(bytes + FILE_LIST, part(FILE_LIST, h->pages, sizeof(uint32_t)));
    }
    if (flags & RIGHT_PATCH && patches_at(h) < FILE_MOST) {
        h->patch_hash = XXH3_64bits(bytes + patches_at(h), part(patches_at(h), h->patch_size, 1));
    }
    if (flags & RIGHT_DATA) {
        const XXH128_hash_t hash = data_hash(h);
        h->data_hash[0] = hash.low64;
        h->data_hash[1] = hash.high64;
    }
    if (flags & RIGHT_SET && set < FILE_MOST) {
        h->workset_hash = XXH3_64bits(bytes + set, part(set, h->workset_pages, sizeof(uint32_t)));
    }
    if (flags & RIGHT_HEADER) {
        h->header_hash = XXH3_64bits(h, offsetof(struct file_header, header_hash));
    }
}

/* Makes the file. Returns whether it is the sound one. */
static bool file_make(struct fuzz_input *in, uint8_t flags)
{
    const unsigned which = (flags & SUSPENDED) != 0;
    int16_t delta;
    fuzz_take(in, &delta, sizeof(delta));
    memset(bytes, 0, FILE_MOST);
    memcpy(bytes, sound[which], sound_size[which]);
    while (in->size > 0) {
        uint32_t at = 0;
        uint8_t patch[256];
        fuzz_take(in, &at, 3);
        const size_t n = fuzz_byte(in);
        fuzz_take(in, patch, n);
        at %= (uint32_t)sound_size[which];
        memcpy(bytes + at, patch, n);
    }
    make_right(flags);
    const uint64_t size = flags & RIGHT_SIZE ? size_of((const void *)bytes) : sound_size[which];
    const size_t length = delta < 0 && size < (uint64_t)-delta
                              ? 0
                              : (size < FILE_MOST / 2 ? size : FILE_MOST / 2) + (size_t)delta;
    MUST(pwrite(file, bytes, length, 0) == (ssize_t)length && ftruncate(file, (off_t)length) == 0);
    return length == sound_size[which] && memcmp(bytes, sound[which], length) == 0;
}

/* The promises of an open checkpoint. */
static void check_open(const struct vmm_snapshot *snap)
{
    const struct snap_delta *delta = &snap->delta;
    volatile uint8_t sum = 0;
    uint8_t room[HV_PAGE_SIZE];
    struct vmm_snapshot_info info;
    vmm_snapshot_info(snap, &info);
    MUST(delta->count <= info.memory / HV_PAGE_SIZE && delta->pack_count == 1);
    for (size_t i = 0; i < delta->count; i++) {
        const struct snap_page *p = &delta->pages[i];
        MUST(p->number < info.memory / HV_PAGE_SIZE);
        MUST(i == 0 || p->number > delta->pages[i - 1].number);
        MUST(p->pack == 0 || !p->mapped);
        MUST(p->pack != 0 || (p->slot + 1ull) * HV_PAGE_SIZE <= delta->packs[0]->size);
        const uint8_t *page = snap_page(snap, p->number, room);
        sum = sum ^ (page != NULL ? page[HV_PAGE_SIZE - 1] : 0);
    }
    for (uint64_t i = 0; i < info.workset_pages + info.workset_longer; i++) {
        MUST((snap->workset[i] & SNAP_PAGE_NUMBER) < info.memory / HV_PAGE_SIZE);
    }
}

/* Memory is the checkpoint's. Registers are only where they are those of the sound file, because
 * KVM may tidy up others. */
static void check_rewound(struct vmm *vm, bool sound_state)
{
    struct vmm_err err = {0};
    const int rc = vmm_check(vm, &err);
    MUST(rc == 0 || (!sound_state && strncmp(err.msg, "memory", 6) != 0));
}

/* Goes on in the machine by whichever way it is ready for. */
static void go_on(struct vmm *vm, unsigned number)
{
    const struct vmm_run run = {.tools = tools, .timeout_ns = TIMEOUT_NS};
    struct vmm_outcome o = {0};
    struct vmm_err err = {0};
    int rc;
    if (!vm->snap->suspended.is) {
        run_case(vm, cases[number][0], cases[number][1], &o, &rc, &err);
    } else {
        struct vmm_call calls[HV_REQUESTS];
        size_t count = 0;
        rc = vmm_take_over(vm, &run, &err);
        MUST(rc < 0 || (vmm_calls(vm, calls, HV_REQUESTS, &count) == 0 && count <= HV_REQUESTS));
        for (size_t i = 0; rc == 0 && i < count; i++) {
            rc = vmm_reply(vm, calls[i].id, "r", 1, &err);
        }
        rc = rc == 0 ? vmm_resume(vm, TIMEOUT_NS, &o, &err) : rc;
    }
    if (rc < 0) {
        must_be_refusal(rc, &err);
    } else {
        MUST(o.kind <= VMM_BROKEN && memchr(o.detail, '\0', sizeof(o.detail)) != NULL);
    }
}

/* Away to the base, to a checkpoint of what there is now, and back. */
static void play_branches(struct vmm *vm, struct vmm_snapshot *snap, bool sound_state)
{
    struct vmm_err err = {0};
    struct vmm_snapshot *newer = NULL;
    int rc = vmm_rewind_to(vm, base, &err);
    if (rc == 0) {
        check_rewound(vm, true);
        must_run(vm, "fill", "8388608 30 9", VMM_READY);
        rc = vmm_checkpoint(vm, &newer, &err);
        MUST(rc == 0);
        rc = vmm_rewind_to(vm, snap, &err);
    }
    if (rc == 0) {
        check_rewound(vm, sound_state);
        rc = vmm_rewind_to(vm, newer, &err);
    }
    if (rc < 0) {
        must_be_refusal(rc, &err);
    } else {
        check_rewound(vm, true);
    }
    vmm_snapshot_close(newer);
}

static void play(struct vmm_snapshot *snap, uint8_t flags, unsigned number)
{
    const struct file_header *want = (const void *)sound[(flags & SUSPENDED) != 0];
    const bool sound_state = memcmp(&snap->header.state, &want->state, sizeof(want->state)) == 0;
    struct vmm *vm;
    struct vmm_err err = {0};
    int rc = vmm_restore(snap, &no_io, flags & REWINDABLE, &vm, &err);
    if (rc < 0) {
        must_be_refusal(rc, &err);
        return;
    }
    for (unsigned i = 0; rc == 0 && i < 2; i++) {
        check_rewound(vm, sound_state);
        go_on(vm, number);
        rc = vm->rewindable ? vmm_rewind(vm, &err) : -1;
        MUST(rc == 0 || !vm->rewindable || rc == -err.code);
    }
    if (rc == 0) {
        play_branches(vm, snap, sound_state);
    }
    vmm_destroy(vm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct vmm_err err = {0};
    struct vmm_snapshot *snap;
    if (file < 0) {
        sound_make();
    }
    const uint8_t flags = fuzz_byte(&in);
    const unsigned number = fuzz_byte(&in) % CASES;
    const bool is_sound = file_make(&in, flags);
    int rc = vmm_checkpoint_open_fd(file, base, &snap, &err);
    if (rc < 0) {
        must_be_refusal(rc, &err);
        MUST(snap == NULL && !is_sound);
        return 0;
    }
    check_open(snap);
    const struct file_header *h = (const void *)bytes;
    const XXH128_hash_t hash = data_hash(h);
    const bool same = hash.low64 == h->data_hash[0] && hash.high64 == h->data_hash[1];
    rc = vmm_snapshot_verify(snap, &err);
    MUST((rc == 0) == same && (rc == 0 || rc == -EBADMSG));
    play(snap, flags, number);
    vmm_snapshot_close(snap);
    return 0;
}
