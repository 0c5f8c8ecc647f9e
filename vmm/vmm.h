// SPDX-License-Identifier: Apache-2.0
/*
 * libvmm: one micro-VM per struct vmm, on /dev/kvm. This header is the manual.
 *
 * Life: vmm_create() loads a kernel; vmm_start() runs it until it asks for its first run. vmm_run()
 * hands it one run. It returns when the run has ended (VMM_EXITED, ...), or when a program has
 * asked for another run by reading HV_RUN_DEVICE (VMM_READY: the place for a snapshot).
 * vmm_snapshot_write() saves a VM that is at such a place. vmm_snapshot_open() + vmm_restore() make
 * a VM from the file, in any process ("cold"); vmm_rewind() puts a restored VM back, in place
 * ("warm"). A run that waits for functions of the host returns as VMM_CALLED, and vmm_resume() goes
 * on with it.
 *
 * Rules for all calls: the library never prints and never exits. Functions that can fail return 0
 * or a negative errno and fill *err (may be NULL) once, in one line fit for a user. What a guest
 * does is never a host error: it is a struct vmm_outcome. A struct vmm is used by one thread at a
 * time, except vmm_interrupt(), vmm_reply() and vmm_reply_error(); different VMs are independent,
 * any number a process. The library takes one signal, VMM_SIGNAL, to interrupt KVM_RUN. It installs
 * the handler at the first vmm_create() or vmm_restore(). On threads that have run a VM the signal
 * is blocked between runs.
 */
#ifndef VMM_H
#define VMM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "doors.h"

#define VMM_SIGNAL (SIGRTMIN + 3)

struct vmm;
struct vmm_snapshot;

struct vmm_err {
    int code; /* positive errno */
    char msg[512];
};

/* Sets err->code and the message (printf style) and returns -code; usable by callers, too. A NULL
 * err is allowed. vmm_err_context() puts "prefix: " before the message. Both return -err->code. */
int vmm_err_set(struct vmm_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int vmm_err_context(struct vmm_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Where output goes and input comes from. With a file descriptor of -1 output is dropped and input
 * is at its end. With VMM_FD_CLOSED the program finds the descriptor closed. The program sees what
 * kind of file each descriptor is when it is given here. For a terminal isatty(3) is true, and a
 * program can change echo and canonical input, which are put back when the run ends. A regular file
 * as stdin can be sought, and reading moves the descriptor's offset. All else looks like a pipe.
 * When stdout and stderr are one place (one pipe or terminal, one open file), what is written to
 * them arrives there in the order of writing. The VM never closes the descriptors, nor changes what
 * others see of them, such as O_NONBLOCK. When a write fails with EPIPE the run ends as
 * VMM_PIPE_CLOSED; any other error ends it as a host error, EFBIG among them. No SIGPIPE or SIGXFSZ
 * is raised. */
#define VMM_FD_CLOSED (-2)
struct vmm_io {
    int stdin_fd;
    int stdout_fd;
    int stderr_fd;
    /* The function that takes trace lines. NULL: they go to stderr_fd, a line each. It is called on
     * the thread of vmm_run() or vmm_start() with up to 4096 printable ASCII characters, without a
     * newline and not NUL-terminated. The guest chooses what is in a line, and stands still
     * during the call. The time counts as the run's, and nothing cuts the call short: it must not
     * block. VMM_SIGNAL is blocked, and the only call that may be made with the VM is
     * vmm_interrupt(). */
    void (*trace)(void *arg, const char *line, size_t len);
    void *trace_arg;
    /* The streams look like pipes to the program, whatever they are. So what the program does, and
     * a snapshot of it, does not depend on them. */
    bool plain;
    /* NULL, or the function that takes all output. Then stdout_fd and stderr_fd count only where
     * they are VMM_FD_CLOSED. stream is 1 for stdout and 2 for stderr. To the program they are two
     * pipes: the order within each is kept, the order between them is not. There are 1 to
     * 65536 bytes, which lie where the guest wrote them and are valid until the function returns.
     * It takes all of them and returns 0, or it returns a negative errno: -EPIPE ends the run as
     * VMM_PIPE_CLOSED, any other (-EAGAIN and -EINTR, too) ends it as a host error, which vmm_run()
     * returns. When a run is ended from outside (VMM_TIMEOUT, VMM_KILLED) the function still gets
     * what the program had written; an error is then ignored. As with trace, it must not block. */
    int (*write)(void *arg, int stream, const void *bytes, size_t size);
    void *write_arg;
    /* NULL, or the function that takes records: what a run gives beside the two streams. Without
     * one the guest is told that nobody takes them. kind says what the bytes are: 1 to 64
     * printable ASCII characters, NUL-terminated. There are up to 64 MiB of bytes, which lie in
     * guest memory and are valid until the function returns. What the run wrote to stdout and
     * stderr before is written first. The function returns as `write` does, and what holds for
     * calls of `trace` holds for it, too. */
    int (*record)(void *arg, const char *kind, const void *bytes, size_t size);
    void *record_arg;
};

struct vmm_config {
    const char *kernel_path; /* an ELF with the HV_NOTE_ABI note */
    const char *initrd_path; /* a newc CPIO, mapped, not copied; must not change while in use */
    uint64_t memory; /* guest RAM, bytes; rounded up to 2 MiB. VMM_MEMORY_MIN .. VMM_MEMORY_MAX */
    bool trace;      /* trace lines already during vmm_start() */
    struct vmm_io io;
};
#define VMM_STACK_MIN      (64ull << 10)
#define VMM_RECORD_WEIGHT  16u
#define VMM_MEMORY_MIN     (16ull << 20)
#define VMM_MEMORY_MAX     (64ull << 30)
#define VMM_MEMORY_DEFAULT (1ull << 30)

/* One run. Strings and arrays are the caller's, and are only read during vmm_run(). */
struct vmm_run {
    int mode;                /* enum hv_run_mode of abi.h */
    const char *const *argv; /* NULL-terminated; argv[0] as enum hv_run_mode says */
    /* NULL, or NULL-terminated: the options that python3 would have before the script, as "-O",
     * "-W", "error". The guest's driver checks them. */
    const char *const *options;
    const char *const *env; /* NULL-terminated "KEY=VALUE" */
    const char *cwd;        /* absolute */
    /* Of HV_RUN_EXEC: how large the program's stack is, in bytes, and its RLIMIT_STACK;
     * VMM_STACK_MIN or more. 0: 8 MiB. Memory is taken for all of it. */
    uint64_t stack;
    const void *source; /* source_len bytes, which are not copied; NULL if 0 */
    size_t source_len;
    /* Of a session's runs (HV_RUN_CELL to HV_RUN_CONTEXT, see Sessions below): the context's name;
     * NULL: "default". */
    const char *context;
    /* Of HV_RUN_COMPLETE and HV_RUN_INSPECT: a place in source, counted in Unicode code points. */
    uint64_t cursor;
    /* 0: none; else the run ends as VMM_TIMEOUT so long after vmm_run() was called, by
     * CLOCK_MONOTONIC. vmm_run() returns within some 10 ms of that. This holds whatever the guest
     * does, whatever the readers, writers and other users of its streams do, and even if the
     * process was stopped for a while. */
    uint64_t timeout_ns;
    /* How much of the machine's memory the run may use, bytes, rounded up to 2 MiB; 0: all. To the
     * program the machine has so much; when it is used up, it is as if all were. A guest that
     * takes more ends as VMM_BROKEN. Only for restored machines, and at least
     * vmm_snapshot_info.memory_least. In a machine that goes on after VMM_READY a guest keeps what
     * it has from a run that might use more. Where the limit is another than that of the run
     * before, this run takes longer to begin. */
    uint64_t memory;
    /* How much CPU time the run may take, of the thread that vmm_run() is called on; 0: no limit.
     * Then the run ends as VMM_CPU, with the grace that a timeout has. Calls of the functions of
     * vmm_io count; sleeping does not. */
    uint64_t cpu_ns;
    /* How many bytes may be written to stdout and stderr and given in records together, with trace
     * lines and the kinds of records; 0: no limit. A record counts VMM_RECORD_WEIGHT bytes more,
     * because an empty one is work, too. A run with more to write ends as VMM_OUTPUT
     * after so many; a record that is too large for what is left is not given. */
    uint64_t max_output;
    /* When its time is over the program gets HV_END_SIGNAL (abi.h), and may write for so much
     * longer what it has buffered. The run ends as VMM_TIMEOUT or VMM_CPU when the program ends or
     * this grace is over, and no later than at its timeout if CPU time was over before. */
    uint64_t grace_ns;
    /* The functions of the host that the run may call; NULL: none. The VM holds the set until the
     * run is over. tools_arg is for the functions. */
    const struct vmm_tools *tools;
    void *tools_arg;
    /* How many calls of functions the run may make, those that are refused among them; 0: no limit.
     * The next one ends it as VMM_CALLS. */
    uint64_t max_calls;
    bool deterministic; /* fixed entropy; clocks still run */
    /* A line per system call goes where io.trace says. Without, trace lines of the guest are
     * refused. */
    bool trace;
    /* NULL: none. They must live until the run is over, so beyond VMM_CALLED. */
    const struct vmm_files_in *files_in;
    const struct vmm_files_out *files_out;
};

enum vmm_outcome_kind {
    VMM_READY,       /* the guest waits for a run; status: how the one before ended, 0-255 */
    VMM_EXITED,      /* status: exit status 0-255 */
    VMM_SIGNALED,    /* status: the signal that killed the program */
    VMM_OOM,         /* guest memory ran out and the program was killed */
    VMM_TIMEOUT,     /* the deadline passed */
    VMM_CPU,         /* there was no CPU time left */
    VMM_OUTPUT,      /* there was more output than max_output */
    VMM_CALLED,      /* the guest waits for calls that are open: see vmm_resume() */
    VMM_CALLS,       /* there were more calls than max_calls */
    VMM_PIPE_CLOSED, /* the reader of stdout or stderr is gone */
    VMM_KILLED,      /* vmm_interrupt(VMM_INTERRUPT_KILL) */
    VMM_FILES, /* files_in could not be put into the guest; status: an errno; detail names a file */
    VMM_PANIC, /* the guest kernel gave up; detail says why */
    VMM_BROKEN, /* the guest broke the contract of abi.h or the CPU gave up; detail says how */
};

/* Where the time of a restore and of a run goes, in the order in which things happen. */
enum vmm_phase {
    /* vmm_restore() */
    VMM_PHASE_OPEN,     /* vmm_snapshot_open(), which comes before it: not part of restore_ns */
    VMM_PHASE_VM,       /* /dev/kvm opened and probed, KVM_CREATE_VM */
    VMM_PHASE_VCPU,     /* KVM_CREATE_VCPU */
    VMM_PHASE_MAP,      /* guest memory mapped */
    VMM_PHASE_TRACKING, /* what a later rewind needs */
    VMM_PHASE_PREFAULT, /* the working set fetched */
    VMM_PHASE_SLOTS,    /* memory slots */
    VMM_PHASE_CPUID,
    /* vmm_rewind(). vmm_renew() has some phases of a restore and some of a rewind. */
    VMM_PHASE_SETTLE, /* the vCPU brought to rest */
    VMM_PHASE_LOG,    /* the dirty log read */
    VMM_PHASE_COPY,   /* pages copied back, or dropped */
    VMM_PHASE_COOL,   /* pages taken out of the hot set */
    VMM_PHASE_SHADOW, /* a shadow reset */
    /* vmm_restore(), vmm_rewind(), vmm_renew() */
    VMM_PHASE_STATE, /* registers */
    /* vmm_start(), vmm_run() */
    VMM_PHASE_HANDOVER, /* the run's data built and handed over */
    VMM_PHASE_ENTER,    /* into the guest and out of it: KVM_RUN but for what the guest saw */
    /* By the guest's own clock, calls to the host included. When the run did not end by an exit of
     * the guest, ENTER is in it. */
    VMM_PHASE_GUEST,
    VMM_PHASE_FINISH, /* the last of the output written, the outcome made */
    VMM_PHASES,
};
/* One word, lower case; NULL for VMM_PHASES and above. */
const char *vmm_phase_name(enum vmm_phase phase);

/* Each group says what it counts: the last vmm_run() or vmm_start(), or the restore or rewind
 * before it. Counting costs no page, and one system call at each end of a run. */
struct vmm_counters {
    /* The run. */
    uint64_t exits;          /* KVM_RUN returns: the sum of the next four */
    uint64_t exits_doorbell; /* calls */
    uint64_t exits_signal;   /* interrupted (timer, vmm_interrupt) */
    uint64_t exits_memory;   /* first accesses to memory that a restored machine has no slot for */
    uint64_t exits_other;    /* what ends a run: a shutdown, an access outside of memory, ... */
    uint64_t upcalls;        /* pushed */
    uint64_t calls;          /* calls answered */
    /* What the guest claims: its system calls, by how they entered its kernel, and the page faults
     * that it has answered. */
    uint64_t syscalls_rewritten;
    uint64_t syscalls_trapped;
    uint64_t guest_faults;
    /* What the guest claims: the most memory that was in use at a time in the run. All that the
     * kernel and the program hold, touched or not; what they held before the run, too. */
    uint64_t memory_peak;
    uint64_t cpu_ns;       /* CPU time of the thread, in the guest and for it */
    uint64_t output_bytes; /* written to stdout and stderr; not what is dropped */
    uint64_t records;
    uint64_t record_bytes;   /* with their kinds */
    uint64_t tool_calls;     /* of functions of the host, those that were refused among them */
    uint64_t files_in_bytes; /* data of files that the guest took, and gave */
    uint64_t files_out_bytes;
    uint64_t run_ns; /* from call to return; the sum of its phases */
    /* The restore or rewind before it. */
    uint64_t restore_ns;
    /* Made private copies by vmm_restore() or vmm_renew(), and later in a run that lasts and
     * faults; 0 after a rewind. */
    uint64_t prefaulted_pages;
    uint64_t rewound_pages; /* copied back; 0 after a cold restore */
    uint64_t rewound_bytes; /* copied back */
    /* Of memory far after the snapshot's data, given back to the host; 0 before Linux 6.7, which
     * cannot count them. */
    uint64_t dropped_pages;
    uint64_t hot_pages; /* the hot set after it: what the next rewind copies back */
    uint64_t hot_added; /* pages that joined the hot set in the run before, by a fault each */
    /* The machine. */
    uint64_t workset_pages; /* recorded in its snapshot */
    uint64_t shadow_resets; /* rewinds of this VM that had to rebuild KVM's page tables */
    uint64_t dirty_pages;   /* known written when last asked (vmm_rewind, vmm_dirty_pages) */
    /* 0 for phases that did not happen. Phases of a restore may overlap. */
    uint64_t phase_ns[VMM_PHASES];
};

struct vmm_outcome {
    enum vmm_outcome_kind kind;
    int status;
    char detail[256]; /* one line or empty */
    /* Of VMM_CALLED: in so many ns the guest has something to do, whatever is answered; UINT64_MAX:
     * it has not. */
    uint64_t timer_ns;
    struct vmm_counters counters;
};

/* The host. kvm_pvm is true where the CPU shows neither vmx nor svm, emulated where QEMU emulates
 * the CPU without KVM (for tests: it is slow). vmm_host_probe() fails with a message fit for a user
 * when /dev/kvm is missing (ENOENT), not accessible (EACCES), or lacks what is needed (ENOTSUP, all
 * missing capabilities named). */
struct vmm_host {
    int kvm_api;
    bool kvm_pvm;
    bool emulated;
    char cpu[64];
    uint64_t tsc_khz;
    char capabilities[256]; /* those used, space-separated */
    bool filters;           /* system calls can be filtered: vmm_jail() works */
    int landlock;           /* version of Landlock, 0: none */
};
int vmm_host_probe(struct vmm_host *host, struct vmm_err *err);

/* What the library does differently on each kind of host. vmm_choice() tells each choice in a few
 * words, from 0 on, and returns NULL after the last. The text is static. */
struct vmm_choice {
    const char *what;   /* "memory slots" */
    const char *choice; /* "on demand" */
    const char *why;    /* "they cost by their size, used or not" */
};
const struct vmm_choice *vmm_choice(size_t i);

/* Whether a file is a kernel that vmm_create() would load: ENOEXEC when not. name is what messages
 * call it. */
int vmm_kernel_check(const char *path, const char *name, struct vmm_err *err);

/* A fresh machine, kernel loaded. Errors: as vmm_host_probe(); EINVAL for a bad configuration,
 * ENOEXEC for a kernel that is no ELF for x86-64, truncated, or of another ABI version (both
 * versions named), E2BIG for one that leaves no room for its page tables, and what opening the
 * files gives. On failure *out is NULL. */
int vmm_create(const struct vmm_config *config, struct vmm **out, struct vmm_err *err);

/* Runs the kernel to its first HV_CALL_RUN: outcome VMM_READY, or how it failed. timeout_ns as in
 * vmm_run. */
int vmm_start(struct vmm *vm, uint64_t timeout_ns, struct vmm_outcome *outcome,
              struct vmm_err *err);

/* Hands over one run and runs it to its end. EINVAL unless the last outcome was VMM_READY or the VM
 * was just restored or rewound. All output has been written when it returns. After VMM_READY the
 * machine is as the run has left it, and the next one goes on there; all other outcomes end it, and
 * only vmm_rewind(), vmm_renew() and vmm_destroy() are left. */
int vmm_run(struct vmm *vm, const struct vmm_run *run, struct vmm_outcome *outcome,
            struct vmm_err *err);

/* May be called on any thread and in a signal handler. VMM_INTERRUPT_INT: the guest gets SIGINT;
 * VMM_INTERRUPT_TERM: SIGTERM; VMM_INTERRUPT_KILL: the run ends as VMM_KILLED. When no run is going
 * on, it acts on the next one. */
enum vmm_interrupt { VMM_INTERRUPT_INT, VMM_INTERRUPT_TERM, VMM_INTERRUPT_KILL };
void vmm_interrupt(struct vmm *vm, enum vmm_interrupt what);
/* Forgets interrupts that came too late for the run that is over. */
void vmm_interrupt_forget(struct vmm *vm);

void vmm_io_set(struct vmm *vm, const struct vmm_io *io);

/*
 * Sessions, with a driver in the guest that knows them, as python-agent-driver: runs of these modes
 * end as VMM_READY, and the next one goes on where it has left the machine. What a script or a
 * program has begun ends with it, and so does a session that the code itself ends (os._exit(), a
 * crash) or a limit: then the outcome is of another kind. Between runs nothing of the guest runs:
 * its threads stand still, its clocks go on. argv is {"-"} where nothing else is said. A driver
 * refuses what it cannot do in one line on stderr and with the status 125, and the session goes on.
 * Answers are records (vmm_io).
 *
 *   HV_RUN_CELL         source is code, whose names are the context's. Status 0, 1 after an
 *                       exception, or that of SystemExit. Records "result", "display", "error",
 *                       and "exit" after SystemExit; without a taker of records results go to
 *                       stdout and tracebacks to stderr. "input_request" when it reads stdin and
 *                       nothing is there: what is then written there is the answer.
 *   HV_RUN_COMPLETE     record "complete": what can stand at the cursor
 *   HV_RUN_INSPECT      record "inspect": what is at the cursor; with argv {"-", "1"} its source,
 *                       too
 *   HV_RUN_IS_COMPLETE  record "is_complete": whether source is a whole input
 *   HV_RUN_CONTEXT      argv[0] is "make", "drop", "restart" or "list" (record "contexts"). The
 *                       context "default" is always there.
 *   HV_RUN_SERVICE      something of the host's, between two cells, that the session's program does
 *                       not notice: argv[0] names a handler of the driver's, which the rest of argv
 *                       and source are for (python-agent-driver/README.md). Status 1 and the record
 *                       "failed" when it fails: a type, a NUL and a message.
 *
 * env of the first run is that of all contexts. Later env is, for "make", added to it for that
 * context, and for a cell set while the cell runs. cwd counts for "make", and for the first run in
 * the default context; from then on the context has its own.
 *
 * Packages: HV_RUN_PRELOAD, with argv {"-"}, makes what files_in puts into the site directory of
 * the guest's Python (python-agent-driver/README.md) a part of the machine, and ends as VMM_READY
 * with status 0. source is lines as in preload.txt: modules that the next runs find imported.
 * Before any other run, or after another such run, the next one may be of any mode, and finds of
 * this run only that: a state to make a checkpoint of. env and cwd are those of the imports alone.
 * Before each line comes the record "preload", {"line": 1, "module": "NAME"}. When the import
 * raises, it comes once more, with "error", and the next line's turn comes. What takes the process
 * down (os._exit(), a crash, a limit) ends the machine, with another outcome. In a session, between
 * two cells, source is empty: the next cell can import the packages.
 */

/* Frees everything; NULL is allowed. */
void vmm_destroy(struct vmm *vm);

/*
 * Snapshots. The key names what a snapshot belongs to: xxh3-128 of kernel, initrd, memory size,
 * guest CPUID and ABI version; text is its hexadecimal form.
 */
struct vmm_key {
    uint8_t bytes[16];
};
void vmm_key_text(const struct vmm_key *key, char text[33]);

/* Reads both files whole. */
int vmm_key_compute(const char *kernel_path, const char *initrd_path, uint64_t memory,
                    struct vmm_key *key, struct vmm_err *err);

struct vmm_snapshot_info {
    uint32_t version;
    uint32_t abi_version;
    struct vmm_key key;
    uint64_t memory;         /* guest RAM, bytes */
    uint64_t memory_least;   /* of it: the least that a run can be limited to */
    uint64_t data_pages;     /* pages that are not holes */
    uint64_t text_bytes;     /* program text in pages of 2 MiB */
    uint64_t disk_bytes;     /* allocated on disk */
    uint64_t initrd_size;    /* bytes */
    uint64_t workset_pages;  /* recorded working set of small runs */
    uint64_t workset_longer; /* further pages that longer runs write */
    uint64_t created_ns;     /* wall clock */
    uint64_t content[2];     /* a checksum: of memory, of a checkpoint's file that of its pages */
    /* Of a checkpoint, else 0: the pages that differ from its base, and its share of the memory for
     * them. Of pages that several checkpoints share each has an equal part, so that the shares add
     * up to what they take together. */
    uint64_t delta_pages;
    uint64_t delta_memory; /* bytes; pages in a file do not count */
    bool suspended;        /* it is in the middle of a run: vmm_take_over() */
};

/* Writes the VM (at VMM_READY) to fd (a new, empty regular file or memfd, read-write), sparse, and
 * fsyncs it. EINVAL when the VM is not at such a place. ENOSPC and the like as they come; the file
 * is then garbage. */
int vmm_snapshot_write(struct vmm *vm, int fd, const struct vmm_key *key, struct vmm_err *err);

/* Whether only this process's (effective) user and root can change what fd is open on, a file or a
 * directory: 0, or EPERM when it belongs to somebody else or its mode lets others write. POSIX
 * access control lists show in the mode. A file without a name (a memfd) passes: only those who
 * hold it can reach it. name is for the message. Directories above it are not looked at. */
int vmm_file_trusted(int fd, const char *name, struct vmm_err *err);

/* Checks header (magic, version, header checksum, sizes against the file's, ABI) and, when key is
 * not NULL, the key; maps the memory image. Every refusal names the found and the wanted value.
 * EKEYREJECTED for another key, ENOTSUP for CPU features this host lacks (named), EBADMSG for
 * damage, EPROTO for another version. The initrd is opened too and must have the recorded size.
 *
 * Both files are mapped, not copied, so whoever can write them can change machines that run. A file
 * that is opened by its path is therefore refused (EPERM) unless vmm_file_trusted(). Files that the
 * caller has opened are the caller's to judge; they are not closed. When a file is written to while
 * in use, the next vmm_restore() or vmm_rewind() finds that by the file's size and time of change
 * (EBADMSG). This is meant for accidents: run the machine no further. */
int vmm_snapshot_open(const char *path, const char *initrd_path, const struct vmm_key *key,
                      struct vmm_snapshot **out, struct vmm_err *err);
int vmm_snapshot_open_fd(int fd, const char *initrd_path, const struct vmm_key *key,
                         struct vmm_snapshot **out, struct vmm_err *err);
int vmm_snapshot_open_fds(int fd, int initrd_fd, const struct vmm_key *key,
                          struct vmm_snapshot **out, struct vmm_err *err);
void vmm_snapshot_info(const struct vmm_snapshot *snap, struct vmm_snapshot_info *info);

/* Full check of the memory image against the recorded checksum. EBADMSG with both values. */
int vmm_snapshot_verify(const struct vmm_snapshot *snap, struct vmm_err *err);

/*
 * The working set of a snapshot or of a checkpoint in a file: pages that a restore copies ahead,
 * because a run writes them, or reads them beside some that it writes. It is found by runs and
 * rewinds, in a VM restored from that snapshot with rewindable true. vmm_workset_watch(), right
 * after the restore, makes visible what runs only read. It needs userfaultfd and Linux 6.7; without
 * it only written pages are known. vmm_workset_small() says that all runs so far were small ones.
 * Pages that only later runs write are then copied late, in a run that has lasted for some time and
 * taken many faults. Without this call all runs count as small. vmm_snapshot_set_workset() records
 * the working set in the file of the snapshot or checkpoint, which fd is open on. A checkpoint's
 * also has what longer runs write by its base's, and one that has none of its own uses its base's.
 */
void vmm_workset_watch(struct vmm *vm);
int vmm_workset_small(struct vmm *vm, struct vmm_err *err);
int vmm_snapshot_set_workset(struct vmm *vm, int fd, struct vmm_err *err);

/* Makes a VM as it was when the snapshot was written. The VM holds snap, which may be closed.
 * rewindable: writes are tracked from the first one, so that vmm_rewind() works; false saves that
 * cost for a single run. */
int vmm_restore(struct vmm_snapshot *snap, const struct vmm_io *io, bool rewindable,
                struct vmm **out, struct vmm_err *err);

/* Puts a rewindable VM back to its snapshot, whatever happened in it. After an error the VM refuses
 * to run. */
int vmm_rewind(struct vmm *vm, struct vmm_err *err);

/* As vmm_rewind(), for runs of different owners in one VM: memory is mapped again, in the host and
 * in KVM. After vmm_rewind() a first touch of a page is faster if an earlier run has touched it. A
 * run can measure that, and learn which pages those were. After vmm_renew() all pages are in the
 * state of a fresh restore. It costs the next run the faults of a cold one. Two things stay shared:
 * the page cache of snapshot and initrd, with every VM of the host, and the CPU's caches and
 * predictors. EINVAL also for a VM that records a working set. */
int vmm_renew(struct vmm *vm, struct vmm_err *err);

/* Debug check, right after vmm_restore(), vmm_rewind() or vmm_renew(). It compares all guest memory
 * and registers with the snapshot, and vector state unless the guest is to load that itself
 * (HV_RUN_VECTORS). It compares all that KVM tells of the vCPU, every MSR among it but those that
 * count time, with a machine that has not run. The first check of a snapshot makes that machine,
 * and so needs what vmm_restore() needs. EUCLEAN naming the first difference. */
int vmm_check(struct vmm *vm, struct vmm_err *err);

/*
 * Checkpoints. vmm_checkpoint() makes a snapshot of a rewindable VM at VMM_READY, after any number
 * of runs, or at VMM_CALLED, where a copy needs vmm_take_over() (doors.h). It consists of the
 * snapshot that the VM was restored from, its base, and of the pages that differ from it. The pages
 * that are as in the VM's checkpoint before are shared with that one. The VM goes on as it is, and
 * vmm_rewind() goes to the new checkpoint from then on. A checkpoint is used as any snapshot:
 * vmm_restore() makes copies of the VM, any number, which share what they do not write;
 * vmm_snapshot_close() gives it back. It holds its base, and VMs hold both. Its memory is that of
 * the pages, 12 bytes each for a list, and a few KiB. Of a page that differs in a few lines of 64
 * bytes, and is not in a row of 16 that differ, it has these lines. Memory that the guest has freed
 * (hv_shared.frames) becomes zero in the VM first, and is not in the checkpoint.
 *
 * vmm_rewind_to() puts a VM back to the snapshot that it was restored from or to any checkpoint
 * that has the same base, of whichever VM, and vmm_rewind() goes there from then on.
 *
 * EINVAL for a VM that is not at such a place, is running, was not restored to be rewound, or
 * records a working set, and for a checkpoint of another base. EBUSY when a call was answered and
 * vmm_resume() has not been called since. EBADMSG when a file was written to (vmm_snapshot_open()).
 * After an error of vmm_checkpoint(), and after EINVAL and EBADMSG of vmm_rewind_to(), the VM is as
 * it was; after another error of vmm_rewind_to() it refuses to run. vmm_snapshot_set_workset() does
 * not take a VM at a checkpoint that was not opened from a file.
 */
int vmm_checkpoint(struct vmm *vm, struct vmm_snapshot **out, struct vmm_err *err);
int vmm_rewind_to(struct vmm *vm, struct vmm_snapshot *snap, struct vmm_err *err);

/* A checkpoint in a file. vmm_checkpoint_write() writes it to fd (a new, empty regular file or
 * memfd, read-write) and fsyncs it. ENOSPC and the like as they come; the file is then garbage.
 * The file names its base by key and by the checksum of its memory: two snapshots made of the same
 * files have one key, and are different machines. It is opened beside its base, which is open
 * already, or beside another checkpoint of that base, and is mapped, not copied: what
 * vmm_snapshot_open() says of files and errors holds here, too. EKEYREJECTED for another base, with
 * both keys and both checksums. vmm_snapshot_verify() checks base and checkpoint. */
int vmm_checkpoint_write(const struct vmm_snapshot *snap, int fd, struct vmm_err *err);
/* vmm_checkpoint() and vmm_checkpoint_write() in one, without the memory of a checkpoint; also in
 * jail. vmm_rewind() goes where it went. */
int vmm_checkpoint_save(struct vmm *vm, int fd, struct vmm_err *err);
int vmm_checkpoint_open(const char *path, struct vmm_snapshot *base, struct vmm_snapshot **out,
                        struct vmm_err *err);
int vmm_checkpoint_open_fd(int fd, struct vmm_snapshot *base, struct vmm_snapshot **out,
                           struct vmm_err *err);

/* The hot set: guest pages written since the restore or rewind, pages of earlier runs that stay
 * writable, and pages far after the snapshot's data that are not zero. Stores their number in
 * *count and up to max page-aligned addresses, ascending, in gpas. Needs rewindable. */
int vmm_dirty_pages(struct vmm *vm, uint64_t *gpas, size_t max, size_t *count, struct vmm_err *err);

/* The machine's memory as it is now, between runs. vmm_footprint() looks at every page of RAM,
 * which takes about a millisecond a GiB and more for private pages. It leaves the next run cold
 * caches. */
struct vmm_footprint {
    uint64_t private_pages; /* memory of its own, present or swapped out */
    uint64_t
        changed_pages; /* of them, those that differ from the snapshot; from zero without one */
};
int vmm_footprint(struct vmm *vm, struct vmm_footprint *footprint, struct vmm_err *err);

void vmm_snapshot_close(struct vmm_snapshot *snap);

/*
 * The jail: what a process that holds a VM gives up, for good, before guest code runs. A guest may
 * get out of its VM by a fault in KVM or in this library. It then finds no privilege to gain
 * (no_new_privs), no capability and no file (Landlock, where the kernel has it). It can make only
 * the system calls that running needs, with the arguments that running needs: jail_table.c has a
 * line for each. Any other call ends the process at once, by SIGSYS.
 *
 * In jail existing VMs run, are rewound, interrupted and destroyed; malloc() works, and so do
 * stdio's streams that write to the given descriptors and were used before. Nothing can be opened,
 * so no VM can be made or restored there.
 *
 * A whole process in jail: all its threads get the list of system calls. The rest holds for the
 * calling thread, which should be the only one, and for those that vmm_jail.threads starts. Other
 * processes of the same user can neither trace the process nor look into it, and it leaves no core
 * file. A single thread in jail: other threads go on as before, and may do for it what it cannot.
 * The thread may end, but may start no other.
 *
 * Whether in jail or not, no core file of a process contains guest memory.
 */
enum vmm_jail_extra {
    /* vmm_footprint(), vmm_dirty_pages(), vmm_checkpoint() and vmm_check() of one VM. vmm_check()
     * must have been called before the jail, too: the first one makes a VM to compare with */
    VMM_JAIL_INSPECT = 1,
    /* vmm_snapshot_write() of a restored machine, vmm_snapshot_set_workset(),
     * vmm_checkpoint_save(). With VMM_JAIL_INSPECT also vmm_snapshot_write() of a fresh machine,
     * and vmm_workset_small() */
    VMM_JAIL_SNAPSHOT = 2,
    VMM_JAIL_RENEW = 4, /* vmm_renew() of one VM, to the snapshot that it goes to at vmm_jail() */
    VMM_JAIL_TERMINAL = 8, /* a guest may set echo and line modes of its terminal */
    VMM_JAIL_CHANNEL = 16, /* read() and write() on one more descriptor, the caller's own socket */
    VMM_JAIL_EDIT = 32,    /* the caller edits lines: it sets the modes of its terminal, input_fd */
    /* recvmsg() on the channel. With INSPECT and RENEW: vmm_checkpoint_save() to descriptors that
     * come there, vmm_checkpoint_take() of them, vmm_renew_to(). Of what was open before only what
     * may be written to can be. */
    VMM_JAIL_HANDOVER = 64,
};
#define VMM_JAIL_OUTPUTS 4

struct vmm_jail {
    bool thread;     /* the calling thread alone */
    unsigned extras; /* of enum vmm_jail_extra */
    int input_fd;    /* what may be read from; -1: nothing */
    const int *output_fds;
    size_t output_count;
    struct vmm *vm;  /* of VMM_JAIL_INSPECT and VMM_JAIL_RENEW; else NULL */
    int snapshot_fd; /* of VMM_JAIL_SNAPSHOT; else -1 */
    int channel_fd;  /* of VMM_JAIL_CHANNEL; else not looked at */
    /* NULL, or what starts other threads of the process. It is called when everything but the list
     * of system calls holds, so all of the jail holds for these threads. It must wait until they
     * have begun; for what a thread may do see jail_table.c. Returns 0 or, with *err, -errno. */
    int (*threads)(void *arg, struct vmm_err *err);
    void *threads_arg;
};

/* At most once a thread. EALREADY in jail; EINVAL for fields that do not go together; EBUSY when
 * another thread has a filter of its own; ENOSYS or EINVAL where the kernel has no filters. After
 * an error part of the jail may hold: the thread should end. */
int vmm_jail(const struct vmm_jail *jail, struct vmm_err *err);

#endif
