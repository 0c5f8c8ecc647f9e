// SPDX-License-Identifier: Apache-2.0
/*
 * Leases, directory notification, and who gets their signals: fcntl(2). Linux says what each line
 * must be.
 */
#include "tell.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>

#include "peer.h"

static sigset_t signals;
static siginfo_t info;

/* The signal that has come, or EAGAIN. */
static long came(void)
{
    int sig;

    memset(&info, 0, sizeof(info));
    sig = sigtimedwait(&signals, &info, &(struct timespec){0, 0});
    return sig;
}

static long come(void)
{
    int sig;

    while ((sig = sigwaitinfo(&signals, &info)) < 0) {
    }
    return sig;
}

static void owners(void)
{
    int fd = open("file", O_RDONLY);
    struct f_owner_ex ex = {F_OWNER_TID, 0};
    struct peer p = peer_start();

    TELL("F_GETOWN", fcntl(fd, F_GETOWN));
    TELL("F_GETSIG", fcntl(fd, F_GETSIG));
    TELL("F_SETOWN", fcntl(fd, F_SETOWN, p.pid));
    TELL("F_GETOWN", fcntl(fd, F_GETOWN) == p.pid);
    TELL("of nobody", fcntl(fd, F_SETOWN, 99999999));
    TELL("a group", fcntl(fd, F_SETOWN, -getpgrp()));
    TELL("F_GETOWN", fcntl(fd, F_GETOWN) == -getpgrp());
    TELL("F_GETOWN_EX", fcntl(fd, F_GETOWN_EX, &ex));
    TELL("kind", ex.type);
    ex = (struct f_owner_ex){F_OWNER_TID, gettid()};
    TELL("F_SETOWN_EX", fcntl(fd, F_SETOWN_EX, &ex));
    ex.type = 9;
    TELL("another kind", fcntl(fd, F_SETOWN_EX, &ex));
    TELL("no memory", fcntl(fd, F_SETOWN_EX, 16));
    TELL("INT_MIN", fcntl(fd, F_SETOWN, (int)0x80000000));
    TELL("F_SETSIG 65", fcntl(fd, F_SETSIG, 65));
    TELL("F_SETSIG", fcntl(fd, F_SETSIG, SIGRTMIN));
    TELL("F_GETSIG", fcntl(fd, F_GETSIG) == SIGRTMIN);
    peer_end(p);
    close(fd);
}

static long open_file(long flags, long b, long c)
{
    int fd = open("file", (int)flags, 0600);

    (void)b;
    (void)c;
    return fd < 0 ? fd : close(fd);
}

static long cut_file(long size, long b, long c)
{
    (void)b;
    (void)c;
    return truncate("file", size);
}

static long lease_there(long fd, long command, long type)
{
    return fcntl((int)fd, (int)command, type);
}

static void read_lease(void)
{
    int fd = open("file", O_RDONLY), writer;
    struct peer p = peer_start();

    TELL("none", fcntl(fd, F_GETLEASE));
    TELL("give up none", fcntl(fd, F_SETLEASE, F_UNLCK));
    TELL("a wrong type", fcntl(fd, F_SETLEASE, 9));
    TELL("of a directory", fcntl(open(".", O_RDONLY), F_SETLEASE, F_RDLCK));
    writer = open("file", O_WRONLY);
    TELL("somebody writes", fcntl(fd, F_SETLEASE, F_RDLCK));
    close(writer);
    TELL("to read", fcntl(fd, F_SETLEASE, F_RDLCK));
    TELL("is there", fcntl(fd, F_GETLEASE));
    TELL("the owner", fcntl(fd, F_GETOWN) == getpid());
    TELL("readers open", peer_call(p, open_file, O_RDONLY, 0, 0));
    TELL("no signal", came());
    TELL("writers do not", peer_call(p, open_file, O_WRONLY | O_NONBLOCK, 0, 0));
    TELL("signal", came());
    TELL("code", info.si_code);
    TELL("it is to go", fcntl(fd, F_GETLEASE));
    peer_begin(p, open_file, O_RDWR, 0, 0);
    TELL("given up", fcntl(fd, F_SETLEASE, F_UNLCK));
    TELL("the writer", peer_result(p));
    TELL("no signal", came());
    close(fd);
    peer_end(p);
}

static void write_lease(void)
{
    int fd = open("file", O_RDWR), other;
    struct peer p, q;

    other = open("file", O_RDONLY);
    TELL("to write, and another has it open", fcntl(fd, F_SETLEASE, F_WRLCK));
    close(other);
    fcntl(fd, F_SETSIG, SIGRTMIN);
    TELL("to write", fcntl(fd, F_SETLEASE, F_WRLCK));
    TELL("from write to read, open to write", fcntl(fd, F_SETLEASE, F_RDLCK));
    p = peer_start();
    peer_begin(p, open_file, O_RDONLY, 0, 0);
    TELL("signal", come() == SIGRTMIN);
    TELL("code", info.si_code);
    TELL("descriptor", info.si_fd == fd);
    TELL("band", info.si_band);
    TELL("a reader makes it one to read", fcntl(fd, F_GETLEASE));
    TELL("given up", fcntl(fd, F_SETLEASE, F_UNLCK));
    TELL("the reader", peer_result(p));
    TELL("to write", fcntl(fd, F_SETLEASE, F_WRLCK));
    peer_begin(p, cut_file, 3, 0, 0);
    TELL("truncate: signal", come() == SIGRTMIN);
    q = peer_start();
    TELL("by one who inherited it", peer_call(q, lease_there, fd, F_SETLEASE, F_UNLCK));
    peer_end(q);
    TELL("truncate", peer_result(p));
    TELL("to write", fcntl(fd, F_SETLEASE, F_WRLCK));
    peer_end(p);
    close(fd);
}

static void lease_closed(void)
{
    int fd = open("file", O_RDONLY);
    struct peer p = peer_start(), q;

    peer_end(p);
    TELL("to read", fcntl(fd, F_SETLEASE, F_RDLCK));
    q = peer_start();
    peer_begin(q, open_file, O_WRONLY, 0, 0);
    TELL("signal", come());
    peer_kill(q);
    TELL("closed", close(fd));
    TELL("opened", open_file(O_WRONLY | O_NONBLOCK, 0, 0));
}

static void directories(void)
{
    int dir = open("dir", O_RDONLY | O_DIRECTORY), fd;

    TELL("nothing", fcntl(dir, F_NOTIFY, DN_MULTISHOT));
    TELL("of a file", fcntl(open("file", O_RDONLY), F_NOTIFY, DN_CREATE));
    fcntl(dir, F_SETSIG, SIGRTMIN);
    TELL("F_NOTIFY", fcntl(dir, F_NOTIFY, DN_CREATE));
    fd = open("dir/one", O_CREAT | O_RDWR, 0600);
    TELL("create", came() == SIGRTMIN);
    TELL("descriptor", info.si_fd == dir);
    TELL("code", info.si_code);
    close(open("dir/two", O_CREAT | O_RDWR, 0600));
    TELL("once", came());
    TELL("every time", fcntl(dir, F_NOTIFY, DN_MULTISHOT | DN_DELETE | DN_CREATE));
    unlink("dir/two");
    TELL("unlink", came() == SIGRTMIN);
    mkdir("dir/sub", 0700);
    TELL("mkdir", came() == SIGRTMIN);
    link("dir/one", "dir/three");
    TELL("link", came() == SIGRTMIN);
    rmdir("dir/sub");
    TELL("rmdir", came() == SIGRTMIN);
    TELL("not write", write(fd, "x", 1));
    TELL("none", came());
    TELL("more", fcntl(dir, F_NOTIFY, DN_MULTISHOT | DN_MODIFY | DN_ACCESS | DN_ATTRIB));
    TELL("write", write(fd, "x", 1));
    TELL("modified", came() == SIGRTMIN);
    TELL("read", pread(fd, &(char){0}, 1, 0));
    TELL("accessed", came() == SIGRTMIN);
    TELL("chmod", fchmod(fd, 0644));
    TELL("changed", came() == SIGRTMIN);
    TELL("truncate", ftruncate(fd, 0));
    TELL("modified", came() == SIGRTMIN);
    TELL("no more", fcntl(dir, F_NOTIFY, 0));
    unlink("dir/three");
    TELL("none", came());
    TELL("rename", fcntl(dir, F_NOTIFY, DN_RENAME));
    rename("dir/one", "dir/two");
    TELL("renamed", came() == SIGRTMIN);
    TELL("again", fcntl(dir, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
    TELL("by a copy that is closed", close(dup(dir)));
    close(open("dir/four", O_CREAT | O_RDWR, 0600));
    TELL("none", came());
    close(fd);
    close(dir);
}

static void of_another(void)
{
    int dir = open("dir", O_RDONLY | O_DIRECTORY);
    struct peer p;

    fcntl(dir, F_SETSIG, SIGRTMIN);
    TELL("F_NOTIFY", fcntl(dir, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
    p = peer_start();
    TELL("another creates", peer_call(p, (peer_fn)(void *)mkdir, (long)"dir/other", 0700, 0));
    TELL("we are told", came() == SIGRTMIN);
    peer_end(p);
    TELL("its end changes nothing", rmdir("dir/other") + mkdir("dir/other", 0700));
    TELL("told", came() == SIGRTMIN);
    close(dir);
}

int main(void)
{
    sigemptyset(&signals);
    sigaddset(&signals, SIGIO);
    sigaddset(&signals, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    t_scratch();
    close(open("file", O_CREAT | O_RDWR, 0600));
    mkdir("dir", 0700);
    owners();
    read_lease();
    write_lease();
    lease_closed();
    directories();
    of_another();
    return t_done();
}
