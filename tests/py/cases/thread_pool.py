import queue, threading
from concurrent.futures import ThreadPoolExecutor, as_completed
with ThreadPoolExecutor(4) as pool:
    print(list(pool.map(lambda n: n * n, range(20))))
    futures = {pool.submit(pow, 2, n): n for n in range(8)}
    print(sorted((futures[f], f.result()) for f in as_completed(futures)))
    bad = pool.submit(lambda: 1 / 0)
    print(repr(bad.exception()))
q = queue.Queue()
def producer():
    for i in range(100): q.put(i)
    q.put(None)
threading.Thread(target=producer).start()
total = 0
while (item := q.get()) is not None:
    total += item
print(total)
lock, count = threading.Lock(), 0
def add():
    global count
    for _ in range(20000):
        with lock: count += 1
ts = [threading.Thread(target=add) for _ in range(4)]
for t in ts: t.start()
for t in ts: t.join()
e = threading.Event()
threading.Timer(0.02, e.set).start()
print(count, e.wait(5))
pool = ThreadPoolExecutor(2)
pool.submit(print, "submitted and never waited for")
