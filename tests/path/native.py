# SPDX-License-Identifier: Apache-2.0
"""Follows the part of the path that is the driver's and CPython's, on plain Linux.

usage: PATH_DIR=DIR gdb -nx -batch -iex 'set sysroot ROOT' -p PID -x tests/path/native.py ROOT/usr/bin/python3.13

PID is a driver in the chroot ROOT, which waits before it asks for its run. In DIR the file `ready` is made when it may go on;
hits is the order of the hops (hops.py); printed is where the script's output goes.
"""
import os
import sys

import gdb

sys.path.insert(0, "tests/path")
import hops  # noqa: E402
import stops  # noqa: E402


def main():
    stops.settings()
    stops.quiet("sharedlibrary driver.so")
    gdb.Breakpoint("frame_read", internal=True, temporary=True)
    with open(os.path.join(stops.DIRECTORY, "ready"), "wb"):
        pass
    stops.quiet("continue")
    for hop in hops.read():
        if hop.side in hops.WAYS["native"]:
            stops.Stop(hop)
    stops.quiet("continue")


main()
