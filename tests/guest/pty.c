// SPDX-License-Identifier: Apache-2.0
/*
 * Pseudo-terminals: /dev/ptmx and /dev/pts, modes, the line discipline (lines, editing, echo,
 * signals, flow), reads without lines, output processing, hang-ups, poll and epoll, packet mode and
 * window sizes. ptyjobs.c has controlling terminals.
 */
#include "ptypair.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

static void set_modes(tcflag_t clear, tcflag_t set)
{
    struct termios t;

    T_MUST("tcgetattr", tcgetattr(slave, &t) == 0);
    t.c_lflag = (t.c_lflag & ~clear) | set;
    T_MUST("tcsetattr", tcsetattr(slave, TCSANOW, &t) == 0);
}

static void set_oflag(tcflag_t clear, tcflag_t set)
{
    struct termios t;

    T_MUST("tcgetattr", tcgetattr(slave, &t) == 0);
    t.c_oflag = (t.c_oflag & ~clear) | set;
    T_MUST("tcsetattr", tcsetattr(slave, TCSANOW, &t) == 0);
}

static void set_iflag(tcflag_t clear, tcflag_t set)
{
    struct termios t;

    T_MUST("tcgetattr", tcgetattr(slave, &t) == 0);
    t.c_iflag = (t.c_iflag & ~clear) | set;
    T_MUST("tcsetattr", tcsetattr(slave, TCSANOW, &t) == 0);
}

static void set_cc(int index, cc_t value)
{
    struct termios t;

    T_MUST("tcgetattr", tcgetattr(slave, &t) == 0);
    t.c_cc[index] = value;
    T_MUST("tcsetattr", tcsetattr(slave, TCSANOW, &t) == 0);
}

static void raw(cc_t min, cc_t time)
{
    struct termios t;

    T_MUST("tcgetattr", tcgetattr(slave, &t) == 0);
    cfmakeraw(&t);
    t.c_cc[VMIN] = min;
    t.c_cc[VTIME] = time;
    T_MUST("tcsetattr", tcsetattr(slave, TCSANOW, &t) == 0);
}

static void nonblock(int fd, bool on)
{
    T_MUST("O_NONBLOCK", fcntl(fd, F_SETFL, on ? O_RDWR | O_NONBLOCK : O_RDWR) == 0);
}

/* ---- opening ---- */

static void check_opening(void)
{
    char name[64], again[64];
    struct stat st, by_fd;
    unsigned n = 0;
    int locked = 0, peer;

    master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    T_CHECK("posix_openpt", master >= 0);
    T_EQ("its slave has a name", ptsname_r(master, name, sizeof(name)), 0);
    T_CHECK("which is in /dev/pts", strncmp(name, "/dev/pts/", 9) == 0);
    T_EQ("TIOCGPTN", ioctl(master, TIOCGPTN, &n), 0);
    snprintf(again, sizeof(again), "/dev/pts/%u", n);
    T_STR("has the same number", again, name);
    T_EQ("TIOCGPTLCK", ioctl(master, TIOCGPTLCK, &locked), 0);
    T_EQ("a new one is locked", locked, 1);
    T_ERR("a locked slave", open(name, O_RDWR | O_NOCTTY), EIO);
    T_EQ("grantpt", grantpt(master), 0);
    T_EQ("unlockpt", unlockpt(master), 0);
    slave = open(name, O_RDWR | O_NOCTTY);
    T_CHECK("the slave opens", slave >= 0);
    T_EQ("stat of its node", stat(name, &st), 0);
    T_EQ("fstat", fstat(slave, &by_fd), 0);
    T_CHECK("are the same", st.st_ino == by_fd.st_ino && st.st_dev == by_fd.st_dev);
    T_CHECK("a character device", S_ISCHR(st.st_mode));
    T_CHECK("its number", major(st.st_rdev) == 136 && minor(st.st_rdev) == n);
    T_EQ("isatty of the slave", isatty(slave), 1);
    T_EQ("isatty of the master", isatty(master), 1);
    T_EQ("ttyname", ttyname_r(slave, again, sizeof(again)), 0);
    T_STR("is its name", again, name);
    peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    T_CHECK("TIOCGPTPEER", peer >= 0);
    T_EQ("isatty of the peer", isatty(peer), 1);
    T_EQ("ttyname of the peer", ttyname_r(peer, again, sizeof(again)), 0);
    T_STR("is the slave's", again, name);
    T_ERR("TIOCGPTN of a slave", ioctl(slave, TIOCGPTN, &n), ENOTTY);
    T_ERR("lseek", lseek(slave, 0, SEEK_SET), ESPIPE);
    T_ERR("an unknown request", ioctl(slave, 0x54ff, 0), ENOTTY);
    close(peer);
    close_pair();
    T_ERR("the node goes with the master", stat(name, &st), ENOENT);
}

static void check_modes(void)
{
    struct termios t;
    struct winsize w = {1, 1, 1, 1}, wanted = {24, 80, 640, 480};

    open_pair();
    T_EQ("tcgetattr", tcgetattr(slave, &t), 0);
    T_EQ("iflag", t.c_iflag, ICRNL | IXON);
    T_EQ("oflag", t.c_oflag, OPOST | ONLCR);
    T_EQ("cflag", t.c_cflag & ~(tcflag_t)HUPCL, CS8 | CREAD | B38400);
    T_EQ("lflag", t.c_lflag, ISIG | ICANON | IEXTEN | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE);
    T_EQ("ispeed", cfgetispeed(&t), B38400);
    T_EQ("ospeed", cfgetospeed(&t), B38400);
    for (int k = 0; k <= VEOL2; k++) {
        t_line(1, "cc %d is %d\n", k, t.c_cc[k]);
    }
    t.c_cflag = (t.c_cflag & ~(tcflag_t)(CSIZE | CREAD)) | CS5 | PARENB;
    T_EQ("cfsetspeed", cfsetspeed(&t, B9600), 0);
    T_EQ("tcsetattr", tcsetattr(slave, TCSAFLUSH, &t), 0);
    T_EQ("tcgetattr", tcgetattr(master, &t), 0);
    T_EQ("a pty has 8 bits and no parity", t.c_cflag & (CSIZE | PARENB | CREAD), CS8 | CREAD);
    T_EQ("the speed is kept", cfgetospeed(&t), B9600);
    T_EQ("TIOCGWINSZ", ioctl(slave, TIOCGWINSZ, &w), 0);
    T_CHECK("no size at first", w.ws_row == 0 && w.ws_col == 0 && w.ws_xpixel == 0);
    T_EQ("TIOCSWINSZ", ioctl(master, TIOCSWINSZ, &wanted), 0);
    T_EQ("TIOCGWINSZ", ioctl(slave, TIOCGWINSZ, &w), 0);
    T_CHECK("the size that was set", memcmp(&w, &wanted, sizeof(w)) == 0);
    T_EQ("tcdrain", tcdrain(slave), 0);
    T_EQ("tcsendbreak", tcsendbreak(slave, 0), 0);
    T_ERR("tcflush of nothing", tcflush(slave, 7), EINVAL);
    T_ERR("tcflow of nothing", tcflow(slave, 7), EINVAL);
    T_ERR("tcgetattr of a file", tcgetattr(open("/dev/null", O_RDWR), &t), ENOTTY);
    close_pair();
}

/* ---- lines ---- */

static void check_lines(void)
{
    char buf[64];
    int n = 0;

    open_pair();
    type("half");
    T_STR("the echo", drained(master), "half");
    T_EQ("FIONREAD of half a line", (ioctl(slave, FIONREAD, &n), n), 0);
    nonblock(slave, true);
    T_ERR("no line yet", read(slave, buf, sizeof(buf)), EAGAIN);
    type(" line\nnext\n");
    T_STR("the echo has a return", drained(master), " line\\015\\012next\\015\\012");
    T_EQ("FIONREAD counts lines", (ioctl(slave, FIONREAD, &n), n), 15);
    T_EQ("a short read", read(slave, buf, 4), 4);
    T_EQ("the rest of the line", read(slave, buf, sizeof(buf)), 6);
    T_CHECK("is it", memcmp(buf, " line\n", 6) == 0);
    T_EQ("the next line", read(slave, buf, sizeof(buf)), 5);
    type("\004");
    T_STR("end of file has no echo", drained(master), "");
    T_EQ("end of file", read(slave, buf, sizeof(buf)), 0);
    type("abc\004");
    drained(master);
    T_EQ("a line without its end", read(slave, buf, sizeof(buf)), 3);
    T_ERR("and no end of file", read(slave, buf, sizeof(buf)), EAGAIN);
    type("abc\004");
    drained(master);
    T_EQ("the same, of just that size", read(slave, buf, 3), 3);
    T_ERR("and no end of file", read(slave, buf, sizeof(buf)), EAGAIN);
    set_cc(VEOL, ';');
    type("a;b\n");
    T_STR("VEOL is echoed", drained(master), "a;b\\015\\012");
    T_EQ("VEOL ends a line", read(slave, buf, sizeof(buf)), 2);
    T_EQ("so does newline", read(slave, buf, sizeof(buf)), 2);
    close_pair();
}

static void edit(const char *what, const char *typed)
{
    type(typed);
    t_line(1, "%s: echo '%s'", what, drained(master));
    type("\n");
    t_line(1, " line '%s'\n", drained(slave));
    drained(master);
}

static void check_editing(void)
{
    open_pair();
    edit("erase", "abc\177d");
    edit("erase at the beginning", "\177\177a");
    edit("erase a control character", "a\001\177b");
    edit("erase a tab", "ab\tc\177\177d");
    edit("erase a tab after a tab", "\t\t\177x");
    edit("erase a word", "one two  \027three");
    edit("erase words", "one, two\027\027x");
    edit("kill", "some\tthing\025new");
    edit("reprint", "abc\022d");
    edit("literal", "a\026\003b\026\177");
    edit("control characters", "\001\033[A");
    set_modes(ECHOKE, 0);
    edit("kill without ECHOKE", "abc\025d");
    set_modes(ECHOK, 0);
    edit("kill without ECHOK", "abc\025d");
    set_modes(ECHOE, 0);
    edit("erase without ECHOE", "abc\177d");
    set_modes(ECHOCTL, ECHOE);
    edit("control characters without ECHOCTL", "\001b\177\177c");
    set_modes(IEXTEN, ECHOCTL);
    edit("no extensions", "a\026b\027\022");
    set_modes(ECHO, IEXTEN | ECHONL);
    edit("no echo", "abc\177d\025ef");
    type("x\n");
    T_STR("ECHONL", drained(master), "\\015\\012");
    drained(slave);
    set_modes(ECHONL, ECHO);
    set_iflag(0, IUTF8);
    edit("erase a character of UTF-8", "a\303\251\177b");
    set_iflag(0, IGNCR);
    edit("IGNCR", "a\rb");
    set_iflag(IGNCR | ICRNL, INLCR);
    type("a\nb\r");
    T_STR("INLCR", drained(master), "a^Mb^M");
    set_iflag(INLCR, ISTRIP);
    edit("ISTRIP", "\341\342");
    close_pair();
}

/* A line that is longer than the buffer keeps its beginning and its last byte. */
static void check_long_line(void)
{
    static char text[6000], buf[8192];
    ssize_t n;

    open_pair();
    set_modes(ECHO, 0);
    memset(text, 'x', sizeof(text));
    for (int k = 0; k < 6; k++) {
        T_MUST("typing", write(master, text, 1000) == 1000);
        t_sleep_ms(20);
    }
    type("\n");
    n = read(slave, buf, sizeof(buf));
    T_EQ("a line that is too long", n, 4096);
    T_CHECK("has its end", buf[n - 1] == '\n' && buf[0] == 'x');
    close_pair();
}

/* ---- signals and flow ---- */

static void check_flow(void)
{
    open_pair();
    type("\023");
    T_STR("VSTOP has no echo", drained(master), "");
    nonblock(slave, true);
    T_ERR("output is stopped", write(slave, "x", 1), EAGAIN);
    type("\021");
    drained(master);
    T_EQ("VSTART starts it", write(slave, "x", 1), 1);
    T_STR("it comes", drained(master), "x");
    T_EQ("tcflow stops, too", tcflow(slave, TCOOFF), 0);
    T_ERR("output is stopped", write(slave, "x", 1), EAGAIN);
    T_EQ("tcflow starts", tcflow(slave, TCOON), 0);
    T_EQ("output", write(slave, "x", 1), 1);
    T_EQ("tcflow sends VSTOP", tcflow(slave, TCIOFF), 0);
    T_EQ("tcflow sends VSTART", tcflow(slave, TCION), 0);
    T_STR("they come", drained(master), "x\\023\\021");
    set_iflag(0, IXANY);
    type("\023a");
    T_STR("any key starts output with IXANY", drained(master), "a");
    T_EQ("output", write(slave, "x", 1), 1);
    set_iflag(IXON, 0);
    type("\023");
    T_STR("without IXON VSTOP is a character", drained(master), "x^S");
    close_pair();
}

static void check_signal_keys(void)
{
    open_pair();
    type("abc");
    drained(master);
    type("\003");
    T_STR("VINTR without a foreground group", drained(master), "^C");
    type("d\n");
    T_STR("drops the line", drained(slave), "d\\012");
    drained(master);
    set_modes(0, NOFLSH);
    type("abc\034d\n");
    T_STR("VQUIT is echoed", drained(master), "abc^\\134d\\015\\012");
    T_STR("with NOFLSH the line is kept", drained(slave), "abcd\\012");
    set_modes(ISIG | NOFLSH, 0);
    type("a\003\n");
    T_STR("without ISIG it is a character", drained(slave), "a\\003\\012");
    close_pair();
}

/* ---- without lines ---- */

static int64_t read_ms(int fd, char *buf, size_t n, ssize_t *got)
{
    int64_t start = t_nanoseconds(CLOCK_MONOTONIC);

    *got = read(fd, buf, n);
    return (t_nanoseconds(CLOCK_MONOTONIC) - start) / 1000000;
}

static void check_raw(void)
{
    char buf[64];
    ssize_t got;
    int64_t ms;
    int n = 0;
    struct pollfd p;

    open_pair();
    p = (struct pollfd){slave, POLLIN, 0};
    raw(1, 0);
    type("a\r\003\004\177");
    T_STR("nothing is echoed", drained(master), "");
    T_EQ("FIONREAD", (ioctl(slave, FIONREAD, &n), n), 5);
    T_EQ("all bytes come as they are", read(slave, buf, sizeof(buf)), 5);
    T_CHECK("they do", memcmp(buf, "a\r\003\004\177", 5) == 0);
    raw(0, 0);
    T_EQ("VMIN 0, VTIME 0: no wait", read(slave, buf, sizeof(buf)), 0);
    raw(0, 2);
    ms = read_ms(slave, buf, sizeof(buf), &got);
    T_CHECK("VTIME alone: waits so long", got == 0 && ms >= 190 && ms < 2000);
    raw(3, 0);
    type("ab");
    T_EQ("a poll waits for VMIN bytes", poll(&p, 1, QUIET_MS), 0);
    type("cd");
    T_EQ("and finds them", poll(&p, 1, 1000), 1);
    T_EQ("a read returns what there is", read(slave, buf, sizeof(buf)), 4);
    raw(5, 1);
    type("ab");
    ms = read_ms(slave, buf, sizeof(buf), &got);
    T_CHECK("VTIME after a byte ends the wait for VMIN", got == 2 && ms < 2000);
    raw(10, 0);
    type("ab");
    T_EQ("a smaller read is satisfied", read(slave, buf, 2), 2);
    nonblock(slave, true);
    T_ERR("nothing there", read(slave, buf, 2), EAGAIN);
    type("dropped");
    t_sleep_ms(QUIET_MS);
    T_EQ("tcflush", tcflush(slave, TCIFLUSH), 0);
    T_ERR("input was dropped", read(slave, buf, sizeof(buf)), EAGAIN);
    type("kept");
    t_sleep_ms(QUIET_MS);
    set_modes(0, ICANON);
    T_EQ("a change to lines keeps it", read(slave, buf, sizeof(buf)), 4);
    type("part");
    t_sleep_ms(QUIET_MS);
    set_modes(ICANON, 0);
    set_cc(VMIN, 1);
    T_EQ("a change from lines shows it", read(slave, buf, sizeof(buf)), 4);
    close_pair();
}

static const char *output(const char *text)
{
    T_MUST("writing", write(slave, text, strlen(text)) == (ssize_t)strlen(text));
    return drained(master);
}

static void check_output(void)
{
    static char big[40000];
    ssize_t n, sum = 0;

    open_pair();
    T_STR("ONLCR", output("a\nb"), "a\\015\\012b");
    set_oflag(ONLCR, OCRNL);
    T_STR("OCRNL", output("a\rb\n"), "a\\012b\\012");
    set_oflag(OCRNL, ONOCR);
    T_STR("ONOCR", output("\r\rab\r\rc"), "\\015ab\\015c");
    set_oflag(ONOCR, OLCUC);
    T_STR("OLCUC", output("aZ"), "AZ");
    set_oflag(OLCUC, XTABS);
    T_STR("XTABS", output("\rab\tc"), "\\015ab      c");
    set_oflag(OPOST, 0);
    T_STR("no processing", output("a\n\tb"), "a\\012\\011b");
    nonblock(slave, true);
    nonblock(master, true);
    while ((n = write(slave, big, 1000)) > 0) {
        sum += n;
    }
    T_CHECK("output is bounded", errno == EAGAIN && sum >= 4096 && sum < 100000);
    while ((n = read(master, big, sizeof(big))) > 0 || sum > 0) {
        sum -= n > 0 ? n : 0;
    }
    T_EQ("all of it comes", sum, 0);
    raw(1, 0);
    while ((n = write(master, big, 1000)) > 0) {
        sum += n;
    }
    T_CHECK("input is bounded", errno == EAGAIN && sum >= 4096 && sum < 100000);
    while ((n = read(slave, big, sizeof(big))) > 0 || sum > 0) {
        sum -= n > 0 ? n : 0;
    }
    T_EQ("all of it comes", sum, 0);
    close_pair();
}

/* ---- the ends ---- */

static void check_slave_closes(void)
{
    char buf[64], name[64];
    struct pollfd p;

    open_pair();
    p = (struct pollfd){master, POLLIN, 0};
    T_MUST("ptsname", ptsname_r(master, name, sizeof(name)) == 0);
    T_EQ("last words", write(slave, "bye", 3), 3);
    close(slave);
    T_EQ("are read", read(master, buf, sizeof(buf)), 3);
    T_EQ("poll", poll(&p, 1, 1000), 1);
    T_EQ("tells of the hang-up", p.revents & (POLLIN | POLLHUP), POLLHUP);
    T_ERR("then there is an error", read(master, buf, sizeof(buf)), EIO);
    T_EQ("the master can write", write(master, "x\n", 2), 2);
    slave = open(name, O_RDWR | O_NOCTTY);
    T_CHECK("the slave opens again", slave >= 0);
    T_EQ("and finds that", read(slave, buf, sizeof(buf)), 2);
    T_EQ("no hang-up any more", poll(&p, 1, QUIET_MS) == 1 ? p.revents & POLLHUP : 0, 0);
    close_pair();
}

static void check_master_closes(void)
{
    char buf[64];
    struct pollfd p;
    struct termios t;

    open_pair();
    p = (struct pollfd){slave, POLLIN | POLLOUT, 0};
    close(master);
    T_EQ("poll of a slave without a master", poll(&p, 1, 1000), 1);
    T_EQ("says so", p.revents, POLLIN | POLLOUT | POLLERR | POLLHUP);
    T_EQ("its read", read(slave, buf, sizeof(buf)), 0);
    T_ERR("its write", write(slave, "x", 1), EIO);
    T_ERR("its modes", tcgetattr(slave, &t), EIO);
    T_EQ("it is no terminal any more", isatty(slave), 0);
    close(slave);
}

static void check_events(void)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLET}, got;
    struct pollfd p;
    int ep = epoll_create1(0);

    open_pair();
    p = (struct pollfd){master, POLLIN | POLLOUT, 0};
    T_EQ("poll of the master", poll(&p, 1, 0), 1);
    T_EQ("it can write", p.revents, POLLOUT);
    p.fd = slave;
    T_EQ("poll of the slave", poll(&p, 1, 0), 1);
    T_EQ("it can write", p.revents, POLLOUT);
    T_EQ("epoll_ctl", epoll_ctl(ep, EPOLL_CTL_ADD, slave, &e), 0);
    T_EQ("no event", epoll_wait(ep, &got, 1, 0), 0);
    type("no line");
    t_sleep_ms(QUIET_MS);
    T_EQ("no event", epoll_wait(ep, &got, 1, 0), 0);
    type("\n");
    T_EQ("an event", epoll_wait(ep, &got, 1, 1000), 1);
    T_STR("a line", drained(slave), "no line\\012");
    close(ep);
    close_pair();
}

static void check_packets(void)
{
    unsigned char buf[64];
    int on = 1;
    struct pollfd p;

    open_pair();
    p = (struct pollfd){master, POLLIN | POLLPRI, 0};
    T_EQ("TIOCPKT", ioctl(master, TIOCPKT, &on), 0);
    on = 0;
    T_EQ("TIOCGPKT", ioctl(master, TIOCGPKT, &on), 0);
    T_EQ("it is on", on, 1);
    T_EQ("output", write(slave, "abc", 3), 3);
    t_sleep_ms(QUIET_MS);
    T_EQ("comes after a zero", read(master, buf, sizeof(buf)), 4);
    T_CHECK("it does", memcmp(buf, "\0abc", 4) == 0);
    T_EQ("tcflow", tcflow(slave, TCOOFF), 0);
    T_EQ("poll", poll(&p, 1, 1000), 1);
    T_EQ("urgent", p.revents & (POLLIN | POLLPRI), POLLIN | POLLPRI);
    T_EQ("a status", read(master, buf, sizeof(buf)), 1);
    T_EQ("stopped", buf[0], TIOCPKT_STOP);
    T_EQ("tcflow", tcflow(slave, TCOON), 0);
    T_EQ("a status", read(master, buf, sizeof(buf)), 1);
    T_EQ("started", buf[0], TIOCPKT_START);
    T_EQ("tcflush", tcflush(slave, TCIFLUSH), 0);
    T_EQ("a status", read(master, buf, sizeof(buf)), 1);
    T_EQ("flushed", buf[0], TIOCPKT_FLUSHREAD);
    close_pair();
}

/* Many are made and closed; numbers are used again. */
static void check_many(void)
{
    unsigned first = 0, n = 0;

    for (int k = 0; k < 200; k++) {
        open_pair();
        T_MUST("TIOCGPTN", ioctl(master, TIOCGPTN, &n) == 0);
        first = k == 0 ? n : first;
        close_pair();
    }
    T_EQ("a number is used again", n, first);
}

int main(void)
{
    check_opening();
    check_modes();
    check_lines();
    check_editing();
    check_long_line();
    check_flow();
    check_signal_keys();
    check_raw();
    check_output();
    check_slave_closes();
    check_master_closes();
    check_events();
    check_packets();
    check_many();
    return t_done();
}
