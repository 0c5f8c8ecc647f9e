# SPDX-License-Identifier: Apache-2.0
"""zygote.py PRELOAD: the rivals that stay alive. It runs in the image's root. It imports what the driver preloads, takes
the same lazy paths, freezes the garbage collector, and then answers requests on stdin, a JSON object a line:

    {"way": "fork" or "inline", "source": TEXT, "count": N}

`fork` forks once for each run, which ends by _exit. That is hermetic but for the parent's state, which a run can see.
`inline` compiles the script once and runs it again and again in this process. That is not hermetic at all, and the least
that a run can take. The answer is a line: [[milliseconds, own], ...], where own is the last word that the script printed
if that is a number, else null. Before the first request it prints the seconds that the imports took.
"""
import gc
import json
import os
import sys
import time


def preload(path):
    """Returns the seconds that imports alone took."""
    lines = [line.strip() for line in open(path)]
    imports = [line.split("#")[0].strip() for line in lines if not line.startswith((">>>", "---"))]
    began = time.perf_counter()
    for name in filter(None, imports):
        try:
            __import__(name.rstrip("?"))
        except ImportError:
            if not name.endswith("?"):
                raise
    took = time.perf_counter() - began
    for line in lines:
        if line.startswith(">>>"):
            exec(line[3:].strip(), {"__name__": "preload"})
    gc.collect()
    gc.freeze()
    return took


def run_forked(code, fd):
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.dup2(fd, 1)
            exec(code, {"__name__": "__main__"})
            sys.stdout.flush()
            status = 0
        finally:
            os._exit(status)
    status = os.waitpid(pid, 0)[1]
    if status:
        raise SystemExit(f"a forked run ended with status {status}")
    return (time.perf_counter() - began) * 1e3


def run_inline(code, fd):
    saved = sys.stdout
    began = time.perf_counter()
    with open(fd, "w", closefd=False) as sys.stdout:
        exec(code, {"__name__": "__main__"})
    sys.stdout = saved
    return (time.perf_counter() - began) * 1e3


def own_figure(fd):
    words = os.pread(fd, 65536, 0).split()
    try:
        return float(words[-1])
    except (ValueError, IndexError):
        return None


def answer(request, fd):
    code = compile(request["source"], "script.py", "exec")
    run = {"fork": run_forked, "inline": run_inline}[request["way"]]
    for _ in range(request["count"]):
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, 0)
        yield run(code, fd), own_figure(fd)


def main(path):
    print(json.dumps(preload(path)), flush=True)
    fd = os.open("/tmp/zygote-out", os.O_RDWR | os.O_CREAT)
    for line in sys.stdin:
        print(json.dumps(list(answer(json.loads(line), fd))), flush=True)


main(sys.argv[1])
