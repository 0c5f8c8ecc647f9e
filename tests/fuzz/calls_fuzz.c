// SPDX-License-Identifier: Apache-2.0
/*
 * The host's side of the call ring and the output rings, on memory of its own and without KVM:
 * whatever a guest writes there ends as an answer or as an outcome, never as an error of the host,
 * and nothing outside of guest memory is touched (it lies between ASan's red zones).
 *
 * Input: how much RAM (2 bits), then rounds: the kind (1 byte, see round_play()) and its bytes.
 */
#include "fuzz.h"
#include "vmm/vmm_int.h"

#define ROUNDS_MAX 12u
#define FRAME_SIZE 300u

static int null_fd = -1;
static size_t traced;

static void on_trace(void *arg, const char *line, size_t len)
{
    (void)arg;
    for (size_t i = 0; i < len; i += 511) {
        traced += (unsigned char)line[i];
    }
}

static int on_record(void *arg, const char *kind, const void *bytes, size_t size)
{
    const size_t length = strlen(kind);
    (void)arg;
    MUST(length >= 1 && length <= HV_KIND_MAX && size <= HV_RECORD_BYTES);
    for (size_t i = 0; i < length; i++) {
        MUST(kind[i] >= ' ' && kind[i] <= '~');
    }
    for (size_t i = 0; i < size; i += 511) {
        traced += ((const unsigned char *)bytes)[i];
    }
    traced += size > 0 ? ((const unsigned char *)bytes)[size - 1] : 0;
    return size % 7 == 6 ? -EPIPE : 0;
}

static void machine_make(struct vmm *vm, struct vmm_outcome *outcome, struct vmm_err *err,
                         uint64_t ram_size)
{
    memset(vm, 0, sizeof(*vm));
    vm->io = (struct vmm_io){.stdin_fd = null_fd,
                             .stdout_fd = null_fd,
                             .stderr_fd = null_fd,
                             .trace = on_trace,
                             .record = on_record};
    vm->io_ways[0] = vm->io_ways[1] = vm->io_ways[2] = IO_FILE;
    vm->trace = true;
    vm->output_left = UINT64_MAX;
    vm->vm_fd = vm->vcpu_fd = vm->pagemap_fd = -1;
    vm->ram_size = vm->ram_low = vm->ram_bound = ram_size;
    vm->ram_image =
        0x20000; /* in the middle of RAM: a discard clears below it and gives back above it */
    vm->ram = aligned_alloc(HV_PAGE_SIZE, ram_size);
    vm->hot.map = calloc(ram_size / HV_PAGE_SIZE / 64 + 1, sizeof(uint64_t));
    vm->frame.head = calloc(1, FRAME_SIZE);
    MUST(vm->ram != NULL && vm->hot.map != NULL && vm->frame.head != NULL);
    memset(vm->ram, 0, ram_size);
    vm->shared = (struct hv_shared *)(void *)(vm->ram + HV_SHARED_GPA);
    vm->frame.head_size = vm->frame.room = FRAME_SIZE;
    vm->tsc_khz = 1;
    vm->deterministic = true;
    vm->outcome = outcome;
    vm->err = err;
    vm->timer.deadline = 1; /* over long ago: no call waits */
    vm->timer.guest = vm->timer.cpu = NEVER;
}

static void machine_free(struct vmm *vm)
{
    free(vm->ram);
    free(vm->hot.map);
    free(vm->frame.head);
}

/* The guest fills a slot and may ring. */
static void put_call(struct vmm *vm, struct fuzz_input *in)
{
    struct hv_call call;
    fuzz_take(in, &call, sizeof(call));
    vm->shared->call = call;
}

static void put_bytes(struct vmm *vm, struct fuzz_input *in)
{
    uint32_t at;
    fuzz_take(in, &at, sizeof(at));
    const size_t n = fuzz_byte(in);
    uint8_t bytes[256];
    fuzz_take(in, bytes, n);
    at = at % (uint32_t)(vm->ram_size - n);
    memcpy(vm->ram + at, bytes, n);
}

static int round_play(struct vmm *vm, struct fuzz_input *in)
{
    switch (fuzz_byte(in) % 6) {
    case 0:
        put_call(vm, in);
        return calls_answer(vm);
    case 1:
        put_call(vm, in);
        return 0;
    case 2:
        put_bytes(vm, in);
        return 0;
    case 3: /* the shared page as a whole */
        fuzz_take(in, vm->shared, sizeof(*vm->shared));
        return calls_answer(vm);
    case 4:
        fuzz_take(in, &vm->shared->events, 16);
        return calls_answer(vm);
    default:
        fuzz_take(in, &vm->shared->out, 2 * sizeof(struct hv_ring));
        return console_drain(vm);
    }
}

static void check_outcome(const struct vmm *vm, int rc, const struct vmm_outcome *o)
{
    MUST(rc == 0 || rc == RUN_STOP);
    if (rc == RUN_STOP) {
        MUST(memchr(o->detail, 0, sizeof(o->detail)) != NULL);
        MUST(o->kind != VMM_BROKEN || o->detail[0] != '\0');
        MUST(o->kind != VMM_EXITED || (o->status >= 0 && o->status <= 255));
    }
    MUST(vm->shared == (const void *)(vm->ram + HV_SHARED_GPA));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct vmm_outcome outcome = {.kind = VMM_READY};
    struct vmm_err err = {0};
    struct vmm vm;
    if (null_fd < 0) {
        null_fd = memfd_create("output", 0);
    }
    (void)ftruncate(null_fd, 0);
    (void)lseek(null_fd, 0, SEEK_SET);
    machine_make(&vm, &outcome, &err, 0x30000ull + (fuzz_byte(&in) & 3) * 0x1000);
    for (unsigned i = 0; i < ROUNDS_MAX && in.size > 0; i++) {
        int rc = round_play(&vm, &in);
        check_outcome(&vm, rc, &outcome);
        if (rc == RUN_STOP && outcome.kind == VMM_READY) {
            rc = calls_answer_run(&vm);
            check_outcome(&vm, rc, &outcome);
        }
        if (rc == RUN_STOP && outcome.kind != VMM_READY) {
            break;
        }
    }
    console_drain_last(&vm);
    machine_free(&vm);
    return 0;
}
