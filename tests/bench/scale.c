// SPDX-License-Identifier: Apache-2.0
/*
 * scale HOME [--vms N] [--seconds S] [--pyhl PATH]: many VMs at once in one process. Prints
 * Markdown tables: what VMs and processes share, time to the first output of fresh VMs, memory as
 * their number grows to N (1,000), what sleeping VMs cost, and throughput. S is how long each
 * throughput is measured (0.3). The figures are printed, not judged. Ratios and counts can be
 * trusted, absolute times only on a machine left alone.
 */
#include "scale.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SMALL_OUTPUT 17u
static const char print_code[] = "print(1)";
static const char small_code[] =
    "import json, hashlib\n"
    "rows = [{'id': n, 'name': f'user{n % 37}'} for n in range(100)]\n"
    "text = json.dumps(rows)\n"
    "print(hashlib.sha256(json.dumps(json.loads(text)).encode()).hexdigest()[:16])\n";

/* The throughput of warm runs with so many VMs alive. */
struct rung {
    size_t vms;
    struct rate one;   /* print(1) on one thread */
    struct rate cores; /* on one thread for each core */
    struct rate crowd; /* on more threads than cores */
    struct rate small; /* the other script, on one thread for each core */
};

static double per_core(const struct scale *scale, const struct rate *rate, size_t threads)
{
    const double cores = (double)(threads < scale->cores ? threads : scale->cores);
    return (double)rate->runs / rate->wall_s / cores;
}

static double cpu_us(const struct rate *rate)
{
    return rate->cpu_s * 1e6 / (double)rate->runs;
}

static void rung_measure(struct scale *scale, struct rung *rung)
{
    rung->vms = scale->count;
    rung->one = pool_rate(scale, 1, print_code, 2);
    rung->cores = pool_rate(scale, scale->cores, print_code, 2);
    rung->crowd = pool_rate(scale, 4 * scale->cores, print_code, 2);
    rung->small = pool_rate(scale, scale->cores, small_code, SMALL_OUTPUT);
}

static void throughput_print(const struct scale *scale, const struct rung *rungs, size_t count)
{
    printf(
        "\n### Throughput of warm runs by VMs alive\n\nRewind and run, each thread going round its "
        "own VMs; runs a second and core (%zu cores), CPU time a run, and both against one VM "
        "on one thread. \"small\" is a script of json and hashlib.\n\n"
        "| VMs | print(1), 1 thread | %zu threads | of one VM | %zu threads | of one VM | CPU, us "
        "| of one VM | small, %zu threads | CPU, us | of one VM |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        scale->cores, scale->cores, 4 * scale->cores, scale->cores);
    const double base = per_core(scale, &rungs[0].one, 1);
    const double base_cpu = cpu_us(&rungs[0].one);
    const double base_small = cpu_us(&rungs[0].small);
    for (const struct rung *r = rungs; r < rungs + count; r++) {
        const double cores = per_core(scale, &r->cores, r->vms);
        const double crowd = per_core(scale, &r->crowd, r->vms);
        printf("| %zu | %.0f | %.0f | %.2f | %.0f | %.2f | %.0f | %.2f | %.0f | %.0f | %.2f |\n",
               r->vms, per_core(scale, &r->one, 1), cores, cores / base, crowd, crowd / base,
               cpu_us(&r->cores), cpu_us(&r->cores) / base_cpu, per_core(scale, &r->small, r->vms),
               cpu_us(&r->small), cpu_us(&r->small) / base_small);
    }
}

/* Measures with all VMs that are alive, then with fewer and fewer, down to one. */
static void table_throughput(struct scale *scale)
{
    struct rung rungs[SCALE_RUNGS] = {{0}};
    const size_t count = pool_rungs(scale);
    for (size_t i = count; i-- > 0;) {
        pool_shrink(scale, pool_rung(scale, i));
        rung_measure(scale, &rungs[i]);
    }
    throughput_print(scale, rungs, count);
    (void)fflush(stdout);
}

static void limits_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void snapshot_open(struct scale *scale)
{
    char path[PATH_MAX];
    char initrd[PATH_MAX];
    struct vmm_err err;
    (void)snprintf(path, sizeof(path), "%s/snapshot", scale->home);
    (void)snprintf(initrd, sizeof(initrd), "%s/initrd.cpio", scale->home);
    if (vmm_snapshot_open(path, initrd, NULL, &scale->snap, &err) < 0) {
        die("%s", err.msg);
    }
}

static void usage(void)
{
    (void)fprintf(stderr, "usage: scale HOME [--vms N] [--seconds S] [--pyhl PATH]\n");
    exit(2);
}

static void options(struct scale *scale, int argc, char **argv)
{
    static const struct option known[] = {{"vms", required_argument, NULL, 'n'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"pyhl", required_argument, NULL, 'p'},
                                          {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) >= 0;) {
        if (c == 'n') {
            scale->vms = strtoul(optarg, NULL, 10);
        } else if (c == 's') {
            scale->seconds = strtod(optarg, NULL);
        } else if (c == 'p') {
            scale->pyhl = optarg;
        } else {
            usage();
        }
    }
    if (optind != argc - 1 || scale->vms == 0 || scale->seconds <= 0) {
        usage();
    }
    scale->home = argv[optind];
}

int main(int argc, char **argv)
{
    struct scale scale = {.pyhl = access("build/pyhl", X_OK) == 0 ? "build/pyhl" : NULL,
                          .vms = 1000,
                          .cores = (size_t)sysconf(_SC_NPROCESSORS_ONLN),
                          .seconds = 0.3,
                          .grow_until = UINT64_MAX};
    options(&scale, argc, argv);
    limits_raise();
    scale.vm = calloc(scale.vms, sizeof(*scale.vm));
    snapshot_open(&scale);
    table_sharing(&scale);
    table_first_output(&scale);
    table_memory(&scale);
    table_sleep(&scale);
    table_throughput(&scale);
    pool_shrink(&scale, 0);
    free(scale.vm);
    vmm_snapshot_close(scale.snap);
    return 0;
}
