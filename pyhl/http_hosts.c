// SPDX-License-Identifier: Apache-2.0
#include "http_hosts.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 255u

/* Takes the host off HOST:PORT and [HOST]:PORT. */
static bool host_name(const char *text, char name[HOST_MAX + 1])
{
    const char *end = text[0] == '[' ? strchr(text, ']') : text + strcspn(text, ":");
    const char *begin = text + (text[0] == '[');
    const char *port;

    if (end == NULL || end == begin || (size_t)(end - begin) > HOST_MAX) {
        return false;
    }
    memcpy(name, begin, (size_t)(end - begin));
    name[end - begin] = 0;
    port = end + (*end == ']');
    return *port == 0 || (*port == ':' && port[1 + strspn(port + 1, "0123456789")] == 0);
}

/* A number is no name that someone else could let point here. */
static bool host_is_number(const char *name)
{
    struct in6_addr address;

    return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

static bool host_ends(const char *name, const char *end)
{
    const size_t size = strlen(name), tail = strlen(end);

    return size > tail && strcasecmp(name + size - tail, end) == 0;
}

bool http_host_is_ours(const char *text, const struct opt_list *hosts)
{
    char name[HOST_MAX + 1];

    if (!host_name(text, name)) {
        return false;
    }
    if (strcasecmp(name, "localhost") == 0 || host_ends(name, ".localhost") ||
        host_is_number(name)) {
        return true;
    }
    for (size_t i = 0; i < hosts->count; i++) {
        const char *host = hosts->items[i];

        if (strncmp(host, "*.", 2) == 0 ? host_ends(name, host + 1) : strcasecmp(name, host) == 0) {
            return true;
        }
    }
    return false;
}

static bool host_is_loopback(const char *name)
{
    struct in6_addr address;

    return (inet_pton(AF_INET, name, &address) == 1 && address.s6_addr[0] == IN_LOOPBACKNET) ||
           (inet_pton(AF_INET6, name, &address) == 1 && IN6_IS_ADDR_LOOPBACK(&address));
}

bool http_origin_is_ours(const char *text, const char *host, const struct opt_list *hosts)
{
    const char *at = strstr(text, "://");
    char name[HOST_MAX + 1], own[HOST_MAX + 1];

    if (at == NULL || (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0) ||
        !http_host_is_ours(at + 3, hosts) || !host_name(at + 3, name)) {
        return false;
    }
    return !host_is_number(name) || host_is_loopback(name) ||
           (host != NULL && host_name(host, own) && strcasecmp(name, own) == 0);
}
