// SPDX-License-Identifier: Apache-2.0
/*
 * Who has sessions and runs: owners, and how much each may have. An owner that nobody has named
 * limits for may have as much as the server has.
 */
#ifndef PYHL_OWNERS_H
#define PYHL_OWNERS_H

#include "request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define OWNER_NAME 63u /* bytes, at most */

/* So much in so many seconds. */
struct owner_rate {
    double amount;  /* 0: without a limit */
    double seconds; /* 0: as long as the server lives */
};

/* 0: without a limit. */
struct owner_limits {
    uint64_t sessions; /* at a time */
    uint64_t memory;   /* bytes, of all VMs that it has at a time, each with its limit */
    struct owner_rate runs;
    struct owner_rate cpu; /* seconds */
};

/* What is left of a rate. */
struct owner_budget {
    double left;
    uint64_t at_ns; /* when that was; 0: it was never used */
};

struct owner {
    LIST_ENTRY(owner) link;
    char name[OWNER_NAME + 1];
    struct owner_limits limits;
    struct owner_budget runs, cpu;
    size_t sessions; /* open */
    uint64_t memory; /* of its VMs */
};
LIST_HEAD(owner_list, owner);

/* Reads `NAME=VALUE`, one of sessions=N, memory=SIZE, runs=N/s, cpu=SECONDS/h. A rate is by s, min,
 * h or d, or without a time as long as the server lives. Returns 0 or, with *err, -errno. */
int owner_limit_parse(const char *text, struct owner_limits *limits, struct vmm_err *err);

/* The owner of a name, which is made if it is not there; NULL without memory. */
struct owner *owner_find(struct owner_list *list, const char *name);

/* A session of a VM of so much memory begins, if it may; else *error has it. */
bool owner_session(struct owner *owner, uint64_t memory, struct request_error *error);
void owner_session_over(struct owner *owner, uint64_t memory);

/* A run begins, if it may; memory is 0 for that of a session. */
bool owner_run(struct owner *owner, uint64_t memory, struct request_error *error);
void owner_run_over(struct owner *owner, uint64_t memory, uint64_t cpu_ns);

/* How much CPU time a run may take that may take most_ns (0: any). */
uint64_t owner_cpu_ns(const struct owner *owner, uint64_t most_ns);

void owners_free(struct owner_list *list);

#endif
