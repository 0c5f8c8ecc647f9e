# TLS over loopback, with certificates made here: ssl with threads, asyncio and https, aiohttp, client certificates, and
# what is refused.
import asyncio
import datetime
import http.server
import os
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request

import aiohttp
import requests
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(name, issuer=None):
    """Writes NAME.pem and NAME.key; signed by itself or by an issuer (name, key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by, by_key = issuer or (subject, key)
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(by).public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=9))
               .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
               .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()), critical=False)
               .add_extension(x509.KeyUsage(True, False, False, False, False, issuer is None, issuer is None, False,
                                             False), critical=True))
    with open(name + ".pem", "wb") as file:
        file.write(builder.sign(by_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    with open(name + ".key", "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                     serialization.NoEncryption()))
    return subject, key


os.makedirs("/tmp/tls", exist_ok=True)
os.chdir("/tmp/tls")
authority = certificate("authority")
certificate("localhost", authority)
certificate("visitor", authority)

server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server_side.load_cert_chain("localhost.pem", "localhost.key")
client_side = ssl.create_default_context(cafile="authority.pem")


def echo(listener, context, times):
    for _ in range(times):
        sock, _ = listener.accept()
        try:
            with context.wrap_socket(sock, server_side=True) as tls:
                while data := tls.recv(65536):
                    tls.sendall(data.swapcase())
        except (ssl.SSLError, ConnectionError, OSError):
            sock.close()


def attempt(port, context, name):
    try:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            with context.wrap_socket(sock, server_hostname=name) as tls:
                tls.sendall(b"Hello")
                got = tls.recv(100)
                return got, tls.version(), tls.getpeercert()["subject"][0][0][1]
    except ssl.SSLError as error:
        return type(error).__name__, error.reason, getattr(error, "verify_message", None)


def threads():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=echo, args=(listener, server_side, 5))
        thread.start()
        port = listener.getsockname()[1]
        print(attempt(port, client_side, "localhost"))
        print(attempt(port, client_side, "elsewhere.test"))
        print(attempt(port, ssl.create_default_context(), "localhost"))
        older = ssl.create_default_context(cafile="authority.pem")
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        print(attempt(port, older, "localhost"))
        data = os.urandom(2 << 20)
        with socket.create_connection(("127.0.0.1", port)) as sock:
            with client_side.wrap_socket(sock, server_hostname="localhost") as tls:
                sender = threading.Thread(target=tls.sendall, args=(data,))
                sender.start()
                got = b""
                while len(got) < len(data):
                    got += tls.recv(65536)
                sender.join()
        print(got == data.swapcase(), thread.join())


def both_certified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("localhost.pem", "localhost.key")
    context.load_verify_locations("authority.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=echo, args=(listener, context, 2))
        thread.start()
        print(attempt(listener.getsockname()[1], client_side, "localhost")[0])
        known = ssl.create_default_context(cafile="authority.pem")
        known.load_cert_chain("visitor.pem", "visitor.key")
        print(attempt(listener.getsockname()[1], known, "localhost"), thread.join())


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"over TLS " + self.path.encode())


def https():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = server_side.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"https://localhost:{server.server_address[1]}"
        with urllib.request.urlopen(url + "/a", context=client_side) as reply:
            print(reply.read())
        print(requests.get(url + "/b", verify="authority.pem").text)
        try:
            requests.get(url)
        except requests.exceptions.SSLError as error:
            print("SSLError", "self-signed certificate in certificate chain" in str(error))
        code = f"import requests; print(requests.get('{url}/child', verify='authority.pem').text)"
        print(subprocess.check_output([sys.executable, "-c", code]))
        server.shutdown()


async def streams():
    async def serve(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_side)
    port = server.sockets[0].getsockname()[1]

    async def one(number):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_side, server_hostname="localhost")
        writer.write(b"line %d\n" % number)
        got = await reader.read()
        writer.close()
        return got

    print(await asyncio.gather(*(one(n) for n in range(5))))
    server.close()
    await server.wait_closed()


async def aio():
    async def hello(request):
        return web.json_response({"secure": request.secure, "name": request.match_info["name"]})

    async def shout(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(message.data.upper())
        return ws

    app = web.Application()
    app.add_routes([web.get("/hello/{name}", hello), web.get("/ws", shout)])
    runner = web.AppRunner(app)
    await runner.setup()
    plain, secure = web.TCPSite(runner, "127.0.0.1", 0), web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_side)
    await plain.start()
    await secure.start()
    ports = [address[1] for address in runner.addresses]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{ports[0]}/hello/Ann") as reply:
            print(await reply.json())
        async with session.get(f"https://localhost:{ports[1]}/hello/Bob", ssl=client_side) as reply:
            print(await reply.json())
        async with session.ws_connect(f"wss://localhost:{ports[1]}/ws", ssl=client_side) as ws:
            await ws.send_str("over a web socket")
            print((await ws.receive()).data)
        try:
            await session.get(f"https://localhost:{ports[1]}/hello/Eve")
        except aiohttp.ClientConnectorCertificateError as error:
            print(type(error).__name__)
    await runner.cleanup()


threads()
both_certified()
https()
asyncio.run(streams())
asyncio.run(aio())
