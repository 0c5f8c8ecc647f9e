// SPDX-License-Identifier: Apache-2.0
/*
 * Typed values as bytes: the arguments and the results of functions, for a guest's program and for
 * its host alike, which both include this file. A value is a byte with its type and then what
 * belongs to it: a bool is a byte, an int and a double have 8 bytes (little-endian), a string and
 * bytes have their length (4 bytes), so many bytes, and a NUL that is not counted. Values stand one
 * after the other. What is read is checked: it may come from somebody who is not trusted.
 */
#ifndef VALUES_H
#define VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum value_type {
    VALUE_NONE = 'n',
    VALUE_BOOL = 'b',
    VALUE_INT = 'i',
    VALUE_DOUBLE = 'd',
    VALUE_STRING = 's',
    VALUE_BYTES = 'y',
};

struct value {
    enum value_type type;
    union {
        bool boolean;
        int64_t integer;
        double real;
        const void *bytes; /* of a string, too, which has a NUL after its end */
    };
    size_t size; /* of a string or bytes */
};

static inline struct value value_none(void)
{
    return (struct value){.type = VALUE_NONE};
}

static inline struct value value_bool(bool boolean)
{
    return (struct value){.type = VALUE_BOOL, .boolean = boolean};
}

static inline struct value value_int(int64_t integer)
{
    return (struct value){.type = VALUE_INT, .integer = integer};
}

static inline struct value value_double(double real)
{
    return (struct value){.type = VALUE_DOUBLE, .real = real};
}

static inline struct value value_string(const char *text)
{
    return (struct value){.type = VALUE_STRING, .bytes = text, .size = strlen(text)};
}

static inline struct value value_bytes(const void *bytes, size_t size)
{
    return (struct value){.type = VALUE_BYTES, .bytes = bytes, .size = size};
}

/* How many bytes follow the type; 0 for none. UINT32_MAX: there is no such type. */
static inline uint32_t value_width(char type)
{
    switch (type) {
    case VALUE_NONE:
        return 0;
    case VALUE_BOOL:
        return 1;
    case VALUE_INT:
    case VALUE_DOUBLE:
        return 8;
    case VALUE_STRING:
    case VALUE_BYTES:
        return 4; /* the length */
    default:
        return UINT32_MAX;
    }
}

static inline bool value_has_bytes(enum value_type type)
{
    return type == VALUE_STRING || type == VALUE_BYTES;
}

/* Writes the values and returns how many bytes they have; what does not fit into `room` bytes is
 * left out, so that more than `room` means that nothing useful was written. A string or bytes of 4
 * GiB or more are cut to what their length can say. */
static inline size_t values_write(const struct value *values, size_t count, void *to, size_t room)
{
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        const struct value *v = &values[i];
        const uint32_t width = value_width((char)v->type), length = (uint32_t)v->size;
        const size_t more = value_has_bytes(v->type) ? length + (size_t)1 : 0;
        if (to != NULL && room >= done && room - done >= 1 + width + more) {
            char *at = (char *)to + done;
            *at++ = (char)v->type;
            if (more > 0) {
                memcpy(at, &length, width);
                memcpy(at + width, length > 0 ? v->bytes : "", length);
                at[width + length] = '\0';
            } else if (v->type == VALUE_BOOL) {
                *at = v->boolean;
            } else if (width > 0) {
                memcpy(at, &v->integer, width);
            }
        }
        done += 1 + width + more;
    }
    return done;
}

/* Reads up to `room` values. Strings and bytes stay where they are. Returns how many there are, or
 * -1: these are no values, or more than `room`. */
static inline int values_read(const void *from, size_t size, struct value *values, size_t room)
{
    const char *at = from, *const end = at + size;
    int count = 0;
    while (at < end) {
        const uint32_t width = value_width(*at);
        uint64_t number = 0;
        if ((size_t)count == room || width > (size_t)(end - at) - 1) {
            return -1;
        }
        struct value *v = &values[count++];
        *v = (struct value){.type = (enum value_type) * at};
        memcpy(&number, at + 1, width);
        at += 1 + width;
        if (v->type == VALUE_BOOL) {
            v->boolean = number != 0;
        } else if (!value_has_bytes(v->type)) {
            memcpy(&v->integer, &number, sizeof(number));
        } else if (number >= (size_t)(end - at) || at[number] != '\0') {
            return -1;
        } else {
            v->bytes = at;
            v->size = (size_t)number;
            at += number + 1;
        }
    }
    return count;
}

#endif
