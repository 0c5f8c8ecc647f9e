// SPDX-License-Identifier: Apache-2.0
/*
 * libevent refers to the C library's resolver, which loads shared libraries and so does not work in
 * a static program. Nothing here looks up a name. These functions are linked in the place of the C
 * library's, and find nothing.
 */
#include <netdb.h>
#include <stddef.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    (void)node, (void)service, (void)hints;
    *found = NULL;
    return EAI_FAIL;
}

struct servent *getservbyname(const char *name, const char *protocol)
{
    (void)name, (void)protocol;
    return NULL;
}

struct protoent *getprotobynumber(int number)
{
    (void)number;
    return NULL;
}

void freeaddrinfo(struct addrinfo *found)
{
    (void)found;
}
