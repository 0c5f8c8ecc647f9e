// SPDX-License-Identifier: Apache-2.0
/*
 * Output, byte for byte: small and large writes, every byte value, writev, a stream closed at
 * exit, stdout and stderr apart, an empty stdin. The runner compares both streams.
 */
#include "t.h"

#include <sys/uio.h>

static void write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        T_MUST("write", n > 0);
        data += n;
        size -= (size_t)n;
    }
}

static void big_writes(void)
{
    enum { SIZE = 3 << 20 };
    char *data = malloc(SIZE);

    for (size_t i = 0; i < SIZE; i++) {
        data[i] = (char)((i * 2654435761u) >> 13);
    }
    write_all(1, data, SIZE);
    write_all(2, data, SIZE / 3);
    free(data);
}

static void vector_write(void)
{
    char one[] = "first ";
    char two[] = "second ";
    char three[] = "third\n";
    struct iovec parts[] = {{one, 6}, {NULL, 0}, {two, 7}, {three, 6}};

    T_EQ("writev returns the sum", writev(1, parts, 4), 19);
}

static void streams(void)
{
    char every[256];

    for (int i = 0; i < 256; i++) {
        every[i] = (char)i;
    }
    printf("printf %d %s %.3f %5x|%-8s|\n", -12, "text", 3.14159, 0xbeef, "left");
    T_EQ("fwrite of every byte value", fwrite(every, 1, sizeof(every), stdout), sizeof(every));
    fflush(stdout);
    fprintf(stderr, "to stderr %d\n", 1);
    T_EQ("unbuffered again", setvbuf(stdout, NULL, _IONBF, 0), 0);
    for (int i = 0; i < 200; i++) {
        putchar("0123456789"[i % 10]);
    }
    putchar('\n');
}

static void standard_input(void)
{
    char byte;

    T_EQ("stdin is at its end", read(0, &byte, 1), 0);
    T_EQ("and stays there", read(0, &byte, 1), 0);
    T_EQ("getchar", getchar(), EOF);
    T_CHECK("feof", feof(stdin) && !ferror(stdin));
}

int main(void)
{
    char kept[4096];

    streams();
    vector_write();
    big_writes();
    standard_input();
    T_EQ("a write of nothing", write(1, "", 0), 0);
    T_ERR("a write to a closed descriptor", write(77, "x", 1), EBADF);
    setvbuf(stdout, kept, _IOFBF, sizeof(kept));
    printf("written by exit, without a newline");
    /* exit, not return: the buffer lives in this frame until the streams are flushed. */
    exit(t_done());
}
