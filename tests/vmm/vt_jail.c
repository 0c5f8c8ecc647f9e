// SPDX-License-Identifier: Apache-2.0
/*
 * The jail: every system call that it does not allow ends the process, and so does an allowed call
 * with other arguments. A VM in jail does all that one outside does. The allowed calls are listed
 * here a second time: nothing is taken from the library's table.
 */
#include "vmm/vmm_int.h"
#include "vt.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST_CALL 480 /* some more than Linux has */
#define X32       0x40000000

/* Calls that are allowed in a plain jail of a process, with any arguments or with some. */
static const int allowed[] = {
    SYS_ioctl,
    SYS_write,
    SYS_writev,
    SYS_pwritev2,
    SYS_read,
    SYS_poll,
    SYS_ppoll,
    SYS_lseek,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigtimedwait,
    SYS_timer_settime,
    SYS_timer_create,
    SYS_timer_delete,
    SYS_clock_gettime,
    SYS_restart_syscall,
    SYS_getpid,
    SYS_gettid,
    SYS_tgkill,
    SYS_getrandom,
    SYS_madvise,
    SYS_process_madvise,
    SYS_mmap,
    SYS_munmap,
    SYS_brk,
    SYS_mremap,
    SYS_close,
    SYS_fstat,
    SYS_futex,
    SYS_exit,
    SYS_exit_group,
    SYS_getrusage,
    SYS_rt_sigaction,
    SYS_getpgrp,
    SYS_fcntl,
    SYS_rt_sigaction,
    SYS_readv,
    SYS_preadv2,
};

static bool is_allowed(int call)
{
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        if (allowed[i] == call) {
            return true;
        }
    }
    return false;
}

static const int outputs[] = {STDOUT_FILENO, STDERR_FILENO};

static struct vmm_jail plain_jail(void)
{
    return (struct vmm_jail){
        .input_fd = STDIN_FILENO, .output_fds = outputs, .output_count = 2, .snapshot_fd = -1};
}

/* In jail a failed check must still be able to say so: stdio's first use of a stream asks for the
 * file's state by a call that is not allowed. */
static void enter(const struct vmm_jail *jail)
{
    static char buffer[BUFSIZ];
    struct vmm_err err;
    (void)setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    OK(vmm_jail(jail, &err));
}

static void enter_with(struct vmm *vm)
{
    struct vmm_jail jail = plain_jail();
    struct vmm_err err;
    OK(vmm_check(vm, &err)); /* the first check makes the machine to compare with */
    jail.extras = VMM_JAIL_INSPECT | VMM_JAIL_RENEW;
    jail.vm = vm;
    enter(&jail);
}

/* uretprobe and uprobe, of newer kernels: how the code of a probe calls the kernel. No filter sees
 * them; a caller that is no probe gets an error or SIGILL. */
static bool is_of_probes(int call)
{
    return call == 335 || call == 336;
}

/* The signal that ends a process that makes the call in jail; 0: it could go on. */
struct attempt {
    long call;
    long args[6];
};
static int ending(const struct vmm_jail *jail, const struct attempt *a)
{
    int status;
    fflush(stdout);
    const pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        enter(jail);
        (void)syscall(a->call, a->args[0], a->args[1], a->args[2], a->args[3], a->args[4],
                      a->args[5]);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void t_calls(void)
{
    const struct vmm_jail jail = plain_jail();
    for (int call = 0; call < LAST_CALL; call++) {
        const struct attempt plain = {call, {-1, -1, -1, -1, -1, -1}};
        const struct attempt x32 = {call | X32, {-1, -1, -1, -1, -1, -1}};
        const int end = is_allowed(call) ? SIGSYS : ending(&jail, &plain);
        if (end != SIGSYS && !is_of_probes(call)) {
            vt_fail(__FILE__, __LINE__, "system call %d is allowed (signal %d)", call, end);
        }
        if (call % 16 == 0 && ending(&jail, &x32) != SIGSYS) {
            vt_fail(__FILE__, __LINE__, "system call %d of x32 is allowed", call);
        }
    }
    CHECK_INT(ending(&jail, &(struct attempt){-1, {0}}), SIGSYS);
    CHECK_INT(ending(&jail, &(struct attempt){0x7fffffff, {0}}), SIGSYS);
}

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

/* Calls that are allowed, with arguments that are not. */
static void t_arguments(void)
{
    const struct vmm_jail jail = plain_jail();
    const long self = getpid(); /* of the parent: not the one in jail */
    static char page[4096];
    const long at = (long)(uintptr_t)page;
    const struct attempt attempts[] = {
        {SYS_ioctl, {0, 0x5402 /* TCSETS */, at}},
        {SYS_rt_sigaction, {SIGSYS, 0, 0, 8}},
        {SYS_rt_sigaction, {SIGTERM, 0, 0, 8}},
        {SYS_ioctl, {0, 0x5412 /* TIOCSTI */, at}},
        {SYS_ioctl, {0, 0x541c /* TIOCLINUX */, at}},
        {SYS_ioctl, {9, KVM_CREATE_VM}},
        {SYS_ioctl, {9, KVM_CREATE_VCPU}},
        {SYS_ioctl, {9, KVM_CREATE_DEVICE, at}},
        {SYS_ioctl, {9, KVM_SET_SREGS, at}},
        {SYS_ioctl, {9, KVM_GET_XSAVE, at}},
        {SYS_ioctl, {9, KVM_IRQFD, at}},
        {SYS_ioctl, {9, KVM_IOEVENTFD, at}},
        {SYS_ioctl, {9, KVM_RUN | 1ll << 31}},
        {SYS_write, {0, at, 1}},
        {SYS_write, {3, at, 1}},
        {SYS_write, {-1, at, 1}},
        {SYS_writev, {3, at, 0}},
        {SYS_pwritev2, {3, at, 0, -1, -1, RWF_NOWAIT}},
        {SYS_pwritev2, {1, at, 0, -1, -1, RWF_APPEND}},
        {SYS_read, {1, at, 1}},
        {SYS_read, {3, at, 1}},
        {SYS_readv, {3, at, 1}},
        {SYS_preadv2, {1, at, 1, -1, -1, RWF_NOWAIT}},
        {SYS_preadv2, {0, at, 1, -1, -1, RWF_HIPRI}},
        {SYS_fcntl, {0, F_DUPFD, 9}},
        {SYS_fcntl, {0, F_SETFL, 0}},
        {SYS_getrusage, {0, at}},
        {SYS_ioctl, {3, 0xc018aa3f /* UFFDIO_API */, at}},
        {SYS_timer_create, {CLOCK_REALTIME, 0, at}},
        {SYS_tgkill, {self, self, SIGKILL}},
        {SYS_tgkill, {self, self, SIGABRT}},
        {SYS_madvise, {at, 4096, MADV_HUGEPAGE}},
        {SYS_madvise, {at, 4096, MADV_DODUMP}},
        {SYS_process_madvise, {3, at, 0, MADV_DONTNEED, 0}},
        {SYS_process_madvise, {-10000, at, 0, MADV_DONTNEED, 0}},
        {SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, ANON, -1, 0}},
        {SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, ANON, -1, 0}},
        {SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE, 0, 0}},
        {SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0}},
        {SYS_mmap, {at & -4096, 4096, PROT_READ, ANON | MAP_FIXED, -1, 0}},
        {SYS_mmap, {0, 4096, PROT_READ, ANON | MAP_GROWSDOWN, -1, 0}},
        {SYS_mremap, {at, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, at}},
        {SYS_futex, {at, 12 /* FUTEX_CMP_REQUEUE_PI */, 0}},
        {SYS_futex, {at, 6 /* FUTEX_LOCK_PI */, 0}},
        {SYS_mprotect, {at & -4096, 4096, PROT_READ}},
        {SYS_newfstatat, {AT_FDCWD, at, at, 0}},
    };
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        if (ending(&jail, &attempts[i]) != SIGSYS) {
            vt_fail(__FILE__, __LINE__, "attempt %zu, call %ld, is allowed", i, attempts[i].call);
        }
    }
}

/* The same calls with the arguments that they are made with: the process goes on after each. */
static void t_allowed(void)
{
    struct vmm_jail jail = plain_jail();
    char path[] = "";
    const long at = (long)(uintptr_t)path;
    const struct attempt attempts[] = {
        {SYS_ioctl, {-1, KVM_RUN}},
        {SYS_ioctl, {-1, KVM_SET_MSRS}},
        {SYS_write, {1, at, 0}},
        {SYS_write, {2, at, 0}},
        {SYS_pwritev2, {1, at, 0, -1, -1, RWF_NOWAIT}},
        {SYS_read, {0, at, 0}},
        {SYS_process_madvise, {-10000, at, 0, 23 /* MADV_POPULATE_WRITE */, 0}},
        {SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, ANON | MAP_NORESERVE, -1, 0}},
        {SYS_futex, {at, 1 | 128 /* FUTEX_WAKE_PRIVATE */, 0}},
    };
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        CHECK_INT(ending(&jail, &attempts[i]), 0);
    }
    CHECK_INT(ending(&jail, &(struct attempt){SYS_read, {99, at, 0}}), SIGSYS);
    CHECK_INT(ending(&jail, &(struct attempt){SYS_write, {99, at, 0}}), SIGSYS);
    jail.extras = VMM_JAIL_CHANNEL;
    jail.channel_fd = 99;
    CHECK_INT(ending(&jail, &(struct attempt){SYS_read, {99, at, 0}}), 0);
    CHECK_INT(ending(&jail, &(struct attempt){SYS_write, {99, at, 0}}), 0);
    CHECK_INT(ending(&jail, &(struct attempt){SYS_sendmsg, {99, at, 0}}), SIGSYS);
    CHECK_INT(ending(&jail, &(struct attempt){SYS_ioctl, {0, 0x5403 /* TCSETSW */, at}}), SIGSYS);
    jail.extras = VMM_JAIL_EDIT;
    CHECK_INT(ending(&jail, &(struct attempt){SYS_ioctl, {0, 0x5403, at}}), 0);
    CHECK_INT(ending(&jail, &(struct attempt){SYS_ioctl, {0, 0x5404 /* TCSETSF */, at}}), 0);
    CHECK_INT(ending(&jail, &(struct attempt){SYS_ioctl, {1, 0x5403, at}}), SIGSYS);
    jail.extras = 0;
    jail.input_fd = -1;
    CHECK_INT(ending(&jail, &(struct attempt){SYS_read, {-1, at, 0}}), SIGSYS);
    CHECK_INT(ending(&jail, &(struct attempt){SYS_read, {0, at, 0}}), SIGSYS);
    jail.output_count = 0;
    CHECK_INT(ending(&jail, &(struct attempt){SYS_write, {1, at, 0}}), SIGSYS);
    jail.thread = true;
    CHECK_INT(ending(&jail, &(struct attempt){SYS_mprotect, {at & -4096, 4096, 3}}), 0);
    CHECK_INT(ending(&jail, &(struct attempt){SYS_mprotect, {at & -4096, 4096, 5}}), SIGSYS);
    CHECK_INT(ending(&jail, &(struct attempt){SYS_newfstatat, {1, at, at, AT_SYMLINK_NOFOLLOW}}),
              SIGSYS);
}

/* A line of /proc/self/status; the file is opened before the jail. */
static unsigned long long status_of(const char *text, const char *name)
{
    const char *line = strstr(text, name);
    CHECK(line != NULL);
    return strtoull(line + strlen(name), NULL, 16);
}

static void status_is(const char *text, bool in_jail)
{
    CHECK_INT(status_of(text, "\nSeccomp:"), in_jail ? 2 : 0);
    CHECK_INT(status_of(text, "\nNoNewPrivs:"), in_jail);
    for (size_t i = 0; i < 5; i++) {
        static const char *const sets[] = {
            "\nCapEff:", "\nCapPrm:", "\nCapInh:", "\nCapAmb:", "\nCapBnd:"};
        CHECK(!in_jail || status_of(text, sets[i]) == 0 || (i == 4 && geteuid() != 0));
    }
}

static void read_status(pid_t pid, pid_t tid, char text[4096])
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    ssize_t n = read(fd, text, 4095);
    CHECK(n > 0);
    text[n] = '\0';
    close(fd);
}

/* Waits in jail until somebody has looked. */
static void t_process(void)
{
    char text[4096];
    int pipes[2];
    CHECK(pipe(pipes) == 0);
    const pid_t pid = fork();
    if (pid == 0) {
        struct vmm_jail jail = plain_jail();
        const int out[] = {pipes[1]};
        jail.output_fds = out;
        jail.output_count = 1;
        jail.input_fd = pipes[0];
        enter(&jail);
        CHECK(write(pipes[1], "x", 1) == 1);
        for (;;) {
            (void)poll(NULL, 0, -1);
        }
    }
    CHECK(read(pipes[0], text, 1) == 1);
    read_status(pid, pid, text);
    status_is(text, true);
    (void)snprintf(text, sizeof(text), "/proc/%d/environ", pid);
    if (geteuid() != 0) {
        CHECK(open(text, O_RDONLY) < 0);
    } else { /* not dumpable: its files belong to root */
        CHECK(access(text, F_OK) == 0);
    }
    CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

static sem_t threads_began;
static _Atomic pid_t threads_tid;

static void *threads_main(void *arg)
{
    threads_tid = (pid_t)syscall(SYS_gettid);
    CHECK(sem_post(&threads_began) == 0);
    for (;;) {
        (void)poll(NULL, 0, -1);
    }
    return arg;
}

static int threads_start(void *arg, struct vmm_err *err)
{
    pthread_t thread;
    CHECK(sem_init(&threads_began, 0, 0) == 0);
    const int rc = pthread_create(&thread, NULL, threads_main, arg);
    if (rc != 0) {
        return vmm_err_set(err, rc, "a thread: %s", strerror(rc));
    }
    CHECK(sem_wait(&threads_began) == 0);
    return 0;
}

static int threads_refuse(void *arg, struct vmm_err *err)
{
    (void)arg;
    return vmm_err_set(err, EAGAIN, "no thread today");
}

/* A thread that is started on the way into the jail has all of it. */
static void t_threads(void)
{
    char text[4096];
    int pipes[2];
    pid_t tid;
    CHECK(pipe(pipes) == 0);
    const pid_t pid = fork();
    if (pid == 0) {
        struct vmm_jail jail = plain_jail();
        struct vmm_err err;
        jail.output_fds = &pipes[1];
        jail.output_count = 1;
        jail.threads = threads_refuse;
        FAILS(vmm_jail(&jail, &err), EAGAIN, "no thread today");
        jail.threads = threads_start;
        enter(&jail);
        tid = threads_tid;
        CHECK(write(pipes[1], &tid, sizeof(tid)) == sizeof(tid));
        for (;;) {
            (void)poll(NULL, 0, -1);
        }
    }
    CHECK(read(pipes[0], &tid, sizeof(tid)) == sizeof(tid) && tid != pid);
    read_status(pid, tid, text);
    status_is(text, true);
    CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

static void t_twice(void)
{
    struct vmm_jail jail = plain_jail();
    struct vmm_err err;
    jail.output_count = VMM_JAIL_OUTPUTS + 1;
    FAILS(vmm_jail(&jail, &err), EINVAL, "5 descriptors");
    jail = plain_jail();
    jail.extras = VMM_JAIL_CHANNEL;
    jail.channel_fd = -1;
    FAILS(vmm_jail(&jail, &err), EINVAL, "channel");
    jail.extras = 64;
    FAILS(vmm_jail(&jail, &err), EINVAL, "extras 0x40");
    jail.extras = VMM_JAIL_INSPECT;
    FAILS(vmm_jail(&jail, &err), EINVAL, "go together");
    jail = plain_jail();
    enter(&jail);
    FAILS(vmm_jail(&jail, &err), EALREADY, "for good");
    jail.thread = true;
    FAILS(vmm_jail(&jail, &err), EALREADY, "for good");
}

/* A rewindable machine, with memory that has no slot yet. */
static struct vmm *roomy(const struct vmm_io *io)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = vt_snapshot_sized(256 << 20, 0);
    OK(vmm_restore(snap, io, true, &vm, &err));
    return vm;
}

static void rewound(struct vmm *vm)
{
    struct vmm_err err;
    OK(vmm_rewind(vm, &err));
    OK(vmm_check(vm, &err));
}

/* All that a run and a rewind can need: upcalls, timers, waits, endings of all kinds, ring 0, slots
 * on demand, pages that leave the hot set, interrupts, the end. */
static void everything(struct vmm *vm)
{
    static const struct {
        const char *name;
        const char *arg;
        enum vmm_outcome_kind kind;
    } runs[] = {
        {"dirty", "50", VMM_EXITED},
        {"dirty", "20000", VMM_EXITED},
        {"dirty", "10", VMM_EXITED},
        {"dirty", "10", VMM_EXITED},
        {"dirty", "10", VMM_EXITED},
        {"look", "50", VMM_EXITED},
        {"upcall", "3", VMM_EXITED},
        {"wait", "20", VMM_EXITED},
        {"wait-timer", "20", VMM_EXITED},
        {"oom", "", VMM_OOM},
        {"panic", "x", VMM_PANIC},
        {"triple", "", VMM_BROKEN},
        {"ring0", "dr", VMM_EXITED},
        {"ring0", "xcr0", VMM_EXITED},
        {"ring0", "cr8", VMM_EXITED},
        {"bad-ring", "", VMM_BROKEN},
        {"touch", "150000000 store", VMM_EXITED},
        {"cat", "", VMM_EXITED},
        {"flood", "5000", VMM_EXITED},
        {"spin", "", VMM_TIMEOUT},
        {"wait-forever", "", VMM_TIMEOUT},
    };
    for (size_t n = 0; n < sizeof(runs) / sizeof(runs[0]); n++) {
        const bool ends = runs[n].kind != VMM_TIMEOUT;
        struct vmm_outcome o =
            vt_run_for(vm, runs[n].name, runs[n].arg, ends ? VT_TIMEOUT : 50000000);
        if (o.kind != runs[n].kind) {
            vt_fail(__FILE__, __LINE__, "%s %s: outcome %d status %d (%s)", runs[n].name,
                    runs[n].arg, (int)o.kind, o.status, o.detail);
        }
        rewound(vm);
    }
    CHECK(vm->policy->nested_paging || vm->counters.shadow_resets > 0);
    CHECK((vm->slots & 1 << MEM_SLOT_HIGH) != 0);
    vmm_interrupt(vm, VMM_INTERRUPT_KILL);
    IS(vt_run(vm, "spin", ""), VMM_KILLED, 0, "");
    rewound(vm);
}

static void t_vm(void)
{
    struct vmm_err err;
    struct vmm_footprint footprint;
    struct vmm *vm = roomy(&vt_no_io);
    enter_with(vm);
    everything(vm);
    IS(vt_run(vm, "dirty", "2000"), VMM_EXITED, 0, "");
    OK(vmm_renew(vm, &err));
    OK(vmm_check(vm, &err));
    everything(vm);
    OK(vmm_footprint(vm, &footprint, &err));
    CHECK(footprint.private_pages > 0);
    void *large = malloc(64 << 20);
    CHECK(large != NULL);
    memset(large, 1, 64 << 20);
    large = realloc(large, 128 << 20);
    CHECK(large != NULL);
    free(large);
    vmm_destroy(vm);
}

/* The reader of the output is gone. */
static void t_pipe(void)
{
    int pipes[2];
    CHECK(pipe(pipes) == 0);
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = pipes[1], .stderr_fd = -1};
    struct vmm *vm = roomy(&io);
    struct vmm_jail jail = plain_jail();
    const int out[] = {pipes[1], STDOUT_FILENO};
    jail.output_fds = out;
    close(pipes[0]);
    enter(&jail);
    IS(vt_run(vm, "flood", "5000"), VMM_PIPE_CLOSED, 0, "");
    vmm_destroy(vm);
}

struct prisoner {
    struct vmm *vm;
    atomic_int tid;     /* of the thread, once it is in jail */
    atomic_bool looked; /* others have seen what they want */
};

static void *prisoner_main(void *arg)
{
    struct prisoner *p = arg;
    struct vmm_jail jail = plain_jail();
    jail.thread = true;
    jail.extras = VMM_JAIL_INSPECT;
    jail.vm = p->vm;
    enter(&jail);
    atomic_store(&p->tid, gettid());
    while (!atomic_load(&p->looked)) {
        IS(vt_run(p->vm, "wait", "1"), VMM_EXITED, 0, "");
        rewound(p->vm);
    }
    everything(p->vm);
    return p;
}

/* One thread is in jail and ends in good order. The others open, restore and start what they
 * like. */
static void t_thread(void)
{
    struct prisoner p = {.vm = roomy(&vt_no_io)};
    struct vmm_err err;
    OK(vmm_check(p.vm, &err));
    pthread_t thread;
    char text[4096];
    void *result;
    CHECK(pthread_create(&thread, NULL, prisoner_main, &p) == 0);
    while (atomic_load(&p.tid) == 0) {
        (void)sched_yield();
    }
    read_status(getpid(), atomic_load(&p.tid), text);
    status_is(text, true);
    read_status(getpid(), getpid(), text);
    status_is(text, false);
    CHECK_INT(prctl(PR_GET_DUMPABLE), 1);
    struct vmm *other = roomy(&vt_no_io);
    IS(vt_run(other, "dirty", "10"), VMM_EXITED, 0, "");
    OK(vmm_rewind(other, &err));
    atomic_store(&p.looked, true);
    CHECK(pthread_join(thread, &result) == 0 && result == &p);
    vmm_destroy(p.vm);
    const struct vmm_jail jail = plain_jail(); /* this thread may still go */
    enter(&jail);
    IS(vt_run(other, "dirty", "10"), VMM_EXITED, 0, "");
    vmm_destroy(other);
}

/* A machine that is started and saved in jail, by a process that leaves only the file. */
static void t_snapshot(void)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap;
    struct vmm_outcome o;
    int status;
    int fd = vt_memfd("", 0);
    const pid_t pid = fork();
    if (pid == 0) {
        const struct vmm_config config = {.kernel_path = vt_kernel,
                                          .initrd_path = vt_initrd,
                                          .memory = VMM_MEMORY_MIN,
                                          .io = vt_no_io};
        struct vmm_jail jail = plain_jail();
        OK(vmm_create(&config, &vm, &err));
        jail.extras = VMM_JAIL_INSPECT | VMM_JAIL_SNAPSHOT;
        jail.vm = vm;
        jail.snapshot_fd = fd;
        enter(&jail);
        OK(vmm_start(vm, VT_TIMEOUT, &o, &err));
        OK(vmm_snapshot_write(vm, fd, &(struct vmm_key){{7}}, &err));
        vmm_destroy(vm);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    OK(vmm_snapshot_open_fd(fd, vt_initrd, &(struct vmm_key){{7}}, &snap, &err));
    OK(vmm_snapshot_verify(snap, &err));
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    vmm_workset_watch(vm);
    struct vmm_jail jail = plain_jail();
    jail.extras = VMM_JAIL_INSPECT | VMM_JAIL_SNAPSHOT;
    jail.vm = vm;
    jail.snapshot_fd = fd;
    enter(&jail);
    IS(vt_run(vm, "dirty", "40"), VMM_EXITED, 0, "");
    OK(vmm_workset_small(vm, &err));
    OK(vmm_rewind(vm, &err));
    IS(vt_run(vm, "dirty", "60"), VMM_EXITED, 0, "");
    OK(vmm_snapshot_set_workset(vm, fd, &err));
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

/* A checkpoint goes to a file that was opened before, and a rewind goes where it went. */
static void t_checkpoint_jailed(void)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot *snap = vt_snapshot_open(), *saved;
    struct vmm_outcome o;
    int status;
    const int fd = vt_memfd("", 0);
    const pid_t pid = fork();
    if (pid == 0) {
        struct vmm_jail jail = plain_jail();
        OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
        jail.extras = VMM_JAIL_INSPECT | VMM_JAIL_SNAPSHOT;
        jail.vm = vm;
        jail.snapshot_fd = fd;
        enter(&jail);
        IS(vt_run(vm, "turn", "0"), VMM_READY, 0, "");
        OK(vmm_checkpoint_save(vm, fd, &err));
        OK(vmm_rewind(vm, &err));
        vmm_destroy(vm);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    OK(vmm_checkpoint_open_fd(fd, snap, &saved, &err));
    OK(vmm_snapshot_verify(saved, &err));
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    OK(vmm_restore(saved, &io, true, &vm, &err));
    o = vt_run(vm, "turn", "3");
    IS(o, VMM_READY, 3, "");
    CHECK(strcmp(vt_content(io.stdout_fd, NULL), "2") == 0);
    vmm_destroy(vm);
}

/* Guest memory is in no core file: each mapping of it has "dd" among its flags. */
static void t_core(void)
{
    char line[512];
    struct vmm_snapshot *snap = vt_snapshot_open();
    struct vmm_err err;
    struct vmm *machines[2];
    machines[0] = vt_boot(&vt_no_io);
    OK(vmm_restore(snap, &vt_no_io, false, &machines[1], &err));
    for (size_t i = 0; i < 2; i++) {
        const unsigned long start = (unsigned long)(uintptr_t)machines[i]->ram;
        const unsigned long end = start + machines[i]->ram_size;
        unsigned long at = 0;
        unsigned long to = 0;
        unsigned long hidden = 0;
        FILE *f = fopen("/proc/self/smaps", "r");
        CHECK(f != NULL);
        while (fgets(line, sizeof(line), f) != NULL) {
            unsigned long a;
            unsigned long b;
            if (sscanf(line, "%lx-%lx ", &a, &b) == 2) {
                at = a;
                to = b;
            } else if (strncmp(line, "VmFlags:", 8) == 0 && at >= start && to <= end &&
                       strstr(line, " dd") != NULL) {
                hidden += to - at;
            }
        }
        (void)fclose(f);
        CHECK_INT(hidden, end - start);
    }
}

const struct vt_test vt_jail_tests[] = {
    {"jail-calls", t_calls},
    {"jail-arguments", t_arguments},
    {"jail-allowed", t_allowed},
    {"jail-process", t_process},
    {"jail-threads", t_threads},
    {"jail-twice", t_twice},
    {"jail-vm", t_vm},
    {"jail-pipe", t_pipe},
    {"jail-thread", t_thread},
    {"jail-snapshot", t_snapshot},
    {"jail-checkpoint", t_checkpoint_jailed},
    {"jail-core", t_core},
    {NULL, NULL},
};
