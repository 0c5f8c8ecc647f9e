// SPDX-License-Identifier: Apache-2.0
/*
 * Formatted text: the subset of printf(3) that kernel.h promises. It never
 * writes past size, always terminates when size > 0, and returns the
 * untruncated length.
 */
#include "kernel.h"

struct out {
    char *buf;
    size_t size, len;
};

struct spec {
    bool left, zero, alt, upper;
    int width, precision, longs;
};

static void printf_put(struct out *o, char c)
{
    if (o->len + 1 < o->size) {
        o->buf[o->len] = c;
    }
    o->len++;
}

/* The prefix, which is a sign or 0x, stands after padding spaces and before padding zeroes. */
static void put_padded(struct out *o, const char *prefix, const char *s, size_t n,
                       const struct spec *f)
{
    size_t len = strlen(prefix) + n;
    int pad = f->width > (int)len ? f->width - (int)len : 0;
    for (; !f->left && !f->zero && pad; pad--) {
        printf_put(o, ' ');
    }
    while (*prefix) {
        printf_put(o, *prefix++);
    }
    for (; !f->left && pad; pad--) {
        printf_put(o, '0');
    }
    while (n--) {
        printf_put(o, *s++);
    }
    for (; pad; pad--) {
        printf_put(o, ' ');
    }
}

static void put_number(struct out *o, u64 v, unsigned base, bool negative, const struct spec *f)
{
    const char *digits = f->upper ? "0123456789ABCDEF" : "0123456789abcdef";
    const char *prefix = negative ? "-" : f->alt && base == 16 && v != 0 ? "0x" : "";
    char text[24]; /* 64 bits have 22 octal digits */
    size_t n = sizeof(text);
    do {
        text[--n] = digits[v % base];
        v /= base;
    } while (v);
    put_padded(o, prefix, text + n, sizeof(text) - n, f);
}

static int parse_int(const char **fmt, va_list *ap)
{
    int v = 0;
    if (**fmt == '*') {
        ++*fmt;
        return va_arg(*ap, int);
    }
    for (; **fmt >= '0' && **fmt <= '9'; ++*fmt) {
        v = v * 10 + **fmt - '0';
    }
    return v;
}

static const char *parse_spec(const char *fmt, struct spec *f, va_list *ap)
{
    *f = (struct spec){.precision = -1};
    for (;; fmt++) {
        if (*fmt == '-') {
            f->left = true;
        } else if (*fmt == '0') {
            f->zero = true;
        } else if (*fmt == '#') {
            f->alt = true;
        } else {
            break;
        }
    }
    f->width = parse_int(&fmt, ap);
    if (f->width < 0) {
        f->left = true;
        f->width = -f->width;
    }
    if (*fmt == '.') {
        fmt++;
        f->precision = parse_int(&fmt, ap);
    }
    for (; *fmt == 'l' || *fmt == 'z'; fmt++) {
        f->longs++;
    }
    return fmt;
}

static void convert(struct out *o, char c, const struct spec *f, va_list *ap)
{
    if (c == 'd' || c == 'i') {
        s64 v = f->longs ? va_arg(*ap, s64) : va_arg(*ap, int);
        put_number(o, v < 0 ? -(u64)v : (u64)v, 10, v < 0, f);
    } else if (c == 'X') {
        struct spec upper = *f;
        upper.upper = true;
        put_number(o, f->longs ? va_arg(*ap, u64) : va_arg(*ap, unsigned), 16, false, &upper);
    } else if (c == 'u' || c == 'x' || c == 'o') {
        u64 v = f->longs ? va_arg(*ap, u64) : va_arg(*ap, unsigned);
        put_number(o, v, c == 'u' ? 10 : c == 'x' ? 16 : 8, false, f);
    } else if (c == 'p') {
        struct spec hex = *f;
        hex.alt = true;
        put_number(o, (u64)va_arg(*ap, void *), 16, false, &hex);
    } else if (c == 's') {
        const char *s = va_arg(*ap, const char *);
        if (s == NULL) {
            s = "(null)";
        }
        put_padded(o, "", s, f->precision >= 0 ? strnlen(s, (size_t)f->precision) : strlen(s), f);
    } else if (c == 'c') {
        char ch = (char)va_arg(*ap, int);
        put_padded(o, "", &ch, 1, f);
    } else {
        printf_put(o, c);
    }
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = {buf, size, 0};
    va_list args;
    va_copy(args, ap);
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            printf_put(&o, *fmt);
            continue;
        }
        struct spec f;
        fmt = parse_spec(fmt + 1, &f, &args);
        if (!*fmt) {
            break;
        }
        convert(&o, *fmt, &f, &args);
    }
    va_end(args);
    if (size) {
        buf[MIN(o.len, size - 1)] = 0;
    }
    return (int)o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
