# A loop and tasks left.
import asyncio, warnings
warnings.simplefilter("ignore")
async def forever(name):
    try:
        await asyncio.sleep(3600)
    finally:
        print("ended", name)
async def main():
    global task
    task = asyncio.get_running_loop().create_task(forever("a task"))
    task.set_name("left")
    await asyncio.sleep(0)
    print("main")
async def agen():
    try:
        yield 1
    finally:
        print("async generator")
loop = asyncio.get_event_loop()
loop.run_until_complete(main())
