// SPDX-License-Identifier: Apache-2.0
/*
 * uv unpacks wheels before anybody can look at them, so it is watched. The kernel counts the bytes
 * that it writes, to its cache and to the folder. Many files of no bytes show as inodes that the
 * file system lacks.
 */
#include "packages_uv.h"
#include "files.h"
#include "message.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define UV_SAID_MAX   (64u << 10) /* bytes of its output that are kept */
#define UV_TICK_MS    100
#define UV_FILES_MAX  1000000u     /* that may be made: in the cache and in the folder */
#define UV_SPARE      (512u << 20) /* bytes for what uv knows of packages that it does not take */
#define UV_ENV_MAX    4096u
#define UV_CONFIG_MAX (1u << 20) /* bytes */

/* Settings of uv that are passed on: where packages come from, and how they are reached. Any other
 * could make uv build a package, run a program, or take packages for another Python. */
static const char *const uv_passed[] = {
    "UV_INDEX",        "UV_DEFAULT_INDEX",    "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS",
    "UV_NO_INDEX",     "UV_KEYRING_PROVIDER", "UV_OFFLINE",         "UV_CACHE_DIR",
    "UV_SYSTEM_CERTS", "UV_NATIVE_TLS",       "UV_INSECURE_HOST",   "UV_HTTP",
    "UV_CONCURRENT",   "UV_REQUEST_TIMEOUT",  "UV_EXCLUDE_NEWER",   "UV_CONFIG_FILE",
    "UV_PYTHON",       "UV_PRERELEASE",       "UV_RESOLUTION",
};

int uv_find(char path[PATH_MAX], struct vmm_err *err)
{
    const char *list = getenv("PATH");

    while (list != NULL && *list) {
        const size_t len = strcspn(list, ":");
        struct stat st;

        /* A relative entry would be any directory that the command is called in. */
        if (*list == '/' && len + sizeof("/uv") <= PATH_MAX) {
            snprintf(path, PATH_MAX, "%.*s/uv", (int)len, list);
            if (access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
                return 0;
            }
        }
        list += len + (list[len] == ':');
    }
    return vmm_err_set(err, ENOENT,
                       "packages need uv, which is not on PATH; get it with: pipx install uv, or: "
                       "pip install uv");
}

/* Refuses a configuration file of uv that has "no-binary" in it. No option overrules that setting:
 * a package that it names would be built, which runs its code here. */
static int uv_config(const char *path, struct vmm_err *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    char *text = NULL;
    size_t len = 0;
    bool builds;
    int rc;

    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : file_fail(err, path);
    }
    rc = file_read(fd, path, UV_CONFIG_MAX, &text, &len, err);
    close(fd);
    if (rc < 0) {
        return rc;
    }
    builds = memmem(text, len, "no-binary", strlen("no-binary")) != NULL;
    free(text);
    return !builds ? 0
                   : vmm_err_set(err, EPERM,
                                 "%.300s has 'no-binary': uv would build packages, and run their "
                                 "code here; name a file without it by UV_CONFIG_FILE",
                                 path);
}

/* Looks at the files that uv reads: the one that UV_CONFIG_FILE names, or the user's and the
 * host's.
 */
static int uv_configs(struct vmm_err *err)
{
    const char *own = getenv("UV_CONFIG_FILE"), *user = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME"), *list = getenv("XDG_CONFIG_DIRS");
    char path[PATH_MAX];

    if (own != NULL) {
        return uv_config(own, err);
    }
    (void)snprintf(path, sizeof(path), "%s%s/uv/uv.toml",
                   user != NULL   ? user
                   : home != NULL ? home
                                  : "",
                   user != NULL ? "" : "/.config");
    if (uv_config(path, err) < 0 || uv_config("/etc/uv/uv.toml", err) < 0) {
        return -err->code;
    }
    list = list != NULL && *list ? list : "/etc/xdg";
    while (*list) {
        const size_t len = strcspn(list, ":");

        (void)snprintf(path, sizeof(path), "%.*s/uv/uv.toml", (int)len, list);
        if (uv_config(path, err) < 0) {
            return -err->code;
        }
        list += len + (list[len] == ':');
    }
    return 0;
}

static bool uv_is_passed(const char *variable)
{
    if (strncmp(variable, "PIP_", 4) == 0 || strncmp(variable, "PYTHON", 6) == 0) {
        return false;
    }
    if (strncmp(variable, "UV_", 3) != 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof(uv_passed) / sizeof(*uv_passed); i++) {
        if (strncmp(variable, uv_passed[i], strlen(uv_passed[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* The environment of uv. Its strings are those of this process. */
static void uv_environment(const char *out[UV_ENV_MAX])
{
    size_t n = 0;

    /* Without a Python on the host uv would fetch one from the network, which nobody asked for. */
    if (getenv("UV_PYTHON_DOWNLOADS") == NULL) {
        out[n++] = "UV_PYTHON_DOWNLOADS=never";
    }
    out[n++] = "NO_COLOR=1";
    /* A wheel may ask for a package in a git repository, which has to be built anyway. */
    out[n++] = "GIT_ALLOW_PROTOCOL=none";
    for (char **variable = environ; *variable != NULL && n + 1 < UV_ENV_MAX; variable++) {
        if (uv_is_passed(*variable) && strncmp(*variable, "NO_COLOR=", 9) != 0 &&
            strncmp(*variable, "GIT_ALLOW_PROTOCOL=", 19) != 0) {
            out[n++] = *variable;
        }
    }
    out[n] = NULL;
}

/* In the child: becomes uv. It dies with its parent, reads nothing, has no descriptor of ours. */
static void uv_become(const struct uv_run *run, const char *const *env, pid_t parent, int output)
{
    const struct rlimit files = {run->max_bytes, run->max_bytes}, core = {0, 0};
    int nothing = open("/dev/null", O_RDONLY);

    signals_default();
    if (setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
        nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0u, 0) < 0 ||
        chdir(run->dir) < 0 || setrlimit(RLIMIT_CORE, &core) < 0 ||
        (run->max_bytes > 0 && setrlimit(RLIMIT_FSIZE, &files) < 0)) {
        _exit(126);
    }
    umask(022);
    /* uv is to say that a file is too large, and to remove what it has made of it. */
    signal(SIGXFSZ, SIG_IGN);
    execve(run->path, (char *const *)(uintptr_t)run->args, (char *const *)(uintptr_t)env);
    (void)dprintf(STDERR_FILENO, "%s: %s\n", run->path, strerror(errno));
    _exit(127);
}

/* The bytes that the process has written; 0 when the kernel does not count them. */
static uint64_t uv_written(pid_t pid)
{
    char path[64], text[512] = "";
    const char *count;
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/io", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = 0;
    count = strstr(text, "wchar: ");
    return count != NULL ? strtoull(count + sizeof("wchar: ") - 1, NULL, 10) : 0;
}

static uint64_t uv_inodes(const char *dir)
{
    struct statvfs fs;

    return statvfs(dir, &fs) == 0 ? fs.f_files - fs.f_ffree : 0;
}

/* Whether what uv has written so far is no more than packages of that size take: a download, what
 * was unpacked of it, and a copy of that where uv's cache is on another file system. */
static int uv_check(const struct uv_run *run, pid_t pid, uint64_t inodes, struct vmm_err *err)
{
    if (run->max_bytes > 0 && uv_written(pid) > run->max_bytes * 3 + UV_SPARE) {
        return vmm_err_set(err, E2BIG,
                           "the packages are too large for the VM's memory: uv was stopped after "
                           "it had written %llu MiB (uv cache prune frees what is of no use)",
                           (unsigned long long)((run->max_bytes * 3 + UV_SPARE) >> 20));
    }
    if (uv_inodes(run->dir) > inodes + UV_FILES_MAX) {
        return vmm_err_set(err, E2BIG,
                           "the packages have too many files: uv was stopped after it had made %u "
                           "(uv cache prune frees what is of no use)",
                           UV_FILES_MAX);
    }
    return 0;
}

/* Takes what uv says until it ends, and looks after it meanwhile. */
static int uv_listen(struct uv_run *run, pid_t pid, int output, size_t *len, struct vmm_err *err)
{
    const uint64_t inodes = uv_inodes(run->dir);
    char spill[4096] = ""; /* what is read and not kept */

    for (;;) {
        struct pollfd ready = {.fd = output, .events = POLLIN};
        const size_t room = UV_SAID_MAX - *len;
        ssize_t n;

        if (poll(&ready, 1, UV_TICK_MS) < 0 && errno != EINTR) {
            return vmm_err_set(err, errno, "poll: %s", strerror(errno));
        }
        if (signals_last() != 0) {
            return vmm_err_set(err, EINTR, "interrupted while uv ran");
        }
        if (uv_check(run, pid, inodes, err) < 0) {
            return -err->code;
        }
        if (ready.revents == 0) {
            continue;
        }
        n = read(output, room > 0 ? run->said + *len : spill, room > 0 ? room : sizeof(spill));
        if (n < 0 && errno != EINTR) {
            return vmm_err_set(err, errno, "reading from uv: %s", strerror(errno));
        }
        if (n == 0) {
            return 0;
        }
        *len += n > 0 && room > 0 ? (size_t)n : 0;
    }
}

/* Makes the text fit for a terminal: names in it are those of a package. Also U+0080 to U+009F are
 * controls. */
static void uv_clean(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        if ((*p < ' ' && *p != '\n') || *p == 0x7f) {
            *p = *p == '\t' ? ' ' : '?';
        }
        if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) {
            p[0] = p[1] = '?';
        }
    }
}

static void uv_show(const struct uv_run *run)
{
    char text[MESSAGE_MAX / 2];
    size_t n = 0;

    for (const char *const *arg = run->args; *arg != NULL && n < sizeof(text); arg++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, " %s",
                              arg == run->args ? run->path : *arg);
    }
    message("pyhl:%s\n", text);
}

/* Waits for uv, after it was killed if `end`. */
static int uv_wait(pid_t pid, bool end)
{
    int status = 0;

    if (end) {
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int uv_run(struct uv_run *run, struct vmm_err *err)
{
    const char *env[UV_ENV_MAX];
    const pid_t parent = getpid();
    size_t len = 0;
    int pipes[2], rc;
    pid_t pid;

    if (uv_configs(err) < 0) {
        return -err->code;
    }
    if (run->verbose > 0) {
        uv_show(run);
    }
    run->said = malloc(UV_SAID_MAX + 1);
    if (run->said == NULL || pipe2(pipes, O_CLOEXEC) < 0) {
        return vmm_err_set(err, errno, "starting uv: %s", strerror(errno));
    }
    uv_environment(env);
    pid = fork();
    if (pid == 0) {
        uv_become(run, env, parent, pipes[1]);
    }
    close(pipes[1]);
    rc = pid < 0 ? vmm_err_set(err, errno, "fork: %s", strerror(errno))
                 : uv_listen(run, pid, pipes[0], &len, err);
    close(pipes[0]);
    run->status = pid > 0 ? uv_wait(pid, rc < 0) : 0;
    run->said[len] = 0;
    uv_clean(run->said);
    if (run->verbose > 1) {
        message("%s", run->said);
    }
    return rc;
}
