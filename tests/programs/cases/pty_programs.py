# Programs on a terminal of their own: pty.spawn, pty.fork, and a conversation that waits for what the other says.
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import tty
import fcntl

heard = []


def listen(fd):
    data = os.read(fd, 1024)
    heard.append(data)
    return data


print(pty.spawn(["sh", "-c", "test -t 0 && test -t 1 && test -t 2 && echo on a terminal; exit 3"], listen,
                lambda fd: b"") >> 8)
print(b"".join(heard))


class Conversation:
    """A program on a terminal; expect() waits for a pattern."""

    def __init__(self, *words):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(words[0], words, {"PATH": os.environ["PATH"], "TERM": "dumb", "PS1": "prompt> ",
                                        "PYTHON_BASIC_REPL": "1"})
        self.text = b""

    def expect(self, pattern, seconds=30):
        until = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text)):
            if not select.select([self.fd], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError(f"{pattern} is not in {self.text}")
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            if not data:
                raise EOFError(f"{pattern} is not in {self.text}")
            self.text += data
        before, self.text = self.text[:found.start()], self.text[found.end():]
        return before, found[0]

    def send(self, line):
        os.write(self.fd, line)

    def end(self):
        try:
            while data := os.read(self.fd, 4096):
                self.text += data
        except OSError:
            pass
        os.close(self.fd)
        return self.text, os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


shell = Conversation("sh", "-i")
print(shell.expect(rb"prompt> "))
shell.send(b"echo $((6 * 7)); stty size\n")
print(shell.expect(rb"prompt> "))
fcntl.ioctl(shell.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90, 0, 0))
shell.send(b"stty size; tty\n")
print(re.sub(rb"pts/\d+", b"pts/N", shell.expect(rb"prompt> ")[0]))
shell.send(b"sleep 60\n")
shell.expect(rb"sleep 60\r\n")
time.sleep(0.3)
shell.send(b"\x03")
print(shell.expect(rb"prompt> "))
shell.send(b"echo status $?\n")
print(shell.expect(rb"status \d+\r\n"), shell.expect(rb"prompt> "))
shell.send(b"cat\n")
shell.expect(rb"cat\r\n")
time.sleep(0.2)
shell.send(b"a lime\x7f\x7f\x7fine\n")
print(shell.expect(rb"\na line\r\n"), shell.send(b"\x04"))
shell.expect(rb"prompt> ")
shell.send(b"read -r secret; echo ${#secret}\n")
shell.expect(rb"secret}\r\n")
shell.send(b"four\n")
print(shell.expect(rb"prompt> "))
shell.send(b"exit 5\n")
print(shell.end())

python = Conversation(sys.executable, "-q")
python.expect(rb">>> ")
python.send(b"x = 20\n")
python.expect(rb">>> ")
python.send(b"print(x + 1)\n")
print(python.expect(rb"(\d+)\r\n>>> "))
python.send(b"import getpass; print(getpass.getpass('word: ')[::-1])\n")
python.expect(rb"\r\nword: ")
python.send(b"hidden\n")
print(python.expect(rb">>> "))
python.send(b"exit(4)\n")
print(python.end())

# The slave in raw mode, and the end of the session when the master is closed.
master, slave = pty.openpty()
tty.setraw(slave)
child = subprocess.Popen(["cat"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
os.close(slave)
os.write(master, b"\x03\x04\x1c raw")
got = b""
while len(got) < 7:
    got += os.read(master, 100)
print(got)
child.terminate()
print(child.wait())
os.close(master)

pid, fd = pty.fork()
if pid == 0:
    signal.signal(signal.SIGHUP, lambda *_: os._exit(17))
    print("ready", flush=True)
    while True:
        signal.pause()
print(os.read(fd, 100))
os.close(fd)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
