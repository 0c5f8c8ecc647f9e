# What an import brings into sys.modules, and in which order. Cython's modules come with the first library that has it.
import sys


def take(name):
    before = {*sys.modules}
    module = __import__(name)
    print(name, module.__name__, *(n for n in sys.modules if n not in before and "cython" not in n))


import concurrent
print(hasattr(concurrent, "futures"))
for name in ("re", "json", "typing", "xml.etree.ElementTree", "concurrent.futures", "asyncio", "multiprocessing", "sqlite3",
             "email.mime.text", "unittest", "numpy.linalg", "pandas", "matplotlib.pyplot", "PIL.ImageDraw", "lxml.html",
             "openpyxl", "pydantic", "docx", "cryptography.fernet", "six.moves.urllib.parse"):
    take(name)
print(sys.meta_path[-1].__class__.__name__, sys.modules["__mp_main__"] is sys.modules["__main__"])
print(len(sys.modules) - len([n for n in sys.modules if "cython" in n]))
