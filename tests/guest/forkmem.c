// SPDX-License-Identifier: Apache-2.0
/*
 * fork with much memory: what one side does to a part of it, while the other still has all of it;
 * shared memory whose rights the two change; and pages that each side writes after each of many
 * forks.
 */
#include "t.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define PAGE  4096ul
#define LARGE (2ul << 20)
#define SIZE  (8 * LARGE)

static unsigned char *anonymous(size_t size, int flags)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

    T_MUST("mmap", at != MAP_FAILED);
    return at;
}

static void fill(unsigned char *at, size_t size, unsigned value)
{
    for (size_t i = 0; i < size; i += PAGE) {
        at[i] = (unsigned char)(value + i / PAGE);
        at[i + PAGE - 1] = (unsigned char)value;
    }
}

static bool filled(const unsigned char *at, size_t size, unsigned value)
{
    for (size_t i = 0; i < size; i += PAGE) {
        if (at[i] != (unsigned char)(value + i / PAGE) ||
            at[i + PAGE - 1] != (unsigned char)value) {
            return false;
        }
    }
    return true;
}

static pid_t fork_must(void)
{
    pid_t pid = fork();

    T_MUST("fork", pid >= 0);
    return pid;
}

static int status_of(pid_t pid)
{
    int status = -1;

    T_MUST("waitpid", waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Each step is for one side, and the other waits for it. */
static volatile unsigned *step;

static void step_take(unsigned n)
{
    while (*step != n) {
        usleep(1000);
    }
}

static bool faults(unsigned char *at, bool write)
{
    pid_t pid = fork_must();

    if (pid == 0) {
        if (write) {
            *(volatile unsigned char *)at = 1;
        } else {
            (void)*(volatile unsigned char *)at;
        }
        _exit(0);
    }
    return status_of(pid) == 1000 + SIGSEGV;
}

/* Changes parts of the memory, each in its own large page, and at its edges. */
static bool change_parts(unsigned char *at)
{
    unsigned char *moved;
    bool good = mprotect(at + LARGE / 2, LARGE, PROT_READ) == 0 && faults(at + LARGE, true) &&
                filled(at, 2 * LARGE, 1) && munmap(at + 3 * LARGE - PAGE, 2 * PAGE) == 0 &&
                madvise(at + 4 * LARGE, LARGE, MADV_DONTNEED) == 0 && at[4 * LARGE] == 0 &&
                at[5 * LARGE - PAGE] == 0 && mprotect(at + 5 * LARGE, LARGE, PROT_NONE) == 0 &&
                faults(at + 6 * LARGE - PAGE, false);

    at[LARGE / 2 - 1] = 9;
    at[LARGE / 2 + LARGE] = 9;
    good &= mprotect(at, 2 * LARGE, PROT_READ | PROT_WRITE) == 0;
    at[LARGE] = 9;
    moved = mremap(at + 6 * LARGE, LARGE / 2, LARGE, MREMAP_MAYMOVE);
    return good && moved != MAP_FAILED && moved[PAGE] == (unsigned char)(1 + 6 * LARGE / PAGE + 1);
}

static void check_parts(bool in_child, const char *what)
{
    unsigned char *at = anonymous(SIZE, MAP_PRIVATE);
    pid_t pid;

    fill(at, SIZE, 1);
    *step = 0;
    pid = fork_must();
    if (pid == 0) {
        if (in_child) {
            _exit(change_parts(at) ? 0 : 1);
        }
        step_take(1);
        _exit(filled(at, SIZE, 1) ? 0 : 1);
    }
    if (in_child) {
        T_EQ(what, status_of(pid), 0);
        T_CHECK("and the parent keeps what it had", filled(at, SIZE, 1));
    } else {
        T_CHECK(what, change_parts(at));
        *step = 1;
        T_EQ("and the child keeps what it had", status_of(pid), 0);
        T_CHECK("what the parent may not write stays so", faults(at + 5 * LARGE, false));
        at = MAP_FAILED;
    }
    if (at != MAP_FAILED) {
        fill(at, SIZE, 2);
        T_CHECK("and all of it can be written again", filled(at, SIZE, 2));
        munmap(at, SIZE);
    }
}

/* The parent takes rights away while a child lives, and after it. */
static void check_rights_stay(void)
{
    unsigned char *at = anonymous(SIZE, MAP_PRIVATE);
    pid_t pid;

    fill(at, SIZE, 3);
    *step = 0;
    pid = fork_must();
    if (pid == 0) {
        step_take(1);
        _exit(0);
    }
    T_EQ("a part becomes read-only", mprotect(at + LARGE, LARGE / 2, PROT_READ), 0);
    *step = 1;
    T_EQ("the child ends", status_of(pid), 0);
    at[LARGE + LARGE / 2] = 1;
    T_CHECK("it is still read-only", faults(at + LARGE, true));
    munmap(at, SIZE);
}

/* A page that the child has moved is not the parent's any more. */
static void check_moved(void)
{
    unsigned char *at = anonymous(SIZE, MAP_PRIVATE);
    pid_t pid;

    fill(at, SIZE, 4);
    *step = 0;
    pid = fork_must();
    if (pid == 0) {
        unsigned char *moved = mremap(at + LARGE, LARGE, 2 * LARGE, MREMAP_MAYMOVE);

        *step = 1;
        step_take(2);
        _exit(moved != MAP_FAILED && moved[PAGE - 1] == 4 && moved[LARGE - 1] == 4 ? 0 : 1);
    }
    step_take(1);
    memset(at, 7, SIZE);
    *step = 2;
    T_EQ("what the child has moved stays as it was", status_of(pid), 0);
    munmap(at, SIZE);
}

static int shared_in_child(unsigned char *shared)
{
    unsigned char *moved;

    if (mprotect(shared, LARGE, PROT_NONE) != 0 ||
        mprotect(shared + LARGE, LARGE, PROT_READ) != 0 || !faults(shared + LARGE, true)) {
        return 1;
    }
    *step = 1;
    step_take(2);
    shared[2 * LARGE] = 5; /* the parent may only read it */
    if (shared[LARGE] != 7 || mprotect(shared, 2 * LARGE, PROT_READ | PROT_WRITE) != 0) {
        return 2;
    }
    if (shared[0] != 8 || madvise(shared, LARGE, MADV_DONTNEED) != 0 || shared[0] != 8) {
        return 3;
    }
    moved = mremap(shared + 3 * LARGE, LARGE, 2 * LARGE, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED || moved[0] != 10) {
        return 4;
    }
    moved[0] = 6;
    *step = 3;
    return 0;
}

static void check_shared_rights(void)
{
    unsigned char *shared = anonymous(4 * LARGE, MAP_SHARED);
    pid_t pid;

    shared[3 * LARGE] = 10;
    *step = 0;
    pid = fork_must();
    if (pid == 0) {
        _exit(shared_in_child(shared));
    }
    step_take(1);
    shared[0] = 8;
    shared[LARGE] = 7;
    T_EQ("the parent takes its right to write", mprotect(shared + 2 * LARGE, LARGE, PROT_READ), 0);
    *step = 2;
    T_EQ("the rights of shared memory are each process's", status_of(pid), 0);
    T_EQ("its contents are not", shared[2 * LARGE] + shared[3 * LARGE], 5 + 6);
    T_CHECK("the parent's right is still away", faults(shared + 2 * LARGE, true));
    munmap(shared, 4 * LARGE);
}

static bool grow(unsigned value)
{
    unsigned char *at = sbrk(3 * LARGE);
    bool zero = at != (void *)-1;

    for (size_t i = 0; zero && i < 3 * LARGE; i += PAGE) {
        zero = at[i] == 0;
    }
    if (zero) {
        fill(at, 3 * LARGE, value);
    }
    return zero && filled(at, 3 * LARGE, value);
}

static int break_in_child(const unsigned char *before)
{
    pid_t pid;

    if (!grow(21) || sbrk(-(intptr_t)LARGE) == (void *)-1 || !grow(22) ||
        !filled(before, 3 * LARGE, 20)) {
        return 1;
    }
    pid = fork_must();
    if (pid == 0) {
        _exit(grow(23) && brk((void *)(uintptr_t)before) == 0 && grow(24) ? 0 : 1);
    }
    *step = 1;
    step_take(2);
    return status_of(pid) == 0 && grow(25) && filled(before, 3 * LARGE, 20) ? 0 : 2;
}

/* The break of each moves by itself. */
static void check_break(void)
{
    unsigned char *before = sbrk(0);
    pid_t pid;

    T_CHECK("the break goes up", grow(20));
    *step = 0;
    pid = fork_must();
    if (pid == 0) {
        _exit(break_in_child(before));
    }
    step_take(1);
    T_CHECK("and further, while a child has its own", grow(26));
    *step = 2;
    T_EQ("a child's goes up and down", status_of(pid), 0);
    T_CHECK("the parent's memory is its own",
            filled(before, 3 * LARGE, 20) && filled(before + 3 * LARGE, 3 * LARGE, 26));
}

/* Both sides write to the same pages after each fork, and others now and then. */
static void check_again(void)
{
    unsigned char *at = anonymous(SIZE, MAP_PRIVATE);
    bool good = true;

    for (unsigned i = 0; i < 40; i++) {
        size_t other = (i % 8) * LARGE + (100 + i) * PAGE;
        pid_t pid;

        fill(at + LARGE, 20 * PAGE, i);
        at[other] = (unsigned char)i;
        pid = fork_must();
        if (pid == 0) {
            bool same = filled(at + LARGE, 20 * PAGE, i) && at[other] == (unsigned char)i;

            fill(at + LARGE, 20 * PAGE, 100 + i);
            at[other] = 99;
            _exit(same && filled(at + LARGE, 20 * PAGE, 100 + i) ? 0 : 1);
        }
        at[other] = (unsigned char)i;
        good &= filled(at + LARGE, 20 * PAGE, i);
        fill(at + LARGE, 20 * PAGE, 50 + i);
        good &= status_of(pid) == 0 && filled(at + LARGE, 20 * PAGE, 50 + i) &&
                at[other] == (unsigned char)i;
    }
    T_CHECK("many forks, each of which finds the same pages", good);
    munmap(at, SIZE);
}

/* A child gives its copy of large memory up, and its own child finds none of it. */
static void check_given_up(void)
{
    unsigned char *at = anonymous(SIZE, MAP_PRIVATE);
    pid_t pid;

    fill(at, SIZE, 3);
    pid = fork_must();
    if (pid == 0) {
        bool zero = true;
        pid_t inner;

        T_MUST("madvise", madvise(at, SIZE, MADV_DONTNEED) == 0);
        inner = fork_must();
        if (inner == 0) {
            for (size_t i = 0; i < SIZE; i += PAGE) {
                zero &= at[i] == 0;
                at[i] = 77;
            }
            _exit(zero ? 0 : 1);
        }
        _exit(status_of(inner));
    }
    T_CHECK("after MADV_DONTNEED in a child, its child finds zeroes", status_of(pid) == 0);
    T_CHECK("what that one writes is its own", filled(at, SIZE, 3));
    munmap(at, SIZE);
}

/* What lies in memory without rights is copied, too. */
static void check_without_rights(void)
{
    const size_t size = 64 * PAGE;
    unsigned char *at = anonymous(size, MAP_PRIVATE);
    pid_t pid;

    fill(at, size, 5);
    T_MUST("mprotect", mprotect(at, size, PROT_NONE) == 0);
    pid = fork_must();
    if (pid == 0) {
        bool same;

        T_MUST("mprotect", mprotect(at, size / 2, PROT_READ | PROT_WRITE) == 0);
        T_MUST("mprotect", mprotect(at + size / 2, size / 2, PROT_READ) == 0);
        same = filled(at, size, 5);
        fill(at, size / 2, 9);
        _exit(same && filled(at, size / 2, 9) ? 0 : 1);
    }
    T_CHECK("a child finds what lies in memory without rights", status_of(pid) == 0);
    T_MUST("mprotect", mprotect(at, size, PROT_READ | PROT_WRITE) == 0);
    T_CHECK("what the child writes there is its own", filled(at, size, 5));
    munmap(at, size);
}

int main(void)
{
    step = (volatile unsigned *)(void *)anonymous(PAGE, MAP_SHARED);
    check_given_up();
    check_parts(true, "a child changes parts of large memory");
    check_parts(false, "a parent changes parts of large memory");
    check_rights_stay();
    check_moved();
    check_shared_rights();
    check_break();
    check_again();
    check_without_rights();
    return t_done();
}
