# What cannot be flushed makes the status 120, with a destructor to run as without.
import os
class D:
    def __del__(self): print("lost, too")
d = D()
d.d = d
os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
print("lost")
