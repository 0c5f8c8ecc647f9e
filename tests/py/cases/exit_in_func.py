import atexit
atexit.register(print, "atexit ran")
class D:
    def __del__(self): print("del ran")
def f():
    d = D()
    exit(4)
f()
