// SPDX-License-Identifier: Apache-2.0
/*
 * Files of memfd_create: flags, seals and what each of them forbids; and that a shared mapping of a
 * file that is open for reading cannot be made writable.
 */
#include "t.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#define MFD_EXEC        16u
#endif

static int make(unsigned flags)
{
    int fd = memfd_create("sealed", flags);

    T_MUST("memfd_create", fd >= 0);
    T_MUST("size", ftruncate(fd, 8192) == 0);
    return fd;
}

static void check_creation(void)
{
    struct stat st;
    int fd = make(0), file = open("file", O_RDWR | O_CREAT, 0644);

    T_EQ("without sealing", fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
    T_ERR("none can be added", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
    T_MUST("fstat", fstat(fd, &st) == 0);
    T_EQ("its mode", st.st_mode, S_IFREG | 0777);
    close(fd);
    fd = make(MFD_ALLOW_SEALING);
    T_EQ("with sealing", fcntl(fd, F_GET_SEALS), 0);
    T_ERR("an unknown seal", fcntl(fd, F_ADD_SEALS, 0x1000), EINVAL);
    T_EQ("no more seals", fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_GROW), 0);
    T_EQ("are there", fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_GROW);
    T_ERR("none can be added", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
    close(fd);
    fd = make(MFD_NOEXEC_SEAL);
    T_EQ("MFD_NOEXEC_SEAL", fcntl(fd, F_GET_SEALS), F_SEAL_EXEC);
    T_MUST("fstat", fstat(fd, &st) == 0);
    T_EQ("its mode", st.st_mode, S_IFREG | 0666);
    T_ERR("it cannot become executable", fchmod(fd, 0755), EPERM);
    T_EQ("other bits can change", fchmod(fd, 0600), 0);
    close(fd);
    T_ERR("MFD_EXEC with it", memfd_create("x", MFD_EXEC | MFD_NOEXEC_SEAL), EINVAL);
    T_ERR("unknown flags", memfd_create("x", 0x4000), EINVAL);
    T_ERR("seals of a file", fcntl(file, F_GET_SEALS), EINVAL);
    T_ERR("and to a file", fcntl(file, F_ADD_SEALS, F_SEAL_GROW), EINVAL);
    close(file);
}

static void check_size(void)
{
    char page[4096] = "x";
    int fd = make(MFD_ALLOW_SEALING);

    T_EQ("F_SEAL_SHRINK", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    T_ERR("no smaller", ftruncate(fd, 4096), EPERM);
    T_EQ("larger", ftruncate(fd, 12288), 0);
    T_EQ("F_SEAL_GROW", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
    T_ERR("no larger", ftruncate(fd, 16384), EPERM);
    T_EQ("the same size", ftruncate(fd, 12288), 0);
    T_ERR("a write at the end", pwrite(fd, page, 1, 12288), EPERM);
    T_EQ("a write over the end", pwrite(fd, page, sizeof(page), 8193 - 1), 4096);
    T_EQ("a piece over the end is cut", pwrite(fd, page, 2, 12287), 1);
    T_ERR("fallocate", fallocate(fd, 0, 0, 16384), EPERM);
    T_EQ("fallocate inside", fallocate(fd, 0, 0, 4096), 0);
    close(fd);
}

static void check_writes(void)
{
    char c = 'x';
    int fd = make(MFD_ALLOW_SEALING);
    char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *r;

    T_MUST("mmap", m != MAP_FAILED);
    T_ERR("F_SEAL_WRITE with a writable mapping", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    T_EQ("F_SEAL_FUTURE_WRITE", fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
    m[0] = 'm';
    T_EQ("the mapping goes on", pread(fd, &c, 1, 0) == 1 ? c : 0, 'm');
    T_ERR("no write", pwrite(fd, &c, 1, 0), EPERM);
    T_ERR("no hole", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), EPERM);
    munmap(m, 4096);
    T_EQ("F_SEAL_WRITE", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    T_CHECK("no writable mapping",
            mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
                errno == EPERM);
    r = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    T_CHECK("one to read", r != MAP_FAILED && r[0] == 'm');
    T_ERR("stays so", mprotect(r, 4096, PROT_READ | PROT_WRITE), EACCES);
    m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    T_CHECK("a private one", m != MAP_FAILED && (m[0] = 'p') == 'p');
    T_EQ("changes nothing", pread(fd, &c, 1, 0) == 1 ? c : 0, 'm');
    T_EQ("the size may change", ftruncate(fd, 100), 0);
    close(fd);
}

static void check_read_only(void)
{
    int fd = open("file", O_RDWR), reads = open("file", O_RDONLY);
    char *m;

    T_MUST("size", ftruncate(fd, 4096) == 0);
    m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, reads, 0);
    T_MUST("mmap", m != MAP_FAILED);
    T_ERR("of a file open for reading", mprotect(m, 4096, PROT_READ | PROT_WRITE), EACCES);
    m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    T_MUST("mmap", m != MAP_FAILED);
    T_EQ("of a file open for both", mprotect(m, 4096, PROT_READ | PROT_WRITE), 0);
    m[0] = 'x';
    close(fd);
    close(reads);
}

int main(void)
{
    t_scratch();
    check_creation();
    check_size();
    check_writes();
    check_read_only();
    return t_done();
}
