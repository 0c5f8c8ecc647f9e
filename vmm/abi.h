// SPDX-License-Identifier: Apache-2.0
/*
 * The whole contract between the VMM and the guest kernel, included by both
 * sides and by the driver. Everything here is versioned by HV_ABI_VERSION: a
 * change of any layout, number or meaning bumps it. Guest addresses are plain
 * integers (hv_gpa_t); the host turns them into pointers only through its one
 * checked translation. All integers are little-endian, reserved fields zero.
 */
#ifndef HV_ABI_H
#define HV_ABI_H

/* The kernel's assembly and its linker script include this file, too, for the numbers up to
 * HV_VECTOR_UPCALL. They know no suffixes. */
#ifdef __ASSEMBLER__
#define HV_U(number) number
#else
#define HV_U(number) number##u
#endif

#define HV_ABI_VERSION 17

/* The kernel ELF carries one note: owner HV_NOTE_NAME, type HV_NOTE_ABI, descriptor one
 * uint32_t holding HV_ABI_VERSION. The VMM refuses any other before it loads a byte. */
#define HV_NOTE_NAME "pyhl"
#define HV_NOTE_ABI  0x48564d31

/*
 * Guest-physical memory. Virtual == physical for all of it at entry.
 *
 *   0x0000_0000  page 0            unmapped: a NULL access faults
 *   0x0000_1000  HV_SHARED_GPA     struct hv_shared
 *   0x0000_2000  HV_TABLES_GPA     GDT, IDT and TSS, made by the VMM
 *   0x0000_3000  HV_VECTORS_GPA    vector code, a segment of the kernel ELF
 *   0x0000_4000  HV_TRAP_GPA       trap frames: RSP0 is HV_TRAP_TOP
 *   0x0000_5000  hole              unmapped
 *   0x0001_0000  HV_STDOUT_GPA     stdout ring data, HV_RING_SIZE bytes
 *   0x0002_0000  HV_STDERR_GPA     stderr ring data
 *   0x0003_0000  hole              unmapped
 *   0x0004_0000  HV_KERNEL_GPA     kernel image, then the page tables made by the VMM
 *   0x0020_0000  HV_KERNEL_LIMIT   end of the kernel's part
 *   ...          RAM               2 MiB pages, read/write, no-execute
 *   ram_size     end of RAM (a multiple of 2 MiB)
 *   0x40_0000_0000 HV_INITRD_GPA   the CPIO's file: read-only, no-execute, 2 MiB pages
 *
 * The first 2 MiB are mapped with 4 KiB pages: kernel text read-execute, kernel read-only data
 * read-only, all else read-write no-execute. Everything is user-accessible (U=1), even the vector
 * page (read-execute), because kvm-pvm enters LSTAR at CPL 3. Accessed and dirty bits are set in
 * advance: a run that changes no table writes none.
 *
 * Entry is at the ELF's entry point in 64-bit mode at CPL 3 with RSP = HV_TRAP_TOP, all other
 * general registers 0, and the x87, SSE and extended state as after a reset.
 */
#define HV_PAGE_SIZE    HV_U(4096)
#define HV_SHARED_GPA   HV_U(0x1000)
#define HV_TABLES_GPA   HV_U(0x2000)
#define HV_VECTORS_GPA  HV_U(0x3000)
#define HV_TRAP_GPA     HV_U(0x4000)
#define HV_TRAP_TOP     HV_U(0x5000)
#define HV_STDOUT_GPA   HV_U(0x10000)
#define HV_STDERR_GPA   HV_U(0x20000)
#define HV_RING_SIZE    HV_U(0x10000)
#define HV_KERNEL_GPA   HV_U(0x40000)
#define HV_KERNEL_LIMIT HV_U(0x200000)
#define HV_INITRD_GPA   0x4000000000ull

/* Segment selectors: Linux's, because kvm-pvm runs CPL 3 on the host's own descriptors. The ring-0
 * pair is used only for the instructions of the vector page. */
#define HV_SEL_RING0_CS HV_U(0x10)
#define HV_SEL_RING0_SS HV_U(0x18)
#define HV_SEL_USER_SS  HV_U(0x2b)
#define HV_SEL_USER_CS  HV_U(0x33)
#define HV_SEL_TSS      HV_U(0x40)

/*
 * Vector page. Exception n (0-31) enters at HV_VECTORS_GPA + n * HV_VECTOR_STRIDE in ring 0 with
 * RSP0 = HV_TRAP_TOP. MSR_LSTAR is HV_VECTORS_GPA + HV_SYSCALL_OFFSET, MSR_FMASK is
 * HV_SYSCALL_FMASK. On hardware KVM the code at LSTAR runs in ring 0, on kvm-pvm at CPL 3: it must
 * be right in both. The exception stubs must leave ring 0 through a frame in read-only memory. A
 * rewind on kvm-pvm assumes that a guest was not in ring 0 with code of its own if it has changed
 * no page table, descriptor or vector. For the same reason the stub of #DB first writes a byte, any
 * value, at HV_DEBUG_MARK. That exception is the one way in which code at CPL 3 changes a register
 * that belongs to ring 0 (DR6). That the page was written stays known, whatever the guest does
 * later.
 *
 * The vector page may load CR3 with any root, for the kernel or for whoever calls the code that
 * asks for it. Before that it writes a byte, any value, at HV_ROOT_MARK. The tables of another root
 * lie in pages that nobody watches: without the mark they could show a run other vectors or other
 * memory, and what KVM has derived from them would be used for later runs.
 *
 * An upcall is an exception made by the VMM, by which it tells the guest of events. The VMM makes
 * it between two guest instructions at CPL 3, outside [kernel_start, kernel_text_end) and outside
 * the vector page. It writes a struct hv_trap with vector HV_VECTOR_UPCALL at HV_TRAP_TOP -
 * sizeof(struct hv_trap), sets RSP to that address, RIP to hv_shared.upcall_entry and RFLAGS to
 * HV_RFLAGS_FIXED (no TF: the kernel is not stepped). At any other instruction it only sets
 * hv_shared.events, and tries again within 1 ms until the guest has taken them (events is 0 again).
 */
#define HV_VECTOR_STRIDE  HV_U(32)
#define HV_SYSCALL_OFFSET HV_U(0x600)
#define HV_SYSCALL_FMASK  HV_U(0x44700) /* AC, NT, DF, IF, TF */
#define HV_RFLAGS_FIXED   HV_U(0x202)   /* IF, and the bit that is always set */
#define HV_DEBUG_MARK     HV_U(0x2ff8)  /* in the page of HV_TABLES_GPA */
#define HV_ROOT_MARK      HV_U(0x2ff9)  /* in the same page */
#define HV_VECTOR_UPCALL  HV_U(256)

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

typedef uint64_t hv_gpa_t;
_Static_assert((HV_DEBUG_MARK & ~(HV_PAGE_SIZE - 1)) == HV_TABLES_GPA, "a watched page");
_Static_assert((HV_ROOT_MARK & ~(HV_PAGE_SIZE - 1)) == HV_TABLES_GPA, "a watched page");

struct hv_trap {
    uint64_t vector;
    uint64_t error;
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};
_Static_assert(sizeof(struct hv_trap) == 56, "pushed by the CPU and the vector stubs");

/* Doorbell: `out %al, $HV_PORT_DOORBELL` after filling hv_shared.call. The I/O permission bitmap
 * opens this port alone to CPL 3. When `out` returns, the call has been answered. */
#define HV_PORT_DOORBELL 0xe0u

/* A call's number: the service of the host, and the operation of that service. */
#define HV_CALL(service, operation) ((service) << 8 | (operation))

enum hv_service {
    HV_SERVICE_RUN = 1,     /* what to run, and how it ended */
    HV_SERVICE_MEMORY = 2,  /* the machine's memory */
    HV_SERVICE_CONSOLE = 3, /* the three streams, and the trace */
    HV_SERVICE_CLOCK = 4,   /* waiting for a time or an event */
    HV_SERVICE_RECORD = 5,  /* what a run gives beside the two streams */
    HV_SERVICE_TOOL = 6,    /* functions of the host */
    HV_SERVICE_FILES = 7,   /* files before a run and after it */
};

enum hv_call_nr {
    /* There is no call: the doorbell does nothing. The host leaves this number in the slot when it
     * has answered. */
    HV_CALL_NONE = 0,

    /* The guest is ready for a run: arg0 buffer, arg1 its size (at least sizeof(struct hv_run)),
     * arg2 HV_RUN_VECTORS or 0. arg3 is the exit status (0 to 255) of the run before, which ends
     * with this call while the machine stays as it is; 0 when there was none. The VMM may snapshot
     * here. Returns the whole size of the run frame (struct hv_run and its records), of which the
     * first arg1 bytes, at most HV_CALL_BYTES, are in the buffer. Fills hv_shared.streams and
     * hv_shared.resume. */
    HV_CALL_RUN = HV_CALL(HV_SERVICE_RUN, 0),
    /* Read more of the frame: arg0 offset in it, arg1 buffer, arg2 size. Returns the bytes copied:
     * 0 at the frame's end, else as many as there are, at most arg2 and HV_CALL_BYTES. */
    HV_CALL_FRAME = HV_CALL(HV_SERVICE_RUN, 1),
    /* The run is over, and the machine with it: arg0 enum hv_exit, arg1 exit status or signal
     * number (1 to HV_SIGNAL_MAX), arg2 message, arg3 its length (may be 0). Does not return to the
     * guest. */
    HV_CALL_EXIT = HV_CALL(HV_SERVICE_RUN, 2),

    /* Give up memory: arg0 address, arg1 size, both of whole pages of RAM. They read as zeroes from
     * now on, and take no memory of the host where that is possible. Returns 0. */
    HV_CALL_DISCARD = HV_CALL(HV_SERVICE_MEMORY, 0),

    /* Empty the output rings now. Returns 0. The data of a ring whose reader is gone is dropped,
     * and the run ends with VMM_PIPE_CLOSED. */
    HV_CALL_DRAIN = HV_CALL(HV_SERVICE_CONSOLE, 0),
    /* Read the host's stdin without blocking: arg0 buffer, arg1 size. Returns the bytes read,
     * HV_CALL_BYTES at most, 0 at end of file, -EAGAIN (-11) when none is ready, or another -errno.
     * For an HV_STREAM_FILE arg2 is the offset to read from; for other streams it is ignored. With
     * a size of 0 the host's descriptor is moved there, and nothing is read. */
    HV_CALL_STDIN = HV_CALL(HV_SERVICE_CONSOLE, 1),
    /* Show one line of the trace: arg0 text, arg1 length, no newline. Text beyond HV_TRACE_MAX is
     * left out, and what is not printable ASCII becomes '?'. Returns 0. When there is no trace it
     * returns -EPERM (-1) and shows nothing. HV_RESUME_TRACE in hv_resume.flags says whether there
     * is a trace; until the first run it stands in boot_flags. */
    HV_CALL_TRACE = HV_CALL(HV_SERVICE_CONSOLE, 2),
    /* Do something with a stream that is an HV_STREAM_TERMINAL: arg0 its number (0 to 2), arg1 enum
     * hv_terminal_op. Returns -ENOTTY (-25) for another stream, or what the operation says. */
    HV_CALL_TERMINAL = HV_CALL(HV_SERVICE_CONSOLE, 3),

    /* Sleep, because nothing is runnable: arg0 ns from now (HV_NO_DEADLINE: without end). Returns
     * when they are over, or when an event is set, HV_EVENT_IO of a watched handle among them. The
     * time is from now on because the guest's clock may lag the host's, by the time between filling
     * hv_shared.resume and reading it. */
    HV_CALL_WAIT = HV_CALL(HV_SERVICE_CLOCK, 0),
    /* Ask for HV_EVENT_TIMER, with an upcall, arg0 ns from now (HV_NO_DEADLINE: never). */
    HV_CALL_TIMER = HV_CALL(HV_SERVICE_CLOCK, 1),

    /* Give a record to the host: arg0 its kind, arg1 the kind's length (1 to HV_KIND_MAX), arg2 its
     * bytes, arg3 how many (HV_RECORD_BYTES at most). A kind is printable ASCII. What the rings
     * hold is written before. Returns 0, or -ENODEV (-19) when nobody takes records. */
    HV_CALL_RECORD = HV_CALL(HV_SERVICE_RECORD, 0),

    /* Call a function of the host: arg0 the request, an index of the table at hv_shared.requests;
     * arg1 a buffer for the reply, arg2 its size. When the function has answered at once, returns
     * the size of the whole reply (struct hv_reply and its bytes), of which the first arg2 bytes,
     * at most HV_CALL_BYTES, are in the buffer. -EAGAIN (-11): it answers later. Then
     * HV_HANDLE_TOOL is ready, and HV_CALL_ANSWERED names the request. A call that the host refuses
     * is answered, too. When the buffer has the whole reply the host has forgotten the call, and
     * the entry may be used again. When the run ends the host forgets all calls. */
    HV_CALL_TOOL = HV_CALL(HV_SERVICE_TOOL, 0),
    /* Returns the index of a request that was answered since, each once, or -EAGAIN (-11). */
    HV_CALL_ANSWERED = HV_CALL(HV_SERVICE_TOOL, 1),
    /* Read a reply: arg0 the request's index, arg1 an offset in the reply, arg2 buffer, arg3 size.
     * Returns the bytes copied: as many as there are, at most arg3 and HV_CALL_BYTES; 0 at the
     * reply's end; -EAGAIN (-11) when there is no answer. After a call that has given the whole
     * reply the host has forgotten the request, as after HV_CALL_TOOL. */
    HV_CALL_REPLY = HV_CALL(HV_SERVICE_TOOL, 2),
    /* The guest is done with a request, answered or not: arg0 its index. The host forgets the call,
     * and the entry may be used again. Returns 0. */
    HV_CALL_FORGET = HV_CALL(HV_SERVICE_TOOL, 3),

    /* Files that the run is to find, when HV_RESUME_FILES_IN is set. Fills a buffer (arg0, arg1 its
     * size, at least HV_FILE_MAX) with entries, as many as fit and each whole: struct hv_file and
     * what follows it. After the last one all directories come once more, because what was put
     * into them has changed their times. Returns the bytes filled, HV_CALL_BYTES at most; 0 at the
     * end. */
    HV_CALL_FILES_NEXT = HV_CALL(HV_SERVICE_FILES, 0),
    /* Read a file's data: arg0 the entry's number (from 0, in the order of HV_CALL_FILES_NEXT),
     * arg1 offset, arg2 buffer, arg3 size (HV_FILE_BYTES at most). Returns the bytes copied, which
     * are fewer than asked for only at the file's end; HV_FILE_HOLE and a number of bytes, from
     * offset on, that are zeroes and were not copied (whole pages, or up to the file's end); or
     * -errno: the file cannot be read. */
    HV_CALL_FILE_READ = HV_CALL(HV_SERVICE_FILES, 1),
    /* What the host wants of the run, when HV_RESUME_FILES_OUT is set: the next path, to a buffer
     * (arg0, arg1 its size, at least HV_PATH_MAX), with its NUL. Returns its length with the NUL,
     * or 0 after the last. */
    HV_CALL_FILES_WANTED = HV_CALL(HV_SERVICE_FILES, 2),
    /* Give an entry to the host: arg0 a struct hv_file and what follows it, arg1 the size of both.
     * The wanted path itself comes first, a directory before what is in it, and all that is in it
     * before what follows. Returns 0 or -errno: this entry and what is in it are refused, and the
     * guest goes on with the next. -EDQUOT (-122): nothing more is taken at all. */
    HV_CALL_FILE_MAKE = HV_CALL(HV_SERVICE_FILES, 3),
    /* Give data of the file made last: arg0 buffer, in RAM or in the initrd, arg1 size
     * (HV_FILE_BYTES at most), arg2 offset. What is left out is a hole. Returns 0 or -errno: no
     * more data of this file is taken. */
    HV_CALL_FILE_WRITE = HV_CALL(HV_SERVICE_FILES, 4),
    /* An entry could not be given, or put into the guest: arg0 its path as in struct hv_file, arg1
     * the length, arg2 a positive errno, arg3 1 for one of HV_CALL_FILES_NEXT: then the run is
     * over, and the machine with it. Returns 0 or -EDQUOT as HV_CALL_FILE_MAKE. */
    HV_CALL_FILE_FAILED = HV_CALL(HV_SERVICE_FILES, 5),
};

/* The most that a guest can change of a terminal of the host. When the run ends the host puts back
 * the modes that it found. Everything else about the terminal (keys, signals, speeds) stays as it
 * is. */
#define HV_TERMINAL_ECHO      1u
#define HV_TERMINAL_CANONICAL 2u

enum hv_terminal_op {
    /* Returns HV_TERMINAL_* | rows << 16 | columns << 32, of which rows and columns may be 0. */
    HV_TERMINAL_GET = 0,
    /* arg2 HV_TERMINAL_*; arg3 1: input that was not read is dropped. Returns 0 or -errno. */
    HV_TERMINAL_SET = 1,
    /* Drops input that was not read. Returns 0 or -errno. */
    HV_TERMINAL_FLUSH = 2,
};

/* The most that one call moves. A guest says what a call has to do, and this bounds the time that
 * it takes the host. After each call the host looks at the run's deadline. */
#define HV_CALL_BYTES 65536u
#define HV_TRACE_MAX  4096u
#define HV_SIGNAL_MAX 64u

/* The guest has saved its x87, SSE and extended state (all of XCR0), and loads it when the call
 * returns, before any instruction that depends on it. So the VMM may return from the call with the
 * state that an earlier run has left in these registers. */
#define HV_RUN_VECTORS 1u

#define HV_NO_DEADLINE UINT64_MAX

enum hv_exit {
    HV_EXIT_STATUS = 0, /* exit_group: arg1 is the status */
    HV_EXIT_SIGNAL = 1, /* killed: arg1 is the signal */
    HV_EXIT_OOM = 2,    /* out of guest memory */
    HV_EXIT_PANIC = 3,  /* kernel bug, or an image it cannot run */
};

struct hv_call {
    uint32_t nr;
    uint32_t reserved;
    int64_t ret;
    uint64_t arg[6];
};
_Static_assert(sizeof(struct hv_call) == 64, "one cache line");

/* A byte ring: the guest writes and the host reads. head and tail count bytes for ever (mod 2^32).
 * Byte n is data[n % HV_RING_SIZE]; head - tail <= HV_RING_SIZE. */
struct hv_ring {
    uint32_t head; /* written by the guest */
    uint32_t tail; /* written by the host */
};

/* Written by the host at entry (generation 0) and whenever HV_CALL_RUN returns. At that instant the
 * guest's monotonic clock reads mono_ns and its wall clock wall_ns. Both go on by the TSC, at
 * tsc_khz. */
struct hv_resume {
    uint64_t generation; /* counts restores of this machine, from 1 */
    uint64_t wall_ns;    /* since the epoch */
    uint64_t mono_ns;    /* since guest boot; never less than at the snapshot */
    uint32_t tsc_khz;
    uint32_t flags; /* HV_RESUME_* */
    uint8_t entropy[64];
};
_Static_assert(sizeof(struct hv_resume) == 96, "ABI");

#define HV_RESUME_DETERMINISTIC 1u /* entropy is a fixed seed; reseed nothing from time */
#define HV_RESUME_TRACE         2u /* the guest is to make an HV_CALL_TRACE for each system call */
#define HV_RESUME_FILES_IN      4u /* before the run the guest takes what HV_CALL_FILES_NEXT gives */
#define HV_RESUME_FILES_OUT     8u /* at its end the guest gives what HV_CALL_FILES_WANTED names */

/* What a stream of the host is, as far as a program can tell. */
enum hv_stream {
    HV_STREAM_PIPE = 0,     /* bytes, one after the other */
    HV_STREAM_TERMINAL = 1, /* HV_CALL_TERMINAL works */
    HV_STREAM_FILE = 2,     /* stdin only: can be read from any offset */
    HV_STREAM_CLOSED = 3,   /* the program has no such descriptor */
};

/* Written by the host whenever HV_CALL_RUN returns. */
struct hv_streams {
    uint8_t kind[3]; /* enum hv_stream of stdin, stdout, stderr */
    /* 1: stderr goes where stdout goes. The guest writes both to stdout's ring, so that their order
     * is kept. */
    uint8_t joined;
    uint8_t reserved[4];
    uint64_t stdin_offset; /* of an HV_STREAM_FILE: where reading goes on, bytes */
    uint64_t stdin_size;   /* size of that file at that time, bytes */
};
_Static_assert(sizeof(struct hv_streams) == 24, "ABI");

/* Bits of hv_shared.events. */
#define HV_EVENT_TIMER 1u  /* the deadline of HV_CALL_TIMER has passed */
#define HV_EVENT_INT   2u  /* the user asked to interrupt: SIGINT */
#define HV_EVENT_TERM  4u  /* SIGTERM */
#define HV_EVENT_END   8u  /* the run's time is over: HV_END_SIGNAL, and a moment to go on */
#define HV_EVENT_IO    16u /* a bit is set in hv_shared.ready */
/* The machine was restored or rewound to the middle of a run. hv_shared.resume and streams are new,
 * as after HV_CALL_RUN; the run goes on. It comes with the answer to an HV_CALL_WAIT alone. */
#define HV_EVENT_RESTORED 32u

/* Handles: things of the host that a guest may wait for, a bit each in hv_shared.watched and ready.
 * The guest sets a bit in watched. When the handle is ready (an operation on it would not wait) the
 * host sets the bit in ready, and HV_EVENT_IO. It does so once, until the guest has taken ready by
 * an exchange with 0. The guest then clears the bit in watched and does the operation. If there is
 * still nothing, it watches the handle again: it may have been told for nothing. A handle that does
 * not exist is always ready. By handles a call can also answer later: one call begins the work and
 * gives a handle, another fetches the result when the handle is ready. */
#define HV_HANDLES      64u
#define HV_HANDLE_STDIN 0u
#define HV_HANDLE_TOOL  1u /* a request was answered */

/* The signal by which a program learns that its time is over: Linux's SIGRTMAX. The program may
 * then go on for vmm_run.grace_ns at most. The run ends as VMM_TIMEOUT, however it ends. */
#define HV_END_SIGNAL 64

/* Counts since the guest's boot, which only the guest writes, for people to read. The host takes
 * differences, believes none of them and decides nothing by them. They lie in the page that every
 * run writes anyway. */
struct hv_counts {
    uint64_t syscalls_rewritten; /* through a rewritten site (the place of a `syscall`) */
    uint64_t syscalls_trapped;   /* by the syscall instruction */
    uint64_t faults;             /* page faults answered */
    uint64_t resume_tsc;         /* the guest's TSC when HV_CALL_RUN returned */
    uint64_t exit_tsc;           /* the guest's TSC at HV_CALL_EXIT */
    uint64_t memory_peak;        /* of the run: most RAM in use at a time, bytes */
    uint64_t reserved[2];
};
_Static_assert(sizeof(struct hv_counts) == 64, "one cache line");

#define HV_SHARED_MAGIC 0x6c687970u /* "pyhl" */

struct hv_shared {
    uint32_t magic;
    uint32_t version;
    /* Boot information, constant after entry. */
    hv_gpa_t ram_size;
    hv_gpa_t kernel_start;    /* page-aligned */
    hv_gpa_t kernel_text_end; /* page-aligned */
    hv_gpa_t kernel_end;      /* page-aligned, end of the image with its bss */
    hv_gpa_t free_start;      /* after the page tables, page-aligned, below HV_KERNEL_LIMIT */
    hv_gpa_t pt_root;         /* the PML4 */
    hv_gpa_t initrd_gpa;
    uint64_t initrd_size;  /* bytes */
    uint64_t upcall_entry; /* written by the guest before its first HV_CALL_RUN */
    uint64_t boot_flags;   /* HV_RESUME_TRACE: trace from the start */
    struct hv_streams streams;
    uint64_t watched; /* handles, written by the guest */
    uint64_t ready;   /* set by the host by atomic OR, taken by atomic exchange with 0 */
    struct hv_resume resume;
    /* Host to guest, set by atomic OR, taken by atomic exchange with 0. */
    uint32_t events;
    uint32_t reserved2;
    /* RAM that the run may use: addresses from 0, a multiple of 2 MiB; 0: all. Written by the host
     * whenever HV_CALL_RUN returns. What the guest has in use after that address stays usable. */
    uint64_t memory;
    /* One call at a time. The guest fills it, its number last, and rings the doorbell. The host
     * answers in ret. No guest has ever had two calls open, because the vCPU stands while the host
     * answers. Work that takes the host longer has a handle. */
    struct hv_call call;
    struct hv_ring out;
    struct hv_ring err;
    struct hv_counts counts;
    /* The requests of open calls: HV_REQUESTS entries of struct hv_request. Written by the guest
     * before its first HV_CALL_TOOL; 0: there was none. */
    hv_gpa_t requests;
    /* The end of the RAM that the guest has in use, or may use without asking for more. Written by
     * the guest before each HV_CALL_RUN. */
    hv_gpa_t memory_held;
    /* A map of RAM, a bit for each 4 KiB: it is in use. When the host makes a checkpoint it makes
     * zero what is not. Written by the guest before its first HV_CALL_RUN; 0: there is no map. */
    hv_gpa_t frames;
};
_Static_assert(offsetof(struct hv_shared, resume) == 128, "ABI");
_Static_assert(offsetof(struct hv_shared, events) == 224, "ABI");
_Static_assert(offsetof(struct hv_shared, call) == 240, "ABI");
_Static_assert(offsetof(struct hv_shared, counts) == 320, "ABI");
_Static_assert(sizeof(struct hv_shared) <= HV_PAGE_SIZE, "one page");

/* A call of a function of the host, from the time when the guest makes it until the guest is done
 * with it. The request is the function's name, a NUL, and the arguments: bytes, which are between
 * the program and the function. It stays in guest memory, so that a copy of the machine knows its
 * open calls. */
struct hv_request {
    uint64_t id; /* never used before in this machine; 0: the entry is free */
    hv_gpa_t bytes;
    uint64_t size; /* HV_REQUEST_MAX at most */
    uint64_t reserved;
};
_Static_assert(sizeof(struct hv_request) == 32, "ABI");
#define HV_REQUESTS     256u
#define HV_REQUEST_MAX  (16u << 20)
#define HV_REPLY_MAX    (16u << 20)
#define HV_FUNCTION_MAX 128u /* a function's name with its NUL */

/* Before a reply's bytes. When the call has failed they are an error's type, a NUL, and its
 * message. */
struct hv_reply {
    uint32_t failed;   /* 0 or 1 */
    uint32_t restored; /* 1: the machine was restored while the call was open (HV_RUN_RESTORED) */
    uint64_t size;     /* bytes that follow */
};
_Static_assert(sizeof(struct hv_reply) == 16, "ABI");

#define HV_KIND_MAX     64u
#define HV_RECORD_BYTES (64u << 20)

/* A file, directory or symbolic link, on its way into a guest or out of it. The path, its NUL, the
 * link's target and its NUL follow, and zeroes up to a multiple of 8. A path is relative to the
 * root of the guest for files on their way in, and to the wanted path for those on their way out,
 * whose own path is empty. */
struct hv_file {
    uint64_t size;    /* of a file, bytes */
    int64_t mtime_ns; /* since the epoch */
    uint32_t mode;    /* type and permissions as st_mode of inode(7): S_IFREG, S_IFDIR, S_IFLNK */
    uint16_t path_length;
    uint16_t target_length; /* of a symbolic link; else 0 */
};
_Static_assert(sizeof(struct hv_file) == 24, "ABI");
#define HV_PATH_MAX   4096u                    /* with the NUL */
#define HV_FILE_MAX   (24u + 2u * HV_PATH_MAX) /* an entry */
#define HV_FILE_BYTES (1u << 20)
#define HV_FILE_HOLE  (1ull << 62)

/* The run frame, which says what to run: a header, then records up to the end of the frame. So a
 * newer host can say more to an older guest, which skips what it does not know. HV_CALL_RUN returns
 * the size of the frame. */
enum hv_run_mode {
    HV_RUN_EXEC = 0, /* execve(argv[0], argv, env): answered by the kernel itself */
    /* A script: source is its text, argv[0] its name as given. When that is a directory that was
     * copied in, source is empty. */
    HV_RUN_FILE = 1,
    HV_RUN_CODE = 2,   /* -c: source is the code, argv[0] is "-c" */
    HV_RUN_MODULE = 3, /* -m: source is the module's name, argv[0] is "-m" */
    HV_RUN_STDIN = 4,  /* script read from stdin by the VMM: source is its text, argv[0] is "-" */

    /* Runs of a session: each ends by a status, and the machine goes on. HV_RECORD_CONTEXT names
     * the context that they belong to; "default" when missing. */
    /* Source is the code; its results are records. When argv[0] is "-" that is all of argv. Else it
     * is sys.argv, and argv[0] the code's file name unless it is "-c". */
    HV_RUN_CELL = 5,
    HV_RUN_COMPLETE = 6, /* what can stand at HV_RECORD_CURSOR of source? */
    HV_RUN_INSPECT = 7,  /* what is at HV_RECORD_CURSOR of source? argv[1], if any: "1" for more */
    HV_RUN_IS_COMPLETE = 8, /* is source a whole input, or does it go on? */
    HV_RUN_CONTEXT = 9,     /* argv[0] is "make", "drop", "restart" or "list" */
    HV_RUN_FILES = 10,      /* files in and out, and nothing else: done by the kernel itself */
    HV_RUN_FUNCTION = 11,   /* argv[0] is a function of the program; source is its arguments */
    /* Packages: source is lines, each a module's name. A name that ends in ? may be missing, a line
     * that begins with >>> is a statement, and # begins a comment. Before any other run the program
     * makes these modules a part of the state in which it waits, and waits there again. In a
     * session it only looks for new packages, and source is empty. */
    HV_RUN_PRELOAD = 12,
    /* In a session, something that the host does there and its program does not notice: argv[0] is
     * what, by the name of a handler of the driver; the rest of argv and source are the handler's.
     * Answers are records. */
    HV_RUN_SERVICE = 13,
};

struct hv_run {
    uint32_t size;  /* of this header, at least sizeof(struct hv_run); the records begin after it */
    uint32_t mode;  /* enum hv_run_mode */
    uint32_t flags; /* HV_RESUME_DETERMINISTIC, HV_RUN_RESTORED, HV_RUN_RECORDS */
    uint32_t reserved;
};
_Static_assert(sizeof(struct hv_run) == 16, "ABI");

/* The machine was restored or rewound since the run before. It may be a copy of another, which has
 * the same random state. */
#define HV_RUN_RESTORED 0x100u
#define HV_RUN_RECORDS  0x200u /* somebody takes records (HV_CALL_RECORD) */

/* A record is this header, its bytes, and zeroes up to a multiple of HV_RECORD_ALIGN. Records stand
 * in any order, each kind at most once. A record that is missing is empty. Strings stand one after
 * the other, each with its NUL. images/runframe.h is the reader. */
#define HV_RECORD_ALIGN 8u

enum hv_record_kind {
    HV_RECORD_OPTIONS = 1, /* strings: of the interpreter (-O, -W, error); not for HV_RUN_EXEC */
    HV_RECORD_ARGV = 2,    /* strings: at least argv[0] */
    HV_RECORD_ENV = 3,     /* strings: NAME=value */
    HV_RECORD_CWD = 4,     /* one string: absolute; made in the guest when missing */
    HV_RECORD_SOURCE = 5,  /* bytes, which may contain NUL; the mode says what they are */
    /* A uint64_t, for HV_RUN_EXEC: how many bytes the program's stack has, HV_STACK_MIN or more.
     * HV_STACK_DEFAULT when missing. */
    HV_RECORD_STACK = 6,
    HV_RECORD_CONTEXT = 7, /* one string: the context's name */
    HV_RECORD_CURSOR = 8,  /* a uint64_t: a place in source, counted in Unicode code points */
    HV_RECORD_TOOLS = 9,   /* strings: for each function of the host its name and its JSON schema */
};

#define HV_STACK_MIN     0x10000ull
#define HV_STACK_DEFAULT 0x800000ull

struct hv_record {
    uint32_t kind; /* enum hv_record_kind */
    uint32_t reserved;
    uint64_t length; /* bytes that follow, without the zeroes */
};
_Static_assert(sizeof(struct hv_record) == 16, "ABI");

/* In the guest, a program takes its run by reading this device. The first read of a file opened on
 * it makes the HV_CALL_RUN (the snapshot point) and returns the frame's bytes. Further reads return
 * the rest, then 0. The program's exit_group ends the run, and the machine. A program that is to go
 * on writes the run's status, an int of 0 to 255, instead. That ends the run, and the next read of
 * this file makes the next HV_CALL_RUN. */
#define HV_RUN_DEVICE "/dev/pyhl"

/* In the guest, one write to this device gives one record: its kind, a NUL, and its bytes. */
#define HV_RECORD_DEVICE "/dev/pyhl-record"

/* In the guest, a file opened on this device is one call at a time of a function of the host. One
 * write makes it: the function's name, a NUL, and the arguments. Reading gives the reply (struct
 * hv_reply and its bytes), then 0. Until there is one read() waits, or fails with EAGAIN, and
 * poll(2) says when there is. The next write makes the next call, or fails with EBUSY while the
 * last one has no answer, and with EAGAIN while HV_REQUESTS calls are open. Closing the file gives
 * the call up. When the run ends its open calls fail. */
#define HV_TOOL_DEVICE "/dev/pyhl-tool"

#endif /* __ASSEMBLER__ */
#endif
