import os, atexit, sys
atexit.register(print, "never")
print("lost, not flushed")
sys.stdout.flush()
print("really lost")
os._exit(9)
