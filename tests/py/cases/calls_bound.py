"""Each function that python3 calls in a library is bound: the first call is no look-up by name."""
import ctypes
import struct
import sys

PT_LOAD, PT_DYNAMIC, PF_X, DT_PLTRELSZ, DT_JMPREL = 1, 2, 1, 2, 23

with open(sys.executable, "rb") as file:
    elf = file.read()
offset, = struct.unpack_from("<Q", elf, 32)
size, count = struct.unpack_from("<HH", elf, 54)
segments = [struct.unpack_from("<IIQQQQQQ", elf, offset + i * size) for i in range(count)]
text = [(s[3], s[3] + s[6]) for s in segments if s[0] == PT_LOAD and s[1] & PF_X]
dynamic = next(s for s in segments if s[0] == PT_DYNAMIC)
tags = dict(struct.iter_unpack("<QQ", elf[dynamic[2]:dynamic[2] + dynamic[5]]))
calls = ctypes.string_at(tags[DT_JMPREL], tags[DT_PLTRELSZ])
slots = [where for where, _, _ in struct.iter_unpack("<QQq", calls)]
targets = [ctypes.c_uint64.from_address(slot).value for slot in slots]
print(len(slots) > 100, sum(low <= target < high for target in targets for low, high in text))
