// SPDX-License-Identifier: Apache-2.0
/*
 * Requests to a pseudo-terminal (ioctl_tty(2)), and job control: whose controlling terminal it is,
 * and which group of processes is in the foreground.
 */
#include "fs/tty.h"
#include "proc/proc.h"

#include <asm/ioctls.h>

KERNEL_COLD struct tty_list ttys;

/* ---- job control ---- */

/* The terminal of a session. */
static struct tty *tty_of_session(int sid)
{
    struct tty *t;

    LIST_FOREACH (t, &ttys, link) {
        if (t->sid == sid) {
            return t;
        }
    }
    return NULL;
}

struct tty *tty_of(struct process *p)
{
    const struct process_full *pf = process_full(p);

    return pf->no_terminal ? NULL : tty_of_session(pf->sid);
}

struct tty *tty_of_process(void)
{
    return tty_of(cur_proc());
}

static bool is_leader(const struct process_full *pf)
{
    return pf->sid == pf->p.pid;
}

/* Does the process have a controlling terminal already? The first one may have the host's. */
static bool has_terminal(const struct process_full *pf)
{
    const struct hv_streams *s = &hv_shared()->streams;

    for (u32 fd = 0; fd < 3 && &pf->p == process_first; fd++) {
        if (s->kind[fd] == HV_STREAM_TERMINAL) {
            return true;
        }
    }
    return tty_of_session(pf->sid) != NULL;
}

static void become_controlling(struct tty *t, const struct process_full *pf)
{
    t->sid = pf->sid;
    t->pgid = pf->pgid;
}

void tty_opened(struct tty *t)
{
    const struct process_full *pf = process_full(cur_proc());

    if (t->sid == 0 && is_leader(pf) && !has_terminal(pf)) {
        become_controlling(t, pf);
    }
}

static long set_controlling(struct tty *t, vaddr_t steal)
{
    const struct process_full *pf = process_full(cur_proc());

    if (is_leader(pf) && pf->sid == t->sid) {
        return 0;
    }
    if (!is_leader(pf) || has_terminal(pf)) {
        return -EPERM;
    }
    if (t->sid != 0 && (steal != 1 || pf->cred.uid[ID_EFFECTIVE] != 0)) {
        return -EPERM;
    }
    become_controlling(t, pf);
    return 0;
}

/* The leader of the terminal's session gives it up, for all of the session. */
static void leave_session(struct tty *t, bool ends)
{
    int pgid = t->pgid;

    t->sid = t->pgid = 0;
    if (pgid != 0) {
        (void)signal_group(pgid, SIGHUP);
    }
    if (pgid != 0 && !ends) {
        (void)signal_group(pgid, SIGCONT);
    }
}

static long give_up(struct tty *t)
{
    struct process_full *pf = process_full(cur_proc());

    if (t == NULL || tty_of_process() != t) {
        return -ENOTTY;
    }
    if (is_leader(pf)) {
        leave_session(t, false);
    } else {
        pf->no_terminal = true;
    }
    return 0;
}

void tty_process_ends(struct process *p)
{
    const struct process_full *pf = process_full(p);
    struct tty *t = is_leader(pf) ? tty_of_session(pf->sid) : NULL;

    if (t != NULL) {
        leave_session(t, true);
    } else if (pf->hung_pgid != 0) {
        (void)signal_group(pf->hung_pgid, SIGHUP);
        (void)signal_group(pf->hung_pgid, SIGCONT);
    }
}

void tty_hang_up(struct tty *t)
{
    struct process *leader = t->sid != 0 ? process_find(t->sid) : NULL;
    struct slave *s;

    if (leader != NULL && leader->thread_count > 0) {
        process_full(leader)->hung_pgid = t->pgid;
        (void)signal_send(leader, NULL, SIGHUP, SI_KERNEL, 0);
        (void)signal_send(leader, NULL, SIGCONT, SI_KERNEL, 0);
    }
    LIST_FOREACH (s, &t->slaves, link) {
        s->hung = true;
    }
    t->sid = t->pgid = 0;
    disc_reset(t);
    waitq_wake(&t->slave_q, WAKE_ALL);
}

static bool ignores(const struct process_full *pf, int sig)
{
    __sighandler_t handler = pf->p.signals->act[sig].sa_handler;

    return (current->p->blocked & SIGBIT(sig)) != 0 || handler == SIG_IGN ||
           (handler == SIG_DFL && signal_default_ignored(sig));
}

int tty_background(const struct tty *t, int sig)
{
    const struct process_full *pf = process_full(cur_proc());

    if (t->pgid == 0 || pf->pgid == t->pgid || tty_of_process() != t) {
        return 0;
    }
    if (ignores(pf, sig)) {
        return sig == SIGTTIN ? -EIO : 0;
    }
    if (group_orphaned(pf->pgid)) {
        return -EIO;
    }
    (void)signal_group(pf->pgid, sig);
    return -ERESTARTSYS;
}

int tty_session_of_group(int pgid)
{
    const struct process_full *pf;

    LIST_FOREACH (pf, &processes, link) {
        if (pf->pgid == pgid) {
            return pf->sid;
        }
    }
    return process_find(pgid) != NULL ? process_full(process_find(pgid))->sid : -ESRCH;
}

static long set_foreground(struct tty *t, vaddr_t arg)
{
    int rc = tty_background(t, SIGTTOU), pgid, sid;

    if (rc < 0) {
        return rc == -EIO ? -ENOTTY : rc;
    }
    if (tty_of_process() != t) {
        return -ENOTTY;
    }
    if (copy_from_user(&pgid, arg, sizeof(pgid)) < 0) {
        return -EFAULT;
    }
    if (pgid < 0) {
        return -EINVAL;
    }
    sid = tty_session_of_group(pgid);
    if (sid != process_full(cur_proc())->sid) {
        return sid < 0 ? sid : -EPERM;
    }
    t->pgid = pgid;
    return 0;
}

/* TIOCGPGRP and TIOCGSID. The master's side may ask, whoever's terminal it is. */
static long get_owner(struct tty *t, bool master, u32 cmd, vaddr_t arg)
{
    int value = cmd == TIOCGPGRP ? t->pgid : t->sid;

    if ((!master && tty_of_process() != t) || (cmd == TIOCGSID && t->sid == 0)) {
        return -ENOTTY;
    }
    return copy_to_user(arg, &value, sizeof(value));
}

/* ---- modes, size, flow ---- */

/* The speeds that c_cflag names, which only show: there is no line. */
static u32 speed_of(u32 cflag, u32 given)
{
    static const u32 slow[] = {0,   50,   75,   110,  134,  150,  200,   300,
                               600, 1200, 1800, 2400, 4800, 9600, 19200, 38400};
    static const u32 fast[] = {57600,   115200,  230400,  460800,  500000,
                               576000,  921600,  1000000, 1152000, 1500000,
                               2000000, 2500000, 3000000, 3500000, 4000000};
    u32 code = cflag & CBAUD;

    if (code == BOTHER) {
        return given;
    }
    if (code < ARRAY_SIZE(slow)) {
        return slow[code];
    }
    code -= B57600;
    return code < ARRAY_SIZE(fast) ? fast[code] : given;
}

/* old: a struct termios, without speeds. */
static long tty_set_modes(struct tty *t, vaddr_t arg, bool old, bool flush)
{
    int rc = tty_background(t, SIGTTOU);
    struct termios2 m = t->modes;

    if (rc < 0) {
        return rc;
    }
    if (copy_from_user(&m, arg, old ? sizeof(struct termios) : sizeof(m)) < 0) {
        return -EFAULT;
    }
    m.c_ospeed = speed_of(m.c_cflag, m.c_ospeed);
    m.c_ispeed = m.c_cflag & CIBAUD ? speed_of(m.c_cflag >> IBSHIFT, m.c_ispeed) : m.c_ospeed;
    if (flush) {
        disc_flush_input(t);
    }
    disc_set_modes(t, &m);
    return 0;
}

static long set_window(struct tty *t, vaddr_t arg)
{
    struct window_size w;

    if (copy_from_user(&w, arg, sizeof(w)) < 0) {
        return -EFAULT;
    }
    if (memcmp(&w, &t->window, sizeof(w)) != 0) {
        t->window = w;
        if (t->pgid != 0) {
            (void)signal_group(t->pgid, SIGWINCH);
        }
    }
    return 0;
}

/* tcflush(3). The slave's output is the master's as soon as it is written, and what the master has
 * written is the slave's unless there was no room for it. */
static long tty_flush(struct tty *t, bool master, vaddr_t queue)
{
    int rc = tty_background(t, SIGTTOU);

    if (rc < 0) {
        return rc;
    }
    if (queue > TCIOFLUSH) {
        return -EINVAL;
    }
    if (queue != TCOFLUSH && master) {
        t->output.tail = t->output.head;
    } else if (queue != TCOFLUSH) {
        disc_flush_input(t);
        disc_pump(t);
    }
    if (queue != TCIFLUSH && master) {
        t->typed.tail = t->typed.head;
    } else if (queue != TCIFLUSH && t->packet) {
        t->status |= TIOCPKT_FLUSHWRITE;
    }
    waitq_wake(&t->slave_q, WAKE_ALL);
    waitq_wake(&t->master_q, WAKE_ALL);
    return 0;
}

/* tcflow(3), of the slave. */
static long flow(struct tty *t, vaddr_t what)
{
    int rc = tty_background(t, SIGTTOU);
    u8 c = t->modes.c_cc[what == TCIOFF ? VSTOP : VSTART];

    if (rc < 0) {
        return rc;
    }
    switch (what) {
    case TCOOFF:
    case TCOON:
        disc_flow(t, what == TCOOFF);
        return 0;
    case TCIOFF:
    case TCION:
        if (c != CC_DISABLED && bytes_room(&t->output) > 0) {
            bytes_put(&t->output, c);
            waitq_wake(&t->master_q, WAKE_ALL);
        }
        return 0;
    default:
        return -EINVAL;
    }
}

static long put_int(vaddr_t arg, u32 value)
{
    return copy_to_user(arg, &value, sizeof(value));
}

/* Those that only look. */
static long ask(struct tty *t, bool master, u32 cmd, vaddr_t arg)
{
    switch (cmd) {
    case TCGETS:
        return copy_to_user(arg, &t->modes, sizeof(struct termios));
    case TCGETS2:
        return copy_to_user(arg, &t->modes, sizeof(t->modes));
    case TIOCGWINSZ:
        return copy_to_user(arg, &t->window, sizeof(t->window));
    case FIONREAD:
        return put_int(arg, master ? bytes_used(&t->output) : disc_count(t));
    case TIOCOUTQ: /* output is the other side's at once */
    case TIOCGETD: /* N_TTY, the one line discipline */
        return put_int(arg, 0);
    case TIOCGPGRP:
    case TIOCGSID:
        return get_owner(t, master, cmd, arg);
    case TIOCGSOFTCAR:
        return put_int(arg, (t->modes.c_cflag & CLOCAL) != 0);
    default:
        return -ENOTTY;
    }
}

long tty_ioctl(struct tty *t, bool master, u32 cmd, vaddr_t arg)
{
    switch (cmd) {
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return tty_set_modes(t, arg, true, cmd == TCSETSF);
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return tty_set_modes(t, arg, false, cmd == TCSETSF2);
    case TIOCSWINSZ:
        return set_window(t, arg);
    case TCFLSH:
        return tty_flush(t, master, arg);
    case TCXONC:
        return flow(t, arg);
    case TCSBRK: /* tcdrain(3), and breaks, which have no line to go to */
    case TCSBRKP:
        return tty_background(t, SIGTTOU);
    case TIOCSPGRP:
        return set_foreground(t, arg);
    case TIOCSCTTY:
        return set_controlling(t, arg);
    case TIOCNOTTY:
        return give_up(t);
    case TIOCSTI: /* as Linux without dev.tty.legacy_tiocsti */
        return -EIO;
    default:
        return ask(t, master, cmd, arg);
    }
}
