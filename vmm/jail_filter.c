// SPDX-License-Identifier: Apache-2.0
/*
 * Makes a program for seccomp(2) from the table. The kernel runs the program on every system call.
 * When it is installed, the kernel also runs it once for each number, to find the calls that are
 * allowed whatever their arguments. So the program looks for the number in a tree of comparisons,
 * not in a list. It is made and installed at each start, which takes 0.07 ms. With libseccomp the
 * same filter took 0.2 ms.
 */
#include "jail_int.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FILTER_CALLS_MAX 128
#define FILTER_JUMP_MAX  255u /* instructions that a conditional jump can skip */
#define FILTER_NOTHING   0xffu

static void filter_emit(struct jail_program *p, struct sock_filter insn)
{
    if (p->len == JAIL_CODE_MAX) {
        p->overflow = true;
        return;
    }
    p->code[p->len++] = insn;
}

static void filter_load(struct jail_program *p, size_t offset)
{
    filter_emit(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void filter_return(struct jail_program *p, uint32_t what)
{
    filter_emit(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what));
}

/* Stores the values that satisfy a row's argument. Returns how many, at most JAIL_IMAGES. With
 * 0 the row allows nothing. */
static size_t filter_values(const struct jail_arg *arg, const struct jail_terms *terms,
                            uint32_t values[JAIL_IMAGES])
{
    int one = -1;
    switch ((enum jail_must)arg->must) {
    case JAIL_MASKED:
        values[0] = arg->value;
        return 1;
    case JAIL_OUTPUT:
        for (size_t i = 0; i < terms->output_count; i++) {
            values[i] = (uint32_t)terms->outputs[i];
        }
        return terms->output_count;
    case JAIL_INPUT:
        one = terms->input_fd;
        break;
    case JAIL_FILE:
        one = terms->file_fd;
        break;
    case JAIL_PAGEMAP:
        one = terms->pagemap_fd;
        break;
    case JAIL_IMAGE:
        for (size_t i = 0; i < terms->image_count; i++) {
            values[i] = (uint32_t)terms->images[i];
        }
        return terms->image_count;
    case JAIL_INITRD:
        one = terms->initrd_fd;
        break;
    case JAIL_CHANNEL:
        one = terms->channel_fd;
        break;
    case JAIL_SELF:
        one = terms->self;
        break;
    case JAIL_KICK:
        one = VMM_SIGNAL;
        break;
    case JAIL_ANY:
        break;
    }
    values[0] = (uint32_t)one;
    return one >= 0;
}

static bool filter_is_masked(const struct jail_arg *arg)
{
    return arg->must == JAIL_MASKED && arg->mask != UINT32_MAX;
}

/* Emits code that goes on when the argument is one of the values, and jumps away otherwise. The
 * place of that jump is added to fails. */
static void filter_arg(struct jail_program *p, const struct jail_arg *arg, const uint32_t *values,
                       size_t count, size_t fails[], size_t *fail_count)
{
    if (p->loaded != arg->number) {
        filter_load(p, offsetof(struct seccomp_data, args) + arg->number * sizeof(uint64_t));
    }
    p->loaded = FILTER_NOTHING;
    if (filter_is_masked(arg)) {
        filter_emit(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, arg->mask));
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t found = (uint8_t)(count - 1 - i);
        filter_emit(p,
                    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, values[i], found, 0));
    }
    fails[(*fail_count)++] = p->len - 1;
}

/* Emits code that allows the call if the row does, and goes on after that code otherwise. */
static void filter_row(struct jail_program *p, const struct jail_row *row,
                       const struct jail_terms *terms)
{
    const size_t start = p->len;
    size_t fails[JAIL_ARGS];
    size_t fail_count = 0;
    for (size_t i = 0; i < JAIL_ARGS; i++) {
        uint32_t values[JAIL_IMAGES];
        if (row->args[i].must == JAIL_ANY) {
            continue;
        }
        const size_t count = filter_values(&row->args[i], terms, values);
        if (count == 0) {
            p->len = start;
            return;
        }
        filter_arg(p, &row->args[i], values, count, fails, &fail_count);
    }
    filter_return(p, SECCOMP_RET_ALLOW);
    for (size_t i = 0; i < fail_count && !p->overflow; i++) {
        p->code[fails[i]].jf = (uint8_t)(p->len - fails[i] - 1);
    }
    /* When a row's only condition fails, its argument is still in the accumulator. */
    if (fail_count == 1 && row->args[0].must != JAIL_ANY && !filter_is_masked(&row->args[0])) {
        p->loaded = row->args[0].number;
    }
}

struct filter_source {
    const struct jail_row *rows;
    size_t count;
    const struct jail_terms *terms;
    int calls[FILTER_CALLS_MAX]; /* that have a row, ascending */
    size_t call_count;
};

static bool filter_row_holds(const struct filter_source *s, const struct jail_row *row)
{
    return row->set == 0 || (row->set & s->terms->sets) != 0;
}

/* Emits all rows of one call. Where the tree leads here, the number is that of this call or of none
 * in the list. */
static void filter_call(struct jail_program *p, const struct filter_source *s, int call)
{
    const size_t at = p->len;
    filter_emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 0));
    p->loaded = FILTER_NOTHING;
    for (size_t i = 0; i < s->count; i++) {
        if (s->rows[i].call == call && filter_row_holds(s, &s->rows[i])) {
            filter_row(p, &s->rows[i], s->terms);
        }
    }
    p->overflow = p->overflow || p->len - at - 1 > FILTER_JUMP_MAX;
    if (!p->overflow) {
        p->code[at].jf = (uint8_t)(p->len - at - 1);
    }
    filter_return(p, SECCOMP_RET_KILL_PROCESS);
}

/* Makes the jump at `at` skip all code that follows it so far, when the number is k or above. */
static void filter_tree_jump(struct jail_program *p, size_t at, uint32_t k)
{
    const size_t over = p->len - at - 1;
    if (over > FILTER_JUMP_MAX) { /* too far for it: a jump of any length comes between */
        filter_emit(p, (struct sock_filter){0});
        if (p->overflow) {
            return;
        }
        memmove(&p->code[at + 2], &p->code[at + 1], over * sizeof(p->code[0]));
        p->code[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, k, 0, 1);
        p->code[at + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, (uint32_t)over, 0, 0);
        return;
    }
    p->code[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, k, (uint8_t)over, 0);
}

/* Emits the calls [first, end) of the list as a tree. */
static void filter_tree(struct jail_program *p, const struct filter_source *s, size_t first,
                        size_t end)
{
    if (end - first == 1) {
        filter_call(p, s, s->calls[first]);
        return;
    }
    const size_t middle = first + (end - first) / 2;
    const size_t at = p->len;
    filter_emit(p, (struct sock_filter){0});
    filter_tree(p, s, first, middle);
    if (!p->overflow) {
        filter_tree_jump(p, at, (uint32_t)s->calls[middle]);
    }
    filter_tree(p, s, middle, end);
}

static int filter_compare(const void *a, const void *b)
{
    const int x = *(const int *)a;
    const int y = *(const int *)b;
    return (x > y) - (x < y);
}

/* The numbers of the calls that have a row, each once, ascending; false when there are too many. */
static bool filter_calls(struct filter_source *s)
{
    size_t all = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (!filter_row_holds(s, &s->rows[i]) ||
            (all > 0 && s->rows[i].call == s->calls[all - 1])) {
            continue;
        }
        if (all == FILTER_CALLS_MAX) {
            return false;
        }
        s->calls[all++] = s->rows[i].call;
    }
    qsort(s->calls, all, sizeof(s->calls[0]), filter_compare);
    s->call_count = 0;
    for (size_t i = 0; i < all; i++) {
        if (s->call_count == 0 || s->calls[i] != s->calls[s->call_count - 1]) {
            s->calls[s->call_count++] = s->calls[i];
        }
    }
    return s->call_count > 0;
}

void jail_compile(const struct jail_row *rows, size_t count, const struct jail_terms *terms,
                  struct jail_program *program)
{
    struct filter_source source = {.rows = rows, .count = count, .terms = terms};
    program->len = 0;
    program->overflow = !filter_calls(&source);
    filter_load(program, offsetof(struct seccomp_data, arch));
    filter_emit(program,
                (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
    filter_return(program, SECCOMP_RET_KILL_PROCESS);
    filter_load(program, offsetof(struct seccomp_data, nr));
    if (!program->overflow) {
        filter_tree(program, &source, 0, source.call_count);
    }
}
