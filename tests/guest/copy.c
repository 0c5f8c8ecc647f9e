// SPDX-License-Identifier: Apache-2.0
// Copies inside the kernel: sendfile and copy_file_range between files, and sendfile from a file
// to a pipe and to stdout, with offsets given and not given.
#include "t.h"

#include <fcntl.h>
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

int main(void)
{
    t_scratch();
    for (int i = 0; i < SIZE; i++) {
        data[i] = (char)('0' + i % 75);
    }
    check_sendfile();
    check_copy_file_range();
    return t_done();
}
