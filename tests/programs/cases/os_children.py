# What module os has for other programs: system, popen, spawn, posix_spawn, fork with exec, and the ways to wait.
import os
import signal
import sys

print(os.system("echo from a shell; exit 3"), os.waitstatus_to_exitcode(os.system("exit 7")))
print(os.system("kill -TERM $$"), os.system("/no/such/program 2>/dev/null") >> 8)
sys.stdout.flush()

with os.popen("printf 'a\\nb\\n' | tac; exit 2") as pipe:
    print(pipe.read().split())
    print("close", pipe.close())
pipe = os.popen("cat >/tmp/popen.out", "w")
pipe.write("written\n")
print(pipe.close(), open("/tmp/popen.out").read())

print(os.spawnlp(os.P_WAIT, "sh", "sh", "-c", "exit 5"), 
      os.spawnle(os.P_WAIT, "/bin/sh", "sh", "-c", 'exit "$N"', {"N": "9"}))
pid = os.spawnv(os.P_NOWAIT, "/bin/sh", ["sh", "-c", "kill -9 $$"])
print(os.waitpid(pid, 0) == (pid, 9))

reading, writing = os.pipe()
pid = os.posix_spawn("/bin/cat", ["cat", "/etc/hostname", "/no/such/file"], {"LC_ALL": "C"},
                     file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1), (os.POSIX_SPAWN_DUP2, writing, 2),
                                   (os.POSIX_SPAWN_CLOSE, reading)],
                     setsigmask=[signal.SIGUSR1], setsigdef=[signal.SIGPIPE])
os.close(writing)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), open(reading).read())
try:
    os.posix_spawnp("no-such-program", ["x"], {})
except FileNotFoundError as error:
    print(error)

# A tree of processes; each child sees its own copy of memory.
values = [0]
for number in range(1, 9):
    if os.fork() == 0:
        values[0] = number
        if number % 2:
            os._exit(values[0] * 10)
        os.execlp("sh", "sh", "-c", f"exit {number}")
ends = sorted(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(8))
print(ends, values)
try:
    os.wait()
except ChildProcessError as error:
    print(error)

# waitid leaves the child to be waited for, wait4 has its usage.
pid = os.fork()
if pid == 0:
    sum(range(200000))
    os._exit(42)
found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
print(found.si_pid == pid, found.si_status, found.si_code == os.CLD_EXITED)
got, status, usage = os.wait4(pid, 0)
print(got == pid, os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime > 0, usage.ru_maxrss > 1000)
# Nobody has ended yet.
pid = os.fork()
if pid == 0:
    signal.pause()
print(os.waitpid(pid, os.WNOHANG), os.kill(pid, signal.SIGKILL), os.waitpid(pid, 0)[1])

# pidfd
pid = os.fork()
if pid == 0:
    signal.pause()
fd = os.pidfd_open(pid)
signal.pidfd_send_signal(fd, signal.SIGTERM)
print(os.waitid(os.P_PIDFD, fd, os.WEXITED).si_status)
os.close(fd)

# What a child changes is its own: directory, environment, umask.
pid = os.fork()
if pid == 0:
    os.chdir("/usr")
    os.environ["ONLY"] = "child"
    os.umask(0o77)
    os.execlp("sh", "sh", "-c", 'echo "$(pwd) $ONLY $(umask)"')
os.waitpid(pid, 0)
print("ONLY" in os.environ, os.getcwd() != "/usr", os.umask(0o22) == 0o22, flush=True)
os.execlp("sh", "sh", "-c", "echo the last word; exit 6")
