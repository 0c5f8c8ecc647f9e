// SPDX-License-Identifier: Apache-2.0
/*
 * What goes along with messages of AF_UNIX: descriptors and credentials; many messages by one call;
 * and what the machine says of its interface.
 */
#include "t.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int ends[2];

union control {
    struct cmsghdr align;
    char bytes[512];
};

static ssize_t send_files(int fd, const int *files, size_t count, const char *text)
{
    union control c = {0};
    struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c};

    m.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    *h = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS,
                          .cmsg_len = CMSG_LEN(count * sizeof(int))};
    memcpy(CMSG_DATA(h), files, count * sizeof(int));
    return sendmsg(fd, &m, MSG_NOSIGNAL);
}

/* Receives with room for so many descriptors; how many came is in *count. */
static ssize_t receive_files(int fd, int *files, size_t room, size_t *count, int *flags, int ask)
{
    union control c = {0};
    char text[64];
    struct iovec iov = {text, sizeof(text)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room ? &c : NULL};

    m.msg_controllen = room ? CMSG_LEN(room * sizeof(int)) : 0;
    ssize_t n = recvmsg(fd, &m, ask);
    struct cmsghdr *h = n < 0 ? NULL : CMSG_FIRSTHDR(&m);
    *count = 0;
    *flags = m.msg_flags;
    if (h != NULL && h->cmsg_type == SCM_RIGHTS) {
        *count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(files, CMSG_DATA(h), *count * sizeof(int));
    }
    return n;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void check_files(int type)
{
    int pipe_ends[2], got[8], flags;
    size_t count;
    char text[8] = "";

    T_MUST("pair", socketpair(AF_UNIX, type, 0, ends) == 0);
    T_MUST("pipe", pipe(pipe_ends) == 0);
    T_EQ("pass two", send_files(ends[0], pipe_ends, 2, "files"), 5);
    close(pipe_ends[0]);
    T_EQ("they come", receive_files(ends[1], got, 8, &count, &flags, MSG_CMSG_CLOEXEC), 5);
    T_EQ("both", count, 2);
    T_EQ("close-on-exec", fcntl(got[0], F_GETFD), FD_CLOEXEC);
    T_EQ("to the same pipe", write(pipe_ends[1], "abc", 3), 3);
    T_EQ("by another descriptor", read(got[0], text, 8), 3);
    close(got[0]);
    T_EQ("pass one", send_files(ends[0], got + 1, 1, "one"), 3);
    T_EQ("peeked at", receive_files(ends[1], got + 2, 1, &count, &flags, MSG_PEEK), 3);
    T_CHECK("is one more", count == 1 && got[2] != got[1]);
    close(got[2]);
    T_EQ("no room", receive_files(ends[1], got, 0, &count, &flags, 0), 3);
    T_EQ("is told", flags & MSG_CTRUNC, MSG_CTRUNC);
    T_EQ("pass two", send_files(ends[0], (int[2]){got[1], pipe_ends[1]}, 2, "two"), 3);
    T_EQ("room for one", receive_files(ends[1], got + 2, 1, &count, &flags, 0), 3);
    T_CHECK("one comes", count == 1 && is_open(got[2]));
    T_EQ("and is told", flags & MSG_CTRUNC, MSG_CTRUNC);
    T_ERR("not open", send_files(ends[0], (int[1]){999}, 1, "x"), EBADF);
    T_EQ("and nothing sent", recv(ends[1], text, 8, MSG_DONTWAIT), -1);
    T_EQ("in flight", send_files(ends[0], got + 1, 1, "lost"), 4);
    close(got[1]);
    close(got[2]);
    close(pipe_ends[1]);
    close(ends[0]);
    close(ends[1]);
}

/* A stream's reader gets no bytes after those that came with descriptors. */
static void check_borders(void)
{
    int files[1] = {0}, got[4], flags;
    size_t count;
    char text[8];

    T_MUST("pair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    T_EQ("plain", send(ends[0], "ab", 2, 0), 2);
    T_EQ("with a file", send_files(ends[0], files, 1, "cd"), 2);
    T_EQ("plain", send(ends[0], "ef", 2, 0), 2);
    T_EQ("up to the file", receive_files(ends[1], got, 4, &count, &flags, 0), 4);
    T_EQ("with it", count, 1);
    T_EQ("and the last", recv(ends[1], text, 8, 0), 2);
    close(got[0]);
    close(ends[0]);
    close(ends[1]);
}

static void check_cred(void)
{
    struct ucred cred = {0};
    socklen_t len = sizeof(cred);
    union control c;
    char text[8];
    struct iovec iov = {text, sizeof(text)};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
    int on = 1;

    T_MUST("pair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    T_EQ("SO_PEERCRED", getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
    T_CHECK("is this process", cred.pid == getpid() && cred.uid == geteuid());
    T_EQ("SO_PASSCRED", setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
    T_EQ("send", send(ends[0], "x", 1, 0), 1);
    T_EQ("receive", recvmsg(ends[1], &m, 0), 1);
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    T_CHECK("with credentials", h != NULL && h->cmsg_type == SCM_CREDENTIALS);
    memcpy(&cred, CMSG_DATA(h), sizeof(cred));
    T_CHECK("of the sender", cred.pid == getpid() && cred.gid == getegid());
    close(ends[0]);
    close(ends[1]);
}

static void check_many(void)
{
    char in[4][4] = {"a", "bb", "ccc"}, out[4][4] = {{0}};
    struct iovec from[3], to[4];
    struct mmsghdr sent[3] = {0}, got[4] = {0};

    T_MUST("pair", socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
    for (int i = 0; i < 4; i++) {
        to[i] = (struct iovec){out[i], sizeof(out[i])};
        got[i].msg_hdr = (struct msghdr){.msg_iov = &to[i], .msg_iovlen = 1};
        if (i < 3) {
            from[i] = (struct iovec){in[i], strlen(in[i])};
            sent[i].msg_hdr = (struct msghdr){.msg_iov = &from[i], .msg_iovlen = 1};
        }
    }
    T_EQ("three at once", sendmmsg(ends[0], sent, 3, 0), 3);
    T_EQ("the last one's size", sent[2].msg_len, 3);
    T_EQ("as many as there are", recvmmsg(ends[1], got, 4, MSG_WAITFORONE, NULL), 3);
    T_CHECK("each its own", got[0].msg_len == 1 && got[2].msg_len == 3);
    T_STR("in order", out[1], "bb");
    T_ERR("none", recvmmsg(ends[1], got, 4, MSG_DONTWAIT, NULL), EAGAIN);
    close(ends[0]);
    close(ends[1]);
}

static void check_interface(void)
{
    struct ifaddrs *list = NULL;
    struct if_nameindex *names = if_nameindex();
    char name[IF_NAMESIZE] = "";
    bool v4 = false;

    T_CHECK("interfaces", names != NULL && names[0].if_index == 1);
    T_STR("the first", names[0].if_name, "lo");
    if_freenameindex(names);
    T_EQ("its number", if_nametoindex("lo"), 1);
    T_STR("and name", if_indextoname(1, name), "lo");
    T_EQ("no such interface", if_nametoindex("none0"), 0);
    T_EQ("getifaddrs", getifaddrs(&list), 0);
    for (struct ifaddrs *a = list; a != NULL; a = a->ifa_next) {
        if (a->ifa_addr != NULL && a->ifa_addr->sa_family == AF_INET &&
            strcmp(a->ifa_name, "lo") == 0) {
            struct sockaddr_in *in = (struct sockaddr_in *)(void *)a->ifa_addr;
            struct sockaddr_in *mask = (struct sockaddr_in *)(void *)a->ifa_netmask;
            v4 = ntohl(in->sin_addr.s_addr) == INADDR_LOOPBACK &&
                 ntohl(mask->sin_addr.s_addr) == 0xff000000 && (a->ifa_flags & IFF_LOOPBACK);
        }
    }
    T_CHECK("the loopback's address", v4);
    freeifaddrs(list);
}

int main(void)
{
    check_files(SOCK_STREAM);
    check_files(SOCK_DGRAM);
    check_borders();
    check_cred();
    check_many();
    check_interface();
    return t_done();
}
