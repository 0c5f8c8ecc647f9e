# What is written after python3 has flushed its streams is lost without a word, and with status 0.
import os
class D:
    def __del__(self): print("lost")
d = D()
d.d = d
del d
os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
