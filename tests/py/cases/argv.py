import sys
print(sys.argv, sys.orig_argv, sys.path, sys.executable, sys.flags, __name__, __file__)
print([k for k in vars()], __builtins__, __spec__, __cached__, __doc__, __package__)
print(type(__loader__), __loader__.path, __loader__.name)
print(sys.path_importer_cache[__file__], sys.prefix, sys.exec_prefix, sys.base_prefix, sys.platlibdir)
print(sys.warnoptions, sys._xoptions, sys.dont_write_bytecode, sys.pycache_prefix, sys.version)
print(sys.implementation, sys.getrecursionlimit(), sys.getswitchinterval(), sys.hash_info)
print(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), sys.getdefaultencoding())
