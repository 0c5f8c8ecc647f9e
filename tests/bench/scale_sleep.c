// SPDX-License-Identifier: Apache-2.0
/*
 * What sleeping VMs cost. Each sleeps in time.sleep() on a thread of its own. Prints the process's
 * CPU time and context switches over a second in which nothing else goes on.
 */
#include "scale.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define STACK_SIZE (256u << 10)
#define SETTLE_S   1

struct sleeper {
    struct vmm *vm;
    const char *code;
    pthread_t thread;
    uint64_t exits;
};

static void *sleeper_main(void *arg)
{
    struct sleeper *s = arg;
    struct vmm_err err;
    if (vmm_rewind(s->vm, &err) < 0) {
        die("%s", err.msg);
    }
    s->exits = pool_run(s->vm, s->code).counters.exits;
    return NULL;
}

static double cpu_ms(const struct rusage *use)
{
    return (double)(use->ru_utime.tv_sec + use->ru_stime.tv_sec) * 1e3 +
           (double)(use->ru_utime.tv_usec + use->ru_stime.tv_usec) / 1e3;
}

static void sleep_row(struct scale *scale, size_t n, unsigned seconds)
{
    char code[64];
    struct rusage before;
    struct rusage after;
    uint64_t most = 0;
    pthread_attr_t attr;
    struct sleeper *s = calloc(n, sizeof(*s));
    (void)snprintf(code, sizeof(code), "import time; time.sleep(%u)", seconds);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_SIZE);
    for (size_t i = 0; i < n; i++) {
        s[i] = (struct sleeper){.vm = scale->vm[i], .code = code};
        if (pthread_create(&s[i].thread, &attr, sleeper_main, &s[i]) != 0) {
            die("cannot start %zu threads", n);
        }
    }
    (void)sleep(seconds - SETTLE_S - 1);
    (void)getrusage(RUSAGE_SELF, &before);
    (void)usleep(1000000);
    (void)getrusage(RUSAGE_SELF, &after);
    for (size_t i = 0; i < n; i++) {
        (void)pthread_join(s[i].thread, NULL);
        most = s[i].exits > most ? s[i].exits : most;
    }
    printf("| %zu | %.2f | %ld | %llu |\n", n, cpu_ms(&after) - cpu_ms(&before),
           after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw,
           (unsigned long long)most);
    (void)fflush(stdout);
    (void)pthread_attr_destroy(&attr);
    free(s);
}

void table_sleep(struct scale *scale)
{
    printf("\n### Sleeping VMs\n\n`time.sleep()` in each, on as many threads; the process over one "
           "second of it.\n\n| VMs | CPU, ms | context switches | VM exits of a whole run, at most "
           "|\n| --- | --- | --- | --- |\n");
    sleep_row(scale, 1, 3);
    if (scale->vms > 1) {
        sleep_row(scale, scale->vms, 6);
    }
}
