// SPDX-License-Identifier: Apache-2.0
/*
 * What TCP and UDP share: addresses and ports. The machine has one interface,
 * lo: 127.0.0.0/8 and ::1. An IPv4 address is kept as ::ffff:a.b.c.d, so that
 * sockets of both families meet.
 */
#ifndef NET_INET_H
#define NET_INET_H

#include "net/socket.h"

#define PORT_FIRST 32768u /* net.ipv4.ip_local_port_range */
#define PORT_LAST  60999u
#define PORT_USERS 1024u /* ports below are for CAP_NET_BIND_SERVICE */

/* port.c */
bool addr_is_any(const struct in6_addr *a); /* of either family */
bool addr_is_v4(const struct in6_addr *a);
bool addr_equal(const struct in6_addr *a, const struct in6_addr *b);
/* Reads an address of a program for a socket of a family. -EINVAL, -EAFNOSUPPORT. */
int addr_read(const struct socket *s, const struct address *a, struct in6_addr *addr, u16 *port);
/* As the socket's family shows it. */
void addr_write(const struct socket *s, const struct in6_addr *addr, u16 port, struct address *out);
/* Whether it is one of the machine's own, to connect or send to: 0 or -ENETUNREACH. The unspecified
 * address becomes that of the loopback. */
int addr_route(struct in6_addr *addr);
/* The address that packets to an address of IPv4 or IPv6 go out from: the loopback's. */
void addr_source(bool v4, struct in6_addr *from);
/* bind(2); port 0: a free one. */
int port_bind(struct socket *s, const struct in6_addr *addr, u16 port);
int port_bind_any(struct socket *s); /* if it has none */
/* The accepted end of a connection has its listener's port, too. */
void port_share(struct socket *s, const struct in6_addr *addr, u16 port);
void port_leave(struct socket *s);
/* Gives a socket with a port and no address the one that packets to the peer go out from. */
void port_bind_source(struct socket *s, const struct in6_addr *peer);
/* The socket of a protocol that a packet from `from` reaches; NULL: none. Of TCP: a listener. */
struct socket *port_find(int protocol, const struct in6_addr *to, u16 port,
                         const struct in6_addr *from, u16 from_port);
int inet_bind(struct socket *s, const struct address *a);
void inet_name(const struct socket *s, struct address *out);
int inet_peer_name(const struct socket *s, struct address *out);

#endif
