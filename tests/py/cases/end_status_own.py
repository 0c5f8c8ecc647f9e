import sys
class Own:
    def __init__(self, stream): self.stream = stream
    def write(self, text): return self.stream.write(text)
    def flush(self):
        self.stream.write("flush\n")
        self.stream.flush()
        raise OSError("not flushed")
class D:
    def __del__(self): print("del")
d = D()
sys.stdout = Own(sys.stdout)
print("end")
