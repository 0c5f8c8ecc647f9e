// SPDX-License-Identifier: Apache-2.0
/*
 * A VM in jail does all that one outside does: it runs, is rewound and renewed, waits for pipes, is
 * saved.
 */
#include "vmm/vmm_int.h"
#include "vt_branch.h"
#include "vt_jail.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void enter_with(struct vmm *vm)
{
    struct vmm_jail jail = jail_plain();
    struct vmm_err err;
    OK(vmm_check(vm, &err)); /* the first check makes the machine to compare with */
    jail.extras = VMM_JAIL_INSPECT | VMM_JAIL_RENEW;
    jail.vm = vm;
    jail_enter(&jail);
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
    struct vmm_jail jail = jail_plain();
    const int out[] = {pipes[1], STDOUT_FILENO};
    jail.output_fds = out;
    close(pipes[0]);
    jail_enter(&jail);
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
    struct vmm_jail jail = jail_plain();
    jail.thread = true;
    jail.extras = VMM_JAIL_INSPECT;
    jail.vm = p->vm;
    jail_enter(&jail);
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
    jail_read_status(getpid(), atomic_load(&p.tid), text);
    jail_status_is(text, true);
    jail_read_status(getpid(), getpid(), text);
    jail_status_is(text, false);
    CHECK_INT(prctl(PR_GET_DUMPABLE), 1);
    struct vmm *other = roomy(&vt_no_io);
    IS(vt_run(other, "dirty", "10"), VMM_EXITED, 0, "");
    OK(vmm_rewind(other, &err));
    atomic_store(&p.looked, true);
    CHECK(pthread_join(thread, &result) == 0 && result == &p);
    vmm_destroy(p.vm);
    const struct vmm_jail jail = jail_plain(); /* this thread may still go */
    jail_enter(&jail);
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
        struct vmm_jail jail = jail_plain();
        OK(vmm_create(&config, &vm, &err));
        jail.extras = VMM_JAIL_INSPECT | VMM_JAIL_SNAPSHOT;
        jail.vm = vm;
        jail.snapshot_fd = fd;
        jail_enter(&jail);
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
    struct vmm_jail jail = jail_plain();
    jail.extras = VMM_JAIL_INSPECT | VMM_JAIL_SNAPSHOT;
    jail.vm = vm;
    jail.snapshot_fd = fd;
    jail_enter(&jail);
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
        struct vmm_jail jail = jail_plain();
        OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
        jail.extras = VMM_JAIL_INSPECT | VMM_JAIL_SNAPSHOT;
        jail.vm = vm;
        jail.snapshot_fd = fd;
        jail_enter(&jail);
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

/* vmm_check() of a new checkpoint would need another machine: this compares memory. */
static void goes_to(struct vmm *vm, struct vmm_snapshot *snap)
{
    struct vmm_err err;
    struct vmm_footprint footprint;
    OK(vmm_rewind_to(vm, snap, &err));
    OK(vmm_footprint(vm, &footprint, &err));
    CHECK_INT(footprint.changed_pages, 0);
}

/* Checkpoints in memory: a machine goes from one to the other, and they share what is the same. */
static void t_branches_jailed(void)
{
    struct vmm_err err;
    struct vmm_snapshot_info info[3];
    struct vmm_snapshot *const first = branch_base(), *one, *two;
    struct vmm *vm = branch_copy(first);
    struct vmm_jail jail = jail_plain();
    jail.extras = VMM_JAIL_INSPECT | VMM_JAIL_RENEW;
    jail.vm = vm;
    jail_enter(&jail);
    branch_fill(vm, branch_areas[2], 100, 1);
    OK(vmm_checkpoint(vm, &one, &err));
    vmm_snapshot_info(one, &info[0]);
    branch_fill(vm, branch_areas[0], 50, 2);
    OK(vmm_checkpoint(vm, &two, &err));
    vmm_snapshot_info(one, &info[1]);
    vmm_snapshot_info(two, &info[2]);
    CHECK(info[0].delta_pages >= 100 && info[2].delta_pages >= info[0].delta_pages + 50);
    CHECK(info[0].delta_memory >= 100 * 4096 && info[1].delta_memory < 60 * 4096);
    CHECK(info[2].delta_memory >= 100 * 4096 && info[2].delta_memory < 120 * 4096);
    for (int i = 0; i < 3; i++) {
        goes_to(vm, one);
        CHECK_INT(branch_sum(vm, branch_areas[0], 50), 0);
        branch_fill(vm, branch_areas[i], 150, 7);
        goes_to(vm, two);
        CHECK_INT(branch_sum(vm, branch_areas[0], 50), 2 * 2 * 1275);
        CHECK_INT(branch_sum(vm, branch_areas[2], 100), 2 * 5050);
        branch_fill(vm, branch_areas[i], 150, 8);
        OK(i == 1 ? vmm_renew(vm, &err) : 0);
    }
    vmm_snapshot_close(one);
    goes_to(vm, two);
    CHECK_INT(branch_sum(vm, branch_areas[2], 100), 2 * 5050);
    goes_to(vm, first);
    vmm_snapshot_close(two);
    CHECK_INT(branch_sum(vm, branch_areas[2], 100), 0);
    vmm_destroy(vm);
    vmm_snapshot_close(first);
}

/* A renewed machine maps its checkpoints' pages once more. These are so many in a row that a
 * restore maps them, in two packs. */
static void t_renew_jailed(void)
{
    struct vmm_err err;
    struct vmm_snapshot *base = branch_base();
    struct vmm *vm = branch_copy(base);
    branch_fill(vm, branch_areas[0], 50, 1);
    struct vmm_snapshot *one = branch_checkpoint(vm);
    branch_fill(vm, branch_areas[1], 50, 2);
    struct vmm_snapshot *two = branch_checkpoint(vm);
    vmm_destroy(vm);
    vm = branch_copy(two);
    enter_with(vm);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(branch_sum(vm, branch_areas[0], 50), 2 * 1275);
        CHECK_INT(branch_sum(vm, branch_areas[1], 50), 4 * 1275);
        branch_fill(vm, branch_areas[i % 2], 70, 9);
        OK(vmm_renew(vm, &err));
        OK(vmm_check(vm, &err));
    }
    vmm_destroy(vm);
    vmm_snapshot_close(one);
    vmm_snapshot_close(two);
    vmm_snapshot_close(base);
}

const struct vt_test vt_jail_vm_tests[] = {
    {"jail-vm", t_vm},
    {"jail-pipe", t_pipe},
    {"jail-thread", t_thread},
    {"jail-snapshot", t_snapshot},
    {"jail-checkpoint", t_checkpoint_jailed},
    {"jail-branches", t_branches_jailed},
    {"jail-renew-checkpoint", t_renew_jailed},
    {NULL, NULL},
};
