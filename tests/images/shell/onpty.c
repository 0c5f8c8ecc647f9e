// SPDX-License-Identifier: Apache-2.0
/*
 * Runs a program on a pseudo-terminal of its own, as the leader of a session, and holds a dialogue
 * with it: usage: onpty DIALOGUE PROGRAM [ARG...]. A line of the file is `wait TEXT` (until the
 * program has written it), `type TEXT`, `key LETTER` (with Ctrl) or `pause` (until what was started
 * has come to rest); `#` begins a comment. Nothing is echoed. What the program writes goes to
 * stdout without carriage returns, and its status is ours.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#define PATIENCE_MS 20000
#define PAUSE_US    400000

static int master;
static char said[65536];
static size_t length, looked; /* written so far; the part that a wait has passed */

static void fail(const char *what, const char *text)
{
    fwrite(said, 1, length, stdout);
    fflush(stdout);
    fprintf(stderr, "onpty: %s: %s\n", what, text);
    exit(99);
}

/* False when nothing came in time, or nothing will. */
static int hear(int ms)
{
    struct pollfd p = {master, POLLIN, 0};
    char c;

    if (poll(&p, 1, ms) != 1 || read(master, &c, 1) != 1) {
        return 0;
    }
    if (c != '\r' && length < sizeof(said) - 1) {
        said[length++] = c;
    }
    return 1;
}

static void wait_for(const char *text)
{
    const char *at;

    while ((at = strstr(said + looked, text)) == NULL) {
        if (!hear(PATIENCE_MS)) {
            fail("waited in vain", text);
        }
    }
    looked = (size_t)(at - said) + strlen(text);
}

static void type(const char *text, size_t n)
{
    if (write(master, text, n) != (ssize_t)n) {
        fail("cannot type", strerror(errno));
    }
}

static void obey(char *line)
{
    size_t n = strlen(line);
    char key;

    if (n > 0 && line[n - 1] == '\n') {
        line[--n] = '\0';
    }
    if (strncmp(line, "wait ", 5) == 0) {
        wait_for(line + 5);
    } else if (strncmp(line, "type", 4) == 0) {
        type(line + 5, n > 5 ? n - 5 : 0);
        type("\n", 1);
    } else if (strncmp(line, "key ", 4) == 0) {
        key = (char)(line[4] & 0x1f);
        type(&key, 1);
    } else if (strcmp(line, "pause") == 0) {
        usleep(PAUSE_US);
    } else if (line[0] != '#') {
        fail("no such line in a dialogue", line);
    }
}

int main(int argc, char **argv)
{
    struct termios modes;
    char line[512];
    FILE *dialogue;
    int slave, status;
    pid_t pid;

    dialogue = argc > 2 ? fopen(argv[1], "r") : NULL;
    if (dialogue == NULL || openpty(&master, &slave, NULL, NULL, NULL) != 0) {
        fail("usage: onpty DIALOGUE PROGRAM [ARG...]", strerror(errno));
    }
    tcgetattr(slave, &modes);
    modes.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(slave, TCSANOW, &modes);
    pid = fork();
    if (pid == 0) {
        close(master);
        login_tty(slave);
        execv(argv[2], argv + 2);
        _exit(127);
    }
    close(slave);
    while (fgets(line, sizeof(line), dialogue) != NULL) {
        obey(line);
    }
    while (hear(PATIENCE_MS)) {
    }
    fwrite(said, 1, length, stdout);
    waitpid(pid, &status, 0);
    printf("\n%s %d\n", WIFEXITED(status) ? "exit" : "signal",
           WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}
