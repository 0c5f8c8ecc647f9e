// SPDX-License-Identifier: Apache-2.0
/*
 * The acts in words, for a developer who has to find out what a failing seed does.
 */
#include "chaos.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void describe_code(const struct act *act, char *text, size_t size)
{
    const char *name = insn_name(act->code, act->code_len);
    if (name != NULL) {
        (void)snprintf(text, size, "%s", name);
        return;
    }
    size_t used = (size_t)snprintf(text, size, "bytes");
    for (int i = 0; i < act->code_len && used < size; i++) {
        used += (size_t)snprintf(text + used, size - used, " %02x", act->code[i]);
    }
}

static void describe_insn(const struct act *act, char *text, size_t size)
{
    char code[96];
    const uint64_t *a = act->a;
    describe_code(act, code, sizeof(code));
    (void)snprintf(text, size,
                   "ring %d: %s%s; rax %" PRIx64 " rcx %" PRIx64 " rdx %" PRIx64 " rbx %s%" PRIx64
                   " rsi %" PRIx64 " rdi %" PRIx64,
                   (act->flags & ACT_AT_RING0) != 0 ? 0 : 3, code,
                   (act->flags & ACT_BELL) != 0 ? "; doorbell" : "", a[0], a[1], a[2],
                   (act->flags & ACT_SCRATCH) != 0 ? "scratch " : "", a[3], a[4], a[5]);
}

/* The names of each act's arguments. */
static const struct {
    const char *name;
    const char *args[6];
} acts[ACT_OPS] = {
    [ACT_NONE] = {"nothing", {NULL}},
    [ACT_RING0] = {"take ring 0", {NULL}},
    [ACT_POKE] = {"poke", {"at", "value"}},
    [ACT_PTE] = {"page table entry", {"for", "level", "and", "xor"}},
    [ACT_ALIAS] = {"alias", {"at", "frame", "flags", "write"}},
    [ACT_ROOT] = {"another root", {"entry", "becomes", "write at", "value"}},
    [ACT_CALL] = {"call", {"number", "arg0", "arg1", "arg2", "arg3", "arg4"}},
    [ACT_FILL] = {"fill", {"from", "pages", "stride", "value"}},
    [ACT_SMC] = {"self-modifying code", {"turns"}},
    [ACT_VECTORS] = {"vector state", {"seed", "tiles"}},
    [ACT_SPIN] = {"timer and spin", {"ns", "turns"}},
    [ACT_SWEEP] = {"MSR sweep", {"from", "count", "value"}},
    [ACT_PYTHON] = {"python", {"act", "seed", "amount"}},
};

void script_describe(const struct act *act, char *text, size_t size)
{
    if (act->op == ACT_INSN) {
        describe_insn(act, text, size);
        return;
    }
    size_t used = (size_t)snprintf(text, size, "%s", acts[act->op].name);
    for (int i = 0; i < 6 && acts[act->op].args[i] != NULL && used < size; i++) {
        used += (size_t)snprintf(text + used, size - used, " %s %" PRIx64, acts[act->op].args[i],
                                 act->a[i]);
    }
    if (used < size) {
        (void)snprintf(text + used, size - used, "%s%s%s",
                       (act->flags & ACT_FORCE) != 0 ? ", made writable" : "",
                       (act->flags & ACT_STAY) != 0 ? ", stays" : "",
                       (act->flags & ACT_BELL) != 0 ? ", doorbell" : "");
    }
}
