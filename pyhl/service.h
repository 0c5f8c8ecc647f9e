// SPDX-License-Identifier: Apache-2.0
/*
 * What a server does for its clients (client.h): their requests, the sessions, and which worker has
 * which. It knows nothing of where the clients' bytes come from.
 */
#ifndef PYHL_SERVICE_H
#define PYHL_SERVICE_H

#include "audit.h"
#include "client.h"
#include "metrics.h"
#include "owners.h"
#include "pool.h"
#include "request.h"

struct service_config {
    struct vmm_snapshot *snap;
    const char *image;  /* its name */
    uint64_t vm_memory; /* bytes */
    uint64_t workers;   /* runs at a time that belong to no session, and VMs that wait */
    uint64_t sessions;  /* at most */
    uint64_t waiting;   /* requests that wait, at most */
    bool files;         /* a client's descriptor may be a file, which epoll(7) refuses */
    struct request_limits limits;
    const struct install_wish *install; /* where packages come from; NULL: none may be installed */
    uint64_t state_memory;              /* bytes of checkpoints, at most */
    const char *state_dir;              /* for sessions that are paused; NULL: the temporary one */
    uint64_t state_limit;               /* bytes there, at most */
    uint64_t idle_ns;                   /* after so long a session is paused; 0: never */
};

/* The bytes of requests that wait, at most. One that is alone may be larger. */
#define SERVICE_HELD (256u << 20)

TAILQ_HEAD(job_list, job);

#define SESSION_OWNER 64u /* bytes, with the NUL */

struct session_vm {
    TAILQ_ENTRY(session_vm) link;
    char name[24];
    char owner[SESSION_OWNER];
    struct owner *account; /* of the owner: it counts as one of its sessions */
    uint64_t memory;       /* which is counted there */
    struct member *member; /* NULL: there is none yet */
    struct job *running;
    struct job_list waiting;
    struct agent *agent; /* of its commands (agent.h); NULL: it has had none */
    struct job *doing;   /* a job about its state, beside a run that waits for replies, or alone */
    struct job *fork;    /* whose child it is to be: its owner knows nothing of it yet */
    bool suspended;      /* it is in the middle of a run that nobody has gone on with */
    int disk_fd;         /* the state of a session that is paused; -1: it is not */
    uint64_t disk_size;  /* of that file, which its next worker maps */
    uint64_t idle_ns;    /* CLOCK_MONOTONIC: it was seen idle since; 0: it was not */
    TAILQ_HEAD(kept_list, kept) kept; /* checkpoints (states.h), the oldest first */
    size_t kept_count;
};

/* A request that a worker carries out. */
struct job {
    TAILQ_ENTRY(job) link; /* of those that wait, or run */
    TAILQ_ENTRY(job) of_client;
    struct client *client; /* NULL: it is gone */
    struct owner *account; /* of the client's owner */
    bool counted;          /* it is one of the owner's runs, with so much memory and CPU time: */
    uint64_t memory, cpu_ns;
    /* For the log. */
    const char *outcome; /* NULL: it is not over */
    int status;
    struct vmm_counters counters;
    uint64_t asked_ns, begun_ns; /* CLOCK_MONOTONIC; begun_ns is 0 before it has */
    uint64_t input;              /* bytes for the worker */
    char session_name[24];       /* "": hermetic */
    uint64_t id;
    int serial;
    struct session_vm *session; /* NULL: hermetic */
    struct member *member;      /* NULL: it waits */
    struct flow run;            /* the bytes for the worker */
    size_t held;                /* how many of them are counted in service.held */
    bool opens;                 /* it opens its session */
    bool waits;                 /* it lets the session's commands go on (commands.h) */
    struct worker_run head;
    struct request_error failure; /* of a service run, as the guest says */
    uint64_t output;              /* bytes that the worker has sent */
    uint64_t *calls;              /* of tools, that are open: their numbers */
    size_t call_count, call_room;
    struct job_install *install; /* job_install.h; NULL: it is none */
    struct job_state *state;     /* states.h; NULL: it is none */
    uint64_t
        end_ns; /* CLOCK_MONOTONIC: if it is not over by then, its worker is killed; 0: never */
};

struct service {
    struct service_config config;
    struct event_base *base;
    struct event *overdue; /* a timer: a run should have ended */
    struct pool pool;
    struct job_list waiting, running; /* of waiting: those without a VM; sessions have their own */
    TAILQ_HEAD(, session_vm) sessions;
    struct job_list preparing;          /* their packages are looked for */
    TAILQ_HEAD(, job_install) installs; /* that wait for others */
    size_t installing;                  /* how many look for packages */
    struct owner_list owners;
    struct metrics metrics;
    struct audit audit;
    struct job_list answered, forking; /* about states: workers have answered; children are to */
    uint64_t kept_bytes, kept_serial, kept_numbers; /* of checkpoints */
    int state_dir;                                  /* where files of states are made */
    uint64_t disk_bytes;                            /* that they have */
    uint64_t idle_look_ns;                          /* when idle sessions are looked for next */
    size_t jobs, session_count;
    size_t held; /* bytes of the jobs that wait */
    uint64_t session_serial, command_serial;
    int serial;
};

/* Returns 0 or, with *err, -errno. A worker has the descriptors that are open now, and none that
 * comes later. */
int service_begin(struct service *service, const struct service_config *config,
                  struct vmm_err *err);

/* What is to be done before each sleep of the loop: hands requests to workers that are ready, and
 * has workers made. Returns 0 or, with *err, -errno. */
int service_turn(struct service *service, struct vmm_err *err);

/* Serves until goes_on(arg) is false, which is asked before and after each service_turn(). Returns
 * 0 or, with *err, -errno. */
int service_loop(struct service *service, bool (*goes_on)(void *arg), void *arg,
                 struct vmm_err *err);

/* Its clients must have ended, and what others have added to the base. */
void service_end(struct service *service);

#endif
