// SPDX-License-Identifier: Apache-2.0
#include "replies.h"
#include "report.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

int replies_thread(void *(*work)(void *arg), void *arg, struct vmm_err *err)
{
    sigset_t all, before;
    pthread_t thread;
    int rc;

    (void)mallopt(M_ARENA_MAX, 1); /* a second arena would need a system call for itself */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&thread, NULL, work, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? 0 : vmm_err_set(err, rc, "a thread for replies: %s", strerror(rc));
}

int replies_wait(struct vmm *vm, uint64_t timeout_ns, void (*suspended)(void *arg), void *arg,
                 struct vmm_outcome *outcome, struct vmm_err *err)
{
    uint64_t left = timeout_ns != 0 ? timeout_ns : UINT64_MAX;
    int rc = 0;

    while (rc == 0 && outcome->kind == VMM_CALLED && left > 0) {
        const uint64_t began = report_now();
        uint64_t waited;

        if (suspended != NULL) {
            suspended(arg);
        }
        rc = vmm_resume(vm, left, outcome, err);
        waited = report_now() - began;
        left = left == UINT64_MAX ? left : left > waited ? left - waited : 0;
    }
    if (rc == 0 && outcome->kind == VMM_CALLED) {
        outcome->kind = VMM_TIMEOUT;
    }
    return rc;
}
