# Objects that hide where only a full tear-down finds them.
import json, sys, builtins, functools
class D:
    def __init__(self, n): self.n = n
    def __del__(self): print("del", self.n)
json.hidden = D("in json")
sys.hidden = D("in sys")
builtins.hidden = D("in builtins")
@functools.lru_cache
def f(x): return D("cached")
f(1)
print("end")
