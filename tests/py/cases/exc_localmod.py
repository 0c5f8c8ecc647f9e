import os, sys
os.makedirs("pkg")
open("pkg/__init__.py", "w").write("from . import sub\n")
open("pkg/sub.py", "w").write("def f(x):\n    return x.missing.attr\n")
import pkg
print(pkg.__file__, pkg.sub.__spec__.origin, pkg.__path__)
pkg.sub.f(1)
