// SPDX-License-Identifier: Apache-2.0
/*
 * The jail: every system call that it does not allow ends the process, and so does an allowed call
 * with other arguments. A VM in jail does all that one outside does. The allowed calls are listed
 * here a second time: nothing is taken from the library's table.
 */
#include "vmm/vmm_int.h"
#include "vt_jail.h"

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

struct vmm_jail jail_plain(void)
{
    return (struct vmm_jail){
        .input_fd = STDIN_FILENO, .output_fds = outputs, .output_count = 2, .snapshot_fd = -1};
}

/* In jail a failed check must still be able to say so: stdio's first use of a stream asks for the
 * file's state by a call that is not allowed. */
void jail_enter(const struct vmm_jail *jail)
{
    static char buffer[BUFSIZ];
    struct vmm_err err;
    (void)setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    OK(vmm_jail(jail, &err));
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
        jail_enter(jail);
        (void)syscall(a->call, a->args[0], a->args[1], a->args[2], a->args[3], a->args[4],
                      a->args[5]);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void t_calls(void)
{
    const struct vmm_jail jail = jail_plain();
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
    const struct vmm_jail jail = jail_plain();
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
    struct vmm_jail jail = jail_plain();
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

void jail_status_is(const char *text, bool in_jail)
{
    CHECK_INT(status_of(text, "\nSeccomp:"), in_jail ? 2 : 0);
    CHECK_INT(status_of(text, "\nNoNewPrivs:"), in_jail);
    for (size_t i = 0; i < 5; i++) {
        static const char *const sets[] = {
            "\nCapEff:", "\nCapPrm:", "\nCapInh:", "\nCapAmb:", "\nCapBnd:"};
        CHECK(!in_jail || status_of(text, sets[i]) == 0 || (i == 4 && geteuid() != 0));
    }
}

void jail_read_status(pid_t pid, pid_t tid, char text[4096])
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
        struct vmm_jail jail = jail_plain();
        const int out[] = {pipes[1]};
        jail.output_fds = out;
        jail.output_count = 1;
        jail.input_fd = pipes[0];
        jail_enter(&jail);
        CHECK(write(pipes[1], "x", 1) == 1);
        for (;;) {
            (void)poll(NULL, 0, -1);
        }
    }
    CHECK(read(pipes[0], text, 1) == 1);
    jail_read_status(pid, pid, text);
    jail_status_is(text, true);
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
        struct vmm_jail jail = jail_plain();
        struct vmm_err err;
        jail.output_fds = &pipes[1];
        jail.output_count = 1;
        jail.threads = threads_refuse;
        FAILS(vmm_jail(&jail, &err), EAGAIN, "no thread today");
        jail.threads = threads_start;
        jail_enter(&jail);
        tid = threads_tid;
        CHECK(write(pipes[1], &tid, sizeof(tid)) == sizeof(tid));
        for (;;) {
            (void)poll(NULL, 0, -1);
        }
    }
    CHECK(read(pipes[0], &tid, sizeof(tid)) == sizeof(tid) && tid != pid);
    jail_read_status(pid, tid, text);
    jail_status_is(text, true);
    CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

static void t_twice(void)
{
    struct vmm_jail jail = jail_plain();
    struct vmm_err err;
    jail.output_count = VMM_JAIL_OUTPUTS + 1;
    FAILS(vmm_jail(&jail, &err), EINVAL, "5 descriptors");
    jail = jail_plain();
    jail.extras = VMM_JAIL_CHANNEL;
    jail.channel_fd = -1;
    FAILS(vmm_jail(&jail, &err), EINVAL, "channel");
    jail.extras = VMM_JAIL_HANDOVER;
    FAILS(vmm_jail(&jail, &err), EINVAL, "channel");
    jail.extras = 128;
    FAILS(vmm_jail(&jail, &err), EINVAL, "extras 0x80");
    jail.extras = VMM_JAIL_INSPECT;
    FAILS(vmm_jail(&jail, &err), EINVAL, "go together");
    jail = jail_plain();
    jail_enter(&jail);
    FAILS(vmm_jail(&jail, &err), EALREADY, "for good");
    jail.thread = true;
    FAILS(vmm_jail(&jail, &err), EALREADY, "for good");
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
    {"jail-calls", t_calls},     {"jail-arguments", t_arguments},
    {"jail-allowed", t_allowed}, {"jail-process", t_process},
    {"jail-threads", t_threads}, {"jail-twice", t_twice},
    {"jail-core", t_core},       {NULL, NULL},
};
