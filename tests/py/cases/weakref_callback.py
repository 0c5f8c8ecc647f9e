import weakref
class T: pass
t = T()
r = weakref.ref(t, lambda _: print("callback"))
u = T()
weakref.finalize(u, print, "finalized")
d = weakref.WeakValueDictionary(a=t)
print("end")
