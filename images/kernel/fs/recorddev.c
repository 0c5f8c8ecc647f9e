// SPDX-License-Identifier: Apache-2.0
/*
 * HV_RECORD_DEVICE: each write gives the host one record, which is a kind, a
 * NUL and bytes. The host reads the bytes where the program has them, if they
 * lie in RAM at their own address; else it gets a copy.
 */
#include "fs/vfs.h"

#define RECORD_MOST ((size_t)HV_KIND_MAX + 1 + HV_RECORD_BYTES)

/* The length of the kind that the first n bytes of a record begin with; 0: they begin with none. */
static size_t kind_length(const char *text, size_t n)
{
    size_t length = strnlen(text, n);

    for (size_t k = 0; k < length; k++) {
        if (text[k] < ' ' || text[k] > '~') {
            return 0;
        }
    }
    return length < n ? length : 0;
}

static ssize_t give(const char *kind, size_t length, vaddr_t bytes, size_t n)
{
    void *copy = NULL;

    if (!user_range_in_ram(bytes, n)) {
        copy = kmalloc(n);
        if (copy == NULL) {
            return -ENOMEM;
        }
        if (copy_from_user(copy, bytes, n) < 0) {
            kfree(copy);
            return -EFAULT;
        }
        bytes = (vaddr_t)copy;
    }
    s64 rc = hv_call(HV_CALL_RECORD, (u64)kind, length, bytes, n);
    kfree(copy);
    return rc;
}

static ssize_t record_write(struct file *f, vaddr_t buf, size_t n, u64 *pos)
{
    char kind[HV_KIND_MAX + 1];
    size_t head = MIN(n, sizeof(kind));

    (void)f, (void)pos;
    if (copy_from_user(kind, buf, head) < 0) {
        return -EFAULT;
    }
    size_t length = kind_length(kind, head);
    if (length == 0) {
        return -EINVAL;
    }
    if (n - length - 1 > HV_RECORD_BYTES) {
        return -EMSGSIZE;
    }
    ssize_t rc = give(kind, length, buf + length + 1, n - length - 1);
    return rc < 0 ? rc : (ssize_t)n;
}

const struct file_ops record_ops = {
    .name = "pyhl-record", .write = record_write, .stream = true, .whole = RECORD_MOST};
