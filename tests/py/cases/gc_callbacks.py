import gc
def cb(phase, info):
    if phase == "start": print("gc", phase, info["generation"])
gc.callbacks.append(cb)
class A: pass
a = A(); a.a = a
del a
