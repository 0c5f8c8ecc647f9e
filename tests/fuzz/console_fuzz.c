// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's streams (console.c) with another end: pipes and sockets, large and small, whose
 * reader or writer moves bytes in pieces, stalls or goes. No byte may be lost, made up or put in
 * another place, and nothing may outlast the deadline by more than HANGING_NS. Or output goes to a
 * function, which takes it until it fails.
 *
 * Input: flags (1: stdout is a socket, 2: stderr, 4: stdin, 8: small pipes, 16: the other end reads
 * on after its steps, 32: the deadline is a second, not some milliseconds), the bound of output in
 * 512 bytes (its low 7 bits; 0: none; 128: output goes to a function), how many of the following
 * bytes are steps of the other end, those steps (3 bytes each, see other_step(); for the function
 * their size says after how many bytes it fails), then what the guest does (3 bytes each, see
 * guest_play()).
 */
#include "fuzz.h"
#include "vmm/vmm_int.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#define RAM        0x40000ull
#define BUFFER     0x30000ull
#define BUFFER_MAX 0x10000u
#define ROUNDS_MAX 40u
#define HANGING_NS (2000 * NS_PER_MS) /* after the deadline */

enum stream { STREAM_IN, STREAM_OUT, STREAM_ERR, STREAMS };

/* A stream, and how much has come through it; byte n of it is pattern(stream, n). */
struct channel {
    int guest;
    int other; /* -1: closed */
    uint64_t received;
    uint64_t sent;
    bool closed;
};

struct scene {
    struct channel channels[STREAMS];
    struct fuzz_input steps;
    uint64_t output_max;
    uint64_t call_max; /* bytes of a stream that the function takes; 0: there is no function */
    bool reads_on;
    atomic_bool over; /* the machine has ended */
};

static uint8_t pattern(enum stream stream, uint64_t n)
{
    return (uint8_t)(n * 31 + n / 256 + (uint64_t)stream * 85);
}

static void channel_open(struct channel *c, enum stream stream, bool socket, bool small)
{
    int fds[2]; /* read, write */
    if (socket) {
        MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    } else {
        MUST(pipe2(fds, O_CLOEXEC) == 0);
        MUST(!small || fcntl(fds[1], F_SETPIPE_SZ, HV_PAGE_SIZE) > 0);
    }
    const bool guest_reads = stream == STREAM_IN;
    *c = (struct channel){.guest = fds[guest_reads ? 0 : 1], .other = fds[guest_reads ? 1 : 0]};
    MUST(fcntl(c->other, F_SETFL, O_NONBLOCK) == 0);
}

static void channel_close(struct channel *c)
{
    if (c->other >= 0) {
        (void)close(c->other);
        c->other = -1;
        c->closed = true;
    }
}

static void receive(struct scene *scene, enum stream stream, size_t most)
{
    struct channel *c = &scene->channels[stream];
    uint8_t bytes[4096];
    ssize_t n = 1;
    while (most > 0 && n > 0 && c->other >= 0) {
        n = read(c->other, bytes, most < sizeof(bytes) ? most : sizeof(bytes));
        for (ssize_t i = 0; i < n; i++) {
            MUST(bytes[i] == pattern(stream, c->received));
            c->received++;
        }
        most -= n > 0 ? (size_t)n : 0;
    }
}

static void send_some(struct scene *scene, size_t size)
{
    struct channel *c = &scene->channels[STREAM_IN];
    uint8_t bytes[4096];
    size = size < sizeof(bytes) ? size : sizeof(bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = pattern(STREAM_IN, c->sent + i);
    }
    ssize_t n = c->other >= 0 ? send(c->other, bytes, size, MSG_NOSIGNAL) : -1;
    if (n < 0 && c->other >= 0 && errno == ENOTSOCK) {
        n = write(c->other, bytes, size);
    }
    c->sent += n > 0 ? (uint64_t)n : 0;
}

static void other_step(struct scene *scene, uint8_t what, uint16_t amount)
{
    switch (what % 8) {
    case 0:
    case 1:
        receive(scene, STREAM_OUT, amount);
        break;
    case 2:
        receive(scene, STREAM_ERR, amount);
        break;
    case 3:
        send_some(scene, amount);
        break;
    case 4:
    case 5:
        (void)usleep(amount % 2000);
        break;
    case 6:
        channel_close(&scene->channels[amount % 2 ? STREAM_OUT : STREAM_ERR]);
        break;
    default:
        channel_close(&scene->channels[STREAM_IN]);
        break;
    }
}

static void *other_end(void *arg)
{
    struct scene *scene = arg;
    while (scene->steps.size >= 3 && !atomic_load(&scene->over)) {
        uint16_t amount;
        const uint8_t what = fuzz_byte(&scene->steps);
        fuzz_take(&scene->steps, &amount, sizeof(amount));
        other_step(scene, what, amount);
    }
    while (scene->reads_on && !atomic_load(&scene->over)) {
        struct pollfd fds[] = {{.fd = scene->channels[STREAM_OUT].other, .events = POLLIN},
                               {.fd = scene->channels[STREAM_ERR].other, .events = POLLIN}};
        (void)poll(fds, 2, 1);
        receive(scene, STREAM_OUT, SIZE_MAX);
        receive(scene, STREAM_ERR, SIZE_MAX);
    }
    return NULL;
}

static void on_trace(void *arg, const char *line, size_t len)
{
    (void)arg;
    (void)line;
    MUST(len <= BUFFER_MAX);
}

static int on_write(void *arg, int stream, const void *bytes, size_t size)
{
    struct scene *scene = arg;
    MUST(stream == STREAM_OUT || stream == STREAM_ERR);
    MUST(size > 0 && size <= HV_RING_SIZE);
    struct channel *c = &scene->channels[stream];
    if (c->received + size > scene->call_max) {
        c->closed = true;
        return -EPIPE;
    }
    for (size_t i = 0; i < size; i++, c->received++) {
        MUST(((const uint8_t *)bytes)[i] == pattern((enum stream)stream, c->received));
    }
    return 0;
}

static void machine_make(struct vmm *vm, struct kvm_run *run, struct scene *scene,
                         uint64_t deadline_ns, struct vmm_outcome *outcome, struct vmm_err *err)
{
    const struct vmm_io io = {.stdin_fd = scene->channels[STREAM_IN].guest,
                              .stdout_fd = scene->channels[STREAM_OUT].guest,
                              .stderr_fd = scene->channels[STREAM_ERR].guest,
                              .trace = on_trace,
                              .write = scene->call_max > 0 ? on_write : NULL,
                              .write_arg = scene};
    memset(vm, 0, sizeof(*vm));
    memset(run, 0, sizeof(*run));
    vm->policy = policy_of(POLICY_PVM);
    vm->vm_fd = vm->vcpu_fd = vm->pagemap_fd = -1;
    vm->run = run;
    vm->ram = calloc(1, RAM);
    MUST(vm->ram != NULL);
    vm->ram_size = vm->ram_low = vm->ram_bound = RAM;
    vm->shared = (struct hv_shared *)(void *)(vm->ram + HV_SHARED_GPA);
    vm->tsc_khz = 1;
    vm->outcome = outcome;
    vm->err = err;
    vmm_io_set(vm, &io);
    /* What the beginning of a run does. */
    vmm_kick_install();
    MUST(clock_timer_attach(vm, err) == 0);
    vmm_kick_target(vm);
    const uint64_t now = os_clock_ns(CLOCK_MONOTONIC);
    vm->timer.deadline = now + deadline_ns;
    vm->timer.guest = vm->timer.tick = vm->timer.retry = vm->timer.longer = vm->timer.cpu = NEVER;
    vm->output_left = scene->output_max;
    MUST(clock_timer_arm(vm, now) == 0);
}

static void put(struct vmm *vm, enum stream stream, uint32_t size)
{
    struct hv_ring *ring = stream == STREAM_OUT ? &vm->shared->out : &vm->shared->err;
    uint8_t *data = vm->ram + (stream == STREAM_OUT ? HV_STDOUT_GPA : HV_STDERR_GPA);
    const uint32_t room = HV_RING_SIZE - (ring->head - ring->tail);
    for (size = size < room ? size : room; size > 0; size--, ring->head++) {
        data[ring->head % HV_RING_SIZE] = pattern(stream, ring->head);
    }
}

static int call(struct vmm *vm, uint32_t nr, uint64_t a, uint64_t b, int64_t *ret)
{
    struct hv_call *slot = &vm->shared->call;
    *slot = (struct hv_call){.nr = nr, .arg = {a, b}};
    int rc = calls_answer(vm);
    *ret = slot->ret;
    return rc;
}

/* Reads stdin: the bytes must be those that were sent, from where the last read ended. */
static int read_stdin(struct vmm *vm, struct scene *scene, uint32_t size)
{
    int64_t n;
    struct channel *c = &scene->channels[STREAM_IN];
    int rc = call(vm, HV_CALL_STDIN, BUFFER, size, &n);
    MUST(rc != 0 || n <= (int64_t)size);
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        MUST(vm->ram[BUFFER + (uint64_t)i] == pattern(STREAM_IN, c->received));
        c->received++;
    }
    return rc;
}

static int guest_play(struct vmm *vm, struct scene *scene, struct fuzz_input *in)
{
    int64_t ret;
    uint16_t amount;
    const uint8_t what = fuzz_byte(in);
    fuzz_take(in, &amount, sizeof(amount));
    switch (what % 10) {
    case 0:
    case 1:
        put(vm, STREAM_OUT, amount);
        return 0;
    case 2:
        put(vm, STREAM_ERR, amount);
        return 0;
    case 3:
    case 4:
        return call(vm, HV_CALL_DRAIN, 0, 0, &ret);
    case 5:
        return call(vm, HV_CALL_WAIT, amount * 64ull, 0, &ret);
    case 6:
        vm->shared->watched = amount % 4 == 0 ? ~0ull : 1ull << HV_HANDLE_STDIN;
        vm->shared->ready = 0;
        vm->shared->events &= ~HV_EVENT_IO;
        return call(vm, HV_CALL_WAIT, amount * 64ull, 0, &ret);
    case 7:
        return read_stdin(vm, scene, amount);
    case 8:
        vm->shared->events = 0;
        return call(vm, HV_CALL_TIMER, amount * 64ull, 0, &ret);
    default:
        vmm_interrupt(vm, amount == 0 ? VMM_INTERRUPT_KILL : VMM_INTERRUPT_INT);
        return call(vm, HV_CALL_DRAIN, 0, 0, &ret);
    }
}

static void check_end(const struct vmm *vm, int rc, const struct vmm_outcome *o,
                      const struct scene *scene)
{
    MUST(rc == RUN_STOP && memchr(o->detail, '\0', sizeof(o->detail)) != NULL);
    MUST(o->kind == VMM_EXITED || o->kind == VMM_TIMEOUT || o->kind == VMM_PIPE_CLOSED ||
         o->kind == VMM_KILLED || o->kind == VMM_OUTPUT);
    MUST(os_clock_ns(CLOCK_MONOTONIC) < vm->timer.deadline + HANGING_NS);
    const struct channel *out = &scene->channels[STREAM_OUT];
    const struct channel *err = &scene->channels[STREAM_ERR];
    const uint64_t wrote = vm->shared->out.tail + (uint64_t)vm->shared->err.tail;
    MUST(out->received + err->received <= scene->output_max);
    MUST(o->kind != VMM_OUTPUT || wrote == scene->output_max);
    MUST(o->kind != VMM_PIPE_CLOSED || out->closed || err->closed);
    MUST(o->kind != VMM_EXITED || out->closed || vm->shared->out.tail == vm->shared->out.head);
    MUST(o->kind != VMM_EXITED || err->closed || vm->shared->err.tail == vm->shared->err.head);
    MUST(out->closed ? out->received <= vm->shared->out.tail
                     : out->received == vm->shared->out.tail);
    MUST(err->closed ? err->received <= vm->shared->err.tail
                     : err->received == vm->shared->err.tail);
    MUST(scene->channels[STREAM_IN].received <= scene->channels[STREAM_IN].sent);
}

/* Plays all rounds, then the guest's exit, and the end of the run. */
static int machine_run(struct vmm *vm, struct scene *scene, struct fuzz_input *in,
                       const struct vmm_outcome *outcome)
{
    int64_t ret;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < ROUNDS_MAX && in->size > 0; i++) {
        rc = guest_play(vm, scene, in);
    }
    if (rc == 0) {
        rc = call(vm, HV_CALL_EXIT, HV_EXIT_STATUS, 0, &ret);
    }
    vmm_kick_target(NULL);
    MUST(rc != RUN_STOP || outcome->kind != VMM_READY);
    console_drain_last(vm);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct vmm_outcome outcome = {.kind = VMM_READY};
    struct vmm_err err = {0};
    struct kvm_run run;
    struct scene scene = {.reads_on = false};
    struct vmm vm;
    pthread_t thread;
    const uint8_t flags = fuzz_byte(&in);
    const uint8_t bounds = fuzz_byte(&in);
    const uint64_t bound = bounds & 127;
    const size_t steps = fuzz_byte(&in);
    scene.output_max = bound > 0 ? bound * 512 : UINT64_MAX;
    scene.reads_on = (flags & 16) != 0;
    scene.steps = (struct fuzz_input){in.data, steps < in.size ? steps : in.size};
    in.data += scene.steps.size;
    in.size -= scene.steps.size;
    if ((bounds & 128) != 0) {
        scene.call_max = steps % 2 != 0 ? steps * 512 : UINT64_MAX;
        scene.steps.size = 0;
    }
    for (enum stream i = 0; i < STREAMS; i++) {
        channel_open(&scene.channels[i], i, (flags & (i == STREAM_IN ? 4 : i)) != 0, flags & 8);
    }
    const uint64_t limit = (flags & 32) != 0 && scene.reads_on ? 1000 : 1 + (flags >> 6) * 3;
    machine_make(&vm, &run, &scene, limit * NS_PER_MS, &outcome, &err);
    MUST(pthread_create(&thread, NULL, other_end, &scene) == 0);
    int rc = machine_run(&vm, &scene, &in, &outcome);
    atomic_store(&scene.over, true);
    MUST(pthread_join(thread, NULL) == 0);
    receive(&scene, STREAM_OUT, SIZE_MAX);
    receive(&scene, STREAM_ERR, SIZE_MAX);
    check_end(&vm, rc, &outcome, &scene);
    for (enum stream i = 0; i < STREAMS; i++) {
        (void)close(scene.channels[i].guest);
        channel_close(&scene.channels[i]);
    }
    free(vm.ram);
    return 0;
}
