# SPDX-License-Identifier: Apache-2.0
"""Takes what only one process can have, says whether it could, and ends before children that hold all of it: one
waits, one is stopped, one is a zombie, one computes. A run that finds what another has left says something else."""
import fcntl
import os
import pty
import signal
import socket
import time
from multiprocessing import shared_memory


def numbers():
    return sum(name.isdigit() for name in os.listdir("/proc"))


def listen(family, address):
    s = socket.socket(family)
    s.bind(address)
    s.listen()
    return s


def locked(path, lock):
    f = open(path, "w")
    lock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return f


before = numbers(), sorted(os.listdir("/dev/pts")), sorted(os.listdir("/dev/shm"))
held = [listen(socket.AF_INET, ("127.0.0.1", 7777)), listen(socket.AF_UNIX, "\0left"),
        locked("/etc/hostname", fcntl.flock), locked("/etc/hosts", fcntl.lockf),
        shared_memory.SharedMemory("left", create=True, size=100000, track=False), pty.openpty()]
held[4].buf[:4] = b"left"
ready, tell = os.pipe()


def child(act):
    pid = os.fork()
    if pid == 0:
        signal.setitimer(signal.ITIMER_REAL, 100)
        fcntl.lockf(open("/tmp/lock", "a+"), fcntl.LOCK_SH)
        os.write(tell, b"x")
        act()
        os._exit(0)
    os.read(ready, 1)
    return pid


def compute():
    while True:
        pass


waits = child(lambda: time.sleep(100))
stopped = child(lambda: os.kill(os.getpid(), signal.SIGSTOP))
zombie = child(lambda: None)
os.waitid(os.P_PID, stopped, os.WSTOPPED)
os.waitid(os.P_PID, zombie, os.WEXITED | os.WNOWAIT)
held.append(os.pidfd_open(waits))
child(compute)
print(before, numbers(), held[-1], [pid - waits for pid in (stopped, zombie)], flush=True)
os._exit(0)
