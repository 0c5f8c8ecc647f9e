# SPDX-License-Identifier: Apache-2.0
"""Machine code from Python: what hostile.py's cases that go below it are made of."""
import ctypes
import mmap
import struct

# The guest's shared page and doorbell, as in vmm/abi.h.
SHARED = 0x1000
CALL = SHARED + 240
OUTPUT_RINGS = SHARED + 304
DOORBELL = 0xE0

_pages = []  # mapped code must outlive its functions


def function(code):
    """A callable of these machine code bytes (a ret is added)."""
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes(code) + b"\xc3")
    _pages.append(page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_long)(address)


def call(address):
    return ctypes.CFUNCTYPE(None)(address)()


def poke(address, data):
    ctypes.memmove(address, bytes(data), len(data))


def ring():
    """The doorbell: out %al, $port."""
    return function([0xE6, DOORBELL])


def fill_call(number, *args):
    """Puts a call into its slot; ring() makes it."""
    words = list(args) + [0] * (6 - len(args))
    poke(CALL, struct.pack("<IIq6Q", number, 0, 0, *words))


def answer():
    return struct.unpack("<q", ctypes.string_at(CALL + 8, 8))[0]
