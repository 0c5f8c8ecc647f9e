// SPDX-License-Identifier: Apache-2.0
/*
 * Pseudo-terminals: what their files share. pty.c has the master's files, pts.c the slave's,
 * ttydisc.c the line discipline between them, ttyctl.c the requests of ioctl_tty(2) and job
 * control. A terminal lives until its master and all its slaves are closed.
 */
#ifndef FS_TTY_H
#define FS_TTY_H

#include "fs/vfs.h"

#include <asm/termbits.h>

#define LINE_SIZE     4096u  /* N_TTY_BUF_SIZE */
#define TYPED_SIZE    8192u  /* what the master has written and the discipline has not taken yet */
#define OUTPUT_SIZE   16384u /* what the slave has written and the master has not read */
#define TTY_CHUNK     256u   /* bytes that are moved at once */
#define FREE_MIN      256u /* poll: so much must be free before a side is told that it can write */
#define WAKE_ALL      (1 << 30)
#define CC_DISABLED   0 /* _POSIX_VDISABLE */
#define TTY_STD_CFLAG (B38400 | CS8 | CREAD)
/* Linux's INIT_C_CC */
#define TTY_STD_CC                                                                                 \
    {                                                                                              \
        [VINTR] = 3, [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21, [VEOF] = 4, [VMIN] = 1,           \
        [VSTART] = 17, [VSTOP] = 19, [VSUSP] = 26, [VREPRINT] = 18, [VDISCARD] = 15,               \
        [VWERASE] = 23, [VLNEXT] = 22                                                              \
    }

/* A ring of bytes; size is a power of two. */
struct bytes {
    u8 *data;
    u32 size, head, tail;
};

struct window_size { /* struct winsize */
    u16 rows, columns, x_pixels, y_pixels;
};

/* An open file of the slave's side. */
struct slave {
    struct tty *tty;
    bool hung; /* it was open when the terminal was hung up */
    LIST_ENTRY(slave) link;
};

struct tty {
    LIST_ENTRY(tty) link;
    u32 index;
    struct inode *node; /* of /dev/pts, referenced; NULL when the master has gone */
    bool locked, packet;
    bool slave_gone; /* the last slave was closed, and none was opened since */
    bool stopped;    /* VSTOP: the slave's output waits */
    u8 status;       /* TIOCPKT_*, for the master in packet mode */
    LIST_HEAD(, slave) slaves;
    struct termios2 modes;
    struct window_size window;
    int sid, pgid; /* the session whose terminal it is, and the group in the foreground; or 0 */
    struct bytes typed, output;
    struct waitq master_q, slave_q;
    /* Line discipline. Bytes of `line` from `canon` on are the line that is being edited; those
     * before can be read. */
    u8 line[LINE_SIZE];
    u32 marks[LINE_SIZE / 32]; /* of bytes that end a line */
    u32 head, tail, canon;     /* mod 2^32 */
    u32 column, canon_column;  /* of the cursor; where it was when the line began */
    bool literal;              /* VLNEXT: the next byte has no special meaning */
};

static inline u32 bytes_used(const struct bytes *b)
{
    return b->head - b->tail;
}

static inline u32 bytes_room(const struct bytes *b)
{
    return b->size - bytes_used(b);
}

static inline void bytes_put(struct bytes *b, u8 c)
{
    b->data[b->head++ & (b->size - 1)] = c;
}

static inline u8 bytes_take(struct bytes *b)
{
    return b->data[b->tail++ & (b->size - 1)];
}

static inline bool tty_master_open(const struct tty *t)
{
    return t->node != NULL;
}

/* ttydisc.c */
void disc_reset(struct tty *t);           /* modes of a new terminal */
void disc_pump(struct tty *t);            /* takes what was typed, as far as there is room */
bool disc_output(struct tty *t, u8 c);    /* writes a byte of the slave's; false: no room */
bool disc_ready(const struct tty *t);     /* would a read of the slave's find something? */
u32 disc_count(const struct tty *t);      /* bytes that it would find */
void disc_flush_input(struct tty *t);     /* drops what the slave has not read */
void disc_flow(struct tty *t, bool stop); /* stops or starts the slave's output */
/* Sets the modes, and wakes all that wait, because what they wait for may have changed. */
void disc_set_modes(struct tty *t, const struct termios2 *modes);
/* Takes up to n bytes for the slave. *ended: the read is over, even if it has no byte. */
u32 disc_read(struct tty *t, u8 *buf, u32 n, bool *ended);

/* ttyctl.c */
LIST_HEAD(tty_list, tty);
extern struct tty_list ttys;
struct tty *tty_of(struct process *p); /* its controlling terminal, or NULL */
struct tty *tty_of_process(void);      /* that of the current process */
void tty_opened(struct tty *t);        /* by a process whose controlling terminal it may become */
/* The master was closed: all that have the slave open have nothing any more, and the leader of the
 * terminal's session gets SIGHUP. */
void tty_hang_up(struct tty *t);
/* May the current process do what a process in the background may not (tcsetpgrp(3))? 0; or an
 * error, after its group got `sig`, which is SIGTTIN or SIGTTOU. */
int tty_background(const struct tty *t, int sig);
long tty_ioctl(struct tty *t, bool master, u32 cmd, vaddr_t arg);
int tty_session_of_group(int pgid);       /* -ESRCH when there is no such group */
void tty_process_ends(struct process *p); /* it may have been the leader of a session */

/* pts.c */
#define PTS_MAJOR 136u
void pts_set_dir(struct inode *dir); /* /dev/pts */
int pts_add(struct tty *t);          /* makes its node there */
void pts_remove(struct tty *t);
int pts_open_controlling(struct file *f); /* /dev/tty */
void tty_free(struct tty *t);             /* unless a side of it is open */

/* pty.c */
#define PTMX_RDEV RDEV(5, 2)
int pty_open_master(struct file *f); /* /dev/ptmx */

#endif
