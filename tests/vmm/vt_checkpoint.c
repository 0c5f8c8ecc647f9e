// SPDX-License-Identifier: Apache-2.0
/*
 * Checkpoints: a machine goes on after one as if there were none; a rewind goes to the newest or to
 * a named one; copies are independent of each other.
 */
#include "vt_branch.h"
#include "vmm/snapshot_int.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

const uint64_t branch_areas[AREAS] = {8 * MIB, 17 * MIB, 40 * MIB};

static char said[256];
static size_t said_size;

static int say(void *arg, int stream, const void *bytes, size_t size)
{
    (void)arg;
    (void)stream;
    CHECK(said_size + size < sizeof(said));
    memcpy(said + said_size, bytes, size);
    said_size += size;
    said[said_size] = '\0';
    return 0;
}

static const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, .write = say};

struct vmm_snapshot *branch_base(void)
{
    return vt_snapshot_sized(128 * MIB, 16 * MIB);
}

struct vmm *branch_copy(struct vmm_snapshot *snap)
{
    struct vmm_err err;
    struct vmm *vm;
    OK(vmm_restore(snap, &io, true, &vm, &err));
    OK(vmm_check(vm, &err));
    return vm;
}

struct vmm_snapshot *branch_checkpoint(struct vmm *vm)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    OK(vmm_checkpoint(vm, &snap, &err));
    OK(vmm_check(vm, &err));
    return snap;
}

void branch_rewind_to(struct vmm *vm, struct vmm_snapshot *snap)
{
    struct vmm_err err;
    OK(vmm_rewind_to(vm, snap, &err));
    OK(vmm_check(vm, &err));
}

/* Runs one turn and returns the number that it has said. */
uint64_t branch_turn(struct vmm *vm, const char *name, const char *arg)
{
    said_size = 0;
    said[0] = '\0';
    IS(vt_run(vm, name, arg), VMM_READY, 0, "");
    return strtoull(said, NULL, 10);
}

void branch_fill(struct vmm *vm, uint64_t at, uint64_t pages, uint64_t value)
{
    char arg[96];
    (void)snprintf(arg, sizeof(arg), "%llu %llu %llu", (unsigned long long)at,
                   (unsigned long long)pages, (unsigned long long)value);
    (void)branch_turn(vm, "fill", arg);
}

uint64_t branch_sum(struct vmm *vm, uint64_t at, uint64_t pages)
{
    char arg[64];
    (void)snprintf(arg, sizeof(arg), "%llu %llu", (unsigned long long)at,
                   (unsigned long long)pages);
    return branch_turn(vm, "sum", arg);
}

static void t_checkpoint(void)
{
    struct vmm_err err;
    struct vmm_snapshot *first = branch_base();
    struct vmm *vm = branch_copy(first);
    branch_fill(vm, branch_areas[0], 20, 5);
    branch_fill(vm, branch_areas[2], 3, 7);
    struct vmm_snapshot *snap = branch_checkpoint(vm);
    CHECK_INT(branch_sum(vm, branch_areas[0], 20), 2 * 5 * 210);
    branch_fill(vm, branch_areas[0], 40, 9);
    branch_fill(vm, branch_areas[2], 30, 9);
    for (int i = 0; i < 3; i++) {
        OK(vmm_rewind(vm, &err)); /* to the checkpoint */
        OK(vmm_check(vm, &err));
        CHECK_INT(branch_sum(vm, branch_areas[0], 40), 2 * 5 * 210);
        CHECK_INT(branch_sum(vm, branch_areas[2], 30), 2 * 7 * 6);
        branch_fill(vm, branch_areas[i], 50, (uint64_t)i);
    }
    branch_rewind_to(vm, first);
    CHECK_INT(branch_sum(vm, branch_areas[0], 40) + branch_sum(vm, branch_areas[2], 30), 0);
    branch_rewind_to(vm, snap);
    CHECK_INT(branch_sum(vm, branch_areas[2], 30), 2 * 7 * 6);
    vmm_destroy(vm);
    vmm_snapshot_close(first); /* the checkpoint holds it */
    vm = branch_copy(snap);
    vmm_snapshot_close(snap); /* and the machine holds both */
    CHECK_INT(branch_sum(vm, branch_areas[0], 40), 2 * 5 * 210);
    CHECK_INT(branch_sum(vm, branch_areas[2], 30), 2 * 7 * 6);
    vmm_destroy(vm);
}

/* Copies do not see each other, nor does the machine that they are of. */
static void t_checkpoint_copies(void)
{
    struct vmm_err err;
    struct vmm *copies[8];
    struct vmm_snapshot *first = branch_base();
    struct vmm *vm = branch_copy(first);
    branch_fill(vm, branch_areas[0], 100, 1);
    struct vmm_snapshot *snap = branch_checkpoint(vm);
    for (uint64_t i = 0; i < 8; i++) {
        copies[i] = branch_copy(snap);
        branch_fill(copies[i], branch_areas[0] + 4096 * i, 1, 100 + i);
    }
    for (uint64_t i = 0; i < 8; i++) {
        CHECK_INT(branch_sum(copies[i], branch_areas[0], 100), 2 * (5050 + (i + 1) * (99 + i)));
        OK(vmm_rewind(copies[i], &err));
        OK(vmm_check(copies[i], &err));
        CHECK_INT(branch_sum(copies[i], branch_areas[0], 100), 2 * 5050);
        OK(vmm_rewind(copies[i], &err));
        OK(vmm_renew(copies[i], &err));
        OK(vmm_check(copies[i], &err));
        CHECK_INT(branch_sum(copies[i], branch_areas[0], 100), 2 * 5050);
        vmm_destroy(copies[i]);
    }
    CHECK_INT(branch_sum(vm, branch_areas[0], 100), 2 * 5050);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(first);
}

/* What copies do not write they share: a copy of 100 pages in a row has no copy of any of them. */
static void t_checkpoint_shared(void)
{
    struct vmm_err err;
    struct vmm_footprint before, after;
    struct vmm_snapshot *first = branch_base();
    struct vmm *vm = branch_copy(first);
    OK(vmm_footprint(vm, &before, &err));
    branch_fill(vm, branch_areas[0], 100, 1);
    struct vmm_snapshot *snap = branch_checkpoint(vm);
    struct vmm *other = branch_copy(snap);
    OK(vmm_footprint(other, &after, &err));
    CHECK(after.private_pages < before.private_pages + 50);
    CHECK_INT(after.changed_pages, 0);
    vmm_destroy(other);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(first);
}

/* A chain that is longer than a checkpoint may have packs. */
static void t_checkpoint_chain(void)
{
    struct vmm_snapshot *first = branch_base();
    struct vmm_snapshot *chain[40];
    struct vmm *vm = branch_copy(first);
    for (uint64_t i = 0; i < 40; i++) {
        branch_fill(vm, branch_areas[i % AREAS] + i * 4096, 1 + i % 30, i + 1);
        chain[i] = branch_checkpoint(vm);
        if (i > 0 && i % 3 == 0) {
            vmm_snapshot_close(chain[i - 1]);
            chain[i - 1] = NULL;
        }
    }
    const uint64_t sums[] = {branch_sum(vm, branch_areas[0], 100),
                             branch_sum(vm, branch_areas[1], 100),
                             branch_sum(vm, branch_areas[2], 100)};
    branch_rewind_to(vm, chain[0]);
    CHECK_INT(branch_sum(vm, branch_areas[0], 100), 2);
    CHECK_INT(branch_sum(vm, branch_areas[1], 100), 0);
    branch_rewind_to(vm, chain[39]);
    for (int i = 0; i < AREAS; i++) {
        CHECK_INT(branch_sum(vm, branch_areas[i], 100), (long long)sums[i]);
    }
    for (int i = 0; i < 40; i++) {
        vmm_snapshot_close(chain[i]);
    }
    vmm_destroy(vm);
    vmm_snapshot_close(first);
}

/* A page of data that becomes a table of the checkpoint: its later writes have to be seen. */
static void t_checkpoint_tables(void)
{
    struct vmm_err err;
    struct vmm_snapshot *first = branch_base();
    struct vmm *vm = branch_copy(first);
    OK(vmm_rewind(vm, &err));
    branch_fill(vm, 9 * MIB, 1, 0);
    OK(vmm_rewind(vm, &err)); /* the page is hot from here on */
    (void)branch_turn(vm, "remap", "0");
    struct vmm_snapshot *zero = branch_checkpoint(vm);
    CHECK_INT(branch_turn(vm, "through", ""), 1000);
    for (int i = 0; i < 3; i++) {
        (void)branch_turn(vm, "retarget", "1");
        CHECK_INT(branch_turn(vm, "through", ""), 1001);
        OK(vmm_rewind(vm, &err));
        OK(vmm_check(vm, &err));
        CHECK_INT(branch_turn(vm, "through", ""), 1000);
    }
    (void)branch_turn(vm, "remap", "1");
    struct vmm_snapshot *one = branch_checkpoint(vm);
    struct vmm *other = branch_copy(zero);
    for (int i = 0; i < 3; i++) {
        branch_rewind_to(vm, i % 2 ? one : zero);
        CHECK_INT(branch_turn(vm, "through", ""), 1000 + i % 2);
        branch_rewind_to(other, i % 2 ? zero : one);
        CHECK_INT(branch_turn(other, "through", ""), 1001 - i % 2);
    }
    vmm_destroy(other);
    vmm_destroy(vm);
    vmm_snapshot_close(zero);
    vmm_snapshot_close(one);
    vmm_snapshot_close(first);
}

/* A page that a copy maps from the checkpoint leaves the hot set only where that is what a rewind
 * wants. After a run that used much memory, pages after the image leave at once. */
static void t_checkpoint_leaving(void)
{
    struct vmm_err err;
    struct vmm_snapshot *first = branch_base();
    struct vmm *vm = branch_copy(first);
    branch_fill(vm, branch_areas[1], 50, 3);
    struct vmm_snapshot *snap = branch_checkpoint(vm);
    vmm_destroy(vm);
    vm = branch_copy(snap);
    for (int i = 0; i < 4; i++) {
        struct vmm_snapshot *const to = i % 2 ? snap : first;
        branch_rewind_to(vm, to);
        for (int run = 0; run < 4; run++) {
            branch_fill(vm, run == 1 ? 100 * MIB : branch_areas[0], 50, 3);
            CHECK_INT(branch_sum(vm, branch_areas[1], 50), to == snap ? 2 * 3 * 1275 : 0);
            OK(vmm_rewind(vm, &err));
            OK(vmm_check(vm, &err));
        }
    }
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(first);
}

/* A page after the image leaves the hot set with its neighbours of the same 2 MiB, but not where a
 * copy has pages of its checkpoint there. */
static void t_checkpoint_neighbours(void)
{
    struct vmm_err err;
    struct vmm_snapshot *first = branch_base();
    struct vmm *vm = branch_copy(first);
    branch_fill(vm, branch_areas[1] + 60 * 4096, 3, 3);
    struct vmm_snapshot *snap = branch_checkpoint(vm);
    vmm_destroy(vm);
    vm = branch_copy(snap);
    for (int i = 0; i < 3; i++) {
        branch_fill(vm, branch_areas[1], 5, 7);
        branch_fill(vm, 100 * MIB, 50, 7); /* much memory: the next rewind but one is a look */
        OK(vmm_rewind(vm, &err));
        branch_fill(vm, branch_areas[0], 1, 7); /* what is read may join the set as well */
        OK(vmm_rewind(vm, &err));
        OK(vmm_check(vm, &err));
        CHECK_INT(branch_sum(vm, branch_areas[1], 100), 2 * 3 * (61 + 62 + 63));
    }
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(first);
}

/* The dirty log is not armed again by a checkpoint: what the machine has written it can write again
 * without a fault, and no page joins the hot set. */
static void t_checkpoint_not_armed(void)
{
    struct vmm_err err;
    struct vmm_snapshot *first = branch_base();
    struct vmm *vm = branch_copy(first);
    for (int i = 0; i < 2; i++) {
        branch_fill(vm, branch_areas[0], 150, 1);
        OK(vmm_rewind(vm, &err));
    }
    branch_fill(vm, branch_areas[0], 150, 2);
    struct vmm_snapshot *snap = branch_checkpoint(vm);
    branch_fill(vm, branch_areas[0], 150, 3);
    OK(vmm_rewind(vm, &err));
    CHECK(vm->counters.hot_added < 20);
    branch_fill(vm, branch_areas[0], 150, 4);
    vmm_snapshot_close(branch_checkpoint(vm));
    branch_rewind_to(vm, snap);
    CHECK(vm->counters.hot_added < 20);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(first);
}

/* Memory that a copy gives up before it has written any of it: mapped, copied, and not there. */
static void t_checkpoint_discard(void)
{
    struct vmm_err err;
    struct vmm_snapshot *first = branch_base();
    struct vmm *vm = branch_copy(first);
    branch_fill(vm, branch_areas[1], 50, 3);
    branch_fill(vm, branch_areas[1] + 60 * 4096, 2, 3);
    struct vmm_snapshot *snap = branch_checkpoint(vm);
    vmm_destroy(vm);
    for (int rewindable = 0; rewindable < 2; rewindable++) {
        OK(vmm_restore(snap, &io, rewindable, &vm, &err));
        char arg[64];
        (void)snprintf(arg, sizeof(arg), "%llu 100", (unsigned long long)branch_areas[1]);
        (void)branch_turn(vm, "discard-only", arg);
        CHECK_INT(branch_sum(vm, branch_areas[1], 100), 2 * 3);
        vmm_destroy(vm);
    }
    vmm_snapshot_close(snap);
    vmm_snapshot_close(first);
}

/* The same after a rewind to a checkpoint that the machine was not made from. Pages that are as the
 * checkpoint has them have left the hot set by then. */
static void t_checkpoint_discard_rewound(void)
{
    struct vmm_err err;
    char arg[64];
    struct vmm_snapshot *first = branch_base();
    struct vmm *vm = branch_copy(first);
    branch_fill(vm, branch_areas[1], 50, 3);
    struct vmm_snapshot *snap = branch_checkpoint(vm);
    OK(vmm_rewind_to(vm, snap, &err));
    const int64_t sum = branch_sum(vm, branch_areas[1], 50);
    CHECK(sum > 2 * 3);
    (void)snprintf(arg, sizeof(arg), "%llu 50", (unsigned long long)branch_areas[1]);
    (void)branch_turn(vm, "discard-only", arg);
    CHECK_INT(branch_sum(vm, branch_areas[1], 50), 2 * 3);
    OK(vmm_rewind(vm, &err));
    CHECK_INT(branch_sum(vm, branch_areas[1], 50), sum);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(first);
}

/* A file of a checkpoint of `vm`, and the checkpoint. A file that is written at once has more
 * pages, and the same memory. */
static int saved(struct vmm *vm, struct vmm_snapshot **snap)
{
    struct vmm_err err;
    struct vmm_snapshot *same;
    const int fd = vt_memfd("", 0);
    const int direct = vt_memfd("", 0);
    OK(vmm_checkpoint_save(vm, direct, &err));
    *snap = branch_checkpoint(vm);
    OK(vmm_checkpoint_write(*snap, fd, &err));
    OK(vmm_checkpoint_open_fd(direct, snap_base(*snap), &same, &err));
    OK(vmm_snapshot_verify(same, &err));
    struct vmm *const copy = branch_copy(same);
    CHECK(memcmp(copy->ram, vm->ram, vm->ram_size) == 0);
    vmm_destroy(copy);
    vmm_snapshot_close(same);
    close(direct);
    return fd;
}

/* The file of `again` is cut short, and its list and bytes are not there to be looked at. */
static void file_changes(int fd, struct vmm_snapshot *again, struct vmm *at, struct vmm *vm,
                         struct vmm_snapshot *base)
{
    struct vmm_err err;
    struct vmm_snapshot *same = branch_checkpoint(at), *none;
    OK(vmm_snapshot_verify(same, &err)); /* it refers to nothing but the file */
    vmm_snapshot_close(same);
    branch_rewind_to(vm, base);
    struct vmm *away = branch_copy(again); /* its pages are the file's, which it has not touched */
    CHECK(ftruncate(fd, 4096) == 0);
    FAILS(vmm_rewind_to(away, base, &err), EBADMSG, "the checkpoint");
    FAILS(vmm_checkpoint(away, &none, &err), EBADMSG, "the checkpoint");
    vmm_destroy(away);
    FAILS(vmm_checkpoint_write(again, vt_memfd("", 0), &err), EBADMSG, "the checkpoint");
    FAILS(vmm_snapshot_verify(again, &err), EBADMSG, "the checkpoint");
    FAILS(vmm_restore(again, &io, true, &(struct vmm *){NULL}, &err), EBADMSG, "the checkpoint");
    FAILS(vmm_rewind_to(vm, again, &err), EBADMSG, "the checkpoint");
    CHECK_INT(branch_sum(vm, branch_areas[0], 40), 0); /* nothing has happened to it */
    FAILS(vmm_checkpoint(at, &none, &err), EBADMSG, "the checkpoint");
    FAILS(vmm_rewind(at, &err), EBADMSG, "the checkpoint");
    FAILS(vmm_checkpoint(at, &none, &err), EINVAL, "neither for a run"); /* it is broken */
}

static void t_checkpoint_file(void)
{
    struct vmm_err err;
    struct vmm_snapshot *first = branch_base(), *snap, *again;
    struct vmm_snapshot_info info[2];
    struct vmm *vm = branch_copy(first);
    branch_fill(vm, branch_areas[0], 20, 5);
    branch_fill(vm, branch_areas[1], 1, 6);
    branch_fill(vm, branch_areas[2], 30, 7);
    vmm_snapshot_close(branch_checkpoint(vm));
    branch_fill(vm, branch_areas[1], 1, 0);
    branch_fill(vm, branch_areas[2] + 4096, 3, 8);
    const int fd = saved(vm, &snap);
    OK(vmm_checkpoint_open_fd(fd, snap, &again, &err)); /* beside a checkpoint of its base */
    OK(vmm_snapshot_verify(again, &err));
    vmm_snapshot_info(first, &info[0]);
    vmm_snapshot_info(again, &info[1]);
    CHECK(info[0].content[0] != 0 && info[1].content[0] != 0);
    CHECK(info[0].content[0] != info[1].content[0]);
    vmm_snapshot_close(snap);
    struct vmm *other = branch_copy(again);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(branch_sum(other, branch_areas[0], 20), 2 * 5 * 210);
        CHECK_INT(branch_sum(other, branch_areas[1], 20), 0);
        CHECK_INT(branch_sum(other, branch_areas[2], 30), 2 * (7 * 465 + 2 + 3 + 4));
        branch_fill(other, branch_areas[2], 30, 1);
        OK(vmm_rewind(other, &err));
        OK(vmm_check(other, &err));
    }
    branch_rewind_to(vm, again); /* another VM of the same base */
    CHECK_INT(branch_sum(vm, branch_areas[2], 30), 2 * (7 * 465 + 2 + 3 + 4));
    branch_fill(vm, branch_areas[0], 1, 9);
    const int second = saved(vm, &snap); /* of a checkpoint that refers to a file */
    CHECK(lseek(second, 0, SEEK_END) > 0);
    file_changes(fd, again, other, vm, first);
    vmm_destroy(other);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(again);
    vmm_snapshot_close(first);
}

/* The same files, and another machine: the snapshot of a machine that went on by a run. */
static void t_checkpoint_other_base(void)
{
    struct vmm_err err;
    struct vmm_snapshot *first = branch_base(), *other = vt_snapshot_sized(128 * MIB, 17 * MIB),
                        *snap;
    struct vmm *vm = branch_copy(first);
    const int fd = saved(vm, &snap);
    struct vmm_snapshot *out;
    FAILS(vmm_checkpoint_open_fd(fd, other, &out, &err), EKEYREJECTED,
          "of the snapshot with key 00000000000000000000000000000000 and memory");
    CHECK(out == NULL);
    FAILS(vmm_checkpoint_write(first, fd, &err), EINVAL, "is no checkpoint");
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(first);
    vmm_snapshot_close(other);
}

/* A file that was cut short or changed at any place is refused, or found out by verify. */
static void t_checkpoint_damage(void)
{
    struct vmm_err err;
    struct vmm_snapshot *first = branch_base(), *snap, *out;
    struct vmm *vm = branch_copy(first);
    branch_fill(vm, branch_areas[0], 5, 5);
    const int fd = saved(vm, &snap);
    size_t size;
    char *bytes = vt_content(fd, &size);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    for (size_t cut = 0; cut < size; cut += 977) {
        const int bad = vt_memfd(bytes, cut);
        FAILS(vmm_checkpoint_open_fd(bad, first, &out, &err), EBADMSG, "bytes, wanted");
        close(bad);
    }
    for (size_t at = 0; at < size; at += at < 20000 ? 61 : 1021) {
        bytes[at] ^= 0x41;
        const int bad = vt_memfd(bytes, size);
        int rc = vmm_checkpoint_open_fd(bad, first, &out, &err);
        if (rc == 0) {
            rc = vmm_snapshot_verify(out, &err);
            vmm_snapshot_close(out);
        }
        /* What no checksum covers is between header and list, and list and data: not used. */
        if (rc == 0 && !(at > 5400 && at < 16384) && !(at > 16384 && at < 20480)) {
            vt_fail(__FILE__, __LINE__, "a change at %zu was not seen", at);
        }
        CHECK(rc == 0 || (err.code != 0 && strchr(err.msg, '\n') == NULL));
        close(bad);
        bytes[at] ^= 0x41;
    }
    free(bytes);
    vmm_snapshot_close(first);
}

static void t_checkpoint_refused(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap = NULL, *first = branch_base(), *stranger = branch_base();
    struct vmm *vm = vt_boot(&vt_no_io);
    FAILS(vmm_checkpoint(vm, &snap, &err), EINVAL, "not restored");
    CHECK(snap == NULL);
    vmm_destroy(vm);
    vm = branch_copy(first);
    FAILS(vmm_rewind_to(vm, stranger, &err), EINVAL, "another snapshot");
    CHECK_INT(branch_sum(vm, branch_areas[0], 10), 0); /* nothing has happened to it */
    IS(vt_run(vm, "status", "0"), VMM_EXITED, 0, "");
    FAILS(vmm_checkpoint(vm, &snap, &err), EINVAL, "neither for a run");
    OK(vmm_rewind(vm, &err));
    snap = branch_checkpoint(vm); /* with nothing changed */
    FAILS(vmm_snapshot_set_workset(vm, vt_memfd("", 0), &err), EINVAL, "no working set");
    OK(vmm_rewind(vm, &err));
    vmm_destroy(vm);
    OK(vmm_restore(snap, &io, false, &vm, &err));
    FAILS(vmm_checkpoint(vm, &snap, &err), EINVAL, "to be rewound");
    FAILS(vmm_rewind_to(vm, first, &err), EINVAL, "to be rewound");
    IS(vt_run(vm, "status", "3"), VMM_EXITED, 3, "");
    vmm_destroy(vm);
    vmm_snapshot_close(first);
    vmm_snapshot_close(stranger);
}

/* How much more address space this process may have. */
static void room(uint64_t more)
{
    unsigned long long pages;
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f != NULL && fscanf(f, "%llu", &pages) == 1);
    (void)fclose(f);
    const struct rlimit limit = {.rlim_cur = more == RLIM_INFINITY ? more : pages * 4096 + more,
                                 .rlim_max = RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

/* Copies that write, until there is no memory for another, and then none for a checkpoint. */
static void t_checkpoint_no_memory(void)
{
    struct vmm_err err;
    struct vmm_snapshot *first = branch_base(), *none;
    struct vmm *copies[32], *more;
    size_t count = 0;
    struct vmm *vm = branch_copy(first);
    branch_fill(vm, branch_areas[0], 100, 1);
    struct vmm_snapshot *snap = branch_checkpoint(vm);
    room(1024 * MIB);
    while (count < 32 && vmm_restore(snap, &io, true, &copies[count], &err) == 0) {
        branch_fill(copies[count], branch_areas[0], 100, 2 + count);
        branch_fill(copies[count], 30 * MIB, 1000, 2 + count);
        count++;
    }
    CHECK(count > 2 && count < 16); /* 128 MiB each */
    FAILS(vmm_restore(snap, &io, true, &more, &err), ENOMEM, "RLIMIT_AS");
    CHECK(more == NULL);
    room(0);
    FAILS(vmm_checkpoint(vm, &none, &err), ENOMEM, "memory");
    CHECK_INT(branch_sum(vm, branch_areas[0], 100), 2 * 5050);
    for (size_t i = 0; i < count; i++) {
        CHECK_INT(branch_sum(copies[i], branch_areas[0], 100), (long long)(2 * 5050 * (2 + i)));
    }
    vmm_destroy(copies[--count]);
    OK(vmm_restore(snap, &io, true, &copies[count++], &err)); /* in its place */
    CHECK_INT(branch_sum(copies[count - 1], branch_areas[0], 100), 2 * 5050);
    room(RLIM_INFINITY);
    vmm_snapshot_close(branch_checkpoint(vm));
    while (count > 0) {
        vmm_destroy(copies[--count]);
    }
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    vmm_snapshot_close(first);
}

const struct vt_test vt_checkpoint_tests[] = {
    {"checkpoint", t_checkpoint},
    {"checkpoint-copies", t_checkpoint_copies},
    {"checkpoint-shared", t_checkpoint_shared},
    {"checkpoint-chain", t_checkpoint_chain},
    {"checkpoint-tables", t_checkpoint_tables},
    {"checkpoint-leaving", t_checkpoint_leaving},
    {"checkpoint-neighbours", t_checkpoint_neighbours},
    {"checkpoint-not-armed", t_checkpoint_not_armed},
    {"checkpoint-discard", t_checkpoint_discard},
    {"checkpoint-discard-rewound", t_checkpoint_discard_rewound},
    {"checkpoint-file", t_checkpoint_file},
    {"checkpoint-other-base", t_checkpoint_other_base},
    {"checkpoint-damage", t_checkpoint_damage},
    {"checkpoint-refused", t_checkpoint_refused},
    {"checkpoint-no-memory", t_checkpoint_no_memory},
    {NULL, NULL},
};
