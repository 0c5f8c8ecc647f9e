// SPDX-License-Identifier: Apache-2.0
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTEN_BACKLOG 4096 /* the kernel takes less where net.core.somaxconn is less */
#define LISTEN_UNIX    "unix:"

static int listen_unix(const char *text, const char *path, struct listen_address *out,
                       struct vmm_err *err)
{
    struct sockaddr_un *un = &out->address.un;

    if (path[0] == 0 || strlen(path) >= sizeof(un->sun_path)) {
        return vmm_err_set(err, EINVAL, "'%s': the path of a socket has 1 to %zu bytes", text,
                           sizeof(un->sun_path) - 1);
    }
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, strlen(path) + 1);
    out->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
    return 0;
}

static bool listen_port(const char *text, in_port_t *port)
{
    char *end;
    const unsigned long number = strtoul(text, &end, 10);

    *port = htons((in_port_t)number);
    return text[0] >= '0' && text[0] <= '9' && *end == 0 && number <= 65535;
}

int listen_parse(const char *text, struct listen_address *out, struct vmm_err *err)
{
    const char *colon = strrchr(text, ':');
    const size_t size = colon != NULL ? (size_t)(colon - text) : 0;
    char host[INET6_ADDRSTRLEN + 3] = "127.0.0.1";
    in_port_t port;

    *out = (struct listen_address){.size = 0};
    if (strncmp(text, LISTEN_UNIX, strlen(LISTEN_UNIX)) == 0) {
        return listen_unix(text, text + strlen(LISTEN_UNIX), out, err);
    }
    if (colon == NULL || size >= sizeof(host) || !listen_port(colon + 1, &port)) {
        return vmm_err_set(err, EINVAL, "'%s': give it as HOST:PORT, :PORT or unix:PATH", text);
    }
    if (size > 0 && strncmp(text, "localhost:", size + 1) != 0) {
        memcpy(host, text, size);
        host[size] = 0;
    }
    if (host[0] == '[' && host[size - 1] == ']') {
        host[size - 1] = 0;
        out->address.in6.sin6_port = port;
        out->address.any.sa_family = AF_INET6;
        out->size = sizeof(out->address.in6);
        if (inet_pton(AF_INET6, host + 1, &out->address.in6.sin6_addr) == 1) {
            return 0;
        }
    } else {
        out->address.in.sin_port = port;
        out->address.any.sa_family = AF_INET;
        out->size = sizeof(out->address.in);
        if (inet_pton(AF_INET, host, &out->address.in.sin_addr) == 1) {
            return 0;
        }
    }
    return vmm_err_set(err, EINVAL,
                       "'%s': HOST must be localhost or a number, such as 0.0.0.0 or "
                       "[::1]; names are not looked up",
                       text);
}

/* Whether a socket file is left of a server that is no more. */
static bool listen_is_stale(const struct listen_address *address)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat st;
    bool stale;

    if (fd < 0) {
        return false;
    }
    stale = lstat(address->address.un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
            connect(fd, &address->address.any, address->size) < 0 && errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static int listen_bind(int fd, const struct listen_address *address)
{
    const bool local = address->address.any.sa_family == AF_UNIX;
    const mode_t mask = umask(0177); /* it has its mode from the beginning */
    int rc = bind(fd, &address->address.any, address->size);

    if (rc < 0 && errno == EADDRINUSE && local && listen_is_stale(address)) {
        rc = unlink(address->address.un.sun_path);
        rc = rc == 0 ? bind(fd, &address->address.any, address->size) : rc;
    }
    rc = rc < 0 ? -errno : 0;
    (void)umask(mask);
    return rc;
}

int listen_open(const char *text, const struct listen_address *address, struct vmm_err *err)
{
    const int family = address->address.any.sa_family, on = 1;
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc;

    if (fd < 0) {
        return vmm_err_set(err, errno, "'%s': no socket: %s", text, strerror(errno));
    }
    if (family != AF_UNIX) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    }
    rc = listen_bind(fd, address);
    rc = rc == 0 && listen(fd, LISTEN_BACKLOG) < 0 ? -errno : rc;
    if (rc < 0) {
        close(fd);
        return vmm_err_set(err, -rc, "cannot listen on '%s': %s", text, strerror(-rc));
    }
    return fd;
}

void listen_where(int fd, const char *text, char *where, size_t size)
{
    struct listen_address now = {.size = sizeof(now.address)};
    char host[INET6_ADDRSTRLEN] = "";

    if (getsockname(fd, &now.address.any, &now.size) < 0 || listen_is_private(&now)) {
        (void)snprintf(where, size, "%s", text);
    } else if (now.address.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &now.address.in6.sin6_addr, host, sizeof(host));
        (void)snprintf(where, size, "http://[%s]:%u", host, ntohs(now.address.in6.sin6_port));
    } else {
        (void)inet_ntop(AF_INET, &now.address.in.sin_addr, host, sizeof(host));
        (void)snprintf(where, size, "http://%s:%u", host, ntohs(now.address.in.sin_port));
    }
}

bool listen_is_private(const struct listen_address *address)
{
    return address->address.any.sa_family == AF_UNIX;
}
