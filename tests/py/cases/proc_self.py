# What /proc tells of the process: the command line and the environment of this run, numbers, limits.
import os, re, resource, stat, sys

def text(name):
    with open("/proc/" + name) as f:
        return f.read()

print(text("self/cmdline").split("\0")[:-1] == sys.orig_argv, text("self/cmdline").split("\0")[-3:])
shown = dict(pair.split("=", 1) for pair in text("self/environ").split("\0")[:-1])
print(shown == dict(os.environ), shown["FRUIT"], list(shown)[-1])
os.environ["LATER"] = "1"
print("LATER" in text("self/environ"))
uuids = [text("sys/kernel/random/uuid") for _ in range(3)]
print(len(set(uuids)), all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n", u) for u in uuids))
print(text("sys/kernel/random/boot_id") == text("sys/kernel/random/boot_id"), text("sys/kernel/random/boot_id") in uuids)
for name in "entropy_avail", "poolsize", "urandom_min_reseed_secs", "write_wakeup_threshold":
    print(name, text("sys/kernel/random/" + name), end="")
for name in "self/environ", "self/auxv", "self/io", "self/limits", "self/status", "self/comm", "self/fdinfo/0", "sys/kernel/random/uuid", "sys/kernel/hostname":
    mode = os.stat("/proc/" + name).st_mode
    print(name, stat.filemode(mode))
row = re.search(r"^Max open files +(\S+) +(\S+) +files", text("self/limits"), re.M)
print(tuple(map(int, row.groups())) == resource.getrlimit(resource.RLIMIT_NOFILE), text("self/limits").splitlines()[0])
status = dict(line.split(":\t") for line in text("self/status").splitlines())
# Who was started by posix_spawn, as by make, ignores signals 32 and 33.
print(int(status["NSpid"]) == os.getpid(), status["Groups"].split() == [str(g) for g in os.getgroups()], int(status["SigCgt"], 16) & 2, "%x" % (int(status["SigIgn"], 16) & ~(3 << 31)), status["CapAmb"])
print(int(status["VmStk"].split()[0]) > 0, int(status["voluntary_ctxt_switches"]) >= 0)
with open("/proc/self/cmdline", "rb") as f:
    f.read(5)
    info = dict(line.split(":\t") for line in text("self/fdinfo/%d" % f.fileno()).splitlines())
    print(info["pos"], info["flags"], int(info["ino"]) == os.fstat(f.fileno()).st_ino)
before = text("self/io")
os.write(os.open("/dev/null", os.O_WRONLY), b"x" * 1000)
count = lambda s, k: int(re.search(k + r": (\d+)", s)[1])
print(count(text("self/io"), "wchar") - count(before, "wchar"), count(text("self/io"), "syscr") > count(before, "syscr"))
print(text("swaps"), text("self/loginuid"), text("self/wchan"), text("self/personality"), sep="|")
