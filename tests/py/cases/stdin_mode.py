import sys
print(sys.argv, sys.path, __file__, __name__, repr(sys.stdin.read()), __loader__)
print(open("made", "w").fileno())
def f():
    1 / 0
f()
