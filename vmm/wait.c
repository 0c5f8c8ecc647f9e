// SPDX-License-Identifier: Apache-2.0
/*
 * Sleeping for a guest: until descriptors are ready, a time, an event, or the end of the run. This
 * file also has the handles of abi.h. A handle is something of the host that a guest may wait for:
 * a number and a descriptor. The guest says which handles it watches. The host looks at those while
 * the guest sleeps, and at each tick while it runs.
 */
#include "vmm_int.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>

void wait_block_kick(sigset_t *before)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, VMM_SIGNAL);
    (void)pthread_sigmask(SIG_BLOCK, &set, before);
}

int wait_poll(struct vmm *vm, struct pollfd *pfd, nfds_t count, uint64_t until, bool want_events)
{
    sigset_t before;
    wait_block_kick(&before);
    const uint64_t now = os_clock_ns(CLOCK_MONOTONIC);
    int rc = outcome_due(vm, now);
    const bool event = want_events && __atomic_load_n(&vm->shared->events, __ATOMIC_SEQ_CST) != 0;
    if (rc == 0 && !event && !vm->suspension.woken && now < until) {
        uint64_t wake = vm->timer.deadline < until ? vm->timer.deadline : until;
        wake = vm->timer.guest < wake ? vm->timer.guest : wake;
        rc = clock_timer_wait(vm, wake);
        if (rc == 0 && ppoll(pfd, count, NULL, &before) < 0 && errno != EINTR) {
            rc = vmm_err_set(vm->err, errno, "ppoll: %s", strerror(errno));
        }
        atomic_store(&vm->kicked, 0); /* its reason is looked at before the guest goes on */
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

/* The handles that the guest watches and was not told of yet, a bit each. The guest may write
 * anything there, also while this is read. */
static uint64_t handles_watched(const struct vmm *vm)
{
    return __atomic_load_n(&vm->shared->watched, __ATOMIC_SEQ_CST) &
           ~__atomic_load_n(&vm->shared->ready, __ATOMIC_SEQ_CST);
}

/* Lists the handles of `watched` that have a descriptor to wait for. The others are ready, and
 * their bits are set in *ready. */
static nfds_t handles_list(const struct vmm *vm, uint64_t watched, struct pollfd pfds[HV_HANDLES],
                           uint8_t numbers[HV_HANDLES], uint64_t *ready)
{
    nfds_t count = 0;
    *ready = 0;
    for (; watched != 0; watched &= watched - 1) {
        const unsigned handle = (unsigned)__builtin_ctzll(watched);
        const int fd = handle < vm->handle_count ? vm->handles[handle] : -1;
        if (fd == HANDLE_TOLD && atomic_load(&vm->tools.untold) == 0) {
            continue;
        }
        if (fd < 0) {
            *ready |= 1ull << handle;
            continue;
        }
        numbers[count] = (uint8_t)handle;
        pfds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    return count;
}

static void handles_tell(struct vmm *vm, const struct pollfd *pfds, const uint8_t *numbers,
                         nfds_t count, uint64_t ready)
{
    for (nfds_t i = 0; i < count; i++) {
        ready |= pfds[i].revents != 0 ? 1ull << numbers[i] : 0;
    }
    if (ready != 0) {
        struct hv_shared *s = mem_shared_write(vm);
        (void)__atomic_fetch_or(&s->ready, ready, __ATOMIC_SEQ_CST);
        (void)__atomic_fetch_or(&s->events, HV_EVENT_IO, __ATOMIC_SEQ_CST);
    }
}

void handle_set(struct vmm *vm, unsigned handle, int fd)
{
    for (; vm->handle_count <= handle; vm->handle_count++) {
        vm->handles[vm->handle_count] = -1;
    }
    vm->handles[handle] = fd;
}

bool handles_look(struct vmm *vm)
{
    const uint64_t watched = handles_watched(vm);
    struct pollfd pfds[HV_HANDLES];
    uint8_t numbers[HV_HANDLES];
    uint64_t ready;
    if (watched == 0) {
        return false;
    }
    const nfds_t count = handles_list(vm, watched, pfds, numbers, &ready);
    if (count > 0 && poll(pfds, count, 0) <= 0) {
        for (nfds_t i = 0; i < count; i++) {
            pfds[i].revents = 0;
        }
    }
    handles_tell(vm, pfds, numbers, count, ready);
    return true;
}

int handles_wait(struct vmm *vm, uint64_t until)
{
    struct pollfd pfds[HV_HANDLES];
    uint8_t numbers[HV_HANDLES];
    uint64_t ready;
    for (;;) {
        const nfds_t count = handles_list(vm, handles_watched(vm), pfds, numbers, &ready);
        int rc = ready == 0 ? wait_poll(vm, pfds, count, until, true) : 0;
        if (rc != 0) {
            return rc;
        }
        handles_tell(vm, pfds, numbers, count, ready);
        if (vm->suspension.woken || os_clock_ns(CLOCK_MONOTONIC) >= until ||
            __atomic_load_n(&vm->shared->events, __ATOMIC_SEQ_CST) != 0) {
            return 0;
        }
    }
}
