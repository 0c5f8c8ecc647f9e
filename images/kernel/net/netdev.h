// SPDX-License-Identifier: Apache-2.0
/* The one interface of the machine, lo. */
#ifndef NET_NETDEV_H
#define NET_NETDEV_H

#include "net/socket.h"

#define NETDEV_INDEX 1
#define NETDEV_MTU   65536
#define NETDEV_TYPE  772  /* ARPHRD_LOOPBACK */
#define NETDEV_FLAGS 0x49 /* IFF_UP, IFF_LOOPBACK, IFF_RUNNING */

#endif
