// SPDX-License-Identifier: Apache-2.0
/*
 * Recipe: files in and out, with the entries and the order that a kernel gives, and with others.
 */
#include "script_int.h"

#include <sys/stat.h>

#define FILES_ROOM 0x20000u /* an entry and a buffer, in memory that nobody else uses */
#define DATA_AT    0x4000u
#define ENTRY_SIZE 40u

static void store(struct maker *m, uint64_t at, uint64_t value)
{
    struct act *act = script_add(m, ACT_POKE);
    act->a[0] = at;
    act->a[1] = rng_percent(&m->rng, 97) ? value : script_value(m);
}

static void doorbell(struct maker *m, uint32_t number, uint64_t a, uint64_t b, uint64_t c,
                     uint64_t d)
{
    struct act *act = script_add(m, ACT_CALL);
    const uint64_t args[] = {a, b, c, d};
    act->flags = ACT_BELL;
    act->a[0] = number;
    for (int i = 0; i < 4; i++) {
        act->a[i + 1] = rng_percent(&m->rng, 97) ? args[i] : script_value(m);
    }
}

/* An entry with a path of `length` bytes, 7 at most. */
static void make_entry(struct maker *m, uint64_t at, uint64_t path, uint64_t length, uint32_t mode)
{
    const struct hv_file file = {
        .size = script_below(m, 0x8000), .mode = mode, .path_length = (uint16_t)length};
    const uint64_t *words = (const uint64_t *)(const void *)&file;
    for (unsigned i = 0; i < sizeof(file) / sizeof(*words); i++) {
        store(m, at + i * sizeof(*words), words[i]);
    }
    store(m, at + sizeof(file), path);
    doorbell(m, HV_CALL_FILE_MAKE, at, ENTRY_SIZE, 0, 0);
}

void make_files(struct maker *m)
{
    static const uint64_t paths[] = {0x61 /* a */, 0x622f61 /* a/b */, 0x2e2e /* .. */, 0x63};
    static const uint8_t lengths[] = {1, 3, 2, 1};
    const struct script_world *w = m->world;
    const uint64_t room = w->ram_size - w->data_end - FILES_ROOM;
    const uint64_t at = (w->data_end + script_below(m, room)) & ~(HV_PAGE_SIZE - 1ull);
    doorbell(m, HV_CALL_FILES_NEXT, at + DATA_AT, 0x10000, 0, 0);
    doorbell(m, HV_CALL_FILE_READ, script_below(m, 3), script_below(m, 0x4000), at + DATA_AT,
             script_below(m, 0x10000));
    doorbell(m, HV_CALL_FILES_WANTED, at + DATA_AT, HV_PATH_MAX, 0, 0);
    make_entry(m, at, 0, 0, S_IFDIR | 0755);
    for (uint64_t n = script_below(m, 5); n > 0; n--) {
        const uint64_t which = script_below(m, rng_percent(&m->rng, 80) ? 1 : 4);
        make_entry(m, at, paths[which], lengths[which],
                   rng_percent(&m->rng, 50) ? S_IFDIR | 0755 : S_IFREG | 04644);
        doorbell(m, HV_CALL_FILE_WRITE, at + DATA_AT, script_below(m, 0x4000), 0, 0);
    }
    doorbell(m, HV_CALL_FILE_FAILED, at + DATA_AT, script_below(m, 100), script_below(m, 200),
             rng_percent(&m->rng, 5));
}
