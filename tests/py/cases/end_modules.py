import sys
class D:
    def __init__(self, n): self.n = n
    def __del__(self): print("del", self.n, len(sys.modules) < 3)
d = D("d")
d.d = d
sys.kept = sys.modules["__main__"]
sys.modules["other"] = D("in modules")
del sys.modules["json" if "json" in sys.modules else "os"]
import json
json.kept = D("in json")
sys.modules["__main__"] = sys.modules["sys"]
