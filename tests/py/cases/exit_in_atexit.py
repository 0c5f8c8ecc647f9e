import atexit, sys
@atexit.register
def f():
    print("in atexit")
    sys.exit(8)
@atexit.register
def g():
    raise ValueError("atexit broke")
sys.exit(2)
