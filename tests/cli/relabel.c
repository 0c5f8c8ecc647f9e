// SPDX-License-Identifier: Apache-2.0
/*
 * Makes a home look as if another pyhl had made it:
 *     relabel abi VERSION SNAPSHOT KERNEL     of that version of the ABI, in both files
 *     relabel format VERSION SNAPSHOT         with a snapshot of that format
 * All checksums are right, as another pyhl would have written them.
 */
#include "vmm/snapshot_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int relabel_snapshot(const char *path, bool abi, uint32_t version)
{
    static struct snap_header h;
    int fd = open(path, O_RDWR);
    bool good = fd >= 0 && pread(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h);

    *(abi ? &h.abi_version : &h.version) = version;
    h.header_hash = snap_header_hash(&h);
    good = good && pwrite(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h);
    return good && close(fd) == 0 ? 0 : 1;
}

/* The note has the owner's name and then the version. */
static int relabel_kernel(const char *path, uint32_t version)
{
    static char bytes[16 << 20];
    static const char name[8] = HV_NOTE_NAME;
    int fd = open(path, O_RDWR);
    ssize_t size = fd >= 0 ? read(fd, bytes, sizeof(bytes)) : -1;

    for (ssize_t at = 0; at + 12 <= size; at++) {
        uint32_t type, found;

        memcpy(&type, bytes + at, 4);
        memcpy(&found, bytes + at + 12, 4);
        if (type == HV_NOTE_ABI && memcmp(bytes + at + 4, name, 8) == 0 &&
            found == HV_ABI_VERSION) {
            return pwrite(fd, &version, 4, at + 12) == 4 && close(fd) == 0 ? 0 : 1;
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    const bool abi = argc == 5 && strcmp(argv[1], "abi") == 0;
    const uint32_t version = argc > 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;

    if (!abi && (argc != 4 || strcmp(argv[1], "format") != 0)) {
        return 2;
    }
    if (relabel_snapshot(argv[3], abi, version) != 0 ||
        (abi && relabel_kernel(argv[4], version) != 0)) {
        fprintf(stderr, "relabel: not done\n");
        return 1;
    }
    return 0;
}
