import gc
class D:
    def __del__(self): print("del")
d = D()
d.d = d
gc.freeze()
print("end")
