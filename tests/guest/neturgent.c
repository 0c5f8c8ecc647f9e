// SPDX-License-Identifier: Apache-2.0
/*
 * Urgent data of TCP: the mark at which reads stop, MSG_OOB, SO_OOBINLINE, SIOCATMARK and POLLPRI.
 */
#include "t.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void pair(int *client, int *server)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(name);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    T_MUST("bind", bind(listener, (struct sockaddr *)&name, len) == 0);
    T_MUST("listen", listen(listener, 1) == 0);
    T_MUST("name", getsockname(listener, (struct sockaddr *)&name, &len) == 0);
    *client = socket(AF_INET, SOCK_STREAM, 0);
    T_MUST("connect", connect(*client, (struct sockaddr *)&name, len) == 0);
    *server = accept(listener, NULL, NULL);
    T_MUST("accept", *server >= 0);
    close(listener);
}

static int polled(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLPRI, 0};

    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static int at_mark(int fd)
{
    int n = -1;

    return ioctl(fd, SIOCATMARK, &n) == 0 ? n : -1;
}

static const char *got(int fd, size_t n, int flags)
{
    static char text[64];
    ssize_t len = recv(fd, text, n, flags | MSG_DONTWAIT);

    if (len < 0) {
        return errno == EAGAIN ? "again" : errno == EINVAL ? "invalid" : "error";
    }
    text[len] = 0;
    return text;
}

static void check_apart(void)
{
    int client, server;

    pair(&client, &server);
    T_STR("none yet", got(server, 1, MSG_OOB), "invalid");
    T_EQ("no mark", at_mark(server), 0);
    T_EQ("before it", send(client, "abc", 3, 0), 3);
    T_EQ("the last byte is urgent", send(client, "de!", 3, MSG_OOB), 3);
    T_EQ("after it", send(client, "fgh", 3, 0), 3);
    T_EQ("poll tells", polled(server), POLLIN | POLLPRI);
    T_STR("a look at it", got(server, 1, MSG_OOB | MSG_PEEK), "!");
    T_STR("fetched", got(server, 1, MSG_OOB), "!");
    T_STR("once", got(server, 1, MSG_OOB), "invalid");
    T_EQ("poll tells no more", polled(server), POLLIN);
    T_EQ("the mark is ahead", at_mark(server), 0);
    T_STR("a look stops there", got(server, 60, MSG_PEEK), "abcde");
    T_STR("a part", got(server, 2, 0), "ab");
    T_STR("a read stops there", got(server, 60, 0), "cde");
    T_EQ("at the mark", at_mark(server), 1);
    T_STR("and goes on", got(server, 60, 0), "fgh");
    T_EQ("past the mark", at_mark(server), 0);
    T_EQ("alone", send(client, "?", 1, MSG_OOB), 1);
    T_EQ("nothing to read", polled(server), POLLPRI);
    T_STR("nothing to read", got(server, 60, 0), "again");
    T_EQ("more", send(client, "i", 1, 0), 1);
    T_STR("past it", got(server, 60, 0), "i");
    T_STR("who reads on loses it", got(server, 1, MSG_OOB), "invalid");
    close(client);
    close(server);
}

static void check_inline(void)
{
    int client, server, on = 1;

    pair(&client, &server);
    T_EQ("inline", setsockopt(server, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)), 0);
    T_EQ("send", send(client, "abc!", 4, MSG_OOB), 4);
    T_EQ("send", send(client, "de", 2, 0), 2);
    T_EQ("poll tells", polled(server), POLLIN | POLLPRI);
    T_STR("not apart", got(server, 1, MSG_OOB), "invalid");
    T_STR("a read stops before it", got(server, 60, 0), "abc");
    T_EQ("at the mark", at_mark(server), 1);
    T_STR("and begins with it", got(server, 60, 0), "!de");
    T_EQ("past the mark", at_mark(server), 0);
    T_EQ("poll tells no more", polled(server), 0);
    close(client);
    T_EQ("the end", recv(server, &on, 1, 0), 0);
    close(server);
}

static void check_kinds(void)
{
    int fds[2], udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);

    T_MUST("socketpair", socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) == 0);
    T_ERR("not of datagrams", send(fds[0], "x", 1, MSG_OOB), EOPNOTSUPP);
    T_ERR("nor of UDP", send(udp, "x", 1, MSG_OOB), EOPNOTSUPP);
    T_ERR("not connected", send(tcp, "x", 1, MSG_OOB | MSG_NOSIGNAL), EPIPE);
    close(fds[0]);
    close(fds[1]);
    close(udp);
    close(tcp);
}

int main(void)
{
    check_apart();
    check_inline();
    check_kinds();
    return t_done();
}
