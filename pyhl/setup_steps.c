// SPDX-License-Identifier: Apache-2.0
/*
 * The steps of setup that work on files, in the staging directory, where the home is made. The
 * machine boots from the image's own initrd. Meanwhile that is copied: most of the time for that
 * goes to the host, which finds memory for a large file.
 */
#include "cmd.h"
#include "files.h"
#include "home.h"
#include "image.h"
#include "report.h"
#include "setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Opens one of the files made so far, to read it. */
static int staged(const struct setup *setup, const char *name, struct vmm_err *err)
{
    return folder_read(&setup->stage.dir, name, FOLDER_NO_LINK, err);
}

int setup_boot_files(const struct setup *setup, struct boot_files *files, struct vmm_err *err)
{
    files->kernel_fd = staged(setup, HOME_KERNEL, err);
    if (files->kernel_fd < 0) {
        return files->kernel_fd;
    }
    file_fd_path(files->kernel_fd, files->kernel);
    file_fd_path(setup->image.initrd_fd, files->initrd);
    return 0;
}

int setup_open_snapshot(const struct setup *setup, struct vmm_snapshot **snap, struct vmm_err *err)
{
    int fd = staged(setup, HOME_SNAPSHOT, err), initrd_fd = -1, rc = fd;

    if (rc >= 0) {
        rc = initrd_fd = staged(setup, HOME_INITRD, err);
    }
    if (rc >= 0) {
        rc = vmm_snapshot_open_fds(fd, initrd_fd, &setup->config.key, snap, err);
    }
    if (initrd_fd >= 0) {
        close(initrd_fd);
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

static int begin_copy(struct setup *setup, struct vmm_err *err)
{
    int to = folder_make(&setup->stage.dir, HOME_INITRD, err);

    return to < 0 ? to
                  : copy_begin(&setup->copy, setup->image.initrd_fd, setup->image.initrd, to, err);
}

int setup_fetch(struct setup *setup, struct vmm_err *err)
{
    struct home_config *config = &setup->config;
    struct image *image = &setup->image;
    int rc = image_fetch(setup->from, setup->initrd_max, &setup->stage.dir, image, err);

    if (rc < 0) {
        setup->bad_usage = rc == -EINVAL || rc == -E2BIG;
        return rc;
    }
    if (image->config.check[0] == 0) {
        setup->bad_usage = true;
        return vmm_err_set(err, EINVAL,
                           "--from '%s': no 'check' in its image.ini, so it takes no scripts; run "
                           "its programs with pyhl boot",
                           setup->from);
    }
    if (folder_size(&setup->stage.dir, HOME_KERNEL, &config->kernel_size, NULL, err) < 0 ||
        file_size(image->initrd_fd, image->initrd, &config->initrd_size, NULL, err) < 0 ||
        (!image->unpacked && begin_copy(setup, err) < 0)) {
        return -err->code;
    }
    snprintf(setup->note, sizeof(setup->note), "%s",
             report_size(config->kernel_size + config->initrd_size).s);
    return 0;
}

int setup_identify(struct setup *setup, struct vmm_err *err)
{
    struct home_config *config = &setup->config;
    const struct image_config *image = &setup->image.config;
    struct boot_files files;
    char key[33];
    int rc;

    snprintf(config->version, sizeof(config->version), "%s", PYHL_VERSION);
    snprintf(config->image, sizeof(config->image), "%s", image->name);
    config->packages = image->packages;
    config->memory = setup->memory   ? setup->memory
                     : image->memory ? image->memory
                                     : VMM_MEMORY_DEFAULT;
    if (config->memory < image->memory_min) {
        setup->bad_usage = true;
        return vmm_err_set(err, EINVAL, "--memory %s: the image needs %s at least",
                           report_size(config->memory).s, report_size(image->memory_min).s);
    }
    rc = setup_boot_files(setup, &files, err);
    if (rc < 0) {
        return rc;
    }
    rc = vmm_key_compute(files.kernel, files.initrd, config->memory, &config->key, err);
    close(files.kernel_fd);
    if (rc < 0) {
        return rc;
    }
    vmm_key_text(&config->key, key);
    snprintf(setup->note, sizeof(setup->note), "key %.12s...", key);
    return 0;
}

int setup_copied(struct setup *setup, struct vmm_err *err)
{
    return copy_end(&setup->copy, err);
}

int setup_check(struct setup *setup, struct vmm_err *err)
{
    struct vmm_snapshot_info info;
    struct vmm_snapshot *snap = NULL;
    int rc = setup_open_snapshot(setup, &snap, err);

    if (rc < 0) {
        return rc;
    }
    rc = vmm_snapshot_verify(snap, err);
    vmm_snapshot_info(snap, &info);
    snprintf(setup->note, sizeof(setup->note), "%llu pages, %llu + %llu in set",
             (unsigned long long)info.data_pages, (unsigned long long)info.workset_pages,
             (unsigned long long)info.workset_longer);
    vmm_snapshot_close(snap);
    return rc;
}

static int write_ini(const struct setup *setup, struct vmm_err *err)
{
    const struct folder *dir = &setup->stage.dir;
    char *text;
    size_t len;
    int fd, rc;

    if (config_format_home(&setup->config, &text, &len, err) < 0) {
        return -err->code;
    }
    fd = folder_make(dir, HOME_INI, err);
    rc = fd < 0 ? fd : file_pwrite(fd, text, len, 0);
    if (fd >= 0 && rc < 0) {
        vmm_err_set(err, -rc, "%s/%s: %s", dir->path, HOME_INI, strerror(-rc));
    }
    if (fd >= 0 && close(fd) < 0 && rc == 0) {
        rc = folder_fail(dir, HOME_INI, err);
    }
    free(text);
    return rc;
}

int setup_install(struct setup *setup, struct vmm_err *err)
{
    struct home_config *config = &setup->config;
    int fd = staged(setup, HOME_SNAPSHOT, err), rc;

    if (fd < 0) {
        return fd;
    }
    rc = file_size(fd, HOME_SNAPSHOT, &config->snapshot_size, &setup->snapshot_disk, err);
    if (rc == 0) {
        rc = file_inode(fd, HOME_SNAPSHOT, &config->snapshot_inode, err);
    }
    close(fd);
    if (rc == 0) {
        rc = write_ini(setup, err);
    }
    return rc == 0 ? stage_publish(&setup->stage, err) : rc;
}
