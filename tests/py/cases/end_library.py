# What preloaded libraries alone still hold is ended in the order in which it was made.
import json, string
class D:
    def __init__(self, n): self.n = n
    def __del__(self): print("del", self.n, D.__name__, json.__name__)
def g():
    try:
        yield 1
    finally:
        print("generator closed")
json.kept = [D("in a list"), {"x": D("in a dict")}]
string.kept = g()
next(string.kept)
json.file = open(1, "w", closefd=False)
json.file.write("buffered\n")
print("end")
