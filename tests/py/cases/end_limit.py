# A limit of calls that stops handlers of libraries, which say so, does not stop the end.
import json, os, sys
class D:
    def __del__(self, write=os.write): write(1, b"del\n")
json.kept = D()
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
sys.setrecursionlimit(3)
