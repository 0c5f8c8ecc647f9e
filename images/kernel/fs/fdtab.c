// SPDX-License-Identifier: Apache-2.0
/*
 * Descriptor tables. `lowest` never exceeds the lowest free descriptor, so the
 * search for that one begins there. A slot is 16 bytes: opening a file touches
 * the table in one place.
 */
#include "fs/vfs.h"

#include <linux/resource.h>

#define FD_MAX (1u << 20)

struct fd_slot {
    struct file *file;
    u64 flags; /* FD_CLOEXEC */
};

/* It fits into 16 bytes, so that it lies with what each run writes anyway. */
struct fdtable {
    struct fd_slot *slots;
    u64 count : 21;
    u64 lowest : 21;
    u64 sharers : 22; /* processes that use it, beside the first */
};
_Static_assert(FD_MAX < 1u << 21, "they fit");

static struct fdtable *table(void)
{
    return cur_proc()->fds;
}

static u32 fdtab_limit(void)
{
    return (u32)MIN(cur_proc()->rlimit_cur[RLIMIT_NOFILE], (u64)FD_MAX);
}

static int fdtab_grow(struct fdtable *t, u32 need)
{
    u32 count = t->count ? (u32)t->count : 64;

    while (count < need) {
        count *= 2;
    }
    if (count == t->count) {
        return 0;
    }
    struct fd_slot *slots = krealloc(t->slots, count * sizeof(*slots));
    if (slots == NULL) {
        return -ENOMEM;
    }
    memset(slots + t->count, 0, (count - t->count) * sizeof(*slots));
    t->slots = slots;
    t->count = count;
    return 0;
}

int fdtable_create(struct file *const std[3], struct fdtable **out)
{
    struct fdtable *t = kzalloc(sizeof(*t));
    int rc = t != NULL ? fdtab_grow(t, 64) : -ENOMEM;

    if (rc < 0) {
        kfree(t);
        return rc;
    }
    for (int fd = 0; fd < 3; fd++) {
        t->slots[fd].file = std[fd];
    }
    t->lowest = 3;
    *out = t;
    return 0;
}

int fdtable_copy(const struct fdtable *from, struct fdtable **out)
{
    struct fdtable *t = kzalloc(sizeof(*t));
    int rc = t != NULL ? fdtab_grow(t, from->count) : -ENOMEM;

    if (rc < 0) {
        kfree(t);
        return rc;
    }
    memcpy(t->slots, from->slots, from->count * sizeof(*t->slots));
    for (u32 fd = 0; fd < from->count; fd++) {
        if (t->slots[fd].file != NULL) {
            file_ref(t->slots[fd].file);
        }
    }
    t->lowest = from->lowest;
    *out = t;
    return 0;
}

void fdtable_share(struct fdtable *t)
{
    t->sharers++;
}

bool fdtable_is_shared(const struct fdtable *t)
{
    return t->sharers > 0;
}

/* A descriptor has gone, and with it the process's record locks on the file: fcntl(2). */
static void closed(const struct fdtable *t, struct file *f)
{
    if (f->inode->locks != NULL) {
        lock_table_closes(t, f->inode);
        dnotify_close(t, f);
    }
    file_put(f);
}

void fdtable_put(struct fdtable *t)
{
    if (t->sharers > 0) {
        t->sharers--;
        return;
    }
    for (u32 fd = 0; fd < t->count; fd++) {
        if (t->slots[fd].file != NULL) {
            closed(t, t->slots[fd].file);
        }
    }
    kfree(t->slots);
    kfree(t);
}

static struct file *at(struct fdtable *t, int fd)
{
    return fd >= 0 && (u32)fd < t->count ? t->slots[fd].file : NULL;
}

struct file *fdtable_get(struct fdtable *t, int fd)
{
    struct file *f = at(t, fd);

    if (f != NULL) {
        file_ref(f);
    }
    return f;
}

struct file *fd_get(int fd)
{
    return fdtable_get(table(), fd);
}

bool fdtable_cloexec(const struct fdtable *t, int fd)
{
    return t->slots[fd].flags & FD_CLOEXEC;
}

static int find_free(struct fdtable *t, u32 min)
{
    u32 fd = MAX(min, (u32)t->lowest);

    while (fd < t->count && t->slots[fd].file != NULL) {
        fd++;
    }
    if (fd >= fdtab_limit()) {
        return -EMFILE;
    }
    int rc = fdtab_grow(t, fd + 1);
    return rc < 0 ? rc : (int)fd;
}

static void put_in(struct fdtable *t, u32 fd, struct file *f, bool cloexec)
{
    KASSERT(fd < t->count && (t->slots[fd].file != NULL || fd >= t->lowest));
    t->slots[fd].file = f;
    t->slots[fd].flags = cloexec ? FD_CLOEXEC : 0;
    if (fd == t->lowest) {
        t->lowest = fd + 1;
    }
}

int fd_install(struct file *f, int min, bool cloexec)
{
    int fd = find_free(table(), (u32)min);

    if (fd < 0) {
        file_put(f);
        return fd;
    }
    const struct file *there = at(table(), fd);
    KASSERT(there == NULL);
    put_in(table(), (u32)fd, f, cloexec);
    return fd;
}

/* Installs two descriptors and writes them to the program's int ufds[2], as pipe() and
 * socketpair() do. */
int fd_install_pair(struct file *a, struct file *b, bool cloexec, vaddr_t ufds)
{
    int fds[2];

    fds[0] = fd_install(a, 0, cloexec);
    if (fds[0] < 0) {
        file_put(b);
        return fds[0];
    }
    fds[1] = fd_install(b, 0, cloexec);
    if (fds[1] < 0) {
        fd_close(fds[0]);
        return fds[1];
    }
    if (copy_to_user(ufds, fds, sizeof(fds)) < 0) {
        fd_close(fds[0]);
        fd_close(fds[1]);
        return -EFAULT;
    }
    return 0;
}

static void remove(struct fdtable *t, u32 fd)
{
    struct file *f = t->slots[fd].file;

    KASSERT(f != NULL);
    t->slots[fd].file = NULL;
    t->slots[fd].flags = 0;
    if (fd < t->lowest) {
        t->lowest = fd;
    }
    closed(t, f);
}

int fd_close(int fd)
{
    if (at(table(), fd) == NULL) {
        return -EBADF;
    }
    remove(table(), (u32)fd);
    return 0;
}

int fd_dup_to(int from, int to, bool cloexec)
{
    struct fdtable *t = table();
    struct file *f = at(t, from);

    if (f == NULL || to < 0 || (u32)to >= fdtab_limit()) {
        return -EBADF;
    }
    int rc = fdtab_grow(t, (u32)to + 1);
    if (rc < 0) {
        return rc;
    }
    struct file *old = t->slots[to].file;
    file_ref(f);
    put_in(t, (u32)to, f, cloexec);
    if (old != NULL) {
        closed(t, old);
    }
    return to;
}

int fd_flags(int fd)
{
    struct fdtable *t = table();

    return at(t, fd) != NULL ? (int)t->slots[fd].flags : -EBADF;
}

int fd_set_flags(int fd, int flags)
{
    struct fdtable *t = table();

    if (at(t, fd) == NULL) {
        return -EBADF;
    }
    t->slots[fd].flags = flags & FD_CLOEXEC;
    return 0;
}

int fd_close_range(u32 first, u32 last, bool cloexec)
{
    struct fdtable *t = table();

    if (first > last) {
        return -EINVAL;
    }
    for (u32 fd = first; fd < t->count && fd <= last; fd++) {
        if (t->slots[fd].file == NULL) {
            continue;
        }
        if (cloexec) {
            t->slots[fd].flags = FD_CLOEXEC;
        } else {
            remove(t, fd);
        }
    }
    return 0;
}

int fd_next(struct fdtable *t, int fd)
{
    for (; (u32)fd < t->count; fd++) {
        if (t->slots[fd].file != NULL) {
            return fd;
        }
    }
    return -1;
}

void fdtable_close_on_exec(struct fdtable *t)
{
    for (u32 fd = 0; fd < t->count; fd++) {
        if (t->slots[fd].file != NULL && (t->slots[fd].flags & FD_CLOEXEC)) {
            remove(t, fd);
        }
    }
}

u32 fd_room(const struct fdtable *t)
{
    return t->count;
}
