#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: inroot.py ROOT CWD PROGRAM [ARGS...]: chroot to ROOT, change to CWD, execute PROGRAM.

As chroot(8), but with a working directory, with no other change to the environment than
LD_PRELOAD_INSIDE becoming LD_PRELOAD (which must not act on the host's programs), with the
signals that Python ignores back at their defaults, and with a /proc, a /dev/pts and a /dev/shm that nobody else sees.
"""
import ctypes
import os
import signal
import sys
import warnings  # noqa: F401, os.execvpe wants it, and after chroot it may be another Python's

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
libc = ctypes.CDLL(None, use_errno=True)


def need(result, what):
    if result != 0:
        sys.exit(f"inroot.py: {what}: {os.strerror(ctypes.get_errno())}")


need(libc.unshare(CLONE_NEWNS), "unshare")
need(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mounts of its own")
for kind, place, options in ((b"proc", "/proc", None), (b"devpts", "/dev/pts", b"newinstance,ptmxmode=666,mode=620,gid=5"),
                             (b"tmpfs", "/dev/shm", None)):
    os.makedirs(sys.argv[1] + place, exist_ok=True)
    need(libc.mount(kind, os.fsencode(sys.argv[1] + place), kind, 0, options), f"mounting {place}")
os.chroot(sys.argv[1])
os.chdir(sys.argv[2])
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
environ = {key: value for key, value in os.environ.items() if key != "LC_CTYPE" or "LANG" in os.environ}
if "LD_PRELOAD_INSIDE" in environ:
    environ["LD_PRELOAD"] = environ.pop("LD_PRELOAD_INSIDE")
os.execvpe(sys.argv[3], sys.argv[3:], environ)
