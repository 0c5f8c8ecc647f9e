// SPDX-License-Identifier: Apache-2.0
#include "passing.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* Room for the message about one descriptor. */
union passing_room {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

ssize_t passing_send(int socket, const void *bytes, size_t size, int fd)
{
    union passing_room room = {.head = {.cmsg_len = CMSG_LEN(sizeof(fd)),
                                        .cmsg_level = SOL_SOCKET,
                                        .cmsg_type = SCM_RIGHTS}};
    struct iovec piece = {(void *)(uintptr_t)bytes, size};
    const struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof(room)};

    memcpy(CMSG_DATA(&room.head), &fd, sizeof(fd));
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

ssize_t passing_receive(int socket, void *bytes, size_t size, int *fd)
{
    union passing_room room = {.head = {.cmsg_len = 0}};
    struct iovec piece = {bytes, size};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof(room)};
    const ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);

    *fd = -1;
    if (n > 0 && message.msg_controllen >= CMSG_LEN(sizeof(*fd)) &&
        room.head.cmsg_level == SOL_SOCKET && room.head.cmsg_type == SCM_RIGHTS) {
        memcpy(fd, CMSG_DATA(&room.head), sizeof(*fd));
    }
    return n;
}
