// SPDX-License-Identifier: Apache-2.0
/*
 * process_vm_readv and process_vm_writev: of a child that has other memory at the same addresses,
 * of the process itself, and what they refuse.
 */
#include "t.h"

#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PAGE 4096u
#define SIZE (3 * PAGE)

static unsigned char *anonymous(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    T_MUST("mmap", at != MAP_FAILED);
    return at;
}

/* The child changes its copy, says so, and ends with 0 when the parent has written 7 to it. */
static pid_t start_child(unsigned char *mapped, int fds[2], int back[2])
{
    pid_t pid = fork();
    char c = 0;

    T_MUST("fork", pid >= 0);
    if (pid == 0) {
        memset(mapped, 2, SIZE);
        T_MUST("tell", write(fds[1], "x", 1) == 1);
        T_MUST("wait", read(back[0], &c, 1) == 1);
        _exit(mapped[PAGE] == 7 && mapped[SIZE - 1] == 2 ? 0 : 1);
    }
    T_MUST("wait", read(fds[0], &c, 1) == 1);
    return pid;
}

static void check_child(pid_t pid, unsigned char *mapped)
{
    unsigned char got[SIZE] = {0}, seven = 7;
    struct iovec local[2] = {{got, 100}, {got + 100, SIZE - 100}};
    struct iovec remote = {mapped, SIZE}, beyond = {mapped, SIZE + PAGE};
    struct iovec parts[3] = {{mapped + 1, 1}, {mapped, 0}, {mapped + PAGE, PAGE}};
    struct iovec one = {&seven, 1}, target = {mapped + PAGE, 1};

    T_EQ("read", process_vm_readv(pid, local, 2, &remote, 1, 0), SIZE);
    T_CHECK("what the child has", got[0] == 2 && got[99] == 2 && got[SIZE - 1] == 2);
    T_CHECK("the parent's own is as it was", mapped[0] == 1 && mapped[SIZE - 1] == 1);
    T_EQ("from parts", process_vm_readv(pid, local, 2, parts, 3, 0), 1 + PAGE);
    local[1].iov_len = SIZE;
    T_EQ("up to the first page that is not there", process_vm_readv(pid, local, 2, &beyond, 1, 0),
         SIZE);
    T_EQ("write", process_vm_writev(pid, &one, 1, &target, 1, 0), 1);
    T_EQ("nothing of the parent's", mapped[PAGE], 1);
}

static void check_refused(pid_t pid, unsigned char *mapped)
{
    unsigned char got[16];
    struct iovec local = {got, sizeof(got)}, remote = {mapped, sizeof(got)};
    struct iovec nowhere = {(void *)16, 16}, huge = {mapped, SIZE_MAX};

    T_ERR("no such process", process_vm_readv(999999, &local, 1, &remote, 1, 0), ESRCH);
    T_ERR("flags", process_vm_readv(pid, &local, 1, &remote, 1, 1), EINVAL);
    T_ERR("nothing there", process_vm_readv(pid, &local, 1, &nowhere, 1, 0), EFAULT);
    T_ERR("nothing here", process_vm_readv(pid, &nowhere, 1, &remote, 1, 0), EFAULT);
    T_ERR("too many", process_vm_readv(pid, &local, 1025, &remote, 1, 0), EINVAL);
    T_ERR("too long", process_vm_readv(pid, &local, 1, &huge, 1, 0), EINVAL);
    T_EQ("nothing", process_vm_readv(pid, &local, 0, &remote, 1, 0), 0);
    T_EQ("nothing", process_vm_readv(pid, &local, 1, &remote, 0, 0), 0);
}

static void check_self(unsigned char *mapped)
{
    unsigned char got[16] = {0};
    struct iovec local = {got, sizeof(got)}, remote = {mapped, sizeof(got)};

    T_EQ("read one's own", process_vm_readv(getpid(), &local, 1, &remote, 1, 0), sizeof(got));
    T_CHECK("it is", got[0] == 1 && got[15] == 1);
    memset(got, 3, sizeof(got));
    T_EQ("write one's own", process_vm_writev(getpid(), &local, 1, &remote, 1, 0), sizeof(got));
    T_CHECK("it is", mapped[0] == 3 && mapped[15] == 3 && mapped[16] == 1);
    T_MUST("mprotect", mprotect(mapped, PAGE, PROT_READ) == 0);
}

int main(void)
{
    unsigned char *mapped = anonymous(SIZE + PAGE);
    int fds[2], back[2], status = -1;
    pid_t pid;

    memset(mapped, 1, SIZE);
    T_MUST("munmap", munmap(mapped + SIZE, PAGE) == 0);
    T_MUST("pipes", pipe(fds) == 0 && pipe(back) == 0);
    pid = start_child(mapped, fds, back);
    check_child(pid, mapped);
    check_refused(pid, mapped);
    T_MUST("tell", write(back[1], "x", 1) == 1);
    T_MUST("waitpid", waitpid(pid, &status, 0) == pid);
    T_EQ("the child has what was written", status, 0);
    check_self(mapped);
    return t_done();
}
