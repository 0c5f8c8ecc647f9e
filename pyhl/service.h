// SPDX-License-Identifier: Apache-2.0
/*
 * What a server does for one client (PROTOCOL.md): its requests, its sessions, and which worker has
 * which. It knows nothing of where the client's bytes come from.
 */
#ifndef PYHL_SERVICE_H
#define PYHL_SERVICE_H

#include "pool.h"
#include "request.h"

struct service_config {
    struct vmm_snapshot *snap;
    const char *image;  /* its name */
    uint64_t vm_memory; /* bytes */
    uint64_t workers;   /* runs at a time that belong to no session, and VMs that wait */
    uint64_t sessions;  /* at most */
    uint64_t waiting;   /* requests that wait, at most */
    struct request_limits limits;
};

/* The bytes of requests that wait, at most. One that is alone may be larger. */
#define SERVICE_HELD (256u << 20)

TAILQ_HEAD(job_list, job);

struct session_vm {
    TAILQ_ENTRY(session_vm) link;
    char name[24];
    struct member *member; /* NULL: there is none yet */
    struct job *running;
    struct job_list waiting;
};

/* A request that a worker carries out. */
struct job {
    TAILQ_ENTRY(job) link; /* of those that wait, or run */
    uint64_t id;
    int serial;
    struct session_vm *session; /* NULL: hermetic */
    struct member *member;      /* NULL: it waits */
    struct flow run;            /* the bytes for the worker */
    size_t held;                /* how many of them are counted in service.held */
    bool opens;                 /* it opens its session */
    struct worker_run head;
    uint64_t output; /* bytes that the worker has sent */
    uint64_t *calls; /* of tools, that are open: their numbers */
    size_t call_count, call_room;
    uint64_t
        end_ns; /* CLOCK_MONOTONIC: if it is not over by then, its worker is killed; 0: never */
    bool cancelled;
};

struct service {
    struct service_config config;
    struct pool pool;
    struct flow client;
    struct job_list waiting, running; /* of waiting: those without a VM; sessions have their own */
    TAILQ_HEAD(, session_vm) sessions;
    size_t jobs, session_count;
    size_t held; /* bytes of the jobs that wait */
    uint64_t session_serial;
    int serial;
    bool input_over; /* the client sends no more */
    bool failed;     /* it cannot be understood, or not be written to */
};

void service_begin(struct service *service, const struct service_config *config);

/* Takes the frames that have come apart. */
void service_frames(struct service *service);

/* The client sends no more: runs end that wait for it. */
void service_input_over(struct service *service);

/* Whether there is nothing more to do after the end of the input. */
bool service_idle(const struct service *service);

void service_end(struct service *service);

#endif
