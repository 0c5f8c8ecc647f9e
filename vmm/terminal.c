// SPDX-License-Identifier: Apache-2.0
/*
 * Tells what the host's streams are, for the guest, and does the little that a guest may ask of a
 * terminal: its size, and to change echo and canonical input (termios(3)). The modes found before
 * the first change are put back when the run ends, however it ends.
 */
#include "vmm_int.h"

#include <linux/kcmp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint8_t stream_kind(int fd, bool is_input, bool is_call)
{
    struct stat st;
    if (fd == VMM_FD_CLOSED) {
        return HV_STREAM_CLOSED;
    }
    if (fd < 0 || is_call) {
        return HV_STREAM_PIPE;
    }
    if (isatty(fd)) {
        return HV_STREAM_TERMINAL;
    }
    return is_input && os_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? HV_STREAM_FILE
                                                                     : HV_STREAM_PIPE;
}

/* Whether both are one place, where what is written to either arrives in the order of writing. A
 * regular file that was opened twice has two positions. Only kcmp(2) can tell that; where it cannot
 * be asked, the two count as two places. */
static bool streams_joined(int out, int err)
{
    struct stat a, b;
    if (out < 0 || err < 0 || os_fstat(out, &a) != 0 || os_fstat(err, &b) != 0 ||
        a.st_dev != b.st_dev || a.st_ino != b.st_ino) {
        return false;
    }
    const long pid = getpid();
    return !S_ISREG(a.st_mode) || syscall(SYS_kcmp, pid, pid, KCMP_FILE, out, err) == 0;
}

void terminal_streams(const struct vmm_io *io, struct hv_streams *streams)
{
    const bool is_call = io->write != NULL;
    *streams = (struct hv_streams){0};
    if (io->plain) {
        return;
    }
    *streams = (struct hv_streams){
        .kind = {stream_kind(io->stdin_fd, true, false), stream_kind(io->stdout_fd, false, is_call),
                 stream_kind(io->stderr_fd, false, is_call)},
        .joined = !is_call && streams_joined(io->stdout_fd, io->stderr_fd),
    };
}

void terminal_describe(const struct vmm *vm, struct hv_streams *streams)
{
    struct stat st;
    *streams = vm->streams;
    if (streams->kind[0] != HV_STREAM_FILE) {
        return;
    }
    const off_t at = lseek(vm->io.stdin_fd, 0, SEEK_CUR);
    if (at < 0 || os_fstat(vm->io.stdin_fd, &st) < 0) {
        streams->kind[0] = HV_STREAM_PIPE;
        return;
    }
    streams->stdin_offset = (uint64_t)at;
    streams->stdin_size = (uint64_t)st.st_size;
}

static int64_t terminal_get(int fd)
{
    struct termios modes;
    struct winsize size = {0};
    if (tcgetattr(fd, &modes) < 0) {
        return -errno;
    }
    (void)ioctl(fd, TIOCGWINSZ, &size); /* 0 is "not known" */
    return (modes.c_lflag & ECHO ? HV_TERMINAL_ECHO : 0) |
           (modes.c_lflag & ICANON ? HV_TERMINAL_CANONICAL : 0) | (int64_t)size.ws_row << 16 |
           (int64_t)size.ws_col << 32;
}

/* Saves the modes of a terminal before their first change. */
static void terminal_save(struct vmm *vm, int fd, const struct termios *modes)
{
    struct terminal_saved *saved = &vm->terminals;
    for (unsigned i = 0; i < saved->count; i++) {
        if (saved->of[i].fd == fd) {
            return;
        }
    }
    saved->of[saved->count].fd = fd;
    saved->of[saved->count++].modes = *modes;
}

/* The change is made at once (TCSANOW). Waiting for output would take as long as its reader
 * wants. */
static int64_t terminal_set(struct vmm *vm, int fd, uint64_t wanted, bool drop)
{
    struct termios modes;
    if (tcgetattr(fd, &modes) < 0) {
        return -errno;
    }
    terminal_save(vm, fd, &modes);
    modes.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
    modes.c_lflag |= wanted & HV_TERMINAL_ECHO ? ECHO : 0;
    modes.c_lflag |= wanted & HV_TERMINAL_CANONICAL ? ICANON : 0;
    if ((wanted & HV_TERMINAL_CANONICAL) == 0) {
        modes.c_cc[VMIN] = 1;
        modes.c_cc[VTIME] = 0;
    }
    if (tcsetattr(fd, TCSANOW, &modes) < 0 || (drop && tcflush(fd, TCIFLUSH) < 0)) {
        return -errno;
    }
    return 0;
}

int64_t terminal_call(struct vmm *vm, uint64_t stream, uint64_t op, uint64_t modes, bool drop)
{
    const int fds[] = {vm->io.stdin_fd, vm->io.stdout_fd, vm->io.stderr_fd};
    if (stream > 2 || vm->streams.kind[stream] != HV_STREAM_TERMINAL) {
        return -ENOTTY;
    }
    switch (op) {
    case HV_TERMINAL_GET:
        return terminal_get(fds[stream]);
    case HV_TERMINAL_SET:
        return terminal_set(vm, fds[stream], modes, drop);
    case HV_TERMINAL_FLUSH:
        return tcflush(fds[stream], TCIFLUSH) < 0 ? -errno : 0;
    default:
        return -EINVAL;
    }
}

/* The newest modes are put back first, because two streams may be one terminal. A terminal that
 * another job has now is left alone: its modes are that job's. */
void terminal_restore(struct vmm *vm)
{
    while (vm->terminals.count > 0) {
        const struct terminal_modes *m = &vm->terminals.of[--vm->terminals.count];
        const pid_t foreground = tcgetpgrp(m->fd);
        if (foreground < 0 || foreground == getpgrp()) {
            (void)tcsetattr(m->fd, TCSANOW, &m->modes);
        }
    }
}
