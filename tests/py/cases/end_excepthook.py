# What sys holds is not collected, but dies with sys.
import os, sys
f = open(1, "w", closefd=False)
f.write("buffered\n")
class D:
    def __init__(self, n): self.n = n
    def __del__(self, write=os.write): write(1, b"del " + self.n + b"\n")
a = D(b"a")
c = D(b"cycle")
c.c = c
def hook(*args): print(a, f)
sys.excepthook = hook
sys.kept = D(b"in sys")
print("end")
