// SPDX-License-Identifier: Apache-2.0
#include "owners.h"
#include "report.h"
#include "value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- limits, as a user writes them --- */

/* Cuts the time off a rate: "10/s" is then "10". */
static bool rate_period(char *text, double *seconds)
{
    static const struct {
        const char *name;
        double seconds;
    } periods[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
    char *slash = strchr(text, '/');

    *seconds = 0;
    for (size_t i = 0; slash != NULL && i < sizeof(periods) / sizeof(periods[0]); i++) {
        if (strcmp(slash + 1, periods[i].name) == 0) {
            *seconds = periods[i].seconds;
            *slash = 0;
            return true;
        }
    }
    return slash == NULL;
}

static int rate_parse(const char *what, const char *text, struct owner_rate *rate,
                      struct vmm_err *err)
{
    char number[32] = "";
    uint64_t ns;

    if (strlen(text) < sizeof(number)) {
        memcpy(number, text, strlen(text) + 1);
    }
    if (!rate_period(number, &rate->seconds) || value_seconds(what, number, &ns, err) < 0) {
        return vmm_err_set(err, EINVAL,
                           "%s=%.60s: give a number over 0, and a time, such as 10/s "
                           "(s, min, h, d)",
                           what, text);
    }
    rate->amount = (double)ns / 1e9;
    return 0;
}

int owner_limit_parse(const char *text, struct owner_limits *limits, struct vmm_err *err)
{
    const char *value = strchr(text, '=');
    const size_t size = value != NULL ? (size_t)(value - text) : 0;

    if (size == 8 && strncmp(text, "sessions", size) == 0) {
        return value_count("sessions", value + 1, &limits->sessions, err);
    }
    if (size == 6 && strncmp(text, "memory", size) == 0) {
        return value_size("memory", value + 1, &limits->memory, err);
    }
    if (size == 4 && strncmp(text, "runs", size) == 0) {
        return rate_parse("runs", value + 1, &limits->runs, err);
    }
    if (size == 3 && strncmp(text, "cpu", size) == 0) {
        return rate_parse("cpu", value + 1, &limits->cpu, err);
    }
    return vmm_err_set(err, EINVAL,
                       "'%.60s' is no limit: they are sessions=N, runs=N/s, cpu=SECONDS/h and "
                       "memory=SIZE",
                       text);
}

/* --- owners --- */

struct owner *owner_find(struct owner_list *list, const char *name)
{
    struct owner *owner;

    LIST_FOREACH (owner, list, link) {
        if (strcmp(owner->name, name) == 0) {
            return owner;
        }
    }
    owner = calloc(1, sizeof(*owner));
    if (owner != NULL) {
        (void)snprintf(owner->name, sizeof(owner->name), "%s", name);
        LIST_INSERT_HEAD(list, owner, link);
    }
    return owner;
}

void owners_free(struct owner_list *list)
{
    while (!LIST_EMPTY(list)) {
        struct owner *owner = LIST_FIRST(list);

        LIST_REMOVE(owner, link);
        free(owner);
    }
}

/* What a rate has left now. It fills up evenly, to its amount. */
static double budget_left(const struct owner_budget *budget, const struct owner_rate *rate,
                          uint64_t now)
{
    const double passed = (double)(now - budget->at_ns) / 1e9;
    double left = budget->left;

    if (budget->at_ns == 0) {
        return rate->amount;
    }
    left += rate->seconds > 0 ? passed * rate->amount / rate->seconds : 0;
    return left < rate->amount ? left : rate->amount;
}

/* What was used may be more than what is left. */
static void budget_use(struct owner_budget *budget, const struct owner_rate *rate, double amount)
{
    const uint64_t now = report_now();

    budget->left = budget_left(budget, rate, now) - amount;
    budget->at_ns = now;
}

static bool owner_memory(const struct owner *owner, uint64_t memory, struct request_error *error)
{
    const uint64_t most = owner->limits.memory;

    return most == 0 || (owner->memory <= most && memory <= most - owner->memory) ||
           request_wrong(error, "Busy",
                         "'%s' has VMs of %llu bytes, and may have %llu: %llu more are too many",
                         owner->name, (unsigned long long)owner->memory, (unsigned long long)most,
                         (unsigned long long)memory);
}

bool owner_session(struct owner *owner, uint64_t memory, struct request_error *error)
{
    if (owner->limits.sessions != 0 && owner->sessions >= owner->limits.sessions) {
        return request_wrong(error, "Busy", "'%s' has %zu sessions, and may have no more",
                             owner->name, owner->sessions);
    }
    if (!owner_memory(owner, memory, error)) {
        return false;
    }
    owner->sessions++;
    owner->memory += memory;
    return true;
}

void owner_session_over(struct owner *owner, uint64_t memory)
{
    owner->sessions--;
    owner->memory -= memory;
}

/* Says that a rate is used up. */
static bool owner_used(const struct owner *owner, const char *what, const struct owner_rate *rate,
                       struct request_error *error)
{
    return rate->seconds > 0 ? request_wrong(error, "Busy", "'%s' has used up its %s: %g in %g s",
                                             owner->name, what, rate->amount, rate->seconds)
                             : request_wrong(error, "Busy", "'%s' has used up its %s: %g in all",
                                             owner->name, what, rate->amount);
}

bool owner_run(struct owner *owner, uint64_t memory, struct request_error *error)
{
    const struct owner_limits *limits = &owner->limits;
    const uint64_t now = report_now();

    if (limits->runs.amount > 0 && budget_left(&owner->runs, &limits->runs, now) < 1) {
        return owner_used(owner, "runs", &limits->runs, error);
    }
    if (limits->cpu.amount > 0 && budget_left(&owner->cpu, &limits->cpu, now) <= 0) {
        return owner_used(owner, "seconds of CPU time", &limits->cpu, error);
    }
    if (!owner_memory(owner, memory, error)) {
        return false;
    }
    budget_use(&owner->runs, &limits->runs, 1);
    owner->memory += memory;
    return true;
}

void owner_run_over(struct owner *owner, uint64_t memory, uint64_t cpu_ns)
{
    budget_use(&owner->cpu, &owner->limits.cpu, (double)cpu_ns / 1e9);
    owner->memory -= memory;
}

uint64_t owner_cpu_ns(const struct owner *owner, uint64_t most_ns)
{
    const struct owner_rate *rate = &owner->limits.cpu;
    const double left = budget_left(&owner->cpu, rate, report_now());
    const uint64_t ns = left > 0.001 ? (uint64_t)(left * 1e9) : 1000000;

    if (rate->amount <= 0) {
        return most_ns;
    }
    return most_ns != 0 && most_ns < ns ? most_ns : ns;
}
