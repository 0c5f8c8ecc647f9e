// SPDX-License-Identifier: Apache-2.0
/*
 * From a mutated snapshot to the end of a run, through the real KVM: a sound snapshot of the tiny
 * kernel of tests/vmm is patched, in its header or memory, and its checksum is made right. Then it
 * is opened, restored and run, and if possible rewound and run again. Each step works or is refused
 * with a message. A run ends with an outcome. After a rewind the machine's memory is the
 * snapshot's, whatever that is.
 *
 * Input: a byte of flags (1: rewindable), the case that the guest is asked for (1 byte), then
 * patches: the place (3 bytes: a guest address below 2 MiB, or with the highest bit an offset in
 * the header), the length (1 byte), the bytes.
 */
#include "fuzz.h"
#include "vmm/snapshot_int.h"

#include <fcntl.h>

#define LOW        0x200000u /* what patches reach */
#define TIMEOUT_NS (5 * NS_PER_MS)

static const char *const cases[][2] = {
    {"status", "1"},  {"dirty", "20"}, {"count", "3"},      {"flood", "100"},  {"both", ""},
    {"upcall", "1"},  {"syscall", ""}, {"timer-flag", ""},  {"wait", "1"},     {"cat", ""},
    {"frame", "100"}, {"spin", ""},    {"garbage", "3"},    {"ring0", "0"},    {"map", "268435456"},
    {"read", "0"},    {"triple", ""},  {"privileged", "0"}, {"doorbells", ""}, {"rep-outs", ""},
    {"look", "20"},   {"initrd", ""},  {"rewrite", "5"},    {"resume", ""},
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static const struct vmm_io no_io = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
static int file = -1;
static char initrd_path[64];
static struct snap_header sound;
static uint8_t *image; /* the file's part that patches reach, shared with it */
static uint8_t *sound_image;

static void run_case(struct vmm *vm, unsigned number, struct vmm_outcome *outcome, int *rc,
                     struct vmm_err *err)
{
    const char *const argv[] = {cases[number][0], cases[number][1], NULL};
    const char *const env[] = {NULL};
    const struct vmm_run run = {
        .mode = HV_RUN_EXEC, .argv = argv, .env = env, .cwd = "/", .timeout_ns = TIMEOUT_NS};
    *rc = vmm_run(vm, &run, outcome, err);
}

/* Makes the sound snapshot, with a working set. */
static void sound_make(void)
{
    struct vmm *vm;
    struct vmm_err err = {0};
    struct vmm_outcome o;
    struct vmm_snapshot *snap;
    int rc;
    fuzz_path(fuzz_file("initrd", 6), initrd_path);
    file = fuzz_file("", 0);
    const struct vmm_config config = {.kernel_path = FUZZ_KERNEL,
                                      .initrd_path = initrd_path,
                                      .memory = VMM_MEMORY_MIN,
                                      .io = no_io};
    MUST(vmm_create(&config, &vm, &err) == 0 && vmm_start(vm, NS_PER_MS * 5000, &o, &err) == 0);
    MUST(o.kind == VMM_READY);
    MUST(vmm_snapshot_write(vm, file, &(struct vmm_key){{0}}, &err) == 0);
    vmm_destroy(vm);
    MUST(vmm_snapshot_open_fd(file, initrd_path, NULL, &snap, &err) == 0);
    MUST(vmm_restore(snap, &no_io, true, &vm, &err) == 0);
    run_case(vm, 1, &o, &rc, &err);
    MUST(rc == 0 && vmm_rewind(vm, &err) == 0);
    MUST(vmm_snapshot_set_workset(vm, file, &err) == 0);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    MUST(pread(file, &sound, sizeof(sound), 0) == (ssize_t)sizeof(sound));
    image = mmap(NULL, LOW, PROT_READ | PROT_WRITE, MAP_SHARED, file, SNAP_IMAGE_OFFSET);
    sound_image = malloc(LOW);
    MUST(image != MAP_FAILED && sound_image != NULL);
    memcpy(sound_image, image, LOW);
}

static void patch(struct fuzz_input *in, struct snap_header *h)
{
    while (in->size > 0) {
        uint32_t at = 0;
        uint8_t bytes[256];
        fuzz_take(in, &at, 3);
        const size_t n = fuzz_byte(in);
        fuzz_take(in, bytes, n);
        uint8_t *const to = at & 0x800000 ? (uint8_t *)h : image;
        const size_t room = at & 0x800000 ? sizeof(*h) : LOW;
        at = (at & 0x7fffff) % (uint32_t)room;
        memcpy(to + at, bytes, n < room - at ? n : room - at);
    }
    h->header_hash = snap_header_hash(h);
}

static void unpatch(void)
{
    for (uint32_t at = 0; at < LOW; at += HV_PAGE_SIZE) {
        if (memcmp(image + at, sound_image + at, HV_PAGE_SIZE) != 0) {
            memcpy(image + at, sound_image + at, HV_PAGE_SIZE);
        }
    }
}

static void must_be_refusal(int rc, const struct vmm_err *err)
{
    MUST(rc < 0 && rc == -err->code && err->msg[0] != '\0');
    MUST(memchr(err->msg, '\0', sizeof(err->msg)) != NULL && strchr(err->msg, '\n') == NULL);
}

/* Memory must be the snapshot's. Registers must be only when the header has the sound ones,
 * because KVM may tidy up others. Nothing is compared when the header gives an earlier end of
 * the data: after that end a rewind takes the image for zeroes. */
static void check_rewound(struct vmm *vm)
{
    struct vmm_err err = {0};
    const struct snap_header *h = &vm->snap->header;
    const bool same = memcmp(&h->state, &sound.state, sizeof(h->state)) == 0 &&
                      memcmp(&h->cpuid, &sound.cpuid, sizeof(h->cpuid)) == 0;
    int rc = h->data_end >= sound.data_end ? vmm_check(vm, &err) : 0;
    MUST(rc == 0 || (!same && strncmp(err.msg, "memory", 6) != 0));
}

static void play(struct vmm *vm, unsigned number)
{
    for (unsigned i = 0; i < 2; i++) {
        struct vmm_outcome outcome;
        struct vmm_err err = {0};
        int rc;
        run_case(vm, number, &outcome, &rc, &err);
        if (rc < 0) {
            must_be_refusal(rc, &err);
        } else {
            MUST(outcome.kind <= VMM_BROKEN);
            MUST(memchr(outcome.detail, '\0', sizeof(outcome.detail)) != NULL);
            MUST(outcome.kind != VMM_EXITED || (outcome.status >= 0 && outcome.status <= 255));
        }
        if (!vm->rewindable) {
            return;
        }
        rc = vmm_rewind(vm, &err);
        if (rc < 0) {
            must_be_refusal(rc, &err);
            return;
        }
        check_rewound(vm);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct vmm_err err = {0};
    struct vmm_snapshot *snap;
    struct vmm *vm;
    if (file < 0) {
        sound_make();
    }
    const uint8_t flags = fuzz_byte(&in);
    const unsigned number = fuzz_byte(&in) % CASES;
    struct snap_header h = sound;
    patch(&in, &h);
    MUST(pwrite(file, &h, sizeof(h), 0) == (ssize_t)sizeof(h));
    int rc = vmm_snapshot_open_fd(file, initrd_path, NULL, &snap, &err);
    if (rc < 0) {
        must_be_refusal(rc, &err);
    } else {
        rc = vmm_restore(snap, &no_io, flags & 1, &vm, &err);
        if (rc < 0) {
            must_be_refusal(rc, &err);
        } else {
            play(vm, number);
            vmm_destroy(vm);
        }
        vmm_snapshot_close(snap);
    }
    unpatch();
    return 0;
}
