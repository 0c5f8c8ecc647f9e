// SPDX-License-Identifier: Apache-2.0
#include "copy.h"
#include "files.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void *copy_main(void *arg)
{
    struct copy *copy = arg;

    copy->result = file_copy(copy->from, copy->to, copy->name, &copy->error);
    if (copy->result == 0) {
        copy->result = file_sync(copy->to, copy->name, &copy->error);
    }
    return NULL;
}

int copy_begin(struct copy *copy, int from, const char *name, int to, struct vmm_err *err)
{
    sigset_t all, before;
    int rc;

    snprintf(copy->name, sizeof(copy->name), "%s", name);
    copy->from = from;
    copy->to = to;
    if (fstat(from, &copy->original) < 0) {
        rc = vmm_err_set(err, errno, "%s: %s", name, strerror(errno));
        close(to);
        return rc;
    }
    sigfillset(&all); /* signals are for the calling thread, not for this one */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&copy->thread, NULL, copy_main, copy);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    copy->running = rc == 0;
    if (copy->running) {
        return 0;
    }
    close(to);
    return vmm_err_set(err, rc, "a thread to copy %s: %s", name, strerror(rc));
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

int copy_end(struct copy *copy, struct vmm_err *err)
{
    const struct stat *was = &copy->original;
    struct stat is;

    if (!copy->running) {
        return 0;
    }
    pthread_join(copy->thread, NULL);
    copy->running = false;
    if (close(copy->to) < 0 && copy->result == 0) {
        copy->result = vmm_err_set(&copy->error, errno, "%s: %s", copy->name, strerror(errno));
    }
    if (copy->result < 0) {
        return vmm_err_set(err, -copy->result, "%s", copy->error.msg);
    }
    if (fstat(copy->from, &is) < 0) {
        return vmm_err_set(err, errno, "%s: %s", copy->name, strerror(errno));
    }
    if (is.st_dev != was->st_dev || is.st_ino != was->st_ino || is.st_size != was->st_size ||
        !same_time(is.st_mtim, was->st_mtim) || !same_time(is.st_ctim, was->st_ctim)) {
        return vmm_err_set(err, EAGAIN, "%s changed while it was installed: run setup again",
                           copy->name);
    }
    return 0;
}
