# SPDX-License-Identifier: Apache-2.0
"""A command on a terminal of its own, for the cases of run.py and repl.py."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HOME = os.path.abspath(os.environ.get("PYHL_HOME", ".pyhl"))
ROOT = os.path.abspath("build/images/python/root")
PYHL = [os.path.abspath("build/pyhl"), "run", "--dest", HOME]
PYTHON = ["python3", os.path.join(HERE, "..", "py", "inroot.py"), ROOT, "/", "python3"]
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LANG": "C.UTF-8", "TERM": "xterm-256color"}
ROWS, COLUMNS = 33, 111
LIMIT = 30  # seconds until a command counts as hanging


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, command):
        self.shown = b""
        self.arrivals = []  # how much had been shown at each read
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execve("/usr/bin/env", ["env", *command], ENV)
        self.end = time.monotonic() + LIMIT

    def read(self, wait=0.05):
        """False at the end."""
        if time.monotonic() > self.end:
            os.kill(self.pid, signal.SIGKILL)
            self.shown += b"[hung]"
            return False
        if select.select([self.fd], [], [], wait)[0]:
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                return False
            self.shown += data
            self.arrivals.append(len(self.shown))
            return bool(data)
        return True

    def wait_for(self, text):
        while text not in self.shown and self.read():
            pass

    def wait_for_after(self, seen, text):
        """In what was shown after so many bytes."""
        while text not in self.shown[seen:] and self.read():
            pass

    def type(self, text):
        os.write(self.fd, text)

    def modes(self):
        flags = termios.tcgetattr(self.fd)[3]
        return bool(flags & termios.ECHO), bool(flags & termios.ICANON)

    def finish(self):
        """(what was shown, exit status as of subprocess)"""
        while self.read():
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.shown, status
