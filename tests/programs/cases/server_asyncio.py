# asyncio servers and clients over loopback: TCP, UDP and Unix streams, many clients, IPv6 and IPv4 at
# once; and a web application of ASGI's form on a small server of asyncio's protocols.
import asyncio
import json
import os
import socket
import subprocess
import sys


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def talk(reader, writer, lines):
    got = []
    for line in lines:
        writer.write(line + b"\n")
        got.append(await reader.readline())
    writer.write_eof()
    print(await reader.read(), end=" ")
    writer.close()
    await writer.wait_closed()
    return got


async def streams():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(await talk(*await asyncio.open_connection("127.0.0.1", port), [b"one", b"two"]))

    async def one(number):
        reader, writer = await asyncio.open_connection("localhost", port, family=socket.AF_INET)
        writer.write(b"x%d\n" % number * 200)
        writer.write_eof()
        data = await reader.read()
        writer.close()
        return data == b"X%d\n" % number * 200

    print(all(await asyncio.gather(*(one(n) for n in range(100)))))
    server.close()
    await server.wait_closed()
    try:
        await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError as error:
        print(error.errno, type(error).__name__)

    path = "/tmp/asyncio.sock"
    server = await asyncio.start_unix_server(echo, path)
    print(await talk(*await asyncio.open_unix_connection(path), [b"unix"]), os.path.exists(path))
    server.close()
    await server.wait_closed()


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self):
        self.got = asyncio.Queue()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.got.put_nowait((data, address))

    def error_received(self, error):
        self.got.put_nowait((type(error).__name__, None))


async def datagrams():
    loop = asyncio.get_running_loop()
    here, server = await loop.create_datagram_endpoint(Datagrams, ("127.0.0.1", 0))
    address = here.get_extra_info("sockname")
    there, client = await loop.create_datagram_endpoint(Datagrams, remote_addr=address)
    for number in range(5):
        there.sendto(b"datagram %d" % number)
        data, sender = await server.got.get()
        here.sendto(data[::-1], sender)
        print((await client.got.get())[0], end=" ")
    here.close()
    await asyncio.sleep(0.05)
    there.sendto(b"to nobody")
    print((await asyncio.wait_for(client.got.get(), 10))[0])
    there.close()


async def both_families():
    sock = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    server = await asyncio.start_server(echo, sock=sock)
    port = sock.getsockname()[1]
    for host in ("127.0.0.1", "::1"):
        reader, writer = await asyncio.open_connection(host, port)
        print(writer.get_extra_info("peername")[0], await talk(reader, writer, [host.encode()]))
    server.close()
    await server.wait_closed()


async def application(scope, receive, send):
    """What uvicorn would serve."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    reply = json.dumps({"method": scope["method"], "path": scope["path"], "body": body.decode()}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(reply))]})
    await send({"type": "http.response.body", "body": reply[:5], "more_body": True})
    await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": reply[5:]})


class Server(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, each request a task of the application."""

    def connection_made(self, transport):
        self.transport, self.data = transport, b""

    def data_received(self, data):
        self.data += data
        while b"\r\n\r\n" in self.data:
            head, _, rest = self.data.partition(b"\r\n\r\n")
            first, *headers = head.decode().split("\r\n")
            fields = dict(line.lower().split(": ", 1) for line in headers)
            length = int(fields.get("content-length", 0))
            if len(rest) < length:
                return
            self.data = rest[length:]
            method, path, _ = first.split()
            asyncio.get_running_loop().create_task(self.answer(method, path, rest[:length]))

    async def answer(self, method, path, body):
        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            if message["type"] == "http.response.start":
                lines = [b"HTTP/1.1 %d OK" % message["status"], *(k + b": " + v for k, v in message["headers"])]
                self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n")
            else:
                self.transport.write(message["body"])

        await application({"type": "http", "method": method, "path": path}, receive, send)


CLIENT = """
import http.client, sys
client = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
for number in range(3):
    client.request("POST", f"/item/{number}", f"body {number}")
    reply = client.getresponse()
    print(reply.status, reply.read())
"""


async def asgi():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", CLIENT, str(port), stdout=subprocess.PIPE)
    print((await child.communicate())[0].decode(), child.returncode)
    server.close()
    await server.wait_closed()


async def raw():
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    client = socket.socket()
    client.setblocking(False)
    _, (accepted, _) = await asyncio.gather(loop.sock_connect(client, listener.getsockname()),
                                            loop.sock_accept(listener))
    data = os.urandom(3 << 20)

    async def take():
        got = b""
        while part := await loop.sock_recv(accepted, 1 << 16):
            got += part
        return got

    async def give():
        await loop.sock_sendall(client, data)
        client.shutdown(socket.SHUT_WR)

    got, _ = await asyncio.gather(take(), give())
    print(got == data)
    for sock in (listener, client, accepted):
        sock.close()


async def main():
    for part in (streams, datagrams, both_families, asgi, raw):
        await part()


asyncio.run(main())
