// SPDX-License-Identifier: Apache-2.0
/*
 * execve(2) and execveat(2): copies the path and the vectors into the kernel, and starts the new
 * image. What is kept is what the manual page says is kept.
 */
#include "cpu/cpu.h"
#include "fs/vfs.h"
#include "proc/proc.h"
#include "sysproto.h"

#define PATH_LEN     4096u
#define STRING_MAX   (128u << 10) /* MAX_ARG_STRLEN */
#define VECTOR_BYTES (1u << 20)   /* strings of one vector */

static int string_get(vaddr_t addr, char *buf, char **out)
{
    long len = strncpy_from_user(buf, addr, STRING_MAX);

    if (len == -ENAMETOOLONG) {
        return -E2BIG;
    }
    if (len < 0) {
        return (int)len;
    }
    *out = kstrdup(buf);
    return *out != NULL ? 0 : -ENOMEM;
}

static void args_free(char **v)
{
    for (size_t i = 0; v != NULL && v[i] != NULL; i++) {
        kfree(v[i]);
    }
    kfree(v);
}

/* NULL counts as an empty vector, as on Linux. */
static int vector_count(vaddr_t addr, size_t *count)
{
    u64 p = 1;

    for (*count = 0; addr != 0; ++*count) {
        if (*count >= VECTOR_BYTES / sizeof(p)) {
            return -E2BIG;
        }
        if (copy_from_user(&p, addr + *count * sizeof(p), sizeof(p)) != 0) {
            return -EFAULT;
        }
        if (p == 0) {
            break;
        }
    }
    return 0;
}

static int args_get(vaddr_t addr, char *buf, char ***out)
{
    size_t count, bytes = 0;
    int rc = vector_count(addr, &count);
    char **v;

    if (rc != 0) {
        return rc;
    }
    v = kzalloc((MAX(count, 1ul) + 1) * sizeof(*v));
    if (v == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        u64 p;

        rc = copy_from_user(&p, addr + i * sizeof(p), sizeof(p));
        if (rc == 0) {
            rc = string_get(p, buf, &v[i]);
        }
        if (rc == 0 && (bytes += strlen(v[i]) + 1) > VECTOR_BYTES) {
            rc = -E2BIG;
        }
    }
    if (rc != 0) {
        args_free(v);
        return rc;
    }
    *out = v;
    return 0;
}

/* A program by a descriptor (execveat(2)): its path leads through /dev/fd, where the interpreter of
 * a script would look for the script in vain if the descriptor is closed. */
static bool out_of_reach(struct inode *i, int fd)
{
    char magic[2];

    return fd >= 0 && fdtable_cloexec(cur_proc()->fds, fd) && inode_read(i, magic, 2, 0) == 2 &&
           magic[0] == '#' && magic[1] == '!';
}

/* fd: that of execveat(2), or -1. */
static int check(const char *path, int fd, bool follow)
{
    struct inode *i;
    int rc = path_lookup(path, follow, &i);

    if (rc != 0) {
        return rc;
    }
    if (inode_type(i) == INODE_LNK) {
        rc = -ELOOP;
    } else if (!inode_executable(i)) {
        rc = -EACCES;
    } else if (out_of_reach(i, fd)) {
        rc = -ENOENT;
    } else if (inode_is_written(i)) {
        rc = -ETXTBSY;
    }
    inode_put(i);
    return rc;
}

static void thread_become(const struct trapframe *tf)
{
    struct thread *t = current;

    signals_exec(t->proc);
    proc_timers_exec(t->proc);
    t->tid = t->proc->pid;
    t->p->clear_tid = t->p->robust_head = 0;
    *t->tf = *tf;
    xstate_init(t->xstate);
    xstate_restore(t->xstate);
    cpu_wrfsbase(0);
    cpu_wrgsbase(0);
}

static int exec(const char *path, char **argv, char **envp)
{
    struct trapframe tf;
    int rc = exec_load(cur_proc(), path, argv, envp, &tf);

    if (rc == 0) {
        thread_become(&tf);
        process_full(cur_proc())->executed = true;
        process_vfork_done(process_full(cur_proc()));
    }
    return rc;
}

/* Puts into buf the path that stands for execveat's two arguments, and into *fd the descriptor that
 * it leads through, or -1. */
static long program_path(int dirfd, vaddr_t upath, u32 *flags, char *buf, int *fd)
{
    char start[24];
    size_t n;
    struct file *f;
    long len = strncpy_from_user(buf, upath, PATH_LEN);

    *fd = -1;
    if (len < 0) {
        return len;
    }
    if (buf[0] == '\0') {
        if ((*flags & AT_EMPTY_PATH) == 0) {
            return -ENOENT;
        }
        *flags &= ~(u32)AT_SYMLINK_NOFOLLOW; /* the descriptor is no link, its path is */
    }
    if (buf[0] == '/' || (dirfd == AT_FDCWD && buf[0] != '\0')) {
        return 0;
    }
    if (dirfd == AT_FDCWD) {
        return -EACCES; /* the working directory */
    }
    f = fd_get(dirfd);
    if (f == NULL) {
        return -EBADF;
    }
    file_put(f);
    n = (size_t)snprintf(start, sizeof(start), buf[0] == '\0' ? "/dev/fd/%d" : "/dev/fd/%d/",
                         dirfd);
    if (n + (size_t)len >= PATH_LEN) {
        return -ENAMETOOLONG;
    }
    memmove(buf + n, buf, (size_t)len + 1);
    memcpy(buf, start, n);
    *fd = dirfd;
    return 0;
}

static long do_execveat(int dirfd, vaddr_t upath, vaddr_t uargv, vaddr_t uenvp, u32 flags)
{
    char **argv = NULL, **envp = NULL;
    char *path = kmalloc(PATH_LEN);
    char *buf = kmalloc(STRING_MAX);
    long rc = path != NULL && buf != NULL ? 0 : -ENOMEM;
    int fd = -1;

    if (rc == 0) {
        rc = program_path(dirfd, upath, &flags, path, &fd);
    }
    if (rc == 0) {
        rc = args_get(uargv, buf, &argv);
    }
    if (rc == 0 && argv[0] == NULL) { /* as on Linux, no program is without its first argument */
        argv[0] = kstrdup("");
        rc = argv[0] != NULL ? 0 : -ENOMEM;
    }
    if (rc == 0) {
        rc = args_get(uenvp, buf, &envp);
    }
    if (rc == 0) {
        rc = check(path, fd, (flags & AT_SYMLINK_NOFOLLOW) == 0);
    }
    if (rc == 0) {
        rc = exec(path, argv, envp);
    }
    args_free(argv);
    args_free(envp);
    kfree(buf);
    kfree(path);
    return rc;
}

long sys_execve(const long a[6])
{
    return do_execveat(AT_FDCWD, (vaddr_t)a[0], (vaddr_t)a[1], (vaddr_t)a[2], 0);
}

long sys_execveat(const long a[6])
{
    if (((u32)a[4] & ~(u32)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) != 0) {
        return -EINVAL;
    }
    return do_execveat((int)a[0], (vaddr_t)a[1], (vaddr_t)a[2], (vaddr_t)a[3], (u32)a[4]);
}
