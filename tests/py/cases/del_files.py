# Files that only their destructors end, in ways that show.
import gzip, io, os, sys
class Loud(io.TextIOWrapper):
    def close(self):
        os.write(1, b"loud close\n")
        super().close()
class Plain(io.TextIOWrapper):
    name = "plain"
a = Loud(io.BytesIO())
b = Plain(io.BufferedWriter(io.FileIO(1, "w", closefd=False)))
b.write("from a subclass\n")
c = open(1, "wb", closefd=False)
c.write(b"from a binary file\n")
d = gzip.GzipFile(fileobj=open("x.gz", "wb"), mode="wb", mtime=0)
d.write(b"data")
r, w = os.pipe()
e = open(w, "w")
e.write("into a pipe")
f = open(__file__)
class Raw(io.RawIOBase):
    def writable(self): return True
    def write(self, data):
        os.write(1, b"raw: " + bytes(data))
        return len(data)
g = io.BufferedWriter(Raw())
g.write(b"buffered\n")
def keep(): return a, b, c, d, e, f, g
