// SPDX-License-Identifier: Apache-2.0
/*
 * A stream of the host that is a terminal, as the program sees it
 * (ioctl_tty(2)). Its size and two modes, echo and canonical input, are those
 * of the host's terminal, and the program can set these two modes. All other
 * modes show the values of a fresh Linux terminal; setting them changes
 * nothing.
 */
#include "fs/tty.h"
#include "proc/proc.h"

#include <asm/ioctls.h>

/* As Linux's tty_std_termios. */
static const struct termios fresh = {
    .c_iflag = ICRNL | IXON | IUTF8,
    .c_oflag = OPOST | ONLCR,
    .c_cflag = TTY_STD_CFLAG,
    .c_lflag = ISIG | IEXTEN | ECHOE | ECHOK | ECHOCTL | ECHOKE,
    .c_cc = TTY_STD_CC,
};

static long get_modes(u32 stream, vaddr_t arg)
{
    s64 state = hv_call(HV_CALL_TERMINAL, stream, HV_TERMINAL_GET);
    struct termios t = fresh;

    if (state < 0) {
        return state;
    }
    t.c_lflag |=
        (state & HV_TERMINAL_ECHO ? ECHO : 0) | (state & HV_TERMINAL_CANONICAL ? ICANON : 0);
    return copy_to_user(arg, &t, sizeof(t));
}

static long set_modes(u32 stream, vaddr_t arg, bool drop)
{
    struct termios t;

    if (copy_from_user(&t, arg, sizeof(t)) < 0) {
        return -EFAULT;
    }
    return hv_call(HV_CALL_TERMINAL, stream, HV_TERMINAL_SET,
                   (t.c_lflag & ECHO ? HV_TERMINAL_ECHO : 0) |
                       (t.c_lflag & ICANON ? HV_TERMINAL_CANONICAL : 0),
                   drop);
}

static long get_size(u32 stream, vaddr_t arg)
{
    s64 state = hv_call(HV_CALL_TERMINAL, stream, HV_TERMINAL_GET);
    struct window_size w = {.rows = (u16)(state >> 16), .columns = (u16)(state >> 32)};

    return state < 0 ? state : copy_to_user(arg, &w, sizeof(w));
}

/* The host has the output as soon as it is written, so there is none to drop. */
static long flush(u32 stream, vaddr_t queue)
{
    if (queue > TCIOFLUSH) {
        return -EINVAL;
    }
    if (queue == TCOFLUSH) {
        return 0;
    }
    return hv_call(HV_CALL_TERMINAL, stream, HV_TERMINAL_FLUSH);
}

bool terminal_drops_input(u32 cmd, vaddr_t arg)
{
    return cmd == TCSETSF || (cmd == TCFLSH && (arg == TCIFLUSH || arg == TCIOFLUSH));
}

/* tcsetpgrp(3): a shell says which of its groups the host's SIGINT is for. */
static long choose_group(vaddr_t arg)
{
    int pgid, sid, own = process_full(process_first)->sid;

    if (process_full(cur_proc())->sid != own) {
        return -ENOTTY;
    }
    if (copy_from_user(&pgid, arg, sizeof(pgid)) < 0) {
        return -EFAULT;
    }
    sid = tty_session_of_group(pgid);
    if (sid != own) {
        return sid < 0 ? sid : -EPERM;
    }
    signal_host_pgid = pgid;
    return 0;
}

long terminal_ioctl(u32 stream, u32 cmd, vaddr_t arg)
{
    int sid = process_full(process_first)->sid, pgid = signal_host_group();

    switch (cmd) {
    case TCGETS:
        return get_modes(stream, arg);
    case TCSETS:
    case TCSETSW:
        return set_modes(stream, arg, false);
    case TCSETSF:
        return set_modes(stream, arg, true);
    case TIOCGWINSZ:
        return get_size(stream, arg);
    case TCFLSH:
        return flush(stream, arg);
    case TCSBRK: /* tcdrain(3), and breaks, which have no line to go to */
    case TCSBRKP:
        return 0;
    case TIOCGPGRP:
        return copy_to_user(arg, &pgid, sizeof(pgid));
    case TIOCSPGRP:
        return choose_group(arg);
    case TIOCGSID:
        return copy_to_user(arg, &sid, sizeof(sid));
    default:
        return -EINVAL;
    }
}
