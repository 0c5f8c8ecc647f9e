// SPDX-License-Identifier: Apache-2.0
/*
 * The inside of libvmm: struct vmm and the functions the files share, grouped by file. All return 0
 * or a negative errno with *err set once, unless they say otherwise. Nothing here is global but the
 * signal handler. Each thread has a timer (clock.c) and knows the VM that runs on it (vmm.c).
 */
#ifndef VMM_INT_H
#define VMM_INT_H

#include "abi.h"
#include "bitmap.h"
#include "tools_int.h"
#include "vmm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <termios.h>
#include <time.h>

#define PAGE_2M       0x200000ull
#define NS_PER_MS     1000000ull
#define NEVER         UINT64_MAX
#define CPUID_ENTRIES 128u
#define STATE_MSRS    9u

/* Laid out as struct kvm_cpuid2, with room for its entries. */
struct x86_cpuid {
    uint32_t nent;
    uint32_t padding;
    struct kvm_cpuid_entry2 entries[CPUID_ENTRIES];
};

/* Laid out as struct kvm_msrs, with room for its entries. */
struct x86_msrs {
    uint32_t nmsrs;
    uint32_t padding;
    struct kvm_msr_entry entries[STATE_MSRS];
};

/* All of a vCPU that a guest can change and see. */
struct x86_state {
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_xcrs xcrs;
    struct kvm_debugregs debugregs;
    struct kvm_vcpu_events events;
    struct x86_msrs msrs;
    uint32_t xsave[1024]; /* as struct kvm_xsave without its open end */
};

/* How a stream is kept from blocking. */
enum io_way {
    IO_FILE,   /* it never waits for another process */
    IO_NOWAIT, /* RWF_NOWAIT */
    IO_CUT,    /* FIFOs, terminals: poll() first, then the timer cuts the call short */
    IO_CALL,   /* output: no descriptor, but vmm_io.write, which must not block */
};

/* Terminals whose modes a run has changed, with the modes from before, in the order of changing. */
struct terminal_saved {
    unsigned count;
    struct terminal_modes {
        int fd;
        struct termios modes;
    } of[3];
};

/* A file mapped read-only into its own memory slot, padded with zero pages to 2 MiB. */
struct mem_initrd {
    void *map;
    uint64_t map_size;
    uint64_t size;
};

enum vmm_state {
    VMM_STATE_NEW,    /* loaded, vmm_start() may run it */
    VMM_STATE_READY,  /* its HV_CALL_RUN is open */
    VMM_STATE_LEFT,   /* restored or rewound to a suspended run: vmm_take_over() */
    VMM_STATE_CALLED, /* its HV_CALL_WAIT is open: a run is suspended until vmm_resume() */
    VMM_STATE_SPENT,  /* a run has ended in it: it can only be rewound or destroyed */
    VMM_STATE_BAD,    /* a restore, rewind or run failed half-way */
};

/* Guest time. The guest's monotonic time is guest_ns at host CLOCK_MONOTONIC host_ns, and both run
 * at the same rate. */
struct clock_map {
    uint64_t guest_ns;
    uint64_t host_ns;
};

/* Host CLOCK_MONOTONIC instants at which a VM wants its vCPU stopped. */
struct clock_timer {
    pid_t tid;         /* of the thread that last ran it */
    uint64_t deadline; /* end of the run */
    uint64_t guest;    /* HV_CALL_TIMER */
    uint64_t tick;     /* next look at the output rings */
    uint64_t retry;    /* next try to push an upcall */
    uint64_t longer;   /* next look whether this is a longer run */
    uint64_t cpu;      /* the run may have used up its CPU time; not before */
};

/* A run that is suspended (VMM_CALLED): instants of the host's CLOCK_MONOTONIC, and what its
 * deadline had left. */
struct suspension {
    uint64_t until; /* the guest goes on then, if nothing happens before */
    uint64_t since;
    uint64_t left_ns; /* NEVER: there is no deadline */
    bool restored;    /* the guest has to be told, when it goes on */
    bool woken;       /* the caller of vmm_resume() is to get the run back */
};

/* What is noted of runs for a working set, in a machine that makes one (record.c). */
struct workset_notes {
    uint64_t *written; /* a bit a page: small runs wrote it; NULL before vmm_workset_small() */
    uint64_t *touched; /* a bit a page: small runs wrote or read it */
    int watch;         /* userfaultfd, or -1 */
};

/* The pages that a rewind copies back (hot.c); map is NULL when the machine is not rewindable. */
struct hot_page {
    uint32_t number;
    uint32_t quiet; /* looks in a row that found it as in the image */
};
struct hot_set {
    uint64_t *map;         /* a bit a page: is in the set */
    uint64_t *back;        /* a bit a page: has left it before */
    uint64_t *log;         /* scratch, as large: KVM's dirty log */
    uint64_t *trial;       /* a bit a page: has left it at the last look, to see if it comes back */
    size_t on_trial;       /* pages on trial */
    struct hot_page *list; /* the set as of the last rewind, ascending */
    size_t count;          /* of list */
    size_t leaving;        /* pages of list that hot_copy() has found shall leave */
    uint64_t copied;       /* pages copied since the last look for unchanged ones */
    bool much;             /* the last run used memory that was dropped (high.c) */
    bool grown;            /* map has more than list */
    bool first;            /* the next rewind is the first one to its snapshot */
    bool stale;            /* a watched page (shadow.c) is or was in it */
};

/* What a run is given (frame.c). head has all but the source's bytes, which are the caller's. */
struct run_frame {
    uint8_t *head;
    size_t head_size;
    size_t room; /* of head */
    const uint8_t *source;
    size_t source_len;
    const uint8_t *tools; /* the last record, which belongs to vmm_run.tools */
    size_t tools_size;
};

/* The files of a run (files.c). */
struct run_files {
    const struct vmm_files_in *in; /* NULL: none */
    const struct vmm_files_out *out;
    uint32_t flags;    /* of hv_resume */
    size_t next;       /* the entry that the guest asks for next; from in->count on once more */
    size_t wanted;     /* so many of out's paths the guest has asked for */
    bool given;        /* it has given all of them */
    bool rooted;       /* the entry of the wanted path itself was made, or refused */
    bool dir_open;     /* dir is the path of the directory that the last entry is or is in */
    char *dir;         /* HV_PATH_MAX bytes when there is an out */
    bool open;         /* the entry made last is a file, and takes data */
    bool full;         /* a limit of out is reached */
    uint64_t size;     /* of that file, bytes */
    uint64_t declared; /* the sum of the sizes of files, bytes */
    uint64_t written;  /* data, bytes */
    uint64_t entries;
};

struct vmm {
    const struct policy *policy;
    enum vmm_state state;
    enum io_way io_ways[3];    /* of stdin, stdout, stderr */
    struct hv_streams streams; /* their kinds; the position in stdin is not kept up to date */
    struct terminal_saved terminals;
    struct vmm_io io;

    /* KVM (kvm.c). */
    int vm_fd;
    int vcpu_fd;
    struct kvm_run *run;
    size_t run_size;
    bool io_pending;  /* KVM_RUN has to be entered once more before registers are read or set */
    bool at_doorbell; /* the last KVM_RUN ended at a doorbell */
    uint32_t tsc_khz;
    struct x86_cpuid cpuid;

    /* Memory (mem.c). */
    uint8_t *ram;
    uint64_t ram_size;
    uint64_t ram_image;       /* the part of it, from address 0, that maps the snapshot's file */
    uint64_t ram_low;         /* the part that has a slot from the start */
    uint64_t ram_bound;       /* the part that the guest can reach; all unless runs had a limit */
    bool high_used;           /* RAM from ram_low on has been touched, ever (high.c) */
    bool slots_lazy;          /* KVM was told to exit when an access misses a slot */
    bool slot_added;          /* a slot was, since KVM last failed to emulate an instruction */
    unsigned slots;           /* bits 1 << enum mem_slot: those that KVM has */
    struct hv_shared *shared; /* inside ram */
    struct mem_initrd initrd;

    /* Where the kernel was loaded. The guest may overwrite its own copies of these. */
    hv_gpa_t kernel_start;
    hv_gpa_t kernel_text_end;

    /* The run going on (run.c, calls.c). */
    struct hv_call run_call; /* the open HV_CALL_RUN, when READY */
    int handles[HV_HANDLES]; /* descriptors of the handles (wait.c), handle_count of them */
    unsigned handle_count;
    struct run_frame frame;
    struct run_tools tools;
    struct suspension suspension;
    struct run_files files;
    bool deterministic;
    bool trace;
    uint64_t output_left; /* bytes that may still be written */
    uint64_t memory;      /* RAM that the run may use, bytes; 0: all */
    uint64_t memory_most; /* that any run since the last restore or rewind might use */
    uint64_t cpu_ns;      /* CPU time that the run may take; 0: no limit */
    uint64_t cpu_start;   /* the thread's CPU time, from which on it counts */
    uint64_t grace_ns;    /* of the run going on */
    bool ending;          /* the run's time is over, and the guest was told */
    enum vmm_outcome_kind ending_as;
    uint64_t generation;
    struct vmm_outcome *outcome; /* of the call going on */
    struct vmm_err *err;
    struct vmm_counters counters;
    uint64_t started_ns;            /* vmm_run() was called */
    uint64_t entered_ns;            /* the run was handed over */
    uint64_t left_ns;               /* the guest made its last call; 0 before */
    uint64_t faults_before;         /* os_thread_faults() when the run began, if needed */
    struct hv_counts counts_before; /* the guest's own, at the handover */
    struct clock_map clock;
    struct clock_timer timer;
    atomic_int kicked;     /* set by the signal handler */
    atomic_int interrupts; /* bits 1 << enum vmm_interrupt, or INTERRUPT_... */
    atomic_int running;    /* thread inside vmm_run(), 0 when none */
    int pagemap_fd;        /* for pagemap.c in a process that cannot open it any more; else -1 */

    /* Where it came from (snapshot.c, rewind.c); NULL for a fresh machine. */
    struct vmm_snapshot *snap;   /* what a rewind goes to */
    struct vmm_snapshot *origin; /* what its memory maps: the same base */
    bool rewindable;
    bool restored;     /* and has not run since */
    bool vectors_left; /* the rewind left vector state to the guest */
    bool ring0_seen;   /* a run since the last full x86_state_set() may have gained ring 0 */
    struct hot_set hot;
    struct workset_notes notes;
    uint64_t *watch; /* a bit a page: page tables, and what ring 0 runs on (shadow.c) */
};

/* vmm.c */
int vmm_alloc(struct vmm **out, const struct policy *policy, const struct vmm_io *io,
              struct vmm_err *err);
void vmm_kick_install(void);          /* the handler of VMM_SIGNAL, once */
void vmm_kick_target(struct vmm *vm); /* what VMM_SIGNAL stops on this thread; NULL: nothing */

/* infile.c */
/* Opens a file to read it, or returns -errno: EINVAL for what is not a regular file. */
int infile_open(const char *path, struct vmm_err *err);
/* A mark tells whether a file has changed: any write or truncation changes its mark, a new name
 * does not. */
struct infile_mark {
    uint64_t size;
    struct timespec changed;
};
/* EBADMSG for what is not a regular file. */
int infile_mark(int fd, const char *name, struct infile_mark *mark, struct vmm_err *err);
/* EBADMSG when the file is not as marked. */
int infile_unchanged(int fd, const char *name, const struct infile_mark *mark, struct vmm_err *err);

/* os.c */
uint64_t os_clock_ns(clockid_t id);
uint64_t os_thread_faults(void);  /* page faults of this thread so far, also those for a vCPU */
uint64_t os_lap_ns(uint64_t *at); /* monotonic time since *at, which moves to now */
struct timespec os_timespec(uint64_t ns);
int os_pread_full(int fd, void *buf, size_t size, uint64_t offset); /* -ENODATA at end of file */
int os_pwrite_full(int fd, const void *buf, size_t size, uint64_t offset);
struct stat;
int os_fstat(int fd, struct stat *st);
int os_random(void *buf, size_t size);
void *os_zeroes(size_t size); /* pages that take no memory before they are written, or NULL */
void os_unmap(void *addr, size_t size);
void os_close(int fd);
const char *os_limit(int code); /* which limit to raise when it is reached, or "" */

/* kvm.c */
int kvm_open(struct vmm_err *err); /* /dev/kvm with everything needed; a descriptor or -errno */
int kvm_vm_create(struct vmm *vm, bool apic, struct vmm_err *err); /* apic: with KVM's own */
/* Lets KVM keep the page tables of many processes in a VM with so much memory. */
int kvm_shadow_allow(struct vmm *vm, uint64_t ram_size, struct vmm_err *err);
void kvm_vm_destroy(struct vmm *vm);
int kvm_slot_set(struct vmm *vm, uint32_t slot, uint32_t flags, hv_gpa_t gpa, void *hva,
                 uint64_t size, struct vmm_err *err);
const char *kvm_exit_name(uint32_t reason);
void kvm_capabilities(int fd, char *out, size_t size); /* those used, space-separated */
/* For policy.c; other files ask for the policy. Reads the parameters of KVM's modules; false where
 * they cannot be read. */
bool kvm_nested_paging(void);

/* policy.c */
enum policy_kind { POLICY_HARDWARE, POLICY_SHADOWED, POLICY_EMULATED, POLICY_PVM };
#define POLICY_KINDS 4
struct policy {
    bool features_of_cpu; /* the guest gets what the CPU has, not what KVM supports */
    bool lazy_slots;      /* RAM from ram_low on gets its slot when it is touched */
    bool kernel_apic;     /* a machine for a single run has KVM's local APIC */
    bool large_text;      /* program text whole in the snapshot, for large pages */
    /* The working set is copied before the run. KVM maps a group of so many pages with one fault,
     * so pages that make a group whole are copied as well. 0: nothing is copied. */
    uint32_t prefault_group;
    /* A run that has lasted longer_ns and taken longer_faults faults is a longer one. 0 ns: all
     * runs are small. */
    uint64_t longer_ns;
    uint64_t longer_faults;
    bool ring0_always; /* a rewind sets all state, whatever the run did */
    /* KVM lets the CPU walk the guest's own page tables, and each walk counts as a write to
     * them. */
    bool nested_paging;
    bool settle_always; /* a rewind enters KVM once more, whatever the exit was */
    bool tss_available; /* KVM gets a TSS of type 9, which QEMU's emulated CPU wants, not 11 */
};
const struct policy *policy_of(enum policy_kind kind);
enum policy_kind policy_host_kind(void); /* costs some CPUID instructions */
const struct policy *policy_host(void);  /* costs the same */
const struct vmm_choice *policy_choice(enum policy_kind kind, size_t i); /* as vmm_choice() */

/* cpuid.c */
/* For policy.c; other files ask for the policy. */
bool x86_is_pvm(void);
bool x86_is_qemu_tcg(void); /* the CPU is emulated by QEMU without KVM */
void x86_cpu_name(char *out, size_t size);
int x86_cpuid_policy(int kvm_fd, const struct policy *policy, struct x86_cpuid *cpuid,
                     struct vmm_err *err);
int x86_cpuid_check(const struct x86_cpuid *wanted, const struct policy *policy,
                    struct vmm_err *err); /* ENOTSUP */
uint64_t x86_cpuid_xcr0(const struct x86_cpuid *cpuid);

/* x86.c */
void x86_state_boot(struct x86_state *state, const struct policy *policy, hv_gpa_t entry,
                    hv_gpa_t pt_root, uint64_t xcr0);
bool x86_state_sane(const struct x86_state *state);
int x86_vcpu_init(struct vmm *vm, const struct x86_state *state, struct vmm_err *err);
int x86_state_get(struct vmm *vm, struct x86_state *state, struct vmm_err *err);
/* Puts back a state that this vCPU has had before. Part of it takes effect at the next KVM_RUN, so
 * nothing may be half-way in the vCPU (vcpu_settle()). vectors: also x87, SSE and extended state;
 * ring0: also what only code in ring 0 can change. */
int x86_state_set(struct vmm *vm, const struct x86_state *state, bool vectors, bool ring0,
                  struct vmm_err *err);
void x86_thread_clean(void); /* clears what guests have left in this thread; before a run */

/* x86_tables.c: the GDT, IDT, TSS of HV_TABLES_GPA */
#define TABLES_GDT_LIMIT 0x7fu
#define TABLES_IDT_GPA   (HV_TABLES_GPA + 0x100u)
#define TABLES_IDT_LIMIT (32u * 16u - 1u)
#define TABLES_TSS_GPA   (HV_TABLES_GPA + 0x400u)
#define TABLES_TSS_LIMIT (0x68u + HV_PORT_DOORBELL / 8u + 2u - 1u)
void tables_write(uint8_t *page);

/* mem.c */
int mem_ram_map(struct vmm *vm, uint64_t size, struct vmm_err *err);
/* The same, with a private mapping of the file in the first low bytes. */
int mem_ram_map_file(struct vmm *vm, uint64_t size, int fd, uint64_t offset, uint64_t low,
                     struct vmm_err *err);
/* Keeps guest memory out of core files of the process. */
int mem_ram_hide(struct vmm *vm, struct vmm_err *err);
/* Makes that mapping of a restored machine again, at its address, with no page in memory. */
int mem_ram_renew(struct vmm *vm, int fd, uint64_t offset, struct vmm_err *err);
/* name is for messages. Unmap it after an error, too. */
int mem_initrd_map(struct mem_initrd *initrd, int fd, const char *name, struct vmm_err *err);
void mem_initrd_unmap(struct mem_initrd *initrd);
/* The one translation: the host address of [gpa, gpa + size) if all of it is RAM, else NULL. */
const void *mem_read_ptr(const struct vmm *vm, hv_gpa_t gpa, uint64_t size);
/* The same for writing: also marks the pages as written by the host. */
void *mem_write_ptr(struct vmm *vm, hv_gpa_t gpa, uint64_t size);
struct hv_shared *mem_shared_write(struct vmm *vm);

/* slots.c */
/* Where KVM shadows page tables it keeps 10 bytes for each page of a slot. So a restored machine
 * begins without a slot for RAM from ram_low on, which a run rarely touches. In a rewindable
 * machine only the low slot has a dirty log. */
enum mem_slot { MEM_SLOT_LOW, MEM_SLOT_INITRD, MEM_SLOT_HIGH, MEM_SLOTS };
int mem_slots_set(struct vmm *vm, struct vmm_err *err); /* all */
/* All but the high one. Where KVM cannot do without that, all. */
int mem_slots_set_lazy(struct vmm *vm, struct vmm_err *err);
/* Removes those of RAM and sets them again, which makes KVM forget its page tables and the log. */
int mem_slots_renew(struct vmm *vm, struct vmm_err *err);
/* Removes all, or all but the initrd's. */
int mem_slots_drop(struct vmm *vm, bool initrd, struct vmm_err *err);
/* Lets the guest reach the RAM up to `bound` and no more. In a rewindable machine ram_low at
 * least: what has a dirty log stays. */
int mem_slots_bound(struct vmm *vm, uint64_t bound, struct vmm_err *err);
/* For an exit at which KVM could not do an access. If a slot was missing, sets it, does the access
 * unless KVM tries again by itself, and returns 1. Returns 0 for any other cause. */
int mem_slots_fault(struct vmm *vm, struct vmm_err *err);
int mem_log_get(struct vmm *vm, uint64_t *bitmap, struct vmm_err *err); /* up to ram_low */
int mem_log_clear(struct vmm *vm, uint64_t *bitmap, struct vmm_err *err);
int mem_log_clear_page(struct vmm *vm, hv_gpa_t gpa, struct vmm_err *err); /* below ram_low */

/* pagemap.c */
/* Set the bits of the pages that are private copies, or that are mapped at all, and clear the
 * others. bitmap has a bit for each page. A page map that is kept in vm is used. */
int pagemap_private(const struct vmm *vm, const void *start, uint64_t pages, uint64_t *bitmap,
                    struct vmm_err *err);
int pagemap_present(const struct vmm *vm, const void *start, uint64_t pages, uint64_t *bitmap,
                    struct vmm_err *err);
int pagemap_keep(struct vmm *vm, struct vmm_err *err); /* opens the page map for later */
int pagemap_open(void); /* for pagemap_scan(), in the process that maps the pages; or -errno */
/* How many pages are mapped or swapped out; they lie in [*first, *end), page numbers from start.
 * ENOTTY before Linux 6.7. */
int pagemap_scan(int fd, const void *start, uint64_t pages, uint64_t *first, uint64_t *end,
                 uint64_t *count);
bool page_is_zero(const uint8_t *page);

/* discard.c */
/* Makes whole pages of RAM zero. Where the snapshot has no data the pages without a dirty log go
 * back to the host, and of those with one only the written ones are cleared. */
int mem_discard(struct vmm *vm, hv_gpa_t gpa, uint64_t size, struct vmm_err *err);

/* jail.c */
int jail_landlock_version(void); /* 0: not in this kernel */
bool jail_has_filters(void);
bool jail_holds(void); /* this thread is in jail */

/* hot.c. For rewindable machines; see there. */
int hot_create(struct vmm *vm, struct vmm_err *err);
void hot_destroy(struct vmm *vm);
int hot_collect(struct vmm *vm, struct vmm_err *err); /* adds the dirty log to map */
int hot_written(struct vmm *vm, struct vmm_err *err); /* the same, checked, for public calls */
int hot_zero(struct vmm *vm, uint64_t first, uint64_t end,
             struct vmm_err *err);                 /* clears the written pages of [first, end) */
size_t hot_count(const struct vmm *vm);            /* pages in map */
int hot_list(struct vmm *vm, struct vmm_err *err); /* makes list from map */
/* After high_drop(): makes all pages of list as in the image. Returns how many shall leave. */
size_t hot_copy(struct vmm *vm);
int hot_cool(struct vmm *vm, struct vmm_err *err); /* right after hot_copy(): these pages leave */
int hot_shadow_reset(struct vmm *vm, struct vmm_err *err);
void hot_forget(struct vmm *vm); /* all pages were unmapped: empties the set */

/* high.c. For rewindable machines; see there. */
void high_prepare(struct vmm *vm);
int high_drop(struct vmm *vm, struct vmm_err *err);
/* Marks its pages that are not zero, in a bitmap of all RAM. */
int high_add(struct vmm *vm, uint64_t *pages, struct vmm_err *err);
/* Adds the pages that are not zero to what vmm_dirty_pages() tells. */
int high_dirty_pages(struct vmm *vm, uint64_t *gpas, size_t max, size_t *count,
                     struct vmm_err *err);

/* shadow.c. For rewindable machines; see there. */
int shadow_watch(struct vmm *vm, struct vmm_err *err);
void shadow_watch_tables(struct vmm *vm);              /* also those of vm->snap */
int shadow_reset(struct vmm *vm, struct vmm_err *err); /* empties the dirty log, too */
/* With nested paging: makes CPU and KVM forget all translations. log: KVM's dirty log as of now. */
int shadow_flush(struct vmm *vm, const uint64_t *log, struct vmm_err *err);

/* workset.c */
void workset_prefault_longer(struct vmm *vm);

/* record.c */
void workset_notes_free(struct vmm *vm);

/* kernel_elf.c */
struct kernel_image {
    hv_gpa_t entry;
    hv_gpa_t start;
    hv_gpa_t text_end;
    hv_gpa_t end;
    uint8_t page_flags[HV_KERNEL_LIMIT /
                       HV_PAGE_SIZE]; /* PF_R | PF_W | PF_X of each page; 0 elsewhere */
};
/* Checks the file as a whole, then loads it into ram, which is zero and at least HV_KERNEL_LIMIT
 * long. */
int kernel_load(const char *path, uint8_t *ram, struct kernel_image *image, struct vmm_err *err);

/* clock.c */
void clock_start(struct vmm *vm);
uint64_t clock_host_to_guest(const struct vmm *vm, uint64_t host_ns);
void clock_continue(struct vmm *vm, uint64_t guest_ns, uint64_t wall_ns);
uint64_t clock_guest_now(const struct vmm *vm);
uint64_t clock_from_now(uint64_t ns); /* NEVER for HV_NO_DEADLINE and for what is too far */
uint64_t clock_guest_to_host(const struct vmm *vm, uint64_t guest_ns);
int clock_resume(struct vmm *vm, struct hv_resume *resume, struct vmm_err *err);
/* Each thread that runs VMs has one timer, whichever VM it runs. */
int clock_timer_attach(struct vmm *vm, struct vmm_err *err);
/* Makes sure that the thread's timer fires no later than at the earliest instant of vm->timer. now
 * may be 0 when not known. */
int clock_timer_arm(struct vmm *vm, uint64_t now);
/* The thread's CPU time counts for the run from now on, and no more. */
void clock_cpu_begin(struct vmm *vm, uint64_t now);
void clock_cpu_end(struct vmm *vm);
uint64_t clock_cpu_used(const struct vmm *vm); /* in between: by the run so far */
/* Lend the thread's timer to a system call. clock_timer_wait() ends a wait at this host instant,
 * also when the process was stopped meanwhile, which a relative timeout does not do.
 * clock_timer_cut() cuts short a call that may block, from the instant on, again and again. The
 * next clock_timer_arm() takes the timer back. */
int clock_timer_wait(struct vmm *vm, uint64_t until);
int clock_timer_cut(struct vmm *vm, uint64_t until);

/* outcome.c. Functions that may end a run return 0 to go on, RUN_STOP when vm->outcome was filled,
 * or a negative errno when the host failed (vm->err set). */
#define RUN_STOP        1
#define UPCALL_RETRY_NS NS_PER_MS
int outcome_set(struct vmm *vm, enum vmm_outcome_kind kind, int status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* As VMM_CALLED; the guest goes on at the instant `until` at the latest. */
int outcome_set_called(struct vmm *vm, uint64_t until, uint64_t now);
/* As outcome_set(). For a developer it adds where the guest stands, and its last exception. */
int outcome_set_at(struct vmm *vm, enum vmm_outcome_kind kind, const char *what);
/* As vmm_interrupt(), also with these: a call of a function was answered; vmm_wake(). */
#define INTERRUPT_ANSWER 3
#define INTERRUPT_WAKE   4
void outcome_interrupt(struct vmm *vm, int what);
/* Acts on interrupts and deadlines that are due: sets an event for the guest, or ends the run. */
int outcome_due(struct vmm *vm, uint64_t now);

/* vcpu.c */
/* Completes what KVM_RUN left half-way and applies registers that were set. After that the vCPU's
 * state can be read and set. */
int vcpu_settle(struct vmm *vm, struct vmm_err *err);
int vcpu_failed(struct vmm_err *err, int code); /* what KVM_RUN failed with, in words */

/* counters.c */
void counters_begin_run(struct vmm *vm);
void counters_begin_rewind(struct vmm *vm);
void counters_end_run(struct vmm *vm);

/* limit.c */
/* Lets the next run use so much memory; 0: all. EINVAL for what the machine cannot be limited
 * to. */
int limit_memory(struct vmm *vm, uint64_t memory, struct vmm_err *err);

/* calls.c */
/* As outcome.c. */
int calls_answer(struct vmm *vm);
int calls_answer_run(struct vmm *vm); /* hands the run frame to the open HV_CALL_RUN */
/* As vmm_resume(): waits, then answers the open HV_CALL_WAIT. */
int calls_resume(struct vmm *vm, uint64_t wait_ns);
/* Begins what vmm_take_over() goes on with; `open`: a bit for each open request. */
int calls_take_over(struct vmm *vm, const uint64_t open[HV_REQUESTS / 64]);
void calls_end_run(struct vmm *vm); /* the services give up what they hold for it */

/* wait.c. As outcome.c. */
void wait_block_kick(sigset_t *before); /* blocks VMM_SIGNAL; before: the mask to put back */
/* Sleeps until a descriptor is ready, the host instant `until`, or a signal; with want_events not
 * at all while an event is set. VMM_SIGNAL is blocked while the reasons to stop are checked, and
 * let through by ppoll() itself, so that none is missed. */
int wait_poll(struct vmm *vm, struct pollfd *pfd, nfds_t count, uint64_t until, bool want_events);
/* Sets the descriptor that a handle stands for. -1: there is nothing to wait for, and it is always
 * ready. HANDLE_TOLD: it has none, and whoever makes it ready interrupts the run. */
#define HANDLE_TOLD (-2)
void handle_set(struct vmm *vm, unsigned handle, int fd);
/* Tells a running guest which of the handles that it watches are ready. False: it watches none. */
bool handles_look(struct vmm *vm);
/* Sleeps for a waiting guest, until it is told of a handle, the host instant `until`, or an
 * event. */
int handles_wait(struct vmm *vm, uint64_t until);

/* console.c. All as outcome.c. */
int console_drain(struct vmm *vm);
void console_drain_last(struct vmm *vm); /* writes what the readers take at once; never fails */
int console_read(struct vmm *vm, void *buf, size_t size,
                 int64_t *ret); /* *ret: bytes or -errno, for the guest */
/* Shows one line; line has room for a byte more. */
int console_trace(struct vmm *vm, char *line, size_t size);
/* Hands a record to the caller's function, after what the rings hold. *ret: 0 or -ENODEV, for the
 * guest. */
int console_record(struct vmm *vm, const char *kind, const void *bytes, size_t size, int64_t *ret);

/* terminal.c */
void terminal_streams(const struct vmm_io *io, struct hv_streams *streams);
void terminal_describe(const struct vmm *vm, struct hv_streams *streams); /* as they are now */
int64_t terminal_call(struct vmm *vm, uint64_t stream, uint64_t op, uint64_t modes, bool drop);
void terminal_restore(struct vmm *vm);

/* frame.c */
/* run's source must stay until the run is over. */
int frame_build(struct vmm *vm, const struct vmm_run *run, struct vmm_err *err);
uint64_t frame_size(const struct run_frame *f);
/* Copies [at, at + size), which is inside the frame. */
void frame_copy(const struct run_frame *f, uint64_t at, void *to, size_t size);
void frame_end(struct vmm *vm); /* the source is the caller's again */

/* files.c */
/* run's lists must stay until the run is over. */
int files_build(struct vmm *vm, const struct vmm_run *run, struct vmm_err *err);
/* A call of HV_SERVICE_FILES. As outcome.c. */
int files_answer(struct vmm *vm, const struct hv_call *call, int64_t *ret);
void files_end(struct vmm *vm); /* the lists are the caller's again */

#endif
