"""Module doc."""
import inspect, linecache, sys
def f(a, *, b=2):
    # a comment
    return a + b

class K:
    def m(self): return 1
    l = lambda self: 2
print(inspect.getsource(f), inspect.getsource(K.m), inspect.getsourcefile(f), inspect.signature(f))
print(inspect.getsourcelines(K), inspect.getmodule(f), inspect.getdoc(sys.modules["__main__"]))
print(linecache.getline(__file__, 4), inspect.getcomments(f), inspect.currentframe().f_lineno)
print(open(__file__).read().count("\n"), inspect.getsource(sys.modules["__main__"])[:14])
print([ (fr.filename, fr.lineno, fr.function) for fr in inspect.stack()], f.__code__.co_filename)
