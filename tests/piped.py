# SPDX-License-Identifier: Apache-2.0
"""A program that a test talks with over its standard streams."""

import os
import select
import subprocess
import time

PYHL = os.environ.get("PYHL", "build/pyhl")


class Piped:
    """The process is killed at the end of a `with`."""

    def __init__(self, args, **popen):
        self.process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        bufsize=0, **popen)
        self.received = bytearray()  # what nobody has taken yet

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()

    def write(self, data):
        left = memoryview(data)
        while left:
            left = left[os.write(self.process.stdin.fileno(), left):]

    def read(self, take, within):
        """What take(received) finds, once it is not None; None at the end of the output."""
        end = time.monotonic() + within
        while True:
            found = take(self.received)
            if found is not None:
                return found
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"nothing whole came within {within} s")
            more = os.read(self.process.stdout.fileno(), 1 << 20)
            if not more:
                return None
            self.received += more

    def end(self, within=30):
        """Closes the input; the exit status and what is on standard error."""
        self.process.stdin.close()
        status = self.process.wait(within)
        return status, self.process.stderr.read().decode()
