# SPDX-License-Identifier: Apache-2.0
"""Follows the path of a script through a VM, from main() to the write of what it prints.

usage: PATH_DIR=DIR gdb -nx -batch -x tests/path/vm.py build/pyhl

The functions of the host have breakpoints of gdb's, those of the guest such as guest.py makes; each is gone when it was
hit. DIR has script.py; maps, the guest's /proc/self/maps, which tells where the driver is; hits, to which the order is
written (hops.py); printed, to which the script's output goes.
"""
import os
import sys

import gdb

sys.path.insert(0, "tests/path")
import guest  # noqa: E402
import hops  # noqa: E402
import stops  # noqa: E402


def guest_address(hop, start):
    """A program at a fixed address has it in its symbols, a library its distance from where it lies."""
    name = {"python": "/python3.13", "driver": "/driver.so"}.get(hop.side)
    if not name:
        return start
    with open(os.path.join(stops.DIRECTORY, "maps"), encoding="utf-8") as file:
        base = min(int(line.split("-")[0], 16) for line in file if line.rstrip().endswith(name))
    return start if start >= base else base + start


def stop_in_guest(machine, path):
    for hop in path:
        if hop.side != "host":
            place = hops.place(hop)
            machine.stop_at(guest_address(hop, place.start), place.code, lambda hop=hop: stops.note(hop))


def main():
    path = hops.read()
    stops.settings()
    for number in range(34, 65):  # the library's timer among them
        stops.quiet(f"handle SIG{number} nopass")
    for hop in path:
        if hop.side == "host":
            stops.Stop(hop)
    gdb.Breakpoint("vmm_restore", internal=True, temporary=True)
    gdb.Breakpoint("vmm_run", internal=True, temporary=True)
    machine, process = None, gdb.selected_inferior()
    stops.quiet(f"run run --dest .pyhl {stops.DIRECTORY}/script.py </dev/null >{stops.PRINTED}")
    while process.pid:
        name = gdb.selected_frame().name()
        if name == "vmm_restore":
            guest.make_initrd_private()
        elif name == "vmm_run":
            machine = guest.Guest()
            stop_in_guest(machine, path)
        else:
            machine.stopped()
        stops.quiet("continue")


main()
