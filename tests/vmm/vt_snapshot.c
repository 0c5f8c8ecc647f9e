// SPDX-License-Identifier: Apache-2.0
/*
 * The snapshot file: written, opened, refused when it is not what was asked for.
 */
#include "vt.h"
#include "vmm/snapshot_int.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

static const struct vmm_key test_key = {{1, 2, 3}};

static int try_open(int fd, const struct vmm_key *key, struct vmm_err *err)
{
    struct vmm_snapshot *snap;
    int rc = vmm_snapshot_open_fd(fd, vt_initrd, key, &snap, err);
    CHECK((rc == 0) == (snap != NULL));
    vmm_snapshot_close(snap);
    return rc;
}

static void t_round_trip(void)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_snapshot_info info;
    struct vmm_snapshot *snap = vt_snapshot_open();
    vmm_snapshot_info(snap, &info);
    CHECK_INT(info.memory, VMM_MEMORY_MIN);
    CHECK_INT(info.initrd_size, VT_INITRD_SIZE);
    CHECK_INT(info.abi_version, HV_ABI_VERSION);
    CHECK(info.data_pages > 5 && info.data_pages < 100);
    CHECK(info.disk_bytes < (1u << 20));
    OK(vmm_snapshot_verify(snap, &err));
    for (int rewindable = 0; rewindable < 2; rewindable++) {
        OK(vmm_restore(snap, &vt_no_io, rewindable, &vm, &err));
        OK(vmm_check(vm, &err));
        IS(vt_run(vm, "status", "5"), VMM_EXITED, 5, "");
        vmm_destroy(vm);
    }
    vmm_snapshot_close(snap);
}

/* A snapshot of a machine that has run before, and of one that was itself restored. */
static void t_second_generation(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    struct vmm *vm = vt_boot(&vt_no_io);
    IS(vt_run(vm, "again", ""), VMM_READY, 0, "");
    for (int i = 0; i < 3; i++) {
        int fd = vt_memfd("", 0);
        OK(vmm_snapshot_write(vm, fd, &test_key, &err));
        IS(vt_run(vm, "status", "5"), VMM_EXITED, 5, "");
        vmm_destroy(vm);
        OK(vmm_snapshot_open_fd(fd, vt_initrd, NULL, &snap, &err));
        OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
        OK(vmm_check(vm, &err));
        IS(vt_run(vm, "again", ""), VMM_READY, 0, "");
    }
    IS(vt_run(vm, "upcall", "2"), VMM_EXITED, 0, "");
}

static void t_key(void)
{
    struct vmm_err err;
    char text[33];
    struct vmm_key a;
    struct vmm_key b;
    int fd = vt_snapshot(&test_key);
    const struct vmm_key other = {{0xaa, 2, 3}};
    OK(try_open(fd, &test_key, &err));
    FAILS(try_open(fd, &other, &err), EKEYREJECTED,
          "key 01020300000000000000000000000000, wanted aa");
    OK(vmm_key_compute(vt_kernel, vt_initrd, 16 << 20, &a, &err));
    OK(vmm_key_compute(vt_kernel, vt_initrd, 16 << 20, &b, &err));
    CHECK(memcmp(&a, &b, sizeof(a)) == 0);
    OK(vmm_key_compute(vt_kernel_other, vt_initrd, 16 << 20, &b, &err));
    CHECK(memcmp(&a, &b, sizeof(a)) != 0);
    OK(vmm_key_compute(vt_kernel, vt_kernel, 16 << 20, &b, &err));
    CHECK(memcmp(&a, &b, sizeof(a)) != 0);
    OK(vmm_key_compute(vt_kernel, vt_initrd, 18 << 20, &b, &err));
    CHECK(memcmp(&a, &b, sizeof(a)) != 0);
    vmm_key_text(&a, text);
    CHECK_INT(strlen(text), 32);
    FAILS(vmm_key_compute("/nowhere/k", vt_initrd, 1, &a, &err), ENOENT, "/nowhere/k");
}

/* Every byte of the header counts. */
static void t_header_flips(void)
{
    struct vmm_err err;
    int fd = vt_snapshot(&test_key);
    size_t flips = 0;
    for (off_t at = 0; at < 10000; at += at < 400 ? 1 : 37) {
        unsigned char c;
        CHECK(pread(fd, &c, 1, at) == 1);
        c ^= 1u << (at % 8);
        CHECK(pwrite(fd, &c, 1, at) == 1);
        int rc = try_open(fd, &test_key, &err);
        CHECK(rc == -EBADMSG || (rc == -EPROTO && at >= 8 && at < 12));
        c ^= 1u << (at % 8);
        CHECK(pwrite(fd, &c, 1, at) == 1);
        flips++;
    }
    CHECK(flips > 500);
    OK(try_open(fd, &test_key, &err));
}

static void t_truncated(void)
{
    struct vmm_err err;
    struct stat st;
    int fd = vt_snapshot(&test_key);
    CHECK(fstat(fd, &st) == 0);
    CHECK(ftruncate(fd, st.st_size + 1) == 0);
    FAILS(try_open(fd, &test_key, &err), EBADMSG, "wanted");
    static const off_t cuts[] = {SNAP_IMAGE_OFFSET + VMM_MEMORY_MIN - 1,
                                 SNAP_IMAGE_OFFSET + 8000000,
                                 SNAP_IMAGE_OFFSET + 1,
                                 SNAP_IMAGE_OFFSET - 1,
                                 4096,
                                 8,
                                 1,
                                 0};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        CHECK(ftruncate(fd, cuts[i]) == 0);
        FAILS(try_open(fd, &test_key, &err), EBADMSG, "wanted");
    }
    FAILS(try_open(open("/dev/null", O_RDONLY), NULL, &err), EBADMSG, "not a regular file");
}

static void t_other_file(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    char *text = malloc(100000);
    memset(text, 'x', 100000);
    FAILS(try_open(vt_memfd(text, 100000), NULL, &err), EBADMSG, "not a snapshot");
    FAILS(vmm_snapshot_open("/nowhere/s", vt_initrd, NULL, &snap, &err), ENOENT, "/nowhere/s");
    int fd = vt_snapshot(&test_key);
    FAILS(vmm_snapshot_open_fd(fd, vt_kernel, NULL, &snap, &err), EBADMSG, "was made with 5000");
    FAILS(vmm_snapshot_open_fd(fd, "/nowhere/i", NULL, &snap, &err), ENOENT, "/nowhere/i");
    unsigned version = 9;
    CHECK(pwrite(fd, &version, 4, 8) == 4);
    FAILS(try_open(fd, NULL, &err), EPROTO, "version 9, wanted 5");
}

/* Opens the snapshot in fd with one change of its header, whose checksum is made right. */
static int try_header(int fd, void (*change)(struct snap_header *), struct vmm_err *err)
{
    struct snap_header before;
    struct snap_header h;
    CHECK(pread(fd, &before, sizeof(before), 0) == (ssize_t)sizeof(before));
    h = before;
    change(&h);
    h.header_hash = snap_header_hash(&h);
    CHECK(pwrite(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h));
    int rc = try_open(fd, NULL, err);
    CHECK(pwrite(fd, &before, sizeof(before), 0) == (ssize_t)sizeof(before));
    return rc;
}

static void other_abi(struct snap_header *h)
{
    h->abi_version = 1000;
}

/* 4VNNIW and 4FMAPS, which no CPU but one had, and XOP and FMA4, which no other had. */
static void other_cpu(struct snap_header *h)
{
    for (uint32_t i = 0; i < h->cpuid.nent; i++) {
        struct kvm_cpuid_entry2 *e = &h->cpuid.entries[i];
        e->edx |= e->function == 7 && e->index == 0 ? 12 : 0;
        e->ecx |= e->function == 0x80000001u ? 1u << 11 : 0;
    }
}

static void other_memory(struct snap_header *h)
{
    h->memory = 12345;
}

static void other_buffer(struct snap_header *h)
{
    h->run_call.arg[0] = VMM_MEMORY_MIN - 10;
}

static void t_other_host(void)
{
    struct vmm_err err;
    int fd = vt_snapshot(&test_key);
    FAILS(try_header(fd, other_abi, &err), EPROTO,
          "kernel ABI version 1000, wanted " VT_TEXT(HV_ABI_VERSION));
    FAILS(try_header(fd, other_cpu, &err), ENOTSUP, "cpuid.7.0.edx[2] cpuid.7.0.edx[3]");
    FAILS(try_header(fd, other_memory, &err), EBADMSG, "impossible");
    FAILS(try_header(fd, other_buffer, &err), EBADMSG, "makes no sense");
    OK(try_open(fd, &test_key, &err));
}

static void a_day_ago(struct snap_header *h)
{
    h->wall_ns -= 86400ull * 1000000000u;
}

static void in_a_day(struct snap_header *h)
{
    h->wall_ns += 86400ull * 1000000000u;
}

/* The guest's monotonic time in a machine whose snapshot was made at another time. */
static unsigned long long mono_when(void (*change)(struct snap_header *))
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    struct vmm *vm;
    struct snap_header h;
    unsigned long long wall;
    unsigned long long mono;
    int fd = vt_snapshot(&test_key);
    CHECK(pread(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h));
    change(&h);
    h.header_hash = snap_header_hash(&h);
    CHECK(pwrite(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h));
    OK(vmm_snapshot_open_fd(fd, vt_initrd, NULL, &snap, &err));
    struct vmm_io io = {.stdin_fd = -1, .stdout_fd = vt_memfd("", 0), .stderr_fd = -1};
    OK(vmm_restore(snap, &io, false, &vm, &err));
    IS(vt_run(vm, "resume", ""), VMM_EXITED, 0, "");
    CHECK_INT(sscanf(vt_content(io.stdout_fd, NULL), "%*u %llu %llu", &wall, &mono), 2);
    CHECK(llabs((long long)(wall / 1000000000) - (long long)time(NULL)) < 3);
    CHECK(mono >= h.mono_ns);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    return mono;
}

/* A day between snapshot and restore is a day for the guest. A host whose clock was put back does
 * not put the guest's back. */
static void t_old(void)
{
    CHECK(mono_when(a_day_ago) >= 86400ull * 1000000000u);
    CHECK(mono_when(in_a_day) < 3600ull * 1000000000u);
}

/* Damage before the image, in data or in a hole of it, is found by the full check. */
static void t_image_flips(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    static const off_t places[] = {sizeof(struct snap_header), SNAP_IMAGE_OFFSET - 1,
                                   SNAP_IMAGE_OFFSET + 0x1000, SNAP_IMAGE_OFFSET + 0x40010,
                                   SNAP_IMAGE_OFFSET + 0x900000};
    int fd = vt_snapshot(&test_key);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        unsigned char c;
        CHECK(pread(fd, &c, 1, places[i]) == 1);
        c ^= 4;
        CHECK(pwrite(fd, &c, 1, places[i]) == 1);
        OK(vmm_snapshot_open_fd(fd, vt_initrd, NULL, &snap, &err));
        FAILS(vmm_snapshot_verify(snap, &err), EBADMSG, "recorded");
        vmm_snapshot_close(snap);
        c ^= 4;
        CHECK(pwrite(fd, &c, 1, places[i]) == 1);
    }
    OK(vmm_snapshot_open_fd(fd, vt_initrd, NULL, &snap, &err));
    OK(vmm_snapshot_verify(snap, &err));
}

/* Data is also found where the header says that there is none: a rewind would lose it. */
static void t_data_end(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    struct snap_header h;
    int fd = vt_snapshot(&test_key);
    CHECK(pread(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h));
    CHECK(h.data_end > HV_KERNEL_GPA);
    h.data_end = HV_KERNEL_GPA;
    h.header_hash = snap_header_hash(&h);
    CHECK(pwrite(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h));
    OK(vmm_snapshot_open_fd(fd, vt_initrd, NULL, &snap, &err));
    FAILS(vmm_snapshot_verify(snap, &err), EBADMSG, "data after 0x40000");
    vmm_snapshot_close(snap);
}

/* A file cut short after it was opened: refused, not a SIGBUS. */
static void t_cut_later(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    struct vmm *vm;
    struct vmm *vm2;
    struct vmm_outcome o;
    int fd = vt_snapshot(&test_key);
    OK(vmm_snapshot_open_fd(fd, vt_initrd, NULL, &snap, &err));
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    CHECK(ftruncate(fd, 1 << 20) == 0);
    FAILS(vmm_restore(snap, &vt_no_io, true, &vm2, &err), EBADMSG, "was truncated");
    CHECK(vm2 == NULL);
    FAILS(vmm_rewind(vm, &err), EBADMSG, "was truncated");
    const char *const argv[] = {"status", NULL};
    const struct vmm_run run = {.argv = argv, .cwd = "/"};
    FAILS(vmm_run(vm, &run, &o, &err), EINVAL, "not ready");
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

static void t_full_disk(void)
{
    struct vmm_err err;
    struct vmm *vm = vt_boot(&vt_no_io);
    CHECK_INT(vmm_snapshot_write(vm, open("/dev/full", O_RDWR), &test_key, &err), -EINVAL);
    const struct rlimit small = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    FAILS(vmm_snapshot_write(vm, vt_memfd("", 0), &test_key, &err), EFBIG, "writing the snapshot");
    int ro = open(vt_kernel, O_RDONLY);
    CHECK(vmm_snapshot_write(vm, ro, &test_key, &err) < 0);
    IS(vt_run(vm, "status", "1"), VMM_EXITED, 1, "");
    vmm_destroy(vm);
}

/* Is the memory at this address wanted in large pages? See proc_pid_smaps(5), VmFlags. */
static bool wants_large(const void *at)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[512];
    bool here = false;
    bool large = false;
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL) {
        unsigned long long start;
        unsigned long long end;
        if (sscanf(line, "%llx-%llx ", &start, &end) == 2) {
            here = (uintptr_t)at >= start && (uintptr_t)at < end;
        } else if (here && strncmp(line, "VmFlags:", 8) == 0) {
            large = strstr(line, " hg") != NULL;
        }
    }
    (void)fclose(f);
    return large;
}

static void text_backwards(struct snap_header *h)
{
    h->text_start = h->text_end + PAGE_2M;
}

static void text_odd(struct snap_header *h)
{
    h->text_start += HV_PAGE_SIZE;
}

static void text_outside(struct snap_header *h)
{
    h->text_end = h->memory;
}

/* Read-only large pages are in the file as a whole. Their zero pages count for nothing else. */
static void t_text(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    struct vmm_snapshot_info info;
    const off_t at = SNAP_IMAGE_OFFSET + 0x600000;
    int fd = vt_memfd("", 0);
    struct vmm *vm = vt_boot(&vt_no_io);
    IS(vt_run(vm, "text", "6291456"), VMM_READY, 0, "");
    OK(vmm_snapshot_write(vm, fd, &test_key, &err));
    vmm_destroy(vm);
    CHECK_INT(lseek(fd, at - PAGE_2M, SEEK_DATA), at);
    CHECK_INT(lseek(fd, at, SEEK_HOLE), at + (off_t)PAGE_2M);
    OK(vmm_snapshot_open_fd(fd, vt_initrd, &test_key, &snap, &err));
    OK(vmm_snapshot_verify(snap, &err));
    vmm_snapshot_info(snap, &info);
    CHECK(info.data_pages < 100);
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    CHECK(!wants_large(vm->ram + 0x600000 - 1) && wants_large(vm->ram + 0x600000));
    CHECK(wants_large(vm->ram + 0x800000 - 1));
    OK(vmm_check(vm, &err));
    IS(vt_run(vm, "read", "6303744"), VMM_EXITED, 1, "read it");
    OK(vmm_rewind(vm, &err));
    OK(vmm_check(vm, &err));
    IS(vt_run(vm, "write", "6303744"), VMM_SIGNALED, 14, "error 0007");
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    FAILS(try_header(fd, text_backwards, &err), EBADMSG, "impossible");
    FAILS(try_header(fd, text_odd, &err), EBADMSG, "impossible");
    FAILS(try_header(fd, text_outside, &err), EBADMSG, "impossible");
}

/* Opens the snapshot in fd with another entry of its working set, whose checksums are made
 * right. */
static int try_entry(int fd, uint64_t at, uint32_t entry, struct vmm_err *err)
{
    struct snap_header before;
    CHECK(pread(fd, &before, sizeof(before), 0) == (ssize_t)sizeof(before));
    const size_t size = before.workset_pages * sizeof(uint32_t);
    const off_t offset = (off_t)(SNAP_IMAGE_OFFSET + before.memory);
    uint32_t *list = malloc(size);
    CHECK(list != NULL && pread(fd, list, size, offset) == (ssize_t)size);
    const uint32_t sound = list[at];
    list[at] = entry;
    struct snap_header h = before;
    h.workset_hash = XXH3_64bits(list, size);
    h.header_hash = snap_header_hash(&h);
    CHECK(pwrite(fd, list, size, offset) == (ssize_t)size);
    CHECK(pwrite(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h));
    int rc = try_open(fd, NULL, err);
    list[at] = sound;
    CHECK(pwrite(fd, list, size, offset) == (ssize_t)size);
    CHECK(pwrite(fd, &before, sizeof(before), 0) == (ssize_t)sizeof(before));
    free(list);
    return rc;
}

static void t_workset(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    struct vmm_snapshot_info info;
    struct vmm *vm;
    int fd = vt_snapshot(&test_key);
    OK(vmm_snapshot_open_fd(fd, vt_initrd, NULL, &snap, &err));
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    IS(vt_run(vm, "dirty", "100"), VMM_EXITED, 0, "");
    OK(vmm_snapshot_set_workset(vm, fd, &err));
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
    OK(vmm_snapshot_open_fd(fd, vt_initrd, &test_key, &snap, &err));
    vmm_snapshot_info(snap, &info);
    CHECK(info.workset_pages > 100 && info.workset_pages < 120);
    OK(vmm_snapshot_verify(snap, &err));
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    OK(vmm_check(vm, &err));
    IS(vt_run(vm, "dirty", "100"), VMM_EXITED, 0, "");
    OK(vmm_rewind(vm, &err));
    OK(vmm_check(vm, &err));
    OK(try_entry(fd, 0, 1 | SNAP_PAGE_READ | SNAP_PAGE_LONGER, &err));
    FAILS(try_entry(fd, 0, 1 << 29, &err), EBADMSG, "working set makes no sense");
    FAILS(try_entry(fd, 9, 1, &err), EBADMSG, "working set makes no sense");
    FAILS(try_entry(fd, info.workset_pages - 1, VMM_MEMORY_MIN / HV_PAGE_SIZE, &err), EBADMSG,
          "working set makes no sense");
    unsigned number = 7;
    CHECK(pwrite(fd, &number, 4, SNAP_IMAGE_OFFSET + VMM_MEMORY_MIN + 8) == 4);
    FAILS(try_open(fd, &test_key, &err), EBADMSG, "working set is damaged");
}

const struct vt_test vt_snapshot_tests[] = {
    {"snapshot-round-trip", t_round_trip},
    {"snapshot-second-generation", t_second_generation},
    {"snapshot-key", t_key},
    {"snapshot-header-flips", t_header_flips},
    {"snapshot-truncated", t_truncated},
    {"snapshot-other-file", t_other_file},
    {"snapshot-other-host", t_other_host},
    {"snapshot-a-day-old", t_old},
    {"snapshot-image-flips", t_image_flips},
    {"snapshot-data-end", t_data_end},
    {"snapshot-cut-later", t_cut_later},
    {"snapshot-full-disk", t_full_disk},
    {"snapshot-text", t_text},
    {"snapshot-workset", t_workset},
    {NULL, NULL},
};
