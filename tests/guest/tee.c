// SPDX-License-Identifier: Apache-2.0
/*
 * tee(2): bytes of one pipe appear in another and stay where they are.
 */
#include "t.h"

#include <fcntl.h>

int main(void)
{
    int from[2], to[2], file;
    char buf[64] = "";
    static char big[65536];

    t_scratch();
    file = open("file", O_RDWR | O_CREAT, 0644);
    T_MUST("pipes", pipe(from) == 0 && pipe(to) == 0);
    T_ERR("an empty pipe", tee(from[0], to[1], 10, SPLICE_F_NONBLOCK), EAGAIN);
    T_EQ("write", write(from[1], "abcdef", 6), 6);
    T_EQ("a part", tee(from[0], to[1], 4, 0), 4);
    T_EQ("is there", read(to[0], buf, sizeof(buf)), 4);
    T_CHECK("it is", memcmp(buf, "abcd", 4) == 0);
    T_EQ("all", tee(from[0], to[1], 1000, 0), 6);
    T_EQ("is there", read(to[0], buf, sizeof(buf)), 6);
    T_EQ("and here still", read(from[0], buf, sizeof(buf)), 6);
    T_CHECK("it is", memcmp(buf, "abcdef", 6) == 0);
    T_EQ("nothing", tee(from[0], to[1], 0, 0), 0);
    T_ERR("the same pipe", tee(from[0], from[1], 1, SPLICE_F_NONBLOCK), EINVAL);
    T_ERR("a file", tee(file, to[1], 1, 0), EINVAL);
    T_ERR("to a file", tee(from[0], file, 1, 0), EINVAL);
    T_ERR("the wrong end", tee(from[1], to[1], 1, 0), EBADF);
    T_ERR("no descriptor", tee(-1, to[1], 1, 0), EBADF);
    T_ERR("unknown flags", tee(from[0], to[1], 1, 0x100), EINVAL);
    T_EQ("a full pipe", write(to[1], big, sizeof(big)), sizeof(big));
    T_EQ("write", write(from[1], "x", 1), 1);
    T_ERR("has no room", tee(from[0], to[1], 1, SPLICE_F_NONBLOCK), EAGAIN);
    T_EQ("room again", read(to[0], big, sizeof(big)), sizeof(big));
    T_EQ("end of file", (read(from[0], buf, 1), close(from[1]), tee(from[0], to[1], 1, 0)), 0);
    return t_done();
}
