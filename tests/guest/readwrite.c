// SPDX-License-Identifier: Apache-2.0
/*
 * File data: read, write, pread, pwrite, readv, writev, preadv2, lseek with all origins, holes,
 * truncation both ways, fallocate, sparse sizes and the limits of offsets.
 */
#include "t.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

static char big[1 << 20];

static off_t size_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? st.st_size : -1;
}

static void check_offsets(int fd)
{
    char text[32] = "";

    T_EQ("write", write(fd, "0123456789", 10), 10);
    T_EQ("offset after write", lseek(fd, 0, SEEK_CUR), 10);
    T_EQ("read at the end", read(fd, text, 5), 0);
    T_EQ("SEEK_SET", lseek(fd, 2, SEEK_SET), 2);
    T_EQ("read", read(fd, text, 3), 3);
    T_STR("its data", text, "234");
    T_EQ("pread", pread(fd, text, 4, 6), 4);
    T_STR("its data too", text, "6789");
    T_EQ("pread left the offset", lseek(fd, 0, SEEK_CUR), 5);
    T_EQ("pwrite", pwrite(fd, "AB", 2, 8), 2);
    T_EQ("pwrite left the offset", lseek(fd, 0, SEEK_CUR), 5);
    T_EQ("SEEK_END", lseek(fd, -1, SEEK_END), 9);
    T_EQ("a short read", read(fd, text, 20), 1);
    T_EQ("beyond the end", pread(fd, text, 5, 1000), 0);
    T_ERR("a negative seek", lseek(fd, -1, SEEK_SET), EINVAL);
    T_ERR("an unknown origin", lseek(fd, 0, 99), EINVAL);
    T_ERR("a negative pread", pread(fd, text, 5, -1), EINVAL);
    T_EQ("a read of nothing", read(fd, text, 0), 0);
}

static void check_vectors(int fd)
{
    char one[4] = "", two[8] = "", three[4] = "";
    struct iovec in[] = {{one, 3}, {two, 0}, {two, 4}, {three, 3}};
    struct iovec negative = {one, (size_t)-1};
    volatile int too_many = 1025; /* volatile: the compiler knows the size of `in` */

    lseek(fd, 0, SEEK_SET);
    T_EQ("readv", readv(fd, in, 4), 10);
    T_CHECK("filled in order",
            !strcmp(one, "012") && !strcmp(two, "3456") && !strcmp(three, "7AB"));
    T_EQ("writev", writev(fd, in, 2), 3);
    T_EQ("pwritev", pwritev(fd, in, 4, 20), 10);
    memset(one, 0, sizeof(one));
    T_EQ("preadv", preadv(fd, in, 1, 20), 3);
    T_STR("preadv data", one, "012");
    T_EQ("preadv2 at the offset", preadv2(fd, in, 1, -1, 0), 3);
    T_EQ("of no parts", readv(fd, in, 0), 0);
    T_ERR("too many parts", readv(fd, in, too_many), EINVAL);
    T_ERR("a negative length", readv(fd, &negative, 1), EINVAL);
}

static void check_truncate(int fd)
{
    char text[64];

    T_EQ("shrink", ftruncate(fd, 4), 0);
    T_EQ("size after shrink", size_of(fd), 4);
    T_EQ("grow", ftruncate(fd, 40), 0);
    T_EQ("size after grow", size_of(fd), 40);
    memset(text, 'x', sizeof(text));
    T_EQ("read it", pread(fd, text, sizeof(text), 0), 40);
    bool zero = true;
    for (int i = 4; i < 40; i++) {
        zero = zero && text[i] == 0;
    }
    T_CHECK("what was cut off comes back as zero", zero && memcmp(text, "0123", 4) == 0);
    T_EQ("truncate by name", truncate("data", 2), 0);
    T_EQ("size after truncate", size_of(fd), 2);
    T_ERR("a negative size", ftruncate(fd, -1), EINVAL);
    T_ERR("of what does not exist", truncate("absent", 0), ENOENT);
    T_ERR("of a directory", truncate(".", 0), EISDIR);
}

static void check_truncate_pages(void)
{
    int fd = open("pages", O_CREAT | O_RDWR, 0600);
    bool zero = true;

    memset(big, 'P', sizeof(big));
    T_EQ("write 1 MiB", write(fd, big, sizeof(big)), sizeof(big));
    T_EQ("cut inside a page", ftruncate(fd, 5000), 0);
    T_EQ("grow it back", ftruncate(fd, sizeof(big)), 0);
    T_EQ("read 1 MiB", pread(fd, big, sizeof(big), 0), sizeof(big));
    for (size_t i = 0; i < sizeof(big); i++) {
        zero = zero && big[i] == (i < 5000 ? 'P' : 0);
    }
    T_CHECK("zero after the cut", zero);
    close(fd);
}

static void check_holes(void)
{
    int fd = open("sparse", O_CREAT | O_RDWR, 0600);
    char byte = 'x';
    struct stat st;

    T_EQ("write far out", pwrite(fd, "end", 3, 3 << 20), 3);
    T_EQ("size", size_of(fd), (3 << 20) + 3);
    T_CHECK("the hole reads as zero", pread(fd, &byte, 1, 1 << 20) == 1 && byte == 0);
    T_CHECK("and takes little room", fstat(fd, &st) == 0 && st.st_blocks < (3 << 20) / 512);
    off_t data = lseek(fd, 0, SEEK_DATA);
    T_CHECK("SEEK_DATA finds 0 or the data", data >= 0 && data <= 3 << 20);
    off_t hole = lseek(fd, 0, SEEK_HOLE);
    T_CHECK("SEEK_HOLE finds 0 or the end", hole == 0 || hole == (3 << 20) + 3);
    T_ERR("SEEK_DATA at the end", lseek(fd, (3 << 20) + 3, SEEK_DATA), ENXIO);
    T_ERR("SEEK_HOLE beyond the end", lseek(fd, 4 << 20, SEEK_HOLE), ENXIO);
    T_EQ("a size far beyond memory", ftruncate(fd, (off_t)1 << 40), 0);
    T_CHECK("it reads as zero there", pread(fd, &byte, 1, (off_t)1 << 39) == 1 && byte == 0);
    T_EQ("and back", ftruncate(fd, 0), 0);
    close(fd);
}

static void check_fallocate(void)
{
    int fd = open("allocated", O_CREAT | O_RDWR, 0600);
    char byte = 'x';

    T_EQ("posix_fallocate", posix_fallocate(fd, 0, 10000), 0);
    T_EQ("size", size_of(fd), 10000);
    T_CHECK("zero", pread(fd, &byte, 1, 9999) == 1 && byte == 0);
    T_ERR("fallocate of nothing", fallocate(fd, 0, 0, 0), EINVAL);
    T_EQ("fsync", fsync(fd) | fdatasync(fd), 0);
    T_EQ("posix_fadvise", posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL), 0);
    close(fd);
}

static void check_large(void)
{
    int fd = open("large", O_CREAT | O_RDWR, 0600);
    uint32_t sum = 0, want = 0;
    bool good = true;

    for (uint32_t i = 0; i < sizeof(big); i++) {
        big[i] = (char)(i * 31 >> 3);
        want += (unsigned char)big[i];
    }
    for (int i = 0; i < 8; i++) {
        good = good && write(fd, big, sizeof(big)) == sizeof(big);
    }
    T_CHECK("write 8 MiB", good && size_of(fd) == 8 << 20);
    memset(big, 0, sizeof(big));
    T_EQ("read across pages", pread(fd, big, sizeof(big), sizeof(big) * 3 + 1), sizeof(big));
    for (size_t i = 0; i + 1 < sizeof(big); i++) {
        sum += (unsigned char)big[i];
    }
    T_EQ("sum of what was read", sum + (unsigned char)big[sizeof(big) - 1], want);
    close(fd);
}

int main(void)
{
    t_scratch();
    int fd = open("data", O_CREAT | O_RDWR, 0600);

    T_MUST("create", fd >= 0);
    check_offsets(fd);
    check_vectors(fd);
    check_truncate(fd);
    check_truncate_pages();
    check_holes();
    check_fallocate();
    check_large();
    T_ERR("lseek of a bad descriptor", lseek(99, 0, SEEK_SET), EBADF);
    return t_done();
}
