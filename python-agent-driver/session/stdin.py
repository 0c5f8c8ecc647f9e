# SPDX-License-Identifier: Apache-2.0
"""The standard input of a session. Where nothing is there to read, and it is no terminal, the host is asked by a record
`input_request`. Each cell has an input of its own: what one has left unread in a buffer is not the next one's."""
import builtins
import getpass
import io
import os
import select
import sys

import records

python_input, python_getpass = builtins.input, getpass.getpass

wanted = None  # (prompt, password, stream) of a line that is to be read
current = None  # the stream that was sys.stdin when it was made


def nothing_there():
    poll = select.poll()
    poll.register(0, select.POLLIN)
    return not poll.poll(0)


def ask(may_wait):
    """Before a read: ask the host, or show the prompt as python3 does."""
    global wanted
    prompt, password, stream = wanted or ("", False, None)
    wanted = None
    if may_wait and not os.isatty(0) and nothing_there():
        if records.send("input_request", {"prompt": prompt, "password": password}):
            return
    if prompt:
        print(prompt, end="", file=stream, flush=True)


class Stdin(io.FileIO):
    touched = False

    def readinto(self, buffer):
        self.touched = True
        ask(True)
        return super().readinto(buffer)

    def readall(self):
        self.touched = True
        ask(True)
        return super().readall()


def read_line(prompt, password, stream):
    global wanted
    wanted = str(prompt), password, stream
    line = sys.stdin.readline()
    if wanted is not None:  # the line was there, in a buffer
        ask(False)
    if not line:
        raise EOFError("EOF when reading a line")
    return line.removesuffix("\n")


def is_asking():
    return sys.stdin is current and current is not None and not os.isatty(0)


def input(prompt="", /):
    """As under python3, but that the prompt goes to the host when it has to be asked for the line."""
    if not is_asking():
        return python_input(prompt)
    sys.stderr.flush()
    return read_line(prompt, False, sys.stdout)


def ask_password(prompt="Password: ", stream=None):
    """As getpass.getpass() of python3."""
    if not is_asking():
        return python_getpass(prompt, stream)
    return read_line(prompt, True, stream or sys.stderr)


input.__module__ = "builtins"
ask_password.__name__ = ask_password.__qualname__ = "getpass"
ask_password.__module__ = "getpass"


def new_stream():
    """A stream as CPython makes it of descriptor 0."""
    raw = Stdin(0, "rb", closefd=False)
    raw.name = "<stdin>"
    old = sys.__stdin__
    stream = io.TextIOWrapper(io.BufferedReader(raw), old.encoding, old.errors)
    stream.mode = "r"
    return stream


def begin_cell():
    global current
    if current is None or (not current.closed and not current.buffer.raw.touched):
        return
    if sys.stdin is current:
        sys.stdin = new_stream()
        current = sys.__stdin__ = sys.stdin


def start():
    global current
    if sys.stdin is not None:
        current = sys.stdin = sys.__stdin__ = new_stream()
    builtins.input, getpass.getpass = input, ask_password
