// SPDX-License-Identifier: Apache-2.0
/*
 * libvmm: one micro-VM per struct vmm, on /dev/kvm. This header is the manual.
 *
 * Life: vmm_create() loads a kernel; vmm_start() runs it until it asks for its first run;
 * vmm_run() hands it one run and returns when the run has ended (VMM_EXITED, ...) or the guest has
 * asked for another (VMM_READY: a program that read HV_RUN_DEVICE; the place for a snapshot).
 * vmm_snapshot_write() saves a VM that is at such a place. vmm_snapshot_open() + vmm_restore() make
 * a VM from the file, in any process ("cold"); vmm_rewind() puts a restored VM back, in place
 * ("warm").
 *
 * Rules for all calls: the library never prints and never exits. Functions that can fail return 0
 * or a negative errno and fill *err (may be NULL) once, in one line fit for a user. What a guest
 * does is never a host error: it is a struct vmm_outcome. A struct vmm is used by one thread at a
 * time, except vmm_interrupt(); different VMs are independent, any number a process. The library
 * takes one signal, VMM_SIGNAL, whose handler it installs at the first vmm_create() or
 * vmm_restore(), to interrupt KVM_RUN; on threads that have run a VM it is blocked between runs.
 */
#ifndef VMM_H
#define VMM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Where output goes and input comes from. A file descriptor of -1: output is dropped, input is at
 * its end; of VMM_FD_CLOSED: the program finds it closed. What a descriptor is when it is given
 * here is what the program sees: a terminal (isatty(3); of its modes a program can change echo and
 * canonical input, which are put back when the run ends), for stdin a regular file (it can be
 * sought, and reading moves the descriptor's offset), else a pipe. When stdout and stderr are one
 * place (one pipe or terminal, one open file), what is written to them arrives there in the order
 * of writing. The VM never closes them, nor changes what others see of them, such as O_NONBLOCK.
 * When a write fails with EPIPE the run ends as VMM_PIPE_CLOSED; any other error ends it as a host
 * error, EFBIG among them. No SIGPIPE or SIGXFSZ is raised. */
#define VMM_FD_CLOSED (-2)
struct vmm_io {
    int stdin_fd;
    int stdout_fd;
    int stderr_fd;
    /* Where trace lines go; NULL: to stderr_fd, a line each. It is called on the thread of
     * vmm_run() or vmm_start() with up to 4096 printable ASCII characters, without a newline and
     * not NUL-terminated. The guest stands still meanwhile and chooses what is in a line. The time
     * counts as the run's, and nothing cuts it short: it must not block. VMM_SIGNAL is blocked, and
     * no call may be made with the VM but vmm_interrupt(). */
    void (*trace)(void *arg, const char *line, size_t len);
    void *trace_arg;
    /* The streams look like pipes to the program, whatever they are: what it does, and a snapshot
     * of it, does not depend on them. */
    bool plain;
    /* NULL, or the function that takes all output; of stdout_fd and stderr_fd only VMM_FD_CLOSED
     * then counts. stream is 1 for stdout and 2 for stderr. To the program they are two pipes: each
     * keeps its order, and which of the two comes first is not kept. There are 1 to 65536 bytes,
     * read where the guest wrote them: they are valid until the function returns. It takes all of
     * them and returns 0, or it returns a negative errno: -EPIPE ends the run as VMM_PIPE_CLOSED,
     * any other (-EAGAIN and -EINTR, too) ends it as a host error, which vmm_run() returns. When a
     * run is ended from outside (VMM_TIMEOUT, VMM_KILLED) it still gets what the program had
     * written, and an error is then ignored. The rules are those of trace: it must not block. */
    int (*write)(void *arg, int stream, const void *bytes, size_t size);
    void *write_arg;
};

struct vmm_config {
    const char *kernel_path; /* an ELF with the HV_NOTE_ABI note */
    const char *initrd_path; /* a newc CPIO, mapped, not copied; must not change while in use */
    uint64_t memory; /* guest RAM, bytes; rounded up to 2 MiB. VMM_MEMORY_MIN .. VMM_MEMORY_MAX */
    bool trace;      /* during vmm_start(), too, what the kernel has to say */
    struct vmm_io io;
};
#define VMM_MEMORY_MIN     (16ull << 20)
#define VMM_MEMORY_MAX     (64ull << 30)
#define VMM_MEMORY_DEFAULT (1ull << 30)

/* One run. Strings and arrays are the caller's and only read during vmm_run(). */
struct vmm_run {
    int mode;                /* enum hv_run_mode of abi.h */
    const char *const *argv; /* NULL-terminated; argv[0] as enum hv_run_mode says */
    /* NULL, or NULL-terminated: what python3 would have before it, "-O", "-W", "error". The guest's
     * driver judges them. */
    const char *const *options;
    const char *const *env; /* NULL-terminated "KEY=VALUE" */
    const char *cwd;        /* absolute */
    const void *source;     /* source_len bytes, which are not copied; NULL if 0 */
    size_t source_len;
    /* 0: none; else VMM_TIMEOUT that long after vmm_run() was called, by CLOCK_MONOTONIC. Whatever
     * the guest does, whatever the readers, writers and other users of its streams do, and if the
     * process was stopped for a while, vmm_run() returns within some 10 ms of it. */
    uint64_t timeout_ns;
    /* Bytes, of stdout and stderr together, trace lines among them; 0: no limit. So much is
     * written; with more to write the run ends as VMM_OUTPUT. */
    uint64_t max_output;
    /* So much longer: the program gets HV_END_SIGNAL (abi.h) when its time is over, and may write
     * what it has buffered. The run ends as VMM_TIMEOUT, when the program ends or the grace. */
    uint64_t grace_ns;
    bool deterministic; /* fixed entropy; clocks still run */
    bool trace;         /* a line per system call as io.trace says; else the guest's are refused */
};

enum vmm_outcome_kind {
    VMM_READY,       /* the guest waits for a run */
    VMM_EXITED,      /* status: exit status 0-255 */
    VMM_SIGNALED,    /* status: the signal that killed the program */
    VMM_OOM,         /* guest memory ran out and the program was killed */
    VMM_TIMEOUT,     /* the deadline passed */
    VMM_OUTPUT,      /* there was more output than max_output */
    VMM_PIPE_CLOSED, /* the reader of stdout or stderr is gone */
    VMM_KILLED,      /* vmm_interrupt(VMM_INTERRUPT_KILL) */
    VMM_PANIC,       /* the guest kernel gave up; detail says why */
    VMM_BROKEN,      /* it broke the contract of abi.h or the CPU gave up; detail says how */
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
    /* vmm_rewind(); vmm_renew() has of both */
    VMM_PHASE_SETTLE, /* the vCPU brought to rest */
    VMM_PHASE_LOG,    /* the dirty log read */
    VMM_PHASE_COPY,   /* pages copied back, or dropped */
    VMM_PHASE_COOL,   /* pages taken out of the hot set */
    VMM_PHASE_SHADOW, /* a shadow reset */
    /* both */
    VMM_PHASE_STATE, /* registers */
    /* vmm_start(), vmm_run() */
    VMM_PHASE_HANDOVER, /* the run's data built and handed over */
    VMM_PHASE_ENTER,    /* into the guest and out of it: what of KVM_RUN the guest did not see */
    VMM_PHASE_GUEST,    /* by its own clock, calls to the host included; with ENTER in it when the
                           run did not end by an exit of its own */
    VMM_PHASE_FINISH,   /* the last of the output written, the outcome made */
    VMM_PHASES,
};
/* One word, lower case; NULL for VMM_PHASES and above. */
const char *vmm_phase_name(enum vmm_phase phase);

/* Counts are of the last vmm_run() (vmm_start()) or of the restore or rewind before it, as grouped.
 * Counting costs no system call and no page. */
struct vmm_counters {
    /* The run. */
    uint64_t exits;          /* KVM_RUN returns: the sum of the next four */
    uint64_t exits_doorbell; /* calls */
    uint64_t exits_signal;   /* interrupted (timer, vmm_interrupt) */
    uint64_t exits_memory;   /* first accesses to memory that a restored machine has no slot for */
    uint64_t exits_other;    /* what ends a run: a shutdown, an access outside of memory, ... */
    uint64_t upcalls;        /* pushed */
    uint64_t calls;          /* call slots answered */
    /* As the guest claims: system calls by how they entered its kernel, page faults that it has
     * answered. */
    uint64_t syscalls_rewritten;
    uint64_t syscalls_trapped;
    uint64_t guest_faults;
    uint64_t run_ns; /* from call to return; the sum of its phases */
    /* The restore or rewind before it. */
    uint64_t restore_ns;
    uint64_t prefaulted_pages; /* made private copies by vmm_restore() or vmm_renew(), and later in
                                  a run that was no small one; 0 after a rewind */
    uint64_t rewound_pages;    /* copied back; 0 after a cold restore */
    uint64_t rewound_bytes;    /* copied back */
    uint64_t dropped_pages;    /* of memory far behind the snapshot's data, given back to the host;
                                  0 before Linux 6.7, where nobody counts them */
    uint64_t hot_pages;        /* the hot set behind it: what the next rewind copies back */
    uint64_t hot_added;        /* pages that joined it in the run before, by a fault each */
    /* The machine. */
    uint64_t workset_pages; /* recorded in its snapshot */
    uint64_t shadow_resets; /* rewinds, ever, that had to rebuild KVM's page tables */
    uint64_t dirty_pages;   /* known written when last asked (vmm_rewind, vmm_dirty_pages) */
    /* 0 for those that did not happen. Those of a restore may overlap. */
    uint64_t phase_ns[VMM_PHASES];
};

struct vmm_outcome {
    enum vmm_outcome_kind kind;
    int status;
    char detail[256]; /* one line or empty */
    struct vmm_counters counters;
};

/* The host. kvm_pvm is true where the CPU shows neither vmx nor svm, emulated where it is one of
 * QEMU's without KVM (for tests: it is slow). Fails with a message fit for a
 * user when /dev/kvm is missing (ENOENT), not accessible (EACCES), or lacks what is needed
 * (ENOTSUP, all missing capabilities named). */
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

/* What the library does in a way that depends on the kind of host: each choice in a few words, from
 * 0 on; NULL after the last. Static. */
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
 * was just restored or rewound. All output has been written when it returns. */
int vmm_run(struct vmm *vm, const struct vmm_run *run, struct vmm_outcome *outcome,
            struct vmm_err *err);

/* Any thread, async-signal-safe. VMM_INTERRUPT_INT: the guest gets SIGINT; VMM_INTERRUPT_TERM:
 * SIGTERM; VMM_INTERRUPT_KILL: the run ends as VMM_KILLED. Without a run going on it acts on the
 * next one. */
enum vmm_interrupt { VMM_INTERRUPT_INT, VMM_INTERRUPT_TERM, VMM_INTERRUPT_KILL };
void vmm_interrupt(struct vmm *vm, enum vmm_interrupt what);

void vmm_io_set(struct vmm *vm, const struct vmm_io *io);

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
    uint64_t data_pages;     /* pages that are not holes */
    uint64_t text_bytes;     /* program text in pages of 2 MiB */
    uint64_t disk_bytes;     /* allocated on disk */
    uint64_t initrd_size;    /* bytes */
    uint64_t workset_pages;  /* recorded working set of small runs */
    uint64_t workset_longer; /* more that longer ones write */
    uint64_t created_ns;     /* wall clock */
};

/* Writes the VM (at VMM_READY) to fd (a new, empty regular file or memfd, read-write), sparse, and
 * fsyncs it. EINVAL when the VM is not at such a place. ENOSPC and the like as they come; the file
 * is then garbage. */
int vmm_snapshot_write(struct vmm *vm, int fd, const struct vmm_key *key, struct vmm_err *err);

/* Whether only this process's (effective) user and root can change what fd is open on, a file or a
 * directory: 0, or EPERM when it belongs to somebody else or its mode lets others write. The mode
 * has the bits of POSIX access control lists in it. What has no name (a memfd) is its holders'
 * alone. name is for the message. Directories above it are not looked at. */
int vmm_file_trusted(int fd, const char *name, struct vmm_err *err);

/* Checks header (magic, version, header checksum, sizes against the file's, ABI) and, when key is
 * not NULL, the key; maps the memory image. Every refusal names the found and the wanted value.
 * EKEYREJECTED for another key, ENOTSUP for CPU features this host lacks (named), EBADMSG for
 * damage, EPROTO for another version. The initrd is opened too and must have the recorded size.
 *
 * Both files are mapped, not copied, so whoever can write them can change machines that run: what
 * is opened by its path is refused (EPERM) unless vmm_file_trusted(). Files that the caller has
 * opened are the caller's to judge; they are not closed. A file that is written to while in use is
 * found, by its size and its time of change, at the next vmm_restore() or vmm_rewind() (EBADMSG),
 * which is meant for accidents: run the machine no further. */
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
 * The working set of a snapshot: pages that a restore copies ahead, because a run writes them, or
 * reads them beside some that it writes. It is made in a VM restored from that snapshot with
 * rewindable true, by runs and rewinds. vmm_workset_watch(), right after the restore, lets it be
 * seen what runs only read (needs userfaultfd and Linux 6.7; without, only written pages are
 * known). vmm_workset_small() says that the runs so far were small ones: what only later ones write
 * is not copied before a run has lasted and faulted. vmm_snapshot_set_workset() records all of it
 * in the file behind fd; without the other two, what was written is of small runs.
 */
void vmm_workset_watch(struct vmm *vm);
int vmm_workset_small(struct vmm *vm, struct vmm_err *err);
int vmm_snapshot_set_workset(struct vmm *vm, int fd, struct vmm_err *err);

/* A VM as it was when written. snap must outlive it. rewindable: writes are tracked from the first
 * one, so that vmm_rewind() works; false saves that cost for a single run. */
int vmm_restore(struct vmm_snapshot *snap, const struct vmm_io *io, bool rewindable,
                struct vmm **out, struct vmm_err *err);

/* Puts a rewindable VM back to its snapshot, whatever happened in it. After an error the VM refuses
 * to run. */
int vmm_rewind(struct vmm *vm, struct vmm_err *err);

/* As vmm_rewind(), for runs of different owners in one VM: memory is mapped again, in the host and
 * in KVM. After vmm_rewind() a first touch is faster where an earlier run has been, so that a run
 * can learn which pages those were, by timing. After this all pages are in the state of a fresh
 * restore. It costs the next run the faults of a cold one. What stays shared: the page cache behind
 * snapshot and initrd, with every VM of the host, and the CPU's caches and predictors. EINVAL also
 * for a VM that records a working set. */
int vmm_renew(struct vmm *vm, struct vmm_err *err);

/* Debug check, right after vmm_restore(), vmm_rewind() or vmm_renew(): compares all guest memory,
 * registers and vector state (where that is not the guest's to load: HV_RUN_VECTORS) with the
 * snapshot, and all of the vCPU that KVM tells, every MSR among it but the time stamp counter, with
 * a machine that has not run. The first check of a snapshot makes that one, and so needs what
 * vmm_restore() does. EUCLEAN naming the first difference. */
int vmm_check(struct vmm *vm, struct vmm_err *err);

/* The hot set: guest pages written since the restore or rewind, and those of earlier runs that stay
 * writable; and those far behind the snapshot's data that are not zero. Stores their number in
 * *count and up to max page-aligned addresses, ascending, in gpas. Needs rewindable. */
int vmm_dirty_pages(struct vmm *vm, uint64_t *gpas, size_t max, size_t *count, struct vmm_err *err);

/* The machine's memory as it is now, between runs. Looks at every page of RAM, about a millisecond
 * a GiB and more for what is private, and leaves the next run cold caches. */
struct vmm_footprint {
    uint64_t private_pages; /* memory of its own, present or swapped out */
    uint64_t
        changed_pages; /* of them, those that differ from the snapshot; from zero without one */
};
int vmm_footprint(struct vmm *vm, struct vmm_footprint *footprint, struct vmm_err *err);

void vmm_snapshot_close(struct vmm_snapshot *snap);

/*
 * The jail: what the holder of a VM gives up, for good, before guest code runs. Should a guest get
 * out of its VM by a fault in KVM or in this library, it finds no privilege to gain
 * (no_new_privs), no capability, no file (Landlock, where the kernel has it) and of the system
 * calls only those that running needs, with the arguments that it needs: jail_table.c has a line
 * for each. Any other ends the process at once, by SIGSYS.
 *
 * In jail existing VMs run, are rewound, interrupted and destroyed; malloc() works, and so do
 * stdio's streams that write to the given descriptors and were used before. Nothing can be opened,
 * so no VM can be made or restored there.
 *
 * The process: all its threads get the list of system calls; the rest is of the calling thread,
 * which should be the only one. Other processes of the same user can neither trace it nor look
 * into it, and it leaves no core file. The thread: other threads go on as before, and may do for it
 * what it cannot. It may end, but start none.
 *
 * Whether in jail or not, no core file of a process contains guest memory.
 */
enum vmm_jail_extra {
    /* vmm_footprint() and vmm_dirty_pages() of one VM, and vmm_check(), which must have been called
     * before, too: the first one makes a VM to compare with */
    VMM_JAIL_INSPECT = 1,
    /* vmm_snapshot_write(), of a fresh machine with VMM_JAIL_INSPECT; vmm_workset_small() with it,
     * vmm_snapshot_set_workset() */
    VMM_JAIL_SNAPSHOT = 2,
    VMM_JAIL_RENEW = 4,    /* vmm_renew() of one VM */
    VMM_JAIL_TERMINAL = 8, /* a guest may set echo and line modes of its terminal */
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
};

/* Once a thread. EALREADY in jail; EINVAL for what does not go together; EBUSY when another thread
 * has a filter of its own; ENOSYS or EINVAL where the kernel has no filters. After an error part of
 * it may hold: the thread should end. */
int vmm_jail(const struct vmm_jail *jail, struct vmm_err *err);

#endif
