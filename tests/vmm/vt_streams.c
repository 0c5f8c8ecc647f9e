// SPDX-License-Identifier: Apache-2.0
/*
 * Streams of every kind whose other users stand still, are slow, or are quicker than the machine.
 * No run is held beyond its deadline, nothing is lost, and others see no change of the streams.
 */
#include "vt.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define LINES 20000u
#define LINE  64u

/* Streams whose users all stand still. A pipe has a reader: its read end is open. */
static int stuck_pipe(void)
{
    int p[2];
    CHECK(pipe(p) == 0);
    return p[1];
}

static int stuck_fifo(void)
{
    char name[64];
    snprintf(name, sizeof(name), "/tmp/vt-fifo-%d", getpid());
    CHECK(mkfifo(name, 0600) == 0);
    int fd = open(name, O_RDWR);
    CHECK(fd >= 0 && unlink(name) == 0);
    return fd;
}

static int stuck_socket(void)
{
    int s[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    return s[1];
}

static int terminal(int *master)
{
    struct termios t;
    int slave;
    CHECK(openpty(master, &slave, NULL, NULL, NULL) == 0);
    CHECK(tcgetattr(slave, &t) == 0);
    cfmakeraw(&t);
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
    return slave;
}

static int stuck_tty(void)
{
    int master;
    return terminal(&master);
}

static int stopped_tty(void)
{
    int fd = stuck_tty();
    CHECK(tcflow(fd, TCOOFF) == 0); /* as Ctrl-S */
    return fd;
}

static int (*const stuck_kinds[])(void) = {stuck_pipe, stuck_fifo, stuck_socket, stuck_tty,
                                           stopped_tty};
#define STUCK_KINDS (sizeof(stuck_kinds) / sizeof(stuck_kinds[0]))

static void t_output_stuck(void)
{
    for (size_t i = 0; i < STUCK_KINDS; i++) {
        const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = stuck_kinds[i](), .stderr_fd = -1};
        vt_stuck(vt_boot(&io), "flood", "1000000");
    }
}

static bool poll_lies;
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    if (!poll_lies) {
        return __real_poll(fds, count, timeout);
    }
    fds[0].revents = fds[0].events;
    return 1;
}

/* Another process is quicker: poll() says that there is room, or something to read, and then it is
 * gone. */
static void t_output_raced(void)
{
    for (size_t i = 0; i < STUCK_KINDS; i++) {
        const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = stuck_kinds[i](), .stderr_fd = -1};
        struct vmm *vm = vt_boot(&io);
        poll_lies = true;
        vt_stuck(vm, "flood", "1000000");
        poll_lies = false;
    }
}

static void t_stdin_raced(void)
{
    for (size_t i = 0; i < STUCK_KINDS - 1; i++) {
        int fd = stuck_kinds[i]();
        if (i == 0) {
            int p[2];
            CHECK(pipe(p) == 0);
            fd = p[0];
        }
        const struct vmm_io io = {.stdin_fd = fd, .stdout_fd = -1, .stderr_fd = -1};
        struct vmm *vm = vt_boot(&io);
        poll_lies = true;
        vt_stuck(vm, "cat", "");
        poll_lies = false;
    }
}

struct copier {
    int fd;
    size_t size;
    char *text;
};

static void *copier_main(void *arg)
{
    struct copier *c = arg;
    while (c->size < LINES * LINE) {
        ssize_t n = read(c->fd, c->text + c->size, LINES * LINE - c->size);
        CHECK(n > 0);
        c->size += (size_t)n;
        usleep(c->size % 7 == 0 ? 1000 : 0);
    }
    return NULL;
}

static void copy_whole(int from, int to)
{
    pthread_t thread;
    struct copier c = {.fd = from, .text = malloc((size_t)LINES * LINE)};
    const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = to, .stderr_fd = -1};
    struct vmm *vm = vt_boot(&io);
    CHECK(c.text != NULL && pthread_create(&thread, NULL, copier_main, &c) == 0);
    IS(vt_run(vm, "flood", VT_TEXT(20000)), VMM_EXITED, 0, "");
    pthread_join(thread, NULL);
    for (size_t i = 0; i < LINES; i++) {
        CHECK(memcmp(c.text + i * LINE, c.text, LINE) == 0 && c.text[i * LINE + 63] == '\n');
    }
    free(c.text);
    vmm_destroy(vm);
}

/* Nothing is lost or written twice, in whichever way a stream is used. */
static void t_output_whole(void)
{
    int s[2], fifo = stuck_fifo(), master;
    copy_whole(fifo, fifo);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    copy_whole(s[0], s[1]);
    int slave = terminal(&master);
    copy_whole(master, slave);
}

/* Others see no change of the streams: flags belong to all who have them open. */
static void t_flags_kept(void)
{
    for (size_t i = 0; i < STUCK_KINDS; i++) {
        int fd = stuck_kinds[i]();
        const int flags = fcntl(fd, F_GETFL);
        const struct vmm_io io = {.stdin_fd = -1, .stdout_fd = fd, .stderr_fd = fd};
        struct vmm *vm = vt_boot(&io);
        vt_run_for(vm, "flood", "100000", VT_SHORT / 3);
        CHECK_INT(fcntl(fd, F_GETFL), flags);
        vmm_destroy(vm);
    }
}

const struct vt_test vt_streams_tests[] = {
    {"streams-output-stuck", t_output_stuck}, {"streams-output-raced", t_output_raced},
    {"streams-stdin-raced", t_stdin_raced},   {"streams-output-whole", t_output_whole},
    {"streams-flags-kept", t_flags_kept},     {NULL, NULL},
};
