// SPDX-License-Identifier: Apache-2.0
/*
 * A case that makes the calls which the run's source lists, whatever they are: so a test writes the
 * records of a hostile guest itself.
 */
#include "guest.h"

/* As vt_files.c writes them. */
struct step {
    uint64_t nr; /* of the call; 0: prints so many bytes of the scratch memory */
    uint64_t arg[4];
    uint64_t size; /* of the bytes that follow, padded to 8 */
};
#define STEP_BYTES   UINT64_MAX       /* as an argument: the address of the step's bytes */
#define STEP_SCRATCH (UINT64_MAX - 1) /* that of the scratch memory */
#define SCRATCH      0xa00000ull

static uint64_t value(uint64_t arg, const struct step *step)
{
    return arg == STEP_BYTES     ? (uint64_t)(uintptr_t)(step + 1)
           : arg == STEP_SCRATCH ? SCRATCH
                                 : arg;
}

/* Prints each answer in a line, negative ones with a minus. */
static void do_files(const char *arg)
{
    const uint8_t *at = run_source(), *end = at + run_source_size();
    while (at < end) {
        const struct step *s = (const struct step *)(const void *)at;
        if (s->nr == 0) {
            put(&SHARED->out, HV_STDOUT_GPA, (const char *)(uintptr_t)SCRATCH, s->arg[0]);
        } else {
            const int64_t ret = call((uint32_t)s->nr, value(s->arg[0], s), value(s->arg[1], s),
                                     value(s->arg[2], s), value(s->arg[3], s));
            say(ret < 0 ? "-" : "");
            say_number((uint64_t)(ret < 0 ? -ret : ret));
            say("\n");
        }
        at += sizeof(*s) + (s->size + 7) / 8 * 8;
    }
    quit(HV_EXIT_STATUS, text_number(arg), "");
}

const struct guest_case files_cases[] = {{"files", do_files}, {0, 0}};
