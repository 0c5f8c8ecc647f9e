import os, posix, subprocess, sys
print(sorted(os.environ.items()), sorted(os.environb.items()) == sorted(posix.environ.items()))
os.environ["NEW"] = "value"; print(os.getenv("NEW"), os.environb[b"NEW"], os.getenvb(b"A"))
import ctypes
c = ctypes.CDLL(None); c.getenv.restype = ctypes.c_char_p
print(c.getenv(b"NEW"), c.getenv(b"A"), c.getenv(b"MISSING"))
del os.environ["A"]; print(c.getenv(b"A"), "A" in os.environ, os.path.expanduser("~"), os.path.expandvars("$E"))
