// SPDX-License-Identifier: Apache-2.0
/*
 * A state that goes from one process to another: the receiver takes what the sender has written, if
 * it is sealed and makes sense, and its machine is then in that state and shares its pages.
 */
#include "vt_branch.h"
#include "vt_jail.h"
#include "vt_tools.h"

#include "vmm/checkpoint_int.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static struct vmm_err err;

static int empty(void)
{
    const int fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(fd >= 0);
    return fd;
}

static int sealed(const void *bytes, size_t size)
{
    const int fd = empty();
    CHECK(write(fd, bytes, size) == (ssize_t)size);
    CHECK(fcntl(fd, F_ADD_SEALS, SEALS) == 0);
    return fd;
}

/* The state of a machine. */
static int saved(struct vmm *vm)
{
    const int fd = empty();
    OK(vmm_checkpoint_save(vm, fd, &err));
    CHECK(fcntl(fd, F_ADD_SEALS, SEALS) == 0);
    return fd;
}

static void takes(struct vmm *vm, int fd)
{
    struct vmm_snapshot *snap;
    OK(vmm_checkpoint_take(vm, fd, true, &snap, &err));
    OK(vmm_renew_to(vm, snap, &err));
    vmm_snapshot_close(snap); /* the machine holds it */
    OK(vmm_check(vm, &err));
}

/* Machines are in the state, go on apart, go back to it, to another one, and to their base. */
static void t_handover(void)
{
    struct vmm_snapshot *base = branch_base();
    struct vmm *vm = branch_copy(base), *other[2] = {branch_copy(base), branch_copy(base)};
    branch_fill(vm, branch_areas[0], 100, 1);
    branch_fill(vm, branch_areas[1], 3, 2);
    branch_fill(vm, branch_areas[2], 200, 3); /* far after what a machine of the base logs */
    const int fd = saved(vm);
    branch_fill(vm, branch_areas[2], 20, 4);
    const int next = saved(vm);
    for (uint64_t turn = 0; turn < 4; turn++) {
        struct vmm *const one = other[turn % 2];
        branch_fill(one, branch_areas[turn % AREAS], 50, 9);
        takes(one, turn == 2 ? next : fd);
        CHECK_INT(branch_sum(one, branch_areas[0], 100), 2 * 5050);
        CHECK_INT(branch_sum(one, branch_areas[1], 3), 2 * 2 * 6);
        CHECK_INT(branch_sum(one, branch_areas[2], 200),
                  2 * (3 * 20100 + (turn == 2 ? 1 * 210 : 0)));
        branch_fill(one, branch_areas[2], 30, 7);
        OK(turn % 2 == 0 ? vmm_rewind(one, &err) : vmm_renew(one, &err));
        OK(vmm_check(one, &err));
        CHECK_INT(branch_sum(one, branch_areas[2] + 20 * HV_PAGE_SIZE, 180),
                  2 * (3 * (20100 - 210) - 3 * 20 * 180));
    }
    for (int i = 0; i < 2; i++) {
        OK(vmm_renew_to(other[i], base, &err));
        OK(vmm_check(other[i], &err));
        CHECK_INT(branch_sum(other[i], branch_areas[2], 200), 0);
        branch_rewind_to(other[i], base);
        vmm_destroy(other[i]);
    }
    CHECK_INT(branch_sum(vm, branch_areas[2], 200), 2 * (3 * 20100 + 210));
    vmm_destroy(vm);
    vmm_snapshot_close(base);
}

/* What machines do not write they share, in all of memory. */
static void t_handover_shared(void)
{
    struct vmm_footprint before, after;
    struct vmm_snapshot *base = branch_base();
    struct vmm *vm = branch_copy(base), *other = branch_copy(base);
    OK(vmm_footprint(other, &before, &err));
    for (int i = 0; i < AREAS; i++) {
        branch_fill(vm, branch_areas[i], 200, 1);
    }
    takes(other, saved(vm));
    OK(vmm_footprint(other, &after, &err));
    CHECK(after.private_pages < before.private_pages + 30);
    CHECK_INT(after.changed_pages, 0);
    vmm_destroy(other);
    vmm_destroy(vm);
    vmm_snapshot_close(base);
}

/* A suspended run goes on in the machine that takes it, and one that does not go on can be handed
 * on. */
static void t_handover_middle(void)
{
    struct vmm_snapshot *base = vt_snapshot_open(), *snap;
    struct vmm_tools *tools = vt_tools();
    struct vmm_snapshot_info info;
    struct vmm *vm[3];
    struct vmm_outcome o;
    for (int i = 0; i < 3; i++) {
        OK(vmm_restore(base, &vt_no_io, true, &vm[i], &err));
    }
    o = vt_tools_run(vm[0], tools, NULL, "tools", "m3:open:ab w a r3");
    IS(o, VMM_CALLED, 0, "");
    for (int i = 1; i < 3; i++) {
        OK(vmm_checkpoint_take(vm[i], saved(vm[i - 1]), true, &snap, &err));
        vmm_snapshot_info(snap, &info);
        CHECK(info.suspended);
        OK(vmm_renew_to(vm[i], snap, &err));
        vmm_snapshot_close(snap);
        OK(vmm_check(vm[i], &err));
    }
    for (int i = 2; i > 0; i--) {
        const struct vmm_run run = {.tools = tools, .timeout_ns = VT_TIMEOUT};
        struct vmm_call call;
        size_t count;
        OK(vmm_take_over(vm[i], &run, &err));
        OK(vmm_calls(vm[i], &call, 1, &count));
        CHECK_INT(count, 1);
        OK(vmm_reply(vm[i], call.id, "x", 1, &err));
        OK(vmm_resume(vm[i], VT_TIMEOUT, &o, &err));
        IS(o, VMM_EXITED, 0, "");
    }
    for (int i = 0; i < 3; i++) {
        vmm_destroy(vm[i]);
    }
    vmm_tools_destroy(tools);
    vmm_snapshot_close(base);
}

/* --- in jail --- */

static void send_fd(int to, int fd)
{
    char byte = 'f';
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS}};
    struct iovec iov = {&byte, 1};
    const struct msghdr message = {.msg_iov = &iov,
                                   .msg_iovlen = 1,
                                   .msg_control = &control,
                                   .msg_controllen = sizeof(control)};
    memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
    CHECK(sendmsg(to, &message, 0) == 1);
}

static int receive_fd(int from)
{
    char byte;
    int fd;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {&byte, 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    CHECK(recvmsg(from, &message, 0) == 1 && message.msg_controllen >= CMSG_LEN(sizeof(int)));
    memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
    return fd;
}

/* A process in jail: takes a state, goes on, and writes where it has come to. */
static void jailed(struct vmm_snapshot *base, int channel)
{
    struct vmm *vm = branch_copy(base);
    struct vmm_jail jail = jail_plain();
    struct vmm_snapshot *snap;
    jail.extras = VMM_JAIL_INSPECT | VMM_JAIL_RENEW | VMM_JAIL_CHANNEL | VMM_JAIL_HANDOVER;
    jail.vm = vm;
    jail.channel_fd = channel;
    jail_enter(&jail);
    for (int turn = 0; turn < 2; turn++) {
        const int fd = receive_fd(channel);
        OK(vmm_checkpoint_take(vm, fd, true, &snap, &err));
        close(fd);
        OK(vmm_renew_to(vm, snap, &err));
        vmm_snapshot_close(snap);
        CHECK_INT(branch_sum(vm, branch_areas[2], 100), 2 * 5050);
        branch_fill(vm, branch_areas[2], 1, 50);
        const int out = receive_fd(channel);
        OK(vmm_checkpoint_save(vm, out, &err));
        close(out);
        CHECK(write(channel, "", 1) == 1);
    }
    vmm_destroy(vm);
    _exit(0);
}

static void t_handover_jailed(void)
{
    struct vmm_snapshot *base = branch_base();
    struct vmm *vm = branch_copy(base);
    int pair[2], status;
    char byte;
    branch_fill(vm, branch_areas[2], 100, 1);
    const int fd = saved(vm);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    const pid_t pid = fork();
    if (pid == 0) {
        jailed(base, pair[1]);
    }
    close(pair[1]);
    for (int turn = 0; turn < 2; turn++) {
        const int back = empty();
        send_fd(pair[0], fd);
        send_fd(pair[0], back);
        if (read(pair[0], &byte, 1) != 1) {
            break;
        }
        CHECK(fcntl(back, F_ADD_SEALS, SEALS) == 0);
        takes(vm, back);
        CHECK_INT(branch_sum(vm, branch_areas[2], 100), 2 * (5050 + 49));
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_INT(status, 0);
    vmm_destroy(vm);
    vmm_snapshot_close(base);
}

/* --- hostile --- */

/* Nothing is taken of a state that somebody could still change, or that a memfd does not hold. */
static void t_handover_unsealed(void)
{
    static const int less[] = {0, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_SHRINK | F_SEAL_WRITE,
                               F_SEAL_GROW | F_SEAL_WRITE, F_SEAL_SEAL};
    struct vmm_snapshot *base = branch_base(), *snap;
    struct vmm *vm = branch_copy(base);
    branch_fill(vm, branch_areas[0], 30, 1);
    for (size_t i = 0; i < sizeof(less) / sizeof(less[0]); i++) {
        const int fd = empty();
        OK(vmm_checkpoint_save(vm, fd, &err));
        CHECK(less[i] == 0 || fcntl(fd, F_ADD_SEALS, less[i]) == 0);
        FAILS(vmm_checkpoint_take(vm, fd, true, &snap, &err), EPERM, "is not sealed");
        CHECK(snap == NULL);
        OK(vmm_checkpoint_take(vm, fd, false, &snap, &err));
        vmm_snapshot_close(snap);
        close(fd);
    }
    FILE *file = tmpfile(); /* of a file system */
    CHECK(file != NULL);
    OK(vmm_checkpoint_save(vm, fileno(file), &err));
    FAILS(vmm_checkpoint_take(vm, fileno(file), true, &snap, &err), EPERM, "is not sealed");
    FAILS(vmm_checkpoint_take(vm, -1, true, &snap, &err), EPERM, "is not sealed");
    CHECK_INT(branch_sum(vm, branch_areas[0], 30), 2 * 465);
    vmm_destroy(vm);
    vmm_snapshot_close(base);
}

/* Sets a header's checksum, as whoever makes a file by hand would. */
static void make_right(char *bytes, size_t size)
{
    struct file_header *h = (struct file_header *)(void *)bytes;
    if (h->pages < size / sizeof(uint32_t)) {
        h->list_hash = XXH3_64bits(bytes + FILE_LIST, h->pages * sizeof(uint32_t));
    }
    h->header_hash = XXH3_64bits(h, offsetof(struct file_header, header_hash));
}

static void refused(struct vmm *vm, const void *bytes, size_t size, int code, const char *words)
{
    struct vmm_snapshot *snap;
    const int fd = sealed(bytes, size);
    FAILS(vmm_checkpoint_take(vm, fd, true, &snap, &err), code, words);
    CHECK(snap == NULL);
    close(fd);
}

static void t_handover_forged(void)
{
    struct vmm_snapshot *base = branch_base(), *strange = vt_snapshot_sized(128 * MIB, 17 * MIB);
    struct vmm *vm = branch_copy(base), *stranger = branch_copy(strange);
    size_t size;
    branch_fill(vm, branch_areas[0], 30, 1);
    char *bytes = vt_content(saved(vm), &size), *forged = malloc(size);
    struct file_header *h = (struct file_header *)(void *)forged;
    uint32_t *list = (uint32_t *)(void *)(forged + FILE_LIST);
    CHECK(forged != NULL);
#define FORGE(change, code, words)                                                                 \
    do {                                                                                           \
        memcpy(forged, bytes, size);                                                               \
        change;                                                                                    \
        make_right(forged, size);                                                                  \
        refused(vm, forged, size, code, words);                                                    \
    } while (0)
    refused(vm, "", 0, EBADMSG, "truncated");
    refused(vm, bytes, size - 1, EBADMSG, "bytes, wanted");
    refused(vm, bytes, FILE_LIST, EBADMSG, "bytes, wanted");
    refused(stranger, bytes, size, EKEYREJECTED, "not of that with key");
    FORGE(h->magic[0] = 'x', EBADMSG, "not a checkpoint");
    FORGE(h->version++, EPROTO, "version");
    FORGE(h->base_hash[0]++, EKEYREJECTED, "memory");
    FORGE(h->pages = UINT64_MAX / 2, EBADMSG, "the checkpoint has");
    FORGE(h->stored++, EBADMSG, "bytes, wanted");
    FORGE(h->run_call.arg[0] = UINT64_MAX - 5, EBADMSG, "makes no sense");
    /* A register that no state has would stay when the machine is put back. */
    FORGE(h->state.msrs.entries[3].index = 0x4b564d03, EBADMSG, "makes no sense");
    FORGE(h->state.msrs.nmsrs = 1, EBADMSG, "makes no sense");
    FORGE(h->state.xcrs.nr_xcrs = 2, EBADMSG, "makes no sense");
    FORGE(list[1] = list[0], EBADMSG, "makes no sense");
    FORGE(list[h->pages - 1] = FILE_NUMBER, EBADMSG, "makes no sense");
    /* Registers that KVM refuses: the machine breaks, and another one does not. */
    memcpy(forged, bytes, size);
    h->state.sregs.cr4 = ~0ull;
    make_right(forged, size);
    struct vmm *broken = branch_copy(base);
    struct vmm_snapshot *snap;
    struct vmm_outcome o;
    OK(vmm_checkpoint_take(broken, sealed(forged, size), true, &snap, &err));
    if (vmm_renew_to(broken, snap, &err) == 0) {
        const char *const argv[] = {"sum", "0 1", NULL};
        const struct vmm_run run = {.argv = argv, .cwd = "/", .timeout_ns = VT_SHORT};
        CHECK(vmm_run(broken, &run, &o, &err) < 0 || o.kind != VMM_READY);
    }
    vmm_destroy(broken);
    vmm_snapshot_close(snap);
    takes(vm, sealed(bytes, size));
    CHECK_INT(branch_sum(vm, branch_areas[0], 30), 2 * 465);
    free(forged);
    free(bytes);
    vmm_destroy(stranger);
    vmm_destroy(vm);
    vmm_snapshot_close(strange);
    vmm_snapshot_close(base);
}

static void t_handover_refused(void)
{
    struct vmm_snapshot *base = branch_base(), *strange = branch_base();
    struct vmm *vm = branch_copy(base), *once, *fresh = vt_boot(&vt_no_io);
    struct vmm_snapshot *snap;
    FAILS(vmm_renew_to(vm, strange, &err), EINVAL, "of another snapshot");
    OK(vmm_restore(base, &vt_no_io, false, &once, &err));
    FAILS(vmm_renew_to(once, base, &err), EINVAL, "not restored to be rewound");
    FAILS(vmm_checkpoint_take(fresh, 0, true, &snap, &err), EINVAL, "was not restored");
    CHECK_INT(branch_sum(vm, branch_areas[0], 1), 0);
    vmm_destroy(fresh);
    vmm_destroy(once);
    vmm_destroy(vm);
    vmm_snapshot_close(strange);
    vmm_snapshot_close(base);
}

/* --- vmm_wake() --- */

static void *wake_later(void *arg)
{
    (void)usleep(100000);
    vmm_wake(arg);
    return NULL;
}

/* The caller gets a suspended run back, makes a state of it, and goes on. */
static void t_wake(void)
{
    struct vmm_snapshot *base = vt_snapshot_open();
    struct vmm_tools *tools = vt_tools();
    struct vmm_call call;
    struct vmm_outcome o;
    struct vmm *vm;
    pthread_t thread;
    size_t count;
    OK(vmm_restore(base, &vt_no_io, true, &vm, &err));
    vmm_wake(vm); /* before a run: nothing comes of it */
    o = vt_tools_run(vm, tools, NULL, "tools", "m0:open: w a r0");
    IS(o, VMM_CALLED, 0, "");
    for (int i = 0; i < 3; i++) {
        CHECK(pthread_create(&thread, NULL, wake_later, vm) == 0);
        OK(vmm_resume(vm, VT_TIMEOUT, &o, &err));
        IS(o, VMM_CALLED, 0, "");
        CHECK(pthread_join(thread, NULL) == 0);
        OK(vmm_checkpoint_save(vm, empty(), &err));
    }
    vmm_wake(vm);
    OK(vmm_resume(vm, VT_TIMEOUT, &o, &err));
    IS(o, VMM_CALLED, 0, "");
    OK(vmm_calls(vm, &call, 1, &count));
    OK(vmm_reply(vm, call.id, "", 0, &err));
    vmm_wake(vm);
    OK(vmm_resume(vm, VT_TIMEOUT, &o, &err));
    IS(o, VMM_EXITED, 0, "");
    vmm_destroy(vm);
    vmm_tools_destroy(tools);
    vmm_snapshot_close(base);
}

const struct vt_test vt_handover_tests[] = {
    {"handover", t_handover},
    {"handover-shared", t_handover_shared},
    {"handover-middle", t_handover_middle},
    {"handover-jailed", t_handover_jailed},
    {"handover-unsealed", t_handover_unsealed},
    {"handover-forged", t_handover_forged},
    {"handover-refused", t_handover_refused},
    {"handover-wake", t_wake},
    {NULL, NULL},
};
