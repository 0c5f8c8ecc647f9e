import builtins, sys
real = print
def loud(*a, **k): real("LOUD", *a, **k)
builtins.print = loud
builtins.extra = [1]
print("x", extra)
sys.stdout.write = None
