class D:
    def __init__(self, n): self.n = n
    def __del__(self): print("del", self.n)
a = D("a")
b = D("b")
_c = D("_c")
def f(): return a
cycle = D("cycle"); cycle.me = cycle
print("end")
