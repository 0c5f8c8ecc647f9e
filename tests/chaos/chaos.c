// SPDX-License-Identifier: Apache-2.0
/*
 * chaos: random hostile runs in one machine. After each the machine is rewound. Then memory, vCPU
 * and an honest run have to be those of a fresh machine. What a seed does depends on nothing but
 * the seed. A seed that fails is tried alone in a fresh machine, and then with ever fewer of its
 * acts.
 */
#include "chaos.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAILURES_MAX 5u
#define FAULTS_MAX   20u /* the same when a fault is chosen: not all failures show what it is */

static const char usage[] =
    "usage: chaos [OPTION...]\n"
    "  -k KIND   bare (a small kernel of its own, the default) or python\n"
    "  -n SEEDS  how many (200)\n"
    "  -s SEED   the first one (1)\n"
    "  -l        only list the acts of the seeds\n"
    "  -v        tell how each hostile run ends\n"
    "  -f FAULT  leave out what a rewind needs, to see it missed; -f list says what there is\n"
    "  -x INSN   an instruction that is not used, as -l calls it: for hosts that break down\n"
    "  -t N      N times as much time for each run, for slow hosts\n"
    "  -H HOME   of the Python image (.pyhl)\n"
    "  -d DIR    where chaos was built (build/tests/chaos)\n";

struct options {
    bool python;
    bool list;
    bool verbose;
    uint64_t seeds;
    uint64_t first;
    uint64_t slow;
    const char *fault;
    const char *without;
    const char *home;
    const char *dir;
};

/* The results of all seeds. */
struct totals {
    uint64_t outcomes[VMM_BROKEN + 1];
    unsigned failures;
    uint64_t ns;
};

static void print_acts(const struct script *script)
{
    for (size_t i = 0; i < script->count; i++) {
        char text[256];
        script_describe(&script->acts[i], text, sizeof(text));
        printf("    %2zu %s\n", i + 1, text);
    }
}

/* Runs a seed in a machine that no other seed has touched. True when that then differs from a fresh
 * one. */
static bool fails_alone(struct subject_kind *kind, const struct script *script, enum step_way way,
                        struct why *why)
{
    struct subject s;
    *why = (struct why){0};
    if (subject_open(&s, kind, why) == 0) {
        (void)subject_step(&s, script, way, why);
    }
    subject_close(&s);
    return why->lines > 0;
}

/* Takes out each act that is not needed for the failure. */
static void minimise(struct subject_kind *kind, struct script *script, enum step_way way)
{
    struct why why;
    for (size_t i = script->count; i-- > 0 && script->count > 1;) {
        struct script fewer = *script;
        memmove(&fewer.acts[i], &fewer.acts[i + 1], (fewer.count - i - 1) * sizeof(struct act));
        fewer.count--;
        if (fails_alone(kind, &fewer, way, &why)) {
            *script = fewer;
        }
    }
}

static void report(struct subject_kind *kind, uint64_t seed, uint64_t before,
                   const struct script *script, enum step_way way, bool alone_too,
                   const struct why *why)
{
    static const char *const ways[] = {
        [STEP_LOOKED] = "",
        [STEP_STRAIGHT] = ", entered right after the rewind",
        [STEP_RENEWED] = ", renewed",
    };
    struct why alone;
    struct script fewer = *script;
    printf("FAIL %s seed %" PRIu64 " (number %" PRIu64 " in its machine%s)\n%s", kind->name, seed,
           before, ways[way], why->text);
    if (why->lines > WHY_LINES) {
        printf("... and %u more\n", why->lines - WHY_LINES);
    }
    printf("  its acts:\n");
    print_acts(script);
    if (!alone_too) {
        return;
    }
    if (!fails_alone(kind, script, way, &alone)) {
        printf("  alone in a fresh machine it passes\n");
        return;
    }
    minimise(kind, &fewer, way);
    printf("  alone in a fresh machine it fails, too: %.*s\n  needed for that:\n",
           (int)strcspn(alone.text, "\n"), alone.text);
    print_acts(&fewer);
}

/* How a seed's machine is put back: half of them go straight on. Few are renewed, since that is
 * slow. */
static enum step_way way_of(uint64_t seed)
{
    return seed % 2 == 0 ? STEP_STRAIGHT : seed % 8 == 5 ? STEP_RENEWED : STEP_LOOKED;
}

static void run_seeds(struct subject_kind *kind, const struct options *opt, struct totals *totals)
{
    struct why why = {0};
    struct script script;
    struct subject s = {.vm = NULL};
    const uint64_t began = os_clock_ns(CLOCK_MONOTONIC);
    const bool faulty = strcmp(opt->fault, "none") != 0;
    const unsigned most = faulty ? FAULTS_MAX : FAILURES_MAX;
    for (uint64_t i = 0; i < opt->seeds && totals->failures < most; i++) {
        const uint64_t seed = opt->first + i;
        if (s.vm == NULL && subject_open(&s, kind, &why) < 0) {
            printf("FAIL %s before seed %" PRIu64 "\n%s", kind->name, seed, why.text);
            totals->failures++;
            break;
        }
        script_make(&kind->world, seed, &script);
        const enum step_way way = way_of(seed);
        const struct vmm_outcome o = subject_step(&s, &script, way, &why);
        totals->outcomes[o.kind]++;
        if (opt->verbose) {
            printf("seed %" PRIu64 ": %zu acts, %s %d %s\n", seed, script.count,
                   subject_outcome_name(o.kind), o.status, o.detail);
        }
        if (why.lines > 0) {
            const uint64_t number = s.seeds;
            subject_close(&s);
            totals->failures++;
            report(kind, seed, number, &script, way, !faulty, &why);
            why = (struct why){0};
        }
    }
    subject_close(&s);
    totals->ns = os_clock_ns(CLOCK_MONOTONIC) - began;
}

static void count_word(const char *name, void *arg)
{
    (void)name;
    ++*(unsigned *)arg;
}

static void print_word(const char *name, void *arg)
{
    (void)arg;
    printf("not compared at the doorbell: %s\n", name);
}

static void print_totals(const struct subject_kind *kind, const struct options *opt,
                         const struct totals *t)
{
    uint64_t done = 0;
    unsigned words = 0;
    expect_free_words(&kind->expect, count_word, &words);
    printf("%s: seeds %" PRIu64 " to %" PRIu64 ", %.1f s;", kind->name, opt->first,
           opt->first + opt->seeds - 1, (double)t->ns / 1e9);
    for (enum vmm_outcome_kind i = 0; i <= VMM_BROKEN; i++) {
        if (t->outcomes[i] > 0) {
            printf(" %s %" PRIu64, subject_outcome_name(i), t->outcomes[i]);
            done += t->outcomes[i];
        }
    }
    printf(" (%" PRIu64 " runs); %zu MSRs, %u words not compared at the doorbell\n", done,
           vcpu_msr_count, words);
}

static uint64_t number(const char *text)
{
    char *end;
    errno = 0;
    const uint64_t n = strtoull(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0') {
        fprintf(stderr, "chaos: '%s' is not a number\n", text);
        exit(2);
    }
    return n;
}

static bool kind_is_python(const char *text)
{
    const bool python = strcmp(text, "python") == 0;
    if (!python && strcmp(text, "bare") != 0) {
        fprintf(stderr, "chaos: '%s' is no kind of machine: bare or python\n", text);
        exit(2);
    }
    return python;
}

static struct options options_parse(int argc, char **argv)
{
    struct options opt = {.seeds = 200,
                          .first = 1,
                          .slow = 1,
                          .fault = "none",
                          .home = ".pyhl",
                          .dir = "build/tests/chaos"};
    for (int c; (c = getopt(argc, argv, "k:n:s:lvf:x:t:H:d:")) >= 0;) {
        switch (c) {
        case 'k':
            opt.python = kind_is_python(optarg);
            break;
        case 'n':
            opt.seeds = number(optarg);
            break;
        case 's':
            opt.first = number(optarg);
            break;
        case 'l':
            opt.list = true;
            break;
        case 'v':
            opt.verbose = true;
            break;
        case 'f':
            opt.fault = optarg;
            break;
        case 'x':
            opt.without = insn_named(optarg)->name;
            break;
        case 't':
            opt.slow = number(optarg);
            break;
        case 'H':
            opt.home = optarg;
            break;
        case 'd':
            opt.dir = optarg;
            break;
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "chaos: '%s' is not expected\n", argv[optind]);
        exit(2);
    }
    return opt;
}

static void list_faults(void)
{
    for (size_t i = 1; faults[i].name != NULL; i++) {
        if (!faults[i].pvm_only || x86_is_pvm()) {
            printf("%s\t%s\t%s\n", faults[i].name, faults[i].shows, faults[i].what);
        }
    }
}

static void list_acts(const struct subject_kind *kind, const struct options *opt)
{
    for (uint64_t i = 0; i < opt->seeds; i++) {
        struct script script;
        script_make(&kind->world, opt->first + i, &script);
        printf("seed %" PRIu64 "\n", opt->first + i);
        print_acts(&script);
    }
}

int main(int argc, char **argv)
{
    const struct options opt = options_parse(argc, argv);
    struct why why = {0};
    struct totals totals = {0};
    struct subject_kind kind = {
        .name = opt.python ? "python" : "bare",
        .python = opt.python,
        .world = {.without = opt.without},
        .in = -1,
        .out = -1,
        .acts_ns = (opt.python ? 400 : 40) * NS_PER_MS * opt.slow,
        .honest_ns = 20000 * NS_PER_MS * opt.slow,
    };
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(opt.fault, "list") == 0) {
        list_faults();
        return 0;
    }
    if (fault_choose(opt.fault) < 0) {
        fprintf(stderr, "chaos: no fault '%s'; -f list says what there is\n", opt.fault);
        return 2;
    }
    const int rc = opt.python ? subject_kind_python(&kind, opt.dir, opt.home, &why)
                              : subject_kind_bare(&kind, opt.dir, &why);
    if (rc < 0) {
        printf("chaos cannot begin: %s", why.text);
        subject_kind_close(&kind);
        return 2;
    }
    if (opt.verbose) {
        expect_free_words(&kind.expect, print_word, NULL);
    }
    if (opt.list) {
        list_acts(&kind, &opt);
    } else {
        run_seeds(&kind, &opt, &totals);
        print_totals(&kind, &opt, &totals);
    }
    subject_kind_close(&kind);
    return totals.failures > 0;
}
