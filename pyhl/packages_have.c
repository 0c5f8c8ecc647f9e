// SPDX-License-Identifier: Apache-2.0
/*
 * Nothing is taken but the names of the directories of metadata.
 */
#include "packages_have.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* An entry of the directory of packages, or in it. Only the former is wanted at all. */
static int have_look_at(void *arg, size_t path, const struct vmm_file *file)
{
    static const char suffix[] = ".dist-info";
    struct packages_have *have = arg;
    const size_t len = strlen(file->path), end = sizeof(suffix) - 1;

    (void)path;
    if (len == 0) {
        return 0;
    }
    if (S_ISDIR(file->mode) && len > end && strcmp(file->path + len - end, suffix) == 0) {
        const size_t name = len - end;

        have->too_many = have->too_many || have->size + name + 1 > sizeof(have->text);
        if (!have->too_many) {
            memcpy(have->text + have->size, file->path, name);
            have->text[have->size + name] = 0;
            have->size += name + 1;
        }
    }
    return -ENOENT;
}

static int have_look_data(void *arg, uint64_t offset, const void *bytes, size_t size)
{
    (void)arg;
    (void)offset;
    (void)bytes;
    (void)size;
    return -ENOENT;
}

const struct vmm_files_out *packages_have_look(struct packages_have *have)
{
    static const char *const paths[] = {&PACKAGES_SITE[1], NULL};

    have->size = 0;
    have->too_many = false;
    have->look = (struct vmm_files_out){
        .paths = paths, .make = have_look_at, .write = have_look_data, .arg = have};
    return &have->look;
}

int packages_have_check(const struct packages_have *have, struct vmm_err *err)
{
    return have->too_many ? vmm_err_set(err, E2BIG,
                                        "the session has too many packages: more than %u bytes of "
                                        "names",
                                        INSTALL_HAVE)
                          : 0;
}
