# aiohttp: a server application and its client over pairs of sockets, with JSON, forms, middleware and a WebSocket; and
# multidict and yarl, on which it stands.
import asyncio
import socket

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, MultiDict
from yarl import URL


@web.middleware
async def counted(request, handler):
    request.app["count"][0] += 1
    try:
        response = await handler(request)
    except web.HTTPNotFound:
        response = web.json_response({"missing": request.path}, status=404)
    response.headers["X-Count"] = str(request.app["count"][0])
    return response


async def hello(request):
    return web.json_response({"name": request.match_info["name"], "q": list(request.query.items())})


async def form(request):
    data = await request.post()
    return web.Response(text="&".join(f"{k}={v}" for k, v in sorted(data.items())))


async def slow_stream(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for i in range(4):
        await response.write(f"part {i}\n".encode() * 1000)
    await response.write_eof()
    return response


async def shout(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        if message.data == "end":
            await ws.close(code=4001)
        else:
            await ws.send_str(message.data.upper())
    return ws


class Pairs(aiohttp.BaseConnector):
    """Connects each request to the server through a pair of sockets, where there is no network."""

    def __init__(self, server):
        super().__init__()
        self.server = server

    async def _create_connection(self, request, traces, timeout):
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        await loop.connect_accepted_socket(self.server, theirs)
        return (await loop.create_connection(self._factory, sock=ours))[1]


async def main():
    app = web.Application(middlewares=[counted])
    app["count"] = [0]
    app.add_routes([web.get("/hello/{name}", hello), web.post("/form", form), web.get("/stream", slow_stream),
                    web.get("/ws", shout)])
    runner = web.AppRunner(app)
    await runner.setup()
    async with aiohttp.ClientSession("http://shop.test", connector=Pairs(runner.server)) as session:
        async with session.get("/hello/Ann", params=[("a", "1"), ("a", "2")]) as reply:
            print(reply.status, reply.content_type, await reply.json(), reply.headers["X-Count"])
        async with session.post("/form", data={"b": "2 3", "a": "é"}) as reply:
            print(reply.status, await reply.text())
        async with session.get("/none") as reply:
            print(reply.status, await reply.json())
        async with session.get("/stream") as reply:
            lines = [line async for line in reply.content]
            print(len(lines), lines[0], lines[-1], reply.headers["Transfer-Encoding"])
        async with session.ws_connect("/ws") as ws:
            for word in ("one", "two"):
                await ws.send_str(word)
                print((await ws.receive()).data)
            await ws.send_str("end")
            last = await ws.receive()
            print(last.type.name, last.data)
        print(sorted(await asyncio.gather(*(fetch(session, i) for i in range(8)))))
        try:
            async with session.get("/none", raise_for_status=True):
                pass
        except aiohttp.ClientResponseError as error:
            print("ClientResponseError", error.status, error.message)
    await runner.cleanup()


async def fetch(session, number):
    async with session.get(f"/hello/{number}") as reply:
        return (await reply.json())["name"]


asyncio.run(main())
headers = CIMultiDict([("Accept", "a"), ("accept", "b")])
headers.add("HOST", "h")
print(headers.getall("ACCEPT"), list(headers.items()), MultiDict(a=1) == MultiDict([("a", 1)]))
url = URL("http://example.test/a/b?x=1") / "c d"
print(url, url.parts, (url % {"y": "é"}).query_string, url.with_host("пример.test").raw_host, url.parent.name)
