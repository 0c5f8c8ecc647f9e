// SPDX-License-Identifier: Apache-2.0
/*
 * The line discipline of a pseudo-terminal, as Linux's N_TTY (termios(3)): it turns what is typed
 * at the master into lines that the slave reads, echoes and edits them, makes signals of the
 * characters for them, and processes the slave's output. ECHOPRT and EXTPROC have no effect.
 */
#include "fs/tty.h"
#include "proc/proc.h"

#include <asm/ioctls.h>

#define TAB_STOP 8u

/* As Linux's tty_std_termios. */
static const struct termios2 initial = {
    .c_iflag = ICRNL | IXON,
    .c_oflag = OPOST | ONLCR,
    .c_cflag = TTY_STD_CFLAG,
    .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    .c_cc = TTY_STD_CC,
    .c_ispeed = 38400,
    .c_ospeed = 38400,
};

static bool lflag(const struct tty *t, u32 flag)
{
    return (t->modes.c_lflag & flag) != 0;
}

static bool iflag(const struct tty *t, u32 flag)
{
    return (t->modes.c_iflag & flag) != 0;
}

static bool oflag(const struct tty *t, u32 flag)
{
    return (t->modes.c_oflag & flag) != 0;
}

/* Is c the special character of this index? */
static bool special(const struct tty *t, u8 c, unsigned index)
{
    return c == t->modes.c_cc[index] && c != CC_DISABLED;
}

static bool is_control(u8 c)
{
    return c < 32 || c == 127;
}

/* A byte of a UTF-8 sequence that is not its first. */
static bool is_continuation(const struct tty *t, u8 c)
{
    return iflag(t, IUTF8) && (c & 0xc0) == 0x80;
}

static bool is_word(u8 c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c >= 0xc0;
}

/* ---- output ---- */

static void out(struct tty *t, u8 c)
{
    if (bytes_room(&t->output) > 0) { /* an echo for which there is no room is lost */
        bytes_put(&t->output, c);
    }
}

static void output_newline(struct tty *t)
{
    if (oflag(t, ONLRET)) {
        t->column = 0;
    }
    if (oflag(t, ONLCR)) {
        t->column = 0;
        out(t, '\r');
    }
    t->canon_column = t->column;
    out(t, '\n');
}

static void output_return(struct tty *t)
{
    if (oflag(t, ONOCR) && t->column == 0) {
        return;
    }
    if (!oflag(t, OCRNL) || oflag(t, ONLRET)) {
        t->column = t->canon_column = 0;
    }
    out(t, oflag(t, OCRNL) ? '\n' : '\r');
}

static void output_tab(struct tty *t)
{
    u32 spaces = TAB_STOP - (t->column & (TAB_STOP - 1));

    t->column += spaces;
    if ((t->modes.c_oflag & TABDLY) != XTABS) {
        out(t, '\t');
        return;
    }
    while (spaces-- > 0) {
        out(t, ' ');
    }
}

static void process(struct tty *t, u8 c)
{
    if (!oflag(t, OPOST)) {
        out(t, c);
        return;
    }
    switch (c) {
    case '\n':
        output_newline(t);
        return;
    case '\r':
        output_return(t);
        return;
    case '\t':
        output_tab(t);
        return;
    case '\b':
        t->column -= t->column > 0;
        break;
    default:
        if (oflag(t, OLCUC) && c >= 'a' && c <= 'z') {
            c = (u8)(c - 'a' + 'A');
        }
        t->column += !is_control(c) && !is_continuation(t, c);
    }
    out(t, c);
}

bool disc_output(struct tty *t, u8 c)
{
    if (t->stopped || bytes_room(&t->output) < TAB_STOP) {
        return false;
    }
    process(t, c);
    return true;
}

/* ---- echo ---- */

static void echo_char(struct tty *t, u8 c)
{
    if (lflag(t, ECHOCTL) && is_control(c) && c != '\t') {
        process(t, '^');
        process(t, c ^ 0100);
    } else {
        process(t, c);
    }
}

static void echo_erase(struct tty *t)
{
    out(t, '\b');
    out(t, ' ');
    out(t, '\b');
    t->column -= t->column > 0;
}

static u8 line_at(const struct tty *t, u32 at)
{
    return t->line[at & (LINE_SIZE - 1)];
}

/* The tab at t->head has been taken out of the line: the cursor goes back over it. */
static void echo_erase_tab(struct tty *t)
{
    u32 width = 0, at = t->head;
    bool after_tab = false;

    while (at != t->canon && !after_tab) {
        u8 c = line_at(t, --at);
        if (c == '\t') {
            after_tab = true;
        } else if (is_control(c)) {
            width += lflag(t, ECHOCTL) ? 2 : 0;
        } else {
            width += !is_continuation(t, c);
        }
    }
    if (!after_tab) {
        width += t->canon_column;
    }
    for (u32 n = TAB_STOP - (width & (TAB_STOP - 1)); n > 0; n--) {
        out(t, '\b');
        t->column -= t->column > 0;
    }
}

/* ---- editing ---- */

static void erased(struct tty *t, u8 c, unsigned kind)
{
    if (!lflag(t, ECHO)) {
        return;
    }
    if (kind == VERASE && !lflag(t, ECHOE)) {
        echo_char(t, t->modes.c_cc[VERASE]);
    } else if (c == '\t') {
        echo_erase_tab(t);
    } else {
        if (is_control(c) && lflag(t, ECHOCTL)) {
            echo_erase(t);
        }
        if (!is_control(c) || lflag(t, ECHOCTL)) {
            echo_erase(t);
        }
    }
}

/* The index of the first byte of the character before t->head. */
static u32 char_before(const struct tty *t)
{
    u32 at = t->head - 1;

    while (at != t->canon && is_continuation(t, line_at(t, at))) {
        at--;
    }
    return at;
}

/* kind is the index of the special character: VERASE, VWERASE or VKILL. */
static void erase(struct tty *t, unsigned kind)
{
    bool in_word = false, whole_line_echo = lflag(t, ECHOK) && lflag(t, ECHOKE) && lflag(t, ECHOE);

    if (t->head == t->canon) {
        return;
    }
    if (kind == VKILL && (!lflag(t, ECHO) || !whole_line_echo)) {
        t->head = t->canon;
        if (lflag(t, ECHO)) {
            echo_char(t, t->modes.c_cc[VKILL]);
            if (lflag(t, ECHOK)) {
                process(t, '\n');
            }
        }
        return;
    }
    while (t->head != t->canon) {
        u32 at = char_before(t);
        u8 c = line_at(t, at);
        if (kind == VWERASE && in_word && !is_word(c)) {
            return;
        }
        in_word = in_word || is_word(c);
        t->head = at;
        erased(t, c, kind);
        if (kind == VERASE) {
            return;
        }
    }
}

static void reprint(struct tty *t)
{
    echo_char(t, t->modes.c_cc[VREPRINT]);
    process(t, '\n');
    for (u32 at = t->canon; at != t->head; at++) {
        echo_char(t, line_at(t, at));
    }
}

/* ---- input ---- */

static void mark(struct tty *t, u32 at, bool end)
{
    u32 k = at & (LINE_SIZE - 1), bit = 1u << (k & 31);

    t->marks[k / 32] = end ? t->marks[k / 32] | bit : t->marks[k / 32] & ~bit;
}

static bool marked(const struct tty *t, u32 at)
{
    u32 k = at & (LINE_SIZE - 1);

    return (t->marks[k / 32] >> (k & 31) & 1) != 0;
}

static u32 line_room(const struct tty *t)
{
    return LINE_SIZE - 1 - (t->head - t->tail);
}

/* Is the buffer full of one line that has no end yet? Then each further byte takes the place of
 * the last one, so that the end of the line finds room. */
static bool endless(const struct tty *t)
{
    return lflag(t, ICANON) && t->canon == t->tail;
}

static void line_put(struct tty *t, u8 c, bool end)
{
    if (t->head - t->tail == LINE_SIZE) {
        t->head--;
    }
    t->line[t->head & (LINE_SIZE - 1)] = c;
    mark(t, t->head, end);
    t->head++;
    if (end || !lflag(t, ICANON)) {
        t->canon = t->head;
    }
}

static void keyboard_signal(struct tty *t, u8 c, int sig)
{
    (void)signal_group(t->pgid, sig);
    if (!lflag(t, NOFLSH)) {
        disc_flush_input(t);
    }
    if (iflag(t, IXON)) {
        disc_flow(t, false);
    }
    if (lflag(t, ECHO)) {
        echo_char(t, c);
    }
}

static bool take_signal(struct tty *t, u8 c)
{
    static const struct {
        u8 index, sig;
    } keys[] = {{VINTR, SIGINT}, {VQUIT, SIGQUIT}, {VSUSP, SIGTSTP}};

    for (size_t k = 0; lflag(t, ISIG) && k < ARRAY_SIZE(keys); k++) {
        if (special(t, c, keys[k].index)) {
            keyboard_signal(t, c, keys[k].sig);
            return true;
        }
    }
    return false;
}

static bool take_flow(struct tty *t, u8 c)
{
    if (!iflag(t, IXON)) {
        return false;
    }
    if (special(t, c, VSTART) || special(t, c, VSTOP)) {
        disc_flow(t, !special(t, c, VSTART));
        return true;
    }
    if (t->stopped && iflag(t, IXANY)) {
        disc_flow(t, false);
    }
    return false;
}

/* Characters that edit the line. */
static bool take_edit(struct tty *t, u8 c)
{
    bool extended = lflag(t, IEXTEN);

    if (special(t, c, VERASE)) {
        erase(t, VERASE);
    } else if (special(t, c, VKILL)) {
        erase(t, VKILL);
    } else if (extended && special(t, c, VWERASE)) {
        erase(t, VWERASE);
    } else if (extended && special(t, c, VLNEXT)) {
        t->literal = true;
        if (lflag(t, ECHO) && lflag(t, ECHOCTL)) {
            process(t, '^');
            process(t, '\b');
        }
    } else if (extended && lflag(t, ECHO) && special(t, c, VREPRINT)) {
        reprint(t);
    } else {
        return false;
    }
    return true;
}

/* Characters that end the line. */
static bool take_end(struct tty *t, u8 c)
{
    if (c == '\n') {
        if (lflag(t, ECHO) || lflag(t, ECHONL)) {
            process(t, '\n');
        }
        line_put(t, c, true);
    } else if (special(t, c, VEOF)) {
        line_put(t, CC_DISABLED, true);
    } else if (special(t, c, VEOL) || (lflag(t, IEXTEN) && special(t, c, VEOL2))) {
        if (lflag(t, ECHO)) {
            echo_char(t, c);
        }
        line_put(t, c, true);
    } else {
        return false;
    }
    return true;
}

static void take_plain(struct tty *t, u8 c)
{
    if (lflag(t, ECHO)) {
        if (t->canon == t->head) {
            t->canon_column = t->column;
        }
        if (c == '\n') {
            process(t, c);
        } else {
            echo_char(t, c);
        }
    }
    if (c == 0xff && iflag(t, PARMRK)) { /* 0xff alone is the mark of a wrong parity */
        line_put(t, c, false);
    }
    line_put(t, c, false);
}

static void take_key(struct tty *t, u8 c)
{
    if (iflag(t, ISTRIP)) {
        c &= 0x7f;
    }
    if (iflag(t, IUCLC) && lflag(t, IEXTEN) && c >= 'A' && c <= 'Z') {
        c = (u8)(c - 'A' + 'a');
    }
    if (t->literal) {
        t->literal = false;
        take_plain(t, c);
        return;
    }
    if (take_flow(t, c) || take_signal(t, c)) {
        return;
    }
    if (c == '\r' && iflag(t, IGNCR)) {
        return;
    }
    if (c == '\r' && iflag(t, ICRNL)) {
        c = '\n';
    } else if (c == '\n' && iflag(t, INLCR)) {
        c = '\r';
    }
    if (lflag(t, ICANON) && (take_edit(t, c) || take_end(t, c))) {
        return;
    }
    take_plain(t, c);
}

void disc_pump(struct tty *t)
{
    if (bytes_used(&t->typed) == 0) {
        return;
    }
    while (bytes_used(&t->typed) > 0 && (line_room(t) > iflag(t, PARMRK) || endless(t))) {
        take_key(t, bytes_take(&t->typed));
    }
    waitq_wake(&t->slave_q, WAKE_ALL);
    waitq_wake(&t->master_q, WAKE_ALL);
}

/* ---- reading ---- */

u32 disc_count(const struct tty *t)
{
    u32 n = 0;

    for (u32 at = t->tail; at != t->canon; at++) {
        n += !(marked(t, at) && line_at(t, at) == CC_DISABLED);
    }
    return n;
}

bool disc_ready(const struct tty *t)
{
    return t->canon != t->tail;
}

/* True when a line ends with the byte at t->tail, which is taken; *c has it unless it only marks
 * the end. */
static bool take_byte(struct tty *t, u8 *c, bool *shown)
{
    bool end = lflag(t, ICANON) && marked(t, t->tail);

    *c = line_at(t, t->tail);
    *shown = !end || *c != CC_DISABLED;
    mark(t, t->tail, false);
    t->tail++;
    return end;
}

u32 disc_read(struct tty *t, u8 *buf, u32 n, bool *ended)
{
    u32 done = 0;
    bool shown;

    *ended = false;
    while (done < n && t->tail != t->canon && !*ended) {
        *ended = take_byte(t, &buf[done], &shown);
        done += shown;
    }
    /* VEOF right after the last byte that was asked for ends this read and not the next one. */
    if (!*ended && done == n && n > 0 && lflag(t, ICANON) && t->tail != t->canon &&
        marked(t, t->tail) && line_at(t, t->tail) == CC_DISABLED) {
        u8 dropped;
        *ended = take_byte(t, &dropped, &shown);
    }
    return done;
}

/* ---- state ---- */

void disc_flush_input(struct tty *t)
{
    t->head = t->tail = t->canon = 0;
    t->literal = false;
    memset(t->marks, 0, sizeof(t->marks));
    if (t->packet) {
        t->status |= TIOCPKT_FLUSHREAD;
        waitq_wake(&t->master_q, WAKE_ALL);
    }
}

void disc_flow(struct tty *t, bool stop)
{
    if (t->stopped == stop) {
        return;
    }
    t->stopped = stop;
    if (t->packet) {
        t->status &= (u8) ~(stop ? TIOCPKT_START : TIOCPKT_STOP);
        t->status |= stop ? TIOCPKT_STOP : TIOCPKT_START;
    }
    waitq_wake(&t->slave_q, WAKE_ALL);
    waitq_wake(&t->master_q, WAKE_ALL);
}

/* What was typed so far becomes a line of its own, or has no lines any more. */
static void canonical_changed(struct tty *t)
{
    memset(t->marks, 0, sizeof(t->marks));
    if (lflag(t, ICANON) && t->head != t->tail) {
        mark(t, t->head - 1, true);
    }
    t->canon = t->head;
    t->literal = false;
}

static bool has_default_flow(const struct termios2 *m)
{
    return (m->c_iflag & IXON) != 0 && m->c_cc[VSTOP] == initial.c_cc[VSTOP] &&
           m->c_cc[VSTART] == initial.c_cc[VSTART];
}

void disc_set_modes(struct tty *t, const struct termios2 *modes)
{
    struct termios2 old = t->modes;

    t->modes = *modes;
    t->modes.c_cflag = (t->modes.c_cflag & ~(u32)(CSIZE | PARENB)) | CS8 | CREAD;
    if (((old.c_lflag ^ modes->c_lflag) & ICANON) != 0) {
        canonical_changed(t);
    }
    if ((old.c_iflag & IXON) != 0 && !iflag(t, IXON)) {
        disc_flow(t, false);
    }
    if (t->packet && has_default_flow(&old) != has_default_flow(modes)) {
        t->status &= (u8) ~(TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
        t->status |= has_default_flow(modes) ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP;
    }
    waitq_wake(&t->slave_q, WAKE_ALL);
    waitq_wake(&t->master_q, WAKE_ALL);
}

void disc_reset(struct tty *t)
{
    t->modes = initial;
    t->stopped = false;
    disc_flush_input(t);
}
