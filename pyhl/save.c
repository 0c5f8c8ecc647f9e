// SPDX-License-Identifier: Apache-2.0
#include "save.h"
#include "files.h"
#include "message.h"
#include "probe.h"
#include "pyhl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAVE_WHOLE 0x300u /* the message by which the child asks for the name */

int save_begin(const char *path, const char *dest, struct save *save, struct vmm_err *err)
{
    struct stat st;
    int n = snprintf(save->temporary, sizeof(save->temporary), "%s.XXXXXX", path);

    if (*path == 0 || n >= (int)sizeof(save->temporary)) {
        return vmm_err_set(err, EINVAL, "--save '%.200s': give a file", path);
    }
    strcpy(save->path, path);
    save->dest = dest;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        return vmm_err_set(err, EINVAL, "--save %s: there is something that is no regular file",
                           path);
    }
    save->fd = mkostemp(save->temporary, O_CLOEXEC);
    return save->fd < 0 ? vmm_err_set(err, errno, "--save %s: %s", path, strerror(errno)) : 0;
}

int save_write(const struct save *save, struct channel *channel, struct vmm *vm, bool again,
               struct vmm_err *err)
{
    struct channel_message message = {.kind = SAVE_WHOLE, .number = {again}};
    int rc = ftruncate(save->fd, 0) < 0 ? vmm_err_set(err, errno, "%s", strerror(errno))
                                        : vmm_checkpoint_save(vm, save->fd, err);

    if (rc < 0) {
        return vmm_err_context(err, "--save %s", save->path);
    }
    channel->until_ns = 0; /* the run's time is over; the parent's run from the state has its own */
    rc = channel_call(channel, &message);
    rc = rc == 0 ? message.result : rc;
    return rc < 0 ? vmm_err_set(err, -rc, "--save %s: %s", save->path, strerror(-rc)) : 0;
}

static int save_open_base(void *arg, struct vmm_snapshot **base, struct vmm_err *err)
{
    const struct save *save = arg;
    struct pyhl_home *home;
    int rc = pyhl_home_open(save->dest, &home, err);

    *base = rc == 0 ? pyhl_home_snapshot(home) : NULL;
    return rc;
}

/* Gives the name to a copy, because the child writes to the file again. */
static int save_copy(const struct save *save, struct vmm_err *err)
{
    char name[PATH_MAX + 8];
    int fd, rc;

    (void)snprintf(name, sizeof(name), "%s.XXXXXX", save->path);
    fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0) {
        return vmm_err_set(err, errno, "%s", strerror(errno));
    }
    rc = file_copy(save->fd, fd, save->path, err);
    rc = rc == 0 ? file_sync(fd, save->path, err) : rc;
    close(fd);
    if (rc == 0 && rename(name, save->path) < 0) {
        rc = vmm_err_set(err, errno, "%s", strerror(errno));
    }
    if (rc < 0) {
        (void)unlink(name);
    }
    return rc;
}

/* Adds the working set, and gives the file its name. */
static void save_serve(void *arg, struct parent *parent, const struct channel_message *request)
{
    struct save *save = arg;
    const struct probe probe = {
        .open = save_open_base, .arg = save, .keep = -1, .cell = true, .code = "print(1)\n"};
    struct vmm_err err = {0};

    if (probe_state(&probe, save->fd, &err) < 0) {
        message("pyhl: --save %s: a run from the state: %s\n", save->path, err.msg);
        parent_answer(parent, -err.code, 0);
        return;
    }
    if (request->number[0] != 0) {
        parent_answer(parent, save_copy(save, &err), 0);
        return;
    }
    if (rename(save->temporary, save->path) < 0) {
        parent_answer(parent, -errno, 0);
        return;
    }
    save->temporary[0] = 0;
    parent_answer(parent, 0, 0);
}

int save_open(struct vmm_snapshot *base, const char *path, struct vmm_snapshot **out,
              struct vmm_err *err)
{
    int rc;

    *out = NULL;
    if (path == NULL) {
        return 0;
    }
    rc = vmm_checkpoint_open(path, base, out, err);
    return rc == -EKEYREJECTED
               ? vmm_err_context(err, "--from: the state was not saved with this home")
           : rc < 0 ? vmm_err_context(err, "--from")
                    : 0;
}

int save_offer(struct save *save, struct parent *parent)
{
    return parent_offer(parent, SAVE_WHOLE, save_serve, save);
}

void save_end(const struct save *save)
{
    if (save->temporary[0]) {
        (void)unlink(save->temporary);
    }
}
