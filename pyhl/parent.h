// SPDX-License-Identifier: Apache-2.0
/*
 * A process without a VM and without a jail, for what a run needs of the host while the process
 * that holds the VM is in jail: files, commands. parent_fork() splits a process in two before the
 * VM is made. The child goes on as if it were alone; the parent answers its requests (channel.h)
 * with parent_serve(), until the child ends, and then ends in the same way.
 *
 * To a user and to a shell both are one command. Signals that one of them gets by kill(1) or by a
 * terminal reach the VM once, because the parent passes its own on and the child acts on no others.
 * Both are in one process group: a stop of the job stops both.
 */
#ifndef PYHL_PARENT_H
#define PYHL_PARENT_H

#include "channel.h"
#include "vmm/vmm.h"

struct parent;

/* Serves requests of one kind. The request is a copy, and its size is at most CHANNEL_BYTES; its
 * bytes are at parent_bytes(), and may change at any time. Answers it by parent_answer(), before it
 * returns or later. */
typedef void parent_serve_fn(void *arg, struct parent *parent,
                             const struct channel_message *request);

/* Tells that a descriptor is ready; revents are poll(2)'s. */
typedef void parent_ready_fn(void *arg, struct parent *parent, int fd, short revents);

/* Forks. In the child, *child_end is its end of the channel and *out is NULL. In the parent, *out
 * is for parent_serve(); its standard input and output are /dev/null from then on. Descriptors that
 * one of the two does not need are that one's to close. *child_end must live as long as it is
 * used. */
int parent_fork(struct parent **out, struct channel *child_end, struct vmm_err *err);

/* Adds what serves a kind; -ENOSPC when there are too many. */
int parent_offer(struct parent *parent, uint32_t kind, parent_serve_fn *serve, void *arg);

/* Serves until the child has ended. Returns the exit status for this process, having told the user
 * of a death that the status does not explain. `name` begins the message. */
int parent_serve(struct parent *parent, const char *name);

/* Frees what belongs to the parent. */
void parent_destroy(struct parent *parent);

/* For those who serve. */
uint8_t *parent_bytes(struct parent *parent);
/* Answers the open request. size: how many bytes at parent_bytes() belong to the answer. */
void parent_answer(struct parent *parent, int32_t result, uint64_t size);
/* The same with numbers. Of the answer, kind and serial are set here. */
void parent_answer_with(struct parent *parent, const struct channel_message *answer);
/* Sends a notice. The caller sees to it that the child never has more than CHANNEL_NOTICES to
 * take. */
void parent_notify(struct parent *parent, const struct channel_message *notice);
/* Watches a descriptor, until parent_unwatch(); -ENOSPC when there are too many. */
#define PARENT_WATCHES 768
int parent_watch(struct parent *parent, int fd, short events, parent_ready_fn *ready, void *arg);
void parent_unwatch(struct parent *parent, int fd);

#endif
