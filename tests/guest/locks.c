// SPDX-License-Identifier: Apache-2.0
/*
 * File locks of several processes: fcntl(2) record locks of processes and of open file
 * descriptions, flock(2), deadlocks, signals, what fork, exec, close and exit do, and /proc/locks.
 */
#include "peer.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>

static int file; /* inherited by the peers */

static long record_lock(long fd, long how, long range)
{
    struct flock l = {.l_type = (short)(how & 15),
                      .l_whence = SEEK_SET,
                      .l_start = range >> 32,
                      .l_len = range & 0xffffffff};

    return fcntl((int)fd, (int)(how >> 4), &l);
}

#define HOW(command, type)  ((long)(command) << 4 | (type))
#define RANGE(start, count) ((long)(start) << 32 | (count))
#define ALL                 RANGE(0, 0)

static int set(short type, long range)
{
    return (int)record_lock(file, HOW(F_SETLK, type), range);
}

static long peer_set(struct peer p, short type, long range)
{
    return peer_call(p, record_lock, file, HOW(F_SETLK, type), range);
}

/* The first lock in the way, as text. */
static const char *found(int fd, int command, short type, long start, long count)
{
    static char text[100];
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = count};

    if (fcntl(fd, command, &l) != 0) {
        return "error";
    }
    snprintf(text, sizeof(text), "%s %ld %ld whence %d %s",
             l.l_type == F_RDLCK   ? "read"
             : l.l_type == F_WRLCK ? "write"
                                   : "none",
             (long)l.l_start, (long)l.l_len, l.l_whence,
             l.l_pid == getpid() ? "own"
             : l.l_pid > 1       ? "other"
             : l.l_pid == -1     ? "-1"
                                 : "0");
    return text;
}

/* How many lines of /proc/locks are about the file; or only those of waiters. */
static int lines(bool waiters)
{
    FILE *in = fopen("/proc/locks", "r");
    char line[300], name[40];
    struct stat st;
    int count = 0;

    fstat(file, &st);
    snprintf(name, sizeof(name), ":%lu ", (unsigned long)st.st_ino);
    T_MUST("/proc/locks", in != NULL);
    while (fgets(line, sizeof(line), in) != NULL) {
        count += strstr(line, name) != NULL && (!waiters || strstr(line, ": -> ") != NULL);
    }
    fclose(in);
    return count;
}

static void until_waiters(int count)
{
    while (lines(true) != count) {
        t_sleep_ms(1);
    }
}

static void check_exclusion(void)
{
    struct peer p = peer_start();

    T_EQ("a write lock", set(F_WRLCK, RANGE(10, 10)), 0);
    T_EQ("it is in the way", peer_set(p, F_WRLCK, RANGE(0, 11)), -EAGAIN);
    T_EQ("also of readers", peer_set(p, F_RDLCK, RANGE(19, 1)), -EAGAIN);
    T_EQ("not of those before", peer_set(p, F_WRLCK, RANGE(0, 10)), 0);
    T_EQ("nor of those after", peer_set(p, F_WRLCK, RANGE(20, 0)), 0);
    T_STR("who has what", found(file, F_GETLK, F_RDLCK, 5, 100), "write 0 10 whence 0 other");
    T_STR("up to the end", found(file, F_GETLK, F_RDLCK, 100, 1), "write 20 0 whence 0 other");
    T_STR("its own do not count", found(file, F_GETLK, F_WRLCK, 10, 10), "none 10 10 whence 0 0");
    T_EQ("from write to read", set(F_RDLCK, RANGE(10, 10)), 0);
    T_EQ("readers share", peer_set(p, F_RDLCK, RANGE(10, 10)), 0);
    T_ERR("no writer among readers", set(F_WRLCK, RANGE(12, 1)), EAGAIN);
    T_EQ("its read lock is still there", peer_set(p, F_WRLCK, RANGE(12, 1)), -EAGAIN);
    T_EQ("the other gives up", peer_set(p, F_UNLCK, ALL), 0);
    T_EQ("now it may write", set(F_WRLCK, RANGE(12, 1)), 0);
    T_EQ("unlock all", set(F_UNLCK, ALL), 0);
    T_EQ("free for the other", peer_set(p, F_WRLCK, ALL), 0);
    peer_end(p);
    T_EQ("the end of a process frees", set(F_WRLCK, ALL), 0);
    T_EQ("one line", lines(false), 1);
    T_EQ("unlock", set(F_UNLCK, ALL), 0);
    T_EQ("no line", lines(false), 0);
}

/* The ranges that another process sees, four digits for each: where it starts, and its length. */
static long see_ranges(long fd, long unused, long unused2)
{
    long at = 0, hash = 0;

    (void)unused;
    (void)unused2;
    for (int i = 0; i < 20; i++) {
        struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at};
        if (fcntl((int)fd, F_GETLK, &l) != 0) {
            return -1;
        }
        if (l.l_type == F_UNLCK) {
            break;
        }
        hash = hash * 10000 + l.l_start * 100 + l.l_len;
        at = l.l_start + l.l_len;
    }
    return hash;
}

static void check_ranges(void)
{
    struct peer p = peer_start();

    T_EQ("ten bytes", set(F_RDLCK, RANGE(10, 10)), 0);
    T_EQ("are one range", peer_call(p, see_ranges, file, 0, 0), 1010);
    T_EQ("more after them", set(F_RDLCK, RANGE(20, 5)), 0);
    T_EQ("is one range", peer_call(p, see_ranges, file, 0, 0), 1015);
    T_EQ("and before them", set(F_RDLCK, RANGE(5, 5)), 0);
    T_EQ("is one range, too", peer_call(p, see_ranges, file, 0, 0), 520);
    T_EQ("a write lock inside", set(F_WRLCK, RANGE(10, 2)), 0);
    T_EQ("makes three", peer_call(p, see_ranges, file, 0, 0), 50510021213);
    T_EQ("lines", lines(false), 3);
    T_EQ("a hole", set(F_UNLCK, RANGE(10, 2)), 0);
    T_EQ("two", peer_call(p, see_ranges, file, 0, 0), 5051213);
    T_EQ("filled again", set(F_RDLCK, RANGE(9, 4)), 0);
    T_EQ("one", peer_call(p, see_ranges, file, 0, 0), 520);
    T_EQ("the end goes", set(F_UNLCK, RANGE(20, 0)), 0);
    T_EQ("the rest", peer_call(p, see_ranges, file, 0, 0), 515);
    T_EQ("unlock", set(F_UNLCK, ALL), 0);
    peer_end(p);
}

static void check_arguments(void)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int reader = open("file", O_RDONLY), writer = open("file", O_WRONLY);

    T_ERR("a reader may not lock to write", fcntl(reader, F_SETLK, &l), EBADF);
    l.l_type = F_RDLCK;
    T_ERR("a writer may not lock to read", fcntl(writer, F_SETLK, &l), EBADF);
    T_STR("but may ask", found(reader, F_GETLK, F_WRLCK, 0, 0), "none 0 0 whence 0 0");
    l.l_type = 7;
    T_ERR("no type", fcntl(file, F_SETLK, &l), EINVAL);
    l = (struct flock){.l_type = F_RDLCK, .l_whence = 9};
    T_ERR("no whence", fcntl(file, F_SETLK, &l), EINVAL);
    l = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = -1};
    T_ERR("before the file", fcntl(file, F_SETLK, &l), EINVAL);
    l = (struct flock){.l_type = F_RDLCK, .l_start = 5, .l_len = -6};
    T_ERR("a length that ends before it", fcntl(file, F_SETLK, &l), EINVAL);
    l = (struct flock){.l_type = F_RDLCK, .l_start = 1l << 62, .l_len = 1l << 62};
    T_EQ("the last byte", fcntl(file, F_SETLK, &l), 0);
    l.l_len++;
    T_ERR("one after the last", fcntl(file, F_SETLK, &l), EOVERFLOW);
    T_ERR("asking for no lock", record_lock(file, HOW(F_GETLK, F_UNLCK), ALL), EINVAL);
    T_ERR("no descriptor", record_lock(999, HOW(F_SETLK, F_RDLCK), ALL), EBADF);
    T_ERR("no memory", fcntl(file, F_SETLK, (void *)16), EFAULT);
    close(reader);
    close(writer);
    l = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_CUR, .l_start = -3, .l_len = -2};
    lseek(file, 10, SEEK_SET);
    T_EQ("from the position, backwards", fcntl(file, F_SETLK, &l), 0);
    struct peer p = peer_start();
    T_EQ("is bytes 5 and 6", peer_call(p, see_ranges, file, 0, 0), 502);
    peer_end(p);
    T_EQ("unlock", set(F_UNLCK, ALL), 0);
    lseek(file, 0, SEEK_SET);
}

static long close_fd(long fd, long b, long c)
{
    (void)b;
    (void)c;
    return close((int)fd);
}

static long open_file(long flags, long b, long c)
{
    (void)b;
    (void)c;
    return open("file", (int)flags);
}

static void check_close(void)
{
    struct peer p = peer_start();
    int other, copy;

    T_EQ("lock", set(F_WRLCK, ALL), 0);
    other = open("file", O_RDONLY);
    T_EQ("still locked", peer_set(p, F_RDLCK, ALL), -EAGAIN);
    close(other);
    T_EQ("closing any descriptor unlocks", peer_set(p, F_RDLCK, ALL), 0);
    T_EQ("unlock", peer_set(p, F_UNLCK, ALL), 0);
    copy = dup(file);
    T_EQ("lock again", set(F_WRLCK, ALL), 0);
    T_EQ("over a copy", dup2(0, copy), copy);
    T_EQ("the copy was closed", peer_set(p, F_WRLCK, ALL), 0);
    T_EQ("the other's close", peer_call(p, close_fd, peer_call(p, open_file, O_RDONLY, 0, 0), 0, 0),
         0);
    T_EQ("frees its lock, not mine", set(F_RDLCK, ALL), 0);
    T_EQ("the other closes again",
         peer_call(p, close_fd, peer_call(p, open_file, O_RDONLY, 0, 0), 0, 0), 0);
    T_EQ("and mine is there", peer_set(p, F_WRLCK, ALL), -EAGAIN);
    T_EQ("unlock", set(F_UNLCK, ALL), 0);
    close(copy);
    peer_end(p);
}

static void check_waiting(void)
{
    struct peer p = peer_start(), q = peer_start();

    T_EQ("lock", set(F_WRLCK, RANGE(0, 10)), 0);
    peer_begin(p, record_lock, file, HOW(F_SETLKW, F_RDLCK), RANGE(5, 1));
    until_waiters(1);
    peer_begin(q, record_lock, file, HOW(F_SETLKW, F_RDLCK), RANGE(9, 9));
    until_waiters(2);
    T_EQ("three lines", lines(false), 3);
    T_EQ("unlock a part", set(F_UNLCK, RANGE(5, 1)), 0);
    T_EQ("one goes on", peer_result(p), 0);
    T_EQ("from write to read", set(F_RDLCK, RANGE(9, 1)), 0);
    T_EQ("the other, too", peer_result(q), 0);
    T_EQ("the end of the one", peer_call(q, record_lock, file, HOW(F_SETLK, F_UNLCK), ALL), 0);
    peer_begin(q, record_lock, file, HOW(F_SETLKW, F_WRLCK), RANGE(5, 1));
    until_waiters(1);
    peer_kill(p);
    T_EQ("death of the holder lets a waiter go on", peer_result(q), 0);
    peer_begin(q, record_lock, file, HOW(F_SETLKW, F_WRLCK), RANGE(0, 1));
    until_waiters(1);
    peer_kill(q);
    T_EQ("a waiter that is killed", lines(true), 0);
    T_EQ("has left nothing", set(F_WRLCK, ALL), 0);
    T_EQ("unlock", set(F_UNLCK, ALL), 0);
}

static void check_deadlock(void)
{
    struct peer p = peer_start(), q = peer_start();

    T_EQ("I have 1", set(F_WRLCK, RANGE(1, 1)), 0);
    T_EQ("p has 2", peer_set(p, F_WRLCK, RANGE(2, 1)), 0);
    T_EQ("q has 3", peer_set(q, F_WRLCK, RANGE(3, 1)), 0);
    peer_begin(p, record_lock, file, HOW(F_SETLKW, F_WRLCK), RANGE(1, 1));
    until_waiters(1);
    T_ERR("mine would wait for ever", record_lock(file, HOW(F_SETLKW, F_RDLCK), RANGE(2, 1)),
          EDEADLK);
    peer_begin(q, record_lock, file, HOW(F_SETLKW, F_WRLCK), RANGE(2, 1));
    until_waiters(2);
    T_ERR("a circle of three", record_lock(file, HOW(F_SETLKW, F_WRLCK), RANGE(3, 1)), EDEADLK);
    T_EQ("I give up", set(F_UNLCK, ALL), 0);
    T_EQ("p goes on", peer_result(p), 0);
    T_EQ("p gives up", peer_set(p, F_UNLCK, ALL), 0);
    T_EQ("q goes on", peer_result(q), 0);
    peer_end(p);
    peer_end(q);
}

static void on_signal(int sig)
{
    (void)sig;
}

static long catch (long sig, long flags, long unused)
{
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = (int)flags};

    (void)unused;
    return sigaction((int)sig, &act, NULL);
}

static long lock_whole(long fd, long op, long unused)
{
    (void)unused;
    return flock((int)fd, (int)op);
}

static void check_signals(void)
{
    struct peer p = peer_start();

    T_EQ("lock", set(F_WRLCK, ALL), 0);
    peer_call(p, catch, SIGUSR1, 0, 0);
    peer_call(p, catch, SIGUSR2, SA_RESTART, 0);
    peer_begin(p, record_lock, file, HOW(F_SETLKW, F_RDLCK), ALL);
    until_waiters(1);
    kill(p.pid, SIGUSR2);
    t_sleep_ms(2);
    until_waiters(1);
    kill(p.pid, SIGUSR1);
    T_EQ("a signal ends the wait", peer_result(p), -EINTR);
    peer_begin(p, record_lock, file, HOW(F_SETLKW, F_RDLCK), ALL);
    until_waiters(1);
    kill(p.pid, SIGUSR2);
    T_EQ("unlock", set(F_UNLCK, ALL), 0);
    T_EQ("a call that is restarted gets it", peer_result(p), 0);
    peer_end(p);
}

static void check_fork_exec(void)
{
    pid_t pid;
    int status;

    T_EQ("lock", set(F_WRLCK, ALL), 0);
    pid = fork();
    if (pid == 0) {
        bool refused = set(F_RDLCK, ALL) != 0 && errno == EAGAIN;
        bool told = strcmp(found(file, F_GETLK, F_RDLCK, 0, 0), "write 0 0 whence 0 other") == 0;
        close(file);
        _exit(refused && told ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    T_EQ("a child has no lock", status, 0);
    T_EQ("and takes none away", lines(false), 1);
    T_EQ("unlock", set(F_UNLCK, ALL), 0);
}

/* The program, started by execve(2) of itself: its lock is still there. */
static int after_exec(const char *fd)
{
    pid_t pid = fork();
    int status;

    file = atoi(fd);
    if (pid == 0) {
        _exit(set(F_RDLCK, ALL) != 0 && errno == EAGAIN ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static void check_exec(const char *self)
{
    pid_t pid;
    int status;

    pid = fork();
    if (pid == 0) {
        char fd[20];

        snprintf(fd, sizeof(fd), "%d", file);
        fcntl(file, F_SETFD, 0);
        if (set(F_WRLCK, ALL) == 0) {
            execl(self, "locks", "exec", fd, NULL);
        }
        _exit(9);
    }
    waitpid(pid, &status, 0);
    T_EQ("a program that is executed keeps it", status, 0);
    T_EQ("and its end frees it", set(F_WRLCK, ALL), 0);
    T_EQ("unlock", set(F_UNLCK, ALL), 0);
}

/* A thread waits while another closes the descriptor. */
static void *wait_thread(void *arg)
{
    errno = 0;
    return (void *)(record_lock(*(int *)arg, HOW(F_SETLKW, F_WRLCK), ALL) == 0 ? 0l : (long)errno);
}

static void check_closed_meanwhile(void)
{
    struct peer p = peer_start();
    int other = open("file", O_RDWR);
    pthread_t thread;
    void *result;

    T_EQ("the other's", peer_set(p, F_WRLCK, ALL), 0);
    T_MUST("thread", pthread_create(&thread, NULL, wait_thread, &other) == 0);
    until_waiters(1);
    close(other);
    T_EQ("unlock", peer_set(p, F_UNLCK, ALL), 0);
    pthread_join(thread, &result);
    T_EQ("no lock without a descriptor", (long)result, EBADF);
    T_EQ("free", peer_set(p, F_WRLCK, ALL), 0);
    peer_end(p);
}

static void check_ofd(void)
{
    int other = open("file", O_RDWR), copy = dup(file), closed;
    struct peer p = peer_start();
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_pid = 5};

    T_ERR("the pid must be 0", fcntl(file, F_OFD_SETLK, &l), EINVAL);
    T_EQ("lock", record_lock(file, HOW(F_OFD_SETLK, F_WRLCK), RANGE(0, 9)), 0);
    T_ERR("another open file", record_lock(other, HOW(F_OFD_SETLK, F_RDLCK), RANGE(8, 1)), EAGAIN);
    T_STR("no pid", found(other, F_OFD_GETLK, F_RDLCK, 0, 1), "write 0 9 whence 0 -1");
    T_STR("also for the other kind", found(other, F_GETLK, F_RDLCK, 0, 1), "write 0 9 whence 0 -1");
    T_ERR("the process's own kind", set(F_RDLCK, RANGE(0, 1)), EAGAIN);
    T_EQ("a copy is the same", record_lock(copy, HOW(F_OFD_SETLK, F_WRLCK), RANGE(4, 9)), 0);
    T_EQ("a fork, too", peer_call(p, record_lock, file, HOW(F_OFD_SETLK, F_WRLCK), RANGE(0, 20)),
         0);
    closed = open("file", O_RDWR);
    close(closed);
    close(copy);
    T_ERR("closing frees nothing", record_lock(other, HOW(F_OFD_SETLK, F_WRLCK), ALL), EAGAIN);
    T_EQ("the other's own kind", peer_set(p, F_WRLCK, RANGE(30, 1)), 0);
    T_STR("has a pid", found(file, F_OFD_GETLK, F_RDLCK, 0, 0), "write 30 1 whence 0 other");
    peer_begin(p, record_lock, other, HOW(F_OFD_SETLKW, F_WRLCK), RANGE(0, 1));
    until_waiters(1);
    T_EQ("unlock", record_lock(file, HOW(F_OFD_SETLK, F_UNLCK), ALL), 0);
    T_EQ("it waited", peer_result(p), 0);
    close(other);
    T_ERR("the peer has it open", set(F_WRLCK, RANGE(0, 1)), EAGAIN);
    peer_end(p);
    T_EQ("and now nobody", set(F_WRLCK, RANGE(0, 1)), 0);
    T_EQ("unlock", set(F_UNLCK, ALL), 0);
}

static void check_flock(void)
{
    int other = open("file", O_RDONLY), third = open("file", O_RDONLY);
    struct peer p = peer_start();

    T_EQ("exclusive", flock(file, LOCK_EX), 0);
    T_EQ("a fork has it, too", peer_call(p, lock_whole, file, LOCK_EX | LOCK_NB, 0), 0);
    T_EQ("another open file", peer_call(p, lock_whole, other, LOCK_SH | LOCK_NB, 0), -EWOULDBLOCK);
    T_EQ("record locks are apart", peer_set(p, F_WRLCK, ALL), 0);
    T_EQ("unlocked by the fork", peer_call(p, lock_whole, file, LOCK_UN, 0), 0);
    T_EQ("both share", flock(file, LOCK_SH) | flock(other, LOCK_SH | LOCK_NB), 0);
    T_EQ("the same again", flock(file, LOCK_SH | LOCK_NB), 0);
    T_ERR("no upgrade", flock(file, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    T_EQ("which lost the lock", flock(other, LOCK_EX | LOCK_NB), 0);
    T_EQ("a downgrade", flock(other, LOCK_SH | LOCK_NB), 0);
    T_EQ("lets others share", flock(third, LOCK_SH | LOCK_NB), 0);
    T_EQ("lines", lines(false), 3);
    peer_begin(p, lock_whole, file, LOCK_EX, 0);
    until_waiters(1);
    T_EQ("one unlocks", flock(third, LOCK_UN), 0);
    until_waiters(1);
    close(other);
    until_waiters(1); /* the peer has that open file, too */
    peer_kill(p);
    T_EQ("a waiter is gone", flock(file, LOCK_EX | LOCK_NB), 0);
    T_ERR("no operation", flock(file, 0), EINVAL);
    T_ERR("two operations", flock(file, LOCK_EX | LOCK_SH), EINVAL);
    T_ERR("no descriptor", flock(999, LOCK_EX), EBADF);
    close(third);
    T_EQ("unlock", flock(file, LOCK_UN), 0);
}

static void check_flock_waits(void)
{
    struct peer p = peer_start(), q = peer_start();
    int other = open("file", O_RDONLY);

    T_EQ("exclusive", flock(other, LOCK_EX), 0);
    peer_begin(p, lock_whole, file, LOCK_SH, 0);
    until_waiters(1);
    peer_begin(q, lock_whole, file, LOCK_SH, 0);
    until_waiters(2);
    close(other);
    T_EQ("closing frees", peer_result(p), 0);
    T_EQ("both", peer_result(q), 0);
    peer_end(p);
    peer_end(q);
    T_EQ("unlock", flock(file, LOCK_UN), 0);
}

static void check_lockf(void)
{
    struct peer p = peer_start();

    T_EQ("lockf", lockf(file, F_LOCK, 10), 0);
    T_EQ("in the way", peer_set(p, F_RDLCK, RANGE(9, 1)), -EAGAIN);
    T_EQ("its own is free", lockf(file, F_TEST, 10), 0);
    T_EQ("other bytes", peer_set(p, F_WRLCK, RANGE(10, 1)), 0);
    T_ERR("the other's", lockf(file, F_TEST, 11), EACCES);
    T_ERR("cannot be taken", lockf(file, F_TLOCK, 11), EAGAIN);
    T_EQ("unlock", lockf(file, F_ULOCK, 0), 0);
    peer_end(p);
}

int main(int argc, char *argv[])
{
    char self[300];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (argc == 3) {
        return after_exec(argv[2]);
    }
    T_MUST("self", n > 0);
    self[n] = 0;
    t_scratch();
    file = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    T_MUST("file", file >= 0);
    check_exclusion();
    check_ranges();
    check_arguments();
    check_close();
    check_waiting();
    check_deadlock();
    check_signals();
    check_fork_exec();
    check_exec(self);
    check_closed_meanwhile();
    check_ofd();
    check_flock();
    check_flock_waits();
    check_lockf();
    return t_done();
}
