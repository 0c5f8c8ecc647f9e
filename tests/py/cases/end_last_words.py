# Written while modules are cleared.
import sys
class D:
    def __init__(self, n, out): self.n, self.out = n, out
    def __del__(self): self.out.write("del %s %r\n" % (self.n, sys is None))
a = D("a", sys.stdout)
b = D("b", sys.stderr)
sys.c = D("in sys", sys.stdout)
sys.last_value = D("last_value", sys.stderr)
import __main__
sys.exit(3)
