# Files between processes: temporary ones, mappings, append, renames and locks of files, ctypes' libraries.
import ctypes
import ctypes.util
import fcntl
import mmap
import os
import shutil
import socket
import subprocess
import sys
import tempfile


def child(body):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(body() or 0)
        finally:
            os._exit(99)
    return pid


def ended(*pids):
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


top = tempfile.mkdtemp(prefix="shared-")
os.chdir(top)

# One open file: its place is shared. Two open files of one name: not, and appending does not overwrite.
with open("log", "wb", buffering=0) as log:
    ended(*(child(lambda: log.write(b"%d\n" % n) and 0) for n in range(5)))
    print(log.tell(), sorted(open("log").read().split()))


def append(number):
    with open("appended", "a") as file:
        for line in range(50):
            print(number, line, file=file, flush=True)


print(ended(*(child(lambda: append(n)) for n in range(4))), len(set(open("appended"))))

# Shared and private mappings, of a file and of nothing.
with open("mapped", "w+b") as file:
    file.truncate(8192)
    shared, private = mmap.mmap(file.fileno(), 8192), mmap.mmap(file.fileno(), 8192, flags=mmap.MAP_PRIVATE)
    nothing = mmap.mmap(-1, 4096)

    def write():
        shared[:6] = b"shared"
        private[100:107] = b"private"
        nothing[:7] = b"nothing"

    print(ended(child(write)), shared[:6], private[100:107], nothing[:7])
    print(subprocess.check_output(["head", "-c", "6", "mapped"]))
    subprocess.run(["sh", "-c", "printf W | dd of=mapped bs=1 seek=4096 conv=notrunc status=none"])
    print(shared[4096:4097])

# A file that has lost its name lives as long as someone has it open.
with tempfile.TemporaryFile("w+") as nameless:
    nameless.write("without a name")
    nameless.flush()
    print(subprocess.check_output(["cat", f"/dev/fd/{nameless.fileno()}"], pass_fds=[nameless.fileno()]))
with tempfile.NamedTemporaryFile("w", suffix=".txt") as named:
    print("named", file=named, flush=True)
    print(subprocess.check_output(["wc", "-l", named.name]).split()[0], os.path.exists(named.name))
print(os.path.exists(named.name))

# Whole trees by other programs, and by shutil.
os.makedirs("tree/a/b")
open("tree/a/b/file", "w").write("content")
os.symlink("b/file", "tree/a/link")
subprocess.run(["cp", "-a", "tree", "copy"], check=True)
shutil.copytree("copy", "third", symlinks=True)
print(sorted(os.path.join(d, f) for d, _, files in os.walk("third") for f in files), os.readlink("third/a/link"))
print(subprocess.run(["diff", "-r", "tree", "third"]).returncode if shutil.which("diff") else 0)
shutil.make_archive("packed", "gztar", "third")
print(subprocess.check_output("tar tzf packed.tar.gz | sort", shell=True, text=True).split())
subprocess.run("mkdir out && tar cf - tree | tar xf - -C out", shell=True, check=True)
print(open("out/tree/a/link").read(), shutil.which("tar"), shutil.disk_usage("/").total > 0)

# Locks of whole files: who does not get it is told so.
with open("lock", "w") as mine:
    fcntl.flock(mine, fcntl.LOCK_EX)
    code = ("import fcntl\ntry: fcntl.flock(open('lock'), fcntl.LOCK_EX | fcntl.LOCK_NB); print('got it')\n"
            "except OSError as e: print(e)")
    print(subprocess.check_output([sys.executable, "-c", code], text=True))
print(subprocess.check_output([sys.executable, "-c", code], text=True))

# Descriptors that go to another process by a message.
ours, theirs = socket.socketpair()


def give():
    with open("tree/a/b/file") as file:
        socket.send_fds(theirs, [b"here"], [file.fileno()])


print(ended(child(give)))
data, fds, _, _ = socket.recv_fds(ours, 10, 4)
print(data, os.read(fds[0], 100))

# A named pipe between two programs.
os.mkfifo("fifo")
writer = subprocess.Popen("seq 1 5 >fifo", shell=True)
print(open("fifo").read().split(), writer.wait())

for name in ("c", "m", "z", "ssl", "sqlite3", "nowhere"):
    print(name, ctypes.util.find_library(name))
libc = ctypes.CDLL(ctypes.util.find_library("c"))
print(ctypes.CDLL(None).strlen(b"four") + libc.abs(-3))
pid = libc.fork()
if pid == 0:
    libc._exit(8)
print(ended(pid))
os.chdir("/")
shutil.rmtree(top)
print(os.path.exists(top))
