import asyncio
async def work(n):
    await asyncio.sleep(0.05 * (3 - n))
    print("work", n)
    return n
async def main():
    print(await asyncio.gather(*(work(i) for i in range(3))))
    async with asyncio.timeout(1):
        r = await asyncio.to_thread(sum, range(10))
    print(r)
    try:
        await asyncio.wait_for(asyncio.sleep(1), 0.01)
    except TimeoutError:
        print("timeout")
    raise ValueError("out of main")
asyncio.run(main())
