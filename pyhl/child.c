// SPDX-License-Identifier: Apache-2.0
/*
 * Fork, one pipe of reports, wait. A report is shorter than PIPE_BUF, so it arrives whole or not at
 * all.
 */
#include "child.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Makes the child die of the signals that its parent catches, and of its parent's death. */
static void be_child(pid_t parent)
{
    signals_default();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent) {
        _exit(1);
    }
}

int child_close_others(int one, const int *keep, size_t keep_count)
{
    unsigned from = STDERR_FILENO + 1;

    for (;;) {
        unsigned next = (unsigned)one >= from ? (unsigned)one : ~0u;

        for (size_t i = 0; i < keep_count; i++) {
            if (keep[i] >= (int)from && (unsigned)keep[i] < next) {
                next = (unsigned)keep[i];
            }
        }
        if (next > from && close_range(from, next == ~0u ? next : next - 1, 0) < 0) {
            return -1;
        }
        if (next == ~0u) {
            return 0;
        }
        from = next + 1;
    }
}

int child_start(struct child *child, void (*work)(void *arg, int report), void *arg,
                const int *keep, size_t keep_count, struct vmm_err *err)
{
    pid_t parent = getpid();
    int pipes[2];

    if (pipe2(pipes, O_CLOEXEC) < 0) {
        return vmm_err_set(err, errno, "pipe: %s", strerror(errno));
    }
    child->pid = fork();
    if (child->pid == 0) {
        be_child(parent);
        if (child_close_others(pipes[1], keep, keep_count) < 0) {
            _exit(1);
        }
        work(arg, pipes[1]);
        _exit(0);
    }
    close(pipes[1]);
    child->report = pipes[0];
    if (child->pid > 0) {
        return 0;
    }
    child->pid = 0;
    close(pipes[0]);
    return vmm_err_set(err, errno, "fork: %s", strerror(errno));
}

int child_jail(struct vmm *vm, const int *outputs, size_t output_count, int snapshot_fd,
               struct vmm_err *err)
{
    const struct vmm_jail jail = {
        .extras = VMM_JAIL_INSPECT | (snapshot_fd >= 0 ? VMM_JAIL_SNAPSHOT : 0),
        .input_fd = -1,
        .output_fds = outputs,
        .output_count = output_count,
        .vm = vm,
        .snapshot_fd = snapshot_fd,
    };

    return vmm_jail(&jail, err);
}

void child_tell(int report, int rc, const struct vmm_err *err, const char *note)
{
    struct child_report said = {0};

    if (rc < 0) {
        said.err = *err;
    }
    if (note != NULL) {
        strncpy(said.note, note, sizeof(said.note) - 1);
    }
    if (write(report, &said, sizeof(said)) != (ssize_t)sizeof(said)) {
        _exit(1); /* the parent is gone */
    }
}

/* The pid is forgotten first: once it is reused, a signal handler must not kill its new owner. */
static int child_died(struct child *child, struct vmm_err *err)
{
    const pid_t pid = child->pid;
    int status;

    child->pid = 0;
    close(child->report);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return vmm_err_set(err, errno, "waitpid: %s", strerror(errno));
        }
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
        return vmm_err_set(err, EIO,
                           "the process with the VM was killed for a system call that its jail "
                           "does not allow");
    }
    if (WIFSIGNALED(status)) {
        return vmm_err_set(err, EIO, "the process with the VM was killed by signal %d (%s)",
                           WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    return vmm_err_set(err, EIO, "the process with the VM ended early, with status %d",
                       WEXITSTATUS(status));
}

/* Makes text of a process that ran guest code fit for a terminal. */
static void clean(char *text, size_t size)
{
    text[size - 1] = 0;
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            *text = '?';
        }
    }
}

int child_step(struct child *child, char *note, struct vmm_err *err)
{
    struct child_report said;
    ssize_t n = read(child->report, &said, sizeof(said));

    if (n < 0) {
        return vmm_err_set(err, errno, "waiting for the VM: %s", strerror(errno));
    }
    if (n != (ssize_t)sizeof(said)) {
        return child_died(child, err);
    }
    clean(said.err.msg, sizeof(said.err.msg));
    clean(said.note, sizeof(said.note));
    if (note != NULL) {
        memcpy(note, said.note, sizeof(said.note));
    }
    if (said.err.code > 0) {
        return vmm_err_set(err, said.err.code, "%s", said.err.msg);
    }
    return 0;
}

void child_end(struct child *child)
{
    const pid_t pid = child->pid;

    if (pid <= 0) {
        return;
    }
    kill(pid, SIGKILL);
    child->pid = 0;
    close(child->report);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
