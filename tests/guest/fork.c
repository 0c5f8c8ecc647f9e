// SPDX-License-Identifier: Apache-2.0
/*
 * fork: memory of all kinds that both sides change, unmap, protect, move and give back, also in
 * grandchildren and after one of them has gone; shared memory and futexes in it; what else is
 * inherited; and many forks.
 */
#include "t.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PAGE  4096ul
#define PAGES 700ul /* more than a page table holds */

static unsigned char statics[PAGES * PAGE];

struct region {
    const char *name;
    unsigned char *at;
};

static struct region regions[5];

static void region_set(unsigned char *at, int value)
{
    for (size_t i = 0; i < PAGES; i++) {
        at[i * PAGE] = (unsigned char)(value + (int)i);
        at[i * PAGE + PAGE - 1] = (unsigned char)value;
    }
}

static bool region_is(const unsigned char *at, int value)
{
    for (size_t i = 0; i < PAGES; i++) {
        if (at[i * PAGE] != (unsigned char)(value + (int)i) ||
            at[i * PAGE + PAGE - 1] != (unsigned char)value) {
            return false;
        }
    }
    return true;
}

static void *anonymous(size_t size, int flags)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

    T_MUST("mmap", at != MAP_FAILED);
    return at;
}

/* Private mappings of a file, read-write, below and in the window. */
static unsigned char *of_file(void)
{
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    void *at;

    T_MUST("file", fd >= 0 && ftruncate(fd, PAGES * PAGE) == 0);
    at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    T_MUST("map the file", at != MAP_FAILED);
    close(fd);
    return at;
}

static void make_regions(void)
{
    unsigned char *brk = sbrk(PAGES * PAGE + PAGE);
    unsigned char *fixed = mmap((void *)0x600000000000, PAGES * PAGE, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    T_MUST("regions", brk != (void *)-1 && fixed != MAP_FAILED);
    regions[0] = (struct region){"data", statics};
    regions[1] = (struct region){"brk", (unsigned char *)(((uintptr_t)brk + PAGE - 1) & -PAGE)};
    regions[2] = (struct region){"mmap", anonymous(PAGES * PAGE, MAP_PRIVATE)};
    regions[3] = (struct region){"file", of_file()};
    regions[4] = (struct region){"fixed", fixed};
}

static bool all_are(int value)
{
    bool good = true;

    for (size_t i = 0; i < T_COUNT(regions); i++) {
        good &= region_is(regions[i].at, value);
    }
    return good;
}

static void set_all(int value)
{
    for (size_t i = 0; i < T_COUNT(regions); i++) {
        region_set(regions[i].at, value);
    }
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

/* One side tells the other that it may go on. */
struct turn {
    int fds[2];
};

static struct turn turn_make(void)
{
    struct turn t;

    T_MUST("pipe", pipe(t.fds) == 0);
    return t;
}

static void turn_give(struct turn t)
{
    T_MUST("give", write(t.fds[1], "x", 1) == 1);
}

static void turn_take(struct turn t)
{
    char c;

    T_MUST("take", read(t.fds[0], &c, 1) == 1);
}

static void check_child_writes(void)
{
    pid_t pid;

    set_all(1);
    pid = fork_must();
    if (pid == 0) {
        bool good = all_are(1);
        set_all(2);
        _exit(good && all_are(2) ? 0 : 1);
    }
    T_EQ("the child has the memory and changes it", status_of(pid), 0);
    T_CHECK("the parent's is as it was", all_are(1));
    set_all(3);
    T_CHECK("and can be changed", all_are(3));
}

static void check_parent_writes(void)
{
    struct turn turn = turn_make();
    pid_t pid;

    set_all(1);
    pid = fork_must();
    if (pid == 0) {
        turn_take(turn);
        _exit(all_are(1) ? 0 : 1);
    }
    set_all(9);
    turn_give(turn);
    T_EQ("the child keeps what the parent changes", status_of(pid), 0);
    T_CHECK("the parent has its own", all_are(9));
}

static void check_family(void)
{
    struct turn a = turn_make(), b = turn_make();
    pid_t pid, second;

    set_all(1);
    pid = fork_must();
    if (pid == 0) {
        pid_t grandchild;
        bool good;

        region_set(statics, 50);
        grandchild = fork_must();
        if (grandchild == 0) {
            turn_take(a);
            good = region_is(statics, 50) && region_is(regions[2].at, 1);
            set_all(7);
            _exit(good && all_are(7) ? 0 : 1);
        }
        region_set(statics, 60);
        turn_give(a);
        good = status_of(grandchild) == 0 && region_is(statics, 60);
        _exit(good && region_is(regions[1].at, 1) ? 0 : 1);
    }
    second = fork_must();
    if (second == 0) {
        turn_take(b);
        _exit(all_are(1) ? 0 : 1);
    }
    region_set(regions[1].at, 4);
    region_set(statics, 5);
    T_EQ("child and grandchild", status_of(pid), 0);
    region_set(regions[2].at, 6);
    turn_give(b);
    T_EQ("a second child", status_of(second), 0);
    T_CHECK("the parent", region_is(statics, 5) && region_is(regions[2].at, 6));
}

/* The parent gives memory back, and takes new, while a child still has the old. */
static void check_unmapped(void)
{
    struct turn turn = turn_make();
    unsigned char *mapped = anonymous(PAGES * PAGE, MAP_PRIVATE), *more;
    pid_t pid;

    region_set(mapped, 11);
    region_set(regions[1].at, 12);
    pid = fork_must();
    if (pid == 0) {
        turn_take(turn);
        _exit(region_is(mapped, 11) && region_is(regions[1].at, 12) ? 0 : 1);
    }
    T_EQ("munmap", munmap(mapped, PAGES * PAGE), 0);
    T_EQ("the break goes down", brk(regions[1].at), 0);
    T_EQ("and up", brk(regions[1].at + PAGES * PAGE), 0);
    T_EQ("new memory is zero", regions[1].at[PAGE], 0);
    more = anonymous(4 * PAGES * PAGE, MAP_PRIVATE);
    memset(more, 1, 4 * PAGES * PAGE);
    memset(regions[1].at, 2, PAGES * PAGE);
    turn_give(turn);
    T_EQ("the child has what it had", status_of(pid), 0);
    munmap(more, 4 * PAGES * PAGE);
}

static int unmap_in_child(unsigned char *mapped)
{
    unsigned char *moved, *new;

    if (munmap(mapped, 10 * PAGE) || madvise(mapped + 20 * PAGE, 10 * PAGE, MADV_DONTNEED)) {
        return 1;
    }
    if (mapped[20 * PAGE] || mapped[30 * PAGE] != 13 + 30) {
        return 2;
    }
    if (mprotect(mapped + 40 * PAGE, PAGE, PROT_READ) ||
        mprotect(mapped + 40 * PAGE, PAGE, PROT_READ | PROT_WRITE)) {
        return 3;
    }
    mapped[40 * PAGE] = 1;
    moved = mremap(mapped + 50 * PAGE, 10 * PAGE, 2000 * PAGE, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED || moved[PAGE] != 13 + 51) {
        return 4;
    }
    memset(moved, 5, 2000 * PAGE);
    new = anonymous(3000 * PAGE, MAP_PRIVATE);
    memset(new, 6, 3000 * PAGE);
    return mapped[41 * PAGE] == 13 + 41 && malloc(5 << 20) != NULL ? 0 : 5;
}

static void check_unmapped_in_child(void)
{
    unsigned char *mapped = anonymous(PAGES * PAGE, MAP_PRIVATE);
    pid_t pid;

    region_set(mapped, 13);
    pid = fork_must();
    if (pid == 0) {
        _exit(unmap_in_child(mapped));
    }
    T_EQ("the child unmaps, drops, protects, moves", status_of(pid), 0);
    T_CHECK("the parent's is as it was", region_is(mapped, 13));
    region_set(mapped, 14);
    munmap(mapped, PAGES * PAGE);
}

/* Fills pipes, so that the kernel takes the memory that programs have given back. */
static int take_kernel_memory(void)
{
    static char part[65536];
    int fds[64][2];

    for (size_t i = 0; i < T_COUNT(fds); i++) {
        if (pipe(fds[i]) != 0 || write(fds[i][1], part, sizeof(part)) != sizeof(part)) {
            return 1;
        }
    }
    for (size_t i = 0; i < T_COUNT(fds); i++) {
        close(fds[i][0]);
        close(fds[i][1]);
    }
    return 0;
}

/* The child's memory lies among its parent's; a grandchild has it for longer than the child. */
static int outlived_by_child(void)
{
    struct turn turn = turn_make();
    unsigned char *parts[32];
    pid_t pid;

    for (size_t i = 0; i < T_COUNT(parts); i++) {
        parts[i] = anonymous(16 * PAGE, MAP_PRIVATE);
        memset(parts[i], 1, 16 * PAGE);
    }
    pid = fork_must();
    if (pid == 0) {
        turn_take(turn);
        _exit(parts[0][0] + parts[31][PAGE] == 2 ? 0 : 1);
    }
    for (size_t i = 0; i < T_COUNT(parts); i++) {
        munmap(parts[i], 16 * PAGE);
    }
    turn_give(turn);
    return status_of(pid) != 0 || take_kernel_memory() != 0;
}

static void check_outlived(void)
{
    unsigned char *mapped = anonymous(1024 * PAGE, MAP_PRIVATE);
    pid_t pid;

    memset(mapped, 1, 1024 * PAGE);
    for (size_t i = 0; i < 1024; i += 32) {
        munmap(mapped + i * PAGE, 16 * PAGE);
    }
    pid = fork_must();
    if (pid == 0) {
        _exit(outlived_by_child());
    }
    T_EQ("memory that a grandchild held last is the kernel's again", status_of(pid), 0);
    munmap(mapped, 1024 * PAGE);
}

/* The same in the parent, on memory that a child still has. */
static void check_parent_changes(void)
{
    struct turn turn = turn_make();
    unsigned char *mapped = anonymous(PAGES * PAGE, MAP_PRIVATE);
    pid_t pid;

    region_set(mapped, 15);
    pid = fork_must();
    if (pid == 0) {
        turn_take(turn);
        _exit(region_is(mapped, 15) ? 0 : 1);
    }
    T_EQ("mprotect", mprotect(mapped, 5 * PAGE, PROT_READ), 0);
    T_EQ("and back", mprotect(mapped, 5 * PAGE, PROT_READ | PROT_WRITE), 0);
    mapped[PAGE] = 77;
    T_EQ("dropped", madvise(mapped + 20 * PAGE, 20 * PAGE, MADV_DONTNEED), 0);
    T_EQ("is zero", mapped[25 * PAGE], 0);
    T_EQ("a system call writes",
         pread(open("/dev/zero", O_RDONLY), mapped + 50 * PAGE, 9 * PAGE, 0), 9 * PAGE);
    turn_give(turn);
    T_EQ("the child's is as it was", status_of(pid), 0);
    T_CHECK("the parent's is not", mapped[PAGE] == 77 && mapped[51 * PAGE] == 0);
    munmap(mapped, PAGES * PAGE);
}

static void check_shared(void)
{
    volatile unsigned *shared = anonymous(PAGES * PAGE, MAP_SHARED);
    pid_t pid;

    shared[0] = 1;
    shared[3000] = 5;
    pid = fork_must();
    if (pid == 0) {
        while (shared[0] == 1) {
            syscall(SYS_futex, &shared[0], FUTEX_WAIT, 1, NULL, NULL, 0);
        }
        shared[PAGES * PAGE / sizeof(*shared) - 1] = 99;
        _exit(shared[3000] == 6 ? 0 : 1);
    }
    usleep(20000);
    shared[3000] = 6;
    shared[0] = 2;
    syscall(SYS_futex, &shared[0], FUTEX_WAKE, 1, NULL, NULL, 0);
    T_EQ("the child sees changes, and is woken", status_of(pid), 0);
    T_EQ("and the parent sees its", shared[PAGES * PAGE / sizeof(*shared) - 1], 99);
}

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
    caught = sig;
}

static void *idle_thread(void *arg)
{
    pause();
    return arg;
}

static void check_inherited(void)
{
    pthread_t thread;
    sigset_t set;
    pid_t parent = getpid(), pid;

    signal(SIGUSR1, on_signal);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR2);
    T_MUST("thread", pthread_create(&thread, NULL, idle_thread, NULL) == 0);
    alarm(100);
    pid = fork_must();
    if (pid == 0) {
        sigset_t pending, blocked;
        bool good;

        raise(SIGUSR1);
        sigpending(&pending);
        sigprocmask(SIG_BLOCK, NULL, &blocked);
        good =
            caught == SIGUSR1 && !sigismember(&pending, SIGUSR2) && sigismember(&blocked, SIGUSR2);
        good &= alarm(0) == 0 && getppid() == parent && gettid() == getpid() && getpid() != parent;
        _exit(good ? 0 : 1);
    }
    T_EQ("handlers and masks, not what is pending, timers or threads", status_of(pid), 0);
    T_CHECK("the parent got no signal", caught == 0 && alarm(0) > 0);
    signal(SIGUSR2, SIG_IGN); /* drops it */
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void check_file_position(void)
{
    int fd = open("position", O_RDWR | O_CREAT, 0600);
    pid_t pid;

    T_MUST("file", fd >= 0 && write(fd, "abcdef", 6) == 6 && lseek(fd, 0, SEEK_SET) == 0);
    pid = fork_must();
    if (pid == 0) {
        _exit(lseek(fd, 4, SEEK_SET) == 4 ? close(fd) : 1);
    }
    T_EQ("child", status_of(pid), 0);
    T_EQ("one position for both", lseek(fd, 0, SEEK_CUR), 4);
    close(fd);
}

static void check_deathsig(void)
{
    struct turn turn = turn_make(), ready = turn_make();
    pid_t pid = fork_must();
    char c;

    if (pid == 0) {
        if (fork_must() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            turn_give(ready);
            for (;;) {
                pause();
            }
        }
        turn_take(ready);
        _exit(0);
    }
    close(turn.fds[1]);
    close(ready.fds[1]);
    T_EQ("a child that leaves one", status_of(pid), 0);
    T_EQ("which dies with it", read(turn.fds[0], &c, 1), 0);
}

static void check_many(void)
{
    pid_t pids[20];
    bool good = true;

    for (int i = 0; i < 50; i++) {
        pid_t pid = fork_must();

        if (pid == 0) {
            statics[i * PAGE] = 1;
            _exit(i);
        }
        good &= status_of(pid) == i;
    }
    T_CHECK("50, one after the other", good);
    for (size_t i = 0; i < T_COUNT(pids); i++) {
        pids[i] = fork_must();
        if (pids[i] == 0) {
            region_set(statics, (int)i);
            usleep(1000);
            _exit(region_is(statics, (int)i) ? 0 : 1);
        }
    }
    for (size_t i = 0; i < T_COUNT(pids); i++) {
        good &= status_of(pids[i]) == 0;
    }
    T_CHECK("20 at once", good);
}

static void check_program(void)
{
    int status = -1;
    pid_t pid = fork_must();

    if (pid == 0) {
        execl("/proc/self/exe", "fork", "again", NULL);
        _exit(1);
    }
    status = status_of(pid);
    T_EQ("a child that executes a program", status, 42);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return strcmp(argv[1], "again") == 0 ? 42 : 1;
    }
    t_scratch();
    make_regions();
    check_child_writes();
    check_parent_writes();
    check_family();
    check_unmapped();
    check_unmapped_in_child();
    check_outlived();
    check_parent_changes();
    check_shared();
    check_inherited();
    check_file_position();
    check_deathsig();
    check_program();
    check_many();
    return t_done();
}
