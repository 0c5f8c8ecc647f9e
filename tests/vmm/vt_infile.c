// SPDX-License-Identifier: Apache-2.0
/*
 * Files that the library is given: whose they are, what kind they are, and that they stay as they
 * were.
 */
#include "vt.h"
#include "vmm/snapshot_int.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHER_USER 65534

/* A new file in /tmp with the content of fd, or empty for -1. */
static int named_copy(int fd, char path[32])
{
    strcpy(path, "/tmp/vmm-infile-XXXXXX");
    int copy = mkstemp(path);
    CHECK(copy >= 0);
    if (fd >= 0) {
        struct stat st;
        off_t from = 0;
        CHECK(fstat(fd, &st) == 0 && ftruncate(copy, st.st_size) == 0);
        while (from < st.st_size && sendfile(copy, fd, &from, 1 << 30) > 0) {
        }
        CHECK(from == st.st_size);
    }
    return copy;
}

static int try_path(const char *path, const char *initrd, struct vmm_err *err)
{
    struct vmm_snapshot *snap;
    int rc = vmm_snapshot_open(path, initrd, NULL, &snap, err);
    CHECK((rc == 0) == (snap != NULL));
    vmm_snapshot_close(snap);
    return rc;
}

/* A file that others may write is refused, as the snapshot and as the initrd. */
static void t_trusted(void)
{
    static const mode_t open_modes[] = {0664, 0646, 0602, 0620};
    struct vmm_err err;
    char paths[2][32];
    int initrd = open(vt_initrd, O_RDONLY);
    int fds[2] = {named_copy(vt_snapshot(&(struct vmm_key){{1}}), paths[0]),
                  named_copy(initrd, paths[1])};
    OK(try_path(paths[0], paths[1], &err));
    for (int i = 0; i < 2; i++) {
        for (size_t m = 0; m < sizeof(open_modes) / sizeof(open_modes[0]); m++) {
            CHECK(fchmod(fds[i], open_modes[m]) == 0);
            FAILS(try_path(paths[0], paths[1], &err), EPERM, "can be changed by others");
            CHECK(strstr(err.msg, paths[i]) != NULL);
        }
        CHECK(fchmod(fds[i], 0444) == 0);
        OK(try_path(paths[0], paths[1], &err));
        if (geteuid() == 0) {
            CHECK(fchown(fds[i], OTHER_USER, OTHER_USER) == 0);
            FAILS(try_path(paths[0], paths[1], &err), EPERM, "belongs to user 65534");
            CHECK(fchown(fds[i], 0, 0) == 0);
        }
    }
    OK(try_path(paths[0], paths[1], &err));
    CHECK(unlink(paths[0]) == 0 && unlink(paths[1]) == 0);
}

/* A file that the caller has opened is the caller's to judge. */
static void t_trusted_fds(void)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    char path[32];
    int initrd = open(vt_initrd, O_RDONLY);
    int fd = named_copy(vt_snapshot(&(struct vmm_key){{1}}), path);
    CHECK(fchmod(fd, 0666) == 0);
    FAILS(vmm_file_trusted(fd, "it", &err), EPERM, "it can be changed by others (mode 0666)");
    OK(vmm_snapshot_open_fds(fd, initrd, NULL, &snap, &err));
    vmm_snapshot_close(snap);
    CHECK(fcntl(fd, F_GETFD) >= 0 && fcntl(initrd, F_GETFD) >= 0);
    CHECK(unlink(path) == 0);
    OK(vmm_file_trusted(fd, "it", &err)); /* by now without a name */
    FAILS(vmm_snapshot_open_fds(open("/dev/null", O_RDONLY), initrd, NULL, &snap, &err), EBADMSG,
          "the snapshot is not a regular file");
    FAILS(vmm_snapshot_open_fds(fd, open("/", O_RDONLY), NULL, &snap, &err), EBADMSG,
          "the initrd is not a regular file");
    FAILS(vmm_file_trusted(-1, "it", &err), EBADF, "it: ");
}

/* A pipe with no writer: opening it must not wait. */
static void t_pipe(void)
{
    struct vmm_err err;
    struct vmm *vm;
    struct vmm_key key;
    char path[] = "/tmp/vmm-infile-XXXXXX";
    char snapshot[32];
    CHECK(mkdtemp(path) != NULL && rmdir(path) == 0 && mkfifo(path, 0600) == 0);
    struct vmm_config config = {
        .kernel_path = path, .initrd_path = vt_initrd, .memory = VMM_MEMORY_MIN, .io = vt_no_io};
    named_copy(vt_snapshot(&(struct vmm_key){{1}}), snapshot);
    FAILS(vmm_create(&config, &vm, &err), EINVAL, "not a regular file");
    config.kernel_path = vt_kernel;
    config.initrd_path = path;
    FAILS(vmm_create(&config, &vm, &err), EINVAL, "not a regular file");
    FAILS(vmm_kernel_check(path, "k", &err), EINVAL, "not a regular file");
    FAILS(vmm_key_compute(vt_kernel, path, 16 << 20, &key, &err), EINVAL, "not a regular file");
    FAILS(vmm_key_compute(path, vt_initrd, 16 << 20, &key, &err), EINVAL, "not a regular file");
    FAILS(try_path(path, vt_initrd, &err), EINVAL, "not a regular file");
    FAILS(try_path(snapshot, path, &err), EINVAL, "not a regular file");
    CHECK(unlink(path) == 0 && unlink(snapshot) == 0);
}

static void t_kernel_check(void)
{
    struct vmm_err err;
    OK(vmm_kernel_check(vt_kernel, "k", &err));
    FAILS(vmm_kernel_check(vt_kernel_other, "k", &err), ENOEXEC, "k: kernel ABI version 99");
    FAILS(vmm_kernel_check("/proc/self/exe", "k", &err), ENOEXEC, "k: ELF type 3");
}

/* One byte written to the snapshot or the initrd of a machine: the next rewind says so, and the
 * next restore. */
static void changed(bool initrd, const char *message)
{
    struct vmm_err err;
    struct vmm_snapshot *snap;
    struct vmm *vm;
    struct vmm *vm2;
    char path[32];
    int fds[2] = {vt_snapshot(&(struct vmm_key){{1}}), named_copy(open(vt_initrd, O_RDONLY), path)};
    OK(vmm_snapshot_open_fds(fds[0], fds[1], NULL, &snap, &err));
    OK(vmm_restore(snap, &vt_no_io, true, &vm, &err));
    OK(vmm_rewind(vm, &err));
    CHECK(chmod(path, 0600) == 0 && unlink(path) == 0); /* no change of content */
    OK(vmm_rewind(vm, &err));
    CHECK(usleep(20000) == 0); /* a file system's clock ticks so often */
    CHECK(pwrite(fds[initrd], "x", 1, initrd ? 100 : SNAP_IMAGE_OFFSET + 0x9000) == 1);
    FAILS(vmm_rewind(vm, &err), EBADMSG, message);
    FAILS(vmm_restore(snap, &vt_no_io, true, &vm2, &err), EBADMSG, message);
    vmm_destroy(vm);
    vmm_snapshot_close(snap);
}

static void t_changed(void)
{
    changed(false, "the snapshot was written to while it was in use");
    changed(true, "the initrd was written to while it was in use");
}

const struct vt_test vt_infile_tests[] = {
    {"infile-trusted", t_trusted},
    {"infile-trusted-fds", t_trusted_fds},
    {"infile-pipe", t_pipe},
    {"infile-kernel-check", t_kernel_check},
    {"infile-changed-in-use", t_changed},
    {NULL, NULL},
};
