// SPDX-License-Identifier: Apache-2.0
/*
 * Records: what a guest gives beside its two streams goes to vmm_io.record, in order with the
 * streams and within the limit of output. Whatever a guest claims about one ends in words.
 */
#include "vt.h"

#include <signal.h>
#include <unistd.h>

#define WEIGHT (4 + 100 + VMM_RECORD_WEIGHT)
#define KIND   "a kind of 64 characters, which is the longest that a record has,"

/* What came, of all three streams, in order: "1before\n", "r4:100 "... */
struct taken {
    char order[256];
    size_t size;
    size_t bytes;
    unsigned records;
    unsigned refuse_at; /* the number of a record, from 1; 0: none is refused */
    int code;           /* with this */
    useconds_t us;      /* how long each takes */
    bool interrupted;   /* VMM_SIGNAL could have come */
    char last[16];      /* the first of the last record's bytes */
};

static void note(struct taken *taken, const char *bytes, size_t size)
{
    if (size < sizeof(taken->order) - taken->size) {
        memcpy(taken->order + taken->size, bytes, size);
        taken->size += size;
    }
}

static int on_write(void *arg, int stream, const void *bytes, size_t size)
{
    note(arg, stream == 1 ? "1" : "2", 1);
    note(arg, bytes, size);
    return 0;
}

static int on_record(void *arg, const char *kind, const void *bytes, size_t size)
{
    struct taken *taken = arg;
    char text[40];
    sigset_t set;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &set);
    taken->interrupted = taken->interrupted || sigismember(&set, VMM_SIGNAL) != 1;
    taken->records++;
    if (taken->us > 0) {
        (void)usleep(taken->us);
    }
    if (taken->records == taken->refuse_at) {
        return taken->code;
    }
    CHECK(strncmp(kind, KIND, strlen(kind)) == 0);
    (void)snprintf(text, sizeof(text), "r%zu:%zu ", strlen(kind), size);
    note(taken, text, strlen(text));
    taken->bytes += size;
    memcpy(taken->last, bytes, size < sizeof(taken->last) ? size : sizeof(taken->last));
    return 0;
}

static struct vmm_io taken_io(struct taken *taken)
{
    return (struct vmm_io){.stdin_fd = -1,
                           .stdout_fd = -1,
                           .stderr_fd = -1,
                           .write = on_write,
                           .write_arg = taken,
                           .record = on_record,
                           .record_arg = taken};
}

/* What is printed before a record comes before it, on both streams. */
static void t_order(void)
{
    struct taken taken = {0};
    const struct vmm_io io = taken_io(&taken);
    struct vmm *vm = vt_boot(&io);
    const struct vmm_outcome o = vt_run(vm, "record", "4 8388608 100");
    IS(o, VMM_EXITED, 0, "");
    CHECK(strcmp(taken.order, "1before\n2error\nr4:100 1after 0") == 0);
    CHECK(!taken.interrupted);
    CHECK_INT(o.counters.records, 1);
    CHECK_INT(o.counters.record_bytes, 104);
    CHECK_INT(o.counters.output_bytes, 20);
    vmm_destroy(vm);
}

/* The bytes are those of the guest: here of its shared page. */
static void t_bytes(void)
{
    struct taken taken = {0};
    const struct vmm_io io = taken_io(&taken);
    struct vmm *vm = vt_boot(&io);
    IS(vt_run(vm, "record", "64 4096 16"), VMM_EXITED, 0, "");
    const uint32_t magic = HV_SHARED_MAGIC;
    CHECK(memcmp(taken.last, &magic, sizeof(magic)) == 0);
    CHECK(strcmp(taken.order, "1before\n2error\nr64:16 1after 0") == 0);
    vmm_destroy(vm);
}

static void t_nobody(void)
{
    struct taken taken = {0};
    struct vmm_io io = taken_io(&taken);
    io.record = NULL;
    struct vmm *vm = vt_boot(&io);
    const struct vmm_outcome o = vt_run(vm, "record", "4 8388608 100");
    IS(o, VMM_EXITED, 0, "");
    CHECK(strcmp(taken.order, "1before\nafter -192error\n") == 0);
    CHECK(o.counters.records == 0 && o.counters.record_bytes == 0);
    vmm_destroy(vm);
}

/* Each is broken off before the caller sees anything of it. The last byte of memory may be given,
 * the one after may not. */
static void t_forged(void)
{
    static const struct {
        const char *name;
        const char *arg;
        const char *words; /* NULL: it is right */
    } rows[] = {
        {"record", "0 8388608 1", "a kind of 0 bytes"},
        {"record", "65 8388608 1", "a kind of 65 bytes"},
        {"record", "18446744073709551615 8388608 1", "a kind of 18446744073709551615 bytes"},
        {"record", "4 8388608 67108865", "a record of 67108865"},
        {"record", "4 8388608 18446744073709551615", "a record of 18446744073709551615"},
        {"record", "4 16777215 1", NULL},
        {"record", "4 16777216 0", NULL},
        {"record", "4 16777216 1", "0x1000000+0x1 is not in memory"},
        {"record", "4 8388608 67108864", "0x800000+0x4000000 is not in memory"},
        {"record", "4 18446744073709551615 2", "0xffffffffffffffff+0x2 is not in memory"},
        {"record", "4 1099511627776 0", "0x10000000000+0x0 is not in memory"},
        {"call", "1280 16777216 4 8388608 1", "0x1000000+0x4 is not in memory"},
        {"call", "1280 18446744073709551615 4 8388608 1", "is not in memory"},
        {"call", "1280 8388608 4 8388608 1", "the kind is not printable ASCII"},
        {"call", "1281 8388608 4 8388608 1", "unknown call 0x501 (record)"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct taken taken = {0};
        const struct vmm_io io = taken_io(&taken);
        struct vmm *vm = vt_boot(&io);
        const bool right = rows[i].words == NULL;
        IS(vt_run(vm, rows[i].name, rows[i].arg), right ? VMM_EXITED : VMM_BROKEN, 0,
           right ? "" : rows[i].words);
        CHECK_INT(taken.records, right ? 1 : 0);
        vmm_destroy(vm);
    }
}

static void t_output_max(void)
{
    static const struct {
        uint64_t max;
        const char *order;
    } rows[] = {
        {13, "1before\n2error\n"}, /* nothing is left for the record */
        {13 + WEIGHT - 1, "1before\n2error\n"},
        {13 + WEIGHT, "1before\n2error\nr4:100 "},
        {13 + WEIGHT + 1, "1before\n2error\nr4:100 1a"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vmm_err err;
        struct vmm_outcome o;
        struct taken taken = {0};
        const struct vmm_io io = taken_io(&taken);
        struct vmm *vm = vt_boot(&io);
        const char *const argv[] = {"record", "4 8388608 100", NULL};
        const struct vmm_run run = {.argv = argv, .cwd = "/", .max_output = rows[i].max};
        OK(vmm_run(vm, &run, &o, &err));
        IS(o, VMM_OUTPUT, 0, "more output than allowed");
        CHECK(strcmp(taken.order, rows[i].order) == 0);
        vmm_destroy(vm);
    }
}

/* A flood of records ends by the limit, also one of empty ones, whose kinds count, and by the
 * deadline. */
static void t_flood(void)
{
    static const char *const args[] = {"64 8388608 0", "64 8388608 300000"};
    for (size_t i = 0; i < 2; i++) {
        struct vmm_err err;
        struct vmm_outcome o;
        struct taken taken = {0};
        const struct vmm_io io = taken_io(&taken);
        struct vmm *vm = vt_boot(&io);
        const char *const argv[] = {"records", args[i], NULL};
        const struct vmm_run run = {.argv = argv, .cwd = "/", .max_output = 1000000};
        OK(vmm_run(vm, &run, &o, &err));
        IS(o, VMM_OUTPUT, 0, "");
        CHECK(o.counters.record_bytes <= 1000000 && o.counters.record_bytes > 500000);
        CHECK_INT(o.counters.record_bytes, taken.bytes + 64 * taken.records);
        vmm_destroy(vm);
    }
    struct taken taken = {.us = 20000};
    const struct vmm_io io = taken_io(&taken);
    vt_stuck(vt_boot(&io), "records", args[1]);
    CHECK(taken.records >= 2 && taken.records < 40 && !taken.interrupted);
}

/* The second one is refused. */
static void t_refused(void)
{
    static const struct {
        int code;
        int err; /* of vmm_run(); 0: VMM_PIPE_CLOSED */
    } rows[] = {{-EPIPE, 0}, {-ENOSPC, ENOSPC}, {-EAGAIN, EAGAIN}, {1, EINVAL}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vmm_err err;
        struct vmm_outcome o;
        struct taken taken = {.refuse_at = 2, .code = rows[i].code};
        const struct vmm_io io = taken_io(&taken);
        struct vmm *vm = vt_boot(&io);
        const char *const argv[] = {"records", "4 8388608 100", NULL};
        const struct vmm_run run = {.argv = argv, .cwd = "/", .timeout_ns = VT_TIMEOUT};
        if (rows[i].err != 0) {
            FAILS(vmm_run(vm, &run, &o, &err), rows[i].err, "a record: ");
        } else {
            OK(vmm_run(vm, &run, &o, &err));
            IS(o, VMM_PIPE_CLOSED, 0, "records");
            CHECK_INT(o.counters.records, 1);
        }
        CHECK_INT(taken.records, 2);
        vmm_destroy(vm);
    }
}

/* Taking records needs no system call that the jail has not. */
static void t_jailed(void)
{
    struct vmm_err err;
    struct taken taken = {0};
    const struct vmm_io io = taken_io(&taken);
    struct vmm *vm = vt_boot(&io);
    const struct vmm_jail jail = {.input_fd = -1, .snapshot_fd = -1};
    OK(vmm_jail(&jail, &err));
    IS(vt_run(vm, "record", "4 8388608 100"), VMM_EXITED, 0, "");
    CHECK(strcmp(taken.order, "1before\n2error\nr4:100 1after 0") == 0);
}

const struct vt_test vt_record_tests[] = {
    {"record-order", t_order},     {"record-bytes", t_bytes},           {"record-nobody", t_nobody},
    {"record-forged", t_forged},   {"record-max-output", t_output_max}, {"record-flood", t_flood},
    {"record-refused", t_refused}, {"record-jailed", t_jailed},         {NULL, NULL},
};
