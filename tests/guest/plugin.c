// SPDX-License-Identifier: Apache-2.0
/*
 * The shared library that dlopen.c loads. It holds one of everything the loader must handle:
 * a constructor, relocated data, thread-local storage, calls into itself and into libc.
 */
#include <stdio.h>

extern int plugin_constructed;
extern const char *const plugin_words[];
int plugin_twice(int n);
int plugin_length(int n);
int plugin_thread_count(int n);

int plugin_constructed;
const char *const plugin_words[] = {"alpha", "beta", "gamma"};
static __thread int count = 100;

__attribute__((constructor)) static void construct(void)
{
    plugin_constructed++;
}

int plugin_twice(int n)
{
    return 2 * n;
}

int plugin_length(int n)
{
    char text[32];

    return snprintf(text, sizeof(text), "%d", n);
}

int plugin_thread_count(int n)
{
    count += n;
    return count;
}
