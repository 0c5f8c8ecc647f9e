// SPDX-License-Identifier: Apache-2.0
/* Options of sockets whose values are only kept. */
#ifndef NET_OPTIONS_H
#define NET_OPTIONS_H

#include "net/socket.h"

#define SOL_IP             0
#define SOL_IPV6           41
#define SOL_UDPLITE        136
#define UDPLITE_SEND_CSCOV 10 /* how much of a datagram the checksum covers: RFC 3828 */
#define UDPLITE_RECV_CSCOV 11

/* options.c. -ENOPROTOOPT: it is no such option; -EINVAL: it does not take this value. */
int option_keep(struct socket *s, int level, int name, int value);
int option_kept(const struct socket *s, int level, int name, int *value);

#endif
