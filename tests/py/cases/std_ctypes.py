import ctypes, ctypes.util
libc = ctypes.CDLL(None); libm = ctypes.CDLL("libm.so.6"); libm.cos.restype = ctypes.c_double; libm.cos.argtypes = [ctypes.c_double]
print(libc.strlen(b"four"), libm.cos(0.0), ctypes.sizeof(ctypes.c_long), ctypes.c_uint8(300).value)
class P(ctypes.Structure): _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double)]
p = P(1, 2.5); print(p.x, p.y, ctypes.sizeof(P), bytes(p)[:4], ctypes.addressof(p) != 0)
CMP = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
a = (ctypes.c_int * 5)(5, 3, 1, 4, 2); libc.qsort(a, 5, 4, CMP(lambda x, y: x[0] - y[0])); print(list(a))
b = ctypes.create_string_buffer(20); libc.snprintf(b, 20, b"%d-%s", 7, b"z"); print(b.value, ctypes.get_errno())
libc.printf(b"through C's stdio\n")
print("python")
# python3 starts ldconfig for this, which a guest cannot.
import os
names = sorted({n[3:].split(".")[0] for n in os.listdir("/usr/lib/x86_64-linux-gnu") if n.startswith("lib") and ".so" in n})
found = {n: ctypes.util.find_library(n) for n in [*names, "m+", "nothing", ""]}
print(len(found) > 100, found)
ctypes.CDLL(ctypes.util.find_library("freetype"))
