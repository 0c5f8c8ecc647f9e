// SPDX-License-Identifier: Apache-2.0
#include "ends.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_file(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode) && !isatty(fd);
}

bool ends_are_files(void)
{
    return is_file(STDIN_FILENO) || is_file(STDOUT_FILENO);
}

static void ends_on_read(evutil_socket_t fd, short what, void *arg)
{
    struct ends *ends = arg;
    const int rc = flow_read(&ends->flow);

    (void)fd, (void)what;
    ends->over = ends->over || (rc < 0 && rc != -EAGAIN);
    ends->heard(ends->arg);
}

static void ends_on_write(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg; /* ends_write() writes */
}

/* Nothing can be read from an output: it has no other end any more. */
static void ends_on_close(evutil_socket_t fd, short what, void *arg)
{
    struct ends *ends = arg;
    struct pollfd poll_fd = {.fd = fd};

    (void)what;
    ends->gone = poll(&poll_fd, 1, 0) > 0;
}

/* Makes what waits for the output to be closed. A socket that is the input, too, tells by that. */
static bool ends_watch_output(struct ends *ends, struct event_base *base)
{
    struct stat in, out;

    if (fstat(STDIN_FILENO, &in) < 0 || fstat(STDOUT_FILENO, &out) < 0 ||
        !(S_ISFIFO(out.st_mode) || S_ISSOCK(out.st_mode)) ||
        (in.st_dev == out.st_dev && in.st_ino == out.st_ino)) {
        return true;
    }
    ends->closes = event_new(base, STDOUT_FILENO, EV_READ, ends_on_close, ends);
    return ends->closes != NULL && event_add(ends->closes, NULL) == 0;
}

int ends_begin(struct ends *ends, struct event_base *base, void (*heard)(void *arg), void *arg,
               struct vmm_err *err)
{
    *ends = (struct ends){
        .flow = {.in_fd = STDIN_FILENO, .out_fd = STDOUT_FILENO}, .heard = heard, .arg = arg};
    ends->in_flags = fcntl(STDIN_FILENO, F_GETFL);
    ends->out_flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (ends->in_flags < 0 || ends->out_flags < 0 ||
        fcntl(STDIN_FILENO, F_SETFL, ends->in_flags | O_NONBLOCK) < 0 ||
        fcntl(STDOUT_FILENO, F_SETFL, ends->out_flags | O_NONBLOCK) < 0) {
        return vmm_err_set(err, errno, "standard input and output: %s", strerror(errno));
    }
    ends->reads = event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, ends_on_read, ends);
    ends->writes = event_new(base, STDOUT_FILENO, EV_WRITE, ends_on_write, ends);
    if (ends->reads == NULL || ends->writes == NULL || !ends_watch_output(ends, base)) {
        return vmm_err_set(err, ENOMEM, "out of memory");
    }
    return 0;
}

bool ends_write(struct ends *ends)
{
    return !ends->gone && flow_write(&ends->flow) >= 0;
}

bool ends_watch(struct ends *ends, bool hears)
{
    hears = hears && !ends->over;
    return (!hears || event_add(ends->reads, NULL) == 0) &&
           (hears || event_del(ends->reads) == 0) &&
           (flow_out_size(&ends->flow) == 0 || event_add(ends->writes, NULL) == 0);
}

void ends_end(struct ends *ends)
{
    if (ends->in_flags >= 0) {
        (void)fcntl(STDIN_FILENO, F_SETFL, ends->in_flags);
    }
    if (ends->out_flags >= 0) {
        (void)fcntl(STDOUT_FILENO, F_SETFL, ends->out_flags);
    }
    if (ends->reads != NULL) {
        event_free(ends->reads);
    }
    if (ends->writes != NULL) {
        event_free(ends->writes);
    }
    if (ends->closes != NULL) {
        event_free(ends->closes);
    }
    flow_free(&ends->flow);
}
