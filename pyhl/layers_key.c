// SPDX-License-Identifier: Apache-2.0
/*
 * What a request for packages is, as a name: the words, the wheels that lie in the folders it
 * names, and the snapshot that it is made upon.
 */
#include "layers.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int is_wheel(const struct dirent *entry)
{
    const size_t len = strlen(entry->d_name);

    return len > 4 && strcmp(entry->d_name + len - 4, ".whl") == 0;
}

/* Writes what a folder of wheels has, in order. */
static int list_wheels(FILE *out, const char *path, struct vmm_err *err)
{
    struct dirent **entries;
    const int count = scandir(path, &entries, is_wheel, alphasort);

    if (count < 0) {
        return vmm_err_set(err, errno, "--find-links %s: %s", path, strerror(errno));
    }
    fprintf(out, "%s\n", path);
    for (int i = 0; i < count; i++) {
        char name[PATH_MAX + NAME_MAX + 2];
        struct stat st;

        snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        if (stat(name, &st) == 0) {
            fprintf(out, "%s %lld %lld.%09ld\n", entries[i]->d_name, (long long)st.st_size,
                    (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
        }
        free(entries[i]);
    }
    free(entries);
    return 0;
}

int layers_key(const struct package_request *request, const struct vmm_snapshot *base,
               char key[DIGEST_TEXT], struct vmm_err *err)
{
    struct vmm_snapshot_info info;
    char *wheels = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&wheels, &len);
    int rc = out == NULL ? vmm_err_set(err, ENOMEM, "out of memory") : 0;

    for (size_t i = 0; i < request->find_links_count && rc == 0; i++) {
        rc = list_wheels(out, request->find_links[i], err);
    }
    if (out != NULL && fclose(out) != 0 && rc == 0) {
        rc = vmm_err_set(err, ENOMEM, "out of memory");
    }
    if (rc == 0) {
        vmm_snapshot_info(base, &info);
        const struct digest_part parts[] = {
            {request->text, request->len},
            {wheels, len},
            {&info.key, sizeof(info.key)},
            {info.content, sizeof(info.content)},
        };
        digest_parts(parts, sizeof(parts) / sizeof(parts[0]), key);
    }
    free(wheels);
    return rc;
}
