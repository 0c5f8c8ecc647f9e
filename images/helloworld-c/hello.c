// SPDX-License-Identifier: Apache-2.0
/*
 * The smallest program worth booting. It prints its arguments and environment and a line on each of
 * stdout and stderr, and exits with argv[1] as its status (0 without). It is built static,
 * static-pie, PIE and non-PIE, so that it also tests the kernel's ways of loading a program.
 */

#include <stdio.h>
#include <stdlib.h>

extern char **environ;

int main(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        printf("argv[%d]=%s\n", i, argv[i]);
    }
    for (char **e = environ; *e != NULL; e++) {
        printf("env %s\n", *e);
    }
    printf("hello, stdout\n");
    if (fflush(stdout) != 0) {
        return 125;
    }
    fprintf(stderr, "hello, stderr\n");
    return argc > 1 ? atoi(argv[1]) : 0;
}
