# asyncio with child processes: streams, shells, many at once, time-outs, cancellation, and a protocol of one's own.
import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT


async def conversation():
    code = "for line in iter(input, 'end'): print(line.upper(), flush=True)"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=PIPE, stdout=PIPE)
    for word in ("one", "two"):
        child.stdin.write(word.encode() + b"\n")
        await child.stdin.drain()
        print(await child.stdout.readline())
    child.stdin.write(b"end\n")
    print(await child.wait(), await child.stdout.read())


async def shout(number):
    child = await asyncio.create_subprocess_shell(f"sleep 0.0{number}; echo {number}; echo e{number} >&2; "
                                                  f"exit {number}", stdout=PIPE, stderr=STDOUT)
    out, _ = await child.communicate()
    return out, child.returncode


async def large():
    data = os.urandom(1 << 21)
    child = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
    out, _ = await child.communicate(data)
    print(len(out), out == data, child.returncode)


async def ends():
    child = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        await asyncio.wait_for(child.wait(), 0.2)
    except TimeoutError:
        child.terminate()
        print("ended", await child.wait())
    child = await asyncio.create_subprocess_shell("kill -9 $$", stdout=DEVNULL)
    print(await child.wait())
    child = await asyncio.create_subprocess_exec("sleep", "60", stdout=PIPE)
    task = asyncio.create_task(child.communicate())
    await asyncio.sleep(0.05)
    task.cancel()
    print(await asyncio.gather(task, return_exceptions=True) != [], child.returncode)
    child.kill()
    print(await child.wait())
    try:
        await asyncio.create_subprocess_exec("no-such-program")
    except FileNotFoundError as error:
        print(error)


class Protocol(asyncio.SubprocessProtocol):
    def __init__(self):
        self.ended = asyncio.get_running_loop().create_future()
        self.events = []
        self.data = {1: b"", 2: b""}

    def pipe_data_received(self, fd, data):
        self.data[fd] += data

    def pipe_connection_lost(self, fd, _error):
        self.events.append(fd)

    def process_exited(self):
        self.events.append("exited")

    def connection_lost(self, _error):
        self.ended.set_result(None)


async def protocol():
    loop = asyncio.get_running_loop()
    transport, ours = await loop.subprocess_exec(Protocol, "sh", "-c", "echo out; echo err >&2; exit 2", stdin=None)
    await ours.ended
    print(transport.get_returncode(), ours.data, sorted(map(str, ours.events)))
    transport.close()


async def signals():
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, event.set)
    child = await asyncio.create_subprocess_shell(f"kill -USR1 {os.getpid()}")
    await event.wait()
    print("signalled", await child.wait())


async def pipeline():
    reading, writing = os.pipe()
    first = await asyncio.create_subprocess_shell("seq 1 50000", stdout=writing)
    os.close(writing)
    second = await asyncio.create_subprocess_exec("tail", "-n", "1",
                                                  stdin=reading, stdout=PIPE)
    os.close(reading)
    print(await second.communicate(), await first.wait())


async def main():
    await conversation()
    print(await asyncio.gather(*(shout(n) for n in range(9))))
    await large()
    await ends()
    await protocol()
    await signals()
    await pipeline()


asyncio.run(main())
