// SPDX-License-Identifier: Apache-2.0
/*
 * The way to the agent of a session: the process in its guest that starts commands
 * (python-agent-driver/session/agent.py). It asks for messages by the call WORKER_NEXT, which stays
 * open until there are some. What it tells comes by calls of WORKER_OUT. Integers are
 * little-endian.
 *
 * A call ends with the run that it was made in, and its answer may be lost. So messages have
 * numbers, the call says which was the last that has come, and the others are sent once more.
 */
#ifndef PYHL_AGENT_H
#define PYHL_AGENT_H

#include "service.h"

/* The bytes of each of a command's streams that may be under way: its output that the server has
 * not taken, its input that it has not read. */
#define AGENT_WINDOW (256u << 10)

/* To the agent. */
enum agent_what {
    AGENT_HELLO = 1, /* both windows of all commands are as in the beginning; it tells what runs */
    AGENT_RUN,       /* struct agent_run, and strings: cwd, user, arguments, environment */
    AGENT_STDIN,     /* bytes */
    AGENT_STDIN_END,
    AGENT_SIGNAL, /* uint32_t, to the command's process group */
    AGENT_RESIZE, /* uint16_t rows, columns */
    AGENT_TAKEN,  /* uint32_t: so many bytes of output the server has passed on */
};

struct agent_head {
    uint64_t number;
    uint32_t what, size; /* of the bytes that follow */
    uint64_t command;
};

#define AGENT_WITH_STDIN 1u
#define AGENT_WITH_PTY   2u

struct agent_run {
    uint32_t flags, arg_count, env_count;
    uint16_t rows, columns;
};

/* From the agent. */
enum agent_said {
    AGENT_HERE = 1, /* int32_t pid, and its arguments in one text: it runs */
    AGENT_STARTED,  /* int32_t pid */
    AGENT_FAILED,   /* a type, a NUL, a message: it could not be started */
    AGENT_STDOUT,
    AGENT_STDERR,
    AGENT_DONE, /* uint32_t status; uint32_t signal that has ended it, or 0 */
    AGENT_TOOK, /* uint32_t: so many bytes of its input were read, or are dropped */
};

struct agent_told {
    uint32_t what, unused;
    uint64_t command;
};

/* What the call WORKER_NEXT brings. */
struct agent_ask {
    uint64_t own;  /* a number by which the agent is known */
    uint64_t last; /* the message that has come last */
};

struct agent_message {
    TAILQ_ENTRY(agent_message) link;
    struct agent_head head;
    bool sent; /* at least once */
    uint8_t bytes[];
};

TAILQ_HEAD(agent_messages, agent_message);
TAILQ_HEAD(agent_commands, command);

struct agent {
    struct service *service;
    struct session_vm *session;
    struct agent_messages messages; /* those that the agent has not confirmed */
    struct agent_commands commands; /* of commands.c */
    uint64_t own;                   /* of the agent that has asked last; 0: none has */
    size_t command_count;
    uint64_t number;              /* of the last message */
    uint64_t hello;               /* of the last AGENT_HELLO */
    size_t count;                 /* of messages */
    bool asks, waits;             /* a call is open, */
    bool yielded;                 /* the run that waits for commands was told to end */
    uint64_t ask_call, wait_call; /* and its number */
    bool adopts;                  /* the machine is a copy, and its agent has not told what runs */
    int failures;  /* runs that wait for commands have failed, since an agent has asked */
    char why[256]; /* what the run that waits for commands has said of its end */
};

/* NULL: there is no memory. */
struct agent *agent_new(struct service *s, struct session_vm *session);
/* Its commands must be gone. */
void agent_free(struct agent *agent);

/* Messages that an agent has not confirmed, as far as clients may add some. */
#define AGENT_MESSAGES 1024u

/* Has a message sent. Returns false if there is no memory for it. */
bool agent_put(struct agent *agent, uint32_t what, uint64_t command, const void *bytes,
               size_t size);
/* Whether such a message for the command waits that was never sent. */
bool agent_unsent(const struct agent *agent, uint32_t what, uint64_t command);
/* Forgets the messages for a command. */
void agent_drop(struct agent *agent, uint64_t command);

/* The agent asks. Returns 0, 1 when this agent is another than before, which knows nothing of
 * messages that were sent; or -1: no agent asks like this. */
int agent_asks(struct agent *agent, uint64_t call, const uint8_t *bytes, size_t size);
/* Numbers the messages for an agent that is new to the server. Returns false if there is no memory.
 */
bool agent_meet(struct agent *agent, const uint8_t *ask);

/* Sends what waits, if the agent asks. */
void agent_flush(struct agent *agent);
/* The run that waits for commands is to end. */
void agent_end_wait(struct agent *agent);
/* No call is open any more. */
void agent_run_over(struct agent *agent);

#endif
