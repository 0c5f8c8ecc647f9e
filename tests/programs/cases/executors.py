# concurrent.futures with processes, and joblib, which has processes of its own.
import concurrent.futures as futures
import multiprocessing as mp
import os
import warnings
from concurrent.futures.process import BrokenProcessPool


def work(number):
    return number, sum(range(number))


def begin(value):
    global begun
    begun = value


def what():
    return begun


def die():
    os._exit(1)


def wrong():
    return {}["missing"]


if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        ctx = mp.get_context(method)
        with futures.ProcessPoolExecutor(2, mp_context=ctx, initializer=begin, initargs=("set",)) as pool:
            print(method, list(pool.map(work, range(0, 50, 10), chunksize=2)), pool.submit(what).result())
            try:
                pool.submit(wrong).result()
            except KeyError as error:
                print("KeyError", error, type(error.__cause__).__name__)
            done, waiting = futures.wait([pool.submit(work, n) for n in range(8)])
            print(len(done), len(waiting), sorted(f.result()[1] for f in futures.as_completed(done)))
        with futures.ProcessPoolExecutor(2, mp_context=ctx) as pool:
            try:
                pool.submit(die).result()
            except BrokenProcessPool:
                print("broken")
    with futures.ProcessPoolExecutor(1, max_tasks_per_child=1) as pool:
        print(len({pool.submit(os.getpid).result() for _ in range(3)}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import joblib
        print(joblib.Parallel(n_jobs=2)(joblib.delayed(work)(n) for n in range(5)))
        print(joblib.Parallel(n_jobs=2, backend="multiprocessing")(joblib.delayed(work)(n) for n in range(5)))
