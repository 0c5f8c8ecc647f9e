"""gc.unfreeze() brings back what the script froze, and not the preloaded packages' objects: a collection of those takes
a tenth of a second."""
import gc
print(gc.get_freeze_count(), all(s["collections"] < 100 for s in gc.get_stats()))
kept = [[] for _ in range(1000)]
gc.freeze()
print(gc.get_freeze_count() > 1000)
gc.unfreeze()
print(gc.get_freeze_count(), len(gc.get_objects()) < 60000)
class D:
    def __del__(self): print("del")
for _ in range(2):
    d = D(); d.d = d; del d
    gc.freeze(); gc.collect(); gc.unfreeze()
    print(gc.collect() > 0)
