// SPDX-License-Identifier: Apache-2.0
/*
 * The key of a snapshot: a hash of everything that its content follows from, which is kernel,
 * initrd, memory size, guest CPUID and ABI version. Two snapshots with one key are interchangeable.
 */
#include "vmm_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define KEY_CHUNK (1u << 20)

struct key_input {
    uint64_t kernel[2];
    uint64_t initrd[2];
    uint64_t memory;
    uint64_t abi_version;
    struct x86_cpuid cpuid;
};

static int key_read(int fd, XXH3_state_t *xxh)
{
    char *chunk = malloc(KEY_CHUNK);
    if (chunk == NULL) {
        return -ENOMEM;
    }
    ssize_t n;
    while ((n = read(fd, chunk, KEY_CHUNK)) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0) {
            (void)XXH3_128bits_update(xxh, chunk, (size_t)n);
        }
    }
    const int code = n < 0 ? -errno : 0;
    free(chunk);
    return code;
}

static int key_file(const char *path, uint64_t hash[2], struct vmm_err *err)
{
    int fd = infile_open(path, err);
    if (fd < 0) {
        return fd;
    }
    XXH3_state_t *xxh = XXH3_createState();
    int rc = xxh != NULL ? 0 : -ENOMEM;
    if (rc == 0) {
        (void)XXH3_128bits_reset(xxh);
        rc = key_read(fd, xxh);
        const XXH128_hash_t h = XXH3_128bits_digest(xxh);
        hash[0] = h.low64;
        hash[1] = h.high64;
    }
    (void)XXH3_freeState(xxh);
    os_close(fd);
    return rc < 0 ? vmm_err_set(err, -rc, "%s: %s", path, strerror(-rc)) : 0;
}

int vmm_key_compute(const char *kernel_path, const char *initrd_path, uint64_t memory,
                    struct vmm_key *key, struct vmm_err *err)
{
    struct key_input in;
    memset(&in, 0, sizeof(in));
    in.memory = (memory + PAGE_2M - 1) & ~(PAGE_2M - 1);
    in.abi_version = HV_ABI_VERSION;
    int rc = key_file(kernel_path, in.kernel, err);
    if (rc == 0) {
        rc = key_file(initrd_path, in.initrd, err);
    }
    if (rc < 0) {
        return rc;
    }
    int kvm_fd = kvm_open(err);
    if (kvm_fd < 0) {
        return kvm_fd;
    }
    rc = x86_cpuid_policy(kvm_fd, policy_host(), &in.cpuid, err);
    os_close(kvm_fd);
    if (rc < 0) {
        return rc;
    }
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(&in, sizeof(in)));
    memcpy(key->bytes, canonical.digest, sizeof(key->bytes));
    return 0;
}

void vmm_key_text(const struct vmm_key *key, char text[33])
{
    for (size_t i = 0; i < sizeof(key->bytes); i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", key->bytes[i]);
    }
}
