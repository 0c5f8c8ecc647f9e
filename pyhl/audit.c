// SPDX-License-Identifier: Apache-2.0
#include "audit.h"
#include "files.h"
#include "message.h"
#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int audit_open(struct audit *audit, const char *path, struct vmm_err *err)
{
    *audit = (struct audit){.fd = -1};
    if (path == NULL) {
        return 0;
    }
    audit->closes = strcmp(path, "-") != 0;
    audit->fd =
        audit->closes ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : STDOUT_FILENO;
    return audit->fd < 0 ? file_fail(err, path) : 0;
}

void audit_close(struct audit *audit)
{
    if (audit->closes && audit->fd >= 0) {
        close(audit->fd);
    }
    audit->fd = -1;
}

static void audit_time(char text[40])
{
    struct timespec now;
    struct tm tm;
    size_t n;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    n = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + n, 40 - n, ".%03ldZ", now.tv_nsec / 1000000);
}

static char *audit_line(const struct audit_run *run)
{
    const struct vmm_counters *c = run->counters;
    char time[40], *text;
    json_t *line;

    audit_time(time);
    line = json_pack(
        "{s:s, s:s, s:s?, s:s, s:s, s:i, s:{s:f, s:f, s:f, s:f, s:f}, s:o, s:{s:I, s:I}}", "time",
        time, "owner", run->owner, "session", run->session, "kind", run->kind, "outcome",
        run->outcome, "status", run->status, "times", "waited_ms", (double)run->waited_ns / 1e6,
        "took_ms", (double)run->took_ns / 1e6, "restore_ms", (double)c->restore_ns / 1e6, "run_ms",
        (double)c->run_ns / 1e6, "cpu_ms", (double)c->cpu_ns / 1e6, "counts", result_counts(c),
        "bytes", "in", (json_int_t)run->in, "out", (json_int_t)run->out);
    text = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;
    json_decref(line);
    return text;
}

/* Writes a line, which is one write(2) unless the file is a full pipe. Returns 0 or -errno. */
static int audit_put(int fd, char *text)
{
    size_t size = strlen(text), at = 0;

    text[size++] = '\n';
    while (at < size) {
        const ssize_t n = write(fd, text + at, size - at);

        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

void audit_write(struct audit *audit, const struct audit_run *run)
{
    char *text = audit->fd >= 0 ? audit_line(run) : NULL;
    const int rc = text != NULL ? audit_put(audit->fd, text) : -ENOMEM;

    if (audit->fd >= 0 && rc < 0) {
        audit->lost++;
        if (!audit->complains) {
            message("pyhl serve: --audit: lines are lost: %s\n", strerror(-rc));
        }
    }
    audit->complains = audit->fd >= 0 && rc < 0;
    free(text);
}
