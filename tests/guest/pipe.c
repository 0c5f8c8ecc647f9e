// SPDX-License-Identifier: Apache-2.0
/*
 * Pipes: order, end of file, EPIPE with and without SIGPIPE, EAGAIN, capacity, atomic small writes,
 * and readers and writers that block, in two threads.
 */
#include "stream.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static int ends[2];
static char big[1 << 20];
static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
    caught = sig;
}

static void check_basic(void)
{
    char text[16] = "";
    struct stat st;
    int waiting = -1;

    T_MUST("pipe", pipe(ends) == 0);
    T_CHECK("lowest descriptors", ends[0] == 3 && ends[1] == 4);
    T_CHECK("a FIFO", fstat(ends[0], &st) == 0 && S_ISFIFO(st.st_mode));
    T_EQ("write", write(ends[1], "abcdef", 6), 6);
    T_CHECK("FIONREAD", ioctl(ends[0], FIONREAD, &waiting) == 0 && waiting == 6);
    T_EQ("a read takes what is there", read(ends[0], text, 4), 4);
    T_EQ("then the rest", read(ends[0], text + 4, 10), 2);
    T_STR("in order", text, "abcdef");
    T_EQ("a write of nothing", write(ends[1], text, 0), 0);
    T_ERR("no seeking", lseek(ends[0], 0, SEEK_CUR), ESPIPE);
    T_ERR("no pread", pread(ends[0], text, 1, 0), ESPIPE);
    T_ERR("the read end does not write", write(ends[0], "x", 1), EBADF);
    T_ERR("the write end does not read", read(ends[1], text, 1), EBADF);
    T_EQ("write, then close", write(ends[1], "z", 1) | close(ends[1]), 1);
    T_EQ("what was written stays", read(ends[0], text, 10), 1);
    T_EQ("then end of file", read(ends[0], text, 10), 0);
    T_EQ("again", read(ends[0], text, 10), 0);
    close(ends[0]);
}

static void check_broken(void)
{
    struct sigaction act = {.sa_handler = on_signal};

    T_MUST("pipe", pipe(ends) == 0);
    close(ends[0]);
    sigaction(SIGPIPE, &act, NULL);
    T_ERR("a write without a reader", write(ends[1], "x", 1), EPIPE);
    T_EQ("raises SIGPIPE", caught, SIGPIPE);
    signal(SIGPIPE, SIG_IGN);
    T_ERR("ignored, only EPIPE", write(ends[1], "x", 1), EPIPE);
    close(ends[1]);
    signal(SIGPIPE, SIG_DFL);
}

static void check_nonblocking(void)
{
    char c;

    T_MUST("pipe2", pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    T_EQ("flags", fcntl(ends[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    T_EQ("close-on-exec", fcntl(ends[1], F_GETFD), FD_CLOEXEC);
    T_ERR("empty", read(ends[0], &c, 1), EAGAIN);
    T_EQ("F_SETPIPE_SZ", fcntl(ends[1], F_SETPIPE_SZ, 65536), 65536);
    T_EQ("F_GETPIPE_SZ", fcntl(ends[1], F_GETPIPE_SZ), 65536);
    T_EQ("takes its capacity", write(ends[1], big, sizeof(big)), 65536);
    T_ERR("then is full", write(ends[1], "x", 1), EAGAIN);
    T_EQ("a page read", read(ends[0], big, 4096), 4096);
    T_EQ("makes room for a page", write(ends[1], big, 8192) >= 4096, 1);
    T_ERR("unknown flags", pipe2(ends, 1), EINVAL);
    close(ends[0]);
    close(ends[1]);
}

static void check_threads(void)
{
    T_MUST("pipe", pipe(ends) == 0);
    struct stream s = {.in = ends[0], .out = ends[1], .data = big, .size = sizeof(big)};
    stream_run(&s);
    T_CHECK("the writer blocked and finished", s.finished);
    T_EQ("1 MiB came through", s.came, sizeof(big));
    T_CHECK("unchanged", s.same);
    close(ends[0]);
}

static void *small_writer(void *which)
{
    char record[512];

    memset(record, *(char *)which, sizeof(record));
    for (int i = 0; i < 400; i++) {
        if (write(ends[1], record, sizeof(record)) != sizeof(record)) {
            return NULL;
        }
    }
    return which;
}

static void check_atomic(void)
{
    pthread_t threads[3];
    char names[3] = {'a', 'b', 'c'};
    int counts[3] = {0};
    char record[512];
    bool whole = true;

    T_MUST("pipe", pipe(ends) == 0);
    for (int i = 0; i < 3; i++) {
        T_MUST("thread", pthread_create(&threads[i], NULL, small_writer, &names[i]) == 0);
    }
    for (int i = 0; i < 1200; i++) {
        whole = whole && read(ends[0], record, sizeof(record)) == sizeof(record) &&
                memcmp(record, record + 1, sizeof(record) - 1) == 0;
        if (record[0] >= 'a' && record[0] <= 'c') {
            counts[record[0] - 'a']++;
        }
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    T_CHECK("small writes stay whole", whole);
    T_CHECK("none is lost", counts[0] == 400 && counts[1] == 400 && counts[2] == 400);
    close(ends[0]);
    close(ends[1]);
}

static void check_fifo(void)
{
    char text[8] = "";

    T_EQ("mkfifo", mkfifo("fifo", 0600), 0);
    T_ERR("no reader yet", open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
    int in = open("fifo", O_RDONLY | O_NONBLOCK);
    int out = open("fifo", O_WRONLY);
    T_CHECK("both ends by name", in >= 0 && out >= 0);
    T_CHECK("data passes", write(out, "fifo", 4) == 4 && read(in, text, 7) == 4);
    T_STR("unchanged by the name", text, "fifo");
    close(in);
    close(out);
}

static int open_again(int fd, int flags)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, flags);
}

/* A pipe that is opened by its link in /proc waits for no other side. */
static void check_again(void)
{
    char text[8] = "";
    int in, out;

    T_MUST("pipe", pipe(ends) == 0);
    T_EQ("write", write(ends[1], "pipe", 4), 4);
    out = open_again(ends[1], O_WRONLY);
    close(ends[1]);
    T_EQ("a second end", write(out, "!", 1), 1);
    close(out);
    in = open_again(ends[0], O_RDONLY);
    T_CHECK("without a writer", in >= 0);
    close(ends[0]);
    T_EQ("what was written", read(in, text, sizeof(text) - 1), 5);
    T_STR("is there", text, "pipe!");
    T_EQ("end of file", read(in, text, 1), 0);
    close(in);
    T_MUST("pipe", pipe(ends) == 0);
    close(ends[0]);
    out = open_again(ends[1], O_WRONLY);
    T_CHECK("without a reader", out >= 0);
    close(out);
    close(ends[1]);
}

int main(void)
{
    t_scratch();
    check_basic();
    check_broken();
    check_nonblocking();
    check_threads();
    check_atomic();
    check_fifo();
    check_again();
    return t_done();
}
