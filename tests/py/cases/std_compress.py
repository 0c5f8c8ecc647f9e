import bz2, gzip, io, lzma, tarfile, zipfile, zlib
data = b"hello world " * 5000
for m in (zlib, bz2, lzma, gzip): c = m.compress(data); print(m.__name__, len(c) < 500, m.decompress(c) == data)
print(zlib.crc32(data), zlib.adler32(data))
with zipfile.ZipFile("z.zip", "w", zipfile.ZIP_DEFLATED) as z: z.writestr("a/b.txt", data); z.writestr("é.txt", "x")
with zipfile.ZipFile("z.zip") as z: print(z.namelist(), z.read("a/b.txt") == data, z.testzip())
for mode in ("gz", "bz2", "xz"):
    with tarfile.open("t." + mode, "w:" + mode) as t: i = tarfile.TarInfo("f"); i.size = len(data); t.addfile(i, io.BytesIO(data))
    with tarfile.open("t." + mode) as t: print(t.getnames(), t.extractfile("f").read() == data)
with lzma.open("l.xz", "wt") as f: f.write("text")
print(lzma.open("l.xz", "rt").read())
