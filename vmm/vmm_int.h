// SPDX-License-Identifier: Apache-2.0
/*
 * The inside of libvmm: struct vmm and the functions the files share, grouped by file. All return 0
 * or a negative errno with *err set once, unless they say otherwise. Nothing here is global but the
 * signal handler; of each thread there are a timer (clock.c) and the VM that runs on it (vmm.c).
 */
#ifndef VMM_INT_H
#define VMM_INT_H

#include "abi.h"
#include "bitmap.h"
#include "vmm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <termios.h>
#include <time.h>

#define PAGE_2M       0x200000ull
#define NS_PER_MS     1000000ull
#define NEVER         UINT64_MAX
#define CPUID_ENTRIES 128u
#define STATE_MSRS    9u

/* Laid out as struct kvm_cpuid2, with room. */
struct x86_cpuid {
    uint32_t nent;
    uint32_t padding;
    struct kvm_cpuid_entry2 entries[CPUID_ENTRIES];
};

/* Laid out as struct kvm_msrs, with room. */
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
    IO_CUT,    /* that is not for it (FIFOs, terminals): by the timer, and poll() first */
    IO_CALL,   /* output: no descriptor, but vmm_io.write, which must not block */
};

/* Terminals whose modes a run has changed, with what they were before, in the order of changing. */
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
    VMM_STATE_NEW,   /* loaded, vmm_start() may run it */
    VMM_STATE_READY, /* its HV_CALL_RUN is open */
    VMM_STATE_SPENT, /* a run has ended in it: only rewind or destroy */
    VMM_STATE_BAD,   /* a restore, rewind or run failed half-way */
};

/* Guest time. Guest monotonic time is guest_ns at host CLOCK_MONOTONIC host_ns and runs as that
 * does. */
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
    uint64_t longer;   /* next look whether the run is no small one */
};

/* What is noted for a working set, in a machine that makes one (record.c). */
struct workset_notes {
    uint64_t *written; /* by small runs; a bit a page; NULL before vmm_workset_small() */
    uint64_t *touched; /* the same, or read by them */
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
    size_t on_trial;       /* how many */
    struct hot_page *list; /* the set as of the last rewind, ascending */
    size_t count;          /* of list */
    size_t leaving;        /* of list, as hot_copy() has found */
    uint64_t copied;       /* pages, since quiet ones were looked for */
    bool much;             /* the last run used memory that was dropped (high.c) */
    bool grown;            /* map has more than list */
    bool stale;            /* a watched page (shadow.c) is or was in it */
};

/* What a run is given (frame.c): all but the source's bytes, which are the caller's. */
struct run_frame {
    uint8_t *head;
    size_t head_size;
    size_t room; /* of head */
    const uint8_t *source;
    size_t source_len;
};

struct vmm {
    const struct policy *policy;
    enum vmm_state state;
    enum io_way io_ways[3];    /* of stdin, stdout, stderr */
    struct hv_streams streams; /* what they are, but for where in a file stdin stands */
    struct terminal_saved terminals;
    struct vmm_io io;

    /* KVM (kvm.c). */
    int vm_fd;
    int vcpu_fd;
    struct kvm_run *run;
    size_t run_size;
    bool io_pending;  /* KVM_RUN has to be entered once more before registers are read or set */
    bool at_doorbell; /* the last KVM_RUN ended at one */
    uint32_t tsc_khz;
    struct x86_cpuid cpuid;

    /* Memory (mem.c). */
    uint8_t *ram;
    uint64_t ram_size;
    uint64_t ram_image;       /* the part of it, from address 0, that maps the snapshot's file */
    uint64_t ram_low;         /* the part that has a slot from the start */
    bool high_used;           /* RAM from ram_low on has been touched, ever (high.c) */
    bool slots_lazy;          /* KVM was told to exit where it misses one */
    bool slot_added;          /* since KVM last failed to emulate an instruction */
    unsigned slots;           /* bits 1 << enum mem_slot: those that KVM has */
    struct hv_shared *shared; /* inside ram */
    struct mem_initrd initrd;

    /* The kernel, as loaded: the guest may scribble on its own copies. */
    hv_gpa_t kernel_start;
    hv_gpa_t kernel_text_end;

    /* The run going on (run.c, calls.c). */
    struct hv_call run_call; /* the open HV_CALL_RUN, when READY */
    struct run_frame frame;
    bool deterministic;
    bool trace;
    uint64_t output_left; /* bytes that may still be written */
    uint64_t grace_ns;    /* of the run going on */
    bool ending;          /* its time is over, and the guest was told */
    uint64_t generation;
    struct vmm_outcome *outcome; /* of the call going on */
    struct vmm_err *err;
    struct vmm_counters counters;
    uint64_t started_ns;            /* vmm_run() was called */
    uint64_t entered_ns;            /* the run was handed over */
    uint64_t left_ns;               /* the guest made its last call; 0 before */
    uint64_t faults_before;         /* os_thread_faults() when it began, if that is looked at */
    struct hv_counts counts_before; /* the guest's own, at the handover */
    struct clock_map clock;
    struct clock_timer timer;
    atomic_int kicked;     /* set by the signal handler */
    atomic_int interrupts; /* bits 1 << enum vmm_interrupt */
    atomic_int running;    /* thread inside vmm_run(), 0 when none */
    int pagemap_fd;        /* pagemap.c: where the process cannot open it any more; else -1 */

    /* Where it came from (snapshot.c, rewind.c); NULL for a fresh machine. */
    struct vmm_snapshot *snap;
    bool rewindable;
    bool vectors_left; /* the rewind left vector state to the guest */
    bool ring0_seen;   /* a run since the last full x86_state_set() may have gained ring 0 */
    struct hot_set hot;
    struct workset_notes notes;
    uint64_t *watch; /* shadow.c: page tables, and what ring 0 runs on; a bit a page */
};

/* vmm.c */
int vmm_alloc(struct vmm **out, const struct policy *policy, const struct vmm_io *io,
              struct vmm_err *err);
void vmm_kick_install(void);          /* the handler of VMM_SIGNAL, once */
void vmm_kick_target(struct vmm *vm); /* what VMM_SIGNAL stops on this thread; NULL: nothing */

/* infile.c */
/* Opens a file to read it, or returns -errno: EINVAL for what is not a regular file. */
int infile_open(const char *path, struct vmm_err *err);
/* What tells that a file is not what it was: any write or truncation changes it, a new name does
 * not. */
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
uint64_t os_thread_faults(void);  /* page faults of this thread, ever, with those for a vCPU */
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
const char *os_limit(int code); /* what to raise where an errno says that there is no more, or "" */

/* kvm.c */
int kvm_open(struct vmm_err *err); /* /dev/kvm with everything needed; a descriptor or -errno */
int kvm_vm_create(struct vmm *vm, bool apic, struct vmm_err *err); /* apic: with KVM's own */
void kvm_vm_destroy(struct vmm *vm);
int kvm_slot_set(struct vmm *vm, uint32_t slot, uint32_t flags, hv_gpa_t gpa, void *hva,
                 uint64_t size, struct vmm_err *err);
const char *kvm_exit_name(uint32_t reason);
void kvm_capabilities(int fd, char *out, size_t size); /* those used, space-separated */
/* For policy.c; others ask for the policy. Reads the parameters of KVM's modules; false where they
 * cannot be read. */
bool kvm_nested_paging(void);

/* policy.c */
enum policy_kind { POLICY_HARDWARE, POLICY_SHADOWED, POLICY_EMULATED, POLICY_PVM };
#define POLICY_KINDS 4
struct policy {
    bool features_of_cpu; /* the guest gets what the CPU has, not what KVM supports */
    bool lazy_slots;      /* a slot for all of RAM only when it is touched */
    bool kernel_apic;     /* a machine for a single run has KVM's local APIC */
    bool large_text;      /* program text whole in the snapshot, for large pages */
    /* The working set is copied before the run, and with it what else makes the groups of so many
     * pages whole that KVM maps with one fault. 0: it is not copied. */
    uint32_t prefault_group;
    /* A run that lasts for longer and has taken so many faults is not a small one. 0 ns: all are.
     */
    uint64_t longer_ns;
    uint64_t longer_faults;
    bool ring0_always; /* a rewind sets all state, whatever the run did */
    /* KVM lets the CPU walk the guest's own page tables, and each walk counts as a write of them.
     */
    bool nested_paging;
    bool settle_always; /* a rewind enters KVM once more, behind whatever exit */
    bool tss_available; /* KVM gets a TSS of type 9, which QEMU's emulated CPU wants, not 11 */
};
const struct policy *policy_of(enum policy_kind kind);
enum policy_kind policy_host_kind(void); /* costs some CPUID instructions */
const struct policy *policy_host(void);  /* the same */
const struct vmm_choice *policy_choice(enum policy_kind kind, size_t i); /* as vmm_choice() */

/* cpuid.c */
/* For policy.c; others ask for the policy. */
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
int x86_vcpu_init(struct vmm *vm, const struct x86_state *state, struct vmm_err *err);
int x86_state_get(struct vmm *vm, struct x86_state *state, struct vmm_err *err);
/* Puts back a state that this vCPU has had before. Part of it takes effect at the next KVM_RUN, so
 * nothing may be half-way in the vCPU (vcpu_settle()). vectors: also x87, SSE and extended state;
 * ring0: also what only code in ring 0 can change. */
int x86_state_set(struct vmm *vm, const struct x86_state *state, bool vectors, bool ring0,
                  struct vmm_err *err);
void x86_thread_clean(void); /* of what an earlier guest has left in this thread; before a run */

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
/* That mapping of a restored machine again, at its address, with nothing in memory. */
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
/* KVM keeps 10 bytes for each page of a slot where it shadows page tables, so a restored machine
 * begins without the one for what a run rarely touches: RAM from ram_low on. In a rewindable
 * machine only the low one has a dirty log. */
enum mem_slot { MEM_SLOT_LOW, MEM_SLOT_INITRD, MEM_SLOT_HIGH, MEM_SLOTS };
int mem_slots_set(struct vmm *vm, struct vmm_err *err);      /* all */
int mem_slots_set_lazy(struct vmm *vm, struct vmm_err *err); /* all only if KVM cannot do without */
int mem_slots_renew(struct vmm *vm, struct vmm_err *err); /* makes KVM forget, with the dirty log */
int mem_slots_drop(struct vmm *vm, struct vmm_err *err);  /* all, as before they were first set */
/* The exit says that KVM could not do an access. If that is because of a missing slot, sets it,
 * does the access if KVM will not try again, and returns 1; else 0. */
int mem_slots_fault(struct vmm *vm, struct vmm_err *err);
int mem_log_get(struct vmm *vm, uint64_t *bitmap, struct vmm_err *err); /* up to ram_low */
int mem_log_clear(struct vmm *vm, uint64_t *bitmap, struct vmm_err *err);
int mem_log_clear_page(struct vmm *vm, hv_gpa_t gpa, struct vmm_err *err); /* below ram_low */

/* pagemap.c */
/* Sets the bits of the pages that are private copies, or mapped at all, and clears the others;
 * bitmap has a bit a page. vm: whose page map is kept, if one is. */
int pagemap_private(const struct vmm *vm, const void *start, uint64_t pages, uint64_t *bitmap,
                    struct vmm_err *err);
int pagemap_present(const struct vmm *vm, const void *start, uint64_t pages, uint64_t *bitmap,
                    struct vmm_err *err);
int pagemap_keep(struct vmm *vm, struct vmm_err *err); /* opens what they need, for later */
int pagemap_open(void); /* for pagemap_scan(), in the process that maps the pages; or -errno */
/* How many pages are mapped or swapped out; they lie in [*first, *end), page numbers from start.
 * ENOTTY before Linux 6.7. */
int pagemap_scan(int fd, const void *start, uint64_t pages, uint64_t *first, uint64_t *end,
                 uint64_t *count);
bool page_is_zero(const uint8_t *page);

/* discard.c */
/* Makes whole pages of RAM zero. Where the snapshot has none and no log is kept they go back to the
 * host; where one is kept, only those are cleared that were written. */
int mem_discard(struct vmm *vm, hv_gpa_t gpa, uint64_t size, struct vmm_err *err);

/* jail.c */
int jail_landlock_version(void); /* 0: not in this kernel */
bool jail_has_filters(void);

/* hot.c. For rewindable machines; see there. */
int hot_create(struct vmm *vm, struct vmm_err *err);
void hot_destroy(struct vmm *vm);
int hot_collect(struct vmm *vm, struct vmm_err *err); /* dirty log into map */
int hot_written(struct vmm *vm, struct vmm_err *err); /* the same, checked, for those who ask */
int hot_zero(struct vmm *vm, uint64_t first, uint64_t end,
             struct vmm_err *err);                 /* the written pages of these */
size_t hot_count(const struct vmm *vm);            /* of map */
int hot_list(struct vmm *vm, struct vmm_err *err); /* map into list */
/* After high_drop(): makes all of list as in the image; how many shall leave. */
size_t hot_copy(struct vmm *vm);
int hot_cool(struct vmm *vm, struct vmm_err *err); /* those that shall leave, right after */
int hot_shadow_reset(struct vmm *vm, struct vmm_err *err);
void hot_forget(struct vmm *vm); /* the pages are gone: as after hot_create() */

/* high.c. For rewindable machines; see there. */
void high_prepare(struct vmm *vm);
int high_drop(struct vmm *vm, struct vmm_err *err);
/* Adds the pages that are not zero to what vmm_dirty_pages() tells. */
int high_dirty_pages(struct vmm *vm, uint64_t *gpas, size_t max, size_t *count,
                     struct vmm_err *err);

/* shadow.c. For rewindable machines; see there. */
int shadow_watch(struct vmm *vm, struct vmm_err *err);
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
uint64_t clock_from_now(uint64_t ns); /* HV_NO_DEADLINE and what is too far: NEVER */
uint64_t clock_guest_to_host(const struct vmm *vm, uint64_t guest_ns);
int clock_resume(struct vmm *vm, struct hv_resume *resume, struct vmm_err *err);
/* Each thread that runs VMs has one timer, whichever VM it runs. */
int clock_timer_attach(struct vmm *vm, struct vmm_err *err);
/* Makes sure the thread's timer fires no later than anything wanted. now may be 0 when not known.
 */
int clock_timer_arm(struct vmm *vm, uint64_t now);
/* Lend it: to a wait that a signal ends, which it then ends at this host instant (also when the
 * process was stopped meanwhile, as no relative timeout does), or to a call that may block, which
 * it cuts short from the instant on, again and again. The next clock_timer_arm() takes it back. */
int clock_timer_wait(struct vmm *vm, uint64_t until);
int clock_timer_cut(struct vmm *vm, uint64_t until);

/* outcome.c. Functions that may end a run return 0 to go on, RUN_STOP when vm->outcome was filled,
 * or a negative errno when the host failed (vm->err set). */
#define RUN_STOP        1
#define UPCALL_RETRY_NS NS_PER_MS
int outcome_set(struct vmm *vm, enum vmm_outcome_kind kind, int status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same, with where the guest stands, and its last exception, for a developer. */
int outcome_set_at(struct vmm *vm, enum vmm_outcome_kind kind, const char *what);
/* Interrupts and deadlines: an event for the guest, or the end of the run. */
int outcome_due(struct vmm *vm, uint64_t now);

/* vcpu.c */
/* Completes what KVM_RUN left half-way and applies registers set: then they can be read and set. */
int vcpu_settle(struct vmm *vm, struct vmm_err *err);
int vcpu_failed(struct vmm_err *err, int code); /* what KVM_RUN failed with, in words */

/* counters.c */
void counters_begin_run(struct vmm *vm);
void counters_begin_rewind(struct vmm *vm);
void counters_end_run(struct vmm *vm);

/* calls.c */
int calls_answer(struct vmm *vm);
int calls_answer_run(struct vmm *vm); /* hands the run frame to the open HV_CALL_RUN */

/* console.c. All as outcome.c. */
int console_drain(struct vmm *vm);
void console_drain_last(struct vmm *vm); /* what the readers take at once; never fails */
int console_read(struct vmm *vm, void *buf, size_t size,
                 int64_t *ret); /* *ret: bytes or -errno, for the guest */
/* Shows one line; line has room for a byte more. */
int console_trace(struct vmm *vm, char *line, size_t size);
int console_wait(struct vmm *vm, uint64_t until,
                 bool want_stdin); /* or an interrupt, or a signal */

/* terminal.c */
void terminal_streams(const struct vmm_io *io, struct hv_streams *streams);
void terminal_describe(const struct vmm *vm, struct hv_streams *streams); /* as they are now */
int64_t terminal_call(struct vmm *vm, uint64_t stream, uint64_t op, uint64_t modes, bool drop);
void terminal_restore(struct vmm *vm);

/* frame.c */
/* run's source must stay until the run is over. */
int frame_build(struct vmm *vm, const struct vmm_run *run, struct vmm_err *err);
uint64_t frame_size(const struct run_frame *f);
/* [at, at + size), which is inside the frame. */
void frame_copy(const struct run_frame *f, uint64_t at, void *to, size_t size);

#endif
