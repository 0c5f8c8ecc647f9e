// SPDX-License-Identifier: Apache-2.0
/*
 * The commands of sessions: processes in their VMs, which go on beside cells and without them. What
 * comes from a session's agent is checked. A command has listeners: the request that has started
 * it, and those that were attached to it.
 */
#ifndef PYHL_COMMANDS_H
#define PYHL_COMMANDS_H

#include "agent.h"

#define COMMAND_TEXT  256u
#define COMMANDS_MOST 4096u /* of a session */

/* A request that gets the events of a command. */
struct listener {
    TAILQ_ENTRY(listener) of_command, of_client;
    struct command *command;
    struct client *client;
    uint64_t id;
    bool owns; /* it has started the command, which ends with it */
};

/* Bytes for a command's input, which have not been sent on. */
struct command_input {
    TAILQ_ENTRY(command_input) link;
    struct client *client; /* NULL: it is gone */
    uint64_t id;
    bool end; /* it is the end of the input */
    size_t at, size;
    uint8_t bytes[];
};

struct command {
    TAILQ_ENTRY(command) link;
    struct agent *agent;
    uint64_t number;
    int pid;        /* 0: it has not begun */
    uint64_t hello; /* the AGENT_HELLO (agent.h) since which its windows are counted */
    bool takes_input, ended_input;
    size_t room;  /* bytes of output that it may send */
    size_t owed;  /* of those that it has sent, without being told that they were passed on */
    size_t under; /* bytes of input under way to it */
    uint64_t timeout_ns;
    struct event *timer;
    bool killed;
    const char *limit; /* which one has ended it; NULL: none */
    TAILQ_HEAD(, command_input) inputs;
    TAILQ_HEAD(, listener) listeners;
    char text[COMMAND_TEXT]; /* its arguments, of the bytes that are printable ASCII */
};

/* commands.c */

/* A new command of the session, which is to be run as the message AGENT_RUN says. NULL, with
 * *error, if there is no room for it. */
struct command *command_new(struct client *client, struct session_vm *session, uint64_t id,
                            struct request_error *error);
/* Has it started. Returns false, with *error and no command, if there is no memory. */
bool command_start(struct command *c, const void *run, size_t size, struct request_error *error);
/* One of this number, which nobody listens to yet. NULL: there is no memory, or there are too many.
 */
struct command *command_make(struct agent *agent, uint64_t number);
void command_name(struct command *c, const char *text, size_t size);
/* One more request that gets its events. */
bool command_listen(struct command *c, struct client *client, uint64_t id,
                    struct request_error *error);
/* Bytes for its input, or its end. The request `id` is done when they are on their way. */
bool command_input(struct command *c, struct client *client, uint64_t id, const uint8_t *bytes,
                   size_t size, bool end, struct request_error *error);
/* Sends on what fits of its input. */
void command_feed(struct command *c);
/* Lets more output come once a good part of the window was passed on, and nobody is slow to read.
 */
void command_credit(struct command *c);
/* Sends a signal to its process group. */
void command_signal(struct command *c, int signo);
void command_resize(struct command *c, uint16_t rows, uint16_t columns);
/* Whether a client may have one of these two sent: an agent that does not answer lets them wait. */
bool command_may_send(const struct command *c, struct request_error *error);
/* Kills it. Without an end soon after that it fails. */
void command_kill(struct command *c);
/* Kills it so many ns from now. */
void command_wait(struct command *c, uint64_t ns);
/* What `cancel` does to the request of a listener: the command is killed, or no longer listened to.
 */
void command_cancel(struct listener *l);
/* It is over, and freed. */
void command_free(struct command *c);
void command_fail(struct command *c, const char *type, const char *text);
void command_done(struct command *c, uint32_t status, uint32_t signo);

/* Fails those that an agent may have heard of. */
void commands_fail_sent(struct agent *agent, const char *text);

/* The listener of this request; NULL: there is none. */
struct listener *command_listener(const struct client *client, uint64_t id);
void command_event_started(const struct listener *l);
/* The session's command with this pid. */
struct command *command_find(const struct session_vm *session, uint64_t pid);
struct command *command_numbered(struct agent *agent, uint64_t number);
/* The listener's client is gone. */
void command_leave(struct listener *l);

/* commands_told.c */

/* A call of an agent's function, in a run of the session. Returns false if none calls like this. */
bool commands_call(struct session_vm *session, const char *name, uint64_t number,
                   const uint8_t *bytes, size_t size);

/* commands_run.c */

/* A client's events can go again; it sends no more; it is gone. */
void commands_resume(struct client *client);
void commands_input_over(struct client *client);
void commands_leave(struct client *client);

/* What the machine of a session has in a state: whether there is an agent, and commands. */
enum commands_state { COMMANDS_NONE, COMMANDS_AGENT, COMMANDS_LIVE };
enum commands_state commands_state(const struct session_vm *session);
/* The machine of a session of which the server knows no commands goes on from such a state. Those
 * that there are go on, too, and nobody listens to them. Returns false if there is no memory. */
bool commands_copied(struct service *s, struct session_vm *session, enum commands_state state);

/* Of a session that may have no agent. A run of it should go on, so that its commands do. */
bool commands_want(const struct session_vm *session);
/* Puts that run into the session's queue. Its commands fail without memory for it, or if the owner
 * may have no more runs. */
void commands_queue(struct service *s, struct session_vm *session);
/* The run that goes on is that one, and is to end. */
void commands_yield(struct session_vm *session);
/* What the run that waits for commands says of its failure. */
void commands_said(struct session_vm *session, const uint8_t *bytes, size_t size);
/* A run of the session is over; waited: it was the one that waits for commands, and the machine
 * goes on. */
void commands_run_over(struct session_vm *session, bool waited);
/* All commands of the session fail, and the server knows none any more: the session ends, or its
 * machine was put back. */
void commands_lose(struct session_vm *session, const char *type, const char *text);

#endif
