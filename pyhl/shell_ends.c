// SPDX-License-Identifier: Apache-2.0
#include "shell_ends.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What a terminal has that does not tell. */
#define ROWS    24u
#define COLUMNS 80u

int shell_ends_open(struct shell_ends *ends, struct vmm_err *err)
{
    *ends = (struct shell_ends){.terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
                                .flags = {-1, -1, -1}};
    for (int i = 0; i < 2; i++) {
        ends->flows[i].in_fd = -1;
        ends->flows[i].out_fd = i + 1;
    }
    if (ends->terminal && tcgetattr(STDIN_FILENO, &ends->modes) < 0) {
        return vmm_err_set(err, errno, "the terminal: %s", strerror(errno));
    }
    for (int fd = 0; fd < 3; fd++) {
        const int flags = fcntl(fd, F_GETFL);

        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
            const int code = errno;

            shell_ends_close(ends);
            return vmm_err_set(err, code, "descriptor %d: %s", fd, strerror(code));
        }
        ends->flags[fd] = flags;
    }
    return 0;
}

void shell_ends_close(struct shell_ends *ends)
{
    if (ends->terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &ends->modes);
    }
    for (int fd = 2; fd >= 0;
         fd--) { /* one open file may be all three: its flags were read first */
        if (ends->flags[fd] >= 0) {
            (void)fcntl(fd, F_SETFL, ends->flags[fd]);
        }
    }
    flow_free(&ends->flows[0]);
    flow_free(&ends->flows[1]);
}

void shell_ends_raw(const struct shell_ends *ends)
{
    struct termios raw = ends->modes;

    if (ends->terminal) {
        cfmakeraw(&raw);
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    }
}

int shell_ends_write(struct shell_ends *ends)
{
    const int rc = flow_write(&ends->flows[0]);

    return rc == 0 ? flow_write(&ends->flows[1]) : rc;
}

size_t shell_ends_unwritten(const struct shell_ends *ends)
{
    return flow_out_size(&ends->flows[0]) + flow_out_size(&ends->flows[1]);
}

void shell_ends_size(unsigned *rows, unsigned *columns)
{
    struct winsize size;
    const bool known = ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;

    *rows = known ? size.ws_row : ROWS;
    *columns = known ? size.ws_col : COLUMNS;
}
