# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["uvicorn", "websockets", "starlette"]
# ///
import asyncio
import contextlib
import threading
import time

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from websockets.sync.client import connect


async def echo(request):
    body = (await request.body()).decode()
    return JSONResponse({"method": request.method, "body": body, "q": dict(request.query_params)})


async def numbers(_request):
    async def parts():
        for number in range(5):
            yield f"{number} "
            await asyncio.sleep(0.01)
    return StreamingResponse(parts(), media_type="text/plain")


async def shout(socket):
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text.upper())


@contextlib.asynccontextmanager
async def lifespan(_app):
    print("starts")
    yield
    print("stops")


routes = [Route("/echo", echo, methods=["GET", "POST"]), Route("/numbers", numbers), WebSocketRoute("/ws", shout)]
app = Starlette(routes=routes, lifespan=lifespan)
server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
thread = threading.Thread(target=server.run)
thread.start()
while not server.started:
    time.sleep(0.01)
address = "127.0.0.1:%d" % server.servers[0].sockets[0].getsockname()[1]

with httpx.Client(base_url=f"http://{address}") as client:
    print(client.get("/echo", params={"a": "1"}).json(), client.post("/echo", content="text").json())
    with client.stream("GET", "/numbers") as reply:
        print(reply.headers["transfer-encoding"], "".join(reply.iter_text()))
    print(client.get("/none").status_code)


async def many():
    async with httpx.AsyncClient(base_url=f"http://{address}") as client:
        replies = await asyncio.gather(*(client.get("/echo", params={"n": n}) for n in range(30)))
        print([int(reply.json()["q"]["n"]) for reply in replies] == list(range(30)))


asyncio.run(many())
with connect(f"ws://{address}/ws") as ws:
    for word in ("one", "two"):
        ws.send(word)
        print(ws.recv())
server.should_exit = True
thread.join()
