// SPDX-License-Identifier: Apache-2.0
/*
 * A worker: a process in jail that holds one VM, and runs in it what `pyhl serve` hands over. The
 * two exchange messages over a socket: a header, and bytes. The server asks for one run at a time.
 * A guest may have taken over the worker, so the server believes nothing that comes from it.
 */
#ifndef PYHL_WORKER_H
#define PYHL_WORKER_H

#include "vmm/vmm.h"

#include <signal.h>
#include <stdint.h>

#define WORKER_BYTES (72ull << 20) /* of a message, at most: a record of 64 MiB with its kind */

enum worker_kind {
    /* To the worker. */
    WORKER_RUN = 1, /* number: the run's serial; struct worker_run, strings, source */
    WORKER_REPLY,   /* number: the call; the bytes are the value */
    WORKER_ERROR,   /* number: the call; type and message, each with its NUL */
    WORKER_OVER,    /* after WORKER_DONE of a run with functions: no more replies come */
    WORKER_RESET,   /* the session is over */
    /* From the worker. */
    WORKER_READY, /* nothing has run in the machine */
    WORKER_STDOUT,
    WORKER_STDERR,
    WORKER_RECORD, /* the kind with its NUL, and the content */
    WORKER_CALL,   /* number: of the call; the name with its NUL, and the arguments */
    WORKER_DONE,   /* struct worker_done. WORKER_READY follows unless the session goes on */
    WORKER_FAILED, /* text: the host failed, and the worker ends */
    /* Of an install (WORKER_INSTALL). From the worker: */
    WORKER_WANTS = 32, /* the packages that the machine has, "NAME-VERSION" each with its NUL */
    WORKER_FETCH,      /* struct worker_fetch: a piece of the files */
    /* To it: */
    WORKER_TAKE,  /* answers WORKER_WANTS: struct bundle_info; nothing: there is nothing to take */
    WORKER_PIECE, /* answers WORKER_FETCH: so many bytes; none: they cannot be had */
    /* To the worker, with a descriptor. */
    WORKER_SAVE =
        40,      /* writes the machine's state there, also while a run with tools waits for replies
                  */
    WORKER_LOAD, /* goes on from the state that is there; number: WORKER_SEALED, ... */
    /* From the worker. */
    WORKER_SAVED,  /* struct worker_state */
    WORKER_LOADED, /* the same. If it failed the machine is as it was */
};

struct worker_message {
    uint32_t kind;
    uint32_t unused;
    uint64_t number;
    uint64_t size; /* of the bytes that follow */
};

enum worker_sort {
    WORKER_SCRIPT,
    WORKER_CELL,
    WORKER_CONTEXT,     /* HV_RUN_CONTEXT of vmm.h, by its arguments */
    WORKER_SERVICE,     /* HV_RUN_SERVICE, by its arguments and source */
    WORKER_INSTALL = 8, /* takes packages: asks for them, and is as before if it cannot take them */
    WORKER_RESUME = 12, /* goes on with the run that the machine is in the middle of */
};

struct worker_fetch {
    uint64_t offset, size;
};

/* The functions by which an agent in the guest talks with the server (agent.h), in runs that have
 * them. Their calls come as WORKER_CALL. WORKER_OUT is answered by the worker. */
#define WORKER_HIDDEN "pyhl:" /* what their names begin with, and no other's */
#define WORKER_NEXT   WORKER_HIDDEN "next"
#define WORKER_OUT    WORKER_HIDDEN "out"
#define WORKER_WAIT   WORKER_HIDDEN "wait"

/* A run. Strings follow, each with its NUL, in the order of the counts: cwd, context, args, env,
 * tools (name, schema), then the source. */
struct worker_run {
    uint32_t sort;  /* enum worker_sort */
    uint32_t keeps; /* the machine stays as the run leaves it, if it can go on */
    uint32_t arg_count, env_count, tool_count, deterministic;
    uint32_t agent; /* whether it has the functions of an agent */
    uint32_t unused;
    uint64_t timeout_ns, cpu_ns, memory, max_output, max_calls; /* as in struct pyhl_run */
    uint64_t strings, source;                                   /* bytes */
    uint64_t entries, index; /* struct bundle_info of packages that the run finds; 0: none */
};

struct worker_done {
    int32_t kind, status; /* of the outcome */
    struct vmm_counters counters;
    char detail[256];
};

/* Of WORKER_LOAD. */
#define WORKER_SEALED 1u /* the descriptor must be sealed */
#define WORKER_WARM   2u /* pages are copied, not mapped: what the machine has touched stays so */
#define WORKER_STATE  4u /* so many times a number that the state alone has, or 0 */

struct worker_state {
    int32_t code;       /* 0, or a positive errno */
    uint32_t suspended; /* the state is in the middle of a run */
    char text[248];     /* of an error */
};

/* Signals to a worker whose run is to be interrupted, or to end, by sigqueue(3) with the serial of
 * the run. */
#define WORKER_INTERRUPT SIGUSR1
#define WORKER_KILL      SIGUSR2

struct worker_start {
    struct vmm_snapshot *snap; /* what the VM is restored from */
    int fd;                    /* the socket */
};

/* Runs a worker in this process, which has one thread, until the socket is closed. Returns the exit
 * status of the process. */
int worker_main(const struct worker_start *start);

#endif
