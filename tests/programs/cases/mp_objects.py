# multiprocessing by fork, spawn and forkserver: pools, queues, pipes, managers, shared memory, locks.
import multiprocessing as mp
import os
import queue
import signal
import sys
import time
from multiprocessing import shared_memory


def square(number):
    return number * number


def fail(number):
    raise ValueError(f"no {number}")


def worker(tasks, results):
    for number in iter(tasks.get, None):
        results.put((number, number * 2))
    results.put(None)


def answer(pipe):
    for item in iter(pipe.recv, None):
        pipe.send(item[::-1])


def count(lock, number, times):
    for _ in range(times):
        with lock:
            number.value += 1


def meet(barrier, event, out):
    out.put(("before", barrier.wait() in range(3)))
    event.wait()
    out.put(("after", mp.current_process().name.startswith("Process")))


def produce(condition, items):
    with condition:
        items.append("made")
        condition.notify_all()


def scale(name, size):
    memory = shared_memory.SharedMemory(name)
    for at in range(size):
        memory.buf[at] = memory.buf[at] * 2 % 256
    memory.close()


def many(semaphore, inside, most):
    with semaphore:
        with inside.get_lock():
            inside.value += 1
            most.value = max(most.value, inside.value)
        time.sleep(0.02)
        with inside.get_lock():
            inside.value -= 1


def end(how):
    if how == "raise":
        sys.stderr = open(os.devnull, "w")
        raise RuntimeError("in a child")
    if how == "signal":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(11)


def pools(ctx):
    with ctx.Pool(3) as pool:
        print(pool.map(square, range(20)), pool.apply_async(square, (12,)).get(), pool.starmap(pow, [(2, 5), (3, 3)]))
        print(sorted(pool.imap_unordered(square, range(6), chunksize=2)), list(pool.imap(square, range(4))))
        try:
            pool.map(fail, [1])
        except ValueError as error:
            print("ValueError", error)
        pool.close()
        pool.join()


def queues(ctx):
    tasks, results = ctx.Queue(), ctx.Queue()
    workers = [ctx.Process(target=worker, args=(tasks, results)) for _ in range(3)]
    for process in workers:
        process.start()
    for number in [*range(30), *[None] * 3]:
        tasks.put(number)
    got = [results.get() for _ in range(33)]
    print(sorted(item for item in got if item) == [(n, n * 2) for n in range(30)], got.count(None))
    print([(process.join(), process.exitcode) for process in workers])
    try:
        results.get(timeout=0.05)
    except queue.Empty:
        print("Empty")
    simple = ctx.SimpleQueue()
    simple.put("x")
    joinable = ctx.JoinableQueue()
    joinable.put(1)
    print(simple.get(), joinable.get(), joinable.task_done(), joinable.join())


def pipes(ctx):
    ours, theirs = ctx.Pipe()
    process = ctx.Process(target=answer, args=(theirs,))
    process.start()
    theirs.close()
    for item in ("abc", b"12", [1, 2, 3], "z" * 200000):
        ours.send(item)
        print(len(ours.recv()), end=" ")
    ours.send(None)  # a forked process has a copy of this end, so closing it ends nothing
    print(process.join(), process.exitcode)


def locks(ctx):
    number, lock = ctx.Value("i", 0, lock=False), ctx.Lock()
    workers = [ctx.Process(target=count, args=(lock, number, 300)) for _ in range(3)]
    semaphore, inside, most = ctx.BoundedSemaphore(2), ctx.Value("i", 0), ctx.Value("i", 0)
    workers += [ctx.Process(target=many, args=(semaphore, inside, most)) for _ in range(4)]
    barrier, event, out = ctx.Barrier(3), ctx.Event(), ctx.Queue()
    workers += [ctx.Process(target=meet, args=(barrier, event, out)) for _ in range(2)]
    for process in workers:
        process.start()
    print(barrier.wait() in range(3), sorted(out.get() for _ in range(2)))
    event.set()
    print(sorted(out.get() for _ in range(2)))
    print([(process.join(), process.exitcode)[1] for process in workers], 
          number.value, inside.value, 1 <= most.value <= 2)
    numbers = ctx.Array("d", [0.5, 1.5])
    print(numbers[:], ctx.RLock().acquire(), semaphore.acquire(timeout=1), lock.acquire(block=False), lock.release())


def managers(ctx):
    with ctx.Manager() as manager:
        items, table, condition = manager.list([1]), manager.dict(a=1), manager.Condition()
        with condition:
            process = ctx.Process(target=produce, args=(condition, items))
            process.start()
            print(condition.wait_for(lambda: len(items) > 1, timeout=20))
        process.join()
        table.update(b=[2])
        print(items[:], dict(table), manager.Namespace(x=3).x, process.exitcode)


def memories(ctx):
    memory = shared_memory.SharedMemory(create=True, size=5000)
    memory.buf[:5] = b"12345"
    process = ctx.Process(target=scale, args=(memory.name, 5))
    process.start()
    process.join()
    print(bytes(memory.buf[:6]), process.exitcode)
    memory.close()
    memory.unlink()
    print([name for name in os.listdir("/dev/shm") if name.startswith("psm_")])


def ends(ctx):
    for how in ("raise", "signal", "exit"):
        process = ctx.Process(target=end, args=(how,))
        process.start()
        process.join()
        print(how, process.exitcode)
    process = ctx.Process(target=time.sleep, args=(60,), daemon=True)
    process.start()
    print(process.is_alive(), process.terminate(), process.join(), process.exitcode)
    print(mp.active_children())


if __name__ == "__main__":
    for method in sys.argv[1:] or ["fork", "spawn", "forkserver"]:
        ctx = mp.get_context(method)
        print("---", method)
        for part in (pools, queues, pipes, locks, managers, memories, ends):
            part(ctx)
