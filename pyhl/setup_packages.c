// SPDX-License-Identifier: Apache-2.0
/*
 * The steps of setup for a home with packages of its own: they come as for pyhl run --with, and the
 * layer that is made of them becomes a part of the home.
 */
#include "dists.h"
#include "home.h"
#include "layer_guest.h"
#include "message.h"
#include "report.h"
#include "setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void setup_waiting(const void *arg)
{
    (void)arg; /* the name is this process's own: nobody else works on it */
}

int setup_get_packages(struct setup *setup, struct vmm_err *err)
{
    const struct package_dists dists = {
        .initrd_fd = setup->image.initrd_fd,
        .versions = &setup->config.packages,
        .max_bytes = setup->config.memory,
    };
    char name[32];
    int rc;

    snprintf(name, sizeof(name), "setup-%d", (int)getpid());
    rc = cache_open(true, &setup->cache, err);
    rc = rc == 0 ? cache_begin(&setup->cache, name, setup_waiting, NULL, &setup->work, err) : rc;
    rc = rc == 0
             ? packages_resolve(&setup->request, &dists, setup->work.dir.path, &setup->tree, err)
             : rc;
    if (rc == -E2BIG) {
        rc = packages_too_large(&setup->tree, setup->config.memory, "--memory", err);
    }
    if (rc == 0) {
        snprintf(setup->note, sizeof(setup->note), "%s",
                 setup->tree.entries > 0 ? report_size(setup->tree.bytes).s : "nothing new");
    }
    return rc;
}

static int open_staged(void *arg, struct vmm_snapshot **snap, struct vmm_err *err)
{
    return setup_open_snapshot(arg, snap, err);
}

static int write_dists(struct setup *setup, struct vmm_err *err)
{
    char *text = NULL;
    size_t len;
    int rc = dists_pack(&setup->tree, &setup->work.dir, &text, &len, err);
    int fd = rc == 0 ? folder_make(&setup->stage.dir, HOME_DISTS, err) : rc;

    if (fd >= 0) {
        rc = file_pwrite(fd, text, len, 0);
        rc = rc < 0 ? vmm_err_set(err, -rc, "%s: %s", HOME_DISTS, strerror(-rc)) : 0;
        close(fd);
    }
    free(text);
    return fd < 0 ? fd : rc;
}

int setup_import_packages(struct setup *setup, struct vmm_err *err)
{
    const struct layer_guest guest = {
        .cmd = "setup",
        .tree = setup->tree.dir,
        .modules = setup->tree.modules,
        .module_count = setup->tree.module_count,
        .open = open_staged,
        .arg = setup,
        .keep = setup->stage.dir.fd,
        .memory = setup->config.memory,
        .loud = true,
    };
    struct home_config *config = &setup->config;
    uint64_t disk = 0;
    int fd, rc;

    if (setup->tree.entries == 0) {
        return 0;
    }
    fd = folder_make(&setup->stage.dir, HOME_LAYER, err);
    if (fd < 0) {
        return fd;
    }
    rc = layer_guest_make(&guest, fd, err);
    rc = rc == 0 ? file_size(fd, HOME_LAYER, &config->layer_size, &disk, err) : rc;
    close(fd);
    rc = rc == 0 ? write_dists(setup, err) : rc;
    if (rc == 0 && dists_of_lock(setup->tree.lock, &config->packages) < 0) {
        rc = vmm_err_set(err, ENOMEM, "out of memory");
    }
    setup->image.config.packages = config->packages; /* it is one list, and freed there */
    snprintf(setup->note, sizeof(setup->note), "%s", report_size(disk).s);
    return rc;
}

void setup_packages_end(struct setup *setup)
{
    package_tree_end(&setup->tree);
    package_request_free(&setup->request);
    cache_end(&setup->work);
    cache_close(&setup->cache);
}
