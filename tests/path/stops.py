# SPDX-License-Identifier: Apache-2.0
"""What the two scripts for gdb (vm.py, native.py) have in common: settings, breakpoints that note a hop, the notes."""
import os

import gdb

DIRECTORY = os.environ["PATH_DIR"]
HITS, PRINTED = os.path.join(DIRECTORY, "hits"), os.path.join(DIRECTORY, "printed")


def quiet(command):
    gdb.execute(command, to_string=True)


def settings():
    for command in ("set pagination off", "set confirm off", "set breakpoint pending off", "handle all nostop noprint pass",
                    "handle SIGTRAP stop nopass"):
        quiet(command)


def note(hop):
    with open(HITS, "a", encoding="utf-8") as file:
        print(hop.number, os.path.getsize(PRINTED), file=file)


class Stop(gdb.Breakpoint):
    """At the first call of a hop's function."""

    def __init__(self, hop):
        super().__init__(f"{hop.file}:{hop.function}" if hop.file else hop.function, internal=True)
        self.hop = hop

    def stop(self):
        if self.enabled:
            self.enabled = False
            note(self.hop)
        return False
