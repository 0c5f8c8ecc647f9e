# psutil: what it says of this process and of the machine, as far as that is the same on every Linux.
import os
import signal
import tempfile
import threading

import psutil

me = psutil.Process()
print(me.pid == os.getpid(), me.ppid() == os.getppid(), me.is_running(), me.status())
print(me.cwd() == os.getcwd(), me.uids().real, me.gids().effective, me.username())
print(me.name().startswith("python3") or me.name(), os.path.basename(me.exe()).startswith("python3") or me.exe())
memory = me.memory_info()
print(0 < memory.rss < memory.vms, memory._fields)
before = me.memory_info().rss
block = bytearray(os.urandom(1)) * (64 << 20)
print("grew", me.memory_info().rss - before > 60 << 20, len(block) >> 20)
del block
print("shrank", me.memory_info().rss - before < 8 << 20)

maps = {entry.path: entry for entry in me.memory_maps()}
libc = next(entry for path, entry in maps.items() if path.endswith("/libc.so.6"))
print("maps", len(maps) > 10, "[stack]" in maps, libc._fields)
print(0 < libc.rss <= libc.size, libc.private_clean > libc.private_dirty > 0, libc.swap, libc.pss <= libc.rss)
block = bytearray(os.urandom(1)) * (64 << 20)
grown = {entry.addr: entry.anonymous for entry in me.memory_maps(grouped=False)}
print("a block", max(grown.values()) >= 64 << 20, len(block) >> 20)
del block
full = me.memory_full_info()
print("full", 0 < full.uss <= full.pss, full.swap)

cpu = me.cpu_times()
spin = sum(i * i for i in range(1500000))
print("cpu", me.cpu_times().user > cpu.user, spin > 0, cpu._fields)

stop = threading.Event()
threads = [threading.Thread(target=stop.wait) for _ in range(3)]
base = me.num_threads()
for thread in threads:
    thread.start()
print("threads", me.num_threads() - base, len(me.threads()) == me.num_threads())
stop.set()
for thread in threads:
    thread.join()

descriptors = me.num_fds()
with tempfile.NamedTemporaryFile(dir="/tmp") as file:
    print("files", me.num_fds() - descriptors, file.name in [entry.path for entry in me.open_files()])
print(me.environ().get("LANG"), me.nice() == os.getpriority(os.PRIO_PROCESS, 0))

virtual = psutil.virtual_memory()
print(0 < virtual.available <= virtual.total, virtual.total > 64 << 20, virtual.used > 0)
print(psutil.cpu_count() >= 1, len(psutil.cpu_times(percpu=True)) >= 1, psutil.boot_time() > 1e9)
usage = psutil.disk_usage("/")
print(usage.total >= usage.used >= 0, 0 <= usage.percent <= 100)
print(os.getpid() in psutil.pids(), psutil.pid_exists(os.getpid()), psutil.pid_exists(4000000))
try:
    psutil.Process(4000000)
except psutil.NoSuchProcess as error:
    print("NoSuchProcess:", error)
print(signal.SIGTERM, psutil.Process() == me, psutil.LINUX, psutil.WINDOWS)
