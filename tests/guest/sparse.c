// SPDX-License-Identifier: Apache-2.0
/*
 * A file of 1 TiB that is nearly all hole: finding its data, punching a hole of a terabyte and
 * filling it with random changes, which a model in memory must agree with. Walking over the hole
 * page by page would take minutes.
 */
#include "t.h"

#include <fcntl.h>
#include <sys/stat.h>

#define TIB    (1ll << 40)
#define MODEL  (1 << 17)
#define PUNCH  (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define ROUNDS 3000

static unsigned char model[MODEL], seen[MODEL], noise[1 << 15];
static size_t model_size;
static unsigned seed = 5;

static unsigned next_random(unsigned limit)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 8) % limit;
}

static void check_holes(int fd)
{
    char byte = 1;

    T_MUST("1 TiB of hole", ftruncate(fd, TIB) == 0);
    T_EQ("data far away", pwrite(fd, "x", 1, TIB / 2), 1);
    T_EQ("SEEK_DATA", lseek(fd, 0, SEEK_DATA), TIB / 2);
    T_EQ("SEEK_HOLE after it", lseek(fd, TIB / 2, SEEK_HOLE), TIB / 2 + 4096);
    T_ERR("no more data", lseek(fd, TIB / 2 + 4096, SEEK_DATA), ENXIO);
    T_EQ("punch it all", fallocate(fd, PUNCH, 100, TIB - 200), 0);
    T_EQ("read what was data", pread(fd, &byte, 1, TIB / 2), 1);
    T_EQ("it is zero", byte, 0);
    T_ERR("no data at all", lseek(fd, 0, SEEK_DATA), ENXIO);
    T_MUST("empty again", ftruncate(fd, 0) == 0);
}

static bool change(int fd)
{
    size_t off = next_random(MODEL / 2), n = 1 + next_random(sizeof(noise) - 1);

    if (next_random(3) == 0) {
        off &= ~(size_t)4095;
    }
    switch (next_random(4)) {
    case 0:
    case 1:
        memset(noise, (int)next_random(256), n);
        memcpy(model + off, noise, n);
        model_size = off + n > model_size ? off + n : model_size;
        return pwrite(fd, noise, n, (off_t)off) == (ssize_t)n;
    case 2:
        if (off < model_size) {
            memset(model + off, 0, model_size - off);
        }
        model_size = off;
        return ftruncate(fd, (off_t)off) == 0;
    default:
        if (off < model_size) {
            memset(model + off, 0, off + n < model_size ? n : model_size - off);
        }
        return fallocate(fd, PUNCH, (off_t)off, (off_t)n) == 0;
    }
}

static bool agrees(int fd)
{
    return pread(fd, seen, MODEL, 0) == (ssize_t)model_size && memcmp(seen, model, model_size) == 0;
}

int main(void)
{
    bool good = true;

    t_scratch();
    int fd = open("sparse", O_RDWR | O_CREAT, 0600);
    T_MUST("open", fd >= 0);
    check_holes(fd);
    for (int i = 0; i < ROUNDS && good; i++) {
        good = change(fd) && (i % 20 != 0 || agrees(fd));
    }
    T_CHECK("the file agrees with the model", good && agrees(fd));
    return t_done();
}
