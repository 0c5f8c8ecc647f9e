import sys, types
import __main__
print(__main__ is sys.modules["__main__"], sorted(vars(__main__))[:3], type(__main__) is types.ModuleType)
class A: pass
print(A, A(). __class__.__module__, A.__qualname__, repr(A)[:17])
sys.modules["__main__"] = None
print("end")
