// SPDX-License-Identifier: Apache-2.0
/*
 * images/runframe.c, which the kernel and drivers read runs with: frames made byte by byte here,
 * right ones, ones of a newer host, and each thing that can be wrong.
 */
#include "unit.h"

#include "images/runframe.h"
#include "vmm/abi.h"

#include <string.h>

struct made {
    unsigned char bytes[1024];
    size_t size;
};

static void put(struct made *m, const void *bytes, size_t size)
{
    memcpy(m->bytes + m->size, bytes, size);
    m->size += size;
}

static void put_u32(struct made *m, uint32_t value)
{
    put(m, &value, sizeof(value));
}

static void put_u64(struct made *m, uint64_t value)
{
    put(m, &value, sizeof(value));
}

/* A header of header_size bytes, of which what is new is not zero. */
static void begin(struct made *m, uint32_t header_size)
{
    memset(m, 0, sizeof(*m));
    put_u32(m, header_size);
    put_u32(m, HV_RUN_CODE);
    put_u32(m, HV_RESUME_DETERMINISTIC);
    put_u32(m, 0);
    while (m->size < header_size) {
        put(m, "\xff", 1);
    }
}

static void add(struct made *m, uint32_t kind, const void *bytes, size_t length)
{
    put_u32(m, kind);
    put_u32(m, 0);
    put_u64(m, length);
    put(m, bytes, length);
    while (m->size % 8 != 0) {
        put(m, "", 1);
    }
}

static void right(uint32_t header_size)
{
    struct made m;
    char *list[4] = {0};
    size_t length = 99;
    begin(&m, header_size);
    add(&m, HV_RECORD_SOURCE, "a\0b", 3);
    add(&m, 4000, "from the future", 15);
    add(&m, HV_RECORD_ARGV, "-c\0\0long one", 13);
    add(&m, HV_RECORD_CWD, "/", 2);
    CHECK(runframe_check(m.bytes, m.size) == NULL);
    CHECK(runframe_mode(m.bytes) == HV_RUN_CODE);
    CHECK(runframe_flags(m.bytes) == HV_RESUME_DETERMINISTIC);
    CHECK(memcmp(runframe_bytes(m.bytes, m.size, HV_RECORD_SOURCE, &length), "a\0b", 3) == 0);
    CHECK(length == 3);
    CHECK(strcmp(runframe_bytes(m.bytes, m.size, HV_RECORD_ENV, &length), "") == 0);
    CHECK(length == 0);
    CHECK(runframe_strings(m.bytes, m.size, HV_RECORD_ENV, list, 4) == 0 && list[0] == NULL);
    CHECK(runframe_strings(m.bytes, m.size, HV_RECORD_ARGV, list, 2) == 3);
    CHECK(strcmp(list[0], "-c") == 0 && strcmp(list[1], "") == 0 && list[2] == NULL);
    CHECK(runframe_strings(m.bytes, m.size, HV_RECORD_ARGV, list, 4) == 3);
    CHECK(strcmp(list[2], "long one") == 0);
}

static void t_right(void)
{
    right(sizeof(struct hv_run));
}

static void t_newer(void)
{
    right(sizeof(struct hv_run) + 64);
}

/* The frame is the header alone. */
static void t_bare(void)
{
    struct made m;
    size_t length;
    begin(&m, sizeof(struct hv_run));
    CHECK(runframe_check(m.bytes, m.size) == NULL);
    CHECK(runframe_bytes(m.bytes, m.size, HV_RECORD_SOURCE, &length) != NULL && length == 0);
}

static bool says(const struct made *m, const char *what)
{
    const char *said = runframe_check(m->bytes, m->size);
    return said != NULL && strstr(said, what) != NULL;
}

static void t_header(void)
{
    struct made m;
    begin(&m, sizeof(struct hv_run));
    for (m.size = 0; m.size < sizeof(struct hv_run); m.size++) {
        CHECK(says(&m, "shorter than its header"));
    }
    begin(&m, sizeof(struct hv_run) + 4);
    CHECK(says(&m, "no valid size"));
    begin(&m, sizeof(struct hv_run) + 8);
    m.size -= 8;
    CHECK(says(&m, "no valid size"));
    begin(&m, sizeof(struct hv_run));
    m.bytes[0] = 8;
    CHECK(says(&m, "no valid size"));
}

/* A record whose length says `length` of 8 bytes that are there. */
static bool length_says(uint64_t length, const char *what)
{
    struct made m;
    begin(&m, sizeof(struct hv_run));
    put_u64(&m, HV_RECORD_SOURCE);
    put_u64(&m, length);
    put(&m, "12345678", 8);
    return what == NULL ? runframe_check(m.bytes, m.size) == NULL : says(&m, what);
}

static void t_lengths(void)
{
    CHECK(length_says(1, NULL) && length_says(8, NULL));
    CHECK(length_says(0, "longer") || length_says(0, "inside a record's header"));
    CHECK(length_says(9, "longer than the frame"));
    CHECK(length_says(UINT64_MAX, "longer than the frame"));
    CHECK(length_says(UINT64_MAX - 6, "longer than the frame"));
    CHECK(length_says(1ull << 63, "longer than the frame"));
}

static void t_records(void)
{
    struct made m;
    begin(&m, sizeof(struct hv_run));
    add(&m, HV_RECORD_CWD, "/", 2);
    add(&m, HV_RECORD_CWD, "/", 2);
    CHECK(says(&m, "of one kind"));
    static const uint32_t strings[] = {HV_RECORD_OPTIONS, HV_RECORD_ARGV,    HV_RECORD_ENV,
                                       HV_RECORD_CWD,     HV_RECORD_CONTEXT, HV_RECORD_TOOLS};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        begin(&m, sizeof(struct hv_run));
        add(&m, strings[i], "no end", 6);
        CHECK(says(&m, "does not end"));
    }
    begin(&m, sizeof(struct hv_run));
    add(&m, HV_RECORD_SOURCE, "no end", 6);
    CHECK(runframe_check(m.bytes, m.size) == NULL);
    m.size -= 4;
    CHECK(says(&m, "longer than the frame"));
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"runframe right", t_right},
        {"runframe of a newer host", t_newer},
        {"runframe bare", t_bare},
        {"runframe header", t_header},
        {"runframe lengths", t_lengths},
        {"runframe records", t_records},
        {0},
    };

    return unit_run(tests);
}
