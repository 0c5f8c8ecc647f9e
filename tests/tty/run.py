#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare what python3 and pyhl show on a terminal, and on other streams than pipes; called by run.sh.

usage: run.py [CASE...] | --list

A case is a function below, named case_NAME. It returns a list of what is wrong.
"""
import os
import signal
import subprocess
import sys
import tempfile
import time

import pip
import repl
import shell
from terminal import ENV, LIMIT, PYHL, PYTHON, Terminal


def on_terminal(program, code, answers=()):
    """answers: pairs (text to wait for, bytes to type)."""
    terminal = Terminal(program + ["-c", code])
    for text, typed in answers:
        terminal.wait_for(text)
        time.sleep(0.1)  # for the program to be reading
        terminal.type(typed)
    return terminal.finish()


def same(code, answers=(), must=b""):
    wanted = on_terminal(PYTHON, code, answers)
    got = on_terminal(PYHL, code, answers)
    wrong = [] if got == wanted else [f"pyhl showed    {got}", f"python3 showed {wanted}"]
    if must not in wanted[0]:
        wrong.append(f"python3 itself did not show {must}: {wanted}")
    return wrong


def piped(program, code, **streams):
    """Standard output and error together, and the exit status."""
    done = subprocess.run(["env", *program, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=LIMIT, env=ENV, **streams)
    return done.stdout, done.returncode


def case_what_they_are():
    return same("import os, sys, stat\n"
                "for fd in range(3): print(os.isatty(fd), stat.S_ISCHR(os.fstat(fd).st_mode))\n"
                "print(sys.stdin.line_buffering, sys.stdout.line_buffering, sys.stderr.line_buffering)\n"
                "print(os.get_terminal_size(), os.environ['TERM'])\n"
                "print(sys.stdin.isatty(), sys.stdout.isatty(), os.tcgetpgrp(0) == os.getpgrp())\n", must=b"columns=111")


def case_as_it_comes():
    """Lines show while the script runs: it goes on only when its first line was seen."""
    code = "print('first')\nprint(repr(input()))\nimport os; os._exit(3)\n"
    return same(code, [(b"first", b"an answer\n")], must=b"'an answer'")


def case_prompt():
    return same("print(repr(input('name: ')))", [(b"name: ", b"joe\n")], must=b"'joe'")


READERS = """import os, select, sys, threading
def by_poll():
    poll = select.poll()
    poll.register(0, select.POLLIN)
    return poll.poll()
def by_epoll():
    with select.epoll() as epoll:
        epoll.register(0, select.EPOLLIN | select.EPOLLET)
        return epoll.poll()
def by_select():
    return select.select([0], [], [])[0]
found = []
def wait(by):
    found.append((by.__name__, by()))
threads = [threading.Thread(target=wait, args=(by,)) for by in (by_poll, by_epoll, by_select)]
for thread in threads: thread.start()
print('go')
while busy and len(found) < 3: pass
for thread in threads: thread.join()
print(sorted(found), repr(input()))
"""


def case_readers():
    """Who waits for input is told of it in every way there is to wait, while another thread computes and while none
    does."""
    return [line for busy in (True, False)
            for line in same(f"busy = {busy}\n" + READERS, [(b"go", b"an answer\n")], must=b"('by_poll', [(0, 1)])")]


def case_end_of_input():
    return same("import sys\nprint('go')\nprint(repr(sys.stdin.read()))",
                [(b"go", b"some text\n"), (b"some text\r\n", b"\x04")], must=b"'some text\\n'")


def case_interrupt():
    """The exit status is that of death by SIGINT, which is what stops a loop of a shell."""
    return same("print('go')\nimport time\ntime.sleep(20)", [(b"go", b"\x03")], must=b"KeyboardInterrupt")


def case_shell_loop():
    terminal = Terminal(["bash", "-c", 'for i in 1 2 3; do "$@"; done; echo the loop went on', "-", *PYHL, "-c",
                         "print('go')\nimport time\ntime.sleep(20)"])
    terminal.wait_for(b"go")
    terminal.type(b"\x03")
    shown, _ = terminal.finish()
    return [f"showed {shown}"] if b"loop went on" in shown or shown.count(b"go") != 1 else []


COPYING = PYHL + ["--copy-in", "/etc/passwd:copied"]
WAITING = "print('go')\nimport time\ntime.sleep(20)"


def case_two_processes():
    """With files to copy, the command is two processes, and shows nothing of that."""
    answers = [(b"go", b"\x03")]
    wanted, got = (on_terminal(program, WAITING, answers) for program in (PYTHON, COPYING))
    wrong = [] if got == wanted else [f"pyhl showed    {got}", f"python3 showed {wanted}"]
    terminal = Terminal(["bash", "-c", 'for i in 1 2 3; do "$@"; done; echo the loop went on', "-", *COPYING, "-c", WAITING])
    terminal.wait_for(b"go")
    terminal.type(b"\x03")
    shown, _ = terminal.finish()
    if b"loop went on" in shown or shown.count(b"go") != 1:
        wrong.append(f"a loop: {shown}")
    started = subprocess.Popen(["env", *COPYING, "-u", "-c", WAITING], stdout=subprocess.PIPE, env=ENV)
    started.stdout.readline()
    started.terminate()
    if started.wait(LIMIT) != 143:
        wrong.append(f"SIGTERM: status {started.returncode}")
    return wrong


def case_two_processes_stop():
    """Ctrl-Z stops both, fg lets both go on."""
    terminal = Terminal(["bash", "--norc", "--noprofile", "-i"])
    code = "print('g' + 'o', flush=True)\nimport time\ntime.sleep(1)\nprint('en' + 'd')"
    terminal.type(b" ".join(map(os.fsencode, COPYING)) + b" -c $'" + code.replace("'", "\\'").replace("\n", "\\n").encode() +
                  b"'\n")
    terminal.wait_for(b"go")
    terminal.type(b"\x1a")
    terminal.wait_for(b"Stopped")
    time.sleep(1.5)
    early = b"end" in terminal.shown
    terminal.type(b"fg\n")
    terminal.wait_for(b"end")
    terminal.type(b"exit\n")
    shown, _ = terminal.finish()
    return [f"it went on while it was stopped: {shown}"] * early + [f"showed {shown}"] * (b"end" not in shown)


def case_getpass():
    answers = [(b"secret: ", b"hunter2\n")]
    code = "import getpass\nprint(len(getpass.getpass('secret: ')))"
    wrong = same(code, answers, must=b"7")
    if b"hunter2" in on_terminal(PYHL, code, answers)[0]:
        wrong.append("the secret was echoed")
    return wrong


def case_modes():
    return same("import termios, sys\n"
                "old = termios.tcgetattr(0)\n"
                "print(bool(old[3] & termios.ECHO), bool(old[3] & termios.ICANON))\n"
                "new = termios.tcgetattr(0)\n"
                "new[3] &= ~(termios.ECHO | termios.ICANON)\n"
                "termios.tcsetattr(0, termios.TCSADRAIN, new)\n"
                "print('key?')\n"
                "print(repr(sys.stdin.read(1)))\n"
                "termios.tcsetattr(0, termios.TCSADRAIN, old)\n", [(b"key?", b"x")], must=b"'x'")


def restored(options, ending, answers, wanted):
    """A script that turns echo off and ends in the given way leaves the terminal as it found it."""
    code = ("import termios\nnew = termios.tcgetattr(0)\nnew[3] &= ~(termios.ECHO | termios.ICANON)\n"
            "termios.tcsetattr(0, termios.TCSANOW, new)\nprint('off')\n" + ending)
    terminal = Terminal(PYHL + options + ["-c", code])
    before = terminal.modes()
    terminal.wait_for(b"off")
    off = terminal.modes()
    for typed in answers:
        time.sleep(0.1)
        terminal.type(typed)
    _, status = terminal.finish()
    after = terminal.modes()
    if (before, off, after, status) != ((True, True), (False, False), (True, True), wanted):
        return [f"{ending!r}: before {before}, while off {off}, afterwards {after}, status {status}"]
    return []


def case_modes_put_back():
    wait = "import time\ntime.sleep(20)"
    return (restored([], "input()", [b"\n"], 0) + restored([], wait, [b"\x03"], -signal.SIGINT) +
            restored(["--timeout", "1"], wait, [], 124) +
            restored(["--timeout", "1"], "while True: pass", [], 124) +
            restored([], "import ctypes\ninput()\nctypes.string_at(0)", [b"\n"], 139))


def case_order():
    """What is written first shows first, where both streams go to one place."""
    code = ("import os, sys\n"
            "for i in range(200):\n"
            "    print('out', i, flush=True)\n"
            "    print('err', i, file=sys.stderr)\n"
            "    os.write(1 + i % 2, b'raw %d\\n' % i)\n"
            "raise SystemExit('last')\n")
    wrong = same(code, must=b"err 199")
    wanted = piped(PYTHON, code)
    got = piped(PYHL, code)
    if got != wanted or b"err 199" not in wanted[0]:
        wrong.append(f"on one pipe: pyhl {got}, python3 {wanted}")
    with tempfile.TemporaryFile() as file:
        subprocess.run(["env", *PYHL, "-c", code], stdout=file, stderr=file, timeout=LIMIT, env=ENV)
        file.seek(0)
        if file.read() != wanted[0]:
            wrong.append("in one file the order is another")
    return wrong


def case_two_positions():
    """A file opened twice is two places: nothing of pyhl's makes one of them."""
    code = "import sys\nprint('12345678', flush=True)\nprint('ab', file=sys.stderr)"
    found = []
    for program in PYTHON, PYHL:
        with tempfile.NamedTemporaryFile() as one, open(one.name, "wb") as two:
            subprocess.run(["env", *program, "-c", code], stdout=one, stderr=two, timeout=LIMIT, env=ENV)
            found.append(one.read())
    return [] if found[0] == found[1] else [f"python3 left {found[0]}, pyhl {found[1]}"]


def case_file_on_stdin():
    code = ("import os, sys, stat\n"
            "print(stat.S_ISREG(os.fstat(0).st_mode), os.fstat(0).st_size, sys.stdin.seekable(), sys.stdin.isatty())\n"
            "print(repr(sys.stdin.readline()), sys.stdin.tell(), sys.stdin.seek(0), repr(sys.stdin.read(9)))\n"
            "print(os.lseek(0, -4, os.SEEK_END), os.pread(0, 5, 1), os.read(0, 99), os.read(0, 99))\n"
            "print(os.lseek(0, 3, os.SEEK_SET))\n"
            "sys.stdin.close()\n")
    wrong, found = [], []
    for program in PYTHON, PYHL:
        with tempfile.TemporaryFile() as file:
            file.write(b"before\nline 1\nline 2\nline 3\n")
            file.seek(7)
            shown = piped(program, code, stdin=file)
            found.append((shown, file.read()))
    if found[0] != found[1] or b"line 1" not in found[0][0][0]:
        wrong.append(f"python3 {found[0]}, pyhl {found[1]}")
    # What is read is read from the descriptor that the shell's next command has, too.
    found = []
    for program in PYTHON, PYHL:
        with tempfile.TemporaryFile() as file:
            file.write(b"0123456789")
            file.seek(2)
            piped(program, "import os; os.read(0, 3)", stdin=file)
            found.append(file.read())
    return wrong + ([] if found == [b"56789", b"56789"] else [f"left for the next command: {found}"])


def case_closed():
    code = ("import sys, os\nprint(sys.stdin, sys.stdout, sys.stderr, file=sys.stdout or sys.stderr)\n"
            "print('nowhere', file=sys.__stderr__)\n"
            "sys.exit(os.open('/', os.O_RDONLY))\n")
    wrong = []
    for closing in "<&-", ">&-", "2>&-", "<&- >&-":
        found = [subprocess.run(["bash", "-c", f'"$@" {closing}', "-", "env", *program, "-c", code],
                                capture_output=True, timeout=LIMIT, env=ENV, stdin=subprocess.DEVNULL)
                 for program in (PYTHON, PYHL)]
        a, b = [(done.stdout, done.stderr, done.returncode) for done in found]
        if a != b or b"None" not in a[0] + a[1]:
            wrong.append(f"{closing}: python3 {a}, pyhl {b}")
    return wrong


def case_script_of_a_descriptor():
    """<(...), /dev/stdin: what python3 itself shows, the host's, for the chroot has no /proc."""
    code = "import sys\\nprint(sys.argv, __file__)\\nprint(repr(sys.stdin.read()))\\n"
    wrong = []
    for shell in (f"""printf "{code}" | "$@" /dev/stdin a -v""", f"""printf "{code}" | "$@" /proc/self/fd/0""",
                  f"""echo input | "$@" <(printf "{code}") b""",
                  """cd /proc/self/fdinfo && "$@" <(echo 'print("here")')""",
                  """cd /proc/self && "$@" -c 'print("there")'"""):
        found = [subprocess.run(["bash", "-c", shell, "-", *program], capture_output=True, timeout=LIMIT)
                 for program in (["python3"], PYHL)]
        a, b = [(done.stdout, done.stderr, done.returncode) for done in found]
        if a != b or not a[0]:
            wrong.append(f"{shell}: python3 {a}, pyhl {b}")
    return wrong


def case_time_is_over():
    """What was printed is written when --timeout ends a run."""
    wrong = []
    for what in ("while True: pass", "import time\ntime.sleep(20)", "import threading\nthreading.Event().wait()",
                 "import threading, time\nthreading.Thread(target=time.sleep, args=(20,)).start()",
                 "input()", "import subprocess, select\nselect.select([], [], [])",
                 "import os\nr, w = os.pipe()\nos.read(r, 1)"):
        read, write = os.pipe()  # a stdin that stays open
        shown, status = piped(PYHL + ["--timeout", "0.5"], "print('so far')\n" + what, stdin=read)
        os.close(read)
        os.close(write)
        if not shown.startswith(b"so far\npyhl run: stopped: --timeout") or status != 124:
            wrong.append(f"{what!r}: {shown}, status {status}")
    # C code that does not come back to Python in time: nothing is written, and the run ends all the same.
    shown, status = piped(PYHL + ["--timeout", "0.5"], "print('lost')\nsum(range(10 ** 12))")
    if b"stopped: --timeout" not in shown or status != 124:
        wrong.append(f"in C: {shown}, status {status}")
    return wrong


def main(words):
    cases = {name[5:]: value for name, value in {**globals(), **vars(repl), **vars(pip), **vars(shell)}.items() if name.startswith("case_")}
    if words == ["--list"]:
        print(*cases, sep="\n")
        return 0
    for word in words:
        if word not in cases:
            print(f"run.py: there is no case '{word}'; --list names them all", file=sys.stderr)
            return 2
    failed = 0
    for name in words or cases:
        wrong = cases[name]()
        failed += bool(wrong)
        print(f"{'FAIL' if wrong else 'pass'} {name}", *(f"     {line}" for line in wrong), sep="\n")
    print(f"{len(words or cases) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
