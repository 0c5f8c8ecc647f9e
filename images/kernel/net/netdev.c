// SPDX-License-Identifier: Apache-2.0
/*
 * The network interface lo, as ioctls of a socket tell of it: netdevice(7).
 */
#include "net/netdev.h"

#include <linux/sockios.h>

#define NAME_MAX_LEN 16

/* struct ifreq: a name, and a value of up to 24 bytes. */
struct request {
    char name[NAME_MAX_LEN];
    union {
        struct sockaddr_in addr;
        int number;
        short flags;
        u8 bytes[24];
    } u;
};
_Static_assert(sizeof(struct request) == 40, "struct ifreq");

static void fill_addr(struct request *r, const u8 bytes[4])
{
    memset(&r->u, 0, sizeof(r->u));
    r->u.addr.sin_family = AF_INET;
    memcpy(&r->u.addr.sin_addr, bytes, 4);
}

static long list_interfaces(vaddr_t arg)
{
    static const u8 localhost[4] = {127, 0, 0, 1};
    struct request r = {.name = "lo"};
    struct {
        int len, pad;
        vaddr_t buf;
    } list;

    if (copy_from_user(&list, arg, sizeof(list)) < 0) {
        return -EFAULT;
    }
    fill_addr(&r, localhost);
    if (list.buf == 0) {
        list.len = sizeof(r);
    } else if (list.len < (int)sizeof(r)) {
        list.len = 0;
    } else {
        list.len = sizeof(r);
        if (copy_to_user(list.buf, &r, sizeof(r)) < 0) {
            return -EFAULT;
        }
    }
    return copy_to_user(arg, &list, sizeof(list));
}

static int fill_request(u32 cmd, struct request *r)
{
    static const u8 localhost[4] = {127, 0, 0, 1}, mask[4] = {255, 0, 0, 0}, none[4];

    switch (cmd) {
    case SIOCGIFINDEX:
        r->u.number = NETDEV_INDEX;
        return 0;
    case SIOCGIFFLAGS:
        r->u.flags = NETDEV_FLAGS;
        return 0;
    case SIOCGIFMTU:
        r->u.number = NETDEV_MTU;
        return 0;
    case SIOCGIFTXQLEN:
        r->u.number = 1000;
        return 0;
    case SIOCGIFMETRIC:
        r->u.number = 0;
        return 0;
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
        fill_addr(r, localhost);
        return 0;
    case SIOCGIFNETMASK:
        fill_addr(r, mask);
        return 0;
    case SIOCGIFBRDADDR:
        fill_addr(r, none);
        return 0;
    case SIOCGIFHWADDR:
        memset(&r->u, 0, sizeof(r->u));
        r->u.number = NETDEV_TYPE;
        return 0;
    default:
        return -ENOTTY;
    }
}

long netdev_ioctl(u32 cmd, vaddr_t arg)
{
    struct request r;
    int rc;

    if (cmd == SIOCGIFCONF) {
        return list_interfaces(arg);
    }
    if (cmd != SIOCGIFNAME && fill_request(cmd, &r) < 0) {
        return -ENOTTY;
    }
    if (copy_from_user(&r, arg, sizeof(r)) < 0) {
        return -EFAULT;
    }
    r.name[NAME_MAX_LEN - 1] = 0;
    if (cmd == SIOCGIFNAME) {
        if (r.u.number != NETDEV_INDEX) {
            return -ENODEV;
        }
        memset(r.name, 0, sizeof(r.name));
        memcpy(r.name, "lo", 2);
    } else {
        if (strcmp(r.name, "lo") != 0) {
            return -ENODEV;
        }
        rc = fill_request(cmd, &r);
        if (rc < 0) {
            return rc;
        }
    }
    return copy_to_user(arg, &r, sizeof(r));
}
