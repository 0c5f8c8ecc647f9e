from concurrent.futures import ThreadPoolExecutor
class D:
    def __del__(self): print("del")
d = D()
p = ThreadPoolExecutor(2)
f = [p.submit(pow, 2, n) for n in range(4)]
print([x.result() for x in f])
