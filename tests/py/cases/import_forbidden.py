# A None in sys.modules forbids a module: others do without it, or fail, as when they are read from their files.
import sys

for blocked, module in ("_queue", "queue"), ("_uuid", "uuid"), ("_heapq", "heapq"), ("_bisect", "bisect"):
    sys.modules.pop(module, None)
    sys.modules[blocked] = None
    try:
        made = __import__(module)
        print(module, made.__name__, sys.modules[module] is made)
    except ImportError as error:
        print(module, type(error).__name__, error)
import queue

print(queue.SimpleQueue.__module__)
sys.modules["decimal"] = None
try:
    import statistics

    print("statistics")
except ImportError as error:
    print(error)
