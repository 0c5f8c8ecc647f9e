// SPDX-License-Identifier: Apache-2.0
/*
 * The parent's end of the channel. Its loop sleeps in poll() and serves one thing after the other.
 * A child that breaks the rules of the channel is killed: only one that was taken over can.
 */
#include "parent.h"
#include "message.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PARENT_SERVICES 16
#define PARENT_FAILED   125 /* as enum cmd_exit */
#define PARENT_SIGNALED 128

struct parent {
    pid_t child;
    int fd;
    uint8_t *bytes;
    struct channel_message open; /* the request that is not answered yet; serial 0: none */
    uint64_t serial;             /* of the last request */
    const char *broken;          /* which rule the child broke */
    struct parent_service {
        uint32_t kind;
        parent_serve_fn *serve;
        void *arg;
    } services[PARENT_SERVICES];
    size_t service_count;
    /* pfds[0] is the channel; watches[i] belongs to pfds[i]. */
    struct pollfd pfds[PARENT_WATCHES + 1];
    struct parent_watching {
        parent_ready_fn *ready;
        void *arg;
    } watches[PARENT_WATCHES + 1];
    size_t pfd_count;
};

/* In the child. It hears of signals from its parent alone, and dies with it. */
static void become_child(pid_t parent)
{
    signals_only_from(parent);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent) {
        _exit(PARENT_FAILED);
    }
}

/* What the program reads and writes is the child's. */
static void drop_streams(void)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++) {
        if (null < 0 || dup2(null, fd) < 0) {
            close(fd);
        }
    }
    if (null > STDERR_FILENO) {
        close(null);
    }
}

static int parent_make(struct parent **out, int ends[2], struct vmm_err *err)
{
    struct parent *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    p->bytes = mmap(NULL, CHANNEL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p->bytes == MAP_FAILED) {
        free(p);
        return vmm_err_set(err, errno, "memory shared with a child: %s", strerror(errno));
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        const int code = errno;

        p->fd = -1;
        parent_destroy(p);
        return vmm_err_set(err, code, "a socket for a child: %s", strerror(code));
    }
    p->fd = ends[0];
    p->pfds[0] = (struct pollfd){.fd = p->fd, .events = POLLIN};
    p->pfd_count = 1;
    *out = p;
    return 0;
}

/* The child keeps its end and the memory, and nothing else of this. */
static void child_keeps(struct parent *p, int fd, struct channel *end)
{
    *end = (struct channel){.fd = fd, .bytes = p->bytes};
    (void)pthread_mutex_init(&end->lock, NULL);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    close(p->fd);
    free(p);
}

int parent_fork(struct parent **out, struct channel *child_end, struct vmm_err *err)
{
    const pid_t self = getpid();
    struct parent *p = NULL;
    int ends[2];
    int rc = parent_make(&p, ends, err);

    *out = NULL;
    if (rc < 0 || p == NULL) {
        return rc;
    }
    p->child = fork();
    if (p->child == 0) {
        become_child(self);
        child_keeps(p, ends[1], child_end);
        return 0;
    }
    close(ends[1]);
    if (p->child < 0) {
        rc = vmm_err_set(err, errno, "fork: %s", strerror(errno));
        parent_destroy(p);
        return rc;
    }
    signals_forward(p->child);
    drop_streams();
    *out = p;
    return 0;
}

void parent_destroy(struct parent *parent)
{
    if (parent == NULL) {
        return;
    }
    (void)munmap(parent->bytes, CHANNEL_BYTES);
    if (parent->fd >= 0) {
        close(parent->fd);
    }
    free(parent);
}

uint8_t *parent_bytes(struct parent *parent)
{
    return parent->bytes;
}

int parent_offer(struct parent *parent, uint32_t kind, parent_serve_fn *serve, void *arg)
{
    if (parent->service_count == PARENT_SERVICES) {
        return -ENOSPC;
    }
    parent->services[parent->service_count++] = (struct parent_service){kind, serve, arg};
    return 0;
}

int parent_watch(struct parent *parent, int fd, short events, parent_ready_fn *ready, void *arg)
{
    if (parent->pfd_count == PARENT_WATCHES + 1) {
        return -ENOSPC;
    }
    parent->watches[parent->pfd_count] = (struct parent_watching){ready, arg};
    parent->pfds[parent->pfd_count++] = (struct pollfd){.fd = fd, .events = events};
    return 0;
}

/* A row is only marked here, and taken out between two rounds of the loop. */
void parent_unwatch(struct parent *parent, int fd)
{
    for (size_t i = 1; i < parent->pfd_count; i++) {
        if (parent->pfds[i].fd == fd) {
            parent->pfds[i].fd = -1;
            parent->watches[i].ready = NULL;
        }
    }
}

static void forget_unwatched(struct parent *p)
{
    size_t count = 1;

    for (size_t i = 1; i < p->pfd_count; i++) {
        if (p->watches[i].ready != NULL) {
            p->pfds[count] = p->pfds[i];
            p->watches[count++] = p->watches[i];
        }
    }
    p->pfd_count = count;
}

/* A child that is gone is found by the next poll(). One that does not read is waited for: it has
 * nothing to gain by that. */
static void parent_send(struct parent *p, const struct channel_message *message)
{
    while (write(p->fd, message, sizeof(*message)) < 0 && errno == EINTR) {
    }
}

void parent_answer_with(struct parent *parent, const struct channel_message *answer)
{
    struct channel_message m = *answer;

    m.kind = parent->open.kind;
    m.serial = parent->open.serial;
    if (m.serial == 0) {
        return; /* nobody asked */
    }
    parent->open.serial = 0;
    parent_send(parent, &m);
}

void parent_answer(struct parent *parent, int32_t result, uint64_t size)
{
    const struct channel_message answer = {.result = result, .size = size};

    parent_answer_with(parent, &answer);
}

void parent_notify(struct parent *parent, const struct channel_message *notice)
{
    struct channel_message m = *notice;

    m.serial = 0;
    parent_send(parent, &m);
}

static const struct parent_service *service_of(const struct parent *p, uint32_t kind)
{
    for (size_t i = 0; i < p->service_count; i++) {
        if (p->services[i].kind == kind) {
            return &p->services[i];
        }
    }
    return NULL;
}

/* Takes a request of n bytes. */
static void take_request(struct parent *p, const struct channel_message *m, size_t n)
{
    const struct parent_service *service = n == sizeof(*m) ? service_of(p, m->kind) : NULL;

    if (n != sizeof(*m)) {
        p->broken = "a message of the wrong size";
    } else if (p->open.serial != 0) {
        p->broken = "a request before the answer to another";
    } else if (m->serial != p->serial + 1) {
        p->broken = "a request out of order";
    } else if (m->size > CHANNEL_BYTES) {
        p->broken = "a request of more bytes than there are";
    } else if (service == NULL) {
        p->broken = "a request that nobody serves";
    } else {
        p->serial = m->serial;
        p->open = *m;
        service->serve(service->arg, p, m);
    }
}

/* False: the child's end of the channel is closed. */
static bool serve_channel(struct parent *p)
{
    struct channel_message m[2]; /* room to see that a message is too long */
    const ssize_t n = recv(p->fd, m, sizeof(m), MSG_DONTWAIT);

    if (n < 0) {
        return errno == EINTR || errno == EAGAIN;
    }
    if (n == 0) {
        return false;
    }
    take_request(p, &m[0], (size_t)n);
    return p->broken == NULL;
}

static bool serve_round(struct parent *p)
{
    size_t count;

    forget_unwatched(p);
    count = p->pfd_count;
    if (poll(p->pfds, p->pfd_count, -1) < 0) {
        return true; /* a signal, which was passed on */
    }
    for (size_t i = 1; i < count; i++) {
        const struct parent_watching *w = &p->watches[i];

        if (p->pfds[i].fd >= 0 && p->pfds[i].revents != 0 && w->ready != NULL) {
            w->ready(w->arg, p, p->pfds[i].fd, p->pfds[i].revents);
        }
    }
    return p->pfds[0].revents == 0 || serve_channel(p);
}

/* The exit status that tells how the child ended. */
static int status_of_child(const struct parent *p, int how, const char *name)
{
    if (p->broken != NULL) {
        message("pyhl %s: the process of the VM was ended: it sent %s\n", name, p->broken);
        return PARENT_FAILED;
    }
    if (WIFEXITED(how)) {
        return WEXITSTATUS(how);
    }
    if (WTERMSIG(how) == SIGINT) {
        signals_interrupted();
    } else {
        message("pyhl %s: the process of the VM was killed by signal %d (%s)\n", name,
                WTERMSIG(how), strsignal(WTERMSIG(how)));
    }
    return PARENT_SIGNALED + WTERMSIG(how);
}

int parent_serve(struct parent *parent, const char *name)
{
    int how = 0;

    while (serve_round(parent)) {
    }
    if (parent->broken != NULL) {
        kill(parent->child, SIGKILL);
    }
    while (waitpid(parent->child, &how, 0) < 0 && errno == EINTR) {
    }
    signals_forward(0);
    return status_of_child(parent, how, name);
}
