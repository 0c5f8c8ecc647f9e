// SPDX-License-Identifier: Apache-2.0
/*
 * A server with clients and workers that send anything (pyhl/service.c and all below it, with the
 * real pool, whose processes are the target's). Input: steps. Each begins with a byte: a request of
 * a client (length, JSON; length, bytes), bytes that a worker sends as they are, a message of a
 * worker with its head made here, the death of a worker, the end of a search for packages, a turn
 * of the loop.
 */
#include "fuzz.h"
#include "pyhl/finder.h"
#include "pyhl/service.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define WORKERS 4096 /* in one input, at most; more than it has steps for */
#define CLIENTS 2
#define IDS     32
#define PID     0x40000000 /* of the first worker: the kernel gives no such number */

/* --- the processes of workers --- */

static struct process {
    int fd; /* the worker's end of its socket; -1: it has died */
} processes[WORKERS];
static size_t process_count;

int __real_socketpair(int domain, int type, int protocol, int fds[2]);
int __wrap_socketpair(int domain, int type, int protocol, int fds[2]);
pid_t __wrap_fork(void);
int __wrap_kill(pid_t pid, int signo);
int __wrap_sigqueue(pid_t pid, int signo, union sigval value);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __wrap_prlimit(pid_t pid, int resource, const struct rlimit *in, struct rlimit *out);

int __wrap_socketpair(int domain, int type, int protocol, int fds[2])
{
    if (process_count == WORKERS) {
        errno = EMFILE;
        return -1;
    }
    MUST(__real_socketpair(domain, type, protocol, fds) == 0);
    processes[process_count].fd = fcntl(fds[1], F_DUPFD_CLOEXEC, 3);
    MUST(processes[process_count].fd >= 0 &&
         fcntl(processes[process_count].fd, F_SETFL, O_NONBLOCK) == 0);
    return 0;
}

pid_t __wrap_fork(void)
{
    return PID + (pid_t)process_count++;
}

static void die(size_t n)
{
    if (processes[n].fd >= 0) {
        close(processes[n].fd);
        processes[n].fd = -1;
    }
}

int __wrap_kill(pid_t pid, int signo)
{
    MUST(pid >= PID && pid < PID + (pid_t)process_count && signo == SIGKILL);
    die((size_t)(pid - PID));
    return 0;
}

int __wrap_sigqueue(pid_t pid, int signo, union sigval value)
{
    (void)value;
    MUST(pid >= PID && pid < PID + (pid_t)process_count);
    MUST(signo == WORKER_INTERRUPT || signo == WORKER_KILL);
    return 0;
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
    (void)options;
    MUST(pid >= PID && pid < PID + (pid_t)process_count && processes[pid - PID].fd < 0);
    *status = SIGKILL;
    return pid;
}

int __wrap_prlimit(pid_t pid, int resource, const struct rlimit *in, struct rlimit *out)
{
    (void)resource;
    (void)in;
    MUST(pid >= PID);
    if (out != NULL) {
        *out = (struct rlimit){0};
    }
    return 0;
}

int worker_main(const struct worker_start *start)
{
    (void)start;
    abort(); /* no process begins */
}

/* What the server has sent is taken off the socket, with its descriptors. */
static void drain(size_t n)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(8 * sizeof(int))];
    } control;
    static char bytes[1 << 16];
    struct iovec to = {bytes, sizeof(bytes)};

    while (processes[n].fd >= 0) {
        struct msghdr message = {.msg_iov = &to,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control.bytes)};
        const struct cmsghdr *head;
        int fd;

        if (recvmsg(processes[n].fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0) {
            return;
        }
        head = CMSG_FIRSTHDR(&message);
        if (head != NULL) {
            MUST(head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(int)));
            memcpy(&fd, CMSG_DATA(head), sizeof(fd));
            close(fd);
        }
    }
}

/* --- the searches for packages --- */

struct finder {
    struct finder_task task;
    struct finder *next;
};
static struct finder *finders;

int finder_start(struct event_base *base, const struct finder_task *task, struct finder **out,
                 struct vmm_err *err)
{
    struct finder *f = calloc(1, sizeof(*f));

    (void)base;
    (void)err;
    MUST(f != NULL);
    f->task = *task;
    f->next = finders;
    finders = f;
    *out = f;
    return 0;
}

void finder_stop(struct finder *finder)
{
    (void)finder;
}

void finder_free(struct finder *finder)
{
    struct finder **at = &finders;

    while (finder != NULL && *at != finder) {
        at = &(*at)->next;
    }
    if (finder != NULL) {
        *at = finder->next;
        free(finder);
    }
}

/* The search that began last ends: well with odd `how`. */
static void finder_ends(uint8_t how)
{
    static struct finder_found found;
    struct finder *f = finders;

    if (f == NULL) {
        return;
    }
    found = (struct finder_found){.info = {.entries = how / 2u, .index = 40}};
    strcpy(found.names, "a==1\nb==2\n");
    if (how % 2 == 0) {
        (void)vmm_err_set(&found.err, how % 4 == 0 ? EINVAL : EINTR, "no");
    }
    f->task.said(f->task.arg, "said", 4);
    f->task.over(f->task.arg, &found, how % 2 != 0 && how / 2 != 0 ? fuzz_file("bundle", 6) : -1);
}

/* --- the clients --- */

static struct one {
    struct client client;
    bool under_way[IDS]; /* a request of that number */
} clients[CLIENTS];

static void on_event(struct client *client, uint64_t id, const char *event, json_t *members,
                     const void *bytes, size_t size)
{
    struct one *one = (struct one *)client;

    (void)bytes;
    MUST(size <= WORKER_BYTES);
    if (id == CLIENT_NO_ID) {
        MUST(strcmp(event, "failed") == 0);
        return;
    }
    MUST(id < IDS && one->under_way[id]);
    if (strcmp(event, "failed") == 0) {
        MUST(json_is_string(json_object_get(members, "type")) &&
             json_is_string(json_object_get(members, "message")));
    }
    if (strcmp(event, "failed") == 0 || strcmp(event, "done") == 0) {
        one->under_way[id] = false;
    }
}

/* Whether a request gets an event at all: an answer to a call has none when it is good. */
static bool has_answer(const json_t *request)
{
    const char *op = json_string_value(json_object_get(request, "op"));

    return op == NULL || strcmp(op, "reply") != 0;
}

static void ask(struct one *one, struct fuzz_input *in)
{
    struct request_error error = {.type = NULL};
    uint16_t sizes[2];
    uint64_t id;
    json_t *request;

    fuzz_take(in, sizes, sizeof(sizes));
    sizes[0] = sizes[0] < in->size ? sizes[0] : (uint16_t)in->size;
    request = request_parse(in->data, sizes[0], &error);
    in->data += sizes[0];
    in->size -= sizes[0];
    sizes[1] = sizes[1] < in->size ? sizes[1] : (uint16_t)in->size;
    if (request != NULL &&
        (!request_number(request, "id", &id, &error) || (id < IDS && !one->under_way[id]))) {
        const bool numbered = request_number(request, "id", &id, &error);

        if (numbered) {
            one->under_way[id] = true;
        }
        client_request(&one->client, request, in->data, sizes[1]);
        if (numbered && !has_answer(request)) {
            one->under_way[id] = false;
        }
    }
    json_decref(request);
    in->data += sizes[1];
    in->size -= sizes[1];
}

/* --- the whole --- */

/* Returns false when a server would end, because workers die before they are ready. */
static bool turn(struct service *s)
{
    struct vmm_err err = {0};
    const bool good = service_turn(s, &err) == 0;

    MUST(good || s->pool.failures > 0);
    MUST(event_base_loop(s->base, EVLOOP_NONBLOCK) >= 0);
    for (size_t i = 0; i < process_count; i++) {
        drain(i);
    }
    return good;
}

/* A message that is a struct: the bytes are how it begins. */
static void say_whole(struct fuzz_input *in, size_t n, struct worker_message *message)
{
    union {
        struct worker_done done;
        struct worker_state state;
    } whole = {0};
    const size_t size =
        message->kind == WORKER_DONE ? sizeof(whole.done) : sizeof(struct worker_state);

    fuzz_take(in, &whole, message->size < size ? message->size : size);
    message->size = size;
    if (processes[n].fd >= 0) {
        (void)send(processes[n].fd, message, sizeof(*message), MSG_NOSIGNAL);
        (void)send(processes[n].fd, &whole, size, MSG_NOSIGNAL);
    }
}

/* Bytes of a worker, with a head made here, of a kind and a number, or as they are. */
static void say(struct fuzz_input *in, size_t n, bool with_head)
{
    struct worker_message message = {0};
    uint16_t size;

    if (with_head) {
        message.kind = fuzz_byte(in);
        message.number = fuzz_byte(in);
    }
    fuzz_take(in, &size, sizeof(size));
    size = size < in->size ? size : (uint16_t)in->size;
    message.size = size;
    if (message.kind == WORKER_DONE || message.kind == WORKER_SAVED ||
        message.kind == WORKER_LOADED) {
        say_whole(in, n, &message);
        return;
    }
    if (processes[n].fd >= 0) {
        if (with_head) {
            (void)send(processes[n].fd, &message, sizeof(message), MSG_NOSIGNAL);
        }
        (void)send(processes[n].fd, in->data, size, MSG_NOSIGNAL);
    }
    in->data += size;
    in->size -= size;
}

static bool step(struct service *s, struct fuzz_input *in)
{
    const uint8_t what = fuzz_byte(in), who = fuzz_byte(in);
    const size_t n = process_count > 0 ? who % process_count : 0;

    switch (what % 6) {
    case 0:
        ask(&clients[who % CLIENTS], in);
        break;
    case 1:
        if (process_count > 0) {
            say(in, n, false);
        }
        break;
    case 2:
    case 3:
        if (process_count > 0) {
            say(in, n, true);
        }
        break;
    case 4:
        if (process_count > 0) {
            die(n);
        }
        break;
    default:
        finder_ends(who);
        break;
    }
    return turn(s);
}

static bool is_left(void)
{
    bool left = false;

    for (size_t i = 0; i < CLIENTS; i++) {
        for (size_t id = 0; id < IDS; id++) {
            left = left || clients[i].under_way[id];
        }
    }
    return left;
}

/* Ends the session that was opened first. In one that is in the middle of a run commands wait for
 * somebody who goes on with it. */
static void end_session(struct service *s)
{
    const struct session_vm *v = TAILQ_FIRST(&s->sessions);
    struct one *one = v != NULL && v->owner[0] == 'b' ? &clients[1] : &clients[0];
    size_t id = 0;
    json_t *request;

    while (id < IDS && one->under_way[id]) {
        id++;
    }
    if (v != NULL && id < IDS) {
        request =
            json_pack("{s:s, s:I, s:s}", "op", "close", "id", (json_int_t)id, "session", v->name);
        one->under_way[id] = true;
        client_request(&one->client, request, NULL, 0);
        json_decref(request);
    }
}

/* Each request gets its last event: all workers become ready, get one, and die of it. */
static void finish(struct service *s)
{
    const struct worker_message ready = {.kind = WORKER_READY};
    bool good = true;

    for (size_t round = 0; good && is_left() && process_count < WORKERS / 2; round++) {
        const size_t count = process_count;

        MUST(round < 500);
        finder_ends(0);
        if (round > 50) {
            end_session(s);
        }
        for (size_t i = 0; i < count; i++) {
            (void)send(processes[i].fd, &ready, sizeof(ready), MSG_NOSIGNAL);
        }
        good = turn(s);
        for (size_t i = 0; i < count; i++) {
            die(i);
        }
        good = good && turn(s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct client_ops ops = {.event = on_event};
    static const struct package_options packages;
    static const struct install_wish wish = {"serve", NULL, "", &packages};
    const struct service_config config = {
        .image = "python",
        .vm_memory = 1 << 30,
        .workers = 2,
        .sessions = 4,
        .waiting = 20,
        .limits = {.max_output = 1 << 16},
        .install = &wish,
        .state_memory = 1 << 20,
        .state_limit = 1 << 20,
    };
    struct fuzz_input in = {data, size};
    struct service s;
    struct vmm_err err;
    bool good;

    process_count = 0;
    (void)signal(SIGPIPE, SIG_IGN); /* as in pyhl */
    MUST(service_begin(&s, &config, &err) == 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = (struct one){0};
        client_begin(&clients[i].client, &s, &ops, i % 2 ? "b" : "a");
    }
    good = turn(&s);
    for (size_t steps = 0; good && in.size > 0 && steps < 100; steps++) {
        good = step(&s, &in);
    }
    if (good) {
        finish(&s);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        client_end(&clients[i].client);
    }
    service_end(&s);
    for (size_t i = 0; i < process_count; i++) {
        MUST(processes[i].fd < 0); /* no process is left */
    }
    MUST(finders == NULL);
    return 0;
}
