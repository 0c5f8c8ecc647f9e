"""Constants of the program and of the C library are those of their files, and may be made writable."""
import ctypes
import mmap
import struct
import sys

PAGE = mmap.PAGESIZE
PT_LOAD, PF_R = 1, 4
NONE, READ, WRITE = 0, mmap.PROT_READ, mmap.PROT_WRITE

libc = ctypes.CDLL("libc.so.6", use_errno=True)
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def constants(path):
    """(offset in the file, address from its start, bytes) of each segment that is only read."""
    with open(path, "rb") as file:
        elf = file.read()
    at, = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    for i in range(count):
        kind, flags, offset, address, _, length, _, _ = struct.unpack_from("<IIQQQQQQ", elf, at + i * size)
        if kind == PT_LOAD and flags == PF_R:
            yield address, elf[offset:offset + length]


def protect(start, size, rights):
    if libc.mprotect(start, size, rights):
        raise OSError(ctypes.get_errno(), "mprotect")


def check(name, start, data, needed):
    whole = len(data) // PAGE * PAGE
    same = [ctypes.string_at(start, len(data)) == data]
    for rights in (READ | WRITE, READ, READ if needed else NONE, READ | WRITE):
        protect(start, whole, rights)
        if rights != NONE:
            same.append(ctypes.string_at(start, len(data)) == data)
    for at in range(start, start + whole, 16 * PAGE):
        byte = ctypes.c_ubyte.from_address(at)
        byte.value ^= 0xff
        same.append(byte.value == data[at - start] ^ 0xff)
        byte.value ^= 0xff
    protect(start, whole, READ)
    same.append(ctypes.string_at(start, len(data)) == data)
    print(name, whole // PAGE, all(same), len(same))


class Info(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("base", ctypes.c_void_p), ("symbol", ctypes.c_char_p),
                ("address", ctypes.c_void_p)]


info = Info()
libc.dladdr(libc.printf, ctypes.byref(info))
for path, base in (sys.executable, 0), (info.name.decode(), info.base):
    for address, data in constants(path):
        check(path.rpartition("/")[2], base + address, data, address % 0x400000 != 0)
print(sys.version_info[:2], "%.3f" % 2.5)
