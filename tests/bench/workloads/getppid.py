# SPDX-License-Identifier: Apache-2.0
"""libc's getppid, called by machine code in a loop: nanoseconds each on the last line."""
import ctypes
import mmap
import time

CALLS = 20000
# push rbx, rbp; mov rbp, rdi; mov rbx, [rdi+8]; sub rsp, 8; 1: call [rbp]; dec rbx; jnz 1b; add rsp, 8; pop rbp, rbx; ret
CODE = bytes.fromhex("53554889fd488b5d084883ec08ff550048ffcb75f84883c4085d5bc3")

page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(CODE)
loop = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
getppid = ctypes.cast(ctypes.CDLL(None).getppid, ctypes.c_void_p).value
words = (ctypes.c_uint64 * 2)(getppid, CALLS)
loop(words)
began = time.perf_counter()
loop(words)
print((time.perf_counter() - began) / CALLS * 1e9)
