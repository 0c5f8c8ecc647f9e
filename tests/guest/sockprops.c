// SPDX-License-Identifier: Apache-2.0
/*
 * Properties of sockets: what each state refuses, flags of the calls, what is passed along and how
 * much of it, sockets that several processes have. Linux says what each line must be.
 */
#include "tell.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static struct sockaddr_in local(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int port_of(int fd)
{
    struct sockaddr_in a;
    socklen_t len = sizeof(a);

    T_MUST("name", getsockname(fd, (void *)&a, &len) == 0);
    return ntohs(a.sin_port);
}

static int bind_to(int fd, int port)
{
    struct sockaddr_in a = local(port);

    return bind(fd, (void *)&a, sizeof(a));
}

static int connect_to(int fd, int port)
{
    struct sockaddr_in a = local(port);

    return connect(fd, (void *)&a, sizeof(a));
}

static int tcp(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static int listener(int *port)
{
    int fd = tcp();

    T_MUST("listener", bind_to(fd, 0) == 0 && listen(fd, 5) == 0);
    *port = port_of(fd);
    return fd;
}

static int error_of(int fd)
{
    int error = -1;
    socklen_t len = sizeof(error);

    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return error;
}

static int revents(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI};

    poll(&p, 1, 0);
    return p.revents;
}

static void refused(void)
{
    struct sockaddr_in a = local(0);
    struct sockaddr other = {.sa_family = AF_UNIX};
    socklen_t len = sizeof(a);
    int fd = tcp(), port, there = listener(&port), udp = socket(AF_INET, SOCK_DGRAM, 0);
    char c = 0;

    TELL("a family", socket(999, SOCK_STREAM, 0));
    TELL("a type", socket(AF_INET, 99, 0));
    TELL("TCP of datagrams", socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
    TELL("flags of a type", socket(AF_INET, SOCK_STREAM | 0x100000, 0));
    TELL("a pair of inet", socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){0, 0}));
    TELL("bind, short", bind(fd, (void *)&a, 4));
    TELL("bind, another family", bind(fd, &other, sizeof(a)));
    TELL("bind, no socket", bind(0, (void *)&a, len));
    TELL("bind, no descriptor", bind(999, (void *)&a, len));
    TELL("connect, short", connect(fd, (void *)&a, 4));
    TELL("send, new", send(fd, "x", 1, MSG_NOSIGNAL));
    TELL("recv, new", recv(fd, &c, 1, 0));
    TELL("poll, new", revents(fd));
    TELL("shutdown, new", shutdown(fd, SHUT_RDWR));
    TELL("getpeername, new", getpeername(fd, (void *)&a, &len));
    TELL("accept, new", accept(fd, NULL, NULL));
    TELL("listen of UDP", listen(udp, 1));
    TELL("accept of UDP", accept(udp, NULL, NULL));
    TELL("send of UDP to nobody", send(udp, "x", 1, 0));
    TELL("send of a listener", send(there, "x", 1, MSG_NOSIGNAL));
    TELL("recv of a listener", recv(there, &c, 1, 0));
    TELL("connect of a listener", connect_to(there, port));
    TELL("bind of a listener", bind_to(there, 0));
    TELL("poll of a listener", revents(there));
    TELL("listen again", listen(there, 7));
    TELL("shutdown, how", shutdown(there, 9));
    TELL("accept4, flags", accept4(there, NULL, NULL, 1));
    TELL("the port is taken", bind_to(tcp(), port));
    TELL("lseek", lseek(fd, 0, SEEK_SET));
    TELL("fsync", fsync(fd));
    TELL("ftruncate", ftruncate(fd, 0));
    close(fd);
    close(there);
    close(udp);
}

static void halves(void)
{
    int port, there = listener(&port), fd = tcp(), peer;
    char text[10];

    TELL("connect", connect_to(fd, port));
    TELL("again", connect_to(fd, port));
    TELL("listen, connected", listen(fd, 1));
    peer = accept(there, NULL, NULL);
    TELL("poll", revents(fd));
    TELL("send", send(peer, "abc", 3, 0));
    TELL("SHUT_RD", shutdown(fd, SHUT_RD));
    TELL("what came before", recv(fd, text, sizeof(text), 0));
    TELL("then the end", recv(fd, text, sizeof(text), 0));
    TELL("poll", revents(fd));
    TELL("SHUT_WR", shutdown(fd, SHUT_WR));
    TELL("send after it", send(fd, "x", 1, MSG_NOSIGNAL));
    TELL("the peer's end", recv(peer, text, sizeof(text), 0));
    TELL("poll of the peer", revents(peer));
    TELL("poll", revents(fd));
    TELL("SHUT_RDWR", shutdown(fd, SHUT_RDWR));
    TELL("getpeername", getpeername(fd, (void *)text, &(socklen_t){0}));
    TELL("SO_ERROR", error_of(fd));
    close(peer);
    close(fd);
    close(there);
}

static void nonblocking(void)
{
    int port, there = listener(&port), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), peer;
    struct pollfd p = {.events = POLLOUT};
    char c;

    fcntl(there, F_SETFL, O_NONBLOCK);
    TELL("nobody has connected", accept(there, NULL, NULL));
    TELL("connect", connect_to(fd, port));
    p.fd = fd;
    TELL("poll", poll(&p, 1, 10000) * 100 + p.revents);
    TELL("SO_ERROR", error_of(fd));
    TELL("once more", connect_to(fd, port));
    TELL("and again", connect_to(fd, port));
    peer = accept(there, NULL, NULL);
    TELL("the flag is not passed on", fcntl(peer, F_GETFL) & O_NONBLOCK);
    TELL("nothing yet", recv(fd, &c, 1, 0));
    TELL("MSG_DONTWAIT", recv(peer, &c, 1, MSG_DONTWAIT));
    close(fd);
    close(peer);
    close(there);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    TELL("to nobody", connect_to(fd, port));
    p = (struct pollfd){.fd = fd, .events = POLLOUT};
    TELL("poll", poll(&p, 1, 10000) * 100 + p.revents);
    TELL("SO_ERROR", error_of(fd));
    TELL("taken", error_of(fd));
    TELL("again", connect_to(fd, port));
    there = tcp();
    T_MUST("somebody", bind_to(there, port) == 0 && listen(there, 1) == 0);
    TELL("now there is somebody", connect_to(fd, port));
    TELL("poll", poll(&p, 1, 10000) * 100 + p.revents);
    TELL("SO_ERROR", error_of(fd));
    close(there);
    close(fd);
}

static void ports(void)
{
    int port, there = listener(&port), second = tcp(), fd = tcp(), peer, one = 1;

    setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    TELL("REUSEADDR of one", bind_to(second, port));
    setsockopt(there, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    TELL("of both, one listens", bind_to(second, port));
    T_MUST("connected", connect_to(fd, port) == 0);
    peer = accept(there, NULL, NULL);
    close(there);
    TELL("the listener is gone", bind_to(second, port));
    TELL("listen", listen(second, 1));
    close(fd);
    close(peer);
    close(second);
    fd = tcp();
    second = tcp();
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    setsockopt(second, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    TELL("REUSEPORT", bind_to(fd, 0));
    TELL("of two", bind_to(second, port_of(fd)));
    TELL("both", listen(fd, 1) + listen(second, 1));
    close(fd);
    close(second);
}

static void flags(void)
{
    int pair[2], dgram[2], seq[2];
    char text[20];
    struct iovec iov = {text, 4};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    T_MUST("pairs", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
                        socketpair(AF_UNIX, SOCK_DGRAM, 0, dgram) == 0 &&
                        socketpair(AF_UNIX, SOCK_SEQPACKET, 0, seq) == 0);
    send(dgram[0], "0123456789", 10, 0);
    send(seq[0], "0123456789", 10, 0);
    send(pair[0], "0123456789", 10, 0);
    TELL("MSG_PEEK", recv(dgram[1], text, 4, MSG_PEEK));
    TELL("MSG_TRUNC tells the length", recv(dgram[1], text, 4, MSG_PEEK | MSG_TRUNC));
    TELL("recvmsg", recvmsg(dgram[1], &m, 0));
    TELL("is cut", m.msg_flags == MSG_TRUNC);
    TELL("the rest is gone", recv(dgram[1], text, 4, MSG_DONTWAIT));
    TELL("of a packet", recvmsg(seq[1], &m, 0));
    TELL("is cut, and ends", m.msg_flags & (MSG_TRUNC | MSG_EOR));
    TELL("a stream", recv(pair[1], text, 4, MSG_TRUNC));
    TELL("goes on", recv(pair[1], text, sizeof(text), 0));
    TELL("MSG_OOB", recv(dgram[1], text, 1, MSG_OOB));
    TELL("MSG_ERRQUEUE", recv(dgram[1], text, 1, MSG_ERRQUEUE | MSG_DONTWAIT));
    TELL("no bytes", send(dgram[0], "", 0, 0));
    TELL("are a message", recv(dgram[1], text, 4, 0));
    TELL("nor in a stream", send(pair[0], "", 0, 0));
    TELL("are nothing there", recv(pair[1], text, 4, MSG_DONTWAIT));
    TELL("to an address, connected",
         sendto(pair[0], "x", 1, 0, (void *)&(struct sockaddr){1, ""}, 2));
    close(seq[0]);
    TELL("packets, the end", recv(seq[1], text, 4, 0));
    TELL("packets, no peer", send(seq[1], "x", 1, MSG_NOSIGNAL));
    close(dgram[0]);
    TELL("datagrams, no peer", send(dgram[1], "x", 1, MSG_NOSIGNAL));
    TELL("again", send(dgram[1], "x", 1, MSG_NOSIGNAL));
    m.msg_iovlen = 1025;
    TELL("1025 pieces", sendmsg(pair[0], &m, 0));
    close(pair[1]);
    TELL("poll without a peer", revents(pair[0]));
    TELL("send", send(pair[0], "x", 1, MSG_NOSIGNAL));
    close(pair[0]);
    close(dgram[1]);
    close(seq[1]);
}

/* Sends so many descriptors in one message. */
static long pass(int sock, int count, int fd)
{
    static char control[CMSG_SPACE(300 * sizeof(int))] __attribute__((aligned(8)));
    char c = 'p';
    struct iovec iov = {&c, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
    struct cmsghdr *h = (void *)control;

    m.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
    *h = (struct cmsghdr){.cmsg_len = CMSG_LEN((size_t)count * sizeof(int)),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS};
    for (int i = 0; i < count; i++) {
        memcpy(CMSG_DATA(h) + (size_t)i * sizeof(int), &fd, sizeof(fd));
    }
    return sendmsg(sock, &m, MSG_DONTWAIT);
}

/* How many descriptors a message brings, with room for so many; *cut: MSG_CTRUNC. */
static int take(int sock, size_t room, int flag, int *cut)
{
    static char control[CMSG_SPACE(300 * sizeof(int))] __attribute__((aligned(8)));
    char c;
    struct iovec iov = {&c, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
    int count = 0;

    m.msg_controllen = room != 0 ? CMSG_LEN(room * sizeof(int)) : 0;
    if (recvmsg(sock, &m, MSG_DONTWAIT | flag) != 1) {
        return -1;
    }
    *cut = (m.msg_flags & MSG_CTRUNC) != 0;
    if (m.msg_controllen >= CMSG_LEN(0) && CMSG_FIRSTHDR(&m) != NULL) {
        struct cmsghdr *h = (void *)control;
        count = (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + (size_t)i * sizeof(int), sizeof(fd));
            close(fd);
        }
    }
    return count;
}

static int passing(void)
{
    int pair[2], cut = 0;

    T_MUST("pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    TELL("253 descriptors", pass(pair[0], 253, 0));
    TELL("come", take(pair[1], 253, 0, &cut) * 10 + cut);
    TELL("254", pass(pair[0], 254, 0));
    TELL("of a closed one", pass(pair[0], 1, 999));
    TELL("room for one", pass(pair[0], 3, 0));
    TELL("one comes", take(pair[1], 1, 0, &cut) * 10 + cut);
    TELL("no room", pass(pair[0], 3, 0));
    TELL("none comes", take(pair[1], 0, 0, &cut) * 10 + cut);
    TELL("peek", pass(pair[0], 1, 0));
    TELL("gives them", take(pair[1], 5, MSG_PEEK, &cut) * 10 + cut);
    TELL("and again", take(pair[1], 5, 0, &cut) * 10 + cut);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)pair[1] + 3, 1000});
    TELL("at the limit", pass(pair[0], 5, 0));
    TELL("only as many come", take(pair[1], 5, 0, &cut) * 10 + cut);
    TELL("itself", pass(pair[0], 1, pair[0]));
    close(pair[0]);
    TELL("comes, too", take(pair[1], 1, 0, &cut) * 10 + cut);
    return 0;
}

static void credentials(void)
{
    int pair[2], one = 1, status;
    struct ucred peer;
    socklen_t len = sizeof(peer);
    char control[CMSG_SPACE(sizeof(struct ucred))] __attribute__((aligned(8))), c;
    struct iovec iov = {&c, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
    pid_t pid;

    T_MUST("pair", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    TELL("SO_PEERCRED", getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &len));
    TELL("the maker", peer.pid == getpid());
    TELL("SO_PASSCRED", setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
    pid = fork();
    if (pid == 0) {
        _exit(send(pair[0], "x", 1, 0) == 1 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    m.msg_controllen = sizeof(control);
    TELL("from a child", recvmsg(pair[1], &m, 0));
    memcpy(&peer, CMSG_DATA((struct cmsghdr *)(void *)control), sizeof(peer));
    TELL("the sender", peer.pid == pid);
    close(pair[0]);
    close(pair[1]);
}

static int echo_child(int there)
{
    int fd = accept(there, NULL, NULL);
    char c;

    return read(fd, &c, 1) == 1 ? c : 1;
}

static void processes(void)
{
    int port, there = listener(&port), fds[3], status, sum = 0;

    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            _exit(echo_child(there));
        }
    }
    close(there);
    for (int i = 0; i < 3; i++) {
        fds[i] = tcp();
        TELL("connect to one of three", connect_to(fds[i], port));
        T_MUST("send", send(fds[i], "!", 1, 0) == 1);
    }
    for (int i = 0; i < 3; i++) {
        wait(&status);
        sum += WEXITSTATUS(status);
    }
    TELL("each took one", sum == 3 * '!');
    TELL("and is gone", read(fds[0], &status, 1));
    TELL("nobody listens", connect_to(tcp(), port));
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
    }
}

static void options(void)
{
    int fd = tcp(), value = -1;
    socklen_t len = sizeof(value);

    TELL("an unknown option", getsockopt(fd, SOL_SOCKET, 9999, &value, &len));
    TELL("SO_TYPE", getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len) * 100 + value);
    TELL("is to read only", setsockopt(fd, SOL_SOCKET, SO_TYPE, &value, sizeof(value)));
    TELL("SO_ACCEPTCONN", getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) * 100 + value);
    len = 2;
    value = 0;
    TELL("two bytes of it", getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len) * 100 + value);
    TELL("length", len);
    len = (socklen_t)-1;
    TELL("a negative length", getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len));
    TELL("short", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 2));
    TELL("SO_LINGER, short", setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, 4));
    TELL("SO_RCVTIMEO, us", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0, 1000000},
                                       sizeof(struct timeval)));
    TELL("SIOCINQ of a listener", listen(fd, 1) + ioctl(fd, FIONREAD, &value));
    TELL("FIONBIO", ioctl(fd, FIONBIO, &(int){1}));
    TELL("flag", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    close(fd);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    refused();
    halves();
    nonblocking();
    ports();
    flags();
    tell_child("passing", passing);
    credentials();
    processes();
    options();
    return t_done();
}
