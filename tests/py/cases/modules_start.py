# At its start a script finds the modules of python3's start in sys.modules, and no others.
import sys
print(len(sys.modules) <= 120, type(sys.modules), *sys.modules)
print([finder for finder in sys.meta_path if type(finder).__module__ != "pyhl"], sys.path_hooks)
import inspect
print(len(inspect.stack()), len(sys.modules))
