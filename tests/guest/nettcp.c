// SPDX-License-Identifier: Apache-2.0
/*
 * TCP and UDP over the loopback, IPv4 and IPv6: binding, ports, connecting with and without
 * waiting, half-closed connections, resets, datagrams, and many threads with a connection each.
 */
#include "t.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

union name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t size_of(int family)
{
    return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static union name name_of(int family, const char *address, int port)
{
    union name n = {.any.sa_family = (sa_family_t)family};

    if (family == AF_INET) {
        inet_pton(AF_INET, address, &n.v4.sin_addr);
        n.v4.sin_port = htons((uint16_t)port);
    } else {
        inet_pton(AF_INET6, address, &n.v6.sin6_addr);
        n.v6.sin6_port = htons((uint16_t)port);
    }
    return n;
}

static int bind_to(int fd, int family, const char *address, int port)
{
    union name n = name_of(family, address, port);

    return bind(fd, &n.any, size_of(family));
}

static int connect_to(int fd, int family, const char *address, int port)
{
    union name n = name_of(family, address, port);

    return connect(fd, &n.any, size_of(family));
}

static int port_of(int fd)
{
    union name n;
    socklen_t len = sizeof(n);

    T_MUST("name", getsockname(fd, &n.any, &len) == 0);
    return ntohs(n.v4.sin_port);
}

static const char *address_of(int fd, bool peer)
{
    static char text[64];
    union name n;
    socklen_t len = sizeof(n);

    if ((peer ? getpeername : getsockname)(fd, &n.any, &len) < 0) {
        return strerror(errno);
    }
    inet_ntop(n.any.sa_family,
              n.any.sa_family == AF_INET ? (void *)&n.v4.sin_addr : (void *)&n.v6.sin6_addr, text,
              sizeof(text));
    return text;
}

static short poll_one(int fd, short events, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, wait_ms) == 1 ? p.revents : 0;
}

static int error_of(int fd)
{
    int error = -1;
    socklen_t len = sizeof(error);

    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return error;
}

static int listener_of(int family, const char *address)
{
    int fd = socket(family, SOCK_STREAM, 0);

    T_MUST("bind", bind_to(fd, family, address, 0) == 0);
    T_MUST("listen", listen(fd, 8) == 0);
    return fd;
}

static void connected(int family, const char *address, int ends[2])
{
    int listener = listener_of(family, address);

    ends[0] = socket(family, SOCK_STREAM, 0);
    T_MUST("connect", connect_to(ends[0], family, address, port_of(listener)) == 0);
    ends[1] = accept(listener, NULL, NULL);
    T_MUST("accept", ends[1] >= 0);
    close(listener);
}

static void check_connection(int family, const char *address)
{
    int listener = listener_of(family, address), port = port_of(listener), server;
    int client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[32] = "";
    int waiting;

    T_CHECK("a port of its own", port >= 1024);
    T_EQ("nobody is there", poll_one(listener, POLLIN, 0), 0);
    T_EQ("connect", connect_to(client, family, address, port), 0);
    T_ERR("twice", connect_to(client, family, address, port), EISCONN);
    T_EQ("somebody is", poll_one(listener, POLLIN, 1000), POLLIN);
    server = accept(listener, NULL, NULL);
    T_CHECK("accept", server >= 0);
    T_STR("the server's address", address_of(server, false), address);
    T_STR("the client's", address_of(client, false), address);
    T_STR("its peer's", address_of(client, true), address);
    T_EQ("one port", port_of(server), port);
    T_EQ("send", send(client, "hello", 5, 0), 5);
    T_EQ("wait for it", poll_one(server, POLLIN, 1000), POLLIN);
    T_CHECK("FIONREAD", ioctl(server, FIONREAD, &waiting) == 0 && waiting == 5);
    T_EQ("peek", recv(server, text, 2, MSG_PEEK), 2);
    T_EQ("the rest stays", recv(server, text, 5, MSG_WAITALL), 5);
    T_STR("the same", text, "hello");
    T_ERR("no more", recv(server, text, 5, MSG_DONTWAIT), EAGAIN);
    T_EQ("half closed", shutdown(client, SHUT_WR), 0);
    T_EQ("the end", recv(server, text, 5, 0), 0);
    T_EQ("as poll says", poll_one(server, POLLIN | POLLRDHUP, 0), POLLIN | POLLRDHUP);
    T_EQ("the other half", send(server, "bye", 3, 0), 3);
    T_EQ("arrives", recv(client, text, 32, 0), 3);
    T_ERR("not this way", send(client, "x", 1, MSG_NOSIGNAL), EPIPE);
    close(server);
    T_EQ("its end", recv(client, text, 32, 0), 0);
    close(client);
    close(listener);
}

static void check_gone(void)
{
    int ends[2];
    char text[8];

    connected(AF_INET, "127.0.0.1", ends);
    close(ends[1]);
    T_EQ("the peer has closed", poll_one(ends[0], POLLIN | POLLRDHUP, 1000), POLLIN | POLLRDHUP);
    T_EQ("the end of its data", recv(ends[0], text, 8, 0), 0);
    T_EQ("one send goes out", send(ends[0], "x", 1, MSG_NOSIGNAL), 1);
    T_CHECK("and is answered", poll_one(ends[0], 0, 1000) & POLLHUP);
    T_ERR("the next does not", send(ends[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    close(ends[0]);
    connected(AF_INET, "127.0.0.1", ends);
    T_EQ("what is not read", send(ends[0], "abc", 3, 0), 3);
    T_EQ("has arrived", poll_one(ends[1], POLLIN, 1000), POLLIN);
    close(ends[1]);
    T_CHECK("resets", poll_one(ends[0], POLLIN, 1000) & POLLERR);
    T_ERR("as the reader learns", recv(ends[0], text, 8, 0), ECONNRESET);
    T_EQ("once", recv(ends[0], text, 8, 0), 0);
    close(ends[0]);
    connected(AF_INET, "127.0.0.1", ends);
    T_EQ("linger", setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, 8), 0);
    close(ends[1]);
    T_CHECK("resets, too", poll_one(ends[0], POLLIN, 1000) & POLLERR);
    T_EQ("SO_ERROR", error_of(ends[0]), ECONNRESET);
    T_EQ("is taken", error_of(ends[0]), 0);
    close(ends[0]);
}

static void check_nonblocking(void)
{
    int listener = listener_of(AF_INET, "127.0.0.1"), port = port_of(listener);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    T_EQ("a new socket is hung up", poll_one(fd, POLLOUT, 0), POLLOUT | POLLHUP);
    T_ERR("no peer", recv(fd, &port, 0, 0), ENOTCONN);
    T_ERR("not told at once", connect_to(fd, AF_INET, "127.0.0.1", port), EINPROGRESS);
    T_EQ("writable when connected", poll_one(fd, POLLOUT, 1000), POLLOUT);
    T_EQ("no error", error_of(fd), 0);
    T_EQ("connect again tells", connect_to(fd, AF_INET, "127.0.0.1", port), 0);
    T_ERR("and then refuses", connect_to(fd, AF_INET, "127.0.0.1", port), EISCONN);
    close(fd);
    close(listener);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    T_ERR("refused later", connect_to(fd, AF_INET, "127.0.0.1", port), EINPROGRESS);
    T_CHECK("an error", poll_one(fd, POLLOUT, 1000) & POLLERR);
    T_EQ("which is", error_of(fd), ECONNREFUSED);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    T_ERR("refused at once", connect_to(fd, AF_INET, "127.0.0.1", port), ECONNREFUSED);
    close(fd);
}

static void check_ports(void)
{
    int on = 1, first = listener_of(AF_INET, "127.0.0.1"), port = port_of(first);
    int second = socket(AF_INET, SOCK_STREAM, 0), six = socket(AF_INET6, SOCK_STREAM, 0);

    T_ERR("bound already", bind_to(first, AF_INET, "127.0.0.1", 0), EINVAL);
    T_ERR("taken", bind_to(second, AF_INET, "127.0.0.1", port), EADDRINUSE);
    T_ERR("by all addresses, too", bind_to(second, AF_INET, "0.0.0.0", port), EADDRINUSE);
    setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    T_ERR("a listener shares none", bind_to(second, AF_INET, "127.0.0.1", port), EADDRINUSE);
    T_EQ("another address", bind_to(second, AF_INET, "127.0.0.2", port), 0);
    T_ERR("not of this machine", bind_to(six, AF_INET6, "2001:db8::1", 0), EADDRNOTAVAIL);
    T_ERR("both families", bind_to(six, AF_INET6, "::", port), EADDRINUSE);
    setsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    T_EQ("IPv6 alone", bind_to(six, AF_INET6, "::", port), 0);
    T_ERR("too late", setsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), EINVAL);
    close(six);
    close(second);
    close(first);
    first = socket(AF_INET, SOCK_STREAM, 0);
    second = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(first, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    setsockopt(second, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    T_EQ("SO_REUSEPORT", bind_to(first, AF_INET, "127.0.0.1", 0), 0);
    T_EQ("shares a port", bind_to(second, AF_INET, "127.0.0.1", port_of(first)), 0);
    T_CHECK("both listen", listen(first, 1) == 0 && listen(second, 1) == 0);
    close(first);
    close(second);
}

static void check_both_families(void)
{
    int listener = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    int off = 0, server;

    setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    T_EQ("all addresses", bind_to(listener, AF_INET6, "::", 0), 0);
    listen(listener, 1);
    T_EQ("by IPv4", connect_to(client, AF_INET, "127.0.0.1", port_of(listener)), 0);
    server = accept(listener, NULL, NULL);
    T_STR("mapped", address_of(server, true), "::ffff:127.0.0.1");
    close(server);
    close(client);
    client = socket(AF_INET, SOCK_STREAM, 0);
    T_EQ("any address is this machine", connect_to(client, AF_INET, "0.0.0.0", port_of(listener)),
         0);
    T_STR("the loopback", address_of(client, true), "127.0.0.1");
    close(client);
    close(listener);
}

static void check_datagrams(int family, const char *address)
{
    int a = socket(family, SOCK_DGRAM, 0), b = socket(family, SOCK_DGRAM, 0), port;
    union name from, to;
    socklen_t len = sizeof(from);
    char text[16] = "";

    T_EQ("bind", bind_to(a, family, address, 0), 0);
    port = port_of(a);
    to = name_of(family, address, port);
    T_ERR("to whom?", send(b, "x", 1, 0), EDESTADDRREQ);
    T_EQ("send", sendto(b, "one", 3, 0, &to.any, size_of(family)), 3);
    T_EQ("receive", recvfrom(a, text, 16, 0, &from.any, &len), 3);
    T_EQ("the sender's family", from.any.sa_family, family);
    T_EQ("its port", ntohs(from.v4.sin_port), port_of(b));
    T_EQ("an answer", sendto(a, "", 0, 0, &from.any, len), 0);
    T_EQ("may be empty", recv(b, text, 16, 0), 0);
    T_EQ("connect", connect_to(b, family, address, port), 0);
    T_EQ("send", send(b, "abcdef", 6, 0), 6);
    T_EQ("cut", recv(a, text, 2, MSG_TRUNC), 6);
    T_ERR("and gone", recv(a, text, 2, MSG_DONTWAIT), EAGAIN);
    close(a);
    T_EQ("nobody is there", send(b, "x", 1, 0), 1);
    T_CHECK("as the sender learns", poll_one(b, POLLIN, 1000) & POLLERR);
    T_ERR("by the next call", recv(b, text, 2, 0), ECONNREFUSED);
    T_ERR("too long", send(b, text, 70000, 0), EMSGSIZE);
    close(b);
}

#define THREADS 16
#define BYTES   300000

static void *echo(void *arg)
{
    int fd = *(int *)arg;
    static __thread char data[5000];
    ssize_t n;

    while ((n = recv(fd, data, sizeof(data), 0)) > 0) {
        T_MUST("echo", send(fd, data, (size_t)n, 0) == n);
    }
    close(fd);
    return NULL;
}

static void *talk(void *arg)
{
    int fd = *(int *)arg;
    static __thread unsigned char data[7000];
    size_t sent = 0, got = 0;

    while (got < BYTES) {
        while (sent < BYTES && sent < got + 50000) {
            size_t n = BYTES - sent < sizeof(data) ? BYTES - sent : sizeof(data);
            for (size_t i = 0; i < n; i++) {
                data[i] = (unsigned char)((sent + i) * 7 + (size_t)fd);
            }
            ssize_t rc = send(fd, data, n, 0);
            T_MUST("send", rc > 0);
            sent += (size_t)rc;
        }
        ssize_t n = recv(fd, data, sizeof(data), 0);
        T_MUST("receive", n > 0);
        for (ssize_t i = 0; i < n; i++) {
            T_MUST("the same byte", data[i] == (unsigned char)((got + (size_t)i) * 7 + (size_t)fd));
        }
        got += (size_t)n;
    }
    shutdown(fd, SHUT_WR);
    T_MUST("the end", recv(fd, data, 1, 0) == 0);
    close(fd);
    return NULL;
}

static void check_threads(void)
{
    pthread_t threads[2 * THREADS];
    int clients[THREADS], servers[THREADS];
    int listener = listener_of(AF_INET, "127.0.0.1");

    for (int i = 0; i < THREADS; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        T_MUST("connect", connect_to(clients[i], AF_INET, "127.0.0.1", port_of(listener)) == 0);
        servers[i] = accept(listener, NULL, NULL);
        T_MUST("thread", pthread_create(&threads[2 * i], NULL, echo, &servers[i]) == 0);
        T_MUST("thread", pthread_create(&threads[2 * i + 1], NULL, talk, &clients[i]) == 0);
    }
    for (int i = 0; i < 2 * THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    close(listener);
    T_CHECK("many connections at once", true);
}

static void check_options(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), value = 1;
    socklen_t len = sizeof(value);
    char byte = 0;

    T_EQ("TCP_NODELAY", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value)), 0);
    T_EQ("is kept", getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    T_EQ("it is on", value, 1);
    T_ERR("out of range", setsockopt(fd, IPPROTO_IP, IP_TTL, &(int){256}, 4), EINVAL);
    T_EQ("a byte will do", setsockopt(fd, IPPROTO_IP, IP_TOS, &byte, 1), 0);
    T_ERR("no such option", setsockopt(fd, SOL_SOCKET, 9999, &value, 4), ENOPROTOOPT);
    T_ERR("not of this family", setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, 4), ENOPROTOOPT);
    T_ERR("too short", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 2), EINVAL);
    T_EQ("SO_DOMAIN", getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &len), 0);
    T_EQ("IPv4", value, AF_INET);
    T_EQ("SO_PROTOCOL", getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &len), 0);
    T_EQ("TCP", value, IPPROTO_TCP);
    close(fd);
    T_ERR("no such protocol", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    T_ERR("no such type", socket(AF_INET, 15, 0), EINVAL);
    T_ERR("pairs are local", socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){0, 0}), EOPNOTSUPP);
}

int main(void)
{
    check_connection(AF_INET, "127.0.0.1");
    check_connection(AF_INET6, "::1");
    check_gone();
    check_nonblocking();
    check_ports();
    check_both_families();
    check_datagrams(AF_INET, "127.0.0.1");
    check_datagrams(AF_INET6, "::1");
    check_threads();
    check_options();
    return t_done();
}
