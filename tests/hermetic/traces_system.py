# SPDX-License-Identifier: Apache-2.0
"""Traces in what the kernel keeps: files, descriptors, signals, timers, limits."""
import fcntl  # noqa: E402
import hashlib  # noqa: E402
import mmap  # noqa: E402
import resource  # noqa: E402
import signal  # noqa: E402
import stat  # noqa: E402

WRITABLE = ["/", "/tmp", "/root", "/usr/lib", "/usr/bin", "/etc", "/var/tmp", "/run", "/dev/shm", "/home",
            "/usr/lib/python3.13", "/usr/lib/python3/dist-packages", "."]


SCRIPT = os.path.abspath(sys.argv[0])


def writable():
    return [d for d in WRITABLE if os.path.isdir(d)]


def read(path):
    with open(path, "rb") as file:
        return file.read()


@trace
class new_files:
    def look():
        return [d for d in writable() if [n for n in os.listdir(d) if "hermetic-left" in n]]

    def leave():
        for d in writable():
            base = os.path.join(d, "hermetic-left")
            with open(base, "wb") as file:
                file.write(b"left" * 5000)
            for kind in (os.mkdir, os.mkfifo):
                attempt(lambda: kind(f"{base}-{kind.__name__}"))
            os.symlink(base, base + "-symlink")
            os.link(base, base + "-link")


@trace
class module_files:
    """A module that a later `import` would find."""

    def look():
        try:
            import hermetic_left_module
        except ImportError:
            return None
        return str(hermetic_left_module)

    def leave():
        for d in ("/usr/lib/python3/dist-packages", "/usr/lib/python3.13"):
            with open(d + "/hermetic_left_module.py", "w") as file:
                file.write("left = 1\n")
        sys.path_importer_cache.clear()


@trace
class changed_files:
    def look():
        text = read("/etc/passwd")
        return b"hermetic" in text or not text.startswith(b"root:")

    def leave():
        with open("/etc/passwd", "ab") as file:
            file.write(b"hermetic:x:0:0::/:/bin/sh\n")
        with open("/etc/passwd", "r+b") as file:
            file.write(b"toor")


@trace
class truncated_files:
    """Files that are shrunk and grown again. A later run may see neither the zeroes nor the cut, and this run may not
    see the old bytes."""

    def look():
        return hashlib.sha256(read("/etc/services")).hexdigest() if read("/etc/services")[:1] == b"\0" else None

    def leave():
        os.truncate("/etc/services", 0)
        os.truncate("/etc/services", 12345)
        if read("/etc/services") != bytes(12345):
            print("old bytes after a file's end")


@trace
class removed_files:
    def look():
        return not os.path.exists("/usr/lib/python3.13/this.py") or not os.path.isdir("/usr/lib/python3.13/wsgiref")

    def leave():
        os.unlink("/usr/lib/python3.13/this.py")
        os.rename("/usr/lib/python3.13/wsgiref", "/usr/lib/python3.13/moved")


@trace
class file_metadata:
    def look():
        s = os.stat("/etc/hosts")
        return stat.S_IMODE(s.st_mode) == 0o4711 or s.st_mtime == 1.0

    def leave():
        os.chmod("/etc/hosts", 0o4711)
        os.chown("/etc/hosts", 12, 34)
        os.utime("/etc/hosts", (1, 1))
        os.link("/etc/hosts", "/etc/hosts-hermetic-left")


@trace
class working_directory:
    def look():
        return os.getcwd() == "/usr/share"

    def leave():
        os.chdir("/usr/share")


@trace
class creation_mask:
    def look():
        mask = os.umask(0o22)
        os.umask(mask)
        return oct(mask) if mask == 0o057 else None

    def leave():
        os.umask(0o057)


@trace
class environment:
    def look():
        return [k for k in os.environ if "HERMETIC" in k] or "PATH" not in os.environ

    def leave():
        os.environ["HERMETIC_LEFT"] = "1"
        os.putenv("HERMETIC_LEFT_TOO", "1")
        os.environ["PATH"] = "/hermetic"


@trace
class descriptors:
    def look():
        return [n for n in range(3, 300) if n >= 100 and isinstance(attempt(lambda: os.fstat(n)), os.stat_result)]

    def leave():
        kept = [os.open("/etc/passwd", os.O_RDONLY) for _ in range(20)] + list(os.pipe())
        kept.append(os.memfd_create("left") if hasattr(os, "memfd_create") else 0)
        os.dup2(kept[0], 200)
        os.dup2(kept[-2], 150)
        os.set_inheritable(200, True)
        os.lseek(kept[0], 7, os.SEEK_SET)


@trace
class descriptor_flags:
    def look():
        return [n for n in (0, 1, 2) if fcntl.fcntl(n, fcntl.F_GETFL) & os.O_APPEND]

    def leave():
        for n in (0, 1, 2):
            fcntl.fcntl(n, fcntl.F_SETFL, fcntl.fcntl(n, fcntl.F_GETFL) | os.O_APPEND)


@trace
class standard_descriptors:
    """Descriptors 0, 1 and 2 are replaced. Only os._exit() can follow."""
    brutal = True
    later = True
    last = True

    def look():
        return [n for n in (1, 2) if not isinstance(attempt(lambda: os.fstat(n)), os.stat_result)]

    def leave():
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 1)
        os.close(0)


@trace
class half_read_input:
    """A file on the host's stdin, half read. pyhl starts it again for each run."""
    later = True

    def look():
        line = sys.stdin.readline()
        return None if line in ("first\n", "") else repr(line)

    def leave():
        sys.__stdin__.readline()
        os.read(0, 3)


@trace
class signal_handlers:
    def look():
        return [s for s in (signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM) if signal.getsignal(s) != signal.SIG_DFL]

    def leave():
        for s in (signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            signal.signal(s, lambda *a: None)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        signal.siginterrupt(signal.SIGUSR1, False)


@trace
class signal_mask:
    def look():
        return signal.pthread_sigmask(signal.SIG_BLOCK, []) or signal.sigpending()

    def leave():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGWINCH, signal.SIGRTMIN + 1])
        for number in (signal.SIGUSR1, signal.SIGRTMIN + 1):
            signal.pthread_kill(threading.get_ident(), number)


@trace
class interval_timers:
    def look():
        return [t for t in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
                if signal.getitimer(t) != (0.0, 0.0)] or signal.getsignal(signal.SIGALRM) != signal.SIG_DFL

    def leave():
        signal.setitimer(signal.ITIMER_REAL, 100, 100)
        signal.setitimer(signal.ITIMER_VIRTUAL, 100, 100)
        signal.setitimer(signal.ITIMER_PROF, 100, 100)


@trace
class running_timer:
    """A timer that is due in the next run, where its default action would kill. (In a finalised interpreter it would
    kill this run.)"""
    brutal = True
    last = True

    def look():
        return signal.getitimer(signal.ITIMER_REAL)[1] == 0.001

    def leave():
        signal.signal(signal.SIGALRM, lambda *a: None)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)


@trace
class wakeup_descriptor:
    def look():
        before = signal.set_wakeup_fd(-1)
        return before if before != -1 else None

    def leave():
        ends = os.pipe()
        os.set_blocking(ends[1], False)
        signal.set_wakeup_fd(ends[1], warn_on_full_buffer=False)


@trace
class limits:
    def look():
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 77

    def leave():
        resource.setrlimit(resource.RLIMIT_NOFILE, (77, 78))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@trace
class file_lock:
    def look():
        with open("/etc/group") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def leave():
        file_lock.kept = open("/etc/group")
        fcntl.flock(file_lock.kept, fcntl.LOCK_EX)

    later = True


@trace
class fixed_mapping:
    """A lot of memory, at a chosen address beyond RAM."""

    def look():
        return [a for a in (0x610000000000, 0x620000000000) if f"{a:x}-" in read("/proc/self/maps").decode()]

    def leave():
        LIBC.mmap.restype = ctypes.c_void_p
        LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
        for address, size in ((0x610000000000, 1 << 16), (0x620000000000, 1 << 18)):
            got = LIBC.mmap(address, size, 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x10, -1, 0)
            if got != address:
                raise OSError(f"mmap gave {got:#x}")
            ctypes.memset(address, 0x5A, size)


@fingerprint
def process():
    return (sorted(os.environ.items()), os.getcwd(), attempt(lambda: os.nice(0)), os.getresuid(), os.getresgid(),
            os.getpid(), os.getppid(), attempt(os.getpgrp), attempt(lambda: os.sched_getaffinity(0)),
            attempt(lambda: read("/proc/self/comm")), os.uname())


@fingerprint
def open_descriptors():
    found = []
    for n in range(256):
        s = attempt(lambda: os.fstat(n))
        if isinstance(s, os.stat_result):
            found.append((n, stat.S_IFMT(s.st_mode), fcntl.fcntl(n, fcntl.F_GETFD)))
    return found


@fingerprint
def signals():
    handlers = [(int(s), str(type(signal.getsignal(s))), signal.getsignal(s) in (0, 1) and signal.getsignal(s))
                for s in sorted(signal.valid_signals())]
    return (handlers, signal.pthread_sigmask(signal.SIG_BLOCK, []),
            [signal.getitimer(t) for t in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)])


@fingerprint
def resource_limits():
    names = sorted(n for n in dir(resource) if n.startswith("RLIMIT_"))
    return [(n, attempt(lambda: resource.getrlimit(getattr(resource, n)))) for n in names]


@fingerprint
def directories():
    return [(d, sorted(os.listdir(d))) for d in writable()]


@fingerprint
def some_files():
    names = ("/etc/passwd", "/etc/hosts", "/etc/services", "/etc/group", "/usr/lib/python3.13/this.py")
    rows = []
    for name in names:
        s = os.stat(name)
        rows.append((name, s.st_mode, s.st_uid, s.st_nlink, s.st_size, s.st_mtime_ns, s.st_ino,
                     hashlib.sha256(read(name)).hexdigest()))
    return rows


def whole_tree():
    """A hash of every name in the image with its stat; costly, so only run.sh's last part asks for it."""
    total = hashlib.sha256()
    for top, dirs, files in os.walk("/"):
        if top == "/":
            dirs[:] = [d for d in dirs if d not in ("proc", "dev")]
        dirs.sort()
        for name in sorted(files):
            if os.path.join(top, name) == SCRIPT:
                continue  # pyhl puts the script itself there
            s = os.lstat(os.path.join(top, name))
            total.update(repr((top, name, s.st_mode, s.st_uid, s.st_size, s.st_mtime_ns, s.st_nlink)).encode())
    return total.hexdigest()
