# SPDX-License-Identifier: Apache-2.0
"""Cases of pyhl shell. What dash shows natively, in a chroot of the image, it must show in a VM."""
import fcntl
import os
import signal
import struct
import subprocess
import termios

from terminal import ENV, HERE, HOME, LIMIT, ROOT, Terminal

SHELL = [os.path.abspath("build/pyhl"), "shell", "--dest", HOME]
NATIVE = ["python3", os.path.join(HERE, "..", "py", "inroot.py"), ROOT, "/"]


def typed(command, lines):
    """lines: pairs (what to wait for, what is then typed); a number is a size of the terminal in place of the latter."""
    terminal = Terminal(command)
    before = terminal.modes()
    seen = 0
    for text, answer in lines:
        terminal.wait_for_after(seen, text)
        seen = len(terminal.shown)
        if isinstance(answer, int):
            fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", answer, 80, 0, 0))
        else:
            terminal.type(answer)
    shown, status = terminal.finish()
    return shown.replace(b"\x1b[?2004h", b""), status, before


def same(lines, must, status):
    wanted, got = (typed(command, lines) for command in ([*NATIVE, "/bin/sh"], SHELL))
    wrong = [] if got == wanted else [f"pyhl showed   {got}", f"dash showed   {wanted}"]
    if must not in got[0] or got[1] != status:
        wrong.append(f"neither {must} and {status}, but {got}")
    return wrong


def case_shell_lines():
    return same([(b"# ", b"echo a$((1 + 1)) >&2; test -t 0 && stty size; cd /usr; pwd\n"), (b"/usr\r\n# ", b"nonesuch\n"),
                 (b"not found\r\n# ", b"exit 7\n")], b"a2\r\n33 111\r\n/usr\r\n# ", 7)


def case_shell_keys():
    """Ctrl-C ends what runs and not the shell, Ctrl-Z stops it, Ctrl-D ends its input."""
    runs = b"sh -c 'echo go; exec sleep 100'\n"
    return same([(b"# ", runs), (b"\r\ngo\r\n", b"\x03"), (b"# ", b"echo $?\n"), (b"130\r\n# ", b"cat\n"),
                 (b"cat\r\n", b"typed\x7f\x7fing\n"), (b"typing\r\n", b"\x04"), (b"# ", runs), (b"\r\ngo\r\n", b"\x1a"),
                 (b"sleep 100\"\r\n# ", b"exit 9\n"), (b"stopped jobs.\r\n# ", b"exit 9\n")], b"typing\r\n", 9)


def case_shell_size():
    """What runs on the terminal hears of a new size."""
    return same([(b"# ", b"sh -c 'trap \"stty size; exit\" WINCH; echo go; while :; do :; done'\n"), (b"go\r\n", 50),
                 (b"50 80\r\n# ", b"exit\n")], b"50 80\r\n", 0)


AFTER = """'$@' & echo "<$!>"; fg >/dev/null; status=$?; stty -a | grep -o '[-]*icanon'; exit $status""".replace("'$@'", '"$@"')


def case_shell_put_back():
    """However it ends, the terminal is as it was."""
    wrong = []
    for end, status in ((lambda terminal: terminal.type(b"exit 3\n"), 3),
                        (lambda terminal: os.kill(terminal.shell, signal.SIGTERM), 143),
                        (lambda terminal: terminal.type(b"kill -9 $$\n"), 137)):
        terminal = Terminal(["bash", "-mc", AFTER, "-", *SHELL])
        terminal.wait_for(b"# ")
        terminal.shell = int(terminal.shown.partition(b"<")[2].partition(b">")[0])
        end(terminal)
        shown, have = terminal.finish()
        if have != status or not shown.endswith(b"icanon\r\n") or b"-icanon" in shown:
            wrong.append(f"status {have}, not {status}; showed {shown}")
    return wrong


def piped(words, data=b"", **options):
    done = subprocess.run([*SHELL, *words], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT, env=ENV,
                          **options)
    return done.returncode, done.stdout, done.stderr


def case_shell_streams():
    wrong = []
    for words, data, status, out, err in (
            ([], b"echo a; echo b >&2; exit 4", 4, b"a\n", b"b\n"), (["-c", "echo $0-$1", "x", "y"], b"", 0, b"x-y\n", b""),
            (["sha1sum"], bytes(10 << 20), 0, b"8c206a1a87599f532ce68675536f0b1546900d7a  -\n", b""),
            (["-c", "exec cat /proc/sys/kernel/ostype"], b"", 0, b"Linux\n", b""),
            (["none"], b"", 127, b"", b"pyhl shell: none: No such file or directory\n"),
            (["/etc/passwd"], b"", 126, b"", b"pyhl shell: /etc/passwd: Permission denied\n"),
            (["--timeout", "0.3", "sleep", "20"], b"", 124, b"", b""), (["-c", "kill -TERM $$"], b"", 143, b"", b""),
            (["--env", "A=b", "-c", "echo $A $HOME"], b"", 0, b"b /root\n", b"")):
        got = piped(words, data)
        if got != (status, out, err):
            wrong.append(f"{words}: {got}")
    started = subprocess.Popen([*SHELL, "-c", "echo go; exec sleep 20"], stdout=subprocess.PIPE, env=ENV)
    started.stdout.readline()
    started.terminate()
    if started.wait(LIMIT) != 143:
        wrong.append(f"SIGTERM: status {started.returncode}")
    started = subprocess.Popen([*SHELL, "yes"], stdout=subprocess.PIPE, env=ENV)
    started.stdout.readline()
    started.stdout.close()
    if started.wait(LIMIT) != 141:
        wrong.append(f"a reader that goes: status {started.returncode}")
    with open("/dev/full", "wb") as full:
        got = subprocess.run([*SHELL, "-c", "echo"], stdout=full, stderr=subprocess.PIPE, env=ENV, timeout=LIMIT)
    if (got.returncode, got.stderr) != (125, b"pyhl shell: writing its output: No space left on device\n"):
        wrong.append(f"a full disk: {got.returncode}, {got.stderr}")
    return wrong
