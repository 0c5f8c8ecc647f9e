// SPDX-License-Identifier: Apache-2.0
/*
 * What processes leave in the kernel when they have ended: nothing. Thousands of children end in
 * many ways, with all kinds of things open, and the kernel's own counts are the same before and
 * after. The first rounds of each way are not counted: they make what the kernel keeps to use again
 * (tables of pages, the first slab of a size).
 *
 * usage: leaks [TIMES [WAY]]     so many times as many children; 1 makes more than 5,000, and the
 * suite runs that three times
 */
#include "only.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { COUNTS = 20, WARM = 4, MORE = 40 };

struct counts {
    int n;
    char name[COUNTS][16];
    long value[COUNTS];
};

static void counts_read(struct counts *c)
{
    char text[800] = "", *line, *rest = text;
    int fd = open("/proc/pyhl/counts", O_RDONLY);

    T_MUST("/proc/pyhl/counts", fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    c->n = 0;
    while ((line = strsep(&rest, "\n")) != NULL && *line != 0) {
        T_MUST("a name and a number",
               sscanf(line, "%15s %ld", c->name[c->n], &c->value[c->n]) == 2);
        c->n++;
    }
    T_MUST("the counts", c->n == 10);
}

static const char *program;
static char *memory; /* 256 KiB, in which children write */

static pid_t forked(void)
{
    pid_t pid = fork();

    T_MUST("fork", pid >= 0);
    return pid;
}

static void waited(pid_t pid, int expected)
{
    int status;

    T_MUST("waitpid", waitpid(pid, &status, 0) == pid);
    T_MUST("the status", status == expected);
}

static void child(void (*run)(void), int expected)
{
    pid_t pid = forked();

    if (pid == 0) {
        run();
        _exit(0);
    }
    waited(pid, expected);
}

static void nothing(void)
{
}

/* ---- the ways ----------------------------------------------------------------------------- */

static void way_exit(void)
{
    child(nothing, 0);
}

/* Both sides write to what they share. */
static void way_write(void)
{
    pid_t pid = forked();

    if (pid == 0) {
        memset(memory, 1, 100000);
        free(malloc(3 << 20));
        _exit(0);
    }
    memset(memory + 50000, 2, 100000);
    waited(pid, 0);
}

static void way_exec(void)
{
    pid_t pid = forked();

    if (pid == 0) {
        execl(program, "leaks", "child", (char *)NULL);
        _exit(1);
    }
    waited(pid, 0);
}

static void exec_fails(void)
{
    execl("/proc/self/comm", "x", (char *)NULL);
    execl("/nowhere", "x", (char *)NULL);
}

static void way_exec_fails(void)
{
    child(exec_fails, 0);
}

static void way_vfork(void)
{
    pid_t pid = vfork();

    if (pid == 0) {
        execl(program, "leaks", "child", (char *)NULL);
        _exit(1);
    }
    waited(pid, 0);
}

static void *forever(void *arg)
{
    while (poll(NULL, 0, -1) <= 0) {
    }
    return arg;
}

static void *spins(void *arg)
{
    volatile bool more = true;

    while (more) {
    }
    return arg;
}

/* Threads that wait, and that run or were never run, when the process ends. */
static void way_threads(void)
{
    pid_t pid = forked();
    pthread_t t;

    if (pid == 0) {
        T_MUST("threads", pthread_create(&t, NULL, forever, NULL) == 0 &&
                              pthread_create(&t, NULL, spins, NULL) == 0);
        sched_yield();
        T_MUST("a third", pthread_create(&t, NULL, forever, NULL) == 0);
        _exit(0);
    }
    waited(pid, 0);
}

static void *execs(void *arg)
{
    execl(program, "leaks", "child", (char *)NULL);
    return arg;
}

/* A thread that is not the first executes a program. */
static void way_thread_execs(void)
{
    pid_t pid = forked();
    pthread_t t;

    if (pid == 0) {
        pthread_create(&t, NULL, forever, NULL);
        pthread_create(&t, NULL, execs, NULL);
        forever(NULL);
    }
    waited(pid, 0);
}

static void open_mappings(void)
{
    int fd = open(program, O_RDONLY), made = memfd_create("x", 0);
    const int prot = PROT_READ | PROT_WRITE;
    char *p;

    T_MUST("files", fd >= 0 && made >= 0 && ftruncate(made, 40000) == 0);
    p = mmap(NULL, 40000, prot, MAP_PRIVATE, fd, 0);
    T_MUST("private", p != MAP_FAILED);
    p[0] = p[8192] = 1;
    p = mmap(NULL, 40000, prot, MAP_SHARED, made, 0);
    T_MUST("shared", p != MAP_FAILED);
    p[0] = p[8192] = 1;
    p = mmap(NULL, 100000, prot, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    T_MUST("shared memory", p != MAP_FAILED);
    p[0] = 1;
    p = mmap(NULL, 1ul << 32, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    T_MUST("reserved", p != MAP_FAILED);
    p[0] = p[1ul << 31] = 1;
    p = mmap(NULL, 1 << 20, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    T_MUST("parts", p != MAP_FAILED && mprotect(p + 8192, 8192, PROT_READ) == 0 &&
                        munmap(p + 65536, 4096) == 0);
    p[0] = 1;
    p = mmap((char *)0x1000000, 65536, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    T_MUST("fixed", p != MAP_FAILED);
    p[0] = 1;
}

static void copy_mappings(void)
{
    open_mappings();
    child(nothing, 0);
}

static void way_mappings(void)
{
    child(copy_mappings, 0);
}

static void open_files(void)
{
    int pipes[2], fd = open("file", O_CREAT | O_RDWR, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_len = 10};

    T_MUST("file", fd >= 0 && write(fd, memory, 100000) == 100000 && unlink("file") == 0);
    T_MUST("locks",
           flock(fd, LOCK_EX) == 0 && fcntl(fd, F_SETLK, &lock) == 0 &&
               fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_RDLCK, .l_start = 10}) == 0);
    T_MUST("pipe", pipe(pipes) == 0 && write(pipes[1], memory, 5000) == 5000);
    T_MUST("directory", open("/proc/self/task", O_RDONLY | O_DIRECTORY) >= 0);
    T_MUST("proc", open("/proc/self/maps", O_RDONLY) >= 0);
    T_MUST("descriptors", fcntl(fd, F_DUPFD, 900) == 900);
}

static void open_events(void)
{
    int ep = epoll_create1(0), ev = eventfd(1, 0), other = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    int sig = signalfd(-1, &set, 0);
    int tm = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec soon = {.it_interval.tv_nsec = 100000, .it_value.tv_nsec = 100000};
    T_MUST("events", ep >= 0 && ev >= 0 && sig >= 0 && tm >= 0 && other >= 0);
    T_MUST("timerfd", timerfd_settime(tm, 0, &soon, NULL) == 0);
    T_MUST("watched", epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e) == 0 &&
                          epoll_ctl(ep, EPOLL_CTL_ADD, sig, &e) == 0 &&
                          epoll_ctl(ep, EPOLL_CTL_ADD, tm, &e) == 0 &&
                          epoll_ctl(other, EPOLL_CTL_ADD, ep, &e) == 0);
    T_MUST("pidfd", syscall(SYS_pidfd_open, getppid(), 0) >= 0);
}

static void way_files(void)
{
    child(open_files, 0);
    child(open_events, 0);
}

static void open_unix(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0leaks"};
    socklen_t len = offsetof(struct sockaddr_un, sun_path) + 6;
    int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), pair[2];
    char control[CMSG_SPACE(sizeof(int))] = "";
    struct iovec byte = {memory, 1};
    struct msghdr m = {.msg_iov = &byte,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);

    T_MUST("unix", bind(s, (struct sockaddr *)&name, len) == 0 && listen(s, 5) == 0 &&
                       connect(c, (struct sockaddr *)&name, len) == 0 &&
                       send(c, memory, 3000, 0) == 3000);
    T_MUST("a pair", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(h), &c, sizeof(int));
    T_MUST("a descriptor on its way", sendmsg(pair[0], &m, 0) == 1);
    strcpy(name.sun_path, "named");
    s = socket(AF_UNIX, SOCK_DGRAM, 0);
    T_MUST("a name", bind(s, (struct sockaddr *)&name, sizeof(name)) == 0 && unlink("named") == 0);
}

static void open_inet(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int s = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
    int u = socket(AF_INET, SOCK_DGRAM, 0);

    T_MUST("tcp", bind(s, (struct sockaddr *)&at, len) == 0 && listen(s, 5) == 0 &&
                      getsockname(s, (struct sockaddr *)&at, &len) == 0 &&
                      connect(c, (struct sockaddr *)&at, len) == 0);
    T_MUST("sent", send(c, memory, 9000, 0) == 9000);
    int a = accept(s, NULL, NULL);
    T_MUST("answered", a >= 0 && send(a, memory, 100, 0) == 100);
    c = socket(AF_INET, SOCK_STREAM, 0);
    T_MUST("in the backlog", connect(c, (struct sockaddr *)&at, len) == 0);
    at.sin_port = 0;
    T_MUST("udp", bind(u, (struct sockaddr *)&at, len) == 0 &&
                      getsockname(u, (struct sockaddr *)&at, &len) == 0 &&
                      sendto(u, memory, 500, 0, (struct sockaddr *)&at, len) == 500);
    T_MUST("others", socket(AF_INET6, SOCK_DGRAM, 0) >= 0 && socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
}

static void way_sockets(void)
{
    child(open_unix, 0);
    child(open_inet, 0);
}

/* A session with a terminal, and a process in it that is stopped by nobody but hung up. */
static void way_terminals(void)
{
    pid_t pid = forked();
    char name[40];
    int m, n = 0, s;

    if (pid == 0) {
        m = open("/dev/ptmx", O_RDWR | O_NOCTTY);
        T_MUST("master", m >= 0 && ioctl(m, TIOCSPTLCK, &n) == 0 && ioctl(m, TIOCGPTN, &n) == 0);
        snprintf(name, sizeof(name), "/dev/pts/%d", n);
        setsid();
        s = open(name, O_RDWR);
        T_MUST("slave", s >= 0 && write(m, "half a line", 11) == 11 && write(s, "text", 4) == 4);
        if (fork() == 0) {
            forever(NULL);
        }
        m = open("/dev/ptmx", O_RDWR | O_NOCTTY); /* without a slave */
        T_MUST("a second", m >= 0);
        signal(SIGHUP, SIG_IGN);
        kill(0, SIGHUP);
        T_MUST("the child", wait(NULL) > 0);
        _exit(0);
    }
    waited(pid, 0);
}

static void way_timers(void)
{
    pid_t pid = forked();
    struct itimerval real = {.it_value.tv_sec = 100};
    struct itimerspec soon = {.it_interval.tv_nsec = 100000, .it_value.tv_nsec = 100000};
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    timer_t timer;
    sigset_t set;

    if (pid == 0) {
        sigfillset(&set);
        sigprocmask(SIG_BLOCK, &set, NULL);
        T_MUST("itimers", setitimer(ITIMER_REAL, &real, NULL) == 0 &&
                              setitimer(ITIMER_PROF, &real, NULL) == 0);
        T_MUST("timers", timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0 &&
                             timer_settime(timer, 0, &soon, NULL) == 0 &&
                             timer_create(CLOCK_REALTIME, &ev, &timer) == 0);
        t_sleep_ms(1); /* the first one's signal becomes pending */
        for (int i = 0; i < 5; i++) {
            T_MUST("queued", sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i}) == 0);
        }
        _exit(0);
    }
    waited(pid, 0);
}

static void wait_in_pipe(void)
{
    int fd[2];
    char byte;

    T_MUST("pipe", pipe(fd) == 0);
    (void)!read(fd[0], &byte, 1);
}

static void wait_in_futex(void)
{
    int word = 0;

    syscall(SYS_futex, &word, 0, 0, NULL, NULL, 0);
}

static void wait_in_epoll(void)
{
    int ep = epoll_create1(0), ev = eventfd(0, 0);
    struct epoll_event e = {.events = EPOLLIN};

    T_MUST("epoll", epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e) == 0);
    epoll_wait(ep, &e, 1, -1);
}

static void wait_in_accept(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM, 0);

    T_MUST("listen", bind(s, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(s, 1) == 0);
    accept(s, NULL, NULL);
}

static void wait_for_child(void)
{
    pid_t parent = getpid();

    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            forever(NULL);
        }
        _exit(0);
    }
    wait(NULL);
}

static void spin(void)
{
    spins(NULL);
}

/* Killed in the middle of a system call, or of computing. */
static void way_killed(void)
{
    void (*const waits[])(void) = {wait_in_pipe,   wait_in_futex,  wait_in_epoll,
                                   wait_in_accept, wait_for_child, spin};
    static unsigned next;
    unsigned which = next++ % T_COUNT(waits);
    pid_t pid = forked();

    if (pid == 0) {
        waits[which]();
        _exit(1);
    }
    sched_yield();
    sched_yield();
    kill(pid, SIGKILL);
    waited(pid, SIGKILL);
}

static void write_nowhere(void)
{
    *(volatile char *)(uintptr_t)program[0] = 1;
}

static void way_faults(void)
{
    child(write_nowhere, SIGSEGV);
}

/* The pipe ends when the orphan does. */
static void way_orphans(void)
{
    pid_t pid;
    int fd[2];
    char byte;

    T_MUST("pipe", pipe(fd) == 0);
    pid = forked();
    if (pid == 0) {
        if (fork() == 0) {
            close(fd[0]);
            t_sleep_ms(1);
            _exit(0);
        }
        _exit(0);
    }
    close(fd[1]);
    waited(pid, 0);
    T_MUST("it has ended", read(fd[0], &byte, 1) == 0);
    close(fd[0]);
}

/* A child that ends with zombies, and one that nobody will wait for. */
static void way_zombies(void)
{
    pid_t pid = forked();

    if (pid == 0) {
        for (int i = 0; i < 3; i++) {
            if (fork() == 0) {
                _exit(0);
            }
        }
        sched_yield();
        _exit(0);
    }
    waited(pid, 0);
    signal(SIGCHLD, SIG_IGN);
    pid = forked();
    if (pid == 0) {
        _exit(0);
    }
    T_MUST("nobody", waitpid(pid, NULL, 0) == -1);
    signal(SIGCHLD, SIG_DFL);
}

/* ---- counting ----------------------------------------------------------------------------- */

static const struct way {
    const char *name;
    void (*run)(void);
    int rounds;
} ways[] = {
    {"exit", way_exit, 3000},
    {"copies of pages", way_write, 200},
    {"execve", way_exec, 150},
    {"execve that fails", way_exec_fails, 150},
    {"vfork and execve", way_vfork, 150},
    {"threads left", way_threads, 80},
    {"execve by a thread", way_thread_execs, 50},
    {"mappings left", way_mappings, 60},
    {"files left", way_files, 100},
    {"sockets left", way_sockets, 100},
    {"terminals left", way_terminals, 60},
    {"timers left", way_timers, 100},
    {"killed", way_killed, 120},
    {"a fault", way_faults, 150},
    {"orphans", way_orphans, 80},
    {"zombies", way_zombies, 60},
};

/* The kernel keeps as many tables of pages as there were at once, and empty frames of the heap. */
static long allowed(const char *name)
{
    return strcmp(name, "tables") == 0 || strcmp(name, "heap_frames") == 0 ? MORE : 0;
}

static void compare(const struct way *w, const struct counts *before)
{
    struct counts after;
    bool same = true;

    counts_read(&after);
    for (int i = 0; i < after.n; i++) {
        long more = after.value[i] - before->value[i];
        if (more > allowed(after.name[i]) || (more < 0 && allowed(after.name[i]) == 0)) {
            same = false;
            t_line(2, "%s, %d rounds: %s: got %ld, expected %ld\n", w->name, w->rounds,
                   after.name[i], after.value[i], before->value[i]);
        }
    }
    T_CHECK(w->name, same);
}

/* Orphans end a moment later than what tells of them. */
static void settle(void)
{
    t_sleep_ms(2);
    way_exit();
}

static void run_way(const struct way *w, int times)
{
    struct counts before;

    for (int i = 0; i < WARM; i++) {
        w->run();
    }
    settle();
    counts_read(&before);
    for (int i = 0; i < w->rounds * times; i++) {
        w->run();
    }
    settle();
    compare(w, &before);
}

int main(int argc, char **argv)
{
    int times = argc > 1 ? atoi(argv[1]) : 1;

    if (argc > 1 && strcmp(argv[1], "child") == 0) {
        return 0;
    }
    program = argv[0];
    memory = calloc(1, 256 << 10);
    T_MUST("memory", memory != NULL);
    t_scratch();
    for (unsigned i = 0; i < T_COUNT(ways); i++) {
        if (argc < 3 || strcmp(argv[2], ways[i].name) == 0) {
            run_way(&ways[i], times);
        }
    }
    return t_done();
}
