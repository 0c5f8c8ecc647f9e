import sys, os, inspect
print(sys.argv, sys.path[0], __file__, os.getcwd(), inspect.getsourcefile(sys.modules["__main__"]))
def f(): raise OSError("x")
f()
