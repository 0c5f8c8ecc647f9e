import asyncio, threading
from concurrent.futures import ThreadPoolExecutor
t = threading.Thread(target=lambda: print(threading.current_thread().name)); t.start(); t.join(); print(t)
print(threading.Thread(target=print).name, threading.Timer(1, print).name)
with ThreadPoolExecutor(1) as p: print(p.submit(lambda: threading.current_thread().name).result())
async def main():
    print(asyncio.current_task().get_name(), asyncio.create_task(asyncio.sleep(0)).get_name())
asyncio.run(main())
import matplotlib.pyplot as plt
print(plt.figure().number, plt.get_fignums())
import multiprocessing
print(multiprocessing.current_process(), multiprocessing.Process(target=print).name)
