# SPDX-License-Identifier: Apache-2.0
"""The service `agent`: while it runs, the machine goes on with the commands that agent.py has started for the host. It
starts that process if there is none, and ends when the host says so.

The agent is not a child of the session's program, which can neither wait for it nor learn of its end."""
import errno
from os import (O_CLOEXEC, O_RDONLY, O_RDWR, POSIX_SPAWN_DUP2, POSIX_SPAWN_OPEN, close, open as open_file, pidfd_open, pipe2,
                posix_spawn, read, waitpid, write)
from select import POLLIN, poll
from signal import SIGKILL, SIGSTOP, valid_signals

import contexts

__builtins__ = dict(__builtins__)

DEVICE = "/dev/pyhl-tool"
PYTHON = "/usr/bin/python3.13"
PROGRAM = "/usr/lib/pyhl/session/agent.py"
SIGNALS = [signo for signo in valid_signals() if signo not in (SIGKILL, SIGSTOP)]

agent = 0  # the process


def read_all(fd):
    data = b""
    while piece := read(fd, 4096):
        data += piece
    return data


def start():
    """Returns the agent's process, which its parent has told of before it ended."""
    cwd, environ = contexts.every[contexts.DEFAULT].first
    told, tells = pipe2(O_CLOEXEC)
    try:
        try:
            actions = [(POSIX_SPAWN_OPEN, 0, "/dev/null", O_RDONLY, 0), (POSIX_SPAWN_DUP2, tells, 1),
                       (POSIX_SPAWN_OPEN, 2, "/dev/null", O_RDWR, 0)]
            parent = posix_spawn(PYTHON, [PYTHON, "-I", "-S", "-B", PROGRAM, cwd or "/"], environ, file_actions=actions,
                                 setsigmask=[], setsigdef=SIGNALS)
        finally:
            close(tells)
        pid = read_all(told)
    finally:
        close(told)
    try:
        waitpid(parent, 0)
    except ChildProcessError:
        pass  # the program has told the system that it does not wait for children
    if not pid:
        raise OSError(errno.ENOEXEC, "the process that starts commands cannot be started")
    return int(pid)


def watched():
    """A descriptor that tells when the agent has ended."""
    global agent
    if agent != 0:
        try:
            return pidfd_open(agent)
        except ProcessLookupError:
            pass
    agent = start()
    return pidfd_open(agent)


def wait(process, call):
    both = poll()
    both.register(process, POLLIN)
    both.register(call, POLLIN)
    return [fd for fd, _ in both.poll()]


def handle(words, data):
    global agent
    process = watched()
    try:
        call = open_file(DEVICE, O_RDWR | O_CLOEXEC)
        try:
            write(call, b"pyhl:wait\0")
            if process in wait(process, call):
                agent = 0
                raise OSError(errno.ECHILD, "the process that starts commands was ended")
        finally:
            close(call)
    finally:
        close(process)
