ns = {}
exec("def f(): raise RuntimeError('x')", ns)
print(sorted(ns))
eval("1+1")
exec(compile("y = 1\nf()", "virtual.py", "exec"), ns)
