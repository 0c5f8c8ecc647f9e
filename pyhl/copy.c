// SPDX-License-Identifier: Apache-2.0
#include "copy.h"
#include "files.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void *copy_main(void *arg)
{
    struct copy *copy = arg;

    copy->result = file_copy(copy->from, copy->to, &copy->error);
    if (copy->result == 0)
        copy->result = file_sync(copy->to, &copy->error);
    return NULL;
}

int copy_begin(struct copy *copy, const char *from, const char *to, struct vmm_err *err)
{
    sigset_t all, before;
    int r;

    snprintf(copy->from, sizeof(copy->from), "%s", from);
    snprintf(copy->to, sizeof(copy->to), "%s", to);
    if (stat(from, &copy->original) < 0)
        return vmm_err_set(err, errno, "%s: %s", from, strerror(errno));
    sigfillset(&all); /* signals are for the thread that began it */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&copy->thread, NULL, copy_main, copy);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    copy->running = r == 0;
    return r == 0 ? 0 : vmm_err_set(err, r, "a thread to copy %s: %s", from, strerror(r));
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

int copy_end(struct copy *copy, struct vmm_err *err)
{
    const struct stat *was = &copy->original;
    struct stat is;

    if (!copy->running)
        return 0;
    pthread_join(copy->thread, NULL);
    copy->running = false;
    if (copy->result < 0)
        return vmm_err_set(err, -copy->result, "%s", copy->error.msg);
    if (stat(copy->from, &is) < 0)
        return vmm_err_set(err, errno, "%s: %s", copy->from, strerror(errno));
    if (is.st_dev != was->st_dev || is.st_ino != was->st_ino || is.st_size != was->st_size ||
        !same_time(is.st_mtim, was->st_mtim) || !same_time(is.st_ctim, was->st_ctim))
        return vmm_err_set(err, EAGAIN, "%s changed while it was installed: run setup again",
                           copy->from);
    return 0;
}
