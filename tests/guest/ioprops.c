// SPDX-License-Identifier: Apache-2.0
/*
 * Properties of pipes between processes, of FIFOs, and of the calls that move bytes between files:
 * sendfile, splice, tee, copy_file_range. Linux says what each line must be.
 */
#include "tell.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static char block[131072];

static void packets(void)
{
    int ends[2];

    TELL("pipe2, O_DIRECT", pipe2(ends, O_DIRECT | O_NONBLOCK));
    TELL("two", write(ends[1], "ab", 2));
    TELL("three", write(ends[1], "cde", 3));
    TELL("of 5000 bytes", write(ends[1], block, 5000));
    TELL("none", write(ends[1], block, 0));
    TELL("one packet", read(ends[0], block, 100));
    TELL("a part", read(ends[0], block, 1));
    TELL("the rest of it is gone", read(ends[0], block, 10000));
    TELL("what a packet could not hold", read(ends[0], block, 10000));
    TELL("empty", read(ends[0], block, 10));
    for (int i = 0; i < 20; i++) {
        TELL("small ones, until it is full", write(ends[1], "x", 1));
    }
    TELL("no packets", fcntl(ends[1], F_SETFL, O_NONBLOCK));
    TELL("one", read(ends[0], block, 10));
    TELL("bytes after packets", write(ends[1], "yz", 2));
    TELL("are", read(ends[0], block, 10));
    close(ends[0]);
    close(ends[1]);
    TELL("pipe2, O_APPEND", pipe2(ends, O_APPEND));
}

static void sizes(void)
{
    int ends[2], count = 0;

    T_MUST("pipe", pipe2(ends, O_NONBLOCK) == 0);
    TELL("F_GETPIPE_SZ", fcntl(ends[0], F_GETPIPE_SZ));
    TELL("F_SETPIPE_SZ 1", fcntl(ends[0], F_SETPIPE_SZ, 1));
    TELL("F_SETPIPE_SZ 5000", fcntl(ends[1], F_SETPIPE_SZ, 5000));
    TELL("F_SETPIPE_SZ 131072", fcntl(ends[1], F_SETPIPE_SZ, 131072));
    TELL("fill", write(ends[1], block, 100000));
    TELL("too small now", fcntl(ends[1], F_SETPIPE_SZ, 4096));
    TELL("but", fcntl(ends[1], F_GETPIPE_SZ));
    TELL("read a part", read(ends[0], block, 99000));
    TELL("smaller", fcntl(ends[1], F_SETPIPE_SZ, 4096));
    TELL("what is left", ioctl(ends[0], FIONREAD, &count) + count);
    TELL("read", read(ends[0], block, 5000));
    TELL("of a file", fcntl(open("file", O_RDWR | O_CREAT, 0600), F_GETPIPE_SZ));
    close(ends[0]);
    close(ends[1]);
}

static int revents(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    poll(&p, 1, 0);
    return p.revents;
}

static void states(void)
{
    int ends[2], held[2], status;
    pid_t pid;

    T_MUST("pipe", pipe(ends) == 0 && pipe(held) == 0);
    signal(SIGPIPE, SIG_IGN);
    TELL("empty, to read", revents(ends[0], POLLIN | POLLOUT));
    TELL("empty, to write", revents(ends[1], POLLIN | POLLOUT));
    pid = fork();
    if (pid == 0) {
        char c;
        close(held[1]);
        _exit(read(held[0], &c, 1) == 0 ? 0 : 1);
    }
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    TELL("a child has it open to write", read(ends[0], block, 1));
    close(held[1]);
    waitpid(pid, &status, 0);
    TELL("nobody has", read(ends[0], block, 1));
    TELL("hung up", revents(ends[0], POLLIN));
    close(ends[0]);
    T_MUST("pipe", pipe(ends) == 0);
    TELL("something", write(ends[1], "x", 1));
    close(ends[0]);
    TELL("nobody reads", write(ends[1], "x", 1));
    TELL("poll", revents(ends[1], POLLOUT));
    TELL("an empty write", write(ends[1], "x", 0));
    TELL("lseek", lseek(ends[1], 0, SEEK_CUR));
    TELL("pwrite", pwrite(ends[1], "x", 1, 0));
    TELL("ftruncate", ftruncate(ends[1], 0));
    TELL("fsync", fsync(ends[1]));
    TELL("mmap", mmap(NULL, 4096, PROT_READ, MAP_SHARED, held[0], 0) == MAP_FAILED ? -errno : 0);
    close(ends[1]);
    close(held[0]);
    signal(SIGPIPE, SIG_DFL);
}

static int writes_blocks(int out, char c)
{
    char own[PIPE_BUF];

    memset(own, c, sizeof(own));
    for (int i = 0; i < 40; i++) {
        if (write(out, own, sizeof(own)) != (ssize_t)sizeof(own)) {
            return 1;
        }
    }
    return 0;
}

static bool reads_whole(int in, char *own)
{
    size_t have = 0;

    while (have < PIPE_BUF) {
        ssize_t n = read(in, own + have, PIPE_BUF - have);
        if (n <= 0) {
            return false;
        }
        have += (size_t)n;
    }
    for (size_t i = 1; i < PIPE_BUF; i++) {
        T_MUST("a write of PIPE_BUF bytes is in one piece", own[i] == own[0]);
    }
    return true;
}

static void atomic(void)
{
    int ends[2], blocks = 0;
    char own[PIPE_BUF];

    T_MUST("pipe", pipe(ends) == 0);
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            _exit(writes_blocks(ends[1], (char)('a' + i)));
        }
    }
    close(ends[1]);
    while (reads_whole(ends[0], own)) {
        blocks++;
    }
    TELL("three writers, blocks in one piece", blocks);
    while (wait(NULL) > 0) {
    }
    close(ends[0]);
    T_MUST("pipe", pipe2(ends, O_NONBLOCK) == 0);
    TELL("full", write(ends[1], block, sizeof(block)));
    TELL("a page is read", read(ends[0], block, 4096));
    TELL("room for PIPE_BUF", write(ends[1], block, PIPE_BUF));
    TELL("and for no more", write(ends[1], block, 1));
    close(ends[0]);
    close(ends[1]);
}

static void fifos(void)
{
    int in, out, status;
    pid_t pid;
    char c = 0;

    T_MUST("mkfifo", mkfifo("fifo", 0600) == 0);
    TELL("no reader", open("fifo", O_WRONLY | O_NONBLOCK));
    in = open("fifo", O_RDONLY | O_NONBLOCK);
    TELL("a reader", in >= 0);
    TELL("without a writer", read(in, &c, 1));
    TELL("not hung up", revents(in, POLLIN));
    out = open("fifo", O_WRONLY | O_NONBLOCK);
    TELL("empty", read(in, &c, 1));
    close(out);
    TELL("end of file", read(in, &c, 1));
    TELL("hung up", revents(in, POLLIN));
    close(in);
    pid = fork();
    if (pid == 0) {
        out = open("fifo", O_WRONLY);
        _exit(write(out, "y", 1) == 1 ? 0 : 1);
    }
    in = open("fifo", O_RDONLY);
    TELL("by two processes", read(in, &c, 1));
    waitpid(pid, &status, 0);
    TELL("which", c + status);
    TELL("end", read(in, &c, 1));
    close(in);
    out = open("fifo", O_RDWR);
    TELL("both", write(out, "z", 1) + read(out, &c, 1));
    TELL("O_TRUNC", open("fifo", O_RDWR | O_TRUNC) > 0);
    close(out);
    unlink("fifo");
}

static int file_of(const char *name, size_t size)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

    memset(block, 'f', sizeof(block));
    T_MUST(name, write(fd, block, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void sendfiles(void)
{
    int from = file_of("from", 10000), to = file_of("to", 0), ends[2], pair[2];
    off_t offset = 9000;

    T_MUST("ends", pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    TELL("sendfile to a file", sendfile(to, from, NULL, 5000));
    TELL("from the position", lseek(from, 0, SEEK_CUR));
    TELL("at an offset", sendfile(to, from, &offset, 5000));
    TELL("which moves", offset);
    TELL("not the position", lseek(from, 0, SEEK_CUR));
    TELL("at the end", sendfile(to, from, &offset, 5000));
    TELL("size", lseek(to, 0, SEEK_END));
    TELL("to a pipe", sendfile(ends[1], from, NULL, 100));
    TELL("to a socket", sendfile(pair[0], from, NULL, 100));
    TELL("from a pipe", sendfile(to, ends[0], NULL, 10));
    offset = -1;
    TELL("a negative offset", sendfile(to, from, &offset, 1));
    TELL("from what is to write only", sendfile(to, open("from", O_WRONLY), NULL, 1));
    TELL("to what is to read only", sendfile(open("to", O_RDONLY), from, NULL, 1));
    TELL("to O_APPEND", sendfile(open("to", O_WRONLY | O_APPEND), from, NULL, 1));
    TELL("nothing", sendfile(to, from, NULL, 0));
    close(from);
    close(to);
    close(ends[0]);
    close(ends[1]);
    close(pair[0]);
    close(pair[1]);
}

static void splices(void)
{
    int from = file_of("from", 10000), to = file_of("to", 0), a[2], b[2];
    off_t offset = 100;

    T_MUST("pipes", pipe2(a, O_NONBLOCK) == 0 && pipe2(b, O_NONBLOCK) == 0);
    TELL("file to pipe", splice(from, &offset, a[1], NULL, 3000, 0));
    TELL("offset", offset);
    TELL("tee", tee(a[0], b[1], 2000, 0));
    TELL("both have it", read(b[0], block, 5000));
    TELL("pipe to file", splice(a[0], NULL, to, NULL, 1000, 0));
    TELL("pipe to pipe", splice(a[0], NULL, b[1], NULL, 500, 0));
    TELL("rest", read(a[0], block, 5000));
    TELL("moved", read(b[0], block, 5000));
    TELL("empty", splice(a[0], NULL, to, NULL, 10, 0));
    TELL("empty tee", tee(a[0], b[1], 10, 0));
    TELL("no pipe", splice(from, NULL, to, NULL, 10, 0));
    TELL("an offset of a pipe", splice(a[0], &offset, to, NULL, 10, 0));
    TELL("an offset of the other", splice(from, NULL, a[1], &offset, 10, 0));
    TELL("onto itself", splice(a[0], NULL, a[1], NULL, 10, 0));
    TELL("tee onto itself", tee(a[0], a[1], 10, 0));
    TELL("tee of a file", tee(from, a[1], 10, 0));
    TELL("wrong flags", splice(from, NULL, a[1], NULL, 10, 256));
    TELL("nothing", splice(from, NULL, a[1], NULL, 0, 0));
    TELL("the wrong end", splice(a[1], NULL, to, NULL, 10, 0));
    offset = 20000;
    TELL("beyond the file", splice(from, &offset, a[1], NULL, 10, 0));
    TELL("to O_APPEND",
         write(a[1], "x", 1) + splice(a[0], NULL, open("to", O_WRONLY | O_APPEND), NULL, 10, 0));
    close(from);
    close(to);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static void copies(void)
{
    int from = file_of("from", 10000), to = file_of("to", 0), ends[2];
    off_t in = 1000, out = 50;

    T_MUST("pipe", pipe(ends) == 0);
    TELL("copy_file_range", copy_file_range(from, NULL, to, NULL, 4000, 0));
    TELL("with offsets", copy_file_range(from, &in, to, &out, 4000, 0));
    TELL("which move", in * 100000 + out);
    TELL("positions stay", lseek(from, 0, SEEK_CUR) * 100000 + lseek(to, 0, SEEK_CUR));
    in = 9999;
    TELL("the last byte", copy_file_range(from, &in, to, NULL, 4000, 0));
    TELL("nothing after it", copy_file_range(from, &in, to, NULL, 4000, 0));
    in = 0;
    out = 5;
    TELL("ranges that meet", copy_file_range(from, &in, from, &out, 10, 0));
    out = 5000;
    TELL("ranges apart", copy_file_range(from, &in, from, &out, 10, 0));
    TELL("wrong flags", copy_file_range(from, NULL, to, NULL, 10, 1));
    TELL("of a pipe", copy_file_range(ends[0], NULL, to, NULL, 10, 0));
    TELL("of a directory", copy_file_range(open(".", O_RDONLY), NULL, to, NULL, 10, 0));
    TELL("to O_APPEND", copy_file_range(from, NULL, open("to", O_WRONLY | O_APPEND), NULL, 1, 0));
    TELL("to what is to read only", copy_file_range(from, NULL, open("to", O_RDONLY), NULL, 1, 0));
    TELL("from what is to write only", copy_file_range(open("to", O_WRONLY), NULL, to, NULL, 1, 0));
    in = -5;
    TELL("a negative offset", copy_file_range(from, &in, to, NULL, 1, 0));
    close(from);
    close(to);
    close(ends[0]);
    close(ends[1]);
}

static void vectors(void)
{
    int fd = file_of("vector", 100);
    struct iovec iov[2] = {{block, 10}, {block + 10, 10}};
    static struct iovec many[1025];

    TELL("readv", readv(fd, iov, 2));
    TELL("of none", readv(fd, iov, 0));
    TELL("of 1025", readv(fd, many, 1025));
    TELL("of -1", syscall(SYS_readv, fd, iov, -1));
    iov[1].iov_len = (size_t)-1;
    TELL("too long", readv(fd, iov, 2));
    iov[1] = (struct iovec){(void *)16, 10};
    TELL("the second is bad", readv(fd, iov, 2));
    TELL("preadv", preadv(fd, iov, 1, 95));
    TELL("preadv2, at the position", preadv2(fd, iov, 1, -1, 0));
    TELL("preadv, negative", preadv(fd, iov, 1, -1));
    TELL("preadv2, wrong flags", preadv2(fd, iov, 1, 0, 1 << 20));
    TELL("pwritev2, RWF_APPEND", pwritev2(fd, iov, 1, 0, RWF_APPEND));
    TELL("size", lseek(fd, 0, SEEK_END));
    TELL("SEEK_DATA", lseek(fd, 5, SEEK_DATA));
    TELL("SEEK_HOLE", lseek(fd, 5, SEEK_HOLE));
    TELL("SEEK_DATA beyond", lseek(fd, 500, SEEK_DATA));
    TELL("lseek, negative", lseek(fd, -1, SEEK_SET));
    TELL("lseek, whence", lseek(fd, 0, 9));
    close(fd);
}

int main(void)
{
    t_scratch();
    packets();
    sizes();
    states();
    atomic();
    fifos();
    sendfiles();
    splices();
    copies();
    vectors();
    return t_done();
}
