// SPDX-License-Identifier: Apache-2.0
/*
 * execve(2): copies the path and the vectors into the kernel, ends the other
 * threads and starts the new image. What is kept is what the manual page says
 * is kept.
 */
#include "cpu/cpu.h"
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
    v = kzalloc((count + 1) * sizeof(*v));
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

static int check(const char *path)
{
    struct inode *i;
    int rc = path_lookup(path, true, &i);

    if (rc != 0) {
        return rc;
    }
    rc = inode_executable(i) ? 0 : -EACCES;
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
    bool alone = cur_proc()->thread_count == 1;
    int rc = check(path);

    if (rc != 0) {
        return rc;
    }
    if (!alone) {
        thread_kill_others();
    }
    rc = exec_load(cur_proc(), path, argv, envp, &tf);
    if (rc != 0 && !alone) { /* the other threads are gone: there is no going back */
        process_kill(SIGKILL);
    }
    if (rc == 0) {
        thread_become(&tf);
        process_full(cur_proc())->executed = true;
        process_vfork_done(process_full(cur_proc()));
    }
    return rc;
}

long sys_execve(const long a[6])
{
    char **argv = NULL, **envp = NULL;
    char *path = kmalloc(PATH_LEN);
    char *buf = kmalloc(STRING_MAX);
    long rc = path != NULL && buf != NULL ? 0 : -ENOMEM;

    if (rc == 0) {
        rc = strncpy_from_user(path, (vaddr_t)a[0], PATH_LEN);
    }
    if (rc >= 0) {
        rc = args_get((vaddr_t)a[1], buf, &argv);
    }
    if (rc == 0) {
        rc = args_get((vaddr_t)a[2], buf, &envp);
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
