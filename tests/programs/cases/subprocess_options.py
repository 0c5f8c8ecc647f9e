# subprocess: what can be asked for in the child before it starts.
import os
import signal
import subprocess
import sys
from subprocess import PIPE


def python(code, **options):
    done = subprocess.run([sys.executable, "-c", code], stdout=PIPE, text=True, **options)
    return done.stdout.split("\n")[:-1], done.returncode


print(python("import os; print(os.getcwd(), sorted(os.environ))", cwd="/usr/lib", env={"A": "1", "PATH": "/usr/bin"}))
print(python("import os; print(oct(os.umask(0)))", umask=0o27))
print(python("import os; print(os.getpid() == os.getsid(0) == os.getpgid(0))", start_new_session=True))
print(python("import os; print(os.getpid() == os.getpgid(0), os.getsid(0) == os.getpid())", process_group=0))
print(python("import os; print(os.getuid(), os.getgid(), os.getgroups())", user=65534, group=65534, extra_groups=[5]))
print(python("import os; print(os.environ.get('SET'))", preexec_fn=lambda: os.environ.update(SET="in the child")))


def prepare():
    os.setsid()
    os.chdir("/etc")
    os.nice(3)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])


print(python("import os, signal; print(os.getcwd(), os.nice(0), os.getsid(0) == os.getpid(), "
             "signal.getsignal(signal.SIGUSR1).name, signal.pthread_sigmask(signal.SIG_BLOCK, []))",
             preexec_fn=prepare))
try:
    subprocess.run(["true"], preexec_fn=lambda: 1 / 0)
except subprocess.SubprocessError as error:
    print(error)

# Descriptors: only those named get through, under the same number.
reading, writing = os.pipe()
other = os.dup(writing)
code = f"""
import os
os.write({writing}, b"through")
try:
    os.write({other}, b"not through")
except OSError as error:
    print(error.strerror)
print(sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:3])
"""
print(python(code, pass_fds=(writing,)))
print(os.read(reading, 100), os.get_inheritable(writing))
print(python(f"import os; print(os.read({reading}, 9))", close_fds=True)[1])
os.set_inheritable(other, True)
print(python(f"import os; print(os.write({other}, b'inherited'))", close_fds=False), os.read(reading, 100))

# Files as streams, one file for both, and the child's standard input at a place in a file.
with open("/tmp/both", "w+b") as both:
    subprocess.run(["sh", "-c", "echo one; echo two >&2; echo three"], stdout=both, stderr=both)
    both.seek(4)
    print(both.read())
    both.seek(4)
    print(subprocess.run(["head", "-n", "1"], stdin=both, stdout=PIPE).stdout,
          os.lseek(both.fileno(), 0, os.SEEK_CUR) > 4)

# Signals to a child and to its group.
child = subprocess.Popen(["sh", "-c", "sleep 30 & sleep 30 & wait"], start_new_session=True, stdout=PIPE)
os.killpg(child.pid, signal.SIGTERM)
print(child.wait(), child.stdout.read())
child = subprocess.Popen([sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(30)"], stdout=PIPE,
                         stderr=PIPE, text=True)
child.stdout.readline()
child.send_signal(signal.SIGINT)
print(child.communicate()[1].splitlines()[-1], child.returncode)
print(child.send_signal(signal.SIGKILL), child.kill(), child.poll())

# Many at once; each has its own pid and its own pipe.
children = [subprocess.Popen(["sh", "-c", f"read x; echo $((x * {n}))"], stdin=PIPE, stdout=PIPE, text=True)
            for n in range(24)]
print(len({child.pid for child in children}))
print([int(child.communicate("3\n")[0]) for child in children])
