// SPDX-License-Identifier: Apache-2.0
/*
 * Connected pairs of local sockets, which event loops use to wake themselves: streams, datagrams,
 * shutdown, peeking, non-blocking calls, poll, EPIPE, vectors.
 */
#include "stream.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

static int ends[2];
static char big[1 << 20];

static void pair(int type)
{
    T_MUST("socketpair", socketpair(AF_UNIX, type, 0, ends) == 0);
}

static void close_pair(void)
{
    close(ends[0]);
    close(ends[1]);
}

static short poll_one(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, 0) == 1 ? p.revents : 0;
}

static void check_stream(void)
{
    char text[32] = "";
    struct stat st;

    pair(SOCK_STREAM | SOCK_CLOEXEC);
    T_CHECK("a socket", fstat(ends[0], &st) == 0 && S_ISSOCK(st.st_mode));
    T_EQ("close-on-exec", fcntl(ends[1], F_GETFD), FD_CLOEXEC);
    T_EQ("one way", write(ends[0], "abc", 3), 3);
    T_EQ("and the other", send(ends[1], "xyz", 3, 0), 3);
    T_EQ("peek", recv(ends[1], text, 2, MSG_PEEK), 2);
    T_EQ("the bytes stay", read(ends[1], text, 10), 3);
    T_STR("in order", text, "abc");
    T_CHECK("the other way", recv(ends[0], text, 10, 0) == 3 && !memcmp(text, "xyz", 3));
    T_ERR("empty", recv(ends[0], text, 10, MSG_DONTWAIT), EAGAIN);
    T_EQ("shutdown", shutdown(ends[0], SHUT_WR), 0);
    T_EQ("end of file", read(ends[1], text, 10), 0);
    T_EQ("the other way still works", write(ends[1], "still", 5), 5);
    T_EQ("and arrives", read(ends[0], text, 10), 5);
    T_ERR("no writing after shutdown", send(ends[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    close(ends[1]);
    T_EQ("the peer is gone", read(ends[0], text, 10), 0);
    close(ends[0]);
    T_ERR("no seeking", lseek(ends[0], 0, SEEK_SET), EBADF);
}

static void check_nonblocking(void)
{
    char c;
    size_t total = 0, back = 0;
    ssize_t n;

    pair(SOCK_STREAM | SOCK_NONBLOCK);
    T_ERR("nothing to read", read(ends[0], &c, 1), EAGAIN);
    T_EQ("writable", poll_one(ends[0], POLLIN | POLLOUT), POLLOUT);
    while ((n = write(ends[0], big, 4096)) > 0) {
        total += (size_t)n;
    }
    T_EQ("full", errno, EAGAIN);
    T_CHECK("after at least 64 KiB", total >= 65536);
    T_EQ("not writable", poll_one(ends[0], POLLOUT), 0);
    T_EQ("readable", poll_one(ends[1], POLLIN), POLLIN);
    while ((n = read(ends[1], big, sizeof(big))) > 0) {
        back += (size_t)n;
    }
    T_EQ("everything arrives", back, total);
    T_EQ("writable again", poll_one(ends[0], POLLOUT), POLLOUT);
    close(ends[1]);
    T_EQ("hang-up", poll_one(ends[0], POLLIN) & (POLLIN | POLLHUP), POLLIN | POLLHUP);
    signal(SIGPIPE, SIG_IGN);
    T_ERR("a write to nobody", write(ends[0], "x", 1), EPIPE);
    close(ends[0]);
}

static void check_datagrams(void)
{
    char text[32] = "";

    pair(SOCK_DGRAM);
    T_EQ("one datagram", send(ends[0], "first", 5, 0), 5);
    T_EQ("another", send(ends[0], "second", 6, 0), 6);
    T_EQ("come apart", recv(ends[1], text, sizeof(text), 0), 5);
    T_EQ("and are cut", recv(ends[1], text, 3, 0), 3);
    T_ERR("the rest is lost", recv(ends[1], text, 3, MSG_DONTWAIT), EAGAIN);
    close_pair();
}

static void check_threads(void)
{
    pair(SOCK_STREAM);
    struct stream s = {.in = ends[0], .out = ends[1], .data = big, .size = sizeof(big)};
    stream_run(&s);
    T_CHECK("1 MiB between threads", s.finished && s.same && s.came == sizeof(big));
    close(ends[0]);
}

static void check_messages(void)
{
    char one[4] = "", two[8] = "", hello[] = "hello";
    struct iovec out[] = {{hello, 2}, {hello + 2, 3}}, in[] = {{one, 1}, {two, 7}};
    struct msghdr send_header = {.msg_iov = out, .msg_iovlen = 2};
    struct msghdr receive_header = {.msg_iov = in, .msg_iovlen = 2};

    pair(SOCK_STREAM);
    T_EQ("sendmsg", sendmsg(ends[0], &send_header, 0), 5);
    T_EQ("recvmsg", recvmsg(ends[1], &receive_header, 0), 5);
    T_CHECK("in pieces", one[0] == 'h' && strcmp(two, "ello") == 0);
    int type = 0;
    socklen_t length = sizeof(type);
    T_EQ("getsockopt", getsockopt(ends[0], SOL_SOCKET, SO_TYPE, &type, &length), 0);
    T_EQ("its type", type, SOCK_STREAM);
    close_pair();
    T_ERR("an unknown family", socketpair(99, SOCK_STREAM, 0, ends), EAFNOSUPPORT);
    T_ERR("not a socket", send(0, "x", 1, 0), ENOTSOCK);
}

int main(void)
{
    check_stream();
    check_nonblocking();
    check_datagrams();
    check_threads();
    check_messages();
    return t_done();
}
