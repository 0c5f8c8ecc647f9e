import sys
try:
    compile("a b c\n", "<x>", "exec")
except SyntaxError:
    import traceback
    traceback.print_exc(file=sys.stdout)
exec("def f(:\n pass")
