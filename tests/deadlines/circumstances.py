# SPDX-License-Identifier: Apache-2.0
"""Circumstances of a run: what its script does, what its streams are, what their other ends do meanwhile."""
import os
import pty
import signal
import socket
import termios
import time
import tty

TIMEOUT, READER_GONE = 124, 141

# Scripts that never end.
SCRIPTS = {
    "stdout": "import os\nwhile True: os.write(1, b'o' * {size})",
    "stderr": "import os\nwhile True: os.write(2, b'e' * {size})",
    "both": "import os\nwhile True: os.write(1, b'o' * {size}); os.write(2, b'e' * {size})",
    "print": "while True: print('one line, as scripts print them')",
    "spin": "while True: pass",
    "sleep": "import time\ntime.sleep(1000)",
    "naps": "import time\nwhile True: time.sleep(0.01)",
    "stdin": "import os\nwhile True: os.read(0, {size}) or os.sched_yield()",
    "threads": "import os, threading\ndef work():\n    while True: os.write(1, b't' * {size})\n"
               "for _ in range(3): threading.Thread(target=work).start()\nwork()",
}

# What to call the host for, again and again: traces, as much as one call reads from stdin, the run's own frame.
CALLS = {
    "traces": (0x302, 0x1000000, 0x100000),
    "reads": (0x301, 0x20000000, 0x10000000),
    "frames": (0x101, 0, 0x20000000, 0x10000000),
}
FLOOD = """
bell = ring()
while True:
    fill_call(*{call})
    bell()
"""


def flood(name):
    with open(os.path.join(os.path.dirname(__file__), "..", "fault", "machine.py")) as file:
        return file.read() + FLOOD.format(call=CALLS[name])


# Streams: the end for pyhl, and the other one.
def stream_pipe(_):
    other, end = os.pipe()
    return end, other


def stream_fifo(scratch):
    name = os.path.join(scratch, f"fifo{len(os.listdir(scratch))}")
    os.mkfifo(name)
    other = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(other, True)
    return os.open(name, os.O_WRONLY), other


def stream_socket(_):
    return [end.detach() for end in socket.socketpair()]


def stream_tty(_):
    other, end = pty.openpty()
    tty.setraw(end)
    return end, other


def stream_stopped_tty(scratch):
    end, other = stream_tty(scratch)
    termios.tcflow(end, termios.TCOOFF)  # Ctrl-S
    return end, other


STREAMS = {"pipe": stream_pipe, "fifo": stream_fifo, "socket": stream_socket, "tty": stream_tty,
           "stopped tty": stream_stopped_tty}


class Kind:
    def __init__(self, script, stream, other, processes=1, options=(), where="output", statuses=(TIMEOUT,)):
        self.script, self.stream, self.other, self.processes = script, stream, other, processes
        self.options, self.where, self.statuses = options, where, statuses
        self.name = f"{' '.join((*options, script))}, {where} {stream}: {other}, {processes} at once"


# Other sides: "stalls" does nothing, "slow" moves a page now and then, "dies" closes its end, "stops" stops pyhl and
# continues it later. Where: both outputs on one stream, or stdin; "script" is where the script is read from.
KINDS = [
    *(Kind(script, stream, "stalls") for script in ("stdout", "stderr") for stream in STREAMS),
    *(Kind("both", stream, "slow") for stream in ("pipe", "fifo", "socket", "tty")),
    *(Kind("stdout", stream, "slow", processes=3) for stream in ("pipe", "fifo", "socket", "tty")),
    *(Kind("print", stream, "dies", statuses=(READER_GONE, TIMEOUT)) for stream in ("pipe", "fifo", "socket")),
    *(Kind(script, "pipe", "stops") for script in ("stdout", "spin", "sleep", "naps", "threads")),
    Kind("sleep", "tty", "stops"),
    Kind("threads", "pipe", "stalls"),
    Kind("print", "pipe", "stalls", options=("-v",)),
    Kind("naps", "pipe", "stalls", options=("--trace",)),
    Kind("naps", "stopped tty", "stalls", options=("--trace", "-vv")),
    Kind("stdin", "pipe", "stalls", where="stdin"),
    Kind("stdin", "tty", "stalls", where="stdin"),
    *(Kind("stdin", stream, "slow", where="stdin", processes=3) for stream in ("pipe", "fifo", "socket", "tty")),
    Kind("traces", "pipe", "stalls", options=("--trace",)),
    Kind("traces", "pipe", "stalls"),
    Kind("reads", "urandom", "stalls", where="stdin"),
    Kind("frames", "pipe", "stalls"),
    *(Kind("script", stream, other, where="script")
      for stream, other in (("pipe", "stalls"), ("tty", "stalls"), ("fifo", "stalls"), ("pipe", "stops"))),
]


class Circumstance:
    """A Kind with its streams open and its numbers chosen. `continued` is when pyhl was last let go on, or 0."""

    def __init__(self, kind, rng, timeout, scratch):
        self.kind, self.name, self.processes, self.statuses = kind, kind.name, kind.processes, kind.statuses
        self.rng, self.timeout, self.continued = rng, timeout, 0.0
        self.message = None
        self.end, self.other = self.open_stream(scratch)
        self.stdin = self.end if kind.where in ("stdin", "script") else os.open("/dev/null", os.O_RDONLY)
        self.stdout = self.stderr = self.end
        if kind.where != "output":
            self.stdout = os.open("/dev/null", os.O_WRONLY)
            self.message = os.path.join(scratch, "message")
            self.stderr = os.open(self.message, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.arguments = [*kind.options, *self.script(scratch)]

    def open_stream(self, scratch):
        if self.kind.stream == "urandom":
            return os.open("/dev/urandom", os.O_RDONLY), -1
        end, other = STREAMS[self.kind.stream](scratch)
        if self.kind.where != "output" and self.kind.stream in ("pipe", "fifo"):
            return other, end
        return end, other

    def script(self, scratch):
        name = self.kind.script
        if name == "script" and self.kind.stream == "fifo":
            path = os.path.join(scratch, "script.py")
            os.mkfifo(path)
            return [path]
        if name == "script":
            return ["-"]
        if name in CALLS:
            path = os.path.join(scratch, "script.py")
            with open(path, "w") as file:
                file.write(flood(name))
            return [path]
        return ["-c", SCRIPTS[name].format(size=self.rng.choice((1, 100, 4096, 5000, 65536, 300000)))]

    def act(self, processes, over):
        getattr(self, f"act_{self.kind.other}")(processes, over)

    def act_stalls(self, processes, over):
        pass

    def act_slow(self, processes, over):
        os.set_blocking(self.other, False)
        while not over.wait(0.002):
            try:
                if self.kind.where == "output":
                    os.read(self.other, 4096)
                else:
                    os.write(self.other, b"x\n" * 50)
            except BlockingIOError:
                pass

    def act_dies(self, processes, over):
        over.wait(self.rng.uniform(0, self.timeout))
        os.close(self.other)
        self.other = -1

    def act_stops(self, processes, over):
        over.wait(self.rng.uniform(0.05, self.timeout * 0.9))
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        time.sleep(self.rng.uniform(0.1, 2 * self.timeout))
        self.continued = time.monotonic()
        for process in processes:
            process.send_signal(signal.SIGCONT)

    def message_problem(self, status):
        """What is wrong with the message, where there was room for one."""
        if self.message and status == TIMEOUT:
            with open(self.message) as file:
                text = file.read()
            if text.count(f"--timeout of {self.timeout} s is over") < 1:
                return f"no message of its own: {text!r}"
        return ""

    def close(self):
        for fd in {self.end, self.other, self.stdin, self.stdout, self.stderr} - {-1}:
            os.close(fd)
