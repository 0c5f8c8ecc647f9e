// SPDX-License-Identifier: Apache-2.0
/*
 * Copies inside the kernel: sendfile and copy_file_range between files, and sendfile from a file
 * to a pipe and to stdout, with offsets given and not given; splice into and out of pipes.
 */
#include "t.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

enum { SIZE = 300000 };
static char data[SIZE], back[SIZE];

static int make(const char *name, size_t size)
{
    int fd = open(name, O_CREAT | O_TRUNC | O_RDWR, 0600);

    T_MUST("file", fd >= 0 && write(fd, data, size) == (ssize_t)size);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static bool same(int fd, off_t at, size_t from, size_t size)
{
    return pread(fd, back, size, at) == (ssize_t)size && memcmp(back, data + from, size) == 0;
}

static ssize_t send_all(int out, int in, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = sendfile(out, in, NULL, size - done);
        if (n <= 0) {
            break;
        }
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static void check_sendfile(void)
{
    int in = make("in", SIZE);
    int out = make("out", 0);
    off_t offset = 1000;

    T_EQ("sendfile", send_all(out, in, SIZE), SIZE);
    T_CHECK("copied", same(out, 0, 0, SIZE));
    T_CHECK("both offsets moved",
            lseek(in, 0, SEEK_CUR) == SIZE && lseek(out, 0, SEEK_CUR) == SIZE);
    T_EQ("at the end", sendfile(out, in, NULL, 10), 0);
    lseek(out, 0, SEEK_SET);
    T_EQ("with an offset", sendfile(out, in, &offset, 500), 500);
    T_EQ("the offset moved", offset, 1500);
    T_EQ("the file's did not", lseek(in, 0, SEEK_CUR), SIZE);
    T_CHECK("copied from there", same(out, 0, 1000, 500));
    int append = open("out", O_WRONLY | O_APPEND);
    T_ERR("not into an appending file", sendfile(append, in, &offset, 5), EINVAL);
    int reader = open("in", O_RDONLY);
    T_ERR("not into a read-only one", sendfile(reader, in, &offset, 5), EBADF);
    close(append);
    close(reader);
    int ends[2];
    T_MUST("pipe", pipe(ends) == 0);
    offset = 20;
    T_EQ("into a pipe", sendfile(ends[1], in, &offset, 4000), 4000);
    T_CHECK("arrived", read(ends[0], back, 4000) == 4000 && memcmp(back, data + 20, 4000) == 0);
    T_ERR("not from a pipe", sendfile(out, ends[0], &offset, 5), ESPIPE);
    offset = 0;
    T_EQ("to stdout", sendfile(1, in, &offset, 78), 78);
    t_line(1, "\n");
    close(in);
    close(out);
}

static void check_copy_file_range(void)
{
    int in = make("in", SIZE);
    int out = make("out", 0);
    off_t from = 5000, to = 100;

    T_EQ("copy_file_range", copy_file_range(in, NULL, out, NULL, SIZE, 0), SIZE);
    T_CHECK("copied", same(out, 0, 0, SIZE));
    T_EQ("at the end", copy_file_range(in, NULL, out, NULL, 5, 0), 0);
    T_EQ("with offsets", copy_file_range(in, &from, out, &to, 700, 0), 700);
    T_CHECK("they moved", from == 5700 && to == 800);
    T_CHECK("copied there", same(out, 100, 5000, 700));
    T_CHECK("and only there", same(out, 800, 800, 1000));
    from = to = 0;
    T_ERR("overlapping", copy_file_range(in, &from, in, &to, 10, 0), EINVAL);
    from = SIZE - 10;
    to = 0;
    T_EQ("stops at the end", copy_file_range(in, &from, out, &to, 100, 0), 10);
    T_ERR("unknown flags", copy_file_range(in, NULL, out, NULL, 5, 1), EINVAL);
    T_ERR("a bad descriptor", copy_file_range(99, NULL, out, NULL, 5, 0), EBADF);
    close(in);
    close(out);
}

static void check_splice_errors(int in, int ends[2])
{
    off_t offset = 0;
    int append = open("append", O_CREAT | O_WRONLY | O_APPEND, 0600);
    int other[2];

    T_ERR("no pipe", splice(in, NULL, append, NULL, 5, 0), EINVAL);
    T_ERR("an offset in a pipe", splice(in, NULL, ends[1], &offset, 5, 0), ESPIPE);
    T_ERR("the same pipe", splice(ends[0], NULL, ends[1], NULL, 5, 0), EINVAL);
    T_ERR("from the wrong end", splice(ends[1], NULL, append, NULL, 5, 0), EBADF);
    T_ERR("unknown flags", splice(in, NULL, ends[1], NULL, 5, 64), EINVAL);
    T_ERR("a bad descriptor", splice(99, NULL, ends[1], NULL, 5, 0), EBADF);
    T_EQ("nothing", splice(in, NULL, ends[1], NULL, 0, 0), 0);
    T_ERR("an empty pipe", splice(ends[0], NULL, in, NULL, 5, SPLICE_F_NONBLOCK), EAGAIN);
    T_EQ("something in it", write(ends[1], "12345", 5), 5);
    T_ERR("into an appending file", splice(ends[0], NULL, append, NULL, 5, 0), EINVAL);
    T_EQ("takes nothing from the pipe", read(ends[0], back, 9), 5);
    T_MUST("pipe", pipe(other) == 0);
    close(other[0]);
    signal(SIGPIPE, SIG_IGN);
    T_ERR("nobody reads", splice(in, NULL, other[1], NULL, 5, 0), EPIPE);
    close(other[1]);
    T_MUST("pipe", pipe(other) == 0);
    close(other[1]);
    T_EQ("at the end", splice(other[0], NULL, in, NULL, 5, 0), 0);
    close(other[0]);
    close(append);
}

/* Bytes that the other side does not take stay in the pipe. */
static void check_splice_keeps(int ends[2])
{
    int small[2];

    T_MUST("pipe", pipe(small) == 0 && fcntl(small[1], F_SETPIPE_SZ, 4096) == 4096);
    T_EQ("6000 bytes", write(ends[1], data, 6000), 6000);
    T_EQ("4096 fit", splice(ends[0], NULL, small[1], NULL, 6000, 0), 4096);
    T_ERR("then none", splice(ends[0], NULL, small[1], NULL, 6000, SPLICE_F_NONBLOCK), EAGAIN);
    T_EQ("the rest is there", read(ends[0], back, 6000), 6000 - 4096);
    T_CHECK("and right", memcmp(back, data + 4096, 6000 - 4096) == 0);
    T_CHECK("as is what went over",
            read(small[0], back, 6000) == 4096 && !memcmp(back, data, 4096));
    close(small[0]);
    close(small[1]);
}

static void check_splice(void)
{
    int in = make("in", SIZE), out = make("out", 0), ends[2];
    off_t offset = 1000, to = 50;

    T_MUST("pipe", pipe(ends) == 0);
    T_EQ("file to pipe", splice(in, NULL, ends[1], NULL, 3000, 0), 3000);
    T_EQ("moved the position", lseek(in, 0, SEEK_CUR), 3000);
    T_EQ("with an offset", splice(in, &offset, ends[1], NULL, 500, SPLICE_F_MOVE), 500);
    T_CHECK("moved that instead", offset == 1500 && lseek(in, 0, SEEK_CUR) == 3000);
    T_EQ("pipe to file", splice(ends[0], NULL, out, NULL, 3000, 0), 3000);
    T_CHECK("the bytes", same(out, 0, 0, 3000));
    T_EQ("to an offset", splice(ends[0], NULL, out, &to, 500, 0), 500);
    T_CHECK("there", to == 550 && same(out, 50, 1000, 500));
    T_EQ("position kept", lseek(out, 0, SEEK_CUR), 3000);
    T_EQ("a file's end", splice(in, (off_t[]){SIZE}, ends[1], NULL, 5, 0), 0);
    T_EQ("to stdout", splice(in, (off_t[]){0}, 1, NULL, 75, 0), 75);
    T_EQ("newline", write(1, "\n", 1), 1);
    T_CHECK("stdout has a size", fcntl(1, F_GETPIPE_SZ) >= 4096);
    check_splice_errors(in, ends);
    check_splice_keeps(ends);
    close(in);
    close(out);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    t_scratch();
    for (int i = 0; i < SIZE; i++) {
        data[i] = (char)('0' + i % 75);
    }
    check_sendfile();
    check_copy_file_range();
    check_splice();
    return t_done();
}
