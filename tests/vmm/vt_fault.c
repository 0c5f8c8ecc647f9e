// SPDX-License-Identifier: Apache-2.0
/*
 * Failures of the host. Every KVM ioctl, every mmap and every open of a machine's life is made to
 * fail, one at a time, and all that stores a checkpoint. Each failure must come back as an error
 * with a message, leak no descriptor, and leave no machine that looks usable. The functions of this
 * file that have names of libc's take the place of those in this program.
 */
#include "vmm/vmm_int.h"
#include "vt.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define KVM_IOCTL_TYPE 0xaeu

static struct {
    long ioctls; /* the call with this number, counted from now, fails */
    long mmaps;
    long stores;              /* of what stores a checkpoint: in a memfd, in a file */
    bool no_thread;           /* KVM cannot start the thread that it wants for a VM */
    unsigned long capability; /* one that KVM is not to have */
    bool fired;
} plan;

static bool plan_hits(long *countdown)
{
    if (*countdown > 0 && --*countdown == 0) {
        plan.fired = true;
        return true;
    }
    return false;
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    va_start(ap, request);
    const unsigned long arg = va_arg(ap, unsigned long);
    va_end(ap);
    if ((request >> 8 & 0xff) == KVM_IOCTL_TYPE && request != KVM_CHECK_EXTENSION &&
        plan_hits(&plan.ioctls)) {
        errno = EIO;
        return -1;
    }
    if (request == KVM_RUN && plan.no_thread) {
        errno = EAGAIN;
        return -1;
    }
    if (request == KVM_CHECK_EXTENSION && plan.capability != 0 && arg == plan.capability) {
        return 0;
    }
    return (int)syscall(SYS_ioctl, fd, request, arg);
}

void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
    if (plan_hits(&plan.mmaps)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    long at = syscall(SYS_mmap, addr, length, prot, flags, fd, offset);
    return at == -1 ? MAP_FAILED : (void *)at;
}

/* Whether a call that stores something fails, because there is no room for it. */
static bool store_fails(void)
{
    const bool fails = plan_hits(&plan.stores);
    errno = fails ? ENOSPC : errno;
    return fails;
}

int memfd_create(const char *name, unsigned flags)
{
    return store_fails() ? -1 : (int)syscall(SYS_memfd_create, name, flags);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    return store_fails() ? -1 : syscall(SYS_writev, fd, pieces, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return store_fails() ? -1 : syscall(SYS_pwrite64, fd, bytes, size, offset);
}

int ftruncate(int fd, off_t size)
{
    return store_fails() ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int fsync(int fd)
{
    return store_fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int fcntl(int fd, int what, ...)
{
    va_list ap;
    va_start(ap, what);
    const unsigned long arg = va_arg(ap, unsigned long);
    va_end(ap);
    return what == F_ADD_SEALS && store_fails() ? -1 : (int)syscall(SYS_fcntl, fd, what, arg);
}

static int open_fds(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    CHECK(dir != NULL);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

static int run_case(struct vmm *vm, const char *name, enum vmm_outcome_kind kind,
                    struct vmm_err *err)
{
    struct vmm_outcome o;
    const char *const argv[] = {name, "20", NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/", .timeout_ns = VT_TIMEOUT};
    int rc = vmm_run(vm, &run, &o, err);
    if (rc == 0) {
        CHECK_INT((int)o.kind, (int)kind);
    } else {
        struct vmm_err again;
        CHECK_INT(vmm_run(vm, &run, &o, &again), -EINVAL);
    }
    return rc;
}

static int life_of_first(int fd, struct vmm_err *err)
{
    struct vmm *vm;
    struct vmm_outcome o;
    const struct vmm_config config = {.kernel_path = vt_kernel,
                                      .initrd_path = vt_initrd,
                                      .memory = VMM_MEMORY_MIN,
                                      .io = vt_no_io};
    int rc = vmm_create(&config, &vm, err);
    if (rc == 0) {
        rc = vmm_start(vm, VT_TIMEOUT, &o, err);
    }
    if (rc == 0) {
        rc = run_case(vm, "again", VMM_READY, err);
    }
    if (rc == 0) {
        rc = vmm_snapshot_write(vm, fd, &(struct vmm_key){{0}}, err);
    }
    vmm_destroy(vm);
    return rc;
}

static int rewind_case(struct vmm *vm, struct vmm_err *err)
{
    struct vmm_err again;
    int rc = vmm_rewind(vm, err);
    if (rc < 0) {
        CHECK_INT(run_case(vm, "look", VMM_EXITED, &again), -EINVAL);
    }
    return rc < 0 ? rc : vmm_check(vm, err);
}

static int renew_case(struct vmm *vm, struct vmm_err *err)
{
    struct vmm_err again;
    int rc = vmm_renew(vm, err);
    if (rc < 0) {
        CHECK_INT(run_case(vm, "look", VMM_EXITED, &again), -EINVAL);
    }
    return rc;
}

static int life_of_second(int fd, struct vmm_err *err)
{
    struct vmm *vm = NULL;
    struct vmm_snapshot *snap;
    int rc = vmm_snapshot_open_fd(fd, vt_initrd, NULL, &snap, err);
    if (rc == 0) {
        rc = vmm_restore(snap, &vt_no_io, true, &vm, err);
    }
    if (rc == 0) {
        rc = vmm_check(vm, err);
    }
    if (rc == 0) {
        rc = run_case(vm, "dirty", VMM_EXITED, err);
    }
    if (rc == 0) {
        rc = rewind_case(vm, err);
    }
    if (rc == 0) {
        rc = run_case(vm, "look", VMM_EXITED, err);
    }
    if (rc == 0) {
        rc = renew_case(vm, err);
    }
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    return rc;
}

/* A machine's whole life; the first error ends it. */
static int life(struct vmm_err *err)
{
    int fd = vt_memfd("", 0);
    int rc = life_of_first(fd, err);
    if (rc == 0) {
        rc = life_of_second(fd, err);
    }
    close(fd);
    return rc;
}

/* Runs a turn, whose number the guest tells. */
static int turn_case(struct vmm *vm, struct vmm_err *err)
{
    return run_case(vm, "turn", VMM_READY, err);
}

/* A checkpoint that could not be made has changed nothing. */
static int checkpoint_case(struct vmm *vm, struct vmm_snapshot **out, struct vmm_err *err)
{
    struct vmm_err again;
    const int rc = vmm_checkpoint(vm, out, err);
    if (rc < 0) {
        CHECK(*out == NULL);
        CHECK_INT(turn_case(vm, &again), 0);
        CHECK_INT(vmm_rewind(vm, &again), 0);
        CHECK_INT(vmm_check(vm, &again), 0);
    }
    return rc;
}

/* A copy of a checkpoint, which goes on and away to another. */
static int life_of_copy(struct vmm_snapshot *snap, struct vmm_snapshot *other, struct vmm_err *err)
{
    struct vmm_err again;
    struct vmm *copy = NULL;
    int rc = vmm_restore(snap, &vt_no_io, true, &copy, err);
    rc = rc == 0 ? turn_case(copy, err) : rc;
    rc = rc == 0 ? vmm_rewind(copy, err) : rc;
    rc = rc == 0 ? turn_case(copy, err) : rc;
    if (rc == 0) {
        rc = vmm_rewind_to(copy, other, err);
        if (rc < 0) {
            CHECK_INT(run_case(copy, "turn", VMM_READY, &again), -EINVAL);
        }
    }
    rc = rc == 0 ? renew_case(copy, err) : rc;
    vmm_destroy(copy);
    return rc;
}

static int saved_fd; /* an empty file of this life */

static int life_of_file(const struct vmm_snapshot *snap, struct vmm_snapshot *base,
                        struct vmm_err *err)
{
    struct vmm_snapshot *saved = NULL;
    int rc = vmm_checkpoint_write(snap, saved_fd, err);
    rc = rc == 0 ? vmm_checkpoint_open_fd(saved_fd, base, &saved, err) : rc;
    rc = rc == 0 ? vmm_snapshot_verify(saved, err) : rc;
    rc = rc == 0 ? life_of_copy(saved, base, err) : rc;
    vmm_snapshot_close(saved);
    return rc;
}

static struct vmm_snapshot *branch_of; /* the base of life_of_branches() */

/* Two checkpoints of a machine, with pages of the first in the second, copies, and a file. */
static int life_of_branches(struct vmm_err *err)
{
    struct vmm *vm = NULL;
    struct vmm_snapshot *one = NULL, *two = NULL;
    const uint64_t pages = 40;
    int rc = vmm_restore(branch_of, &vt_no_io, true, &vm, err);
    if (rc == 0) {
        memset(mem_write_ptr(vm, VT_FIRST, pages * HV_PAGE_SIZE), 5, pages * HV_PAGE_SIZE);
        rc = turn_case(vm, err);
    }
    rc = rc == 0 ? checkpoint_case(vm, &one, err) : rc;
    if (rc == 0) {
        memset(mem_write_ptr(vm, VT_FIRST, HV_PAGE_SIZE), 6, HV_PAGE_SIZE);
        rc = turn_case(vm, err);
    }
    rc = rc == 0 ? checkpoint_case(vm, &two, err) : rc;
    rc = rc == 0 ? life_of_copy(one, two, err) : rc;
    rc = rc == 0 ? life_of_file(two, branch_of, err) : rc;
    vmm_destroy(vm);
    vmm_snapshot_close(one);
    vmm_snapshot_close(two);
    return rc;
}

static void fail_one_by_one(int (*lives)(struct vmm_err *), long *countdown, int code, long least)
{
    struct vmm_err err;
    saved_fd = vt_memfd("", 0);
    OK(lives(&err)); /* what is opened once and kept is open now */
    const int fds = open_fds();
    for (long n = 1;; n++) {
        CHECK(ftruncate(saved_fd, 0) == 0);
        plan.fired = false;
        *countdown = n;
        err = (struct vmm_err){0};
        int rc = lives(&err);
        *countdown = 0;
        if (!plan.fired) {
            OK(rc);
            CHECK(n > least);
            return;
        }
        if (rc != -code || err.code != code || err.msg[0] == '\0') {
            vt_fail(__FILE__, __LINE__, "failure %ld: %d (%s), not %d", n, rc, err.msg, -code);
        }
        CHECK_INT(open_fds(), fds);
    }
}

static void t_ioctls(void)
{
    fail_one_by_one(life, &plan.ioctls, EIO, 40);
}

static void t_mmaps(void)
{
    fail_one_by_one(life, &plan.mmaps, ENOMEM, 8);
}

static void t_branch_stores(void)
{
    branch_of = vt_snapshot_open();
    fail_one_by_one(life_of_branches, &plan.stores, ENOSPC, 10);
    vmm_snapshot_close(branch_of);
}

static void t_branch_ioctls(void)
{
    branch_of = vt_snapshot_open();
    fail_one_by_one(life_of_branches, &plan.ioctls, EIO, 60);
    vmm_snapshot_close(branch_of);
}

static void t_branch_mmaps(void)
{
    branch_of = vt_snapshot_open();
    fail_one_by_one(life_of_branches, &plan.mmaps, ENOMEM, 15);
    vmm_snapshot_close(branch_of);
}

static void t_descriptors(void)
{
    struct vmm_err err;
    struct rlimit limit;
    OK(life(&err));
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    const int fds = open_fds();
    int failed = 0;
    int rc = -1;
    for (rlim_t n = 6; rc != 0 && n < 40; n++) {
        const struct rlimit low = {.rlim_cur = n, .rlim_max = limit.rlim_max};
        int fd = vt_memfd("", 0);
        CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
        rc = life_of_first(fd, &err);
        rc = rc == 0 ? life_of_second(fd, &err) : rc;
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        close(fd);
        CHECK(rc == 0 || (rc == -EMFILE && err.msg[0] != '\0'));
        failed += rc != 0;
        CHECK_INT(open_fds(), fds);
    }
    CHECK(rc == 0 && failed >= 3);
}

/* This error differs from an interruption, after which the call is made again. */
static void t_no_thread(void)
{
    struct vmm_err err;
    struct vmm *vm;
    OK(vmm_restore(vt_snapshot_open(), &vt_no_io, true, &vm, &err));
    plan.no_thread = true;
    FAILS(run_case(vm, "dirty", VMM_EXITED, &err), EAGAIN, "RLIMIT_NPROC");
    plan.no_thread = false;
    OK(vmm_rewind(vm, &err));
    OK(run_case(vm, "dirty", VMM_EXITED, &err));
    vmm_destroy(vm);
}

static void t_capabilities(void)
{
    static const struct {
        unsigned long capability;
        const char *name;
    } rows[] = {
        {KVM_CAP_SYNC_REGS, "KVM lacks: sync-regs"},
        {KVM_CAP_READONLY_MEM, "KVM lacks: readonly-mem"},
        {KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, "KVM lacks: dirty-log-protect"},
        {KVM_CAP_X86_MSR_FILTER, "KVM lacks: msr-filter"},
        {KVM_CAP_ENFORCE_PV_FEATURE_CPUID, "KVM lacks: pv-enforce-cpuid"},
        {KVM_CAP_X86_TRIPLE_FAULT_EVENT, "KVM lacks: triple-fault-event"},
    };
    struct vmm_err err;
    struct vmm_host host;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        plan.capability = rows[i].capability;
        FAILS(vmm_host_probe(&host, &err), ENOTSUP, rows[i].name);
        FAILS(life(&err), ENOTSUP, rows[i].name);
    }
}

const struct vt_test vt_fault_tests[] = {
    {"fault-ioctls", t_ioctls},
    {"fault-mmaps", t_mmaps},
    {"fault-branch-stores", t_branch_stores},
    {"fault-branch-ioctls", t_branch_ioctls},
    {"fault-branch-mmaps", t_branch_mmaps},
    {"fault-descriptors", t_descriptors},
    {"fault-no-thread", t_no_thread},
    {"fault-capabilities", t_capabilities},
    {NULL, NULL},
};
