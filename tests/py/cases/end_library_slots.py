# An object that the collector does not know, kept by a preloaded library alone.
import json
class Slots:
    __slots__ = ()
    def __del__(self): print("without a dict")
json.slots = Slots()
print("end")
