// SPDX-License-Identifier: Apache-2.0
/*
 * A part of the manual, which vmm.h includes: what a run and its host give each other beside the
 * three streams. Files go in before the run and come out after it (struct vmm_run: files_in,
 * files_out). Functions of the host are called by the guest (tools). A state goes from one process
 * to another (checkpoints).
 */
#ifndef VMM_DOORS_H
#define VMM_DOORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vmm;
struct vmm_err;
struct vmm_outcome;
struct vmm_run;
struct vmm_snapshot;

/* A file, a directory or a symbolic link, on its way into a guest or out of it. */
struct vmm_file {
    const char *path; /* relative, names of any bytes: no ".", no "..", no empty one */
    uint64_t size;    /* of a file, bytes */
    int64_t mtime_ns; /* since the epoch */
    uint32_t mode;    /* S_IFREG, S_IFDIR or S_IFLNK, and permissions; bits beyond 0777 get lost */
    const char *target; /* of a symbolic link; else NULL */
};

/* Files that a run finds. They are put below the guest's root before the program goes on, by the
 * guest's kernel. Directories above them are made where they are missing. A file or a link of the
 * guest that is in the way is replaced; a directory may be there already. When one of them cannot
 * be put there the run ends as VMM_FILES before the program goes on. They stay while the machine
 * goes on; a rewind drops them. */
struct vmm_files_in {
    size_t count;
    const struct vmm_file *files; /* in any order; only directories may be given twice */
    /* Reads a file's data: at most `size` bytes at an offset, which go to guest memory. Returns how
     * many, 0 at the file's end (which is then too early), or -errno: -ESTALE for a file that has
     * changed since. What holds for calls of vmm_io.trace holds here, but that it may block while
     * it reads: the time counts as the run's. */
    ssize_t (*read)(void *arg, size_t file, uint64_t offset, void *to, size_t size);
    /* NULL, or where a file's next data begins, at this offset or after it. In between it has a
     * hole, which takes no memory in the guest, either. */
    uint64_t (*data)(void *arg, size_t file, uint64_t offset);
    void *arg;
};

/* Files that a run leaves. The guest's kernel gives them at the run's end: when the program exits,
 * writes its status, or is killed. A run that is ended from outside (VMM_TIMEOUT, VMM_KILLED, ...)
 * gives none, or not all. The functions are called on the thread of vmm_run(), as vmm_files_in.read
 * is. What they get was made by the guest and then checked: paths lead down, a directory comes
 * before what is in it and all of it comes before what follows, data lies inside its file's size.
 * They must not follow a link that they have made. */
struct vmm_files_out {
    const char *const *paths; /* NULL-terminated, relative to the guest's root; "" is the root */
    /* Makes an entry of paths[path]. file->path is relative to that path, and "" for the path
     * itself, which comes first. Strings are valid until it returns. Returns 0 or -errno: then
     * neither this entry nor what is in it comes; with -EDQUOT nothing more at all. */
    int (*make)(void *arg, size_t path, const struct vmm_file *file);
    /* Data of the file made last. What is left out of it is a hole. Returns 0 or -errno: no more
     * data of it comes, and done() is not called. */
    int (*write)(void *arg, uint64_t offset, const void *bytes, size_t size);
    void (*done)(void *arg); /* the file made last is whole. May be NULL */
    /* A path, or an entry below one, does not come: code is a positive errno. EDQUOT: a limit was
     * reached, and nothing more comes. ECANCELED: the run ended before. May be NULL. */
    void (*failed)(void *arg, const char *path, int code);
    void *arg;
    uint64_t max_bytes;   /* of data, and of the sizes of files; 0: no limit */
    uint64_t max_entries; /* 0: no limit */
};

/*
 * Tools: functions of the host that a guest calls by name. The arguments and the reply are bytes
 * that mean something to both. A set of functions is made once and does not change. Any number of
 * VMs, on any threads, may use it at the same time.
 *
 * A call is answered once, by vmm_reply() or vmm_reply_error(). Until then it is open. When the run
 * ends its calls are over, too. The library itself answers a call by an error, with these types:
 * NameError (there is no such function), ValueError (no name; arguments or a reply that are too
 * large), TimeoutError (the run's time is over).
 */
struct vmm_tools;

struct vmm_call {
    uint64_t id;      /* no other call of this VM has had it or will have it */
    const char *name; /* the function's, in its set */
    /* The arguments, in guest memory. Valid while the VM does not run: until the function returns,
     * and after VMM_CALLED until vmm_resume(). A function that answers later needs a copy. */
    const void *bytes;
    size_t size;
};

struct vmm_function {
    const char *name;   /* 1 to 127 printable ASCII characters, no space */
    const char *schema; /* what the guest is told of it: any text; NULL: "" */
    /* Bytes of arguments and of a reply; 0: 1 MiB. 16 MiB at most, with the name. */
    size_t max_request, max_reply;
    /* Called on the thread of vmm_run() or vmm_resume() when the guest makes a call; NULL: the call
     * is left open. It answers the call before it returns, or leaves it open, to be answered later
     * from any thread, or never. What the run wrote before is written first. The guest stands
     * still during the call, and nothing cuts it short: it must not block. VMM_SIGNAL is blocked.
     * Of the VM it may use vmm_reply(), vmm_reply_error(), vmm_calls() and vmm_interrupt(). It
     * returns 0, or a negative errno, which ends the run as a host error. */
    int (*call)(void *arg, void *tools_arg, struct vmm *vm, const struct vmm_call *call);
    void *arg;
    void (*release)(void *arg); /* NULL, or called when the set is gone */
    /* The guest's program is not told of the function: it is for one that knows its name. Its calls
     * count neither for max_calls of a run nor in the counters. */
    bool hidden;
};

/* Copies the functions and their texts. EINVAL for a name or limit that is not allowed, EEXIST for
 * two functions of one name, E2BIG for texts of more than 64 MiB. After an error nothing is
 * released. */
int vmm_tools_create(const struct vmm_function *functions, size_t count, struct vmm_tools **out,
                     struct vmm_err *err);

/* The set goes when no run uses it any more; NULL is allowed. */
void vmm_tools_destroy(struct vmm_tools *tools);

/* Answer a call, on any thread. The bytes are copied. A guest that computes is told at once; one
 * that is suspended goes on at vmm_resume(). ENOENT for a call that was never made, was answered or
 * has ended with its run. E2BIG for a reply that is larger than the function's max_reply, or if the
 * VM would hold more than VMM_REPLIES_MAX bytes of replies that the guest has not taken: then the
 * call is answered by an error that says so. The VM must not be destroyed meanwhile. */
#define VMM_REPLIES_MAX (256ull << 20)
int vmm_reply(struct vmm *vm, uint64_t id, const void *bytes, size_t size, struct vmm_err *err);
int vmm_reply_error(struct vmm *vm, uint64_t id, const char *type, const char *message,
                    struct vmm_err *err);

/* The calls that are open: their number in *count, and up to max of them in calls. */
int vmm_calls(struct vmm *vm, struct vmm_call *calls, size_t max, size_t *count);

/* After VMM_CALLED: vmm_run() has returned because the guest sleeps, and only the answer to an open
 * call, its own timer (vmm_outcome.timer_ns), input or an interrupt can wake it. vmm_resume() waits
 * for one of these, up to wait_ns (UINT64_MAX: without end), and goes on with the run. When nothing
 * came it returns VMM_CALLED once more. It may be called on another thread than vmm_run(). The time
 * from VMM_CALLED until the guest goes on counts neither for timeout_ns nor for grace_ns. Guest
 * clocks go on. A run that is suspended can also be left: by vmm_rewind(), vmm_renew() or
 * vmm_destroy(). After the run's time is over it is not suspended any more, and its calls are
 * refused. EINVAL unless the last outcome was VMM_CALLED. */
int vmm_resume(struct vmm *vm, uint64_t wait_ns, struct vmm_outcome *outcome, struct vmm_err *err);

/* On any thread: a vmm_resume() that waits returns VMM_CALLED at once, as if wait_ns were over;
 * when none waits, the next one may. To make a checkpoint, for example. */
void vmm_wake(struct vmm *vm);

/* A checkpoint can be made of a suspended run. A VM that is restored from it, or rewound to it, is
 * in the middle of that run, with its calls open, and without anything of the host's.
 * vmm_take_over() gives it that: of *run the functions, limits, grace, deterministic and trace
 * count, and nothing that says what to run. timeout_ns is what is left from when the guest goes on.
 * The open calls are made again to these functions, under new ids: a function that answers at once
 * has answered when it returns, and vmm_calls() lists the others. A function that is missing is an
 * error in the guest. Then vmm_resume() goes on. The guest's clocks and random numbers are renewed,
 * and its replies say that it was restored (hv_reply).
 *
 * EINVAL for a VM that is not in the middle of a run. EBADMSG when the guest's calls make no sense,
 * and what the functions return; then the VM refuses to run. */
int vmm_take_over(struct vmm *vm, const struct vmm_run *run, struct vmm_err *err);

/* A state from another process, which may be in jail and taken over by its guest: that process
 * writes it by vmm_checkpoint_save() to a descriptor that both have, and whoever started it has
 * the descriptor sealed. vmm_checkpoint_take() is vmm_checkpoint_open_fd() with vm's own snapshot
 * as the base, also in jail (VMM_JAIL_HANDOVER). sealed: it must be a memfd whose size and bytes
 * nobody can change any more, else EPERM. Without that the file must not change while in use.
 *
 * vmm_renew_to() is vmm_renew() to a checkpoint of the same base, or to that base, but that the
 * initrd stays mapped. vmm_renew() and vmm_rewind() go there from then on. Long runs of the
 * checkpoint's pages are mapped, as by vmm_restore(), where vmm_rewind_to() copies them: so VMs of
 * any processes share what they do not write. Errors as vmm_rewind_to(). */
int vmm_checkpoint_take(struct vmm *vm, int fd, bool sealed, struct vmm_snapshot **out,
                        struct vmm_err *err);
int vmm_renew_to(struct vmm *vm, struct vmm_snapshot *snap, struct vmm_err *err);

#endif
