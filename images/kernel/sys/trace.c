// SPDX-License-Identifier: Apache-2.0
/*
 * One line a system call: name, arguments in the format of its row in sys/table.c, result. A call
 * that does not return (exit, execve, rt_sigreturn) is written before it runs.
 */
#include "sys/trace.h"

#define LINE     400
#define TEXT_MAX 64u

struct line {
    char text[LINE];
    size_t len;
};

static void put_text(struct line *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(l->text + l->len, LINE - l->len, fmt, ap);
    va_end(ap);
    l->len = MIN(l->len + (size_t)n, LINE - 1);
}

static void add_quoted(struct line *l, const char *s, size_t n, bool more)
{
    put_text(l, "\"");
    for (size_t i = 0; i < n; i++) {
        u8 c = (u8)s[i];
        if (c == '\n') {
            put_text(l, "\\n");
        } else if (c == '"' || c == '\\') {
            put_text(l, "\\%c", c);
        } else if (c < 32 || c > 126) {
            put_text(l, "\\%o", c);
        } else {
            put_text(l, "%c", c);
        }
    }
    put_text(l, more ? "\"..." : "\"");
}

static void add_string(struct line *l, vaddr_t p)
{
    char s[TEXT_MAX + 1];
    long n = strncpy_from_user(s, p, sizeof(s));
    if (n == -EFAULT) {
        put_text(l, "%#lx", p);
    } else {
        add_quoted(l, s, n < 0 ? TEXT_MAX : (size_t)n, n < 0);
    }
}

static void add_buffer(struct line *l, vaddr_t p, u64 size)
{
    char s[TEXT_MAX];
    size_t n = MIN(size, TEXT_MAX);
    if (copy_from_user(s, p, n)) {
        put_text(l, "%#lx", p);
    } else {
        add_quoted(l, s, n, size > n);
    }
}

static void add_timespec(struct line *l, vaddr_t p)
{
    s64 ts[2];
    if (!p || copy_from_user(ts, p, sizeof(ts))) {
        put_text(l, p ? "%#lx" : "NULL", p);
    } else {
        put_text(l, "{%ld.%09ld}", ts[0], ts[1]);
    }
}

static void add_arg(struct line *l, char kind, const long *a)
{
    vaddr_t p = (vaddr_t)*a;
    if (kind == 's' && p) {
        add_string(l, p);
    } else if (kind == 'b' && p) {
        add_buffer(l, p, (u64)a[1]);
    } else if (kind == 't') {
        add_timespec(l, p);
    } else if (kind == 'd' || kind == 'f') {
        put_text(l, "%d", (int)*a);
    } else if (kind == 'o') {
        put_text(l, "0%lo", *a);
    } else if (!p && (kind == 'p' || kind == 's' || kind == 'b')) {
        put_text(l, "NULL");
    } else {
        put_text(l, "%#lx", *a);
    }
}

static bool never_returns(u64 nr)
{
    return nr == __NR_exit || nr == __NR_exit_group || nr == __NR_rt_sigreturn || nr == __NR_execve;
}

static void add_call(struct line *l, u64 nr, const struct syscall *s, const long a[6])
{
    put_text(l, "[%d] ", current->tid);
    if (s == NULL || s->fn == NULL) {
        put_text(l, "syscall_%lu(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)", nr, a[0], a[1], a[2], a[3],
                 a[4], a[5]);
        return;
    }
    put_text(l, "%s(", s->name);
    for (int i = 0; i < 6 && s->args[i]; i++) {
        if (i) {
            put_text(l, ", ");
        }
        add_arg(l, s->args[i], &a[i]);
    }
    put_text(l, ")");
}

long trace_call(u64 nr, const struct syscall *s, const long a[6])
{
    static const char *const names[] = {
        [EPERM] = "EPERM",         [ENOENT] = "ENOENT",   [EINTR] = "EINTR",
        [EBADF] = "EBADF",         [EAGAIN] = "EAGAIN",   [ENOMEM] = "ENOMEM",
        [EACCES] = "EACCES",       [EFAULT] = "EFAULT",   [EEXIST] = "EEXIST",
        [ENOTDIR] = "ENOTDIR",     [EISDIR] = "EISDIR",   [EINVAL] = "EINVAL",
        [ENOTTY] = "ENOTTY",       [ESPIPE] = "ESPIPE",   [EPIPE] = "EPIPE",
        [ENOSYS] = "ENOSYS",       [ENODATA] = "ENODATA", [ECHILD] = "ECHILD",
        [ETIMEDOUT] = "ETIMEDOUT",
    };
    struct line l = {.len = 0};
    if (never_returns(nr)) {
        add_call(&l, nr, s, a);
        hv_trace_line(l.text, l.len);
        return s != NULL && s->fn != NULL ? s->fn(a) : -ENOSYS;
    }
    /* The call comes first, so that the line shows what it has put into the program's buffers. */
    long rc = s != NULL && s->fn != NULL ? s->fn(a) : -ENOSYS;
    add_call(&l, nr, s, a);
    if (rc < 0 && rc > -4096) {
        const char *name = (u64)-rc < ARRAY_SIZE(names) ? names[-rc] : NULL;
        put_text(&l, name != NULL ? " = -1 %s" : " = -1 errno %d",
                 name != NULL ? (u64)name : (u64)-rc);
    } else {
        put_text(&l, rc >= 0 && rc < 100000 ? " = %ld" : " = %#lx", rc);
    }
    hv_trace_line(l.text, l.len);
    return rc;
}
