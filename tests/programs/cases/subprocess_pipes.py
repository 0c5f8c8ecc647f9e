# subprocess: pipes, shells, text, large data both ways, time-outs.
import hashlib
import subprocess
import sys
import threading
import time
from subprocess import DEVNULL, PIPE, STDOUT

print(subprocess.run("echo out; echo err >&2; exit 3", shell=True, stdout=PIPE, stderr=PIPE, text=True))
print(subprocess.run(["sort", "-r"], input="b\na\nc\n", text=True, stdout=PIPE).stdout.split())
print(subprocess.check_output("echo $0 $1", shell=True, executable="/bin/dash"))
print(subprocess.getstatusoutput("printf x; exit 4"), subprocess.getoutput("echo one two"))
print(subprocess.call(["false"]), subprocess.run(["true"], stdout=DEVNULL, stdin=DEVNULL).returncode)
try:
    subprocess.run("echo lost; kill -ABRT $$", shell=True, check=True, stdout=PIPE, stderr=STDOUT)
except subprocess.CalledProcessError as error:
    print(error, error.stdout)
for word in (["/etc/passwd"], ["/no/such"], "no-such-program", ["/tmp"]):
    try:
        subprocess.run(word)
    except OSError as error:
        print(type(error).__name__, error)

# 8 MiB through a filter, both ways at once, and onto both streams.
data = bytes(range(256)) * 32768
with subprocess.Popen(["cat"], stdin=PIPE, stdout=PIPE) as cat:
    out, _ = cat.communicate(data)
print(len(out), out == data, cat.returncode)
code = "import sys; d = sys.stdin.buffer.read(); sys.stdout.buffer.write(d); sys.stderr.buffer.write(d[::-1])"
with subprocess.Popen([sys.executable, "-c", code], stdin=PIPE, stdout=PIPE, stderr=PIPE) as child:
    out, err = child.communicate(data[:3000000])
print(out == data[:3000000], err == data[:3000000][::-1], child.returncode)

# A pipeline of three programs, fed by a thread.
first = subprocess.Popen(["tr", "a-z", "A-Z"], stdin=PIPE, stdout=PIPE)
second = subprocess.Popen(["grep", "-v", "B"], stdin=first.stdout, stdout=PIPE)
third = subprocess.Popen(["sha256sum"], stdin=second.stdout, stdout=PIPE, text=True)
first.stdout.close()
second.stdout.close()


def feed():
    with first.stdin as pipe:
        for number in range(20000):
            pipe.write(b"line %d a\nb line\n" % number)


feeder = threading.Thread(target=feed)
feeder.start()
want = hashlib.sha256(b"".join(b"LINE %d A\n" % n for n in range(20000))).hexdigest()
print(third.communicate()[0].split()[0] == want, feeder.join(), first.wait(), second.wait())

# A conversation, line by line.
with subprocess.Popen([sys.executable, "-u", "-c", "for line in iter(input, 'end'): print(line[::-1])"],
                      stdin=PIPE, stdout=PIPE, text=True, bufsize=1) as child:
    for word in ("first", "second", "third"):
        child.stdin.write(word + "\n")
        print(child.stdout.readline().strip(), end=" ")
    child.stdin.write("end\n")
print(child.returncode)

# Time-outs: the child goes on, and can be ended.
for program in ("sleep 30", "exec sleep 30"):
    started = time.monotonic()
    try:
        subprocess.run(["sh", "-c", "echo begun; " + program], timeout=0.5, stdout=PIPE, stderr=DEVNULL)
    except subprocess.TimeoutExpired as error:
        print(error.cmd[2], error.timeout, error.output, time.monotonic() - started < 20)
child = subprocess.Popen(["sh", "-c", "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done"],
                         stdout=PIPE, text=True)
print(child.stdout.readline().strip(), child.poll())
try:
    child.communicate(timeout=0.2)
except subprocess.TimeoutExpired:
    print("not yet", child.poll())
child.terminate()
print(child.communicate(), child.returncode)

# The reader leaves: the writer ends by SIGPIPE. A child of Python ignores it unless told.
with subprocess.Popen(["yes"], stdout=PIPE) as yes:
    print(yes.stdout.readline())
    yes.stdout.close()
print(yes.returncode)
with subprocess.Popen(["yes"], stdout=PIPE, stderr=PIPE, restore_signals=False) as yes:
    yes.stdout.close()
    print(yes.stderr.read())
print(yes.returncode)
