# HTTP over loopback: http.server with urllib, http.client and requests, in threads and in a process of its own.
import http.client
import http.server
import json
import multiprocessing as mp
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import requests


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        if self.path == "/moved":
            self.answer(302, b"", Location="/echo?moved")
        elif self.path == "/large":
            self.answer(200, b"0123456789abcdef" * (1 << 18), "application/octet-stream")
        elif self.path.startswith("/echo"):
            body = json.dumps({"path": self.path, "agent": self.headers.get("X-Agent")}).encode()
            self.answer(200, body, Set_Cookie="a=b")
        else:
            self.answer(404, b'{"error": "nothing here"}')

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201, json.dumps({"length": len(body), "first": body[:20].decode("latin1")}).encode())


def serve(ready):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        ready.put(server.server_address[1])
        server.serve_forever()


def use(url):
    with urllib.request.urlopen(url + "/echo") as reply:
        print(reply.status, reply.read(), reply.headers["Content-Type"])
    with urllib.request.urlopen(urllib.request.Request(url + "/x", b"a=1&b=2", {"X-Agent": "me"})) as reply:
        print(reply.status, json.load(reply))
    try:
        urllib.request.urlopen(url + "/none")
    except urllib.error.HTTPError as error:
        print(error, error.read())
    with urllib.request.urlopen(url + "/moved") as reply:
        print(reply.geturl().partition("/echo")[1:], reply.status)

    client = http.client.HTTPConnection(url.removeprefix("http://"))
    for method in ("GET", "HEAD", "GET"):
        client.request(method, "/echo")
        reply = client.getresponse()
        print(method, reply.status, len(reply.read()), end=" ")
    client.close()
    print()

    with requests.Session() as session:
        session.headers["X-Agent"] = "requests"
        print(session.get(url + "/echo", params={"q": "a b"}).json(), session.cookies.get_dict())
        print(session.post(url + "/x", json={"k": [1, 2]}).json(), session.post(url + "/x", data=b"z" * 3000000).json())
        print(session.head(url + "/none").status_code, session.get(url + "/moved").history[0].status_code)
        large = session.get(url + "/large", stream=True)
        print(sum(len(part) for part in large.iter_content(10000)), large.headers["Content-Length"])
        with ThreadPoolExecutor(8) as pool:
            replies = pool.map(session.get, [f"{url}/echo?{n:02}" for n in range(24)])
            print(sorted(reply.json()["path"][-2:] for reply in replies))
        try:
            session.get(url + "/echo", timeout=0)
        except ValueError as error:
            print("ValueError", str(error)[:40])


if __name__ == "__main__":
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        use(f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()
        thread.join()

    ready = mp.Queue()
    process = mp.Process(target=serve, args=(ready,))
    process.start()
    port = ready.get()
    use(f"http://localhost:{port}")
    process.terminate()
    print(process.join(), process.exitcode)
    try:
        requests.get(f"http://127.0.0.1:{port}/")
    except requests.ConnectionError as error:
        print("Connection refused" in str(error))

    # The server that everybody starts from a shell, on IPv6.
    os.makedirs("/tmp/site", exist_ok=True)
    with open("/tmp/site/page.txt", "w") as page:
        page.write("a page\n")
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-u", "-m", "http.server", str(port), "--bind", "::1", "--directory", "/tmp/site"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    print(server.stdout.readline().split()[:2])
    with urllib.request.urlopen(f"http://[::1]:{port}/page.txt") as reply:
        print(reply.read(), reply.headers["Content-type"])
    with urllib.request.urlopen(f"http://[::1]:{port}/") as reply:
        print(b"page.txt" in reply.read())
    server.terminate()
    print(server.wait())
