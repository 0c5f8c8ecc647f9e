# SPDX-License-Identifier: Apache-2.0
"""The agent: a process in the guest that starts commands for the host, beside the program of a session.

It is a Python of its own, started by agent_start.py, so nothing that the session's program does to its own interpreter
reaches it. It talks with the host by calls of two functions on HV_TOOL_DEVICE, which no program is told of:

pyhl:next  asks for messages, and is open until there are some. It carries a number by which the host knows this agent, and
           that of the last message that has come. When a run of the machine ends, open calls fail; the next one makes
           the host repeat what was lost.
pyhl:out   tells the host something, and is answered at once.

Bytes flow in windows, on each command's output and on its input: whoever sends stops when WINDOW bytes are under way
that the other side has not said it has taken. pyhl/agent.h has the messages; each integer is
little-endian.
"""
import errno
import fcntl
import os
import select
import signal
import struct
import sys
import termios

DEVICE = "/dev/pyhl-tool"
REPLY = struct.Struct("<IIQ")  # struct hv_reply
MESSAGE = struct.Struct("<QIIQ")  # from the host: its number, what, how many bytes follow, the command
TOLD = struct.Struct("<IIQ")  # to the host: what, 0, the command
START = struct.Struct("<IIIHH")  # flags, counts of arguments and of environment, rows, columns
WINDOW = 256 << 10
PIECE = 64 << 10
PAUSE = 0.05  # seconds until a call is tried again that the host did not take

HELLO, RUN, STDIN, STDIN_END, SIGNAL, RESIZE, TAKEN = range(1, 8)
HERE, STARTED, FAILED, STDOUT, STDERR, DONE, TOOK = range(1, 8)
WITH_STDIN, WITH_PTY = 1, 2

poll = select.poll()
ready = {}  # by descriptor: what is to be done when it is ready
commands = {}  # by number


def watch(fd, events, function):
    poll.register(fd, events)
    ready[fd] = function


def forget(fd):
    if ready.pop(fd, None) is not None:
        poll.unregister(fd)


def close(fd):
    forget(fd)
    os.close(fd)


# --- calls of the host ---


def read_reply(fd):
    """(whether the call failed, its reply)"""
    data = os.read(fd, PIECE)
    failed, _, size = REPLY.unpack_from(data)
    parts, left = [data], REPLY.size + size - len(data)
    while left > 0:
        data = os.read(fd, left)
        if not data:
            return True, b""  # the run has ended meanwhile
        parts.append(data)
        left -= len(data)
    return failed, b"".join(parts)[REPLY.size:]


def pause():
    select.select([], [], [], PAUSE)


def tell(what, number, data=b""):
    """Tells the host, in this run of the machine or in the next one that has a host that listens."""
    while True:
        try:
            os.write(out, b"pyhl:out\0" + TOLD.pack(what, 0, number) + data)
            failed, _ = read_reply(out)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOMEM):
                raise
            failed = True
        if not failed:
            return
        pause()


class Host:
    """The call that asks for messages."""

    def __init__(self):
        self.fd = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK)
        self.own, self.last = int.from_bytes(os.urandom(8), "little") | 1, 0
        self.ask()
        watch(self.fd, select.POLLIN, self.answer)

    def ask(self):
        while True:
            try:
                os.write(self.fd, b"pyhl:next\0" + struct.pack("<QQ", self.own, self.last))
                return
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.ENOMEM):
                    raise
            pause()

    def answer(self, _):
        try:
            failed, data = read_reply(self.fd)
        except BlockingIOError:
            return
        if failed and not data.startswith(b"ConnectionAbortedError"):
            pause()  # this run has nobody who listens
        at = 0
        while not failed and at < len(data):
            number, what, size, command = MESSAGE.unpack_from(data, at)
            at += MESSAGE.size + size
            if number > self.last:
                self.last = number
                take(what, command, data[at - size:at])
        self.ask()


def take(what, number, data):
    command = commands.get(number)
    if what == HELLO:
        for command in commands.values():
            command.room, command.stopped = WINDOW, False
            command.go_on()
            tell(HERE, command.number, struct.pack("<i", command.pid) + command.text)
    elif what == RUN:
        start(number, data)
    elif command is None:
        pass  # it has ended, and the host hears of that
    elif what == STDIN:
        command.input.put(data)
    elif what == STDIN_END:
        command.input.end()
    elif what == SIGNAL:
        command.kill(*struct.unpack("<I", data))
    elif what == RESIZE:
        command.resize(*struct.unpack("<HH", data))
    elif what == TAKEN:
        command.room += struct.unpack("<I", data)[0]
        command.go_on()


# --- a command ---


class Input:
    """The standard input of a command: what the host has sent, and the command has not read."""

    def __init__(self, number, fd, terminal):
        self.number, self.fd, self.terminal = number, fd, terminal
        self.data, self.ended = b"", False
        self.count = 0  # of the bytes that the host has sent

    def put(self, data):
        self.count += len(data)
        if self.fd is None:  # the command has closed it
            self.took(len(data))
            return
        self.data += data
        self.write()

    def took(self, n):
        n = min(n, self.count)
        self.count -= n
        if n > 0:
            tell(TOOK, self.number, struct.pack("<I", n))

    def end(self):
        if self.fd is None:
            return
        if self.terminal:  # there it is a character
            self.data += termios.tcgetattr(self.fd)[6][termios.VEOF]
        self.ended = True
        self.write()

    def write(self, _=0):
        try:
            while self.data:
                n = os.write(self.fd, self.data[:PIECE])
                self.data = self.data[n:]
                self.took(n)
        except BlockingIOError:
            if self.fd not in ready:
                watch(self.fd, select.POLLOUT, self.write)
            return
        except OSError:  # EPIPE, EIO: nobody reads any more
            self.close()
            return
        forget(self.fd)
        if self.ended and not self.terminal:
            self.close()

    def close(self):
        if self.fd is not None:
            close(self.fd)
            self.fd = None
        self.took(len(self.data))
        self.data = b""


class Command:
    def __init__(self, number, pid, text, pipes, terminal):
        self.number, self.pid, self.text = number, pid, text
        self.input = Input(number, pipes[0], terminal)
        self.terminal = pipes[1] if terminal else None
        self.streams = {fd: what for fd, what in zip(pipes[1:], (STDOUT, STDERR)) if fd is not None}
        self.room = WINDOW  # so much output the host takes
        self.stopped = False  # there is more output than that
        self.status = None
        commands[number] = self
        for fd in self.streams:
            watch(fd, select.POLLIN, self.read)
        self.process = os.pidfd_open(pid)
        watch(self.process, select.POLLIN, self.exit)

    def read(self, fd):
        """Passes one piece on. Returns whether there may be more."""
        if self.room == 0:
            self.stopped = True
            for fd in self.streams:
                forget(fd)
            return False
        try:
            data = os.read(fd, min(PIECE, self.room))
        except BlockingIOError:
            return False
        except OSError:  # EIO: no process has the terminal any more
            data = b""
        if data:
            self.room -= len(data)
            tell(self.streams[fd], self.number, data)
            return True
        del self.streams[fd]
        close(fd)
        return False

    def go_on(self):
        """The host takes more output."""
        if self.room == 0:
            return
        if self.stopped:
            self.stopped = False
            for fd in self.streams:
                watch(fd, select.POLLIN, self.read)
        if self.status is not None:
            self.finish()

    def exit(self, _):
        close(self.process)
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.finish()

    def finish(self):
        """It has ended: what it has written is still to be passed on. Processes that it has left may write for ever."""
        for fd in [*self.streams]:
            while fd in self.streams and self.read(fd):
                pass
        if self.stopped:
            return
        self.input.close()
        for fd in self.streams:
            if fd == self.terminal:
                close(fd)
            else:
                watch(fd, select.POLLIN, drain)
        del commands[self.number]
        status, signo = (self.status, 0) if self.status >= 0 else (0, -self.status)
        tell(DONE, self.number, struct.pack("<II", status, signo))

    def kill(self, signo):
        try:
            os.killpg(self.pid, signo)
        except OSError:
            pass  # it has just ended

    def resize(self, rows, columns):
        if self.terminal in self.streams:
            set_size(self.terminal, rows, columns)


def drain(fd):
    """Output of a process that a command has left."""
    try:
        if os.read(fd, PIECE):
            return
    except BlockingIOError:
        return
    except OSError:
        pass
    close(fd)


# --- start ---


def set_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def of_user(name, env):
    """(uid, gid, groups) of a user, whose home is in the environment unless the host has named one."""
    import pwd
    try:
        user = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        raise LookupError(f"there is no user '{name}'") from None
    env.update({key: value for key, value in
                ((b"HOME", user.pw_dir.encode()), (b"USER", user.pw_name.encode()), (b"LOGNAME", user.pw_name.encode()))})
    return user.pw_uid, user.pw_gid, os.getgrouplist(user.pw_name, user.pw_gid)


def open_pipes(flags, rows, columns, opened):
    """The ends of the command, and ours: of stdin, stdout, stderr."""
    if flags & WITH_PTY:
        ours, theirs = os.openpty()
        opened += ours, theirs
        set_size(ours, rows, columns)
        opened.append(os.dup(ours))
        return (theirs, theirs, theirs), (opened[-1], ours)
    if flags & WITH_STDIN:
        stdin = os.pipe()
    else:
        stdin = os.open("/dev/null", os.O_RDONLY), None
    opened += [fd for fd in stdin if fd is not None]
    pairs = []
    for _ in range(2):
        pairs.append(os.pipe())
        opened += pairs[-1]
    return (stdin[0], pairs[0][1], pairs[1][1]), (stdin[1], pairs[0][0], pairs[1][0])


def execute(args, env):
    """As os.execvpe(), which takes 10 ms: it imports warnings."""
    denied = None
    places = [b""] if b"/" in args[0] else [place + b"/" for place in env.get(b"PATH", b"/bin:/usr/bin").split(b":")]
    for place in places:
        try:
            os.execve(place + args[0], args, env)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            denied = error
    number = denied.errno if denied is not None else errno.ENOENT
    raise OSError(number, os.strerror(number), args[0])


def become(theirs, flags, who, cwd, args, env):
    """In the child: the command, or an exception."""
    os.setsid()
    if flags & WITH_PTY:
        fcntl.ioctl(theirs[0], termios.TIOCSCTTY, 0)
    for fd, end in enumerate(theirs):
        os.dup2(end, fd)
    for signo in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(signo, signal.SIG_DFL)
    spare(0)
    if who is not None:
        os.setgroups(who[2])
        os.setgid(who[1])
        os.setuid(who[0])
    os.chdir(cwd)
    execute(args, env)


def spawn(theirs, *how):
    """A child that has become the command. The exception that it has met instead is raised here."""
    told, tells = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            become(theirs, *how)
        except BaseException as error:
            os.write(tells, b"\0".join(words(error)))
        os._exit(127)
    os.close(tells)
    said = os.read(told, 4096)
    os.close(told)
    if said:
        os.waitpid(pid, 0)
        kind, _, message = said.partition(b"\0")
        raise Refused(kind, message)
    return pid


class Refused(Exception):
    pass


def words(error):
    """The type and the message of a failure."""
    if isinstance(error, Refused):
        return error.args
    text = f"{os.fsdecode(error.filename)}: {error.strerror}" if getattr(error, "filename", None) else str(error)
    return type(error).__name__.encode(), text.encode("utf-8", "replace")[:1000]


def decode(data):
    flags, arg_count, env_count, rows, columns = START.unpack_from(data)
    cwd, user, *strings = data[START.size:].split(b"\0")[:-1]
    args, given = strings[:arg_count], strings[arg_count:arg_count + env_count]
    env = dict(os.environb)
    who = of_user(user.decode(), env) if user else None
    env.update(item.partition(b"=")[::2] for item in given)
    return flags, rows, columns, who, cwd or os.fsencode(os.getcwd()), args, env


def start(number, data):
    opened = []
    try:
        flags, rows, columns, *how = decode(data)
        theirs, ours = open_pipes(flags, rows, columns, opened)
        pid = spawn(theirs, flags, *how)
    except Exception as error:
        for fd in opened:
            os.close(fd)
        tell(FAILED, number, b"\0".join(words(error)))
        return
    for fd in set(theirs):
        os.close(fd)
    for fd in ours:
        if fd is not None:
            os.set_blocking(fd, False)
    tell(STARTED, number, struct.pack("<i", pid))
    Command(number, pid, shown(how[2]), ours, bool(flags & WITH_PTY))


def shown(args):
    """A command as the host calls it: a line of the shell, or its arguments."""
    return (args[2] if len(args) == 3 and args[:2] == [b"/bin/sh", b"-c"] else b" ".join(args))[:1000]


# --- the process ---


def spare(score):
    """When memory is used up another process is killed, but for a score of 0."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(score))
    except OSError:
        pass


def become_daemon():
    """Nobody's child: its end is nothing that the session's program could wait for."""
    os.closerange(3, 65536)
    os.setsid()
    pid = os.fork()
    if pid != 0:
        os.write(1, str(pid).encode())
        os._exit(0)
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)


def main():
    global out
    os.chdir(sys.argv[1])
    become_daemon()
    spare(-1000)
    out = os.open(DEVICE, os.O_RDWR)
    Host()
    while True:
        for fd, _ in poll.poll():
            if fd in ready:
                ready[fd](fd)


if __name__ == "__main__":
    main()
