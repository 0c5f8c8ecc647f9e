# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of a session with live children: one waits in a pipe, one computes, one is stopped. In each branch, in a
copy, and from a file they go on from where they were."""
from check import case, ends, gives, same
from save_cases import folder, run

CHILDREN = """import os, signal
ask, answer = os.pipe(), os.pipe()
def serve():
    n = 0
    while True:
        n += int(os.read(ask[0], 9))
        os.write(answer[1], str(n).encode())
def add(n):
    os.write(ask[1], str(n).encode())
    return int(os.read(answer[0], 9))
def spin():
    while True: pass
def fork(act):
    pid = os.fork()
    if pid == 0:
        act()
        os._exit(7)
    return pid
server, spinner = fork(serve), fork(spin)
stopped = fork(lambda: os.kill(os.getpid(), signal.SIGSTOP))
os.waitid(os.P_PID, stopped, os.WSTOPPED)
add(5)
"""
GO_ON = "os.kill(stopped, signal.SIGCONT); os.waitpid(stopped, 0)[1] >> 8"
KILL = "for pid in (server, spinner): os.kill(pid, 9)\nsorted(os.wait()[1] for _ in range(2))"


@case
def living_children(session):
    """Whatever a branch did with the children, the next has them as they were, and all memory, too."""
    ends(session.cell(CHILDREN), 0)
    point = session.checkpoint()
    filed = session.file(point)
    for i in range(3):
        for go, to in ((session.to, point), (session.copy, point), (session.copy, filed), (session.to, filed)):
            go(to)
            session.check()
            gives(session.cell(f"add({i})"), str(5 + i))
            gives(session.cell(GO_ON), "7")
            gives(session.cell(KILL), "[9, 9]")


@case
def living_children_saved(session):
    """The same from a file, in other processes."""
    with folder() as path:
        same(run(path, session, "--save", "living", "-c", CHILDREN), "")
        for n in 1, 2:
            same(run(path, session, "--from", "living", "-c", f"print(add({n}), {GO_ON})".replace(
                "os.kill(stopped, signal.SIGCONT); ", "os.kill(stopped, signal.SIGCONT) or ")), f"{5 + n} 7\n")
