# SPDX-License-Identifier: Apache-2.0
"""Memory, disk and set-up."""
import os
import re
import subprocess
import time

from report import Table
from runs import private_kib
from ways import median, output

UNITS = {"ms": 1e-3, "s": 1.0}


def private_memory(bench):
    """Returns the KiB that a restored VM's process has for itself after print(1)."""
    code = "print(1, flush=True); import time; time.sleep(30)"
    with subprocess.Popen([*bench.run, "-c", code], stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        size = private_kib(child.pid)
        child.kill()
    return size


def on_disk(path):
    return os.stat(path).st_blocks * 512 / 2**20


def memory_and_disk(bench):
    table = Table("Memory and disk", "what", "MiB",
                  note="Private memory is the process's (smaps: Private_Dirty), guest RAM and libraries' data "
                  "included, KVM's own tables not.")
    private = private_memory(bench)
    snapshot = on_disk(f"{bench.home}/snapshot")
    table.row("private memory of a VM's process after `print(1)`", private / 1024)
    table.row("snapshot on disk", snapshot)
    cpio = on_disk(f"{bench.home}/initrd.cpio")
    table.row("CPIO", cpio)
    table.row("kernel", on_disk(f"{bench.home}/kernel"))
    return private, snapshot, cpio


def available():
    with open("/proc/meminfo", encoding="ascii") as file:
        return int(re.search(r"MemAvailable:\s+(\d+)", file.read()).group(1))


def many_processes(bench):
    """Starts one `pyhl run` after the other, which all stay alive, until there are as many as wanted or time is up."""
    wanted, seconds = 64 if bench.quick else 1000, 60
    code = "print(1, flush=True); import time; time.sleep(600)"
    children, times, began, before = [], [], time.monotonic(), available()
    try:
        while len(children) < wanted and time.monotonic() - began < seconds:
            start = time.monotonic()
            children.append(subprocess.Popen([*bench.run, "-c", code], stdout=subprocess.PIPE))
            children[-1].stdout.readline()
            times.append((time.monotonic() - start) * 1e3)
        whole, used = time.monotonic() - began, before - available()
    finally:
        for child in children:
            child.kill()
        for child in children:
            child.wait()
            child.stdout.close()
    times.sort()
    table = Table("Each in a process of its own", "`pyhl run`, sleeping", "all, s", "first output: median, ms", "p99",
                  "max", "memory of the machine for each, KiB",
                  note=f"Started one after the other, of {wanted} wanted.")
    table.row(len(children), whole, median(times), times[len(times) * 99 // 100], times[-1], used / len(children))


def make_home(bench):
    """Sets up bench.home, shows the steps of setup, and returns the seconds that it took by its own clock."""
    text = output(bench.pyhl, "setup", "--from", bench.image, "--dest", bench.home).stdout
    steps = re.match(r".*?^installed .*?$", text, re.M | re.S).group(0)
    print(f"\n### Set-up\n\n```\n{steps}\n```", flush=True)
    number, unit = re.search(r"^installed .* in ([\d.]+) (ms|s)$", text, re.M).groups()
    return float(number) * UNITS[unit]
