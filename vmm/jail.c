// SPDX-License-Identifier: Apache-2.0
/*
 * vmm_jail(): what a process that holds a VM gives up before guest code runs. A guest that has
 * taken over the process can then do little more than before. Each part stands alone: no new
 * privileges, no capabilities, no files (Landlock), no look into the process from outside, and only
 * the system calls of jail_table.c. Nothing of this can be taken back.
 */
#include "jail_int.h"
#include "snapshot_int.h"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From linux/landlock.h, whose older versions lack the last ones. */
struct jail_landlock {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};
#define LANDLOCK_VERSION_FLAG 1u
#define LANDLOCK_NET          3ull /* bind and connect TCP */
#define LANDLOCK_SCOPED       3ull /* abstract sockets and signals */

#define JAIL_EXTRAS                                                                                \
    ((unsigned)(VMM_JAIL_INSPECT | VMM_JAIL_SNAPSHOT | VMM_JAIL_RENEW | VMM_JAIL_TERMINAL |        \
                VMM_JAIL_CHANNEL | VMM_JAIL_EDIT | VMM_JAIL_HANDOVER))
#define JAIL_EXTRAS_OF_VM ((unsigned)(VMM_JAIL_INSPECT | VMM_JAIL_RENEW))

/* Whether the thread or the process is in jail. The kernel cannot be asked: prctl() is not on the
 * list. */
static _Thread_local bool jail_of_thread;
static atomic_bool jail_of_process;

bool jail_holds(void)
{
    return jail_of_thread || atomic_load(&jail_of_process);
}

/* For each version of Landlock: how many rights on files it knows, which are the lowest bits of a
 * mask, and the size of the structure that it takes. */
static const struct {
    unsigned fs_bits;
    size_t size;
} landlock_versions[] = {
    {13, 8},  /* 1 */
    {14, 8},  /* 2: refer */
    {15, 8},  /* 3: truncate */
    {15, 16}, /* 4: TCP */
    {16, 16}, /* 5: ioctl on devices */
    {16, 24}, /* 6: abstract sockets, signals */
};
#define LANDLOCK_VERSIONS (sizeof(landlock_versions) / sizeof(landlock_versions[0]))

int jail_landlock_version(void)
{
    const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);
    return version > 0 ? (int)version : 0;
}

bool jail_has_filters(void)
{
    const uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* Denies everything that this kernel's version of Landlock can deny. Without Landlock only the list
 * of system calls keeps files out of reach. */
static int jail_landlock(struct vmm_err *err)
{
    const size_t version = (size_t)jail_landlock_version();
    if (version == 0) {
        return 0;
    }
    const size_t known = version < LANDLOCK_VERSIONS ? version : LANDLOCK_VERSIONS;
    const struct jail_landlock rules = {
        .handled_access_fs = (1ull << landlock_versions[known - 1].fs_bits) - 1,
        .handled_access_net = LANDLOCK_NET,
        .scoped = LANDLOCK_SCOPED,
    };
    const size_t size = landlock_versions[known - 1].size;
    const int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    const long rc = fd >= 0 ? syscall(SYS_landlock_restrict_self, fd, 0) : -1;
    const int code = errno;
    os_close(fd);
    return rc == 0 ? 0 : vmm_err_set(err, code, "jail: Landlock: %s", strerror(code));
}

/* Only a process that may set capabilities can lower its bounding set. For others the set stays,
 * and has no effect without execve(). */
static int jail_capabilities(struct vmm_err *err)
{
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (unsigned long cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++) {
    }
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (syscall(SYS_capset, &header, none) < 0) {
        return vmm_err_set(err, errno, "jail: capabilities: %s", strerror(errno));
    }
    return 0;
}

/* SECCOMP_FILTER_FLAG_SPEC_ALLOW: before Linux 5.16 a filter without this flag also limits how the
 * CPU speculates. That would slow down the guest, which the filter is not meant for. */
static int jail_filter(const struct vmm_jail *jail, const struct jail_terms *terms,
                       struct vmm_err *err)
{
    struct jail_program program;
    jail_compile(jail_rows, jail_row_count, terms, &program);
    if (program.overflow) {
        return vmm_err_set(err, E2BIG, "jail: the list of system calls is too long");
    }
    const struct sock_fprog code = {.len = (unsigned short)program.len, .filter = program.code};
    const unsigned flags =
        SECCOMP_FILTER_FLAG_SPEC_ALLOW | (jail->thread ? 0u : SECCOMP_FILTER_FLAG_TSYNC);
    const long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &code);
    if (rc > 0) {
        return vmm_err_set(err, EBUSY, "jail: thread %ld has a filter of its own", rc);
    }
    if (rc < 0) {
        return vmm_err_set(err, errno, "jail: seccomp: %s%s", strerror(errno),
                           jail_has_filters() ? "" : " (this kernel or container has no filters)");
    }
    return 0;
}

static int jail_check(const struct vmm_jail *jail, struct vmm_err *err)
{
    if (jail_holds()) {
        return vmm_err_set(err, EALREADY, "jail: this thread is in one, for good");
    }
    if (jail->output_count > VMM_JAIL_OUTPUTS) {
        return vmm_err_set(err, EINVAL, "jail: %zu descriptors to write to, %d at most",
                           jail->output_count, VMM_JAIL_OUTPUTS);
    }
    if ((jail->extras & ~JAIL_EXTRAS) != 0) {
        return vmm_err_set(err, EINVAL, "jail: unknown extras 0x%x", jail->extras);
    }
    if ((jail->extras & VMM_JAIL_CHANNEL) != 0 && jail->channel_fd < 0) {
        return vmm_err_set(err, EINVAL, "jail: a channel needs its descriptor");
    }
    if ((jail->extras & VMM_JAIL_HANDOVER) != 0 && (jail->extras & VMM_JAIL_CHANNEL) == 0) {
        return vmm_err_set(err, EINVAL, "jail: states that are handed over need a channel");
    }
    if (((jail->extras & JAIL_EXTRAS_OF_VM) != 0) != (jail->vm != NULL)) {
        return vmm_err_set(err, EINVAL, "jail: a VM and an extra that is for one go together");
    }
    if ((jail->extras & VMM_JAIL_RENEW) != 0 && jail->vm != NULL && jail->vm->snap == NULL) {
        return vmm_err_set(err, EINVAL, "jail: only a restored VM can be renewed");
    }
    return 0;
}

/* The files that a renewed machine maps. */
static void jail_terms_images(const struct vmm_snapshot *snap, struct jail_terms *terms)
{
    terms->initrd_fd = snap->initrd_fd;
    terms->images[terms->image_count++] = snap->fd;
    for (unsigned i = 0; i < snap->delta.pack_count; i++) {
        if (snap->delta.packs[i]->fd >= 0) {
            terms->images[terms->image_count++] = snap->delta.packs[i]->fd;
        }
    }
}

static int jail_terms_fill(const struct vmm_jail *jail, struct jail_terms *terms,
                           struct vmm_err *err)
{
    *terms = (struct jail_terms){
        .sets = jail->extras | (jail->thread ? JAIL_THREAD : 0u),
        .self = getpid(),
        .input_fd = jail->input_fd,
        .output_count = jail->output_count,
        .file_fd = jail->snapshot_fd,
        .pagemap_fd = -1,
        .initrd_fd = -1,
        .channel_fd = (jail->extras & VMM_JAIL_CHANNEL) != 0 ? jail->channel_fd : -1,
    };
    for (size_t i = 0; i < jail->output_count; i++) {
        terms->outputs[i] = jail->output_fds[i];
    }
    if ((jail->extras & VMM_JAIL_RENEW) != 0) {
        jail_terms_images(jail->vm->snap, terms);
    }
    if ((jail->extras & VMM_JAIL_INSPECT) == 0) {
        return 0;
    }
    int rc = pagemap_keep(jail->vm, err);
    terms->pagemap_fd = jail->vm->pagemap_fd;
    return rc;
}

/* The order matters. Capabilities are dropped before the page map is opened, which would show
 * physical addresses to a process that has them. The page map is opened before PR_SET_DUMPABLE
 * makes root the owner of the process's own files in /proc. */
int vmm_jail(const struct vmm_jail *jail, struct vmm_err *err)
{
    struct jail_terms terms;
    int rc = jail_check(jail, err);
    if (rc < 0) {
        return rc;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return vmm_err_set(err, errno, "jail: no_new_privs: %s", strerror(errno));
    }
    rc = jail_capabilities(err);
    if (rc == 0) {
        rc = jail_terms_fill(jail, &terms, err);
    }
    if (rc == 0 && !jail->thread && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        rc = vmm_err_set(err, errno, "jail: PR_SET_DUMPABLE: %s", strerror(errno));
    }
    if (rc == 0) {
        rc = jail_landlock(err);
    }
    if (rc == 0 && jail->threads != NULL) {
        rc = jail->threads(jail->threads_arg, err);
    }
    if (rc == 0) {
        rc = jail_filter(jail, &terms, err);
    }
    if (rc == 0) {
        jail_of_thread = true;
        if (!jail->thread) {
            atomic_store(&jail_of_process, true);
        }
    }
    return rc;
}
