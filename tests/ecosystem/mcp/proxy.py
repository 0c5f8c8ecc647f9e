# SPDX-License-Identifier: Apache-2.0
"""A proxy that adds the server's token to each request, for clients that cannot be told of one. All else passes as it
is. usage: proxy.py URL TOKEN; it prints its own URL."""

import asyncio
import sys
import urllib.parse


async def pump(reader, writer):
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


async def requests(reader, writer, token):
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        size = 0
        for line in head.split(b"\r\n")[1:]:
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        line, rest = head.split(b"\r\n", 1)
        writer.write(line + b"\r\nAuthorization: Bearer " + token.encode() + b"\r\n" + rest + await reader.readexactly(size))
        await writer.drain()


async def main(url, token):
    at = urllib.parse.urlsplit(url)

    async def client(reader, writer):
        try:
            there, back = await asyncio.open_connection(at.hostname, at.port)
            await asyncio.gather(requests(reader, back, token), pump(there, writer))
        except OSError:
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
