// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's random source: ChaCha20 (RFC 8439, 2.3) with fast key erasure:
 * each request runs the cipher from the current key, takes the first 32 bytes
 * as the next key and gives out the rest. At every resume a seed of the host is
 * mixed into the key, so no two restored machines share a stream, unless they
 * are asked to: a fixed seed and the old key of the snapshot give a fixed
 * stream.
 */
#include "kernel.h"

static u32 key[8];
static u8 boot_id[16]; /* all zero until it is asked for */

static u32 rotl(u32 x, int n)
{
    return x << n | x >> (32 - n);
}

static void quarter(u32 *a, u32 *b, u32 *c, u32 *d)
{
    *a += *b, *d = rotl(*d ^ *a, 16);
    *c += *d, *b = rotl(*b ^ *c, 12);
    *a += *b, *d = rotl(*d ^ *a, 8);
    *c += *d, *b = rotl(*b ^ *c, 7);
}

static void block(const u32 k[8], u32 counter, u32 out[16])
{
    u32 in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    memcpy(in + 4, k, 32);
    in[12] = counter;
    u32 x[16];
    memcpy(x, in, sizeof(x));
    for (int i = 0; i < 10; i++) {
        for (int c = 0; c < 4; c++) {
            quarter(&x[c], &x[c + 4], &x[c + 8], &x[c + 12]);
        }
        for (int c = 0; c < 4; c++) {
            quarter(&x[c], &x[4 + (c + 1) % 4], &x[8 + (c + 2) % 4], &x[12 + (c + 3) % 4]);
        }
    }
    for (int i = 0; i < 16; i++) {
        out[i] = x[i] + in[i];
    }
}

void random_resume(const u8 seed[64])
{
    u32 s[16], mixed[16];
    memcpy(s, seed, sizeof(s));
    for (int i = 0; i < 8; i++) {
        key[i] ^= s[i] ^ s[i + 8];
    }
    block(key, 0, mixed);
    memcpy(key, mixed, sizeof(key));
}

void random_bytes(void *buf, size_t len)
{
    u32 old[8], out[16];
    u8 *p = buf;
    memcpy(old, key, sizeof(old));
    block(old, 0, out);
    memcpy(key, out, sizeof(key));
    size_t n = MIN(len, 32);
    memcpy(p, out + 8, n);
    for (u32 counter = 1; n < len; counter++) {
        size_t part = MIN(len - n, sizeof(out));
        block(old, counter, out);
        memcpy(p + n, out, part);
        n += part;
    }
    memset(old, 0, sizeof(old));
    memset(out, 0, sizeof(out));
}

void random_uuid(u8 id[16])
{
    random_bytes(id, 16);
    id[6] = (id[6] & 0x0f) | 0x40; /* version 4, variant 10 */
    id[8] = (id[8] & 0x3f) | 0x80;
}

/* A program keeps this identifier to find out later whether the machine has booted since. A
 * restored machine has nothing of any earlier run, so each restore counts as a boot. */
void random_boot_id(u8 id[16])
{
    if (boot_id[6] == 0) { /* where a version 4 UUID has its version */
        random_uuid(boot_id);
    }
    memcpy(id, boot_id, sizeof(boot_id));
}

void random_forget_boot_id(void)
{
    memset(boot_id, 0, sizeof(boot_id));
}
