# The interpreter's own text cannot be written, nor the constants among it.
import ctypes

version = ctypes.pythonapi.Py_GetVersion
version.restype = ctypes.c_char_p
print(version()[:4])
ctypes.memset(ctypes.cast(version, ctypes.c_void_p).value, 0x90, 1)
print("written")
