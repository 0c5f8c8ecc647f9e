// SPDX-License-Identifier: Apache-2.0
/*
 * AF_UNIX with names: files, abstract names, listening, connecting, backlogs, datagrams with
 * addresses, and who sees that the other is gone.
 */
#include "t.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PATH "/tmp/netunix.sock"

static struct sockaddr_un name_of(const char *path, socklen_t *len)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    memcpy(a.sun_path, path, strlen(path));
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
    return a;
}

/* '@' stands for the NUL of an abstract name. */
static struct sockaddr_un abstract(const char *name, socklen_t *len)
{
    struct sockaddr_un a = name_of(name, len);

    a.sun_path[0] = 0;
    --*len;
    return a;
}

static int bound(int type, const char *path)
{
    socklen_t len;
    struct sockaddr_un a = path[0] == '@' ? abstract(path, &len) : name_of(path, &len);
    int fd = socket(AF_UNIX, type, 0);

    T_MUST("bind", bind(fd, (struct sockaddr *)&a, len) == 0);
    return fd;
}

static int connect_to(int fd, const char *path)
{
    socklen_t len;
    struct sockaddr_un a = path[0] == '@' ? abstract(path, &len) : name_of(path, &len);

    return connect(fd, (struct sockaddr *)&a, len);
}

static short poll_one(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, 0) == 1 ? p.revents : 0;
}

static void check_names(void)
{
    struct sockaddr_un got;
    socklen_t len = sizeof(got), size, two_size;
    struct stat st;
    int fd, other = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un a = name_of(PATH, &size), two = name_of(PATH ".2", &two_size);

    unlink(PATH);
    T_EQ("no name yet", getsockname(other, (struct sockaddr *)&got, &len), 0);
    T_EQ("the family alone", len, 2);
    umask(022);
    fd = bound(SOCK_STREAM, PATH);
    T_CHECK("a socket in the file system", lstat(PATH, &st) == 0 && S_ISSOCK(st.st_mode));
    T_EQ("its mode", st.st_mode & 0777, 0755);
    len = sizeof(got);
    T_EQ("its name", getsockname(fd, (struct sockaddr *)&got, &len), 0);
    T_EQ("with the NUL", len, size);
    T_STR("the path", got.sun_path, PATH);
    T_ERR("twice", bind(fd, (struct sockaddr *)&a, size), EADDRINUSE);
    T_ERR("two names", bind(fd, (struct sockaddr *)&two, two_size), EINVAL);
    T_ERR("which is not there", lstat(PATH ".2", &st), ENOENT);
    T_ERR("taken", bind(other, (struct sockaddr *)&a, size), EADDRINUSE);
    T_ERR("cannot be opened", open(PATH, O_RDWR), ENXIO);
    T_ERR("nobody listens", connect_to(other, PATH), ECONNREFUSED);
    T_ERR("no such file", connect_to(other, "/tmp/netunix.none"), ENOENT);
    close(fd);
    T_ERR("nobody has it", connect_to(other, PATH), ECONNREFUSED);
    T_CHECK("the file stays", lstat(PATH, &st) == 0);
    T_ERR("and is in the way", bind(other, (struct sockaddr *)&a, size), EADDRINUSE);
    T_EQ("until it is removed", unlink(PATH), 0);
    T_EQ("free", bind(other, (struct sockaddr *)&a, size), 0);
    close(other);
    unlink(PATH);
}

static void check_abstract(void)
{
    struct sockaddr_un got;
    socklen_t len = sizeof(got), size;
    struct sockaddr_un a = abstract("@netunix.test", &size);
    int fd = bound(SOCK_STREAM, "@netunix.test"), other = socket(AF_UNIX, SOCK_STREAM, 0);

    T_EQ("an abstract name", getsockname(fd, (struct sockaddr *)&got, &len), 0);
    T_CHECK("as it was given", len == size && memcmp(&got, &a, size) == 0);
    T_ERR("is taken", bind(other, (struct sockaddr *)&a, size), EADDRINUSE);
    close(fd);
    T_EQ("goes with its socket", bind(other, (struct sockaddr *)&a, size), 0);
    close(other);
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    len = sizeof(got);
    T_EQ("any name", bind(fd, (struct sockaddr *)&a, 2), 0);
    T_EQ("is abstract", getsockname(fd, (struct sockaddr *)&got, &len), 0);
    T_EQ("of five digits", len, 8);
    close(fd);
}

static void check_connection(int type)
{
    struct sockaddr_un got;
    socklen_t len = sizeof(got);
    char text[16] = "";
    int server, listener = bound(type, PATH), client = socket(AF_UNIX, type, 0);

    T_ERR("not listening", accept(listener, NULL, NULL), EINVAL);
    T_EQ("listen", listen(listener, 1), 0);
    T_EQ("no connection yet", poll_one(listener, POLLIN), 0);
    T_ERR("no waiting", accept4(listener, NULL, NULL, SOCK_NONBLOCK | 0x40000000), EINVAL);
    T_EQ("connect", connect_to(client, PATH), 0);
    T_ERR("again", connect_to(client, PATH), EISCONN);
    T_EQ("a connection", poll_one(listener, POLLIN), POLLIN);
    T_EQ("send before accept", send(client, "hello", 5, 0), 5);
    server = accept4(listener, (struct sockaddr *)&got, &len, SOCK_CLOEXEC);
    T_CHECK("accept", server >= 0);
    T_EQ("the client has no name", len, 2);
    T_EQ("close-on-exec", fcntl(server, F_GETFD), FD_CLOEXEC);
    T_EQ("what was sent", recv(server, text, sizeof(text), 0), 5);
    len = sizeof(got);
    T_EQ("the peer's name", getpeername(client, (struct sockaddr *)&got, &len), 0);
    T_STR("the listener's", got.sun_path, PATH);
    len = sizeof(got);
    T_EQ("its own name", getsockname(server, (struct sockaddr *)&got, &len), 0);
    T_STR("the listener's, too", got.sun_path, PATH);
    T_EQ("back", send(server, "abc", 3, 0), 3);
    close(server);
    T_EQ("still to be read", recv(client, text, sizeof(text), 0), 3);
    T_EQ("then the end", recv(client, text, sizeof(text), 0), 0);
    T_ERR("no sending", send(client, "x", 1, MSG_NOSIGNAL), EPIPE);
    T_EQ("hung up", poll_one(client, POLLIN | POLLOUT) & (POLLIN | POLLHUP), POLLIN | POLLHUP);
    close(client);
    close(listener);
    unlink(PATH);
}

static void *connect_late(void *arg)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)arg;
    T_MUST("a connection that waited", connect_to(fd, PATH) == 0);
    T_MUST("and sends", send(fd, "late", 4, 0) == 4);
    close(fd);
    return NULL;
}

static void check_backlog(void)
{
    int listener = bound(SOCK_STREAM, PATH), fds[2], more = socket(AF_UNIX, SOCK_STREAM, 0);
    char text[8] = "";
    pthread_t thread;

    listen(listener, 1);
    for (int i = 0; i < 2; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
        T_EQ("fits into the backlog", connect_to(fds[i], PATH), 0);
    }
    fcntl(more, F_SETFL, O_NONBLOCK);
    T_ERR("the backlog is full", connect_to(more, PATH), EAGAIN);
    T_MUST("thread", pthread_create(&thread, NULL, connect_late, NULL) == 0);
    usleep(20000);
    for (int i = 0; i < 3; i++) {
        int server = accept(listener, NULL, NULL);
        T_CHECK("accepted", server >= 0);
        if (i == 2) {
            T_EQ("from the one that waited", recv(server, text, 8, 0), 4);
        }
        close(server);
    }
    pthread_join(thread, NULL);
    T_EQ("closed by the peer", recv(fds[0], text, 8, 0), 0);
    T_EQ("not accepted", connect_to(more, PATH), 0);
    close(listener);
    T_ERR("reset by the listener's end", recv(more, text, 8, 0), ECONNRESET);
    close(more);
    close(fds[0]);
    close(fds[1]);
    unlink(PATH);
}

static void check_reset(void)
{
    int pair[2], error = 0;
    socklen_t len = sizeof(error);
    char text[4];

    T_MUST("pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    T_EQ("not read", send(pair[0], "abc", 3, 0), 3);
    close(pair[1]);
    T_EQ("an error", poll_one(pair[0], POLLIN) & POLLERR, POLLERR);
    T_EQ("SO_ERROR", getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &error, &len), 0);
    T_EQ("is a reset", error, ECONNRESET);
    T_EQ("once", recv(pair[0], text, 4, 0), 0);
    close(pair[0]);
}

static void check_datagrams(void)
{
    struct sockaddr_un got;
    socklen_t len = sizeof(got), size;
    char text[16] = "";
    int a = bound(SOCK_DGRAM, PATH), b = bound(SOCK_DGRAM, "@netunix.b");
    int plain = socket(AF_UNIX, SOCK_DGRAM, 0), stream = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un to = name_of(PATH, &size);

    T_EQ("to an address", sendto(b, "one", 3, 0, (struct sockaddr *)&to, size), 3);
    T_EQ("arrives", recvfrom(a, text, 16, 0, (struct sockaddr *)&got, &len), 3);
    T_CHECK("from the abstract one", len == 2 + 10 && !memcmp(got.sun_path, "\0netunix.b", 10));
    T_EQ("an answer", sendto(a, "two", 3, 0, (struct sockaddr *)&got, len), 3);
    T_EQ("comes back", recv(b, text, 16, 0), 3);
    len = sizeof(got);
    T_EQ("of one without a name", sendto(plain, "", 0, 0, (struct sockaddr *)&to, size), 0);
    T_EQ("empty", recvfrom(a, text, 16, 0, (struct sockaddr *)&got, &len), 0);
    T_EQ("no address", len, 0);
    T_ERR("no address to send to", send(plain, "x", 1, 0), ENOTCONN);
    T_ERR("another type", connect_to(stream, PATH), EPROTOTYPE);
    T_EQ("connect", connect_to(plain, PATH), 0);
    T_EQ("send", send(plain, "abcdef", 6, 0), 6);
    T_EQ("cut", recv(a, text, 3, MSG_TRUNC), 6);
    T_EQ("a only hears b", connect_to(a, "@netunix.b"), 0);
    T_ERR("others may not", send(plain, "x", 1, 0), EPERM);
    T_ERR("connect neither", connect_to(plain, PATH), EPERM);
    close(a);
    T_ERR("gone", send(plain, "x", 1, 0), ECONNREFUSED);
    T_ERR("forgotten", send(plain, "x", 1, 0), ENOTCONN);
    close(b);
    close(plain);
    close(stream);
    unlink(PATH);
}

static void *drain(void *arg)
{
    char text[1024];
    int *fds = arg;

    usleep(20000);
    while (recv(fds[1], text, sizeof(text), 0) > 0) {
    }
    return NULL;
}

static void check_full(int type)
{
    int pair[2];
    pthread_t thread;
    char text[1024] = "x";
    struct timeval tv = {.tv_usec = 30000};

    T_MUST("pair", socketpair(AF_UNIX, type, 0, pair) == 0);
    while (send(pair[0], text, sizeof(text), MSG_DONTWAIT) > 0) {
    }
    T_EQ("full", errno, EAGAIN);
    T_EQ("not writable", poll_one(pair[0], POLLOUT), 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
    T_ERR("for a while", send(pair[0], text, sizeof(text), 0), EAGAIN);
    tv.tv_usec = 0;
    setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
    T_MUST("thread", pthread_create(&thread, NULL, drain, pair) == 0);
    T_EQ("until there is room", send(pair[0], text, sizeof(text), 0), sizeof(text));
    shutdown(pair[0], SHUT_WR);
    if (type == SOCK_DGRAM) {
        shutdown(pair[1], SHUT_RD);
    }
    pthread_join(thread, NULL);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    struct timeval tv = {.tv_usec = 20000}, got;
    socklen_t len = sizeof(got);
    char byte;
    int fd;

    check_names();
    check_abstract();
    check_connection(SOCK_STREAM);
    check_connection(SOCK_SEQPACKET);
    check_backlog();
    check_reset();
    check_datagrams();
    check_full(SOCK_STREAM);
    check_full(SOCK_DGRAM);
    fd = bound(SOCK_DGRAM, "@netunix.timeout");
    T_EQ("a timeout", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
    T_EQ("is kept", getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &len), 0);
    T_CHECK("as it was", got.tv_sec == 0 && got.tv_usec == 20000);
    T_ERR("and ends a wait", recv(fd, &byte, 1, 0), EAGAIN);
    T_ERR("no listening", listen(fd, 1), EOPNOTSUPP);
    T_ERR("no accepting", accept(fd, NULL, NULL), EOPNOTSUPP);
    close(fd);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    T_ERR("no name to listen at", listen(fd, 1), EINVAL);
    T_ERR("not connected", getpeername(fd, (struct sockaddr *)&(struct sockaddr_un){0}, &len),
          ENOTCONN);
    T_ERR("no receiving", recv(fd, &byte, 1, 0), EINVAL);
    T_ERR("no protocol", socket(AF_UNIX, SOCK_STREAM, 6), EPROTONOSUPPORT);
    T_ERR("no family", socket(45, SOCK_STREAM, 0), EAFNOSUPPORT);
    return t_done();
}
