// SPDX-License-Identifier: Apache-2.0
/*
 * Functions for the host: see ../functions.h, and host.c, which calls them.
 */
#include "../functions.h"

#include <stdio.h>
#include <stdlib.h>

/* greet(name, times): the host's function `shout` makes the greeting loud. */
static int greet(const struct value *arguments, struct value *result)
{
    static char text[4096];
    struct value loud;
    size_t size = 0;

    if (functions_call("shout", &arguments[0], 1, &loud) < 0) {
        return -1;
    }
    if (loud.type != VALUE_STRING) {
        return functions_fail("TypeError", "shout returned no string");
    }
    for (int64_t i = 0; i < arguments[1].integer && size < sizeof(text); i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%shello %s", i > 0 ? ", " : "",
                                 (const char *)loud.bytes);
    }
    text[sizeof(text) - 1] = '\0';
    *result = value_string(size > 0 ? text : "");
    return 0;
}

static int add(const struct value *arguments, struct value *result)
{
    int64_t sum;

    if (__builtin_add_overflow(arguments[0].integer, arguments[1].integer, &sum)) {
        return functions_fail("OverflowError", "the sum has more than 64 bits");
    }
    *result = value_int(sum);
    return 0;
}

static int half(const struct value *arguments, struct value *result)
{
    *result = value_double(arguments[0].real / 2);
    return 0;
}

static int invert(const struct value *arguments, struct value *result)
{
    *result = value_bool(!arguments[0].boolean);
    return 0;
}

static int reverse(const struct value *arguments, struct value *result)
{
    static char *bytes;
    const size_t size = arguments[0].size;
    char *room = realloc(bytes, size + 1);

    if (room == NULL) {
        return functions_fail("MemoryError", "no memory for the bytes");
    }
    bytes = room;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = ((const char *)arguments[0].bytes)[size - 1 - i];
    }
    *result = value_bytes(bytes, size);
    return 0;
}

/* How often it was called: the machine goes on from run to run. */
static int count(const struct value *arguments, struct value *result)
{
    static int64_t calls;

    (void)arguments;
    *result = value_int(++calls);
    return 0;
}

int main(void)
{
    static const struct function functions[] = {
        {"greet", "si", greet},  {"add", "ii", add},        {"half", "d", half},
        {"invert", "b", invert}, {"reverse", "y", reverse}, {"count", "", count},
        {NULL, NULL, NULL},
    };
    return functions_serve(functions);
}
