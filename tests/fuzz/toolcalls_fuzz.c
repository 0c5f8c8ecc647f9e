// SPDX-License-Identifier: Apache-2.0
/*
 * Calls of functions of the host, without KVM: the guest's calls with made-up requests in between,
 * and the host's replies, beside a model of what the host knows of each request. What the guest
 * gets must be the model's, bytes included; what no kernel does must be VMM_BROKEN; and nothing
 * outside of guest memory is touched (it lies between ASan's red zones).
 *
 * Input: how many calls are allowed (1 byte), then steps: the kind (1 byte, see step()) and its
 * bytes.
 */
#include "fuzz.h"
#include "vmm/vmm_int.h"

#define STEPS_MAX 60u
#define RAM       0x20000ull
#define TABLE     0x4000ull
#define BYTES     0x10000ull /* of requests */
#define BUFFER    0x18000ull /* for replies */
#define SMALL     8u

/* What the host knows of a request. */
static struct model {
    enum { FREE, OPEN, ANSWERED } state;
    uint64_t id;
    size_t max_reply;
    bool told;
    uint8_t reply[2048]; /* with its header */
    size_t size;
} models[HV_REQUESTS];

static struct vmm vm;
static struct vmm_outcome outcome;
static struct vmm_err err;
static struct model *making; /* the call that is being made */

static void model_answer(struct model *m, bool failed, const void *bytes, size_t size)
{
    const struct hv_reply head = {.failed = failed, .size = size};
    MUST(m->state == OPEN && sizeof(head) + size <= sizeof(m->reply));
    m->state = ANSWERED;
    memcpy(m->reply, &head, sizeof(head));
    memcpy(m->reply + sizeof(head), bytes, size);
    m->size = sizeof(head) + size;
}

static void model_open(const struct vmm_call *call, size_t max_reply)
{
    making->id = call->id;
    making->max_reply = max_reply;
}

static int on_echo(void *arg, void *tools_arg, struct vmm *of, const struct vmm_call *call)
{
    (void)arg, (void)tools_arg;
    model_open(call, 1024);
    const size_t size = call->size < 1024 ? call->size : 1024;
    MUST(vmm_reply(of, call->id, call->bytes, size, &err) == 0);
    model_answer(making, false, call->bytes, size);
    return 0;
}

static int on_late(void *arg, void *tools_arg, struct vmm *of, const struct vmm_call *call)
{
    (void)arg, (void)tools_arg, (void)of;
    model_open(call, 1024);
    return 0;
}

static int on_small(void *arg, void *tools_arg, struct vmm *of, const struct vmm_call *call)
{
    (void)arg, (void)tools_arg, (void)of;
    MUST(call->size <= SMALL);
    model_open(call, SMALL);
    return 0;
}

static const struct vmm_function functions[] = {
    {.name = "echo", .max_reply = 1024, .call = on_echo},
    {.name = "late", .max_reply = 1024, .call = on_late},
    {.name = "small", .max_request = SMALL, .max_reply = SMALL, .call = on_small},
};

static bool in_ram(uint64_t at, uint64_t size)
{
    return at <= RAM && size <= RAM - at;
}

static int64_t called(uint32_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, int *rc)
{
    vm.shared->call = (struct hv_call){.nr = nr, .arg = {a, b, c, d}};
    *rc = calls_answer(&vm);
    MUST(*rc == 0 || *rc == RUN_STOP);
    MUST(*rc == 0 || outcome.kind == VMM_BROKEN || outcome.kind == VMM_CALLS);
    return vm.shared->call.ret;
}

/* The guest has got [offset, offset + n) of the reply. True: that was all of it. */
static bool given(struct model *m, uint64_t offset, uint64_t at, uint64_t n)
{
    MUST(offset + n <= m->size && memcmp(vm.ram + at, m->reply + offset, n) == 0);
    m->told = true;
    if (n == m->size) {
        m->state = FREE;
    }
    return n == m->size;
}

static uint64_t left_of(const struct model *m, uint64_t offset, uint64_t size)
{
    const uint64_t left = offset < m->size ? m->size - offset : 0;
    return left < size ? left : size;
}

/* What there is of a refusal. */
static void refused(const uint8_t *reply, size_t n)
{
    struct hv_reply head;
    if (n > sizeof(head) + 20) {
        memcpy(&head, reply, sizeof(head));
        MUST(head.failed == 1 && memmem(reply + sizeof(head), 20, "Error", 6) != NULL);
    }
}

/* HV_CALL_TOOL with an index, and where the reply goes. False: the machine has ended. */
static bool make(uint64_t index, uint64_t to, uint64_t size, uint64_t left)
{
    struct hv_request r = {0};
    struct model before = {.state = FREE};
    const uint64_t table = vm.shared->requests;
    int rc;
    vm.shared->call = (struct hv_call){.nr = HV_CALL_TOOL, .arg = {index, to, size}};
    bool good = index < HV_REQUESTS && in_ram(table, sizeof(r) * HV_REQUESTS);
    if (good) {
        memcpy(&r, vm.ram + table + index * sizeof(r), sizeof(r));
        before = models[index];
    }
    good = good && r.id != 0 && r.size <= HV_REQUEST_MAX && in_ram(r.bytes, r.size) &&
           before.state == FREE && in_ram(to, size);
    if (good) {
        making = &models[index];
        *making = (struct model){.state = OPEN};
    }
    const int64_t ret = called(HV_CALL_TOOL, index, to, size, 0, &rc);
    MUST(!good || left == 0 || rc == 0);
    MUST(good || (rc == RUN_STOP && outcome.kind == VMM_BROKEN));
    MUST(!good || left > 0 || (rc == RUN_STOP && outcome.kind == VMM_CALLS));
    if (rc != 0) {
        return false;
    }
    if (making->id == 0) { /* no function was called */
        MUST(ret > (int64_t)sizeof(struct hv_reply) && ret < 512);
        refused(vm.ram + to, size < (uint64_t)ret ? size : (uint64_t)ret);
        making->state = FREE;
        if (size < (uint64_t)ret) { /* the host has it: forget it */
            MUST(called(HV_CALL_FORGET, index, 0, 0, 0, &rc) == 0 && rc == 0);
        }
    } else if (making->state == OPEN) {
        MUST(ret == -EAGAIN);
    } else {
        MUST(ret == (int64_t)making->size);
        (void)given(making, 0, to, left_of(making, 0, size));
    }
    return true;
}

static bool reply_read(uint64_t index, uint64_t offset, uint64_t to, uint64_t size)
{
    int rc;
    struct model *m = index < HV_REQUESTS ? &models[index] : NULL;
    const bool good = m != NULL && m->state != FREE && in_ram(to, size);
    const int64_t ret = called(HV_CALL_REPLY, index, offset, to, size, &rc);
    MUST(good == (rc == 0));
    if (good && m->state == OPEN) {
        MUST(ret == -EAGAIN);
    } else if (good) {
        MUST(ret == (int64_t)left_of(m, offset, size));
        (void)given(m, offset < m->size ? offset : m->size, to, (uint64_t)ret);
    }
    return good;
}

static bool forget(uint64_t index)
{
    int rc;
    const bool good = index < HV_REQUESTS && models[index].state != FREE;
    (void)called(HV_CALL_FORGET, index, 0, 0, 0, &rc);
    MUST(good == (rc == 0));
    if (good) {
        models[index].state = FREE;
    }
    return good;
}

static void answered(void)
{
    int rc;
    unsigned untold = 0;
    const int64_t ret = called(HV_CALL_ANSWERED, 0, 0, 0, 0, &rc);
    for (unsigned i = 0; i < HV_REQUESTS; i++) {
        untold += models[i].state == ANSWERED && !models[i].told;
    }
    MUST(rc == 0 && (untold == 0) == (ret == -EAGAIN) &&
         untold == atomic_load(&vm.tools.untold) + (untold > 0));
    if (untold > 0) {
        MUST(ret >= 0 && ret < HV_REQUESTS && models[ret].state == ANSWERED && !models[ret].told);
        models[ret].told = true;
    }
}

/* The host answers an open call, or what is none. */
static void host_reply(uint64_t id, size_t size, bool failed)
{
    uint8_t bytes[1100];
    struct model *m = NULL;
    memset(bytes, 'r', sizeof(bytes));
    bytes[size < 3 ? size : 3] = 0;
    for (unsigned i = 0; i < HV_REQUESTS; i++) {
        m = models[i].state == OPEN && models[i].id == id ? &models[i] : m;
    }
    if (failed) {
        const int rc = vmm_reply_error(&vm, id, "T", (char *)bytes, &err);
        char text[8] = "T";
        const size_t n = 2 + strlen((char *)bytes);
        memcpy(text + 2, bytes, n - 2);
        MUST(rc == (m != NULL ? 0 : -ENOENT));
        if (m != NULL) {
            model_answer(m, true, text, n);
        }
        return;
    }
    const int rc = vmm_reply(&vm, id, bytes, size, &err);
    MUST(rc == (m == NULL ? -ENOENT : size > m->max_reply ? -E2BIG : 0));
    if (rc == 0) {
        model_answer(m, false, bytes, size);
    } else if (rc == -E2BIG) {
        char text[256] = "ValueError";
        const size_t n = sizeof("ValueError") + strlen(err.msg);
        memcpy(text + sizeof("ValueError"), err.msg, strlen(err.msg));
        model_answer(m, true, text, n);
    }
}

/* The id of the open call number `which`, or what is none. */
static uint64_t id_of(uint8_t which)
{
    struct vmm_call calls[HV_REQUESTS];
    size_t count, open = 0;
    MUST(vmm_calls(&vm, calls, HV_REQUESTS, &count) == 0);
    for (unsigned i = 0; i < HV_REQUESTS; i++) {
        open += models[i].state == OPEN;
    }
    MUST(count == open);
    return which < count ? calls[which].id : which;
}

static uint64_t take_number(struct fuzz_input *in, unsigned bytes)
{
    uint64_t n = 0;
    fuzz_take(in, &n, bytes);
    return n;
}

static bool step(struct fuzz_input *in, uint64_t *left)
{
    static const char *const names[] = {"echo", "late", "small", "none"};
    const uint8_t kind = fuzz_byte(in), index = fuzz_byte(in);
    struct hv_request r = {.id = 1, .bytes = BYTES + index * 16ull};
    uint64_t n;
    bool on;
    switch (kind % 10) {
    case 0: /* a request that a kernel could make */
        r.size = fuzz_byte(in) + 6u;
        vm.shared->requests = TABLE;
        memcpy(vm.ram + TABLE + index * sizeof(r), &r, sizeof(r));
        memset(vm.ram + r.bytes, 'x', r.size);
        memcpy(vm.ram + r.bytes, names[r.size % 4], strlen(names[r.size % 4]) + 1);
        on = make(index, BUFFER, take_number(in, 2) % 2048, *left);
        *left -= on;
        return on;
    case 1: /* what stands in the table */
        n = take_number(in, 8);
        on = make(index, n, take_number(in, 8), *left);
        *left -= on;
        return on;
    case 2: /* an entry of the table */
        fuzz_take(in, vm.ram + TABLE + index * sizeof(r), sizeof(r));
        return true;
    case 3:
        fuzz_take(in, &vm.shared->requests, sizeof(vm.shared->requests));
        return true;
    case 4:
        n = take_number(in, 2);
        return reply_read(index, n, BUFFER, take_number(in, 2) % 2048);
    case 5:
        n = take_number(in, 8);
        return reply_read(n, index, take_number(in, 8), take_number(in, 8));
    case 6:
        return forget(index);
    case 7:
        answered();
        return true;
    case 8:
        host_reply(id_of(index), take_number(in, 2) % 1100, index & 1);
        return true;
    default: /* the run is over, and another one begins */
        toolcalls_end(&vm);
        memset(models, 0, sizeof(models));
        toolcalls_set(&vm, &(struct vmm_run){.tools = *(struct vmm_tools **)vm.tools.arg,
                                             .tools_arg = vm.tools.arg});
        *left = UINT64_MAX;
        return true;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct vmm_tools *tools;
    uint64_t left = fuzz_byte(&in);
    MUST(vmm_tools_create(functions, sizeof(functions) / sizeof(functions[0]), &tools, &err) == 0);
    memset(&vm, 0, sizeof(vm));
    memset(models, 0, sizeof(models));
    vm.io = (struct vmm_io){.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    vm.ram_size = vm.ram_low = vm.ram_bound = RAM;
    vm.ram = aligned_alloc(HV_PAGE_SIZE, RAM);
    MUST(vm.ram != NULL);
    memset(vm.ram, 0, RAM);
    vm.shared = (struct hv_shared *)(void *)(vm.ram + HV_SHARED_GPA);
    vm.outcome = &outcome;
    vm.err = &err;
    toolcalls_set(&vm, &(struct vmm_run){.tools = tools, .tools_arg = &tools, .max_calls = left});
    left = left != 0 ? left : UINT64_MAX;
    for (unsigned i = 0; i < STEPS_MAX && in.size > 0 && step(&in, &left); i++) {
    }
    toolcalls_end(&vm);
    toolcalls_free(&vm);
    vmm_tools_destroy(tools);
    free(vm.ram);
    return 0;
}
