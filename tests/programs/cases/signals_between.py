# Signals between processes: handlers, masks, queues, groups, alarms, and what a parent learns of its children.
import os
import signal
import subprocess
import sys
import time

got = []


def note(number, _frame):
    got.append(signal.Signals(number).name)


for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD):
    signal.signal(number, note)


def child(body):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(body() or 0)
        finally:
            os._exit(99)
    return pid


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# A child answers with the other signal.
parent = os.getpid()
print(ended(child(lambda: os.kill(parent, signal.SIGUSR1))), got)
got.clear()

# Blocked signals wait, and come once each; sigwait takes one.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGUSR2])
ended(child(lambda: [os.kill(parent, n) for n in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGUSR2)] and 0))
print(sorted(n.name for n in signal.sigpending()), signal.sigwait([signal.SIGUSR2]).name)
info = signal.sigwaitinfo([signal.SIGUSR1])
print(info.si_signo, info.si_code, info.si_pid > 0, info.si_uid, signal.sigtimedwait([signal.SIGUSR1], 0.01))
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1, signal.SIGUSR2])
print([name for name in got if name != "SIGCHLD"])


# A child has the handlers, and an empty queue; a program that it executes has only what is ignored.
def pending():
    print(signal.sigpending(), signal.getsignal(signal.SIGUSR1) is note)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    sys.stdout.flush()
    os.execlp("sh", "sh", "-c", "kill -USR2 $$; echo alive; kill -USR1 $$; echo not reached")


print(ended(child(pending)))

# Who is asleep is woken: EINTR is hidden, a system call goes on.
signal.signal(signal.SIGALRM, note)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
started = time.monotonic()
time.sleep(0.3)
signal.setitimer(signal.ITIMER_REAL, 0)
print(time.monotonic() - started >= 0.3, got.count("SIGALRM") >= 3)
reading, writing = os.pipe()
signal.alarm(1)
pid = child(lambda: time.sleep(1.3) or os.write(writing, b"late") and 0)
print(os.read(reading, 10), ended(pid), "SIGALRM" in got)


# A group: everyone in it but who left.
def sleeper():
    os.write(writing, b".")
    signal.pause()
    return 1


def leader():
    os.setpgid(0, 0)
    children = [child(sleeper) for _ in range(3)]
    os.setpgid(children[2], children[2])
    for _ in children:
        os.read(reading, 1)
    signal.signal(signal.SIGTERM, lambda *_: None)
    os.killpg(0, signal.SIGTERM)
    statuses = [ended(pid) for pid in children[:2]]
    print(statuses, os.waitpid(children[2], os.WNOHANG))
    os.kill(children[2], signal.SIGKILL)
    print(ended(children[2]))
    sys.stdout.flush()
    return 0


print(ended(child(leader)))
for pid in (parent, 0x3fffffff):
    try:
        print(os.kill(pid, 0))
    except ProcessLookupError as error:
        print(error)

# SIGCHLD for each end, and none to wait for when it is ignored.
got.clear()
for number in range(3):
    ended(child(lambda: number))
print(got)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
pid = child(lambda: 0)
try:
    os.waitpid(pid, 0)
except ChildProcessError as error:
    print(error)
signal.signal(signal.SIGCHLD, signal.SIG_DFL)

# A signal that wakes an event loop through a descriptor.
left, right = os.pipe()
os.set_blocking(right, False)
old = signal.set_wakeup_fd(right)
ended(child(lambda: os.kill(parent, signal.SIGUSR2)))
print(os.read(left, 10), signal.set_wakeup_fd(old) == right)

# How programs end by signals, as a shell and as Python see it.
for name in ("HUP", "INT", "QUIT", "ABRT", "KILL", "SEGV", "PIPE", "ALRM", "TERM", "USR1", "XCPU", "SYS"):
    done = subprocess.run(["sh", "-c", f"sh -c 'kill -{name} $$'; exit $?"], stderr=subprocess.DEVNULL)
    print(name, done.returncode, subprocess.run(["sh", "-c", f"kill -{name} $$"], stderr=subprocess.DEVNULL).returncode)
