# What an import brings into sys.modules, and in which order. Cython's modules come with the first library that has it;
# names that code puts there by itself may stand elsewhere.
import sys


def take(name):
    before = {*sys.modules}
    module = __import__(name)
    print(name, module.__name__, *(n for n in sys.modules if n not in before and "cython" not in n
                                    and "_openssl" not in n and n != "collections.abc"))


import concurrent
print(hasattr(concurrent, "futures"))
for name in ("re", "json", "typing", "xml.etree.ElementTree", "concurrent.futures", "asyncio", "multiprocessing", "sqlite3",
             "email.mime.text", "unittest", "numpy.linalg", "pandas", "matplotlib.pyplot", "PIL.ImageDraw", "lxml.html",
             "openpyxl", "pydantic", "docx", "cryptography.fernet"):
    take(name)
print(sys.meta_path[-1].__class__.__name__, sys.modules["__mp_main__"] is sys.modules["__main__"])
print(len(sys.modules) - len([n for n in sys.modules if "cython" in n]))
