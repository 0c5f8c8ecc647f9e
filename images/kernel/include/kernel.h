// SPDX-License-Identifier: Apache-2.0
/*
 * The guest kernel's internal interfaces, grouped by the file that provides
 * them. One vCPU, one address space; the kernel runs at CPL 3 on a stack per
 * thread, is never preempted inside, and blocks only through thread_block().
 * Errors are negative errno everywhere; panic() is for kernel bugs alone.
 * Linux's own user-space ABI comes from the linux-libc-dev headers.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <asm/errno.h>
#include <linux/mman.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h> /* LIST_, TAILQ_ */

#include "../../../vmm/abi.h"
#include "frame.h"

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef uint8_t u8;
typedef int64_t s64;
typedef int16_t s16;
typedef long ssize_t;
typedef long off_t;
typedef u64 paddr_t; /* a frame's address; equal to its kernel virtual address, see phys_ptr() */
typedef u64 vaddr_t; /* an address in the program's part of the address space */

#define PAGE_SIZE                     4096ul
#define PAGE_MASK                     (PAGE_SIZE - 1)
#define PAGE_DOWN(x)                  ((u64)(x) & ~PAGE_MASK)
#define PAGE_UP(x)                    (((u64)(x) + PAGE_MASK) & ~PAGE_MASK)
#define ARRAY_SIZE(a)                 (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                     ((a) < (b) ? (a) : (b))
#define MAX(a, b)                     ((a) > (b) ? (a) : (b))
#define KERNEL_COLD                   __attribute__((section(".bss.cold"))) /* see kernel.ld */
#define CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))
#define NSEC_PER_SEC                  1000000000ull

struct file;
struct inode;
struct mm;
struct process;
struct thread;

/* lib/string.c: as in the C library. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

/* lib/printf.c: %d %i %u %x %X %o %c %s %p %% with l, ll, z, width, 0, -, # for %x, and .precision
 * for %s. vsnprintf returns the length it would have written. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* lib/counts.c: how many there are. The files that make and free them count them. */
struct kernel_counts {
    u64 heap, heap_frames; /* bytes that were asked for; frames that they are in */
    u64 inodes, files, threads, processes, mappings;
    u64 tables;      /* of pages, in trees or not */
    u64 kept_tables; /* of them, those of mm/leaf.c, which are in no tree */
};
extern struct kernel_counts kernel_counts;

/* hv/panic.c: ends the run with HV_EXIT_PANIC and the message. */
void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
#define KASSERT(x)                                                                                 \
    do {                                                                                           \
        if (!(x))                                                                                  \
            panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #x);                          \
    } while (0)

/* ---- hv/: the host ------------------------------------------------------------------------ */

/* hv/call.c */
s64 hv_call_args(u32 nr, const u64 arg[6]);
/* Up to six arguments; those left out are 0. */
#define hv_call(nr, ...) hv_call_args((nr), (const u64[6]){__VA_ARGS__})
static inline struct hv_shared *hv_shared(void)
{
    return (struct hv_shared *)HV_SHARED_GPA;
}
void hv_exit(enum hv_exit kind, int status, const char *msg) __attribute__((noreturn));
void hv_trace_line(const char *line, size_t len);
u32 hv_take_events(void); /* takes hv_shared.events */
static inline u64 hv_rdtsc(void)
{
    return __builtin_ia32_rdtsc();
}
extern bool hv_trace_enabled; /* HV_RESUME_TRACE, of the boot and of each run */

/* hv/console.c: appends to the stdout (1) or stderr (2) ring; when it is full, the host empties
 * it. */
void hv_console_write(int which, const void *buf, size_t len);

/* hv/time.c: guest clocks, ns. mono is CLOCK_MONOTONIC and CLOCK_BOOTTIME. */
u64 time_mono(void);
u64 time_wall(void);
void time_resume(const struct hv_resume *r);
paddr_t time_page(void); /* the frame with struct clock_page, for the vDSO */
/* Asks the host for an upcall at this monotonic time, unless an earlier one is asked for
 * already. */
void time_arm(u64 deadline);
void time_arm_expired(void); /* the upcall has come: none is asked for now */
void hv_idle(u64 deadline);  /* idles the vCPU until the deadline or an event */

/* hv/random.c: ChaCha20 generator, keyed by the host's entropy at every resume. */
void random_resume(const u8 seed[64]);
void random_uuid(u8 id[16]);    /* RFC 9562, version 4 */
void random_boot_id(u8 id[16]); /* one for each restored machine */
void random_forget_boot_id(void);
void random_bytes(void *buf, size_t len);

/* ---- mm/ ---------------------------------------------------------------------------------- */

/* mm/pmm.c: frames. Allocations are contiguous; PMM_ZERO gives zeroed memory. pmm_alloc()
 * returns 0 when there is no such run of free frames. */
#define PMM_ZERO 1u
paddr_t pmm_alloc(u64 pages, unsigned flags);
void pmm_free(paddr_t pa, u64 pages);
/* Of what the run may use. */
u64 pmm_free_pages(void);
u64 pmm_total_pages(void);
u64 pmm_shares(void); /* the holders of frames beside the first of each */
/* The end of the RAM that is in use, or was since this was last asked exactly. */
u64 pmm_held(bool exactly);
/* A run begins: it may use RAM below the address `memory`; 0: all. */
void pmm_resume(u64 memory);
static inline void *phys_ptr(paddr_t pa)
{
    return (void *)pa;
}

/* mm/kmalloc.c: kernel heap; NULL when out of memory. kzalloc zeroes. kfree(NULL) is allowed. */
void *kmalloc(size_t size);
void *kzalloc(size_t size);
void *krealloc(void *p, size_t size);
void kfree(void *p);
char *kstrdup(const char *s);

/* mm/uaccess.c: the only way to program memory. Results are 0 or -EFAULT. While
 * thread->kernel_buffers is set, addresses are kernel pointers and unchecked: so the kernel
 * itself does I/O through file operations. */
int copy_from_user(void *dst, vaddr_t src, size_t n);
int copy_to_user(vaddr_t dst, const void *src, size_t n);
int clear_user(vaddr_t dst, size_t n);
/* From and to the memory of another process; the other end is the kernel's. */
int copy_from_mm(struct mm *mm, void *dst, vaddr_t src, size_t n);
int copy_to_mm(struct mm *mm, vaddr_t dst, const void *src, size_t n);
/* Copies a NUL-terminated string. Returns its length, -EFAULT, or -ENAMETOOLONG when size is too
 * small. */
long strncpy_from_user(char *dst, vaddr_t src, size_t size);
/* 32-bit futex words. get/cmpxchg return 0 or -EFAULT; *old is what was found. */
int user_get_u32(vaddr_t addr, u32 *value);
int user_cmpxchg_u32(vaddr_t addr, u32 expect, u32 desired, u32 *old);
/* Is [addr, addr+len) mapped with these PROT_ bits? */
bool user_range_ok(vaddr_t addr, size_t len, int prot);
/* The place in memory of a word that processes may share; 0 for any other word. */
paddr_t user_shared_word(vaddr_t addr);
/* Is it readable, and in RAM at its own address, where the host finds it? False also where that is
 * not sure. */
bool user_range_in_ram(vaddr_t addr, size_t len);

/* mm/space.c: address spaces. One that is made has one user, and each mm_ref() makes one more;
 * mm_put() takes one away and frees it with the last one. Then none is loaded, until mm_activate(),
 * which loads one. */
int mm_create(struct mm **out);
void mm_ref(struct mm *mm);
bool mm_is_alone(const struct mm *mm); /* has it one user, and is there no other? */
void mm_activate(struct mm *mm);
void mm_program(struct mm *mm, const void *program); /* names the program that will be in it */
/* mm/clear.c */
void mm_put(struct mm *mm);
/* mm/fork.c: a copy of the current process's address space. Pages are copied when one of the two
 * writes to them. */
int mm_fork(struct mm *from, struct mm **out);
/* mm/mmap.c */
long mm_munmap(struct mm *mm, vaddr_t addr, u64 len);
long mm_mprotect(struct mm *mm, vaddr_t addr, u64 len, int prot);
/* mm/sites.c: addresses of a thread that made its call through a rewritten site. sites_restart:
 * for a call that would return to rip, where rip must be set to make it again with rax = nr.
 * sites_shown: the rip that a signal handler finds in its context, which is in the program's own
 * text if possible. */
vaddr_t sites_restart(struct mm *mm, vaddr_t rip, u64 nr);
vaddr_t sites_shown(struct mm *mm, vaddr_t rip);
/* mm/fault.c: called when a file no longer shows the CPIO's frames in pages [pgoff, pgoff +
 * pages). All mappings forget these frames, and fault in what the file shows now. */
void mm_inode_changed(struct inode *i, u64 pgoff, u64 pages);
/* Is there a shared mapping of the file that is writable, or may become so by mprotect(2)? */
bool mm_inode_writable(const struct inode *i);
/* mm/maps.c: makes the text of /proc/self/maps, or of smaps, and hands its parts to emit. */
typedef void (*text_emit)(void *arg, const char *part, size_t len);
void mm_maps(struct mm *mm, text_emit emit, void *arg);
void mm_smaps(struct mm *mm, text_emit emit, void *arg);
/* Pages of program memory: total mapped, and resident. */
void mm_usage(struct mm *mm, u64 *mapped_pages, u64 *resident_pages);
u64 mm_own_pages(struct mm *mm);                   /* that are free when nobody uses mm any more */
u64 mm_mapping_pages(struct mm *mm, vaddr_t addr); /* size of the mapping at addr, or 0 */
/* mm/remap.c */
vaddr_t mm_heap_start(const struct mm *mm);

/* ---- cpu/ --------------------------------------------------------------------------------- */

/* User registers as saved at the top of a thread's kernel stack. In a system call's frame,
 * `error` is the number of the call and the vector is VECTOR_SYSCALL. */
struct trapframe {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    struct hv_trap t; /* vector, error, rip, cs, rflags, rsp, ss */
};

/* cpu/context.c: saves prev's kernel context, vector state, FS and GS bases; loads next's. */
extern struct thread *current;
void cpu_switch(struct thread *prev, struct thread *next);
/* Prepares a new thread: the first switch to it leads to user_return, with *tf as user registers
 * and the given vector state (NULL: the initial one). Copies both. */
void cpu_thread_init(struct thread *t, const struct trapframe *tf, const void *xstate);
/* cpu/xstate.c: XSAVE areas, 64-aligned and of xstate_size bytes, in the standard (not
 * compacted) format, as Linux puts them into signal frames. xstate_save and xstate_restore: from
 * and to the live vector state. xstate_valid: may this area, which a program has made, be
 * restored without a fault? */
extern size_t xstate_size;
extern u64 xstate_mask;
void xstate_save(void *area);
void xstate_restore(const void *area);
void xstate_reload(const void *area); /* as xstate_restore(), but also over another run's state */
void xstate_init(void *area);
bool xstate_valid(const void *area);

/* ---- proc/ -------------------------------------------------------------------------------- */

#define THREAD_NAME_LEN 16
enum thread_state { THREAD_RUNNABLE, THREAD_BLOCKED, THREAD_DEAD };

struct wait_entry; /* proc/wait.c */

struct thread {
    struct trapframe *tf; /* user registers, valid while in the kernel */
    u64 ksp;              /* kernel stack pointer while switched out */
    u64 kstack_top;
    paddr_t kstack; /* lowest frame of the kernel stack */
    void *xstate;   /* vector state while switched out */
    u64 fs_base, gs_base;
    struct process *proc;
    int tid;
    enum thread_state state;
    bool kernel_buffers; /* see mm/uaccess.c */
    bool in_trace;
    char name[THREAD_NAME_LEN];
    TAILQ_ENTRY(thread) run_link; /* run queue */
    LIST_ENTRY(thread) proc_link; /* process->threads */
    struct proc_thread *p;        /* what proc/ keeps for a thread (proc/proc.h) */
};

#define AUXV_WORDS 44
/* proc_pid_io(5) */
struct io_counts {
    u64 rchar, wchar, syscr, syscw;
};
struct process {
    int pid, ppid;
    struct mm *mm;         /* NULL when the process has ended */
    struct fdtable *fds;   /* fs/fdtab.c */
    struct fs_context *fs; /* cwd, umask: fs/ */
    struct inode *exe;     /* /proc/self/exe */
    char *exe_path;
    LIST_HEAD(, thread) threads;
    unsigned thread_count;
    vaddr_t stack_top;
    u64 stack_size; /* of the first thread, for every program of this process */
    vaddr_t arg_start, arg_end, env_start, env_end; /* strings: prctl(2), PR_SET_MM */
    u64 auxv[AUXV_WORDS];                           /* as given to the program */
    u64 start_ns;
    struct proc_signals *signals; /* proc/signal.c */
    struct proc_timers *timers;   /* proc/itimer.c */
    u64 rlimit_cur[16], rlimit_max[16];
    struct io_counts io;
};

static inline struct process *cur_proc(void)
{
    return current->proc;
}

/* proc/process.c */
/* Makes the first process, without threads, files and memory. */
int process_create(struct process **out);
/* How large the stack of the programs that it executes from now on is; RLIMIT_STACK follows. */
void process_stack(struct process *p, u64 bytes);
extern struct new_utsname system_name; /* uname(2); sethostname(2) changes it */
/* proc/exit.c: the current process ends. With the first one the run ends. */
void process_exit(int status) __attribute__((noreturn)); /* exit_group(2) */
void process_kill(int sig) __attribute__((noreturn));    /* death by a signal */
void process_out_of_memory(const char *text) __attribute__((noreturn));
extern void (*process_ending)(void); /* NULL, or what is called before the run ends */
extern void (*process_drop_files)(struct process *p);   /* boot/main.c sets it */
void thread_exit(int status) __attribute__((noreturn)); /* exit(2) */

/* proc/thread.c */
struct thread *thread_create(struct process *p); /* not runnable yet; NULL when out of memory */
void thread_start(struct thread *t);             /* puts it on the run queue */
/* proc/pid.c: NULL for none. thread_find: of the current process. */
struct thread *thread_find(int tid);
struct thread *thread_find_in(struct process *p, int tid);
struct thread *thread_find_any(int tid);
struct process *process_find(int pid);
/* The least number of a process, or of a thread of p, that is not less; -1 for none. */
int process_next(int pid);
int thread_next(const struct process *p, int tid);

/* proc/kstack.c: gives the thread a kernel stack and vector state (see cpu_thread_init()). 0 or
 * -ENOMEM. */
int thread_context(struct thread *t, const struct trapframe *tf, const void *xstate);

/* proc/sched.c: one vCPU. */
void schedule(void); /* gives the CPU to the next runnable thread, idling while there is none */
bool sched_need_resched(void); /* the time slice is over and another thread is runnable */
void sched_tick(void);         /* a timer event arrived: expire timers, end the slice */
void sched_enqueue(struct thread *t, bool expired); /* expired: its wait has timed out */
/* Takes and acts on the host's events (timer, ready handles, SIGINT, SIGTERM); schedule() calls it
 * after every hv_idle(). */
void events_handle(void);

/* proc/wait.c: wait queues. A thread may stand in several (poll). */
TAILQ_HEAD(wait_list, wait_entry);
struct waitq {
    struct wait_list list;
};
struct wait_entry {
    TAILQ_ENTRY(wait_entry) link;
    struct waitq *q; /* NULL when not queued */
    struct thread *thread;
    bool woken;
    bool exclusive; /* waitq_wake(q, n) counts only these */
    u64 key;
    /* When set, called instead of waking the thread (epoll, timers): must not block. */
    void (*fn)(struct wait_entry *e);
};
void waitq_init(struct waitq *q);
void waitq_add(struct waitq *q, struct wait_entry *e);
void waitq_remove(struct wait_entry *e); /* harmless when not queued */
/* Wakes all non-exclusive entries, and of the exclusive ones so many; returns how many it woke. */
int waitq_wake(struct waitq *q, int exclusive_max);
/* Blocks the current thread until thread_wake(), deadline (monotonic ns, HV_NO_DEADLINE) or,
 * when interruptible, a deliverable signal. Returns 0, -ETIMEDOUT or -EINTR (which callers turn
 * into -ERESTARTSYS where Linux does). */
int thread_block(u64 deadline, bool interruptible);
void thread_wake(struct thread *t);
/* Waits on one queue until cond(arg) is true, or until thread_block() would return. */
int waitq_wait(struct waitq *q, bool (*cond)(void *), void *arg, u64 deadline, bool interruptible);
/* Where one waits for a handle of the host. Who stands there calls handle_watch(), and again when
 * woken for nothing. */
struct waitq *handle_queue(u32 handle);
void handle_watch(u32 handle);
void handles_take(void); /* after HV_EVENT_IO: wakes who waits for the handles that are ready */

/* proc/timer.c: one-shot kernel timers, callback in scheduler context (must not block). */
struct ktimer {
    TAILQ_ENTRY(ktimer) link;
    u64 deadline;
    void (*fn)(struct ktimer *t);
    bool armed;
};
void ktimer_cancel(struct ktimer *t);
u64 ktimer_next(void); /* the earliest deadline, HV_NO_DEADLINE for none */
/* proc/sched.c */
void ktimer_arm(struct ktimer *t, u64 deadline, void (*fn)(struct ktimer *t));

/* proc/futex.c: execve(2) takes the robust locks of the thread that calls it (set_robust_list(2)),
 * before its address space goes. futex_robust_held: has it any? */
bool futex_robust_held(void);
void futex_program_ends(void);

/* proc/sigpending.c */
bool signal_pending(struct thread *t); /* is a deliverable signal waiting? */

/* proc/signal.c. Internal results of interrupted calls; signal delivery turns them into EINTR or
 * a restart of the call. */
#define ERESTARTSYS           512
#define ERESTARTNOHAND        514
#define ERESTART_RESTARTBLOCK 516
/* Sends a signal to thread t, or to the process when t is NULL. */
int signal_send(struct process *p, struct thread *t, int sig, int si_code, u64 value);
/* proc/sigdeliver.c */
void signal_deliver(struct trapframe *tf, bool from_syscall);
/* A CPU exception of the program: forces sig with si_code and si_addr; trapno/err/cr2 go to the
 * sigcontext. */
void signal_fault(struct trapframe *tf, int sig, int si_code, vaddr_t addr);

/* exec/exec.c: replaces the (thread-less or single-threaded) process image. Path and vectors are
 * kernel memory. */
int exec_load(struct process *p, const char *path, char *const argv[], char *const envp[],
              struct trapframe *tf);

/* ---- fs/ ---------------------------------------------------------------------------------- */

enum inode_type { INODE_REG, INODE_DIR, INODE_LNK, INODE_CHR, INODE_FIFO, INODE_SOCK, INODE_ANON };

/* fs/initrd.c: fills the ramfs root from the CPIO and makes /dev and /proc. Panics with a
 * message when the CPIO is damaged. */
void fs_init(paddr_t initrd, u64 size);
/* fs/siteindex.c: the system call sites of an unchanged file of the image, sorted by offset.
 * NULL when none are known. */
struct sites_site;
void sites_index_init(void);
const struct sites_site *sites_of_inode(struct inode *i, unsigned *count);
/* fs/mapfile.c: mmap(2) of a file. Memory without a file is mapped by mm_map(). off is a
 * multiple of the page size. */
long inode_map(struct inode *i, struct mm *mm, vaddr_t hint, u64 len, int prot, int flags, u64 off);
long file_map(struct file *f, struct mm *mm, vaddr_t hint, u64 len, int prot, int flags, u64 off);
/* fs/rundev.c. HV_CALL_RUN: waits for a run (the snapshot point); on return clocks and entropy are
 * fresh. Returns the frame's size; its first size bytes are in buf. */
u64 run_next(void *buf, size_t size);
/* Makes fresh what the host has renewed: clocks, random numbers, streams. */
void run_resumed(void);
/* fs/streams.c. console_fdtable: a new table with the host's streams as descriptors 0, 1 and 2.
 * console_resume: makes these descriptors fit the streams of a new run. */
int console_fdtable(struct fdtable **out);
void console_resume(void);
/* fs/chdir.c: makes a directory with its parents, and enters it (current process). */
int fs_chdir_create(const char *path);
/* fs/namei.c */
int fs_context_create(struct fs_context **out);
/* Looks a path up, from the cwd; gives a reference. */
int path_lookup(const char *path, bool follow, struct inode **out);
/* fs/fdtab.c */
struct file *fd_get(int fd); /* takes a reference; NULL: EBADF */
void fdtable_close_on_exec(struct fdtable *t);
/* fs/inherit.c: descriptors, working directory and program of a new process, as clone(2) says;
 * inherit_drop() gives them up. inherit_unshare: for execve(2), a descriptor table of its own. */
int inherit_files(struct process *child, const struct process *parent, u64 flags);
void inherit_drop(struct process *p);
int inherit_unshare(struct process *p);
/* fs/file.c. fs/vfs.h has the rest of struct file and struct inode. */
void file_ref(struct file *f);
void file_put(struct file *f);
/* fs/inode.c */
void inode_ref(struct inode *i);
void inode_put(struct inode *i);
enum inode_type inode_type(const struct inode *i);
bool inode_executable(const struct inode *i);
/* fs/openfiles.c: has a process the file open to write, so that it cannot be executed? Is it the
 * program of a process, so that it cannot be written? */
bool inode_is_written(const struct inode *i);
bool inode_is_running(const struct inode *i);
/* fs/inode.c */
/* Reads a regular file into a kernel buffer. */
ssize_t inode_read(struct inode *i, void *kbuf, size_t n, u64 off);
/* Path of an open inode for /proc/self/maps and exe; "" when unknown. Returns the length. */
size_t inode_path(const struct inode *i, char *buf, size_t size);

/* ---- sys/ --------------------------------------------------------------------------------- */

/* sys/table.c. A handler decodes its arguments and returns the result or -errno. */
typedef long (*syscall_fn)(const long a[6]);
struct syscall {
    const char *name;
    syscall_fn fn;
    /* For the trace, one letter an argument: d decimal, x hex, p pointer, s string, b buffer with
     * its size in the next argument, o octal, f descriptor, t timespec. */
    const char *args;
};
extern const struct syscall syscall_table[];
extern const unsigned syscall_table_size;
/* sys/dispatch.c */
long syscall_dispatch(struct trapframe *tf);

/* sys/trap.c: the one way back to the program: handles events, signals and rescheduling, called at
 * the end of every system call and trap, with the thread's user registers. */
void user_return_work(struct trapframe *tf);

#endif
