import sys
print(sys.argv, sys.orig_argv, sys.path, __name__, "__file__" in globals())
print(sorted(vars()), __spec__, __loader__)
def f(): raise KeyError("x")
try: f()
except KeyError:
    import traceback; traceback.print_exc()
f()
