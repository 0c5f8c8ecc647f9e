// SPDX-License-Identifier: Apache-2.0
/*
 * stdout and stderr: a byte ring each in shared memory, or one for both if they
 * go to the same place. The host empties the rings at every exit, and on its
 * own clock; only a full ring costs a call.
 */
#include "kernel.h"

static u32 ring_put(struct hv_ring *ring, char *data, const char *src, size_t len)
{
    u32 tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
    u32 space = HV_RING_SIZE - (ring->head - tail);
    u32 n = (u32)MIN(len, space);
    u32 at = ring->head % HV_RING_SIZE;
    u32 first = MIN(n, HV_RING_SIZE - at);
    memcpy(data + at, src, first);
    memcpy(data, src + first, n - first);
    __atomic_store_n(&ring->head, ring->head + n, __ATOMIC_RELEASE);
    return n;
}

void hv_console_write(int which, const void *buf, size_t len)
{
    struct hv_shared *s = hv_shared();
    bool err = which == 2 && !s->streams.joined;
    struct hv_ring *ring = err ? &s->err : &s->out;
    char *data = (char *)(u64)(err ? HV_STDERR_GPA : HV_STDOUT_GPA);
    const char *p = buf;
    while (len) {
        u32 n = ring_put(ring, data, p, len);
        p += n;
        len -= n;
        if (len) {
            hv_call(HV_CALL_DRAIN, 0);
        }
    }
}
