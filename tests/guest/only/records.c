// SPDX-License-Identifier: Apache-2.0
/*
 * Records: a write to /dev/pyhl-record gives one, between what is printed before and after it. What
 * is wrong about a write is refused in the guest.
 */
#include "t.h"

#include "vmm/abi.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define BIG (HV_RECORD_BYTES + 1000u)

static int fd;

static void check_one(void)
{
    T_EQ("a text", write(fd, "result\0text", 11), 11);
    T_EQ("nothing in it", write(fd, "empty", 6), 6);
    T_EQ("a kind of one character", write(fd, "k\0\n\0\377", 5), 5);
    T_EQ("the longest kind",
         write(fd, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\0!", 66), 66);
}

/* A vectored write is one record, wherever its buffers meet. */
static void check_vector(void)
{
    char first[] = "vec", second[] = "tor\0by", third[] = "tes";
    struct iovec iov[] = {{first, 3}, {NULL, 0}, {second, 6}, {third, 3}, {third, 0}};

    T_EQ("writev", writev(fd, iov, 5), 12);
    T_EQ("writev of one buffer", writev(fd, &(struct iovec){second, 5}, 1), 5);
    iov[3].iov_base = (char *)4096;
    T_ERR("a bad buffer", writev(fd, iov, 5), EFAULT);
    iov[3] = (struct iovec){third, HV_RECORD_BYTES + HV_KIND_MAX};
    T_ERR("too large", writev(fd, iov, 5), EMSGSIZE);
}

/* The record's bytes lie in memory that the host cannot read where the program has it. */
static void check_elsewhere(const char *big)
{
    char path[] = "/tmp/recordsXXXXXX";
    int file = mkstemp(path);

    T_MUST("file", file >= 0 && write(file, "mapped\0file", 11) == 11);
    char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
    T_MUST("map", map != MAP_FAILED);
    T_EQ("a mapped file", write(fd, map, 11), 11);
    T_EQ("with nothing in it", write(fd, map, 7), 7);
    T_EQ("a constant", write(fd, (const char *)"constant\0!", 10), 10);
    T_EQ("sendfile", sendfile(fd, file, &(off_t){0}, 11), 11);
    T_EQ("large", write(fd, big, 6 + HV_RECORD_BYTES), 6 + HV_RECORD_BYTES);
}

static void check_refused(char *big)
{
    char hole[] = "a\tb\0c";

    T_ERR("nothing", write(fd, "", 0), EINVAL);
    T_ERR("no kind", write(fd, "\0bytes", 6), EINVAL);
    T_ERR("no NUL", write(fd, "kind", 4), EINVAL);
    T_ERR("a kind that is too long",
          write(fd, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefx\0!", 67),
          EINVAL);
    T_ERR("a kind that cannot be printed", write(fd, hole, sizeof(hole)), EINVAL);
    T_ERR("too many bytes", write(fd, big, 7 + HV_RECORD_BYTES), EMSGSIZE);
    T_ERR("far too many bytes", write(fd, big, 1ul << 40), EMSGSIZE);
    T_ERR("no memory", write(fd, (char *)4096, 100), EFAULT);
    T_ERR("memory that ends", write(fd, big, 6 + BIG), EMSGSIZE);
    T_MUST("protect", mprotect(big + 4096, 4096, PROT_NONE) == 0);
    T_ERR("memory in which a page is missing", write(fd, big, 10000), EFAULT);
    T_ERR("reading", read(fd, hole, 1), EBADF);
    T_ERR("seeking", lseek(fd, 0, SEEK_SET), ESPIPE);
    T_ERR("at a position", pwrite(fd, "result\0text", 11, 0), ESPIPE);
}

int main(void)
{
    struct stat st;
    char *big = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    T_MUST("memory", big != MAP_FAILED);
    memset(big, 'x', BIG);
    memcpy(big, "large", 6);
    T_CHECK("a device", stat(HV_RECORD_DEVICE, &st) == 0 && S_ISCHR(st.st_mode));
    fd = open(HV_RECORD_DEVICE, O_WRONLY);
    T_MUST("open", fd >= 0);
    check_one();
    check_vector();
    check_elsewhere(big);
    check_refused(big);
    T_EQ("the last", write(fd, "last", 5), 5);
    return t_done();
}
