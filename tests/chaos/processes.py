# SPDX-License-Identifier: Apache-2.0
# Processes of a hostile run: those that wait, compute, are stopped, have ended, or run another program. They are still
# there when the run ends, and most have memory of their own.
import mmap
import os
import signal
import sys
import time

PROGRAMS = (
    "import time; time.sleep(100)",
    "while True: pass",
    "import os\nfor _ in range(3): os.fork()\nos.read(os.pipe()[0], 1)",
    "pass",
    "x = [bytearray(1 << 16) for _ in range(100)]\nwhile True: x[len(x) // 2][:] = bytes(1 << 16)",
    "import os; os.kill(os.getpid(), 11)",
)


def program(rnd):
    return [sys.executable, "-I", "-S", "-c", rnd.choice(PROGRAMS)]


def wait_in_pipe(rnd):
    os.read(os.pipe()[0], 1)


def compute(rnd):
    """Writes what it shares with its parent, and memory of its own."""
    own = [mmap.mmap(-1, 4096 * rnd.randrange(1, 300), flags=rnd.choice((mmap.MAP_SHARED, mmap.MAP_PRIVATE)))
           for _ in range(rnd.randrange(4))]
    while True:
        for memory in own:
            memory[rnd.randrange(len(memory))] = 1
        rnd.random()


def end(rnd):
    if rnd.random() < 0.5:
        os.kill(os.getpid(), rnd.choice((signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM)))


def stop(rnd):
    os.kill(os.getpid(), signal.SIGSTOP)


def execute(rnd):
    os.execv(sys.executable, program(rnd))


def orphans(rnd):
    for _ in range(rnd.randrange(1, 4)):
        fork(rnd, rnd.choice((wait_in_pipe, compute, end)))


def session(rnd):
    os.setsid()
    orphans(rnd)
    wait_in_pipe(rnd)


def fork(rnd, act):
    pid = os.fork()
    if pid == 0:
        try:
            rnd.seed(os.getpid())
            act(rnd)
        finally:
            os._exit(3)
    return pid


def processes(rnd, amount):
    """os.posix_spawn() is vfork(2) and execve(2)."""
    pids = []
    for _ in range(1 + amount % 6):
        act = rnd.choice((wait_in_pipe, compute, compute, end, stop, execute, orphans, session, None))
        argv = program(rnd)
        pids.append(fork(rnd, act) if act else os.posix_spawn(sys.executable, argv, os.environ))
    time.sleep(rnd.choice((0, 0.0005, 0.003)))
    for pid in pids:
        if rnd.random() < 0.2:
            os.kill(pid, rnd.choice((signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT)))
        if rnd.random() < 0.2:
            os.waitpid(pid, os.WNOHANG)


def child(rnd, _):
    """The acts that come now are those of a child; the parent waits for it, ends at once, or computes on."""
    pid = os.fork()
    if pid != 0:
        way = rnd.random()
        if way < 0.6:
            os.waitpid(pid, 0)
        elif way < 0.8:
            time.sleep(0.002)
        else:
            compute(rnd)
        os._exit(5)
