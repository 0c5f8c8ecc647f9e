// SPDX-License-Identifier: Apache-2.0
/*
 * Calls of functions of the host (HV_TOOL_DEVICE). vmmrun offers the functions: see
 * tests/vmm/vmmrun_tools.c.
 */
#include "t.h"

#include "vmm/abi.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/uio.h>

enum { MIB = 1 << 20 };

static void *volatile nowhere = (void *)8;

static struct reply {
    struct hv_reply head;
    char bytes[HV_REPLY_MAX + 1];
} * reply;

static int device(int flags)
{
    int fd = open(HV_TOOL_DEVICE, O_RDWR | O_CLOEXEC | flags);
    T_MUST("open", fd >= 0);
    return fd;
}

/* Makes a call with a text as its arguments. */
static bool make(int fd, const char *function, const char *text)
{
    char request[256];
    int n = snprintf(request, sizeof(request), "%s%c%s", function, 0, text);
    return write(fd, request, (size_t)n) == n;
}

/* Reads the whole reply; its bytes become a string, with a bar in the place of an error's NUL. */
static const char *taken(int fd)
{
    size_t done = 0;
    ssize_t n;

    while ((n = read(fd, (char *)reply + done, sizeof(*reply) - done)) > 0) {
        done += (size_t)n;
    }
    T_MUST("a reply", n == 0 && done >= sizeof(reply->head));
    T_MUST("its size", reply->head.size == done - sizeof(reply->head));
    reply->bytes[reply->head.size] = '\0';
    if (reply->head.failed) {
        reply->bytes[strlen(reply->bytes)] = '|';
    }
    return reply->bytes;
}

static const char *asked(int fd, const char *function, const char *text)
{
    T_MUST("write", make(fd, function, text));
    return taken(fd);
}

static void check_at_once(int fd)
{
    T_EQ("nothing to read yet", read(fd, reply, 100), 0);
    T_STR("echo", asked(fd, "echo", "hello"), "hello");
    T_STR("no arguments", asked(fd, "echo", ""), "");
    T_STR("once more", asked(fd, "echo", "again"), "again");
    T_STR("an error of the function", asked(fd, "fail", "why"), "TestError|why");
    T_CHECK("it says that it failed", reply->head.failed == 1);
    T_STR("an error of the library", asked(fd, "none", ""),
          "NameError|the host has no function 'none'");
    T_STR("a name of strange characters", asked(fd, "a\n\377b", ""),
          "NameError|the host has no function 'a??b'");
    T_EQ("no name", write(fd, "echo", 4), 4);
    T_STR("no name", taken(fd), "ValueError|a request without the name of a function");
    T_EQ("an empty name", write(fd, "\0x", 2), 2);
    T_STR("an empty name", taken(fd), "ValueError|a request without the name of a function");
    T_STR("just allowed", asked(fd, "small", "12345678"), "12345678");
    T_STR("too large", asked(fd, "small", "123456789"),
          "ValueError|small: the arguments have 9 bytes, 8 are allowed");
}

/* In pieces, by readv, partly, and not at all. */
static void check_reading(int fd)
{
    struct hv_reply head;
    char a[3], b[8];
    struct iovec iov[] = {{&head, sizeof(head)}, {a, 3}, {b, 8}};

    T_CHECK("call", make(fd, "echo", "abcdefg"));
    T_EQ("readv", readv(fd, iov, 3), sizeof(head) + 7);
    T_CHECK("its pieces", head.size == 7 && memcmp(a, "abc", 3) == 0 && memcmp(b, "defg", 4) == 0);
    T_EQ("the end", read(fd, b, 8), 0);
    T_CHECK("call", make(fd, "echo", "abcdefg"));
    for (size_t i = 0; i < sizeof(head) + 7; i++) {
        T_MUST("a byte", read(fd, (char *)reply + i, 1) == 1);
    }
    T_CHECK("bytewise", memcmp(reply->bytes, "abcdefg", 7) == 0 && read(fd, b, 8) == 0);
    T_CHECK("call", make(fd, "echo", "dropped"));
    T_EQ("some of it", read(fd, b, 8), 8);
    T_STR("the next call", asked(fd, "echo", "new"), "new");
    T_CHECK("call", make(fd, "echo", "x"));
    T_ERR("a bad buffer", read(fd, nowhere, 100), EFAULT);
    T_STR("it is still there", taken(fd), "x");
    T_ERR("seek", lseek(fd, 0, SEEK_SET), ESPIPE);
    T_ERR("pread", pread(fd, b, 8, 0), ESPIPE);
}

static void check_writing(int fd)
{
    struct iovec iov[] = {{(char[]){"ec"}, 2}, {(char[]){"ho\0a"}, 4}, {(char[]){"b"}, 1}};
    char *big = malloc(HV_REQUEST_MAX + 1);

    T_EQ("writev", writev(fd, iov, 3), 7);
    T_STR("writev is one call", taken(fd), "ab");
    T_ERR("an empty write", write(fd, "", 0), EINVAL);
    T_ERR("a bad buffer", write(fd, nowhere, 100), EFAULT);
    T_MUST("memory", big != NULL);
    memset(big, 'x', HV_REQUEST_MAX + 1);
    memcpy(big, "echo", 5);
    T_ERR("too large", write(fd, big, HV_REQUEST_MAX + 1), EMSGSIZE);
    T_EQ("the largest", write(fd, big, HV_REQUEST_MAX), HV_REQUEST_MAX);
    T_CHECK("the largest comes back", memcmp(taken(fd), big + 5, HV_REQUEST_MAX - 5) == 0);
    free(big);
}

static bool counted(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)reply->bytes[i] != (unsigned char)i) {
            return false;
        }
    }
    return reply->head.size == n && reply->head.failed == 0;
}

static void check_sizes(int fd)
{
    static const size_t sizes[] = {0,     1,     4000,  4096,        65519,   65520,
                                   65521, 65536, 65537, 131072 - 16, 1000000, HV_REPLY_MAX};
    bool good = true;
    char text[20];

    for (size_t i = 0; i < T_COUNT(sizes); i++) {
        snprintf(text, sizeof(text), "%zu", sizes[i]);
        asked(fd, "size", text);
        good = good && counted(sizes[i]);
    }
    T_CHECK("replies of all sizes", good);
    T_STR("too large a reply", asked(fd, "size", "16777217"),
          "ValueError|size: the reply has 16777217 bytes, 16777216 are allowed");
    T_CHECK("call", make(fd, "size", "100000"));
    T_EQ("half of it", read(fd, reply, 50000), 50000);
    T_CHECK("the next call", make(fd, "size", "100000"));
    T_EQ("none of it", close(fd), 0);
}

static void check_late(void)
{
    int fd = device(0);

    T_STR("answered when all waits", asked(fd, "late", "me"), "me");
    T_STR("by a thread", asked(fd, "thread", "20"), "20");
    T_CHECK("a large one", make(fd, "late", "x"));
    T_ERR("busy", write(fd, "echo\0y", 6), EBUSY);
    T_STR("it is answered", taken(fd), "x");
    close(fd);
}

static uint32_t ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    return poll(&p, 1, 0) > 0 ? (uint32_t)p.revents : 0;
}

static void check_poll(void)
{
    int fd = device(O_NONBLOCK), ep = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.u32 = 7}};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte;

    T_EQ("idle", ready(fd), POLLOUT);
    T_CHECK("call", make(fd, "thread", "50"));
    T_EQ("open", ready(fd), 0);
    T_ERR("no answer yet", read(fd, &byte, 1), EAGAIN);
    T_EQ("poll times out", poll(&p, 1, 5), 0);
    T_EQ("poll waits", poll(&p, 1, 10000), 1);
    T_EQ("answered", ready(fd), POLLIN | POLLOUT);
    T_STR("read", taken(fd), "50");
    T_EQ("idle again", ready(fd), POLLOUT);
    T_EQ("epoll", epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
    T_CHECK("call", make(fd, "late", "e"));
    T_EQ("epoll waits", epoll_wait(ep, &event, 1, 10000), 1);
    T_CHECK("for it", event.data.u32 == 7 && strcmp(taken(fd), "e") == 0);
    close(ep);
    close(fd);
}

/* Ten calls at a time, answered in another order than they were made. */
static void check_many(void)
{
    int fds[HV_REQUESTS + 1], good = 0;
    char text[20];

    for (int i = 0; i < 10; i++) {
        fds[i] = device(0);
        snprintf(text, sizeof(text), "%d", i);
        good += make(fds[i], i % 2 ? "late" : "thread", text);
    }
    T_EQ("ten calls", good, 10);
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof(text), "%d", i);
        T_MUST("its own answer", strcmp(taken(fds[i]), text) == 0);
        close(fds[i]);
    }
    good = 0;
    for (int i = 0; i <= (int)HV_REQUESTS; i++) {
        fds[i] = device(0);
        good += make(fds[i], "never", "");
    }
    T_EQ("as many as there may be", good, HV_REQUESTS);
    T_ERR("one more", write(fds[HV_REQUESTS], "echo", 5), EAGAIN);
    close(fds[100]);
    T_STR("closing one gives it up", asked(fds[HV_REQUESTS], "echo", "y"), "y");
    for (int i = 0; i <= (int)HV_REQUESTS; i++) {
        close(fds[i]);
    }
}

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
    (void)sig;
    alarms++;
}

static void check_signals(void)
{
    int fd = device(0), copy;
    char byte;
    struct sigaction action = {.sa_handler = on_alarm};

    sigaction(SIGALRM, &action, NULL);
    T_CHECK("call", make(fd, "never", ""));
    copy = dup(fd);
    close(fd);
    alarm(1);
    T_ERR("a signal ends the wait", read(copy, &byte, 1), EINTR);
    T_EQ("it was handled", alarms, 1);
    close(copy);
}

static void *computing(void *arg)
{
    volatile unsigned long n = 0;
    while (!__atomic_load_n((bool *)arg, __ATOMIC_RELAXED)) {
        n++;
    }
    return NULL;
}

static void *waiting(void *arg)
{
    char text[100] = {0};
    ssize_t n = read(*(int *)arg, text, sizeof(text) - 1);
    return strdup(n > 16 ? text + 16 : "no reply");
}

/* One thread waits, and another computes or sleeps. */
static void check_threads(void)
{
    int fd = device(0);
    pthread_t thread;
    bool over = false;
    void *text;

    T_MUST("thread", pthread_create(&thread, NULL, computing, &over) == 0);
    T_STR("while another computes", asked(fd, "thread", "30"), "30");
    over = true;
    pthread_join(thread, NULL);
    T_CHECK("call", make(fd, "late", "slept"));
    T_MUST("thread", pthread_create(&thread, NULL, waiting, &fd) == 0);
    t_sleep_ms(30);
    pthread_join(thread, &text);
    T_STR("while another sleeps", text, "slept");
    close(fd);
}

/* The run ends while calls are open. */
static void check_turn(void)
{
    int open_call = device(0), unread = device(0), blocked = device(0), half = device(0);
    int run = open(HV_RUN_DEVICE, O_RDWR);
    char frame[4096];
    pthread_t thread;
    void *text;

    T_CHECK("calls", make(open_call, "never", "") && make(unread, "size", "70000") &&
                         make(blocked, "never", "") && make(half, "size", "70000"));
    T_EQ("half", read(half, reply, 1000), 1000);
    T_MUST("thread", pthread_create(&thread, NULL, waiting, &blocked) == 0);
    t_sleep_ms(10);
    fflush(stdout);
    while (read(run, frame, sizeof(frame)) > 0) {
    }
    pthread_join(thread, &text);
    T_STR("a thread that waited", text, "ConnectionAbortedError");
    T_STR("an open call", taken(open_call),
          "ConnectionAbortedError|the run that made the call has ended");
    T_STR("a reply that was not read", taken(unread),
          "ConnectionAbortedError|the run that made the call has ended");
    T_EQ("the rest of a reply", read(half, reply, 1000), 0);
    T_STR("new calls work", asked(half, "echo", "new"), "new");
    T_STR("on all", asked(blocked, "late", "new"), "new");
    T_CHECK("open when the run ends", make(open_call, "never", ""));
}

int main(void)
{
    int fd = device(0);

    reply = mmap(NULL, sizeof(*reply), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    T_MUST("memory", reply != MAP_FAILED);
    check_at_once(fd);
    check_reading(fd);
    check_writing(fd);
    check_sizes(fd);
    check_late();
    check_poll();
    check_many();
    check_signals();
    check_threads();
    check_turn();
    return t_done();
}
