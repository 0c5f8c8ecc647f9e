# A module that the script has put in another's place: what imports it gets the script's.
import sys
import types

fake = types.ModuleType("_heapq")
sys.modules["_heapq"] = fake
import heapq

print(heapq.heappush.__module__, type(heapq.heappush).__name__)
import datetime

for name in "datetime", "_datetime", "_pydatetime", "_strptime":
    sys.modules.pop(name, None)
sys.modules["_datetime"] = None
import datetime as pure

print(pure is not datetime, pure.datetime.__module__, pure.datetime is not datetime.datetime)
import _strptime

print(_strptime.datetime_timezone is pure.timezone)
print(pure.datetime.strptime("2020-02-03 +0130", "%Y-%m-%d %z"))
